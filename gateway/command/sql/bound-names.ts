// Names that code bound to masked relations uses: triggers, rules, checks and domains. A function of such a name would be given what
// the code is given, and a relation of such a name would be written instead of the one that was meant.
import type { Catalog, CatalogFunction, CatalogRelation } from './catalog.ts'
import { wordsOf } from './taint-code.ts'
import type { BoundNames } from './taint-reader.ts'

/** A relation follows them, where it is written. */
const WRITING_WORDS: ReadonlySet<string> = new Set(['into', 'update', 'truncate', 'only'])

/** @param isMasked true for a relation with masked columns. */
export function boundNames(catalog: Catalog, isMasked: (relationOid: number) => boolean): BoundNames {
  const functions = new Map<string, CatalogFunction[]>()
  for (const one of catalog.functions.values()) functions.set(one.name, [...(functions.get(one.name) ?? []), one])
  const called = new Set<string>()
  const written = new Set<string>()
  const waiting = [...catalog.types.values()].flatMap(type => type.expressions)
  for (const relation of catalog.relations.values()) if (isMasked(relation.oid)) waiting.push(...codeOf(relation, catalog, called))
  for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
    const words = wordsOf(text)
    if (typeof words === 'string') continue
    for (const [index, { word }] of words.entries()) {
      if (word === null) continue
      const isQualified = words[index + 1]?.text === '.'
      const target = isQualified ? words[index + 2]?.word : word
      if (WRITING_WORDS.has(words[index - 1]?.word ?? '') && target != null) written.add(target)
      // A function of this name may be there no longer, and come again.
      const isCall = words[index + 1]?.text === '('
      if ((!isCall && !functions.has(word)) || called.has(word)) continue
      called.add(word)
      for (const { body, defaultExpressions } of functions.get(word) ?? []) waiting.push(body ?? '', defaultExpressions ?? '')
    }
  }
  return { functions: called, relations: written }
}

function codeOf(relation: CatalogRelation, catalog: Catalog, called: Set<string>): readonly string[] {
  const texts = [
    ...relation.readExpressions,
    ...relation.writeExpressions,
    ...relation.columns.flatMap(({ expression }) => expression ?? []),
  ]
  for (const { definition } of relation.rules) texts.push(definition)
  for (const { functionOid, definition } of relation.triggers) {
    texts.push(definition ?? '')
    const trigger = catalog.functions.get(functionOid)
    if (trigger === undefined) continue
    called.add(trigger.name)
    texts.push(trigger.body ?? '')
  }
  return texts
}
