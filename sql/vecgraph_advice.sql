-- what an index would be better for: advice appears, its statement is followed, and it is gone
SET maintenance_work_mem = '64MB';
CREATE TABLE advised (id int, v vector(32)) WITH (autovacuum_enabled = off);
INSERT INTO advised SELECT i, ARRAY(SELECT sin(i * g * 0.37) FROM generate_series(1, 32) g)::vector FROM generate_series(1, 2500) i;
CREATE INDEX "advised ""v" ON advised USING vecgraph (v vector_ip_ops);
CREATE VIEW advice AS SELECT a.* FROM (VALUES ('"advised ""v"')) n (name), vecgraph_advice(name::regclass) a;
-- all is well
SELECT * FROM advice;

-- memory for the next build
SET maintenance_work_mem = '1MB';
SELECT topic, advice ~ '^To build the index again in memory, which is faster, takes \d+ MB; maintenance_work_mem is 1 MB.$' AS said, statement ~ '^SET maintenance_work_mem = ''\d+MB''$' AS done FROM advice;
SELECT statement FROM advice \gexec
SELECT * FROM advice;
SET maintenance_work_mem = '64MB';

-- options that only a build can follow
ALTER INDEX "advised ""v" SET (max_degree = 16, build_list_size = 50);
SELECT * FROM advice;
SELECT statement FROM advice \gexec
SELECT * FROM advice;

-- a wild row
INSERT INTO advised SELECT 0, ARRAY(SELECT 1e6 FROM generate_series(1, 32))::vector;
SELECT topic, regexp_replace(advice, 'than [\d.]+\.', 'than N.') AS advice, statement FROM advice;
DELETE FROM advised WHERE id = 0;
VACUUM (INDEX_CLEANUP on) advised;
SELECT statement FROM advice \gexec
SELECT * FROM advice;

-- other vectors than the codes were fitted to
DROP INDEX "advised ""v";
TRUNCATE advised;
INSERT INTO advised SELECT i, ARRAY(SELECT CASE WHEN g < 4 THEN sin(i * g * 0.37) ELSE 0.01 * sin(i * g * 0.37) END FROM generate_series(1, 32) g)::vector FROM generate_series(1, 2500) i;
CREATE INDEX "advised ""v" ON advised USING vecgraph (v);
SELECT * FROM advice;
INSERT INTO advised SELECT i, ARRAY(SELECT 5 * cos(i * g * 0.71) FROM generate_series(1, 32) g)::vector FROM generate_series(1, 2500) i;
SELECT topic, regexp_replace(advice, '\d+\.\d', 'N') AS advice, statement FROM advice;
SELECT statement FROM advice \gexec
SELECT * FROM advice;

-- many more slots than rows
DELETE FROM advised WHERE id > 500;
VACUUM (INDEX_CLEANUP on) advised;
SELECT topic, regexp_replace(advice, '\d+', 'N', 'g') AS advice, statement FROM advice;
SELECT statement FROM advice \gexec
SELECT * FROM advice;

-- copies
INSERT INTO advised SELECT 1000 + id, v FROM advised, generate_series(1, 4) WHERE id <= 500;
SELECT topic, statement FROM advice;
SELECT count(*) FROM (SELECT v, count(*) FROM public.advised GROUP BY 1 HAVING count(*) > 1) s;
DELETE FROM advised WHERE id > 1000;
VACUUM (INDEX_CLEANUP on) advised;
SELECT topic FROM advice;
DROP INDEX "advised ""v";

-- codes that have had no rows to be trained from
TRUNCATE advised;
CREATE INDEX "advised ""v" ON advised USING vecgraph (v) WITH (storage = heap, pq_subvectors = 8);
INSERT INTO advised SELECT i, ARRAY(SELECT sin(i * g * 0.37) FROM generate_series(1, 32) g)::vector FROM generate_series(1, 1500) i;
SELECT * FROM advice;
SELECT statement FROM advice \gexec
SELECT * FROM advice;
DROP VIEW advice;
DROP TABLE advised;

-- vectors out of line that would fit their rows
CREATE TABLE advised (v vector(600));
CREATE INDEX advised_v ON advised USING vecgraph (v);
INSERT INTO advised SELECT ARRAY(SELECT sin(i * g * 0.37) FROM generate_series(1, 600) g)::vector FROM generate_series(1, 50) i;
SELECT * FROM vecgraph_advice('advised_v');
SELECT statement FROM vecgraph_advice('advised_v') \gexec
SELECT * FROM vecgraph_advice('advised_v');
-- those that would not
CREATE TABLE advised_long (v vector(3000));
CREATE INDEX advised_long_v ON advised_long USING vecgraph (v);
INSERT INTO advised_long SELECT ARRAY(SELECT sin(i * g * 0.37) FROM generate_series(1, 3000) g)::vector FROM generate_series(1, 5) i;
SELECT * FROM vecgraph_advice('advised_long_v');
DROP TABLE advised_long;

-- rights
CREATE ROLE regress_advice;
SET ROLE regress_advice;
SELECT * FROM vecgraph_advice('advised_v');
RESET ROLE;
DROP ROLE regress_advice;
SELECT * FROM vecgraph_advice('advised');
SELECT * FROM vecgraph_advice(NULL);
DROP TABLE advised;
