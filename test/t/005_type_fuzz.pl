# 10,000 random and hostile inputs to the functions of the types: none may crash the backend, round trips keep every bit, and
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
# The same of a sparse vector.
sub sparse_literal
{
	return quoted(join '', map { any(@pieces) } 1 .. rand(8)) if rand() < 0.15;
	my $n = rand() < 0.02 ? any(15999, 16000, 16001) : any(0, 1, 2, 3, 3, 3, 17, 130);
	my $dim = rand() < 0.9 ? any(3, 20, 20, 20, 1000000000) : any(-1, 0, 1000000001, 2147483648, '99999999999999999999', '', '2a');
	my @places = rand() < 0.8 ? (1 .. $n) : map { any(0, 1, 7, 20, -1, 2147483647, -2147483648, 2147483648, '99999999999999999999', 'x') } 1 .. $n;
	@places = reverse @places if rand() < 0.2;
	return quoted('{' . join(any(',', ', ', ' ,'), map { $_ . any(':', ':', ': ', ' :') . number() } @places) . '}' . any('/', '/', ' / ') . $dim);
}
sub integer { return any(0, 1, 2, 3, -1, 100, 2147483647, -2147483648, 16000); }

my @two = qw(l2_distance inner_product cosine_distance l1_distance TYPE_add TYPE_sub TYPE_mul TYPE_concat TYPE_lt
  TYPE_le TYPE_eq TYPE_ne TYPE_ge TYPE_gt TYPE_cmp TYPE_l2_squared_distance TYPE_negative_inner_product
  TYPE_spherical_distance);
my @one = qw(vector_dims NORM l2_normalize binary_quantize TYPE_out TYPE_send);
my @sparse_two = qw(l2_distance inner_product cosine_distance l1_distance sparsevec_lt sparsevec_le sparsevec_eq sparsevec_ne sparsevec_ge
  sparsevec_gt sparsevec_cmp sparsevec_l2_squared_distance sparsevec_negative_inner_product);
my @sparse_one = qw(l2_norm l2_normalize sparsevec_out sparsevec_send);
my @makers = (
	sub { 'SELECT ' . any(@two) . '(' . literal() . '::TYPE, ' . literal() . ')' },
	sub { 'SELECT ' . any(@one) . '(' . literal() . '::TYPE)' },
	sub { 'SELECT ' . literal() . '::TYPE(' . any(integer(), '3', "'x'", '2,3') . ')' },
	sub { 'SELECT (' . array() . ')::TYPE' . any('', '(3)', '(2)') },
	sub { 'SELECT ' . literal() . '::TYPE::real[]' },
	sub { 'SELECT ' . literal() . '::TYPE::' . any('vector', 'halfvec') . any('', '(3)') },
	sub { 'SELECT ' . literal() . '::vector <-> ' . literal() . '::halfvec' },
	sub { 'SELECT subvector(' . literal() . '::TYPE, ' . integer() . ', ' . integer() . ')' },
	sub { 'SELECT TYPE_accum(' . array() . '::float8[], ' . literal() . ')' },
	sub { 'SELECT TYPE_avg(' . array() . '::float8[])' },
	sub { 'SELECT TYPE_combine(' . array() . '::float8[], ' . array() . '::float8[])' },
	sub { 'SELECT ' . any('avg', 'sum') . '(v) FROM unnest(ARRAY[' . join(',', map { literal() } 1 .. 3) . ']::TYPE[]) v' },
	sub { 'SELECT ' . literal() . '::TYPE ' . any('<->', '<#>', '<=>', '<+>', '+', '-', '*', '||', '<', '=', '>=') . ' ' . literal() },
	sub { 'SELECT ' . any(@sparse_two) . '(' . sparse_literal() . '::sparsevec, ' . sparse_literal() . ')' },
	sub { 'SELECT ' . any(@sparse_one) . '(' . sparse_literal() . '::sparsevec)' },
	sub { 'SELECT ' . sparse_literal() . '::sparsevec(' . any(integer(), '3', '20', "'x'", '2,3') . ')' },
	sub { 'SELECT (' . array() . ')::sparsevec' . any('', '(3)') },
	sub { 'SELECT ' . sparse_literal() . '::sparsevec::TYPE' . any('', '(20)') },
	sub { 'SELECT ' . literal() . '::TYPE::sparsevec' . any('', '(3)') },
	sub { 'SELECT ' . sparse_literal() . '::sparsevec ' . any('<->', '<#>', '<=>', '<+>', '<', '=', '>=') . ' ' . any(sparse_literal(), literal() . '::TYPE') },
	sub { 'SELECT TYPE_typmod_in(' . quoted(any('{1}', '{}', '{NULL}', '{a}', '{1,2}', '{99999999999}', '{-1}')) . '::cstring[])' },
);

