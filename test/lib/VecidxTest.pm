# VecidxTest: what the server tests share: nodes with vecidx and data, their death, load, comparison with exact search, waves of changes, and a full check of an
# index.
package VecidxTest;

use strict;
use warnings;
use Exporter 'import';
use Cwd qw(abs_path getcwd);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use VecidxData qw(read_rows copy_binary data_set);
our @EXPORT_OK = qw(new_node new_pair kill_server start_again start_pgbench load_file load_set recall complete root
  comparison compare share waves tenant_searches upgrade);

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

# A started primary with the extension and its started standby. %options: conf, and standby_conf (what only the standby has).
sub new_pair
{
	my (%options) = @_;
	my $primary = new_node('primary', allows_streaming => 1, conf => $options{conf});
	$primary->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', $options{standby_conf} // '');
	$standby->start;
	return ($primary, $standby);
}

# The children of a process.
sub children_of
{
	my ($parent) = @_;
	my @children;
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $file, '<', $stat or next;
		my $line = <$file> // '';
		push @children, $1 if $line =~ /^(\d+) \(.*\) \S $parent /;
	}
	return @children;
}

# Stops a node and makes another of it by pg_upgrade, which is a test. Returns that one, started.
sub upgrade
{
	my ($node) = @_;
	my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
	my $binaries = $node->config_data('--bindir');
	my $here = getcwd();
	$node->stop;
	$upgraded->init;
	# it writes where it is called
	chdir $node->basedir or die;
	command_ok([ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $upgraded->data_dir, '-b', $binaries, '-B', $binaries,
			'-s', $node->host, '-p', $node->port, '-P', $upgraded->port ], 'pg_upgrade');
	chdir $here or die;
	$upgraded->start;
	return $upgraded;
}

# kill -9 for the postmaster and each of its children, as a power failure would have it but for the page cache.
sub kill_server
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};
	my @children = children_of($postmaster);
	$node->kill9;
	kill 'KILL', @children;
	for (1 .. 500)
	{
		last unless grep { kill 0, $_ } $postmaster, @children;
		usleep(10_000);
	}
	return;
}

# Starts a server that was killed, which takes several attempts while what it left is still in use.
sub start_again
{
	my ($node) = @_;
	for (1 .. 100)
	{
		last if $node->start(fail_ok => 1);
		$node->{_pid} = undef;
		usleep(100_000);
	}
	return;
}

