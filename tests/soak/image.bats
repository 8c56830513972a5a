#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Crashes of qcow2 images, by the hundred thousand, each time others.
# timeout: 1800

load ../helpers

@test "100,000 crashes: clean images that hold what was flushed" {
	seed=$((RANDOM * 32768 + RANDOM))
	echo "seed $seed"
	run "$B/tests/unit/image-crash" 100000 "$seed"
	echo "$output"
	[ "$status" = 0 ]
}
