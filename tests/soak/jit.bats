#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The soft engine's translator for long: millions of random programs beside the
# interpreter, kernels all of whose 64-bit code is translated, with one CPU and
# more. Where bats runs it itself, without tests/run: SEED and CASES say which
# programs; TIMES, how often each kernel boots.
# timeout: 7200

load ../helpers

@test "random programs" {
	local n

	for n in 1 2 3 4; do
		JIT_CASES=${CASES:-250000} JIT_SEED=$((${SEED:-$$} + n)) \
			"$B/tests/unit/jit"
	done
}

# boots KERNEL CPUS JIT
boots() {
	local n

	need_guests
	for ((n = 1; n <= ${TIMES:-10}; n++)); do
		timeout -s KILL 240 vm-run --accel soft --set jit="$3" -m 256M \
			-c "$2" -k "$B/guests/$1" \
			-i "$B/guests/initrd-demo.gz" -a 'console=ttyS0' \
			>"$T/out" 2>"$T/err" || {
			tail -n 30 "$T/out" "$T/err"
			false
		}
		grep -aq "^== CPUs: $2," "$T/out"
		grep -aq '== off' "$T/out"
	done
}

@test "cloud kernel, all translated, 1 CPU" {
	boots vmlinuz-cloud 1 always
}

@test "cloud kernel, all translated, 2 CPUs" {
	boots vmlinuz-cloud 2 always
}

@test "cloud kernel, 4 CPUs" {
	boots vmlinuz-cloud 4 yes
}

@test "standard kernel, all translated, 1 CPU" {
	boots vmlinuz-std 1 always
}

@test "standard kernel, 2 CPUs" {
	boots vmlinuz-std 2 yes
}

@test "code that other CPUs change, again and again" {
	local n

	for ((n = 1; n <= ${TIMES:-10}; n++)); do
		LIMIT=60 "$TOP/tests/cpu/run.sh" jit "$B"/tests/cpu/sm*.elf \
			"$B"/tests/cpu/{ipi,timer,lock,atomic,splitlock}.elf
	done
}
