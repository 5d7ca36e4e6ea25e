-- What psql itself asks: the catalog behind \d, descriptions by the extended protocol, variables from results.
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('fine', 'tired');
CREATE TABLE shop.orders (id serial PRIMARY KEY, item text DEFAULT 'nothing', mood shop.mood, at timestamptz, CHECK (id > 0));
CREATE INDEX ON shop.orders (item) WHERE mood = 'tired';
CREATE TABLE shop.lines (order_id int REFERENCES shop.orders ON DELETE CASCADE, n int, PRIMARY KEY (order_id, n)) PARTITION BY RANGE (n);
CREATE TABLE shop.first_lines PARTITION OF shop.lines FOR VALUES FROM (0) TO (10);
CREATE VIEW shop.tired AS SELECT * FROM shop.orders WHERE mood = 'tired';
CREATE MATERIALIZED VIEW shop.counted AS SELECT count(*) FROM shop.orders;
CREATE RULE no_delete AS ON DELETE TO shop.tired DO INSTEAD NOTHING;
COMMENT ON TABLE shop.orders IS 'what was ordered';
\dn shop
\d shop.*
\d+ shop.orders
\dt shop.*
\di shop.*
\dv+ shop.tired
\dT+ shop.mood
\ds shop.*
\sv shop.tired
\dp shop.*
\df shop.*
\dd shop.*
SELECT id, item, mood, at, 1 AS one, 'x' AS text FROM shop.orders \gdesc
SELECT nothing FROM shop.orders \gdesc
INSERT INTO shop.orders (item) VALUES ('one') \gdesc
CREATE TABLE never (id int) \gdesc
SELECT 42 AS answer, NULL AS empty \gset
\echo :answer
SELECT :answer + 1 AS next;
SELECT format('SELECT %s AS made', g) FROM generate_series(1, 3) g \gexec
SELECT 'a' AS r, 'x' AS c, 1 AS v UNION ALL SELECT 'b', 'y', 2 \crosstabview
\x on
SELECT * FROM pg_catalog.pg_am ORDER BY oid LIMIT 2;
\x off
\encoding
\encoding LATIN1
SELECT 'plain';
\encoding UTF8
SELECT 'é';
SET client_min_messages = debug1;
CREATE TEMP TABLE passing (id serial PRIMARY KEY);
RESET client_min_messages;
CREATE ROLE transparent_reader;
SET ROLE transparent_reader;
SELECT current_user, session_user = current_user AS same;
SELECT * FROM shop.orders;
RESET ROLE;
SET SESSION AUTHORIZATION transparent_reader;
CREATE TABLE denied (id int);
RESET SESSION AUTHORIZATION;
DROP ROLE transparent_reader;
VACUUM shop.orders;
BEGIN;
VACUUM shop.orders;
ROLLBACK;
CREATE INDEX CONCURRENTLY ON shop.orders (at);
SELECT 1 \; VACUUM shop.orders;
SELECT * FROM shop.orders, LATERAL (SELECT id + 1 AS after) l;
DROP SCHEMA shop CASCADE;
