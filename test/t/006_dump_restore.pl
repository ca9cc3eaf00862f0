# pg_dump and restore in any order, pg_upgrade, another schema, a crash of an unlogged table, builds and reindexing under writes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node complete upgrade);

my $node = new_node('dump', conf => "autovacuum = off\n");
my $random = 'array(SELECT random() FROM generate_series(1, 4) WHERE i = i)::vector';
$node->safe_psql('postgres', "
	CREATE TABLE items (id serial PRIMARY KEY, v vector(4));
	INSERT INTO items (v) SELECT $random FROM generate_series(1, 500) i;
	INSERT INTO items (v) VALUES (NULL);
	CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops) WITH (max_degree = 20, build_list_size = 40, alpha = 1.3);
	CREATE INDEX items_cosine ON items USING vecgraph (v vector_cosine_ops) WHERE id > 10;
	CREATE VIEW near AS SELECT id FROM items ORDER BY v <-> '[0,0,0,0]' LIMIT 5");
$node->safe_psql('postgres', "
	CREATE TABLE trained (id serial, v vector(8));
	INSERT INTO trained (v) SELECT array(SELECT random() FROM generate_series(1, 8) WHERE i = i)::vector FROM generate_series(1, 1200) i;
	SELECT vecidx_train_codebook('book', 'trained', 'v', 4);
	CREATE ROLE trainer;
	GRANT SELECT ON trained TO trainer;
	GRANT INSERT ON vecidx_codebook TO trainer;
	SET ROLE trainer;
	SELECT vecidx_train_codebook('own', 'trained', 'v', 5);
	RESET ROLE;
	CREATE TABLE theirs (v vector(8));
	ALTER TABLE theirs OWNER TO trainer;
	INSERT INTO theirs SELECT v FROM trained LIMIT 50;
	CREATE INDEX theirs_v ON theirs USING vecgraph (v) WITH (codebook = 'own');
	CREATE INDEX trained_v ON trained USING vecgraph (v) WITH (codebook = 'book')");
$node->safe_psql('postgres', "
	CREATE TABLE halves AS SELECT id, v::halfvec(4) AS h FROM items;
	CREATE INDEX halves_h ON halves USING vecgraph (h halfvec_cosine_ops);
	CREATE INDEX items_h ON items USING vecgraph ((v::halfvec(4)) halfvec_l2_ops)");
# filter columns of operator classes of the extension, of one of the user's, on an expression, and under a collation of its own
$node->safe_psql('postgres', q{
	CREATE TYPE mood AS ENUM ('sad', 'happy');
	CREATE OPERATOR CLASS timetz_filter_ops DEFAULT FOR TYPE timetz USING vecgraph AS
		OPERATOR 4 =, FUNCTION 1 vecgraph_filter_support(internal);
	CREATE TABLE filtered (id int, v vector(4), name text COLLATE "C", tags text[], mood mood, at timetz);
	INSERT INTO filtered SELECT id, v, 'name ' || id, ARRAY['t' || id % 5, 't' || id % 7], (ARRAY['sad', 'happy', NULL])[1 + id % 3]::mood,
		make_time(id % 24, 0, 0) AT TIME ZONE 'UTC' FROM items;
	CREATE INDEX filtered_v ON filtered USING vecgraph (v, name, tags, mood, at, (id % 10))});
my $matches = q{SELECT array_agg(id) FROM (SELECT id FROM filtered WHERE tags @> '{t1,t2}' AND mood = 'happy' AND id % 10 IN (1, 6, 8)
	AND name > 'name 1' AND at >= '00:00+00' ORDER BY v <-> '[0,0,0,0]' LIMIT 9) s};
my $by_index = "SET enable_seqscan = off; SET enable_sort = off; $matches";
my $matching = $node->safe_psql('postgres', $matches);
like($matching, qr/\d,\d/, 'some rows match');
is($node->safe_psql('postgres', $by_index), $matching, 'conditions: found by the index');
my $near = $node->safe_psql('postgres', 'TABLE near');
my $halves = $node->safe_psql('postgres', 'SELECT id, h FROM halves ORDER BY id');
my $def = $node->safe_psql('postgres', "SELECT pg_get_indexdef('items_v'::regclass)");
like($def, qr/USING vecgraph \(v\) WITH \(max_degree='20', build_list_size='40', alpha='1.3'\)/, 'definition');

$node->safe_psql('postgres', 'CREATE DATABASE other');
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'pg_dump');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('other'), $dump ], 'pg_restore');
is($node->safe_psql('other', 'TABLE near'), $near, 'restored: same answer');
is($node->safe_psql('other', "SELECT pg_get_indexdef('items_v'::regclass)"), $def, 'restored: same definition');
is($node->safe_psql('other', "SELECT vecgraph_check('items_v'), vecgraph_check('items_cosine')"), '|', 'restored: vecgraph_check');

