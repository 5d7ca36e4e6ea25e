// ssh2's own ciphers, which its types do not have.
declare module 'ssh2/lib/protocol/crypto.js' {
  const crypto: {
    readonly CIPHER_INFO: Readonly<Record<string, unknown>>
    readonly createCipher: (config: unknown) => { allocPacket(bytes: number): Buffer; encrypt(packet: Buffer): void }
    readonly createDecipher: (config: unknown) => { decrypt(bytes: Buffer, from: number, end: number): unknown }
  }
  export = crypto
}
