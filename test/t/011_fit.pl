# Codes that are fitted again while they are read: scans that began before learn of it, on a standby, too. Fits while rows go. What is found
# after fits of several causes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Test::More;
use VecidxTest qw(new_pair compare);

my ($primary, $standby) = new_pair(conf => "autovacuum = off\nenable_seqscan = off\nenable_sort = off\n");

# 60 clusters in a region; the next region is far away, so a codebook of the one says nothing in the other.
$primary->safe_psql('postgres', q{
	CREATE FUNCTION place(i int, region int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg((region * 8 + sin((i % 60 + 1) * d) + 0.4 * sin(i * 0.7 * d + d * d))::real)::vector FROM generate_series(1, 64) d $$;
	CREATE TABLE items (id int PRIMARY KEY, v vector(64));
	INSERT INTO items SELECT i, place(i, 0) FROM generate_series(1, 4000) i});

# The share of the rows nearest to place(777, region) that ids are; rows of other regions are not looked at.
sub hits
{
	my ($node, $count, @ids) = @_;
	my $region = @ids && $ids[0] > 4000 ? 1 : 0;
	my %truth = map { $_ => 1 } split /\n/, $node->safe_psql('postgres',
		"SELECT id FROM items WHERE (id > 4000)::int = $region ORDER BY (v <-> place(777, $region)) + 0, id LIMIT $count");
	return scalar(grep { $truth{$_} } @ids) / $count;
}

# In each of many sessions a cursor has returned a few rows when codes are fitted, twice, to other vectors. The rest of its rows
# come out as near as ever, and all of them once.
my @kinds = ('codes = pq', 'pq_subvectors = 16', 'pq_subvectors = 16, storage = heap', 'codes = pq, storage = half');
for my $kind (@kinds)
{
	$primary->safe_psql('postgres', "DELETE FROM items WHERE id > 4000; VACUUM items; DROP INDEX IF EXISTS items_v;
		CREATE INDEX items_v ON items USING vecgraph (v) WITH ($kind)");
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	for my $node ($primary, $standby)
	{
		my $where = "$kind, " . $node->name;
		my $declare = 'BEGIN; SET vecgraph.search_list_size = 40;
			DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> place(777, 0)';
		my $undisturbed = hits($node, 100, split /\n/, $node->safe_psql('postgres', "$declare; FETCH 100 FROM c"));
		my $cursor = $node->background_psql('postgres');
		$cursor->query_safe($declare);
		my @first = split /\n/, $cursor->query_safe('FETCH 5 FROM c');
		my $start = $node == $primary ? 10_000 : 20_000;
		$primary->safe_psql('postgres', "INSERT INTO items SELECT $start + i, place(i, 1) FROM generate_series(1, 3000) i");
		$primary->safe_psql('postgres', "SELECT vecgraph_train('items_v')") for 1 .. 2;
		$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
		my @next = split /\n/, $cursor->query_safe('FETCH 95 FROM c');
		my @rest = split /\n/, $cursor->query_safe('FETCH ALL FROM c');
		$cursor->query_safe('COMMIT');
		$cursor->quit;
		my $disturbed = hits($node, 100, @first, @next);
		note "$where: share of the nearest 100: $disturbed, without fits $undisturbed";
		cmp_ok($undisturbed, '>=', 0.8, "$where: undisturbed");
		cmp_ok($disturbed, '>=', $undisturbed - 0.05, "$where: the rows after the fits are as near");
		my %seen;
		$seen{$_}++ for @first, @next, @rest;
		is(scalar(grep { $_ > 1 } values %seen), 0, "$where: no row twice");
		is(scalar(grep { $_ <= 4000 } keys %seen), 4000, "$where: every row");
	}
	# the new vectors, that were linked by codes which could not tell them apart
	for my $node ($primary, $standby)
	{
		my $query = 'SET vecgraph.search_list_size = 100; SELECT id FROM items ORDER BY v <-> place(777, 1) LIMIT 50';
		my $found;
		for (1 .. 50)
		{
			# codes in the standby's cache may be a second old
			$found = hits($node, 50, split /\n/, $node->safe_psql('postgres', $query));
			last if $found >= 0.9 || $node == $primary;
			select(undef, undef, undef, 0.1);
		}
		cmp_ok($found, '>=', 0.9, "$kind, " . $node->name . ': new vectors');
	}
	is($primary->safe_psql('postgres', "SELECT vecgraph_check('items_v', true)"), '', "$kind: sound");
}

# With storage = heap a fit reads rows. VACUUM's snapshot holds nobody back, so rows that are deleted while its fit is under way may
# lose their out-of-line values before the fit has come to them: the row behind the one that it is made to wait at. (It learns that rows
# can be removed when it next takes any snapshot, as it may at each value that it fetches.)
$primary->safe_psql('postgres', q{
	CREATE FUNCTION wide(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
		'SELECT (ARRAY[CASE i WHEN 300 THEN 5 ELSE 0 END] || (SELECT array_agg(sin(i * d)) FROM generate_series(2, 600) d))::vector';
	CREATE FUNCTION passing(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN IF vector_norm(subvector(v, 1, 1)) = 5 THEN PERFORM pg_advisory_xact_lock_shared(7); END IF; RETURN v; END $$;
	CREATE TABLE far (id int, v vector(600));
	INSERT INTO far SELECT i, wide(i) FROM generate_series(1, 500) i;
	CREATE INDEX far_v ON far USING vecgraph ((passing(v)::vector(600))) WITH (storage = heap, max_degree = 16, build_list_size = 20);
	INSERT INTO far SELECT i, wide(i) FROM generate_series(501, 1010) i});
my $toast = $primary->safe_psql('postgres', "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'far'::regclass");
my $gate = $primary->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(7)');
my ($out, $errors) = ('', '');
my $vacuum = IPC::Run::start([ 'psql', '-XqAt', '-d', $primary->connstr('postgres'), '-c', 'VACUUM far' ], '>', \$out, '2>', \$errors);
$primary->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'VACUUM far' AND wait_event = 'advisory'") or die 'VACUUM does not fit';
$primary->safe_psql('postgres', 'DELETE FROM far WHERE id <> 300');
$primary->safe_psql('postgres', "VACUUM $toast");
is($primary->safe_psql('postgres', "SELECT count(DISTINCT chunk_id) FROM $toast"), 1, 'values of deleted rows are gone');
$gate->query_safe('SELECT pg_advisory_unlock(7)');
$gate->quit;
$vacuum->finish;
is($errors, '', 'VACUUM goes on without them');
is($primary->safe_psql('postgres', "SELECT fitted_nodes, vecgraph_check('far_v') FROM vecgraph_info('far_v')"), '1010|', 'and fits the codes');

$standby->stop;

# What is found near rows of a region after a fit, whatever made it necessary. Each region is elsewhere than the last, and wider.
$primary->safe_psql('postgres', q{
	CREATE FUNCTION spot(i int, region int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg((region * 5 + (1 + region) * (sin((i % 20 + 1) * d * (1 + region * 0.3)) + 0.2 * sin(i * 0.7 * d + d * d)))::real)
			FROM generate_series(1, 32) d $$});

# Statement that inserts rows first to last of a region.
sub spots
{
	my ($region, $first, $last) = @_;
	return "INSERT INTO spots SELECT $first + i, spot(i, $region) FROM generate_series(1, $last - $first) i;";
}

# Each case: what, the type, how it comes to it, and how many of the nearest rows of which regions are found at least. (Rows that poor codes
# have linked are not found as well as others, however long the list: their clusters stay apart.)
my $codebook = q{SELECT vecidx_train_codebook('places', 'spots', 'v', 8);};
for my $case (
	[ 'an index that began empty, of rows far from the origin', 'vector', 'CREATE INDEX spots_v ON spots USING vecgraph (v);' . spots(400, 0, 1000), 400 => 0.9 ],
	[ 'rows linked by codes that were poor', 'vector', spots(0, 0, 300) . 'CREATE INDEX spots_v ON spots USING vecgraph (v);'
		  . spots(4, 1000, 3000) . q{SELECT vecgraph_train('spots_v')}, 0 => 0.9, 4 => 0.65 ],
	[ 'rows that went elsewhere, fitted by VACUUM', 'vector', spots(1, 0, 1200) . 'CREATE INDEX spots_v ON spots USING vecgraph (v) WITH (pq_subvectors = 8);
		DELETE FROM spots; VACUUM spots;' . spots(4, 0, 1300) . 'VACUUM spots', 4 => 0.9 ],
	(map { [ "a named codebook of $_, trained again", $_, spots(0, 0, 1200) . $codebook . q{CREATE INDEX spots_v ON spots USING vecgraph (v) WITH (codebook = 'places');}
		  . spots(2, 2000, 3500) . q{SELECT vecidx_drop_codebook('places', cascade => true);} . $codebook
		  . q{SELECT vecgraph_train('spots_v'); DELETE FROM vecidx_codebook}, 0 => 0.9, 2 => 0.9 ] } 'vector', 'halfvec'),
	[ 'too few rows for codes of their own, then a named codebook', 'vector', spots(2, 0, 1500) . $codebook . 'DELETE FROM spots WHERE id > 300; VACUUM spots;
		CREATE INDEX spots_v ON spots USING vecgraph (v) WITH (pq_subvectors = 8); ALTER INDEX spots_v SET (codebook = places);
		SELECT vecgraph_train(\'spots_v\'); ' . spots(2, 1000, 1050) . 'DELETE FROM vecidx_codebook', 2 => 0.9 ])
{
	my ($what, $type, $sql, %least) = @$case;
	$primary->safe_psql('postgres', "CREATE TABLE spots (id int, v $type(32)); SET client_min_messages = error; $sql");
	is($primary->safe_psql('postgres', "SELECT fitted_nodes > 0, vecgraph_check('spots_v', true) FROM vecgraph_info('spots_v')"), 't|', "$what: fitted");
	for my $region (sort keys %least)
	{
		my ($share, $inverted, $missing) = compare($primary, 'spots', '<->', "SELECT spot(n * 37, $region)::$type AS v FROM generate_series(1, 10) n");
		cmp_ok($share, '>', $least{$region}, "$what: rows of region $region are found");
		is("$inverted $missing", '0 0', "$what: in order, and none is missing");
	}
	$primary->safe_psql('postgres', 'DROP TABLE spots');
}

$primary->stop;
done_testing();
