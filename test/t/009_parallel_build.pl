# CREATE INDEX with parallel workers: as good and as sound as without, whatever happens to it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node load_set recall complete share);

my $node = new_node('parallel', conf => "autovacuum = off\nmax_worker_processes = 8\nmax_parallel_workers = 8\n"
	  . "min_parallel_table_scan_size = 0\nrestart_after_crash = on\n");

# Runs a build that may have so many workers; returns how many it launched to link (undef: it asked for none), and its messages.
sub build
{
	my ($workers, $sql, $settings) = @_;
	$settings //= '';
	my ($result, $out, $err) = $node->psql('postgres', qq{
		SET max_parallel_maintenance_workers = $workers; $settings
		SET client_min_messages = debug1;
		$sql});
	is($result, 0, $sql) or diag($err);
	unlike($err, qr/WARNING/, 'without warnings');
	my ($launched) = $err =~ /vecgraph build launched (\d) of \d workers/;
	my ($reading) = $err =~ /vecgraph heap scan launched (\d) of \d workers/;
	is($reading, $launched, 'as many workers read the table') if defined $launched;
	return ($launched, $err);
}

# ---- as good as without workers ----

load_set($node, 'l2', 'sift-10k', 'sift-10k');
$node->safe_psql('postgres', 'ALTER TABLE l2 SET (parallel_workers = 8)');
my %least = ('codes = none' => 0.98, 'codes = pq' => 0.98, 'codes = pq, pq_subvectors = 32' => 0.95, 'storage = heap' => 0.98);
for my $options (sort keys %least)
{
	my %recall;
	for my $workers (0, 1, 2)
	{
		$node->safe_psql('postgres', 'DROP INDEX IF EXISTS l2_index');
		my ($launched) = build($workers, "CREATE INDEX l2_index ON l2 USING vecgraph (v vector_l2_ops) WITH ($options)");
		is($launched, $workers || undef, "$options: $workers workers launched");
		complete($node, 'l2', 'l2_index', "$options, $workers workers");
		$recall{$workers} = recall($node, 'l2', '<->');
		is($node->safe_psql('postgres', "SELECT unreachable FROM vecgraph_info('l2_index')"),
			0, "$options, $workers workers: every node can be reached");
	}
	note "$options: recall with 0, 1, 2 workers @recall{0, 1, 2}";
	cmp_ok($recall{0}, '>=', $least{$options}, "$options: recall without workers");
	cmp_ok($recall{$_}, '>=', $recall{0} - 0.01, "$options: recall with $_ workers") for 1, 2;
}
$node->safe_psql('postgres', 'DROP INDEX l2_index');

# ---- metrics, kinds of tables and indexes ----

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(12)) WITH (parallel_workers = 2);
	SELECT setseed(0.5);
	INSERT INTO items SELECT i, array(SELECT random() + 0.1 FROM generate_series(1, 12) WHERE i = i)::vector
	FROM generate_series(1, 4000) i;
	INSERT INTO items SELECT 4000 + i, v FROM items, generate_series(1, 20) i WHERE id = 7;
	INSERT INTO items VALUES (5000, NULL)});

