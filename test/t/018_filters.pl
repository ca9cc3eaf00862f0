# Searches with conditions on filter columns, compared with the table: however many rows match and wherever they lie, of each kind of index,
# with all sorts of memory, settings, plans and statements. All matching rows come, each once, and those that are nearest.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxData qw(data_set);
use VecidxKinds qw(layouts kinds);
use VecidxTest qw(new_node load_file root);

my $node = new_node('filters', conf => "autovacuum = off\nfsync = off\nmax_parallel_workers_per_gather = 0\nmax_parallel_maintenance_workers = 0\n"
	  . "enable_seqscan = off\nenable_sort = off\nenable_bitmapscan = off\n");
my $by_table = 'SET enable_seqscan = on; SET enable_sort = on; SET enable_indexscan = off;';

# ---- rows, and conditions that select a share of them ----

# h: one of 10,000, independent of the vector; c: which of 100 vectors is the nearest. A query has that of its own, near, and the one
# that is farthest from it.
use constant PLACES => 10_000;
my ($dir, $ending) = data_set(root(), 'sift-10k', 'sift-10k');
load_file($node, 'base', "$dir/base.$ending");
load_file($node, 'base_query', "$dir/query.$ending");
$node->safe_psql('postgres', q{
	CREATE FUNCTION cluster(x vector, sign int) RETURNS int LANGUAGE sql STABLE AS
		$$ SELECT id FROM base WHERE id < 100 ORDER BY (v <-> x) * sign LIMIT 1 $$;
	CREATE TABLE clustered AS SELECT id, v, cluster(v, 1) AS c FROM base WHERE id < 10000;
	CREATE TABLE query AS SELECT id, v, cluster(v, 1) AS near, cluster(v, -1) AS far FROM base_query WHERE id < 40});

# Conditions: their name, SQL, and whether a pass over all nodes that match is what finds these, which misses none.
my @filters = (
	[ 'half', 'h <= 4999', 0 ],
	[ 'tenth', 'h BETWEEN 3000 AND 3999', 0 ],
	[ 'hundredth', 'h BETWEEN 5000 AND 5099', 1 ],
	[ 'thousandth', 'h <= 9', 1 ],
	[ 'one row', 'h = (SELECT h FROM %s WHERE id = 7) AND id = 7', 1 ],
	[ 'none', 'h = -1', 1 ],
	[ 'near', 'c = q.near', 1 ],
	[ 'near, some of them', 'c = q.near AND h <= 999', 1 ],
	[ 'far', 'c = q.far', 1 ],
	[ 'near or far', 'c IN (q.near, q.far)', 1 ],
	[ 'not near', '(c < q.near OR c > q.near) AND h <= 4999', 0 ],
	[ 'all', 'h >= 0', 0 ]);

