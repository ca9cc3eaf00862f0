-- Codes, storage in the heap, and every dimension. Order and completeness must not depend on how neighbours are scored.
SET enable_seqscan = off;
-- whether some node is left unreachable (a warning of vecgraph_check) may depend on the last bits of distances
SET client_min_messages = error;

CREATE FUNCTION wave(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg((sin(i * 0.37 + d * (1 + i % 7) * 0.11) + (i * d % 13) * 0.05)::real)::vector FROM generate_series(1, dims) d $$;

-- What the index answers is compared with a sort of the whole table; counts of differences are shown.
CREATE FUNCTION compare(tab regclass, op text, dims int, k int) RETURNS TABLE (wrong_order int, found_share numeric) LANGUAGE plpgsql AS $$
DECLARE
	found int := 0;
	wrong int := 0;
	total int := 0;
	q vector;
	exact int[];
	got int[];
	distances float8[];
BEGIN
	FOR n IN 1 .. 10 LOOP
		q := wave(n * 1000 + 7, dims);
		PERFORM set_config('enable_indexscan', 'off', true);
		EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %s ORDER BY v %s $1, id LIMIT %s) s', tab, op, k) INTO exact USING q;
		PERFORM set_config('enable_indexscan', 'on', true);
		EXECUTE format('SELECT array_agg(id), array_agg(d) FROM (SELECT id, v %s $1 AS d FROM %s ORDER BY v %s $1 LIMIT %s) s', op, tab, op, k)
			INTO got, distances USING q;
		found := found + (SELECT count(*) FROM unnest(got) g WHERE g = ANY (exact));
		total := total + k;
		wrong := wrong + (SELECT count(*) FROM generate_series(2, k) i WHERE distances[i] < distances[i - 1]);
	END LOOP;
	RETURN QUERY SELECT wrong, round(found::numeric / total, 1);
END $$;

CREATE TABLE w (id int, v vector(40));
INSERT INTO w SELECT i, wave(i, 40) FROM generate_series(1, 1000) i;
CREATE INDEX w_v ON w USING vecgraph (v);
SELECT storage, codes, code_bytes, nodes FROM vecgraph_info('w_v');
SELECT vecgraph_check('w_v', true);
SELECT * FROM compare('w', '<->', 40, 10);
SELECT vecgraph_prewarm('w_v') >= 1000 AS prewarmed, cached >= 1000 AS cached FROM vecgraph_info('w_v');
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v vector_cosine_ops) WITH (storage = heap);
SELECT storage, codes FROM vecgraph_info('w_v');
SELECT vecgraph_check('w_v', true);
SELECT * FROM compare('w', '<=>', 40, 10);
-- every row comes out once, also beyond the list
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM w ORDER BY v <=> wave(3, 40)) s;
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v vector_ip_ops) WITH (storage = heap);
SELECT * FROM compare('w', '<#>', 40, 10);
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v vector_cosine_ops) WITH (storage = half);
SELECT storage, codes FROM vecgraph_info('w_v');
SELECT vecgraph_check('w_v', true);
SELECT * FROM compare('w', '<=>', 40, 10);
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v vector_l1_ops);
SELECT storage, codes FROM vecgraph_info('w_v');
SELECT * FROM compare('w', '<+>', 40, 10);
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v vector_l1_ops) WITH (storage = heap);
SELECT storage, codes FROM vecgraph_info('w_v');
SELECT * FROM compare('w', '<+>', 40, 10);
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v) WITH (codes = none);
SELECT storage, codes, code_bytes FROM vecgraph_info('w_v');
SELECT * FROM compare('w', '<->', 40, 10);
DROP INDEX w_v;
-- trained codes, for each metric and storage, and rows inserted afterwards
CREATE INDEX w_v ON w USING vecgraph (v) WITH (pq_subvectors = 13);
SELECT storage, codes, code_bytes FROM vecgraph_info('w_v');
INSERT INTO w SELECT 2000 + i, wave(i + 5000, 40) FROM generate_series(1, 200) i;
SELECT vecgraph_check('w_v', true);
SELECT * FROM compare('w', '<->', 40, 10);
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v vector_cosine_ops) WITH (pq_subvectors = 20, storage = heap);
INSERT INTO w SELECT 3000 + i, wave(i + 6000, 40) FROM generate_series(1, 200) i;
DELETE FROM w WHERE id % 5 = 0;
VACUUM w;
SELECT vecgraph_check('w_v', true);
SELECT * FROM compare('w', '<=>', 40, 10);
DROP INDEX w_v;
CREATE INDEX w_v ON w USING vecgraph (v vector_ip_ops) WITH (pq_subvectors = 20);
INSERT INTO w SELECT 4000 + i, wave(i + 7000, 40) FROM generate_series(1, 200) i;
SELECT vecgraph_check('w_v', true);
SELECT * FROM compare('w', '<#>', 40, 10);
DROP INDEX w_v;
-- what cannot be trained
CREATE INDEX w_v ON w USING vecgraph (v) WITH (pq_subvectors = 41);
CREATE INDEX w_v ON w USING vecgraph (v) WITH (pq_subvectors = 10, codes = none);
CREATE INDEX w_v ON w USING vecgraph (v vector_l1_ops) WITH (pq_subvectors = 10);
DELETE FROM w WHERE id > 100;
SET client_min_messages = notice;
CREATE INDEX w_v ON w USING vecgraph (v) WITH (pq_subvectors = 10);
SET client_min_messages = error;
SELECT storage, codes, code_bytes FROM vecgraph_info('w_v');
DROP TABLE w;

