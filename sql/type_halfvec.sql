-- text input and output, type modifier
SELECT '[1,2,3]'::halfvec, ' [ 1 , -2.5 , 3e2 ] '::halfvec, '[1.23456789,0.1]'::halfvec, '[-0]'::halfvec, '[6e-8,2e-8]'::halfvec;
SELECT '[65504,-65519.99]'::halfvec, '[1,2,3]'::halfvec(3);
SELECT '[65520]'::halfvec;
SELECT '[1,-1e5]'::halfvec;
SELECT '[4e38]'::halfvec;
SELECT '[nan]'::halfvec;
SELECT '[-Infinity]'::halfvec;
SELECT '[1,2,3]'::halfvec(2);
SELECT '[1,2,3]'::halfvec(0);
SELECT '[1,2,3]'::halfvec(16001);
SELECT ''::halfvec;
SELECT '[]'::halfvec;
SELECT '[1,]'::halfvec;
SELECT '1,2'::halfvec;
SELECT '[1]a'::halfvec;
SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec;
-- binary: what is sent; storage and catalog
SELECT encode(halfvec_send('[1,-2,0.5,65504,6e-8]'), 'hex');
SELECT typname, typlen, typstorage, typalign FROM pg_type WHERE typname = 'halfvec';
SELECT pg_column_size('[1,2,3]'::halfvec), pg_column_size(array_fill(1, ARRAY[16000])::halfvec);
-- casts
SELECT ARRAY[1,2,3]::halfvec, ARRAY[1.5,2]::real[]::halfvec, ARRAY[1.5,2]::float8[]::halfvec, ARRAY[1.5,2]::numeric[]::halfvec;
SELECT '[1,2.5]'::halfvec::real[], '[1,0.1]'::halfvec::vector, '[1,0.1]'::vector::halfvec, '[1,0.1]'::vector::halfvec(2);
SELECT '[1,70000]'::vector::halfvec;
SELECT '[1,2]'::vector::halfvec(3);
SELECT '[1,2]'::halfvec::vector(3);
SELECT '{1,NULL}'::real[]::halfvec;
SELECT '{}'::real[]::halfvec;
SELECT '{{1},{2}}'::real[]::halfvec;
SELECT '{NaN}'::real[]::halfvec;
-- wrong twice: range first
SELECT '{NaN,1e6}'::real[]::halfvec;
SELECT '{Infinity,1e6}'::float8[]::halfvec;
SELECT '{NaN,1e39}'::numeric[]::halfvec;
SELECT '{Infinity,NaN}'::real[]::halfvec;
SELECT '{Infinity}'::float8[]::halfvec;
SELECT '{65520}'::int[]::halfvec;
SELECT '{1e5}'::numeric[]::halfvec;
SELECT ARRAY[1,2,3]::halfvec(2);
SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast
	WHERE 'halfvec'::regtype IN (castsource, casttarget) ORDER BY castsource::regtype::text, casttarget::regtype::text;
