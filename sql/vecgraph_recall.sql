-- how many of the exactly nearest rows an index finds
CREATE TABLE recall (id int PRIMARY KEY, kind int, v vector(4), h halfvec(4), s sparsevec(4), b bit(32));
INSERT INTO recall SELECT i, i % 4, a::vector, a::halfvec, a::real[]::sparsevec, (i * 2654435761)::bit(32)
	FROM generate_series(1, 1000) i, LATERAL (SELECT ARRAY[sin(i), cos(i * 1.7), sin(i * 0.3), 1]) x(a);
INSERT INTO recall (id) VALUES (1001);
CREATE INDEX recall_v ON recall USING vecgraph (v, kind);
CREATE INDEX recall_h ON recall USING vecgraph (h halfvec_cosine_ops);
CREATE INDEX recall_s ON recall USING vecgraph (s sparsevec_ip_ops);
CREATE INDEX recall_b ON recall USING vecgraph (b bit_hamming_ops);
CREATE INDEX recall_l1 ON recall USING vecgraph (v vector_l1_ops);
CREATE INDEX recall_part ON recall USING vecgraph ((subvector(v, 1, 3)::vector(3))) WHERE kind = 1;

-- a list that holds all rows finds them all, whatever the type
SET vecgraph.search_list_size = 2000;
SELECT name, queries, recall, recall_low BETWEEN 0.9 AND 0.999 AS low, recall_high, index_ms > 0 AND exact_ms >= 0 AS timed
	FROM unnest('{recall_v,recall_h,recall_b,recall_l1,recall_part}'::text[]) name, vecgraph_recall(name, sample => 30);
SELECT queries, recall > 0.9 AS nearly_all FROM vecgraph_recall('recall_s', sample => 30);
SELECT queries, recall FROM vecgraph_recall('recall_v', 3, 2000, 'kind = 2 AND id < 500');
SELECT queries, recall FROM vecgraph_recall('recall_v', ARRAY(SELECT v FROM recall WHERE id <= 20), 5, condition => 'kind IN (SELECT kind FROM recall WHERE id = 1) -- a comment');
SELECT queries, recall FROM vecgraph_recall('recall_b', ARRAY[b'10101010101010101010101010101010', NULL]);
-- a row is left out of its own answer; one of few rows has as many as there are
SELECT query, expected, found, recall FROM vecgraph_recall_queries('recall_v', 10, 5, 'id <= 3');
SELECT query, expected, found, recall FROM vecgraph_recall_queries('recall_v', 10, 5, 'id = 3');
SELECT queries, recall FROM vecgraph_recall('recall_v', 10, 5, 'id = 3');
SELECT queries, recall, index_ms FROM vecgraph_recall('recall_v', condition => 'id > 5000');
-- queries that are given are not in the table, and keep their numbers
SELECT query, source_row, expected, found, recall FROM vecgraph_recall_queries('recall_v', ARRAY[NULL, '[1,2,3,4]'::vector, '[0,0,0,0]'], 7);
SELECT * FROM vecgraph_recall('recall_v', '{}'::vector[]);
-- the sample is the same each time, or another
SELECT count(DISTINCT list), count(*) FROM (SELECT array_agg(source_row) AS list FROM generate_series(1, 2) g, vecgraph_recall_queries('recall_v', 1, 20) GROUP BY g) s;
SELECT count(DISTINCT list), count(*) FROM (SELECT array_agg(source_row) AS list FROM generate_series(1, 2) g, vecgraph_recall_queries('recall_v', 1, 20, NULL, g) GROUP BY g) s;
SELECT count(*), bool_and(v IS NOT NULL), min(id) < 100 AND max(id) > 900 AS from_all_over FROM vecgraph_recall_queries('recall_v', 1, 50) JOIN recall ON recall.ctid = source_row;
-- nothing
SELECT * FROM vecgraph_recall(NULL);
SELECT * FROM vecgraph_recall('recall_v', NULL::int);
SELECT * FROM vecgraph_recall_queries('recall_v', NULL::vector[]);

-- one that finds hardly anything; the exact way does not go by it, though it is the cheaper one for each type
SET vecgraph.search_list_size = 1;
SET vecgraph.iterative_scan = off;
SELECT name, queries, recall < 0.2 AS low, recall_low <= recall AND recall <= recall_high AND recall_high < 0.3 AS within
	FROM unnest('{recall_v,recall_h,recall_s,recall_b,recall_l1,recall_part}'::text[]) name, vecgraph_recall(name, sample => 50);
