#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Guests without an operating system (tests/cpu) on both engines: each judges
# itself by the processor's manual, and both have to say the same.
# timeout: 240

bats_require_minimum_version 1.5.0

# The test's name is "ENGINE: GUEST".
guest() {
	local engine=${BATS_TEST_DESCRIPTION%%:*}
	local name=${BATS_TEST_DESCRIPTION##* } other=$BATS_FILE_TMPDIR

	OUT=$other LIMIT=20 run "$TOP/tests/cpu/run.sh" "$engine" \
		"$B/tests/cpu/$name.elf"
	case $output in
	*'# SKIP '*) skip "${output##*# SKIP }" ;;
	esac
	echo "$output"
	[ "$status" = 0 ]
	[ "$engine" = kvm ] || return 0
	[ ! -e "$other/$name.soft" ] ||
		diff "$other/$name.soft" "$other/$name.kvm"
}

@test "every guest has its tests here" {
	for source in "$TOP"/tests/cpu/*.S; do
		name=${source##*/}
		for engine in soft kvm; do
			grep -Fqx "@test \"$engine: ${name%.S}\" { guest; }" \
				"$BATS_TEST_FILENAME"
		done
	done
}

@test "soft: ac" { guest; }
@test "kvm: ac" { guest; }
@test "soft: atomic" { guest; }
@test "kvm: atomic" { guest; }
@test "soft: conf-large" { guest; }
@test "kvm: conf-large" { guest; }
@test "soft: conf-link" { guest; }
@test "kvm: conf-link" { guest; }
@test "soft: cpuid" { guest; }
@test "kvm: cpuid" { guest; }
@test "soft: cx16" { guest; }
@test "kvm: cx16" { guest; }
@test "soft: debug" { guest; }
@test "kvm: debug" { guest; }
@test "soft: exc32" { guest; }
@test "kvm: exc32" { guest; }
@test "soft: exc64" { guest; }
@test "kvm: exc64" { guest; }
@test "soft: exit-halt" { guest; }
@test "kvm: exit-halt" { guest; }
@test "soft: exit-halt2" { guest; }
@test "kvm: exit-halt2" { guest; }
@test "soft: exit-kbd" { guest; }
@test "kvm: exit-kbd" { guest; }
@test "soft: exit-reset" { guest; }
@test "kvm: exit-reset" { guest; }
@test "soft: exit-triple" { guest; }
@test "kvm: exit-triple" { guest; }
@test "soft: exit-value" { guest; }
@test "kvm: exit-value" { guest; }
@test "soft: fast" { guest; }
@test "kvm: fast" { guest; }
@test "soft: fpu" { guest; }
@test "kvm: fpu" { guest; }
@test "soft: gate32" { guest; }
@test "kvm: gate32" { guest; }
@test "soft: gate64" { guest; }
@test "kvm: gate64" { guest; }
@test "soft: iobmp" { guest; }
@test "kvm: iobmp" { guest; }
@test "soft: ipi" { guest; }
@test "kvm: ipi" { guest; }
@test "soft: iret" { guest; }
@test "kvm: iret" { guest; }
@test "soft: lock" { guest; }
@test "kvm: lock" { guest; }
@test "soft: msr" { guest; }
@test "kvm: msr" { guest; }
@test "soft: page32" { guest; }
@test "kvm: page32" { guest; }
@test "soft: page64" { guest; }
@test "kvm: page64" { guest; }
@test "soft: pagepae" { guest; }
@test "kvm: pagepae" { guest; }
@test "soft: pic" { guest; }
@test "kvm: pic" { guest; }
@test "soft: real" { guest; }
@test "kvm: real" { guest; }
@test "soft: seg32" { guest; }
@test "kvm: seg32" { guest; }
@test "soft: seg64" { guest; }
@test "kvm: seg64" { guest; }
@test "soft: smap" { guest; }
@test "kvm: smap" { guest; }
@test "soft: smc" { guest; }
@test "kvm: smc" { guest; }
@test "soft: smcmp" { guest; }
@test "kvm: smcmp" { guest; }
@test "soft: smcwide" { guest; }
@test "kvm: smcwide" { guest; }
@test "soft: smp" { guest; }
@test "kvm: smp" { guest; }
@test "soft: splitlock" { guest; }
@test "kvm: splitlock" { guest; }
@test "soft: sse" { guest; }
@test "kvm: sse" { guest; }
@test "soft: string" { guest; }
@test "kvm: string" { guest; }
@test "soft: task32" { guest; }
@test "kvm: task32" { guest; }
@test "soft: timer" { guest; }
@test "kvm: timer" { guest; }
@test "soft: vm86" { guest; }
@test "kvm: vm86" { guest; }

@test "soft, all 64-bit code translated: every guest" {
	LIMIT=20 run "$TOP/tests/cpu/run.sh" jit "$B"/tests/cpu/*.elf
	echo "$output"
	[ "$status" = 0 ]
}
