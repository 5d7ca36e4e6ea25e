// Gives the library ciphers of our own. Its compiled part is not shipped, and without it each packet costs several times what AES does:
// a key in bytes is looked at anew for every packet, and every step copies.
import { createSecretKey } from 'node:crypto'
import type { Client, Connection } from 'ssh2'
import { GcmOpener, GcmSealer } from '../../wire/ssh/gcm-packets.ts'
import type { GcmKey, GcmName } from '../../wire/ssh/gcm-packets.ts'
import { read } from './library.ts'

/** From here on, each new pair of ciphers of this connection is ours. To be called before keys are exchanged. */
export function useOwnCiphers(peer: Client | Connection): void {
  const protocol = read(peer, '_protocol')
  if (typeof protocol !== 'object' || protocol === null) throw new Error('ssh2: no protocol')
  replaceOnSet(protocol, '_cipher', made => {
    const key = keyOf(made, 'enc')
    const [sequence, write] = [read(made, 'outSeqno'), read(made, '_onWrite')]
    if (key === null || typeof sequence !== 'number' || typeof write !== 'function') return keepKeys(made)
    return new GcmSealer(key, sequence, bytes => {
      Reflect.apply(write, undefined, [bytes])
    })
  })
  replaceOnSet(protocol, '_decipher', made => {
    const key = keyOf(made, 'decipher')
    const [sequence, take] = [read(made, 'inSeqno'), read(made, '_onPayload')]
    if (key === null || typeof sequence !== 'number' || typeof take !== 'function') return keepKeys(made)
    return new GcmOpener(key, sequence, (payload): unknown => Reflect.apply(take, undefined, [payload]))
  })
}

function replaceOnSet(protocol: object, name: string, replace: (made: unknown) => unknown): void {
  let current = read(protocol, name)
  Object.defineProperty(protocol, name, {
    get: () => current,
    set: (made: unknown) => {
      current = replace(made)
    },
  })
}

/** Key and nonce of the library's AES-GCM; null for any other cipher. */
function keyOf(made: unknown, prefix: 'enc' | 'decipher'): GcmKey | null {
  const [name, key, nonce] = [read(made, `_${prefix}SSLName`), read(made, `_${prefix}Key`), read(made, `_${prefix}IV`)]
  if (!isGcm(name) || !Buffer.isBuffer(key) || !Buffer.isBuffer(nonce)) return null
  return { name, key, nonce }
}

function isGcm(name: unknown): name is GcmName {
  return name === 'aes-128-gcm' || name === 'aes-256-gcm'
}

/** Keys that the library hands to node:crypto for each packet (ChaCha20, HMAC): as key objects they are read once. */
function keepKeys(made: unknown): unknown {
  if (typeof made !== 'object' || made === null) return made
  for (const name of ['_encKeyMain', '_encKeyPktLen', '_decKeyMain', '_decKeyPktLen', '_macKey']) {
    const key = read(made, name)
    if (Buffer.isBuffer(key)) Reflect.set(made, name, createSecretKey(key))
  }
  return made
}
