-- a scan returns every row once, however small its list is, and duplicates cost one node
CREATE TABLE s (id int, v vector(4));
SELECT setseed(0.25);
INSERT INTO s SELECT i, ARRAY[random(), random(), random(), random()]::vector FROM generate_series(1, 2000) i;
INSERT INTO s SELECT 10000 + i, '[0.5,0.5,0.5,0.5]' FROM generate_series(1, 1500) i;
CREATE INDEX s_v ON s USING vecgraph (v);
SELECT live, heap_tids FROM vecgraph_info('s_v');
SELECT vecgraph_check('s_v');
SET enable_seqscan = off;
SET vecgraph.search_list_size = 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM s ORDER BY v <-> '[0,0,0,0]' LIMIT 100000) q;
SET vecgraph.search_list_size = 20;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM s ORDER BY v <-> '[0,0,0,0]' LIMIT 100000) q;
SELECT count(*) FROM (SELECT id FROM s WHERE id % 100 = 7 ORDER BY v <-> '[0,0,0,0]' LIMIT 35) q;
SET vecgraph.iterative_scan = off;
SELECT count(*) FROM (SELECT id FROM s WHERE id <= 2000 ORDER BY v <-> '[0,0,0,0]' LIMIT 100000) q;
SET vecgraph.iterative_scan = strict_order;
SELECT bool_and(ordered) FROM (SELECT d >= lag(d, 1, 0::float8) OVER () AS ordered
	FROM (SELECT v <-> '[0,0,0,0]' AS d FROM s ORDER BY v <-> '[0,0,0,0]' LIMIT 1000) q) r;
RESET vecgraph.iterative_scan;
SET vecgraph.max_scan_tuples = 30;
SELECT count(*) < 100 FROM (SELECT id FROM s ORDER BY v <-> '[0,0,0,0]' LIMIT 100000) q;
RESET vecgraph.max_scan_tuples;
RESET vecgraph.search_list_size;
-- where the list is all there will be, too, a LIMIT of more rows than there are asks for no more memory than all of them
SET vecgraph.target_recall = 0.9;
REINDEX INDEX s_v;
SET vecgraph.iterative_scan = off;
SELECT count(*) = count(DISTINCT id) AND count(*) > 3000 FROM (SELECT id FROM s ORDER BY v <-> '[0,0,0,0]' LIMIT 2147483647) q;
RESET vecgraph.iterative_scan;
RESET vecgraph.target_recall;
-- scans that are open at once, one that fails and one that takes over what another left: none sees anything of the others
CREATE FUNCTION interleaved() RETURNS SETOF boolean LANGUAGE plpgsql AS $$
DECLARE
	a CURSOR FOR SELECT id FROM s ORDER BY v <-> '[0,0,0,0]';
	b CURSOR FOR SELECT id FROM s ORDER BY v <-> '[1,1,1,1]';
	row record;
	of_a int[];
	of_b int[];
BEGIN
	OPEN a;
	OPEN b;
	FOR i IN 1 .. 120 LOOP
		FETCH b INTO row;
		of_b := of_b || row.id;
		IF i <= 60 THEN
			FETCH a INTO row;
			of_a := of_a || row.id;
		END IF;
		IF i = 30 THEN
			BEGIN
				PERFORM 1 / (id - id) FROM (SELECT id FROM s ORDER BY v <-> '[0,1,0,1]' LIMIT 5) q;
			EXCEPTION WHEN division_by_zero THEN
				of_a := of_a;
			END;
		ELSIF i = 60 THEN
			CLOSE a;
		ELSIF i = 90 THEN
			PERFORM id FROM (SELECT id FROM s ORDER BY v <-> '[1,0,1,0]' LIMIT 300) q;
		END IF;
	END LOOP;
	CLOSE b;
	RETURN NEXT of_a = ARRAY(SELECT id FROM s ORDER BY v <-> '[0,0,0,0]' LIMIT 60);
	RETURN NEXT of_b = ARRAY(SELECT id FROM s ORDER BY v <-> '[1,1,1,1]' LIMIT 120);
END $$;
SELECT interleaved();
SELECT interleaved();
DROP FUNCTION interleaved();
-- the duplicates, inserted into the live index and deleted again
INSERT INTO s SELECT 20000 + i, '[0.5,0.5,0.5,0.5]' FROM generate_series(1, 700) i;
SELECT live, heap_tids FROM vecgraph_info('s_v');
SELECT vecgraph_check('s_v');
SELECT count(DISTINCT id) FROM (SELECT id FROM s ORDER BY v <-> '[0.5,0.5,0.5,0.5]' LIMIT 2200) q WHERE id >= 10000;
DELETE FROM s WHERE id >= 10000 AND id % 3 <> 0;
VACUUM s;
SELECT vecgraph_check('s_v');
SELECT live, deleted, heap_tids FROM vecgraph_info('s_v');
DELETE FROM s WHERE id >= 10000;
VACUUM s;
SELECT live, deleted, heap_tids FROM vecgraph_info('s_v');
SELECT vecgraph_check('s_v');
-- an update that leaves the vector alone does not make a node
UPDATE s SET id = id + 1 WHERE id < 100;
SELECT live FROM vecgraph_info('s_v');
SELECT vecgraph_check('s_v');
-- everything deleted, and a new beginning
DELETE FROM s;
VACUUM s;
SELECT live, deleted, heap_tids FROM vecgraph_info('s_v');
INSERT INTO s VALUES (1, '[1,1,1,1]'), (2, '[2,2,2,2]');
SELECT id FROM s ORDER BY v <-> '[2,2,2,2]';
SELECT vecgraph_check('s_v');
-- too little memory: the graph is finished row by row
SET maintenance_work_mem = '1MB';
TRUNCATE s;
INSERT INTO s SELECT i, ARRAY[random(), random(), random(), random()]::vector FROM generate_series(1, 5000) i;
SET client_min_messages = warning;
REINDEX INDEX s_v;
RESET client_min_messages;
SELECT live FROM vecgraph_info('s_v');
SELECT vecgraph_check('s_v');
DROP TABLE s;
