#!/bin/bash
# SPDX-License-Identifier: MIT
# disk.sh [ENGINE...]: how fast a virtio disk is for a Linux guest, beside QEMU
# with the same image and the same kind of engine (soft beside TCG), in turns:
# medians of RUNS (default 3), SECONDS_EACH (default 3), and ratios. The image is
# a raw file, in the host's page cache for both. Where the host's KVM is missing
# or slow, "kvm" means the true one inside an emulated machine.
set -eu
runs=${RUNS:-3}
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
seconds=${SECONDS_EACH:-3}
guests=$B/guests
names='read write randread-1 randwrite-1 randread-32 randwrite-32'
image=$dir/disk.raw
cmdline='console=ttyS0 quiet mitigations=off'

if [ ! -f "$guests/initrd-do-cloud.gz" ]; then
	echo "disk: no kernel fetched: skipped"
	exit
fi

# The guest's program, in an archive behind the initrd's.
mkdir -p "$dir/root"
gcc -D_GNU_SOURCE -O2 -static -o "$dir/root/guest-io" tests/bench/guest-io.c
printf 'wait_for /dev/vda\n/guest-io /dev/vda %s\n' "$seconds" > "$dir/root/do"
chmod 755 "$dir/root/guest-io"
(cd "$dir/root" && find . -type f | cpio -o -H newc --quiet) | gzip -1n |
	cat "$guests/initrd-do-cloud.gz" - > "$dir/initrd"
dd if=/dev/urandom of="$image" bs=1M count="${MIB:-256}" status=none

ours()
{
	timeout 300 "$B/bin/vm-run" --accel "$1" -m 256M -c "${CPUS:-1}" \
		--set "disk=$image,format=raw" -k "$guests/vmlinuz-cloud" \
		-i "$dir/initrd" -a "$cmdline" < /dev/null 2>&1
}

theirs()
{
	local accel=tcg

	[ "$1" = soft ] || accel=kvm
	timeout 300 qemu-system-x86_64 -accel $accel -m 256 -smp "${CPUS:-1}" \
		-nodefaults -no-user-config -display none -serial stdio \
		-no-reboot -kernel "$guests/vmlinuz-cloud" \
		-initrd "$dir/initrd" -append "$cmdline tsc_early_khz=2600000" \
		-drive "file=$image,format=raw,if=virtio,cache=writeback" \
		< /dev/null 2>&1
}

# The figures of one run, appended to $dir/WHO-NAME.
note()
{
	local who=$1

	shift
	"$@" > "$dir/out" || :
	tr -d '\r' < "$dir/out" | while read -r name value _; do
		case " $names " in
		*" $name "*) echo "$value" >> "$dir/$who-$name" ;;
		esac
	done
	grep -q '^randwrite-32 ' "$dir/out" || {
		echo "disk: $*: no figures: $(tail -n 1 "$dir/out")"
		return 1
	}
}

# kvm where the host has none that is real.
rig()
{
	local who name value

	MIB=64 RUNS=$runs tests/realkvm/disk-figures.sh "$dir/initrd" |
		while read -r who name value; do
			echo "$value" >> "$dir/$who-$name"
		done
	[ -f "$dir/theirs-randwrite-32" ] || {
		echo "disk: kvm: no figures"
		return 1
	}
}

turns()
{
	local n

	for ((n = 0; n < runs; n++)); do
		note ours ours "$1" || return 1
		command -v qemu-system-x86_64 > /dev/null || continue
		note theirs theirs "$1" || return 1
	done
}

bench()
{
	local name a b unit

	rm -f "$dir"/ours-* "$dir"/theirs-*
	if [ "$1" = kvm ] && ! "$B/bin/vm-check" | grep -q '^engine *kvm$'; then
		rig || return 0
	else
		turns "$1" || return 0
	fi
	for name in $names; do
		unit='/s'
		case $name in read | write) unit=' MiB/s' ;; esac
		a=$(median < "$dir/ours-$name")
		echo "disk, $1, $name: $a$unit"
		[ -f "$dir/theirs-$name" ] || continue
		b=$(median < "$dir/theirs-$name")
		echo "disk, qemu, $name: $b$unit"
		awk -v n="$name" -v a="$a" -v b="$b" 'BEGIN {
			printf "disk, ratio, %s (at least 1): %.2f\n", n, a / b }'
	done
}

for engine in "${@:-soft}"; do
	bench "$engine"
done
