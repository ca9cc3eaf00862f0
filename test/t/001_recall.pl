# Recall on real vectors with defaults: after build, after deleting a fifth, VACUUM and inserting it again; and of halves.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_node load_set recall complete);

my $node = new_node('recall', conf => "shared_buffers = 256MB\nfsync = off\nautovacuum = off\n");

for my $case (
	[ 'sift', 'sift-50k', 'sift-10k', '<->', 'vector_l2_ops' ],
	[ 'minilm', 'minilm-25k', 'minilm-2k', '<=>', 'vector_cosine_ops' ])
{
	my ($name, $full, $shipped, $operator, $opclass) = @$case;
	load_set($node, $name, $full, $shipped);
	$node->safe_psql('postgres', "CREATE INDEX ${name}_index ON $name USING vecgraph (v $opclass)");
	my $built = recall($node, $name, $operator);
	note "$name: recall\@10 $built";
	cmp_ok($built, '>=', 0.98, "$name: recall\@10 with defaults");
	complete($node, $name, "${name}_index", "$name built") if $operator eq '<->';

	my $size = $node->safe_psql('postgres', "SELECT pg_relation_size('${name}_index')");
	$node->safe_psql('postgres', "CREATE TABLE ${name}_gone AS SELECT * FROM $name WHERE id % 5 = 2");
	$node->safe_psql('postgres', "DELETE FROM $name WHERE id % 5 = 2");
	$node->safe_psql('postgres', "VACUUM $name");
	is($node->safe_psql('postgres', "SELECT deleted || ' ' || unreachable FROM vecgraph_info('${name}_index')"),
		'0 0', "$name: VACUUM frees all deleted nodes and loses no other");
	complete($node, $name, "${name}_index", "$name vacuumed") if $operator eq '<->';
	$node->safe_psql('postgres', "INSERT INTO $name SELECT * FROM ${name}_gone");
	my $churned = recall($node, $name, $operator);
	note "$name: recall\@10 after delete, VACUUM, insert $churned";
	cmp_ok($churned, '>=', $built - 0.005, "$name: recall\@10 after delete, VACUUM, insert");
	is($node->safe_psql('postgres', "SELECT vecgraph_check('${name}_index')"), '', "$name: vecgraph_check");
	is($node->safe_psql('postgres', "SELECT pg_relation_size('${name}_index')"),
		$size, "$name: the index has not grown");

	# the same vectors as halves: 11 bits hold sift exactly, and are more than minilm's neighbours need
	my $half = "${name}_half";
	my $half_opclass = $opclass =~ s/vector/halfvec/r;
	$node->safe_psql('postgres', "
		CREATE TABLE $half AS SELECT id, v::halfvec FROM $name;
		CREATE TABLE ${half}_query AS SELECT id, v::halfvec FROM ${name}_query;
		CREATE VIEW ${half}_truth AS TABLE ${name}_truth;
		DO \$\$ BEGIN EXECUTE 'ALTER TABLE $half ALTER v TYPE halfvec(' || (SELECT vector_dims(v) FROM $half LIMIT 1) || ')'; END \$\$;
		CREATE INDEX ${half}_index ON $half USING vecgraph (v $half_opclass);
		ANALYZE $half");
	my $halves = recall($node, $half, $operator);
	note "$name: recall\@10 of halves $halves";
	cmp_ok($halves, '>=', 0.98, "$name: recall\@10 of halves");
	is($node->safe_psql('postgres', "SELECT vecgraph_check('${half}_index')"), '', "$name: vecgraph_check of halves");
	cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('${half}_index')"), '<', 0.85 * $size, "$name: a smaller index of halves");
}

$node->stop;
done_testing();