$node->safe_psql('postgres', 'CREATE TABLE halves (id int PRIMARY KEY, v halfvec(12)) WITH (parallel_workers = 2);
	INSERT INTO halves TABLE items');

my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>');
for my $kind ([ 'items', 'vector' ], [ 'halves', 'halfvec' ])
{
	my ($table, $type) = @$kind;
	for my $metric (sort keys %operators)
	{
		my ($operator, %share) = ($operators{$metric});
		for my $workers (0, 2)
		{
			my ($launched) = build($workers, "CREATE INDEX any_v ON $table USING vecgraph (v ${type}_${metric}_ops)");
			is($launched, $workers || undef, "$type, $metric: $workers workers launched");
			$node->safe_psql('postgres', "SELECT vecgraph_check('any_v', true)");
			$share{$workers} = share($node, $table, $operator, 100, 80);
			$node->safe_psql('postgres', 'DROP INDEX any_v');
		}
		note "$type, $metric: share with 0 workers $share{0}, with 2 $share{2}";
		cmp_ok($share{0}, '>=', 0.95, "$type, $metric: recall without workers");
		cmp_ok($share{2}, '>=', $share{0} - 0.02, "$type, $metric: recall with workers");
	}
}

# rows of a batch have different lengths, some of them larger than the room that others leave
$node->safe_psql('postgres', q{
	CREATE TABLE spread (id int PRIMARY KEY, v sparsevec(20000)) WITH (parallel_workers = 2);
	INSERT INTO spread SELECT i, ('{' || (SELECT string_agg(d * 7 % 20000 + 1 || ':' || (i * d) % 101 + 1, ',')
		FROM generate_series(i, i + CASE WHEN i % 40 = 0 THEN 15999 WHEN i % 3 = 0 THEN 700 ELSE i % 9 END) d) || '}/20000')::sparsevec
	FROM generate_series(1, 1200) i});
for my $kind ([ 2, '64MB' ], [ 0, '5MB' ])
{
	my ($workers, $memory) = @$kind;
	my ($started) = build($workers, 'CREATE INDEX spread_v ON spread USING vecgraph (v sparsevec_l2_ops)',
		"SET maintenance_work_mem = '$memory';");
	is($started, $workers || undef, "sparse rows, $memory: $workers workers launched");
	complete($node, 'spread', 'spread_v', "sparse rows, $memory");
	$node->safe_psql('postgres', 'DROP INDEX spread_v');
}

my ($launched) = build(2, 'CREATE INDEX CONCURRENTLY items_v ON items USING vecgraph (v vector_l2_ops)');
is($launched, 2, 'concurrently: launched');
complete($node, 'items', 'items_v', 'concurrently');
($launched) = build(2, 'REINDEX INDEX items_v');
is($launched, 2, 'reindex: launched');
complete($node, 'items', 'items_v', 'reindex');
($launched) = build(2, 'REINDEX INDEX CONCURRENTLY items_v');
is($launched, 2, 'reindex concurrently: launched');
complete($node, 'items', 'items_v', 'reindex concurrently');
($launched) = build(2, 'VACUUM FULL items');
is($launched, 2, 'vacuum full: launched');
complete($node, 'items', 'items_v', 'vacuum full');

# too little memory for all rows: those that fit are linked by workers, the rest is inserted
my ($few, $messages) = build(2, 'REINDEX INDEX items_v', q{SET maintenance_work_mem = '1MB';});
like($messages, qr/no longer fits into maintenance_work_mem after \d{4} rows/, 'too little memory');
is($few, 2, 'too little memory: launched');
complete($node, 'items', 'items_v', 'too little memory');
build(2, 'TRUNCATE items; INSERT INTO items SELECT id, v FROM moved',
	'CREATE TEMP TABLE moved AS SELECT * FROM items;');
complete($node, 'items', 'items_v', 'truncated and filled again');
$node->safe_psql('postgres', 'DROP INDEX items_v');

($launched) = build(2, 'CREATE INDEX items_part ON items USING vecgraph (v vector_l2_ops) WHERE id <= 3000');
is($launched, 2, 'partial: launched');
$node->safe_psql('postgres', "SELECT vecgraph_check('items_part', true); DROP INDEX items_part");
($launched) = build(2, 'CREATE INDEX items_half ON items USING vecgraph ((subvector(v, 1, 6)::vector(6)) vector_l2_ops)');
is($launched, 2, 'expression: launched');
$node->safe_psql('postgres', "SELECT vecgraph_check('items_half', true); DROP INDEX items_half");

# vectors in TOAST, by an expression that takes its time: what workers read is far ahead of what the leader takes in
$node->safe_psql('postgres', q{
	CREATE FUNCTION slowly(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
		'BEGIN IF random() < 0.2 THEN PERFORM pg_sleep(0.001); END IF; RETURN v; END';
	CREATE TABLE wide (id int, v vector(900)) WITH (parallel_workers = 2);
	INSERT INTO wide SELECT i, array(SELECT sin(i * j) FROM generate_series(1, 900) j)::vector FROM generate_series(1, 3000) i;
	INSERT INTO wide SELECT 0, NULL FROM generate_series(1, 100)});
($launched) = build(2, 'CREATE INDEX wide_v ON wide USING vecgraph ((slowly(v)::vector(900)) vector_l2_ops)');
is($launched, 2, 'vectors in TOAST: launched');
is($node->safe_psql('postgres', "SELECT nodes FROM vecgraph_info('wide_v'); SELECT vecgraph_check('wide_v', true)"),
	"3000\n", 'vectors in TOAST: all there');
$node->safe_psql('postgres', 'DROP INDEX wide_v');

$node->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE unlogged (id int, v vector(12)) WITH (parallel_workers = 2);
	INSERT INTO unlogged SELECT * FROM items;
	CREATE TABLE parent (id int, v vector(12)) PARTITION BY RANGE (id);
	CREATE TABLE low PARTITION OF parent FOR VALUES FROM (0) TO (2000) WITH (parallel_workers = 2);
	CREATE TABLE high PARTITION OF parent FOR VALUES FROM (2000) TO (9000) WITH (parallel_workers = 2);
	INSERT INTO parent SELECT * FROM items});
