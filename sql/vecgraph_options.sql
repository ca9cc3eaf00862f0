-- options that change under an index: it goes on as it was built, fits what it can, and says what only a rebuild can follow
SET enable_seqscan = off;
SET client_min_messages = error;
\i sql/include/wave.sql
CREATE TABLE rows AS SELECT i AS id, wave(i, 24)::vector(24) AS v FROM generate_series(1, 1200) i;
SELECT vecidx_train_codebook('six', 'rows', 'v', 6) < 1 AND vecidx_train_codebook('seven', 'rows', 'v', 7) < 1 AS trained;

-- What a statement comes to: ok or its error.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN RETURN sqlerrm;
END $$;

-- one table for each pair of how an index is made and how its options change
CREATE TABLE pair AS SELECT row_number() OVER (ORDER BY m.n, c.n)::int AS n, m.options AS made, c.change
	FROM unnest('{"codes = pq","pq_subvectors = 6","pq_subvectors = 6, storage = heap","pq_subvectors = 6, storage = half","codebook = six","codebook = six, storage = heap","codes = none"}'::text[])
		WITH ORDINALITY m(options, n),
	unnest('{SET (codebook = six),SET (codebook = seven),SET (codebook = absent),RESET (codebook),SET (pq_subvectors = 6),SET (pq_subvectors = 7),RESET (pq_subvectors),SET (storage = heap),SET (storage = full),SET (max_degree = 12),SET (codes = none)}'::text[])
		WITH ORDINALITY c(change, n);
SELECT count(*) FROM pair;
CREATE PROCEDURE make(first int, last int) LANGUAGE plpgsql AS $$
DECLARE
	p pair;
BEGIN
	FOR p IN SELECT * FROM pair ORDER BY n LOOP
		EXECUTE format('CREATE TABLE t%s (id int, v vector(24)) WITH (autovacuum_enabled = off)', p.n);
		EXECUTE format('INSERT INTO t%s SELECT id, v FROM rows WHERE id BETWEEN %s AND %s', p.n, first, last);
		EXECUTE format('CREATE INDEX i%s ON t%s USING vecgraph (v) WITH (%s)', p.n, p.n, p.made);
	END LOOP;
END $$;
CALL make(1, 120);
SELECT made, change, try(format('ALTER INDEX i%s %s', n, change)) FROM pair WHERE try(format('ALTER INDEX i%s %s', n, change)) <> 'ok' ORDER BY n;
SELECT made, change, try(format('SELECT vecgraph_train(''i%s'')', n)) FROM pair ORDER BY n;
SELECT count(try(format('INSERT INTO t%s SELECT id, v FROM rows WHERE id BETWEEN 121 AND 180', n)) = 'ok' OR NULL) AS inserted FROM pair;
SELECT format('VACUUM %s', string_agg(format('t%s', n), ', ')) FROM pair \gexec
SELECT count(try(format('SELECT vecgraph_check(''i%s'', true)', n)) = 'ok' OR NULL) AS sound FROM pair;
SELECT count(try(format('DO $x$ BEGIN IF (SELECT count(*) <> 180 FROM (SELECT id FROM t%s ORDER BY v <-> wave(7, 24)) s) THEN RAISE ''rows are missing''; END IF; END $x$', n)) = 'ok' OR NULL) AS complete FROM pair;
SELECT made, change, try(format('REINDEX INDEX i%s', n)) FROM pair WHERE try(format('REINDEX INDEX i%s', n)) <> 'ok' ORDER BY n;
SELECT made, change, i.storage, i.codes, i.code_bytes, i.max_degree, i.fitted_nodes FROM pair, LATERAL (SELECT * FROM vecgraph_info(format('i%s', n)::regclass)) i ORDER BY n;
SELECT count(try(format('SELECT vecgraph_check(''i%s'', true)', n)) = 'ok' OR NULL) AS sound FROM pair;

-- what is said of them
SET client_min_messages = notice;
CREATE INDEX rows_v ON rows USING vecgraph (v) WITH (pq_subvectors = 6);
SELECT vecgraph_train('rows_v');
ALTER INDEX rows_v SET (storage = half, max_degree = 12, build_list_size = 50, alpha = 1.5, pq_subvectors = 8);
SELECT vecgraph_train('rows_v');
REINDEX INDEX rows_v;
SELECT vecgraph_train('rows_v');
ALTER INDEX rows_v RESET (storage, max_degree, build_list_size, alpha, pq_subvectors);
SELECT vecgraph_train('rows_v');
REINDEX INDEX rows_v;
SELECT vecgraph_train('rows_v');
ALTER INDEX rows_v SET (codebook = 'six');
SELECT vecgraph_train('rows_v');
SET client_min_messages = error;
SELECT format('DROP TABLE %s', string_agg(format('t%s', n), ', ')) FROM pair \gexec
DROP TABLE rows, pair;
DROP FUNCTION try, wave;
DROP PROCEDURE make;
SELECT vecidx_drop_codebook('six'), vecidx_drop_codebook('seven');
