-- filter columns of all types: what a condition finds through the index is what it finds without
SET client_min_messages = warning;
SET enable_bitmapscan = off;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'bored' BEFORE 'ok';
CREATE DOMAIN small AS int CHECK (VALUE < 2000000);
CREATE DOMAIN word AS text;
CREATE DOMAIN words AS text[];
-- a collation that takes different strings for equal, where there is one
DO $$ BEGIN
	CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
EXCEPTION WHEN OTHERS THEN
	CREATE COLLATION loose FROM "C";
END $$;
CREATE DOMAIN loose_word AS varchar COLLATE loose;

-- the columns: their values, and constants to compare them with besides those, as expressions
CREATE TABLE filters (number serial, name text, type text, family text, vals text[], constants text[] DEFAULT '{}');
INSERT INTO filters (name, type, family, vals, constants) VALUES
	('i2', 'int2', 'ordered', '{-32768,-32767,-32766,-1,0,1,2,7,32766,32767}',
		$x${'-32769'::int4,'32768'::int4,'100000'::int8,'-9223372036854775808'::int8,'9223372036854775807'::int8,'7'::int4,'-32768'::int8}$x$),
	('i4', 'int4', 'ordered', '{-2147483648,-2147483647,-2147483646,-2147483645,-1,0,1,32768,2147483646,2147483647}',
		$x${'1'::int2,'-32768'::int2,'-2147483649'::int8,'2147483648'::int8,'-9223372036854775808'::int8,'9223372036854775807'::int8,'2147483647'::int8}$x$),
	('i8', 'int8', 'ordered', '{-9223372036854775808,-9223372036854775807,-9223372036854775806,-9223372036854775805,-1,0,1,4294967296,9223372036854775807}',
		$x${'1'::int2,'-1'::int4,'2147483647'::int4}$x$),
	('f4', 'float4', 'ordered', '{-Infinity,-3.4e38,-1,-1e-45,-0,0,1e-45,0.1,1,16777216,3.4e38,Infinity,NaN}',
		$x${0.1::float8,0.1::float4::float8,16777217::float8,1e300::float8,'-1e300'::float8,1e-300::float8,'-1e-300'::float8,'NaN'::float8,'-Infinity'::float8,'-0'::float8}$x$),
	('f8', 'float8', 'ordered', '{-Infinity,-1.7e308,-1,-5e-324,-0,0,5e-324,0.1,1,1.0000000000000002,1.7e308,Infinity,NaN}',
		$x${0.1::float4,1::float4,'NaN'::float4,'Infinity'::float4,'-0'::float4}$x$),
	('n', 'numeric', 'ordered', '{-Infinity,-1e400,-1e399,-12345678901234567890.000001,-1e-400,0,0.00,1e-400,0.1,0.10,0.1000000000000000000000000000000000001,1,12345678901234567890,12345678901234567891,1e399,1e400,NaN,Infinity}',
		$x${'9007199254740993'::numeric,'1e131000'::numeric}$x$),
	('b', 'bool', 'ordered', '{t,f}', '{}'),
	('o', 'oid', 'ordered', '{0,1,2,3,16384,4294967293,4294967294,4294967295}', '{}'),
	('d', 'date', 'ordered', '{-infinity,4713-01-01 BC,0001-01-01,1999-12-31,2000-01-01,2000-01-02,294276-12-31,294277-01-01,5874897-12-31,infinity}',
		$x${'1999-12-31 00:00'::timestamp,'1999-12-31 00:00:00.000001'::timestamp,'1999-12-31 23:59:59.999999'::timestamp,'2000-01-01 12:00'::timestamp,'-infinity'::timestamp,'infinity'::timestamp,'294276-12-31 23:59:59.999999'::timestamp,'4713-01-01 00:00 BC'::timestamp}$x$),
	('ts', 'timestamp', 'ordered', '{-infinity,4713-01-01 00:00 BC,1999-12-31 23:59:59.999999,2000-01-01 00:00,2000-01-01 00:00:00.000001,294276-12-31 23:59:59.999999,infinity}',
		$x${'1999-12-31'::date,'2000-01-01'::date,'-infinity'::date,'infinity'::date,'294277-01-01'::date,'5874897-12-31'::date,'4713-01-01 BC'::date}$x$),
	('tz', 'timestamptz', 'ordered', '{-infinity,1999-12-31 23:59:59.999999+00,2000-01-01 00:00+00,2000-01-01 01:00+01,294276-12-31 23:59:59.999999+00,infinity}',
		$x${'2000-01-01'::date,'2000-01-01 00:00'::timestamp}$x$),
	('t', 'time', 'ordered', '{00:00,00:00:00.000001,12:00,23:59:59.999999,24:00}', '{}'),
	('iv', 'interval', 'ordered', '{0,1 day,24 hours,23:59:59.999999,1 month,30 days,-1 month,-30 days,-29 days,1 year,360 days,178000000 years,-178000000 years,292000 years,292001 years,-1 day +24:00:00.000001,1 day -00:00:00.000001}', '{}'),
	('u', 'uuid', 'ordered', '{00000000-0000-0000-0000-000000000000,00000000-0000-0001-0000-000000000000,00000000-0000-0002-0000-000000000000,00000000-0000-0003-0000-000000000000,12345678-1234-1234-1234-123456789012,12345678-1234-1234-1234-123456789013,ffffffff-ffff-ffff-ffff-ffffffffffff}', '{}'),
	('ba', 'bytea', 'ordered', $x${"\\x","\\x00","\\x0000","\\x0001","\\x0000000000000001","\\x0000000000000003","\\x61","\\x6100","\\x6162636465666768","\\x616263646566676800","\\x6162636465666769","\\xff","\\xffffffffffffffffff"}$x$, '{}'),
	('tc', 'text COLLATE "C"', 'ordered', '{"",a,"a ","a  ",A,ab,b,B,abcdefgh,abcdefghi,abcdefghj,abcdefg,"abcdefg ",ä,é,zzzzzzzzzz}',
		$x${'abcdefghi'::varchar,"repeat('a', 5000)"}$x$),
	('td', 'text', 'ordered', '{"",a,"a ","a  ",A,ab,b,B,abcdefgh,abcdefghi,abcdefghj,abcdefg,zzzzzzzzzz}', '{}'),
	('tn', 'text COLLATE loose', 'ordered', '{"",a,"a ",A,ab,AB,b,B,abcdefghi,ABCDEFGHI,abcdefghj}', '{}'),
	('vc', 'varchar(20) COLLATE "C"', 'ordered', '{"",a,"a ",A,ab,b,abcdefghi,abcdefghj}', $x${'abcdefghi'::text}$x$),
	('bc', 'char(12) COLLATE "C"', 'ordered', $x${"",a,"a ",A,ab,"a b","a	b",b,abcdefghi,"abcdefgh",abcdefghij,"abcdefg  i"}$x$, $x${'a'::bpchar,'a     '::bpchar,'abcdefgh      '::bpchar}$x$),
	('bd', 'char(12)', 'ordered', $x${"",a,"a ",A,ab,"a b",b,abcdefghi,"abcdefgh",abcdefghij}$x$, $x${'a'::bpchar,'a     '::bpchar}$x$),
	('bn', 'char(12) COLLATE loose', 'ordered', $x${"",a,"a ",A,ab,"a b",b,abcdefghi,ABCDEFGHI}$x$, $x${'a'::bpchar,'A     '::bpchar}$x$),
	('vn', 'varchar(12) COLLATE loose', 'ordered', '{"",a,"a ",A,ab,AB,b,B,abcdefghi,ABCDEFGHI,abcdefghj}', $x${'aB'::text}$x$),
	('dl', 'loose_word', 'ordered', '{"",a,"a ",A,ab,AB,b,B,abcdefghi,ABCDEFGHI,abcdefghj}', $x${'aB'::varchar,('aB'::text COLLATE loose)}$x$),
	('ip', 'inet', 'ordered', '{0.0.0.0,10.0.0.1,10.0.0.1/8,10.0.0.0/8,::1,ffff::/16}', $x${'10.0.0.0/8'::cidr}$x$),
	('ci', 'cidr', 'ordered', '{0.0.0.0/0,10.0.0.0/8,10.0.0.0/9,::/0}', '{}'),
	('e', 'mood', 'ordered', '{sad,bored,ok,happy}', '{}'),
	('dn', 'small', 'ordered', '{-2147483648,-1,0,1,1999999}', $x${'1'::int2,'2000000'::int8}$x$),
	('dw', 'word', 'ordered', '{"",a,b,abcdefghi,abcdefghj}', '{}'),
	('rc', 'regclass', 'equality', '{pg_class,pg_proc,pg_am}', '{}'),
	('ai', 'int4[]', 'sets', '{"{}","{NULL}","{1}","{2}","{1,2}","{2,1}","{1,1}","{1,NULL}","{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}","{{1,2},{3,4}}","[0:1]={1,2}"}', '{}'),
	('at', 'text[]', 'sets', '{"{}","{NULL}","{\"\"}","{a}","{A}","{a,b}","{b,a}","{a,NULL}","{abcdefghi}","{abcdefghj,abcdefghi}"}', '{}'),
	('an', 'text[] COLLATE loose', 'sets', '{"{}","{a}","{A}","{a,b}","{B,A}","{b,a}"}', '{}'),
	('al', 'loose_word[]', 'sets', '{"{}","{a}","{A}","{a,b}","{B,A}","{b,a}"}', '{}'),
	('ac', 'char(4)[] COLLATE loose', 'sets', '{"{}","{a}","{A}","{a,b}","{\"a b\"}"}', $x${"'{a}'::bpchar[]","'{\"A \",b}'::bpchar[]"}$x$),
	('av', 'varchar(5)[]', 'sets', '{"{}","{a}","{b}","{a,b}"}', '{}'),
	('ae', 'mood[]', 'sets', '{"{}","{sad}","{ok}","{sad,ok}","{happy,NULL}"}', '{}'),
	('au', 'numeric[]', 'sets', '{"{}","{1}","{1.0}","{1,2.50}","{NaN}","{2.5}"}', '{}'),
	('as', 'small[]', 'sets', '{"{}","{1}","{2}","{1,-5}"}', '{}'),
	('ad', 'words', 'sets', '{"{}","{a}","{b}","{a,b}"}', '{}');

