#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# make.pl DIR: a corpus of hostile disk images, made from nothing: a good image
# of each kind, and then one wrong number each. DIR/list has a line for each:
#	FILE<tab>FORMAT<tab>VERB<tab>CODE
# what vm-disk VERB -f FORMAT must end with: "info 1" is refused when opened,
# "check 3" opens and has errors, "check 4" has lost room, "convert 1" cannot be
# read, "check 0" is good.
use strict;
use warnings;
no warnings 'portable'; # numbers of 64 bits

my $dir = shift or die "usage: make.pl DIR\n";
my ($n, @list) = (0);

sub image {
	my ($format, $name, $verb, $code, $bytes, $size) = @_;
	my $file = sprintf '%03d-%s-%s', ++$n, $format, $name;

	open my $f, '>:raw', "$dir/$file" or die "$dir/$file: $!\n";
	print $f $bytes or die "$dir/$file: $!\n";
	truncate $f, $size or die "$dir/$file: $!\n" if defined $size;
	close $f or die "$dir/$file: $!\n";
	push @list, "$file\t$format\t$verb\t$code\n";
}

# patch(BYTES, OFFSET, PACK, VALUE...): with other bytes there
sub patch {
	my ($bytes, @at) = @_;

	while (my ($off, $pack, $value) = splice @at, 0, 3) {
		my $new = pack $pack, $value;

		substr $bytes, $off, length $new, $new;
	}
	return $bytes;
}

sub cut { # at those lengths, all refused
	my ($format, $bytes, @at) = @_;

	image($format, "cut-$_", 'info', 1, substr $bytes, 0, $_) for @at;
}

my ($K, $M, $B) = (1 << 10, 1 << 20, 4096);
my $BIG = 0xffffffff;
my $HUGE = 0xffffffffffffffff;

# ---- VDI: 16 KiB, blocks of 4 KiB, two of them there ----

my $vdi = patch("\0" x (8 * $K) . "a" x $B . "b" x $B,
	0, 'a*', "<<< VirtualBox Disk Image >>>\n", 64, 'L<', 0xbeda107f,
	68, 'L<', 0x10001, 72, 'L<', 400, 76, 'L<', 1,
	340, 'L<', 4096, 344, 'L<', 8192, 360, 'L<', 512,
	368, 'Q<', 4 * $B, 376, 'L<', $B, 384, 'L<', 4, 388, 'L<', 2,
	392, 'Q<', 1, 4096, 'L<', 1, 4100, 'L<', $BIG, 4104, 'L<', 0,
	4108, 'L<', $BIG - 1);

sub vdi {
	my ($name, $verb, $code, @at) = @_;

	image('vdi', $name, $verb, $code, patch($vdi, @at));
}

vdi('good', 'check', 0);
vdi('magic', 'info', 1, 64, 'L<', 0xbeda107e);
vdi("version-$_", 'info', 1, 68, 'L<', $_) for 0, 1, 0x10000, 0x20001;
vdi("header-$_", 'info', 1, 72, 'L<', $_) for 0, 200;
vdi("type-$_", 'info', 1, 76, 'L<', $_) for 0, 3, 4, $BIG;
vdi("map-$_", 'info', 1, 340, 'L<', $_)
	for 0, 4097, 8192, 20 * $B, 0xfffffe00;
vdi("data-$_", 'info', 1, 344, 'L<', $_) for 0, 512, 4096, 8193;
vdi("sector-$_", 'info', 1, 360, 'L<', $_) for 0, 4096;
vdi("size-$_", 'info', 1, 368, 'Q<', $_)
	for 4 * $B + 1, 5 * $B, 1 << 62, $HUGE, $HUGE - 511;
vdi("block-$_", 'info', 1, 376, 'L<', $_)
	for 0, 1, 512, 3 << 11, 1 << 30, 1 << 31, $BIG;
vdi('extra', 'info', 1, 380, 'L<', 512);
vdi("blocks-$_", 'info', 1, 384, 'L<', $_)
	for 0, 3, 0x1001, (1 << 26) + 1, $BIG;
vdi('allocated', 'info', 1, 388, 'L<', 5);
vdi('link', 'info', 1, 424, 'L<', 1);
vdi('parent', 'info', 1, 455, 'C', 1);
vdi('outside', 'check', 3, 4096, 'L<', 3);
vdi('outside-read', 'convert', 1, 4096, 'L<', 3);
vdi('far-outside', 'check', 3, 4096, 'L<', $BIG - 2);
vdi('twice', 'check', 3, 4096, 'L<', 0);
vdi('uncounted', 'check', 3, 388, 'L<', 1);
vdi('lost', 'check', 4, 4096, 'L<', $BIG);
image('vdi', 'map-of-4G', 'info', 1,
	patch($vdi, 376, 'L<', 4096, 384, 'L<', 1 << 26), 8 * $K);
