-- types of another extension, whose values are like those of vector and halfvec: indexes on them need SQL only
SET enable_seqscan = off;
SET client_min_messages = error;
CREATE SCHEMA other;
CREATE TYPE other.vector;
CREATE FUNCTION other.vector_in(cstring, oid, integer) RETURNS other.vector AS '$libdir/vecidx', 'vecidx_vector_in' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION other.vector_out(other.vector) RETURNS cstring AS '$libdir/vecidx', 'vecidx_vector_out' LANGUAGE C IMMUTABLE STRICT;
CREATE TYPE other.vector (INPUT = other.vector_in, OUTPUT = other.vector_out, TYPMOD_IN = bittypmodin, STORAGE = external);
CREATE FUNCTION other.to_size(other.vector, integer, boolean) RETURNS other.vector AS '$libdir/vecidx', 'vecidx_vector_typmod' LANGUAGE C IMMUTABLE STRICT;
CREATE CAST (other.vector AS other.vector) WITH FUNCTION other.to_size(other.vector, integer, boolean) AS IMPLICIT;
CREATE TYPE other.half;
CREATE FUNCTION other.half_in(cstring, oid, integer) RETURNS other.half AS '$libdir/vecidx', 'vecidx_halfvec_in' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION other.half_out(other.half) RETURNS cstring AS '$libdir/vecidx', 'vecidx_halfvec_out' LANGUAGE C IMMUTABLE STRICT;
CREATE TYPE other.half (INPUT = other.half_in, OUTPUT = other.half_out, TYPMOD_IN = bittypmodin, STORAGE = external);
CREATE FUNCTION other.l2(other.vector, other.vector) RETURNS float8 AS '$libdir/vecidx', 'vecidx_l2_distance' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION other.cosine(other.vector, other.vector) RETURNS float8 AS '$libdir/vecidx', 'vecidx_cosine_distance' LANGUAGE C IMMUTABLE STRICT;
CREATE FUNCTION other.l2(other.half, other.half) RETURNS float8 AS '$libdir/vecidx', 'vecidx_halfvec_l2_distance' LANGUAGE C IMMUTABLE STRICT;
CREATE OPERATOR other.<-> (LEFTARG = other.vector, RIGHTARG = other.vector, FUNCTION = other.l2);
CREATE OPERATOR other.<=> (LEFTARG = other.vector, RIGHTARG = other.vector, FUNCTION = other.cosine);
CREATE OPERATOR other.<-> (LEFTARG = other.half, RIGHTARG = other.half, FUNCTION = other.l2);
-- without an operator class a type is not known
CREATE TABLE t (id int, v other.vector(32), h other.half(32), any_dim other.vector, wide other.vector(16001)) WITH (autovacuum_enabled = off);
SELECT * FROM vecgraph_build_estimate('t', 'v');
SELECT vecidx_train_codebook('others', 't', 'v');
CREATE OPERATOR CLASS other.vector_l2_ops DEFAULT FOR TYPE other.vector USING vecgraph AS
	OPERATOR 1 other.<-> FOR ORDER BY float_ops, FUNCTION 1 (other.vector, other.vector) vecgraph_vector_l2_support(internal);
CREATE OPERATOR CLASS other.vector_cosine_ops FOR TYPE other.vector USING vecgraph AS
	OPERATOR 1 other.<=> FOR ORDER BY float_ops, FUNCTION 1 (other.vector, other.vector) vecgraph_vector_cosine_support(internal);
CREATE OPERATOR CLASS other.half_l2_ops FOR TYPE other.half USING vecgraph AS
	OPERATOR 1 other.<-> FOR ORDER BY float_ops, FUNCTION 1 (other.half, other.half) vecgraph_halfvec_l2_support(internal);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcnamespace = 'other'::regnamespace ORDER BY opcname;
