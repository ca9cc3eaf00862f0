-- indexes on bit (test/t/016_kinds.pl has every kind of index with its answers, test/t/024_bits.pl recall on real vectors)
SET enable_seqscan = off;
SET client_min_messages = error;
CREATE TABLE b (id int, v bit(6)) WITH (autovacuum_enabled = off);
INSERT INTO b VALUES (1, B'000000'), (2, B'100000'), (3, B'111000'), (4, NULL), (5, B'111111');
CREATE INDEX b_v ON b USING vecgraph (v bit_hamming_ops);
INSERT INTO b VALUES (6, B'110000'), (7, B'111000'), (8, NULL);
EXPLAIN (COSTS OFF) SELECT id FROM b ORDER BY v <~> B'111000' LIMIT 3;
SELECT v, v <~> B'111000' AS distance FROM b ORDER BY v <~> B'111000';
SELECT v <~> B'111111' AS distance FROM b ORDER BY v <~> B'111111' LIMIT 2;
SELECT count(*) FROM (SELECT id FROM b ORDER BY v <~> (SELECT NULL::bit)) s;
SELECT metric, dimensions, storage, codes, code_bytes, live, heap_tids FROM vecgraph_info('b_v');
SELECT vecgraph_check('b_v', true);
-- conditions on the distance
SELECT id FROM b WHERE v <~> B'111000' <= 2 ORDER BY v <~> B'111000', id;
-- Jaccard distance, also of strings without a bit set: 1 from all, and each other
DROP INDEX b_v;
CREATE INDEX b_v ON b USING vecgraph (v bit_jaccard_ops);
INSERT INTO b VALUES (9, B'000000'), (10, B'000001');
EXPLAIN (COSTS OFF) SELECT id FROM b ORDER BY v <%> B'111000' LIMIT 3;
SELECT v, round((v <%> B'111000')::numeric, 3) AS distance FROM b WHERE v <> B'000000' AND v <> B'000001' ORDER BY v <%> B'111000';
SELECT count(*), count(DISTINCT v), min(d), max(d) FROM (SELECT v, v <%> B'000000' AS d FROM b ORDER BY v <%> B'000000') s;
SELECT metric, codes, code_bytes, live, heap_tids FROM vecgraph_info('b_v');
SELECT vecgraph_check('b_v', true);
DROP TABLE b;

-- many ties: every order of a scan has all rows, once, and none before a nearer one
CREATE TABLE b (id serial, v bit(10), kind int) WITH (autovacuum_enabled = off);
INSERT INTO b (v, kind) SELECT (i * 7919 % 1024)::bit(10), i % 5 FROM generate_series(1, 3000) i;
CREATE INDEX b_v ON b USING vecgraph (v bit_hamming_ops, kind);
CREATE FUNCTION order_of(q bit) RETURNS TABLE (rows bigint, distinct_rows bigint, in_order bool) LANGUAGE sql AS $$
	SELECT count(*), count(DISTINCT id), bool_and(d >= coalesce(before, 0))
	FROM (SELECT id, d, lag(d) OVER (ORDER BY n) AS before
		FROM (SELECT id, row_number() OVER () AS n, d FROM (SELECT id, v <~> q AS d FROM b ORDER BY v <~> q) s) t) u $$;
SET vecgraph.iterative_scan = strict_order;
SELECT * FROM order_of(B'0101010101');
SET vecgraph.iterative_scan = relaxed_order;
SELECT rows, distinct_rows FROM order_of(B'0101010101');
SELECT array_agg(d) FROM (SELECT v <~> B'1111100000' AS d FROM b ORDER BY v <~> B'1111100000' LIMIT 40) s;
SELECT array_agg(d) FROM (SELECT v <~> B'1111100000' AS d FROM b WHERE kind = 3 ORDER BY v <~> B'1111100000' LIMIT 12) s;
SET enable_indexscan = off;
SELECT array_agg(d) FROM (SELECT v <~> B'1111100000' AS d FROM b WHERE kind = 3 ORDER BY v <~> B'1111100000' LIMIT 12) s;
RESET enable_indexscan;
-- changes
DELETE FROM b WHERE id % 3 = 0;
UPDATE b SET v = ~v WHERE id % 3 = 1;
VACUUM b;
SELECT vecgraph_check('b_v', true);
INSERT INTO b (v, kind) SELECT (i * 104729 % 1024)::bit(10), i % 5 FROM generate_series(1, 2000) i;
SELECT rows, distinct_rows FROM order_of(B'0101010101');
SELECT live <= 1024 * 5 AS twins_are_one, heap_tids FROM vecgraph_info('b_v');
SELECT vecgraph_check('b_v', true);
REINDEX INDEX b_v;
SELECT vecgraph_check('b_v', true);
DROP FUNCTION order_of;
DROP TABLE b;