image('vdi', 'all-outside', 'check', 3, patch($vdi,
	384, 'L<', 1 << 20, 344, 'L<', 8 * $M) . "\x77" x (4 * $M));
cut('vdi', $vdi, 0, 1, 64, 68, 400, 511, 4096, 4108);

# ---- VHD: 32 KiB, blocks of 4 KiB, two of them there ----

sub sum { # with the checksum in its place
	my ($bytes, $at) = @_;

	$bytes = patch($bytes, $at, 'L>', 0);
	return patch($bytes, $at, 'L>', ~unpack('%32C*', $bytes) & $BIG);
}

sub footer {
	my @at = @_;

	return sum(patch("\0" x 512, 0, 'a*', 'conectix', 8, 'L>', 2,
		12, 'L>', 0x10000, 16, 'Q>', 512, 28, 'a*', 'test',
		40, 'Q>', 8 * $B, 48, 'Q>', 8 * $B, 60, 'L>', 3, @at), 64);
}

sub header {
	my @at = @_;

	return sum(patch("\0" x 1024, 0, 'a*', 'cxsparse', 8, 'Q>', $HUGE,
		16, 'Q>', 1536, 24, 'L>', 0x10000, 28, 'L>', 8,
		32, 'L>', $B, @at), 36);
}

# 1536: the table; 2048: a block's bitmap and data, and the next
my $block = $B + 512;

sub vhd {
	my ($name, $verb, $code, $footer, $header, @at) = @_;
	my $f = footer(@$footer);
	my $bytes = $f . header(@$header) . "\xff" x 512 .
		("\xff" x 512 . "a" x $B) x 2 . $f;

	$bytes = patch($bytes, 1536, 'L>', 4, 1544, 'L>', 4 + $block / 512, @at);
	image('vhd', $name, $verb, $code, $bytes) if $name;
	return $bytes;
}

my $vhd = vhd('good', 'check', 0, [], []);
my $end = length($vhd) - 512;
vhd('cookies', 'info', 1, [0, 'a*', 'connecti'], []);
vhd('sums', 'info', 1, [], [], 70, 'C', 1, $end + 70, 'C', 1);
vhd("version-$_", 'info', 1, [12, 'L>', $_], []) for 0, 0x20000;
vhd("type-$_", 'info', 1, [60, 'L>', $_], []) for 0, 1, 4, 5, $BIG;
vhd("fixed-$_", 'info', 1, [60, 'L>', 2, 48, 'Q>', $_], [])
	for 1 << 40, $HUGE - 511;
vhd("size-$_", 'info', 1, [48, 'Q>', $_], [])
	for 8 * $B + 1, 16 * $B, 1 << 62, $HUGE, $HUGE - 511;
vhd("header-at-$_", 'info', 1, [16, 'Q>', $_], [])
	for 0, 1024, $end, 1 << 62, $HUGE;
vhd('header-cookie', 'info', 1, [], [0, 'a*', 'cxsparso']);
vhd('header-sum', 'info', 1, [], [], 512 + 60, 'C', 1);
vhd('header-version', 'info', 1, [], [24, 'L>', 0x20000]);
vhd("block-$_", 'info', 1, [], [32, 'L>', $_])
	for 0, 1, 512, 3 << 11, 1 << 31, $BIG;
vhd("entries-$_", 'info', 1, [], [28, 'L>', $_]) for 0, 7;
vhd("table-$_", 'info', 1, [], [16, 'Q>', $_])
	for 1537, $end + 1024, 1 << 62, $HUGE - 511;
vhd('table-large', 'info', 1, [48, 'Q>', 1 << 42],
	[28, 'L>', $BIG, 32, 'L>', 4096]);
vhd('footer-gone', 'check', 3, [], [], $end, 'Q>', 0);
vhd('in-header', 'check', 3, [], [], 1536, 'L>', 0);
vhd('outside', 'check', 3, [], [], 1536, 'L>', 20);
vhd('outside-read', 'convert', 1, [], [], 1536, 'L>', 20);
vhd('far-outside', 'check', 3, [], [], 1536, 'L>', $BIG - 1);
vhd('overlap', 'check', 3, [], [], 1544, 'L>', 5);
vhd('twice', 'check', 3, [], [], 1544, 'L>', 4);
cut('vhd', $vhd, 0, 8, 511, 1024, 1536);
cut('vhd', substr($vhd, 512), 600);

# ---- VMDK ----

