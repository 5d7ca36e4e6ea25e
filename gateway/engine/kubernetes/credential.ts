// What a lease is to an API server: a bearer token, or a client certificate. The shapes that sources really give are told apart here.
// The text is only looked at; the caller reveals it.

export type ApiCredential =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string }

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[\s\S]+?-----END (?:[A-Z]+ )?PRIVATE KEY-----/

/**
 * Reads a token, PEM text with a certificate and its key, or an ExecCredential (client.authentication.k8s.io), which `aws eks get-token` prints.
 * @returns null when it is none of them, or a token that cannot stand in a header.
 */
export function readApiCredential(secret: string, certificate: string | null): ApiCredential | null {
  if (certificate !== null) return { kind: 'certificate', certificate, key: secret }
  const text = secret.trim()
  if (text.includes('-----BEGIN')) {
    const key = PRIVATE_KEY.exec(text)?.[0]
    const chain = text.match(CERTIFICATES)
    return key === undefined || chain === null ? null : { kind: 'certificate', certificate: chain.join('\n'), key }
  }
  if (text.startsWith('{')) return readExecCredential(text)
  return tokenOf(text)
}

function readExecCredential(text: string): ApiCredential | null {
  const status = fieldsOf(fieldsOf(parse(text))?.['status'])
  const [token, certificate, key] = ['token', 'clientCertificateData', 'clientKeyData'].map(name => status?.[name])
  if (typeof token === 'string') return tokenOf(token)
  return typeof certificate === 'string' && typeof key === 'string' ? { kind: 'certificate', certificate, key } : null
}

function tokenOf(text: string): ApiCredential | null {
  return /^[\u0021-\u007e]+$/.test(text) ? { kind: 'token', token: text } : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function fieldsOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? { ...value } : null
}
