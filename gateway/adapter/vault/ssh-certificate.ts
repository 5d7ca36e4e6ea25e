// When an OpenSSH certificate ends. Layout (OpenSSH PROTOCOL.certkeys): string type | string nonce | key fields |
// uint64 serial | uint32 kind | string key id | string principals | uint64 valid after | uint64 valid before | …

/** Fields of the key between nonce and serial. */
const keyFields: Readonly<Record<string, number>> = {
  'ssh-ed25519-cert-v01@openssh.com': 1,
  'ssh-rsa-cert-v01@openssh.com': 2,
  'ecdsa-sha2-nistp256-cert-v01@openssh.com': 2,
  'ecdsa-sha2-nistp384-cert-v01@openssh.com': 2,
  'ecdsa-sha2-nistp521-cert-v01@openssh.com': 2,
}

/** @returns the end, or null when it has none or the text is no certificate that can be read. */
export function readValidBefore(certificate: string): Date | null {
  const [type = '', encoded = ''] = certificate.split(' ')
  const fields = Object.hasOwn(keyFields, type) ? keyFields[type] : undefined
  if (fields === undefined) return null
  const blob = Buffer.from(encoded, 'base64')
  try {
    let at = 0
    const skip = (): void => {
      at += 4 + blob.readUInt32BE(at)
    }
    for (let string = 0; string < 2 + fields; string += 1) skip()
    at += 12
    skip()
    skip()
    const seconds = blob.readBigUInt64BE(at + 8)
    // All bits set means "for ever"; beyond what a Date can hold means the same.
    return seconds > 8_640_000_000_000n ? null : new Date(Number(seconds) * 1_000)
  } catch {
    return null
  }
}