my $text = <<'END';
# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="monolithicSparse"
RW 8192 SPARSE "disk.vmdk"
END

# 4 MiB, grains of 64 KiB: descriptor at sector 1, directory at 21, a table at
# 26, a grain at 128
sub kdmv {
	my @at = @_;

	return patch("\0" x 512, 0, 'a*', 'KDMV', 4, 'L<', 1, 8, 'L<', 1,
		12, 'Q<', 8192, 20, 'Q<', 128, 28, 'Q<', 1, 36, 'Q<', 20,
		44, 'L<', 512, 56, 'Q<', 21, 64, 'Q<', 128, 73, 'a*', "\n \r\n",
		@at);
}

sub vmdk {
	my ($name, $verb, $code, $header, @at) = @_;
	my $bytes = patch("\0" x (64 * $K) . 'a' x (64 * $K), 0, 'a*',
		kdmv(@$header), 512, 'a*', $text, 21 * 512, 'L<', 26,
		26 * 512, 'L<', 128, @at);

	image('vmdk', $name, $verb, $code, $bytes) if $name;
	return $bytes;
}

my $vmdk = vmdk('good', 'check', 0, []);
vmdk('magic', 'info', 1, [0, 'a*', 'KDMW']);
vmdk('esx', 'info', 1, [0, 'a*', 'COWD']);
vmdk("version-$_", 'info', 1, [4, 'L<', $_]) for 0, 4, $BIG;
vmdk('as-text', 'info', 1, [73, 'a*', "\n \n\n"]);
vmdk("capacity-$_", 'info', 1, [12, 'Q<', $_])
	for 0, 1 << 40, 1 << 55, 1 << 63, $HUGE;
vmdk("grain-$_", 'info', 1, [20, 'Q<', $_])
	for 0, 3, 8192, 1 << 32, 1 << 63, $HUGE;
vmdk("entries-$_", 'info', 1, [44, 'L<', $_]) for 0, 513, 1 << 30, $BIG;
vmdk("directory-$_", 'info', 1, [56, 'Q<', $_])
	for 256, 1 << 32, 1 << 55, $HUGE - 1, $HUGE;
vmdk("text-at-$_", 'info', 1, [28, 'Q<', $_]) for 256, 1 << 55, $HUGE;
vmdk("text-of-$_", 'info', 1, [36, 'Q<', $_]) for 512, 1 << 23, 1 << 55, $HUGE;
vmdk('algorithm', 'info', 1, [8, 'L<', 0x30001, 77, 'S<', 7]);
vmdk('table-outside', 'check', 3, [], 21 * 512, 'L<', 256);
vmdk('table-far', 'check', 3, [], 21 * 512, 'L<', $BIG);
vmdk('grain-outside', 'check', 3, [], 26 * 512, 'L<', 192);
vmdk('grain-read', 'convert', 1, [], 26 * 512, 'L<', $BIG);
vmdk('tables-shared', 'check', 3, [44, 'L<', 32, 36, 'Q<', 0],
	21 * 512 + 4, 'L<', 26);
cut('vmdk', $vmdk, 0, 3, 79, 512, 10 * $K);

sub described { # the descriptor inside says something else
	my ($name, $what) = @_;

	vmdk($name, 'info', 1, [], 512, 'a*', $what . "\n" x 300);
}

described('parent', $text =~ s/ffffffff/00000001/r);
described('two', $text . "RW 8192 SPARSE \"b.vmdk\"\n");
described('larger', $text =~ s/8192/16384/r);
described('flat-inside', $text =~ s/SPARSE/FLAT/r);

sub descriptor { # and nothing else
	my ($name, $code, $lines) = @_;

	image('vmdk', "text-$name", 'convert', $code,
		"# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\n" .
			"$lines\n");
}

