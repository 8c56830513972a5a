#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The fight over three names, for a minute.
# timeout: 300

load ../helpers

@test "race for 60 s" {
	RACE=60 run bats --tap "$TOP/tests/race.bats"
	echo "$output"
	[ "$status" = 0 ]
}
