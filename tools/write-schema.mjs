// Writes sallyport.schema.json from the schema that the parser reads by.
import { writeFileSync } from 'node:fs'
import { policyJsonSchema } from '../gateway/policy/schema.ts'

writeFileSync(new URL('../sallyport.schema.json', import.meta.url), policyJsonSchema())
