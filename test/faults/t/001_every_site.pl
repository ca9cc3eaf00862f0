# Each operation fails once at every lock, page read, allocation and record that it comes by, and the server dies once around every
# record: afterwards all indexes are sound and complete, and the same session goes on.
# VECIDX_SITES=pattern restricts the sites, VECIDX_OPERATIONS=pattern the operations.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VecidxTest qw(new_node);

my $only_sites = $ENV{VECIDX_SITES} // '.';
my $only_operations = $ENV{VECIDX_OPERATIONS} // '.';
my $node = new_node('sites', conf => "autovacuum = off\nfsync = off\nrestart_after_crash = on\nlog_min_messages = fatal\n");
my @indexes = qw(items_codes items_exact items_trained items_heap);
my $random = "ARRAY(SELECT random() FROM generate_series(1, 24) WHERE n IS NOT NULL)::vector";
$node->safe_psql('postgres', qq{
	CREATE FUNCTION vecidx_fault_record(bool) RETURNS void AS '\$libdir/vecidx' LANGUAGE c;
	CREATE FUNCTION vecidx_fault_sites() RETURNS text AS '\$libdir/vecidx' LANGUAGE c;
	CREATE TABLE items (id serial PRIMARY KEY, v vector(24), note int);
	INSERT INTO items (v) SELECT $random FROM generate_series(1, 1100) n;
	CREATE INDEX items_codes ON items USING vecgraph (v) WITH (max_degree = 8);
	CREATE INDEX items_exact ON items USING vecgraph (v) WITH (max_degree = 8, codes = none);
	CREATE INDEX items_trained ON items USING vecgraph (v) WITH (max_degree = 8, pq_subvectors = 6);
	CREATE INDEX items_heap ON items USING vecgraph (v) WITH (max_degree = 8, storage = heap);
	CREATE TABLE few (v vector(24));
	CREATE INDEX few_v ON few USING vecgraph (v) WITH (max_degree = 8);
	CREATE TABLE built AS SELECT v FROM items LIMIT 200;
	CHECKPOINT});

# name, what comes before each run, the operation, whether it writes (and so is killed as well)
my $delete = "INSERT INTO items (v) SELECT $random FROM generate_series(1, 20) n; "
  . 'DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY random() LIMIT 20);';
my @operations = (
	[ 'insert', '', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 1) n;", 1 ],
	[ 'insert of many', '', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 25) n;", 1 ],
	[ 'insert of equals', '', "INSERT INTO items (v) SELECT array_fill(1, ARRAY[24])::vector FROM generate_series(1, 90) n;", 1 ],
	[ 'update of another column', '', 'UPDATE items SET note = 1 WHERE id IN (SELECT id FROM items ORDER BY random() LIMIT 5);', 1 ],
	[
		'vacuum',
		"$delete DELETE FROM items WHERE v = array_fill(1, ARRAY[24])::vector AND random() < 0.9;",
		'VACUUM items;', 1
	],
	[ 'fit', '', join('', map { "SELECT vecgraph_train('$_');" } grep { !/exact/ } @indexes), 1 ],
	[ 'first rows', 'TRUNCATE few;', "INSERT INTO few SELECT $random FROM generate_series(1, 135) n;", 1 ],
	[ 'build', 'DROP INDEX IF EXISTS built_v;', 'CREATE INDEX built_v ON built USING vecgraph (v);', 1 ],
	[ 'build of pages', 'DROP INDEX IF EXISTS built_v;', 'CREATE INDEX built_v ON built USING vecgraph (v) WITH (storage = heap);', 0 ],
	[ 'rebuild', '', 'REINDEX INDEX items_trained;', 0 ],
	[
		'search', '',
		'SET enable_seqscan = off; SET enable_sort = off;'
		  . join('', map { "SELECT sum(id) FROM (SELECT id FROM items ORDER BY v <-> array_fill(0.5, ARRAY[24])::vector LIMIT 40) $_;" } @indexes),
		0
	],
	[ 'prewarm', '', join('', map { "SELECT vecgraph_prewarm('$_');" } @indexes), 0 ]);

my $check = join('', map { "SELECT vecgraph_check('$_');" } @indexes, 'few_v');