# Starts a pgbench that runs a script for so many seconds. Returns its name, a reference to what it writes to stderr, and its handle.
sub start_pgbench
{
	my ($node, $name, $sql, $seconds, @options) = @_;
	my $file = $node->basedir . "/$name.sql";
	my $errors = '';
	unlink $file;
	append_to_file($file, $sql);
	return [
		$name, \$errors,
		IPC::Run::start([ 'pgbench', '-n', '-f', $file, '-T', $seconds, @options, '-d', $node->connstr('postgres') ],
			'>', '/dev/null', '2>', \$errors)
	];
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

# Share of the ten true neighbours that an index scan finds, over all queries, with settings (SQL), if any; dies if the index was not used.
sub recall
{
	my ($node, $name, $operator, $settings) = @_;
	my $inner = "SELECT id FROM $name ORDER BY v $operator q.v LIMIT 10";
	my $off = 'SET enable_seqscan = off; SET enable_sort = off;' . ($settings // '');
	my $plan = $node->safe_psql('postgres', "$off EXPLAIN SELECT * FROM ${name}_query q, LATERAL ($inner) s");
	die "no index scan:\n$plan" unless $plan =~ /Index Scan using ${name}_index/;
	return $node->safe_psql('postgres', qq{
		$off
		SELECT round(sum((SELECT count(*) FROM ${name}_truth t WHERE t.q = q.id AND t.id = ANY (r.ids))) / (10.0 * count(*)), 4)
		FROM ${name}_query q, LATERAL (SELECT array_agg(id) AS ids FROM ($inner) s) r});
}

# SQL that compares the nearest rows that an index scan gives with those of a sort of the whole table, in a session of its own or with
# others of its kind: plans (with the name of the index), then the share of rows that are as near as they should be, how many are nearer than
# the one before, and how many are missing. $queries: SQL for rows (v). %options: limit (10 rows), where (a condition of the rows),
# settings (SQL).
sub comparison
{
	my ($table, $operator, $queries, %options) = @_;
	my $rows = "FROM $table WHERE " . ($options{where} // 'true');
	my $limit = $options{limit} // 10;
	my $settings = $options{settings} // '';
	return qq{
		SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; $settings;
		CREATE TEMP TABLE query AS $queries;
		EXPLAIN SELECT id $rows ORDER BY v $operator (SELECT v FROM query LIMIT 1) LIMIT $limit;
		SELECT round(sum(hits) / sum(wanted), 3), sum(inverted), sum(wanted - found) FROM query q,
			LATERAL (SELECT max(d) AS last, count(*) AS wanted
				FROM (SELECT v $operator q.v AS d $rows AND v IS NOT NULL ORDER BY (v $operator q.v) + 0 LIMIT $limit) s) exact,
			LATERAL (SELECT count(*) FILTER (WHERE d <= last) AS hits, count(*) FILTER (WHERE d < before) AS inverted, count(*) AS found
				FROM (SELECT d, lag(d) OVER () AS before
					FROM (SELECT v $operator q.v AS d $rows ORDER BY v $operator q.v LIMIT $limit) s) s) answer;
		DROP TABLE query;};
}

# Runs a comparison, in the database of %options or in postgres, and returns its three numbers; dies if no index was used.
sub compare
{
	my ($node, $table, $operator, $queries, %options) = @_;
	my $answer = $node->safe_psql($options{database} // 'postgres', comparison($table, $operator, $queries, %options));
	die "no index scan:\n$answer" unless $answer =~ /Index Scan using/;
	return split /\|/, (split /\n/, $answer)[-1];
}

# The share of the ten nearest rows by the table that the index gives, with every so many-th row of the table as a query.
sub share
{
	my ($node, $table, $operator, $list_size, $every) = @_;
	return (compare($node, $table, $operator, "SELECT v FROM $table WHERE id % $every = 0 AND v IS NOT NULL",
			settings => "SET vecgraph.search_list_size = $list_size"))[0];
}

# Waves of changes of a table (id serial, v): pairs of what has been done, and the SQL that does it. $row: SQL for the vector of row i, random
# or not; $last: the last i that the table has a row of; $size: how many such rows the first wave adds; $twin: SQL for the vector that many
# rows have then.
sub waves
{
	my ($table, $row, $last, $size, $twin) = @_;
	my $insert = "INSERT INTO $table (v) SELECT";
	my $series = sub { sprintf 'FROM generate_series(%d, %d) i', $last + $size * $_[0] + 1, $last + $size * $_[1]; };
	return (
		[ 'inserted', "$insert $row " . $series->(0, 1) . "; $insert $twin " . $series->(1, 1.6) ],
		[ 'vacuumed', "DELETE FROM $table WHERE id % 3 = 0; VACUUM $table" ],
		[ 'slots reused', "$insert $row " . $series->(2, 3.8) ]);
}

# SQL for pgbench: searches of table items (id, v, note, tenant) for the 40 rows of tenant 7, which nobody changes: among those that match, and
# as all that match. One that misses a row, or returns one twice, fails.
sub tenant_searches
{
	my $count = "1 / (count(*) FILTER (WHERE tenant = 7) = 40)::int, 1 / (count(*) = count(DISTINCT id))::int";
	my $search = sub { "SELECT $count FROM (SELECT id, tenant FROM items WHERE $_[0] ORDER BY v <-> some_vector() $_[1]) s;" };
	return 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; BEGIN ISOLATION LEVEL REPEATABLE READ;'
	  . $search->('tenant = 7', 'LIMIT 100') . $search->('tenant = 7 AND note = 0', 'LIMIT 100') . $search->('tenant >= 5', 'OFFSET 0')
	  . $search->('note < 5 AND tenant >= 3', 'OFFSET 0') . $search->('tenant = 7', 'LIMIT 100') . 'COMMIT;';
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
