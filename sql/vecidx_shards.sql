-- vecidx_shards: the nearest rows of all partitions or children; here they are on this server, see test/t for others
CREATE TABLE shards (gone int, kind int, v vector(3), id int) PARTITION BY LIST (kind);
CREATE TABLE shards_a PARTITION OF shards FOR VALUES IN (1);
CREATE TABLE "shards b" (id int, v vector(3), kind int, gone int);
ALTER TABLE shards ATTACH PARTITION "shards b" FOR VALUES IN (2);
CREATE TABLE shards_c PARTITION OF shards FOR VALUES IN (3, 4) PARTITION BY LIST (kind);
CREATE TABLE shards_c3 PARTITION OF shards_c FOR VALUES IN (3);
INSERT INTO shards SELECT 0, i % 3 + 1, ARRAY[i, 1, 2]::vector, i FROM generate_series(1, 90) i;
INSERT INTO shards VALUES (0, 1, NULL, 91);
ALTER TABLE shards DROP COLUMN gone;
SELECT * FROM vecidx_shards_check('shards', 'v');
CREATE INDEX shards_v ON shards USING vecgraph (v vector_l2_ops);

SELECT * FROM vecidx_shards(NULL::shards, 'v', '[30,1,2]', 5) ORDER BY v <-> '[30,1,2]', id;
SELECT id FROM vecidx_shards(NULL::shards, 'v', '[30.2,1,2]'::halfvec, 3, 'L2', 'kind <> 1');
SELECT id FROM vecidx_shards(NULL::shards, 'v', ARRAY[1,0,0]::vector, 3, 'ip', 'id < 80 -- not the last');
SELECT count(*), count(v) FROM vecidx_shards(NULL::shards, 'v', '[0,0,0]', 1000);
-- LIMIT and all that apply to what comes out
SELECT count(*) FROM shards s, LATERAL vecidx_shards(s, 'v', s.v, 2) n WHERE s.id <= 10 AND n.id BETWEEN s.id - 1 AND s.id + 1;
SELECT vecidx_shards_sql('shards', 'v', '[1,2,3]', 2, 'cosine', 'id > 5');
SELECT index_name, metric, dimensions, codes, codebook, problem FROM vecidx_shards_check('shards', 'v');
EXPLAIN (COSTS OFF) SELECT id FROM vecidx_shards(NULL::shards, 'v', '[30,1,2]', 5);

-- a shard that is new is asked, too
CREATE TABLE shards_c4 PARTITION OF shards_c FOR VALUES IN (4);
INSERT INTO shards VALUES (4, '[1000,1,2]', 1000);
SELECT id FROM vecidx_shards(NULL::shards, 'v', '[1000,1,2]', 1);
DROP INDEX shards_v;
CREATE INDEX ON shards_a USING vecgraph (v vector_l2_ops);
CREATE INDEX shards_b_v ON "shards b" USING vecgraph (v vector_cosine_ops);
CREATE INDEX ON shards_c3 USING vecgraph (v vector_l2_ops);
SELECT shard, index_name, metric, problem FROM vecidx_shards_check('shards', 'v');
DROP INDEX shards_b_v;
CREATE INDEX shards_b_v ON "shards b" USING vecgraph ((v::vector(3)) vector_l2_ops) WHERE false;
SELECT shard, problem FROM vecidx_shards_check('shards', 'v') WHERE problem IS NOT NULL;
SELECT * FROM vecidx_shards_setup('shards');

-- children, and a table alone
CREATE TABLE shards_parent (id int, b bit(4), s sparsevec(3));
CREATE TABLE shards_child (more text) INHERITS (shards_parent);
INSERT INTO shards_parent VALUES (1, '1100', '{1:1}/3');
INSERT INTO shards_child VALUES (2, '1110', '{2:1}/3', 'x'), (3, '0000', '{3:3}/3', 'y');
SELECT * FROM vecidx_shards(NULL::shards_parent, 'b', B'1111', 2, 'hamming');
SELECT * FROM vecidx_shards(NULL::shards_parent, 's', '{3:1}/3', 1, 'ip');
SELECT id FROM vecidx_shards(NULL::shards_child, 'b', '1111', 5, 'jaccard');
CREATE TABLE shards_none (v vector(3)) PARTITION BY LIST ((vector_dims(v)));
SELECT * FROM vecidx_shards(NULL::shards_none, 'v', '[1,2,3]', 5);
SELECT * FROM vecidx_shards_check('shards_none', 'v');

-- a column that is called as the distance would be
CREATE TABLE shards_named (distance float8, _distance text, v vector(1));
INSERT INTO shards_named VALUES (1, 'far', '[9]'), (2, 'near', '[1]'), (3, 'nearer', '[0]');
SELECT * FROM vecidx_shards(NULL::shards_named, 'v', '[0]', 2);
DROP TABLE shards_named;

-- NULLs
SELECT * FROM vecidx_shards(NULL::shards, 'v', NULL::vector, 5);
SELECT * FROM vecidx_shards(NULL::shards, 'v', '[1,2,3]', NULL);
SELECT vecidx_shards_sql('shards', NULL, '[1,2,3]', 5);

