-- indexes on sparsevec: each metric, with rows that are inserted after the build; NULL and, under cosine, zero vectors are not in them
SET enable_seqscan = off;
CREATE TABLE vg_sparse (val sparsevec(3));
INSERT INTO vg_sparse VALUES ('{}/3'), ('{1:1,2:2,3:3}/3'), ('{1:1,2:1,3:1}/3'), (NULL);
CREATE INDEX vg_sparse_l2 ON vg_sparse USING vecgraph (val);
CREATE INDEX vg_sparse_cosine ON vg_sparse USING vecgraph (val sparsevec_cosine_ops);
CREATE INDEX vg_sparse_l1 ON vg_sparse USING vecgraph (val sparsevec_l1_ops);
INSERT INTO vg_sparse VALUES ('{1:1,2:2,3:4}/3');
EXPLAIN (COSTS OFF) SELECT * FROM vg_sparse ORDER BY val <-> '{1:3,2:3,3:3}/3';
EXPLAIN (COSTS OFF) SELECT * FROM vg_sparse ORDER BY val <=> '{1:3,2:3,3:3}/3';
EXPLAIN (COSTS OFF) SELECT * FROM vg_sparse ORDER BY val <+> '{1:3,2:3,3:3}/3';
SELECT val, val <-> '{1:3,2:3,3:3}/3' AS distance FROM vg_sparse ORDER BY val <-> '{1:3,2:3,3:3}/3';
SELECT val, val <#> '{1:3,2:3,3:3}/3' AS distance FROM vg_sparse ORDER BY val <#> '{1:3,2:3,3:3}/3';
SELECT val, (val <=> '{1:3,2:3,3:3}/3')::numeric(6, 5) AS distance FROM vg_sparse ORDER BY val <=> '{1:3,2:3,3:3}/3';
SELECT val, val <+> '{1:3,2:3,3:3}/3' AS distance FROM vg_sparse ORDER BY val <+> '{1:3,2:3,3:3}/3';
-- of few dimensions, and by L1, distances in the index say little; rows are fetched until they say enough
CREATE TABLE vg_low (id int, v sparsevec(3));
SELECT setseed(0.3);
INSERT INTO vg_low SELECT i, ARRAY[random() * random(), random() * random(), random() * random()]::vector::sparsevec FROM generate_series(1, 4000) i;
CREATE INDEX ON vg_low USING vecgraph (v sparsevec_l1_ops);
SELECT count(DISTINCT q.id) AS queries, count(*) >= 20 * 20 * 0.99 AS nearest_found
	FROM (SELECT id, v FROM vg_low LIMIT 20) q,
	LATERAL (SELECT id FROM vg_low ORDER BY v <+> (SELECT w.v FROM vg_low w WHERE w.id = q.id) LIMIT 20) near
	WHERE near.id IN (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <+> q.v) AS rank FROM vg_low) ranks WHERE rank <= 20);
DROP TABLE vg_low;
-- queries that are NULL, zero, or of other dimensions
SELECT count(*) FROM (SELECT FROM vg_sparse ORDER BY val <-> (SELECT NULL::sparsevec)) t;
SELECT count(*) FROM (SELECT FROM vg_sparse ORDER BY val <=> '{}/3') t;
SELECT count(*) FROM (SELECT FROM vg_sparse ORDER BY val <=> (SELECT NULL::sparsevec)) t;
SELECT FROM vg_sparse ORDER BY val <-> '{}/4';
-- a radius
SELECT val FROM vg_sparse WHERE val <-> '{1:3,2:3,3:3}/3' < 3 ORDER BY val <-> '{1:3,2:3,3:3}/3';
SELECT name, metric, dimensions, nodes, live, storage, codes, code_bytes, vecgraph_check(name::regclass)
	FROM unnest(ARRAY['vg_sparse_l2', 'vg_sparse_ip', 'vg_sparse_cosine', 'vg_sparse_l1']) name, vecgraph_info(name::regclass) ORDER BY name;
