#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A long text typed into a guest while it is paused and resumed all the time.
# timeout: 1200

load ../helpers

setup() {
	export VM_HOME=$T/vm
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
	end_started
}

@test "64 KiB of typing come whole, past pauses" {
	local line

	linux_web std 'echo ready;
		head -n 1000 < /dev/tty1 | md5sum; sleep 5'
	for line in {1000..1999}; do
		echo "$line the quick brown fox jumps over the lazy dog \\{[|]}~^\`"
	done >"$T/text"
	# shellcheck disable=SC2002 # it is to be a pipe
	cat "$T/text" | timeout 1000 vm-ctl -t 60s web type --delay 0 - 3>&- &
	started+=($!)
	while alive "${started[0]}" >/dev/null; do
		sleep 0.5
		vm-ctl web pause
		sleep 0.2
		vm-ctl web resume
	done
	wait "${started[0]}"
	says "$VM_HOME/web/console.log" "^$(md5sum <"$T/text")" 60
}
