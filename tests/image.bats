#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What crashes leave of a qcow2 image, as another program sees it; the rest is
# in tests/unit/image-*.c and vm-disk.bats.

load helpers

@test "qemu-img finds nothing but leaks in what a crash leaves" {
	command -v qemu-img >/dev/null || skip "no qemu-img: install qemu-utils"
	mkdir "$T/crash"
	# The base that some of them have is not for qemu-img check.
	"$B/tests/unit/image-crash" 2000 7 "$T/crash" >"$T/out" || {
		cat "$T/out"
		return 1
	}
	n=0
	for f in "$T"/crash/*.qcow2; do
		truncate -s 300K "$T/crash/base"
		run timeout 30 qemu-img check -f qcow2 "$f"
		# 3: leaks; they cost room, and nothing else
		[ "$status" = 0 ] || [ "$status" = 3 ] || {
			echo "$f: $output"
			return 1
		}
		n=$((n + 1))
	done
	[ "$n" -ge 10 ]
}

@test "qemu-img repairs the leaks of a crash, and so do we" {
	command -v qemu-img >/dev/null || skip "no qemu-img: install qemu-utils"
	mkdir "$T/crash"
	truncate -s 300K "$T/crash/base"
	"$B/tests/unit/image-crash" 1000 11 "$T/crash" >/dev/null
	n=0
	for f in "$T"/crash/*.qcow2; do
		[ "$n" -lt 8 ] || break
		vm-disk check -q -r -f qcow2 "$f"
		quiet qemu-img check -q -f qcow2 "$f"
		n=$((n + 1))
	done
	[ "$n" -ge 4 ]
}
