-- the exact nearest rows of many queries
CREATE TABLE knn (id int PRIMARY KEY, v vector(3), h halfvec(3), a real[], name text);
INSERT INTO knn SELECT i, ARRAY[i, i % 7, 1]::vector, ARRAY[i, i % 7, 1]::halfvec, ARRAY[i, i % 7, 1], 'row ' || i FROM generate_series(1, 1000) i;
INSERT INTO knn VALUES (1001, NULL, NULL, NULL, 'nothing'), (1002, '[0,0,0]', '[0,0,0]', '{0,0,0}', 'zero'), (1003, '[1,1,1]', '[1,1,1]', '{1,1,1}', 'like 1');

-- by place: the same statement has the same snapshot, so that the place is that of the row
SELECT r.query, t.id, r.distance, t.v <-> ('{"[1,2,3]","[500,1,1]"}'::vector[])[r.query] = r.distance AS same
	FROM vecidx_knn('{"[1,2,3]","[500,1,1]"}', 'knn', 'v', 4) r JOIN knn t ON t.ctid = r.ctid ORDER BY query, distance, id;
-- by a column, of its type or another
SELECT * FROM vecidx_knn('{"[1,2,3]","[500,1,1]"}', 'knn', 'v', 4, 'id', NULL::int);
SELECT query, key, pg_typeof(key), distance FROM vecidx_knn(ARRAY['[1,2,3]'::vector], source => 'knn', source_column => 'v', k => 2, key_column => 'name', key_type => NULL::text, metric => 'L1');
SELECT key, round(distance::numeric, 6) FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 3, 'id', NULL::bigint, 'cosine');
SELECT key, distance FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 3, 'id', NULL::bigint, 'ip');
-- halves, with queries rounded as the cast does, and arrays
SELECT key, distance = h <-> '[500.1,1,1]' AS same, distance = v <-> '[500.1,1,1]' AS as_vector FROM vecidx_knn('{"[500.1,1,1]"}', 'knn', 'h', 2, 'id', 0) JOIN knn ON id = key ORDER BY distance;
SELECT key, distance FROM vecidx_knn('{"[500,1,1]"}', 'knn', 'a', 2, 'id', 0);
SELECT key, distance FROM vecidx_knn(ARRAY['[500,1,1]'::halfvec]::vector[], 'knn', 'v', 2, 'id', 0);
-- the queries are those of a table
SELECT count(*), count(DISTINCT query), sum(distance) FROM vecidx_knn(ARRAY(SELECT v FROM knn WHERE v IS NOT NULL ORDER BY id), 'knn', 'v', 1, 'id', 0);

