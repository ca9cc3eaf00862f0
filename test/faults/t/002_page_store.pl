# The pages of an index keep the rules of the seam between graph and storage (graph/vx_store.h), with every storage and kind of codes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../../lib";
use PostgreSQL::Test::Cluster;
use Test::More;
use VecidxTest qw(new_node);

my $node = new_node('store', conf => "autovacuum = off\nfsync = off\n");
$node->safe_psql('postgres', q{
	CREATE FUNCTION vecidx_test_store(regclass) RETURNS text AS '$libdir/vecidx' LANGUAGE c STRICT;
	CREATE TABLE items (v vector(24));
	SELECT setseed(0.5);
	INSERT INTO items SELECT ARRAY(SELECT random() FROM generate_series(1, 24) WHERE n IS NOT NULL)::vector FROM generate_series(1, 1200) n});

for my $options ('codes = none', 'codes = pq', 'pq_subvectors = 6', 'storage = half', 'storage = heap')
{
	for my $metric (qw(l2 ip cosine l1))
	{
		next if $metric eq 'l1' && $options =~ /pq_subvectors/;
		is( $node->safe_psql('postgres', qq{
				DROP INDEX IF EXISTS items_v;
				CREATE INDEX items_v ON items USING vecgraph (v vector_${metric}_ops) WITH ($options, max_degree = 16);
				SELECT coalesce(vecidx_test_store('items_v'), 'conforms')}),
			'conforms', "$options, $metric");
	}
}
$node->stop;
done_testing();
