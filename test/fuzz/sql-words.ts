// Texts to build inputs from: the hostile statements of the cases, and words that change what a text means to a lexer.
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** SQL of every case, hostile and harmless. */
export const hostileTexts: readonly string[] = ['pg-bypass.jsonl', 'pg-own.jsonl'].flatMap(file =>
  readFileSync(path.join(import.meta.dirname, '../cases', file), 'utf8')
    .trim()
    .split('\n')
    .map(line => (JSON.parse(line) as { sql?: string }).sql ?? '')
    .filter(sql => sql !== '' && sql.length < 2_000),
)

export const sqlWords: readonly string[] = [
  ...`' " '' $$ $a$ E' U&' \\ -- /* */ ; ( ) [ ] , . :: := => -> @> || ! ? $1 $2 % NULL 0 1 -1 1e400 DEFAULT`.split(' '),
  ...'SELECT INSERT UPDATE DELETE MERGE WITH RECURSIVE AS FROM WHERE INTO VALUES TABLE RETURNING ON CONFLICT DO NOTHING SET'.split(' '),
  ...'BEGIN COMMIT ROLLBACK SAVEPOINT PREPARE EXECUTE DEALLOCATE DECLARE CURSOR FETCH CLOSE COPY STDIN STDOUT PROGRAM'.split(' '),
  ...'EXPLAIN ANALYZE CREATE ALTER DROP GRANT TRUNCATE LOCK VACUUM CALL LATERAL UNION ALL ANY EXISTS CASE WHEN THEN END CAST'.split(' '),
  '\u0000',
  '\ud83d\ude00',
  '\u00a0',
  'WHERE 1=1',
  'orders',
  'public.orders',
  'pg_read_file(1)',
  "set_config('role','x',true)",
]
