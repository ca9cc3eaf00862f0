# VecidxDocs: what the test of the documentation reads from Markdown: blocks of SQL with what they print, tables, links.
package VecidxDocs;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
our @EXPORT_OK = qw(blocks quotations tables links loose_sql);

# The lines of a file, each with the mark of a block that it opens or closes taken apart: indent, language (of what opens).
my $fence = qr/^( *)```(\w*)$/;

# The SQL blocks of a file in their order. Each is a hash: line (of its first line), sql, output (what it prints, if the next
# block follows at once and has no language), and marks (of a comment "run: MARK, MARK" before it; a reason that is no mark counts as "not").
sub blocks
{
	my ($path) = @_;
	my (@blocks, @marks, $inside, $last);
	my $number = 0;
	for (split /\n/, slurp_file($path))
	{
		$number++;
		if ($inside && /^\Q$inside->{indent}\E```$/)
		{
			if ($inside->{language} eq 'sql') { push @blocks, $last = $inside; }
			elsif ($inside->{language} eq '' && $last) { $last->{output} = $inside->{sql}; }
			undef $last unless $inside->{language} eq 'sql';
			undef $inside;
		}
		elsif ($inside) { $inside->{sql} .= s/^\Q$inside->{indent}\E//r . "\n"; }
		elsif ($_ =~ $fence)
		{
			$inside = { indent => $1, language => $2, line => $number + 1, sql => '', marks => [@marks] };
			die "$path:$number: a block without a language that is not what SQL prints\n" if $2 eq '' && !$last;
			@marks = ();
		}
		elsif (/^ *<!-- run: (.*) -->$/) { @marks = split /, /, $1; undef $last; }
		else
		{
			die "$path:$number: a mark that is not before a block\n" if @marks;
			undef $last;
		}
	}
	die "$path: a block does not end\n" if $inside;
	return @blocks;
}

# The blocks of a file that stand in other files, too, which a comment "from: PATH" before each names. Each is a hash: line, path, text.
sub quotations
{
	my ($file) = @_;
	my $text = slurp_file($file);
	my @found;
	while ($text =~ /^<!-- from: (\S+) -->\n```\w+\n(.*?)^```$/msg)
	{
		push @found, { path => $1, text => $2, line => 1 + (substr($text, 0, $-[0]) =~ tr/\n//) };
	}
	return @found;
}

# The rows of the tables of a file, by the heading of second rank that they stand under: heading => [[cell...]...], without the heads of tables.
sub tables
{
	my ($path) = @_;
	my ($heading, $rows, %tables) = ('', 0);
	for (split /\n/, slurp_file($path))
	{
		$heading = $1 if /^## (.*)/;
		$rows = /^\|/ ? $rows + 1 : 0;
		next if $rows < 3;
		my @cells = split /(?<!\\)\|/, s/^\|//r, -1;
		pop @cells;
		push @{ $tables{$heading} }, [ map { s/^ +| +$//gr =~ s/\\\|/|/gr } @cells ];
	}
	return %tables;
}

# Links of a file to others or to headings, without those of the web.
sub links
{
	my ($path) = @_;
	return grep { !/^https?:/ } slurp_file($path) =~ /\]\(([^)\s]+)\)/g;
}

# Lines that look like statements outside of SQL blocks, where no test sees them.
sub loose_sql
{
	my ($path) = @_;
	my ($inside, @loose) = ('');
	for (split /\n/, slurp_file($path))
	{
		if ($_ =~ $fence) { $inside = $inside ? '' : $2 || 'output'; }
		elsif ($inside ne 'sql' && $inside ne 'output' && /^ {4,}(?:SELECT|CREATE|INSERT|UPDATE|DELETE|ALTER|DROP|SET|BEGIN|COPY|WITH) /)
		{
			push @loose, $_;
		}
	}
	return @loose;
}

1;