-- no queries, NULLs among them, nothing at all
SELECT * FROM vecidx_knn('{}', 'knn', 'v', 4);
SELECT * FROM vecidx_knn('{NULL,"[1,2,3]",NULL}', 'knn', 'v', 1, 'id', 0);
SELECT * FROM vecidx_knn('{NULL}', 'knn', 'v', 1, 'id', 0);
SELECT * FROM vecidx_knn(NULL, 'knn', 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', NULL, 'id', 0);
-- more than there are: all rows with a vector
SELECT count(*), max(distance) FROM vecidx_knn('{"[1,2,3]","[0,0,0]"}', 'knn', 'v', 2147483647, 'id', 0);
-- zero vectors have no cosine: they come last, as in ORDER BY
SELECT key, distance FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 2000, 'id', 0, 'cosine') ORDER BY distance DESC, key LIMIT 1;
SELECT key, distance FROM vecidx_knn('{"[0,0,0]"}', 'knn', 'v', 2, 'id', 0, 'cosine');
-- rows at one distance are ordered by their keys, as their type orders them
SELECT key, distance FROM vecidx_knn('{"[1,1,1]"}', 'knn', 'v', 2, 'id', 0);
SELECT key, distance FROM vecidx_knn('{"[1,1,1]"}', 'knn', 'v', 2, 'name', NULL::text);
CREATE VIEW knn_null AS SELECT CASE WHEN id <> 1 THEN id END AS id, v FROM knn;
SELECT key, distance FROM vecidx_knn('{"[1,1,1]"}', 'knn_null', 'v', 2, 'id', 0);
-- keys of types whose names, without a length, are those of types of length 1
CREATE VIEW knn_padded AS SELECT name::char(10) AS name, id::bit(12) AS bits, v FROM knn;
SELECT key, pg_typeof(key) FROM vecidx_knn('{"[999,5,1]"}', 'knn_padded', 'v', 1, 'name', NULL::char(10));
SELECT key, pg_typeof(key) FROM vecidx_knn('{"[999,5,1]"}', 'knn_padded', 'v', 1, 'bits', NULL::bit(12));
-- rows as keys, which stay of their own type
CREATE TYPE knn_row AS (a int, b text);
CREATE VIEW knn_rows AS SELECT ROW(id % 7, name)::knn_row AS key, v FROM knn;
SELECT key FROM vecidx_knn('{"[999,5,1]"}', 'knn_rows', 'v', 2, 'key', NULL::knn_row);
SELECT key FROM vecidx_knn('{"[999,5,1]"}', 'knn_rows', 'v', 2, 'key', NULL::record);
-- extremes
CREATE TABLE knn_far (id int, v vector);
INSERT INTO knn_far VALUES (1, '[1e20,0]'), (2, '[1e-24,0]'), (3, '[-1e-24,0]'), (4, '[3e38,3e38]'), (5, '[1e20,1e20]'), (6, '[0,0]'), (7, '[1,1]');
SELECT metric, query, array_agg(key ORDER BY ordinality) FILTER (WHERE metric <> 'cosine') AS keys,
		bool_and(distance = CASE metric WHEN 'l2' THEN t.v <-> q WHEN 'ip' THEN t.v <#> q WHEN 'cosine' THEN t.v <=> q ELSE t.v <+> q END) AS same
	FROM unnest('{l2,ip,cosine,l1}'::text[]) metric,
		(SELECT ARRAY(SELECT v FROM knn_far ORDER BY id) AS queries) s,
		vecidx_knn(queries, 'knn_far', 'v', 3, 'id', 0, metric) WITH ORDINALITY,
		LATERAL (SELECT queries[query] AS q) p, LATERAL (SELECT v FROM knn_far WHERE id = key) t
	GROUP BY metric, query ORDER BY metric, query;
CREATE TABLE knn_empty (v vector(3));
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', 4);

-- what can be read with SELECT can be read with this
CREATE MATERIALIZED VIEW knn_mat AS SELECT * FROM knn;
SELECT query, id FROM vecidx_knn('{"[1,2,3]"}', 'knn_mat', 'v', 1) r JOIN knn_mat m ON m.ctid = r.ctid;
CREATE VIEW knn_view AS SELECT id * 10 AS id, v FROM knn WHERE id % 2 = 0;
SELECT key FROM vecidx_knn('{"[1,2,3]"}', 'knn_view', 'v', 2, 'id', 0);
CREATE TABLE knn_parts (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE knn_part1 PARTITION OF knn_parts FOR VALUES FROM (0) TO (500);
CREATE TABLE knn_part2 PARTITION OF knn_parts DEFAULT;
INSERT INTO knn_parts SELECT id, v FROM knn;
SELECT key FROM vecidx_knn('{"[500,1,1]"}', 'knn_parts', 'v', 3, 'id', 0);
CREATE TABLE knn_child (extra int) INHERITS (knn);
INSERT INTO knn_child VALUES (5000, '[1,2,3]', NULL, NULL, 'child', 1);
SELECT key FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 2, 'id', 0);
CREATE TEMP TABLE knn_temp AS SELECT * FROM knn_far;
SELECT key FROM vecidx_knn('{"[1,1]"}', 'knn_temp', 'v', 1, 'id', 0);
CREATE DOMAIN knn_domain AS vector(2);
CREATE TABLE "knn ""quoted" ("the key" int, "the v" knn_domain);
INSERT INTO "knn ""quoted" VALUES (1, '[1,2]');
SELECT * FROM vecidx_knn('{"[1,1]"}', '"knn ""quoted"', 'the v', 1, 'the key', 0);
SELECT ctid FROM vecidx_knn('{"[1,1]"}', '"knn ""quoted"', 'the v', 1);
DROP TABLE "knn ""quoted";
-- rows of the transaction's own, not those of its statement
WITH new AS (INSERT INTO knn_empty VALUES ('[1,2,3]') RETURNING v) SELECT (SELECT count(*) FROM new) AS new, (SELECT count(*) FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', 4)) AS found;
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', 4);

-- errors
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_view', 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_parts', 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', 0);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', -1, 'ctid', NULL::tid);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'w', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', 1, 'w', 0);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', 1, 'l3');
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_empty', 'v', 1, 'hamming');
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_pkey', 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_nowhere', 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 0, 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]","[1,2]"}', 'knn_empty', 'v', 1);
SELECT * FROM vecidx_knn('{"[1,2]"}', 'knn_empty', 'v', 1);
SELECT * FROM vecidx_knn('{"[70000,1,1]"}', 'knn', 'h', 1, 'id', 0);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'name', 1, 'id', 0);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'id', 1, 'id', 0);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 1, 'name', NULL::int);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 1, 'id', NULL::xid);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn', 'v', 1, 'id', NULL);
INSERT INTO knn_far VALUES (8, '[1,2,3]');
SELECT * FROM vecidx_knn('{"[1,1]"}', 'knn_far', 'v', 1, 'id', 0);
CREATE TABLE knn_other (s sparsevec(3), b bit(3), id int);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_other', 's', 1);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_other', 'b', 1);
DROP TABLE knn_other;
-- too many for the memory: fewer queries in a pass, or an error
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT query), count(*) FILTER (WHERE key = query AND distance = 0) FROM vecidx_knn(ARRAY(SELECT v FROM knn WHERE id <= 1000 ORDER BY id), 'knn', 'v', 50, 'id', 0);
SELECT query, count(*), min(distance) FROM vecidx_knn(ARRAY(SELECT v FROM knn WHERE id <= 3 ORDER BY id), 'knn', 'v', 550, 'name', NULL::text) GROUP BY query ORDER BY query;
SELECT count(*) FROM vecidx_knn('{"[1,2,3]","[1,2,4]"}', 'knn_mat', 'v', 100000);
INSERT INTO knn_parts SELECT i, '[1,1,1]' FROM generate_series(1, 10000) i;
SELECT count(*) FROM vecidx_knn('{"[1,2,3]","[1,2,4]"}', 'knn_parts', 'v', 5000, 'id', 0);
-- a view that calls what replaces it by another one, between the passes
CREATE FUNCTION knn_replace(text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'DROP VIEW knn_other; CREATE VIEW knn_other AS SELECT ' || $1;
	RETURN true;
END $$;
CREATE VIEW knn_other AS SELECT id, v FROM knn WHERE id > 1 OR knn_replace('1 AS id, 2 AS v');
SELECT count(*) FROM vecidx_knn(ARRAY(SELECT v FROM knn WHERE id <= 1000), 'knn_other', 'v', 50, 'id', 0);
DROP VIEW knn_other;
DROP FUNCTION knn_replace;
RESET work_mem;

-- rights and row security are the caller's
CREATE ROLE regress_knn;
SET ROLE regress_knn;
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_mat', 'v', 1);
RESET ROLE;
GRANT SELECT (v) ON knn_mat TO regress_knn;
SET ROLE regress_knn;
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_mat', 'v', 1, 'id', 0);
SELECT * FROM vecidx_knn('{"[1,2,3]"}', 'knn_mat', 'v', 1);
RESET ROLE;
GRANT SELECT (id) ON knn_mat TO regress_knn;
GRANT SELECT ON knn_part1 TO regress_knn;
ALTER TABLE knn_part1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON knn_part1 USING (id % 2 = 1);
SET ROLE regress_knn;
SELECT key FROM vecidx_knn('{"[1,2,3]"}', 'knn_mat', 'v', 1, 'id', 0);
SELECT key FROM vecidx_knn('{"[4,4,1]"}', 'knn_part1', 'v', 1, 'id', 0);
SET row_security = off;
SELECT key FROM vecidx_knn('{"[4,4,1]"}', 'knn_part1', 'v', 1, 'id', 0);
RESET row_security;
RESET ROLE;
SELECT key FROM vecidx_knn('{"[4,4,1]"}', 'knn_part1', 'v', 1, 'id', 0);

DROP TABLE knn, knn_child, knn_far, knn_empty, knn_parts, knn_temp CASCADE;
DROP TYPE knn_row;
DROP DOMAIN knn_domain;
DROP ROLE regress_knn;
