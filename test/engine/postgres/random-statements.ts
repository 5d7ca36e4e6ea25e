// Random statements over tables with masked columns: queries of every shape, writes that give rows back, COPY, cursors, prepared statements.
import { constantFrom, letrec, oneof, tuple } from 'fast-check'
import type { Arbitrary } from 'fast-check'

/** `t.mail` and `t.ssn` are masked; everything else follows from the catalog. */
export const schemaOfRandom = `
CREATE TABLE t (id int PRIMARY KEY, plain text, mail text, ssn text);
INSERT INTO t VALUES (1, 'one', 'QZXW-AAAA', 'JVKF-CCCC'), (2, 'two', 'QZXW-BBBB', 'JVKF-DDDD');
CREATE TABLE u (id int, word text); INSERT INTO u VALUES (1, 'red'), (2, 'blue');
CREATE VIEW v AS SELECT id, plain AS p, mail || '!' AS m FROM t;
CREATE VIEW w AS SELECT id AS i, plain AS mail, ssn AS plain FROM t;
CREATE VIEW picky AS SELECT id, plain FROM t WHERE mail::bit(1) IS NULL;
CREATE VIEW few AS SELECT id, plain FROM t WHERE id < 3 WITH CHECK OPTION;
CREATE TABLE kid () INHERITS (t); INSERT INTO kid VALUES (3, 'three', 'QZXW-AAAA', 'JVKF-CCCC');
CREATE UNIQUE INDEX ON t (mail);
CREATE TABLE refers (id int, to_mail text REFERENCES t(mail)); INSERT INTO refers VALUES (1, 'QZXW-AAAA');
CREATE TABLE made_of (id int, m text DEFAULT NULL);
CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT mail FROM t WHERE id = $1 LIMIT 1';
CREATE FUNCTION twice(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 || $1; END $$;
CREATE FUNCTION rows() RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t';
CREATE FUNCTION pairs(OUT a int, OUT b text) RETURNS SETOF record LANGUAGE sql STABLE AS 'SELECT id, ssn FROM t';
CREATE FUNCTION told(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM $1::int; RETURN 'n'; EXCEPTION WHEN others THEN RETURN SQLERRM; END $$;
CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW; RETURN NEW; END $$;
CREATE TRIGGER l BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION loud();
ALTER TABLE made_of ALTER m SET DEFAULT mail_of(1);
ANALYZE;
`

/** A type, not an interface: only that has the index that letrec asks for. */
type Nodes = { readonly expression: string; readonly query: string; readonly source: Source }

/** An item of FROM, and the columns it has. */
interface Source {
  readonly text: string
  readonly columns: readonly string[]
}

/** `?` stands for an expression, as text. */
const shapes = `upper(?)
reverse(?)
md5(?)
twice(?)
told(?)
quote_literal(?)
to_json(?)
coalesce(NULL, ?)
nullif(?, 'q')
greatest(?, ' ')
concat(?, 1)
concat_ws(',', ?, ?)
format('%s', ?)
overlay('____' placing ? from 2)
split_part(?, '-', 1)
translate(?, 'A', 'a')
regexp_replace(?, 'A', 'b')
(regexp_match(?, '(.*)'))[1]
(string_to_array(?, '-'))[1]
encode(convert_to(?, 'UTF8'), 'escape')
convert_from(decode(encode((?)::bytea, 'hex'), 'hex'), 'UTF8')
CASE WHEN (?) IS NULL THEN 'n' ELSE ? END
CASE ? WHEN 'z' THEN 'y' ELSE ? END
(?)::varchar(3)
(?)::name
(ARRAY[?])[1]
to_jsonb(?) #>> '{}'
jsonb_build_object('k', ?) ->> 'k'
jsonb_path_query_first(jsonb_build_array(?), '$[0]')
(ROW(?, 1)).f1
row_to_json(ROW(?))
xmlelement(name e, ?)
(?) COLLATE "C"
(?) || (?)
(?) = (?)
(?) LIKE (?)
(?) IS DISTINCT FROM (?)
(?) IN (?, 'q')
mail_of(1)
length(?)
pg_typeof(?)
(SELECT ?)
(SELECT max(z) FROM (VALUES (?), (?)) AS y(z))
(?)::int
(?)::xml
(?)::jsonb
(?)::regclass
(?)::pg_lsn
int4in(textout(?))
encode('a'::bytea, ?)
date_trunc(?, now())
parse_ident(?)
jsonb_set('[1]', ARRAY[?], '1')
jsonb_path_query_first(to_jsonb(?), '$.double()')
JSON_VALUE(to_jsonb(?), '$' RETURNING int ERROR ON ERROR)
JSON_SCALAR(?)
JSON_OBJECT(?: 1 WITH UNIQUE KEYS)
regexp_substr(?, '.*')
to_tsquery('simple', ? || ' &')
(SELECT count(*) OVER (ORDER BY 1 ROWS BETWEEN length(?) PRECEDING AND CURRENT ROW))
nosuch(?)`.split('\n')