($launched) = build(2, 'CREATE INDEX unlogged_v ON unlogged USING vecgraph (v vector_l2_ops)');
is($launched, 2, 'unlogged: launched');
complete($node, 'unlogged', 'unlogged_v', 'unlogged');
($launched) = build(2, 'CREATE INDEX parent_v ON parent USING vecgraph (v vector_l2_ops)');
is($launched, 2, 'partitioned: launched');
complete($node, 'low', 'low_v_idx', 'partition');
complete($node, 'high', 'high_v_idx', 'partition');
($launched) = build(2, "CREATE INDEX temp_v ON temp_items USING vecgraph (v vector_l2_ops); SELECT vecgraph_check('temp_v', true)",
	'CREATE TEMP TABLE temp_items WITH (parallel_workers = 2) AS SELECT id, v::vector(12) FROM items;');
is($launched, undef, 'temporary table: no workers');
($launched) = build(2, 'CREATE INDEX few_v ON few USING vecgraph (v vector_l2_ops)',
	'CREATE TABLE few WITH (parallel_workers = 2) AS SELECT id, v::vector(12) FROM items LIMIT 100;');
is($launched, undef, 'few rows: no workers');

# workers that the server does not have
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_parallel_workers = 1; SELECT pg_reload_conf()');
$node->poll_query_until('postgres', "SELECT current_setting('max_parallel_workers') = '1'");
($launched) = build(2, 'CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops)');
is($launched, 1, 'one worker of two');
complete($node, 'items', 'items_v', 'one worker of two');
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_parallel_workers = 0; SELECT pg_reload_conf()');
$node->poll_query_until('postgres', "SELECT current_setting('max_parallel_workers') = '0'");
($launched) = build(2, 'REINDEX INDEX items_v');
is($launched, 0, 'no worker of two');
complete($node, 'items', 'items_v', 'no worker of two');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET max_parallel_workers; SELECT pg_reload_conf(); DROP INDEX items_v');
$node->poll_query_until('postgres', "SELECT current_setting('max_parallel_workers') = '8'");

# ---- broken off ----

# shared memory in files, to see what is left of it
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = mmap\n");
$node->restart;
$node->safe_psql('postgres', q{
	CREATE TABLE large (id serial, v vector(64)) WITH (parallel_workers = 2);
	INSERT INTO large (v) SELECT array(SELECT random() FROM generate_series(1, 64) WHERE i = i)::vector
	FROM generate_series(1, 20000) i});

# Everything that a failed build might leave.
sub leftovers
{
	my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'postgres'");
	$node->safe_psql('postgres', 'CHECKPOINT');
	return {
		files => scalar(grep { !m{/pg_internal|_fsm$|_vm$} } glob($node->data_dir . "/base/$oid/*")),
		segments => scalar(() = glob($node->data_dir . '/pg_dynshmem/mmap.*')),
		sorts => scalar(() = glob($node->data_dir . '/base/pgsql_tmp/*')),
		index => $node->safe_psql('postgres', "SELECT coalesce(to_regclass('large_v')::text, 'none')"),
		workers =>
		  $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'") };
}

# Starts a build and does something when its workers are in a phase; returns what the client was told.
sub disturbed
{
	my ($memory, $phase, $sql) = @_;
	my ($out, $err) = ('', '');
	my ($key, $progress) = ('v', 'tuples_done BETWEEN 100 AND 15000');
	# reading is over too soon to be met, unless each row takes a while
	($key, $progress) = ('(slowly(v)::vector(64))', 'blocks_done > 0') if $phase eq 'loading';
	my $running = IPC::Run::start(
		[ 'psql', '-XqAt', '-d', $node->connstr('postgres'),
			'-c', "SET max_parallel_maintenance_workers = 2; SET client_min_messages = warning", '-c',
			"SET maintenance_work_mem = '$memory'", '-c', "CREATE INDEX large_v ON large USING vecgraph ($key vector_l2_ops)" ],
		'>', \$out, '2>', \$err);
	my $seen = $node->poll_query_until('postgres', qq{
		SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE phase LIKE '%$phase%' AND $progress)
		   AND (SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'parallel worker')});
	ok($seen, "two workers are $phase, and progress is seen");
	$sql->();
	$running->finish;
	return $err;
}

