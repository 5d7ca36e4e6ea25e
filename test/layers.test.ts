// The layer table of the house, as a test: one `it` per file. A file that imports what its layer may not is named.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'

const root = path.resolve(import.meta.dirname, '..')

/** Layer (folder) -> layers it may import besides itself. `*` = everything in gateway. */
const table: Readonly<Record<string, readonly string[]>> = {
  'gateway/core': [],
  'gateway/wire': ['gateway/core'],
  'gateway/policy': ['gateway/core'],
  'gateway/mask': ['gateway/core'],
  'gateway/terminal': [],
  'gateway/record': ['gateway/core', 'gateway/terminal'],
  'gateway/session': ['gateway/core'],
  'gateway/adapter': ['gateway/core'],
  'gateway/command': ['gateway/core', 'gateway/wire'],
  'gateway/engine': ['gateway/core', 'gateway/wire', 'gateway/command'],
  'gateway/control': ['gateway/core'],
  cli: ['gateway/control', 'gateway/record', 'gateway/terminal', 'gateway/policy', 'gateway/core'],
  src: ['gateway/control'],
  viewer: ['gateway/terminal'],
  gateway: [
    'gateway/core',
    'gateway/wire',
    'gateway/policy',
    'gateway/mask',
    'gateway/terminal',
    'gateway/record',
    'gateway/session',
    'gateway/adapter',
    'gateway/command',
    'gateway/engine',
    'gateway/control',
  ],
}

/** Folders whose subfolders must not import each other. */
const separate = ['gateway/adapter', 'gateway/engine']

/** Where `policy explain` and `policy test` need the reading of commands, the cli has one door to it. */
const doors: Readonly<Record<string, readonly string[]>> = {
  'cli/read-command.ts': ['gateway/command'],
}

const files = ['gateway', 'cli', 'src', 'viewer'].flatMap(folder => filesBelow(folder))

describe('layers', () => {
  for (const file of files) {
    it(`${file} imports only what its layer may`, () => {
      const layer = layerOf(file)
      for (const target of importsOf(file)) {
        const other = layerOf(target)
        const allowed = other === layer || (table[layer] ?? []).includes(other) || (doors[file] ?? []).includes(other)
        assert.ok(allowed, `${layer} must not import ${other} (${target})`)
        for (const folder of separate) {
          if (!file.startsWith(`${folder}/`) || !target.startsWith(`${folder}/`)) continue
          assert.equal(roomOf(target, folder), roomOf(file, folder), `${roomOf(file, folder)} must not import ${roomOf(target, folder)}`)
        }
      }
    })
  }

  it('mints a permit in the gate only', () => {
    assert.deepEqual(
      files.filter(file => codeOf(file).includes('Permit.mint(')),
      ['gateway/session/gate.ts'],
    )
  })

  it('reveals a secret only in engine targets and in adapters that send it to their own source', () => {
    const revealing = files.filter(file => /\.reveal\(/.test(codeOf(file)))
    const elsewhere = revealing.filter(
      file => !/^gateway\/engine\/[^/]+\/target[^/]*\.ts$/.test(file) && !file.startsWith('gateway/adapter/'),
    )
    assert.deepEqual(elsewhere, [])
  })

  it('has no catch-all rooms and no file above 400 lines of code', () => {
    for (const file of [...files, ...filesBelow('world'), ...filesBelow('bench'), ...filesBelow('test')]) {
      assert.doesNotMatch(file, /(^|\/)(utils?|common|shared|misc|helpers?)(\/|\.ts$)/)
      const lines = codeOf(file).split('\n').length
      assert.ok(lines <= 400, `${file} has ${lines} lines of code`)
    }
  })
})

function filesBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .toSorted()
}

function importsOf(file: string): string[] {
  const found = [
    ...read(file).matchAll(
      /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]|^\s*import\s*['"](\.[^'"]+)['"]/gm,
    ),
  ]
  return found.map(match => path.posix.normalize(path.posix.join(path.posix.dirname(file), match[1] ?? match[2] ?? match[3] ?? '')))
}

function layerOf(file: string): string {
  const [first, second, third] = file.split('/')
  if (first === 'gateway' && third !== undefined) return `gateway/${second ?? ''}`
  return first ?? ''
}

function roomOf(file: string, folder: string): string {
  return `${folder}/${file.slice(folder.length + 1).split('/')[0] ?? ''}`
}

/** The file without blank lines and lines of comment. */
function codeOf(file: string): string {
  return read(file)
    .split('\n')
    .filter(line => !/^\s*(\/\/|\*|\/\*|$)/.test(line))
    .join('\n')
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8')
}
