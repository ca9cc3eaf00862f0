# Who waits for the lock of the cache of codes is seen to wait for it, by its name.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node);

for my $preload (1, 0)
{
	my $what = $preload ? 'preloaded' : 'dynamic';
	my $node = new_node($what, conf => "autovacuum = off\nfsync = off\nvecgraph.cache_size = 16MB\n"
		  . ($preload ? "shared_preload_libraries = 'vecidx'\n" : ''));
	$node->safe_psql('postgres', q{
		CREATE FUNCTION vecidx_fault_record(bool) RETURNS void AS '$libdir/vecidx' LANGUAGE c;
		CREATE FUNCTION vecidx_fault_sites() RETURNS text AS '$libdir/vecidx' LANGUAGE c;
		CREATE TABLE items (v vector(32));
		INSERT INTO items SELECT (SELECT array_agg(sin(i * d)::real)::vector FROM generate_series(1, 32) d) FROM generate_series(1, 60) i;
		CREATE INDEX items_v ON items USING vecgraph (v)});
	my $prewarm = "SELECT vecgraph_prewarm('items_v')";
	# a session that stops with the lock, and one that then wants it
	my $script = "SELECT vecidx_fault_record(true); $prewarm; SELECT vecidx_fault_record(false);
		SELECT set_config('vecidx.fault', string_agg(site[1] || ':stop', ','), false)
			FROM regexp_matches(vecidx_fault_sites(), 'LWLockAcquire\@[^\\n]*', 'g') site;
		$prewarm";
	my ($out, $error) = ('', '');
	my @psql = ('psql', '-XqAt', '-d', $node->connstr('postgres'), '-c');
	my $holder = IPC::Run::start([ @psql, $script ], '>', \$out, '2>', \$error);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%:stop%' AND pid <> pg_backend_pid()")
	  or die "the session has not begun: $out $error";
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query LIKE '%:stop%' AND pid <> pg_backend_pid()");
	my $stopped = 0;
	for (1 .. 1800)
	{
		last if $stopped = slurp_file("/proc/$pid/stat") =~ /^\d+ \(.*\) T/;
		select undef, undef, undef, 0.1;
	}
	ok($stopped, "$what: a session stops with the lock of the cache");
	my $waiter = IPC::Run::start([ @psql, $prewarm ], '>', \$out, '2>', \$error);
	# wait events are named by who reads them: where the region is dynamic, by who has it mapped
	my $event = '';
	for (1 .. 1800)
	{
		$event = $node->safe_psql('postgres', "SELECT cache FROM vecgraph_cache_stats();
			SELECT wait_event FROM pg_stat_activity WHERE wait_event_type = 'LWLock' AND query LIKE '%vecgraph_prewarm%'");
		last if $event =~ /\n/;
		select undef, undef, undef, 0.1;
	}
	is($event, "$what\nvecidx_cache", "$what: another one is seen to wait for it");
	kill 'CONT', $pid;
	$_->finish for $holder, $waiter;
	is($error, '', "$what: both go on");
	$node->stop;
}
done_testing();