SELECT queries, recall < 0.2 AS low FROM vecgraph_recall('recall_b', ARRAY(SELECT b FROM recall WHERE id <= 20));
SELECT count(*), max(found) <= 1 AS few, min(expected) FROM vecgraph_recall_queries('recall_b', 10, 20);
RESET vecgraph.search_list_size;
RESET vecgraph.iterative_scan;

-- at one distance any row is right: of these the exact way takes the first ones, the index others
CREATE TABLE recall_ties (id int, v vector(2), b bit(8));
CREATE INDEX recall_ties_v ON recall_ties USING vecgraph (v);
CREATE INDEX recall_ties_b ON recall_ties USING vecgraph (b bit_hamming_ops);
INSERT INTO recall_ties SELECT i, '[1,2]', b'10101010' FROM generate_series(1, 500) i;
INSERT INTO recall_ties SELECT i, '[1,3]', b'10101011' FROM generate_series(1, 500) i;
SELECT queries, recall FROM vecgraph_recall('recall_ties_v', 10, 50);
SELECT queries, recall FROM vecgraph_recall('recall_ties_b', 10, 50);
SELECT queries, recall FROM vecgraph_recall('recall_ties_v', ARRAY['[1,2]'::vector, '[1,2.5]', '[7,7]'], 600);
DROP TABLE recall_ties;
-- zero vectors have no cosine: the index does not have them, and nobody expects them
CREATE TABLE recall_zero (v vector(2));
CREATE INDEX recall_zero_v ON recall_zero USING vecgraph (v vector_cosine_ops);
INSERT INTO recall_zero VALUES ('[0,0]'), ('[0,0]'), ('[1,0]'), ('[0,1]');
SELECT query, expected, found, recall FROM vecgraph_recall_queries('recall_zero_v', 10, 10);
SELECT queries, recall FROM vecgraph_recall('recall_zero_v', 10, 10);
DROP TABLE recall_zero;
-- a table's own rows, not those of its children
CREATE TABLE recall_child () INHERITS (recall);
INSERT INTO recall_child SELECT * FROM recall WHERE id <= 100;
SELECT queries, recall FROM vecgraph_recall('recall_v', ARRAY(SELECT v FROM ONLY recall WHERE id <= 20));
DROP TABLE recall_child;
-- rows of before, of the same statement's snapshot
WITH gone AS (DELETE FROM recall WHERE kind = 3 RETURNING id) SELECT (SELECT count(*) FROM gone), queries, recall FROM vecgraph_recall('recall_v', 10, 2000, 'kind = 3');
SELECT queries, recall FROM vecgraph_recall('recall_v', 10, 2000, 'kind = 3');
-- settings of the planner and plans are as before
SET enable_indexscan = off;
SELECT queries, recall FROM vecgraph_recall('recall_v', 10, 5, 'id <= 3');
SHOW enable_indexscan;
RESET enable_indexscan;
SHOW enable_seqscan;
SHOW plan_cache_mode;
EXPLAIN (COSTS OFF) SELECT id FROM recall WHERE id = 7;

-- errors
SELECT * FROM vecgraph_recall('recall_v', 0);
SELECT * FROM vecgraph_recall('recall_v', 2147483647);
SELECT * FROM vecgraph_recall('recall_v', sample => 0);
SELECT * FROM vecgraph_recall('recall_pkey');
SELECT * FROM vecgraph_recall('recall');
SELECT * FROM vecgraph_recall('recall_v', ARRAY['[1,2]'::vector]);
SELECT * FROM vecgraph_recall('recall_v', ARRAY['[1,2,3,4]'::halfvec]);
SELECT * FROM vecgraph_recall('recall_v', ARRAY['[1,2,3,4]'::vector, '[1,2]']);
-- a condition is one expression, of the table's columns
SELECT * FROM vecgraph_recall('recall_v', condition => 'id = 1) OR (id = 2');
SELECT * FROM vecgraph_recall('recall_v', condition => 'true LIMIT 1');
SELECT * FROM vecgraph_recall('recall_v', condition => 'true, false');
SELECT * FROM vecgraph_recall('recall_v', condition => 'true UNION SELECT true');
SELECT * FROM vecgraph_recall('recall_v', condition => 'true FROM pg_class');
SELECT * FROM vecgraph_recall('recall_v', condition => 'true; DROP TABLE recall');
SELECT * FROM vecgraph_recall('recall_v', condition => 'true /*');
SELECT * FROM vecgraph_recall('recall_v', condition => '');
SELECT * FROM vecgraph_recall('recall_v', condition => 'id');
SELECT * FROM vecgraph_recall('recall_v', condition => 'nothing = 1');
SELECT * FROM vecgraph_recall('recall_v', condition => 'v = $1');
SELECT vecgraph_recall_queries('recall_v', 1, 1, 'id = 1') IS NOT NULL AS in_select;

