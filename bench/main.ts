// `npm run bench`: every table, one after the other.
import { benchPostgres } from './postgres.ts'

await benchPostgres()