-- vectors that are quantised to bits, and their neighbours put in exact order
\i sql/include/wave.sql
CREATE TABLE items (id int, embedding vector(40)) WITH (autovacuum_enabled = off);
INSERT INTO items SELECT i, wave(i, 40) FROM generate_series(1, 1500) i;
CREATE INDEX items_bits ON items USING vecgraph ((binary_quantize(embedding)::bit(40)) bit_hamming_ops);
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY binary_quantize(embedding)::bit(40) <~> binary_quantize(wave(7, 40)) LIMIT 50;
SELECT id FROM (
	SELECT id, embedding FROM items ORDER BY binary_quantize(embedding)::bit(40) <~> binary_quantize(wave(7, 40)) LIMIT 50) s
ORDER BY embedding <=> wave(7, 40) LIMIT 5;
SELECT id FROM items ORDER BY embedding <=> wave(7, 40) LIMIT 5;
SELECT vecgraph_check('items_bits', true);
SELECT dimensions, index_bytes > 0 AS has_size FROM vecgraph_build_estimate('items', 'embedding');
ALTER TABLE items ADD b bit(40);
UPDATE items SET b = binary_quantize(embedding);
SELECT row_count, dimensions FROM vecgraph_build_estimate('items', 'b', metric => 'jaccard');
SELECT vecgraph_build_estimate('items', 'b', metric => 'l2');
SELECT vecgraph_build_estimate('items', 'embedding', metric => 'hamming');
-- options
CREATE INDEX items_b ON items USING vecgraph (b bit_hamming_ops) WITH (codes = none, storage = half);
CREATE INDEX items_b ON items USING vecgraph (b bit_hamming_ops) WITH (codes = none);
SELECT storage, codes FROM vecgraph_info('items_b');
SELECT vecgraph_train('items_b');
DROP INDEX items_b;
CREATE INDEX items_b ON items USING vecgraph (b bit_hamming_ops) WITH (storage = heap);
SELECT storage, codes FROM vecgraph_info('items_b');
SELECT vecgraph_train('items_b');
CREATE INDEX ON items USING vecgraph (b bit_hamming_ops) WITH (pq_subvectors = 5);
CREATE INDEX ON items USING vecgraph (b bit_hamming_ops) WITH (codebook = 'none');
SELECT vecidx_train_codebook('bits', 'items', 'b');
DROP TABLE items;
DROP FUNCTION wave;

-- what is no column of bits, or does not fit one
CREATE TABLE b (v bit(3), free bit varying, short bit varying(3));
CREATE INDEX b_v ON b USING vecgraph (v bit_hamming_ops);
INSERT INTO b VALUES (B'101', B'1010', B'10');
SELECT v FROM b ORDER BY v <~> B'1011';
SELECT v FROM b ORDER BY v <~> B'';
SELECT v FROM b ORDER BY v <~> B'10'::varbit;
SELECT v FROM b ORDER BY v <~> '101'::varbit;
CREATE INDEX ON b USING vecgraph (v);
CREATE INDEX ON b USING vecgraph (v vector_l2_ops);
CREATE INDEX ON b USING vecgraph (free bit_hamming_ops);
CREATE INDEX ON b USING vecgraph (short bit_jaccard_ops);
CREATE INDEX ON b USING vecgraph ((short::bit(3)) bit_hamming_ops);
CREATE INDEX ON b USING vecgraph ((~v) bit_hamming_ops);
CREATE INDEX ON b USING vecgraph ((v::bit(64001)) bit_hamming_ops);
DROP TABLE b;
-- as long as they may be
CREATE TABLE b (id int, v bit(64000));
INSERT INTO b SELECT i, (repeat('1', i * 100) || repeat('0', 64000 - i * 100))::bit(64000) FROM generate_series(1, 100) i;
CREATE INDEX b_v ON b USING vecgraph (v bit_hamming_ops);
SELECT id, v <~> repeat('1', 64000)::bit(64000) AS distance FROM b ORDER BY v <~> repeat('1', 64000)::bit(64000) LIMIT 3;
SELECT dimensions, max_degree, codes, live FROM vecgraph_info('b_v');
SELECT vecgraph_check('b_v', true);
DROP INDEX b_v;
CREATE INDEX b_v ON b USING vecgraph (v bit_jaccard_ops) WITH (codes = pq);
SELECT id, round((v <%> repeat('1', 64000)::bit(64000))::numeric, 4) AS distance FROM b ORDER BY v <%> repeat('1', 64000)::bit(64000) LIMIT 3;
SELECT codes, code_bytes, live FROM vecgraph_info('b_v');
SELECT vecgraph_check('b_v', true);
CREATE INDEX ON b USING vecgraph (v bit_hamming_ops) WITH (max_degree = 64);
DROP TABLE b;
