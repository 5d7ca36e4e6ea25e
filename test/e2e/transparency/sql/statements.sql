-- Plain statements: what comes back as rows, tags, errors and notices.
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, born date, paid numeric(10, 2) CHECK (paid >= 0), more jsonb);
INSERT INTO people VALUES (1, 'Ada', '1815-12-10', 12.50, '{"a": [1, 2]}'), (2, 'Grace', '1906-12-09', NULL, NULL);
INSERT INTO people VALUES (1, 'Twin', NULL, NULL, NULL);
INSERT INTO people VALUES (3, NULL, NULL, NULL, NULL);
INSERT INTO people VALUES (3, 'Debt', NULL, -1, NULL);
SELECT * FROM people ORDER BY id;
SELECT nothing FROM people;
SELECT * FROM nowhere;
SELEC 1;
SELECT 1/0;
SELECT 'not a number'::int;
SELECT E'tab\tnew\nline', U&'d\0061t\+000061', $tag$ quoted 'as' it is $tag$, 'é', '日本語', '𝒳';
SELECT 'a' 'b';
SELECT 'unfinished;
';
SELECT 1 AS one \; SELECT 2 AS two \; SELECT 1/0 \; SELECT 3 AS three;
SELECT 1 AS one \; INSERT INTO people VALUES (9, 'Nine') \; SELECT count(*) FROM people;
;
\;
SELECT
  name,
  borm
FROM people;
UPDATE people SET paid = 1 WHERE id = 1 RETURNING id, paid;
DELETE FROM people WHERE id = 9;
MERGE INTO people p USING (VALUES (2, 5), (4, 6)) v(id, paid) ON p.id = v.id
  WHEN MATCHED THEN UPDATE SET paid = v.paid WHEN NOT MATCHED THEN INSERT (id, name, paid) VALUES (v.id, 'New', v.paid);
WITH gone AS (DELETE FROM people WHERE id = 4 RETURNING *) SELECT * FROM gone;
EXPLAIN (COSTS OFF) SELECT * FROM people WHERE id = 1;
EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT count(*) FROM people;
DO $$ BEGIN RAISE NOTICE 'a notice of %', 'a block'; RAISE WARNING 'and a warning' USING DETAIL = 'more', HINT = 'do', ERRCODE = '01234'; END $$;
DO $$ BEGIN RAISE EXCEPTION 'an error' USING DETAIL = 'the detail', HINT = 'the hint', ERRCODE = 'P0042'; END $$;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION deep(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / $1; RETURN twice($1); END $$;
SELECT twice(4), deep(1);
SELECT deep(0);
\set VERBOSITY verbose
\set SHOW_CONTEXT always
SELECT 1/0 FROM people WHERE id = 1;
\set VERBOSITY default
CREATE TABLE IF NOT EXISTS people (id int);
DROP TABLE IF EXISTS never_was;
CREATE VIEW named AS SELECT id, name FROM people;
CREATE TRIGGER t BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT generate_series(1, 3), repeat('x', 10);
SELECT repeat('long ', 40000) = repeat('long ', 40000);
SELECT length(repeat('0123456789', 100000)), md5(repeat('0123456789', 100000));
SELECT NULL, '', 'NULL', ARRAY[1, NULL, 3], ROW(1, 'a', NULL), '\x00ff'::bytea, now() > '2000-01-01', 'infinity'::timestamptz;
SELECT g, repeat(chr(64 + g), g) FROM generate_series(1, 26) g;
VALUES (1, 'a'), (2, 'b');
TABLE people;
SHOW server_encoding;
SHOW standard_conforming_strings;
SET search_path = pg_catalog;
SELECT name FROM people;
RESET search_path;
SELECT name FROM people WHERE id = 1;
SET standard_conforming_strings = off;
SELECT 'a\'b';
SET standard_conforming_strings = on;
SET DateStyle = 'German';
SELECT born FROM people WHERE id = 1;
RESET DateStyle;
SET statement_timeout = 100;
SELECT pg_sleep(5);
RESET statement_timeout;
SELECT pg_backend_pid() = (SELECT pid FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS same;