/** Over all rows: they stand at the top of a query only. */
const totals = `max(?)
min(?) FILTER (WHERE true)
string_agg(?, ',' ORDER BY ?)
array_to_string(array_agg(?), ',')
mode() WITHIN GROUP (ORDER BY ?)
percentile_disc(0) WITHIN GROUP (ORDER BY ?)
json_agg(?)
json_object_agg(coalesce(?, 'k'), 1)
json_object_agg_unique(coalesce(?, 'k'), 1)
JSON_ARRAYAGG(?)
xmlagg(xmlelement(name e, ?))
any_value(?)
count(?)
lag(?, 0) OVER ()
first_value(?) OVER (ORDER BY ?)
last_value(?) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
max(?) OVER (PARTITION BY ?)`.split('\n')

const whole = ['a::text', 'a.*::text', 'row_to_json(a)', 'to_jsonb(a)', 'ROW(a.*)', 'a']

const tables: readonly Source[] = [
  ['t a', 'id plain mail ssn a.mail (a).ssn mail(a) a.plain'],
  ['t AS a(id, mail, plain, ssn)', 'mail plain ssn id'],
  ['ONLY t a', 'mail ssn plain'],
  ['v a', 'm p id a.m'],
  ['w a', 'mail plain i'],
  ['kid a', 'mail ssn plain'],
  ['refers a', 'to_mail id'],
  ['made_of a', 'm id'],
  ['rows() a', 'mail ssn plain'],
  ['pairs() a', 'a.b a.a'],
  ['u a', 'word id'],
  ['t a JOIN u USING (id)', 'mail word plain id'],
  ['t a NATURAL JOIN u', 'ssn word id'],
  ['u RIGHT JOIN t a ON true', 'a.mail word ssn'],
  ['t b JOIN t a USING (mail)', 'mail a.ssn b.plain'],
  ['t b FULL JOIN v a USING (id)', 'b.mail a.m id'],
  ['(t b CROSS JOIN u) AS a(i, plain, mail, ssn, j, p)', 'plain mail ssn p'],
  ['unnest(ARRAY(SELECT q FROM t q)) AS a(id, m, x, p)', 'm x p id'],
  ['ROWS FROM (unnest(ARRAY(SELECT mail FROM t)), generate_series(1, 2)) AS a(x, id)', 'x id'],
  ['t z, LATERAL (VALUES (z.mail, z.id)) AS a(x, id)', 'a.x z.ssn'],
  ['t z, LATERAL jsonb_each_text(to_jsonb(z)) AS a(b, x)', 'b x'],
  ['t z, json_to_record(row_to_json(z)) AS a(mail text, id int)', 'a.mail z.plain'],
  ["t z, JSON_TABLE(to_jsonb(z), '$' COLUMNS (x text PATH '$.ssn', p int PATH '$.id')) a", 'x p'],
  ["t z, XMLTABLE('/r' PASSING xmlelement(name r, z.mail) COLUMNS x text PATH '.') a", 'x z.id'],
  ['json_populate_recordset(NULL::t, (SELECT json_agg(q) FROM t q)) a', 'mail ssn id'],
].map(([text = '', columns = '']) => ({ text, columns: columns.split(' ') }))

/** Places of columns: `@n@` of this query, `#n#` of the one around it. */
const places = ['@0@', '@1@', '@2@', '@3@']