is($node->safe_psql('other', "SELECT codes FROM vecgraph_info('trained_v')"), 'pq', 'restored: codebook and codes');
is($node->safe_psql('other', "SELECT hash = md5(codebook) FROM vecidx_codebook WHERE name = 'book'"), 't', 'restored: the same codebook');
is($node->safe_psql('other', 'SELECT id, h FROM halves ORDER BY id'), $halves, 'restored: the same halves');
is($node->safe_psql('other', "SELECT vecgraph_check('halves_h'), vecgraph_check('items_h')"), '|', 'restored: indexes of halves');
is($node->safe_psql('other', "SELECT vecgraph_check('filtered_v')"), '', 'restored: index with filter columns');
is($node->safe_psql('other', $by_index), $matching, 'restored: conditions');

# Codebooks and the indexes made with them, in whatever order a dump brings them.
my $databases = 0;
sub new_database
{
	my $name = 'restored' . ++$databases;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	return $name;
}

# What of the indexes was made with their codebooks, and whether all is well with them.
sub is_restored
{
	my ($node, $database, $expected, $what) = @_;
	is($node->safe_psql($database, "SELECT vecgraph_check('trained_v'), vecgraph_check('theirs_v')"), '|', "$what: sound");
	is($node->safe_psql($database, "SELECT c, code_bytes, fitted_nodes, nodes FROM unnest('{trained_v,theirs_v}'::regclass[]) c, vecgraph_info(c)"),
		$expected, "$what: codes");
	is($node->safe_psql($database, "SELECT name, owner, owner = current_user, hash = md5(codebook) FROM vecidx_codebook ORDER BY name")
			=~ s/^book\|\w+\|t\|/book|mine|/r, "book|mine|t\nown|trainer|f|t", "$what: codebooks");
	return;
}
my $whole = "trained_v|5|1200|1200\ntheirs_v|6|50|50";

my $plain = $node->basedir . '/plain.sql';
my $schema = $node->basedir . '/schema.sql';
my $data = $node->basedir . '/data.sql';
$node->command_ok([ 'pg_dump', '-f', $plain, '-d', $node->connstr('postgres') ], 'pg_dump, plain');
$node->command_ok([ 'pg_dump', '-s', '-f', $schema, '-d', $node->connstr('postgres') ], 'pg_dump -s');
$node->command_ok([ 'pg_dump', '-a', '-f', $data, '-d', $node->connstr('postgres') ], 'pg_dump -a');
my $database = new_database();
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $plain, '-d', $node->connstr($database) ], 'plain dump');
is_restored($node, $database, $whole, 'plain dump');

# the schema alone: indexes are made before there are codebooks, and get their codes with the rows
$database = new_database();
my @psql = ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database));
$node->command_checks_all([ @psql, '-f', $schema ], 0, [], [ qr/WARNING:  codebook "book" does not exist/ ], 'schema alone');
$node->command_checks_all([ @psql, '-f', $data ], 0, [], [qr/^$/], 'then the data');
$node->safe_psql($database, 'REINDEX TABLE theirs; REINDEX TABLE trained');
is_restored($node, $database, $whole, 'schema and data, built again');

$database = new_database();
$node->command_ok([ 'pg_restore', '-e', '-j', 2, '-d', $node->connstr($database), $dump ], 'pg_restore -j');
$node->safe_psql($database, 'REINDEX TABLE theirs; REINDEX TABLE trained');
is_restored($node, $database, $whole, 'restored in parallel, built again');

