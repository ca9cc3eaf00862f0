# Random damage to index files: every statement answers, or fails with "index corrupted" naming index and remedy. Never a crash.
# VECIDX_SEED repeats a run, VECIDX_DAMAGES sets how many (150).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node complete);

my $seed = $ENV{VECIDX_SEED} || int(rand(1_000_000));
srand($seed);
note "VECIDX_SEED=$seed";
my $damages = $ENV{VECIDX_DAMAGES} || 150;
my $node = new_node('corruption', conf => "autovacuum = off\nfsync = off\nfull_page_writes = off\nrestart_after_crash = off\n");
my $options = $ENV{VECIDX_OPTIONS} || ('codes = none', 'codes = pq', 'codes = pq, storage = heap')[rand 3];
note "VECIDX_OPTIONS='$options'";
my $random = 'array(SELECT random() FROM generate_series(1, 8) WHERE i = i)::vector';
$node->safe_psql('postgres', "
	CREATE TABLE items (id serial, v vector(8));
	INSERT INTO items (v) SELECT $random FROM generate_series(1, 600) i;
	INSERT INTO items (v) SELECT '[1,1,1,1,1,1,1,1]' FROM generate_series(1, 300) i;
	CREATE INDEX items_v ON items USING vecgraph (v) WITH ($options);
	DELETE FROM items WHERE id % 7 = 0");
$node->safe_psql('postgres', 'VACUUM items; CHECKPOINT');
my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('items_v')");
my $good = slurp_file($path);
my $pages = length($good) / 8192;

# Where slots are, so that damage finds them: VxMeta.record_bytes in the body of the meta page, and the kind of a page in its last bytes.
use constant { HEADER => 24, SPECIAL => 8, NODE_PAGE => 0xA102, LIVE => 1 };
my $record = unpack 'L', substr($good, HEADER + 36, 4);
my $slots = int((8192 - HEADER - SPECIAL) / $record);
sub node_pages { return grep { unpack('S', substr($good, $_ * 8192 + 8190, 2)) == NODE_PAGE } 0 .. $pages - 1; }
my @node_pages = node_pages();
sub slot_at { my ($page, $slot) = @_; return $page * 8192 + HEADER + $slot * $record; }
is(scalar(grep { ord(substr($good, $_, 1)) == LIVE } map { my $page = $_; map { slot_at($page, $_) } 0 .. $slots - 1 } @node_pages),
	$node->safe_psql('postgres', "SELECT live FROM vecgraph_info('items_v')"), "slots of $record bytes are where the test looks for them");

# One kind of damage; returns the new content and what was done.
sub damage
{
	my $bytes = $good;
	my $page = int(rand($pages));
	my $at = $page * 8192;
	my $kind = int(rand(7));
	if ($kind == 0) { substr($bytes, $at, 8192) = "\0" x 8192; return ($bytes, "page $page zeroed"); }
	if ($kind == 1)
	{
		# with the header and the special space kept, or PostgreSQL itself refuses the page
		my ($from, $length) = rand() < 0.2 ? (0, 8192) : (24, 8192 - 24 - 8);
		substr($bytes, $at + $from, $length) = join '', map { chr rand 256 } 1 .. $length;
		return ($bytes, "page $page random from $from");
	}
	if ($kind == 2) { return (substr($bytes, 0, $at), "cut before page $page"); }
	if ($kind == 3)
	{
		my $other = int(rand($pages));
		substr($bytes, $at, 8192) = substr($good, $other * 8192, 8192);
		return ($bytes, "page $page replaced by page $other");
	}
	if ($kind == 4) { substr($bytes, 24 + int(rand(224)), 1) = chr rand 256; return ($bytes, 'a byte of the meta page'); }
	if ($kind == 5)
	{
		# the first words of a slot, where states, counts and links are
		my $offset = slot_at($node_pages[rand @node_pages], int(rand($slots))) + int(rand(40));
		substr($bytes, $offset, 1) = chr rand 256;
		return ($bytes, "a byte at $offset");
	}
	for (1 .. 1 + rand(20)) { substr($bytes, $at + int(rand(8192)), 1) = chr rand 256; }
	return ($bytes, "bytes of page $page");
}

my @statements = (
	"SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 10) s",
	"SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[0,0,0,0,0,0,0,0]') s",
	"INSERT INTO items (v) VALUES ('[1,1,1,1,1,1,1,1]'), ('[2,1,1,1,1,1,1,1]'), ('[0.1,0,0,0,0,0,0,0.3]')",
	"SELECT vecgraph_check('items_v')",
	"SELECT count(*) FROM vecgraph_info('items_v')",
	'DELETE FROM items WHERE id % 11 = 3',
	'VACUUM (INDEX_CLEANUP on) items',
);
my ($answered, $detected, $bad) = (0, 0, 0);
for my $round (1 .. $damages)
{
	my ($bytes, $what) = damage();
	$node->stop('fast');
	open my $out, '>:raw', $path or die $!;
	print $out $bytes;
	close $out;
	$node->start;
	for my $sql (@statements)
	{
		my ($result, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET statement_timeout = '60s';\n$sql");
		if ($result == 0 && $stderr !~ /ERROR/) { $answered++; }
		elsif ($stderr =~ /ERROR:  (?:XX002|55000): .*items_v/ && $stderr =~ /HINT:  Please REINDEX it/) { $detected++; }
		# PostgreSQL's own words for a file that is too short, or a page header that makes no sense
		elsif ($stderr =~ /ERROR:  XX001: (?:could not read block(?:s \d+\.\.)? *\d+ in file|invalid page in block)/) { $detected++; }
		else { $bad++; diag("round $round, $what: $sql\n$stderr"); }
	}
	unless ($node->psql('postgres', 'SELECT 1') == 0)
	{
		fail("round $round, $what: the server is gone");
		last;
	}
	# and it can be repaired
	if ($round % 25 == 0)
	{
		$node->safe_psql('postgres', 'REINDEX INDEX items_v');
		is($node->safe_psql('postgres', "SELECT vecgraph_check('items_v')"), '', "round $round: REINDEX repairs it");
		$node->safe_psql('postgres', 'CHECKPOINT');
		$path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('items_v')");
		$good = slurp_file($path);
		$pages = length($good) / 8192;
		@node_pages = node_pages();
	}
}
is($bad, 0, "$damages damages: $answered statements answered, $detected refused cleanly");
cmp_ok($detected, '>', $damages / 4, 'damage is detected');

# Heap TIDs that none can be, in every live node
{
	$node->safe_psql('postgres', 'REINDEX INDEX items_v; CHECKPOINT');
	$path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('items_v')");
	$node->stop;
	my $bytes = $good = slurp_file($path);
	$pages = length($good) / 8192;
	for my $at (map { my $page = $_; map { slot_at($page, $_) } 0 .. $slots - 1 } node_pages())
	{
		# offset of the first, see format/README.md
		substr($bytes, $at + 18, 2) = pack('S', 0) if ord(substr($bytes, $at, 1)) == LIVE;
	}
	open my $out, '>:raw', $path or die $!;
	print $out $bytes;
	close $out;
	$node->start;
	for my $sql (@statements[0, 3], 'DELETE FROM items WHERE id % 13 = 5', $statements[6])
	{
		my ($result, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
		$sql =~ /^DELETE/ ? is($result, 0, 'rows are deleted') : like($stderr, qr/ERROR:  XX002: .*invalid heap TID/, "refused: $sql");
	}
	$node->safe_psql('postgres', 'REINDEX INDEX items_v; CHECKPOINT');
	$path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('items_v')");
}

# Zero pages at the end are no damage: a crash leaves them when what was added had not been logged. They are filled again.
for my $more (1, 3)
{
	$node->safe_psql('postgres', 'REINDEX INDEX items_v; CHECKPOINT');
	$path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('items_v')");
	my $before = $node->safe_psql('postgres', "SELECT pg_relation_size('items_v')");
	$node->stop;
	append_to_file($path, "\0" x (8192 * $more));
	$node->start;
	complete($node, 'items', 'items_v', "$more zero pages at the end");
	$node->safe_psql('postgres', 'SELECT unreachable FROM vecgraph_info(\'items_v\'); DELETE FROM items WHERE id % 11 = 0; VACUUM items');
	$node->safe_psql('postgres', "SELECT vecgraph_train('items_v'); SELECT vecgraph_prewarm('items_v')") if $options !~ /none/;
	complete($node, 'items', 'items_v', "$more zero pages at the end, after VACUUM");
	$node->safe_psql('postgres', "INSERT INTO items (v) SELECT $random FROM generate_series(1, 400) i");
	complete($node, 'items', 'items_v', "$more zero pages at the end, after inserts");
	cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('items_v')"), '>', $before, "$more zero pages at the end are used");
}
$node->stop;
done_testing();
