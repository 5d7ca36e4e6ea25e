// A private key with an OpenSSH user certificate in place of its public half (OpenSSH's PROTOCOL.certkeys), for the library, which knows none.
import type { ParsedKey } from 'ssh2'
import { SallyportError } from '../../core/errors.ts'

const CERTIFICATE = '-cert-v01@openssh.com'

/**
 * @param certificate one line, as ssh-keygen -s writes it.
 * @throws {SallyportError} CREDENTIAL_UNAVAILABLE when it is none, or not of this key.
 */
export function certifiedKey(key: ParsedKey, certificate: string): ParsedKey {
  const [type, encoded] = certificate.trim().split(/\s+/)
  const blob = Buffer.from(encoded ?? '', 'base64')
  if (type !== `${key.type}${CERTIFICATE}` || !holdsKey(blob, type, key)) {
    throw new SallyportError('CREDENTIAL_UNAVAILABLE', 'the ssh certificate does not belong to the key', {
      why: `the key is of type ${key.type}, the certificate of type ${type ?? 'none'}`,
      fix: 'let the source sign the key that it gives',
    })
  }
  // The name of the algorithm and of the certificate's own type are the same but for RSA, where SHA-1 is what the old name means.
  const isRsa = key.type === 'ssh-rsa'
  const sign = (data: Buffer): Buffer => {
    const signature: unknown = isRsa ? key.sign(data, 'sha512') : key.sign(data)
    if (!Buffer.isBuffer(signature)) throw new Error('ssh2: no signature')
    return key.type.startsWith('ecdsa-') ? plainEcdsa(signature) : signature
  }
  const made: ParsedKey = Object.create(key, {
    type: { value: isRsa ? `rsa-sha2-512${CERTIFICATE}` : type },
    getPublicSSH: { value: () => blob },
    sign: { value: sign },
  })
  return made
}

/** string type | string nonce | the fields of the key, as they stand in the plain key after its own type. */
function holdsKey(blob: Buffer, type: string, key: ParsedKey): boolean {
  const start = 4 + type.length
  if (blob.toString('latin1', 4, start) !== type || blob.length < start + 4) return false
  const plain = key.getPublicSSH()
  const fields = plain.subarray(4 + plain.readUInt32BE(0))
  const nonce = 4 + blob.readUInt32BE(start)
  return blob.subarray(start + nonce, start + nonce + fields.length).equals(fields)
}

/** SEQUENCE { INTEGER r, INTEGER s } as mpint r | mpint s; the library does this for names that it knows. */
function plainEcdsa(signature: Buffer): Buffer {
  let at = (signature[1] ?? 0) > 0x80 ? 3 : 2
  const parts: Buffer[] = []
  while (parts.length < 2) {
    const length = signature[at + 1] ?? 0
    const size = Buffer.alloc(4)
    size.writeUInt32BE(length)
    parts.push(Buffer.concat([size, signature.subarray(at + 2, at + 2 + length)]))
    at += 2 + length
  }
  return Buffer.concat(parts)
}
