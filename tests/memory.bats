#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a machine's process needs beside the guest's memory (SPEC S3).

# shellcheck disable=SC2154 # start sets pid

load helpers

setup() {
	export VM_HOME=$T/vm
	[ "$(id -u)" = 0 ] || skip "only root may look into a confined process: run as root"
	[[ $B != *-san* ]] || skip "a sanitizer needs memory of its own"
}

teardown() {
	end_started
}

# Resident memory but for the guest's RAM, in kB. Translated code is mapped
# twice: half of it here, half there.
own() {
	awk '/^[0-9a-f]+-/ { code = /memfd:vm-code/; ram = !code && /memfd:/ }
		!ram && !code && /^Rss:/ { rss += $2 }
		code && /^Pss:/ { rss += $2 }
		END { print int(rss) }' "/proc/$pid/smaps"
}

@test "a guest that spins: at most 4 MiB, under both engines" {
	local accel

	guest "$T/spin" <<-'END'
		say "ready"
		forever
	END
	for accel in $(engines); do
		start --accel "$accel" -m 128M --flat -k "$T/spin"
		says "$T/out" ready
		echo "$accel: $(own) kB"
		[ "$(own)" -le 4096 ]
		kill -KILL "$pid"
		ends 137
	done
}

@test "soft, after a Linux boot: at most 32 MiB" {
	need_guests
	mkfifo "$T/in"
	exec 7<>"$T/in"
	IN=$T/in start --accel soft -m 256M -k "$B/guests/vmlinuz-cloud" \
		-i "$B/guests/initrd.gz" -a 'console=ttyS0 quiet'
	says "$T/out" "Leave with: exit" 50
	echo "$(own) kB"
	[ "$(own)" -le 32768 ]
	kill -KILL "$pid"
	ends 137
}
