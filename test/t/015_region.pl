# Shared memory for the cache of codes that cannot be had: a segment that a backend cannot map, a handle that cannot be written, no
# address space. Every statement works all the same, from pages, nobody makes a second region, and it is tried again later. And what
# the worker that loads hot indexes after a restart does where databases are gone, closed or wanted by others.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node);

# Segments are files of the data directory here, so that the test can take them away.
my $node = new_node('region', conf => q{
	autovacuum = off
	fsync = off
	enable_seqscan = off
	enable_sort = off
	dynamic_shared_memory_type = mmap
	vecgraph.cache_size = 16MB
});
my $data = $node->data_dir;
my $search = 'SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> some_vector(3) LIMIT 10) s;';
my $kind = 'SELECT cache FROM vecgraph_cache_stats();';
my $complaint = qr/no shared memory for the codes of vecgraph indexes/;

my $make = q{
	CREATE FUNCTION some_vector(seed int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg(sin(seed * 0.1 * d)::real)::vector FROM generate_series(1, 32) d $$;
	CREATE TABLE items (id int, v vector(32));
	INSERT INTO items SELECT i, some_vector(i) FROM generate_series(1, 500) i;
	CREATE INDEX items_v ON items USING vecgraph (v);
};
$node->safe_psql('postgres', $make);

# Files of segments that are large enough to be a region.
sub regions
{
	return grep { -s $_ > 2**20 } glob("$data/pg_dynshmem/mmap.*");
}

# What one session says, and its part of the log.
sub session
{
	my ($script) = @_;
	my $logged = -s $node->logfile;
	my ($result, $out, $error) = $node->psql('postgres', $script);
	return ($out, $error, slurp_file($node->logfile, $logged));
}

# A backend that cannot map the region
my ($out, $error, $log) = session("$search $kind");
is($out, "10\ndynamic", 'a region is made');
my ($file) = regions();
ok(defined $file, 'and is a file');
($out, $error, $log) = session(qq{
	\\! chmod 0 $file
	$search
	$search
	INSERT INTO items VALUES (501, some_vector(501));
	DO \$\$ BEGIN PERFORM id FROM items ORDER BY v <-> some_vector(3) LIMIT 10; EXCEPTION WHEN division_by_zero THEN NULL; END \$\$;
	$kind
	\\! chmod 600 $file
	SELECT pg_sleep(10.1);
	$search
	$kind});
is($error, '', 'no statement fails where the region cannot be mapped');
is($out, "10\n10\nnone\n\n10\ndynamic", 'searches read pages, and later the region again');
is(scalar(my @told = $log =~ /$complaint/g), 1, 'it is told once');
like($log, qr/DETAIL:.*pg_dynshmem.*Permission denied/, 'and why');
is(scalar(regions()), 1, 'nobody made another region');

# A session without address space for it
SKIP:
{
	my ($prlimit) = grep { -x $_ } '/usr/bin/prlimit', '/bin/prlimit';
	skip 'no prlimit', 3 if !defined $prlimit;
	($out, $error, $log) = session(qq{
		LOAD 'vecidx';
		SELECT pg_backend_pid() AS pid \\gset
		\\setenv PID :pid
		\\! $prlimit --pid \$PID --as=\$((\$(awk '/VmSize/ {print \$2}' /proc/\$PID/status) * 1024 + 8000000)):
		$search
		$search
		$kind});
	is($error, '', 'no statement fails where there is no address space');
	is($out, "10\n10\nnone", 'searches read pages');
	like($log, qr/DETAIL:.*pg_dynshmem.*Cannot allocate memory/, 'and why');
}

# A handle that cannot be written: nobody makes a region that nobody else would find
$node->stop;
my $handle = "$data/pg_stat_tmp/vecidx_cache";
unlink $handle;
mkdir $handle or die "cannot make $handle: $!";
$node->start;
for my $round (1, 2)
{
	($out, $error, $log) = session("$search $kind");
	is($error, '', "no statement fails without a handle, round $round");
	is($out, "10\nnone", "searches read pages, round $round");
	like($log, qr/DETAIL:  could not write file "pg_stat_tmp\/vecidx_cache": Is a directory/, "and why, round $round");
	is(scalar(regions()), 0, "no region is made, round $round");
}
rmdir $handle or die "cannot remove $handle: $!";
is((session("$search $kind"))[0], "10\ndynamic", 'the next session makes it');
is((session("$search $kind"))[0], "10\ndynamic", 'and the one after that finds it');
is(scalar(regions()), 1, 'there is one');
$node->stop;

# Hot indexes of a database that is gone, of one that admits nobody, and a temporary one
my $warm = new_node('warm', conf => q{
	autovacuum = off
	fsync = off
	enable_seqscan = off
	shared_preload_libraries = 'vecidx'
	vecgraph.cache_size = 16MB
});
my $hot = $warm->data_dir . '/vecidx_hot_indexes';
my $is_warm = q{SELECT cached >= nodes FROM vecgraph_info('items_v')};
$warm->safe_psql('postgres', $make . "ALTER TABLE items RENAME TO lasting; CREATE TEMP TABLE items (LIKE lasting INCLUDING INDEXES);
	INSERT INTO items TABLE lasting; $search");
for my $database ('gone', 'closed', 'kept')
{
	$warm->safe_psql('postgres', "CREATE DATABASE $database");
	$warm->safe_psql($database, "CREATE EXTENSION vecidx; $make $search");
}
$warm->safe_psql('postgres', 'DROP DATABASE gone; ALTER DATABASE closed ALLOW_CONNECTIONS false');
my $logged = -s $warm->logfile;
$warm->stop;
is(-s $hot, 3 * 8, 'the list has no temporary index');
$warm->start;
# nobody who wants the database for themselves finds the worker in the way
$warm->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE kept');
$warm->safe_psql('postgres', 'ALTER DATABASE kept RENAME TO renamed; ALTER DATABASE renamed RENAME TO kept');
ok($warm->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'vecidx prewarmer of a database'"),
	'the workers end');
# what a worker has left to others is hot again when it is searched
$warm->safe_psql('kept', $search);
$warm->restart;
ok($warm->poll_query_until('kept', $is_warm), 'a hot index is warm again');
ok($warm->poll_query_until('postgres', "SELECT (pg_stat_file('vecidx_hot_indexes', true)).size > 0"), 'the list is there for the next time');
$log = slurp_file($warm->logfile, $logged);
like($log, qr/FATAL:  database "closed" is not currently accepting connections/, 'a database that admits nobody is left out');
unlike($log, qr/PANIC|terminated by signal|temporary/, 'and nothing worse happens');

# The server goes down while indexes are loaded: the next one does not load them
$warm->stop;
rename $hot, "$hot.loading" or die "cannot rename $hot: $!";
$logged = -s $warm->logfile;
$warm->start;
ok($warm->wait_for_log(qr/codes of hot vecgraph indexes are not loaded/, $logged), 'what the server went down over is not loaded again');
is($warm->safe_psql('kept', 'SELECT cached FROM vecgraph_info(\'items_v\')'), 0, 'it is not');
ok(!-e "$hot.loading", 'but the next time');
$warm->stop;
done_testing();
