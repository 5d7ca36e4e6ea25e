// Builds dist/ from the sources: byte-reproducible ESM bundles for Node 20.19 and newer, the SQL parser's wasm beside them.
// Usage: node tools/build.mjs [FOLDER [FAILPOINTS]]   With a module that acts at failpoints it builds a gateway for tests, and only that.
import { build } from 'esbuild'
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const target = path.resolve(root, process.argv[2] ?? 'dist')
const failpoints = process.argv[3] ?? null
// Built beside and then put in place, so that a failed build leaves what was there.
const out = `${target}.new`

/** Entry -> bundle. The artifact client is large and only loaded when a run uploads, so it stands alone. */
const bundles = {
  'main.mjs': 'src/main.ts',
  'post.mjs': 'src/post.ts',
  'gateway.mjs': 'gateway/main.ts',
  'cli.mjs': 'cli/main.ts',
  'sql-reader.mjs': 'gateway/command/sql/reading-worker.ts',
  'artifact.mjs': 'gateway/adapter/artifact/artifact-client.ts',
  'attestation.mjs': 'gateway/adapter/attestation/attestation-client.ts',
}

/** ssh2 tries native parts that are compiled on the machine they run on; without them it uses node:crypto and WebAssembly. */
const withoutNativeParts = {
  name: 'without-native-parts',
  setup(build) {
    build.onResolve({ filter: /\.node$|^cpu-features$/ }, ({ path }) => ({ path, namespace: 'native-part' }))
    build.onLoad({ filter: /.*/, namespace: 'native-part' }, () => ({ contents: 'throw new Error("not bundled")', loader: 'js' }))
  },
}

/** The product's failpoints do nothing; those of a build for tests are taken from a module of the tests. */
const withFailpoints = {
  name: 'with-failpoints',
  setup(build) {
    build.onResolve({ filter: /\/failpoint\.ts$/ }, () => ({ path: path.resolve(root, failpoints) }))
  },
}

const header = 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);'

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
for (const [name, entry] of Object.entries(bundles)) {
  if (!existsSync(path.join(root, entry))) continue
  if (failpoints !== null && name !== 'gateway.mjs') continue
  await build({
    entryPoints: [path.join(root, entry)],
    outfile: path.join(out, name),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: name === 'cli.mjs' ? `#!/usr/bin/env node\n${header}` : header },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    external: ['./artifact.mjs'],
    plugins: failpoints === null ? [withoutNativeParts] : [withoutNativeParts, withFailpoints],
    logLevel: 'warning',
  })
}
copyFileSync(path.join(root, 'node_modules/libpg-query/wasm/libpg-query.wasm'), path.join(out, 'libpg-query.wasm'))
writeFileSync(path.join(out, 'package.json'), '{ "type": "module" }\n')
rmSync(target, { recursive: true, force: true })
renameSync(out, target)
process.stderr.write(`built ${readdirSync(target).toSorted().join(' ')}\n`)
