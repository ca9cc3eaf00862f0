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

my $query = "SET enable_seqscan = off; SELECT id FROM items ORDER BY v <-> '[0.5,0.5,0.5,0.5]' LIMIT 20";

sub same
{
	my ($what) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is($standby->safe_psql('postgres', $query), $primary->safe_psql('postgres', $query), "$what: same answer");
	is($standby->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "$what: vecgraph_check on the standby");
	return;
}

my $random = 'array(SELECT random() FROM generate_series(1, 4) WHERE i = i)::vector';
$primary->safe_psql('postgres', "CREATE TABLE items (id serial, v vector(4));
	INSERT INTO items (v) SELECT $random FROM generate_series(1, 2000) i;
	CREATE INDEX items_v ON items USING vecgraph (v)");
same('built');
$primary->safe_psql('postgres', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 500) i;
	INSERT INTO items (v) SELECT '[0.5,0.5,0.5,0.5]' FROM generate_series(1, 300) i");
same('inserted');
$primary->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
$primary->safe_psql('postgres', 'VACUUM items');
same('vacuumed');
$primary->safe_psql('postgres', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 900) i");
same('slots reused');
$primary->safe_psql('postgres', 'REINDEX INDEX items_v');
same('rebuilt');

$primary->stop;
$standby->promote;
$standby->safe_psql('postgres', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 100) i");
complete($standby, 'items', 'items_v', 'promoted');
$standby->stop;
done_testing();
