// Takes from GitHub's published REST description the answers that world/github gives, for world/github/description.json.
// The package is too large to depend on: install @octokit/openapi anywhere and name its folder.
//   node tools/github-description.mjs FOLDER_OF_THE_PACKAGE
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const operations = [
  'GET /user',
  'GET /users/{username}',
  'GET /repos/{owner}/{repo}',
  'GET /repos/{owner}/{repo}/pulls/{pull_number}',
  'GET /repos/{owner}/{repo}/issues/{issue_number}/comments',
  'POST /repos/{owner}/{repo}/issues/{issue_number}/comments',
  'GET /repos/{owner}/{repo}/issues/comments/{comment_id}',
  'PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}',
  'GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions',
  'POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions',
  'GET /repos/{owner}/{repo}/collaborators/{username}/permission',
  'GET /repos/{owner}/{repo}/contents/{path}',
  'GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls',
  'POST /repos/{owner}/{repo}/attestations',
  'GET /orgs/{org}/teams/{team_slug}',
  'GET /orgs/{org}/teams/{team_slug}/memberships/{username}',
]

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node tools/github-description.mjs FOLDER_OF_THE_PACKAGE')
  process.exit(2)
}
const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
const description = JSON.parse(readFileSync(path.join(folder, 'generated/api.github.com.json'), 'utf8'))

const schemas = {}
for (const operation of operations) {
  const [method, route] = operation.split(' ')
  const found = description.paths[route]?.[method.toLowerCase()]
  if (found === undefined) throw new Error(`${operation} is not in the description`)
  schemas[operation] = {}
  for (const [status, response] of Object.entries(found.responses)) {
    const { content } = resolve(response)
    const schema = content?.['application/json']?.schema ?? content?.['application/vnd.github.v3.star+json']?.schema
    if (schema !== undefined) schemas[operation][status] = trimmed(schema, [])
  }
}
const out = path.resolve(import.meta.dirname, '../world/github/description.json')
writeFileSync(out, `${JSON.stringify({ source: `@octokit/openapi ${version}, api.github.com`, schemas })}\n`)

function resolve(node) {
  if (typeof node?.$ref !== 'string') return node
  return node.$ref
    .slice(2)
    .split('/')
    .reduce((at, key) => at[key], description)
}

/** The schema without references and words; what refers to itself ends as "anything". */
function trimmed(node, above) {
  if (typeof node?.$ref === 'string') {
    return above.includes(node.$ref) ? {} : trimmed(resolve(node), [...above, node.$ref])
  }
  const kept = {}
  for (const key of [
    'type',
    'enum',
    'required',
    'additionalProperties',
    'minItems',
    'maxItems',
    'minimum',
    'maximum',
    'pattern',
    'const',
  ]) {
    if (node[key] === undefined) continue
    kept[key] = typeof node[key] === 'object' && !Array.isArray(node[key]) ? trimmed(node[key], above) : node[key]
  }
  if (node.properties !== undefined) {
    kept.properties = Object.fromEntries(Object.entries(node.properties).map(([name, each]) => [name, trimmed(each, above)]))
  }
  if (node.items !== undefined) kept.items = trimmed(node.items, above)
  for (const key of ['allOf', 'anyOf', 'oneOf']) if (node[key] !== undefined) kept[key] = node[key].map(each => trimmed(each, above))
  if (node.nullable !== true) return kept
  return { anyOf: [{ type: 'null' }, kept] }
}
