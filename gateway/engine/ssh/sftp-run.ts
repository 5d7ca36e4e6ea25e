// placeholder until the judge of file operations stands: the subsystem is refused.
import type { Client, ServerChannel } from 'ssh2'
import type { Session } from '../../core/session.ts'
import { ClientOutput } from './client-output.ts'

export class SftpRun {
  readonly #output: ClientOutput
  constructor({ channel }: { channel: ServerChannel; session: Session; target: Promise<Client>; signal: AbortSignal }) {
    this.#output = new ClientOutput(channel)
  }
  async start(): Promise<void> {
    this.#output.say('sallyport: sftp is not offered')
    await this.#output.finish({ kind: 'status', status: 126 })
  }
}
