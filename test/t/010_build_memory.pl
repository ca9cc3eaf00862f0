# CREATE INDEX in little memory: vectors leave it first, then the graph; the index is as good and as sound as with plenty.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node load_set recall complete share);

my $node = new_node('memory', conf => "autovacuum = off\nmax_worker_processes = 8\nmax_parallel_workers = 8\n"
	  . "min_parallel_table_scan_size = 0\n");

# Builds an index; returns where vectors and graph were in the end ('points', 'codes', 'pages'), and the messages.
sub build
{
	my ($memory, $workers, $sql) = @_;
	my ($result, $out, $err) = $node->psql('postgres', qq{
		SET maintenance_work_mem = '$memory'; SET max_parallel_maintenance_workers = $workers; SET client_min_messages = debug1;
		$sql});
	is($result, 0, $sql) or diag($err);
	unlike($err, qr/WARNING/, 'without warnings');
	my @notices = $err =~ /NOTICE:.*(?:vectors|graph) no longer fits? into maintenance_work_mem/g;
	cmp_ok(scalar(@notices), '<=', 1, 'at most one notice');
	return ($err =~ /graph no longer fits/ ? 'pages' : $err =~ /vectors no longer fit / ? 'codes' : 'points', $err);
}

# ---- every kind of index, every regime, with workers and without ----

load_set($node, 'l2', 'sift-10k', 'sift-10k');
$node->safe_psql('postgres', 'ALTER TABLE l2 SET (parallel_workers = 2)');
my %regimes = ('codes = none' => 'codes', 'codes = pq' => 'codes', 'codes = pq, pq_subvectors = 32' => 'codes',
	'codes = pq, pq_subvectors = 64' => 'codes', 'storage = half' => 'codes', 'storage = heap' => 'codes');
for my $options (sort keys %regimes)
{
	my %recall;
	for my $case ([ '64MB', 0, 'points' ], [ '6MB', 0, 'codes' ], [ '6MB', 2, 'codes' ], [ '2MB', 0, 'pages' ], [ '2MB', 2, 'pages' ])
	{
		my ($memory, $workers, $expected) = @$case;
		my $name = "$options, $memory, $workers workers";
		$node->safe_psql('postgres', 'DROP INDEX IF EXISTS l2_index');
		my ($regime, $messages) =
		  build($memory, $workers, "CREATE INDEX l2_index ON l2 USING vecgraph (v vector_l2_ops) WITH ($options)");
		is($regime, $expected, "$name: regime");
		like($messages, qr/launched $workers of/, "$name: workers") if $workers;
		complete($node, 'l2', 'l2_index', $name);
		is($node->safe_psql('postgres', "SELECT unreachable FROM vecgraph_info('l2_index')"), 0, "$name: every node can be reached");
		$recall{"$memory $workers"} = recall($node, 'l2', '<->');
	}
	note "$options: recall ", join(', ', map { "$_ $recall{$_}" } sort keys %recall);
	my $best = delete $recall{'64MB 0'};
	cmp_ok($recall{$_}, '>=', $best - 0.01, "$options: recall with $_ as with plenty") for sort keys %recall;
}

# the server's rule that each worker needs 32 MB is not for builds that share what there is
$node->safe_psql('postgres', 'ALTER TABLE l2 RESET (parallel_workers); DROP INDEX l2_index');
my (undef, $told) = build('2MB', 2, 'CREATE INDEX l2_index ON l2 USING vecgraph (v vector_l2_ops)');
like($told, qr/inserting, launched 2 of 2 workers/, 'little memory: workers by the size of the table');
like($told, qr/heap scan launched 2 of 2 workers/, 'little memory: and to read it');

# ---- identical vectors share a node, wherever the first of them is ----

$node->safe_psql('postgres', q{
	CREATE TABLE twins (id serial PRIMARY KEY, v vector(128)) WITH (parallel_workers = 2);
	INSERT INTO twins (v) SELECT v FROM l2 WHERE id % 2 = 0;
	INSERT INTO twins (v) SELECT v FROM l2 WHERE id % 7 = 0;
	INSERT INTO twins (v) SELECT v FROM l2 WHERE id % 2 = 1;
	INSERT INTO twins (v) SELECT v FROM l2, generate_series(1, 9) WHERE id % 99 = 0;
	INSERT INTO twins (v) SELECT v FROM l2, generate_series(1, 3000) WHERE id = 7});
for my $options ('codes = none', 'codes = pq', 'codes = pq, pq_subvectors = 32', 'storage = half', 'storage = heap')
{
	for my $case ([ '6MB', 'codes' ], [ '2MB', 'pages' ])
	{
		my ($memory, $expected) = @$case;
		my ($regime) = build($memory, 2, "CREATE INDEX twins_index ON twins USING vecgraph (v vector_l2_ops) WITH ($options)");
		is($regime, $expected, "twins, $options, $memory: regime");
		complete($node, 'twins', 'twins_index', "twins, $options, $memory");
		is($node->safe_psql('postgres', "SELECT nodes FROM vecgraph_info('twins_index'); DROP INDEX twins_index"),
			$node->safe_psql('postgres', 'SELECT count(DISTINCT v) FROM twins'), "twins, $options, $memory: nodes");
	}
}
$node->safe_psql('postgres', 'DROP TABLE l2 CASCADE; DROP TABLE twins');

# ---- metrics: sixty clusters of unequal lengths, the hard case for inner product ----

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(96)) WITH (parallel_workers = 2);
	SELECT setseed(0.5);
	INSERT INTO items SELECT i, array(SELECT sin((i % 60 + 1) * j) * (1 + i % 3) + random() - 0.5
		FROM generate_series(1, 96) j)::vector FROM generate_series(1, 6000) i});

