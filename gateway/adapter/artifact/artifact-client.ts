// The process that uploads: GitHub's own client, in a bundle and a process of its own. The client writes workflow commands to
// its standard output and reads its token from its environment; neither may happen inside the gateway. Killing it ends an upload.
import { DefaultArtifactClient } from '@actions/artifact'
import type { Upload, UploadAnswer, UploadRequest } from './artifact-messages.ts'

const MAX_WHY_CHARS = 300

process.once('message', (request: UploadRequest) => {
  void answer(request).then(said => process.send?.(said, () => process.disconnect()))
})
// The gateway is gone: nobody waits for an answer.
process.once('disconnect', () => process.exit())

async function answer({ token, resultsUrl, uploads }: UploadRequest): Promise<UploadAnswer> {
  process.env['ACTIONS_RUNTIME_TOKEN'] = token
  process.env['ACTIONS_RESULTS_URL'] = resultsUrl
  try {
    const ids: number[] = []
    for (const upload of uploads) ids.push(await send(upload))
    return { outcome: 'uploaded', ids }
  } catch (error) {
    return { outcome: 'failed', why: withoutSecrets(error instanceof Error ? error.message : 'unknown reason', token) }
  }
}

async function send({ name, files, root, retentionDays, isPage }: Upload): Promise<number> {
  const { id } = await new DefaultArtifactClient().uploadArtifact(name, [...files], root, {
    skipArchive: isPage,
    ...(retentionDays === null ? {} : { retentionDays }),
  })
  if (id === undefined) throw new Error(`${name} got no id`)
  return id
}

/** Messages of the client may quote addresses, and their queries hold signatures. */
function withoutSecrets(message: string, token: string): string {
  return message
    .replaceAll(token, '[secret]')
    .replaceAll(/\?[^\s'"]*/g, '?…')
    .slice(0, MAX_WHY_CHARS)
}
