#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-check: what the host can do, and which engine it gets.

# shellcheck disable=SC2030,SC2031 # each test has its own device

bats_require_minimum_version 1.5.0

setup() {
	unset VM_KVM_DEVICE
}

# member PATH: of the JSON that vm-check prints, with the options that follow
member() {
	local path=$1

	shift
	vm-check -J "$@" | jq -r "$path"
}

@test "it names the engine and the reason first" {
	run --separate-stderr vm-check
	[ "$status" = 0 ]
	[[ ${lines[0]} =~ ^engine\ +(kvm|soft)$ ]]
	[[ ${lines[1]} =~ ^because\ +[^\ ] ]]
	[ -z "$stderr" ]
}

@test "JSON has a schema number, and types that programs expect" {
	vm-check -J | jq -e '.schema == 1 and (.engine | type) == "string" and
		(.kvm.usable | type) == "boolean" and .memory.total > 0 and
		.memory.available <= .memory.total and .cpu.usable > 0 and
		(.confinement.landlock_abi | type) == "number"'
}

@test "it tells whether the soft engine can translate" {
	run vm-check
	[[ $output =~ translator\ +yes ]]
	[ "$(member .translator)" = true ]
}

@test "JSON is one line" {
	[ "$(vm-check -J | wc -l)" = 1 ]
}

@test "the engine is kvm exactly where KVM is usable" {
	vm-check -J | jq -e '(.engine == "kvm") == .kvm.usable and
		.kvm.usable == (.kvm.cause == "good")'
}

@test "what was measured decides" {
	vm-check -J | jq -e '.kvm.ring0_ips == null or
		.kvm.usable == (.kvm.ring0_ips >= 20000000)'
}

@test "without a device the engine is soft" {
	export VM_KVM_DEVICE=$BATS_TEST_TMPDIR/absent
	[ "$(member .engine)" = soft ]
	[[ $(member .kvm.cause) =~ ^no-(cpu|module)$ ]]
	[ "$(member .kvm.present)" = false ]
	run vm-check
	[ "$status" = 0 ]
	[[ $output == *"$VM_KVM_DEVICE is absent"* ]]
}

@test "asking for kvm without a device fails, and the report says so" {
	export VM_KVM_DEVICE=$BATS_TEST_TMPDIR/absent
	run vm-check -a kvm
	[ "$status" = 1 ]
	[[ ${lines[0]} =~ ^engine\ +none$ ]]
	[ "$(member .engine -a kvm)" = null ]
}

@test "a file that is no device is refused" {
	export VM_KVM_DEVICE=$BATS_TEST_TMPDIR/file
	: >"$VM_KVM_DEVICE"
	[ "$(member .kvm.cause)" = broken ]
	[ "$(member .engine)" = soft ]
}

@test "a device that we may not open names the group to join" {
	local dir as=()

	dir=$(mktemp -d "${TMPDIR:-/tmp}/vm-check.XXXXXX")
	export VM_KVM_DEVICE=$dir/kvm
	: >"$VM_KVM_DEVICE"
	chmod 0 "$VM_KVM_DEVICE"
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		chmod 755 "$dir"
		chgrp 1 "$VM_KVM_DEVICE"
		chmod 660 "$VM_KVM_DEVICE"
		"${as[@]}" test -e "$VM_KVM_DEVICE" ||
			skip "an ordinary user cannot look into $dir"
		"${as[@]}" test -x "$(command -v vm-check)" ||
			skip "an ordinary user cannot run vm-check: put the build where others may read"
	fi
	run "${as[@]}" vm-check
	rm -r "$dir"
	[ "$status" = 0 ]
	[[ ${lines[0]} =~ ^engine\ +soft$ ]]
	[[ ${lines[1]} == *"Permission denied"*group* ]]
}

@test "soft can always be asked for" {
	run vm-check -a soft
	[ "$status" = 0 ]
	[[ ${lines[0]} =~ ^engine\ +soft$ ]]
}

@test "-q prints nothing" {
	run vm-check -q
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "a wrong engine or an operand is a usage error" {
	run vm-check -a qemu
	[ "$status" = 2 ]
	run vm-check operand
	[ "$status" = 2 ]
}