CREATE TABLE f (id int PRIMARY KEY, v vector(3)) WITH (autovacuum_enabled = off);
INSERT INTO f SELECT i, ARRAY[i, i % 17, 100 - i]::vector FROM generate_series(1, 250) i;
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT * FROM filters ORDER BY number LOOP
		EXECUTE format('ALTER TABLE f ADD COLUMN %I %s', c.name, c.type);
		-- every eleventh is NULL; neighbours differ in all columns
		EXECUTE format('UPDATE f SET %I = ($1[1 + (id * 7 + id / 13 + %s) %% %s])::%s WHERE (id + %2$s) %% 11 > 0', c.name, c.number,
			array_length(c.vals, 1), split_part(c.type, ' COLLATE', 1)) USING c.vals;
	END LOOP;
END $$;
VACUUM FULL f;
ANALYZE f;

-- The rows that a condition finds, and whether it was one of the index.
CREATE FUNCTION rows_of(condition text, through_index bool, OUT ids int[], OUT indexed bool) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id FROM f WHERE %s ORDER BY v <-> ''[120,9,3]''', condition);
	line text;
BEGIN
	PERFORM set_config('enable_seqscan', (NOT through_index)::text, true), set_config('enable_sort', (NOT through_index)::text, true),
		set_config('enable_indexscan', through_index::text, true);
	indexed := false;
	IF through_index THEN
		FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
			indexed := indexed OR line LIKE '%Index Cond: %';
		END LOOP;
	END IF;
	EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (%s) s', query) INTO ids;
END $$;

-- Of conditions of one sort: how many there are, how many of them are tested by the index, and which find other rows by it.
CREATE TYPE outcome AS (conditions bigint, indexed bigint, wrong text[]);
CREATE FUNCTION outcome_of(conditions text[]) RETURNS outcome LANGUAGE sql AS $$
	SELECT ROW(count(*), count(*) FILTER (WHERE (i).indexed), array_agg(c) FILTER (WHERE (i).ids IS DISTINCT FROM (p).ids))::outcome
	FROM (SELECT c, rows_of(c, true) AS i, rows_of(c, false) AS p FROM unnest(conditions) c OFFSET 0) s
$$;

-- The conditions on a filter column, by sort.
CREATE FUNCTION conditions_of(c filters) RETURNS TABLE (sort text, conditions text[]) LANGUAGE plpgsql AS $$
DECLARE
	type text := split_part(c.type, ' COLLATE', 1);
	constants text[] := (SELECT array_agg(format('%L::%s', x, type)) FROM unnest(c.vals) x);
	other_constants text[] := constants || c.constants;
	ops text[] := CASE c.family WHEN 'ordered' THEN '{<,<=,=,>=,>}' WHEN 'sets' THEN '{=,&&,@>}' ELSE '{=}' END;
	op text;
BEGIN
	FOREACH op IN ARRAY ops LOOP
		RETURN QUERY SELECT op, array_agg(format('%I %s %s', c.name, op, x)) FROM unnest(other_constants) x;
	END LOOP;
	RETURN QUERY SELECT 'NULL', ARRAY[format('%I IS NULL', c.name), format('%I IS NOT NULL', c.name),
		format('%I IS NULL AND %1$I IS NOT NULL', c.name), format('%I = (SELECT NULL::%s)', c.name, type)];
	IF c.family = 'sets' THEN
		RETURN QUERY SELECT '<@', array_agg(format('%s <@ %I', x, c.name)) FROM unnest(constants) x;
		RETURN QUERY SELECT 'and', array_agg(format('%I @> %s AND %1$I && %s', c.name, x, y)) FROM unnest(constants) x, unnest(constants) y;
		RETURN;
	END IF;
	-- lists of constants, one of them NULL; of a type of its own, if that can be
	RETURN QUERY SELECT 'IN', array_agg(format('%I IN (%s)', c.name, list))
		FROM (SELECT array_to_string(array_agg(x) OVER (ROWS 3 PRECEDING), ', ') || CASE number % 3 WHEN 0 THEN ', NULL' ELSE '' END AS list
			FROM unnest(constants) WITH ORDINALITY u (x, number)) s;
	RETURN QUERY SELECT 'many', ARRAY[
		format('%I = ANY (ARRAY[%s])', c.name, array_to_string(constants, ', ')),
		format('%I = ANY (ARRAY[%s] || NULL)', c.name, array_to_string(constants, ', ')),
		format('%I = ANY (%L::%s[])', c.name, '{}', type),
		format('%I = ANY (%L::%s[])', c.name, '{NULL}', type),
		format('%I = ANY ((SELECT NULL::%s[])::%2$s[])', c.name, type)];
	IF c.family = 'ordered' THEN
		RETURN QUERY SELECT 'any', array_agg(format('%I %s ANY (ARRAY[%s, %s])', c.name, o, x, y))
			FROM (SELECT x, lead(x, 2, x) OVER () AS y FROM unnest(constants) x) s, unnest('{<,<=,>=,>}'::text[]) o;
		RETURN QUERY SELECT 'between', array_agg(format('%I BETWEEN %s AND %s', c.name, x, y))
			FROM unnest(other_constants) WITH ORDINALITY u (x, i), unnest(other_constants) WITH ORDINALITY w (y, j) WHERE (i + j) % 3 = 0;
	END IF;
	-- several keys of one column
	RETURN QUERY SELECT 'and', array_agg(format('%I = %s AND %1$I IN (%s, %s)', c.name, x, x, y)) ||
			array_agg(format('%I IN (%s, %s) AND %1$I IN (%s, %s) AND %1$I IS NOT NULL', c.name, x, y, y, z))
		FROM (SELECT x, lead(x, 1, x) OVER () AS y, lead(x, 2, x) OVER () AS z FROM unnest(constants) x) s;
END $$;

-- eight columns at a time: all that a type can be asked
CREATE FUNCTION try_types() RETURNS TABLE (name text, type text, asked text, conditions bigint, indexed bigint, wrong text[])
	LANGUAGE plpgsql AS $$
DECLARE
	columns text;
BEGIN
	FOR part IN 0 .. (SELECT (max(number) - 1) / 8 FROM filters) LOOP
		SELECT string_agg(format('%I', f.name), ', ' ORDER BY number) INTO columns FROM filters f WHERE (number - 1) / 8 = part;
		EXECUTE format('CREATE INDEX f_v ON f USING vecgraph (v, %s)', columns);
		-- a third of the rows comes by inserts
		UPDATE f SET v = f.v + '[0,0,0.5]' WHERE id % 3 = 0;
		PERFORM vecgraph_check('f_v');
		RETURN QUERY SELECT f.name, f.type, c.sort, (o).* FROM filters f, conditions_of(f) c, outcome_of(c.conditions) o
			WHERE (f.number - 1) / 8 = part;
		DROP INDEX f_v;
	END LOOP;
END $$;
CREATE TABLE tried AS SELECT * FROM try_types();
SELECT name, type, sum(conditions) AS conditions, sum(indexed) AS indexed, string_agg(asked, ' ' ORDER BY asked COLLATE "C") FILTER (WHERE indexed < conditions) AS not_indexed
	FROM tried GROUP BY 1, 2 ORDER BY min((SELECT number FROM filters f WHERE f.name = tried.name));
SELECT name, asked, wrong FROM tried WHERE wrong IS NOT NULL;

-- several columns, expressions, and what the index has no column for
CREATE INDEX f_v ON f USING vecgraph (v, i4, (id % 10), (lower(td)) COLLATE "C", d, ai, b);
SELECT (o).* FROM outcome_of(ARRAY[
	'i4 > 0 AND id % 10 = 3',
	'i4 > 0 AND id % 10 IN (3, 4) AND lower(td) COLLATE "C" < ''b''',
	'lower(td) COLLATE "C" = ''ab''',
	'd >= ''2000-01-01'' AND ai @> ''{1}'' AND i4 IS NOT NULL',
	'ai && ''{2,3}'' AND i8 > 0',
	'b', 'NOT b', 'b AND i4 = 1', 'b IS TRUE', 'b IS NOT TRUE', 'b = false OR i4 = 1',
	'ai @> ''{NULL}''', 'ai && ''{NULL}''', 'ai @> ''{}'' AND NOT b',
	'v IS NOT NULL AND i4 = 1', 'v IS NULL',
	'i4 = ANY (ARRAY(SELECT i * 2 FROM generate_series(-3, 3000) i))',
	'1 = ANY (ai)', '1 = ANY (ai) AND 2 = ANY (ai) AND b', 'NULL = ANY (ai)', '(SELECT 1) = ANY (ai)', '-99 = ANY (ai)']) o;
