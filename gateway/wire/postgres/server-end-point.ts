// tls-server-end-point (RFC 5929, 4): the hash of a server certificate, by the hash its own signature uses. Pure.
import { createHash } from 'node:crypto'

/** DER bytes of the signature algorithms' object identifiers -> hash. MD5 and SHA-1 become SHA-256, as the RFC says. */
const hashes: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
}

/** The binding data, or null where the certificate's algorithm names no single hash (Ed25519, RSA-PSS): no binding is defined then. */
export function serverEndPoint(certificate: Buffer): Buffer | null {
  const oid = signatureOid(certificate)
  const hash = oid === null ? undefined : hashes[oid]
  return hash === undefined ? null : createHash(hash).update(certificate).digest()
}

/** Certificate ::= SEQUENCE { tbs SEQUENCE, algorithm SEQUENCE { OBJECT IDENTIFIER, … }, … } */
function signatureOid(certificate: Buffer): string | null {
  const outer = element(certificate, 0)
  if (outer === null || outer.tag !== 0x30) return null
  const tbs = element(certificate, outer.start)
  if (tbs === null || tbs.tag !== 0x30) return null
  const algorithm = element(certificate, tbs.end)
  if (algorithm === null || algorithm.tag !== 0x30) return null
  const oid = element(certificate, algorithm.start)
  if (oid === null || oid.tag !== 0x06) return null
  return certificate.toString('hex', oid.start, oid.end)
}

function element(der: Buffer, at: number): { readonly tag: number; readonly start: number; readonly end: number } | null {
  const tag = der[at]
  const first = der[at + 1]
  if (tag === undefined || first === undefined) return null
  let length = first
  let start = at + 2
  if (first >= 0x80) {
    const size = first & 0x7f
    if (size === 0 || size > 4 || start + size > der.length) return null
    length = der.readUIntBE(start, size)
    start += size
  }
  return start + length <= der.length ? { tag, start, end: start + length } : null
}
