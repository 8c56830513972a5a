#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# 100 processes fight over three names, and are killed at random: a machine
# never runs twice, no config is half written, nothing is stuck, leftovers go.
# RACE is for how many seconds (10).
# timeout: 150

load helpers

setup() {
	export VM_HOME=$T/vm
	guest "$T/spin" <<<forever
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

nobody_runs() {
	[ -z "$(vm-ls -q -s running,starting,paused,stopping)" ]
}

@test "100 processes on three names, under SIGKILL" {
	local name

	TMPDIR=$T run timeout 120 "$TOP/tests/race.pl" "$T/spin" "${RACE:-10}"
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]

	# Those in the background end by their timeout.
	until_true 20 nobody_runs
	for name in $(vm-ls -q); do
		vm-show "$name" | grep -q '^kernel = '
		boots 124 --timeout 200ms "$name"
		vm-rm "$name"
	done
	# Any command sweeps; what was begun a moment ago may be somebody's.
	until_true 30 swept
	[ -z "$(vm-ls -q)" ]
}

swept() {
	vm-create z && vm-rm z &&
		[ -z "$(find "$VM_HOME" -mindepth 2)" ]
}
