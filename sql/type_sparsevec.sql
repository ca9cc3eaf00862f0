-- what casting a text says
CREATE FUNCTION type_sparsevec_error(text, OUT message text, OUT detail text, OUT code text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM $1::sparsevec;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, code = RETURNED_SQLSTATE;
END $$;
-- text input and output, type modifier
SELECT '{1:1.5,3:3.5}/5'::sparsevec, ' { 1 : -2 ,  3  :  4.  } / 5 '::sparsevec, '{}/1'::sparsevec, '{ }/1000000000'::sparsevec, '{1000000000:1}/1000000000'::sparsevec;
-- positions in any order, with a sign; zeros are not kept, wherever they are
SELECT '{3:1,+1:2,2:0x10}/+3'::sparsevec, '{1:0,2:1,3:-0}/3'::sparsevec, '{7:0,1:1,1:0}/2'::sparsevec;
SELECT '{1:1.23456789,2:0.1,3:1e-45,4:-3.4028235e38}/4'::sparsevec, '{1:1}/3'::sparsevec(3);
SELECT '{1:nan}/1'::sparsevec;
SELECT '{1:Infinity}/1'::sparsevec;
SELECT '{1:-inf}/1'::sparsevec;
SELECT '{1:4e38}/1'::sparsevec;
SELECT '{1:1,2:-1e-46}/2'::sparsevec;
-- what it is not: what is wrong in the text, and where something else is said
SELECT t, e.message, e.detail, e.code FROM unnest(ARRAY['', '{', '{ ', '{:', '{,', '{}', '{}/', '{} / ', '{}/1a', '{}/a', '{:}/1', '{,}/1', '{1,}/1', '{:1}/1',
	'{1:}/1', '{1a:1}/1', '{1:1a}/1', '{1:1,}/1', '{1:1 2:1}/2', '{1:hello}/1', '[1,2]', '{1:1}5', '{0x1:1}/1', '{1.5:1}/2', '{1:1}/2 /', '{-:1}/1', '{1 1:1}/1',
	'{}/0', '{}/-1', '{}/1000000001', '{}/2147483648', '{}/-2147483649', '{}/9223372036854775808', '{}/-9223372036854775809',
	'{0:1}/1', '{2:1}/1', '{-1:1}/1', '{2147483647:1}/1', '{2147483648:1}/1', '{-2147483648:1}/1', '{-2147483649:1}/1', '{99999999999999999999:1}/1',
	'{1:1,1:1}/2', '{1:1,2:1,1:1}/2', '{9:1,1:1,1:1}/2', '{9:nan}/0']) WITH ORDINALITY t(t, n),
	LATERAL (SELECT * FROM type_sparsevec_error(t)) e ORDER BY n;
SELECT (type_sparsevec_error('{' || repeat('1:0,', n) || '1:0}/1')).* FROM unnest(ARRAY[15999, 16000]) n;
SELECT (type_sparsevec_error(repeat(',', 16000))).*;
DROP FUNCTION type_sparsevec_error;
SELECT '{}/3'::sparsevec(2);
SELECT '{}/3'::sparsevec(3, 2);
SELECT '{}/3'::sparsevec('a');
SELECT '{}/3'::sparsevec(0);
SELECT '{}/3'::sparsevec(1000000001);
SELECT format_type('sparsevec'::regtype, 1000000000);
-- binary: what is sent; storage and catalog
SELECT encode(sparsevec_send('{2:1,5:-0.5}/7'), 'hex'), encode(sparsevec_send('{}/1000000000'), 'hex');
SELECT typname, typlen, typstorage, typalign FROM pg_type WHERE typname = 'sparsevec';
SELECT pg_column_size('{1:1,2:2,3:3}/3'::sparsevec), pg_column_size(array_fill(1, ARRAY[16000])::sparsevec), pg_column_size('{}/1000000000'::sparsevec);
-- casts
SELECT ARRAY[1,0,2]::sparsevec, ARRAY[1.5,0]::real[]::sparsevec, ARRAY[1.5,1e-50]::float8[]::sparsevec, ARRAY[0,1.5]::numeric[]::sparsevec, ARRAY[0]::int[]::sparsevec;
SELECT '[0,1.5,0,3.5,-0]'::vector::sparsevec, '[0,1.5,0,3.5,0]'::halfvec::sparsevec(5), '{2:1.5,4:3.5}/5'::sparsevec::vector(5), '{2:0.1,4:1e-8}/5'::sparsevec::halfvec;
SELECT '[0,1]'::vector::sparsevec(3);
SELECT '[0,1]'::halfvec::sparsevec(3);
SELECT '{2:1}/2'::sparsevec::vector(3);
SELECT '{2:1}/2'::sparsevec::halfvec(3);
SELECT '{}/16001'::sparsevec::vector;
SELECT '{}/16001'::sparsevec::halfvec;
SELECT '{2:65520}/2'::sparsevec::halfvec;
SELECT '{1,NULL}'::real[]::sparsevec;
SELECT '{}'::real[]::sparsevec;
SELECT '{{1},{2}}'::real[]::sparsevec;
SELECT '{0,NaN}'::real[]::sparsevec;
SELECT '{Infinity}'::float8[]::sparsevec;
SELECT '{1e39}'::float8[]::sparsevec;
SELECT '{1e39}'::numeric[]::sparsevec;
SELECT '{-Infinity,NaN}'::real[]::sparsevec;
SELECT ARRAY[1,2,3]::sparsevec(2);
SELECT length(array_fill(1, ARRAY[16000])::sparsevec::text), length((array_fill(0, ARRAY[20000]) || array_fill(1, ARRAY[16000]))::sparsevec::text);
SELECT array_fill(1, ARRAY[16001])::sparsevec;
SELECT castsource::regtype, casttarget::regtype, castcontext, castfunc::regprocedure FROM pg_cast
	WHERE 'sparsevec'::regtype IN (castsource, casttarget) ORDER BY castsource::regtype::text, casttarget::regtype::text;
-- a vector where a sparsevec is wanted is converted by itself; the other way, when it is stored
SELECT '{1:1,2:2}/2'::sparsevec <-> '[4,6]'::vector, '[4,6]'::halfvec <-> '{1:1,2:2}/2'::sparsevec;
CREATE TABLE type_sparsevec (s sparsevec(3), v vector(3), h halfvec(3));
INSERT INTO type_sparsevec VALUES ('{1:1,3:2}/3', '{1:1,3:2}/3'::sparsevec, '{1:1,3:2}/3'::sparsevec), (ARRAY[4,5,6], ARRAY[4,5,6], NULL), ('[0.1,0,0]'::vector, NULL, '[0,0,1]'),
	('[0,0,0]'::halfvec, '[0,0,0]'::halfvec, '[0,0,0]'::vector);
INSERT INTO type_sparsevec VALUES ('{}/2');
INSERT INTO type_sparsevec VALUES (NULL, '{}/2'::sparsevec);
SELECT * FROM type_sparsevec;
COPY type_sparsevec TO STDOUT;
DROP TABLE type_sparsevec;
-- distances; where positions meet, where they do not, and ends
SELECT a, b, a <-> b AS l2, a <#> b AS ip, a <=> b AS cosine, a <+> b AS l1, b <-> a AS l2, b <#> a AS ip, b <=> a AS cosine, b <+> a AS l1
	FROM (VALUES ('{}/2'::sparsevec, '{1:3,2:4}/2'::sparsevec), ('{}/1', '{}/1'), ('{1:3}/2', '{2:4}/2'), ('{1:1,2:2}/2', '{1:2,2:4}/2'), ('{1:1,2:1}/2', '{1:-1.1,2:-1.1}/2'),
	('{1:1,3:3,5:5}/5', '{2:4,3:6,4:8}/5'), ('{1:1,3:3,5:5,7:7}/8', '{2:2,4:4,6:6,8:8}/8'), ('{1:1,3:3,5:5,7:7,9:9}/9', '{2:2,4:4,6:6,8:8}/9'), ('{1000000000:2}/1000000000', '{1:1,1000000000:2}/1000000000'),
	('{1:3e38}/1', '{1:-3e38}/1'), ('{1:3e38}/1', '{1:3e38}/1'), ('{1:1e-30}/1', '{1:1e-30}/1'), ('{1:1e-30}/1', '{1:2e-30}/1')) v(a, b);
SELECT l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2'), sparsevec_l2_squared_distance('{}/2', '{1:3,2:4}/2'), inner_product('{1:1,2:2}/2'::sparsevec, '{1:3,2:4}/2'),
	sparsevec_negative_inner_product('{1:1,2:2}/2', '{1:3,2:4}/2'), cosine_distance('{1:1,2:1}/2'::sparsevec, '{1:1,2:1}/2'), l1_distance('{2:1}/2'::sparsevec, '{1:-3}/2');
-- sums are of floats, in the order of positions
SELECT '{1:1,2:16777216,3:1}/4'::sparsevec <#> '{1:1,2:1,3:1,4:1}/4', '{2:16777216}/4'::sparsevec <+> '{1:1,3:1,4:1}/4', '{2:4096}/4'::sparsevec <-> '{1:1,3:1,4:1}/4';
SELECT l2_distance('{1:1}/2'::sparsevec, '{1:1}/3');
SELECT '{1:1}/2'::sparsevec <#> '{1:1}/3';
SELECT '{1:1}/2'::sparsevec <=> '{1:1}/3';
SELECT '{1:1}/2'::sparsevec <+> '{1:1}/3';
SELECT l2_distance(NULL::sparsevec, '{}/1');
-- one vector
SELECT l2_norm('{1:3,2:4}/2'::sparsevec), l2_norm('{}/2'::sparsevec), l2_norm('{1:3e37,2:4e37}/2'::sparsevec)::real;
SELECT l2_normalize('{1:3,3:4}/4'::sparsevec), l2_normalize('{}/2'::sparsevec), l2_normalize('{1:3e38}/1'::sparsevec), l2_normalize('{2:3e37,4:3e-37,6:4e37,8:4e-37}/9'::sparsevec), l2_normalize('{1:1e-45}/1'::sparsevec);
-- comparison: by elements, zeros among them, then by dimensions
SELECT s FROM unnest(ARRAY['{1:1,2:2,3:3}/3', '{1:1,2:2}/3', '{1:1,2:2}/2', '{1:1,3:3}/3', '{2:9}/3', '{}/3', '{}/2', '{}/1', '{3:-1}/3', '{1:-1}/3', '{1:-1,2:-5}/3', '{1:-1,2:5}/3', '{5:1}/5', '{5:-1}/5', '{2:1}/2']::sparsevec[]) s ORDER BY s;
-- as vectors are compared
SELECT count(*), count(*) FILTER (WHERE sparsevec_cmp(a, b) <> vector_cmp(a, b) OR sparsevec_cmp(a, b) <> -sparsevec_cmp(b, a)) AS other
	FROM (SELECT array_fill(0, ARRAY[d]) || ARRAY[x - 1, y - 1] AS v FROM generate_series(0, 2) d, generate_series(0, 2) x, generate_series(0, 2) y) p,
	LATERAL (SELECT p.v::vector a) a, (SELECT (ARRAY[x - 1] || array_fill(y - 1, ARRAY[d]))::vector b FROM generate_series(1, 3) d, generate_series(0, 2) x, generate_series(0, 2) y) b;
SELECT a < b, a <= b, a = b, a <> b, a >= b, a > b, sparsevec_cmp(a, b) FROM (VALUES ('{1:1,2:2}/2'::sparsevec, '{1:1,2:2,3:3}/3'::sparsevec), ('{1:1}/2', '{1:1}/2'), ('{1:2}/2', '{1:1}/2')) v(a, b);
SELECT sparsevec_lt('{}/1', '{}/2'), sparsevec_le('{}/1', '{}/1'), sparsevec_eq('{}/1', '{}/2'), sparsevec_ne('{}/1', '{}/2'), sparsevec_ge('{}/1', '{}/2'), sparsevec_gt('{1:1}/1', '{}/2');
-- a btree index and its planner support
CREATE TABLE type_btree (v sparsevec(9));
INSERT INTO type_btree SELECT format('{%s:%s}/9', 1 + i % 3, i)::sparsevec FROM generate_series(1, 9) i;
CREATE INDEX ON type_btree (v);
SET enable_seqscan = off;
SELECT v FROM type_btree WHERE v > '{2:5}/9' ORDER BY v;
SELECT v FROM type_btree WHERE v = '{2:4}/9';
SELECT count(DISTINCT v) FROM type_btree;
RESET enable_seqscan;
DROP TABLE type_btree;
-- values that are out of line
CREATE TABLE type_long (v sparsevec);
INSERT INTO type_long SELECT array_fill(i, ARRAY[9000])::sparsevec FROM generate_series(1, 3) i;
SELECT (v <-> array_fill(1, ARRAY[9000])::sparsevec)::real, l2_norm(v)::real, v = array_fill(2, ARRAY[9000])::sparsevec, length(v::text), pg_column_size(v) FROM type_long;
DROP TABLE type_long;
-- what there is, and what there is not: vector_dims, arithmetic, aggregates
SELECT oid::regprocedure FROM pg_proc WHERE 'sparsevec'::regtype = ANY (proargtypes) OR prorettype = 'sparsevec'::regtype ORDER BY oid::regprocedure::text COLLATE "C";
SELECT oid::regoperator FROM pg_operator WHERE 'sparsevec'::regtype IN (oprleft, oprright) ORDER BY oid::regoperator::text COLLATE "C";
