-- what is refused, and how
CREATE TABLE e (id int, v vector(3), anydim vector, big vector(3000), a real[]);
CREATE INDEX ON e USING vecgraph (anydim);
CREATE INDEX ON e USING vecgraph (big) WITH (storage = full);
CREATE INDEX ON e USING vecgraph (big) WITH (codes = none);
CREATE INDEX ON e USING vecgraph (big) WITH (storage = heap, codes = none);
CREATE INDEX ON e USING vecgraph (v) WITH (storage = half, codes = none);
CREATE INDEX ON e USING vecgraph (v) WITH (storage = double);
CREATE INDEX ON e USING vecgraph (v) WITH (codes = 8);
CREATE INDEX ON e USING vecgraph (v) WITH (max_degree = 3);
CREATE INDEX ON e USING vecgraph (v) WITH (max_degree = 129);
CREATE INDEX ON e USING vecgraph (v) WITH (build_list_size = 9);
CREATE INDEX ON e USING vecgraph (v) WITH (build_list_size = 2001);
CREATE INDEX ON e USING vecgraph (v) WITH (alpha = 0.9);
CREATE INDEX ON e USING vecgraph (v) WITH (alpha = 2.1);
CREATE INDEX ON e USING vecgraph (v) WITH (degree = 16);
CREATE INDEX ON e USING vecgraph (id, v);
CREATE INDEX ON e USING vecgraph (v, v);
CREATE INDEX ON e USING vecgraph (v, (point(id, id)));
CREATE INDEX ON e USING vecgraph (v, id, id, id, id, id, id, id, id, id);
CREATE INDEX ON e USING vecgraph (v) INCLUDE (id);
CREATE UNIQUE INDEX ON e USING vecgraph (v);
CREATE INDEX ON e USING vecgraph (v DESC);
CREATE INDEX ON e USING vecgraph (v NULLS FIRST);
CREATE INDEX ON e USING vecgraph (id);
CREATE INDEX ON e USING vecgraph (a);
CREATE INDEX ON e USING vecgraph (v vector_hamming_ops);
-- the message names the operator with its schema from 18 on
\set VERBOSITY sqlstate
ALTER TABLE e ADD EXCLUDE USING vecgraph (v WITH =);
\set VERBOSITY default
CREATE INDEX e_v ON e USING vecgraph (v) WITH (max_degree = 16, build_list_size = 50, alpha = 1.5);
INSERT INTO e (v) VALUES ('[1,2]');
INSERT INTO e (id, v) VALUES (1, '[1,2,3]');
CREATE TABLE wide (v vector(2000));
CREATE INDEX ON wide USING vecgraph (v) WITH (max_degree = 64, storage = full);
CREATE INDEX wide_v ON wide USING vecgraph (v);
SELECT max_degree FROM vecgraph_info('wide_v');
INSERT INTO wide SELECT array_fill(i, ARRAY[2000])::vector FROM generate_series(1, 5) i;
SET enable_seqscan = off;
SELECT subvector(v, 1, 2) FROM wide ORDER BY v <-> array_fill(4, ARRAY[2000])::vector LIMIT 2;
SELECT vecgraph_check('wide_v');
-- a query of other dimensions is refused where it meets a row, and no sooner
CREATE TEMP TABLE dims (id int, v vector(3), h halfvec(3));
CREATE INDEX ON dims USING vecgraph (v);
CREATE INDEX ON dims USING vecgraph (h halfvec_cosine_ops);
SELECT id FROM dims ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM dims ORDER BY h <=> '[1,2]' LIMIT 1;
INSERT INTO dims VALUES (1, NULL, '[0,0,0]'), (2, '[1,2,3]', '[1,2,3]'), (3, '[1,2,3]', '[3,2,1]');
SELECT id FROM dims ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM dims ORDER BY h <=> '[1,2,3,4]' LIMIT 1;
SELECT q, (SELECT id FROM dims ORDER BY v <-> q LIMIT 1) FROM unnest(ARRAY['[1,2,3]', NULL]::vector[]) q;
SELECT q, (SELECT id FROM dims ORDER BY v <-> q LIMIT 1) FROM unnest(ARRAY['[1,2,3]', '[1,2]']::vector[]) q;
DELETE FROM dims;
VACUUM dims;
SELECT id FROM dims ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM dims ORDER BY h <=> '[1,2,3,4]' LIMIT 1;
SELECT q, (SELECT id FROM dims ORDER BY v <-> q LIMIT 1) FROM unnest(ARRAY['[1,2]', '[1,2,3]', '[1]']::vector[]) q;
INSERT INTO dims VALUES (4, '[1,2,3]', '[1,2,3]');
SELECT q, (SELECT id FROM dims ORDER BY v <-> q LIMIT 1) FROM unnest(ARRAY['[1,2,3]', '[3,2,1]']::vector[]) q;
DROP TABLE dims;
-- settings
SET vecgraph.search_list_size = -1;
SET vecgraph.search_list_size = 10001;
SET vecgraph.target_recall = 0.79;
SET vecgraph.target_recall = 1;
SET vecgraph.iterative_scan = on;
SET vecgraph.max_scan_tuples = -2;
SET vecgraph.scan_mem_multiplier = 0;
-- no other names begin so, from 15 on
DO $$ BEGIN
	SET vecgraph.no_such_setting = 1;
	ASSERT current_setting('server_version_num')::int < 150000, 'the setting was not refused';
