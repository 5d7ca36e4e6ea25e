// Patterns of mail addresses and of secrets: tokens, keys, password hashes. Each starts at a border, so its time is linear.
import { spansOf } from './digit-patterns.ts'
import type { Pattern, Span } from './pattern.ts'

const MAX_LOCAL_LENGTH = 64
const DOMAIN = /(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}[\p{L}][\p{L}\p{N}-]{0,61}[\p{L}\p{N}]/uy
const LOCAL_LETTER = /[\p{L}\p{N}._%+~!$*^-]/u

export const email: Pattern = {
  name: 'email',
  mayMatch: signs => signs.hasAt,
  find(text) {
    const found: Span[] = []
    let floor = 0
    for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
      let start = at
      while (start > floor && at - start < MAX_LOCAL_LENGTH && LOCAL_LETTER.test(text.charAt(start - 1))) start--
      DOMAIN.lastIndex = at + 1
      if (start === at || !DOMAIN.test(text)) continue
      found.push({ start, end: DOMAIN.lastIndex })
      floor = DOMAIN.lastIndex
    }
    return found
  },
}

export const jwt: Pattern = {
  name: 'jwt',
  mayMatch: signs => signs.hasJsonHead,
  find: text => spansOf(text, /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]{2,}){1,4}(?:\.(?![A-Za-z0-9_-]))?/g),
}

export const awsKey: Pattern = {
  name: 'aws-key',
  mayMatch: (signs, length) => (signs.hasA && length >= 20) || (signs.hasAws && length >= 60),
  find(text) {
    const ids = spansOf(text, /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|APKA|AROA|ASCA)[A-Z2-7]{16}(?![A-Za-z0-9])/g)
    const secrets = spansOf(text, /(?<=aws_?secret_?(?:access_?)?key["']?\s{0,3}[=:]\s{0,3}["']?)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/gi)
    return [...ids, ...secrets].toSorted((one, other) => one.start - other.start)
  },
}

export const githubToken: Pattern = {
  name: 'github-token',
  mayMatch: (signs, length) => signs.hasUnderscore && length >= 26,
  find: text => spansOf(text, /(?<![A-Za-z0-9])(?:gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})/g),
}

export const privateKey: Pattern = {
  name: 'private-key',
  mayMatch: signs => signs.hasFence,
  find(text) {
    const found: Span[] = []
    const head = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
    const tail = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
    for (let match = head.exec(text); match !== null; match = head.exec(text)) {
      tail.lastIndex = head.lastIndex
      // Fail closed: a key whose end is cut off is covered to the end of the text.
      const end = tail.exec(text) === null ? text.length : tail.lastIndex
      found.push({ start: match.index, end })
      head.lastIndex = end
    }
    return found
  },
}

const PASSWORD_HASHES = [
  String.raw`\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}`,
  String.raw`\$argon2(?:id|i|d)\$[A-Za-z0-9+/=,$]{20,400}`,
  String.raw`\$(?:1|5|6|y|7|gy|scrypt|md5|apr1|pbkdf2(?:-sha\d{1,3})?)\$[./A-Za-z0-9$=,]{8,400}`,
  String.raw`(?<![A-Za-z0-9])(?:pbkdf2_sha\d{1,3}|bcrypt_sha256|scrypt|sha1)\$[./A-Za-z0-9+=$]{16,400}`,
  String.raw`SCRAM-SHA-(?:1|256|512)\$\d{1,9}:[A-Za-z0-9+/=]{8,200}\$[A-Za-z0-9+/=]{16,200}:[A-Za-z0-9+/=]{16,200}`,
  String.raw`\{(?:S?SHA(?:224|256|384|512)?|S?MD5|CRYPT|PBKDF2[A-Z0-9-]{0,12}|ARGON2)\}[./A-Za-z0-9+=$,]{8,400}`,
  String.raw`(?<![A-Za-z0-9])md5[0-9a-f]{32}(?![A-Za-z0-9])`,
]
const PASSWORD_HASH = new RegExp(PASSWORD_HASHES.join('|'), 'g')

export const passwordHash: Pattern = {
  name: 'password-hash',
  mayMatch: signs => signs.hasDollar || signs.hasBrace || signs.hasMd5,
  find: text => spansOf(text, PASSWORD_HASH),
}
