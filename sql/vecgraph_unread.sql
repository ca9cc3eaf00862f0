-- The distance that ORDER BY leaves in a plan is not computed where nothing reads it: which plans lose it, and that nothing else of them,
-- and none of their answers, is another one.
CREATE TABLE u (id int PRIMARY KEY, kind int, v vector(3), h halfvec(3));
INSERT INTO u SELECT i, i % 5, ARRAY[i % 7, i % 11, i % 13 + i * 0.001]::vector, ARRAY[i % 7, i % 11, i % 13]::vector::halfvec FROM generate_series(1, 600) i;
CREATE INDEX u_v ON u USING vecgraph (v);
CREATE INDEX u_h ON u USING vecgraph (h halfvec_ip_ops);
CREATE TABLE parts (id int, kind int, v vector(3)) PARTITION BY LIST (kind);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0, 1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2, 3, 4);
INSERT INTO parts SELECT id, kind, v FROM u;
CREATE INDEX parts_v ON parts USING vecgraph (v);
CREATE TABLE kinds (kind int PRIMARY KEY, name text, q vector(3));
INSERT INTO kinds SELECT i, 'kind ' || i, ARRAY[i, i + 1, i + 2]::vector FROM generate_series(0, 4) i;
CREATE VIEW guarded WITH (security_barrier) AS SELECT id, kind FROM u WHERE kind < 4 ORDER BY v <-> '[1,2,3]' LIMIT 20;
CREATE TABLE written (id int);
CREATE FUNCTION counted(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
ANALYZE u;
ANALYZE parts;
ANALYZE kinds;
SET enable_seqscan = off;
SET enable_sort = off;
SET jit = off;

-- EXPLAIN as text
CREATE FUNCTION explained(options text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text := '';
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
		result := result || line || E'\n';
	END LOOP;
	RETURN result;
END $$;
-- The rows of a query in order.
CREATE FUNCTION rows_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	row record;
	result text := '';
BEGIN
	FOR row IN EXECUTE query LOOP
		result := result || row::text || E'\n';
	END LOOP;
	RETURN result;
END $$;
-- What a plan says, with D for what is a distance or NULL in place of one.
CREATE FUNCTION without_distances(plan text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(replace(regexp_replace(plan, '[()]', '', 'g'), 'NULL::double precision', 'D'),
		$r$('[^']*'(::\w+)?|InitPlan \d+\.col\d+|[\w.$]+) <[-#]> ('[^']*'(::\w+)?|InitPlan \d+\.col\d+|[\w.$]+)$r$, 'D', 'g') $$;
-- Plan and answer of a query with and without: whether NULL stands in place of a distance that a scan is in order of, and whether all else is the same.
CREATE FUNCTION compare(query text) RETURNS TABLE (omitted boolean, same_plan boolean, same_output boolean, same_rows boolean)
LANGUAGE plpgsql AS $$
DECLARE
	plans text[];
	outputs text[];
	answers text[];
BEGIN
	FOR i IN 1..2 LOOP
		PERFORM set_config('vecgraph.omit_unread_distance', CASE i WHEN 1 THEN 'off' ELSE 'on' END, true);
		plans[i] := explained('COSTS ON', query);
		outputs[i] := explained('VERBOSE, COSTS OFF', query);
		answers[i] := rows_of(query);
	END LOOP;
	omitted := outputs[2] LIKE '%NULL::double precision%' AND outputs[2] LIKE '%Order By:%';
	same_plan := plans[1] = plans[2];
	same_output := without_distances(outputs[1]) = without_distances(outputs[2]);
	same_rows := answers[1] = answers[2];
	RETURN NEXT;
END $$;
CREATE TABLE queries (id serial, hidden text, query text);
INSERT INTO queries (hidden, query) VALUES
	-- nothing reads it
	('unread', 'SELECT id FROM u ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id FROM u ORDER BY Q <-> v LIMIT 10'),
	('unread', 'SELECT id, v FROM u ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT u FROM u ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id FROM u ORDER BY h <#> ''[1,2,3]'' LIMIT 10 OFFSET 3'),
	('unread', 'SELECT id FROM u ORDER BY v <-> (SELECT q FROM kinds WHERE kind = 3) LIMIT 10'),
	('unread', 'SELECT id FROM u WHERE kind = 2 ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id FROM u WHERE v <-> Q < 3 ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id FROM u ORDER BY v <-> Q'),
	('unread', 'SELECT id, random() < 2 FROM u ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id, counted(id) FROM u ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id FROM u ORDER BY v <-> Q LIMIT 10 FOR UPDATE'),
	('unread', 'SELECT id FROM guarded WHERE counted(id) > 300'),
	('unread', 'SELECT u.id, name FROM u JOIN kinds USING (kind) ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id FROM (SELECT id, kind FROM u ORDER BY v <-> Q LIMIT 20) s WHERE kind = 1'),
	('unread', 'SELECT sum(id) FROM (SELECT id FROM u ORDER BY v <-> Q LIMIT 20) s'),
	('unread', 'SELECT kind, array_agg(id), max(id) FROM (SELECT id, kind FROM u ORDER BY v <-> Q LIMIT 20) s GROUP BY kind ORDER BY kind'),
	('unread', 'SELECT s.id, kinds.name FROM (SELECT id, kind FROM u ORDER BY v <-> Q LIMIT 20) s JOIN kinds USING (kind) ORDER BY id'),
	('unread', 'SELECT id FROM (SELECT id FROM u ORDER BY v <-> Q LIMIT 20) s ORDER BY id DESC LIMIT 5'),
	('unread', 'SELECT DISTINCT kind FROM (SELECT kind FROM u ORDER BY v <-> Q LIMIT 20) s ORDER BY kind'),
	('unread', 'SELECT ARRAY(SELECT id FROM u ORDER BY v <-> Q LIMIT 10)'),
	('unread', 'SELECT (SELECT id FROM u ORDER BY v <-> q LIMIT 1) FROM kinds'),
	('unread', 'SELECT kind IN (SELECT id FROM u ORDER BY v <-> Q LIMIT 100) FROM kinds'),
	('unread', 'SELECT kind FROM kinds WHERE EXISTS (SELECT FROM u WHERE u.kind = kinds.kind ORDER BY v <-> Q OFFSET 3)'),
	('unread', 'SELECT k.kind, s.id FROM kinds k, LATERAL (SELECT id FROM u ORDER BY v <-> k.q LIMIT 3) s'),
	('unread', 'SELECT k.kind, s.id FROM kinds k LEFT JOIN LATERAL (SELECT id FROM u WHERE u.kind = k.kind ORDER BY v <-> k.q LIMIT 3) s ON true'),
	('unread', 'WITH s AS MATERIALIZED (SELECT id FROM u ORDER BY v <-> Q LIMIT 10) SELECT a.id, b.id FROM s a, s b'),
	('unread', 'SELECT id FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s'),
	('unread', '(SELECT id FROM u ORDER BY v <-> Q LIMIT 5) UNION ALL (SELECT id FROM u ORDER BY h <#> ''[1,2,3]'' LIMIT 5)'),
	('unread', 'SELECT id FROM parts WHERE kind = 1 ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT id, 1 - (v <-> Q) FROM u ORDER BY v <-> Q LIMIT 10'),
	('unread', 'SELECT k.kind, s.id FROM kinds k, LATERAL (SELECT id FROM u ORDER BY v <-> (SELECT n.q FROM kinds n WHERE n.kind = k.kind) LIMIT 3) s'),
	-- something does
	('read', 'SELECT id, v <-> Q FROM u ORDER BY v <-> Q LIMIT 10'),
	('read', 'SELECT id FROM u ORDER BY v <-> Q, id LIMIT 10'),
	('read', 'SELECT id FROM u ORDER BY v <-> Q FETCH FIRST 10 ROWS WITH TIES'),
	('read', 'SELECT DISTINCT ON (v <-> Q) id FROM u ORDER BY v <-> Q, id LIMIT 10'),
	('read', 'SELECT id, rank() OVER (ORDER BY v <-> Q) FROM u ORDER BY v <-> Q, id LIMIT 10'),
	('read', 'SELECT id FROM parts ORDER BY v <-> Q LIMIT 10'),
	('read', 'SELECT id, d FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s'),
	('read', 'SELECT id FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s WHERE d < 3'),
	('read', 'SELECT s FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s'),
	('read', 'SELECT id FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s ORDER BY d DESC'),
	('read', 'SELECT s.id, kinds.kind FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s JOIN kinds ON kinds.kind = floor(d)'),
	('read', 'WITH s AS MATERIALIZED (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) SELECT id, (SELECT max(d) FROM s) FROM s'),
	('read', '(SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 5) UNION ALL (SELECT id, h <#> ''[1,2,3]'' FROM u ORDER BY h <#> ''[1,2,3]'' LIMIT 5)'),
	('read', 'SELECT sum(d), count(id) FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s'),
	('read', 'SELECT d, count(id) FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s GROUP BY d ORDER BY d'),
	('read', 'SELECT count(*) FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s GROUP BY GROUPING SETS ((d), ()) ORDER BY d'),
	('read', 'SELECT k.kind, n.kind FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s JOIN kinds k ON k.kind < d JOIN kinds n ON n.kind = k.kind'),
	('read', 'SELECT id FROM u ORDER BY (v <-> Q) + (random() > 2)::int, id LIMIT 3'),
	('read', 'SELECT s FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s FOR UPDATE'),
	('read', 'SELECT id FROM (SELECT id, v <-> Q AS d FROM u ORDER BY d LIMIT 10) s, kinds WHERE s.id = kinds.kind FOR UPDATE OF kinds');
UPDATE queries SET query = replace(query, 'Q', '''[1,2,3]''::vector');
SELECT q.id, q.hidden, c.omitted, c.same_plan, c.same_output, c.same_rows FROM queries q, compare(q.query) c ORDER BY q.id;
-- other plans, of which none may be another one either
CREATE PROCEDURE compare_all() LANGUAGE plpgsql AS $$
DECLARE
	wrong text;
BEGIN
	SELECT string_agg(q.query, '; ') INTO wrong FROM queries q, compare(q.query) c
		WHERE NOT (c.same_plan AND c.same_output AND c.same_rows) OR (q.hidden = 'read' AND c.omitted);
	RAISE NOTICE '%', coalesce(wrong, 'all are the same');
END $$;
SET enable_sort = on;
SET enable_seqscan = on;
CALL compare_all();
SET enable_hashjoin = off;
SET enable_hashagg = off;
SET enable_nestloop = off;
CALL compare_all();
RESET enable_nestloop;
RESET enable_hashjoin;
RESET enable_hashagg;
SET enable_seqscan = off;
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 3;
CALL compare_all();
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
-- what becomes of it
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 10;
-- written by a query, by one plan for all parameters, into a table
PREPARE nearest(vector) AS SELECT id FROM u ORDER BY v <-> $1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE nearest('[1,2,3]');
EXECUTE nearest('[1,2,3]');
EXECUTE nearest('[6,10,12]');
EXECUTE nearest('[1,2]');
RESET plan_cache_mode;
INSERT INTO written SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 3 RETURNING id;
CREATE TABLE copied AS SELECT id, kind FROM u ORDER BY v <-> '[1,2,3]' LIMIT 3;
SELECT * FROM copied;
COPY (SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 3) TO STDOUT;
WITH w AS (UPDATE u SET kind = kind FROM (SELECT id FROM u ORDER BY v <-> '[6,0,0]' LIMIT 2) s WHERE u.id = s.id RETURNING u.id) SELECT * FROM w ORDER BY id;
DELETE FROM copied WHERE id IN (SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 2);
SELECT * FROM copied;
-- cursors: forth and back, held over the transaction, the row at hand
BEGIN;
DECLARE d SCROLL CURSOR FOR SELECT id FROM u ORDER BY v <-> '[1,2,3]';
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 4;
FETCH 3 FROM d;
FETCH BACKWARD 2 FROM d;
FETCH 2 FROM d;
DECLARE current CURSOR FOR SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 4 FOR UPDATE;
FETCH 2 FROM current;
UPDATE u SET kind = 3 WHERE CURRENT OF current RETURNING id;
COMMIT;
FETCH ALL FROM held;
CLOSE held;
-- who may not call the operator's function learns so
CREATE ROLE vecidx_unread_user;
GRANT SELECT ON u TO vecidx_unread_user;
REVOKE EXECUTE ON FUNCTION l2_distance(vector, vector) FROM PUBLIC;
SET ROLE vecidx_unread_user;
SELECT id FROM u ORDER BY v <-> '[1,2,3]' LIMIT 1;
RESET ROLE;
GRANT EXECUTE ON FUNCTION l2_distance(vector, vector) TO PUBLIC;
DROP OWNED BY vecidx_unread_user;
DROP ROLE vecidx_unread_user;
DROP VIEW guarded;
DROP TABLE u, parts, kinds, written, copied, queries;
DROP PROCEDURE compare_all;
DROP FUNCTION counted, explained, rows_of, without_distances, compare;
