#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh [figures RUNS]: what the kvm engine must do on a true KVM (run.sh
# makes one, inside.sh runs in it): its unit tests, the guests of tests/cpu, the
# choice of the engine, Debian's kernels, and figures; or the figures alone.
# Wants the tree built and tests/guests/fetch.sh run. Prints TAP.
# timeout: 400
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
b=${B:-build}
g=$b/guests

case $b in
*-san*)
	echo "1..0 # SKIP a sanitizer's build is too slow in there"
	exit
	;;
esac

# Flat guests for the figures.
tmp=$(mktemp -d "${TMPDIR:-/tmp}/realkvm-check.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
for guest in RESET EXITS; do
	${CC:-gcc} -m32 -D$guest -nostdlib -static -no-pie -Wl,-Ttext=0x7c00 \
		-Wl,--build-id=none -Wl,--oformat=binary -o "$tmp/$guest" \
		tests/bench/guests.S
done

common="-f $b/bin/vm-run=t/vm-run -f $b/bin/vm-check=t/vm-check
	-f $b/tests/bench/bare-kvm=t/bare-kvm -f $b/tests/bench/until=t/until
	-f $tmp/RESET=t/RESET -f $tmp/EXITS=t/EXITS
	-f tests/realkvm/inside.sh=t/inside.sh"
# shellcheck disable=SC2086 # a list of words
if [ "${1:-}" = figures ]; then
	"$here/run.sh" $common "sh /t/inside.sh figures $2 # figures"
	exit
fi

for kernel in vmlinuz-cloud vmlinux-cloud vmlinuz-std vmlinux-std; do
	if [ ! -e "$g/$kernel" ]; then
		echo "1..0 # SKIP no $kernel in $g (tests/guests/fetch.sh gets it)"
		exit
	fi
	common="$common -f $g/$kernel=g/$kernel"
done

elves=
for source in tests/cpu/*.S; do
	elf=$(basename "$source" .S).elf
	common="$common -f $b/tests/cpu/$elf=t/$elf"
	elves="$elves /t/$elf"
done

# Unpacked, it costs each boot two seconds less.
gzip -dc "$g/initrd-demo.gz" > "$tmp/initrd-demo"
gzip -dc "$g/initrd-do-cloud.gz" > "$tmp/initrd-do"

# Boots last: the figures want a rig that has not swallowed eight kernels.
set -- "$b/tests/unit/kvm" "$b/tests/unit/kvm-cpuid" "$b/tests/unit/probe" \
	"$b/tests/unit/pause" \
	"sh /t/inside.sh auto # auto" \
	"sh /t/inside.sh figures 5 # figures" \
	"sh /t/inside.sh cpu$elves # cpu" \
	"sh /t/inside.sh disks # disks"
common="$common -f $tmp/initrd-do=g/initrd-do"
rom=usr/share/seabios/vgabios-stdvga.bin
if [ -e "$g/bios-256k.bin" ] && [ -e "$g/grub-rescue-cdrom.iso" ] &&
	[ -e "/$rom" ]; then
	common="$common -f $g/bios-256k.bin=g/bios-256k.bin
		-f $g/grub-rescue-cdrom.iso=g/grub.iso -f /$rom=$rom"
	set -- "$@" "sh /t/inside.sh firmware # firmware"
fi
for kernel in vmlinuz-cloud vmlinux-cloud vmlinuz-std vmlinux-std; do
	for cpus in 1 2; do
		set -- "$@" "sh /t/inside.sh boot $kernel $cpus # $kernel, $cpus CPU"
	done
done
# shellcheck disable=SC2086
"$here/run.sh" -l 120 -t 370 $common -f "$tmp/initrd-demo=g/initrd-demo" \
	-f tests/cpu/run.sh=t/run.sh -f tests/realkvm/faults=t/faults "$@"
