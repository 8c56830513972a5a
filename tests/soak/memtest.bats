#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# memtest86+, on the serial port: a whole pass over a small memory finds no
# error.
# timeout: 3600

# shellcheck disable=SC2154 # start sets pid

load ../helpers

setup() {
	need_guests
}

teardown() {
	end_started
}

# The screen is drawn by cursor movements, a field at a time.
passes() {
	start -m "${2:-64M}" -c "$1" -k "$B/guests/memtest86+x64.bin" \
		-a 'console=ttyS0,115200'
	says "$T/out" 'Pass: +[1-9]|Errors: +[1-9]' 1700 ||
		{ tail -c 2000 "$T/out" | tr -d '\033'; return 1; }
	alive "$pid"
	! grep -Eaq 'Errors: +[1-9]' "$T/out" || return 1
	kill -KILL "$pid"
	ends 137
}

@test "one CPU, 64 MiB" {
	passes 1
}

@test "two CPUs, 64 MiB" {
	passes 2
}
