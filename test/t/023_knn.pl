# vecidx_knn gives the rows and the distances of a sort by distance and key, for each query: of real vectors, NULLs, twins and extremes, by every
# metric, whatever the number of queries and of rows, the memory, and the order in which the table has them. Its memory does not grow with
# the table, it can be cancelled, and it sees what the statement sees.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_node load_file root);

my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>');
my $node = new_node('knn', conf => "fsync = off\nautovacuum = off\n");
my $data = root() . '/data';

# Tables NAME and NAME_query (id, v): real ones, of some of which there are many; in few dimensions, from a grid; of all lengths. In halves,
# too. Far ones are real ones with all elements much larger: their products with each other are nearly the same.
load_file($node, 'sift', "$data/sift-10k/base.bvecs");
load_file($node, 'sift_query', "$data/sift-10k/query.bvecs");
load_file($node, 'minilm', "$data/minilm-2k/base.fvecs");
load_file($node, 'minilm_query', "$data/minilm-2k/query.fvecs");
$node->safe_psql('postgres', q{
	INSERT INTO sift SELECT 20000 + id, CASE WHEN id % 3 = 0 THEN v END FROM sift WHERE id < 1000;
	INSERT INTO minilm SELECT 20000 + id, CASE id % 4 WHEN 0 THEN v WHEN 1 THEN array_fill(0, ARRAY[384])::vector END FROM minilm WHERE id < 200;
	SELECT setseed(0.5);
	CREATE TABLE grid AS SELECT i AS id, ARRAY[floor(random() * 4), floor(random() * 4), floor(random() * 3)]::vector(3) AS v FROM generate_series(1, 3000) i;
	CREATE TABLE grid_query AS SELECT id, v FROM grid WHERE id <= 50;
	CREATE TABLE wild AS
		SELECT i AS id, (SELECT array_agg((random() - 0.5 + 0 * x) * 10 ^ e) FROM generate_series(1, 20) x)::vector AS v
		FROM (SELECT i, (i % 5 - 2) * 12 + floor(random() * 2) AS e FROM generate_series(1, 3000) i) s;
	INSERT INTO wild VALUES (4000, array_fill(1e20, ARRAY[20])::vector), (4001, array_fill(-1e20, ARRAY[20])::vector), (4002, array_fill(1e-24, ARRAY[20])::vector),
		(4003, array_fill(0, ARRAY[20])::vector), (4004, array_fill(1e-24, ARRAY[20])::vector);
	CREATE TABLE wild_query AS SELECT id, v FROM wild WHERE id <= 30 OR id >= 4000;
	CREATE TABLE far AS SELECT id, v + array_fill(3000, ARRAY[128])::vector AS v FROM sift WHERE id < 3000;
	CREATE TABLE far_query AS SELECT id, v + array_fill(3000, ARRAY[128])::vector AS v FROM sift_query WHERE id < 60;
	CREATE TABLE halves AS SELECT id, v::halfvec FROM minilm;
	CREATE TABLE halves_query AS SELECT id, v FROM minilm_query;
	CREATE TABLE shuffled AS SELECT id, v FROM sift ORDER BY hashint4(id);
	CREATE TABLE shuffled_query AS SELECT id, v FROM sift_query;

	-- the differences between the result of vecidx_knn and a sort, by the first so many queries
	CREATE FUNCTION differences(data text, metric text, operator text, k int, queries int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		differences bigint;
	BEGIN
		EXECUTE format('CREATE TEMP TABLE got AS SELECT r.* FROM vecidx_knn(ARRAY(SELECT v::vector FROM %1$I_query ORDER BY id LIMIT %2$s), %1$L, ''v'', %3$s, ''id'', 0, %4$L) r',
			data, queries, k, metric);
		EXECUTE format('CREATE TEMP TABLE wanted AS SELECT q.query, s.* FROM (SELECT (row_number() OVER (ORDER BY id))::int AS query, v FROM %1$I_query ORDER BY id LIMIT %2$s) q,
			LATERAL (SELECT id AS key, v %4$s q.v AS distance FROM %1$I WHERE v IS NOT NULL ORDER BY 2, 1 LIMIT %3$s) s', data, queries, k, operator);
		SELECT (SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE wanted) a) + (SELECT count(*) FROM (TABLE wanted EXCEPT ALL TABLE got) b) INTO differences;
		DROP TABLE got, wanted;
		RETURN differences;
	END $$;});

sub differences
{
	my ($table, $metric, $k, $queries, $work_mem) = @_;
	return $node->safe_psql('postgres', "SET work_mem = '$work_mem'; SELECT differences('$table', '$metric', '$operators{$metric}', $k, $queries)");
}

for my $table (qw(sift minilm halves grid wild far))
{
	for my $metric (sort keys %operators)
	{
		is(differences($table, $metric, 10, 20, '4MB'), 0, "$table by $metric");
	}
}
# panels of queries that are full, or not; few that are compared one by one; more neighbours than a block has rows, or the table
for my $queries (1, 3, 4, 15, 16, 17, 33, 200)
{
	is(differences('sift', 'l2', 7, $queries, '4MB'), 0, "$queries queries");
}
for my $k (1, 300, 20000)
{
	is(differences('minilm', 'cosine', $k, 5, '64MB'), 0, "$k neighbours");
	is(differences('grid', 'l2', $k, 5, '64MB'), 0, "$k neighbours with ties");
}
# less memory than queries and neighbours take: several passes
for my $work_mem ('64kB', '200kB')
{
	is(differences('sift', 'l2', 20, 150, $work_mem), 0, "l2 with $work_mem");
	is(differences('minilm', 'cosine', 300, 20, $work_mem), 0, "cosine with $work_mem");
}
is(differences('shuffled', 'l2', 10, 50, '4MB'), 0, 'rows in another order');
# workers read the table
$node->safe_psql('postgres', "ALTER DATABASE postgres SET parallel_setup_cost = 0; ALTER DATABASE postgres SET parallel_tuple_cost = 0;
	ALTER DATABASE postgres SET min_parallel_table_scan_size = 0");
is(differences('sift', 'ip', 10, 50, '4MB'), 0, 'rows from workers');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET ALL');

# by place, joined in the same statement, while rows are changed between
is( $node->safe_psql('postgres', q{
	UPDATE grid SET v = v WHERE id % 2 = 0;
	DELETE FROM grid WHERE id % 7 = 0;
	SELECT count(*), count(DISTINCT (query, g.id)), bool_and(distance = g.v <-> q[query])
		FROM (SELECT ARRAY(SELECT v FROM grid_query ORDER BY id) AS q OFFSET 0) q, vecidx_knn(q, 'grid', 'v', 4000) r JOIN grid g ON g.ctid = r.ctid}),
	50 * 2572 . '|' . 50 * 2572 . '|t',
	'places are those of the rows');

# an older snapshot sees older rows
my $session = $node->background_psql('postgres', on_error_stop => 1) if $node->can('background_psql');
if (ref $session && $session->can('query_safe'))
{
	my $search = q{SELECT min(key) FROM vecidx_knn('{"[1,1,1]"}', 'grid', 'v', 1, 'id', 0)};
	my $before = $session->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; $search");
	$node->safe_psql('postgres', "DELETE FROM grid WHERE id = $before");
	is($session->query_safe($search), $before, 'a row that was deleted since is there');
	$session->query_safe('COMMIT');
	isnt($session->query_safe($search), $before, 'and is not, with a new snapshot');
	$session->quit;
}

# memory that a backend has had at most, in kB, after queries over tables of 1,000 and of 100,000 rows
my $search = "SELECT count(*) FROM vecidx_knn(ARRAY(SELECT v FROM sift_query), '%s', 'v', 10, 'id', NULL::text)";
$node->safe_psql('postgres', 'CREATE TABLE small AS SELECT id, v FROM sift WHERE v IS NOT NULL ORDER BY id LIMIT 1000;
	CREATE TABLE large AS SELECT id + 100000 * i AS id, v FROM sift, generate_series(1, 10) i');
my ($small, $large) = map { /VmPeak:\s*(\d+)/ ? $1 : 0 } split /-----/,
  $node->safe_psql('postgres', join(";SELECT '-----';", map { sprintf($search, $_) . q{; SELECT pg_read_file('/proc/self/status')} } qw(small large)));
cmp_ok($small, '>', 10000, 'memory is known');
# keys are the caller's: blocks of rows do not hold many large ones
$node->safe_psql('postgres', q{CREATE TABLE wide (id text, v vector(1));
	INSERT INTO wide SELECT repeat(chr(32 + i), 1000000), ARRAY[i] FROM generate_series(1, 90) i});
$search = q{SELECT count(*) FROM vecidx_knn('{"[1]"}', '%s', 'v', 1, 'id', NULL::text); SELECT pg_read_file('/proc/self/status')};
my $wide = $node->safe_psql('postgres', "SET work_mem = '64MB'; " . sprintf($search, 'wide')) =~ /VmPeak:\s*(\d+)/ ? $1 : 0;
SKIP:
{
	# AddressSanitizer keeps what was freed
	skip 'under a sanitizer', 2 if $ENV{ASAN_OPTIONS};
	cmp_ok($large - $small, '<', 2000, "as much memory for a hundred times the rows: $small and $large kB");
	cmp_ok($wide - $small, '<', 20000, "memory with keys of a megabyte: $wide kB");
}

# interrupts
my $begun = time;
my ($result, $out, $error) = $node->psql('postgres', "SET statement_timeout = 300; SELECT count(*) FROM vecidx_knn(ARRAY(SELECT v FROM sift WHERE v IS NOT NULL), 'large', 'v', 10, 'id', 0, 'l1')");
isnt($result, 0, 'a statement that takes too long ends');
like($error, qr/canceling statement due to statement timeout/, 'as it was told to');
cmp_ok(time - $begun, '<', 20, 'soon');

$node->stop;
done_testing();
