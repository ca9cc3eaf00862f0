# Extension vecidx_pgvector: vecgraph indexes on pgvector's own columns. Skipped where extension vector is not available.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(compare upgrade);

my $node = PostgreSQL::Test::Cluster->new('columns');
plan skip_all => 'extension vector (pgvector) is not available to this server'
  unless -e $node->config_data('--sharedir') . '/extension/vector.control';
$node->init;
$node->append_conf('postgresql.conf', "maintenance_work_mem = 128MB\njit = off\nautovacuum = off\n");
$node->start;

# Runs SQL in a database; returns what it prints.
sub sql { return $node->safe_psql(@_); }

# What a statement that must fail says, in that database.
sub error_of
{
	my ($database, $sql) = @_;
	my (undef, undef, $error) = $node->psql($database, $sql);
	return $error;
}

# A new database with the extensions that the SQL creates.
my $databases = 0;
sub new_database
{
	my ($sql) = @_;
	my $name = 'base' . ++$databases;
	sql('postgres', "CREATE DATABASE $name");
	sql($name, $sql);
	return $name;
}

# The operator classes for vectors that vecgraph has.
my $classes = "SELECT string_agg(opcname, ' ' ORDER BY opcname) FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod AND amname = 'vecgraph'
	WHERE opcname !~ '_filter_ops\$'";
# Those that it should have: of the types and operators that this version of pgvector has.
my %operator_of = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>', hamming => '<~>', jaccard => '<%>');
my @floats = ('cosine', 'ip', 'l1', 'l2');
# types with their metrics, and a value of 24 dimensions made of the vector x
my %types = (
	bit => [ [ 'hamming', 'jaccard' ], 'binary_quantize(x - array_fill(0.5, ARRAY[24])::vector)::bit(24)' ],
	vector => [ \@floats, 'x' ],
	halfvec => [ \@floats, 'x::halfvec(24)' ],
	sparsevec => [ \@floats, 'x::sparsevec(24)' ]);
