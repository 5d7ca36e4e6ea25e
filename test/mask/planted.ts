// Values that patterns must find, made at random with their check digits, and others that miss by one.
import { constantFrom, integer, stringMatching, tuple } from 'fast-check'
import type { Arbitrary } from 'fast-check'

export interface Planted {
  readonly name: string
  readonly value: string
}

const digits = (count: number): Arbitrary<string> => stringMatching(new RegExp(`^[0-9]{${count}}$`))
const letters = (set: string, from: number, to = from): Arbitrary<string> => stringMatching(new RegExp(`^[${set}]{${from},${to}}$`))

const card: Arbitrary<string> = tuple(constantFrom('4', '51', '37', '6011', '3530', '2223'), digits(15), constantFrom('', ' ', '-')).map(
  ([head, rest, gap]) => {
    const length = head === '37' ? 15 : 16
    const body = (head + rest).slice(0, length - 1)
    const whole = body + luhnDigit(body)
    return gap === '' ? whole : (whole.match(/.{1,4}/g) ?? []).join(gap)
  },
)

function luhnDigit(body: string): string {
  let sum = 0
  for (let index = 0; index < body.length; index++) {
    const digit = Number(body[body.length - 1 - index])
    sum += index % 2 === 1 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
  }
  return String((10 - (sum % 10)) % 10)
}

const iban: Arbitrary<string> = tuple(constantFrom('DE', 'GB', 'NO', 'FR'), letters('A-Z', 4), digits(14)).map(
  ([country, bank, account]) => {
    const body = `${bank}${account}`
    const number = Array.from(`${body}${country}00`, letter => String(Number.parseInt(letter, 36))).join('')
    return `${country}${String(98n - (BigInt(number) % 97n)).padStart(2, '0')}${body}`
  },
)

const makers: Readonly<Record<string, Arbitrary<string>>> = {
  'credit-card': card,
  iban,
  'us-ssn': tuple(integer({ min: 100, max: 899 }), integer({ min: 10, max: 99 }), integer({ min: 1000, max: 9999 })).map(parts =>
    parts.join('-'),
  ),
  email: tuple(letters('a-z0-9', 1, 20), letters('a-z', 1, 20), constantFrom('example', 'co.uk', 'museum')).map(
    ([user, host, top]) => `${user}@${host}.${top}`,
  ),
  phone: tuple(constantFrom('+49', '+1', '0044'), digits(10)).map(([country, number]) => `${country} ${number}`),
  jwt: tuple(letters('A-Za-z0-9_-', 10, 60), letters('A-Za-z0-9_-', 10, 60), letters('A-Za-z0-9_-', 20, 43)).map(
    ([one, two, three]) => `eyJ${one}.${two}.${three}`,
  ),
  'aws-key': tuple(constantFrom('AKIA', 'ASIA'), letters('A-Z2-7', 16)).map(([head, rest]) => head + rest),
  'github-token': tuple(constantFrom('ghp_', 'gho_', 'ghs_'), letters('A-Za-z0-9', 36)).map(([head, rest]) => head + rest),
  'private-key': letters('A-Za-z0-9+/', 40, 400).map(
    body => `-----BEGIN PRIVATE KEY-----\n${(body.match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----`,
  ),
  'password-hash': letters('./A-Za-z0-9', 53).map(rest => `$2b$12$${rest}`),
}

export const plantedNames = Object.keys(makers)

/** @param names which patterns. */
export function planted(names: readonly string[] = plantedNames): Arbitrary<Planted> {
  return constantFrom(...names).chain(name => (makers[name] ?? card).map(value => ({ name, value })))
}

/** Words around a value, that no pattern could take for a part of it. */
export const surroundings: Arbitrary<string> = constantFrom('', ' ', 'see: ', '"quoted" ', '(', 'paid, ', '\t', 'é ', '😀 ', 'x = ')

/** The check digit is another: it only looks like one. */
export const nearMiss: Arbitrary<Planted> = planted(['credit-card', 'iban']).map(({ name, value }) => {
  const last = value.at(-1) ?? ''
  const other = /\d/.test(last) ? String((Number(last) + 1) % 10) : last
  return { name, value: value.slice(0, -1) + other }
})
