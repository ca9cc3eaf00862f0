-- The order of a scan serves ORDER BY ... LIMIT and nothing else: which statements get a scan, and that all others answer as they
-- do without the index. Coordinates are small integers, so that many distances are equal; the list is small, so that scans that
-- go on return late rows.
CREATE TABLE p (id int PRIMARY KEY, kind int, x float8, v vector(6), w vector(6));
CREATE FUNCTION corner(i int, salt int) RETURNS vector(6) IMMUTABLE LANGUAGE sql AS $$
	SELECT array_agg((hashint4(i * 6 + salt + k) & 7)::float4 ORDER BY k)::vector(6) FROM generate_series(1, 6) k $$;
INSERT INTO p SELECT i, i % 3, i % 11, corner(i, 0), corner(i, 7000) FROM generate_series(1, 4000) i;
INSERT INTO p VALUES (4001, 0, 0, NULL, NULL);
CREATE INDEX p_v ON p USING vecgraph (v) WITH (codes = none, max_degree = 8);
CREATE TABLE near (q vector(6), d float8);
INSERT INTO near VALUES ('[1,2,3,4,5,6]', 3), ('[0,0,0,0,0,0]', 9);
ANALYZE p;
ANALYZE near;
SET vecgraph.search_list_size = 4;
SET jit = off;
-- what of a plan matters here, and does not depend on the server's version
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	scan boolean := false;
	sort boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		scan := scan OR line ~ 'Index Scan using p\w*_v';
		sort := sort OR line ~ '^\W*Sort$';
	END LOOP;
	RETURN CASE WHEN scan THEN 'scan' ELSE 'no scan' END || CASE WHEN sort THEN ', sort' ELSE '' END;
END $$;
-- the rows of a statement in their order, as planned now and by a plan that is free of the index
CREATE FUNCTION answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'SELECT array_agg(a::text) FROM (' || query || ') a' INTO result;
	RETURN result;
END $$;
CREATE FUNCTION exact_answer(query text) RETURNS text LANGUAGE sql
	SET enable_indexscan = off SET enable_seqscan = on SET enable_sort = on SET enable_hashagg = on
	SET enable_hashjoin = on SET enable_nestloop = on
	AS $$ SELECT answer(query) $$;
CREATE FUNCTION answers_rightly(query text) RETURNS boolean LANGUAGE sql AS $$ SELECT answer(query) = exact_answer(query) $$;
CREATE TABLE statements (id serial, query text);
INSERT INTO statements (query) VALUES
	('SELECT v <-> q AS d, count(*) FROM p GROUP BY 1 ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p GROUP BY 1 ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d, kind, count(*) FROM p GROUP BY ROLLUP (1, 2) ORDER BY 1, 2 LIMIT 40'),
	('SELECT DISTINCT v <-> q AS d FROM p ORDER BY 1 LIMIT 20'),
	('SELECT count(*) FROM (SELECT DISTINCT v <-> q AS d FROM p OFFSET 0) s'),
	('SELECT DISTINCT ON (v <-> q) id, v <-> q FROM p ORDER BY v <-> q, id LIMIT 20'),
	('SELECT v <-> q AS d, rank() OVER (ORDER BY v <-> q) FROM p ORDER BY 1 LIMIT 200'),
	('SELECT v <-> q AS d, lag(v <-> q) OVER (ORDER BY v <-> q) FROM p ORDER BY 1 LIMIT 200'),
	('SELECT v <-> q AS d, count(*) OVER (ORDER BY v <-> q RANGE BETWEEN 0.25 PRECEDING AND CURRENT ROW) FROM p ORDER BY 1 LIMIT 200'),
	('SELECT v <-> q AS d, count(*) OVER () FROM p ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p ORDER BY 1 FETCH FIRST 17 ROWS WITH TIES'),
	('SELECT min(v <-> q) FROM p'),
	('SELECT min(v <-> q) FROM p WHERE kind = 1 HAVING count(*) > 1 ORDER BY 1'),
	('SELECT (array_agg(v <-> q ORDER BY v <-> q))[1:20] FROM p'),
	('SELECT percentile_disc(0.25) WITHIN GROUP (ORDER BY v <-> q) FROM p'),
	('SELECT v <-> q AS d FROM p UNION SELECT w <-> q FROM p ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p EXCEPT SELECT w <-> q FROM p WHERE kind = 2 ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p JOIN near ON v <-> q = near.d ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d, near.d FROM p LEFT JOIN near ON v <-> q = near.d ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p FULL JOIN near ON v <-> q = near.d ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p WHERE EXISTS (SELECT 1 FROM near WHERE v <-> q = near.d) ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p WHERE NOT EXISTS (SELECT 1 FROM near WHERE v <-> q = near.d) ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d FROM p WHERE v <-> q = x ORDER BY 1 LIMIT 20'),
	('SELECT k, id FROM generate_series(4000, 4001) k LEFT JOIN p ON id + 0 = k ORDER BY v <-> q LIMIT 2'),
	('SELECT count(id), count(k) FROM (SELECT id, k FROM p FULL JOIN generate_series(4000, 4001) k ON id + 0 = k ORDER BY v <-> q LIMIT 5000) s');
