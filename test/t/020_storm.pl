# Everything at once on a primary whose standby compares each page with what replay makes of it: inserts, updates, deletes, searches, VACUUM,
# fits, REINDEX CONCURRENTLY, TRUNCATE, while processes are killed. Afterwards all indexes are sound and complete, answers are right, and
# the standby has the same ones. VECIDX_SECONDS sets how long each of the rounds is (6), VECIDX_ROUNDS how many there are (3).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use Time::HiRes qw(usleep);
use VecidxTest qw(new_pair kill_server start_again start_pgbench complete compare tenant_searches);

my $seconds = $ENV{VECIDX_SECONDS} || 6;
my $rounds = $ENV{VECIDX_ROUNDS} || 3;
my $seed = $ENV{VECIDX_SEED} || int(rand(1_000_000));
srand($seed);
note "VECIDX_SEED=$seed";

my ($primary, $standby) = new_pair(standby_conf => 'max_standby_streaming_delay = -1',
	conf => "autovacuum = off\nfsync = off\nmax_connections = 40\nwal_consistency_checking = all\nrestart_after_crash = on\nmax_wal_size = 2GB\nwal_keep_size = 4GB\n");

my @indexes = qw(items_codes items_exact items_trained items_heap items_tenant);
$primary->safe_psql('postgres', q{
	CREATE FUNCTION some_vector() RETURNS vector LANGUAGE sql VOLATILE AS
		$$ SELECT CASE WHEN random() < 0.2 THEN array_fill((random() * 5)::int, ARRAY[24])::vector
			ELSE array(SELECT random() * 5 FROM generate_series(1, 24))::vector END $$;
	CREATE TABLE items (id bigserial PRIMARY KEY, v vector(24), note int DEFAULT 0, tenant int DEFAULT random() * 6);
	CREATE TABLE brief (id bigserial PRIMARY KEY, v vector(24));
	INSERT INTO items (v) SELECT some_vector() FROM generate_series(1, 3000);
	INSERT INTO items (v, tenant) SELECT some_vector(), 7 FROM generate_series(1, 40);
	CREATE INDEX items_tenant ON items USING vecgraph (v, tenant, note);
	CREATE INDEX items_codes ON items USING vecgraph (v);
	CREATE INDEX items_exact ON items USING vecgraph (v) WITH (codes = none);
	CREATE INDEX items_trained ON items USING vecgraph (v) WITH (pq_subvectors = 8);
	CREATE INDEX items_heap ON items USING vecgraph (v) WITH (storage = heap);
	CREATE INDEX brief_v ON brief USING vecgraph (v)});

my $off = 'SET enable_seqscan = off; SET enable_sort = off;';
my %scripts = (
	insert => [ 2, 'INSERT INTO items (v) SELECT some_vector() FROM generate_series(1, 5);' ],
	rollback => [ 1, 'BEGIN; INSERT INTO items (v) SELECT some_vector() FROM generate_series(1, 5); ROLLBACK;' ],
	update => [ 1, 'UPDATE items SET v = some_vector() WHERE id = (SELECT id FROM items ORDER BY v <-> some_vector() LIMIT 1) AND tenant < 7;' ],
	touch => [ 1, 'UPDATE items SET note = note + 1, tenant = random() * 6 WHERE id IN (SELECT (random() * 3000)::int FROM generate_series(1, 3)) AND tenant < 7;' ],
	delete => [
		1, 'DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY v <-> some_vector() LIMIT 4) AND tenant < 7
		AND (SELECT count(*) FROM items) > 2500;'
	],
	search => [ 2, "$off SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> some_vector() LIMIT 100) s;" ],
	tenant => [ 1, tenant_searches() ],
	brief => [ 1, 'INSERT INTO brief (v) SELECT some_vector() FROM generate_series(1, 40); SELECT count(*) FROM (SELECT id FROM brief ORDER BY v <-> some_vector() LIMIT 5) s;' ],
	truncate => [ 1, "SELECT pg_sleep(0.5); TRUNCATE brief;" ],
	vacuum => [ 1, 'VACUUM items;' ],
	train => [ 1, 'SELECT vecgraph_train(c) FROM (SELECT (array[\'items_codes\', \'items_trained\', \'items_heap\', \'items_tenant\'])[1 + random() * 3]::regclass c) s;' ],
	reindex => [ 1, 'SELECT pg_sleep(1); REINDEX INDEX CONCURRENTLY items_codes;' ]);

sub kill_backend
{
	my $pid = $primary->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' AND state = 'active' ORDER BY random() LIMIT 1");
	kill 'KILL', $pid if $pid;
	return;
}

# What an interrupted REINDEX CONCURRENTLY leaves behind.
sub drop_invalid
{
	my $drop = $primary->safe_psql('postgres', "SELECT string_agg('DROP INDEX ' || indexrelid::regclass, '; ') FROM pg_index WHERE NOT indisvalid");
	$primary->safe_psql('postgres', $drop) if $drop;
	return;
}

$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
for my $round (1 .. $rounds)
{
	my @running = map { start_pgbench($primary, $_, $scripts{$_}[1], $seconds, '-c', $scripts{$_}[0]) } sort keys %scripts;
	push @running, start_pgbench($standby, 'tenant_on_standby', tenant_searches(), $seconds, '-c', 1);
	my $killed = $round % 3;
	if ($killed)
	{
		usleep(1_000_000 * $seconds * (0.3 + rand(0.6)));
		if ($killed == 2) { kill_server($primary); start_again($primary); } else { kill_backend(); }
	}
	for (@running)
	{
		my ($name, $error, $handle) = @$_;
		$handle->finish;
		# a deadlock of two statements is the statements' own; a killed server ends its clients
		my @bad = grep { !/deadlock|server closed|connection|terminat|recovery mode|starting up|shutting down|crash of another/ }
		  $$error =~ /((?:ERROR|FATAL|PANIC):.*)/g;
		is("@bad", '', "round $round: $name meets no error") unless $killed == 2 && !@bad;
	}
	$primary->poll_query_until('postgres', 'SELECT true') or die 'the server does not come back';
	drop_invalid();
	complete($primary, 'items', $_, "round $round: $_") for @indexes;
	is($primary->safe_psql('postgres', "SELECT vecgraph_check('items_tenant', true)"), '', "round $round: signatures");
	complete($primary, 'brief', 'brief_v', "round $round: brief_v");
	ok($standby->poll_query_until('postgres', 'SELECT true'), "round $round: the standby is alive");
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	my $answer = "$off SELECT string_agg(id::text, ',' ORDER BY id) FROM (SELECT id FROM items ORDER BY v <-> array_fill(2.5, ARRAY[24])::vector LIMIT 200) s";
	is($standby->safe_psql('postgres', $answer), $primary->safe_psql('postgres', $answer), "round $round: the standby answers as the primary");
	my ($share) = compare($primary, 'items', '<->', 'SELECT some_vector() AS v FROM generate_series(1, 60)');
	cmp_ok($share, '>=', 0.95, "round $round: recall\@10");
}
$standby->stop;
$primary->stop;
done_testing();
