# 10,000 random and hostile inputs to the functions of the type: none may crash the backend, round trips keep every bit, and
# a long query runs in constant memory.  VECIDX_SEED repeats a run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxTest qw(new_node);

my $seed = $ENV{VECIDX_SEED} || int(rand(1_000_000));
srand($seed);
note "VECIDX_SEED=$seed";
my $node = new_node('fuzz', conf => "autovacuum = off\nfsync = off\nmin_parallel_table_scan_size = 0\n");

my @numbers = qw(0 -0 1 -1 0.5 1e-45 1e-38 3.4028235e38 -3.4028235e38 3.5e38 1e400 1e-400 nan inf -infinity 1e 0x10 1_0 +5 . - e5 99999999999999999999);
my @pieces = ('[', ']', ',', ' ', "\t", "\n", '{', '}', '(', '"', 'null', '\\', "\xc3\xa9", '[[', ']]', ',,', '/', ':', @numbers);

sub any { return $_[ rand @_ ]; }
sub number { return rand() < 0.85 ? sprintf('%.*g', 1 + int(rand(12)), (rand() - 0.5) * 100)
	  : rand() < 0.5 ? sprintf('%.*g', 1 + int(rand(12)), (rand() - 0.5) * 10**int(rand(80) - 40)) : any(@numbers); }