my $pid_of = q{(SELECT pid FROM pg_stat_progress_create_index)};
my $one_worker = q{(SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker')};
for my $case ([ '64MB', 'loading' ], [ '64MB', 'linking' ], [ '2MB', 'inserting' ])
{
	my $phase = $case->[1];
	# the cache of codes, which stays, is made when it is first needed
	disturbed(@$case, sub { $node->safe_psql('postgres', "SELECT pg_cancel_backend($pid_of)") });
	my $before = leftovers();
	like(disturbed(@$case, sub { $node->safe_psql('postgres', "SELECT pg_cancel_backend($pid_of)") }),
		qr/canceling statement/, "$phase, cancelled");
	is_deeply(leftovers(), $before, "$phase, cancelled: nothing is left");
	like(disturbed(@$case, sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid_of)") }),
		qr/terminating connection/, "$phase, terminated");
	$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'});
	is_deeply(leftovers(), $before, "$phase, terminated: nothing is left");
	like(disturbed(@$case, sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend($one_worker)") }),
		qr/terminating|lost connection/, "$phase, a worker terminated");
	is_deeply(leftovers(), $before, "$phase, a worker terminated: nothing is left");

	# a crash may leave files of the transaction behind, as for every table, but no index and no shared memory
	disturbed(@$case, sub { my $pid = $node->safe_psql('postgres', "SELECT $one_worker"); kill 'KILL', $pid; });
	$node->poll_query_until('postgres', 'SELECT true');
	my $crashed = leftovers();
	is($crashed->{index}, 'none', "$phase, a worker killed: no index");
	cmp_ok($crashed->{segments}, '<=', $before->{segments}, "$phase, a worker killed: no shared memory");
}

# two at once
my @at_once = map {
	my $err = '';
	[ IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c',
				"CREATE INDEX large_$_ ON large USING vecgraph (v vector_l2_ops)" ], '2>', \$err), \$err ]
} 'a', 'b';
for my $run (@at_once)
{
	ok($run->[0]->finish, 'one of two builds at once') or diag(${ $run->[1] });
}
complete($node, 'large', "large_$_", "build $_ of two at once") for 'a', 'b';
$node->safe_psql('postgres', 'DROP INDEX large_a, large_b');

# ---- a system with little room: files, and so segments of shared memory, of at most 20 MB ----

# an index of these takes 28 MB
$node->safe_psql('postgres', q{
	CREATE TABLE too_large (id serial, v vector(1500)) WITH (parallel_workers = 2);
	INSERT INTO too_large (v) SELECT array_agg(sin(i * 0.3 + x * (i % 17)))::vector FROM generate_series(1, 3500) i, generate_series(1, 1500) x GROUP BY i});
$node->append_conf('postgresql.conf', "dynamic_shared_memory_type = posix\n");
$node->stop;
system_or_bail('sh', '-c', 'ulimit -f 40960; exec "$@"', 'sh', 'pg_ctl', '-w', '-s', '-D', $node->data_dir, '-l', $node->logfile,
	'-o', '--cluster-name=parallel', 'start');
$node->_update_pid(1);
(undef, $messages) = build(2, 'CREATE INDEX large_v ON large USING vecgraph (v vector_l2_ops)', q{SET maintenance_work_mem = '2GB';});
like($messages, qr/no shared memory for \d+ more bytes, continuing without workers/, 'no room for points: without workers');
complete($node, 'large', 'large_v', 'no room for points');
# 668 bytes of edges for each
$node->safe_psql('postgres', 'DROP INDEX large_v;
	CREATE TABLE low_dim (id serial, v vector(4)) WITH (parallel_workers = 2);
	INSERT INTO low_dim (v) SELECT ARRAY[random(), random(), random(), random()]::vector FROM generate_series(1, 33000) i');
(undef, $messages) = build(2, 'CREATE INDEX low_dim_v ON low_dim USING vecgraph (v vector_l2_ops) WITH (max_degree = 128)');
like($messages, qr/no shared memory for \d+ more bytes, continuing without workers/, 'no room for edges: without workers');
complete($node, 'low_dim', 'low_dim_v', 'no room for edges');

# no room for the index itself, in each regime of memory
my $before_wide = leftovers();
for my $memory ('128MB', '16MB', '3MB')
{
	for my $workers (0, 2)
	{
		my ($result, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '$memory';
			SET max_parallel_maintenance_workers = $workers; CREATE INDEX too_large_v ON too_large USING vecgraph (v vector_l2_ops)");
		isnt($result, 0, "no room for the index, $memory, $workers workers: refused");
		like($err, qr/ERROR:  could not (?:extend|write to) file .*: File too large/, "no room for the index, $memory, $workers workers: an error says so");
	}
}
is_deeply(leftovers(), $before_wide, 'no room for the index: no file is left');
is($node->safe_psql('postgres', "SELECT to_regclass('too_large_v') IS NULL"), 't', 'no room for the index: there is none');
complete($node, 'low_dim', 'low_dim_v', 'after builds that had no room');

$node->stop;
done_testing();
