# Target recall: scans find the share of the nearest rows that they are to find, for as many rows as are asked for, while the index grows and
# changes; and the LIMIT of a query says for how many.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_node);

# one process, so that graphs are the same in every run
my $node = new_node('target', conf => "vecgraph.target_recall = 0.98\nfsync = off\nautovacuum = off\nmax_parallel_maintenance_workers = 0\n");

# Normal vectors of 24 dimensions, which have many neighbours at nearly the same distance: lists must be long.
$node->safe_psql('postgres', q{
	SELECT setseed(0.5);
	CREATE FUNCTION normal(i int) RETURNS vector LANGUAGE sql AS $$
		SELECT array_agg(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::vector FROM generate_series(1, 24) WHERE i > 0 $$;
	CREATE TABLE queries AS SELECT i AS id, normal(i)::vector(24) AS v, 0::float8 AS tenth, 0::float8 AS hundredth FROM generate_series(1, 300) i;
	CREATE TABLE items (id int, v vector(24));
	INSERT INTO items SELECT i, normal(i) FROM generate_series(1, 1000) i;
	ALTER DATABASE postgres SET enable_sort = off;
	ALTER DATABASE postgres SET enable_seqscan = off;

	-- how far the 10th and the 100th row are
	CREATE PROCEDURE look() LANGUAGE sql AS $$
		UPDATE queries q SET (tenth, hundredth) = (SELECT (array_agg(d))[10], (array_agg(d))[100]
			FROM (SELECT i.v <-> q.v AS d FROM items i ORDER BY (i.v <-> q.v) + 0 LIMIT 100) s) $$;

	-- recall of the first 10 or 100 rows, by scans that know how many there will be, or only that one after the other is taken
	CREATE FUNCTION recall(wanted int, known bool) RETURNS numeric LANGUAGE plpgsql AS $$
	DECLARE
		q vector(24);
		d float8;
		bound float8;
		rows refcursor;
		hits int := 0;
	BEGIN
		FOR q, bound IN SELECT v, CASE wanted WHEN 10 THEN tenth ELSE hundredth END FROM queries LOOP
			IF known THEN
				hits := hits + (SELECT count(*) FROM (SELECT v <-> q AS d FROM items ORDER BY v <-> q LIMIT wanted) s WHERE s.d <= bound);
			ELSE
				OPEN rows FOR SELECT v <-> q FROM items ORDER BY v <-> q;
				FOR i IN 1 .. wanted LOOP
					FETCH rows INTO d;
					hits := hits + (d <= bound)::int;
				END LOOP;
				CLOSE rows;
			END IF;
		END LOOP;
		RETURN round(hits / (wanted * 300.0), 4);
	END $$;
});

sub list_sizes { return split /,/, $node->safe_psql('postgres', "$_[0]; SELECT array_to_string(list_sizes, ',') FROM vecgraph_info('items_v')"); }

# Recalls for several targets and LIMITs. Few queries say it within two or three hundredths, and a list of little more than the rows that are wanted may be enough for more.
sub hold
{
	my ($when) = @_;
	$node->safe_psql('postgres', 'CALL look()');
	for my $target (0.9, 0.98)
	{
		my $set = "SET vecgraph.target_recall = $target";
		my @sizes = list_sizes($set);
		for my $wanted (10, 100)
		{
			my $size = $sizes[ $wanted == 10 ? 1 : 2 ];
			my $recall = $node->safe_psql('postgres', "$set; SELECT recall($wanted, true)");
			cmp_ok($recall, '>=', $target - 0.02, "$when: $wanted rows, target $target, list $size: $recall is enough");
			cmp_ok($recall, '<=', $target + 0.03, "$when: $wanted rows, target $target, list $size: $recall is not too much")
			  if $size > 1.5 * $wanted;
		}
	}
	return;
}

$node->safe_psql('postgres', 'CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops)');
hold('built');
my @small = list_sizes('SET vecgraph.target_recall = 0.98');

# VACUUM measures again what has grown, also if nothing was deleted
$node->safe_psql('postgres', 'INSERT INTO items SELECT i, normal(i) FROM generate_series(1001, 8000) i; VACUUM items');
my @grown = list_sizes('SET vecgraph.target_recall = 0.98');
cmp_ok($grown[1], '>', 1.2 * $small[1], "lists of $small[1] become $grown[1] as the index grows");
hold('grown');

# rows of cursors are not announced
my $taken = $node->safe_psql('postgres', 'SELECT recall(100, false)');
cmp_ok($taken, '>=', 0.97, "100 rows of a cursor: $taken");

# an index that is replaced row by row does not grow, and is measured again all the same
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0; VACUUM items; INSERT INTO items SELECT i, normal(i) FROM generate_series(8001, 12000) i; VACUUM items');
hold('churned');

# what says how long lists are: the setting of the list, that of the target, the option, the default
is(join(' ', list_sizes('SET vecgraph.search_list_size = 33')), '33 33 33', 'a list size that is set is for all');
is($node->safe_psql('postgres', "SELECT target_recall FROM vecgraph_info('items_v')"), '0.98', 'the default target');
my @default = list_sizes('SET vecgraph.target_recall = 0.98');
is(join(' ', list_sizes('SET vecgraph.target_recall = 0')), join(' ', map { $_ < 64 ? 64 : $_ } @default), 'where no target is set, lists are as long as usual, or as the default target needs');
$node->safe_psql('postgres', 'ALTER INDEX items_v SET (target_recall = 0.9)');
my @option = list_sizes('SET vecgraph.target_recall = 0');
cmp_ok($option[1], '<', $default[1], 'a lower target as an option makes shorter lists at once');
is(join(' ', list_sizes('SET vecgraph.target_recall = 0.98')), join(' ', @default), 'the setting goes before the option');
is($node->safe_psql('postgres', "SELECT target_reached FROM vecgraph_info('items_v')"), 't', 'the target can be reached');

# the LIMIT comes through subqueries, from parameters, and below more conditions; an index without a curve has lists as before
for my $query (
	'SELECT id FROM items ORDER BY v <-> (SELECT v FROM queries WHERE id = 1) LIMIT 200',
	'SELECT id FROM (SELECT id, v FROM items) s ORDER BY v <-> (SELECT v FROM queries WHERE id = 1) OFFSET 100 LIMIT 100',
	'SELECT (SELECT max(s.id) FROM (SELECT id FROM items ORDER BY v <-> q.v LIMIT q.id) s) FROM queries q WHERE id < 20',
	'SELECT id FROM items WHERE id % 2 = 1 ORDER BY v <-> (SELECT v FROM queries WHERE id = 1) LIMIT 50',
	'SELECT id FROM items ORDER BY v <-> (SELECT v FROM queries WHERE id = 1) FETCH FIRST ROW ONLY')
{
	my ($result, $out, $error) = $node->psql('postgres', $query);
	is($result, 0, $query) or diag($error);
}
$node->safe_psql('postgres', 'CREATE TABLE empty (v vector(24)); CREATE INDEX empty_v ON empty USING vecgraph (v vector_l2_ops)');
is($node->safe_psql('postgres', "SELECT list_sizes::text || ' ' || (target_reached IS NULL) FROM vecgraph_info('empty_v')"),
	'{64,64,64} true', 'an index that was not measured');

$node->stop;
done_testing();