-- rights and row security are the caller's
CREATE ROLE regress_recall_owner;
CREATE ROLE regress_recall_reader;
CREATE ROLE regress_recall_nobody;
GRANT pg_read_all_data TO regress_recall_reader;
GRANT SELECT ON recall TO regress_recall_nobody;
ALTER TABLE recall OWNER TO regress_recall_owner;
ALTER TABLE recall ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON recall USING (id % 2 = 0);
SET ROLE regress_recall_nobody;
SELECT * FROM vecgraph_recall('recall_v');
SELECT * FROM vecgraph_recall_queries('recall_v', '{}'::vector[]);
SET ROLE regress_recall_reader;
SELECT queries, recall FROM vecgraph_recall('recall_v', 3, 2000, 'id <= 10');
SELECT queries, recall FROM vecgraph_recall('recall_v', 3, 2000, 'pg_read_file(''PG_VERSION'') IS NOT NULL');
SET ROLE regress_recall_owner;
SELECT queries, recall FROM vecgraph_recall('recall_v', 3, 2000, 'id <= 10');
-- what is another's does not run with the caller's rights
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_recall_owner;
SET ROLE regress_recall_owner;
CREATE FUNCTION recall_trap(vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$;
CREATE DOMAIN recall_domain AS int CHECK (recall_trap('[1]') IS NOT NULL);
CREATE INDEX recall_trap_v ON recall USING vecgraph ((recall_trap(v)::vector(4)));
CREATE INDEX recall_trap_where ON recall USING vecgraph (v) WHERE kind::recall_domain IS NOT NULL;
SELECT queries, recall FROM vecgraph_recall('recall_trap_v', 3, 2000, 'id <= 10');
SELECT queries, recall FROM vecgraph_recall('recall_trap_where', 3, 2000, 'id <= 10');
DROP INDEX recall_trap_v, recall_trap_where;
-- of constants, which expressions are made without it by whoever asks for them
CREATE FUNCTION recall_trap_const(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'for %', current_user; RETURN $1; END $$;
CREATE INDEX recall_trap_const ON recall USING vecgraph (v) WHERE kind >= recall_trap_const(0);
\c -
SELECT * FROM vecgraph_recall('recall_trap_const', 3, 5);
DROP INDEX recall_trap_const;
DROP FUNCTION recall_trap_const;
SET ROLE regress_recall_owner;
CREATE INDEX recall_trap_v ON recall USING vecgraph ((recall_trap(v)::vector(4)));
CREATE INDEX recall_trap_where ON recall USING vecgraph (v) WHERE kind::recall_domain IS NOT NULL;
RESET ROLE;
SELECT * FROM vecgraph_recall('recall_trap_v');
SELECT * FROM vecgraph_recall('recall_trap_where');
-- one seed, one sample, though several processes would read the table in any order
CREATE TABLE recall_wide AS SELECT i AS id, ARRAY[i % 977, i % 71]::vector(2) AS v, repeat('x', 100) AS filler FROM generate_series(1, 30000) i;
CREATE INDEX recall_wide_v ON recall_wide USING vecgraph (v) WHERE id % 20 = 0;
ANALYZE recall_wide;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT count(DISTINCT rows) FROM generate_series(1, 10) g,
	LATERAL (SELECT array_agg(source_row) AS rows FROM vecgraph_recall_queries('recall_wide_v', 3, 5, seed => g - g + 1)) s;
DROP TABLE recall_wide;
DROP TABLE recall;
DROP DOMAIN recall_domain;
DROP FUNCTION recall_trap;
REVOKE CREATE ON SCHEMA public FROM regress_recall_owner;
DROP ROLE regress_recall_owner, regress_recall_reader, regress_recall_nobody;
