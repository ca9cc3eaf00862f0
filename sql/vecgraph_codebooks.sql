-- Named codebooks: trained once, used by partitions and by indexes that begin empty.
SET enable_seqscan = off;
SET client_min_messages = error;
\i sql/include/wave.sql
CREATE TABLE p (id int, v vector(32)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (3000);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (3000) TO (10000);
INSERT INTO p SELECT i, wave(i) FROM generate_series(1, 2500) i;
SELECT vecidx_train_codebook('waves', 'p', 'v', 16) < 0.2 AS trained;
SELECT name, dimensions, metric, subvectors, sample_size, error < 0.2 AS good, length(hash) FROM vecidx_codebook;
-- by whatever search_path there is
CREATE SCHEMA shadows;
CREATE FUNCTION shadows.md5(bytea) RETURNS text LANGUAGE sql AS $$ SELECT 'shadow' $$;
CREATE AGGREGATE shadows.count(vector) (sfunc = vector_add, stype = vector);
SET search_path = shadows, pg_catalog;
SELECT public.vecidx_train_codebook('shadowed', 'public.p', 'v') > 0 AS trained;
SELECT row_count FROM public.vecgraph_build_estimate('public.p2', 'v');
RESET search_path;
SELECT md5(codebook) = hash AS same FROM vecidx_codebook WHERE name = 'shadowed';
SELECT vecidx_drop_codebook('shadowed');
DROP SCHEMA shadows CASCADE;
CREATE INDEX p_v ON p USING vecgraph (v) WITH (codebook = 'waves');
SELECT c, i.codes, i.code_bytes, i.nodes FROM unnest('{p1_v_idx,p2_v_idx,p3_v_idx}'::regclass[]) c, vecgraph_info(c) i;
-- the third was empty
INSERT INTO p SELECT i, wave(i) FROM generate_series(3000, 3500) i;
SELECT vecgraph_check(c, true) FROM unnest('{p1_v_idx,p2_v_idx,p3_v_idx}'::regclass[]) c;
SELECT i.codes, i.code_error < 0.5 AS good, i.nodes FROM vecgraph_info('p3_v_idx') i;
-- a query over the union
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM p ORDER BY (v <-> wave(77)) + 0, id LIMIT 5) e) AS same
	FROM (SELECT id FROM p ORDER BY v <-> wave(77) LIMIT 5) s;
-- one in use is not dropped, unless indexes are to keep their copies, whatever builds them again
SELECT vecidx_drop_codebook('waves');
SET client_min_messages = notice;
SELECT vecidx_drop_codebook('waves', cascade => true);
SELECT vecgraph_check('p1_v_idx', true);
INSERT INTO p VALUES (999, wave(999));
REINDEX INDEX p1_v_idx;
REINDEX INDEX CONCURRENTLY p2_v_idx;
VACUUM FULL p2;
ALTER TABLE p ADD COLUMN r float8 DEFAULT random();
TRUNCATE p3;
INSERT INTO p SELECT i, wave(i) FROM generate_series(3000, 3100) i;
BEGIN;
REINDEX TABLE p3;
SAVEPOINT s;
TRUNCATE p3;
ROLLBACK TO s;
REINDEX TABLE p3;
COMMIT;
CREATE INDEX p1_again ON p1 USING vecgraph (v) WITH (codebook = 'waves');
SELECT c, i.codes, i.code_bytes, i.nodes, i.fitted_nodes > 0 AS fitted, vecgraph_check(c, true)
	FROM unnest('{p1_v_idx,p1_again,p2_v_idx,p3_v_idx}'::regclass[]) c, vecgraph_info(c) i;
DROP INDEX p1_again;
-- a name of no codebook: nothing says that the copy is of one of that name
ALTER INDEX p1_v_idx SET (codebook = 'typo');
REINDEX INDEX p1_v_idx;
ALTER INDEX p1_v_idx SET (codebook = 'waves');
ALTER TABLE p3 SET UNLOGGED;
ALTER TABLE p3 SET LOGGED;
SELECT i.codes, i.code_bytes, i.nodes, vecgraph_check('p3_v_idx', true) FROM vecgraph_info('p3_v_idx') i;
SELECT vecgraph_train('p1_v_idx');
DROP INDEX p_v;