# Creates a table of the first rows: id, v (as an expression of that of the data), h, c; and the truth for an operator, table_truth.
sub create_table
{
	my ($table, $rows, $vector) = @_;
	$node->safe_psql('postgres', "CREATE TABLE $table AS
			SELECT id, $vector AS v, ((hashint8(id)::bigint + 2147483648) % ${\ PLACES})::int AS h, c FROM clustered WHERE id < $rows;
		CREATE TABLE ${table}_query AS SELECT id, $vector AS v, near, far FROM query;
		CREATE TABLE ${table}_truth (operator text, filter text, query int, total int, last float8); ANALYZE $table");
	return;
}

sub condition { my ($table, $filter) = @_; return $filter->[1] =~ s/%s/$table/r; }

sub find_truth
{
	my ($table, $operator) = @_;
	my $sql = $by_table;
	for my $filter (@filters, [ 'unfiltered', 'true' ])
	{
		my $where = condition($table, $filter);
		$sql .= "INSERT INTO ${table}_truth SELECT '$operator', '$filter->[0]', q.id, e.* FROM ${table}_query q, LATERAL
			(SELECT count(*), max(d) FILTER (WHERE n <= 10) FROM
				(SELECT d, row_number() OVER (ORDER BY d) AS n FROM (SELECT v $operator q.v AS d FROM $table WHERE $where) s) s) e;";
	}
	$node->safe_psql('postgres', $sql);
	return;
}

# Compares the answers of the one index that there is with the truth. %options: settings (SQL); stops: a scan may end before it has
# returned all rows; strict: rows that are found late are left out, which is at
# most this share.
sub verify
{
	my ($what, $table, $operator, %options) = @_;
	my $sql = $options{settings} // '';
	my @asked = ([ 'unfiltered', 'true', 0 ], @filters);
	for my $filter (@asked)
	{
		my ($name, $where) = ($filter->[0], condition($table, $filter));
		my $truth = "FROM ${table}_query q JOIN ${table}_truth t ON t.query = q.id AND t.operator = '$operator' AND filter = '$name'";
		my $rows = "SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, v $operator q.v AS d FROM $table WHERE $where ORDER BY v $operator q.v";
		$sql .= ";SELECT '$name', sum(least(total, 10) - n), sum(n - ids), sum(inverted),
				round(coalesce(sum(hits) / nullif(sum(least(total, 10)), 0), 1), 4), sum(total)
			$truth, LATERAL (SELECT count(*) AS n, count(DISTINCT id) AS ids, count(*) FILTER (WHERE d <= last) AS hits,
				count(*) FILTER (WHERE d < before) AS inverted FROM ($rows LIMIT 10) s) s) s";
		$sql .= ";SELECT '$name, all', sum(total - n), sum(n - ids), sum(inverted), 1, sum(total)
			$truth, LATERAL (SELECT count(*) AS n, count(DISTINCT id) AS ids, count(*) FILTER (WHERE d < before) AS inverted
				FROM ($rows LIMIT 1000000) s) s) s WHERE q.id % 20 = 0";
	}
	my ($result, $out, $errors) = $node->psql('postgres', $sql);
	is($errors, '', "$what: no errors");
	my %answer = map { my ($name, @rest) = split /\|/; ($name => \@rest) } split /\n/, $out;
	my $plain = $answer{unfiltered}[3] // 2;
	my (@wrong, @poor);
	for my $filter (@asked)
	{
		my $name = $filter->[0];
		for my $asked ($name, "$name, all")
		{
			my ($missing, $twice, $inverted, $share, $total) = @{ $answer{$asked} // [ 'all', '', '', 0, 0 ] };
			my $least = $asked eq $name ? $filter->[2] ? 0.99 : $plain - 0.01 : 0;
			push @wrong, "$asked: $twice twice" if $twice ne 0;
			push @wrong, "$asked: $inverted inverted" if $options{strict} && $inverted ne 0;
			# without conditions the rest comes from a sweep, in no order
			my $may_miss = $options{strict} && $asked ne $name ? ($name eq 'unfiltered' ? 1 : $options{strict}) : $options{stops} ? 1 : 0;
			push @wrong, "$asked: $missing missing of $total" if $missing =~ /\D/ || $missing > $may_miss * $total;
			push @poor, "$asked: $share" if $share < $least - ($options{rough} // 0) && !$options{stops};
		}
	}
	note "$what: ", join(', ', map { "$_->[0] " . ($answer{$_->[0]}[3] // '') } @asked);
	is(join('; ', @wrong), '', "$what: all rows that match, once");
	is(join('; ', @poor), '', "$what: recall ($plain without conditions)");
	return;
}

# ---- every kind of index; below 24 dimensions nodes have no codes ----

create_table('items', 3000, 'v');
create_table('items_3', 3000, 'subvector(v, 50, 3)::vector(3)');
create_table('items_16', 3000, 'subvector(v, 40, 16)::vector(16)');
find_truth('items', $_->{operator}) for kinds('vector', (layouts())[0]);
find_truth($_, '<->') for 'items_3', 'items_16';
my @cases = map { { %$_, table => 'items' } } grep { !$_->{refused} } map { kinds('vector', $_) } layouts();
push @cases, map { { table => $_, opclass => 'vector_l2_ops', operator => '<->', options => 'storage = full' } } 'items_3', 'items_16';
for my $case (@cases)
{
	my ($table, $operator) = @$case{qw(table operator)};
	# few and rough codes, or codes of another distance: a few rows are as good as chance
	my $rough = $case->{trained} || $case->{opclass} =~ /l1/ ? 0.015 : 0;
	$node->safe_psql('postgres',
		"CREATE INDEX ${table}_v ON $table USING vecgraph (v $case->{opclass}, h, c) WITH ($case->{options}, max_degree = 24)");
	verify("$table, $case->{opclass}, $case->{options}", $table, $operator, rough => $rough);
	$node->safe_psql('postgres', "DROP INDEX ${table}_v");
}

# ---- settings; memory that has no room for all that matches, so that one pass is not enough ----

create_table('many', 10000, 'v');
$node->safe_psql('postgres', 'DELETE FROM many_query WHERE id >= 20');
find_truth('many', '<->');
my $vector = $node->safe_psql('postgres', 'SELECT v FROM query WHERE id = 11');
for my $options ('codes = none', 'codes = pq')
{
	$node->safe_psql('postgres', "CREATE INDEX many_v ON many USING vecgraph (v, h, c) WITH ($options, max_degree = 24)");
	for my $case (
		[ 'work_mem = 64kB' ],
		[ 'vecgraph.iterative_scan = strict_order', strict => 0.01 ],
		[ 'vecgraph.iterative_scan = strict_order; SET work_mem = 64kB', strict => 0.2 ],
		[ 'vecgraph.iterative_scan = off', stops => 1 ],
		[ 'vecgraph.max_scan_tuples = 5', stops => 1 ],
		[ 'vecgraph.search_list_size = 400; SET work_mem = 64kB' ])
	{
		my ($setting, %expected) = @$case;
		verify("$options, $setting", 'many', '<->', settings => 'SET ' . $setting =~ s/64kB/'64kB'/r, %expected);
	}
	# a radius that all rows are in
	for my $where ('true', 'h <= 4999', 'h <= 8999')
	{
		my $count = "SELECT count(DISTINCT id) FROM (SELECT id FROM many WHERE $where AND v <-> '$vector' < 1e9 ORDER BY v <-> '$vector' OFFSET 0) s";
		is($node->safe_psql('postgres', "SET work_mem = '64kB'; $count"), $node->safe_psql('postgres', "$by_table $count"),
			"$options, work_mem = 64kB: all rows within a radius that match $where");
	}
	$node->safe_psql('postgres', 'DROP INDEX many_v');
}

# ---- the cache: cold, too small, none ----

# with eight columns a node has 120 bytes there
$node->safe_psql('postgres', 'CREATE INDEX many_v ON many USING vecgraph (v, h, c, (h::int8), (h + 1::int8), (h + 2::int8), (h + 3::int8),
	(h + 4::int8), (h + 5::int8)) WITH (max_degree = 24)');
for my $size ('16MB', '1MB', '0MB')
{
	$node->append_conf('postgresql.conf', "vecgraph.cache_size = $size\n");
	$node->restart;
	verify("cache of $size", 'many', '<->');
	my ($cached, $nodes) = split /\|/, $node->safe_psql('postgres', "SELECT cached, nodes FROM vecgraph_info('many_v')");
	ok($size eq '16MB' ? $cached >= $nodes : $size eq '1MB' ? $cached > 0 && $cached < $nodes : $cached == 0,
		"cache of $size: $cached of $nodes nodes");
}

# what VACUUM has freed matches nothing: it costs no page
$node->safe_psql('postgres', 'DELETE FROM many WHERE h <= 4999; VACUUM many');
my ($pages) = $node->safe_psql('postgres', 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF)
	SELECT id FROM many WHERE h <= 4999 ORDER BY v <-> (SELECT v FROM query LIMIT 1) LIMIT 10') =~ /Index Scan using many_v.*?shared hit=(\d+)/s;
cmp_ok($pages, '<', 600, 'a search for what is gone reads hardly more than signatures');
$node->safe_psql('postgres', 'DROP INDEX many_v');
$node->append_conf('postgresql.conf', "vecgraph.cache_size = 16MB\n");
$node->restart;

# ---- statements: the same answers as from the table, to the row, as distances on pages are exact ----

$node->safe_psql('postgres', q{
	CREATE TABLE rows (id int PRIMARY KEY, v vector(128), h int, c int, flag bool, word text, tags int[], note int DEFAULT 0)
		WITH (fillfactor = 60);
	INSERT INTO rows SELECT id, v, nullif(h, 0), nullif(c, 3), CASE WHEN id % 97 > 0 THEN id % 3 = 0 END, 'word ' || c % 10,
		ARRAY[c, c % 7, h % 50] FROM items;
	INSERT INTO rows (id, h, c) SELECT 10000 + i, i, 500 + i FROM generate_series(1, 50) i;
	CREATE INDEX rows_v ON rows USING vecgraph (v, h, c, flag, word, tags) WITH (codes = none);
	CREATE TABLE parts (LIKE rows) PARTITION BY LIST (c);
	CREATE TABLE parts_few PARTITION OF parts FOR VALUES IN (1, 2, 3, 4, 5, NULL);
	CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
	INSERT INTO parts TABLE rows;
	CREATE INDEX parts_v ON parts USING vecgraph (v, h, flag, c) WITH (codes = none);
	CREATE TABLE partial AS TABLE rows;
	CREATE INDEX partial_v ON partial USING vecgraph (v, (h % 10), lower(word)) WITH (codes = none) WHERE flag;
	CREATE TABLE own AS TABLE rows;
	CREATE INDEX own_v ON own USING vecgraph (v, c, h) WITH (codes = none);
	CREATE ROLE tenant;
	GRANT ALL ON own, query TO tenant;
	ALTER TABLE own ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own_c ON own USING (c = current_setting('app.c')::int);
	ANALYZE});
my $q = '(SELECT v FROM query WHERE id = 11)';
# Statements for the nearest rows that match each of some conditions.
sub nearest
{
	my ($more, $limit, @conditions) = @_;
	return map { [ $_, 1, "SELECT id FROM rows WHERE $_ $more ORDER BY v <-> $q LIMIT $limit" ] } @conditions;
}

# Name, number, and SQL. So many scans have conditions of the index, as EXPLAIN says; undef where it is not asked.
my @statements = (
	[ 'values and NULLs of a join', 1, 'SELECT q.id, x, count(s.id), sum(s.id) FROM query q, unnest(ARRAY[1, NULL, 3, 50, 99, -1]) x
		LEFT JOIN LATERAL (SELECT id FROM rows WHERE c = x AND v IS NOT NULL ORDER BY v <-> q.v LIMIT 7) s ON true GROUP BY 1, 2 ORDER BY 1, 2' ],
	[ 'rows of another table', 1, 'SELECT q.id, q.near, s.id FROM query q,
		LATERAL (SELECT id FROM rows WHERE c = q.near AND h > q.id ORDER BY v <-> q.v LIMIT 3) s ORDER BY 1, 3' ],
	[ 'a query for NULL', 1, 'SELECT count(*), count(DISTINCT id) FROM
		(SELECT id FROM rows WHERE c = 50 AND v IS NOT NULL ORDER BY v <-> (SELECT NULL::vector)) s' ],
	[ 'some queries for NULL', 1, 'SELECT x, count(*), count(s.id) FROM generate_series(1, 6) x, LATERAL (SELECT id FROM rows WHERE c = x
		AND v IS NOT NULL ORDER BY v <-> (CASE WHEN x % 2 = 0 THEN (SELECT v FROM query WHERE id = x) END) LIMIT 2) s GROUP BY x ORDER BY x' ],
	nearest('', 5, 'h > 500 AND h < 400', 'c = 4 AND c = 5', 'c = (SELECT NULL::int)', 'c IN (1, 2) AND c > 2', q{h = ANY ('{}')},
		q{tags && '{}'}, 'c IS NULL AND c = 1', 'c > 1000', 'c = ANY ((SELECT NULL::int[])::int[])'),
	nearest('AND v IS NOT NULL', 40, 'h = ANY (ARRAY(SELECT generate_series(0, 9999, 3)))',
		'h = ANY (ARRAY(SELECT generate_series(0::int8, 9999, 3) UNION ALL SELECT NULL)) AND h > 5000',
		'c = ANY (ARRAY(SELECT generate_series(50, 100000)))', 'c IS NULL', 'h IS NULL', 'h IS NOT NULL', 'flag', 'NOT flag', 'flag IS NULL',
		'flag = true', 'flag <> true AND c < 20', 'NOT flag AND c < 20', 'flag AND NOT flag', q{word = 'word 4' AND flag}, 'tags @> ARRAY[5, 6]',
		'tags && ARRAY[4, 11] AND flag', 'c BETWEEN 10 AND 20 AND c BETWEEN 15 AND 25', 'c < 30 AND c > 25 AND h < 5000',
		'(c, h) > (90, 100) AND c >= 90', 'c >= 50 AND note = 0 AND id % 2 = 0', 'flag IS NOT TRUE', 'flag IS NOT FALSE', '(c = 5 OR h < 100)',
		'c <> 5', 'c + 0 = 5'),
	[ 'all that match, and no limit', 1, "SELECT count(*), sum(id) FROM
		(SELECT id FROM rows WHERE h < 5000 AND v IS NOT NULL ORDER BY v <-> $q OFFSET 0) s" ],
	[ 'an offset', 1, "SELECT id FROM rows WHERE c BETWEEN 48 AND 52 AND v IS NOT NULL ORDER BY v <-> $q OFFSET 50 LIMIT 20" ],
	[ 'generic plans', undef, "SET plan_cache_mode = force_generic_plan;
		PREPARE p (vector, int, int[], bool) AS SELECT id FROM rows WHERE c >= \$2 AND c = ANY (\$3) AND flag = \$4 ORDER BY v <-> \$1 LIMIT 6;"
		. join(';', map { "EXECUTE p ('$vector', $_)" } q{1, '{1,2,50}', true}, q{NULL, '{1}', true}, q{1, NULL, true}, q{1, '{}', true},
			q{60, '{1,NULL,70}', false}, q{1, '{5}', NULL}) ],
	[ 'a cursor, while columns change', undef, "BEGIN; DECLARE r CURSOR FOR SELECT id FROM rows WHERE c BETWEEN 48 AND 52 ORDER BY v <-> $q;
		FETCH 5 r; UPDATE rows SET c = c + 1000, h = h + 1 WHERE id % 2 = 0; DELETE FROM rows WHERE id % 3 = 0;
		INSERT INTO rows (id, v, c) SELECT id + 50000, v, 50 FROM rows WHERE id % 100 = 1; FETCH 30 r; FETCH ALL r;
		SELECT id FROM rows WHERE c BETWEEN 1048 AND 1052 ORDER BY v <-> $q LIMIT 10; ROLLBACK" ],
	[ 'a cursor that goes back', undef, "BEGIN; DECLARE r SCROLL CURSOR FOR SELECT id FROM rows WHERE c BETWEEN 40 AND 60 ORDER BY v <-> $q;
		FETCH 5 r; FETCH BACKWARD 3 r; FETCH LAST r; FETCH FIRST r; FETCH ABSOLUTE 7 r; COMMIT" ],
	[ 'a cursor that stays', undef, "BEGIN; DECLARE r CURSOR WITH HOLD FOR SELECT id FROM rows WHERE c BETWEEN 40 AND 44 ORDER BY v <-> $q;
		COMMIT; FETCH 8 r; CLOSE r" ],
	[ 'partitions', 2, "SELECT id FROM parts WHERE h < 3000 AND v IS NOT NULL ORDER BY v <-> $q LIMIT 30" ],
	[ 'one of the partitions', 1, "SELECT id FROM parts WHERE h < 9000 AND c = 4 AND v IS NOT NULL ORDER BY v <-> $q LIMIT 30" ],
	[ 'partitions known when the plan runs', 2, "SELECT x, s.id FROM unnest(ARRAY[2, 50, NULL, 5]) x,
		LATERAL (SELECT id FROM parts WHERE c = x AND v IS NOT NULL ORDER BY v <-> $q LIMIT 4) s" ],
	[ 'expressions, part of the rows', 1, "SELECT id FROM partial WHERE flag AND h % 10 = 3 AND v IS NOT NULL ORDER BY v <-> $q LIMIT 30" ],
	[ 'expressions, one of two', 1, "SELECT id FROM partial WHERE flag AND lower(word) IN ('word 1', 'word 2') AND h > 100 AND v IS NOT NULL
		ORDER BY v <-> $q LIMIT 30" ],
	[ 'row-level security', 1, "SET ROLE tenant; SET app.c = '50'; SELECT id FROM own WHERE h < 9000 ORDER BY v <-> $q LIMIT 100" ],
	[ 'row-level security, none of the rows', 1, "SET ROLE tenant; SET app.c = '50';
		SELECT id FROM own WHERE c = 51 ORDER BY v <-> $q LIMIT 100" ]);

# Compares the answers of all statements.
sub verify_statements
{
	my ($what) = @_;
	# a list so long that nothing is missed
	my $by_index = 'SET vecgraph.search_list_size = 1000;';
	for my $statement (@statements)
	{
		my ($name, $conditions, $sql) = @$statement;
		my $explain = defined $conditions ? $sql =~ s/(.*; )?(SELECT)/($1 \/\/ '') . "EXPLAIN (COSTS OFF) $2"/er : '';
		my ($expected, $answer, $plan) = split /-- next\n/, $node->safe_psql('postgres',
			join("\n\\echo -- next\nDISCARD ALL;\n", "$by_table $sql;", "$by_index $sql;", "$explain;") . "\n\\echo");
		is($answer, $expected, "$what, $name");
		next unless defined $conditions;
		my @found = $plan =~ /Order By: .*\n|Index Cond: .*\n(?=.*Order By)/g;
		is(scalar(grep { /Index Cond/ } @found), $conditions, "$what, $name: conditions of the index") or diag($plan);
	}
	return;
}
verify_statements('at first');
# what is rolled back leaves nodes, too
my @tables = ('rows', 'parts', 'partial', 'own');
for my $table (@tables)
{
	my $update = "UPDATE $table SET note = note + 1 WHERE id % 5 = 0;
		UPDATE $table SET c = (c + 1) % 100, word = 'word 4' WHERE id % 3 = 0 AND v IS NOT NULL;
		UPDATE $table SET h = 10000 - h, flag = NOT flag WHERE id % 4 = 0;";
	$node->safe_psql('postgres', "BEGIN; $update ROLLBACK; $update");
}
verify_statements('updated');
$node->safe_psql('postgres', "DELETE FROM $_ WHERE id % 7 = 0; VACUUM $_;
	INSERT INTO $_ SELECT id, v, h, c, id % 5 = 0, 'word ' || c % 10, ARRAY[c, h % 50] FROM many WHERE id BETWEEN 3000 AND 3600") for @tables;
verify_statements('vacuumed, and slots used again');
is($node->safe_psql('postgres', "SELECT vecgraph_check('$_', true)"), '', "$_: vecgraph_check")
  for 'rows_v', 'parts_few_v_h_flag_c_idx', 'parts_rest_v_h_flag_c_idx', 'partial_v', 'own_v';

# What the index lets through is what matches, where values have signatures of their own.
for my $where ('h BETWEEN 100 AND 7000', 'c = 50', 'c IN (1, 50, 99)', 'c IS NULL', 'flag', 'NOT flag AND c >= 90')
{
	unlike($node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM rows WHERE $where ORDER BY v <-> $q LIMIT 3000"),
		qr/Removed by Index Recheck/, "$where: the index lets no other rows through");
}

$node->stop;
done_testing();
