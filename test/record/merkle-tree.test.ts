import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { hashLine, MerkleTree } from '../../gateway/record/merkle-tree.ts'

/** The reference leaves and roots of certificate-transparency's Merkle tree tests. */
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

describe('the tree over the lines', () => {
  it('has the reference root at every size', () => {
    const tree = new MerkleTree()
    assert.equal(tree.root().toString('hex'), roots[0])
    leaves.forEach((leaf, index) => {
      tree.append(hashLine(Buffer.from(leaf, 'hex')))
      assert.equal(tree.size, index + 1)
      assert.equal(tree.root().toString('hex'), roots[index + 1])
    })
  })

  it('has the root that the recursive definition of RFC 6962 gives', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 70 }), lines => {
        const tree = new MerkleTree()
        for (const line of lines) tree.append(hashLine(Buffer.from(line)))
        assert.deepEqual(tree.root(), byDefinition(lines))
      }),
      { numRuns: 150 },
    )
  })

  it('forks into trees that grow apart', () => {
    const tree = new MerkleTree()
    for (const line of ['a', 'b', 'c']) tree.append(hashLine(line))
    const fork = tree.fork()
    fork.append(hashLine('d'))
    tree.append(hashLine('e'))
    assert.deepEqual(fork.root(), byDefinition(['a', 'b', 'c', 'd'].map(line => Buffer.from(line))))
    assert.deepEqual(tree.root(), byDefinition(['a', 'b', 'c', 'e'].map(line => Buffer.from(line))))
  })
})

/** RFC 6962 section 2.1, word for word. */
function byDefinition(lines: readonly Uint8Array[]): Buffer {
  const [first] = lines
  if (first === undefined) return createHash('sha256').digest()
  if (lines.length === 1) return createHash('sha256').update(Buffer.of(0)).update(first).digest()
  const split = 2 ** Math.floor(Math.log2(lines.length - 1))
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(byDefinition(lines.slice(0, split)))
    .update(byDefinition(lines.slice(split)))
    .digest()
}
