-- Codes: what they are by default, what cannot be trained, expressions and partial indexes, every dimension. (test/t/016_kinds.pl has every
-- kind of index with its answers.)
SET enable_seqscan = off;
-- whether some node is left unreachable (a warning of vecgraph_check) may depend on the last bits of distances
SET client_min_messages = error;

\i sql/include/wave.sql

CREATE TABLE w (id int, v vector(40));
INSERT INTO w SELECT i, wave(i, 40) FROM generate_series(1, 1000) i;
CREATE INDEX w_v ON w USING vecgraph (v);
SELECT storage, codes, code_bytes, nodes FROM vecgraph_info('w_v');
SELECT vecgraph_check('w_v', true);
SELECT vecgraph_prewarm('w_v') >= 1000 AS prewarmed;
SELECT cached >= 1000 AS cached FROM vecgraph_info('w_v');
DROP INDEX w_v;
-- what cannot be trained
CREATE INDEX w_v ON w USING vecgraph (v) WITH (pq_subvectors = 41);
CREATE INDEX w_v ON w USING vecgraph (v) WITH (pq_subvectors = 10, codes = none);
CREATE INDEX w_v ON w USING vecgraph (v vector_l1_ops) WITH (pq_subvectors = 10);
-- not by DELETE: rows that somebody else's snapshot may still see are indexed, too
TRUNCATE w;
INSERT INTO w SELECT i, wave(i, 40) FROM generate_series(1, 100) i;
SET client_min_messages = notice;
CREATE INDEX w_v ON w USING vecgraph (v) WITH (pq_subvectors = 10);
SET client_min_messages = error;
SELECT storage, codes, code_bytes FROM vecgraph_info('w_v');
DROP TABLE w;

CREATE TABLE g (id int, v vector(30));
INSERT INTO g SELECT i, wave(i, 30) FROM generate_series(1, 600) i;
INSERT INTO g SELECT 1000 + i, wave(5, 30) FROM generate_series(1, 300) i;
-- an expression, and a partial index, without vectors of their own
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
CREATE TABLE dims (type text, n int, storage text, codes text, found int);
DO $$
DECLARE
	kind text;
	n int;
BEGIN
	FOREACH kind IN ARRAY ARRAY['vector', 'halfvec'] LOOP
		FOREACH n IN ARRAY ARRAY[1, 2, 3, 8, 15, 16, 17, 63, 64, 65, 100, 129, 768, 1536, 2015, 2016, 2049, 4000, 4030, 4031, 8000, 8159, 16000] LOOP
			EXECUTE format('CREATE TABLE d (id int, v %s(%s))', kind, n);
			EXECUTE format('INSERT INTO d SELECT i, (SELECT array_agg(((i * 7919 + x * x) %% 1000)::real) FROM generate_series(1, %s) x)::%s
				FROM generate_series(1, 20) i', n, kind);
			CREATE INDEX d_v ON d USING vecgraph (v);
			PERFORM vecgraph_check('d_v', true);
			INSERT INTO d SELECT 100 + id, v FROM d WHERE id <= 5;
			INSERT INTO dims SELECT kind, n, i.storage, i.codes,
				(SELECT count(*) FROM (SELECT id FROM d ORDER BY v <-> (SELECT v FROM d WHERE id = 3) LIMIT 2) s WHERE id IN (3, 103))
				FROM vecgraph_info('d_v') i;
			DROP TABLE d;
		END LOOP;
	END LOOP;
END $$;
SELECT * FROM dims ORDER BY type, n;
DROP TABLE dims;
DROP FUNCTION wave;