-- from 18 on the server makes a list of some of these
SELECT (o).conditions, (o).wrong FROM outcome_of(ARRAY['i4 = 1 OR i4 = 0', 'i4 = 1 OR i4 = 0 OR i4 = 32768 OR i4 IS NULL', 'i4 > 32768 OR i4 > 0',
	'(d = ''2000-01-01'' OR d = ''infinity'') AND (i4 = -1 OR i4 IN (0, 1))', 'ai @> ''{1}'' OR ai @> ''{2}''', 'ai = ''{1}'' OR ai = ''{2,1}''',
	'lower(td) COLLATE "C" = ''ab'' OR lower(td) COLLATE "C" = ''b''', 'b = true OR b = false', 'id % 10 = 3 OR id % 10 = 7']) o;
-- constants that are known when the scan runs, one after the other
CREATE FUNCTION joined(through_index bool) RETURNS TABLE (c int, n bigint, ids bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('enable_seqscan', (NOT through_index)::text, true), set_config('enable_sort', (NOT through_index)::text, true),
		set_config('enable_indexscan', through_index::text, true);
	RETURN QUERY SELECT x, count(s.id), sum(s.id) FROM unnest(ARRAY[0, NULL, 1, 32768, 5]) x
		LEFT JOIN LATERAL (SELECT id FROM f WHERE i4 = x AND ai && ARRAY[x, 1] ORDER BY v <-> '[1,2,3]' LIMIT 7) s ON true GROUP BY x ORDER BY x;
END $$;
SELECT * FROM joined(true);
SELECT count(*) FROM (SELECT * FROM joined(true) EXCEPT SELECT * FROM joined(false)) s;
-- How many rows, none of which matches, the index has let through for a condition.
CREATE FUNCTION let_through(condition text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	FOR line IN EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM f WHERE %s ORDER BY v <-> ''[120,9,3]''', condition) LOOP
		IF line LIKE '%Rows Removed by Index Recheck: %' THEN
			RETURN split_part(line, ': ', 2);
		END IF;
	END LOOP;
	RETURN 0;
END $$;
-- none, if values have signatures of their own
SELECT condition, let_through(condition) FROM unnest(ARRAY['i4 = 1', 'i4 IS NULL', 'i4 IN (0, 1, 32768)', 'i4 IN (0, 32768) AND i4 IN (0, 1, 32768)', 'i4 IN (0, 1) AND i4 >= 1', 'ai @> ''{}'' AND ai IS NULL',
	'i4 BETWEEN 2 AND 32767',
	'i4 = (SELECT NULL::int)', 'b', 'NOT b', 'b IS NOT NULL', 'd = ''2000-01-01''', 'ai IS NULL',
	'lower(td) COLLATE "C" <= ''ab''', 'i4 = 1 AND b AND d >= ''2000-01-01''']) condition;
