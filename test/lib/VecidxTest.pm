# VecidxTest: what the server tests share: a node with vecidx and data, recall, and a full check of an index.
package VecidxTest;

use strict;
use warnings;
use Exporter 'import';
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxData qw(read_rows copy_binary data_set);
our @EXPORT_OK = qw(new_node load_file load_set recall complete root share);

sub root { return abs_path(dirname(__FILE__) . '/../..'); }

# A started node with the extension. %options: allows_streaming, and conf (text for postgresql.conf).
sub new_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $options{allows_streaming} // 0);
	$node->append_conf('postgresql.conf', $options{conf} // '');
	# disabled plans cost so much that every statement would be compiled, which takes longer than to run it
	$node->append_conf('postgresql.conf', "maintenance_work_mem = 128MB\njit = off\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION vecidx');
	return $node;
}

# Creates a table (id integer primary key, v vector(dim)) from a vector file.
sub load_file
{
	my ($node, $table, $path) = @_;
	my $copy = $node->basedir . "/$table.copy";
	my $dim;
	read_rows($path, sub { $dim //= $_[2]; });
	open my $out, '>:raw', $copy or die "$copy: $!";
	copy_binary($path, $out);
	close $out or die "$copy: $!";
	$node->safe_psql('postgres',
		"CREATE TABLE $table (id int PRIMARY KEY, v vector($dim)); COPY $table FROM '$copy' BINARY; ANALYZE $table");
	unlink $copy;
	return $dim;
}

# Loads a data set as the tables NAME, NAME_query and NAME_truth (q, id: the ten nearest). Returns which one it is.
sub load_set
{
	my ($node, $name, $full, $shipped) = @_;
	my ($dir, $ending) = data_set(root(), $full, $shipped);
	load_file($node, $name, "$dir/base.$ending");
	load_file($node, "${name}_query", "$dir/query.$ending");
	my $rows = '';
	read_rows(
		"$dir/groundtruth.ivecs",
		sub {
			my ($q, $ids) = @_;
			$rows .= join('', map { "$q\t$ids->[$_]\n" } 0 .. 9);
		});
	my $file = $node->basedir . "/$name.truth";
	PostgreSQL::Test::Utils::append_to_file($file, $rows);
	$node->safe_psql('postgres', "CREATE TABLE ${name}_truth (q int, id int); COPY ${name}_truth FROM '$file'");
	note "data: $dir";
	return $dir;
}

# Share of the ten true neighbours that an index scan finds, over all queries; dies if the index was not used.
sub recall
{
	my ($node, $name, $operator) = @_;
	my $inner = "SELECT id FROM $name ORDER BY v $operator q.v LIMIT 10";
	my $off = 'SET enable_seqscan = off; SET enable_sort = off;';
	my $plan = $node->safe_psql('postgres', "$off EXPLAIN SELECT * FROM ${name}_query q, LATERAL ($inner) s");
	die "no index scan:\n$plan" unless $plan =~ /Index Scan using ${name}_index/;
	return $node->safe_psql('postgres', qq{
		$off
		SELECT round(sum((SELECT count(*) FROM ${name}_truth t WHERE t.q = q.id AND t.id = ANY (r.ids))) / (10.0 * count(*)), 4)
		FROM ${name}_query q, LATERAL (SELECT array_agg(id) AS ids FROM ($inner) s) r});
}

# The share of the ten nearest rows by the table that the index gives, with every so many-th row of the table as a query.
sub share
{
	my ($node, $table, $operator, $list_size, $every) = @_;
	return $node->safe_psql('postgres', qq{
		SET vecgraph.search_list_size = $list_size;
		CREATE TEMP TABLE q AS SELECT id, v FROM $table WHERE id % $every = 0 AND v IS NOT NULL;
		SET enable_indexscan = off;
		CREATE TEMP TABLE truth AS SELECT q.id AS q, x.id FROM q, LATERAL
			(SELECT id FROM $table t WHERE v IS NOT NULL ORDER BY v $operator q.v, id LIMIT 10) x;
		SET enable_indexscan = on; SET enable_seqscan = off; SET enable_sort = off;
		CREATE TEMP TABLE found AS SELECT q.id AS q, x.id FROM q, LATERAL
			(SELECT id FROM $table t ORDER BY v $operator q.v LIMIT 10) x;
		SELECT round(count(*) / (SELECT count(*) FROM truth)::numeric, 3) FROM truth JOIN found USING (q, id)});
}

# Whether the index is sound and returns every row of the table, as the table itself does.
sub complete
{
	my ($node, $table, $index, $what) = @_;
	my ($result, $out, $error) = $node->psql('postgres', "SELECT vecgraph_check('$index')");
	is($result, 0, "$what: vecgraph_check") or diag($error);
	my $missing = $node->safe_psql('postgres', qq{
		CREATE TEMP TABLE by_heap AS SELECT id FROM $table WHERE v IS NOT NULL;
		SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;
		CREATE TEMP TABLE by_index AS SELECT id FROM $table ORDER BY v <-> (SELECT v FROM $table WHERE v IS NOT NULL LIMIT 1);
		SELECT (SELECT count(*) FROM (TABLE by_heap EXCEPT ALL TABLE by_index) a)
		     + (SELECT count(*) FROM (TABLE by_index EXCEPT ALL TABLE by_heap) b)});
	is($missing, 0, "$what: the index returns the rows of the table");
	return;
}

1;
