# Replay makes the very pages that the primary has: with wal_consistency_checking each record carries them, and a standby (or a
# server that recovers) stops at the first difference. So nothing may write to a page without a record. And what looks at an index on
# the standby while replay changes it does not take that for corruption.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_pair start_pgbench complete);

my ($primary, $standby) = new_pair(standby_conf => 'max_standby_streaming_delay = -1',
	conf => "autovacuum = off\nfsync = off\nwal_consistency_checking = all\nmax_wal_size = 2GB\nenable_seqscan = off\n");

# The standby replays all that there is. It stops where that makes another page than the primary's.
sub replayed
{
	my ($what) = @_;
	my $lsn = $primary->lsn('insert');
	my $done = $standby->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'");
	ok($done, "$what: replayed") and return;
	diag(grep { /FATAL/ } split /^/m, slurp_file($standby->logfile));
	exit 1;
}

my $vector = 'array(SELECT random() FROM generate_series(1, 8) WHERE i = i)::vector';
my %indexes = (
	plain => 'codes = none',
	scalar => 'codes = pq',
	trained => 'pq_subvectors = 4',
	halves => 'storage = half',
	filtered => 'codes = pq',
	heap => 'storage = heap');
$primary->safe_psql('postgres', 'CREATE TABLE items (id int, v vector(8)) WITH (fillfactor = 50)');
$primary->safe_psql('postgres', "INSERT INTO items SELECT i, $vector FROM generate_series(1, 1200) i");
my %columns = (filtered => 'v, id, (id % 3)');
$primary->safe_psql('postgres', "CREATE INDEX $_ ON items USING vecgraph (${\ ($columns{$_} // 'v') }) WITH (max_degree = 8, $indexes{$_})")
  for sort keys %indexes;
replayed('built');
$primary->safe_psql('postgres', "INSERT INTO items SELECT i, $vector FROM generate_series(1201, 1400) i;
	INSERT INTO items SELECT i, '[1,1,1,1,1,1,1,1]' FROM generate_series(2001, 2300) i");
replayed('inserted, many of the same');

# Each search meets dead rows, of nodes and of chains, and so do those that link the next rows to them.
my @searches = map { my $kept = $_;
	join(';', 'BEGIN', (map { "DROP INDEX $_" } grep { $_ ne $kept } sort keys %indexes),
		"SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 2000) s", 'ROLLBACK') } sort keys %indexes;
$primary->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0; UPDATE items SET id = id WHERE id % 7 = 0');
for my $round (1 .. 2) { $primary->safe_psql('postgres', $_) for @searches; }
$primary->safe_psql('postgres', "INSERT INTO items SELECT i, $vector FROM generate_series(3001, 3100) i;
	INSERT INTO items SELECT i, '[1,1,1,1,1,1,1,1]' FROM generate_series(3501, 3550) i");
replayed('searched among dead rows, and inserted');
$primary->safe_psql('postgres', 'VACUUM items');
replayed('vacuumed');
$primary->safe_psql('postgres', "INSERT INTO items SELECT i, $vector FROM generate_series(4001, 4300) i");
$primary->safe_psql('postgres', "SELECT vecgraph_train('$_')") for grep { $_ ne 'plain' } sort keys %indexes;
replayed('slots used again, and codes fitted');
$primary->safe_psql('postgres', 'CREATE UNLOGGED TABLE unlogged AS SELECT * FROM items;
	CREATE INDEX unlogged_v ON unlogged USING vecgraph (v); DELETE FROM unlogged WHERE id % 2 = 0; ALTER TABLE unlogged SET LOGGED;
	INSERT INTO unlogged SELECT * FROM items LIMIT 100');
replayed('an unlogged index, then logged');

# all at once; on the standby an index is checked all the time
my $looks = "SELECT vecgraph_check('scalar', true), vecgraph_check('filtered', true), vecgraph_check('trained'), (vecgraph_info('scalar')).live;";
my %scripts = (
	look => $looks,
	insert => 'INSERT INTO items SELECT random() * 1000, ARRAY(SELECT (random() * 3)::int + x * 0 FROM generate_series(1, 8) x)::vector FROM generate_series(1, 5);',
	update => 'UPDATE items SET id = id + 1 WHERE id = (random() * 1000)::int;',
	delete => 'DELETE FROM items WHERE id = 1000 + (random() * 4000)::int;',
	search => "SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[1,2,1,2,1,2,1,2]' LIMIT 500) s;",
	filter => "SELECT count(*) FROM (SELECT id FROM items WHERE id < 500 ORDER BY v <-> '[1,2,1,2,1,2,1,2]' LIMIT 50) s;",
	vacuum => 'VACUUM items;');
my @running = map { start_pgbench($_ eq 'look' ? $standby : $primary, $_, $scripts{$_}, 2, '-c', 1) } sort keys %scripts;
for my $run (@running)
{
	my ($name, $log, $handle) = @$run;
	$handle->finish;
	is($handle->result(0), 0, "pgbench $name") or diag($$log);
}
replayed('all at once');
is($standby->safe_psql('postgres', "SELECT vecgraph_check('$_')"), '', "$_: vecgraph_check on the standby") for sort keys %indexes;

is($primary->safe_psql('postgres', "SELECT vecgraph_check('filtered', true)"), '', 'signatures');
$primary->stop('immediate');
$primary->start;
complete($primary, 'items', $_, "$_: recovered") for sort keys %indexes;
$standby->stop;
$primary->stop;
done_testing();