-- others share one
SELECT condition, let_through(condition) > 0 AS some FROM unnest(ARRAY['i4 < 0 AND i4 > 0', 'i4 > 32768 AND i4 < 2147483646', 'd > ''1999-12-31'' AND d < ''2000-01-01''',
	'lower(td) COLLATE "C" = ''abcdefghi''', 'ai = ''{1}''',
	'ai = ''{NULL}''']) condition;
DROP INDEX f_v;

-- values that are compressed, or lie out of line
CREATE TABLE far (id int, v vector(3), inline bytea, outline bytea, squeezed text COLLATE "C", wide char(9000) COLLATE "C", many int[])
	WITH (autovacuum_enabled = off);
ALTER TABLE far ALTER outline SET STORAGE external, ALTER squeezed SET STORAGE main;
INSERT INTO far
	SELECT i, ARRAY[i, i % 7, 1]::vector, decode(repeat(x, 4000), 'hex'), decode(repeat(x, 2000), 'hex'), repeat(x, 2000), x || repeat('y', 8000),
		(SELECT array_agg(i * 3000 + j) FROM generate_series(1, 3000) j)
	FROM (SELECT i, to_hex(16 + i) AS x FROM generate_series(1, 20) i) s;
CREATE INDEX far_v ON far USING vecgraph (v, inline, outline, squeezed, wide, many);
-- as these are in the table
INSERT INTO far SELECT id + 100, v + '[0,0,1]', inline, outline, squeezed, wide, many FROM far;
SELECT vecgraph_check('far_v');
SET enable_seqscan = off;
SET enable_sort = off;
SELECT id FROM far WHERE inline = decode(repeat('12', 4000), 'hex') ORDER BY v <-> '[1,2,3]';
SELECT id FROM far WHERE outline = decode(repeat('12', 2000), 'hex') ORDER BY v <-> '[1,2,3]';
SELECT id FROM far WHERE outline > (SELECT outline FROM far WHERE id = 19) ORDER BY v <-> '[1,2,3]';
SELECT id FROM far WHERE squeezed = repeat('12', 2000) ORDER BY v <-> '[1,2,3]';
SELECT id FROM far WHERE squeezed < (SELECT squeezed FROM far WHERE id = 2) ORDER BY v <-> '[1,2,3]';
SELECT id FROM far WHERE wide = '12' || repeat('y', 8000) ORDER BY v <-> '[1,2,3]';
SELECT id FROM far WHERE many @> '{6001}' ORDER BY v <-> '[1,2,3]';
SELECT id FROM far WHERE many = (SELECT many FROM far WHERE id = 2) ORDER BY v <-> '[1,2,3]';
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE far;

