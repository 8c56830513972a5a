#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Firmware: SeaBIOS finds what there is to boot and speaks on the serial port;
# OVMF keeps its variables in the machine's directory.
# timeout: 300

# shellcheck disable=SC2154 # helpers and run set pid, status, output, stderr
load helpers

setup() {
	export VM_HOME=$T/vm
	need_guests
	BIOS=$B/guests/bios-256k.bin
	[ -e "$BIOS" ] || skip "no SeaBIOS: tests/guests/fetch.sh gets it, or install seabios"
}

teardown() {
	[ -z "${keys:-}" ] || exec {keys}>&-
	end_started
} 2>/dev/null

# bios OPTION...: in the background; what it says on serial is in $T/out
bios() {
	start --firmware "$BIOS" --accel soft "$@"
}

# sector FILE: a disk of 4 MiB whose boot sector is the program in stdin. SeaBIOS
# writes to the serial port from its timer interrupt, and must not in between.
sector() {
	{
		echo cli
		cat
	} | guest "$1"
	[ "$(stat -c %s "$1")" -le 510 ]
	truncate -s 4M "$1"
	printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

@test "nothing to boot: SeaBIOS says so on serial, and stays" {
	bios
	says "$T/out" "SeaBIOS \(version" 30
	says "$T/out" "No bootable device" 60
	alive "$pid"
}

@test "a boot sector on a virtio disk, and on an IDE disk" {
	sector "$T/disk" <<-'END'
		say "sector"
		poweroff
	END
	for bus in virtio ide; do
		run vmr --accel soft --firmware "$BIOS" \
			--disk "$T/disk,format=raw,bus=$bus"
		[ "$status" = 0 ]
		[[ $output == *"Booting from Hard Disk"*sector* ]]
		[[ $output != *Floppy* ]]
	done
}

@test "GRUB's rescue CD shows its prompt or menu on serial" {
	[ -e "$B/guests/grub-rescue-cdrom.iso" ] || skip "no GRUB CD: tests/guests/fetch.sh gets it, or install grub-rescue-pc"
	bios --cdrom "$B/guests/grub-rescue-cdrom.iso"
	says "$T/out" "Booting from DVD/CD" 30
	says "$T/out" "GRUB|GNU/Linux|highlighted entry" 90
}

@test "the order is the config's" {
	sector "$T/a" <<-'END'
		say "first disk"
		poweroff
	END
	sector "$T/b" <<-'END'
		say "second disk"
		poweroff
	END
	# Not a CD that boots: SeaBIOS goes on to the next.
	truncate -s 64K "$T/cd"
	for order in disk,cdrom cdrom,disk; do
		run vmr --accel soft --firmware "$BIOS" --boot "$order" \
			--disk "$T/b,format=raw,bus=ide" \
			--disk "$T/a,format=raw" --cdrom "$T/cd"
		[ "$status" = 0 ]
		[[ $output == *"second disk"* ]]
		case $order in
		disk*) [[ $output != *DVD/CD* ]] ;;
		*) [[ $output == *DVD/CD*"Hard Disk"* ]] ;;
		esac
	done
}

@test "the BIOS area is what the host bridge says: ROM, RAM, neither written" {
	# PAM 0x59 is for 0xf0000.
	sector "$T/disk" <<-'END'
		mov $0xf000, %ax
		mov %ax, %fs
		mov $0x30, %bl
		call set
		movb $0x5a, %fs:0xff00
		mov $0x10, %bl
		call set
		movb $0x77, %fs:0xff00
		mov %fs:0xff00, %al
		cmp $0x5a, %al
		jne 1f
		mov $0x00, %bl
		call set
		mov %fs:0xff00, %al
		movb $0x33, %fs:0xff00
		cmp %fs:0xff00, %al
		jne 1f
		mov $0x10, %bl
		call set
		cmpb $0x5a, %fs:0xff00
		jne 1f
		say "as it should"
		1: poweroff
		set: mov $0xcf8, %dx
		mov $0x80000058, %eax
		out %eax, %dx
		mov $0xcfd, %dx
		mov %bl, %al
		out %al, %dx
		ret
	END
	run vmr --accel soft --firmware "$BIOS" --disk "$T/disk,format=raw"
	[ "$status" = 0 ]
	[[ $output == *"as it should"* ]]
}

