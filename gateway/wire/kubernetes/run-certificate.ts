// The certificate by which kubectl knows this run's gateway: an authority made for the run, and one server certificate for 127.0.0.1.
// The authority's key signs once and is forgotten. @see RFC 5280
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { bitString, boolean, context, der, integer, objectIdentifier, octetString, sequence, set, time, utf8String } from './der.ts'

export interface RunCertificate {
  /** PEM of the authority; the only thing of this that clients get. */
  readonly authority: string
  /** PEM of the server's certificate. */
  readonly certificate: string
  /** PEM (PKCS #8) of its key. Never leaves the gateway. */
  readonly key: string
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const COMMON_NAME = objectIdentifier('2.5.4.3')
const LOOPBACK = Buffer.from([127, 0, 0, 1])
/** A clock that was set back between the gateway and a client must not lock the client out. */
const SLACK_MS = 60 * 60_000
/** GitHub ends a job after five days at the latest. */
const LIFE_MS = 7 * 24 * 60 * 60_000

/** @param now wall time. */
export function makeRunCertificate(now: Date): RunCertificate {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const run = randomBytes(6).toString('hex')
  const issuer = name(`Sallyport run ${run}`)
  const signed = (subject: Buffer, publicKey: KeyObject, extensions: readonly Buffer[]): string =>
    certificate({ issuer, subject, publicKey, extensions, now, key: authority.privateKey })
  const authorityId = keyId(authority.publicKey)
  return {
    authority: signed(issuer, authority.publicKey, [
      extension('2.5.29.19', true, sequence(boolean(true), integer(0n))),
      // keyCertSign: bit 5.
      extension('2.5.29.15', true, bitString(Buffer.from([0x04]), 2)),
      extension('2.5.29.14', false, octetString(authorityId)),
    ]),
    certificate: signed(name('127.0.0.1'), server.publicKey, [
      extension('2.5.29.19', true, sequence()),
      // digitalSignature: bit 0.
      extension('2.5.29.15', true, bitString(Buffer.from([0x80]), 7)),
      extension('2.5.29.37', false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
      // subjectAltName: iPAddress is [7].
      extension('2.5.29.17', false, sequence(der(0x87, LOOPBACK))),
      extension('2.5.29.35', false, sequence(der(0x80, authorityId))),
      extension('2.5.29.14', false, octetString(keyId(server.publicKey))),
    ]),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

interface CertificateParts {
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
  readonly now: Date
  readonly key: KeyObject
}

function certificate({ issuer, subject, publicKey, extensions, now, key }: CertificateParts): string {
  const body = sequence(
    context(0, integer(2n)),
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    issuer,
    sequence(time(new Date(now.getTime() - SLACK_MS)), time(new Date(now.getTime() + LIFE_MS))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions)),
  )
  return pem(sequence(body, ECDSA_WITH_SHA256, bitString(sign('sha256', body, key))))
}

/** 126 random bits, positive. */
function serialNumber(): bigint {
  return (1n << 126n) | (BigInt(`0x${randomBytes(16).toString('hex')}`) >> 2n)
}

function name(commonName: string): Buffer {
  return sequence(set(sequence(COMMON_NAME, utf8String(commonName))))
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), ...(isCritical ? [boolean(true)] : []), octetString(value))
}

/** RFC 5280, 4.2.1.2: SHA-1 of the bits of the public key; here of its whole description, which is as good a name. */
function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