descriptor('zeros', 0, 'RW 8 ZERO');
descriptor('nothing', 1, '');
descriptor('no-access', 1, 'NOACCESS 8 FLAT "x" 0');
descriptor('no-size', 1, 'RW 0 ZERO');
descriptor('minus', 1, 'RW -8 ZERO');
descriptor('words', 1, 'RW many ZERO');
descriptor('huge', 1, 'RW 18446744073709551615 ZERO');
descriptor('sum', 1, "RW 18014398509481983 ZERO\n" x 2);
descriptor('many', 1, "RW 8 ZERO\n" x 129);
descriptor('absolute', 1, 'RW 1 FLAT "/etc/passwd" 0');
descriptor('above', 1, 'RW 1 FLAT "../list" 0');
descriptor('dots', 1, 'RW 1 FLAT ".." 0');
descriptor('missing', 1, 'RW 8 FLAT "no-such-file" 0');
descriptor('nameless', 1, 'RW 8 FLAT');
descriptor('unquoted', 1, 'RW 8 FLAT "x');
descriptor('control', 1, "RW 8 FLAT \"x\e[2J\" 0");
descriptor('kind', 1, 'RW 8 VMFSSPARSE "x"');
descriptor('device', 1, 'RW 8 VMFSRDM "x"');
descriptor('offset', 1, 'RW 8 FLAT "001-vdi-good" 99999999999999999999');
descriptor('behind', 1, 'RW 8 FLAT "001-vdi-good" 4294967296');
descriptor('short', 1, 'RW 99999999 FLAT "001-vdi-good" 0');
descriptor('not-sparse', 1, 'RW 8 SPARSE "001-vdi-good"');
descriptor('itself', 1,
	sprintf 'RW 1 FLAT "%03d-vmdk-text-itself" 0', $n + 1);
image('vmdk', 'text-large', 'info', 1,
	"# Disk DescriptorFile\n" . "#\n" x (200 * $K));
image('vmdk', 'text-binary', 'info', 1, "# Disk DescriptorFile\n" .
	join '', map { chr $_ % 256 } 0 .. 9999);

# A stream: its directory is named at its end.
sub stream {
	my ($name, $verb, $code, $marker, $packed, $footer) = @_;
	my @how = (8, 'L<', 0x30001, 77, 'S<', 1, 36, 'Q<', 0);
	my $bytes = patch("\0" x (64 * $K), 0, 'a*',
		kdmv(@how, 56, 'Q<', $HUGE),
		21 * 512, 'L<', 26, 26 * 512, 'L<', 64,
		64 * 512, 'a*', pack('Q<L<', @$marker) . $packed);

	$bytes .= kdmv(@how, @$footer) . "\0" x 512;
	image('vmdk', "stream-$name", $verb, $code, $bytes);
}

# 64 KiB of zeros, as zlib has them: 2 + 4 * 255 + ... is long; a stored block
# of nothing is enough to be too short.
my $empty = "\x78\x01\x01\x00\x00\xff\xff\x00\x00\x00\x01";
stream('short-grain', 'check', 3, [0, length $empty], $empty, []);
stream('short-read', 'convert', 1, [0, length $empty], $empty, []);
stream('garbage', 'check', 3, [0, 999], 'x' x 999, []);
stream('sector', 'check', 3, [128, length $empty], $empty, []);
stream('length-0', 'check', 3, [0, 0], $empty, []);
stream('length-huge', 'check', 3, [0, $BIG], $empty, []);
stream('no-footer', 'info', 1, [0, 11], $empty, [0, 'a*', 'none']);
stream('footer-again', 'info', 1, [0, 11], $empty, [56, 'Q<', $HUGE]);
stream('footer-outside', 'info', 1, [0, 11], $empty, [56, 'Q<', 4096]);
stream('footer-version', 'info', 1, [0, 11], $empty, [4, 'L<', 9]);

# ---- qcow2: 1 MiB, clusters of 64 KiB, version 3 ----
# header, refcount table, a refcount block, L1, an L2 table, a cluster

my $C = 64 * $K;
my $COPIED = 1 << 63;

sub qcow2 {
	my ($name, $verb, $code, @at) = @_;
	my $bytes = patch("\0" x (5 * $C) . 'a' x $C,
		0, 'a*', "QFI\xfb", 4, 'L>', 3, 20, 'L>', 16, 24, 'Q>', $M,
		36, 'L>', 1, 40, 'Q>', 3 * $C, 48, 'Q>', $C, 56, 'L>', 1,
		96, 'L>', 4, 100, 'L>', 104, $C, 'Q>', 2 * $C,
		3 * $C, 'Q>', 4 * $C | $COPIED,
		4 * $C, 'Q>', 5 * $C | $COPIED);

	$bytes = patch($bytes, 2 * $C + 2 * $_, 'S>', 1) for 0 .. 5;
	$bytes = patch($bytes, @at);
	image('qcow2', $name, $verb, $code, $bytes) if $name;
	return $bytes;
}

my $qcow2 = qcow2('good', 'check', 0);
qcow2('magic', 'info', 1, 0, 'a*', 'QFJ');
qcow2("version-$_", 'info', 1, 4, 'L>', $_) for 0, 1, 4, $BIG;
qcow2("bits-$_", 'info', 1, 20, 'L>', $_) for 0, 8, 22, 63, $BIG;
qcow2("size-$_", 'info', 1, 24, 'Q>', $_) for 1 << 40, 1 << 63, $HUGE;
qcow2("crypt-$_", 'info', 1, 32, 'L>', $_) for 1, 2, $BIG;
qcow2("l1-of-$_", 'info', 1, 36, 'L>', $_) for 0, 1 << 23, 1 << 30, $BIG;
qcow2("l1-at-$_", 'info', 1, 40, 'Q>', $_)
	for 3 * $C + 8, 1 << 40, 1 << 63, $HUGE - $C + 1;
