#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# icount mode: time follows the instructions, so every run is the same.
# timeout: 120

load helpers

# state FILE ARGUMENT...: run in icount mode; keep what tells runs apart.
state() {
	local out=$1

	shift
	timeout 60 vm-run -v --accel soft --set icount=yes "$@" \
		> "$out.con" 2> "$out.err"
	grep -E 'instructions|state' "$out.err" > "$out"
}

@test "two runs of a guest with timers end in the same state" {
	guest "$T/g" <<-'END'
		main: sti
		movw $tick, 0x20
		movw $0, 0x22
		outb 0x20, 0x11		/* the PIC at vector 8, timer only */
		outb 0x21, 8
		outb 0x21, 4
		outb 0x21, 1
		outb 0x21, 0xfe
		outb 0x43, 0x34
		outb 0x40, 0x00
		outb 0x40, 0x10
		xor %cx, %cx
		1: inc %ebx		/* counts how far it comes between two */
		cmp $40, %cx
		jb 1b
		mov %ebx, 0x6000
		poweroff
		tick: inc %cx
		push %ax
		mov $0x20, %al
		out %al, $0x20
		pop %ax
		iret
	END
	state "$T/a" --flat -k "$T/g"
	state "$T/b" --flat -k "$T/g"
	grep -q state "$T/a"
	diff "$T/a" "$T/b"
}

@test "two boots of Linux end in the same state" {
	need_guests
	for n in a b; do
		state "$T/$n" -m 96M -k "$B/guests/vmlinuz-cloud" \
			-i "$B/guests/initrd-demo.gz" -a 'console=ttyS0 quiet'
	done
	grep -q state "$T/a"
	grep -q '^== off' "$T/a.con"
	diff "$T/a" "$T/b"
	diff "$T/a.con" "$T/b.con"
}

@test "it is one CPU's, and the soft engine's" {
	guest "$T/g" <<-'END'
		main: poweroff
	END
	run -125 --separate-stderr vm-run --accel soft -c 2 --set icount=yes \
		--flat -k "$T/g"
	[[ $stderr == "vm-run: icount: one CPU only" ]]
	run -125 --separate-stderr vm-run --accel kvm --set icount=yes \
		--flat -k "$T/g"
	[[ $stderr == "vm-run: icount: only the soft engine counts" ]]
}
