# Shards on other servers, by postgres_fdw: one search asks all of them at the same time, each for its own nearest rows by its index, and gives
# what one table would; what is set up, what a shard has that the others have not, a shard that is down, and shared codebooks.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_node load_file root);

my $conf = "fsync = off\nautovacuum = off\n";
my $node = new_node('coordinator', conf => $conf);
plan skip_all => 'postgres_fdw is not installed'
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0;

# rows id % 4 in 0 .. 2 are on shards of those numbers, the others here
my @shards = map { new_node("shard$_", conf => $conf) } 0 .. 2;
my $data = root() . '/data/sift-10k';
load_file($node, 'whole', "$data/base.bvecs");
load_file($node, 'query', "$data/query.bvecs");
$node->safe_psql('postgres', q{
	ALTER TABLE whole ADD kind int; UPDATE whole SET kind = id % 4;
	CREATE EXTENSION postgres_fdw;
	CREATE TABLE items (id int, v vector(128), kind int) PARTITION BY LIST (kind);
	CREATE TABLE items_here PARTITION OF items FOR VALUES IN (3);
	INSERT INTO items SELECT id, v, kind FROM whole WHERE kind = 3;
	SELECT vecidx_train_codebook('shared', 'whole', 'v', 16, sample_size => 1500);
	CREATE INDEX here ON items_here USING vecgraph (v vector_l2_ops) WITH (codebook = 'shared');});
my $codebook = $node->safe_psql('postgres', q{COPY vecidx_codebook TO STDOUT});
for my $n (0 .. 2)
{
	my $shard = $shards[$n];
	load_file($shard, 'part', "$data/base.bvecs");
	# by COPY, as codebooks travel
	my $copy = $shard->basedir . '/codebook';
	open my $file, '>', $copy or die;
	print $file "$codebook\n";
	close $file;
	$shard->safe_psql('postgres', qq{
		COPY vecidx_codebook FROM '$copy';
		DELETE FROM part WHERE id % 4 <> $n;
		ALTER TABLE part ADD "Kind" int; UPDATE part SET "Kind" = $n;
		VACUUM ANALYZE part;
		CREATE INDEX part_v ON part USING vecgraph (v vector_l2_ops) WITH (codebook = 'shared');});
	$node->safe_psql('postgres', sprintf q{
		CREATE SERVER shard%1$d FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%2$s', port '%3$d', dbname 'postgres', options '-c vecgraph.search_list_size=200');
		CREATE USER MAPPING FOR CURRENT_USER SERVER shard%1$d;
		CREATE FOREIGN TABLE items_%1$d PARTITION OF items FOR VALUES IN (%1$d) SERVER shard%1$d OPTIONS (table_name 'part');
		ALTER FOREIGN TABLE items_%1$d ALTER kind OPTIONS (ADD column_name 'Kind')},
		$n, $shard->host, $shard->port);
}

sub check
{
	my ($what) = @_;
	return $node->safe_psql('postgres', "SELECT $what FROM vecidx_shards_check('items', 'v') ORDER BY shard::text");
}

# ---- set-up ----
like(check('problem'), qr/its indexes are not known before foreign table public\.vecgraph_indexes_at_shard0 is made/, 'what is not set up is told');
my $statements = $node->safe_psql('postgres', q{SELECT vecidx_shards_setup('items')});
is(scalar(my @all = $statements =~ /^/mg), 9, 'three statements for each server');
$node->safe_psql('postgres', q{ALTER SERVER shard1 OPTIONS (ADD extensions 'postgres_fdw, citext'); ALTER SERVER shard2 OPTIONS (ADD async_capable 'off')});
like($node->safe_psql('postgres', q{SELECT vecidx_shards_setup('items')}),
	qr/ALTER SERVER shard1 OPTIONS \(SET extensions 'postgres_fdw, citext, vecidx'\)[^;]*ALTER SERVER shard2 OPTIONS \(SET async_capable 'true'\)/,
	'options that are there are changed');
# extensions are looked up, and that one is not here
$node->safe_psql('postgres', q{ALTER SERVER shard1 OPTIONS (SET extensions 'postgres_fdw')});
$node->psql('postgres', q{SELECT vecidx_shards_setup('items') \gexec});
is($node->safe_psql('postgres', q{SELECT count(*) FROM vecidx_shards_setup('items')}), '0', 'nothing is left to set up');
is(check('problem IS NULL'), "t\nt\nt\nt", 'four shards that fit together');
is($node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT codebook_hash), min(codebook_hash) = (SELECT hash FROM vecidx_codebook) FROM vecidx_shards_check('items', 'v')}),
	'4|1|t', 'the codebook in each index is the named one');