/** The places filled with columns of the source; what is left is filled by the query around. */
function filled(text: string, { columns }: Source): string {
  const own = text.replaceAll(/@(\d)@/g, (_, index: string) => `(${columns[Number(index) % columns.length] ?? 'NULL'})::text`)
  return own.replaceAll(/#(\d)#/g, '@$1@')
}

/** Outside of every query there is no column. */
const closed = (text: string): string => text.replaceAll(/[@#]\d[@#]/g, 'NULL::text')

const { query, expression, source } = letrec<Nodes>(tie => {
  const inner = tie('expression').map(one => `(${one})::text`)
  const shaped = (list: readonly string[]): Arbitrary<string> =>
    tuple(constantFrom(...list), inner, inner).map(([shape, one, other]) => shape.replace('?', () => one).replaceAll('?', () => other))
  return {
    source: oneof(
      { depthSize: 'small' },
      { weight: 4, arbitrary: constantFrom(...tables) },
      { weight: 1, arbitrary: tie('query').map(inside => ({ text: `(${closed(inside)}) AS a(mail)`, columns: ['mail', 'a.mail'] })) },
      {
        weight: 1,
        arbitrary: tuple(tie('query'), tie('query')).map(([one, other]) => ({
          text: `(${closed(one)}) AS b(x), LATERAL (${other.replaceAll(/[@#]\d[@#]/g, 'b.x::text')}) AS a(plain)`,
          columns: ['b.x', 'a.plain'],
        })),
      },
    ),
    expression: oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 6, arbitrary: constantFrom(...places) },
      { weight: 1, arbitrary: constantFrom('#0#', '#1#', "'x'", 'NULL', '1', 'current_user') },
      { weight: 6, arbitrary: shaped(shapes) },
      { weight: 1, arbitrary: tie('query').map(inside => `(SELECT max(z::text) FROM (${inside}) AS q(z))`) },
      { weight: 1, arbitrary: tie('query').map(inside => `array_to_string(ARRAY(${inside}), ',')`) },
      { weight: 1, arbitrary: tie('query').map(inside => `EXISTS (${inside})`) },
      { weight: 1, arbitrary: tuple(inner, tie('query')).map(([one, inside]) => `${one} = ANY (SELECT z::text FROM (${inside}) AS q(z))`) },
    ),
    query: oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 4, arbitrary: tuple(inner, tie('source')).map(([one, from]) => filled(`SELECT ${one} FROM ${from.text}`, from)) },
      {
        weight: 2,
        arbitrary: tuple(shaped(totals), tie('source')).map(([one, from]) => filled(`SELECT (${one})::text FROM ${from.text}`, from)),
      },
      {
        weight: 1,
        arbitrary: tuple(constantFrom(...whole), constantFrom(...tables)).map(([one, from]) => `SELECT ${one} FROM ${from.text}`),
      },
      {
        weight: 1,
        arbitrary: tuple(inner, tie('source'), inner).map(([one, from, condition]) =>
          filled(`SELECT DISTINCT ${one} FROM ${from.text} WHERE ${condition} <> ''`, from),
        ),
      },
      {
        weight: 1,
        arbitrary: tuple(inner, tie('source')).map(([one, from]) =>
          filled(
            `SELECT ${one} FROM ${from.text} GROUP BY GROUPING SETS ((1), ())`.replace('(1)', () => `(${one})`),
            from,
          ),
        ),
      },
      {
        weight: 1,
        arbitrary: tuple(inner, tie('source'), inner).map(([one, from, order]) =>
          filled(`(SELECT ${one} FROM ${from.text} ORDER BY ${order} LIMIT 3)`, from),
        ),
      },
      {
        weight: 1,
        arbitrary: tuple(inner, tie('source'), inner).map(([one, from, key]) =>
          filled(`SELECT DISTINCT ON (${key}) ${one} FROM ${from.text}`, from),
        ),
      },
      { weight: 1, arbitrary: tuple(inner, inner).map(([one, other]) => `VALUES (${closed(one)}), (${closed(other)})`) },
      {
        weight: 2,
        arbitrary: tuple(tie('query'), constantFrom('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT ALL'), tie('query')).map(
          ([one, operator, other]) => `SELECT z::text FROM (${one}) AS q(z) ${operator} SELECT z::text FROM (${other}) AS q(z)`,
        ),
      },
      {
        weight: 1,
        arbitrary: tuple(tie('query'), inner).map(([one, other]) =>
          filled(`WITH a(mail) AS (${closed(one)}) SELECT ${other} FROM a`, { text: '', columns: ['mail', 'a.mail'] }),
        ),
      },
      {
        weight: 1,
        arbitrary: tuple(tie('query'), tie('query')).map(
          ([one, other]) => `WITH u(id, word) AS MATERIALIZED (SELECT 1, z::text FROM (${closed(one)}) AS q(z)) ${other}`,
        ),
      },
      {
        weight: 1,
        arbitrary: tuple(tie('query'), inner).map(
          ([one, other]) =>
            `WITH RECURSIVE c AS (${filled(`SELECT ${other} FROM u a`, { text: '', columns: ['word', 'a.word'] })}), u(id, word) AS (SELECT 1, z::text FROM (${closed(one)}) AS q(z)) SELECT * FROM c`,
        ),
      },
      {
        weight: 1,
        arbitrary: tie('query').map(
          one =>
            `WITH RECURSIVE r(i, x) AS (SELECT 1, z::text FROM (${closed(one)}) AS q(z) UNION ALL SELECT i + 1, x FROM r WHERE i < 2) SELECT x FROM r`,
        ),
      },
    ),
  }
})

