#!/bin/sh
# SPDX-License-Identifier: MIT
# golden.sh [COUNT [ARGUMENT...]]: a golden image, and COUNT machines (10) at the
# same time on throw-away overlays of it. Each finds the file system as it was
# made, writes to it as it likes, and leaves nothing behind. Arguments go to
# vm-run: --accel soft, -c 2, ... What they found out is printed, in order.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
guests=${B:-$top/build}/guests
PATH=${B:-$top/build}/bin:/usr/sbin:/sbin:$PATH
count=${1:-10}
[ $# = 0 ] || shift

"$top/tests/guests/fetch.sh" "$guests"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The image: a file system made of a directory, with what every job needs.
mkdir "$work/root" "$work/root/data"
seq 1000 > "$work/root/data/numbers"
cat > "$work/root/job" << 'END'
n=$1
sum=0
while read -r i; do
	[ $((i % n)) != 0 ] || sum=$((sum + i))
done < data/numbers
rm data/numbers # in the overlay only
echo "the multiples of $n make $sum" > data/result
sync
cat data/result
END
truncate -s 16M "$work/golden.img"
mke2fs -q -t ext4 -d "$work/root" "$work/golden.img"
before=$(cksum < "$work/golden.img")

# One machine. The initial ramdisk loads the drivers and does what "do" says.
job() {
	n=$1
	run="wait_for /dev/vda && mkdir /mnt && mount -t ext4 /dev/vda /mnt"
	shift
	vm-run --disk "$work/golden.img,overlay=yes" --timeout 10m \
		-k "$guests/vmlinuz-cloud" -i "$guests/initrd-do-cloud.gz" \
		-a "console=ttyS0 quiet panic=-1 do=\"$run && cd /mnt && sh job $n\"" \
		"$@" < /dev/null > "$work/$n.out" ||
		echo "machine $n: ended with $?" >> "$work/$n.out"
}

n=0
while [ $((n += 1)) -le "$count" ]; do
	job "$n" "$@" &
done
wait
for n in $(seq "$count"); do
	sed -n 's/\r$//; /^the multiples\|^machine/p' "$work/$n.out"
done
[ "$(cksum < "$work/golden.img")" = "$before" ] || {
	echo "the golden image has changed" >&2
	exit 1
}
