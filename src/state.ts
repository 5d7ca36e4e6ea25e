// What main leaves for post. The job can read and change it, so it holds no authority: where to knock, and what to expect.
import { getState, saveState } from '@actions/core'

const NAME = 'gateway'

/** The folder whose hosts stand in the user's ssh configuration. */
const SSH_NAME = 'ssh'

export interface GatewayState {
  readonly port: number
  /** Ends the run early at most. */
  readonly secret: string
  readonly pid: number
  readonly run: string
  readonly key: string
  /** Where the recording is left when the gateway dies; null = unknown. */
  readonly leftIn: string | null
}

/** Keeps it for post. */
export function keepState(state: GatewayState): void {
  saveState(NAME, JSON.stringify(state))
}

/** Keeps which folder the user's ssh configuration includes. */
export function keepSshFolder(clientDir: string): void {
  saveState(SSH_NAME, clientDir)
}

/** The folder; empty when there is none. */
export function readSshFolder(): string {
  return getState(SSH_NAME)
}

/** What main kept; null when main never got that far, or when it is not what main writes. */
export function readState(): GatewayState | null {
  let found: unknown
  try {
    found = JSON.parse(getState(NAME))
  } catch {
    return null
  }
  return isState(found) ? found : null
}

function isState(value: unknown): value is GatewayState {
  if (typeof value !== 'object' || value === null) return false
  const member = (name: string): unknown => Reflect.get(value, name)
  const isNumber = ['port', 'pid'].every(name => Number.isSafeInteger(member(name)))
  const isText = ['secret', 'run', 'key'].every(name => typeof member(name) === 'string')
  const leftIn = member('leftIn')
  return isNumber && isText && (leftIn === null || typeof leftIn === 'string')
}
