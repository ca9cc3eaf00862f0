-- What a session keeps of the indexes that it has searched goes when they do, and has a bound.
SET enable_seqscan = off;
SET enable_sort = off;
SET client_min_messages = warning;
CREATE FUNCTION kept(OUT contexts bigint, OUT bytes numeric) LANGUAGE sql AS $$
	SELECT count(*), coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts WHERE name = 'vecgraph codes' $$;
CREATE FUNCTION memory_vector(seed int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(sin(seed * 0.1 * d)::real)::vector FROM generate_series(1, dim) d $$;

-- temporary tables, as pooled sessions have them
DO $$
BEGIN
	FOR i IN 1 .. 20 LOOP
		CREATE TEMP TABLE memory_temp (v vector(32));
		CREATE INDEX ON memory_temp USING vecgraph (v);
		INSERT INTO memory_temp SELECT memory_vector(j, 32) FROM generate_series(1, 5) j;
		PERFORM * FROM memory_temp ORDER BY v <-> memory_vector(3, 32) LIMIT 1;
		DROP TABLE memory_temp;
	END LOOP;
END $$;
SELECT contexts FROM kept();

-- an index that is rebuilt, emptied, dropped
CREATE TABLE memory_items (id int, v vector(32));
INSERT INTO memory_items SELECT i, memory_vector(i, 32) FROM generate_series(1, 300) i;
CREATE INDEX memory_items_v ON memory_items USING vecgraph (v);
PREPARE nearest AS SELECT id FROM memory_items ORDER BY v <-> memory_vector(7, 32) LIMIT 1;
EXECUTE nearest;
SELECT contexts FROM kept();
REINDEX INDEX memory_items_v;
SELECT contexts FROM kept();
EXECUTE nearest;
SELECT contexts FROM kept();
BEGIN;
TRUNCATE memory_items;
EXECUTE nearest;
INSERT INTO memory_items VALUES (1000, memory_vector(1000, 32));
EXECUTE nearest;
ROLLBACK;
SELECT contexts FROM kept();
EXECUTE nearest;
SELECT contexts FROM kept();

-- forgotten while a cursor and an insert use it: they go on with what they have
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM memory_items ORDER BY v <-> memory_vector(7, 32);
MOVE 20 FROM c;
ANALYZE memory_items;
EXECUTE nearest;
MOVE ALL FROM c;
CREATE FUNCTION memory_analyze(id int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF id = 310 THEN
		ANALYZE memory_items;
	END IF;
	RETURN id;
END $$;
INSERT INTO memory_items SELECT memory_analyze(i), memory_vector(i, 32) FROM generate_series(301, 320) i;
COMMIT;
SELECT count(*) FROM (SELECT id FROM memory_items ORDER BY v <-> memory_vector(7, 32)) s;
SELECT contexts FROM kept();
DROP TABLE memory_items;
SELECT contexts FROM kept();

-- more indexes than there is room for: each takes about half a megabyte
CREATE TEMP TABLE wide AS SELECT memory_vector(1, 16000) AS v;
DO $$
BEGIN
	FOR i IN 1 .. 170 LOOP
		EXECUTE format('CREATE UNLOGGED TABLE memory_%s AS SELECT v::vector(16000) FROM wide', i);
		EXECUTE format('CREATE INDEX ON memory_%s USING vecgraph (v)', i);
	END LOOP;
END $$;
DO $$
DECLARE
	id int;
BEGIN
	FOR i IN 1 .. 170 LOOP
		EXECUTE format('SELECT 1 FROM memory_%s ORDER BY v <-> (SELECT v FROM wide) LIMIT 1', i) INTO id;
	END LOOP;
END $$;
SELECT contexts > 50 AS several, contexts < 170 AS not_all, bytes BETWEEN 32 * 1024 * 1024 AND 64 * 1024 * 1024 AS bounded FROM kept();
DO $$ BEGIN FOR i IN 1 .. 170 LOOP EXECUTE format('DROP TABLE memory_%s', i); END LOOP; END $$;
SELECT contexts FROM kept();
DROP FUNCTION kept, memory_vector, memory_analyze;