# Where sites are in the source, for messages.
sub place
{
	my ($site) = @_;
	my ($here, $caller) = $site =~ m{@(0x\w+)/(0x\w+)} or return $site;
	my $library = `$ENV{PG_CONFIG} --pkglibdir` if $ENV{PG_CONFIG};
	$library //= `pg_config --pkglibdir`;
	chomp $library;
	my @lines = split /\n/, `addr2line -e $library/vecidx.so $here $caller 2>/dev/null`;
	s{.*/src/}{} for @lines;
	return "$site (" . join(', ', @lines) . ')';
}

sub sites_of
{
	my ($prepare, $operation) = @_;
	my $out = $node->safe_psql('postgres', "$prepare SELECT vecidx_fault_record(true); $operation SELECT vecidx_fault_record(false);\n"
		  . "SELECT 'SITES'; SELECT vecidx_fault_sites()");
	$out =~ s/.*^SITES\n//ms;
	return grep { /$only_sites/ } sort split /\n/, $out;
}

# A new session for each of the sites fails there, looks at the indexes, and does it again.
sub fail_everywhere
{
	my ($name, $prepare, $operation, @sites) = @_;
	my $script = '';
	for my $site (@sites)
	{
		$script .= "\\c postgres\n$prepare\nSET vecidx.fault = '$site:error';\n$operation\nRESET vecidx.fault;\n$check\n$operation\n";
	}
	my ($result, $out, $error) = $node->psql('postgres', $script, on_error_stop => 0, on_error_die => 0);
	my $failed = () = $error =~ /ERROR:\s+fault injected/g;
	my @bad = grep { !/fault injected/ } $error =~ /^(?:psql:\S+ )?((?:ERROR|FATAL|PANIC|server closed).*)$/mg;
	is("@bad[0 .. ($#bad > 4 ? 4 : $#bad)]", '', "$name: no other error after a failure at any of " . @sites . ' sites')
	  or diag($error);
	cmp_ok($failed, '>=', @sites * 0.4, "$name: $failed of " . @sites . ' sites failed as told');
	return;
}

# What psql returns, once the server that was killed is back: until the postmaster has noticed, it answers, and then breaks off.
sub psql_after_crash
{
	my ($script) = @_;
	for (1 .. 100)
	{
		my ($result, $out, $error) = eval { $node->psql('postgres', $script) };
		return ($result, $out, $error)
		  if defined $result && $error !~ /in recovery mode|is starting up|not yet accepting connections|Connection refused|crash of another server process/;
		usleep(100_000);
	}
	die 'the server does not come back';
}

# Waits until the server answers. A psql that dies with it takes the pipe along that it is written to, which is no more than a try.
sub await_server
{
	for (1 .. 100)
	{
		my $result = eval { (psql_after_crash('SELECT true'))[0] };
		return if defined $result && $result == 0;
		usleep(100_000);
	}
	die 'the server does not come back';
}

# The server dies before or after each record.
sub die_everywhere
{
	my ($name, $prepare, $operation, @sites) = @_;
	my $bad = 0;
	for my $site (grep { /^(GenericXLogFinish|vecgraph_delta_finish|log_newpage)/ } @sites)
	{
		for my $moment (qw(kill after))
		{
			# psql may be gone before it has been told all
			eval { $node->psql('postgres', "$prepare\nSET vecidx.fault = '$site:$moment';\n$operation"); };
			await_server();
			my ($result, $out, $error) = psql_after_crash("$check $operation $check");
			next if $result == 0;
			$bad++;
			diag("$name, $moment at " . place($site) . ":\n$error");
		}
	}
	is($bad, 0, "$name: sound after the server died around each record");
	return;
}

for (@operations)
{
	my ($name, $prepare, $operation, $writes) = @$_;
	next unless $name =~ /$only_operations/;
	my @sites = sites_of($prepare, $operation);
	cmp_ok(scalar @sites, '>', 0, "$name: there are sites");
	note "$name: " . @sites . ' sites';
	fail_everywhere($name, $prepare, $operation, @sites);
	die_everywhere($name, $prepare, $operation, @sites) if $writes;
}
$node->stop;
done_testing();