-- an index that is empty at first and grows, with identical rows, deletes and updates, in both storages
CREATE TABLE g (id int, v vector(30)) WITH (autovacuum_enabled = off);
CREATE INDEX g_full ON g USING vecgraph (v) WITH (storage = full, codes = pq);
CREATE INDEX g_heap ON g USING vecgraph (v) WITH (storage = heap, codes = pq);
CREATE INDEX g_half ON g USING vecgraph (v) WITH (storage = half, codes = pq);
INSERT INTO g SELECT i, wave(i, 30) FROM generate_series(1, 600) i;
INSERT INTO g SELECT 1000 + i, wave(5, 30) FROM generate_series(1, 300) i;
UPDATE g SET v = wave(id + 3000, 30) WHERE id % 10 = 1 AND id < 600;
DELETE FROM g WHERE id % 10 = 2;
VACUUM g;
INSERT INTO g SELECT 2000 + i, wave(i + 2000, 30) FROM generate_series(1, 50) i;
SELECT vecgraph_check('g_full', true), vecgraph_check('g_heap', true), vecgraph_check('g_half', true);
SELECT count(*) FROM g;
SELECT heap_tids FROM vecgraph_info('g_full');
SELECT heap_tids FROM vecgraph_info('g_heap');
SELECT heap_tids FROM vecgraph_info('g_half');
SELECT vecgraph_train('g_half');
SELECT vecgraph_check('g_half', true);
DROP INDEX g_full, g_heap;
SELECT * FROM compare('g', '<->', 30, 10);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM g ORDER BY v <-> wave(3, 30)) s;
DROP INDEX g_half;
CREATE INDEX g_heap ON g USING vecgraph (v) WITH (storage = heap, codes = pq);
SELECT * FROM compare('g', '<->', 30, 10);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM g ORDER BY v <-> wave(3, 30)) s;
SET vecgraph.rerank = 200;
SELECT * FROM compare('g', '<->', 30, 10);
RESET vecgraph.rerank;
-- an expression, and a partial index, without vectors of their own
DROP INDEX g_heap;
CREATE INDEX g_expression ON g USING vecgraph ((subvector(v, 1, 25)::vector(25))) WITH (storage = heap) WHERE id > 100;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM g WHERE id > 100 ORDER BY subvector(v, 1, 25)::vector(25) <-> wave(3, 25)) s;
SELECT bool_and(d >= before) FROM (SELECT d, lag(d, 1, 0) OVER () AS before FROM
	(SELECT subvector(v, 1, 25)::vector(25) <-> wave(3, 25) AS d FROM g WHERE id > 100 ORDER BY subvector(v, 1, 25)::vector(25) <-> wave(3, 25) LIMIT 10) s) t;
DROP TABLE g;

-- enough rows to train codes, and no room for them
CREATE TABLE wide AS SELECT wave(i, 500)::vector(500) AS v FROM generate_series(1, 1050) i;
SET maintenance_work_mem = '1200kB';
\set VERBOSITY terse
SET client_min_messages = notice;
CREATE INDEX wide_v ON wide USING vecgraph (v) WITH (pq_subvectors = 4, storage = heap);
\set VERBOSITY default
RESET maintenance_work_mem;
SET client_min_messages = error;
REINDEX INDEX wide_v;
SELECT code_bytes FROM vecgraph_info('wide_v');
DROP TABLE wide;

-- every dimension
CREATE TABLE dims (n int, storage text, codes text, found int);
DO $$
DECLARE
	n int;
BEGIN
	FOREACH n IN ARRAY ARRAY[1, 2, 3, 8, 15, 16, 17, 63, 100, 129, 768, 1536, 2015, 2016, 4000, 8159, 16000] LOOP
		EXECUTE format('CREATE TABLE d (id int, v vector(%s))', n);
		EXECUTE format('INSERT INTO d SELECT i, (SELECT array_agg(((i * 7919 + x * x) %% 1000)::real) FROM generate_series(1, %s) x)::vector FROM generate_series(1, 20) i', n);
		CREATE INDEX d_v ON d USING vecgraph (v);
		PERFORM vecgraph_check('d_v', true);
		INSERT INTO d SELECT 100 + id, v FROM d WHERE id <= 5;
		INSERT INTO dims SELECT n, i.storage, i.codes, (SELECT count(*) FROM (SELECT id FROM d ORDER BY v <-> (SELECT v FROM d WHERE id = 3) LIMIT 2) s WHERE id IN (3, 103))
			FROM vecgraph_info('d_v') i;
		DROP TABLE d;
	END LOOP;
END $$;
SELECT * FROM dims ORDER BY n;
DROP TABLE dims;
DROP FUNCTION compare, wave;
