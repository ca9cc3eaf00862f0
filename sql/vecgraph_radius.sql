-- a bound of the distance in WHERE ends the scan
CREATE TABLE r (id int, c int, v vector(3), h halfvec(32), w vector(32));
SELECT setseed(0.4);
INSERT INTO r SELECT i, i % 50, ARRAY[i % 7, i % 11, i % 13]::vector,
	(SELECT array_agg(random()) FROM generate_series(1, 32) WHERE i > 0)::vector::halfvec,
	(SELECT array_agg(random()) FROM generate_series(1, 32) WHERE i > 0)::vector FROM generate_series(1, 3000) i;
INSERT INTO r VALUES (9999, 1, NULL, NULL, NULL);
CREATE INDEX r_v ON r USING vecgraph (v, c);
CREATE INDEX r_h ON r USING vecgraph (h halfvec_l2_ops, c);
CREATE INDEX r_cosine ON r USING vecgraph (w vector_cosine_ops);
CREATE INDEX r_ip ON r USING vecgraph (w vector_ip_ops) WITH (storage = half);
CREATE INDEX r_l1 ON r USING vecgraph (w vector_l1_ops);
CREATE INDEX r_heap ON r USING vecgraph (w vector_l2_ops, c) WITH (storage = heap);
ANALYZE r;
SET enable_seqscan = off;
-- any of these tells the index
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE v <-> '[1,2,3]' < 2 ORDER BY v <-> '[1,2,3]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE 2.5 >= v <-> '[1,2,3]' ORDER BY v <-> '[1,2,3]';
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE v <-> '[1,2,3]' BETWEEN 0.5 AND 1.5 AND c = 4 ORDER BY v <-> '[1,2,3]';
-- and none of these: another query, another distance, a bound that the row has, a volatile one
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE v <-> '[1,2,4]' < 2 ORDER BY v <-> '[1,2,3]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE v <+> '[1,2,3]' < 2 ORDER BY v <-> '[1,2,3]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE v <-> '[1,2,3]' < c ORDER BY v <-> '[1,2,3]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE v <-> '[1,2,3]' < random() ORDER BY v <-> '[1,2,3]' LIMIT 5;
-- what lies within comes, and nothing else; tiny vectors are exact
SELECT id, v <-> '[1,2,3]' FROM r WHERE v <-> '[1,2,3]' < 1.1 ORDER BY v <-> '[1,2,3]', id;
SELECT count(*) FROM (SELECT id FROM r WHERE v <-> '[1,2,3]' <= 0 ORDER BY v <-> '[1,2,3]') q;
SELECT count(*) FROM (SELECT id FROM r WHERE v <-> '[1,2,3]' < 0 ORDER BY v <-> '[1,2,3]') q;
SELECT count(*) FROM (SELECT id FROM r WHERE v <-> '[1,2,3]' < 'NaN' ORDER BY v <-> '[1,2,3]') q;
SELECT count(*) FROM (SELECT id FROM r WHERE v <-> '[1,2,3]' < 'Infinity' ORDER BY v <-> '[1,2,3]') q;
SELECT count(*) FROM (SELECT id FROM r WHERE v <-> '[1,2,3]' < NULL::float8 ORDER BY v <-> '[1,2,3]') q;
SELECT count(*) FROM (SELECT id FROM r WHERE v <-> NULL < 1 ORDER BY v <-> NULL) q;
-- two bounds, a parameter, a join, a cursor that is rewound
SELECT count(*) FROM (SELECT id FROM r WHERE v <-> '[1,2,3]' < 3 AND v <-> '[1,2,3]' < 1.1 ORDER BY v <-> '[1,2,3]') q;
PREPARE within(vector, float8) AS SELECT id FROM r WHERE v <-> $1 <= $2 ORDER BY v <-> $1, id LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXECUTE within('[1,2,3]', 0.5);
EXECUTE within('[1,2,3]', -1);
EXECUTE within('[6,10,12]', 1);
RESET plan_cache_mode;
SELECT q.radius, n.count FROM (VALUES (0.5), (1.1), (1.5)) q(radius),
	LATERAL (SELECT count(*) FROM (SELECT id FROM r WHERE v <-> '[1,2,3]' < q.radius ORDER BY v <-> '[1,2,3]' LIMIT 1000) s) n;
