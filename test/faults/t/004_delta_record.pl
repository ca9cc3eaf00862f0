# What changes a few bytes writes the very WAL record that the server's GenericXLog would write, and makes the same pages.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../../lib";
use PostgreSQL::Test::Cluster;
use Test::More;
use VecidxTest qw(new_node);

my $node = new_node('delta', conf => "autovacuum = off\nfsync = off\nfull_page_writes = off\n");
$node->safe_psql('postgres', q{
	CREATE FUNCTION vecidx_test_delta(regclass, int, int) RETURNS text AS '$libdir/vecidx' LANGUAGE c STRICT;
	CREATE TABLE items (v vector(24), i int);
	INSERT INTO items SELECT ARRAY(SELECT random() FROM generate_series(1, 24) WHERE n IS NOT NULL)::vector, n FROM generate_series(1, 1200) n});

for my $options ('codes = none', 'codes = pq', 'storage = half, max_degree = 16', 'storage = heap')
{
	$node->safe_psql('postgres', "DROP INDEX IF EXISTS items_v; CREATE INDEX items_v ON items USING vecgraph (v, i) WITH ($options)");
	for my $seed (1 .. 5)
	{
		is( $node->safe_psql('postgres', "SELECT coalesce(vecidx_test_delta('items_v', 1000, $seed), 'the same')"),
			'the same', "$options, seed $seed");
	}
	is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v', true)"), '', "$options: the pages are what they were");
}
$node->stop;
done_testing();
