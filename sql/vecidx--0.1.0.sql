/* vecidx 0.1.0: install script, made by tools/make-sql from sql/install */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION vecidx" to load this file. \quit

-- An access method has no schema, so one extension makes it. Tell whoever has the other one, before names clash.
DO $alone$
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'vecidx_pgvector') THEN
		RAISE EXCEPTION 'extension "vecidx" cannot be installed beside extension "vecidx_pgvector"'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'Both make the access method vecgraph, and a database has one of that name.',
				HINT = 'That one has vecgraph for the types of extension "vector"; this one has types of its own.';
	END IF;
	IF EXISTS (SELECT FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector' AND nspname = current_schema()) THEN
		RAISE EXCEPTION 'extension "vecidx" cannot be installed in the schema of extension "vector"'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'Both make types of the same names.',
				HINT = 'For columns of the types that are there, CREATE EXTENSION vecidx_pgvector. '
					'To have both sorts of types, give this extension another SCHEMA.';
	END IF;
END
$alone$;

-- ---------------------------------------------------------------------------------------------------------------------
-- access method vecgraph
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION vecgraph_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE ACCESS METHOD vecgraph TYPE INDEX HANDLER vecgraph_handler;

COMMENT ON ACCESS METHOD vecgraph IS 'Vamana graph index for nearest neighbour search';

-- ---------------------------------------------------------------------------------------------------------------------
-- type vector
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TYPE vector;

CREATE FUNCTION vector_in(cstring, oid, integer) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_out(vector) RETURNS cstring
	AS 'MODULE_PATHNAME', 'vecidx_vector_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_vector_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_recv(internal, oid, integer) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_send(vector) RETURNS bytea
	AS 'MODULE_PATHNAME', 'vecidx_vector_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE vector (
	INPUT = vector_in,
	OUTPUT = vector_out,
	TYPMOD_IN = vector_typmod_in,
	RECEIVE = vector_recv,
	SEND = vector_send,
	STORAGE = external
);

COMMENT ON TYPE vector IS 'up to 16000 single-precision numbers: [1,2,3]';

-- functions

