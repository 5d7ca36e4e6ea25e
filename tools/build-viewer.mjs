// Builds the script and style of the replay page into one source file, so that the gateway needs no file beside it.
// Run it after a change in viewer/; a test holds the two together.
import { build } from 'esbuild'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')

/**
 * The whole text of gateway/record/viewer-assets.ts.
 * @returns {Promise<string>}
 */
export async function viewerAssets() {
  const [script, style] = await Promise.all(['main.ts', 'style.css'].map(bundle))
  return `// Made by tools/build-viewer.mjs from viewer/: what a replay page runs and how it looks, in base64.

export const viewerScript =
  '${script}'

export const viewerStyle =
  '${style}'
`
}

async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, 'viewer', entry)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: ['chrome110', 'firefox115', 'safari16'],
    charset: 'ascii',
    legalComments: 'none',
    tsconfigRaw: {},
  })
  return Buffer.from(outputFiles[0].contents).toString('base64')
}

if (process.argv[1] === import.meta.filename) writeFileSync(path.join(root, 'gateway/record/viewer-assets.ts'), await viewerAssets())
