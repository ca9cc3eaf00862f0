-- indexes on halfvec: what is not as it is on vector (test/t/016_kinds.pl has every kind of index with its answers)
SET enable_seqscan = off;
SET client_min_messages = error;
\i sql/include/wave.sql
CREATE TABLE h (id int, v halfvec(40)) WITH (autovacuum_enabled = off);
INSERT INTO h SELECT i, wave(i, 40) FROM generate_series(1, 1500) i;
CREATE INDEX h_v ON h USING vecgraph (v);
EXPLAIN (COSTS OFF) SELECT id FROM h ORDER BY v <-> '[1,2]' LIMIT 3;
SELECT storage, codes, code_bytes, live FROM vecgraph_info('h_v');
DROP INDEX h_v;
-- a codebook that a halfvec column trained
SELECT vecidx_train_codebook('halves', 'h', 'v', 20) < 0.2 AS good;
CREATE INDEX h_v ON h USING vecgraph (v halfvec_l2_ops) WITH (codebook = 'halves');
SELECT storage, codes, code_bytes FROM vecgraph_info('h_v');
SELECT vecgraph_check('h_v', true);
DROP INDEX h_v;
SELECT vecidx_drop_codebook('halves');
-- what a build will take: nodes of halves are smaller
ALTER TABLE h ADD w vector(40);
UPDATE h SET w = v;
SELECT h.row_count = w.row_count AS rows, h.index_bytes < w.index_bytes AS smaller, h.dimensions
	FROM vecgraph_build_estimate('h', 'v') h, vecgraph_build_estimate('h', 'w') w;
-- vectors that are indexed as halves
CREATE INDEX h_w ON h USING vecgraph ((w::halfvec(40)) halfvec_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM h ORDER BY w::halfvec(40) <-> '[1,2]' LIMIT 3;
SELECT count(DISTINCT id) FROM (SELECT id FROM h ORDER BY w::halfvec(40) <-> wave(3, 40)) s;
SELECT vecgraph_check('h_w', true);
DROP TABLE h;
-- a query, a row or an operator class that does not fit
CREATE TABLE h (id int, v halfvec(3), w vector(3), any_dim halfvec);
CREATE INDEX h_v ON h USING vecgraph (v);
INSERT INTO h VALUES (1, '[1,2,3]'), (2, '[0,0,0]'), (3, '[4,5,6]');
SELECT id FROM h ORDER BY v <-> '[1,2,2]';
SELECT id FROM h ORDER BY v <-> '[1,2,2]'::vector LIMIT 1;
SELECT id FROM h ORDER BY v <-> '[1,2]';
SELECT id FROM h ORDER BY v <-> '[70000,1,1]';
SELECT count(*) FROM (SELECT id FROM h ORDER BY v <-> NULL) s;
CREATE INDEX ON h USING vecgraph (v vector_l2_ops);
CREATE INDEX ON h USING vecgraph (w halfvec_l2_ops);
CREATE INDEX ON h USING vecgraph (any_dim);
CREATE INDEX h_cosine ON h USING vecgraph (v halfvec_cosine_ops);
SELECT heap_tids FROM vecgraph_info('h_cosine');
DROP TABLE h;
-- too many dimensions
CREATE TABLE d (v halfvec(5000));
CREATE INDEX ON d USING vecgraph (v) WITH (storage = full);
CREATE INDEX ON d USING vecgraph (v) WITH (codes = none);
DROP TABLE d;
DROP FUNCTION wave;
