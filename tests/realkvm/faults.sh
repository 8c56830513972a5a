#!/bin/sh
# SPDX-License-Identifier: MIT
# faults.sh GUEST.elf...: which checks of guests (build/tests/cpu/*.elf) fail on
# the CPU that QEMU emulates, with no KVM and no vm-run between: lines for the
# list "faults".
set -eu

for elf; do
	name=$(basename "$elf" .elf)
	{ timeout 20 "${QEMU:-qemu-system-x86_64}" -nodefaults -no-user-config \
		-accel tcg -cpu max -machine pc -m 64M -smp 2 -display none \
		-serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4 \
		-kernel "$elf" < /dev/null || :; } 2> /dev/null | tr -d '\r' |
		sed -n "s/^not ok /$name: /p" | sed 's/ got .*//; s/done  .*//'
done | sort -u