# that order of a parallel restore in which the codebooks come last
my ($list) = run_command([ 'pg_restore', '-l', $dump ]);
my @codebooks = grep { /TABLE DATA .* vecidx_codebook / } split /\n/, $list;
my @others = grep { !/TABLE DATA .* vecidx_codebook / } split /\n/, $list;
is(scalar(@codebooks), 1, 'the dump has the codebooks');
append_to_file($node->basedir . '/list', join("\n", @others, @codebooks));
$database = new_database();
$node->command_ok([ 'pg_restore', '-e', '-L', $node->basedir . '/list', '-d', $node->connstr($database), $dump ], 'codebooks last');
is_restored($node, $database, "trained_v|3|1200|1200\ntheirs_v|3|0|50", 'codebooks last: their own codes');
$node->safe_psql($database, 'REINDEX TABLE theirs; REINDEX TABLE trained');
is_restored($node, $database, $whole, 'codebooks last, built again');
$node->safe_psql('postgres', "DROP DATABASE restored$_") for 1 .. $databases;
$node->safe_psql('postgres', 'DROP DATABASE other');

# another schema: everything goes on working
$node->safe_psql('postgres', 'CREATE SCHEMA ext; ALTER EXTENSION vecidx SET SCHEMA ext');
is($node->safe_psql('postgres', 'SET search_path = public, ext; TABLE near'), $near, 'in another schema: same answer');
$node->safe_psql('postgres', "SET search_path = public, ext; INSERT INTO items (v) VALUES ('[9,9,9,9]'); REINDEX TABLE items");
is($node->safe_psql('postgres', "SELECT ext.vecgraph_check('items_v')"), '', 'in another schema: vecgraph_check');
$node->safe_psql('postgres', "SELECT ext.vecidx_train_codebook('second', 'trained', 'v', 2); REINDEX TABLE trained; SELECT ext.vecidx_drop_codebook('second')");
is($node->safe_psql('postgres', "SELECT codes, ext.vecgraph_check('trained_v') FROM ext.vecgraph_info('trained_v')"), 'pq|', 'in another schema: codebooks');
$node->safe_psql('postgres', 'ALTER EXTENSION vecidx SET SCHEMA public');

# an unlogged table is empty after a crash, and its index with it
$node->safe_psql('postgres', "
	CREATE UNLOGGED TABLE fleeting (id int, v vector(4));
	INSERT INTO fleeting SELECT i, $random FROM generate_series(1, 200) i;
	CREATE INDEX fleeting_v ON fleeting USING vecgraph (v);
	CREATE INDEX fleeting_codes ON fleeting USING vecgraph (v) WITH (codes = pq)");
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM fleeting ORDER BY v <-> '[0,0,0,0]') s"),
	0, 'unlogged: empty after a crash');
$node->safe_psql('postgres', "INSERT INTO fleeting SELECT i, $random FROM generate_series(1, 50) i");
complete($node, 'fleeting', 'fleeting_v', 'unlogged, filled again');
is($node->safe_psql('postgres', "SELECT vecgraph_check('fleeting_codes', true)"), '', 'unlogged, with codes');

# builds and rebuilds while rows come and go
my ($out, $err) = ('', '');
my $script = $node->basedir . '/write.sql';
append_to_file($script, "INSERT INTO items (v) SELECT $random FROM generate_series(1, 3) i;
	DELETE FROM items WHERE id = (SELECT min(id) FROM items WHERE v IS NOT NULL);\n");
my $writers = IPC::Run::start([ 'pgbench', '-n', '-f', $script, '-T', 6, '-c', 3, '-d', $node->connstr('postgres') ],
	'>', \$out, '2>', \$err);
for my $round (1 .. 2)
{
	$node->safe_psql('postgres', "CREATE INDEX CONCURRENTLY items_new ON items USING vecgraph (v)");
	$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY items_v');
	$node->safe_psql('postgres', 'VACUUM items');
	$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY items_v');
	$node->safe_psql('postgres', 'ALTER INDEX items_new RENAME TO items_v');
}
$writers->finish;
unlike($err, qr/ERROR/, 'writers met no error');
complete($node, 'items', 'items_v', 'built concurrently');

# pg_upgrade makes empty indexes and gives them the old files
my $upgraded = upgrade($node);
is_restored($upgraded, 'postgres', $whole, 'upgraded');
is($upgraded->safe_psql('postgres', "SELECT vecgraph_check('filtered_v')"), '', 'upgraded: index with filter columns');
is($upgraded->safe_psql('postgres', $by_index), $matching, 'upgraded: conditions');
$upgraded->safe_psql('postgres', "INSERT INTO trained (v) VALUES ('[1,1,1,1,1,1,1,1]'); VACUUM FULL trained");
is_restored($upgraded, 'postgres', "trained_v|5|1201|1201\ntheirs_v|6|50|50", 'upgraded, and changed');
$upgraded->stop;
done_testing();
