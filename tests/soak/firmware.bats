#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Firmware all the way: OVMF starts Linux from fw_cfg on two CPUs, which likes
# what it finds; its variables are there again after a SIGKILL.
# timeout: 600

# shellcheck disable=SC2154 # helpers set pid
load ../helpers

setup() {
	export VM_HOME=$T/vm
	need_guests
	[ -e "$B/guests/OVMF_CODE_4M.fd" ] || skip "no OVMF: tests/guests/fetch.sh gets it, or install ovmf"
}

teardown() {
	[ -z "${keys:-}" ] || exec {keys}>&-
	end_started
} 2>/dev/null

@test "OVMF starts Linux, whose devices keep the addresses that they have" {
	truncate -s 16M "$T/disk"
	printf 'exit\n' >"$T/in"
	LIMIT=400 IN=$T/in run vmr --accel soft -c 2 -m 512M \
		--firmware "$B/guests/OVMF_CODE_4M.fd" \
		--disk "$T/disk,format=raw" --cdrom none \
		-k "$B/guests/vmlinuz-std" -i "$B/guests/initrd-demo.gz" \
		-a console=ttyS0
	[ "$status" = 0 ]
	[[ $output == *"efi: EFI v2"* ]]
	[[ $output == *"Brought up 1 node, 2 CPUs"* ]]
	[[ $output == *"SMBIOS 3.0.0 present"* ]]
	[[ $output == *"ACPI: PM-Timer IO Port: 0x608"* ]]
	[[ $output != *"can't claim"* ]]
	[[ $output != *"ACPI Error"* ]]
	[[ $output != *"ACPI BIOS Error"* ]]
}

prompted() {
	sleep 0.5
	[ "$(grep -ao 'Shell>' "$T/out" | wc -l)" -ge "$1" ] || gone "$pid"
}

# prompt N: the shell has prompted so often
prompt() {
	if ! { until_true 200 prompted "$1" && alive "$pid"; }; then
		cat "$T/err" "$T/out"
		return 1
	fi
}

# A shell of its own, for the variable's GUID.
@test "what was set before SIGKILL is read after" {
	local guid=12345678-1234-5678-9abc-0123456789ab

	vm-create u firmware="$B/guests/OVMF_CODE_4M.fd" accel=soft
	mkfifo "$T/keys"
	exec {keys}<>"$T/keys"
	IN=$T/keys start u
	prompt 1
	printf 'setvar vmtest -nv -bs -guid %s =0x42\r' $guid >&"$keys"
	prompt 2
	kill -KILL "$pid"
	until_true 10 gone "$pid"
	IN=$T/keys start u
	prompt 1
	printf 'setvar vmtest -guid %s\r' $guid >&"$keys"
	prompt 2
	grep -aq "vmtest - 0001 Bytes" "$T/out"
	grep -aqE "^42 " "$T/out"
}
