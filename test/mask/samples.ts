// Rules, an identity and a connection for tests of masks.
import type { Connection } from '../../gateway/core/connection.ts'
import type { Identity } from '../../gateway/core/identity.ts'
import type { MaskRule } from '../../gateway/core/mask-rule.ts'

export function maskRule(rule: Partial<MaskRule>): MaskRule {
  return { name: 'pii', on: null, columns: [], patterns: [], fields: [], with: { kind: 'redact' }, unless: [], inference: 'allow', ...rule }
}

export const someIdentity: Identity = {
  issuer: 'github',
  iss: 'https://token.actions.githubusercontent.com',
  subject: 'repo:acme/shop',
  claims: {},
  groups: new Set(['release']),
  expiresAt: new Date(0),
  tokenDigest: '',
}

export const someConnection: Connection = {
  name: 'orders-db',
  protocol: 'postgres',
  host: 'orders.internal',
  port: 5432,
  user: 'ci',
  credential: { scheme: 'env', source: 'env', path: 'X', params: {}, field: null, text: 'env://X' },
  tls: { mode: 'disable', ca: null },
  database: 'orders',
  hostKeys: [],
  groups: ['release'],
}
