// Paths as the target itself resolves them, asked in the client's own sftp channel before the request that names them is judged.
import path from 'node:path'
import type { FilePath } from '../../command/ssh/file-command.ts'
import { Refusal } from '../../core/errors.ts'
import { SftpFields, sftpType, writeRealPath } from '../../wire/ssh/sftp.ts'
import type { SftpRequests } from './sftp-requests.ts'

export class TargetPaths {
  readonly #requests: SftpRequests
  readonly #send: (packet: Buffer) => Promise<void>

  constructor(requests: SftpRequests, send: (packet: Buffer) => Promise<void>) {
    this.#requests = requests
    this.#send = send
  }

  /**
   * The path without links and dots, by the target's own word; its end stays as it is where the operation acts on the end itself.
   * @throws {Refusal} COMMAND_CANCELLED when the channel ends first.
   */
  async resolve({ path: wanted, follows }: FilePath): Promise<string> {
    const trimmed = wanted.length > 1 ? wanted.replace(/\/+$/, '') || '/' : wanted
    const end = path.posix.basename(trimmed)
    const isPlainEnd = end !== '.' && end !== '..' && end !== ''
    // With a slash at its end a link is followed whatever the operation.
    const whole = follows || trimmed !== wanted || !isPlainEnd ? await this.#realPath(trimmed === '' ? '.' : trimmed) : null
    if (whole !== null) return whole
    const folder = await this.#realPath(path.posix.dirname(trimmed))
    if (folder !== null && isPlainEnd) return path.posix.join(folder, end)
    // The folder is not there: the target will say so. Until then the path is judged as it is written; one with dots could lead anywhere.
    return trimmed
  }

  async #realPath(wanted: string): Promise<string | null> {
    const { id, answer } = this.#requests.ask()
    await this.#send(writeRealPath(id, wanted))
    const packet = await answer
    if (packet === null) throw new Refusal('COMMAND_CANCELLED', null, 'sallyport: cancelled: the connection ended')
    const fields = new SftpFields(packet)
    fields.uint32()
    if (fields.type !== sftpType.name || fields.uint32() !== 1) return null
    const found = fields.text()
    return found?.startsWith('/') === true ? found : null
  }
}