qcow2("counts-at-$_", 'info', 1, 48, 'Q>', $_)
	for $C + 8, 1 << 40, 1 << 63, $HUGE - $C + 1;
qcow2("counts-of-$_", 'info', 1, 56, 'L>', $_) for 1 << 10, 1 << 24, $BIG;
qcow2("snapshots-$_", 'info', 1, 60, 'L>', $_, 64, 'Q>', 5 * $C)
	for 1 << 17, $BIG;
qcow2('snapshots-outside', 'info', 1, 60, 'L>', 1, 64, 'Q>', 1 << 40);
qcow2("backing-at-$_", 'info', 1, 8, 'Q>', $_, 16, 'L>', 8)
	for 1 << 20, 1 << 40, $HUGE;
qcow2("backing-of-$_", 'info', 1, 8, 'Q>', 200, 16, 'L>', $_)
	for 1024, $C, $BIG;
qcow2('backing-control', 'info', 1, 8, 'Q>', 200, 16, 'L>', 4,
	200, 'a*', "a\e[m");
qcow2('backing-nul', 'info', 1, 8, 'Q>', 200, 16, 'L>', 4,
	200, 'a*', "a\0bc");
qcow2("incompatible-$_", 'info', 1, 72, 'Q>', 1 << $_) for 2, 4, 5, 40, 63;
qcow2("order-$_", 'info', 1, 96, 'L>', $_) for 7, 31, $BIG;
qcow2("header-of-$_", 'info', 1, 100, 'L>', $_) for 0, 103, $C + 8, $BIG;
qcow2('extension', 'info', 1, 104, 'L>', 0xe2792aca, 108, 'L>', $_)
	for $C, $BIG, $BIG - 7;
qcow2('compression', 'info', 1, 72, 'Q>', 8, 100, 'L>', 112, 104, 'C', 2);
qcow2('compression-0', 'info', 1, 72, 'Q>', 8, 100, 'L>', 112, 104, 'C', 0);
qcow2('l2-outside', 'check', 3, 3 * $C, 'Q>', 1 << 40 | $COPIED);
qcow2('l2-outside-read', 'convert', 1, 3 * $C, 'Q>', 1 << 40 | $COPIED);
qcow2('l2-odd', 'check', 3, 3 * $C, 'Q>', 4 * $C + 512 | $COPIED);
qcow2('l2-odd-read', 'convert', 1, 3 * $C, 'Q>', 4 * $C + 512 | $COPIED);
qcow2('l2-is-header', 'check', 3, 3 * $C, 'Q>', $COPIED | 0x200);
qcow2('data-outside', 'check', 3, 4 * $C, 'Q>', 1 << 50 | $COPIED);
qcow2('data-outside-read', 'convert', 1, 4 * $C, 'Q>', 1 << 50 | $COPIED);
qcow2('data-odd', 'check', 3, 4 * $C, 'Q>', 5 * $C + 512 | $COPIED);
qcow2('data-odd-read', 'convert', 1, 4 * $C, 'Q>', 5 * $C + 512 | $COPIED);
qcow2('data-is-table', 'check', 3, 4 * $C, 'Q>', 3 * $C | $COPIED);
qcow2('data-twice', 'check', 3, 4 * $C + 8, 'Q>', 5 * $C | $COPIED);
qcow2('uncounted', 'check', 3, 2 * $C + 10, 'S>', 0);
qcow2('block-outside', 'check', 3, $C, 'Q>', 1 << 40);
qcow2('block-odd', 'check', 3, $C, 'Q>', 2 * $C + 512);
qcow2('lost', 'check', 4, 4 * $C, 'Q>', 0);
qcow2('packed-outside', 'check', 3, 4 * $C, 'Q>', 1 << 62 | 1 << 50);
qcow2('packed-outside-read', 'convert', 1,
	4 * $C, 'Q>', 1 << 62 | 1 << 50);
qcow2('packed-garbage', 'convert', 1, 4 * $C, 'Q>', 1 << 62 | 5 * $C);
cut('qcow2', $qcow2, 0, 4, 71, 103, 512);

open my $l, '>', "$dir/list" or die "$dir/list: $!\n";
print $l @list;
close $l or die "$dir/list: $!\n";
