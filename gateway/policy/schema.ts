// The shape of sallyport.yml, once: the parser reads by it and sallyport.schema.json is made from it. Shape only;
// what names refer to, and what texts such as conditions and credential references mean, is checked in parse-policy.ts.
import * as z from 'zod'
import { sqlEffects } from '../core/command.ts'

const MAX_LIST = 1000

/** For unknown keys the message is the list of the known ones, so that the parser can say which was meant. */
function entry<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: issue => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : undefined) })
}

const NAME = 'a name is letters, digits, ".", "_" and "-", begins with a letter or digit, and has at most 63 characters'
const nameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, NAME)
const ruleName = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._ -]{0,78}[A-Za-z0-9])?$/, 'a rule is named by letters, digits, ".", "_", "-" and blanks, at most 80')
const LINE = 'this must be one line of at most 300 characters'
const line = z.string().regex(/^[^\p{Cc}\p{Zl}\p{Zp}]{1,300}$/u, LINE)
const word = z.string().regex(/^[^\p{Cc}\p{Z}]{1,500}$/u, 'this must be one word without blanks, at most 500 characters')
const pattern = z.string().regex(/^[^\p{Cc}]{1,500}$/u, 'a pattern has 1 to 500 characters on one line')
const duration = z
  .string()
  .regex(/^[1-9]\d{0,5}[smh]$/, 'a duration is a whole number and s, m or h: 90s, 30m, 1h')
  .meta({ examples: ['30m', '1h'] })
const expression = z
  .string()
  .min(1)
  .max(2048)
  .meta({ description: 'A condition in CEL over claims, identity, connection, run and command' })

function list<Item extends z.ZodType>(item: Item): z.ZodArray<Item> {
  return z.array(item).min(1).max(MAX_LIST)
}

function named<Value extends z.ZodType>(value: Value): z.ZodRecord<typeof nameSchema, Value> {
  return z.record(nameSchema, value)
}

const names = list(nameSchema)

