# The cache of codes: an index ten times larger than it, several databases and indexes, dropped, rebuilt and rolled back indexes,
# kills while it is filled, preloaded and dynamic. Answers stay exact in order, complete, and near the truth in all of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node complete compare);

my $settings = "restart_after_crash = on\nautovacuum = off\nfsync = off\nenable_seqscan = off\nenable_sort = off\n";

# Clustered vectors, as real ones are: from random ones nothing could be told from anything else.
my $make = q{
	CREATE FUNCTION some_vector(seed int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg((sin((seed % 97) * 0.1 * d) + 0.3 * sin(seed * 0.013 * d))::real)::vector FROM generate_series(1, 100) d $$;
};

# Share of the true ten nearest that index scans find, in a table with columns id and v.
sub recall
{
	my ($node, $database, $table) = @_;
	return (compare($node, $table, '<->', 'SELECT some_vector(i * 31) AS v FROM generate_series(1, 30) i', database => $database))[0];
}

sub info
{
	my ($node, $database, $index) = @_;
	return split /\|/, $node->safe_psql($database, "SELECT cache, cached, nodes, codes FROM vecgraph_info('$index')");
}

# Writes a whole file.
sub overwrite
{
	my ($path, $bytes) = @_;
	open(my $file, '>:raw', $path) or die "cannot write $path: $!";
	print($file $bytes) && close($file) or die "cannot write $path: $!";
	return;
}

for my $preload (1, 0)
{
	my $what = $preload ? 'preloaded' : 'dynamic';
	my $node = new_node($what, conf => $settings . ($preload ? "shared_preload_libraries = 'vecidx'\n" : ''));
	$node->safe_psql('postgres', $make . q{
		CREATE TABLE items (id int, v vector(100));
		INSERT INTO items SELECT i, some_vector(i) FROM generate_series(1, 3000) i;
		CREATE INDEX items_v ON items USING vecgraph (v)});
	cmp_ok(recall($node, 'postgres', 'items'), '>=', 0.95, "$what: recall");
	my ($cache, $cached, $nodes, $codes) = info($node, 'postgres', 'items_v');
	is($cache, $what, "$what: where the cache is");
	is($codes, 'scalar4', "$what: codes");
	my ($hits, $misses, $loads) = split /\|/, $node->safe_psql('postgres', 'SELECT hits, misses, loads FROM vecgraph_cache_stats()');
	cmp_ok($hits, '>', 1000, "$what: codes came from the cache");
	cmp_ok($misses, '<', $hits / 10, "$what: and hardly any from pages");
	cmp_ok($loads, '>', 0, "$what: chunks were filled");
	cmp_ok($cached, '>=', $nodes, "$what: the searches filled it");

	# codes that are in the cache when two fits have replaced them, by others of the same parity, are those of vectors elsewhere
	$node->safe_psql('postgres', q{
		CREATE TABLE moved (id int, v vector(100));
		INSERT INTO moved SELECT i, some_vector(i) + array_fill(3::real, ARRAY[100])::vector FROM generate_series(1, 1000) i;
		CREATE INDEX moved_v ON moved USING vecgraph (v);
		UPDATE moved SET v = some_vector(id)});
	$node->safe_psql('postgres', q{SELECT vecgraph_prewarm('moved_v')});
	$node->safe_psql('postgres', q{SELECT vecgraph_train('moved_v')}) for 1 .. 2;
	cmp_ok(recall($node, 'postgres', 'moved'), '>=', 0.95, "$what: recall after two fits");

	# a copy of the database has the same build id, and goes its own way
	$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE postgres');
	$node->safe_psql('twin', 'DELETE FROM items');
	$node->safe_psql('twin', 'VACUUM items');
	$node->safe_psql('twin', 'INSERT INTO items SELECT i, some_vector(i + 50000) FROM generate_series(1, 3000) i');
	cmp_ok(recall($node, 'twin', 'items'), '>=', 0.95, "$what: recall in a copied database");
	cmp_ok(recall($node, 'postgres', 'items'), '>=', 0.95, "$what: recall in the original");
	complete($node, 'items', 'items_v', "$what: original");

	# one session sees the index truncated, rolled back, rebuilt and dropped
	my $random_order = 'SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> some_vector(5) LIMIT 20) s';
	is($node->safe_psql('postgres', "
		BEGIN; TRUNCATE items; INSERT INTO items SELECT i, some_vector(-i) FROM generate_series(1, 20) i; $random_order; ROLLBACK;
		$random_order; REINDEX INDEX items_v; $random_order;
		BEGIN; DROP INDEX items_v; CREATE INDEX items_v ON items USING vecgraph (v vector_cosine_ops); ROLLBACK; $random_order"),
		"20\n20\n20\n20", "$what: one session");
	cmp_ok(recall($node, 'postgres', 'items'), '>=', 0.95, "$what: recall after that");
	$node->safe_psql('postgres', 'DROP DATABASE twin');

	# an index that began empty
	$node->safe_psql('postgres', q{
		CREATE TABLE grown (id int, v vector(100));
		CREATE INDEX grown_v ON grown USING vecgraph (v);
		INSERT INTO grown SELECT i, some_vector(i) FROM generate_series(1, 1500) i});
	cmp_ok(recall($node, 'postgres', 'grown'), '>=', 0.95, "$what: recall of an index that began empty");

	# killed while chunks are filled and written
	for my $round (1 .. 3)
	{
		my ($out, $err) = ('', '');
		my @running = map {
			IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', $_ ], '>', \$out, '2>', \$err)
		} ("DO \$\$ BEGIN FOR i IN 1 .. 100000000 LOOP PERFORM vecgraph_prewarm('items_v'); END LOOP; END \$\$",
			"DO \$\$ BEGIN FOR i IN 1 .. 1000000 LOOP INSERT INTO grown VALUES (100000 * $round + i, some_vector(i * 7)); COMMIT; END LOOP; END \$\$");
		my $busy = "FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%' AND pid <> pg_backend_pid()";
		$node->poll_query_until('postgres', "SELECT count(*) = 2 $busy") or die 'the sessions have not begun';
		select undef, undef, undef, 0.3;
		kill 'KILL', $node->safe_psql('postgres', "SELECT pid $busy AND query LIKE '%prewarm%'");
		$_->finish for map { my $h = $_; eval { $h->kill_kill }; $h } @running;
		# every other backend dies with it, and the server starts again
		$node->poll_query_until('postgres', "SELECT count(*) = 0 $busy") or die 'the server has not come back';
		cmp_ok(recall($node, 'postgres', 'items'), '>=', 0.95, "$what: recall after kill $round");
		complete($node, 'grown', 'grown_v', "$what: grown, kill $round");
	}
	is(scalar(glob($node->data_dir . '/pg_stat_tmp/vecidx_cache.*')) // '', '', "$what: no temporary file is left");
	$node->restart;
	# what was searched lately comes back without being asked for
	ok($node->poll_query_until('postgres', "SELECT cached >= nodes FROM vecgraph_info('items_v')"), "$what: warm again") if $preload;
	cmp_ok(recall($node, 'postgres', 'items'), '>=', 0.95, "$what: recall after a restart");

	# a damaged index, whichever comes first, leaves no other cold
	for my $names ($preload ? ([ 'items', 'grown' ], [ 'grown', 'items' ]) : ())
	{
		my ($damaged, $whole) = @$names;
		my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${damaged}_v')");
		$node->safe_psql('postgres', "SELECT vecgraph_prewarm('${_}_v')") for 'items', 'grown';
		$node->stop;
		my $good = slurp_file($path);
		my $bad = $good;
		substr($bad, 8192 * $_ - 8, 8) = "\0" x 8 for 2 .. length($good) / 8192;
		overwrite($path, $bad);
		my $logged = -s $node->logfile;
		$node->start;
		ok($node->poll_query_until('postgres', "SELECT cached >= nodes FROM vecgraph_info('${whole}_v')"),
			"$what: $whole is warm again, $damaged is damaged");
		like(slurp_file($node->logfile, $logged), qr/index "${damaged}_v" is corrupted/, "$what: which is reported");
		$node->stop;
		overwrite($path, $good);
		$node->start;
	}
	$node->stop;
}

# Codes are written where the cache that has their neighbours is not seen: by sessions without it, with another, under another name.
my $ways = new_node('ways', conf => $settings . "dynamic_shared_memory_type = mmap\nvecgraph.cache_size = 16MB\n");
$ways->safe_psql('postgres', 'CREATE DATABASE moving');
mkdir $ways->basedir . '/space' or die 'cannot make a directory';
$ways->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '" . $ways->basedir . "/space'");
$ways->safe_psql('moving', "CREATE EXTENSION vecidx; $make" . q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(100));
	INSERT INTO items SELECT i, some_vector(i) FROM generate_series(1, 1500) i;
	CREATE INDEX items_v ON items USING vecgraph (v)});
my $rows = 1500;
my $handle = $ways->data_dir . '/pg_stat_tmp/vecidx_cache';
my $warm = "SELECT vecgraph_prewarm('items_v');";

# Statement that inserts some rows.
sub more_rows
{
	my $first = $rows + 1;
	$rows += 200;
	return "INSERT INTO items SELECT i, some_vector(i) FROM generate_series($first, $rows) i;";
}

# Query for the share of the rows inserted last whose own vector finds them.
sub found
{
	return 'SET vecgraph.search_list_size = 20; SELECT round(avg((SELECT s.id = t.id FROM (SELECT id FROM items ORDER BY v <-> t.v LIMIT 1) s)::int), 2) FROM items t WHERE id > '
		. ($rows - 200) . ';';
}

# Runs sessions one after the other that share a cache when they begin; the last one's last line is what found() says.
sub finds_new_rows
{
	my ($what, @sessions) = @_;
	my $last;
	$last = (split /\n/, $ways->safe_psql('moving', ref $_ ? $_->() : $_))[-1] for @sessions;
	cmp_ok($last, '>=', 0.95, $what);
	return;
}

sub set_cache_size
{
	my ($size) = @_;
	$ways->append_conf('postgresql.conf', "vecgraph.cache_size = $size\n");
	$ways->reload;
	# as new sessions have it, which read the file again
	$ways->poll_query_until('moving', "SELECT current_setting('vecgraph.cache_size') = '$size'") or die 'the setting has not come';
	return 'SELECT 1';
}

my $psql = sub { return '\! psql -XqAt -d "' . $ways->connstr('moving') . '" -c "SET enable_seqscan = on" -c "' . $_[0] . "\"\n"; };
finds_new_rows('inserted without a cache', $warm, sub { set_cache_size('0MB') }, more_rows(), sub { set_cache_size('16MB') }, found());
for my $broken ("rm $handle", "dd if=/dev/zero of=$handle bs=8 count=1 conv=notrunc status=none")
{
	my $sessions = "$warm\n\\! $broken\n" . $psql->(more_rows());
	finds_new_rows("inserted with another cache: $broken", $sessions . found());
}
my $space = sub { return "ALTER DATABASE moving SET TABLESPACE $_[0]"; };
finds_new_rows('inserted in another tablespace', $warm, sub { $ways->safe_psql('postgres', $space->('space')); return more_rows() },
	sub { $ways->safe_psql('postgres', $space->('pg_default')); return found() });
$ways->restart;
$ways->safe_psql('moving', $warm);
my ($segment) = grep { -s $_ > 2**20 } glob($ways->data_dir . '/pg_dynshmem/mmap.*');
finds_new_rows('inserted by a session that waits to try again',
	"\\! chmod 0 $segment\n$warm\n\\! chmod 600 $segment\n" . more_rows() . 'SELECT cache FROM vecgraph_cache_stats()', found());

is($ways->safe_psql('moving', "SELECT vecgraph_check('items_v')"), '', 'and it is sound');
$ways->stop;

# 1 MB for an index with ten times as much of codes
my $small = new_node('small', conf => $settings . "shared_preload_libraries = 'vecidx'\nvecgraph.cache_size = 1MB\n");
$small->safe_psql('postgres', $make . q{
	CREATE TABLE wide (id int, v vector(16000));
	ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
	INSERT INTO wide SELECT i, (SELECT array_agg(x) FROM (SELECT unnest(part) AS x FROM generate_series(1, 160)) s)::vector
		FROM generate_series(1, 2600) i, LATERAL (SELECT some_vector(i)::real[] AS part OFFSET 0) s;
	SET max_parallel_maintenance_workers = 0;
	SET maintenance_work_mem = '400MB';
	CREATE INDEX wide_v ON wide USING vecgraph (v)});
my ($cache, $cached, $nodes) = info($small, 'postgres', 'wide_v');
is($small->safe_psql('postgres', "SELECT count(DISTINCT id) FROM (SELECT id FROM wide ORDER BY v <-> (SELECT v FROM wide WHERE id = 5) LIMIT 100) s"),
	100, 'an index that does not fit the cache');
cmp_ok($small->safe_psql('postgres', "SELECT vecgraph_prewarm('wide_v')"), '<', $nodes / 5, 'only a part of it is cached');
is($small->safe_psql('postgres', "SELECT id FROM wide ORDER BY v <-> (SELECT v FROM wide WHERE id = 1234) LIMIT 1"), 1234, 'and the right row found');
is($small->safe_psql('postgres', "SELECT vecgraph_check('wide_v', true)"), '', 'and it is sound');
# a second index finds no room for as long as the first is in use, and works
$small->safe_psql('postgres', q{
	CREATE TABLE items (id int, v vector(100));
	INSERT INTO items SELECT i, some_vector(i) FROM generate_series(1, 2000) i;
	CREATE INDEX items_v ON items USING vecgraph (v)});
cmp_ok(recall($small, 'postgres', 'items'), '>=', 0.95, 'recall of an index without a place in the cache');
# which the owner is told, and what to do
my $advice = "SELECT statement FROM vecgraph_advice('wide_v') WHERE topic = 'cache'";
my $statement = $small->safe_psql('postgres', $advice);
like($statement, qr/^ALTER SYSTEM SET vecgraph.cache_size = '\d+MB'$/, 'advice about the cache');
$small->safe_psql('postgres', $statement);
$small->restart;
is($small->safe_psql('postgres', $advice), '', 'none when that has been followed');
$small->safe_psql('postgres', "SELECT vecgraph_prewarm('wide_v')");
is($small->safe_psql('postgres', "SELECT cached >= nodes FROM vecgraph_info('wide_v')"), 't', 'and all codes have room');
$small->stop;

# no cache at all, and a setting out of range
my $none = new_node('none', conf => $settings . "vecgraph.cache_size = 0\n");
$none->safe_psql('postgres', $make . q{
	CREATE TABLE items (id int, v vector(100));
	INSERT INTO items SELECT i, some_vector(i) FROM generate_series(1, 2000) i;
	CREATE INDEX items_v ON items USING vecgraph (v)});
cmp_ok(recall($none, 'postgres', 'items'), '>=', 0.95, 'recall without a cache');
is((info($none, 'postgres', 'items_v'))[0], 'none', 'there is none');
my ($result, $out, $err) = $none->psql('postgres', "LOAD 'vecidx'; SET vecgraph.cache_size = '1MB'");
like($err, qr/parameter "vecgraph.cache_size" cannot be changed now/, 'the size is the server\'s, not a session\'s');
($result, $out, $err) = $none->psql('postgres', "LOAD 'vecidx'; ALTER SYSTEM SET vecgraph.cache_size = '-1MB'");
like($err, qr/outside the valid range/, 'a negative size');
$none->stop;
done_testing();