my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>');
for my $metric (sort keys %operators)
{
	my %share;
	for my $memory ('64MB', '4MB', '1MB')
	{
		my ($regime) = build($memory, 0, "CREATE INDEX items_v ON items USING vecgraph (v vector_${metric}_ops)");
		my $expected = { '64MB' => 'points', '4MB' => $metric eq 'l1' ? 'pages' : 'codes', '1MB' => 'pages' }->{$memory};
		is($regime, $expected, "$metric, $memory: regime");
		$node->safe_psql('postgres', "SELECT vecgraph_check('items_v', true)");
		$share{$memory} = share($node, 'items', $operators{$metric}, 200, 80);
		$node->safe_psql('postgres', 'DROP INDEX items_v');
	}
	note "$metric: share of the ten nearest ", join(', ', map { "$_ $share{$_}" } sort keys %share);
	cmp_ok($share{$_}, '>=', $share{'64MB'} - 0.03, "$metric: recall with $_") for '4MB', '1MB';
}

# ---- so many rows that they are linked in an order of their own ----

$node->safe_psql('postgres', q{
	CREATE TABLE many (id int PRIMARY KEY, v vector(64)) WITH (parallel_workers = 2);
	SELECT setseed(0.25);
	INSERT INTO many SELECT i, array(SELECT sin(a * j) + cos(b * j) + sin(c * j * j) FROM generate_series(1, 64) j)::vector
		FROM generate_series(1, 120000) i, LATERAL (SELECT random() + i * 0 a, random() b, random() c) r});
my %many;
for my $case ([ '256MB', 2, 'points' ], [ '64MB', 2, 'codes' ], [ '8MB', 0, 'pages' ], [ '8MB', 2, 'pages' ])
{
	my ($memory, $workers, $expected) = @$case;
	my ($is) = build($memory, $workers, 'CREATE INDEX many_v ON many USING vecgraph (v vector_l2_ops)');
	is($is, $expected, "many rows, $memory, $workers workers: regime");
	complete($node, 'many', 'many_v', "many rows, $memory, $workers workers");
	is($node->safe_psql('postgres', "SELECT unreachable FROM vecgraph_info('many_v')"), 0,
		"many rows, $memory, $workers workers: every node can be reached");
	$many{"$memory $workers"} = share($node, 'many', '<->', 60, 1013);
	$node->safe_psql('postgres', 'DROP INDEX many_v');
}
note 'many rows: share of the ten nearest ', join(', ', map { "$_ $many{$_}" } sort keys %many);
cmp_ok($many{'256MB 2'}, '>=', 0.95, 'many rows: recall');
cmp_ok($many{$_}, '>=', $many{'256MB 2'} - 0.01, "many rows: recall with $_ as with plenty") for sort keys %many;
$node->safe_psql('postgres', 'DROP TABLE many');

# ---- unlogged, concurrently, again; what comes later ----

$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE fleeting AS SELECT * FROM items');
my ($regime) = build('4MB', 2, 'CREATE INDEX fleeting_v ON fleeting USING vecgraph (v vector_l2_ops)');
is($regime, 'codes', 'unlogged: regime');
complete($node, 'fleeting', 'fleeting_v', 'unlogged');
($regime) = build('4MB', 2, 'CREATE INDEX CONCURRENTLY items_v ON items USING vecgraph (v vector_l2_ops)');
is($regime, 'codes', 'concurrently: regime');
complete($node, 'items', 'items_v', 'concurrently');
($regime) = build('4MB', 2, 'REINDEX INDEX items_v');
is($regime, 'codes', 'reindex: regime');
$node->safe_psql('postgres', q{
	DELETE FROM items WHERE id % 4 = 0;
	INSERT INTO items SELECT 10000 + id, v FROM items WHERE id % 4 = 1;
	VACUUM items});
complete($node, 'items', 'items_v', 'after changes');
$node->stop('immediate');
$node->start;
complete($node, 'items', 'items_v', 'after a crash');

# a few very long vectors: one alone is larger than what is usually allocated at once
$node->safe_psql('postgres', q{
	CREATE TABLE long (id int PRIMARY KEY, v vector(16000));
	INSERT INTO long SELECT i, array(SELECT sin(i * j) FROM generate_series(1, 16000) j)::vector FROM generate_series(1, 300) i});
($regime) = build('1MB', 0, 'CREATE INDEX long_v ON long USING vecgraph (v vector_l2_ops)');
isnt($regime, 'points', 'long vectors: regime');
complete($node, 'long', 'long_v', 'long vectors');

# the first thing that a new server does with an index: leader and workers make one cache of codes, not one each
load_set($node, 'first', 'sift-10k', 'sift-10k');
$node->safe_psql('postgres', 'ALTER TABLE first SET (parallel_workers = 2)');
$node->restart;
my $lost = $node->safe_psql('postgres', q{
	SET client_min_messages = warning; SET maintenance_work_mem = '2MB'; SET max_parallel_maintenance_workers = 2;
	CREATE INDEX first_v ON first USING vecgraph (v vector_l2_ops);
	SET enable_seqscan = off;
	SELECT count(*) FROM (SELECT v FROM first WHERE id % 10 = 0) q,
		LATERAL (SELECT v FROM first ORDER BY first.v <-> q.v LIMIT 1) nearest WHERE nearest.v <> q.v});
cmp_ok($lost, '<=', 10, "new server: of 1000 rows $lost are not found by the session that built the index");
complete($node, 'first', 'first_v', 'new server');

done_testing();
