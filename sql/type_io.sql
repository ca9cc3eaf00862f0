-- text input and output, type modifier
SELECT '[1,2,3]'::vector, ' [ 1 , -2.5 , 3e2 ] '::vector, '[1.23456789]'::vector, '[-0]'::vector, '[1e-45]'::vector;
SELECT '[1,2,3]'::vector(3);
SELECT '[1,2,3]'::vector(2);
SELECT '[1,2,3]'::vector(0);
SELECT '[1,2,3]'::vector(16001);
SELECT '[1,2,3]'::vector(3,2);
SELECT ''::vector;
SELECT '['::vector;
SELECT '[]'::vector;
SELECT '[1,]'::vector;
SELECT '[1a]'::vector;
SELECT '[1,2'::vector;
SELECT '[1]a'::vector;
SELECT '1,2,3'::vector;
SELECT '{1,2}'::vector;
SELECT '[nan]'::vector;
SELECT '[inf]'::vector;
SELECT '[-Infinity]'::vector;
SELECT '[4e38]'::vector;
SELECT '[1,,2]'::vector;
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;
-- binary: what is sent is received
SELECT encode(vector_send('[1,-2,0.5]'), 'hex');
-- storage and catalog
SELECT typname, typlen, typstorage, typalign FROM pg_type WHERE typname = 'vector';
SELECT pg_column_size('[1,2,3]'::vector);
-- casts
SELECT ARRAY[1,2,3]::vector, ARRAY[1.5,2]::real[]::vector, ARRAY[1.5,2]::float8[]::vector, ARRAY[1.5,2]::numeric[]::vector;
SELECT '[1,2.5]'::vector::real[];
SELECT '{1,NULL}'::real[]::vector;
SELECT '{}'::real[]::vector;
SELECT '{{1},{2}}'::real[]::vector;
SELECT '{NaN}'::real[]::vector;
-- wrong twice: range first
SELECT '{NaN,1e39}'::numeric[]::vector;
SELECT '{Infinity,NaN}'::real[]::vector;
SELECT '{Infinity}'::float8[]::vector;
SELECT '{1e300}'::float8[]::vector;
SELECT '{1e300}'::numeric[]::vector;
SELECT ARRAY[1,2,3]::vector(2);
CREATE TABLE type_io (v vector(3));
INSERT INTO type_io VALUES ('[1,2,3]'), (NULL), (ARRAY[4,5,6]);
INSERT INTO type_io VALUES ('[1,2]');
SELECT * FROM type_io;
COPY type_io TO STDOUT;
DROP TABLE type_io;
