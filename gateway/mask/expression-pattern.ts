// A pattern of the policy's own: an RE2 expression, searched in linear time whatever the expression and the text.
import { RE2JS } from 're2js'
import { SallyportError } from '../core/errors.ts'
import type { Pattern, Span } from './pattern.ts'

/** @throws {SallyportError} POLICY_INVALID when RE2 does not take the expression, or it matches the empty text. */
export function expressionPattern(source: string): Pattern {
  const expression = compile(source)
  if (expression.matcher('').find()) {
    throw new SallyportError('POLICY_INVALID', `pattern ${JSON.stringify(source)} matches the empty text`, {
      fix: 'make the expression require at least one letter',
    })
  }
  return {
    name: source,
    mayMatch: () => true,
    find(text) {
      const found: Span[] = []
      const matcher = expression.matcher(text)
      while (matcher.find()) {
        const span = { start: matcher.start(), end: matcher.end() }
        if (span.end > span.start) found.push(span)
      }
      return found
    },
  }
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source)
  } catch (cause) {
    throw new SallyportError('POLICY_INVALID', `pattern ${JSON.stringify(source)} is not an RE2 expression`, { cause })
  }
}
