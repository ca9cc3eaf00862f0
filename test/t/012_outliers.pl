# A few wild rows do not make other rows hard to find: whether they are there when an index is built, come by inserts, are fitted to
# by VACUUM, or have been deleted again. Neither do the sizes of all rows.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_node compare share);

use constant ROWS => 1600;
use constant EVERY => 40;

my $node = new_node('outliers', conf => "autovacuum = off\nfsync = off\n");

# Row i of the table whose wild rows are the last of each thousand (0.1 %), hundred or twenty: far away, in any direction. No query is
# near one.
$node->safe_psql('postgres', q{
	CREATE FUNCTION draw(i int, d int) RETURNS real LANGUAGE sql IMMUTABLE AS $$
		SELECT (hashint8extended(i::bigint * 1000 + d, 1) / 18446744073709551616.0 + 0.5)::real $$;
	CREATE FUNCTION place(i int, every int, size real) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg(CASE WHEN i % every = every - 1 THEN size * (draw(i, d) - 0.3) ELSE draw(i, d) END)::vector
			FROM generate_series(1, 32) d $$});

# What codes lose, whether VACUUM would see drift, and how many rows cannot be reached.
sub lost
{
	return split /\|/, $node->safe_psql('postgres', "SELECT code_error, code_drift, unreachable FROM vecgraph_info('items_v')");
}

sub check
{
	my ($what, $operator, $least, $attached) = @_;
	my $share = share($node, 'items', $operator, 60, EVERY);
	my ($error, $drift, $unreachable) = lost();
	note "$what: $share of the nearest ten, code_error $error, code_drift $drift, unreachable $unreachable";
	cmp_ok($share, '>=', $least, "$what: rows are found");
	cmp_ok($error, '<', 0.15, "$what: codes are good");
	cmp_ok($drift, '<', 1.4, "$what: no drift");
	is($unreachable, 0, "$what: every row can be reached") if $attached;
	is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v', true)"), '', "$what: sound");
}

