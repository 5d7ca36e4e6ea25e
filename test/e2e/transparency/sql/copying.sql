-- COPY both ways, its errors, and large objects (function-call messages).
CREATE TABLE c (id int, words text);
COPY c FROM STDIN;
1	one
2	\N
3	tab\tand \\ backslash
\.
COPY c TO STDOUT;
COPY c FROM STDIN (FORMAT csv, HEADER);
id,words
4,"quoted, ""twice"""
5,
\.
COPY c TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY c FROM STDIN;
6	six
not a number	seven
8	eight
\.
SELECT count(*) FROM c;
COPY c FROM STDIN;
9
\.
COPY nowhere FROM STDIN;
COPY nowhere TO STDOUT;
COPY (SELECT g, repeat('x', g) FROM generate_series(1, 5) g) TO STDOUT WITH DELIMITER '|';
COPY (SELECT 1 / (3 - g) FROM generate_series(1, 5) g) TO STDOUT;
SELECT 1 AS before \; COPY c (id) FROM STDIN \; SELECT count(*) AS between FROM c \; COPY (SELECT 'out') TO STDOUT \; SELECT 2 AS behind;
10
11
\.
BEGIN;
COPY c FROM STDIN;
12	twelve
\.
ROLLBACK;
SELECT count(*) FROM c;
\copy c TO pstdout
\copy c (id) FROM pstdin
13
14
\.
\copy (SELECT count(*) FROM c) TO pstdout
COPY (SELECT g, md5(g::text) FROM generate_series(1, 20000) g) TO STDOUT;
CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 500) AS words FROM generate_series(1, 200) g;
COPY big TO STDOUT;
SELECT lo_create(4711);
SELECT lo_put(4711, 0, 'some bytes of a large object');
\lo_export 4711 /dev/null
\lo_import /etc/hostname 'a name'
\lo_unlink 4711
\lo_unlink 4711
SELECT lo_get(4711);
