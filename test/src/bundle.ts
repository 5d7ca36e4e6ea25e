// Bundles one entry the way the build does, for tests that need a file which runs alone.
import { build } from 'esbuild'

const header = 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);'

export async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: header },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    logLevel: 'error',
  })
}
