#!/bin/sh
# SPDX-License-Identifier: MIT
# disk-figures.sh INITRD: figures of a virtio disk under kvm, vm-run's and
# QEMU's by turns, on a true KVM (run.sh makes one), for tests/bench/disk.sh,
# which makes the initrd. Prints lines "ours NAME VALUE" and "theirs NAME VALUE",
# RUNS (3) of each. MIB (64): the size of the image, which lies in memory.
# Called with "inside" it is what runs in there.
set -eu

figures()
{
	tr -d '\r' < "$2" | sed -n "s/^\\([a-z]*[-0-9]*\\) \\([0-9.]*\\)\$/$1 \\1 \\2/p"
}

inside()
{
	append='console=ttyS0 quiet mitigations=off'
	echo always > /sys/kernel/mm/transparent_hugepage/shmem_enabled
	head -c "$(($2 * 1048576))" /dev/urandom > disk
	for _ in $(seq "$1"); do
		vm-run --accel kvm -m 256M --disk "$PWD/disk,format=raw" \
			-k /g/kernel -i /g/initrd -a "$append" > out 2>&1
		figures ours out
		qemu-system-x86_64 -L /q -accel kvm -m 256 -nodefaults \
			-no-user-config -display none -serial stdio \
			-no-reboot -kernel /g/kernel -initrd /g/initrd \
			-append "$append" -drive \
			"file=$PWD/disk,format=raw,if=virtio,cache=writeback" \
			> out 2>&1
		figures theirs out
	done
}

if [ "$1" = inside ]; then
	inside "$2" "$3"
	exit
fi

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
b=${B:-build}
initrd=$1
set --
for rom in bios-256k.bin kvmvapic.bin linuxboot_dma.bin; do
	file=$(find -L /usr/share/qemu /usr/share/seabios -name $rom | head -n 1)
	set -- "$@" -f "$file=q/$rom"
done
RUNS=${RUNS:-3}
tests/realkvm/run.sh -l $((60 + RUNS * 90)) -t $((120 + RUNS * 90)) \
	-f "$b/bin/vm-run=t/vm-run" "$@" \
	-f "$(command -v qemu-system-x86_64)=t/qemu-system-x86_64" \
	-f "$b/guests/vmlinuz-cloud=g/kernel" -f "$initrd=g/initrd" \
	-f "tests/realkvm/disk-figures.sh=t/disk-figures.sh" \
	"sh /t/disk-figures.sh inside $RUNS ${MIB:-64} # figures" < /dev/null |
	sed -n 's/^# \(\(ours\|theirs\) [a-z].*\)/\1/p'