DELETE FROM vg_sparse WHERE val = '{1:1,2:1,3:1}/3';
VACUUM vg_sparse;
SELECT val FROM vg_sparse ORDER BY val <-> '{1:1,2:1,3:1}/3';
TRUNCATE vg_sparse;
SELECT val FROM vg_sparse ORDER BY val <-> '{1:1,2:1,3:1}/3';
INSERT INTO vg_sparse VALUES ('{2:5}/3'), ('{2:5}/3'), ('{3:1}/3');
SELECT val FROM vg_sparse ORDER BY val <-> '{1:1,2:1,3:1}/3';
DROP TABLE vg_sparse;
-- as many non-zeros as a value may have, and as many dimensions
CREATE TABLE vg_sparse (id serial, val sparsevec(1000000000));
INSERT INTO vg_sparse (val) SELECT ('{' || string_agg(62500 * i || ':' || i % n + 1, ',') || '}/1000000000')::sparsevec FROM generate_series(1, 16000) i, generate_series(1, 5) n GROUP BY n;
INSERT INTO vg_sparse (val) VALUES ('{1000000000:1}/1000000000'), ('{1:1}/1000000000');
CREATE INDEX vg_sparse_l2 ON vg_sparse USING vecgraph (val);
INSERT INTO vg_sparse (val) SELECT val FROM vg_sparse WHERE id = 5;
INSERT INTO vg_sparse (val) VALUES ('{1000000000:3}/1000000000');
SELECT id, (val <-> '{1000000000:2}/1000000000')::real AS distance FROM vg_sparse ORDER BY val <-> '{1000000000:2}/1000000000', id;
SELECT id FROM vg_sparse ORDER BY val <-> (SELECT val FROM vg_sparse WHERE id = 4) LIMIT 1;
SELECT nodes, heap_tids, dimensions, code_bytes, vecgraph_check('vg_sparse_l2') FROM vecgraph_info('vg_sparse_l2');
DROP TABLE vg_sparse;
-- more rows: what is found is nearest; filter columns, expressions, changes
CREATE FUNCTION vg_sparse(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
	SELECT ('{' || string_agg((i / 20 * 13 + j * 17) % 300 * 100 + 1 || ':' || 1 + i * j % 7, ',') || '}/30000')::sparsevec
		FROM generate_series(1, 5 + i % 10) j $$;
CREATE TABLE vg_sparse (id int, val sparsevec, tag int);
INSERT INTO vg_sparse SELECT i, vg_sparse(i), i % 10 FROM generate_series(1, 800) i;
CREATE INDEX vg_sparse_cosine ON vg_sparse USING vecgraph ((val::sparsevec(30000)) sparsevec_cosine_ops, tag);
INSERT INTO vg_sparse SELECT i, vg_sparse(i), i % 10 FROM generate_series(801, 1000) i;
DELETE FROM vg_sparse WHERE id % 7 = 0;
VACUUM vg_sparse;
EXPLAIN (COSTS OFF) SELECT id FROM vg_sparse WHERE tag = 3 ORDER BY val::sparsevec(30000) <=> '{1:1}/30000' LIMIT 3;
SELECT id, (val <=> vg_sparse(33))::numeric(6, 5) AS distance FROM vg_sparse WHERE tag = 3 ORDER BY val::sparsevec(30000) <=> vg_sparse(33) LIMIT 3;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM vg_sparse ORDER BY val::sparsevec(30000) <=> vg_sparse(33)) t;
REINDEX INDEX vg_sparse_cosine;
SELECT id, (val <=> vg_sparse(33))::numeric(6, 5) AS distance FROM vg_sparse WHERE tag = 3 ORDER BY val::sparsevec(30000) <=> vg_sparse(33) LIMIT 3;
SELECT vecgraph_check('vg_sparse_cosine'), vecgraph_train('vg_sparse_cosine'), vecgraph_check('vg_sparse_cosine');
-- what is refused
CREATE INDEX ON vg_sparse USING vecgraph (val sparsevec_l2_ops);
CREATE INDEX ON vg_sparse USING vecgraph ((val::sparsevec(30000))) WITH (codes = none);
CREATE INDEX ON vg_sparse USING vecgraph ((val::sparsevec(30000))) WITH (pq_subvectors = 16);
CREATE INDEX ON vg_sparse USING vecgraph ((val::sparsevec(30001)));
SELECT vecidx_train_codebook('vg_sparse', 'vg_sparse', 'val', 16);
-- storage is the same whatever is asked for
CREATE INDEX vg_sparse_full ON vg_sparse USING vecgraph ((val::sparsevec(30000))) WITH (storage = full, max_degree = 12, codes = pq);
SELECT storage, codes, max_degree FROM vecgraph_info('vg_sparse_full');
ALTER TABLE vg_sparse ALTER val TYPE sparsevec(30000);
SELECT row_count, dimensions, fits_memory FROM vecgraph_build_estimate('vg_sparse', 'val');
DROP TABLE vg_sparse;
DROP FUNCTION vg_sparse;
