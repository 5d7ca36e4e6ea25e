// Which Node `isolation: user` starts. The runner's own binary belongs to the job's user, so on a machine that outlives a job an
// earlier one could have replaced it: it counts only when its digest is known, when only root may write it, or when the machine is new.
import { createHash } from 'node:crypto'
import { createReadStream, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cacheDir, downloadTool, extractTar, find } from '@actions/tool-cache'
import { failureOf } from '../gateway/control/gateway-error.ts'
import type { Environment } from './inputs.ts'

const TOOL = 'sallyport-node'
const VERSION = '24.21.0'

/** SHA-256 of `bin/node` in the official builds of VERSION. */
const knownDigests: Readonly<Record<string, string>> = {
  x64: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
  arm64: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
}

/** A Node binary, and the digest that its copy must have. */
export interface TrustedNode {
  readonly file: string
  readonly digest: string
  /** Why it counts, in words. */
  readonly because: string
}

/**
 * Finds a Node that counts; on a self-hosted runner it is fetched once into the tool cache, and its digest is checked on every use.
 * @throws {SallyportError} ISOLATION_IMPOSSIBLE when there is none.
 */
export async function trustedNode(environment: Environment): Promise<TrustedNode> {
  const own = realpathSync(process.execPath)
  const digest = await digestOf(own)
  const known = knownDigests[process.arch]
  if (digest === known) return { file: own, digest, because: `it is Node ${VERSION} as released` }
  if (isRootsAlone(own)) return { file: own, digest, because: 'only root may write it' }
  if (environment['RUNNER_ENVIRONMENT'] === 'github-hosted') return { file: own, digest, because: 'this machine is new' }
  if (known === undefined) throw impossible(`there is no known Node for ${process.arch}`)
  const file = path.join(await cachedNode(), 'bin', 'node')
  if ((await digestOf(file)) !== known) throw impossible(`${file} is not Node ${VERSION} as released: remove it from the tool cache`)
  return { file, digest: known, because: `it is Node ${VERSION} as released, from the tool cache` }
}

/** Folder of the cached copy, fetched when there is none. What was fetched is checked by the caller, like what was cached. */
async function cachedNode(): Promise<string> {
  try {
    const found = find(TOOL, VERSION)
    if (found !== '') return found
    const name = `node-v${VERSION}-linux-${process.arch}`
    const folder = await extractTar(await downloadTool(`https://nodejs.org/dist/v${VERSION}/${name}.tar.gz`))
    if ((await digestOf(path.join(folder, name, 'bin', 'node'))) !== knownDigests[process.arch])
      throw new Error('the download has another digest')
    return await cacheDir(path.join(folder, name), TOOL, VERSION)
  } catch (cause) {
    throw impossible(`the Node of this runner can be replaced by a job, and Node ${VERSION} could not be fetched`, cause)
  }
}

/** True when the file and every folder above it belong to root and nobody else may write them. */
function isRootsAlone(file: string): boolean {
  for (let each = file; ; each = path.dirname(each)) {
    const { uid, mode } = statSync(each)
    if (uid !== 0 || (mode & 0o022) !== 0) return false
    if (each === path.dirname(each)) return true
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

function impossible(message: string, cause?: unknown): Error {
  return failureOf('ISOLATION_IMPOSSIBLE', `isolation: user is not possible here: ${message}`, {
    why: 'a gateway that runs on a Node which the job could have replaced keeps nothing from it',
    fix: `install the runner so that only root may write its files, let it reach https://nodejs.org once, use \`gateway-url\`, or \`isolation: none\` (a guard rail only)`,
    cause,
  })
}