@test "what --fw-cfg says is a file for the guest" {
	sector "$T/disk" <<-'END'
		mov $0x510, %dx
		mov $0x20, %ax
		out %ax, %dx
		mov $0x511, %dx
		1: in %dx, %al
		test %al, %al
		jz 2f
		push %dx
		call putc
		pop %dx
		jmp 1b
		2: poweroff
	END
	run vmr --accel soft --firmware "$BIOS" \
		--disk "$T/disk,format=raw" \
		--fw-cfg name=opt/org.example/x,string=hello-from-the-config
	[ "$status" = 0 ]
	[[ $output == *hello-from-the-config* ]]
}

@test "a reset starts the BIOS anew" {
	# Memory is cleared; CMOS is not.
	sector "$T/disk" <<-'END'
		outb 0x70, 0x7e
		in $0x71, %al
		cmp $0x12, %al
		je 1f
		outb 0x71, 0x12
		say "once"
		outb 0xcf9, 6
		2: jmp 2b
		1: say "twice"
		poweroff
	END
	run vmr --accel soft --firmware "$BIOS" --on-reset restart \
		--disk "$T/disk,format=raw"
	[ "$status" = 0 ]
	[[ $output == *SeaBIOS*once*SeaBIOS*twice* ]]
}

@test "what is no firmware is refused, and what is missing is named" {
	truncate -s 100000 "$T/odd"
	refused 125 --firmware "$T/odd"
	[[ $stderr == *"$T/odd: no firmware: 100000 bytes"* ]]
	refused 125 --firmware "$T/none"
	[[ $stderr == *"$T/none: cannot open: No such file"* ]]
	truncate -s 17M "$T/large"
	refused 125 --firmware "$T/large"
	[[ $stderr == *"larger than 16 MiB"* ]]
	refused 125 --firmware "$BIOS" -m 1M
	[[ $stderr == *"firmware needs 4M"* ]]
	refused 125 --firmware "$BIOS" -k "$B/guests/vmlinuz-cloud"
	[[ $stderr == *"a BIOS starts no kernel"* ]]
}

@test "OVMF comes to its shell; a variable set there survives SIGKILL" {
	[ -e "$B/guests/OVMF_CODE_4M.fd" ] || skip "no OVMF: tests/guests/fetch.sh gets it, or install ovmf"
	cp "$B"/guests/OVMF_*_4M.fd "$T"
	vm-create u firmware="$T/OVMF_CODE_4M.fd" memory=128M accel=soft \
		vga=none
	mkfifo "$T/keys"
	exec {keys}<>"$T/keys"
	IN=$T/keys start u
	says "$T/out" "Interactive Shell" 120
	printf '\033' >&"$keys"
	says "$T/out" "Shell> " 60
	run ! grep -aqP 'v\0m\0t\0e\0s\0t' "$VM_HOME/u/vars.fd"
	printf 'setvar vmtest -nv -bs -guid %s =0x42\r' \
		12345678-1234-5678-9abc-0123456789ab >&"$keys"
	until_true 60 grep -aqP 'v\0m\0t\0e\0s\0t' "$VM_HOME/u/vars.fd"
	kill -KILL "$pid"
	until_true 10 gone "$pid"
	[ "$(stat -c %s:%a "$VM_HOME/u/vars.fd")" = 540672:600 ]
	cmp "$T/OVMF_VARS_4M.fd" "$B/guests/OVMF_VARS_4M.fd"
	[ ! -e "$VM_HOME/u/vars.fd.new" ]

	truncate -s 1M "$VM_HOME/u/vars.fd"
	denied 125 "vars.fd: no variables of this firmware" vm-run u
}
