-- tiny data, whose order is exact
CREATE TABLE items (id int PRIMARY KEY, v vector(3));
INSERT INTO items VALUES (1, '[0,0,0]'), (2, '[1,2,3]'), (3, '[1,1,1]'), (4, NULL), (5, '[5,0,1]');
CREATE INDEX items_l2 ON items USING vecgraph (v);
SELECT vecgraph_check('items_l2');
SET enable_seqscan = off;
SELECT id, v <-> '[3,3,3]' AS d FROM items ORDER BY v <-> '[3,3,3]';
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '[3,3,3]' LIMIT 2;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> NULL) s;
SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 2) LIMIT 2;
SELECT id FROM items ORDER BY v <-> '[1,2]';
-- inserts, identical vectors, updates
INSERT INTO items VALUES (6, '[1,2,4]'), (7, '[1,2,3]');
SELECT id FROM items ORDER BY v <-> '[1,2,3]', id LIMIT 3;
SELECT nodes, live, heap_tids FROM vecgraph_info('items_l2');
UPDATE items SET v = '[9,9,9]' WHERE id = 1;
SELECT id FROM items ORDER BY v <-> '[9,9,9]' LIMIT 1;
DELETE FROM items WHERE id = 2;
VACUUM items;
SELECT vecgraph_check('items_l2');
SELECT id FROM items ORDER BY v <-> '[1,2,3]' LIMIT 2;
-- the other operator classes
CREATE INDEX items_ip ON items USING vecgraph (v vector_ip_ops);
CREATE INDEX items_cosine ON items USING vecgraph (v vector_cosine_ops);
CREATE INDEX items_l1 ON items USING vecgraph (v vector_l1_ops);
INSERT INTO items VALUES (8, '[0,0,0]'), (9, '[-1,-1,0]');
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <#> '[1,1,1]' LIMIT 9;
SELECT id, v <#> '[1,1,2]' FROM items ORDER BY v <#> '[1,1,2]' LIMIT 9;
SELECT id, round((v <=> '[1,1,2]')::numeric, 4) FROM items ORDER BY v <=> '[1,1,2]' LIMIT 9;
SELECT id, v <+> '[1,1,2]' FROM items ORDER BY v <+> '[1,1,2]' LIMIT 9;
SELECT count(*) FROM (SELECT 1 FROM items ORDER BY v <=> '[0,0,0]' LIMIT 20) s;
SELECT vecgraph_check(c.oid::regclass) FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'vecgraph';
SELECT amvalidate(oid), opcname FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'vecgraph') ORDER BY 2;
-- joins with the index inside, cursors, prepared statements, CTEs
EXPLAIN (COSTS OFF) SELECT a.id, b.id FROM items a, LATERAL (SELECT id FROM items ORDER BY v <-> a.v LIMIT 1) b WHERE a.id IN (3, 5);
SELECT a.id, b.id FROM items a, LATERAL (SELECT id FROM items ORDER BY v <-> a.v LIMIT 1) b WHERE a.id IN (3, 5) ORDER BY 1;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[9,9,9]';
FETCH 2 FROM c;
FETCH 1 FROM c;
FETCH BACKWARD 1 FROM c;
ROLLBACK;
PREPARE nearest(vector) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT 1;
EXECUTE nearest('[9,9,8]');
EXECUTE nearest('[5,0,0]');
WITH n AS MATERIALIZED (SELECT id FROM items ORDER BY v <-> '[9,9,9]' LIMIT 3) SELECT count(*) FROM n;
-- filters: as many rows as match
SELECT id FROM items WHERE id % 2 = 1 ORDER BY v <-> '[1,1,1]' LIMIT 10;
TRUNCATE items;
SELECT id FROM items ORDER BY v <-> '[1,1,1]' LIMIT 10;
SELECT vecgraph_check('items_l2');
INSERT INTO items VALUES (1, '[1,1,1]');
SELECT id FROM items ORDER BY v <-> '[1,1,1]' LIMIT 10;
DROP TABLE items;
-- partial and expression indexes, temporary and unlogged tables, concurrent builds
CREATE TEMP TABLE other (id int, v vector, kind int);
INSERT INTO other SELECT i, ARRAY[i, i % 7]::vector, i % 2 FROM generate_series(1, 50) i;
INSERT INTO other VALUES (51, '[1,2,3]', 2);
CREATE INDEX other_partial ON other USING vecgraph ((v::vector(2)) vector_l2_ops) WHERE kind = 1;
EXPLAIN (COSTS OFF) SELECT id FROM other WHERE kind = 1 ORDER BY v::vector(2) <-> '[10,3]' LIMIT 3;
SELECT id FROM other WHERE kind = 1 ORDER BY v::vector(2) <-> '[10,3]' LIMIT 3;
SELECT vecgraph_check('other_partial');
DROP TABLE other;
CREATE UNLOGGED TABLE unlogged (v vector(2));
CREATE INDEX unlogged_v ON unlogged USING vecgraph (v);
INSERT INTO unlogged SELECT ARRAY[i, -i]::vector FROM generate_series(1, 30) i;
SELECT v FROM unlogged ORDER BY v <-> '[7,-7]' LIMIT 3;
CREATE INDEX CONCURRENTLY unlogged_v2 ON unlogged USING vecgraph (v);
REINDEX INDEX CONCURRENTLY unlogged_v;
REINDEX TABLE unlogged;
SELECT vecgraph_check('unlogged_v'), vecgraph_check('unlogged_v2');
DROP TABLE unlogged;
-- vectors that a build hashes alike are different all the same
CREATE TABLE alike (v vector(2));
INSERT INTO alike VALUES ('[853,254]'), ('[797,160]'), ('[288,178]'), ('[427,82]');
CREATE INDEX alike_v ON alike USING vecgraph (v);
SELECT live, heap_tids FROM vecgraph_info('alike_v');
DROP TABLE alike;
