# Indexes on bit strings, of real vectors that are quantised: recall by distance, ties counted, after each way of building and after changes;
# filters; the vectors' own neighbours by a second order; dump and restore.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_node load_set compare);

my $node = new_node('bits', conf => "shared_buffers = 256MB\nfsync = off\nautovacuum = off\nmax_worker_processes = 8\n"
	  . "max_parallel_workers = 8\nmin_parallel_table_scan_size = 0\n");
load_set($node, 'minilm', 'minilm-25k', 'minilm-2k');
$node->safe_psql('postgres', q{
	CREATE TABLE bits (id serial, v bit(384), kind int) WITH (parallel_workers = 2);
	INSERT INTO bits (v, kind) SELECT binary_quantize(v), id % 20 FROM minilm ORDER BY id;
	CREATE TABLE bits_query AS SELECT binary_quantize(v)::bit(384) AS v FROM minilm_query WHERE id < 100;
	ANALYZE bits});
my $queries = 'SELECT v FROM bits_query';

# Recall at each limit, and that rows come in order, and as many as are wanted.
sub check_recall
{
	my ($what, $operator, $index, %least) = @_;
	for my $limit (sort { $a <=> $b } keys %least)
	{
		my ($share, $inverted, $missing) = compare($node, 'bits', $operator, $queries, limit => $limit);
		note "$what: recall\@$limit $share";
		cmp_ok($share, '>=', $least{$limit}, "$what: recall\@$limit");
		is("$inverted $missing", '0 0', "$what: in order and complete, LIMIT $limit");
	}
	is($node->safe_psql('postgres', "SELECT vecgraph_check('$index', true), unreachable FROM vecgraph_info('$index')"),
		'|0', "$what: vecgraph_check");
	return;
}

for my $case ([ 'hamming', '<~>' ], [ 'jaccard', '<%>' ])
{
	my ($metric, $operator) = @$case;
	my $create = "CREATE INDEX bits_v ON bits USING vecgraph (v bit_${metric}_ops)";
	$node->safe_psql('postgres', "SET max_parallel_maintenance_workers = 0; $create");
	check_recall("$metric, built", $operator, 'bits_v', 1 => 0.98, 10 => 0.98, 100 => 0.98);
	$node->safe_psql('postgres', "DROP INDEX bits_v; SET max_parallel_maintenance_workers = 2; $create");
	check_recall("$metric, built by workers", $operator, 'bits_v', 10 => 0.98);
	for my $workers (0, 2)
	{
		my ($result, $out, $err) = $node->psql('postgres', "DROP INDEX bits_v; SET maintenance_work_mem = '2MB';
			SET max_parallel_maintenance_workers = $workers; $create");
		like($err, qr/graph no longer fits/, "$metric: little memory, $workers workers");
		check_recall("$metric, built with little memory, $workers workers", $operator, 'bits_v', 10 => 0.98);
	}
	$node->safe_psql('postgres', q{CREATE TABLE gone AS SELECT * FROM bits WHERE id % 5 = 2; DELETE FROM bits WHERE id % 5 = 2; VACUUM bits});
	check_recall("$metric, vacuumed", $operator, 'bits_v', 10 => 0.98);
	$node->safe_psql('postgres', 'INSERT INTO bits TABLE gone; DROP TABLE gone');
	check_recall("$metric, deleted and inserted", $operator, 'bits_v', 10 => 0.975, 100 => 0.975);
	$node->safe_psql('postgres', 'DROP INDEX bits_v');
}

# conditions that are tested in the index
$node->safe_psql('postgres', 'CREATE INDEX bits_v ON bits USING vecgraph (v bit_hamming_ops, kind)');
my ($share, $inverted, $missing) = compare($node, 'bits', '<~>', $queries, where => 'kind = 3');
cmp_ok($share, '>=', 0.98, 'with a filter: recall@10');
is("$inverted $missing", '0 0', 'with a filter: in order and complete');

# of an expression, and the vectors themselves for the second order
$node->safe_psql('postgres', 'CREATE INDEX minilm_bits ON minilm USING vecgraph ((binary_quantize(v)::bit(384)) bit_hamming_ops)');
my $inner = 'SELECT id, v FROM minilm ORDER BY binary_quantize(v)::bit(384) <~> binary_quantize(q.v) LIMIT 200';
my $answer = $node->safe_psql('postgres', qq{
	SET enable_seqscan = off; SET enable_sort = on;
	EXPLAIN SELECT * FROM minilm_query q, LATERAL ($inner) s;
	SELECT round(sum((SELECT count(*) FROM minilm_truth t WHERE t.q = q.id AND t.id = ANY (r.ids))) / (10.0 * count(*)), 3)
	FROM minilm_query q, LATERAL (SELECT array_agg(id) AS ids FROM (SELECT id FROM ($inner) c ORDER BY v <=> q.v LIMIT 10) s) r
	WHERE q.id < 100});
like($answer, qr/Index Scan using minilm_bits/, 'quantised vectors: plan');
my ($found) = $answer =~ /^([\d.]+)$/m;
note "quantised vectors: recall\@10 $found of 200 candidates";
cmp_ok($found, '>=', 0.95, 'quantised vectors: recall@10 of 200 candidates, by the vectors');

# dump and restore
$node->safe_psql('postgres', 'CREATE INDEX bits_jaccard ON bits USING vecgraph (v bit_jaccard_ops)');
my $file = $node->basedir . '/bits.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-t', 'bits', '-f', $file ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->safe_psql('restored', 'CREATE EXTENSION vecidx');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $file ], 'restore');
is($node->safe_psql('restored', q{SELECT indexname, metric, filters, vecgraph_check(indexname::regclass, true)
	FROM pg_indexes, vecgraph_info(indexname::regclass) WHERE tablename = 'bits' ORDER BY indexname}),
	"bits_jaccard|jaccard||\nbits_v|hamming|kind|", 'restored indexes');

$node->stop;
done_testing();
