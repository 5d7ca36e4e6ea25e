// The Action's bundles around a small gateway, and a GitHub that is not there: what tests of the Action alone run on.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { RunOptions } from '../../world/runner/runner.ts'
import { bundle } from '../src/bundle.ts'

const root = path.resolve(import.meta.dirname, '../..')

/** Nothing listens there: whoever asks GitHub is told at once that it cannot be reached. */
export const services: RunOptions['services'] = {
  apiUrl: 'http://127.0.0.1:9/api',
  serverUrl: 'https://github.com',
  token: 'ghs_token-of-the-job',
  idToken: { ACTIONS_ID_TOKEN_REQUEST_URL: 'http://127.0.0.1:9/token?x=1', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token' },
  resultsUrl: 'http://127.0.0.1:9/',
  runtimeToken: 'runtime-token',
}

/** A folder that `uses:` can name, readable by every user; the caller removes it. */
export async function makeSmallAction(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sallyport-action-'))
  chmodSync(folder, 0o755)
  mkdirSync(path.join(folder, 'dist'))
  copyFileSync(path.join(root, 'action.yml'), path.join(folder, 'action.yml'))
  await bundle(path.join(root, 'src/main.ts'), path.join(folder, 'dist/main.mjs'))
  await bundle(path.join(root, 'src/post.ts'), path.join(folder, 'dist/post.mjs'))
  await bundle(path.join(root, 'test/control/small-gateway.ts'), path.join(folder, 'dist/gateway.mjs'))
  return folder
}