sub quoted { my $s = shift; $s =~ s/'/''/g; return "'$s'"; }

# A vector literal: mostly well formed, often of the same few sizes so that operators get further than the size check.
sub literal
{
	return quoted(join '', map { any(@pieces) } 1 .. rand(8)) if rand() < 0.15;
	my $n = rand() < 0.02 ? any(15999, 16000, 16001) : any(1, 2, 3, 3, 3, 3, 3, 3, 17, 30, 31, 130);
	return quoted('[' . join(any(',', ', ', ' ,'), map { number() } 1 .. $n) . ']');
}
sub array
{
	my $kind = any('int', 'real', 'float8', 'numeric');
	return quoted(any('{}', '{NULL}', '{{1,2},{3,4}}', '[5:6]={1,2}', '{NaN}', '{Infinity}', '{1,NULL}')) . "::$kind\[]"
	  if rand() < 0.3;
	return quoted('{' . join(',', map { any(0, 1, -1, 7, 1000, 2147483647, $kind eq 'int' ? 3 : '1e30') } 1 .. any(1, 2, 3, 4, 18)) . '}') . "::$kind\[]";
}
sub integer { return any(0, 1, 2, 3, -1, 100, 2147483647, -2147483648, 16000); }

my @two = qw(l2_distance inner_product cosine_distance l1_distance vector_add vector_sub vector_mul vector_concat vector_lt
  vector_le vector_eq vector_ne vector_ge vector_gt vector_cmp vector_l2_squared_distance vector_negative_inner_product
  vector_spherical_distance);
my @one = qw(vector_dims vector_norm l2_normalize binary_quantize vector_out vector_send);
my @makers = (
	sub { 'SELECT ' . any(@two) . '(' . literal() . ', ' . literal() . ')' },
	sub { 'SELECT ' . any(@one) . '(' . literal() . ')' },
	sub { 'SELECT ' . literal() . '::vector(' . any(integer(), '3', "'x'", '2,3') . ')' },
	sub { 'SELECT (' . array() . ')::vector' . any('', '(3)', '(2)') },
	sub { 'SELECT ' . literal() . '::vector::real[]' },
	sub { 'SELECT subvector(' . literal() . ', ' . integer() . ', ' . integer() . ')' },
	sub { 'SELECT vector_accum(' . array() . '::float8[], ' . literal() . ')' },
	sub { 'SELECT vector_avg(' . array() . '::float8[])' },
	sub { 'SELECT vector_combine(' . array() . '::float8[], ' . array() . '::float8[])' },
	sub { 'SELECT ' . any('avg', 'sum') . '(v) FROM unnest(ARRAY[' . join(',', map { literal() } 1 .. 3) . ']::vector[]) v' },
	sub { 'SELECT ' . literal() . '::vector ' . any('<->', '<#>', '<=>', '<+>', '+', '-', '*', '||', '<', '=', '>=') . ' ' . literal() },
	sub { 'SELECT vector_typmod_in(' . quoted(any('{1}', '{}', '{NULL}', '{a}', '{1,2}', '{99999999999}', '{-1}')) . '::cstring[])' },
);

my $total = 10_000;
my $batch = 500;
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $file = $node->basedir . '/fuzz.sql';
my ($done, $good, $refused) = (0, 0, 0);
while ($done < $total)
{
	my $sql = "SELECT 'pid ' || pg_backend_pid();\n";
	$sql .= any(@makers)->() . ";\n" for 1 .. $batch;
	$sql .= "SELECT 'alive ' || pg_backend_pid();\n";
	unlink $file;
	append_to_file($file, $sql);
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-f', $file ], '>', \$out, '2>', \$err);
	my ($pid) = $out =~ /^pid (\d+)/m;
	my ($alive) = $out =~ /^alive (\d+)/m;
	last unless defined $pid && defined $alive && $pid == $alive;
	$refused += () = $err =~ /ERROR:/g;
	$done += $batch;
	is(scalar(() = $err =~ /ERROR:  (?:cache lookup|unexpected|invalid memory|unrecognized)/g), 0, "inputs up to $done: no internal error")
	  or diag($err);
}
is($done, $total, "$done inputs, the backend survived each");
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server was not restarted');
cmp_ok($refused, '>', 1000, "$refused were refused");
cmp_ok($refused, '<', $total * 0.75, 'and many were not');

# binary input: truncated, wrong counts, NaN, infinite
for my $case (
	[ 'no data', pack('n', 2), 'insufficient data' ],
	[ 'zero dimensions', pack('nn', 0, 0), 'at least 1 dimension' ],
	[ 'negative dimensions', pack('nn', 65535, 0), 'at least 1 dimension' ],
	[ 'too many dimensions', pack('nn', 16001, 0), 'more than 16000' ],
	[ 'unused set', pack('nnf>', 1, 1, 1), 'expected unused to be 0, not 1' ],
	[ 'too few elements', pack('nnf>', 2, 0, 1), 'insufficient data' ],
	[ 'too many elements', pack('nnf>f>', 1, 0, 1, 2), 'incorrect binary data format' ],
	[ 'NaN', pack('nnN', 1, 0, 0x7fc00000), 'NaN not allowed' ],
	[ 'infinite', pack('nnN', 1, 0, 0xff800000), 'infinite value not allowed' ])
{
	my ($name, $bytes, $message) = @$case;
	my $copy = $node->basedir . '/bad.copy';
	open my $out, '>:raw', $copy or die $!;
	print $out "PGCOPY\n\377\r\n\0", pack('NN', 0, 0), pack('nN', 1, length $bytes), $bytes, pack('n', 65535);
	close $out;
	my ($result, $stdout, $stderr) = $node->psql('postgres', "CREATE TEMP TABLE b (v vector); COPY b FROM '$copy' BINARY");
	like($stderr, qr/\Q$message\E/, "binary input: $name");
}

# round trips: any float comes back as it was, as text and as binary
$node->safe_psql('postgres', q{
	CREATE TABLE trip AS SELECT i, array(SELECT (random() - 0.5) * 10 ^ (random() * 70 - 35) FROM generate_series(1, 5) WHERE i = i)::vector v
		FROM generate_series(1, 2000) i});
is($node->safe_psql('postgres', 'SELECT count(*) FROM trip WHERE v::text::vector <> v OR v::real[]::vector <> v'), 0, 'text and array round trips');
my $copy = $node->basedir . '/trip.copy';
is($node->safe_psql('postgres', "COPY trip TO '$copy' BINARY; CREATE TABLE back (LIKE trip); COPY back FROM '$copy' BINARY;
	SELECT count(*) FROM trip JOIN back USING (i) WHERE trip.v = back.v"), 2000, 'binary round trip');

# constant memory: inline, toasted and short values alike
$node->safe_psql('postgres', q{
	CREATE TABLE big (v vector, w vector, s vector);
	INSERT INTO big SELECT array_fill(i, ARRAY[400])::vector, array_fill(i, ARRAY[3000])::vector, array_fill(i, ARRAY[3])::vector FROM generate_series(1, 3000) i});
my $growth = $node->safe_psql('postgres', q{
	SET max_parallel_workers_per_gather = 0;
	CREATE FUNCTION memory() RETURNS bigint LANGUAGE sql AS 'SELECT sum(used_bytes) FROM pg_backend_memory_contexts';
	SELECT count(*) FROM big a, generate_series(1, 3) WHERE v <-> v < 0 OR w <=> w > 5 OR s <+> s < 0 OR v < v OR vector_norm(w) < 0 OR vector_dims(s) < 0;
	CREATE TEMP TABLE first AS SELECT memory() m;
	SELECT count(*) FROM big a, generate_series(1, 30) WHERE v <-> v < 0 OR w <=> w > 5 OR s <+> s < 0 OR v < v OR vector_norm(w) < 0 OR vector_dims(s) < 0;
	SELECT memory() - m FROM first});
$growth =~ s/.*\n//s;
cmp_ok($growth, '<', 200_000, "memory after 90,000 rows grew by $growth bytes");

$node->stop;
done_testing();