# ---- the search ----
my $query = $node->safe_psql('postgres', 'SELECT v FROM query WHERE id = 7');
my $statement = $node->safe_psql('postgres', "SELECT vecidx_shards_sql('items', 'v', '$query', 10)");
my $plan = $node->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) $statement");
is(scalar(my @async = $plan =~ /Async Foreign Scan on public\.items_\d/g), 3, 'all servers are asked at the same time');
is(scalar(my @sent = $plan =~ /Remote SQL: .* ORDER BY \(v OPERATOR\(public\.<->\) '[^']*'\) ASC NULLS LAST LIMIT 10/g), 3, 'order and LIMIT are sent');
for my $shard (@shards)
{
	my ($remote) = $plan =~ /Remote SQL: (.*)/;
	like($shard->safe_psql('postgres', "EXPLAIN $remote"), qr/Index Scan using part_v/, 'a shard uses its index');
}

# the nearest rows of all shards are those of one table: by recall, for which both are approximate, and in order
my $compare = q{
	SELECT avg((SELECT count(*) FROM unnest(g.ids) i WHERE i = ANY (t.ids)) / 10.0)::numeric(5, 3), bool_and(g.ids = g.sorted) FROM query q,
	LATERAL (SELECT array_agg(id) AS ids FROM (SELECT id FROM whole WHERE CONDITION ORDER BY v <-> q.v LIMIT 10) s) t,
	LATERAL (SELECT array_agg(id) AS ids, array_agg(id ORDER BY v <-> q.v, n) AS sorted FROM vecidx_shards(NULL::items, 'v', q.v, 10, 'l2', 'CONDITION') WITH ORDINALITY s(id, v, kind, n)) g
	WHERE q.id < 25};
for my $condition ('true', 'id % 3 = 1', 'kind IN (1, 3)')
{
	my ($recall, $ordered) = split /\|/, $node->safe_psql('postgres', $compare =~ s/CONDITION/$condition/gr);
	cmp_ok($recall, '>=', 0.99, "recall of all shards where $condition");
	is($ordered, 't', "in order where $condition");
}
# one big index with the same codebook, and the same list, finds no more than the union
my $big = $node->safe_psql('postgres', q{
	CREATE INDEX whole_v ON whole USING vecgraph (v vector_l2_ops) WITH (codebook = 'shared');
	CREATE TABLE truth AS SELECT q.id AS query, r.id FROM query q, LATERAL (SELECT id FROM whole ORDER BY v <-> q.v LIMIT 10) r WHERE false;
	SET enable_indexscan = off;
	INSERT INTO truth SELECT q.id, r.id FROM query q, LATERAL (SELECT id FROM whole ORDER BY v <-> q.v LIMIT 10) r WHERE q.id < 100;
	SET enable_indexscan = on; SET enable_seqscan = off; SET vecgraph.search_list_size = 20;
	SELECT count(*) FROM query q, LATERAL (SELECT id FROM whole ORDER BY v <-> q.v LIMIT 10) r JOIN truth t ON r.id = t.id WHERE q.id < 100 AND t.query = q.id;});
$node->safe_psql('postgres', "ALTER SERVER shard$_ OPTIONS (SET options '-c vecgraph.search_list_size=20')") for 0 .. 2;
my $union = $node->safe_psql('postgres', q{
	SET vecgraph.search_list_size = 20;
	SELECT count(*) FROM query q, LATERAL vecidx_shards(NULL::items, 'v', q.v, 10) r JOIN truth t ON r.id = t.id WHERE q.id < 100 AND t.query = q.id;});
cmp_ok($union, '>=', $big, "a union with shared codes finds no less than one index ($union, $big of 1000)");

# ---- shards that do not fit ----
my $out;
$shards[1]->safe_psql('postgres', q{DROP INDEX part_v; CREATE INDEX part_v ON part USING vecgraph (v vector_cosine_ops)});
is(check('server, problem') =~ s/\n/;/gr, 'shard0|;shard1|metric cosine, but items_here has l2;shard2|;|', 'another metric is found');
$shards[1]->safe_psql('postgres', q{
	SELECT vecidx_drop_codebook('shared', true); SELECT vecidx_train_codebook('shared', 'part', 'v', sample_size => 1000);
	DROP INDEX part_v; CREATE INDEX part_v ON part USING vecgraph (v vector_l2_ops) WITH (codebook = 'shared')});
is(check('server, problem') =~ s/\n/;/gr, 'shard0|;shard1|another codebook of the name shared than items_here has;shard2|;|', 'another codebook of that name is found');
$shards[2]->safe_psql('postgres', q{DROP INDEX part_v; ALTER TABLE part ALTER v TYPE vector USING subvector(v, 1, 64); CREATE INDEX part_v ON part USING vecgraph ((v::vector(64)) vector_l2_ops)});
like(check('server, problem'), qr/shard2\|no vecgraph index on the column/, 'an index on something else is none');
$shards[2]->safe_psql('postgres', q{DROP INDEX part_v; ALTER TABLE part ALTER v TYPE vector(64); CREATE INDEX part_v ON part USING vecgraph (v vector_l2_ops)});
like(check('server, problem'), qr/shard2\|64 dimensions, but items_here has 128/, 'other dimensions are found');
$node->psql('postgres', "SELECT count(*) FROM vecidx_shards(NULL::items, 'v', '$query', 10)", stderr => \$out);
like($out, qr/ERROR:  different vector dimensions 64 and 128.*CONTEXT:.*search of the shards of "items"/s, 'and searches do not pass over that shard');

# ---- a shard that is down ----
$shards[0]->stop('immediate');
$node->psql('postgres', "SELECT count(*) FROM vecidx_shards(NULL::items, 'v', '$query', 10)", stderr => \$out);
like($out, qr/ERROR:  could not connect to server "shard0"/, 'a shard that is down is named');
$node->psql('postgres', q{SELECT * FROM vecidx_shards_check('items', 'v')}, stderr => \$out);
like($out, qr/ERROR:  could not connect to server "shard0"/, 'by the check, too');

done_testing();
