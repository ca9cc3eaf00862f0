-- distances
SELECT l2_distance('[0,0]'::vector, '[3,4]'), '[0,0]'::vector <-> '[3,4]', vector_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::vector, '[3,4]'), '[1,2]'::vector <#> '[3,4]';
SELECT cosine_distance('[1,2]'::vector, '[2,4]'), '[1,1]'::vector <=> '[-1,-1]', cosine_distance('[1,2]'::vector, '[0,0]');
SELECT cosine_distance('[1,1]'::vector, '[1.1,1.1]'), cosine_distance('[1,1]'::vector, '[-1.1,-1.1]');
SELECT l1_distance('[0,0]'::vector, '[3,4]'), '[0,0]'::vector <+> '[3,-4]';
SELECT vector_spherical_distance('[1,0]', '[0,1]');
SELECT l2_distance('[3e38]'::vector, '[-3e38]'), l2_distance('[1,2]'::vector, '[3]');
-- squares that are no floats do not matter
SELECT '[3e20,4e20]'::vector <-> '[0,0]' BETWEEN 4.999999e20 AND 5.000001e20 AS large,
	'[3e-30,4e-30]'::vector <-> '[0,0]' BETWEEN 4.999999e-30 AND 5.000001e-30 AS small,
	'[1e-45]'::vector <-> '[0]' > 0 AS smallest, '[3e38]'::vector <-> '[1e38]' < '[3e38]'::vector <-> '[0]' AS largest;
SELECT '[1,2]'::vector <=> '[1,2,3]';
SELECT l2_distance(NULL::vector, '[1]');
-- sums that leave the range of single precision are taken in double precision, whatever their signs
SELECT inner_product(a, b), a <#> b, a <=> b
	FROM (SELECT array_fill(3e19::float8, ARRAY[32])::vector a, (array_fill(3e19::float8, ARRAY[16]) || array_fill(-3e19::float8, ARRAY[16]))::vector b) s;
