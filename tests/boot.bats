#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real kernels, on the engine that this host gets: Debian's two, each as bzImage
# and as vmlinux, with one CPU and with two; and memtest86+.
# timeout: 600

# shellcheck disable=SC2154 # start sets pid

load helpers

# All eight are booted two at a time from the start, since most of each is
# waiting; the tests look at what came of them.
setup_file() {
	"$TOP/tests/guests/fetch.sh" "$B/guests" >"$BATS_FILE_TMPDIR/fetch" 2>&1 ||
		return 0
	cd "$BATS_FILE_TMPDIR" || return
	# shellcheck disable=SC2016
	printf '%s\n' vmlinu{z,x}-{cloud,std}-{1,2} |
		setsid xargs -P 2 -I{} "$BASH" -c '. "$0"; boot {}' \
			"$BATS_TEST_DIRNAME/boot-check.bash" >xargs.log 2>&1 3>&- &
	echo $! >pid
	disown
}

teardown_file() {
	if [ -e "$BATS_FILE_TMPDIR/pid" ]; then
		kill -KILL -- "-$(cat "$BATS_FILE_TMPDIR/pid")" || :
	fi 2>/dev/null
}

setup() {
	[ -e "$BATS_FILE_TMPDIR/pid" ] || need_guests
	G=$B/guests
}

teardown() {
	[ -z "${keys:-}" ] || exec {keys}>&-
	end_started
}

# checked KERNEL-CPUS: the guest found its machine in order and powered off
checked() {
	local at=$BATS_FILE_TMPDIR/$1

	until_true 500 test -e "$at/code"
	echo "code $(cat "$at/code")"
	cat "$at/err"
	grep -av '^[0-9.]* RESULT ok' "$at/out" | tail -n 40
	[ "$(cat "$at/code")" = 0 ]
	[ ! -s "$at/err" ]
	grep -aq 'RESULT ok dmesg' "$at/out"
	grep -aq 'RESULT ok each-cpu-runs' "$at/out"
	[ "$(grep -ac 'RESULT done 0' "$at/out")" = 1 ]
	! grep -aq 'RESULT bad' "$at/out" || false
}

@test "cloud kernel, bzImage, 1 CPU: the guest finds all in order" {
	checked vmlinuz-cloud-1
}

@test "cloud kernel, bzImage, 2 CPUs" {
	checked vmlinuz-cloud-2
}

@test "standard kernel, bzImage, 1 CPU" {
	checked vmlinuz-std-1
}

@test "standard kernel, bzImage, 2 CPUs" {
	checked vmlinuz-std-2
}

@test "cloud kernel, vmlinux, 1 CPU" {
	checked vmlinux-cloud-1
}

@test "cloud kernel, vmlinux, 2 CPUs" {
	checked vmlinux-cloud-2
}

@test "standard kernel, vmlinux, 1 CPU" {
	checked vmlinux-std-1
}

@test "standard kernel, vmlinux, 2 CPUs" {
	checked vmlinux-std-2
}

# A clock that is wrong is wrong each time; a line that comes late is not.
@test "five seconds of the guest are five seconds of the host, within 1 %" {
	local d off n=0 good=0

	for d in "$BATS_FILE_TMPDIR"/vmlinu*; do
		off=$(awk '$2 != "CLOCK" { next }
			$3 == "begin" { host = $1; guest = $5 }
			$3 == "end" { host = $1 - host; guest = $5 - guest
				printf "%d\n", 1000000 * host / guest - 1000 }' \
			"$d/out")
		echo "${d##*/}: host - guest: $off / 1000"
		n=$((n + 1))
		[ -z "$off" ] || [ "${off#-}" -gt 10 ] || good=$((good + 1))
	done
	[ "$n" = 8 ]
	[ "$good" -ge 6 ]
}

@test "the power button turns Linux off: SIGTERM, then 0" {
	start -m 256M -k "$G/vmlinuz-cloud" -i "$G/initrd.gz" \
		-a 'console=ttyS0 quiet'
	says "$T/out" 'Leave with: exit' 60
	kill -TERM "$pid"
	ends 0 30
	[ ! -s "$T/err" ]
}

@test "a shell on the console, typed at" {
	mkfifo "$T/in"
	exec {keys}<>"$T/in"
	IN=$T/in start -m 256M -c 2 -k "$G/vmlinuz-cloud" -i "$G/initrd.gz" \
		-a 'console=ttyS0 quiet'
	says "$T/out" 'Leave with: exit' 60
	says "$T/out" '/ # ' 20
	# shellcheck disable=SC2016
	echo 'echo $((6 * 7)) CPUs: $(nproc)' >&"$keys"
	says "$T/out" '^42 CPUs: 2' 20
	echo exit >&"$keys"
	ends 0 30
}

@test "what is piped in before the guest is up reaches its shell, whole" {
	run bash -o pipefail -c 'printf "%s\nexit\n" "echo [$1]" |
		timeout -s KILL 60 vm-run -m 256M -k "$2/vmlinuz-cloud" \
			-i "$2/initrd.gz" -a "console=ttyS0 quiet"' \
		- "$(printf '%.0s0123456789' {1..10})" "$G"
	[ "$status" = 0 ]
	[ "$(tr -d '\r' <<<"$output" |
		grep -c '^\[\(0123456789\)\{10\}\]$')" = 1 ]
}

@test "a Linux that panics: 111" {
	LIMIT=60 boots 111 -m 256M -k "$G/vmlinuz-cloud" \
		-a 'console=ttyS0 panic=-1 root=/dev/none'
	[[ $output == *"Kernel panic - not syncing"* ]]
	[[ $output == *"guest panicked (Kernel panic on the console)"* ]]
}

@test "reboot in Linux: 110" {
	mkfifo "$T/in"
	exec {keys}<>"$T/in"
	IN=$T/in start -m 256M -k "$G/vmlinuz-cloud" -i "$G/initrd.gz" \
		-a 'console=ttyS0 quiet'
	says "$T/out" '/ # ' 60
	echo 'reboot -f' >&"$keys"
	ends 110 30
}

@test "--entry 32 and 64: the other way into a bzImage and a vmlinux" {
	local form

	for form in z:32 x:64; do
		LIMIT=60 boots 0 -m 256M --entry "${form#*:}" \
			-k "$G/vmlinu${form%:*}-cloud" -i "$G/initrd-demo.gz" \
			-a 'console=ttyS0 quiet'
		[[ $output == *"== off"* ]]
	done
}

@test "memtest86+ starts to test, on the serial port" {
	[ -e "$G/memtest86+x64.bin" ] || skip "this Debian's memtest86+ is another"
	start -m 64M -k "$G/memtest86+x64.bin" -a 'console=ttyS0,115200'
	says "$T/out" 'Memtest86\+' 30
	says "$T/out" 'Test' 30
	says "$T/out" 'Pass' 30
}

@test "the config's uuid is the guest's product_uuid" {
	local uuid=6ba7b810-9dad-41d1-80b4-00c04fd430c8

	mkfifo "$T/in"
	exec {keys}<>"$T/in"
	IN=$T/in start --set uuid=$uuid -m 256M -k "$G/vmlinuz-cloud" \
		-i "$G/initrd.gz" -a 'console=ttyS0 quiet'
	says "$T/out" "Leave with: exit" 50
	echo 'cat /sys/class/dmi/id/product_uuid' >&"$keys"
	says "$T/out" "^$uuid"
	echo exit >&"$keys"
	ends 0 30
}
