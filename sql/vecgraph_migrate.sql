CREATE TABLE items (id int, v vector(3), category int);
INSERT INTO items SELECT i, ARRAY[i, i % 7, 1], i % 3 FROM generate_series(1, 300) i;

-- what others call their options: an error that says what to write instead
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (m = 16, ef_construction = 64);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (ef_construction = 64);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (lists = 100);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (lists);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops, category) WITH (alpha = 1.2, num_neighbors = 50);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (search_list_size = 100);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (max_alpha = 1.2);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (num_dimensions = 2);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (num_bits_per_dimension = 2);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (storage_layout = memory_optimized);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (options = $$ m = 64 $$);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (probes = '10');
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (epsilon = 1.9);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (ef_search = 64);
SELECT * FROM vecgraph_build_estimate('items', 'v', '{m=16}');
-- others are unknown as they always were
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH (mm = 16);
CREATE INDEX ON items USING vecgraph (v vector_l2_ops) WITH ("M" = 16);
-- such an option is never there to be removed
CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops) WITH (max_degree = 32, alpha = 1.2);
ALTER INDEX items_v SET (m = 16);
ALTER INDEX items_v RESET (m);
ALTER INDEX items_v RESET (alpha);
SELECT reloptions FROM pg_class WHERE relname = 'items_v';

-- settings of extensions that are not there: the log tells once in a session
SET enable_seqscan = off;
SET client_min_messages = log;
SELECT id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1;
SET hnsw.ef_search = 100;
SET ivfflat.probes = 10;
-- the second scan
SELECT id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1;
SET diskann.query_search_list_size = 100;
-- the third and the fourth
SELECT id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1;
SELECT id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1;
-- up to the 16th
DO $$ BEGIN FOR i IN 5..16 LOOP PERFORM id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1; END LOOP; END $$;
-- in a new session: those that are set from the first scan on
\c
SET enable_seqscan = off;
SET client_min_messages = log;
BEGIN;
SET LOCAL hnsw.ef_search = 100;
SET LOCAL hnsw.iterative_scan = strict_order;
SET LOCAL hnsw.other = 1;
SELECT id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1;
-- workers have the settings of their session, which has told of them
SELECT count(*) FROM (SELECT set_config(name, 'on', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')) s;
SELECT id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1;
COMMIT;
SELECT id FROM items ORDER BY v <-> '[5,5,1]' LIMIT 1;
-- how to find them in a session, where pg_settings does not list them
SELECT name FROM unnest($${hnsw.ef_search,hnsw.iterative_scan,ivfflat.probes}$$::text[]) name WHERE current_setting(name, true) IS NOT NULL;
DROP TABLE items;