EXCEPTION WHEN invalid_name THEN NULL;
END $$;
-- operator classes that are not what the access method asks for
CREATE OPERATOR CLASS without_function FOR TYPE vector USING vecgraph AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS without_operator FOR TYPE vector USING vecgraph AS
	FUNCTION 1 vecgraph_vector_l2_support(internal);
CREATE OPERATOR CLASS wrong_number FOR TYPE vector USING vecgraph AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 2 <=> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vecgraph_vector_l2_support(internal);
CREATE OPERATOR CLASS not_for_order FOR TYPE vector USING vecgraph AS
	OPERATOR 1 = (vector, vector),
	FUNCTION 1 vecgraph_vector_l2_support(internal);
CREATE OPERATOR CLASS filter_without_function FOR TYPE int USING vecgraph AS
	OPERATOR 4 =;
CREATE OPERATOR CLASS filter_without_operator FOR TYPE int USING vecgraph AS
	FUNCTION 1 vecgraph_filter_support(internal);
CREATE OPERATOR CLASS filter_of_other_meaning FOR TYPE int USING vecgraph AS
	OPERATOR 2 >, OPERATOR 4 <>, OPERATOR 5 >= (int, int8), OPERATOR 9 =, FUNCTION 1 vecgraph_filter_support(internal);
CREATE OPERATOR CLASS filter_of_other_arrays FOR TYPE int[] USING vecgraph AS
	OPERATOR 7 @> (anyarray, anyarray), OPERATOR 4 = (anyarray, anyarray), FUNCTION 1 vecgraph_filter_support(internal);
CREATE OPERATOR CLASS filter_with_distance FOR TYPE vector USING vecgraph AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vecgraph_filter_support(internal);
CREATE OPERATOR CLASS filter_by_vector FOR TYPE int USING vecgraph AS
	OPERATOR 4 =, FUNCTION 1 vecgraph_vector_l2_support(internal);
-- a function of the server's with that signature, which is not called
CREATE OPERATOR CLASS filter_by_other FOR TYPE int USING vecgraph AS
	OPERATOR 4 =, FUNCTION 1 textlike_support(internal);
SELECT name, amvalidate((SELECT oid FROM pg_opclass WHERE opcname = name))
	FROM unnest(ARRAY['without_function', 'without_operator', 'wrong_number', 'not_for_order', 'vector_l2_ops', 'filter_without_function', 'filter_without_operator',
		'filter_of_other_meaning', 'filter_of_other_arrays', 'filter_with_distance', 'filter_by_vector', 'filter_by_other', 'int4_filter_ops']) name;
CREATE INDEX ON e USING vecgraph (v filter_with_distance);
CREATE INDEX ON e USING vecgraph (v, id filter_by_vector);
DO $$ DECLARE family text; BEGIN
	FOR family IN SELECT opfname FROM pg_opfamily WHERE opfname LIKE 'filter\_%' LOOP
		EXECUTE format('DROP OPERATOR FAMILY %I USING vecgraph', family);
	END LOOP;
END $$;
DROP OPERATOR FAMILY without_function USING vecgraph;
DROP OPERATOR FAMILY without_operator USING vecgraph;
DROP OPERATOR FAMILY wrong_number USING vecgraph;
DROP OPERATOR FAMILY not_for_order USING vecgraph;
-- functions on the wrong thing
SELECT vecgraph_check('e');
SELECT vecgraph_info('pg_class_oid_index');
CREATE ROLE vecidx_nobody;
SET ROLE vecidx_nobody;
SELECT vecgraph_check('e_v');
SELECT vecgraph_info('e_v');
RESET ROLE;
DROP ROLE vecidx_nobody;
-- an index whose column changes
ALTER TABLE e ALTER v TYPE vector(4);
DROP TABLE e, wide;
