# A standby replays builds, inserts and vacuums, answers from the index as its primary does at once, and can be promoted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_pair complete waves);

my ($primary, $standby) = new_pair(conf => "autovacuum = off\nshared_preload_libraries = 'vecidx'\n");

my $query = "SELECT id FROM items ORDER BY v <-> '[0.5,0.5,0.5,0.5]' LIMIT 20";

sub same
{
	my ($what) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	my $answer = "SELECT array_agg(id)::text FROM ($query) s";
	is($standby->safe_psql('postgres', $answer), $primary->safe_psql('postgres', $answer), "$what: same answer");
	is($standby->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "$what: vecgraph_check on the standby");
	return;
}

my $random = 'array(SELECT random() FROM generate_series(1, 4) WHERE i = i)::vector';
$_->append_conf('postgresql.conf', "enable_seqscan = off\nenable_sort = off") for $primary, $standby;
$_->reload for $primary, $standby;
for my $options ('codes = none', 'codes = pq', 'codes = pq, storage = heap')
{
	$primary->safe_psql('postgres', "DROP TABLE IF EXISTS items; CREATE TABLE items (id serial, v vector(4)) WITH (parallel_workers = 2);
		INSERT INTO items (v) SELECT $random FROM generate_series(1, 2000) i;
		CREATE INDEX items_v ON items USING vecgraph (v) WITH ($options)");
	same("$options: built");
	for my $wave (waves('items', $random, 2000, 500, q{'[0.5,0.5,0.5,0.5]'}))
	{
		$primary->safe_psql('postgres', $wave->[1]);
		same("$options: $wave->[0]");
	}
	$primary->safe_psql('postgres', 'REINDEX INDEX items_v');
	same("$options: rebuilt");
	my ($result, $out, $notices) = $primary->psql('postgres', "SET maintenance_work_mem = '1MB';
		INSERT INTO items (v) SELECT $random FROM generate_series(1, 3000) i; REINDEX INDEX items_v");
	like($notices, qr/no longer fits into maintenance_work_mem/, "$options: a build that outgrows its memory");
	same("$options: rebuilt in little memory");
}

# vectors leave the memory of the build, and pages are made before they are logged
$query = 'SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 20';
my $long = $random =~ s/4\)/96)/r;
$primary->safe_psql('postgres', "DROP TABLE items; CREATE TABLE items (id serial, v vector(96)) WITH (parallel_workers = 2);
	INSERT INTO items (v) SELECT $long FROM generate_series(1, 5000) i");
for my $options ('codes = none', 'codes = pq', 'codes = pq, pq_subvectors = 24', 'storage = heap')
{
	my ($result, $out, $notices) = $primary->psql('postgres', "SET maintenance_work_mem = '3MB';
		DROP INDEX IF EXISTS items_v; CREATE INDEX items_v ON items USING vecgraph (v) WITH ($options)");
	like($notices, qr/vectors no longer fit into maintenance_work_mem/, "$options: linked by codes");
	same("$options: linked by codes");
}

# What is replayed is found at once, in an index whose codes are in the standby's cache, and does not make it read them again.
$primary->append_conf('postgresql.conf', "synchronous_standby_names = '*'\nsynchronous_commit = remote_apply\n");
$primary->reload;
$primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
	or die 'no synchronous standby';

# Statement that inserts rows whose vectors are near each other for near ids.
sub rows
{
	my ($first, $last) = @_;
	return "INSERT INTO items SELECT i, array(SELECT sin(i * 0.37 * d) + 0.3 * sin(i * 0.011 * d) FROM generate_series(1, 96) d)::vector
		FROM generate_series($first, $last) i";
}

# The share of the rows from some id on that a server finds by their own vectors.
sub found
{
	my ($node, $first) = @_;
	return $node->safe_psql('postgres', "SET vecgraph.search_list_size = 20;
		SELECT round(avg((SELECT s.id = t.id FROM (SELECT id FROM items ORDER BY v <-> t.v LIMIT 1) s)::int), 2)
		FROM items t WHERE id >= $first");
}

# Pages that the first search of a session of the standby reads.
sub pages_read
{
	my $plan = $standby->safe_psql('postgres', "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) $query");
	my ($hit) = $plan =~ /Buffers: shared hit=(\d+)/ or die $plan;
	return $hit;
}

$query = "SELECT id FROM items ORDER BY v <-> '[" . join(',', map { sin($_) } 1 .. 96) . "]' LIMIT 20";
for my $options ('codes = pq', 'storage = heap')
{
	$primary->safe_psql('postgres', 'DROP TABLE items; CREATE TABLE items (id int, v vector(96)); ' . rows(1, 3000)
			. "; CREATE INDEX items_v ON items USING vecgraph (v) WITH ($options)");
	$standby->safe_psql('postgres', "SELECT vecgraph_prewarm('items_v')");
	# which counts for itself, and can say how good its answers are
	is($standby->safe_psql('postgres', "SELECT queries, recall > 0.9 FROM vecgraph_recall('items_v', sample => 20);
		SELECT scans, inserts FROM vecgraph_stats() WHERE index = 'items_v'::regclass"), "20|t\n20|0", "$options: recall and counts on a standby");
	my $found = 0;
	for my $i (1 .. 5)
	{
		my $first = 3000 + 20 * $i;
		$primary->safe_psql('postgres', rows($first, $first + 19));
		$found += found($standby, $first) == found($primary, $first);
	}
	is($found, 5, "$options: rows that were just replayed are found as on the primary");

	pages_read();
	my $pages = pages_read();
	$primary->safe_psql('postgres', 'CREATE TABLE other (); DROP TABLE other');
	select undef, undef, undef, 1.1;
	cmp_ok(pages_read(), '<=', $pages, "$options: replay makes no codes be read again");
	my $writer = IPC::Run::start([ 'psql', '-XqAt', '-d', $primary->connstr('postgres'), '-c',
			'DO $$ BEGIN FOR j IN 6001 .. 6100 LOOP ' . rows('j', 'j') . '; COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$' ]);
	my (%seen, $worst);
	for (1 .. 8)
	{
		$seen{$standby->safe_psql('postgres', 'SELECT count(*) FROM items')} = 1;
		$found = found($standby, 3000);
		$worst = $found if !defined $worst || $found < $worst;
	}
	$writer->finish;
	cmp_ok(scalar(keys %seen), '>', 1, "$options: searches during replay");
	cmp_ok($worst, '>=', 0.85, "$options: which find what is there");
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is(found($standby, 6001), found($primary, 6001), "$options: and in the end the same as on the primary");
	same("$options: after constant replay");

	# all codes are made again
	$primary->safe_psql('postgres', rows(7001, 7100));
	$primary->safe_psql('postgres', "SELECT vecgraph_train('items_v')");
	same("$options: after a fit");
	is(found($standby, 3000), found($primary, 3000), "$options: after a fit the same is found");
}

$primary->stop;
$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$standby->promote;
$standby->safe_psql('postgres', rows(8001, 8050));
cmp_ok(found($standby, 7001), '>=', 0.85, 'promoted: rows from before and after are found');
$random = $long;
$standby->safe_psql('postgres', "INSERT INTO items SELECT 9000 + i, $random FROM generate_series(1, 100) i");
complete($standby, 'items', 'items_v', 'promoted');
$standby->stop;
done_testing();