for my $case ([ '<->', 'vector_l2_ops', 0.99 ], [ '<#>', 'vector_ip_ops', 0.95 ])
{
	my ($operator, $opclass, $least) = @$case;
	for my $every (1000, 100, 20)
	{
		my $rows = ROWS;
		my $what = sprintf '%s, %.1f %% of wild rows', $operator, 100 / $every;
		my $create = "CREATE INDEX items_v ON items USING vecgraph (v $opclass)";
		my $insert = "INSERT INTO items SELECT i, place(i, $every, 1e6) FROM generate_series";

		$node->safe_psql('postgres', "DROP TABLE IF EXISTS items; CREATE TABLE items (id int PRIMARY KEY, v vector(32));
			$insert(0, $rows - 1) i; $create");
		check("$what, built", $operator, $least, 1);
		$node->safe_psql('postgres', "SELECT vecgraph_train('items_v')");
		check("$what, built and fitted", $operator, $least, 1);

		# wild rows come to an index that had none, and VACUUM need not fit it to them
		$node->safe_psql('postgres', "TRUNCATE items; DROP INDEX items_v; $insert(0, $rows - 1) i WHERE i % $every <> $every - 1; $create;
			$insert(0, $rows - 1) i WHERE i % $every = $every - 1");
		check("$what, inserted", $operator, $least);
		my $fitted = $node->safe_psql('postgres', "SELECT fitted_nodes FROM vecgraph_info('items_v')");
		$node->safe_psql('postgres', 'VACUUM items');
		check("$what, inserted and vacuumed", $operator, $least, 1);
		is($node->safe_psql('postgres', "SELECT fitted_nodes FROM vecgraph_info('items_v')"), $fitted, "$what: VACUUM saw no drift");

		# an index that began empty; VACUUM fits it
		$node->safe_psql('postgres', "TRUNCATE items; $insert(0, $rows - 1) i");
		check("$what, loaded", $operator, $least);
		$node->safe_psql('postgres', 'VACUUM items');
		check("$what, loaded and vacuumed", $operator, $least);
		$node->safe_psql('postgres', "DELETE FROM items WHERE id % $every = $every - 1; VACUUM items");
		check("$what, wild rows deleted", $operator, $operator eq "<->" ? 0.99 : 0.95, 1);
	}
}

# Vectors so long or short that their squares are no floats: the share of rows that are as near as the tenth nearest, for queries of
# a size.
sub share_of_sizes
{
	my ($operator, $size) = @_;
	return (compare($node, 'items', $operator, "SELECT place(i, 1, $size) AS v FROM generate_series(10001, 10040) i"))[0];
}

for my $case ([ '<->', 'vector_l2_ops', 1e-22, 1e-22 ], [ '<#>', 'vector_ip_ops', 1e-22, 1e-15 ],
	[ '<#>', 'vector_ip_ops', 1e30, 1e-30 ], [ '<=>', 'vector_cosine_ops', 1e-25, 1 ], [ '<=>', 'vector_cosine_ops', 1e25, 1e-25 ],
	[ '<+>', 'vector_l1_ops', 1e25, 1e25 ])
{
	my ($operator, $opclass, $size, $query_size) = @$case;
	my $least = $operator eq '<->' || $operator eq '<=>' ? 0.98 : 0.9;
	my $what = "$operator, vectors of size $size";
	$node->safe_psql('postgres', "DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, v vector(32));
		INSERT INTO items SELECT i, place(i, 1, $size) FROM generate_series(1, 1200) i;
		CREATE INDEX items_v ON items USING vecgraph (v $opclass)");
	cmp_ok(share_of_sizes($operator, $query_size), '>=', $least, "$what: rows are found");
	is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "$what: sound");
	$node->safe_psql('postgres', "TRUNCATE items; INSERT INTO items SELECT i, place(i, 1, $size) FROM generate_series(1, 1200) i");
	cmp_ok(share_of_sizes($operator, $query_size), '>=', $least, "$what: rows are found as they come");
	is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "$what: sound as they come");
}

# A table of such vectors with fewer dimensions, whose sizes are up to so many times that, and its index.
sub make_sizes
{
	my ($rows, $dim, $size, $spread, $opclass, $with) = @_;
	$node->safe_psql('postgres', "DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, v vector($dim));
		INSERT INTO items SELECT i, subvector(place(i, 1, ($size * $spread ^ draw(i, 0))::real), 1, $dim) FROM generate_series(1, $rows) i;
		CREATE INDEX items_v ON items USING vecgraph (v $opclass) WITH ($with)");
	return;
}

# Codes of two bits: whether vectors are compared with each other by them or by themselves, all of that is in the same units.
for my $size (1, 1e20, 1e-24)
{
	my $what = "codes of two bits, vectors of size $size";
	my $vector = "(SELECT array_agg($size * (draw(i, d) - 0.3)) FROM generate_series(1, 768) d)::vector";
	$node->safe_psql('postgres', "DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, v vector(768));
		INSERT INTO items SELECT i, $vector FROM generate_series(1, 400) i;
		CREATE INDEX items_v ON items USING vecgraph (v vector_l2_ops);
		INSERT INTO items SELECT i, $vector FROM generate_series(401, 600) i");
	is($node->safe_psql('postgres', "SELECT codes FROM vecgraph_info('items_v')"), 'scalar2', "$what: they are");
	my $degree = $node->safe_psql('postgres', "SELECT avg_degree FROM vecgraph_info('items_v')");
	cmp_ok(share($node, 'items', '<->', 40, 20), '>=', 0.97, "$what: rows are found");
	cmp_ok($degree, '>=', 20, "$what: and have edges: $degree");
}

# Without codes searches go by scores in single precision. Rows are found whatever their sizes, and strict order leaves out no more than
# where sizes are ordinary, even if distances are no floats.
for my $case (
	[ '<->', 'vector_l2_ops', 1, 1 ], [ '<->', 'vector_l2_ops', 1, 1e8 ],
	[ '<->', 'vector_l2_ops', 1e19, 1 ], [ '<->', 'vector_l2_ops', 1e20, 1 ], [ '<->', 'vector_l2_ops', 1e38, 1 ],
	[ '<->', 'vector_l2_ops', 1e-24, 1 ], [ '<->', 'vector_l2_ops', 1e-36, 1 ], [ '<->', 'vector_l2_ops', 1e-15, 1 ],
	[ '<->', 'vector_l2_ops', 1e12, 1e16 ], [ '<->', 'vector_l2_ops', 1e-24, 1e12 ],
	[ '<#>', 'vector_ip_ops', 1e20, 1 ], [ '<#>', 'vector_ip_ops', 1e-24, 1 ], [ '<#>', 'vector_ip_ops', 1e12, 1e16 ],
	[ '<=>', 'vector_cosine_ops', 1e20, 1 ], [ '<=>', 'vector_cosine_ops', 1e-24, 1 ], [ '<=>', 'vector_cosine_ops', 1e12, 1e16 ],
	[ '<+>', 'vector_l1_ops', 1e20, 1 ], [ '<+>', 'vector_l1_ops', 1e-24, 1 ], [ '<+>', 'vector_l1_ops', 1e37, 1 ])
{
	my ($operator, $opclass, $size, $spread) = @$case;
	my $what = "$operator without codes, vectors of size $size to " . $size * $spread;
	make_sizes(1200, 16, $size, $spread, $opclass, 'codes = none');
	my $queries = 'SELECT v FROM items WHERE id % 40 = 0';
	my ($found) = compare($node, 'items', $operator, $queries);
	my (undef, $inverted, $missing) = compare($node, 'items', $operator, $queries, limit => 1200,
		settings => 'SET vecgraph.iterative_scan = strict_order');
	note "$what: $found of the nearest ten, $missing missing";
	cmp_ok($found, '>=', 0.97, "$what: rows are found");
	is($inverted, 0, "$what: strict order is");
	cmp_ok($missing, '<=', 36, "$what: and complete but for one row of a thousand");
	is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "$what: sound");
}

# From far enough all scores are the same, while distances in double precision are not: the nearest rows are a few that are longer than
# the others. Who wants order waits until all of them are known, from the index or from the table.
for my $with ('codes = none', 'storage = full', 'storage = half', 'storage = heap')
{
	make_sizes(1200, 32, 1e11, 1, 'vector_l2_ops', $with);
	$node->safe_psql('postgres', 'UPDATE items SET v = place(id, 1, 1e13) WHERE id % 100 = 0; VACUUM items; REINDEX INDEX items_v');
	my (undef, $inverted, $missing) = compare($node, 'items', '<->', "SELECT place(i, 1, 1e23) AS v FROM generate_series(1, 10) i",
		limit => 1200, settings => 'SET vecgraph.iterative_scan = strict_order');
	note "$with: $missing missing";
	is($inverted, 0, "$with, equal scores: strict order is");
	is($missing, 0, "$with, equal scores: and complete");
}

# One row whose squared norm is no float, among ordinary ones, inner product: with codes and without
for my $dim (32, 8)
{
	my $vector = "ARRAY(SELECT random() - 0.5 FROM generate_series(1, $dim) WHERE i IS NOT NULL)::vector";
	$node->safe_psql('postgres', "DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, v vector($dim));
		CREATE INDEX items_v ON items USING vecgraph (v vector_ip_ops);
		INSERT INTO items SELECT i, $vector FROM generate_series(1, 250) i;
		INSERT INTO items SELECT 251, ARRAY(SELECT CASE WHEN i = 1 THEN 1.8e19 ELSE 0.1 END FROM generate_series(1, $dim) i)::vector;
		INSERT INTO items SELECT i, $vector FROM generate_series(252, 502) i");
	for my $stage ('inserted', 'built again', 'deleted')
	{
		my $what = "one row of 1.8e19, $dim dimensions, $stage";
		$node->safe_psql('postgres', 'REINDEX INDEX items_v') if $stage eq 'built again';
		$node->safe_psql('postgres', 'DELETE FROM items WHERE id = 251; VACUUM items') if $stage eq 'deleted';
		is($node->safe_psql('postgres', "SELECT unreachable FROM vecgraph_info('items_v')"), 0, "$what: all nodes can be reached");
		is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "$what: sound");
		cmp_ok(share($node, 'items', '<#>', 64, 10), '>=', 0.9, "$what: recall");
	}
}

$node->stop;
done_testing();
