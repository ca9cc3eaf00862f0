# The documentation for users: every SQL block of it runs, and prints what it says; its reference has all that the extension has, and nothing else.
#
# Blocks of a file run in their order in one session, with the first error ending it. What differs is said before a block, as in
# <!-- run: fails --> (it ends in an error, the rest goes on), "in a new database", "where extension "NAME" is" (else it is skipped), or
# "not, REASON".
use strict;
use warnings;
use File::Basename qw(dirname);
use FindBin;
use IPC::Run;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VecidxDocs qw(blocks quotations tables links loose_sql);
use VecidxTest qw(root);

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nautovacuum = off\n");
$node->start;
my @files = map { s/^\Q${\root()}\E\///r } root() . '/README.md', sort glob root() . '/docs/*.md';

# ---- blocks ----

# What a psql session says, results and messages in their order.
sub session
{
	my ($database, $script) = @_;
	my $out = '';
	IPC::Run::run([ 'psql', '-XqP', 'pager=off', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) ], '<', \$script, '>&', \$out);
	return $out;
}

# Text without what does not matter: white space at ends of lines, empty lines, and the counts of rows.
sub plain { return join "\n", grep { !/^\(\d+ rows?\)$/ && /\S/ } map { s/\s+$//r } split /\n/, $_[0]; }

my $databases = 0;
my $left_out = 0;

# Runs consecutive blocks of a file in a new database.
sub run_blocks
{
	my ($file, @blocks) = @_;
	my $database = 'docs' . ++$databases;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	# from PostgreSQL 18 on an error in an extension's script says where
	my $script = "\\set SHOW_CONTEXT never\n";
	for (@blocks)
	{
		my $stop = $_->{fails} ? 0 : 1;
		$script .= "\\set ON_ERROR_STOP $stop\n\\echo == $_->{line}\n$_->{sql}";
	}
	my %said = session($database, "$script\\echo == end\n") =~ /^== (\w+)\n(.*?)(?=^== |\z)/gms;
	my $reached = 1;
	for my $block (@blocks)
	{
		my $name = "$file:$block->{line}";
		my $said = $said{ $block->{line} };
		my $error = ($said // '') =~ /^ERROR: /m;
		if (!$reached) { fail("$name: runs"); }
		elsif (!ok(defined $said && ($error xor !$block->{fails}), $block->{fails} ? "$name: fails" : "$name: runs"))
		{
			diag($said // 'nothing was said');
			$reached = $block->{fails};
		}
		is(plain($said // ''), plain($block->{output}), "$name: prints what it says") if defined $block->{output};
	}
	return;
}

my $extensions = { map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT name FROM pg_available_extensions') };
for my $file (@files)
{
	my @run;
	for my $block (blocks(root() . "/$file"))
	{
		my $skipped = 0;
		for (@{ $block->{marks} })
		{
			if ($_ eq 'fails') { $block->{fails} = 1; }
			elsif ($_ eq 'in a new database')
			{
				run_blocks($file, @run) if @run;
				@run = ();
			}
			elsif (/^where extension "(\w+)" is$/) { $skipped = "extension $1 is not available" unless $extensions->{$1}; }
			elsif ($_ eq 'not')
			{
				$skipped = 'it says so';
				$left_out++;
			}
			else { ok($skipped, "$file:$block->{line}: the mark \"$_\" has a meaning"); }
		}
		if ($skipped) { note "$file:$block->{line} does not run: $skipped"; }
		else { push @run, $block; }
	}
	run_blocks($file, @run) if @run;
	is(join("\n", loose_sql(root() . "/$file")), '', "$file: no SQL that does not run");
}
cmp_ok($left_out, '<=', 3, 'few blocks are left out');

# ---- code that tests run elsewhere ----

for my $file (@files)
{
	for my $quoted (quotations(root() . "/$file"))
	{
		my $source = root() . "/$quoted->{path}";
		ok(-e $source && index("\n" . slurp_file($source), "\n$quoted->{text}") >= 0, "$file:$quoted->{line}: is in $quoted->{path}");
	}
}

# ---- links ----

# The anchor of a heading.
sub anchor { return lc($_[0]) =~ s/[^\w\- ]//gr =~ tr/ /-/r; }

for my $file (@files)
{
	for my $link (links(root() . "/$file"))
	{
		my ($path, $anchor) = split /#/, $link;
		my $target = $path eq '' ? root() . "/$file" : dirname(root() . "/$file") . "/$path";
		ok(-e $target, "$file: $link is there") or next;
		ok((grep { anchor($_) eq $anchor } slurp_file($target) =~ /^#+ (.*)$/mg), "$file: $link is a heading") if defined $anchor;
	}
}

# ---- reference ----

$node->safe_psql('postgres', 'CREATE EXTENSION vecidx');
my %reference = tables(root() . '/docs/reference.md');

# The rows under headings by their entries, which are the spans of code in the first cell: entry => [other cells].
sub entries
{
	my %entries;
	for my $row (map { @{ $reference{$_} // die "no table under $_" } } @_)
	{
		my ($first, @others) = @$row;
		for ($first =~ /`([^`]+)`/g)
		{
			fail("$_ is in the reference once") if $entries{$_};
			$entries{$_} = \@others;
		}
	}
	return \%entries;
}

# Rows of the catalog, by the first column: entry => [other columns].
sub catalog
{
	my ($sql) = @_;
	return { map { my ($entry, @others) = split /\t/; $entry => \@others }
		  split /\n/, $node->safe_psql('postgres', "LOAD 'vecidx';\n$sql", extra_params => [ '-F', "\t" ]) };
}

# SQL for rows of a catalog that belong to the extension.
sub members
{
	my ($catalog) = @_;
	return "$catalog JOIN pg_depend d ON d.classid = '$catalog'::regclass AND d.objid = $catalog.oid AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vecidx')";
}

# Whether the reference has what there is. Returns entries and rows of those that both have.
sub same
{
	my ($what, $written, $there) = @_;
	is(join("\n", grep { !$written->{$_} } sort keys %$there), '', "$what: all are in the reference");
	is(join("\n", grep { !$there->{$_} } sort keys %$written), '', "$what: all of the reference are there");
	return map { [ $_, $written->{$_}, $there->{$_} ] } grep { $there->{$_} } sort keys %$written;
}

same('types', entries('Types'), catalog('SELECT typname FROM ' . members('pg_type') . " WHERE typtype = 'b' AND typcategory <> 'A'"));
is($_->[1][0], "`$_->[2][0]`", "what $_->[0] returns")
  for grep { $_->[1][0] ne '' }
  same('operators', entries('Operators'),
	catalog("SELECT format('%s %s %s', oprleft::regtype, oprname, oprright::regtype), oprresult::regtype FROM " . members('pg_operator')));

# the names of parameters are part of an entry where they have names
my $functions = entries('Functions', 'Functions behind the others');
my $table = delete $functions->{vecidx_codebook};
ok($table, 'table vecidx_codebook');
my $arguments = "SELECT string_agg(concat_ws(' ', nullif(n, ''), format_type(t, NULL)), ', ' ORDER BY i)
	FROM unnest(proargtypes::oid[], proargnames[1:pronargs]) WITH ORDINALITY u (t, n, i)";
for (same('functions', $functions,
		catalog("SELECT format('%s(%s)', proname, ($arguments)), pg_get_function_result(pg_proc.oid), proargnames FROM " . members('pg_proc'))))
{
	my ($name, $written, $there) = @$_;
	is($written->[0], "`$there->[0]`", "what $name returns") if @$written > 1 && $written->[0] =~ /^`\w/ && $there->[0] !~ /record$/;
}
my $text = slurp_file(root() . '/docs/reference.md');
my @fields = split /\n/, $node->safe_psql('postgres', "SELECT DISTINCT n FROM pg_proc, unnest(proargnames, proargmodes) u (n, m)
	WHERE proname LIKE 'vecgraph\\_%' AND m = 'o' UNION SELECT attname FROM pg_attribute WHERE attrelid = 'vecidx_codebook'::regclass AND attnum > 0");
is(join(' ', grep { $text !~ /`$_`/ } @fields), '', 'columns of results and tables are named');

if ($extensions->{vector})
{
	# the other extension: what it has beside parts of this one
	my $count = "SELECT format('%s(%s)', proname, ($arguments)) FROM ";
	my $parts = catalog($count . members('pg_proc'));
	$node->safe_psql('postgres', 'CREATE DATABASE companion');
	$node->safe_psql('companion', 'CREATE EXTENSION vecidx_pgvector CASCADE');
	my $other = { map { $_ => [] } split /\n/, $node->safe_psql('companion', $count . (members('pg_proc') =~ s/'vecidx'/'vecidx_pgvector'/r)) };
	my $both = entries('Extension vecidx_pgvector');
	same('functions of vecidx_pgvector alone', { map { $_ => $both->{$_} } grep { /^vecidx_pgvector/ } keys %$both },
		{ map { $_ => [] } grep { !$parts->{$_} } keys %$other });
	my @vecgraph = grep { /^(?:vecgraph|vecidx)_/ && !/_(?:support|within|handler|rows)\(/ } keys %$parts;
	# before 0.7 pgvector has no halfvec
	my $halves = $node->safe_psql('companion', "SELECT to_regtype('halfvec') IS NOT NULL") eq 't';
	same('functions of both', { map { $_ => $both->{$_} } grep { !/^vecidx_pgvector/ && ($halves || !/halfvec/) } keys %$both },
		{ map { $_ => [] } grep { $other->{$_} } @vecgraph });
}

my %when = (i => 'implicit', a => 'assignment', e => 'explicit');
is($_->[1][0], $when{ $_->[2][0] }, "when $_->[0] is done")
  for same('casts', entries('Casts'),
	catalog("SELECT format('%s as %s', castsource::regtype, casttarget::regtype), castcontext FROM " . members('pg_cast')));

for (same('operator classes', entries('Operator classes'),
		catalog("SELECT opcname, amname, opcintype::regtype, opcdefault FROM " . members('pg_opclass') . ' JOIN pg_am a ON a.oid = opcmethod')))
{
	my ($name, $written, $there) = @$_;
	is("@$written[0, 1]", "`$there->[0]` `$there->[1]`" . ($there->[2] eq 't' ? ' (default)' : ''), "what $name is for");
}

my $options = entries('Index options');
my %defined = map { $_ => [] } slurp_file(root() . '/src/am/vecgraph_options.c') =~ /add_\w+_reloption\(option_kind, "(\w+)"/g;
same('index options', $options, \%defined);
$node->safe_psql('postgres', 'CREATE TABLE ranges (v vector(3))');
for my $option (sort keys %$options)
{
	my (undef, undef, $error) =
	  $node->psql('postgres', "CREATE INDEX ON ranges USING vecgraph (v) WITH ($option = -9)");
	my ($detail) = $error =~ /DETAIL:  Valid values are (.*)\./ or next;
	my ($default, $range) = @{ $options->{$option} };
	my @there = map { s/\.0+$//r =~ s/(\.\d*?)0+$/$1/r } $detail =~ /"([^"]+)"/g;
	# a range has a hole above the 0 that stands for an automatic choice: only its end is as the server says
	my @written = $detail =~ /between/ ? $range =~ /([\d.]+)$/ : sort "$default $range" =~ /`([^`]+)`/g;
	is(join(' ', map { s/\.0+$//r } @written), $detail =~ /between/ ? $there[1] : join(' ', sort @there), "values of option $option");
}

for (same('settings', entries('Settings'),
		catalog("SELECT name, boot_val, unit, coalesce(min_val || ' to ' || max_val, array_to_string(enumvals, ', '))
			FROM pg_settings WHERE name ~ '^(vecgraph|vecidx)\\.'")))
{
	my ($name, $written, $there) = @$_;
	is("@$written[0, 1]", "`$there->[0]$there->[1]` $there->[2]", "default and range of $name");
}

$node->stop;
done_testing();
