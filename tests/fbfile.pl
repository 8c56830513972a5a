#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Writes a framebuffer file (vm-state(5)) as a machine would leave it.
#	fbfile.pl text	80x25 cells: stdin's lines, light grey on black; a line
#			"XY text" with hexadecimal X and Y says its colours: X
#			the background's. The cursor is behind the last one. All
#			characters but blanks are solid blocks in the font.
#	fbfile.pl WxH	32 bits a pixel, quarters: red, green, blue, white
#	fbfile.pl off	nothing to be seen
# The file goes to stdout.
use strict;
use warnings;

my ($kind) = @ARGV;
my %h = (
	kind => 0, width => 720, height => 400, start => 0, pitch => 320,
	split => ~0 & 0xffffffff, cell_w => 9, cell_h => 16, font => 1 << 18,
	cursor => 0, from => 1, to => 0,
);
my $ram = "\0" x (4 << 20);

if ($kind eq "text") {
	my ($row, $end) = (0, 0);
	while (my $line = <STDIN>) {
		chomp $line;
		my $attr = 7;
		$attr = hex $1 if $line =~ s/^([0-9a-f]{2}) //;
		$end = 0;
		for my $c (split //, $line) {
			substr $ram, $row * 320 + 4 * $end++, 2, pack "CC", ord $c, $attr;
		}
		$row++;
	}
	for my $c (33 .. 255) {
		substr $ram, $h{font} + $c * 128, 64, "\xff\0\0\0" x 16;
	}
	@h{qw(kind cursor from to)} = (1, ($row - 1) * 320 + 4 * $end, 14, 15);
} elsif ($kind =~ /^(\d+)x(\d+)$/) {
	my ($w, $h) = ($1, $2);
	my ($red, $green, $blue, $white) =
		map { pack("V", $_) x ($w / 2) } 0xff0000, 0x00ff00, 0x0000ff, 0xffffff;
	@h{qw(kind width height pitch)} = (8, $w, $h, 4 * $w);
	$ram = ($red . $green) x ($h / 2) . ($blue . $white) x ($h / 2);
	$ram .= "\0" x (-length($ram) & 4095);
}
my @palette = (0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500,
	0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff,
	0xffff55, 0xffffff);
my $head = pack "a8 V*", "vm-fb 1", 2, length $ram, @h{qw(kind width height start pitch)},
	0, 1, 1, 0, 0, $h{split}, @h{qw(cell_w cell_h)}, 0, ($h{font}) x 2,
	@h{qw(cursor from to)}, 0, 32, 0, 15, 1, 0, @palette;
binmode STDOUT;
print $head, "\0" x (4096 - length $head), $ram;
