// DSSE envelopes with one Ed25519 signature. https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
import { sign, verify } from 'node:crypto'
import { canonicalBase64 } from './signed-note.ts'
import type { NoteSigner, NoteVerifier } from './signed-note.ts'

/** What is signed: type and payload with their lengths, so that neither can be taken for the other. */
export function preAuthEncoding(payloadType: string, payload: Buffer): Buffer {
  const type = Buffer.from(payloadType, 'utf8')
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload])
}

/** The envelope as one line of JSON. Its key id is the verifier key as text. */
export function sealEnvelope(payloadType: string, payload: Buffer, signer: NoteSigner): string {
  return envelopeText(payloadType, payload, signer, sign(null, preAuthEncoding(payloadType, payload), signer.privateKey))
}

/**
 * The payload, when the envelope is of this type and signed by this key; null otherwise. One spelling only: no member,
 * white space or encoding besides those that `sealEnvelope` writes, so that no byte of the file is outside the signature.
 */
export function openEnvelope(text: string, payloadType: string, verifier: NoteVerifier): Buffer | null {
  const payload = canonicalBase64(textAfter(text, '"payload":"', text.indexOf('"payload":"')))
  const signature = canonicalBase64(textAfter(text, '"sig":"', text.lastIndexOf('"sig":"')))
  if (payload === null || signature === null || text !== envelopeText(payloadType, payload, verifier, signature)) return null
  return verify(null, preAuthEncoding(payloadType, payload), verifier.publicKey, signature) ? payload : null
}

/** The key that the envelope says it is signed with, without reading the rest of it; empty when it names none. */
export function keyIdOf(text: string): string {
  return textAfter(text, '"keyid":"', text.lastIndexOf('"keyid":"'))
}

/** Up to the next quote. What is spelled with an escape is no name of ours, and no base64. */
function textAfter(text: string, head: string, at: number): string {
  return at < 0 ? '' : text.slice(at + head.length, text.indexOf('"', at + head.length))
}

function envelopeText(payloadType: string, payload: Buffer, key: NoteVerifier, signature: Buffer): string {
  const envelope = {
    payload: payload.toString('base64'),
    payloadType,
    signatures: [{ keyid: key.text, sig: signature.toString('base64') }],
  }
  return `${JSON.stringify(envelope)}\n`
}