const issuer = entry({
  url: word.meta({ description: "The token's iss, exactly", examples: ['https://token.actions.githubusercontent.com'] }),
  audience: word.meta({ description: "The token's aud; make it your own, not the default", examples: ['sallyport'] }),
  algorithms: list(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']))
    .optional()
    .meta({ description: 'Signature algorithms that are accepted; RS256 when left out' }),
}).meta({ description: 'Whose tokens count' })

const group = entry({
  issuer: nameSchema.meta({ description: 'An entry of issuers' }),
  when: expression.meta({ examples: ['claims.repository_id == "123" && claims.ref == "refs/heads/main"'] }),
}).meta({ description: 'Tokens of this issuer for which the condition holds are in the group' })

const authority = z
  .string()
  .min(1)
  .max(100_000)
  .meta({ description: 'A file beside the policy with PEM certificates, or the certificates themselves' })

const source = z.discriminatedUnion('kind', [
  entry({
    kind: z.literal('vault'),
    address: word.meta({ examples: ['https://vault.internal:8200'] }),
    namespace: word.optional(),
    ca: authority.optional(),
    auth: entry({
      method: z.literal('jwt'),
      mount: word.default('jwt').meta({ description: 'Where the JWT method is mounted' }),
      role: word,
      audience: word.meta({ description: 'Audience of the token that is sent to Vault' }),
    }),
  }),
  entry({
    kind: z.literal('exec'),
    command: list(z.string().min(1).max(4096)).meta({ description: 'Program and arguments; prints the credential on its standard output' }),
  }),
])

const template = line.meta({ description: 'Text with {claims.NAME}, {identity.subject}, {identity.issuer} or {run.FIELD} in it' })
const outcome = z.enum(['allow', 'ask', 'deny'])
const functions = entry({
  trust: list(word).meta({ description: 'Functions whose body need not be understood, schema.name', examples: [['public.safe_add']] }),
})

const anyConnection = {
  address: word.meta({ description: 'host:port; https://host:port for kubernetes', examples: ['orders.internal:5432'] }),
  user: word.optional().meta({ description: 'The login name, where the credential brings none of its own' }),
  credential: z
    .string()
    .min(1)
    .max(1024)
    .meta({
      description: 'A reference to a credential, never the credential',
      examples: ['vault://database/creds/orders-ci', 'env://ORDERS_PASSWORD'],
    }),
  groups: names.meta({ description: 'Who may open it' }),
  default: outcome.default('deny').meta({ description: 'For a command that no rule matches' }),
  use: list(z.enum(['read-only', 'careful', 'admin']))
    .optional()
    .meta({ description: 'Built-in rule sets; admin is for kubernetes only' }),
  approvers: nameSchema.optional().meta({ description: 'Who is asked by the built-in rule sets and by default: ask' }),
}
const tlsMode = z.enum(['disable', 'require', 'verify-ca', 'verify-full'])

const connection = z.discriminatedUnion('protocol', [
  entry({
    protocol: z.literal('postgres'),
    ...anyConnection,
    database: z.string().min(1).max(63).optional().meta({ description: 'The database; the login name when left out' }),
    tls: z
      .union([tlsMode, entry({ mode: tlsMode.default('verify-full'), ca: authority.optional() })])
      .default('verify-full')
      .meta({ description: 'disable | require | verify-ca | verify-full, or { mode, ca }' }),
    functions: functions.optional(),
  }),
  entry({
    protocol: z.literal('ssh'),
    ...anyConnection,
    'host-keys': list(z.string().regex(/^SHA256:\S{1,64}$/, 'a host key is pinned by its fingerprint, SHA256:…')).meta({
      description: 'Fingerprints of the host keys, as ssh-keygen -l prints them',
    }),
  }),
  entry({
    protocol: z.literal('kubernetes'),
    ...anyConnection,
    ca: authority.optional(),
    impersonate: entry({
      user: template.meta({ description: 'Who the cluster takes the workflow for', examples: ['github:{claims.repository}'] }),
      groups: list(template).optional(),
    })
      .optional()
      .meta({ description: "The cluster's own audit log then names the workflow; the credential needs the right to impersonate" }),
  }),
])

const argv = z.union([pattern, list(pattern)])
const effects = list(z.enum(sqlEffects))
const sql = entry({
  effects: effects.optional().meta({ description: 'allow: all effects must be among these; ask and deny: one is enough' }),
  unfiltered: z.boolean().optional().meta({ description: 'UPDATE or DELETE of every row' }),
})
const ssh = entry({
  requests: list(z.enum(['exec', 'shell', 'sftp', 'forward', 'agent', 'x11'])).optional(),
  programs: list(pattern).optional().meta({ description: 'Programs that would run' }),
  commands: list(argv)
    .optional()
    .meta({ description: 'Commands word by word; a last ** is any number of words', examples: [['systemctl restart shop-*']] }),
  operations: list(z.string().regex(/^[a-z][a-z-]{0,30}$/, 'an operation is a lower-case word')).optional(),
  paths: list(pattern)
    .optional()
    .meta({ description: '* stays within a folder, ** does not', examples: [['/srv/app/**']] }),
})
const kubernetes = entry({
  verbs: list(
    z.enum([
      'get',
      'list',
      'watch',
      'create',
      'update',
      'patch',
      'delete',
      'deletecollection',
      'bind',
      'escalate',
      'proxy',
      'post',
      'put',
      'head',
      'options',
      '*',
    ]),
  ).optional(),
  resources: list(pattern)
    .optional()
    .meta({ description: 'resource[.group][/subresource]', examples: [['pods', 'pods/exec', 'deployments.apps', '*']] }),
  namespaces: list(pattern).optional(),
  names: list(pattern).optional(),
  'dry-run': z.boolean().optional(),
  dryRun: z.boolean().optional().meta({ description: 'The same as dry-run' }),
  commands: list(argv).optional().meta({ description: 'What exec may run, word by word' }),
})

const rule = entry({
  name: ruleName,
  on: names.optional().meta({ description: 'Connections it holds for; all when left out' }),
  groups: names.optional().meta({ description: 'Groups it holds for; everybody when left out' }),
  sql: sql.optional(),
  ssh: ssh.optional(),
  kubernetes: kubernetes.optional(),
  when: expression.optional(),
  // oxlint-disable-next-line unicorn/no-thenable -- the policy file's own word; nothing awaits a schema
  then: outcome,
  approvers: nameSchema.optional().meta({ description: 'Who is asked; needed with then: ask unless there is only one entry of approvers' }),
  because: line.optional().meta({ description: 'What the person is told' }),
}).meta({ description: 'Strictest wins: deny, then ask, then allow; order does not matter' })

const mask = entry({
  name: ruleName,
  on: names.optional(),
  columns: list(pattern)
    .optional()
    .meta({ description: 'schema.table.column; * for any name', examples: [['public.customers.email', '*.*.password_hash']] }),
  patterns: list(z.string().min(1).max(1000)).optional().meta({ description: 'A built-in pattern by name, or a regular expression (RE2)' }),
  fields: list(pattern)
    .optional()
    .meta({ description: 'resource[.group]:path', examples: [['configmaps:data.password']] }),
  with: z
    .string()
    .regex(
      /^(?:redact|null|keep-domain|hash|zero|keep-last-(?:[1-9]|1[0-2]))$/,
      'use redact, null, keep-last-N (1 to 12), keep-domain, hash or zero',
    )
    .default('redact'),
  unless: names.optional().meta({ description: 'Groups that see plain values' }),
  inference: z.enum(['allow', 'refuse']).default('allow').meta({ description: 'Predicates, ordering and grouping on masked columns' }),
})

const login = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:_[a-z0-9]{1,10})?$/, 'this is not a GitHub login')
const team = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/, 'a team is written organisation/team')
const approver = entry({
  users: list(login).optional(),
  teams: list(team).optional(),
  count: z.int().min(1).max(20).default(1).meta({ description: 'How many different people must approve' }),
  timeout: duration.default('30m'),
})

