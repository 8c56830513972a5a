#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# OVMF on the screen: the monitor's favourite mode, and what is typed there.
# timeout: 600

load ../helpers

setup() {
	export VM_HOME=$T/vm
	[ -e "$B/guests/OVMF_CODE_4M.fd" ] || skip "no OVMF: tests/guests/fetch.sh gets it, or install ovmf"
}

teardown() {
	vm-ctl u poweroff || :
} >/dev/null 2>&1

size() {
	vm-shot -f ppm u | head -c 20 | sed -n 2p
}

is() {
	[ "$("${@:2}")" = "$1" ]
}

@test "OVMF takes the mode that the monitor prefers, and draws its shell" {
	vm-create u firmware="$B/guests/OVMF_CODE_4M.fd" memory=128M accel=soft
	vm-run -d u 3>&-
	vm-wait -q --console "Interactive Shell" --timeout 300s u
	until_true 60 is "1280 800" size
	vm-wait -q --console "Shell> " --timeout 120s u
	before=$(vm-shot --hash u)
	vm-ctl u type $'echo on the screen\n'
	vm-wait -q --console "on the screen" --timeout 60s u
	vm-wait -q --screen-still 2s --timeout 60s u
	[ "$(vm-shot --hash u)" != "$before" ]
}