UPDATE statements SET query = regexp_replace(query, '\mq\M', '''[1,2,3,4,5,6]''::vector', 'g');
SELECT id, plan(query) ~ '^no scan', answers_rightly(query) FROM statements ORDER BY id;
-- disabling the alternatives does not bring the scan back
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_hashagg = off;
SET enable_bitmapscan = off;
SELECT id, plan(query) ~ '^no scan', answers_rightly(query) FROM statements ORDER BY id;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SET vecgraph.iterative_scan = strict_order;
SELECT bool_and(plan(query) ~ '^no scan'), bool_and(answers_rightly(query)) FROM statements;
RESET ALL;
SET vecgraph.search_list_size = 4;
SET jit = off;
-- two distances: a scan in order of the first
SELECT plan($$SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]', v <-> '[0,0,0,0,0,0]' LIMIT 3$$);
SELECT count(*) FROM (SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]', v <-> '[0,0,0,0,0,0]' LIMIT 3) s;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) FROM (SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]', v <-> '[0,0,0,0,0,0]', v <-> '[1,1,1,1,1,1]' LIMIT 3) s;
SET vecgraph.search_list_size = 400;
SELECT answers_rightly($$SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]', v <-> '[0,0,0,0,0,0]' LIMIT 3$$);
SELECT answers_rightly($$SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]', id LIMIT 3$$);
SELECT answers_rightly($$SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]' DESC, v <-> '[0,0,0,0,0,0]' LIMIT 3$$);
RESET ALL;
SET vecgraph.search_list_size = 4;
SET jit = off;
-- an outer query sorts again if it wants order, and takes the rows as they come if not
CREATE VIEW nearest WITH (security_barrier) AS
	SELECT id, kind, v <-> '[1,2,3,4,5,6]' AS d FROM p ORDER BY d LIMIT 300;
SELECT plan('SELECT * FROM nearest');
SELECT plan('SELECT * FROM nearest WHERE kind = 1 LIMIT 5');
SELECT plan('SELECT * FROM nearest ORDER BY d LIMIT 5');
SELECT plan('SELECT d, rank() OVER (ORDER BY d) FROM nearest');
-- every group once, every rank right, and so on, of the rows that came
SET enable_hashagg = off;
SET enable_sort = off;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) = count(DISTINCT d), sum(n) FROM (SELECT d, count(*) AS n FROM nearest GROUP BY d) s;
SELECT count(*) = count(DISTINCT d) FROM (SELECT DISTINCT d FROM nearest OFFSET 0) s;
SELECT count(*) = count(DISTINCT d) FROM (SELECT d FROM nearest UNION SELECT d FROM nearest OFFSET 0) s;
SELECT bool_and(r = n) FROM (SELECT r, count(*) OVER (ORDER BY d RANGE UNBOUNDED PRECEDING)
		- count(*) OVER (PARTITION BY d) + 1 AS n
	FROM (SELECT d, rank() OVER (ORDER BY d) AS r FROM nearest OFFSET 0) s) t;
SELECT bool_and(d >= before) FROM (SELECT d, lag(d) OVER (ORDER BY d) AS before FROM nearest) s;
SELECT (SELECT count(*) FROM nearest a JOIN nearest b USING (d))
	= (SELECT sum(n * n) FROM (SELECT d, count(*) AS n FROM nearest GROUP BY d) g);
WITH n AS MATERIALIZED (SELECT * FROM nearest)
	SELECT count(*) = count(DISTINCT d), sum(n) FROM (SELECT d, count(*) AS n FROM n GROUP BY d) s;
SELECT bool_and(d >= before) FROM (SELECT d, lag(d) OVER () AS before FROM (SELECT d FROM nearest ORDER BY d LIMIT 250) s) t;
RESET ALL;
SET vecgraph.search_list_size = 4;
SET jit = off;
-- where the order is the statement's own it is used as before: limits by parameter, cursors, locks, joins, sub-selects
SELECT plan($$SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 10$$);
SELECT plan($$SELECT id FROM p WHERE kind = 1 ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 10 OFFSET 5 FOR UPDATE SKIP LOCKED$$);
SELECT plan($$SELECT id FROM p LEFT JOIN near ON near.d = p.x ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 10$$);
SELECT plan($$SELECT s.* FROM near, LATERAL (SELECT id, v <-> q AS d FROM p ORDER BY 2 LIMIT 3) s$$);
SELECT plan($$SELECT s.d, count(*) FROM near, LATERAL (SELECT id, v <-> q AS d FROM p ORDER BY 2 LIMIT 3) s GROUP BY 1 ORDER BY 1$$);
SELECT plan($$SELECT (SELECT id FROM p ORDER BY v <-> q LIMIT 1) FROM near$$);
SELECT plan($$SELECT 1 FROM near WHERE EXISTS (SELECT 1 FROM (SELECT kind FROM p ORDER BY v <-> q LIMIT 5) s WHERE kind = 1)$$);
SELECT plan($$SELECT min(d) FROM nearest$$);
SELECT plan($$INSERT INTO near SELECT v, x FROM p ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 10$$);
SELECT plan($$SELECT id, generate_series(1, 2) FROM p ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 10$$);
SELECT plan($$DECLARE c CURSOR FOR SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]'$$);
-- all rows: sorted, with those that have no vector, unless sorting is not wanted
SELECT plan($$SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]'$$);
SELECT plan($$SELECT v::text::char(8000), w::text::char(8000) FROM p ORDER BY v <-> '[1,2,3,4,5,6]'$$);
SELECT count(*) FROM (SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]') s;
SET enable_seqscan = off;
SELECT plan($$SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]'$$);
RESET ALL;
SET vecgraph.search_list_size = 4;
SET jit = off;
SET plan_cache_mode = force_generic_plan;
PREPARE nearest_rows(vector, int) AS SELECT id FROM p ORDER BY v <-> $1 LIMIT $2;
SELECT plan($$EXECUTE nearest_rows('[1,2,3,4,5,6]', 10)$$);
PREPARE grouped(vector, int) AS SELECT v <-> $1, count(*) FROM p GROUP BY 1 ORDER BY 1 LIMIT $2;
SELECT plan($$EXECUTE grouped('[1,2,3,4,5,6]', 10)$$);
RESET plan_cache_mode;
-- a cursor that goes back keeps what it has given
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM p ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 300;
DO $$
DECLARE
	c refcursor := 'c';
	there int[];
	back int[];
	row int;
BEGIN
	LOOP
		FETCH c INTO row;
		EXIT WHEN NOT FOUND;
		there := there || row;
	END LOOP;
	LOOP
		FETCH PRIOR FROM c INTO row;
		EXIT WHEN NOT FOUND;
		back := row || back;
	END LOOP;
	RAISE NOTICE '% rows, the same back: %', cardinality(there), there = back;
END $$;
ROLLBACK;
-- partitions and UNION ALL are merged for an ORDER BY; nothing else is made of that
CREATE TABLE parts (id int, kind int, v vector(6)) PARTITION BY LIST (kind);
CREATE TABLE p_0 PARTITION OF parts FOR VALUES IN (0);
CREATE TABLE p_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE p_2 PARTITION OF parts FOR VALUES IN (2);
INSERT INTO parts SELECT id, kind, v FROM p;
CREATE INDEX ON parts USING vecgraph (v) WITH (codes = none, max_degree = 8);
ANALYZE parts;
EXPLAIN (COSTS OFF) SELECT id FROM parts ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 10;
SELECT plan($$SELECT d FROM (SELECT v <-> '[1,2,3,4,5,6]' AS d FROM p_0 UNION ALL SELECT v <-> '[1,2,3,4,5,6]' FROM p_1) u ORDER BY d LIMIT 5$$);
TRUNCATE statements RESTART IDENTITY;
INSERT INTO statements (query) VALUES
	('SELECT v <-> q AS d, count(*) FROM parts GROUP BY 1 ORDER BY 1 LIMIT 20'),
	('SELECT DISTINCT v <-> q AS d FROM parts ORDER BY 1 LIMIT 20'),
	('SELECT v <-> q AS d, rank() OVER (ORDER BY v <-> q) FROM parts ORDER BY 1 LIMIT 200'),
	('SELECT v <-> q AS d FROM parts LEFT JOIN near ON v <-> q = near.d ORDER BY 1 LIMIT 20'),
	('SELECT min(v <-> q) FROM parts'),
	('SELECT d, count(*) FROM (SELECT v <-> q AS d FROM p_0 UNION ALL SELECT v <-> q FROM p_1) u GROUP BY d ORDER BY d LIMIT 20'),
	('SELECT d FROM (SELECT v <-> q AS d FROM p_0 UNION ALL SELECT v <-> q FROM p_1) u LEFT JOIN near USING (d) ORDER BY d LIMIT 20');
UPDATE statements SET query = regexp_replace(query, '\mq\M', '''[1,2,3,4,5,6]''::vector', 'g');
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_hashagg = off;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT id, plan(query) ~ '^no scan', answers_rightly(query) FROM statements ORDER BY id;
-- a subquery that is merged; one without a limit of its own, inside a query that has one
SELECT bool_and(d >= before) FROM (SELECT d, lag(d) OVER (ORDER BY d) AS before
	FROM (SELECT v <-> '[1,2,3,4,5,6]' AS d FROM parts ORDER BY d LIMIT 300) s) t;
SELECT count(*) FROM (SELECT d FROM (SELECT v <-> '[1,2,3,4,5,6]' AS d FROM parts ORDER BY d OFFSET 0) s LIMIT 300) t;
RESET ALL;
-- the vector of an outer query is not known in parallel workers
SET enable_seqscan = off;
SET enable_nestloop = off;
SET enable_material = off;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET parallel_leader_participation = off;
SELECT answers_rightly($$SELECT s.* FROM near,
	LATERAL (SELECT parts.v <-> q FROM parts JOIN p USING (id) ORDER BY parts.v <-> q LIMIT 3) s$$);
RESET ALL;
-- keeping the order from outer queries adds nothing to plans
EXPLAIN (COSTS OFF) SELECT s.* FROM near, LATERAL (SELECT id FROM p ORDER BY v <-> q LIMIT 3) s;
EXPLAIN (COSTS OFF) SELECT s.* FROM near, LATERAL (SELECT id FROM p ORDER BY v <-> q LIMIT 3 FOR SHARE) s;
EXPLAIN (COSTS OFF) SELECT * FROM (SELECT id, v <-> '[1,2,3,4,5,6]' FROM p ORDER BY 2) s LIMIT 3;
DROP VIEW nearest;
DROP TABLE p, near, parts, statements;
DROP FUNCTION corner(int, int), plan(text), answers_rightly(text), exact_answer(text), answer(text);
DEALLOCATE ALL;