-- where there is no copy either the index trains its own, or takes the codebook when it finds it
CREATE TABLE w1 (v vector(32)) WITH (autovacuum_enabled = off);
CREATE TABLE w2 (v vector(32)) WITH (autovacuum_enabled = off);
CREATE TABLE w3 (v vector(32)) WITH (autovacuum_enabled = off);
CREATE TABLE w4 (v vector(32)) WITH (autovacuum_enabled = off);
CREATE INDEX w1_v ON w1 USING vecgraph (v) WITH (codebook = 'w1');
CREATE INDEX w2_v ON w2 USING vecgraph (v) WITH (codebook = 'w2', pq_subvectors = 5);
CREATE INDEX w3_v ON w3 USING vecgraph (v) WITH (codebook = 'w3');
CREATE INDEX w4_v ON w4 USING vecgraph (v) WITH (codebook = 'w4');
INSERT INTO w1 SELECT wave(i) FROM generate_series(1, 1100) i;
INSERT INTO w2 SELECT wave(i) FROM generate_series(1, 100) i;
INSERT INTO w4 SELECT wave(i) FROM generate_series(1, 140) i;
SELECT c, i.codes, i.code_bytes, i.nodes, i.fitted_nodes > 0 AS fitted, vecgraph_check(c, true)
	FROM unnest('{w1_v,w2_v,w4_v}'::regclass[]) c, vecgraph_info(c) i;
SELECT vecidx_train_codebook('w2', 'p', 'v', 5) < 1 AND vecidx_train_codebook('w3', 'p', 'v', 9) < 1
	AND vecidx_train_codebook('w4', 'p', 'v') < 1 AS trained;
INSERT INTO w2 SELECT wave(i) FROM generate_series(101, 140) i;
INSERT INTO w3 SELECT wave(i) FROM generate_series(1, 140) i;
VACUUM w4;
SELECT c, i.codes, i.code_bytes, i.nodes, i.fitted_nodes > 0 AS fitted, vecgraph_check(c, true)
	FROM unnest('{w2_v,w3_v,w4_v}'::regclass[]) c, vecgraph_info(c) i;
SET client_min_messages = error;
VACUUM w3;
REINDEX INDEX w3_v;
SELECT code_bytes, fitted_nodes FROM vecgraph_info('w3_v');
CREATE UNLOGGED TABLE w5 (v vector(32));
INSERT INTO w5 SELECT wave(i) FROM generate_series(1, 1100) i;
CREATE INDEX w5_v ON w5 USING vecgraph (v) WITH (codebook = 'unknown', storage = heap);
SELECT codes, code_bytes, vecgraph_check('w5_v', true) FROM vecgraph_info('w5_v');
DELETE FROM vecidx_codebook;
REINDEX INDEX w2_v;
SELECT codes, code_bytes, fitted_nodes FROM vecgraph_info('w2_v');
DROP TABLE w1, w2, w3, w4, w5;

-- who may use one: its owner's roles, and who may read the table; that is asked of the owner of an index
SELECT vecidx_train_codebook('secret', 'p', 'v') < 1 AS trained;
CREATE ROLE vecidx_user;
GRANT CREATE ON SCHEMA public TO vecidx_user;
GRANT SELECT ON p TO vecidx_user;
GRANT INSERT ON vecidx_codebook TO vecidx_user;
SET client_min_messages = notice;
SET ROLE vecidx_user;
SELECT name, subvectors FROM vecidx_codebook;
SELECT length(codebook) FROM vecidx_codebook;
TABLE vecidx_codebook;
SELECT vecidx_drop_codebook('secret');
CREATE TABLE mine (v vector(32));
INSERT INTO mine SELECT v FROM p LIMIT 200;
CREATE INDEX mine_v ON mine USING vecgraph (v) WITH (codebook = 'secret');
RESET ROLE;
-- nor does it matter who asks
SELECT vecgraph_train('mine_v');
REINDEX INDEX mine_v;
SELECT fitted_nodes FROM vecgraph_info('mine_v');
GRANT SELECT ON vecidx_codebook TO vecidx_user;
ALTER TABLE vecidx_codebook ENABLE ROW LEVEL SECURITY;
SELECT vecgraph_train('mine_v');
ALTER TABLE vecidx_codebook DISABLE ROW LEVEL SECURITY;
SELECT vecgraph_train('mine_v');
REVOKE SELECT ON vecidx_codebook FROM vecidx_user;
REINDEX INDEX mine_v;
SET ROLE vecidx_user;
SELECT vecidx_train_codebook('own', 'p', 'v') < 1 AS trained;
SELECT name, owner = current_user AS mine FROM vecidx_codebook ORDER BY name;
CREATE INDEX mine_own ON mine USING vecgraph (v) WITH (codebook = 'own');
SELECT codes, fitted_nodes FROM vecgraph_info('mine_own');
RESET ROLE;
DROP TABLE mine;
SELECT vecidx_drop_codebook('own'), vecidx_drop_codebook('secret');
REVOKE ALL ON vecidx_codebook, p FROM vecidx_user;
REVOKE CREATE ON SCHEMA public FROM vecidx_user;
DROP ROLE vecidx_user;
SET client_min_messages = error;

