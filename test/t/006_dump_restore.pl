# pg_dump and restore, another schema, a crash of an unlogged table, builds and reindexing under writes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node complete);

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
	CREATE INDEX trained_v ON trained USING vecgraph (v) WITH (codebook = 'book')");
$node->safe_psql('postgres', "
	CREATE TABLE halves AS SELECT id, v::halfvec(4) AS h FROM items;
	CREATE INDEX halves_h ON halves USING vecgraph (h halfvec_cosine_ops);
	CREATE INDEX items_h ON items USING vecgraph ((v::halfvec(4)) halfvec_l2_ops)");
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
is($node->safe_psql('other', "SELECT hash = md5(codebook) FROM vecidx_codebook"), 't', 'restored: the same codebook');
is($node->safe_psql('other', 'SELECT id, h FROM halves ORDER BY id'), $halves, 'restored: the same halves');
is($node->safe_psql('other', "SELECT vecgraph_check('halves_h'), vecgraph_check('items_h')"), '|', 'restored: indexes of halves');

# another schema: everything goes on working
$node->safe_psql('postgres', 'CREATE SCHEMA ext; ALTER EXTENSION vecidx SET SCHEMA ext');
is($node->safe_psql('postgres', 'SET search_path = public, ext; TABLE near'), $near, 'in another schema: same answer');
$node->safe_psql('postgres', "SET search_path = public, ext; INSERT INTO items (v) VALUES ('[9,9,9,9]'); REINDEX TABLE items");
is($node->safe_psql('postgres', "SELECT ext.vecgraph_check('items_v')"), '', 'in another schema: vecgraph_check');
$node->safe_psql('postgres', "SELECT ext.vecidx_train_codebook('second', 'trained', 'v', 2); REINDEX TABLE trained");
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
my $writers = IPC::Run::start([ 'pgbench', '-n', '-f', $script, '-T', 8, '-c', 3, '-d', $node->connstr('postgres') ],
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

$node->stop;
done_testing();
