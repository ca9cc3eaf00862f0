-- What a scan looks up in the table: distances that nodes do not hold, as far as the order of rows depends on them, and none twice.
CREATE TABLE k (id int, v vector(32));
-- less apart than halves can tell, in steps that come in an order of their own
INSERT INTO k SELECT i, array_fill(0::real, ARRAY[30]) || ARRAY[1000 + (i * 37 % 400) * 0.01, 1 + (i * 53 % 400) * 0.0001]::real[] FROM generate_series(0, 399) i;
-- and far enough
INSERT INTO k SELECT 1000 + i, array_fill(i::real, ARRAY[32]) FROM generate_series(2, 300) i;
ALTER TABLE k ALTER v SET STORAGE EXTERNAL;
SET enable_seqscan = off;
SET enable_sort = off;
-- the rows in order, from the index and without it: all of the same distance, place by place
CREATE FUNCTION in_order(operator text, query vector, n int) RETURNS TABLE (scan boolean, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
	exact float8[];
	found float8[];
	line text;
	q text := format('SELECT array_agg(d) FROM (SELECT v %s $1 AS d FROM k ORDER BY v %1$s $1 LIMIT %s) s', operator, n);
BEGIN
	scan := false;
	FOR line IN EXECUTE format('EXPLAIN SELECT id FROM k ORDER BY v %s %L LIMIT %s', operator, query, n) LOOP
		scan := scan OR line ~ 'Index Scan';
	END LOOP;
	EXECUTE q INTO found USING query;
	SET LOCAL enable_indexscan = off;
	EXECUTE q INTO exact USING query;
	SET LOCAL enable_indexscan = on;
	SELECT count(*) INTO wrong FROM unnest(exact, found) u(e, f) WHERE e IS DISTINCT FROM f;
	RETURN NEXT;
END $$;
CREATE FUNCTION far(x float8) RETURNS vector LANGUAGE sql AS $$ SELECT (array_fill(0::real, ARRAY[30]) || ARRAY[x, 1.02]::real[])::vector $$;
SET vecgraph.search_list_size = 100;
CREATE INDEX k_v ON k USING vecgraph (v vector_l2_ops) WITH (storage = half);
SELECT * FROM in_order('<->', far(1001.234), 20);
SELECT * FROM in_order('<->', far(995), 300);
SELECT * FROM in_order('<->', array_fill(150.3::real, ARRAY[32])::vector, 200);
-- a radius that is nearer to rows than halves can tell
SET vecgraph.search_list_size = 400;
SELECT n, count(*) FROM (SELECT far(1001.234) AS q) q, unnest(ARRAY[0.1, 0.105, 0.2, 0.5]) n, LATERAL (SELECT FROM k WHERE v <-> q < n ORDER BY v <-> q) s GROUP BY n ORDER BY n;
SELECT n, count(*) FROM (SELECT far(1001.234) AS q) q, unnest(ARRAY[0.1, 0.105, 0.2, 0.5]) n, LATERAL (SELECT v <-> q AS d FROM k OFFSET 0) s WHERE d < n GROUP BY n ORDER BY n;
SET vecgraph.search_list_size = 100;
SET vecgraph.iterative_scan = strict_order;
SELECT * FROM in_order('<->', far(1001.234), 100);
RESET vecgraph.iterative_scan;
-- rows that nobody sees any more, some of them in nodes that others share
INSERT INTO k SELECT 5000 + i, v FROM k, generate_series(1, 6) i WHERE id BETWEEN 100 AND 110;
DELETE FROM k WHERE id % 3 = 0 AND id < 1000;
SELECT * FROM in_order('<->', far(1001.234), 100);
DROP INDEX k_v;
CREATE INDEX k_v ON k USING vecgraph (v vector_l1_ops) WITH (storage = half);
SELECT * FROM in_order('<+>', far(1001.234), 100);
DROP INDEX k_v;
CREATE INDEX k_v ON k USING vecgraph (v vector_ip_ops) WITH (storage = half);
SELECT * FROM in_order('<#>', far(1001.234), 100);
DROP INDEX k_v;
CREATE INDEX k_v ON k USING vecgraph (v vector_cosine_ops) WITH (storage = half);
SELECT * FROM in_order('<=>', far(1001.234), 20);
DROP TABLE k;
-- how many values out of line a query for ten rows reads, where they are as far apart as usual, and where halves tell little
CREATE TABLE k (id int, v vector(700));
ALTER TABLE k ALTER v SET STORAGE EXTERNAL;
SELECT setseed(0.3);
INSERT INTO k SELECT i, (SELECT array_agg(random() - 0.5 + i * x * 0) FROM generate_series(1, 700) x) FROM generate_series(1, 500) i;
CREATE FUNCTION values_read(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	toast oid := (SELECT reltoastrelid FROM pg_class WHERE oid = 'k'::regclass);
	before bigint := pg_stat_get_xact_numscans((SELECT indexrelid FROM pg_index WHERE indrelid = toast));
BEGIN
	EXECUTE query;
	RETURN pg_stat_get_xact_numscans((SELECT indexrelid FROM pg_index WHERE indrelid = toast)) - before;
END $$;
SELECT format('SELECT id FROM k ORDER BY v <-> %L LIMIT 10', v) AS ten_nearest FROM k WHERE id = 77 \gset
CREATE INDEX k_v ON k USING vecgraph (v vector_l2_ops);
ANALYZE k;
SELECT values_read(:'ten_nearest');
SET vecgraph.omit_unread_distance = off;
SELECT values_read(:'ten_nearest');
RESET vecgraph.omit_unread_distance;
DROP INDEX k_v;
CREATE INDEX k_v ON k USING vecgraph (v vector_l2_ops) WITH (storage = heap);
SELECT values_read(:'ten_nearest') >= 10;
DROP INDEX k_v;
CREATE INDEX k_v ON k USING vecgraph (v vector_l2_ops) WITH (storage = half);
SELECT values_read(:'ten_nearest') < 10;
UPDATE k SET v = v + array_fill(50::real, ARRAY[700])::vector;
REINDEX INDEX k_v;
SELECT format('SELECT id FROM k ORDER BY v <-> %L LIMIT 10', v) AS ten_nearest FROM k WHERE id = 77 \gset
SELECT values_read(:'ten_nearest') BETWEEN 1 AND 64;
DROP TABLE k;
DROP FUNCTION in_order, far, values_read;
