# A standby replays builds, inserts and vacuums, answers from the index, and can be promoted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use Test::More;
use VecidxTest qw(new_node complete);

my $primary = new_node('primary', allows_streaming => 1, conf => "autovacuum = off\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $query = "SELECT id FROM items ORDER BY v <-> '[0.5,0.5,0.5,0.5]' LIMIT 20";

sub same
{
	my ($what) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	# codes in the standby's cache may be a second old, and the answer then differ; distances are always exact
	my $expected = $primary->safe_psql('postgres', "SELECT array_agg(id)::text FROM ($query) s");
	ok($standby->poll_query_until('postgres', "SELECT array_agg(id)::text FROM ($query) s", $expected), "$what: same answer");
	is($standby->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "$what: vecgraph_check on the standby");
	return;
}

my $random = 'array(SELECT random() FROM generate_series(1, 4) WHERE i = i)::vector';
$_->append_conf('postgresql.conf', "enable_seqscan = off\nenable_sort = off") for $primary, $standby;
$_->reload for $primary, $standby;
for my $options ('codes = none', 'codes = pq', 'codes = pq, storage = heap')
{
	$primary->safe_psql('postgres', "DROP TABLE IF EXISTS items; CREATE TABLE items (id serial, v vector(4)) WITH (parallel_workers = 2);
		INSERT INTO items (v) SELECT $random FROM generate_series(1, 2000) i;
		CREATE INDEX items_v ON items USING vecgraph (v) WITH ($options)");
	same("$options: built");
	$primary->safe_psql('postgres', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 500) i;
		INSERT INTO items (v) SELECT '[0.5,0.5,0.5,0.5]' FROM generate_series(1, 300) i");
	same("$options: inserted");
	$primary->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
	$primary->safe_psql('postgres', 'VACUUM items');
	same("$options: vacuumed");
	$primary->safe_psql('postgres', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 900) i");
	same("$options: slots reused");
	$primary->safe_psql('postgres', 'REINDEX INDEX items_v');
	same("$options: rebuilt");
	my ($result, $out, $notices) = $primary->psql('postgres', "SET maintenance_work_mem = '1MB';
		INSERT INTO items (v) SELECT $random FROM generate_series(1, 3000) i; REINDEX INDEX items_v");
	like($notices, qr/no longer fits into maintenance_work_mem/, "$options: a build that outgrows its memory");
	same("$options: rebuilt in little memory");
}

# vectors leave the memory of the build, and pages are made before they are logged
$query = 'SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 7) LIMIT 20';
my $long = $random =~ s/4\)/96)/r;
$primary->safe_psql('postgres', "DROP TABLE items; CREATE TABLE items (id serial, v vector(96)) WITH (parallel_workers = 2);
	INSERT INTO items (v) SELECT $long FROM generate_series(1, 5000) i");
for my $options ('codes = none', 'codes = pq', 'codes = pq, pq_subvectors = 24', 'storage = heap')
{
	my ($result, $out, $notices) = $primary->psql('postgres', "SET maintenance_work_mem = '3MB';
		DROP INDEX IF EXISTS items_v; CREATE INDEX items_v ON items USING vecgraph (v) WITH ($options)");
	like($notices, qr/vectors no longer fit into maintenance_work_mem/, "$options: linked by codes");
	same("$options: linked by codes");
}

$primary->stop;
$standby->promote;
$random = $long;
$standby->safe_psql('postgres', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 100) i");
complete($standby, 'items', 'items_v', 'promoted');
$standby->stop;
done_testing();