-- n waves
CREATE FUNCTION wave(i int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$ SELECT '[' || string_agg((sin(i * 0.7 + x * (1 + i % 7)) * (1 + i % 3))::real::text, ',') || ']' FROM generate_series(1, 32) x $$;
INSERT INTO t SELECT i, wave(i)::other.vector, wave(i)::other.half FROM generate_series(1, 1500) i;
INSERT INTO t VALUES (0, (SELECT '[' || string_agg('0', ',') || ']' FROM generate_series(1, 32))::other.vector);
-- training and estimates read the column as it is
SELECT vecidx_train_codebook('others', 't', 'v', 16) < 0.2 AS good, vecidx_train_codebook('directions', 't', 'v', 16, 'cosine') < 0.2 AS good,
	vecidx_train_codebook('halves', 't', 'h', 16) < 0.2 AS good;
SELECT name, sample_size FROM vecidx_codebook ORDER BY name;
SELECT v.row_count, h.row_count, h.index_bytes < v.index_bytes AS smaller, h.dimensions
	FROM vecgraph_build_estimate('t', 'v') v, vecgraph_build_estimate('t', 'h') h;
-- so they do a domain
CREATE DOMAIN other.nonzero AS other.vector(32) CHECK (VALUE IS NOT NULL);
CREATE VIEW other.waves AS SELECT v::other.nonzero FROM t WHERE id > 0;
SELECT vecidx_train_codebook('domain', 'other.waves', 'v', 16) < 0.2 AS good;
-- arrays are cast to the type of the extension, whatever comes first by name
CREATE OPERATOR CLASS other.a_first_ops FOR TYPE other.vector USING vecgraph AS
	OPERATOR 1 other.<-> FOR ORDER BY float_ops, FUNCTION 1 (other.vector, other.vector) vecgraph_vector_l2_support(internal);
CREATE TABLE other.arrays AS SELECT v::text::vector::real[] AS a FROM t;
SELECT vecidx_train_codebook('arrays', 'other.arrays', 'a', 16) < 0.2 AS good;
-- what does not fit a column
CREATE INDEX ON t USING vecgraph (any_dim);
CREATE INDEX ON t USING vecgraph (wide);
CREATE INDEX ON t USING vecgraph (v vector_l2_ops);
CREATE INDEX ON t USING vecgraph (h);
-- indexes of each storage, and their searches
SET search_path = public, other;
CREATE FUNCTION search(op text, col text, kind text) RETURNS TABLE (found boolean) LANGUAGE plpgsql AS $$
DECLARE
	n int := 0;
BEGIN
	FOR i IN 1 .. 10 LOOP
		EXECUTE format('SELECT $2 + count(*) FROM (SELECT id FROM t ORDER BY %1$I OPERATOR(other.%2$s) $1::%3$s LIMIT 1) s WHERE id = $3', col, op, kind)
			INTO n USING wave(i * 97), n, i * 97;
	END LOOP;
	RETURN QUERY SELECT n = 10;
END $$;
CREATE INDEX t_v ON t USING vecgraph (v);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY v OPERATOR(other.<->) '[1,2]' LIMIT 3;
INSERT INTO t SELECT 2000 + i, wave(i + 5000)::other.vector FROM generate_series(1, 100) i;
SELECT storage, codes, live, vecgraph_check('t_v', true) FROM vecgraph_info('t_v');
SELECT search('<->', 'v', 'other.vector');
SELECT id FROM t ORDER BY v OPERATOR(other.<->) '[1,2]';
DROP INDEX t_v;
CREATE INDEX t_v ON t USING vecgraph (v other.vector_cosine_ops) WITH (storage = heap, codebook = 'directions');
SELECT storage, codes, live, vecgraph_check('t_v', true) FROM vecgraph_info('t_v');
SELECT search('<=>', 'v', 'other.vector');
DROP INDEX t_v;
CREATE INDEX t_h ON t USING vecgraph (h other.half_l2_ops) WITH (codebook = 'halves');
SELECT storage, codes, live, vecgraph_check('t_h', true) FROM vecgraph_info('t_h');
SELECT search('<->', 'h', 'other.half');
DROP TABLE t CASCADE;
DROP FUNCTION search, wave;
RESET search_path;
DROP SCHEMA other CASCADE;
DELETE FROM vecidx_codebook;
