# VecidxData: reads texmex files and turns them into COPY input. Core Perl only.
package VecidxData;

use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(read_rows copy_binary data_set);

# Calls $each->($number, $packed_big_endian_floats, $dim) for every row of an .fvecs or .bvecs file, or
# $each->($number, \@integers, $dim) for an .ivecs file.
sub read_rows
{
	my ($path, $each) = @_;
	my ($kind) = $path =~ /\.([fbi])vecs$/ or die "$path: not an .fvecs, .bvecs or .ivecs file\n";
	open my $file, '<:raw', $path or die "$path: $!\n";
	my $number = 0;
	while ((my $got = read($file, my $head, 4)) > 0)
	{
		my $dim = $got == 4 ? unpack('l<', $head) : 0;
		die "$path: row $number is broken\n" if $dim < 1 || $dim > 100_000;
		my $bytes = $dim * ($kind eq 'b' ? 1 : 4);
		(read($file, my $body, $bytes) // 0) == $bytes or die "$path: row $number is cut off\n";
		$each->(
			$number++,
			$kind eq 'i' ? [ unpack('l<*', $body) ] : pack('f>*', unpack($kind eq 'b' ? 'C*' : 'f<*', $body)),
			$dim);
	}
	return $number;
}

# Writes COPY BINARY input of rows (id integer, embedding vector) to a file handle.
sub copy_binary
{
	my ($path, $out) = @_;
	binmode $out;
	print $out "PGCOPY\n\377\r\n\0", pack('NN', 0, 0);
	read_rows(
		$path,
		sub {
			my ($id, $floats, $dim) = @_;
			print $out pack('nNNNnn', 2, 4, $id, 4 + length($floats), $dim, 0), $floats;
		});
	print $out pack('n', 65535);
	return;
}

# The directory of a data set and its file ending: the full one if it is beside the checkout, else the shipped one.
sub data_set
{
	my ($root, $full, $shipped) = @_;
	my $dir = -d "$root/../shared/data/$full" ? "$root/../shared/data/$full" : "$root/data/$shipped";
	my ($base) = glob("$dir/base.[fb]vecs");
	die "no data in $dir\n" unless defined $base;
	my ($ending) = $base =~ /\.([fb]vecs)$/;
	return ($dir, $ending);
}

1;
