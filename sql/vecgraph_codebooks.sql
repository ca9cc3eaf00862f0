-- Named codebooks: trained once, used by partitions and by indexes that begin empty.
SET enable_seqscan = off;
SET client_min_messages = error;
CREATE FUNCTION wave(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg((sin(i * 0.37 + d * (1 + i % 7) * 0.11) + (i * d % 13) * 0.05)::real)::vector FROM generate_series(1, 32) d $$;
CREATE TABLE p (id int, v vector(32)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (3000);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (3000) TO (10000);
INSERT INTO p SELECT i, wave(i) FROM generate_series(1, 2500) i;
SELECT vecidx_train_codebook('waves', 'p', 'v', 16) < 0.2 AS trained;
SELECT name, dimensions, metric, subvectors, sample_size, error < 0.2 AS good, length(hash) FROM vecidx_codebook;
CREATE INDEX p_v ON p USING vecgraph (v) WITH (codebook = 'waves');
SELECT c, i.codes, i.code_bytes, i.nodes FROM unnest('{p1_v_idx,p2_v_idx,p3_v_idx}'::regclass[]) c, vecgraph_info(c) i;
-- the third was empty
INSERT INTO p SELECT i, wave(i) FROM generate_series(3000, 3500) i;
SELECT vecgraph_check(c, true) FROM unnest('{p1_v_idx,p2_v_idx,p3_v_idx}'::regclass[]) c;
SELECT i.codes, i.code_error < 0.5 AS good, i.nodes FROM vecgraph_info('p3_v_idx') i;
-- a query over the union
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM p ORDER BY (v <-> wave(77)) + 0, id LIMIT 5) e) AS same
	FROM (SELECT id FROM p ORDER BY v <-> wave(77) LIMIT 5) s;
-- indexes keep their copy
SELECT vecidx_drop_codebook('waves');
SELECT vecgraph_check('p1_v_idx', true);
INSERT INTO p VALUES (999, wave(999));
REINDEX INDEX p1_v_idx;
SELECT count(*) FROM vecidx_codebook;
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
CREATE INDEX ON p1 USING vecgraph (v vector_cosine_ops) WITH (codebook = 'unknown');
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
