# Every kind of index that there is (VecidxKinds): answers are compared with those of the table, after the build, after waves of changes, after
# a fit, and from nothing, by inserts. What there is not is refused.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxKinds qw(types row layouts kinds);
use VecidxTest qw(new_node comparison waves root);

# trained codes need a thousand
use constant ROWS => 1040;
use constant DIM => 30;

my $node = new_node('kinds', conf => "autovacuum = off\nfsync = off\nmax_parallel_maintenance_workers = 0\n");
$node->safe_psql('postgres', slurp_file(root() . '/sql/include/wave.sql'));
# the same with its elements far apart, so that codes are of sketches
$node->safe_psql('postgres', q[CREATE FUNCTION spread(vector) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS
	$$ SELECT ('{' || string_agg(1000 * d || ':' || x, ',') || '}/' || 1000 * vector_dims($1))::sparsevec FROM unnest($1::real[]) WITH ORDINALITY AS u(x, d) $$]);
# SQL for the value of row i, and the dimensions of a type.
sub value { my ($i, $type) = @_; my $wave = "wave($i, " . DIM . ')'; return $type eq 'sparsevec' ? "spread($wave)" : row($wave, $type); }
sub dims { my ($type) = @_; return $type eq 'sparsevec' ? 1000 * DIM : DIM; }

# What indexes of a table and their answers should be now. $field: where the kind has what it is called. $rerank: the setting of that name.
sub verify
{
	my ($what, $field, $rerank, @kinds) = @_;
	my $sql = 'SET client_min_messages = error;';    # a node that cannot be reached is a matter of the last bits of distances
	for my $kind (@kinds)
	{
		my ($table, $operator, $type) = @$kind{qw(name operator type)};
		$sql .= comparison($table, $operator, 'SELECT ' . value('n * 1000 + 7', $type) . ' AS v FROM generate_series(1, 10) n',
			settings => "SET vecgraph.rerank = $rerank")
		  . "SELECT storage, codes, heap_tids = rows, all_rows = rows, distinct_rows = rows, vecgraph_check('$kind->{index}', true)
			FROM vecgraph_info('$kind->{index}'), (SELECT count(v) AS rows FROM $table) t,
				(SELECT count(*) AS all_rows, count(DISTINCT id) AS distinct_rows
					FROM (SELECT id FROM $table ORDER BY v $operator " . value(3, $type) . ') s) a;';
	}
	my ($result, $out, $errors) = $node->psql('postgres', $sql);
	is($errors, '', "$what: no errors");
	my @plans = $out =~ /Index Scan using (\S+)/g;
	my @lines = grep { /\|/ } split /\n/, $out;
	for my $kind (@kinds)
	{
		my $name = "$kind->{opclass}, $kind->{options}, $what";
		my ($share, $rest) = split /\|/, shift @lines // '', 2;
		is(shift @plans, $kind->{index}, "$name: plan");
		cmp_ok($share || 0, '>=', 0.97, "$name: rows are found");
		is($rest, '0|0', "$name: in order, and none is missing");
		is(shift @lines, "$kind->{$field}|t|t|t|", "$name: what it is, that it is sound, and that all rows come, once");
	}
	return;
}

# The indexes of a table that there can be; the others are refused.
sub create_indexes
{
	my ($type, $layout) = @_;
	my @made;
	for my $kind (kinds($type, $layout))
	{
		my $name = "$kind->{opclass}, $kind->{options}";
		$kind->{index} = "$layout->{name}_$kind->{opclass}";
		my ($result, $out, $errors) = $node->psql('postgres', "CREATE INDEX $kind->{index} ON $layout->{name} USING vecgraph
			(v $kind->{opclass}) WITH ($kind->{options}, max_degree = 16, build_list_size = 50)");
		if ($kind->{refused}) { like($errors, $kind->{refused}, "$name: refused"); }
		else
		{
			is($result, 0, "$name: built") or diag($errors);
			push @made, $kind;
		}
	}
	return @made;
}

for my $type (types())
{
	for my $layout (layouts())
	{
		my $table = $layout->{name};
		my $row = value('i', $type);
		my $load = sub { "INSERT INTO $table (v) SELECT $row FROM generate_series($_[0], $_[1]) i;" };
		$node->safe_psql('postgres', "DROP TABLE IF EXISTS $table; CREATE TABLE $table (id serial, v $type(" . dims($type) . "));
			INSERT INTO $table (v) VALUES (NULL);" . $load->(1, ROWS));
		my @kinds = create_indexes($type, $layout) or next;
		verify('built', 'shown', 0, @kinds);
		next if $kinds[0]{same};
		my $train = join(';', map { "SELECT vecgraph_train('$_->{index}')" } @kinds);
		for my $wave (waves($table, $row, ROWS, ROWS / 8, value(7, $type)), $kinds[0]{fits} ? [ 'fitted', $train ] : ())
		{
			$node->safe_psql('postgres', $wave->[1]);
			verify($wave->[0], 'shown', $wave->[0] eq 'inserted' ? 200 : 0, @kinds);
		}
		$node->safe_psql('postgres', "TRUNCATE $table;" . $load->(1, 400));
		verify('from nothing', 'first', 0, @kinds);
		next unless $layout->{trained};
		# which codes come with the thousandth row
		$node->safe_psql('postgres', "SET client_min_messages = error; REINDEX TABLE $table");
		verify('built of few rows', 'first', 0, @kinds);
		$node->safe_psql('postgres', $load->(401, ROWS));
		verify('from few rows', 'first', 0, @kinds);
	}
}

$node->stop;
done_testing();