SELECT inner_product(a, a), inner_product(a, b) FROM (SELECT array_fill(3e19::float8, ARRAY[9])::vector a, array_fill(-3e19::float8, ARRAY[9])::vector b) s;
SELECT '[3e20,4e20]'::vector <=> '[4e20,3e20]', '[3e-30,4e-30]'::vector <=> '[4,3]', '[1e-30,0]'::vector <=> '[0,1e30]', '[1e30]'::vector <=> '[0]';
-- one vector
SELECT vector_dims('[1,2,3]'::vector), vector_norm('[3,4]'), vector_norm('[3e37,4e37]')::real;
SELECT l2_norm('[0.1]'::vector)::real, l2_norm('[3e37,4e37]'::vector)::real;
SELECT l2_norm('[3,4]');
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[3e38]'::vector);
SELECT binary_quantize('[1,0,-1]'::vector), binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::vector);
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2), subvector('[1,2,3,4,5]'::vector, -1, 3);
SELECT subvector('[1,2,3,4,5]'::vector, 3, 9), subvector('[1,2,3,4,5]'::vector, 2147483647, 10);
SELECT subvector('[1,2,3,4,5]'::vector, 1, 0);
SELECT subvector('[1,2,3,4,5]'::vector, 1, -2147483648);
-- arithmetic
SELECT '[1,2]'::vector + '[3,4]', '[1,2]'::vector - '[3,5]', '[1,2]'::vector * '[3,4]', '[1]'::vector || '[2,3]';
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[-3e38]'::vector - '[3e38]';
SELECT '[1e37]'::vector * '[1e37]';
SELECT '[1e-37]'::vector * '[1e-37]';
SELECT '[1,2]'::vector + '[3]';
SELECT vector_dims(v || v) FROM (SELECT array_fill(1, ARRAY[8000])::vector v) s;
SELECT vector_dims(v || v) FROM (SELECT array_fill(1, ARRAY[8001])::vector v) s;
-- comparison: by elements, then by length
SELECT '[1,2]'::vector < '[1,3]', '[1,2]'::vector <= '[1,2]', '[1,2]'::vector = '[1,2]', '[1,2]'::vector <> '[1,2]';
SELECT '[1,2]'::vector >= '[1,2]', '[1,2]'::vector >= '[1,3]', vector_ge('[2]', '[1,9]');
SELECT '[1,2]'::vector < '[1,2,3]', '[2]'::vector > '[1,9]', vector_cmp('[1]', '[1]'), vector_cmp('[1,2]', '[1]');
SELECT v FROM unnest(ARRAY['[2]', '[1,1]', '[1]']::vector[]) v ORDER BY v;
-- aggregates
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]', NULL]::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[]::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[-0,0,-0]', '[-0,-0,0]']::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[1]', '[1,2]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;
-- states that no aggregate made
SELECT vector_avg('{}');
SELECT vector_avg('{0}'), vector_avg('{2,4,6}');
SELECT vector_avg('{1}');
SELECT vector_avg('{1,NULL}');
SELECT vector_avg('{{1,2},{3,4}}');
SELECT vector_avg('{1,NaN}');
SELECT vector_accum('{0}', '[1,2]'), vector_accum('{1,2}', '[3]'), vector_combine('{0}', '{2,3}');
SELECT vector_accum('{1,2}', '[1,2]');
SELECT vector_combine('{1,2}', '{1,2,3}');
SELECT vector_combine('{0}', '{0}'), vector_combine('{1,-0}', '{0}'), vector_combine('{0}', '{1,-0}'), vector_combine('{1,2}', '{2,3}');
SELECT vector_combine('{0,7}', '{1,2,3}'), vector_combine('{1,2,3}', '{0,7}');
SELECT vector_combine('{2}', '{1,5}');
SELECT vector_combine('{1,5}', '{2}');
SELECT vector_combine('{2}', '{2}');
SELECT vector_combine('{-1,5}', '{2,5}');
SELECT vector_combine('{0.5,5}', '{2,5}');
SELECT vector_combine('{1,5}', '{NaN,5}');
SELECT vector_combine('{1,5}', '{Infinity,5}');
SELECT vector_combine('{1,NaN}', '{1,1}');
SELECT vector_combine('{0}', '{1,NaN}');
SELECT vector_combine('{1,1.7e308}', '{1,1.7e308}');
SELECT vector_combine('{}', '{1,1}');
SELECT vector_combine('{1,1}', '{1,NULL}');
SELECT vector_combine('{{1,1}}', '{1,1}');
SELECT vector_combine('{0}', array_fill(1, ARRAY[16002])::float8[]);
SELECT vector_accum('{-1,2}', '[1]');
SELECT vector_accum('{3}', '[1]');
SELECT vector_accum('{1,NaN}', '[1]');
SELECT vector_avg('{0.5,1}');
SELECT vector_avg(array_fill(1, ARRAY[16002])::float8[]);
-- a btree index and its planner support
CREATE TABLE type_btree (v vector(2));
INSERT INTO type_btree SELECT ARRAY[i % 3, i]::vector FROM generate_series(1, 9) i;
CREATE INDEX ON type_btree (v);
SET enable_seqscan = off;
SELECT v FROM type_btree WHERE v > '[1,5]' ORDER BY v;
SELECT count(DISTINCT v) FROM type_btree;
RESET enable_seqscan;
DROP TABLE type_btree;
-- operands that are out of line, of which one side stays the same for a while: opened once, and anew when another comes
CREATE TABLE toasted AS SELECT i AS id, array_fill(i % 5, ARRAY[600])::vector(600) AS v, array_fill(i % 3, ARRAY[1200])::halfvec(1200) AS h FROM generate_series(1, 12) i;
SELECT count(*), count(*) FILTER (WHERE a.v <-> b.v <> sqrt(600.0) * abs(a.id % 5 - b.id % 5)) AS wrong, count(*) FILTER (WHERE a.v <#> b.v <> -600 * (a.id % 5) * (b.id % 5)) AS wrong_ip,
	count(*) FILTER (WHERE a.h <+> b.h <> 1200 * abs(a.id % 3 - b.id % 3)) AS wrong_h
	FROM toasted a, toasted b;
SELECT id, v <-> (SELECT v FROM toasted WHERE id = 1) = sqrt(600.0) * abs(id % 5 - 1) AS same FROM toasted ORDER BY v <-> (SELECT v FROM toasted WHERE id = 1), id LIMIT 3;
SELECT id, (SELECT v FROM toasted WHERE id = 12) + v = array_fill(2 + id % 5, ARRAY[600])::vector AS same FROM toasted ORDER BY id LIMIT 2;
DROP TABLE toasted;
-- and the one of a sub-select is fetched twice, for as many rows as there are
CREATE TABLE toasted (id int, v vector(1200), h halfvec(3000), s sparsevec(3000), b bit(30000));
ALTER TABLE toasted ALTER v SET STORAGE EXTERNAL, ALTER h SET STORAGE EXTERNAL, ALTER s SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT 1, array_fill(1, ARRAY[1200])::vector, array_fill(1, ARRAY[3000])::vector(3000)::halfvec(3000), array_fill(1, ARRAY[3000])::vector(3000)::sparsevec(3000), repeat('10', 15000)::bit(30000);
CREATE FUNCTION fetched(col text, operator text, other text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	index oid := (SELECT indexrelid FROM pg_index WHERE indrelid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'toasted'::regclass));
	before bigint := pg_stat_get_xact_numscans(index);
BEGIN
	EXECUTE format('SELECT sum(%s %s (SELECT %s FROM toasted)) FROM generate_series(1, 20) i', other, operator, col);
	RETURN pg_stat_get_xact_numscans(index) - before;
END $$;
SELECT fetched('v', '<->', 'array_fill(i, ARRAY[1200])::vector'), fetched('h', '<=>', 'array_fill(i, ARRAY[3000])::vector(3000)::halfvec(3000)'),
	fetched('s', '<->', '(''{1:'' || i || ''}/3000'')::sparsevec'), fetched('s', '<#>', '(''{1:'' || i || ''}/3000'')::sparsevec'),
	fetched('s', '<=>', '(''{1:'' || i || ''}/3000'')::sparsevec'), fetched('s', '<+>', '(''{1:'' || i || ''}/3000'')::sparsevec'),
	fetched('b', '<~>', 'i::bit(30000)'), fetched('b', '<%>', 'i::bit(30000)');
DROP FUNCTION fetched;
DROP TABLE toasted;
