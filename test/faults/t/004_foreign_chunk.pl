# A chunk of the cache goes to another index while a search tests the signatures in it: no row is lost by that.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../../lib";
use Test::More;
use VecidxTest qw(new_node);

# fifteen chunks: one for the index that is searched, all others for one that wants more
my $node = new_node('foreign', conf => "autovacuum = off\nfsync = off\nvecgraph.cache_size = 1MB\nmax_parallel_maintenance_workers = 0\n");
$node->safe_psql('postgres', q{
	CREATE TABLE items (id int, v vector(32), tenant int);
	INSERT INTO items SELECT i, (SELECT array_agg(sin(i * d)::real)::vector FROM generate_series(1, 32) d), i % 50 FROM generate_series(1, 1000) i;
	CREATE INDEX items_v ON items USING vecgraph (v, tenant);
	CREATE TABLE other (v vector(1000), c int);
	INSERT INTO other SELECT (SELECT array_agg(sin(i * d)::real)::vector FROM generate_series(1, 1000) d), i FROM generate_series(1, 4000) i;
	CREATE INDEX other_v ON other USING vecgraph (v, c) WITH (max_degree = 8, build_list_size = 10)});
$node->safe_psql('postgres', "SELECT vecgraph_prewarm('items_v'); SELECT vecgraph_prewarm('other_v')");
is($node->safe_psql('postgres', "SELECT cached >= nodes FROM vecgraph_info('items_v')"), 't', 'the index is in the cache');
my $others = $node->safe_psql('postgres', "SELECT cached FROM vecgraph_info('other_v')");

my ($out, $error, $in) = ('', '', '');
my $control = $node->background_psql('postgres');
$control->query_safe("SELECT pg_advisory_lock(hashtext('match-begun'))");
my $search = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', q{SET enable_seqscan = off; SET vecidx.fault = 'match-begun:wait';
	SELECT count(*), sum(id) FROM (SELECT id FROM items WHERE tenant = 7 ORDER BY v <-> array_fill(0.5, ARRAY[32])::vector LIMIT 100) s} ],
	'>', \$out, '2>', \$error);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), 'a search is among the signatures');
# the index loses its chunk when nobody knows what has changed in it
$node->safe_psql('postgres', "SET vecidx.fault = 'code-log:refuse'; INSERT INTO items SELECT 1001, v * v, 8 FROM items WHERE id = 1");
$node->safe_psql('postgres', "SELECT vecgraph_prewarm('other_v')");
# an insert that prunes neighbours loads the chunk again before the other index comes: then another one is tried
my $taken = 0;
for my $id (2 .. 40)
{
	$taken = $node->safe_psql('postgres', "SELECT cached FROM vecgraph_info('other_v')") > $others and last;
	$node->safe_psql('postgres', "SET vecidx.fault = 'code-log:refuse'; INSERT INTO items SELECT 1000 + $id, v * v, 8 FROM items WHERE id = $id");
	$node->safe_psql('postgres', "SELECT vecgraph_prewarm('other_v')");
}
ok($taken, 'another index has the chunk');
$control->query_safe("SELECT pg_advisory_unlock(hashtext('match-begun'))");
$search->finish;
is("$out$error", $node->safe_psql('postgres', 'SELECT count(*), sum(id) FROM items WHERE tenant = 7') . "\n", 'all rows are found');
$control->quit;
$node->stop;
done_testing();
