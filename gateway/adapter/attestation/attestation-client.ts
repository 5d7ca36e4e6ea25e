// The process that attests: GitHub's own library, in a bundle and a process of its own. It reads a token from its
// environment, which may not stand in the gateway's. Killing it ends an attestation.
import { attest } from '@actions/attest'
import type { AttestationAnswer, AttestationRequest } from './attestation-messages.ts'

const MAX_WHY_CHARS = 300

process.once('message', (request: AttestationRequest) => {
  void answer(request).then(said => process.send?.(said, () => process.disconnect()))
})
// The gateway is gone: nobody waits for an answer.
process.once('disconnect', () => process.exit())

async function answer(request: AttestationRequest): Promise<AttestationAnswer> {
  const { token, idToken, instance, subject, predicateType, predicate } = request
  process.env['SIGSTORE_ID_TOKEN'] = idToken
  try {
    const { attestationID } = await attest({
      subjects: [{ name: subject.name, digest: { sha256: subject.sha256 } }],
      predicateType,
      predicate,
      sigstore: instance,
      token,
    })
    if (attestationID === undefined) throw new Error('GitHub gave it no id')
    return { outcome: 'attested', id: attestationID }
  } catch (error) {
    return { outcome: 'failed', why: wordsOf(error, [token, idToken]) }
  }
}

/** Messages of the library may quote addresses, and their queries may hold what nobody should read. */
function wordsOf(error: unknown, secrets: readonly string[]): string {
  let words = error instanceof Error ? error.message : String(error)
  for (const secret of secrets) words = words.replaceAll(secret, '[secret]')
  return words.replaceAll(/\?[^\s'"]*/g, '?…').slice(0, MAX_WHY_CHARS)
}