-- who reads vectors from the table does not evaluate what the index filters by, and that with the rights of whoever asks
CREATE FUNCTION evaluated(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('vecidx_test.refuses', true) = 'on' THEN
		RAISE EXCEPTION 'evaluated';
	END IF;
	RETURN $1;
END $$;
CREATE INDEX f_v ON f USING vecgraph (v, (evaluated(i4))) WITH (storage = heap);
SET enable_seqscan = off;
SET vecidx_test.refuses = on;
SELECT id FROM f ORDER BY v <-> '[100,15,0]' LIMIT 3;
RESET vecidx_test.refuses;
SELECT id FROM f WHERE evaluated(i4) = 0 ORDER BY v <-> '[100,15,0]' LIMIT 3;
DROP INDEX f_v;
CREATE INDEX f_v ON f USING vecgraph (((v + v)::vector(3)) vector_l2_ops, (evaluated(i4))) WITH (storage = heap);
SET vecidx_test.refuses = on;
SELECT id FROM f ORDER BY (v + v)::vector(3) <-> '[200,30,0]' LIMIT 3;
RESET vecidx_test.refuses;
RESET enable_seqscan;
DROP INDEX f_v;
DROP FUNCTION evaluated;

-- the server makes comparisons of patterns
CREATE INDEX f_v ON f USING vecgraph (v, tc, vc, bc);
SELECT (o).* FROM outcome_of(ARRAY['tc LIKE ''ab%''', 'tc LIKE ''abcdefgh_''', 'tc LIKE ''ab''', 'tc LIKE ''a ''', 'tc ~ ''^abcdefgh''', 'tc ~ ''^ab$''',
	'vc LIKE ''a%''', 'vc LIKE ''a ''', 'bc LIKE ''a%''', 'bc LIKE ''a %''', 'bc LIKE ''a''', 'bc ~ ''^abcd''']) o;
DROP INDEX f_v;

-- a type that has no operator class, but a hash
CREATE OPERATOR CLASS timetz_filter_ops DEFAULT FOR TYPE timetz USING vecgraph AS
	OPERATOR 4 =, FUNCTION 1 vecgraph_filter_support(internal);
-- of 32 bits only
CREATE TYPE short;
CREATE FUNCTION short_in(cstring) RETURNS short LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION short_out(short) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE short (INPUT = short_in, OUTPUT = short_out, LIKE = int4);
CREATE FUNCTION short_eq(short, short) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION short_hash(short) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
CREATE OPERATOR = (LEFTARG = short, RIGHTARG = short, FUNCTION = short_eq, RESTRICT = eqsel);
CREATE OPERATOR CLASS short_filter_ops DEFAULT FOR TYPE short USING vecgraph AS
	OPERATOR 4 =, FUNCTION 1 vecgraph_filter_support(internal);
ALTER TABLE f ADD COLUMN zone timetz, ADD COLUMN s short, ADD COLUMN ss short[];
UPDATE f SET zone = make_time(id % 24, 0, 0) AT TIME ZONE 'UTC', s = (id % 20)::text::short, ss = ARRAY[(id % 20)::text::short];
VACUUM FULL f;
-- not yet; from 17 on types have their schema in what is said while an index is built
CREATE FUNCTION error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', replace(SQLERRM, 'public.', ''), detail, hint);
END $$;
SELECT error_of('CREATE INDEX f_v ON f USING vecgraph (v, ' || name || ')') FROM unnest('{s,ss}'::text[]) name;
CREATE OPERATOR CLASS short_ops DEFAULT FOR TYPE short USING hash AS OPERATOR 1 =, FUNCTION 1 short_hash(short);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname IN ('short_filter_ops', 'timetz_filter_ops') ORDER BY 1;
CREATE INDEX f_v ON f USING vecgraph (v, zone, s, ss);
SELECT (o).* FROM outcome_of(ARRAY['zone = ''07:00+00''', 'zone IN (''07:00+00'', ''08:00+00'')', 's = ''3''', 's IN (''3'', ''4'', ''5'')', 's = ''21''',
	'ss @> ''{3}''', 'ss && ''{3,4}''']) o;
SELECT condition, let_through(condition) FROM unnest(ARRAY['zone = ''07:00+00''', 's = ''3''', 's = ''21''', 'ss @> ''{3}''']) condition;
-- a hash function that the type had not when the index was built
CREATE FUNCTION short_hash(short, int8) RETURNS int8 LANGUAGE internal IMMUTABLE STRICT AS 'hashint4extended';
ALTER OPERATOR FAMILY short_ops USING hash ADD FUNCTION 2 short_hash(short, int8);
\c -
SET client_min_messages = warning;
SET enable_seqscan = off;
SELECT id FROM f WHERE s = '3' ORDER BY v <-> '[1,2,3]' LIMIT 2;
SELECT vecgraph_check('f_v');
INSERT INTO f (id, v, s) VALUES (1000, '[1,2,3]', '3');
REINDEX INDEX f_v;
SELECT id FROM f WHERE s = '3' ORDER BY v <-> '[1,2,3]' LIMIT 2;
-- an operator that might tell what it sees does not see rows before their policy: a list is no condition then, as no comparison is
CREATE ROLE vecidx_reader;
GRANT SELECT ON f TO vecidx_reader;
CREATE POLICY even ON f USING (id % 2 = 0);
ALTER TABLE f ENABLE ROW LEVEL SECURITY;
SET ROLE vecidx_reader;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE s IN ('3', '4') ORDER BY v <-> '[1,2,3]' LIMIT 2;
SELECT id FROM f WHERE s IN ('3', '4') ORDER BY v <-> '[1,2,3]' LIMIT 2;
RESET ROLE;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE s IN ('3', '4') ORDER BY v <-> '[1,2,3]' LIMIT 2;
DROP TABLE f, filters, tried CASCADE;
DROP FUNCTION rows_of, try_types, let_through, joined, error_of;
DROP TYPE outcome, mood, small, word, words, loose_word, short CASCADE;
DROP OPERATOR FAMILY timetz_filter_ops USING vecgraph;
DROP OPERATOR FAMILY short_filter_ops USING vecgraph;
DROP OPERATOR FAMILY short_ops USING hash;
DROP COLLATION loose;
DROP ROLE vecidx_reader;
