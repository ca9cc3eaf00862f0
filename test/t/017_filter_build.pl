# CREATE INDEX with filter columns, in every regime that builds have: each node has the signature of its rows (vecgraph_check compares them
# with the table), and rows share a node if and only if vector and filter columns are the same.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxKinds qw(types row layouts kinds);
use VecidxTest qw(new_node load_set kill_server start_again complete root);

my $node = new_node('filter_build', conf => "autovacuum = off\nmax_worker_processes = 8\nmax_parallel_workers = 8\n"
	  . "min_parallel_table_scan_size = 0\n");
$node->safe_psql('postgres', slurp_file(root() . '/sql/include/wave.sql'));

# Builds an index with so much memory and so many workers; returns where vectors and graph were in the end ('points', 'codes', 'pages').
sub build
{
	my ($what, $memory, $workers, $sql) = @_;
	my ($result, $out, $err) = $node->psql('postgres', qq{
		SET maintenance_work_mem = '$memory'; SET max_parallel_maintenance_workers = $workers; SET client_min_messages = debug1;
		$sql});
	is($result, 0, "$what: built") or diag($err);
	unlike($err, qr/WARNING/, "$what: without warnings");
	like($err, qr/launched $workers of $workers workers/, "$what: workers") if $workers;
	return $err =~ /graph no longer fits/ ? 'pages' : $err =~ /vectors no longer fit / ? 'codes' : 'points';
}

