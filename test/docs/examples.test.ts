// Every YAML example of the documentation is real: policies pass the parser, workflows name inputs that action.yml has.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'

const root = path.resolve(import.meta.dirname, '../..')
const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'), { encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]
const inputs = Object.keys((parse(readFileSync(path.join(root, 'action.yml'), 'utf8')) as { inputs: Record<string, unknown> }).inputs)

interface Step {
  readonly uses?: string
  readonly with?: Record<string, unknown>
}

describe('examples in the documentation', () => {
  for (const page of pages) {
    const blocks = [...readFileSync(path.join(root, page), 'utf8').matchAll(/^```ya?ml\n(.*?)^```/gms)].map(([, text = '']) => text)
    for (const [index, text] of blocks.entries()) {
      it(`${page}, YAML block ${index + 1}, is valid`, () => {
        const value = parse(text) as unknown
        if (typeof value !== 'object' || value === null) return
        if ('version' in value && 'connections' in value) parsePolicy(text, `${page}#${index + 1}`)
        for (const step of stepsOf(value)) {
          if (!/\/sallyport@/.test(step.uses ?? '')) continue
          for (const name of Object.keys(step.with ?? {})) assert.ok(inputs.includes(name), `action.yml has no input ${name}`)
        }
      })
    }
  }
})

/** Steps of a workflow, of a job, or a bare list of steps. */
function stepsOf(value: object): readonly Step[] {
  if (Array.isArray(value)) return value as Step[]
  const jobs = 'jobs' in value ? Object.values(value.jobs as Record<string, { steps?: Step[] }>) : [value as { steps?: Step[] }]
  return jobs.flatMap(job => job.steps ?? [])
}
