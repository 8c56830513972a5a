#!/bin/bash
# SPDX-License-Identifier: MIT
# convert.sh: how long vm-disk convert takes for a disk of SIZE MiB (default
# 2048), half of it holes, from raw to qcow2 and back, beside qemu-img, and how
# much memory. In turns, medians of RUNS (default 7), what was written before
# being on the disk. Neither waits for the disk at the end; with --sync we do, as
# a figure of its own beside qemu-img with a sync behind it.
set -eu
runs=${RUNS:-7}
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
size=${SIZE:-2048}
PATH=$(cd "$B/bin" && pwd):$PATH
# Where disk images would be, and not a file system in memory.
work=$(mktemp -d "${WORK:-/var/tmp}/convert.XXXXXX")
trap 'rm -rf "$dir" "$work"' EXIT

command -v qemu-img > /dev/null || {
	echo "convert: no qemu-img: skipped"
	exit
}

# A MiB of data, a MiB of nothing, in turns.
perl -e '
	my ($file, $mib) = @ARGV;
	open my $f, ">:raw", $file or die;
	open my $r, "<:raw", "/dev/urandom" or die;
	truncate $f, $mib << 20;
	for (my $k = 0; $k < $mib; $k += 2) {
		read $r, my $data, 1 << 20;
		seek $f, $k << 20, 0;
		print $f $data;
	}
	close $f or die;' "$work/a.raw" "$size"
qemu-img convert -f raw -O qcow2 "$work/a.raw" "$work/a.qcow2"

# measure NAME COMMAND...: seconds and KiB, a line in $dir/NAME
measure()
{
	local name=$1

	shift
	rm -f "$work/out"
	sync "$work"/*
	perl -MTime::HiRes=time -e '
		my $start = time;
		system(@ARGV) == 0 or die "@ARGV: failed\n";
		my $usage = "\0" x 144; # struct rusage; maxrss is at 32
		syscall(98, -1, $usage) == 0 or die;
		printf "%.3f %d\n", time - $start, unpack "x32 q", $usage;' \
		"$@" >> "$dir/$name"
}

synced()
{
	# shellcheck disable=SC2016 # for that shell to expand
	measure "$1" sh -c '"$@" && sync "$0"' "$work/out" "${@:2}"
}

ratio()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

report()
{
	local name=$1 to=$2 ours theirs kib

	ours=$(cut -d' ' -f1 "$dir/ours-$name" | median)
	theirs=$(cut -d' ' -f1 "$dir/theirs-$name" | median)
	kib=$(cut -d' ' -f2 "$dir/ours-$name" | sort -n | tail -1)
	printf 'convert %-28s %s s, qemu-img %s s\n' "$to:" "$ours" "$theirs"
	printf 'convert %-28s %s\n' "$to, ratio (at most 1.0):" \
		"$(ratio "$ours" "$theirs")"
	printf 'convert %-28s %s KiB\n' "$to, memory (at most 65536):" "$kib"
}

to_qcow2()
{
	case $1 in
	ours) measure ours-qcow2 vm-disk convert -O qcow2 "$work/a.raw" \
		"$work/out" ;;
	theirs) measure theirs-qcow2 qemu-img convert -f raw -O qcow2 \
		"$work/a.raw" "$work/out" ;;
	esac
}

to_raw()
{
	case $1 in
	ours) measure ours-raw vm-disk convert -O raw "$work/a.qcow2" \
		"$work/out" ;;
	theirs) measure theirs-raw qemu-img convert -f qcow2 -O raw \
		"$work/a.qcow2" "$work/out" ;;
	esac
}

to_disk()
{
	case $1 in
	ours) measure ours-sync vm-disk convert --sync -O qcow2 \
		"$work/a.raw" "$work/out" ;;
	theirs) synced theirs-sync qemu-img convert -f raw -O qcow2 \
		"$work/a.raw" "$work/out" ;;
	esac
}

# Who comes first pays for what was removed before: each does, in turns.
for what in to_qcow2 to_raw to_disk; do
	for ((n = 0; n < runs; n++)); do
		if ((n % 2)); then
			$what theirs
			$what ours
		else
			$what ours
			$what theirs
		fi
	done
done
report qcow2 'raw to qcow2'
report raw 'qcow2 to raw'
report sync 'raw to qcow2, on the disk'
