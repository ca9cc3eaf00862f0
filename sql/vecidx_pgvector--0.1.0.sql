/* vecidx_pgvector 0.1.0: install script, made by tools/make-sql from sql/install */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION vecidx_pgvector" to load this file. \quit

-- An access method has no schema, so one extension makes it. Tell whoever has the other one, before names clash.
DO $alone$
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'vecidx') THEN
		RAISE EXCEPTION 'extension "vecidx_pgvector" cannot be installed beside extension "vecidx"'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'Both make the access method vecgraph, and a database has one of that name.',
				HINT = 'The types of extension "vecidx" are not those of extension "vector": keep one sort of columns in a database.';
	END IF;
END
$alone$;

-- below, vector is that type of extension vector: a script looks in its own schema first
DO $own$
BEGIN
	IF EXISTS (
		SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
		WHERE typname = 'vector' AND nspname = current_schema() AND (typtype <> 'b' OR NOT EXISTS (
			SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = refobjid AND e.tableoid = refclassid AND extname = 'vector'
			WHERE classid = t.tableoid AND objid = t.oid AND deptype = 'e')))
	THEN
		RAISE EXCEPTION 'type "vector" of schema "%" is not that of extension "vector"', current_schema()
			USING ERRCODE = 'duplicate_object', HINT = 'Give extension "vecidx_pgvector" another SCHEMA.';
	END IF;
END
$own$;

-- ---------------------------------------------------------------------------------------------------------------------
-- access method vecgraph
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION vecgraph_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE ACCESS METHOD vecgraph TYPE INDEX HANDLER vecgraph_handler;

COMMENT ON ACCESS METHOD vecgraph IS 'Vamana graph index for nearest neighbour search';

-- ---------------------------------------------------------------------------------------------------------------------
-- operator classes for the types of extension vector
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION vecgraph_vector_l2_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_vector_ip_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_vector_cosine_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_vector_l1_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_halfvec_l2_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_halfvec_ip_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_halfvec_cosine_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_halfvec_l1_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_sparsevec_l2_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_sparsevec_ip_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_sparsevec_cosine_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_sparsevec_l1_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_bit_hamming_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE FUNCTION vecgraph_bit_jaccard_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C;

