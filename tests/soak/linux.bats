#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each kernel in each form with one CPU and two, twenty times in a row without a
# failure, while something else wants a CPU of the host's all the time. A boot
# that hangs one time in a hundred is a bug. TIMES says how often.
# timeout: 7200

load ../helpers

setup() {
	need_guests
	# Ends by itself should this test not come to ending it.
	timeout -s KILL 1800 "$BASH" -c 'while :; do :; done' 3>&- &
	busy=$!
	disown
}

teardown() {
	[ -z "${busy:-}" ] || kill "$busy"
}

# twenty KERNEL CPUS
twenty() {
	local n code failed=0

	for ((n = 1; n <= ${TIMES:-20}; n++)); do
		code=0
		timeout -s KILL 120 vm-run -m 256M -c "$2" -k "$B/guests/$1" \
			-i "$B/guests/initrd-demo.gz" -a 'console=ttyS0' \
			>"$T/out" 2>"$T/err" || code=$?
		[ "$code" != 0 ] || ! grep -aq "^== CPUs: $2," "$T/out" ||
			! grep -aq '== off' "$T/out" || [ -s "$T/err" ] ||
			continue
		failed=$((failed + 1))
		echo "boot $n of $1 with $2 CPU: $code"
		tail -n 30 "$T/out"
		cat "$T/err"
	done
	[ "$failed" = 0 ]
}

@test "cloud kernel, bzImage, 1 CPU" {
	twenty vmlinuz-cloud 1
}

@test "cloud kernel, bzImage, 2 CPUs" {
	twenty vmlinuz-cloud 2
}

@test "cloud kernel, vmlinux, 1 CPU" {
	twenty vmlinux-cloud 1
}

@test "cloud kernel, vmlinux, 2 CPUs" {
	twenty vmlinux-cloud 2
}

@test "standard kernel, bzImage, 1 CPU" {
	twenty vmlinuz-std 1
}

@test "standard kernel, bzImage, 2 CPUs" {
	twenty vmlinuz-std 2
}

@test "standard kernel, vmlinux, 1 CPU" {
	twenty vmlinux-std 1
}

@test "standard kernel, vmlinux, 2 CPUs" {
	twenty vmlinux-std 2
}