# A statement about one of the types.
sub statement
{
	my $type = any('vector', 'halfvec');
	my $norm = $type eq 'vector' ? any('vector_norm', 'l2_norm') : 'l2_norm';
	return any(@makers)->() =~ s/TYPE/$type/gr =~ s/NORM/$norm/r;
}

my $total = 10_000;
my $batch = 500;
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $file = $node->basedir . '/fuzz.sql';
my ($done, $good, $refused) = (0, 0, 0);
while ($done < $total)
{
	my $sql = "SELECT 'pid ' || pg_backend_pid();\n";
	$sql .= statement() . ";\n" for 1 .. $batch;
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
cmp_ok($refused, '<', $total * 0.85, 'and many were not');

# binary input: truncated, wrong counts, NaN, infinite
sub copy_file
{
	my ($name, @values) = @_;
	my $copy = $node->basedir . "/$name.copy";
	open my $out, '>:raw', $copy or die $!;
	print $out "PGCOPY\n\377\r\n\0", pack('NN', 0, 0), (map { pack('nN', 1, length $_), $_ } @values), pack('n', 65535);
	close $out;
	return $copy;
}
for my $case (
	[ 'no data', 'vector', pack('n', 2), 'insufficient data' ],
	[ 'zero dimensions', 'vector', pack('nn', 0, 0), 'vector must have at least 1 dimension' ],
	[ 'negative dimensions', 'vector', pack('nn', 65535, 0), 'vector must have at least 1 dimension' ],
	[ 'too many dimensions', 'vector', pack('nn', 16001, 0), 'vector cannot have more than 16000' ],
	[ 'unused set', 'vector', pack('nnf>', 1, 1, 1), 'expected unused to be 0, not 1' ],
	[ 'too few elements', 'vector', pack('nnf>', 2, 0, 1), 'insufficient data' ],
	[ 'too many elements', 'vector', pack('nnf>f>', 1, 0, 1, 2), 'incorrect binary data format' ],
	[ 'NaN', 'vector', pack('nnN', 1, 0, 0x7fc00000), 'NaN not allowed in vector' ],
	[ 'infinite', 'vector', pack('nnN', 1, 0, 0xff800000), 'infinite value not allowed in vector' ],
	[ 'NaN, then too few elements', 'vector', pack('nnNn', 3, 0, 0x7fc00000, 0), 'NaN not allowed in vector' ],
	[ 'half an element', 'vector', pack('nnNn', 2, 0, 0, 0), 'insufficient data' ],
	[ 'no data', 'halfvec', pack('n', 2), 'insufficient data' ],
	[ 'zero dimensions', 'halfvec', pack('nn', 0, 0), 'halfvec must have at least 1 dimension' ],
	[ 'too many dimensions', 'halfvec', pack('nn', 16001, 0), 'halfvec cannot have more than 16000' ],
	[ 'unused set', 'halfvec', pack('nnn', 1, 1, 0x3c00), 'expected unused to be 0, not 1' ],
	[ 'too few elements', 'halfvec', pack('nnn', 2, 0, 0x3c00), 'insufficient data' ],
	[ 'too many elements', 'halfvec', pack('nnnn', 1, 0, 0, 0), 'incorrect binary data format' ],
	[ 'NaN', 'halfvec', pack('nnn', 1, 0, 0x7c01), 'NaN not allowed in halfvec' ],
	[ 'infinite', 'halfvec', pack('nnn', 1, 0, 0xfc00), 'infinite value not allowed in halfvec' ],
	[ 'NaN, then too few elements', 'halfvec', pack('nnnC', 3, 0, 0x7c01, 0), 'NaN not allowed in halfvec' ],
	[ 'half an element', 'halfvec', pack('nnnC', 2, 0, 0, 0), 'insufficient data' ],
	[ 'no data', 'sparsevec', pack('NN', 2, 0), 'insufficient data' ],
	[ 'zero dimensions', 'sparsevec', pack('NNN', 0, 0, 0), 'sparsevec must have at least 1 dimension' ],
	[ 'negative dimensions', 'sparsevec', pack('NNN', 0xffffffff, 0, 0), 'sparsevec must have at least 1 dimension' ],
	[ 'too many dimensions', 'sparsevec', pack('NNN', 1_000_000_001, 0, 0), 'sparsevec cannot have more than 1000000000 dimensions' ],
	[ 'negative elements', 'sparsevec', pack('NNN', 5, 0xffffffff, 0), 'sparsevec cannot have negative number of elements' ],
	[ 'too many elements', 'sparsevec', pack('NNN', 20000, 16001, 0), 'sparsevec cannot have more than 16000 non-zero elements' ],
	[ 'more elements than dimensions', 'sparsevec', pack('NNN', 2, 3, 0), 'sparsevec cannot have more elements than dimensions' ],
	[ 'unused set', 'sparsevec', pack('NNN', 2, 0, 1), 'expected unused to be 0, not 1' ],
	[ 'no positions', 'sparsevec', pack('NNN', 20000, 16000, 0), 'insufficient data' ],
	[ 'a position at the end', 'sparsevec', pack('NNNNf>', 2, 1, 0, 2, 1), 'sparsevec index out of bounds' ],
	[ 'a negative position', 'sparsevec', pack('NNNNf>', 2, 1, 0, 0xffffffff, 1), 'sparsevec index out of bounds' ],
	[ 'positions that descend', 'sparsevec', pack('NNNNNf>f>', 2, 2, 0, 1, 0, 1, 1), 'sparsevec indices must be in ascending order' ],
	[ 'a position twice', 'sparsevec', pack('NNNNNf>f>', 2, 2, 0, 1, 1, 1, 1), 'sparsevec indices must not contain duplicates' ],
	[ 'zero', 'sparsevec', pack('NNNNN', 2, 1, 0, 1, 0), 'binary representation of sparsevec cannot contain zero values' ],
	[ 'negative zero', 'sparsevec', pack('NNNNN', 2, 1, 0, 1, 0x80000000), 'binary representation of sparsevec cannot contain zero values' ],
	[ 'NaN', 'sparsevec', pack('NNNNN', 2, 1, 0, 1, 0x7fc00000), 'NaN not allowed in sparsevec' ],
	[ 'infinite', 'sparsevec', pack('NNNNN', 2, 1, 0, 1, 0xff800000), 'infinite value not allowed in sparsevec' ],
	[ 'too few values', 'sparsevec', pack('NNNNNf>n', 2, 2, 0, 0, 1, 1, 0), 'insufficient data' ],
	[ 'something behind', 'sparsevec', pack('NNNNf>C', 2, 1, 0, 1, 1, 0), 'incorrect binary data format' ])
{
	my ($name, $type, $bytes, $message) = @$case;
	my $copy = copy_file('bad', $bytes);
	my ($result, $stdout, $stderr) = $node->psql('postgres', "CREATE TEMP TABLE b (v $type); COPY b FROM '$copy' BINARY");
	like($stderr, qr/\Q$message\E/, "binary input: $type, $name");
}

# every half there is: what comes in by the wire goes out as it was, and comes back from text, arrays and vectors
my @halves = grep { ($_ & 0x7c00) != 0x7c00 } 0 .. 65535;
my $all = copy_file('halves', map { pack('nnn', 1, 0, $_) } @halves);
is($node->safe_psql('postgres', qq{
	CREATE TABLE halves (h halfvec(1));
	COPY halves FROM '$all' BINARY;
	SELECT count(*) FROM halves;
	COPY halves TO '$all.back' BINARY;
	CREATE VIEW sent AS SELECT halfvec_send(h) s, h FROM halves;
	SELECT count(*) FROM sent WHERE halfvec_send(h::text::halfvec) <> s OR halfvec_send(h::vector::halfvec) <> s
		OR halfvec_send(h::real[]::halfvec) <> s}), "63488\n0", 'every half comes back as it was');
is(slurp_file("$all.back"), slurp_file($all), 'and as binary');

# round trips: any float comes back as it was, as text and as binary
$node->safe_psql('postgres', q{
	CREATE TABLE trip AS SELECT i, array(SELECT (random() - 0.5) * 10 ^ (random() * 70 - 35) FROM generate_series(1, 5) WHERE i = i)::vector v
		FROM generate_series(1, 2000) i});
is($node->safe_psql('postgres', 'SELECT count(*) FROM trip WHERE v::text::vector <> v OR v::real[]::vector <> v'), 0, 'text and array round trips');
my $copy = $node->basedir . '/trip.copy';
is($node->safe_psql('postgres', "COPY trip TO '$copy' BINARY; CREATE TABLE back (LIKE trip); COPY back FROM '$copy' BINARY;
	SELECT count(*) FROM trip JOIN back USING (i) WHERE trip.v = back.v"), 2000, 'binary round trip');

# the same of sparse vectors
$node->safe_psql('postgres', q{
	CREATE TABLE sparse_trip AS SELECT i, (SELECT '{' || string_agg(place || ':' || ((random() - 0.5) * 10 ^ (random() * 70 - 35))::real, ',') || '}/1000000000'
		FROM (SELECT DISTINCT (random() * 1e9)::int + 1 AS place FROM generate_series(1, i % 20) WHERE i = i) p WHERE place <= 1000000000)::sparsevec s
		FROM generate_series(1, 2000) i;
	UPDATE sparse_trip SET s = '{}/7' WHERE s IS NULL});
is($node->safe_psql('postgres', "SELECT count(*) FROM sparse_trip WHERE sparsevec_send(s::text::sparsevec) <> sparsevec_send(s);
	COPY sparse_trip TO '$copy' BINARY; CREATE TABLE sparse_back (LIKE sparse_trip); COPY sparse_back FROM '$copy' BINARY;
	SELECT count(*) FROM sparse_trip a JOIN sparse_back b USING (i) WHERE a.s = b.s AND sparsevec_send(a.s) = sparsevec_send(b.s)"), "0\n2000",
	'sparse vectors: text and binary round trips');

# constant memory: inline, toasted and short values alike
$node->safe_psql('postgres', q{
	CREATE TABLE big (v vector, w vector, s vector, x sparsevec, y sparsevec);
	INSERT INTO big SELECT array_fill(i, ARRAY[400])::vector, array_fill(i, ARRAY[3000])::vector, array_fill(i, ARRAY[3])::vector,
		array_fill(i, ARRAY[1500])::sparsevec, array_fill(i, ARRAY[3])::sparsevec FROM generate_series(1, 3000) i});
my $growth = $node->safe_psql('postgres', q{
	SET max_parallel_workers_per_gather = 0;
	CREATE FUNCTION memory() RETURNS bigint LANGUAGE sql AS 'SELECT sum(used_bytes) FROM pg_backend_memory_contexts';
	SELECT count(*) FROM big a, generate_series(1, 3) WHERE v <-> v < 0 OR w <=> w > 5 OR s <+> s < 0 OR v < v OR vector_norm(w) < 0 OR vector_dims(s) < 0
		OR x <-> x < 0 OR x < y OR x <=> x > 5 OR y <+> y < 0 OR l2_norm(x) < 0;
	CREATE TEMP TABLE first AS SELECT memory() m;
	SELECT count(*) FROM big a, generate_series(1, 30) WHERE v <-> v < 0 OR w <=> w > 5 OR s <+> s < 0 OR v < v OR vector_norm(w) < 0 OR vector_dims(s) < 0
		OR x <-> x < 0 OR x < y OR x <=> x > 5 OR y <+> y < 0 OR l2_norm(x) < 0;
	SELECT memory() - m FROM first});
$growth =~ s/.*\n//s;
cmp_ok($growth, '<', 200_000, "memory after 90,000 rows grew by $growth bytes");

$node->stop;
done_testing();