CREATE FUNCTION l2_distance(vector, vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_distance(vector, vector) IS 'Euclidean distance';

CREATE FUNCTION inner_product(vector, vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION inner_product(vector, vector) IS 'inner product';

CREATE FUNCTION cosine_distance(vector, vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION cosine_distance(vector, vector) IS '1 - cosine similarity';

CREATE FUNCTION l1_distance(vector, vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l1_distance(vector, vector) IS 'taxicab distance';

CREATE FUNCTION vector_dims(vector) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_vector_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_dims(vector) IS 'number of dimensions';

CREATE FUNCTION vector_norm(vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_vector_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_norm(vector) IS 'Euclidean norm';

CREATE FUNCTION l2_norm(vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_vector_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_norm(vector) IS 'Euclidean norm, as vector_norm';

CREATE FUNCTION l2_normalize(vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_normalize(vector) IS 'the vector scaled to norm 1';

CREATE FUNCTION binary_quantize(vector) RETURNS bit
	AS 'MODULE_PATHNAME', 'vecidx_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION binary_quantize(vector) IS 'a bit for each element: 1 if above zero';

CREATE FUNCTION subvector(vector, integer, integer) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION subvector(vector, integer, integer) IS 'count elements from a position that counts from 1';

-- functions behind operators and aggregates

CREATE FUNCTION vector_add(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_sub(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_mul(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_concat(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_lt(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_vector_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_le(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_vector_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_eq(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_vector_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_ne(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_vector_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_ge(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_vector_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_gt(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_vector_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_cmp(vector, vector) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_vector_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_l2_squared_distance(vector, vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_negative_inner_product(vector, vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_spherical_distance(vector, vector) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_spherical_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_accum(double precision[], vector) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecidx_vector_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_avg(double precision[]) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecidx_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- aggregates

CREATE AGGREGATE avg(vector) (
	SFUNC = vector_accum,
	STYPE = double precision[],
	FINALFUNC = vector_avg,
	COMBINEFUNC = vector_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);

CREATE AGGREGATE sum(vector) (
	SFUNC = vector_add,
	STYPE = vector,
	COMBINEFUNC = vector_add,
	PARALLEL = SAFE
);

-- casts

CREATE FUNCTION vector(vector, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_vector_typmod' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_vector(integer[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_vector(real[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_vector(double precision[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_vector(numeric[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_to_float4(vector, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'vecidx_vector_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (vector AS vector)
	WITH FUNCTION vector(vector, integer, boolean) AS IMPLICIT;

CREATE CAST (vector AS real[])
	WITH FUNCTION vector_to_float4(vector, integer, boolean) AS IMPLICIT;

CREATE CAST (integer[] AS vector)
	WITH FUNCTION array_to_vector(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (real[] AS vector)
	WITH FUNCTION array_to_vector(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS vector)
	WITH FUNCTION array_to_vector(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS vector)
	WITH FUNCTION array_to_vector(numeric[], integer, boolean) AS ASSIGNMENT;

-- operators

CREATE OPERATOR <-> (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = l2_distance,
	COMMUTATOR = '<->'
);

CREATE OPERATOR <#> (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_negative_inner_product,
	COMMUTATOR = '<#>'
);

CREATE OPERATOR <=> (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = cosine_distance,
	COMMUTATOR = '<=>'
);

CREATE OPERATOR <+> (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = l1_distance,
	COMMUTATOR = '<+>'
);

-- what the planner tells an index of a condition such as v <-> query < 0.5: the bound and, unless the query is ordered by that distance,
-- from where it is measured

CREATE FUNCTION vecgraph_within(vector, double precision) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(vector, double precision) IS 'true; as an index condition, a bound of the distance of a scan';

CREATE OPERATOR <-| (
	LEFTARG = vector, RIGHTARG = double precision, FUNCTION = vecgraph_within
);

CREATE FUNCTION vecgraph_within(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(vector, vector) IS 'true; as an index condition, what the distance of a scan is measured from';

CREATE OPERATOR <-| (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vecgraph_within
);

CREATE OPERATOR + (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_add,
	COMMUTATOR = +
);

CREATE OPERATOR - (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_sub
);

CREATE OPERATOR * (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_mul,
	COMMUTATOR = *
);

CREATE OPERATOR || (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_concat
);

CREATE OPERATOR < (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);

CREATE OPERATOR <= (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);

CREATE OPERATOR = (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel
);

CREATE OPERATOR <> (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);

CREATE OPERATOR >= (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);

CREATE OPERATOR > (
	LEFTARG = vector, RIGHTARG = vector, FUNCTION = vector_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);

CREATE OPERATOR CLASS vector_ops
	DEFAULT FOR TYPE vector USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 vector_cmp(vector, vector);

CREATE FUNCTION vecgraph_vector_l2_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS vector_l2_ops
	DEFAULT FOR TYPE vector USING vecgraph AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (vector, double precision),
	OPERATOR 9 <-| (vector, vector),
	FUNCTION 1 vecgraph_vector_l2_support(internal);

CREATE FUNCTION vecgraph_vector_ip_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS vector_ip_ops
	FOR TYPE vector USING vecgraph AS
	OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (vector, double precision),
	OPERATOR 9 <-| (vector, vector),
	FUNCTION 1 vecgraph_vector_ip_support(internal);

CREATE FUNCTION vecgraph_vector_cosine_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS vector_cosine_ops
	FOR TYPE vector USING vecgraph AS
	OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (vector, double precision),
	OPERATOR 9 <-| (vector, vector),
	FUNCTION 1 vecgraph_vector_cosine_support(internal);

CREATE FUNCTION vecgraph_vector_l1_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS vector_l1_ops
	FOR TYPE vector USING vecgraph AS
	OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (vector, double precision),
	OPERATOR 9 <-| (vector, vector),
	FUNCTION 1 vecgraph_vector_l1_support(internal);

-- ---------------------------------------------------------------------------------------------------------------------
-- type halfvec
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TYPE halfvec;

CREATE FUNCTION halfvec_in(cstring, oid, integer) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_out(halfvec) RETURNS cstring
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_recv(internal, oid, integer) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_send(halfvec) RETURNS bytea
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE halfvec (
	INPUT = halfvec_in,
	OUTPUT = halfvec_out,
	TYPMOD_IN = halfvec_typmod_in,
	RECEIVE = halfvec_recv,
	SEND = halfvec_send,
	STORAGE = external
);

COMMENT ON TYPE halfvec IS 'up to 16000 half-precision numbers: [1,2,3]';

-- functions

CREATE FUNCTION l2_distance(halfvec, halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_distance(halfvec, halfvec) IS 'Euclidean distance';

CREATE FUNCTION inner_product(halfvec, halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION inner_product(halfvec, halfvec) IS 'inner product';

CREATE FUNCTION cosine_distance(halfvec, halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION cosine_distance(halfvec, halfvec) IS '1 - cosine similarity';

CREATE FUNCTION l1_distance(halfvec, halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l1_distance(halfvec, halfvec) IS 'taxicab distance';

CREATE FUNCTION vector_dims(halfvec) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vector_dims(halfvec) IS 'number of dimensions';

CREATE FUNCTION l2_norm(halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_norm(halfvec) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_normalize(halfvec) IS 'the vector scaled to norm 1';

CREATE FUNCTION binary_quantize(halfvec) RETURNS bit
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION binary_quantize(halfvec) IS 'a bit for each element: 1 if above zero';

CREATE FUNCTION subvector(halfvec, integer, integer) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION subvector(halfvec, integer, integer) IS 'count elements from a position that counts from 1';

-- functions behind operators and aggregates

CREATE FUNCTION halfvec_add(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_sub(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_mul(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_concat(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_lt(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_le(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_eq(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_ne(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_ge(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_gt(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_cmp(halfvec, halfvec) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_l2_squared_distance(halfvec, halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_negative_inner_product(halfvec, halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_spherical_distance(halfvec, halfvec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_spherical_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_accum(double precision[], halfvec) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_avg(double precision[]) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- aggregates

CREATE AGGREGATE avg(halfvec) (
	SFUNC = halfvec_accum,
	STYPE = double precision[],
	FINALFUNC = halfvec_avg,
	COMBINEFUNC = halfvec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);

CREATE AGGREGATE sum(halfvec) (
	SFUNC = halfvec_add,
	STYPE = halfvec,
	COMBINEFUNC = halfvec_add,
	PARALLEL = SAFE
);

-- casts

CREATE FUNCTION halfvec(halfvec, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_typmod' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_halfvec(integer[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_halfvec(real[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_halfvec(double precision[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_halfvec(numeric[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION halfvec_to_float4(halfvec, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (halfvec AS halfvec)
	WITH FUNCTION halfvec(halfvec, integer, boolean) AS IMPLICIT;

CREATE CAST (halfvec AS real[])
	WITH FUNCTION halfvec_to_float4(halfvec, integer, boolean) AS ASSIGNMENT;

CREATE CAST (integer[] AS halfvec)
	WITH FUNCTION array_to_halfvec(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (real[] AS halfvec)
	WITH FUNCTION array_to_halfvec(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS halfvec)
	WITH FUNCTION array_to_halfvec(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS halfvec)
	WITH FUNCTION array_to_halfvec(numeric[], integer, boolean) AS ASSIGNMENT;

-- operators

CREATE OPERATOR <-> (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = l2_distance,
	COMMUTATOR = '<->'
);

CREATE OPERATOR <#> (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_negative_inner_product,
	COMMUTATOR = '<#>'
);

CREATE OPERATOR <=> (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = cosine_distance,
	COMMUTATOR = '<=>'
);

CREATE OPERATOR <+> (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = l1_distance,
	COMMUTATOR = '<+>'
);

-- what the planner tells an index of a condition such as v <-> query < 0.5: the bound and, unless the query is ordered by that distance,
-- from where it is measured

CREATE FUNCTION vecgraph_within(halfvec, double precision) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(halfvec, double precision) IS 'true; as an index condition, a bound of the distance of a scan';

CREATE OPERATOR <-| (
	LEFTARG = halfvec, RIGHTARG = double precision, FUNCTION = vecgraph_within
);

CREATE FUNCTION vecgraph_within(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(halfvec, halfvec) IS 'true; as an index condition, what the distance of a scan is measured from';

CREATE OPERATOR <-| (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = vecgraph_within
);

CREATE OPERATOR + (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_add,
	COMMUTATOR = +
);

CREATE OPERATOR - (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_sub
);

CREATE OPERATOR * (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_mul,
	COMMUTATOR = *
);

CREATE OPERATOR || (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_concat
);

CREATE OPERATOR < (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);

CREATE OPERATOR <= (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);

CREATE OPERATOR = (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel
);

CREATE OPERATOR <> (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);

CREATE OPERATOR >= (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);

CREATE OPERATOR > (
	LEFTARG = halfvec, RIGHTARG = halfvec, FUNCTION = halfvec_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);

CREATE OPERATOR CLASS halfvec_ops
	DEFAULT FOR TYPE halfvec USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 halfvec_cmp(halfvec, halfvec);

CREATE FUNCTION vecgraph_halfvec_l2_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS halfvec_l2_ops
	DEFAULT FOR TYPE halfvec USING vecgraph AS
	OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (halfvec, double precision),
	OPERATOR 9 <-| (halfvec, halfvec),
	FUNCTION 1 vecgraph_halfvec_l2_support(internal);

CREATE FUNCTION vecgraph_halfvec_ip_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS halfvec_ip_ops
	FOR TYPE halfvec USING vecgraph AS
	OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (halfvec, double precision),
	OPERATOR 9 <-| (halfvec, halfvec),
	FUNCTION 1 vecgraph_halfvec_ip_support(internal);

CREATE FUNCTION vecgraph_halfvec_cosine_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS halfvec_cosine_ops
	FOR TYPE halfvec USING vecgraph AS
	OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (halfvec, double precision),
	OPERATOR 9 <-| (halfvec, halfvec),
	FUNCTION 1 vecgraph_halfvec_cosine_support(internal);

CREATE FUNCTION vecgraph_halfvec_l1_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS halfvec_l1_ops
	FOR TYPE halfvec USING vecgraph AS
	OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (halfvec, double precision),
	OPERATOR 9 <-| (halfvec, halfvec),
	FUNCTION 1 vecgraph_halfvec_l1_support(internal);

CREATE FUNCTION vector_to_halfvec(vector, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_vector_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (vector AS halfvec)
	WITH FUNCTION vector_to_halfvec(vector, integer, boolean) AS IMPLICIT;

CREATE FUNCTION halfvec_to_vector(halfvec, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (halfvec AS vector)
	WITH FUNCTION halfvec_to_vector(halfvec, integer, boolean) AS ASSIGNMENT;

-- ---------------------------------------------------------------------------------------------------------------------
-- type sparsevec
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TYPE sparsevec;

CREATE FUNCTION sparsevec_in(cstring, oid, integer) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_out(sparsevec) RETURNS cstring
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_recv(internal, oid, integer) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_send(sparsevec) RETURNS bytea
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE sparsevec (
	INPUT = sparsevec_in,
	OUTPUT = sparsevec_out,
	TYPMOD_IN = sparsevec_typmod_in,
	RECEIVE = sparsevec_recv,
	SEND = sparsevec_send,
	STORAGE = external
);

COMMENT ON TYPE sparsevec IS 'up to 16000 single-precision numbers that are not zero, of 1000000000: {1:1.5,3:2}/5';

-- functions

CREATE FUNCTION l2_distance(sparsevec, sparsevec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_distance(sparsevec, sparsevec) IS 'Euclidean distance';

CREATE FUNCTION inner_product(sparsevec, sparsevec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION inner_product(sparsevec, sparsevec) IS 'inner product';

CREATE FUNCTION cosine_distance(sparsevec, sparsevec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION cosine_distance(sparsevec, sparsevec) IS '1 - cosine similarity';

CREATE FUNCTION l1_distance(sparsevec, sparsevec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l1_distance(sparsevec, sparsevec) IS 'taxicab distance';

CREATE FUNCTION l2_norm(sparsevec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_norm(sparsevec) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(sparsevec) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION l2_normalize(sparsevec) IS 'the vector scaled to norm 1';

-- functions behind operators and aggregates

CREATE FUNCTION sparsevec_lt(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_le(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_eq(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_ne(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_ge(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_gt(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_cmp(sparsevec, sparsevec) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_l2_squared_distance(sparsevec, sparsevec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- casts

CREATE FUNCTION sparsevec(sparsevec, integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_typmod' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_sparsevec(integer[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_sparsevec(real[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_sparsevec(double precision[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION array_to_sparsevec(numeric[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (sparsevec AS sparsevec)
	WITH FUNCTION sparsevec(sparsevec, integer, boolean) AS IMPLICIT;

CREATE CAST (integer[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (real[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(numeric[], integer, boolean) AS ASSIGNMENT;

-- operators

CREATE OPERATOR <-> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = l2_distance,
	COMMUTATOR = '<->'
);

CREATE OPERATOR <#> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = sparsevec_negative_inner_product,
	COMMUTATOR = '<#>'
);

CREATE OPERATOR <=> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = cosine_distance,
	COMMUTATOR = '<=>'
);

CREATE OPERATOR <+> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = l1_distance,
	COMMUTATOR = '<+>'
);

-- what the planner tells an index of a condition such as v <-> query < 0.5: the bound and, unless the query is ordered by that distance,
-- from where it is measured

CREATE FUNCTION vecgraph_within(sparsevec, double precision) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(sparsevec, double precision) IS 'true; as an index condition, a bound of the distance of a scan';

CREATE OPERATOR <-| (
	LEFTARG = sparsevec, RIGHTARG = double precision, FUNCTION = vecgraph_within
);

CREATE FUNCTION vecgraph_within(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(sparsevec, sparsevec) IS 'true; as an index condition, what the distance of a scan is measured from';

CREATE OPERATOR <-| (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = vecgraph_within
);

CREATE OPERATOR < (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = sparsevec_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);

CREATE OPERATOR <= (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = sparsevec_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);

CREATE OPERATOR = (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = sparsevec_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel
);

CREATE OPERATOR <> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = sparsevec_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);

CREATE OPERATOR >= (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = sparsevec_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);

CREATE OPERATOR > (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, FUNCTION = sparsevec_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);

CREATE OPERATOR CLASS sparsevec_ops
	DEFAULT FOR TYPE sparsevec USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 sparsevec_cmp(sparsevec, sparsevec);

CREATE FUNCTION vecgraph_sparsevec_l2_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS sparsevec_l2_ops
	DEFAULT FOR TYPE sparsevec USING vecgraph AS
	OPERATOR 1 <-> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (sparsevec, double precision),
	OPERATOR 9 <-| (sparsevec, sparsevec),
	FUNCTION 1 vecgraph_sparsevec_l2_support(internal);

CREATE FUNCTION vecgraph_sparsevec_ip_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS sparsevec_ip_ops
	FOR TYPE sparsevec USING vecgraph AS
	OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (sparsevec, double precision),
	OPERATOR 9 <-| (sparsevec, sparsevec),
	FUNCTION 1 vecgraph_sparsevec_ip_support(internal);

CREATE FUNCTION vecgraph_sparsevec_cosine_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS sparsevec_cosine_ops
	FOR TYPE sparsevec USING vecgraph AS
	OPERATOR 1 <=> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (sparsevec, double precision),
	OPERATOR 9 <-| (sparsevec, sparsevec),
	FUNCTION 1 vecgraph_sparsevec_cosine_support(internal);

CREATE FUNCTION vecgraph_sparsevec_l1_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS sparsevec_l1_ops
	FOR TYPE sparsevec USING vecgraph AS
	OPERATOR 1 <+> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (sparsevec, double precision),
	OPERATOR 9 <-| (sparsevec, sparsevec),
	FUNCTION 1 vecgraph_sparsevec_l1_support(internal);

CREATE FUNCTION vector_to_sparsevec(vector, integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_vector_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (vector AS sparsevec)
	WITH FUNCTION vector_to_sparsevec(vector, integer, boolean) AS IMPLICIT;

CREATE FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (sparsevec AS vector)
	WITH FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) AS ASSIGNMENT;

CREATE FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'vecidx_halfvec_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (halfvec AS sparsevec)
	WITH FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) AS IMPLICIT;

CREATE FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'vecidx_sparsevec_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE CAST (sparsevec AS halfvec)
	WITH FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) AS ASSIGNMENT;

-- ---------------------------------------------------------------------------------------------------------------------
-- packed rows
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION vecidx_unpack_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL SAFE;

CREATE FUNCTION vecidx_unpack_rows(vectors bytea, dimensions int, OUT id bigint, OUT embedding vector) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecidx_unpack' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT vecidx_unpack_support;

CREATE FUNCTION vecidx_unpack_rows(ids bytea, vectors bytea, dimensions int, OUT id bigint, OUT embedding vector) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecidx_unpack' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT vecidx_unpack_support;

-- In FROM, rows of a function are kept until there are all, but a query that the planner can put in its place gives each to what is above it.
CREATE FUNCTION vecidx_unpack(vectors bytea, dimensions int, OUT id bigint, OUT embedding vector) RETURNS SETOF record
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT (u).id, (u).embedding FROM (SELECT vecidx_unpack_rows(vectors, dimensions) AS u OFFSET 0) AS s;
	END;

COMMENT ON FUNCTION vecidx_unpack(bytea, int) IS 'rows of packed little-endian float32s; id counts them from 1';

CREATE FUNCTION vecidx_unpack(ids bytea, vectors bytea, dimensions int, OUT id bigint, OUT embedding vector) RETURNS SETOF record
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT (u).id, (u).embedding FROM (SELECT vecidx_unpack_rows(ids, vectors, dimensions) AS u OFFSET 0) AS s;
	END;

COMMENT ON FUNCTION vecidx_unpack(bytea, bytea, int) IS 'rows of packed little-endian int64s and float32s';

CREATE FUNCTION vecidx_unpack_halfvec_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL SAFE;

CREATE FUNCTION vecidx_unpack_halfvec_rows(vectors bytea, dimensions int, OUT id bigint, OUT embedding halfvec) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecidx_unpack_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT vecidx_unpack_halfvec_support;

CREATE FUNCTION vecidx_unpack_halfvec_rows(ids bytea, vectors bytea, dimensions int, OUT id bigint, OUT embedding halfvec) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecidx_unpack_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT vecidx_unpack_halfvec_support;

-- In FROM, rows of a function are kept until there are all, but a query that the planner can put in its place gives each to what is above it.
CREATE FUNCTION vecidx_unpack_halfvec(vectors bytea, dimensions int, OUT id bigint, OUT embedding halfvec) RETURNS SETOF record
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT (u).id, (u).embedding FROM (SELECT vecidx_unpack_halfvec_rows(vectors, dimensions) AS u OFFSET 0) AS s;
	END;

COMMENT ON FUNCTION vecidx_unpack_halfvec(bytea, int) IS 'rows of packed little-endian float16s; id counts them from 1';

CREATE FUNCTION vecidx_unpack_halfvec(ids bytea, vectors bytea, dimensions int, OUT id bigint, OUT embedding halfvec) RETURNS SETOF record
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT (u).id, (u).embedding FROM (SELECT vecidx_unpack_halfvec_rows(ids, vectors, dimensions) AS u OFFSET 0) AS s;
	END;

COMMENT ON FUNCTION vecidx_unpack_halfvec(bytea, bytea, int) IS 'rows of packed little-endian int64s and float16s';

-- ---------------------------------------------------------------------------------------------------------------------
-- distances of bit, and its operator classes
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION hamming_distance(bit, bit) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_hamming_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION hamming_distance(bit, bit) IS 'how many bits differ';

CREATE FUNCTION jaccard_distance(bit, bit) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecidx_jaccard_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION jaccard_distance(bit, bit) IS '1 - bits set in both / bits set in either';

CREATE OPERATOR <~> (
	LEFTARG = bit, RIGHTARG = bit, FUNCTION = hamming_distance,
	COMMUTATOR = '<~>'
);

CREATE OPERATOR <%> (
	LEFTARG = bit, RIGHTARG = bit, FUNCTION = jaccard_distance,
	COMMUTATOR = '<%>'
);

-- what the planner tells an index of a condition such as v <-> query < 0.5: the bound and, unless the query is ordered by that distance,
-- from where it is measured

CREATE FUNCTION vecgraph_within(bit, double precision) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(bit, double precision) IS 'true; as an index condition, a bound of the distance of a scan';

CREATE OPERATOR <-| (
	LEFTARG = bit, RIGHTARG = double precision, FUNCTION = vecgraph_within
);

CREATE FUNCTION vecgraph_within(bit, bit) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION vecgraph_within(bit, bit) IS 'true; as an index condition, what the distance of a scan is measured from';

CREATE OPERATOR <-| (
	LEFTARG = bit, RIGHTARG = bit, FUNCTION = vecgraph_within
);

CREATE FUNCTION vecgraph_bit_hamming_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS bit_hamming_ops
	FOR TYPE bit USING vecgraph AS
	OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (bit, double precision),
	OPERATOR 9 <-| (bit, bit),
	FUNCTION 1 vecgraph_bit_hamming_support(internal);

CREATE FUNCTION vecgraph_bit_jaccard_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE OPERATOR CLASS bit_jaccard_ops
	FOR TYPE bit USING vecgraph AS
	OPERATOR 1 <%> (bit, bit) FOR ORDER BY float_ops,
	OPERATOR 9 <-| (bit, double precision),
	OPERATOR 9 <-| (bit, bit),
	FUNCTION 1 vecgraph_bit_jaccard_support(internal);

-- ---------------------------------------------------------------------------------------------------------------------
-- exact nearest neighbours of many queries
-- ---------------------------------------------------------------------------------------------------------------------

-- Restricted: a table may be temporary, and a view may call what workers must not.
CREATE FUNCTION vecidx_knn(queries vector[], source regclass, source_column name, k int, metric text DEFAULT 'l2',
	OUT query int, OUT ctid tid, OUT distance double precision) RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecidx_knn(vector[], regclass, name, int, text) IS
	'the exactly nearest rows of each query, by their places, from one pass over the table';

CREATE FUNCTION vecidx_knn(queries vector[], source regclass, source_column name, k int, key_column name, key_type anyelement,
	metric text DEFAULT 'l2', OUT query int, OUT key anyelement, OUT distance double precision) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecidx_knn_by_key' LANGUAGE C STABLE PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecidx_knn(vector[], regclass, name, int, name, anyelement, text) IS
	'the same, by the values of a column, cast to the type of key_type';

-- ---------------------------------------------------------------------------------------------------------------------
-- filters: columns of an index behind the vector
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION vecgraph_filter_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

COMMENT ON FUNCTION vecgraph_filter_support(internal) IS
	'support function of vecgraph operator classes for filter columns, of any type with a default hash operator class';

-- families of types that are compared with each other
CREATE OPERATOR FAMILY integer_filter_ops USING vecgraph;
CREATE OPERATOR FAMILY float_filter_ops USING vecgraph;
CREATE OPERATOR FAMILY datetime_filter_ops USING vecgraph;

CREATE OPERATOR CLASS int2_filter_ops
	DEFAULT FOR TYPE int2 USING vecgraph FAMILY integer_filter_ops AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS int4_filter_ops
	DEFAULT FOR TYPE int4 USING vecgraph FAMILY integer_filter_ops AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS int8_filter_ops
	DEFAULT FOR TYPE int8 USING vecgraph FAMILY integer_filter_ops AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS float4_filter_ops
	DEFAULT FOR TYPE float4 USING vecgraph FAMILY float_filter_ops AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS float8_filter_ops
	DEFAULT FOR TYPE float8 USING vecgraph FAMILY float_filter_ops AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS date_filter_ops
	DEFAULT FOR TYPE date USING vecgraph FAMILY datetime_filter_ops AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS timestamp_filter_ops
	DEFAULT FOR TYPE timestamp USING vecgraph FAMILY datetime_filter_ops AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

ALTER OPERATOR FAMILY integer_filter_ops USING vecgraph ADD
	OPERATOR 2 < (int2, int4),
	OPERATOR 3 <= (int2, int4),
	OPERATOR 4 = (int2, int4),
	OPERATOR 5 >= (int2, int4),
	OPERATOR 6 > (int2, int4),
	OPERATOR 2 < (int4, int2),
	OPERATOR 3 <= (int4, int2),
	OPERATOR 4 = (int4, int2),
	OPERATOR 5 >= (int4, int2),
	OPERATOR 6 > (int4, int2);

ALTER OPERATOR FAMILY integer_filter_ops USING vecgraph ADD
	OPERATOR 2 < (int2, int8),
	OPERATOR 3 <= (int2, int8),
	OPERATOR 4 = (int2, int8),
	OPERATOR 5 >= (int2, int8),
	OPERATOR 6 > (int2, int8),
	OPERATOR 2 < (int8, int2),
	OPERATOR 3 <= (int8, int2),
	OPERATOR 4 = (int8, int2),
	OPERATOR 5 >= (int8, int2),
	OPERATOR 6 > (int8, int2);

ALTER OPERATOR FAMILY integer_filter_ops USING vecgraph ADD
	OPERATOR 2 < (int4, int8),
	OPERATOR 3 <= (int4, int8),
	OPERATOR 4 = (int4, int8),
	OPERATOR 5 >= (int4, int8),
	OPERATOR 6 > (int4, int8),
	OPERATOR 2 < (int8, int4),
	OPERATOR 3 <= (int8, int4),
	OPERATOR 4 = (int8, int4),
	OPERATOR 5 >= (int8, int4),
	OPERATOR 6 > (int8, int4);

ALTER OPERATOR FAMILY float_filter_ops USING vecgraph ADD
	OPERATOR 2 < (float4, float8),
	OPERATOR 3 <= (float4, float8),
	OPERATOR 4 = (float4, float8),
	OPERATOR 5 >= (float4, float8),
	OPERATOR 6 > (float4, float8),
	OPERATOR 2 < (float8, float4),
	OPERATOR 3 <= (float8, float4),
	OPERATOR 4 = (float8, float4),
	OPERATOR 5 >= (float8, float4),
	OPERATOR 6 > (float8, float4);

ALTER OPERATOR FAMILY datetime_filter_ops USING vecgraph ADD
	OPERATOR 2 < (date, timestamp),
	OPERATOR 3 <= (date, timestamp),
	OPERATOR 4 = (date, timestamp),
	OPERATOR 5 >= (date, timestamp),
	OPERATOR 6 > (date, timestamp),
	OPERATOR 2 < (timestamp, date),
	OPERATOR 3 <= (timestamp, date),
	OPERATOR 4 = (timestamp, date),
	OPERATOR 5 >= (timestamp, date),
	OPERATOR 6 > (timestamp, date);

CREATE OPERATOR CLASS timestamptz_filter_ops
	DEFAULT FOR TYPE timestamptz USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS time_filter_ops
	DEFAULT FOR TYPE time USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS interval_filter_ops
	DEFAULT FOR TYPE interval USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS numeric_filter_ops
	DEFAULT FOR TYPE numeric USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS bool_filter_ops
	DEFAULT FOR TYPE bool USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS oid_filter_ops
	DEFAULT FOR TYPE oid USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS uuid_filter_ops
	DEFAULT FOR TYPE uuid USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS bytea_filter_ops
	DEFAULT FOR TYPE bytea USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS text_filter_ops
	DEFAULT FOR TYPE text USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS bpchar_filter_ops
	DEFAULT FOR TYPE bpchar USING vecgraph AS
	OPERATOR 2 <,
	OPERATOR 3 <=,
	OPERATOR 4 =,
	OPERATOR 5 >=,
	OPERATOR 6 >,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS inet_filter_ops
	DEFAULT FOR TYPE inet USING vecgraph AS
	OPERATOR 4 =,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS enum_filter_ops
	DEFAULT FOR TYPE anyenum USING vecgraph AS
	OPERATOR 4 =,
	FUNCTION 1 vecgraph_filter_support(internal);

CREATE OPERATOR CLASS array_filter_ops
	DEFAULT FOR TYPE anyarray USING vecgraph AS
	OPERATOR 4 =,
	OPERATOR 7 &&,
	OPERATOR 8 @>,
	FUNCTION 1 vecgraph_filter_support(internal);

-- ---------------------------------------------------------------------------------------------------------------------
-- functions about indexes
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION vecgraph_check(index regclass, heapallindexed boolean DEFAULT true) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION vecgraph_check(regclass, boolean) IS
	'verify the invariants of a vecgraph index; raises an error for the first that is broken';

CREATE FUNCTION vecgraph_info(
	index regclass,
	OUT format_version int,
	OUT metric text,
	OUT dimensions int,
	OUT max_degree int,
	OUT build_list_size int,
	OUT alpha real,
	OUT nodes bigint,
	OUT live bigint,
	OUT deleted bigint,
	OUT free bigint,
	OUT heap_tids bigint,
	OUT avg_degree double precision,
	OUT unreachable bigint,
	OUT bytes bigint,
	OUT storage text,
	OUT codes text,
	OUT code_bytes int,
	OUT code_page_bytes bigint,
	OUT cached bigint,
	OUT cache text,
	OUT code_error double precision,
	OUT fitted_nodes bigint,
	OUT code_drift double precision,
	OUT filters text,
	OUT target_recall double precision,
	OUT list_sizes int[],
	OUT target_reached boolean)
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_info(regclass) IS 'what a vecgraph index holds; reads the whole index';

CREATE FUNCTION vecgraph_build_estimate(
	source regclass,
	source_column name,
	options text[] DEFAULT '{}',
	metric text DEFAULT 'l2',
	OUT row_count bigint,
	OUT dimensions int,
	OUT memory_bytes bigint,
	OUT fits_memory boolean,
	OUT index_bytes bigint,
	OUT seconds double precision)
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION vecgraph_build_estimate(regclass, name, text[], text) IS 'memory, size and time of a vecgraph index, estimated from a sample';

-- Codebooks: trained once, used by many indexes WITH (codebook = 'name').

CREATE TABLE vecidx_codebook (
	name text PRIMARY KEY,
	dimensions int NOT NULL,
	metric text NOT NULL,
	subvectors int NOT NULL,
	sample_size int NOT NULL,
	error real NOT NULL,
	hash text NOT NULL,
	created timestamptz NOT NULL DEFAULT now(),
	owner name NOT NULL DEFAULT current_user,
	codebook bytea NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('vecidx_codebook', '');
-- all but the centroids, which tell what the vectors look like that they were trained from
GRANT SELECT (name, dimensions, metric, subvectors, sample_size, error, hash, created, owner) ON vecidx_codebook TO PUBLIC;

COMMENT ON TABLE vecidx_codebook IS 'codebooks of trained codes; error is the share of the vectors'' variance that codes lose';

CREATE FUNCTION vecidx_train_codebook(name text, source regclass, source_column name, subvectors int DEFAULT 0,
	metric text DEFAULT 'l2', sample_size int DEFAULT 128000) RETURNS real
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION vecidx_train_codebook(text, regclass, name, int, text, int) IS 'trains a named codebook from a column; returns the share of variance that its codes lose';

CREATE FUNCTION vecidx_drop_codebook(name text, cascade boolean DEFAULT false) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION vecidx_drop_codebook(text, boolean) IS 'removes a named codebook; with cascade also one that indexes name: they keep their copies';

CREATE FUNCTION vecgraph_train(index regclass) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION vecgraph_train(regclass) IS 'fits the codes of a vecgraph index to what it holds now; returns how many vectors';

CREATE FUNCTION vecgraph_cache_stats(
	OUT cache text,
	OUT bytes bigint,
	OUT used_bytes bigint,
	OUT hits bigint,
	OUT misses bigint,
	OUT loads bigint,
	OUT evictions bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_cache_stats() IS 'the cache of codes: where it is, its size, and how it is used';

CREATE FUNCTION vecgraph_prewarm(index regclass) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_prewarm(regclass) IS 'loads the codes of a vecgraph index into the cache; returns of how many nodes they are there';

CREATE FUNCTION vecgraph_advice(index regclass, OUT topic text, OUT advice text, OUT statement text) RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_advice(regclass) IS
	'what a vecgraph index would be better for, each with the statement that does it; reads the whole index';

CREATE FUNCTION vecgraph_stats(
	OUT index regclass,
	OUT since timestamptz,
	OUT scans bigint,
	OUT rows_returned bigint,
	OUT nodes_expanded bigint,
	OUT nodes_scored bigint,
	OUT codes_cached bigint,
	OUT codes_read bigint,
	OUT pages_hit bigint,
	OUT pages_read bigint,
	OUT rerank_fetches bigint,
	OUT list_size double precision,
	OUT grown_lists bigint,
	OUT passes bigint,
	OUT sweeps bigint,
	OUT inserts bigint,
	OUT lost_links bigint,
	OUT vacuums bigint,
	OUT rows_removed bigint,
	OUT nodes_freed bigint,
	OUT nodes_repaired bigint,
	OUT fits bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_stats() IS 'what has been done with each vecgraph index of this database, counted in shared memory';

CREATE FUNCTION vecgraph_stats_reset(index regclass) RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_stats_reset(regclass) IS 'lets the counts of a vecgraph index begin anew';

CREATE FUNCTION vecgraph_last_scan(
	OUT index regclass,
	OUT rows_returned bigint,
	OUT nodes_expanded bigint,
	OUT nodes_scored bigint,
	OUT codes_cached bigint,
	OUT codes_read bigint,
	OUT pages_hit bigint,
	OUT pages_read bigint,
	OUT rerank_fetches bigint,
	OUT list_size double precision,
	OUT grown_lists bigint,
	OUT passes bigint,
	OUT sweeps bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_last_scan() IS 'the counts of the scan of a vecgraph index that has ended last in this session';

-- Not strict: a condition may be NULL. Unsafe: they set what the planner is to do.
CREATE FUNCTION vecgraph_recall(index regclass, k int DEFAULT 10, sample int DEFAULT 100, condition text DEFAULT NULL, seed int DEFAULT 1,
	OUT queries int, OUT recall double precision, OUT recall_low double precision, OUT recall_high double precision,
	OUT index_ms double precision, OUT exact_ms double precision)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION vecgraph_recall(regclass, int, int, text, int) IS
	'how many of the exactly nearest rows a vecgraph index finds, by a sample of rows as queries, with a 95 % interval';

CREATE FUNCTION vecgraph_recall(index regclass, queries anyarray, k int DEFAULT 10, condition text DEFAULT NULL,
	OUT queries int, OUT recall double precision, OUT recall_low double precision, OUT recall_high double precision,
	OUT index_ms double precision, OUT exact_ms double precision)
	AS 'MODULE_PATHNAME', 'vecgraph_recall_given' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION vecgraph_recall(regclass, anyarray, int, text) IS 'the same, by queries that are given';

CREATE FUNCTION vecgraph_recall_queries(index regclass, k int DEFAULT 10, sample int DEFAULT 100, condition text DEFAULT NULL, seed int DEFAULT 1,
	OUT query int, OUT source_row tid, OUT expected int, OUT found int, OUT recall double precision, OUT index_ms double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION vecgraph_recall_queries(regclass, int, int, text, int) IS 'vecgraph_recall, a row for each query';

CREATE FUNCTION vecgraph_recall_queries(index regclass, queries anyarray, k int DEFAULT 10, condition text DEFAULT NULL,
	OUT query int, OUT source_row tid, OUT expected int, OUT found int, OUT recall double precision, OUT index_ms double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecgraph_recall_queries_given' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION vecgraph_recall_queries(regclass, anyarray, int, text) IS 'the same, by queries that are given';
-- ---------------------------------------------------------------------------------------------------------------------
-- shards: tables of which one search asks all
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION vecidx_shards(rows anyelement, source_column name, query anycompatible, k bigint, metric text DEFAULT 'l2',
	condition text DEFAULT NULL) RETURNS SETOF anyelement
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10 COST 10000;

COMMENT ON FUNCTION vecidx_shards(anyelement, name, anycompatible, bigint, text, text) IS
	'the nearest rows of all partitions or children of a table, asked at the same time where they are on other servers';

CREATE FUNCTION vecidx_shards_sql(shards regclass, source_column name, query anycompatible, k bigint, metric text DEFAULT 'l2',
	condition text DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecidx_shards_sql(regclass, name, anycompatible, bigint, text, text) IS 'the statement that vecidx_shards runs';

CREATE FUNCTION vecgraph_describe(
	index regclass,
	OUT metric text,
	OUT dimensions int,
	OUT storage text,
	OUT codes text,
	OUT codebook text,
	OUT codebook_hash text)
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecgraph_describe(regclass) IS 'what a vecgraph index was made with; reads one page, and the codebook if there is one';

-- what foreign tables on other servers show, too
CREATE VIEW vecgraph_indexes AS
	SELECT n.nspname::text AS table_schema, t.relname::text AS table_name, i.relname::text AS index_name,
		pg_catalog.pg_get_indexdef(i.oid, 1, true) AS indexed, pg_catalog.pg_get_expr(x.indpred, x.indrelid) AS predicate, x.indisvalid AS valid, d.*
	FROM pg_catalog.pg_index x
		JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
		JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) i.relam
		JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid
		JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
		-- in whatever order this is joined, no other index is described
		CROSS JOIN LATERAL vecgraph_describe(CASE WHEN a.amname OPERATOR(pg_catalog.=) 'vecgraph' THEN i.oid END) d
	WHERE a.amname OPERATOR(pg_catalog.=) 'vecgraph' AND i.relkind OPERATOR(pg_catalog.=) 'i';
GRANT SELECT ON vecgraph_indexes TO PUBLIC;

COMMENT ON VIEW vecgraph_indexes IS 'the vecgraph indexes of this database, and what they were made with';

CREATE FUNCTION vecidx_shards_setup(shards regclass) RETURNS SETOF text
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT STABLE PARALLEL RESTRICTED;

COMMENT ON FUNCTION vecidx_shards_setup(regclass) IS 'the statements that make ready the servers of a table''s foreign partitions or children, as far as they are not';

CREATE FUNCTION vecidx_shards_check(shards regclass, source_column name)
	RETURNS TABLE (shard regclass, server name, index_name text, metric text, dimensions int, codes text, codebook text, codebook_hash text, problem text)
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT STABLE PARALLEL RESTRICTED ROWS 10;

COMMENT ON FUNCTION vecidx_shards_check(regclass, name) IS 'the indexes of all partitions or children of a table, and what is wrong with one or differs from the first';
