# VecidxKinds: the kinds of indexes that there are: each type with each metric, storage and codes. A new one of these is a line here, and
# test/t/016_kinds.pl goes through it.
package VecidxKinds;

use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(types row layouts kinds);

# untrained: trained codes know nothing of this metric.
my @metrics = (
	{ name => 'l2', operator => '<->' },
	{ name => 'ip', operator => '<#>' },
	{ name => 'cosine', operator => '<=>' },
	{ name => 'l1', operator => '<+>', untrained => 1 });
my @bit_metrics = ({ name => 'hamming', operator => '<~>' }, { name => 'jaccard', operator => '<%>' });
# halves: nodes with storage = full hold half precision, which is all there is. alone: nodes have that storage whatever is asked for, and
# codes that need no training. exact: these are the values themselves, called so, with nothing to fit. row: SQL for a value, from that of a
# vector (default: a cast).
my @types = (
	{ name => 'vector', metrics => \@metrics },
	{ name => 'halfvec', metrics => \@metrics, halves => 1 },
	{ name => 'sparsevec', metrics => \@metrics, alone => 'heap' },
	{ name => 'bit', metrics => \@bit_metrics, alone => 'full', exact => 'bits', row => 'binary_quantize(%s)' });
my @storages = ('full', 'half', 'heap');
# The name is what vecgraph_info says.
my @codes = (
	{ name => 'none', options => 'codes = none' },
	{ name => 'scalar4', options => 'codes = pq' },
	{ name => 'pq', options => 'pq_subvectors = 11', trained => 1 });

# Names of the types.
sub types { return map { $_->{name} } @types; }

# SQL for a value of a type, from SQL for a vector.
sub row
{
	my ($vector, $type) = @_;
	my ($known) = grep { $_->{name} eq $type } @types;
	return $known->{row} ? sprintf($known->{row}, $vector) : "${vector}::$type";
}

# The layouts of an index, those that are refused too: storage, codes, options (for WITH), name (can be that of a table), trained (whether
# codes are).
sub layouts
{
	return map { my $storage = $_; map { {
		storage => $storage,
		codes => $_->{name},
		trained => $_->{trained},
		options => "storage = $storage, $_->{options}",
		name => "${storage}_$_->{name}" } } @codes } @storages;
}

# All kinds of a type and a layout: type, operator, opclass, fits (whether vecgraph_train does something), and what the layout has; shown: the
# storage and codes that vecgraph_info says, first: of an index that began with too few rows to train its codes; same: whether that is the index of another layout; refused: a pattern of the error that says that there is no such kind,
# undef if there is one.
sub kinds
{
	my ($type, $layout) = @_;
	my ($known) = grep { $_->{name} eq $type } @types;
	my $storage = $known->{alone} // ($known->{halves} && $layout->{storage} eq 'half' ? 'full' : $layout->{storage});
	my $codes = $known->{exact} && $layout->{codes} ne 'none' ? $known->{exact} : $layout->{codes};
	my @kinds;
	for my $metric (@{ $known->{metrics} })
	{
		my $refused;
		$refused = qr/trained codes are not supported for L1 distance/ if $metric->{untrained} && $layout->{trained};
		$refused = qr/trained codes are not supported for $type/ if $known->{alone} && $layout->{trained};
		$refused = qr/option "codes" cannot be none for $type/ if $storage eq 'heap' && $known->{alone} && $layout->{codes} eq 'none';
		$refused = qr/option "storage" cannot be $layout->{storage} where option "codes" is none/
		  if $layout->{codes} eq 'none' && $layout->{storage} ne 'full';
		push @kinds, { %$layout,
			type => $type,
			operator => $metric->{operator},
			opclass => "${type}_$metric->{name}_ops",
			fits => $codes ne 'none' && !$known->{exact},
			same => $storage ne $layout->{storage},
			shown => "$storage|$codes",
			first => "$storage|" . ($storage eq 'heap' && $layout->{trained} ? 'scalar4' : $codes),
			refused => $refused };
	}
	return @kinds;
}

1;
