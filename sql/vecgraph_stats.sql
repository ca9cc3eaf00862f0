-- what is done with indexes is counted
CREATE TABLE counted (id int, kind int, v vector(8), h halfvec(4)) WITH (autovacuum_enabled = off);
INSERT INTO counted SELECT i, i % 100, ARRAY[sin(i), cos(i), sin(i * 0.7), cos(i * 0.3), sin(i * 1.1), cos(i * 1.7), i % 3, 1], ARRAY[sin(i), cos(i), 1, 1] FROM generate_series(1, 1000) i;
CREATE INDEX counted_v ON counted USING vecgraph (v, kind) WITH (codes = pq);
CREATE INDEX counted_h ON counted USING vecgraph (h) WITH (storage = heap);
SET enable_seqscan = off;
-- a build counts nothing, nor does a scan that is never asked for a row
SELECT count(*) FROM vecgraph_stats() WHERE index IN ('counted_v'::regclass, 'counted_h'::regclass);
SELECT id FROM counted ORDER BY v <-> '[0,1,0,1,0,1,0,1]' LIMIT 0;
SELECT count(*) FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;

-- a scan is counted when it has ended
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM counted ORDER BY v <-> '[0,1,0,1,0,1,0,1]';
MOVE 5 IN c;
SELECT count(*) FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
CLOSE c;
COMMIT;
SELECT scans, rows_returned, nodes_expanded BETWEEN 5 AND 1000 AS expanded, nodes_scored >= nodes_expanded AS scored, codes_cached + codes_read >= 5 AS codes,
		pages_hit + pages_read >= nodes_expanded AS pages, rerank_fetches, list_size, grown_lists, passes, sweeps, inserts, vacuums, fits, since <= now() AS since
	FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
SELECT index, rows_returned, nodes_expanded BETWEEN 5 AND 1000 AS expanded, nodes_scored >= nodes_expanded AS scored, list_size, sweeps FROM vecgraph_last_scan();
-- so is each search of a join
SELECT count(*) FROM generate_series(1, 3) g, LATERAL (SELECT id FROM counted ORDER BY v <-> ARRAY[g,1,1,1,1,1,1,1]::vector LIMIT 2) s;
SELECT scans, rows_returned FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
SELECT rows_returned FROM vecgraph_last_scan();
-- lists, grown or set; passes over signatures; sweeps; vectors from the table
SET vecgraph.search_list_size = 10;
SELECT count(*) FROM (SELECT id FROM counted ORDER BY v <-> '[0,1,0,1,0,1,0,1]' LIMIT 200) s;
SELECT rows_returned, list_size, grown_lists, passes, sweeps FROM vecgraph_last_scan();
RESET vecgraph.search_list_size;
SELECT count(*) FROM (SELECT id FROM counted WHERE kind = 7 ORDER BY v <-> '[0,1,0,1,0,1,0,1]' LIMIT 100) s;
SELECT rows_returned, passes > 0 AS passed, sweeps FROM vecgraph_last_scan();
SELECT count(*) FROM (SELECT id FROM counted ORDER BY v <-> (SELECT NULL::vector) LIMIT 100) s;
SELECT rows_returned, nodes_expanded, list_size, sweeps FROM vecgraph_last_scan();
SELECT count(*) FROM (SELECT id FROM counted ORDER BY h <-> '[1,1,1,1]' LIMIT 20) s;
SELECT index, rows_returned, rerank_fetches >= 20 AS fetched FROM vecgraph_last_scan();
RESET enable_seqscan;

-- changes
SELECT vecgraph_stats_reset('counted_v');
SELECT scans, rows_returned, list_size, inserts FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
INSERT INTO counted SELECT id + 1000, kind, v, h FROM counted WHERE id <= 50;
INSERT INTO counted VALUES (0, 0, NULL, NULL);
DELETE FROM counted WHERE id % 4 = 0;
VACUUM (INDEX_CLEANUP on) counted;
SELECT inserts, lost_links, vacuums, rows_removed, nodes_freed BETWEEN 200 AND 262 AS freed, nodes_repaired > 0 AS repaired, fits FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
SELECT vecgraph_train('counted_v') > 0 AS trained;
SELECT fits FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
-- REINDEX keeps counts; CONCURRENTLY makes another index, which is given what was written meanwhile by the server's means, one of which is that of VACUUM
REINDEX INDEX counted_v;
SELECT inserts, vacuums FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
REINDEX INDEX CONCURRENTLY counted_v;
SELECT inserts, vacuums FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;

-- rights
CREATE ROLE regress_stats;
SET ROLE regress_stats;
SELECT inserts FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
SELECT vecgraph_stats_reset('counted_v');
RESET ROLE;
DROP ROLE regress_stats;
SELECT vecgraph_stats_reset('counted');

-- there is room for the indexes that were used last, and an index that is dropped leaves its room
CREATE TABLE many (v vector(2));
DO $$ BEGIN FOR i IN 1..140 LOOP EXECUTE 'CREATE INDEX many_' || i || ' ON many USING vecgraph (v) WITH (codes = pq, max_degree = 4)'; END LOOP; END $$;
INSERT INTO many VALUES ('[1,2]');
SELECT count(*) BETWEEN 100 AND 128 AS most FROM vecgraph_stats() WHERE index::text LIKE 'many%' AND inserts = 1;
DROP TABLE many;
SELECT count(*) FROM vecgraph_stats() WHERE index::text LIKE 'many%';
INSERT INTO counted VALUES (5000, 1, '[1,1,1,1,1,1,1,1]', '[1,1,1,1]');
SELECT inserts > 0 AS counted FROM vecgraph_stats() WHERE index = 'counted_v'::regclass;
DROP INDEX counted_v;
SELECT count(*) FROM vecgraph_stats() WHERE index::text = 'counted_v';
DROP TABLE counted;
-- of an index that is gone since
SELECT index::text ~ '^\d+$' AS gone FROM vecgraph_last_scan();