-- errors
\set VERBOSITY terse
SELECT * FROM vecidx_shards(NULL::shards, 'v', '[1,2]', 5);
SELECT * FROM vecidx_shards(NULL::shards, 'v', 'x', 5);
SELECT * FROM vecidx_shards(NULL::shards, 'v', '[1,2,3]', 0);
SELECT * FROM vecidx_shards(NULL::shards, 'w', '[1,2,3]', 5);
SELECT * FROM vecidx_shards(NULL::shards, 'ctid', '[1,2,3]', 5);
SELECT * FROM vecidx_shards(NULL::shards, 'id', '[1,2,3]', 5);
SELECT * FROM vecidx_shards(1, 'v', '[1,2,3]', 5);
CREATE DOMAIN shards_domain AS shards_parent CHECK ((VALUE).id < 3);
SELECT * FROM vecidx_shards(NULL::shards_domain, 'b', '1111', 5, 'hamming');
DROP DOMAIN shards_domain;
SELECT * FROM vecidx_shards_check('shards', 'w');
SELECT vecidx_shards_sql('pg_tables', 'v', '[1,2,3]', 5);
SELECT vecgraph_describe('shards');
\set VERBOSITY default
SELECT * FROM vecidx_shards(NULL::shards, 'v', '[1,2,3]', 5, 'hamming');
SELECT * FROM vecidx_shards(NULL::shards_none, 'v', '[1,2,3]', 5, 'l2', 'nothing = 1');
SELECT * FROM vecidx_shards(NULL::shards_child, 'b', '1111', 5, 'hamming', 'nothing = 1');
SELECT vecgraph_describe(1);

-- the caller's rights
CREATE ROLE regress_shards;
GRANT SELECT ON shards, shards_a TO regress_shards;
SET ROLE regress_shards;
SELECT * FROM vecidx_shards(NULL::shards_a, 'v', '[1,2,3]', 1);
\set VERBOSITY terse
SELECT * FROM vecidx_shards(NULL::shards, 'v', '[1,2,3]', 1);
-- who may not read a table does not lock it
SELECT * FROM vecidx_shards_setup('shards_parent');
SELECT * FROM vecidx_shards_check('shards_parent', 'b');
SELECT vecidx_shards_sql('shards_parent', 'b', '1111', 1, 'hamming');
RESET ROLE;

-- policies of the table, which those who ask its shards are not subject to
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_shards;
ALTER TABLE shards ENABLE ROW LEVEL SECURITY;
ALTER TABLE shards_child ENABLE ROW LEVEL SECURITY;
CREATE POLICY shards_first ON shards USING (kind = 1);
CREATE POLICY shards_child_one ON shards_child USING (id = 2);
SET ROLE regress_shards;
SELECT count(*) FROM shards WHERE kind > 1;
SELECT count(*) FROM vecidx_shards(NULL::shards, 'v', '[1,2,3]', 1000, condition => 'kind > 1');
SELECT id FROM vecidx_shards(NULL::shards_child, 'b', '1111', 5, 'hamming');
RESET ROLE;
SELECT count(*) > 1 FROM vecidx_shards(NULL::shards, 'v', '[1,2,3]', 1000, condition => 'kind > 1');

-- what shows the indexes of a server must not be somebody else's
CREATE FOREIGN DATA WRAPPER postgres_fdw;
CREATE SERVER regress_shards FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE shards_far PARTITION OF shards FOR VALUES IN (7) SERVER regress_shards;
CREATE SCHEMA regress_shards_trap AUTHORIZATION regress_shards;
GRANT CREATE ON SCHEMA public TO regress_shards;
SET ROLE regress_shards;
CREATE FUNCTION regress_shards_trap.spring() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'run by another role'; END$$;
CREATE VIEW vecgraph_indexes_at_regress_shards AS SELECT regress_shards_trap.spring() AS table_schema, 'shards_far' AS table_name, 'i' AS index_name,
	'v' AS indexed, NULL AS predicate, true AS valid, 'l2' AS metric, 3 AS dimensions, 'full' AS storage, 'none' AS codes, NULL AS codebook, NULL AS codebook_hash;
GRANT SELECT ON vecgraph_indexes_at_regress_shards TO PUBLIC;
RESET ROLE;
SELECT shard, problem FROM vecidx_shards_check('shards', 'v') WHERE server IS NOT NULL;
-- a server whose name leaves no room for more
CREATE SERVER regress_shards_of_a_name_that_is_as_long_as_a_name_may_be_at_all FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE shards_farther PARTITION OF shards FOR VALUES IN (8) SERVER regress_shards_of_a_name_that_is_as_long_as_a_name_may_be_at_all;
SELECT vecidx_shards_setup('shards') \gexec
SELECT * FROM vecidx_shards_setup('shards');
DROP FOREIGN TABLE shards_farther;
-- nor may what measures be, though it would be nearer to the type of the column
SET ROLE regress_shards;
CREATE DOMAIN regress_shards_trap.vector AS vector(2);
CREATE TABLE regress_shards_trap.owned (v regress_shards_trap.vector);
INSERT INTO regress_shards_trap.owned VALUES ('[1,2]');
CREATE FUNCTION regress_shards_trap.measure(regress_shards_trap.vector, public.vector) RETURNS float8 LANGUAGE plpgsql AS $$BEGIN RAISE 'run by another role'; END$$;
CREATE OPERATOR public.<-> (LEFTARG = regress_shards_trap.vector, RIGHTARG = public.vector, FUNCTION = regress_shards_trap.measure);
RESET ROLE;
SELECT * FROM vecidx_shards(NULL::regress_shards_trap.owned, 'v', '[1,2]', 1);
DROP OWNED BY regress_shards CASCADE;
DROP FOREIGN DATA WRAPPER postgres_fdw CASCADE;
DROP TABLE shards, shards_parent, shards_none CASCADE;
DROP ROLE regress_shards;
