# What is not in the buffers is asked for before it is read, by searches, inserts, VACUUM and the rest, and nothing is asked for where all is in
# the buffers, or comes at once, or where effective_io_concurrency says so; and answers are the same.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node);

# the smallest buffers, for an index and a table of some 300 pages each
my $node = new_node('ahead', conf => "autovacuum = off\nfsync = off\nshared_buffers = 16MB\nvecgraph.cache_size = 16MB\n");
$node->safe_psql('postgres', q{
	CREATE FUNCTION vecidx_fault_record(bool) RETURNS void AS '$libdir/vecidx' LANGUAGE c;
	CREATE FUNCTION vecidx_fault_sites() RETURNS text AS '$libdir/vecidx' LANGUAGE c;
	CREATE FUNCTION vector_of(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
		'SELECT array_agg(sin(i * (d + i % 7))::real)::vector FROM generate_series(1, 64) d';
	CREATE TABLE items (id int, v vector(64));
	INSERT INTO items SELECT i, vector_of(i) FROM generate_series(1, 4000) i;
	CREATE INDEX full_v ON items USING vecgraph (v);
	CREATE INDEX pages_v ON items USING vecgraph (v) WITH (codes = none);
	VACUUM ANALYZE items});

# Does something, after a start of the server if all is to be cold. Returns how often, in source places, it asks for pages, and what it returns.
sub asked
{
	my ($do, %options) = @_;
	$node->restart if $options{cold};
	# what the system has in its memory comes as fast as it may: here it counts as if it came from a disk
	my $answer = $node->safe_psql('postgres', "SET vecidx.fault = 'read-at-once:refuse'; SET enable_seqscan = off; SET enable_sort = off;
		" . ($options{set} // '') . ";
		SELECT vecidx_fault_record(true);
		$do;
		SELECT vecidx_fault_record(false);
		RESET vecidx.fault;
		SELECT 'asked ' || count(*) FROM regexp_matches(vecidx_fault_sites(), 'PrefetchBuffer\@', 'g')");
	$answer =~ s/asked (\d+)\n?// or die $answer;
	return ($1, $answer);
}

sub search
{
	my ($index, $limit) = @_;
	my $other = $index eq 'full_v' ? 'pages_v' : 'full_v';
	return "BEGIN; DROP INDEX $other; SELECT string_agg(id::text, ' ') FROM (SELECT id FROM items ORDER BY v <-> vector_of(100) LIMIT $limit) s; ROLLBACK";
}

for my $index ('full_v', 'pages_v')
{
	for my $limit (10, 200)
	{
		my $what = "$index, $limit rows";
		my $search = search($index, $limit);
		my ($cold, $answer) = asked($search, cold => 1);
		cmp_ok($cold, '>=', 2, "$what: a search asks for pages of the index and of the table");
		my ($off, $same) = asked($search, cold => 1, set => 'SET effective_io_concurrency = 0; SET maintenance_io_concurrency = 0');
		is($off, 0, "$what: it does not where nothing is to be read at the same time");
		is($same, $answer, "$what: with the same answer");
		# once all of it has been read
		$node->safe_psql('postgres', $search);
		(my $warm, $same) = asked($search);
		is($warm, 0, "$what: nor where all is in the buffers");
		is($same, $answer, "$what: with the same answer again");
	}
}

my %others = (
	insert => 'INSERT INTO items SELECT i, vector_of(i) FROM generate_series(4001, 4010) i',
	vacuum => 'VACUUM items',
	prewarm => "SELECT vecgraph_prewarm('full_v')");
for my $what (sort keys %others)
{
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 10 = 0') if $what eq 'vacuum';
	my ($cold) = asked($others{$what}, cold => 1);
	cmp_ok($cold, '>', 0, "$what asks for pages");
}
my ($off) = asked($others{prewarm}, cold => 1, set => 'SET effective_io_concurrency = 0');
is($off, 0, 'prewarm does not where nothing is to be read at the same time');
done_testing();
