// Where helm is: Debian has no package of it, so it is used where somebody installed it.
import { existsSync } from 'node:fs'
import path from 'node:path'

/** Named by `HELM`, else found in PATH; null when it is not there. */
export function findHelm(): string | null {
  const named = process.env['HELM'] ?? ''
  if (named !== '') return named
  const folders = (process.env['PATH'] ?? '').split(':')
  return folders.map(folder => path.join(folder, 'helm')).find(file => existsSync(file)) ?? null
}
