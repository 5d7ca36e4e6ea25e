// GitHub's event file, as the gateway gets it. It chooses where people are asked; it proves nothing.
import { readFileSync } from 'node:fs'

/** The text of the file that GITHUB_EVENT_PATH names; null where there is none. */
export function readEventFile(environment: Readonly<Record<string, string | undefined>>): string | null {
  try {
    return readFileSync(environment['GITHUB_EVENT_PATH'] ?? '', 'utf8')
  } catch {
    return null
  }
}
