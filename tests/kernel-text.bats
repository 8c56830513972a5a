#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The decoder against Zydis over all of a real kernel's text, taken as code of
# each of the three modes.
# timeout: 120

load helpers

text_agrees() {
	need_guests
	objcopy -O binary --only-section=.text "$B/guests/vmlinux-cloud" "$T/text"
	"$B/tests/unit/decode" "$T/text" "$1"
}

@test "kernel text as 64-bit code" {
	text_agrees 64
}

@test "kernel text as 32-bit code" {
	text_agrees 32
}

@test "kernel text as 16-bit code" {
	text_agrees 16
}