# What holds of an index of v, a, b, c, or of what the caller says instead.
sub verify
{
	my ($what, $table, $index, %options) = @_;
	my $columns = $options{columns} // 'v, a, b, c';
	my $where = $options{where} // 'true';
	my ($check, $filters, $unreachable, $more) = split /\|/, $node->safe_psql('postgres', qq{
		SELECT vecgraph_check('$index', true), filters, unreachable, nodes - (SELECT count(*) FROM
			(SELECT DISTINCT $columns FROM $table WHERE v IS NOT NULL AND $where) d)
		FROM vecgraph_info('$index')});
	is("$check|$filters|$unreachable", '|' . ($options{filters} // 'a, b, c') . '|0', "$what: signatures, columns, reachability");
	# two processes that insert the same at the same moment make two nodes of it
	ok($more >= 0 && $more <= ($options{at_once} // 0), "$what: as many nodes as there are to be") or diag("$more more");
	return;
}

# ---- every regime ----

# twins come long after the first row, with the same values and with others; some have more heap TIDs than fit a node
load_set($node, 'l2', 'sift-10k', 'sift-10k');
$node->safe_psql('postgres', q{
	CREATE TABLE items (id serial PRIMARY KEY, v vector(128), a int, b timestamptz, c text) WITH (parallel_workers = 2);
	INSERT INTO items (v, a, b, c) SELECT v, id % 100, timestamptz '2026-01-01 00:00Z' + id * interval '1 min', 'tag ' || id % 9 FROM l2;
	INSERT INTO items (v, a, b, c) SELECT v, a + 1, b, c FROM items WHERE id % 3 = 0;
	INSERT INTO items (v, a, b, c) SELECT v, a, b, NULL FROM items WHERE id % 11 = 0;
	INSERT INTO items (v, a, b, c) SELECT v, a, b, c FROM items WHERE id % 5 = 0;
	INSERT INTO items (v, a, b, c) SELECT v, a, b, c FROM items, generate_series(1, 7) WHERE id % 98 = 0;
	INSERT INTO items (v, a, b, c) SELECT v, i % 3, b, c FROM items, generate_series(1, 1500) i WHERE id = 7;
	INSERT INTO items (v, a) VALUES (NULL, 1)});
for my $options ('codes = none', 'codes = pq', 'codes = pq, pq_subvectors = 32', 'storage = half', 'storage = heap')
{
	my @alone = $options =~ /storage/ ? () : ([ '64MB', 0, 'points' ], [ '9MB', 0, 'codes' ], [ '3MB', 0, 'pages' ]);
	for my $case (@alone, [ '64MB', 2, 'points' ], [ '9MB', 2, 'codes' ], [ '3MB', 2, 'pages' ])
	{
		my ($memory, $workers, $expected) = @$case;
		my $what = "$options, $memory, $workers workers";
		is(build($what, $memory, $workers, "CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops, a, b, c) WITH ($options)"),
			$expected, "$what: regime");
		verify($what, 'items', 'items_v', at_once => $workers && $expected eq 'pages' ? 5 : 0);
		$node->safe_psql('postgres', 'DROP INDEX items_v');
	}
}

# ---- ways to build, and as if there were so many rows that nodes are linked in an order of their own ----

$node->safe_psql('postgres', 'INSERT INTO items (v) SELECT NULL FROM generate_series(1, 120000); ANALYZE items');
for my $case ([ '64MB', 'points' ], [ '9MB', 'codes' ], [ '3MB', 'pages' ])
{
	my ($memory, $expected) = @$case;
	is(build("concurrently, $memory", $memory, 2, 'CREATE INDEX CONCURRENTLY items_v ON items USING vecgraph (v vector_l2_ops, a, b, c)'),
		$expected, "concurrently, $memory: regime");
	complete($node, 'items', 'items_v', "concurrently, $memory");
	verify("concurrently, $memory", 'items', 'items_v', at_once => $expected eq 'pages' ? 5 : 0);
	is(build("reindex, $memory", $memory, 0, 'REINDEX INDEX items_v'), $expected, "reindex, $memory: regime");
	verify("reindex, $memory", 'items', 'items_v');
	$node->safe_psql('postgres', 'DROP INDEX items_v');

	my $index = '(subvector(v, 1, 40)::vector(40)) vector_cosine_ops, (a / 10), lower(c)';
	build("expressions, $memory", $memory, 2, "CREATE INDEX items_v ON items USING vecgraph ($index) WHERE a < 50");
	verify("expressions, $memory", 'items', 'items_v', at_once => $memory eq '3MB' ? 5 : 0,
		columns => 'subvector(v, 1, 40), a / 10, lower(c)', where => 'a < 50', filters => '(a / 10), lower(c)');
	$node->safe_psql('postgres', 'DROP INDEX items_v');

	# under 24 dimensions nodes have no codes
	build("few dimensions, $memory", $memory, 2,
		'CREATE INDEX items_v ON items USING vecgraph ((subvector(v, 1, 20)::vector(20)) vector_l2_ops, b, a)');
	verify("few dimensions, $memory", 'items', 'items_v', columns => 'subvector(v, 1, 20), b, a', filters => 'b, a');
	$node->safe_psql('postgres', 'DROP INDEX items_v');
}

# ---- every kind ----

# trained codes need a thousand rows
for my $type (types())
{
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS kinds; CREATE TABLE kinds (v $type(30), a int, b timestamptz, c text);
		INSERT INTO kinds SELECT " . row('wave(i % 1100, 30)', $type) . ", i % 1000, timestamptz '2026-01-01 00:00Z' + i % 7 * interval '1 day', 'x'
			FROM generate_series(1, 1300) i");
	for my $kind (map { kinds($type, $_) } layouts())
	{
		next if $kind->{refused} || $kind->{same};
		my $what = "$kind->{opclass}, $kind->{options}";
		build($what, '64MB', 0, "CREATE INDEX kinds_v ON kinds USING vecgraph (v $kind->{opclass}, a, b, c) WITH ($kind->{options})");
		is($node->safe_psql('postgres', "SELECT storage, codes, nodes, vecgraph_check('kinds_v', true) FROM vecgraph_info('kinds_v')"),
			"$kind->{shown}|1300|", $what);
		$node->safe_psql('postgres', 'DROP INDEX kinds_v');
	}
}
$node->safe_psql('postgres', 'DROP TABLE kinds');

# ---- too few rows to train codes: nodes have none for now, in memory and on pages ----

$node->safe_psql('postgres', q{
	CREATE TABLE few (id int, v vector(600), a int, b timestamptz, c text) WITH (parallel_workers = 0);
	INSERT INTO few SELECT i, wave(i, 600), i % 7, timestamptz '2026-01-01 00:00Z' + i * interval '1 day' FROM generate_series(1, 800) i});
for my $case ([ '64MB', 'points' ], [ '1MB', 'codes' ])
{
	my ($memory, $expected) = @$case;
	is(build("few rows, $memory", $memory, 0, 'CREATE INDEX few_v ON few USING vecgraph (v vector_l2_ops, a, b, c)
			WITH (storage = full, pq_subvectors = 599, max_degree = 8)'), $expected, "few rows, $memory: regime");
	verify("few rows, $memory", 'few', 'few_v');
	$node->safe_psql('postgres', "INSERT INTO few SELECT id + 1000, v, a + 100, b, 'late' FROM few; SELECT vecgraph_train('few_v')");
	verify("few rows, $memory, then trained", 'few', 'few_v');
	$node->safe_psql('postgres', 'DROP INDEX few_v; DELETE FROM few WHERE id > 1000');
}

# ---- one vector, many signatures: nodes of one place, which all can be found ----

$node->safe_psql('postgres', q{
	CREATE TABLE same (id serial, v vector(30), a int, b timestamptz, c text) WITH (parallel_workers = 2);
	INSERT INTO same (v, a) SELECT wave(7, 30), i FROM generate_series(1, 3000) i;
	INSERT INTO same (v, a) SELECT wave(i, 30), i FROM generate_series(1, 1000) i;
	INSERT INTO same (v, a) SELECT wave(7, 30), i FROM generate_series(1, 3000) i});
for my $codes ('none', 'pq')
{
	for my $memory ('64MB', '1MB')
	{
		my $what = "one vector, codes = $codes, $memory";
		build($what, $memory, 2, "CREATE INDEX same_v ON same USING vecgraph (v vector_l2_ops, a, b, c) WITH (codes = $codes)");
		complete($node, 'same', 'same_v', $what);
		is($node->safe_psql('postgres', "SELECT unreachable FROM vecgraph_info('same_v')"), 0, "$what: every node can be reached");
		$node->safe_psql('postgres', 'INSERT INTO same (v, a) SELECT wave(7, 30), 3000 + i FROM generate_series(1, 300) i');
		$node->safe_psql('postgres', 'UPDATE same SET a = a + 1 WHERE id % 10 = 0; DELETE FROM same WHERE id % 4 = 1; VACUUM same');
		complete($node, 'same', 'same_v', "$what, later");
		is($node->safe_psql('postgres', "SELECT unreachable FROM vecgraph_info('same_v')"), 0, "$what, later: every node can be reached");
		$node->safe_psql('postgres', 'DROP INDEX same_v');
	}
}

# ---- a crash: logged indexes are as they were, unlogged ones are empty and have their columns still ----

build('before a crash', '64MB', 2, 'CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops, a, b, c)');
build('before a crash, 3MB', '3MB', 2, 'CREATE INDEX items_small ON items USING vecgraph (v vector_cosine_ops, b)');
$node->safe_psql('postgres', 'CHECKPOINT; INSERT INTO items (v, a, b, c) SELECT v, a + 1000, b, c FROM items WHERE id % 100 = 0');

for my $options ('codes = none', 'codes = pq', 'codes = pq, pq_subvectors = 11')
{
	my $table = 'fleeting_' . ($options =~ s/\W+/_/gr);
	$node->safe_psql('postgres', "CREATE UNLOGGED TABLE $table (id serial, v vector(30), a int, b timestamptz, c text);
		INSERT INTO $table (v, a, c) SELECT wave(i, 30), i % 9, 'x' || i FROM generate_series(1, 1200) i;
		CREATE INDEX ${table}_v ON $table USING vecgraph (v vector_l2_ops, a, b, c) WITH ($options)");
	verify("unlogged, $options", $table, "${table}_v");
	kill_server($node);
	start_again($node);
	is($node->safe_psql('postgres', "SELECT count(*) FROM $table"), 0, "unlogged, $options: reset");
	$node->safe_psql('postgres', "SET client_min_messages = error;
		INSERT INTO $table (v, a, c) SELECT wave(i, 30), i % 9, 'y' || i FROM generate_series(1, 300) i");
	verify("unlogged, $options, after a crash", $table, "${table}_v");
}

verify('after a crash', 'items', 'items_v');
verify('after a crash, 3MB', 'items', 'items_small', columns => 'v, b', filters => 'b', at_once => 5);

$node->stop;
done_testing();