const columnsOfT: Source = { text: '', columns: ['a.mail', 'a.plain', 'a.ssn', 'a.id'] }
const anyQuery = query.map(closed)
const overT = expression.map(one => closed(filled(one, columnsOfT)))

/** One statement, or a few; never one that ends a transaction but by ROLLBACK. */
export const randomStatement: Arbitrary<string> = oneof(
  { weight: 8, arbitrary: anyQuery },
  {
    weight: 2,
    arbitrary: tuple(expression, expression, source).map(([one, other, from]) =>
      closed(filled(`SELECT *, ${one}, ${other} AS plain FROM ${from.text}`, from)),
    ),
  },
  {
    weight: 2,
    arbitrary: tuple(
      query,
      constantFrom(
        '',
        ' (FORMAT csv, HEADER)',
        " (DELIMITER '|', NULL 'nil')",
        " (FORMAT csv, QUOTE '''', FORCE_QUOTE *)",
        ' (FORMAT binary)',
      ),
    ).map(([one, options]) => `COPY (${one}) TO STDOUT${options}`),
  },
  {
    weight: 1,
    arbitrary: constantFrom('COPY t TO STDOUT', 'COPY refers TO STDOUT (FORMAT csv)', 'COPY (TABLE w) TO STDOUT', 'COPY made_of TO STDOUT'),
  },
  { weight: 1, arbitrary: anyQuery.map(one => `EXPLAIN (ANALYZE, VERBOSE) ${one}`) },
  { weight: 1, arbitrary: anyQuery.map(one => `INSERT INTO u SELECT 9, z::text FROM (${one}) AS q(z) RETURNING word`) },
  {
    weight: 1,
    arbitrary: constantFrom(
      'INSERT INTO made_of(id) VALUES (1) RETURNING *',
      'INSERT INTO made_of DEFAULT VALUES RETURNING m',
      "UPDATE refers SET to_mail = 'none'",
      'DELETE FROM t RETURNING old',
    ),
  },
  { weight: 1, arbitrary: overT.map(one => `UPDATE t a SET plain = (${one})::text RETURNING plain, *`) },
  { weight: 1, arbitrary: overT.map(one => `UPDATE t a SET mail = (${one})::text RETURNING old.mail || '', new.*`) },
  { weight: 1, arbitrary: overT.map(one => `DELETE FROM t a RETURNING ${one}`) },
  { weight: 1, arbitrary: anyQuery.map(one => `UPDATE w SET mail = (SELECT z::text FROM (${one}) AS q(z) LIMIT 1) RETURNING *`) },
  { weight: 1, arbitrary: anyQuery.map(one => `INSERT INTO w(i, mail) SELECT 7, z::text FROM (${one}) AS q(z) RETURNING w.*`) },
  {
    weight: 1,
    arbitrary: constantFrom(
      'UPDATE few SET id = 9',
      'UPDATE few SET id = 2',
      'UPDATE few SET id = NULL',
      'DELETE FROM few',
      "INSERT INTO few VALUES (9, 'x')",
    ),
  },
  {
    weight: 1,
    arbitrary: anyQuery.map(
      one =>
        `MERGE INTO u USING (SELECT z AS s FROM (${one}) AS y(z)) q ON u.word = q.s::text WHEN MATCHED THEN UPDATE SET word = 'm' RETURNING q.s, u.*`,
    ),
  },
  { weight: 1, arbitrary: anyQuery.map(one => `DECLARE c CURSOR FOR ${one}; FETCH ALL c`) },
  {
    weight: 1,
    arbitrary: anyQuery.map(one => `PREPARE q1 AS ${one}; EXECUTE q1; DEALLOCATE q1; ${one}`),
  },
  { weight: 1, arbitrary: expression.map(closed).map(one => `PREPARE q2(text) AS SELECT $1 || '.'; EXECUTE q2((${one})::text)`) },
  { weight: 1, arbitrary: anyQuery.map(one => `CREATE TEMP TABLE made AS ${one}; SELECT * FROM made`) },
  { weight: 1, arbitrary: anyQuery.map(one => `CREATE TEMP VIEW seen AS SELECT * FROM (${one}) AS q(z); SELECT z FROM seen`) },
  {
    weight: 1,
    arbitrary: anyQuery.map(one => `DO $do$ DECLARE r record; BEGIN FOR r IN ${one} LOOP RAISE NOTICE '%', r; END LOOP; END $do$`),
  },
)
