#!/bin/sh
# SPDX-License-Identifier: MIT
# vmlinux.sh BZIMAGE > VMLINUX: the ELF kernel inside a Linux bzImage. Where it
# lies is what the setup header says (boot protocol 2.08: payload_offset,
# payload_length); how it is packed is what its first bytes say.
set -eu

die()
{
	echo "vmlinux.sh: $*" >&2
	exit 1
}

# number OFFSET BYTES: little-endian, from the image
number()
{
	od -A n -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '
}

[ $# = 1 ] || die "usage: vmlinux.sh BZIMAGE > VMLINUX"
image=$1
[ "$(od -A n -t x4 -j 514 -N 4 "$image" | tr -d ' ')" = 53726448 ] ||
	die "$image: not a bzImage"
[ "$(number 518 2)" -ge 520 ] || die "$image: boot protocol older than 2.08"

sects=$(number 497 1)
at=$(( (${sects:-4} + 1) * 512 + $(number 584 4) ))
size=$(number 588 4)

case $(od -A n -t x1 -j "$at" -N 4 "$image" | tr -d ' ') in
1f8b*) unpack='gzip -dc' trailer=0 ;;
fd377a58) unpack='xz -dc' trailer=4 ;;
28b52ffd) unpack='zstd -dcq' trailer=4 ;;
02214c18) unpack='lz4 -dcq' trailer=4 ;;
425a68*) unpack='bzip2 -dc' trailer=4 ;;
*) die "$image: packed in a way not known here" ;;
esac
command -v "${unpack%% *}" > /dev/null || die "${unpack%% *}: not installed"

# Behind the packed kernel comes its unpacked size, except with gzip.
tail -c "+$((at + 1))" "$image" | head -c "$((size - trailer))" | $unpack