sub expected_classes
{
	my ($database) = @_;
	my @expected;
	for my $type (sort keys %types)
	{
		push @expected, map { "${type}_${_}_ops" }
		  grep { sql($database, "SELECT count(*) FROM pg_operator JOIN pg_type t ON t.oid = oprleft
			WHERE oprname = '$operator_of{$_}' AND oprright = oprleft AND typname = '$type'") } @{ $types{$type}[0] };
	}
	return @expected;
}

my $db = new_database('CREATE EXTENSION vector');
my $version = sql($db, "SELECT extversion FROM pg_extension WHERE extname = 'vector'");
note "pgvector $version";
my @expected = expected_classes($db);

# one statement, and nothing of pgvector's names
my $named = "SELECT string_agg(n, ' ' ORDER BY n) FROM (SELECT format('%s %s', 'type', typname) FROM pg_type UNION ALL
	SELECT format('function %s', proname) FROM pg_proc UNION ALL SELECT format('operator %s', oprname) FROM pg_operator) s (n)
	WHERE n !~ '^(function (vecgraph|vecidx)_|operator <-[|]\$|type _?vecidx_codebook\$|type _?vecgraph_indexes\$)'";
my $names = sql($db, $named);
sql($db, 'CREATE EXTENSION vecidx_pgvector');
is(sql($db, $classes), "@expected", 'operator classes');
is(sql($db, $named), $names, 'no type, function or operator of a name that pgvector may have');
is(sql($db, "SELECT count(*) FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod AND amname = 'vecgraph' WHERE NOT amvalidate(pg_opclass.oid)"), 0,
	'amvalidate');
is(sql($db, 'SELECT vecidx_pgvector_refresh()'), '{}', 'nothing to refresh');

# beside an HNSW index; the planner uses what is left
sql($db, "
	SELECT setseed(0.5);
	CREATE TABLE items (id serial PRIMARY KEY, v vector(24), tenant int, tags text[]);
	INSERT INTO items (v, tenant, tags) SELECT array(SELECT random() FROM generate_series(1, 24) WHERE i = i)::vector, i % 20, ARRAY['t' || i % 3]
		FROM generate_series(1, 3000) i;
	INSERT INTO items (v) VALUES (NULL);
	CREATE INDEX items_hnsw ON items USING hnsw (v vector_cosine_ops);
	ANALYZE items");
my $search = "SELECT id FROM items ORDER BY v <=> (SELECT v FROM items WHERE id = 7) LIMIT 3";
my $exact = sql($db, "SET enable_indexscan = off; $search");
sub plan_of { return sql($_[0], "SET enable_seqscan = off; EXPLAIN (COSTS OFF) $_[1]"); }
like(plan_of($db, $search), qr/using items_hnsw/, 'the index that was there');
sql($db, 'CREATE INDEX CONCURRENTLY items_v ON items USING vecgraph (v vector_cosine_ops, tenant, tags)');
like(plan_of($db, $search), qr/using items_(v|hnsw)/, 'one of two indexes');
my $filtered = $search =~ s/ORDER/WHERE tenant = 7 AND tags \@> '{t1}' ORDER/r;
like(plan_of($db, $filtered), qr/using items_v.*Index Cond: \(+tenant = 7\) AND \(tags \@> /s, 'conditions are those of the index');
my $ones = "'[" . join(',', (1) x 24) . "]'";
my $radius = "SELECT id FROM items WHERE v <=> $ones < 0.07 ORDER BY v <=> $ones";
like(plan_of($db, $radius), qr/using items_v.*Index Cond: \(v <-\| /s, 'a radius');
my $within = sql($db, "SET enable_indexscan = off; $radius");
like($within, qr/\d\n\d/, 'some rows lie within it');
is(sql($db, "SET enable_seqscan = off; $radius"), $within, 'rows within it');
sql($db, 'DROP INDEX items_hnsw');
like(plan_of($db, $search), qr/using items_v/, 'the index that is left');
is(sql($db, "SET enable_seqscan = off; $search"), $exact, 'its answer');
is(sql($db, "SET enable_seqscan = off; $filtered"), sql($db, "SET enable_indexscan = off; $filtered"), 'its answer with conditions');

# every operator class; values that are compressed and out of line, as they were before pgvector 0.6
sql($db, 'CREATE TABLE source AS SELECT id, v AS x FROM items');
for my $class (@expected)
{
	my ($type, $metric) = $class =~ /^([a-z]+)_(.*)_ops$/;
	sql($db, "
		DROP TABLE IF EXISTS t;
		CREATE TABLE t (id serial, v $type(24));
		INSERT INTO t (v) SELECT $types{$type}[1] FROM source;
		CREATE INDEX t_v ON t USING vecgraph (v $class);
		INSERT INTO t (v) SELECT $types{$type}[1] FROM source WHERE id % 10 = 0;
		DELETE FROM t WHERE id % 7 = 0;
		VACUUM t");
	my ($share, $inverted, $missing) = compare($node, 't', $operator_of{$metric}, 'SELECT v FROM t WHERE id % 100 = 1 AND v IS NOT NULL', database => $db);
	ok($share >= 0.98 && $inverted == 0 && $missing == 0, "$class: $share of the nearest rows");
	is(sql($db, "SELECT metric, dimensions, vecgraph_check('t_v') FROM vecgraph_info('t_v')"), "$metric|24|", "$class: vecgraph_info, vecgraph_check");
	is(sql($db, "SELECT queries, recall BETWEEN 0.97 AND 1 FROM vecgraph_recall('t_v', 10, 50)"), '50|t', "$class: vecgraph_recall");
}
sql($db, "
	CREATE TABLE wide (id serial, v vector(1500));
	ALTER TABLE wide ALTER v SET STORAGE extended;
	INSERT INTO wide (v) SELECT array(SELECT (i + j) % 2 + i FROM generate_series(1, 1500) j)::vector FROM generate_series(1, 50) i;
	CREATE INDEX wide_v ON wide USING vecgraph (v)");
cmp_ok(sql($db, 'SELECT max(pg_column_size(v)) FROM wide'), '<', 6000, 'compressed values');
is(sql($db, "SET enable_seqscan = off; SELECT id FROM wide ORDER BY v <-> (SELECT v FROM wide WHERE id = 9) LIMIT 3"), "9\n8\n10",
	'compressed values are found');

# functions about columns take pgvector's types, and cast others to them
sql($db, 'CREATE TABLE arrays AS SELECT id, v::real[] AS a FROM items WHERE v IS NOT NULL');
is(sql($db, "SELECT vecidx_train_codebook('book', 'items', 'v', 6, 'cosine') = vecidx_train_codebook('array', 'arrays', 'a', 6, 'cosine')"),
	't', 'codebooks of a column, and of arrays');
sql($db, "CREATE TABLE pairs_of_arrays AS SELECT i AS id, ARRAY[i - 1, i, i + 1]::real[] AS a FROM generate_series(1, 9) i");
sql($db, "CREATE INDEX items_book ON items USING vecgraph (v vector_cosine_ops) WITH (codebook = 'book')");
is(sql($db, "SELECT codes, code_bytes, vecgraph_train('items_book'), vecgraph_prewarm('items_book') FROM vecgraph_info('items_book')"),
	'pq|7|3000|3000', 'an index with a codebook');
is(sql($db, "SELECT row_count, dimensions FROM vecgraph_build_estimate('items', 'v', '{}', 'l1')"), '3001|24', 'an estimate');

is(sql($db, "SELECT id, embedding, pg_typeof(embedding)::oid = 'vector'::regtype FROM vecidx_unpack('\\x0000803f00000040', 2)"), '1|[1,2]|t', 'packed rows');

is(sql($db, "SET enable_indexscan = off; SELECT n.ctid = i.ctid FROM vecidx_knn(ARRAY[(SELECT v FROM items WHERE id = 7)], 'items', 'v', 1, 'cosine') n,
	(SELECT ctid FROM items ORDER BY v <=> (SELECT v FROM items WHERE id = 7) LIMIT 1) i"), 't', 'an exact batch');
is(sql($db, "SELECT key FROM vecidx_knn('{\"[1,2,3]\"}'::vector[], 'pairs_of_arrays', 'a', 1, 'id', NULL::int)"), '2', 'an exact batch over arrays');

# in schemas of their own, which change their names
my $apart = new_database('CREATE SCHEMA "Theirs"; CREATE SCHEMA "Ours"; CREATE EXTENSION vector SCHEMA "Theirs";
	CREATE EXTENSION vecidx_pgvector SCHEMA "Ours"');
is(sql($apart, $classes), "@expected", 'other schemas: operator classes');
is(sql($apart, 'SELECT embedding FROM "Ours".vecidx_unpack_halfvec(\'\x003c0040\', 2)'), '[1,2]', 'other schemas: packed halves')
  if sql($apart, 'SELECT to_regtype(\'"Theirs".halfvec\') IS NOT NULL') eq 't';
my $path = 'SET search_path = public, "Theirs", "Ours"; SET enable_seqscan = off;';
sql($apart, qq{$path
	CREATE TABLE items (id serial, v vector(3), a real[]);
	INSERT INTO items (v, a) SELECT ARRAY[i, i, i], ARRAY[i, i, i] FROM generate_series(1, 1200) i;
	CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops, id)});
my $near = "SELECT id FROM items WHERE v <-> '[5,5,5]' < 3 AND id > 4 ORDER BY v <-> '[5,5,5]' LIMIT 2";
is(sql($apart, "$path $near"), "5\n6", 'other schemas: a search');
sql($apart, 'ALTER EXTENSION vector SET SCHEMA public');
is(sql($apart, "$path $near; INSERT INTO items (v) VALUES ('[1,2,3]'); REINDEX TABLE items"), "5\n6", 'pgvector moves');
sql($apart, 'CREATE SCHEMA other; ALTER EXTENSION vecidx_pgvector SET SCHEMA other; DROP SCHEMA "Ours", "Theirs"');
is(sql($apart, "$path $near; REINDEX TABLE items"), "5\n6", 'vecidx_pgvector moves');
is(sql($apart, "SELECT other.vecgraph_check('items_v'), other.vecidx_train_codebook('b', 'items', 'a', 1) < 0.1, other.vecidx_pgvector_refresh()"),
	'|t|{}', 'its functions after that');

# a version of pgvector that has less, and its update
my $old = new_database('CREATE EXTENSION vector');
my @later = grep { !/^vector_(?:l2|ip|cosine)_ops$/ } @expected;
# the operator behind an operator class
sub operator_behind
{
	my ($type, $metric) = $_[0] =~ /^([a-z]+)_(.*)_ops$/;
	return "OPERATOR $operator_of{$metric} ($type, $type)";
}
sql($old, 'ALTER EXTENSION vector DROP ' . operator_behind($_)) for @expected;
like(error_of($old, 'CREATE EXTENSION vecidx_pgvector'), qr/extension "vector" has no type .*HINT/s, 'a version without anything');
my %later = map { $_ => 1 } @later;
sql($old, 'ALTER EXTENSION vector ADD ' . operator_behind($_)) for grep { !$later{$_} } @expected;
sql($old, 'CREATE EXTENSION vecidx_pgvector');
is(sql($old, $classes), 'vector_cosine_ops vector_ip_ops vector_l2_ops', 'an older version: operator classes');
sql($old, 'ALTER EXTENSION vector ADD ' . operator_behind($_)) for @later;
is(sql($old, "SELECT cardinality(vecidx_pgvector_refresh())"), scalar @later, 'updated');
is(sql($old, $classes), "@expected", 'updated: operator classes');
my $members = "SELECT count(*) FROM pg_depend JOIN pg_extension e ON e.oid = refobjid AND extname = 'vecidx_pgvector'
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'";
is(sql($old, $members), sql($db, $members), 'updated: all belongs to the extension');
sql($old, 'CREATE ROLE mortal');
if (@later)
{
	like(error_of($old, 'ALTER EXTENSION vector DROP OPERATOR <-> (vector, vector); DROP OPERATOR <-> (vector, vector)'),
		qr/cannot drop operator .* because other objects depend on it/, 'an operator in use is not dropped');
}

# one beside the other: refused, and said how
like(error_of($db, 'CREATE SCHEMA own; CREATE EXTENSION vecidx SCHEMA own'),
	qr/extension "vecidx" cannot be installed beside extension "vecidx_pgvector".*HINT/s, 'vecidx beside vecidx_pgvector');
my $own = new_database('CREATE SCHEMA own; CREATE EXTENSION vector');
like(error_of($own, 'CREATE EXTENSION vecidx'),
	qr/extension "vecidx" cannot be installed in the schema of extension "vector".*HINT:.* CREATE EXTENSION vecidx_pgvector/s,
	"vecidx in pgvector's schema");
sql($own, 'CREATE EXTENSION vecidx SCHEMA own');
like(error_of($own, 'CREATE EXTENSION vecidx_pgvector'),
	qr/extension "vecidx_pgvector" cannot be installed beside extension "vecidx".*HINT/s, 'vecidx_pgvector beside vecidx');
sql($own, 'DROP EXTENSION vecidx');
sql($own, 'CREATE EXTENSION vecidx_pgvector');
like(error_of(new_database(''), 'CREATE EXTENSION vecidx_pgvector'), qr/required extension "vector" is not installed/, 'without pgvector');

like(error_of($own, 'CREATE SCHEMA taken; CREATE DOMAIN taken.vector AS int; DROP EXTENSION vecidx_pgvector; CREATE EXTENSION vecidx_pgvector SCHEMA taken'),
	qr/type "vector" of schema "taken" is not that of extension "vector".*HINT/s, 'a schema with another type of the name');
sql($own, 'CREATE EXTENSION vecidx_pgvector');

# what others have made in the schema is not called with the rights of who installs the extension, and does not become part of it
sql($own, q{DROP EXTENSION vecidx_pgvector; CREATE ROLE mallory; CREATE SCHEMA shared; GRANT CREATE, USAGE ON SCHEMA shared TO mallory; SET ROLE mallory;
	CREATE FUNCTION shared.trap(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
	CREATE FUNCTION shared.quote_ident(name) RETURNS text LANGUAGE sql AS 'SELECT shared.trap($1)::text';
	CREATE FUNCTION shared.cardinality(text[]) RETURNS int LANGUAGE sql AS 'SELECT shared.trap($1)::int';
	CREATE FUNCTION shared.to_regtype(varchar) RETURNS regtype LANGUAGE sql AS 'SELECT shared.trap($1)::int::regtype';
	DO $do$
	DECLARE
		pair text;
	BEGIN
		FOREACH pair IN ARRAY '{"oid, regclass","oid, regtype","oid, regproc","oid, regnamespace","text[], text[]","name, text","name, varchar"}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION shared.trap(%s) RETURNS boolean LANGUAGE sql AS ''SELECT shared.trap($1)''', pair);
			EXECUTE format('CREATE OPERATOR shared.= (FUNCTION = shared.trap, LEFTARG = %s, RIGHTARG = %s)', split_part(pair, ', ', 1), split_part(pair, ', ', 2));
		END LOOP;
	END $do$});
is(error_of($own, 'CREATE EXTENSION vecidx_pgvector SCHEMA shared; DROP EXTENSION vecidx_pgvector; CREATE EXTENSION vecidx SCHEMA shared;
	DROP EXTENSION vecidx'), '', "others' functions and operators");
sql($own, 'SET ROLE mallory; CREATE FUNCTION shared.vecgraph_within(vector, float4) RETURNS boolean LANGUAGE sql AS $$SELECT shared.trap($1)$$;
	CREATE FUNCTION shared.within(vector, float8) RETURNS boolean LANGUAGE sql AS $$SELECT shared.trap($1)$$;
	CREATE OPERATOR shared.<-| (FUNCTION = shared.within, LEFTARG = vector, RIGHTARG = float8)');
like(error_of($own, 'CREATE EXTENSION vecidx_pgvector SCHEMA shared'), qr/operator <-[|] already exists/, "another's operator");
if (sql($own, q{SELECT to_regtype('halfvec') IS NOT NULL}) eq 't')
{
	sql($own, 'DROP OPERATOR shared.<-| (vector, float8); SET ROLE mallory;
		CREATE FUNCTION shared.vecidx_unpack_halfvec(bytea, int) RETURNS int LANGUAGE sql AS $$SELECT shared.trap($1)::int$$');
	like(error_of($own, 'CREATE EXTENSION vecidx_pgvector SCHEMA shared'), qr/function "vecidx_unpack_halfvec" already exists/, "another's function");
}
# extension vector may belong to somebody who adds types to it, whose values are not what functions take them for
sql($own, "CREATE SCHEMA added; CREATE TYPE added.vector AS ENUM ('1'); ALTER EXTENSION vector ADD TYPE added.vector");
like(error_of($own, 'CREATE EXTENSION vecidx_pgvector SCHEMA added'), qr/type "vector" of schema "added" is not that of extension "vector"/, 'an enum named vector');
sql($own, "CREATE FUNCTION added.distance(added.vector, added.vector) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8';
	CREATE OPERATOR added.<-> (FUNCTION = added.distance, LEFTARG = added.vector, RIGHTARG = added.vector);
	ALTER EXTENSION vector ADD OPERATOR added.<-> (added.vector, added.vector); CREATE EXTENSION vecidx_pgvector");
is(sql($own, $classes), "@expected", 'an enum named vector, with an operator');
sql($own, 'DROP EXTENSION vecidx_pgvector; ALTER EXTENSION vector DROP OPERATOR added.<-> (added.vector, added.vector);
	ALTER EXTENSION vector DROP TYPE added.vector; DROP SCHEMA added CASCADE');
sql($own, 'DROP SCHEMA shared CASCADE; DROP ROLE mallory; CREATE EXTENSION vecidx_pgvector');

# which goes first
like(error_of($own, 'DROP EXTENSION vector'),
	qr/cannot drop extension vector because other objects depend on it.*extension vecidx_pgvector depends on extension vector/s, 'vector first: refused');
sql($own, "CREATE TABLE t (v vector(3)); INSERT INTO t VALUES ('[1,2,3]'); CREATE INDEX t_v ON t USING vecgraph (v)");
like(error_of($own, 'DROP EXTENSION vecidx_pgvector'), qr/index t_v depends on operator class vector_l2_ops/, 'vecidx_pgvector in use: refused');
sql($own, 'DROP EXTENSION vecidx_pgvector CASCADE');
is(sql($own, 'SELECT * FROM t'), '[1,2,3]', 'without it the table is what it was');
sql($own, 'CREATE EXTENSION vecidx_pgvector; CREATE INDEX t_v ON t USING vecgraph (v); DROP EXTENSION vector CASCADE');
is(sql($own, "SELECT count(*) FROM pg_extension WHERE extname ~ 'vec'"), 0, 'vector first, with CASCADE: both go');
sql($own, 'CREATE EXTENSION vector; CREATE EXTENSION vecidx_pgvector');
sql($own, 'DROP EXTENSION vecidx_pgvector; DROP EXTENSION vector');

# a setting of pgvector's is there for pgvector's indexes, whether its library has been loaded or not
unlike(error_of($db, "SET client_min_messages = log; SET hnsw.ef_search = 50; SET enable_seqscan = off; $search"), qr/has no effect/,
	'hnsw.ef_search: nothing is said of it');

# dump and restore
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr($db) ], 'pg_dump');
sql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
my $state = "SET enable_seqscan = off; $filtered; $radius; $members; SELECT name, hash FROM vecidx_codebook ORDER BY name;
	SELECT vecgraph_check(c), metric, codes, code_bytes FROM unnest('{items_v,items_book,wide_v}'::regclass[]) c, vecgraph_info(c)";
my $before = sql($db, $state);
is(sql('restored', $state), $before, 'restored');
$node->command_ok([ 'pg_dump', '-f', "$dump.apart", '-d', $node->connstr($apart) ], 'pg_dump: other schemas');
sql('postgres', 'CREATE DATABASE restored_apart');
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.apart", '-d', $node->connstr('restored_apart') ], 'restored: other schemas');
is(sql('restored_apart', "$path $near; SELECT other.vecgraph_check('items_v')"), "5\n6\n", 'restored: other schemas');

# both libraries in one process, in each order; neither takes the other's functions for its own
my $both = "SET enable_seqscan = off; SELECT v <-> '[1,1,1]', v + v, l2_distance(v, v), vector_dims(v) FROM pair ORDER BY v <-> '[1,1,1]' LIMIT 1;
	SELECT v <=> '[1,0,0]' FROM pair ORDER BY v <=> '[1,0,0]' LIMIT 1; INSERT INTO pair VALUES ('[2,2,2]'); DELETE FROM pair WHERE v = '[2,2,2]'";
sql($db, "CREATE TABLE pair (v vector(3)); INSERT INTO pair SELECT ARRAY[i % 10, i % 7, i % 5] FROM generate_series(1, 600) i;
	CREATE INDEX pair_hnsw ON pair USING hnsw (v vector_l2_ops); CREATE INDEX pair_v ON pair USING vecgraph (v vector_cosine_ops)");
my $answer = "0|[2,2,2]|0|3\n0";
sub is_answer
{
	my ($first, $what) = @_;
	is(sql($db, "$first $both"), $answer, $what);
}
is_answer("LOAD 'vector'; LOAD 'vecidx';", "pgvector's library first");
is_answer("LOAD 'vecidx'; LOAD 'vector';", 'our library first');
# pgvector 0.6.0 cannot be preloaded
for my $order ($version eq '0.6.0' ? 'vecidx' : ('vector, vecidx', 'vecidx, vector'))
{
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$order'\n");
	$node->restart;
	is_answer('', "preloaded: $order");
	is(sql($db, $state), $before, "preloaded: $order: all indexes");
}

# pg_upgrade
my $upgraded = upgrade($node);
is($upgraded->safe_psql($db, $state), $before, 'upgraded');
is($upgraded->safe_psql($apart, "$path $near; SELECT other.vecidx_pgvector_refresh()"), "5\n6\n{}", 'upgraded: other schemas');
$upgraded->stop;
done_testing();