-- Which types and operators there are depends on the version of extension vector. All names below are qualified: it may be in another
-- schema than this extension, and either may move. Its owner may have added types to it that are not made of its functions: those are no base
-- types, which only superusers make. Objects of names that this makes are used only if they belong to this
-- extension: others may have made them before.
CREATE FUNCTION vecidx_pgvector_refresh() RETURNS text[]
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $refresh$
DECLARE
	own text := (SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vecidx_pgvector');
	theirs text := (SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector');
	made text[] := '{}';
	objects text[] := '{}';
	object text;
	class text;
	within text;
	done regtype;	-- the last type whose radius has been made
	c record;
BEGIN
	FOR c IN
		SELECT o.oid::regoperator AS operator, o.oprleft::regtype AS type, w.name, w.metric, EXISTS (
				SELECT FROM pg_operator r JOIN pg_depend d ON d.classid = r.tableoid AND d.objid = r.oid AND d.deptype = 'e'
				JOIN pg_extension e ON e.tableoid = d.refclassid AND e.oid = d.refobjid AND e.extname = 'vecidx_pgvector'
				WHERE r.oprname = '<-|' AND r.oprleft = o.oprleft) AS has_radius
		FROM (VALUES
			(1, 'vector', 'l2', '<->'), (2, 'vector', 'ip', '<#>'), (3, 'vector', 'cosine', '<=>'), (4, 'vector', 'l1', '<+>'),
			(5, 'halfvec', 'l2', '<->'), (6, 'halfvec', 'ip', '<#>'), (7, 'halfvec', 'cosine', '<=>'), (8, 'halfvec', 'l1', '<+>'),
			(9, 'sparsevec', 'l2', '<->'), (10, 'sparsevec', 'ip', '<#>'), (11, 'sparsevec', 'cosine', '<=>'), (12, 'sparsevec', 'l1', '<+>'),
			(13, 'bit', 'hamming', '<~>'), (14, 'bit', 'jaccard', '<%>')
		) AS w (number, name, metric, operator)
		JOIN pg_operator o ON o.oprname = w.operator AND o.oprleft = o.oprright
		JOIN pg_type t ON t.oid = o.oprleft AND t.typname = w.name AND t.typtype = 'b'
		JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vector'
		WHERE NOT EXISTS (
			SELECT FROM pg_opclass x JOIN pg_am a ON a.oid = x.opcmethod
			WHERE a.amname = 'vecgraph' AND x.opcintype = o.oprleft AND x.opcname = w.name || '_' || w.metric || '_ops'
				AND x.opcnamespace = own::regnamespace)
		ORDER BY w.number
	LOOP
		within := format('(%s, double precision)', c.type);
		IF NOT c.has_radius AND c.type IS DISTINCT FROM done THEN
			EXECUTE format($within$
-- what the planner tells an index of a condition such as v <-> query < 0.5: the bound and, unless the query is ordered by that distance,
-- from where it is measured

CREATE FUNCTION %1$s.vecgraph_within(%2$s, double precision) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION %1$s.vecgraph_within(%2$s, double precision) IS 'true; as an index condition, a bound of the distance of a scan';

CREATE OPERATOR %1$s.<-| (
	LEFTARG = %2$s, RIGHTARG = double precision, FUNCTION = %1$s.vecgraph_within
);

CREATE FUNCTION %1$s.vecgraph_within(%2$s, %2$s) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION %1$s.vecgraph_within(%2$s, %2$s) IS 'true; as an index condition, what the distance of a scan is measured from';

CREATE OPERATOR %1$s.<-| (
	LEFTARG = %2$s, RIGHTARG = %2$s, FUNCTION = %1$s.vecgraph_within
);

				$within$, own, c.type);
			objects := objects || format('FUNCTION %s.vecgraph_within%s', own, within) || format('OPERATOR %s.<-| %s', own, within)
				|| format('FUNCTION %s.vecgraph_within(%s, %2$s)', own, c.type) || format('OPERATOR %s.<-| (%s, %2$s)', own, c.type);
			done := c.type;
		END IF;
		class := format('%s.%s_%s_ops', own, c.name, c.metric);
		EXECUTE format('CREATE OPERATOR CLASS %s %s FOR TYPE %s USING vecgraph AS OPERATOR 1 %s FOR ORDER BY float_ops, '
			'OPERATOR 9 %s.<-| %s, OPERATOR 9 %5$s.<-| (%3$s, %3$s), FUNCTION 1 (%3$s, %3$s) %5$s.vecgraph_%7$s_%8$s_support(internal)',
			class, CASE c.metric WHEN 'l2' THEN 'DEFAULT' END, c.type, c.operator, own, within, c.name, c.metric);
		objects := objects || format('OPERATOR FAMILY %s USING vecgraph', class) || format('OPERATOR CLASS %s USING vecgraph', class);
		made := made || class;
	END LOOP;
	IF EXISTS (
		SELECT FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
		JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'vector'
		WHERE t.typname = 'halfvec' AND t.typtype = 'b')
		AND NOT EXISTS (
			SELECT FROM pg_proc p JOIN pg_depend d ON d.classid = p.tableoid AND d.objid = p.oid AND d.deptype = 'e'
			JOIN pg_extension e ON e.tableoid = d.refclassid AND e.oid = d.refobjid AND e.extname = 'vecidx_pgvector'
			WHERE p.proname = 'vecidx_unpack_halfvec')
	THEN
		EXECUTE format($unpack$
CREATE FUNCTION %1$s.vecidx_unpack_halfvec_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT PARALLEL SAFE;

CREATE FUNCTION %1$s.vecidx_unpack_halfvec_rows(vectors bytea, dimensions int, OUT id bigint, OUT embedding %2$s.halfvec) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecidx_unpack_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT %1$s.vecidx_unpack_halfvec_support;

CREATE FUNCTION %1$s.vecidx_unpack_halfvec_rows(ids bytea, vectors bytea, dimensions int, OUT id bigint, OUT embedding %2$s.halfvec) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'vecidx_unpack_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT %1$s.vecidx_unpack_halfvec_support;

-- In FROM, rows of a function are kept until there are all, but a query that the planner can put in its place gives each to what is above it.
CREATE FUNCTION %1$s.vecidx_unpack_halfvec(vectors bytea, dimensions int, OUT id bigint, OUT embedding %2$s.halfvec) RETURNS SETOF record
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT (u).id, (u).embedding FROM (SELECT %1$s.vecidx_unpack_halfvec_rows(vectors, dimensions) AS u OFFSET 0) AS s;
	END;

COMMENT ON FUNCTION %1$s.vecidx_unpack_halfvec(bytea, int) IS 'rows of packed little-endian float16s; id counts them from 1';

CREATE FUNCTION %1$s.vecidx_unpack_halfvec(ids bytea, vectors bytea, dimensions int, OUT id bigint, OUT embedding %2$s.halfvec) RETURNS SETOF record
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT (u).id, (u).embedding FROM (SELECT %1$s.vecidx_unpack_halfvec_rows(ids, vectors, dimensions) AS u OFFSET 0) AS s;
	END;

COMMENT ON FUNCTION %1$s.vecidx_unpack_halfvec(bytea, bytea, int) IS 'rows of packed little-endian int64s and float16s';

			$unpack$, own, theirs);
		objects := objects || format('FUNCTION %s.vecidx_unpack_halfvec_support(internal)', own)
			|| format('FUNCTION %s.vecidx_unpack_halfvec_rows(bytea, integer)', own)
			|| format('FUNCTION %s.vecidx_unpack_halfvec_rows(bytea, bytea, integer)', own)
			|| format('FUNCTION %s.vecidx_unpack_halfvec(bytea, integer)', own)
			|| format('FUNCTION %s.vecidx_unpack_halfvec(bytea, bytea, integer)', own);
	END IF;
	FOREACH object IN ARRAY objects LOOP
		BEGIN
			EXECUTE 'ALTER EXTENSION vecidx_pgvector ADD ' || object;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			NULL;	-- CREATE EXTENSION does that with all that its script makes
		END;
	END LOOP;
	RETURN made;
END
$refresh$;

COMMENT ON FUNCTION vecidx_pgvector_refresh() IS
	'makes operator classes for types that an update of extension vector has brought; returns their names';

DO $made$
BEGIN
	IF pg_catalog.cardinality(vecidx_pgvector_refresh()) = 0 THEN
		RAISE EXCEPTION 'extension "vector" has no type of vectors with an operator that vecgraph knows'
			USING ERRCODE = 'feature_not_supported', HINT = 'Use pgvector 0.5 or later.';
	END IF;
END
$made$;

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
