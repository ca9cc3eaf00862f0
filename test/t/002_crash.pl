# kill -9 in the middle of build, insert, vacuum and fitting codes: the server restarts, the index is sound, no committed row is missing.
# VECIDX_CRASH_ROUNDS sets how often each is killed (3).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use Time::HiRes qw(usleep);
use VecidxTest qw(new_node kill_server start_again complete share);

my $rounds = $ENV{VECIDX_CRASH_ROUNDS} || 3;
my $seed = $ENV{VECIDX_SEED} || int(rand(1_000_000));
srand($seed);
note "VECIDX_SEED=$seed";

my $node = new_node('crash', conf => "autovacuum = off\nmax_wal_size = 64MB\ncheckpoint_timeout = 30s\n");
my $random = 'array(SELECT random() FROM generate_series(1, 64) WHERE i = i)::vector';
$node->safe_psql('postgres', "CREATE TABLE items (id bigserial PRIMARY KEY, v vector(64), tag int DEFAULT random() * 20, word text DEFAULT random() * 3);
	INSERT INTO items (v) SELECT $random FROM generate_series(1, 3000) i");

# Starts statements in the background, each an own session repeating it, and kills the server at a random moment.
sub killed_while
{
	my ($most_ms, @scripts) = @_;
	my @running;
	for my $sql (@scripts)
	{
		my ($out, $err) = ('', '');
		push @running, IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', $sql ],
			'>', \$out, '2>', \$err);
	}
	usleep(1000 * int(rand($most_ms)));
	kill_server($node);
	$_->finish for map { my $h = $_; eval { $h->kill_kill }; $h } @running;
	start_again($node);
	return;
}

my $insert = "DO \$\$ BEGIN FOR k IN 1..100000 LOOP
	INSERT INTO items (v) SELECT $random FROM generate_series(1, 3) i; COMMIT; END LOOP; END \$\$";

my $update = 'DO $$ BEGIN FOR k IN 1..100000 LOOP UPDATE items SET tag = tag + 1 WHERE id IN (k, k * 7); COMMIT; END LOOP; END $$';

my @kinds = ('codes = none', 'codes = pq', 'storage = heap, codes = pq', 'pq_subvectors = 16');
# room for all, for codes, for neither
my @memory = ('64MB', '2MB', '1MB');
for my $round (1 .. $rounds)
{
	my $create = "SET maintenance_work_mem = '$memory[($round + int($round / 3)) % 3]';
		CREATE INDEX items_v ON items USING vecgraph (${\ ($round % 2 ? 'v, tag, word' : 'v') }) WITH ($kinds[$round % @kinds])";
	note $create;
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_v');
	killed_while(1500, $create);
	my $valid = $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('items_v') AND indisvalid");
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_v') unless $valid;
	$node->safe_psql('postgres', $create) unless $valid;
	complete($node, 'items', 'items_v', "build, round $round");

	killed_while(2500, $insert, $insert, $update);
	is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v', true)"), '', "insert, round $round: all rows are there, with their signatures");
	note 'rows: ' . $node->safe_psql('postgres', 'SELECT count(*) FROM items');
	complete($node, 'items', 'items_v', "insert, round $round");

	if ($create !~ /codes = none/)
	{
		killed_while(1500, $insert, 'DO $$ BEGIN FOR k IN 1..1000 LOOP PERFORM vecgraph_train(\'items_v\'); COMMIT; END LOOP; END $$');
		complete($node, 'items', 'items_v', "fit, round $round");
		my $nodes = $node->safe_psql('postgres', "SELECT nodes FROM vecgraph_info('items_v')");
		is($node->safe_psql('postgres', "SELECT vecgraph_train('items_v')"), $nodes, "fit finished, round $round");
		complete($node, 'items', 'items_v', "fit finished, round $round");
	}

	$node->safe_psql('postgres', 'DELETE FROM items WHERE random() < 0.3');
	killed_while(600, 'VACUUM items', $insert);
	complete($node, 'items', 'items_v', "vacuum, round $round");
	is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v', true)"), '', "vacuum, round $round: all rows are there, with their signatures");
	$node->safe_psql('postgres', 'VACUUM items');
	complete($node, 'items', 'items_v', "vacuum finished, round $round");
	my $left = $node->safe_psql('postgres', "SELECT deleted FROM vecgraph_info('items_v')");
	is($left, 0, "vacuum finished, round $round: no deleted node is left");
}

# codes that are trained for the first time: until every node has one, nobody goes by them
for my $round (1 .. $rounds)
{
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS few; CREATE TABLE few (id bigserial PRIMARY KEY, v vector(64), tag int DEFAULT random() * 20);
		INSERT INTO few (v) SELECT $random FROM generate_series(1, 900) i;
		CREATE INDEX few_v ON few USING vecgraph (v, tag) WITH (pq_subvectors = 16);
		INSERT INTO few (v) SELECT $random FROM generate_series(1, 105) i; CHECKPOINT");
	killed_while(150, q{SELECT vecgraph_train('few_v')}, q{INSERT INTO few (v) SELECT v FROM few WHERE id < 5});
	complete($node, 'few', 'few_v', "first training, round $round");
	is($node->safe_psql('postgres', "SELECT vecgraph_check('few_v', true)"), '', "first training, round $round: signatures");
	note 'trained: ', $node->safe_psql('postgres', "SELECT fitted_nodes > 0 FROM vecgraph_info('few_v')");
	cmp_ok($node->safe_psql('postgres', "SELECT vecgraph_train('few_v')"), '>=', 1005, "first training finished, round $round");
	complete($node, 'few', 'few_v', "first training finished, round $round");
	cmp_ok(share($node, 'few', '<->', 100, 20), '>=', 0.9, "first training finished, round $round: recall");
}

$node->stop;
done_testing();
