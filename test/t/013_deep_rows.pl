# Rows of any rank: they come with the recall and the order of the first ten, plain and filtered, from every storage.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_node load_set compare);

# one process, so that graphs are the same in every run
my $node = new_node('deep', conf => "fsync = off\nautovacuum = off\nmax_parallel_maintenance_workers = 0\n");

# Tables NAME (id, v) and NAME_query: real vectors in few dimensions, of which codes say little, and uniform ones, that have many
# neighbours at nearly the same distance.
load_set($node, 'minilm', 'minilm-25k', 'minilm-2k');
$node->safe_psql('postgres', q{
	CREATE TABLE words AS SELECT id, subvector(v, 1, 64)::vector(64) AS v FROM minilm WHERE id < 3000;
	CREATE TABLE words_query AS SELECT id, subvector(v, 1, 64)::vector(64) AS v FROM minilm_query WHERE id < 100;
	SELECT setseed(0.5);
	CREATE TABLE uniform AS SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 32) WHERE i > 0)::vector(32) AS v
		FROM generate_series(1, 2500) i;
	CREATE TABLE uniform_query AS SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 32) WHERE i > 0)::vector(32) AS v
		FROM generate_series(1, 100) i;

	-- without sorts a scan that is in no need of one is preferred; "+ 0" makes an order that the index cannot give
	ALTER DATABASE postgres SET enable_sort = off;
	ALTER DATABASE postgres SET enable_seqscan = off;

	-- the share of right rows in the page of ten after the row of that rank, by the first so many queries
	CREATE FUNCTION page(data text, operator text, rank int, queries int) RETURNS numeric LANGUAGE plpgsql AS $$
	DECLARE
		q vector;
		first float8;
		last float8;
		found int;
		total int := 0;
	BEGIN
		FOR q IN EXECUTE format('SELECT v FROM %I_query ORDER BY id LIMIT %s', data, queries) LOOP
			EXECUTE format('SELECT (array_agg(d))[%1$s], (array_agg(d))[%1$s + 10] FROM (SELECT v %2$s $1 AS d FROM %3$I ORDER BY (v %2$s $1) + 0) s',
				rank, operator, data) INTO first, last USING q;
			EXECUTE format('SELECT count(*) FROM (SELECT v %1$s $1 AS d FROM %2$I WHERE v %1$s $1 > $2 ORDER BY v %1$s $1 LIMIT 10) s WHERE d <= $3',
				operator, data) INTO found USING q, coalesce(first, '-infinity'), last;
			total := total + found;
		END LOOP;
		RETURN round(total / (10.0 * queries), 3);
	END $$;

	-- the same for the window of ten rows behind an OFFSET
	CREATE FUNCTION beyond(data text, operator text, rank int, queries int) RETURNS numeric LANGUAGE plpgsql AS $$
	DECLARE
		q vector;
		found int;
		total int := 0;
	BEGIN
		FOR q IN EXECUTE format('SELECT v FROM %I_query ORDER BY id LIMIT %s', data, queries) LOOP
			EXECUTE format('SELECT count(*) FROM (SELECT id FROM %2$I ORDER BY v %1$s $1 OFFSET %3$s LIMIT 10) a
				JOIN (SELECT id FROM %2$I ORDER BY (v %1$s $1) + 0 OFFSET %3$s LIMIT 10) b USING (id)', operator, data, rank)
				INTO found USING q;
			total := total + found;
		END LOOP;
		RETURN round(total / (10.0 * queries), 3);
	END $$;
});

sub value { return $node->safe_psql('postgres', $_[0]); }

for my $case (
	[ 'words', '<=>', 'vector_cosine_ops', 'full' ],
	[ 'uniform', '<->', 'vector_l2_ops', 'full' ],
	[ 'uniform', '<->', 'vector_l2_ops', 'half' ],
	[ 'words', '<=>', 'vector_cosine_ops', 'heap' ],
	[ 'uniform', '<+>', 'vector_l1_ops', 'half' ],
	[ 'uniform', '<+>', 'vector_l1_ops', 'heap' ])
{
	my ($data, $operator, $opclass, $storage) = @$case;
	my $what = "$data $operator, storage = $storage";

	value("DROP INDEX IF EXISTS the_index; CREATE INDEX the_index ON $data USING vecgraph (v $opclass) WITH (storage = $storage); ANALYZE $data");
	like(value("EXPLAIN SELECT id FROM $data WHERE id % 10 = 3 ORDER BY v $operator (SELECT v FROM $data LIMIT 1) LIMIT 10"),
		qr/Index Scan using the_index/, "$what: the index is used");
	my $queries = $storage eq 'full' ? 100 : 30;
	# the nearest so many rows for so many queries
	my $rows = sub {
		my ($limit, $count, %options) = @_;
		return compare($node, $data, $operator, "SELECT v FROM ${data}_query ORDER BY id LIMIT $count", limit => $limit, %options);
	};
	for my $rank (0, 200, 500, 1000, 1900)
	{
		my $share = value("SELECT page('$data', '$operator', $rank, 10)");
		cmp_ok($share, '>=', 0.95, "$what: the page after rank $rank: $share");
	}
	# codes that estimate L2 find some rows of L1 late, and each moves all windows behind its place by one
	my $share = value("SELECT beyond('$data', '$operator', 500, 10)");
	cmp_ok($share, '>=', $operator eq '<+>' ? 0.85 : 0.95, "$what: OFFSET 500: $share");
	for my $plain ([ 'true', 100 ], [ 'id % 10 = 3', 10 ], [ 'id % 4 = 3', 100 ])
	{
		my ($right, $inverted, $missing) = $rows->($plain->[1], $queries, where => $plain->[0]);
		is($inverted, 0, "$what: order of $plain->[1] rows WHERE $plain->[0]");
		is($missing, 0, "$what: none is missing");
		cmp_ok($right, '>=', $operator eq '<+>' ? 0.95 : 0.98, "$what: right rows among them: $right");
	}
	# 40 rows match
	my $count = value("SELECT count(*) FROM $data");
	my (undef, $inverted, $missing) = $rows->(30, 10, where => "id * 40 % $count < 40", settings => 'SET vecgraph.iterative_scan = strict_order');
	is($inverted, 0, "$what: strict_order is");
	cmp_ok($missing, '<=', 3, "$what: strict_order loses $missing of 300 rows");
	(undef, $inverted) = $rows->(1000, 10, settings => 'SET vecgraph.iterative_scan = off');
	is($inverted, 0, "$what: the list alone is in order");
}

$node->stop;
done_testing();