-- a vector where a halfvec is wanted is converted by itself; the other way, when it is stored
SELECT '[1,2]'::halfvec <-> '[4,6]'::vector;
CREATE TABLE type_halfvec (h halfvec(3), v vector(3));
INSERT INTO type_halfvec VALUES ('[1,2,3]', '[1,2,3]'::halfvec), (ARRAY[4,5,6], ARRAY[4,5,6]), ('[0.1,0,0]'::vector, NULL);
INSERT INTO type_halfvec VALUES ('[1,2]');
SELECT * FROM type_halfvec;
COPY type_halfvec TO STDOUT;
DROP TABLE type_halfvec;
-- distances
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), '[0,0]'::halfvec <-> '[3,4]', halfvec_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::halfvec, '[3,4]'), '[1,2]'::halfvec <#> '[3,4]', '[65504]'::halfvec <#> '[65504]';
SELECT cosine_distance('[1,2]'::halfvec, '[2,4]'), '[1,1]'::halfvec <=> '[-1,-1]', cosine_distance('[1,2]'::halfvec, '[0,0]');
SELECT l1_distance('[0,0]'::halfvec, '[3,4]'), '[0,0]'::halfvec <+> '[3,-4]';
SELECT halfvec_spherical_distance('[1,0]', '[0,1]');
SELECT '[1,2]'::halfvec <=> '[1,2,3]';
SELECT l2_distance(NULL::halfvec, '[1]');
-- one vector
SELECT vector_dims('[1,2,3]'::halfvec), l2_norm('[3,4]'::halfvec), l2_norm('[65504,65504]'::halfvec)::real;
SELECT l2_normalize('[3,4]'::halfvec), l2_normalize('[0,0]'::halfvec), l2_normalize('[65504]'::halfvec);
SELECT binary_quantize('[1,0,-1]'::halfvec), binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::halfvec);
SELECT subvector('[1,2,3,4,5]'::halfvec, 1, 3), subvector('[1,2,3,4,5]'::halfvec, -1, 3), subvector('[1,2,3,4,5]'::halfvec, 3, 9);
SELECT subvector('[1,2,3,4,5]'::halfvec, 1, 0);
-- arithmetic
SELECT '[1,2]'::halfvec + '[3,4]', '[1,2]'::halfvec - '[3,5]', '[1,2]'::halfvec * '[3,4]', '[1]'::halfvec || '[2,3]';
SELECT '[65504]'::halfvec + '[15]', '[2048]'::halfvec + '[1]';
SELECT '[65504]'::halfvec + '[16]';
SELECT '[-65504]'::halfvec - '[65504]';
SELECT '[1000]'::halfvec * '[1000]';
SELECT '[1e-4]'::halfvec * '[1e-4]';
SELECT '[0]'::halfvec * '[1e-4]';
SELECT '[1,2]'::halfvec + '[3]';
SELECT vector_dims(v || v) FROM (SELECT array_fill(1, ARRAY[8001])::halfvec v) s;
-- comparison: by elements, then by length
SELECT '[1,2]'::halfvec < '[1,3]', '[1,2]'::halfvec <= '[1,2]', '[1,2]'::halfvec = '[1,2]', '[1,2]'::halfvec <> '[1,2]';
SELECT '[1,2]'::halfvec >= '[1,2]', '[1,2]'::halfvec >= '[1,3]', halfvec_ge('[2]', '[1,9]');
SELECT '[1,2]'::halfvec < '[1,2,3]', '[2]'::halfvec > '[1,9]', halfvec_cmp('[1]', '[1]'), halfvec_cmp('[1,2]', '[1]');
SELECT v FROM unnest(ARRAY['[2]', '[1,1]', '[1]', '[-0]', '[0]', '[-1]']::halfvec[]) v ORDER BY v;
-- aggregates
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]', NULL]::halfvec[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[]::halfvec[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[-0,0,-0]', '[-0,-0,0]']::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[1]', '[1,2]']::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[65504]', '[65504]']::halfvec[]) v;
SELECT sum(v) FROM unnest(ARRAY['[65504]', '[65504]']::halfvec[]) v;
SELECT halfvec_avg('{1}');
SELECT halfvec_avg('{2,4,1e6}');
SELECT halfvec_accum('{0}', '[1,2]'), halfvec_accum('{1,2}', '[3]'), halfvec_combine('{0}', '{2,3}');
SELECT halfvec_accum('{1,2}', '[1,2]');
SELECT halfvec_accum('{{1}}', '[1]');
SELECT halfvec_combine('{1,-0}', '{0}'), halfvec_combine('{1,2}', '{2,3}');
SELECT halfvec_combine('{2}', '{1,5}');
SELECT halfvec_combine('{-2,1}', '{1,5}');
SELECT halfvec_combine('{1,1}', '{1,NULL}');
SELECT halfvec_combine('{0}', array_fill(1, ARRAY[16002])::float8[]);
SELECT halfvec_avg(array_fill(1, ARRAY[16002])::float8[]);
SELECT halfvec_accum(array_fill(1, ARRAY[16002])::float8[], '[1]');
-- a btree index and its planner support
CREATE TABLE type_btree (v halfvec(2));
INSERT INTO type_btree SELECT ARRAY[i % 3, i]::halfvec FROM generate_series(1, 9) i;
CREATE INDEX ON type_btree (v);
SET enable_seqscan = off;
SELECT v FROM type_btree WHERE v > '[1,5]' ORDER BY v;
SELECT count(DISTINCT v) FROM type_btree;
RESET enable_seqscan;
DROP TABLE type_btree;