const recording = entry({
  rows: z.int().min(0).max(10_000).default(100).meta({ description: 'Masked result rows kept per statement' }),
  'encrypt-to': list(z.string().regex(/^age1\S{1,2000}$/, 'an auditor is an age recipient, age1…')).optional(),
  sinks: list(
    z.string().regex(/^(?:artifact|(?:s3|file):\/\/\S{1,1000})$/, 'a sink is artifact, s3://bucket/prefix or file:///folder'),
  ).optional(),
})

const test = entry({
  name: line,
  as: entry({ issuer: nameSchema, claims: z.record(z.string(), z.json()) }),
  to: nameSchema,
  run: z
    .string()
    .max(64 * 1024)
    .meta({ description: 'The command, as a client would send it' }),
  expect: outcome,
})

export const policySchema = entry({
  version: z.literal(1),
  issuers: named(issuer),
  groups: named(group),
  sources: named(source).optional(),
  connections: named(connection),
  rules: z.array(rule).max(MAX_LIST).optional(),
  masks: z.array(mask).max(MAX_LIST).optional(),
  approvers: named(approver).optional(),
  functions: functions.optional(),
  recording: recording.optional(),
  tests: z.array(test).max(MAX_LIST).optional(),
}).meta({ title: 'Sallyport policy', description: 'sallyport.yml: who may run what, what is masked, who is asked, what is recorded' })

export type PolicyShape = z.output<typeof policySchema>
export type ConnectionShape = PolicyShape['connections'][string]
export type RuleShape = NonNullable<PolicyShape['rules']>[number]
export type MaskShape = NonNullable<PolicyShape['masks']>[number]
export type SourceShape = NonNullable<PolicyShape['sources']>[string]

/** The text of sallyport.schema.json: for editors, by the comment `# yaml-language-server: $schema=…`. */
export function policyJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(policySchema, { target: 'draft-7', io: 'input' }), null, 2)}\n`
}
