-- indexes on halfvec: nodes hold the halves, which is all there is
SET enable_seqscan = off;
SET client_min_messages = error;
-- n waves of halves
CREATE FUNCTION wave(i int, n int) RETURNS halfvec LANGUAGE sql IMMUTABLE AS
	'SELECT array_agg((sin(i * 0.7 + x * (1 + i % 7)) * (1 + i % 3))::real)::halfvec FROM generate_series(1, n) x';
-- what the index answers, compared with a sort of the whole table: is it in order, and are at least 97 of 100 among the nearest
CREATE FUNCTION compare(tab regclass, op text, n int) RETURNS TABLE (in_order boolean, found boolean) LANGUAGE plpgsql AS $$
DECLARE
	near int := 0;
	wrong int := 0;
	exact float8[];
	got float8[];
BEGIN
	FOR i IN 1 .. 10 LOOP
		PERFORM set_config('enable_indexscan', 'off', true);
		EXECUTE format('SELECT array_agg(d) FROM (SELECT v %1$s $1 AS d FROM %2$s ORDER BY v %1$s $1 LIMIT 10) s', op, tab)
			INTO exact USING wave(i * 97, n);
		PERFORM set_config('enable_indexscan', 'on', true);
		EXECUTE format('SELECT array_agg(d) FROM (SELECT v %1$s $1 AS d FROM %2$s ORDER BY v %1$s $1 LIMIT 10) s', op, tab)
			INTO got USING wave(i * 97, n);
		near := near + (SELECT count(*) FROM unnest(got) g WHERE g <= exact[10]);
		wrong := wrong + (SELECT count(*) FROM generate_series(2, 10) j WHERE got[j] < got[j - 1]);
	END LOOP;
	RETURN QUERY SELECT wrong = 0, near >= 97;
END $$;
CREATE TABLE h (id int, v halfvec(40)) WITH (autovacuum_enabled = off);
INSERT INTO h SELECT i, wave(i, 40) FROM generate_series(1, 1500) i;
CREATE INDEX h_v ON h USING vecgraph (v);
EXPLAIN (COSTS OFF) SELECT id FROM h ORDER BY v <-> '[1,2]' LIMIT 3;
SELECT storage, codes, code_bytes, live FROM vecgraph_info('h_v');
SELECT vecgraph_check('h_v', true);
SELECT * FROM compare('h', '<->', 40);
-- rows inserted, deleted and equal
INSERT INTO h SELECT 2000 + i, wave(i + 5000, 40) FROM generate_series(1, 300) i;
INSERT INTO h SELECT 3000 + i, wave(7, 40) FROM generate_series(1, 20) i;
INSERT INTO h VALUES (4000, NULL);
DELETE FROM h WHERE id % 5 = 0;
VACUUM h;
INSERT INTO h SELECT 5000 + i, wave(i + 9000, 40) FROM generate_series(1, 100) i;
SELECT vecgraph_check('h_v', true);
SELECT live, heap_tids FROM vecgraph_info('h_v');
SELECT * FROM compare('h', '<->', 40);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM h ORDER BY v <-> wave(3, 40)) s;
SELECT vecgraph_train('h_v') > 1000 AS trained;
SELECT * FROM compare('h', '<->', 40);
DROP INDEX h_v;
-- the other operator classes, with every kind of storage and codes
CREATE INDEX h_v ON h USING vecgraph (v halfvec_ip_ops);
SELECT vecgraph_check('h_v', true);
SELECT * FROM compare('h', '<#>', 40);
DROP INDEX h_v;
CREATE INDEX h_v ON h USING vecgraph (v halfvec_cosine_ops) WITH (storage = half);
SELECT storage FROM vecgraph_info('h_v');
SELECT vecgraph_check('h_v', true);
SELECT * FROM compare('h', '<=>', 40);
DROP INDEX h_v;
CREATE INDEX h_v ON h USING vecgraph (v halfvec_l1_ops) WITH (codes = none);
SELECT storage, codes FROM vecgraph_info('h_v');
SELECT vecgraph_check('h_v', true);
SELECT * FROM compare('h', '<+>', 40);
DROP INDEX h_v;
CREATE INDEX h_v ON h USING vecgraph (v halfvec_l2_ops) WITH (storage = heap);
SELECT storage, codes FROM vecgraph_info('h_v');
SELECT vecgraph_check('h_v', true);
SELECT * FROM compare('h', '<->', 40);
DROP INDEX h_v;
-- trained codes, also from a codebook that a halfvec column trained
SELECT vecidx_train_codebook('halves', 'h', 'v', 20) < 0.2 AS good;
CREATE INDEX h_v ON h USING vecgraph (v halfvec_l2_ops) WITH (codebook = 'halves');
SELECT storage, codes, code_bytes FROM vecgraph_info('h_v');
SELECT vecgraph_check('h_v', true);
SELECT * FROM compare('h', '<->', 40);
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
-- every dimension
CREATE TABLE dims (n int, storage text, codes text, found int);
DO $$
DECLARE
	n int;
BEGIN
	FOREACH n IN ARRAY ARRAY[1, 2, 3, 8, 15, 16, 17, 63, 64, 65, 129, 768, 1536, 2049, 4030, 4031, 8000, 16000] LOOP
		EXECUTE format('CREATE TABLE d (id int, v halfvec(%s))', n);
		EXECUTE format('INSERT INTO d SELECT i, (SELECT array_agg(((i * 7919 + x * x) %% 1000)::real) FROM generate_series(1, %s) x)::halfvec FROM generate_series(1, 20) i', n);
		CREATE INDEX d_v ON d USING vecgraph (v);
		PERFORM vecgraph_check('d_v', true);
		INSERT INTO d SELECT 100 + id, v FROM d WHERE id <= 5;
		INSERT INTO dims SELECT n, i.storage, i.codes, (SELECT count(*) FROM (SELECT id FROM d ORDER BY v <-> (SELECT v FROM d WHERE id = 3) LIMIT 2) s WHERE id IN (3, 103))
			FROM vecgraph_info('d_v') i;
		DROP TABLE d;
	END LOOP;
END $$;
SELECT * FROM dims ORDER BY n;
CREATE TABLE d (v halfvec(5000));
CREATE INDEX ON d USING vecgraph (v) WITH (storage = full);
CREATE INDEX ON d USING vecgraph (v) WITH (codes = none);
DROP TABLE d, dims;
DROP FUNCTION compare, wave;
