-- Codes are fitted again: by request, and by VACUUM where an index has grown or its vectors have drifted. (What is found then is in
-- test/t/011_fit.pl; every kind of index is fitted in test/t/016_kinds.pl.)
SET enable_seqscan = off;
SET client_min_messages = error;

-- Vectors around one of 20 places of a region; another region is elsewhere, and wider.
CREATE FUNCTION place(i int, region int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((region * 5 + (1 + region) * (sin((i % 20 + 1) * d * (1 + region * 0.3)) + 0.2 * sin(i * 0.7 * d + d * d)))::real)::vector
		FROM generate_series(1, 32) d $$;

-- by request, whatever the codes and wherever the vectors are
CREATE TABLE t (id int, v vector(32)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, place(i, 0) FROM generate_series(1, 1500) i;
CREATE INDEX t_scalar ON t USING vecgraph (v);
CREATE INDEX t_pq ON t USING vecgraph (v) WITH (pq_subvectors = 8);
CREATE INDEX t_pq_heap ON t USING vecgraph (v) WITH (pq_subvectors = 8, storage = heap);
CREATE INDEX t_pq_half ON t USING vecgraph (v vector_cosine_ops) WITH (pq_subvectors = 11, storage = half);
CREATE INDEX t_part ON t USING vecgraph ((subvector(v, 3, 20)::vector(20))) WITH (pq_subvectors = 5, storage = heap) WHERE id % 10 > 0;
INSERT INTO t SELECT 10000 + i, place(i, 1) FROM generate_series(1, 700) i;
INSERT INTO t SELECT 20000 + i, place(1, 0) FROM generate_series(1, 300) i;
INSERT INTO t SELECT 30000 + i, NULL FROM generate_series(1, 5) i;
UPDATE t SET v = place(id, 1) WHERE id % 50 = 1;
DELETE FROM t WHERE id % 50 = 2;
CREATE TABLE before AS SELECT c::regclass::text AS index, code_error FROM unnest('{t_scalar,t_pq,t_pq_half}'::text[]) c, vecgraph_info(c::regclass);
SELECT c, vecgraph_train(c) > 2000 AS trained FROM unnest('{t_scalar,t_pq,t_pq_heap,t_pq_half,t_part}'::regclass[]) c;
SELECT c, vecgraph_check(c, true) FROM unnest('{t_scalar,t_pq,t_pq_heap,t_pq_half,t_part}'::regclass[]) c;
SELECT c, i.code_error < b.code_error AS better, i.fitted_nodes > 2000 AS fitted FROM before b,
	LATERAL (SELECT b.index::regclass) x(c), vecgraph_info(c) i ORDER BY 1;
-- again and again, and rows go on coming
INSERT INTO t SELECT 40000 + i, place(-i, 1) FROM generate_series(1, 200) i;
SELECT c, vecgraph_train(c) > 2000 AS trained FROM unnest('{t_scalar,t_pq,t_pq_heap}'::regclass[]) c;
VACUUM t;
SELECT c, vecgraph_train(c) > 2000 AS trained FROM unnest('{t_scalar,t_pq,t_pq_heap}'::regclass[]) c;
INSERT INTO t SELECT 50000 + i, place(-i, 0) FROM generate_series(1, 200) i;
SELECT c, vecgraph_check(c, true) FROM unnest('{t_scalar,t_pq,t_pq_heap,t_pq_half,t_part}'::regclass[]) c;
-- a cursor that was opened before: its search learns of two new codebooks on its way
DROP INDEX t_scalar, t_pq_heap, t_pq_half, t_part;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> place(1000, 1);
FETCH 1 FROM c;
SELECT vecgraph_train('t_pq') > 2000 AS trained;
SELECT vecgraph_train('t_pq') > 2000 AS trained;
MOVE FORWARD 1000000 IN c;
COMMIT;
-- what cannot be fitted
CREATE INDEX t_none ON t USING vecgraph (v) WITH (codes = none);
SELECT vecgraph_train('t_none');
SET maintenance_work_mem = '1MB';
CREATE TABLE wide (v vector(600));
INSERT INTO wide SELECT array_agg(sin(i * d))::vector FROM generate_series(1, 1100) i, generate_series(1, 600) d GROUP BY i;
SET maintenance_work_mem = '64MB';
CREATE INDEX wide_v ON wide USING vecgraph (v) WITH (pq_subvectors = 20);
SET maintenance_work_mem = '1MB';
SELECT vecgraph_train('wide_v');
RESET maintenance_work_mem;
DELETE FROM wide WHERE ctid IN (SELECT ctid FROM wide LIMIT 500);
VACUUM wide;
SELECT live, unreachable FROM vecgraph_info('wide_v');
SELECT vecgraph_train('wide_v');
SELECT vecgraph_check('wide_v', true);
DROP TABLE wide;
DROP TABLE t, before;

-- inserts fit the first rows of an index that began empty, which may be far from the origin
CREATE TABLE e (id int, v vector(32)) WITH (autovacuum_enabled = off);
CREATE INDEX e_v ON e USING vecgraph (v);
INSERT INTO e SELECT i, place(i, 400) FROM generate_series(1, 100) i;
SELECT fitted_nodes FROM vecgraph_info('e_v');
INSERT INTO e SELECT i, place(i, 400) FROM generate_series(101, 1000) i;
SELECT fitted_nodes BETWEEN 101 AND 160 AS fitted, code_error < 0.15 AS accurate, code_drift BETWEEN 0.5 AND 1.5 AS steady FROM vecgraph_info('e_v');
SELECT vecgraph_check('e_v', true);
TRUNCATE e;
DROP INDEX e_v;
CREATE INDEX e_v ON e USING vecgraph (v vector_cosine_ops) WITH (storage = heap);
BEGIN;
INSERT INTO e SELECT i, place(i, 400) FROM generate_series(1, 300) i;
SELECT fitted_nodes BETWEEN 101 AND 160 AS fitted FROM vecgraph_info('e_v');
ROLLBACK;
INSERT INTO e SELECT i, place(i, 1) FROM generate_series(1, 2000) i;
SELECT fitted_nodes > 1000 AS fitted FROM vecgraph_info('e_v');
SELECT vecgraph_check('e_v', true);
DROP TABLE e;

-- untrained codes: what was linked by poor ones is linked again
CREATE TABLE s (id int, v vector(32)) WITH (autovacuum_enabled = off);
INSERT INTO s SELECT i, place(i, 0) FROM generate_series(1, 300) i;
CREATE INDEX s_v ON s USING vecgraph (v);
INSERT INTO s SELECT 1000 + i, place(i, 4) FROM generate_series(1, 2000) i;
SELECT fitted_nodes, code_drift > 1.5 AS drifted FROM vecgraph_info('s_v');
SELECT vecgraph_train('s_v');
SELECT vecgraph_check('s_v', true);
DROP TABLE s;

-- trained codes that there are too few rows for: none until there are enough
CREATE TABLE u (id int, v vector(32)) WITH (autovacuum_enabled = off);
CREATE INDEX u_pq ON u USING vecgraph (v) WITH (pq_subvectors = 8);
CREATE INDEX u_half ON u USING vecgraph (v vector_cosine_ops) WITH (pq_subvectors = 11, storage = half);
CREATE INDEX u_heap ON u USING vecgraph (v vector_ip_ops) WITH (pq_subvectors = 8, storage = heap);
SELECT c, codes, code_bytes, fitted_nodes FROM unnest('{u_pq,u_half,u_heap}'::regclass[]) c, vecgraph_info(c);
INSERT INTO u SELECT i, place(i, 0) FROM generate_series(1, 900) i;
SELECT vecgraph_train('u_pq');
VACUUM u;
SELECT c, codes, fitted_nodes > 0 AS fitted, vecgraph_prewarm(c) > 0 AS cached FROM unnest('{u_pq,u_half,u_heap}'::regclass[]) c, vecgraph_info(c);
SELECT c, vecgraph_check(c, true) FROM unnest('{u_pq,u_half,u_heap}'::regclass[]) c;
DROP INDEX u_half, u_heap;
DELETE FROM u WHERE id % 9 = 0;
VACUUM u;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM u ORDER BY v <-> place(1, 0);
FETCH 1 FROM c;
INSERT INTO u SELECT i, place(i, 0) FROM generate_series(1001, 2000) i;
SELECT fitted_nodes > 1000 AS fitted, code_drift < 1.5 AS good FROM vecgraph_info('u_pq');
MOVE FORWARD 798 FROM c;
FETCH 1 FROM c \gset last_
SELECT :last_id BETWEEN 1 AND 900 AS last_row;
FETCH 1 FROM c;
COMMIT;
SELECT vecgraph_check('u_pq', true);
-- built again with too few, and with enough
DELETE FROM u WHERE id > 500;
SET client_min_messages = notice;
REINDEX INDEX u_pq;
SET client_min_messages = error;
INSERT INTO u SELECT i, place(i, 0) FROM generate_series(3001, 3700) i;
SELECT vecgraph_train('u_pq') > 1000 AS trained;
SELECT vecgraph_check('u_pq', true);
DROP TABLE u;

-- VACUUM: growth
CREATE TABLE g (id int, v vector(32)) WITH (autovacuum_enabled = off);
CREATE INDEX g_scalar ON g USING vecgraph (v);
INSERT INTO g SELECT i, place(i, 1) FROM generate_series(1, 1200) i;
CREATE INDEX g_pq ON g USING vecgraph (v) WITH (pq_subvectors = 8);
CREATE INDEX g_heap ON g USING vecgraph (v) WITH (pq_subvectors = 8, storage = heap);
SELECT c, fitted_nodes FROM unnest('{g_pq,g_heap}'::regclass[]) c, vecgraph_info(c);
VACUUM g;
SELECT c, fitted_nodes FROM unnest('{g_pq,g_heap}'::regclass[]) c, vecgraph_info(c);
INSERT INTO g SELECT 2000 + i, place(-i, 1) FROM generate_series(1, 1400) i;
VACUUM g;
SELECT c, fitted_nodes FROM unnest('{g_scalar,g_pq,g_heap}'::regclass[]) c, vecgraph_info(c);
-- the same rows once more are not more vectors
INSERT INTO g SELECT 10000 + id, v FROM g;
VACUUM g;
SELECT c, fitted_nodes, heap_tids FROM unnest('{g_scalar,g_pq,g_heap}'::regclass[]) c, vecgraph_info(c);
-- drift: as many vectors as before, but elsewhere
DELETE FROM g;
VACUUM g;
INSERT INTO g SELECT i, place(i, 4) FROM generate_series(1, 1300) i;
SELECT c, i.fitted_nodes, i.code_drift > 1.5 AS drifted FROM unnest('{g_scalar,g_pq,g_heap}'::regclass[]) c, vecgraph_info(c) i;
VACUUM g;
SELECT c, i.fitted_nodes, i.code_drift > 1.5 AS drifted FROM unnest('{g_scalar,g_pq,g_heap}'::regclass[]) c, vecgraph_info(c) i;
SELECT vecgraph_check(c, true) FROM unnest('{g_scalar,g_pq,g_heap}'::regclass[]) c;
DROP INDEX g_scalar, g_heap;
DROP TABLE g;

-- a named codebook: as it is now, and only by request
CREATE TABLE n (id int, v vector(32)) WITH (autovacuum_enabled = off);
INSERT INTO n SELECT i, place(i, 0) FROM generate_series(1, 1200) i;
SELECT vecidx_train_codebook('places', 'n', 'v', 8) < 0.9 AS trained;
CREATE INDEX n_v ON n USING vecgraph (v) WITH (codebook = 'places');
SELECT vecgraph_train('n_v');
INSERT INTO n SELECT 2000 + i, place(i, 2) FROM generate_series(1, 1500) i;
VACUUM n;
SELECT fitted_nodes FROM vecgraph_info('n_v');
CREATE TABLE n_error AS SELECT code_error FROM vecgraph_info('n_v');
SELECT vecidx_drop_codebook('places', cascade => true);
SELECT vecgraph_train('n_v');
SELECT vecidx_train_codebook('places', 'n', 'v', 16) < 0.9 AS trained;
SELECT vecgraph_train('n_v');
SELECT vecidx_drop_codebook('places', cascade => true);
SELECT vecidx_train_codebook('places', 'n', 'v', 8) < 0.9 AS trained;
SELECT vecgraph_train('n_v');
SELECT vecgraph_check('n_v', true);
SELECT i.code_error < e.code_error AS better FROM vecgraph_info('n_v') i, n_error e;
-- also where codes are yet untrained
CREATE TABLE few (id int, v vector(32)) WITH (autovacuum_enabled = off);
INSERT INTO few SELECT i, place(i, 2) FROM generate_series(1, 300) i;
CREATE INDEX few_v ON few USING vecgraph (v) WITH (pq_subvectors = 8);
CREATE INDEX few_9 ON few USING vecgraph (v) WITH (pq_subvectors = 9);
ALTER INDEX few_v SET (codebook = 'places');
ALTER INDEX few_9 SET (codebook = 'places');
SELECT vecgraph_train('few_v');
SELECT vecgraph_train('few_9');
INSERT INTO few SELECT 1000 + i, place(-i, 2) FROM generate_series(1, 50) i;
SELECT fitted_nodes, code_error < 0.9 AS good, vecgraph_check('few_v', true) FROM vecgraph_info('few_v');
DROP INDEX few_9;
DROP TABLE few;
DROP TABLE n, n_error;
SELECT vecidx_drop_codebook('places');

-- half precision has room for vectors of any length, so codes are fitted to them as to others
CREATE FUNCTION scaled_place(i int, factor float8) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((factor * (sin(i * 0.7 * d + d * d) + sin(i * d)))::real)::vector FROM generate_series(1, 32) d $$;
CREATE FUNCTION fit_halves(factor float8, operator text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	exact int[];
	got int[];
	hits int := 0;
	info record;
BEGIN
	CREATE TABLE halves (id int, v vector(32));
	INSERT INTO halves SELECT i, scaled_place(i, factor) FROM generate_series(1, 1000) i;
	EXECUTE format('CREATE INDEX halves_v ON halves USING vecgraph (v %s) WITH (storage = half)',
		CASE operator WHEN '<->' THEN 'vector_l2_ops' WHEN '<=>' THEN 'vector_cosine_ops' ELSE 'vector_ip_ops' END);
	PERFORM vecgraph_train('halves_v');
	PERFORM vecgraph_check('halves_v');
	FOR n IN 1 .. 5 LOOP
		EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM halves ORDER BY (v %s $1) + 0, id LIMIT 10) s', operator)
			INTO exact USING scaled_place(n * 37, factor);
		EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM halves ORDER BY v %s $1 LIMIT 10) s', operator)
			INTO got USING scaled_place(n * 37, factor);
		hits := hits + (SELECT count(*) FROM unnest(got) g WHERE g = ANY (exact));
	END LOOP;
	SELECT * INTO info FROM vecgraph_info('halves_v');
	DROP TABLE halves;
	RETURN format('%s, %s', CASE WHEN hits > 45 THEN 'found' ELSE 'lost' END, CASE WHEN info.code_error BETWEEN 0.05 AND 0.2 THEN 'good' ELSE 'poor' END);
END $$;
SELECT operator, factor, fit_halves(factor, operator)
	FROM unnest('{1e-12,1,1e16}'::float8[]) factor, unnest('{<->,<=>}'::text[]) operator ORDER BY 1, 2;
DROP FUNCTION scaled_place, fit_halves;

-- functions in indexed expressions run with the rights of the table's owner, whoever asks
CREATE ROLE vecidx_owner;
CREATE SCHEMA mine AUTHORIZATION vecidx_owner;
SET ROLE vecidx_owner;
CREATE FUNCTION mine.whose(v public.vector) RETURNS public.vector LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN IF current_user <> 'vecidx_owner' THEN RAISE EXCEPTION 'run by %', current_user; END IF; RETURN v; END $$;
CREATE TABLE mine.t (v vector(32));
RESET ROLE;
INSERT INTO mine.t SELECT place(i, 0) FROM generate_series(1, 100) i;
CREATE INDEX t_v ON mine.t USING vecgraph ((mine.whose(v)::vector(32))) WITH (storage = heap);
SELECT vecgraph_check('mine.t_v', true);
SELECT vecgraph_train('mine.t_v');
SELECT current_user = session_user AS same;
DROP SCHEMA mine CASCADE;
DROP ROLE vecidx_owner;
DROP FUNCTION place;