BEGIN;
DECLARE d SCROLL CURSOR FOR SELECT id FROM r WHERE v <-> '[1,2,3]' < 1.1 ORDER BY v <-> '[1,2,3]', id;
FETCH 1 FROM d;
MOVE ABSOLUTE 0 FROM d;
FETCH 1 FROM d;
COMMIT;
-- every metric and storage: which share of the rows within the radius of 20 and 200 rows came, and whether others did
CREATE FUNCTION share(metric text, col text, condition text, in_order boolean) RETURNS TABLE (share_20 boolean, share_200 boolean, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
	expected bigint;
	found bigint;
	within bigint;
	n bigint;
	shares float8[] := '{}';
	q text;
	radius float8;
BEGIN
	wrong := 0;
	FOREACH expected IN ARRAY ARRAY[20, 200] LOOP
		found := 0;
		within := 0;
		FOR i IN 1..10 LOOP
			EXECUTE format('SELECT %I::text FROM r WHERE id = %s', col, i * 100) INTO q;
			SET LOCAL enable_indexscan = off;
			EXECUTE format('SELECT max(d) FROM (SELECT %I %s %L AS d FROM r WHERE %s ORDER BY 1 LIMIT %s) s', col, metric, q, condition, expected) INTO radius;
			EXECUTE format('SELECT count(*) FROM r WHERE %I %s %L <= %L AND %s', col, metric, q, radius, condition) INTO n;
			within := within + n;
			SET LOCAL enable_indexscan = on;
			EXECUTE format('SELECT $1 + count(*), $2 + count(*) FILTER (WHERE NOT (d <= %L)) FROM (SELECT %I %s %L AS d FROM r '
				'WHERE %I %s %L <= %L AND %s %s) s', radius, col, metric, q, col, metric, q, radius, condition,
				CASE WHEN in_order THEN format('ORDER BY %I %s %L', col, metric, q) END)
				INTO found, wrong USING found, wrong;
		END LOOP;
		shares := shares || found / within::float8;
	END LOOP;
	share_20 := shares[1] >= 0.99 AND shares[1] <= 1;
	share_200 := shares[2] >= 0.99 AND shares[2] <= 1;
	RETURN NEXT;
END $$;
SELECT m, o, s.* FROM (VALUES ('<->', 'h', 'true'), ('<->', 'h', 'c < 10'), ('<=>', 'w', 'true'), ('<#>', 'w', 'true'), ('<+>', 'w', 'true'),
	('<->', 'w', 'true'), ('<->', 'w', 'c IN (1, 2, 3, 4, 5)')) q(m, col, condition), (VALUES (true), (false)) p(o), share(m, col, condition, o) s;
-- what the rows within the radius are hidden by: nearer ones that the condition leaves out, more candidates than memory has room for
CREATE TABLE far (id int, c int, v vector(4));
INSERT INTO far SELECT i, (i % 10 < 3)::int, array_agg(random() + CASE WHEN i % 10 < 3 THEN 20 ELSE 0 END)::vector
	FROM generate_series(1, 12000) i, generate_series(1, 4) WHERE i > 0 GROUP BY i;
CREATE INDEX far_v ON far USING vecgraph (v, c);
ANALYZE far;
SELECT count(*) FROM (SELECT id FROM far WHERE c = 1 AND v <-> '[0,0,0,0]' < 1000 ORDER BY v <-> '[0,0,0,0]' LIMIT 10) q;
SELECT count(*) FROM (SELECT id FROM far WHERE c = 1 AND v <-> '[0,0,0,0]' < 1000 ORDER BY v <-> '[0,0,0,0]') q;
SET work_mem = '64kB';
SELECT count(*) FROM (SELECT id FROM far WHERE v <-> '[0,0,0,0]' < 1000 ORDER BY v <-> '[0,0,0,0]') q;
SELECT count(*) FROM (SELECT id FROM far WHERE c = 0 AND v <-> '[0,0,0,0]' < 1000 ORDER BY v <-> '[0,0,0,0]') q;
RESET work_mem;
DROP TABLE far;
-- rows without a vector are not what an index has
CREATE FUNCTION scan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '% Scan %' AND line NOT LIKE '% Values Scan %' THEN
			RETURN ltrim(line, '-> ');
		END IF;
	END LOOP;
END $$;
SELECT scan_of('SELECT id FROM r WHERE v IS NULL ORDER BY v <-> ''[1,2,3]'' LIMIT 5');
SELECT id FROM r WHERE v IS NULL ORDER BY v <-> '[1,2,3]' LIMIT 5;
-- without ORDER BY: either side, every way to ask of filter columns, children, joins; not where rows are changed or locked
EXPLAIN (COSTS OFF) SELECT count(*) FROM r WHERE v <-> '[1,2,3]' < 1.1;
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE 1.1 >= '[1,2,3]' <-> v AND 4 = c AND c IN (4, 5) AND c IS NOT NULL AND c + 1 > 0 AND h IS NOT NULL;
SELECT scan_of('SELECT id FROM r WHERE v <-> ''[1,2,3]'' < c');
SELECT scan_of('SELECT id FROM r WHERE v <-> ''[1,2,3]'' > 1.1');
SELECT scan_of('UPDATE r SET c = 1 WHERE v <-> ''[1,2,3]'' < 1.1');
SELECT scan_of('SELECT id FROM r WHERE v <-> ''[1,2,3]'' < 1.1 FOR UPDATE');
SELECT scan_of('SELECT x FROM (VALUES (1), (2)) q(x) WHERE NOT EXISTS (SELECT FROM r WHERE v <-> ''[1,2,3]'' < 1.1 AND id = x)');
SELECT scan_of('SELECT id FROM (VALUES (1), (2)) q(x) LEFT JOIN (SELECT id FROM r WHERE v <-> ''[1,2,3]'' < 1.1) n ON id = x');
SET vecgraph.enable_radius_scan = off;
SELECT scan_of('SELECT id FROM r WHERE v <-> ''[1,2,3]'' < 1.1');
RESET vecgraph.enable_radius_scan;
SELECT array_agg(id ORDER BY id) FROM r WHERE v <-> '[1,2,3]' < 1.1;
SELECT array_agg(id ORDER BY id) FROM r WHERE 1.1 >= '[1,2,3]' <-> v AND 34 = c AND c IN (34, 5) AND c IS NOT NULL AND c + 1 > 0;
SELECT count(*) FROM r WHERE v <-> '[1,2,3]' < NULL::float8;
SELECT count(*) FROM r WHERE v <-> '[1,2,3]' < -1;
SELECT count(*) FROM r WHERE v <-> '[1,2,3]' < 'Infinity' AND c = 1;
SELECT v <-> '[1,2,3]' AS d, count(*) FROM r WHERE v <-> '[1,2,3]' < 1.5 GROUP BY d ORDER BY d;
PREPARE near(vector, float8) AS SELECT count(*) FROM r WHERE v <-> $1 < $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE near('[1,2,3]', 1.1);
EXECUTE near('[1,2,3]', 1.1);
EXECUTE near('[6,10,12]', 1.1);
EXECUTE near(NULL, 1.1);
EXECUTE near('[1,2]', 1.1);
RESET plan_cache_mode;
SELECT q.x, (SELECT count(*) FROM r WHERE v <-> q.x < 1.1) FROM (VALUES ('[1,2,3]'::vector), ('[6,10,12]'), (NULL)) q(x);
SELECT count(*) FROM r a, r b WHERE a.v <-> '[1,2,3]' < 1.1 AND b.v <-> a.v < 1.1 AND b.id < 100;
-- all that lies within is wanted, whatever is to be left out of an order
SET vecgraph.iterative_scan = off;
SELECT count(*) FROM r WHERE v <-> '[1,2,3]' < 5;
SET vecgraph.iterative_scan = strict_order;
SELECT count(*) FROM r WHERE v <-> '[1,2,3]' < 5;
RESET vecgraph.iterative_scan;
SET vecgraph.max_scan_tuples = 10;
SELECT count(*) FROM r WHERE v <-> '[1,2,3]' < 5;
RESET vecgraph.max_scan_tuples;
CREATE TABLE parts (id int, c int, v vector(3)) PARTITION BY LIST (c);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1, 2, 3);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT id, c, v FROM r;
CREATE INDEX ON parts USING vecgraph (v, c);
EXPLAIN (COSTS OFF) SELECT id FROM parts WHERE v <-> '[1,2,3]' < 1.1;
SELECT array_agg(id ORDER BY id) FROM parts WHERE v <-> '[1,2,3]' < 1.1;
-- not where rows are changed or locked by what is found, nor of a sample; columns that are computed with another table's
CREATE FUNCTION uses(index text, query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%using ' || index || ' %' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT uses('r_v', 'SELECT id FROM parts WHERE id NOT IN (SELECT id FROM r WHERE v <-> ''[1,2,3]'' < 1.1)');
SELECT uses('r_v', 'DELETE FROM parts WHERE id NOT IN (SELECT id FROM r WHERE v <-> ''[1,2,3]'' < 1.1)');
SELECT uses('r_v', 'WITH near AS MATERIALIZED (SELECT id FROM r WHERE v <-> ''[1,2,3]'' < 1.1) DELETE FROM parts USING near WHERE near.id = parts.id');
SELECT uses('r_v', 'WITH near AS MATERIALIZED (SELECT id FROM r WHERE v <-> ''[1,2,3]'' < 1.1), gone AS (DELETE FROM parts USING near WHERE near.id = parts.id) '
	'SELECT 1');
SELECT uses('r_v', 'SELECT id FROM parts WHERE id > (SELECT max(id) FROM r WHERE v <-> ''[1,2,3]'' < 1.1) FOR UPDATE');
SELECT uses('r_v', 'INSERT INTO parts SELECT max(id) FROM r WHERE v <-> ''[1,2,3]'' < 1.1');
SET seq_page_cost = 1000;
SELECT uses('r_v', 'SELECT id FROM r TABLESAMPLE BERNOULLI (99) WHERE v <-> ''[1,2,3]'' < 1.1');
RESET seq_page_cost;
SELECT q.x, s.* FROM (VALUES (1), (2)) q(x) LEFT JOIN LATERAL
	(SELECT coalesce(q.x, 0) + 1 AS y, min(id) FROM r WHERE v <-> '[1,2,3]' < 1.1) s ON true;
SELECT a.id, s.* FROM parts a LEFT JOIN LATERAL
	(SELECT coalesce(a.id, 0) + 1 AS y, id FROM r WHERE v <-> '[1,2,3]' < 1.1) s ON s.id = a.id WHERE a.id < 3 ORDER BY 1;
DROP TABLE parts;
DROP FUNCTION share, scan_of, uses;
DROP TABLE r;