-- what is refused
SELECT vecidx_drop_codebook('waves');
SELECT vecidx_train_codebook('', 'p', 'v');
SELECT vecidx_train_codebook('c', 'p', 'v', 33);
SELECT vecidx_train_codebook('c', 'p', 'v', 8, 'l3');
SELECT vecidx_train_codebook('c', 'p', 'v', 8, 'l2', 10);
SELECT vecidx_train_codebook('c', 'p3', 'v');
SELECT vecidx_train_codebook('c', 'p', 'nothing');
SELECT vecidx_train_codebook('c', 'p', 'id');
SELECT vecidx_train_codebook('c', 'p', 'v', metric => 'cosine') < 1 AS trained;
SELECT vecidx_train_codebook('c', 'p', 'v');
CREATE INDEX ON p1 USING vecgraph (v) WITH (codebook = 'c');
CREATE INDEX ON p1 USING vecgraph (v vector_cosine_ops) WITH (codebook = 'c', pq_subvectors = 5);
CREATE INDEX ON p1 USING vecgraph (v vector_l1_ops) WITH (codebook = 'c');
CREATE INDEX ON p1 USING vecgraph (v vector_cosine_ops) WITH (codebook = 'c', codes = none);
CREATE INDEX ON p1 USING vecgraph ((subvector(v, 1, 30)::vector(30)) vector_cosine_ops) WITH (codebook = 'c');
CREATE INDEX ON p1 USING vecgraph (v vector_l1_ops) WITH (codebook = 'unknown');
CREATE UNLOGGED TABLE u (v vector(32));
CREATE INDEX u_v ON u USING vecgraph (v vector_cosine_ops) WITH (codebook = 'c');
INSERT INTO u SELECT wave(i) FROM generate_series(1, 50) i;
SELECT codes, code_bytes, nodes FROM vecgraph_info('u_v');
UPDATE vecidx_codebook SET codebook = set_byte(codebook, 100, get_byte(codebook, 100) # 255);
CREATE INDEX ON p1 USING vecgraph (v vector_cosine_ops) WITH (codebook = 'c');
UPDATE vecidx_codebook SET codebook = 'short';
CREATE INDEX ON p1 USING vecgraph (v vector_cosine_ops) WITH (codebook = 'c');
DELETE FROM vecidx_codebook;
DROP TABLE p, u;
DROP FUNCTION wave;
-- estimates
CREATE TABLE est (id int, v vector(32), anydim vector);
SELECT * FROM vecgraph_build_estimate('est', 'v');
INSERT INTO est SELECT i, array_agg((i * 7919 + d * d * i) % 9973)::vector FROM generate_series(1, 3000) i, generate_series(1, 32) d GROUP BY i;
ANALYZE est;
SELECT row_count, dimensions, memory_bytes BETWEEN 3000 * 300 AND 3000 * 500 AS memory, fits_memory, seconds BETWEEN 0.001 AND 60 AS seconds
	FROM vecgraph_build_estimate('est', 'v', '{max_degree=32}', 'cosine');
CREATE INDEX est_v ON est USING vecgraph (v);
SELECT abs(index_bytes - pg_relation_size('est_v')) <= 8192 AS size FROM vecgraph_build_estimate('est', 'v');
SELECT index_bytes < pg_relation_size('est_v') AS smaller FROM vecgraph_build_estimate('est', 'v', '{storage=heap}');
SELECT * FROM vecgraph_build_estimate('est', 'nothing');
SELECT * FROM vecgraph_build_estimate('est', 'anydim');
SELECT * FROM vecgraph_build_estimate('est', 'v', '{max_degree=1000}');
SELECT * FROM vecgraph_build_estimate('est', 'v', '{}', 'l4');
DROP TABLE est;
