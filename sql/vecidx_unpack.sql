-- The bytes of elements as a client has them, little-endian: the wire format says what the elements are, each the other way round.
CREATE FUNCTION packed(wire bytea, size int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(string_agg(substr(wire, 5 + i * size + size - byte, 1), '' ORDER BY i, byte), '')
	FROM generate_series(0, (length(wire) - 4) / size - 1) i, generate_series(1, size) byte $$;
CREATE FUNCTION packed(v vector) RETURNS bytea LANGUAGE sql IMMUTABLE RETURN packed(vector_send(v), 4);
CREATE FUNCTION packed(v halfvec) RETURNS bytea LANGUAGE sql IMMUTABLE RETURN packed(halfvec_send(v), 2);
CREATE FUNCTION packed(id bigint) RETURNS bytea LANGUAGE sql IMMUTABLE RETURN packed('\x00000000'::bytea || int8send(id), 8);
CREATE AGGREGATE together(bytea) (SFUNC = byteacat, STYPE = bytea, INITCOND = '');

-- what it is
SELECT packed('[1,-2.5]'::vector), packed('[1,-2.5]'::halfvec), packed(258::bigint);
SELECT * FROM vecidx_unpack('\x0000803f000020c00000000000007f7f', 2);
SELECT * FROM vecidx_unpack(ids => '\x0201000000000000ffffffffffffffff', vectors => '\x0000803f000020c00000000000007f7f', dimensions => 2);
SELECT * FROM vecidx_unpack_halfvec('\x003c00c10100ff7b', 2);
SELECT * FROM vecidx_unpack_halfvec('\x0201000000000000ffffffffffffffff', '\x003c00c10100ff7b', 2);
SELECT id, embedding, embedding = '[1,-2.5]' AS same FROM (SELECT (vecidx_unpack('\x0000803f000020c0', 2)).*) s;
SELECT pg_column_size(embedding) FROM vecidx_unpack('\x0000803f000020c0', 2);
SELECT proname, pronargs, proisstrict, provolatile, proparallel, proretset FROM pg_proc WHERE proname LIKE 'vecidx_unpack%' ORDER BY 1, 2;

-- nothing
SELECT * FROM vecidx_unpack('', 3);
SELECT * FROM vecidx_unpack('', '', 3);
SELECT * FROM vecidx_unpack(NULL, 3);
SELECT * FROM vecidx_unpack('\x', NULL, 3);
SELECT * FROM vecidx_unpack(NULL, '\x0000803f', 1);
SELECT * FROM vecidx_unpack('\x0000803f', NULL);
SELECT vecidx_unpack_halfvec('', 3), vecidx_unpack_halfvec(NULL, 3);

-- lengths
SELECT * FROM vecidx_unpack('\x0000803f00', 1);
SELECT * FROM vecidx_unpack('\x0000803f', 2);
SELECT * FROM vecidx_unpack_halfvec('\x0000803f', 3);
SELECT * FROM vecidx_unpack('\x00', '\x0000803f', 1);
SELECT * FROM vecidx_unpack('', '\x0000803f', 1);
SELECT * FROM vecidx_unpack('\x0000000000000000', '', 1);
SELECT * FROM vecidx_unpack('\x0000000000000000', '\x0000803f0000803f', 1);
-- dimensions
SELECT * FROM vecidx_unpack('\x0000803f', 0);
SELECT * FROM vecidx_unpack('\x0000803f', -1);
SELECT * FROM vecidx_unpack('', 16001);
SELECT * FROM vecidx_unpack_halfvec('', 2147483647);
SELECT count(*), min(vector_dims(embedding)), max(l2_norm(embedding)) FROM vecidx_unpack(decode(repeat('0000803f', 32000), 'hex'), 16000);
SELECT count(*), min(vector_dims(embedding)) FROM vecidx_unpack_halfvec(decode(repeat('003c', 32000), 'hex'), 16000);
-- elements: any NaN, infinities of either sign; in the list of what is selected, rows before it come
SELECT vecidx_unpack('\x0000803f000020c00000c07f', 1) LIMIT 2;
SELECT * FROM vecidx_unpack('\x0000803f000020c00000803f0000c07f', 2);
SELECT * FROM vecidx_unpack('\x0000803f000020c0010080ff0000803f', 2);
SELECT * FROM vecidx_unpack('\x0000803f0000807f', 2);
SELECT * FROM vecidx_unpack('\x000080ff0000c07f', 2);
SELECT * FROM vecidx_unpack('\x0000000000000000', '\x000080ff', 1);
SELECT * FROM vecidx_unpack_halfvec('\x003c003c003c007e', 2);
SELECT * FROM vecidx_unpack_halfvec('\x003c003c003c00fc', 4);
SELECT * FROM vecidx_unpack_halfvec('\x007c', 1);
-- smallest and largest numbers are taken, and zeros keep their sign
SELECT embedding, vector_send(embedding) FROM vecidx_unpack('\xffff7f7fffff7fff0100000000000080', 1);
SELECT embedding, halfvec_send(embedding) FROM vecidx_unpack_halfvec('\xff7bfffb01000080', 1);

-- the same as element by element: all ways that bytes are kept, one row's errors and all
CREATE TABLE one (id bigint, v vector(7));
INSERT INTO one SELECT i * 1000003, array_agg(sin(i * 7 + j) * 10 ^ (i % 40 - 20) ORDER BY j)::real[]::vector
	FROM generate_series(-20, 999) i, generate_series(1, 7) j GROUP BY i;
CREATE TABLE batch (how text, ids bytea, vectors bytea, halves bytea);
INSERT INTO batch SELECT 'toasted', together(packed(id) ORDER BY id), together(packed(v) ORDER BY id),
	together(packed((v * '[0,0,0,0,0,0,0]' + '[1,2,3,4,5,6,7]')::halfvec) ORDER BY id) FROM one;
ALTER TABLE batch ALTER ids SET STORAGE external, ALTER vectors SET STORAGE external;
INSERT INTO batch SELECT 'out of line', ids || '', vectors || '', halves || '' FROM batch;
INSERT INTO batch SELECT 'short', packed(5::bigint), packed('[1,2,3,4,5,6,7]'::vector), packed('[1,2,3,4,5,6,7]'::halfvec);
SELECT how, count(*), count(o.id) AS same,
	(SELECT count(*) FROM vecidx_unpack(vectors, 7) WITH ORDINALITY u(n, embedding, i) WHERE n = i) AS counted,
	(SELECT count(*) FROM vecidx_unpack_halfvec(ids, halves, 7) h WHERE h.embedding = '[1,2,3,4,5,6,7]') AS halves
	FROM batch, vecidx_unpack(ids, vectors, 7) u LEFT JOIN one o ON o.id = u.id AND vector_send(o.v) = vector_send(u.embedding)
	GROUP BY how, ids, vectors, halves ORDER BY 1;
-- given on one by one, in FROM, too, but for what the planner does not put in place of the function
EXPLAIN (COSTS OFF) SELECT * FROM vecidx_unpack('\x0000803f', 1);
-- the planner knows how many there are, if it knows the bytes, also as parameters; it leaves errors to the function
CREATE FUNCTION planned_rows(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line LIKE '%ProjectSet%' THEN
			RETURN NEXT substring(line FROM 'rows=(\d+)');
		END IF;
	END LOOP;
END $$;
SELECT planned_rows($$SELECT * FROM vecidx_unpack(decode(repeat('0000803f', 6000), 'hex'), 2)$$);
SELECT planned_rows($$SELECT * FROM vecidx_unpack(decode(repeat('01000000', 6000), 'hex'), decode(repeat('0000803f', 6000), 'hex'), 2)$$);
SELECT planned_rows($$SELECT * FROM vecidx_unpack_halfvec(decode(repeat('0000803f', 6000), 'hex'), 4)$$);
SELECT planned_rows($$SELECT * FROM vecidx_unpack('\x0000803f', -1)$$), planned_rows($$SELECT * FROM vecidx_unpack('\x00', 2)$$);
SELECT planned_rows($$SELECT u.* FROM (VALUES ('\x00'::bytea)) v (b), vecidx_unpack(b, 1) u WHERE random() < 2$$) IS NOT NULL AS unknown;
PREPARE planned(bytea) AS SELECT * FROM vecidx_unpack($1, 1);
SET plan_cache_mode = force_custom_plan;
SELECT planned_rows($$EXECUTE planned(decode(repeat('0000803f', 50), 'hex'))$$);
SET plan_cache_mode = force_generic_plan;
SELECT planned_rows($$EXECUTE planned(decode(repeat('0000803f', 50), 'hex'))$$);
RESET plan_cache_mode;
DEALLOCATE planned;
DROP FUNCTION planned_rows;
SELECT * FROM vecidx_unpack('\x0000803f000020c00000c07f', 1) LIMIT 2;
SELECT count(*), sum(id) FROM vecidx_unpack((SELECT ids FROM batch WHERE how = 'toasted'), (SELECT vectors FROM batch WHERE how = 'toasted'), 7);
SELECT how, count(*), sum((u).id), max(vector_dims((u).embedding)) FROM (SELECT how, vecidx_unpack(ids, vectors, 7) AS u FROM batch OFFSET 0) s
	GROUP BY how ORDER BY 1;
SELECT u FROM (SELECT vecidx_unpack(ids, vectors, 7) AS u FROM batch WHERE how = 'short') s;

-- into a table: as COPY and INSERT have it
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(7));
INSERT INTO items SELECT u.* FROM batch, vecidx_unpack(ids, vectors, 7) u WHERE how = 'toasted';
SELECT count(*) FROM (TABLE items EXCEPT TABLE one) s;
SELECT count(*) FROM (TABLE one EXCEPT TABLE items) s;
-- what a table wants, it says
INSERT INTO items SELECT u.* FROM vecidx_unpack('\x0000803f000020c0', 2) u;
INSERT INTO items SELECT u.* FROM vecidx_unpack('\x0000000000000000', decode(repeat('0000803f', 7), 'hex'), 7) u;
-- and changes of many rows at once
UPDATE items SET embedding = u.embedding FROM vecidx_unpack(packed(0::bigint) || packed(1000003::bigint), decode(repeat('0000803f', 14), 'hex'), 7) u
	WHERE items.id = u.id;
SELECT * FROM items WHERE embedding = '[1,1,1,1,1,1,1]' ORDER BY id;
PREPARE load(bytea, bytea, int) AS INSERT INTO items SELECT * FROM vecidx_unpack($1, $2, $3)
	ON CONFLICT (id) DO UPDATE SET embedding = excluded.embedding;
EXECUTE load(packed(0::bigint) || packed(7::bigint), decode(repeat('00000040', 14), 'hex'), 7);
SELECT * FROM items WHERE embedding = '[2,2,2,2,2,2,2]' ORDER BY id;

-- many: rows are made one after the other
SELECT count(*), max(id), count(DISTINCT embedding) FROM vecidx_unpack(decode(repeat(encode(packed('[1,2,3]'::vector), 'hex'), 200000), 'hex'), 3);

DROP TABLE one, batch, items;
DROP AGGREGATE together(bytea);
DROP FUNCTION packed(vector), packed(halfvec), packed(bigint), packed(bytea, int);
