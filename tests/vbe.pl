# SPDX-License-Identifier: MIT
# vbe.pl WIDTH HEIGHT BITS: the hash that vm-shot --hash gives for what the guest
# of vga.bats draws: a pattern in video RAM from its beginning, or in each plane.
use strict;
use warnings;
my ($w, $h, $bits) = @ARGV;
my $hash = do { no warnings 'portable'; 0xcbf29ce484222325 };

sub add
{
	use integer;
	$hash = ($hash ^ $_) * 0x100000001b3 for @_;
}

sub byte # of video RAM, or of a plane
{
	my ($bank, $n) = @_;
	return ($n * 7 + ($n >> 8) * 13 + $bank * 29) & 255;
}

sub widen
{
	my ($v, $bits) = @_;
	return $v << 8 - $bits | $v >> 2 * $bits - 8;
}

sub entry # of the palette
{
	my $n = shift;
	return map { widen($_ & 63, 6) } $n >> 2, $n, $n * 3;
}

my @attribute = (0 .. 5, 0x14, 7, 0x38 .. 0x3f); # as mode 3 has them

sub pixel
{
	my ($x, $y) = @_;
	my $size = ($bits + 7) / 8 & ~0;
	my $at = ($y * $w + $x) * $size;
	my @b = map { byte(($at + $_) >> 16, ($at + $_) & 65535) }
		0 .. $size - 1;

	if ($bits == 4) {
		my $n = ($y * $w + $x) / 8 & ~0;
		my $c = 0;

		$c |= (byte($_, $n) >> 7 - $x % 8 & 1) << $_ for 0 .. 3;
		return entry($attribute[$c]);
	}
	return entry($b[0]) if $bits == 8;
	return @b[2, 1, 0] if $bits > 16;
	my $v = $b[0] | $b[1] << 8;
	return (widen($v >> 10 & 31, 5), widen($v >> 5 & 31, 5),
		widen($v & 31, 5)) if $bits == 15;
	return (widen($v >> 11, 5), widen($v >> 5 & 63, 6), widen($v & 31, 5));
}

add(unpack 'C*', pack 'V2', $w, $h);
for my $y (0 .. $h - 1) {
	add(pixel($_, $y)) for 0 .. $w - 1;
}
printf "%016x\n", $hash;
