#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-run: how a machine ends, and the exit status that tells.

load helpers

teardown() {
	end_started
}

@test "a guest that powers off: 0, and not a word on stderr" {
	guest "$T/g" <<-'END'
		poweroff
	END
	for accel in $(engines); do
		run --separate-stderr vmr --accel "$accel" --flat -k "$T/g"
		[ "$status" = 0 ]
		[ -z "$output" ]
		[ -z "$stderr" ]
	done
}

@test "a guest that resets, in any of three ways: 110" {
	guest "$T/cf9" <<-'END'
		reset
	END
	guest "$T/92" <<-'END'
		outb 0x92, 1
	END
	guest "$T/kbd" <<-'END'
		outb 0x64, 0xfe
	END
	for accel in $(engines); do
		for way in cf9 92 kbd; do
			boots 110 --accel "$accel" --flat -k "$T/$way"
			[ "$output" = "vm-run: $T/$way: guest reset" ]
		done
	done
}

@test "pvpanic: 111" {
	guest "$T/g" <<-'END'
		outb 0x505, 1
	END
	for accel in $(engines); do
		boots 111 --accel "$accel" --flat -k "$T/g"
		[ "$output" = "vm-run: $T/g: guest panicked (pvpanic)" ]
	done
}

@test "a Linux panic on the console, then a reset: 111" {
	guest "$T/g" <<-'END'
		say "[    1.234567] Kernel panic - not syncing: VFS: no root"
		reset
	END
	boots 111 --flat -k "$T/g"
}

@test "a panic is known however it ends, but only on the first port" {
	guest "$T/triple" <<-'END'
		say "Kernel panic - not syncing"
		lidt zero
		int3
		zero: .word 0, 0, 0
	END
	boots 111 --flat -k "$T/triple"
	guest "$T/second" <<-'END'
		movw $0x2f8, com
		say "Kernel panic - not syncing"
		reset
	END
	boots 110 --serial stdio --serial null --flat -k "$T/second"
	guest "$T/almost" <<-'END'
		say "Kernel panic - not sync"
		say "ing"
		reset
	END
	boots 110 --flat -k "$T/almost"
}

@test "a panic, and then power off: 0" {
	guest "$T/g" <<-'END'
		say "Kernel panic - not syncing"
		poweroff
	END
	boots 0 --flat -k "$T/g"
}

# KVM where it only emulates does not look at the IDT's limit in real mode.
@test "triple fault: 112" {
	guest "$T/protected" <<-'END'
		cli
		lgdt gdtr
		lidt zero
		mov $1, %al
		mov %eax, %cr0
		ljmp $8, $1f
		.code32
		1: ud2
		.code16
		gdt: .quad 0, 0x00cf9b000000ffff
		gdtr: .word 15
		.long gdt
		zero: .word 0, 0, 0
	END
	guest "$T/real" <<-'END'
		lidt zero
		int3
		zero: .word 0, 0, 0
	END
	boots 112 --accel soft --flat -k "$T/real"
	for accel in $(engines); do
		boots 112 --accel "$accel" --flat -k "$T/protected"
		[ "$output" = "vm-run: $T/protected: triple fault" ]
	done
}

@test "halted with interrupts off: 113, with two CPUs as well" {
	guest "$T/g" <<-'END'
		cli
		hlt
	END
	for accel in $(engines); do
		for cpus in 1 2; do
			boots 113 --accel "$accel" -c "$cpus" --flat -k "$T/g"
			[ "$output" = "vm-run: $T/g: all CPUs halted with interrupts off" ]
		done
	done
}

# The second CPU starts at 0x8000 and halts there too; the first sees that it
# was there.
@test "113 only when the last of two running CPUs halts" {
	guest "$T/g" <<-'END'
		mov $second, %si
		mov $0x8000, %di
		mov $second_end - second, %cx
		rep movsb
		cli
		lgdt gdtr
		mov %cr0, %eax
		or $1, %al
		mov %eax, %cr0
		mov $8, %bx
		mov %bx, %fs
		and $0xfe, %al
		mov %eax, %cr0
		mov $0xfee00000, %eax
		movl $0x1ff, %fs:0xf0(%eax)
		movl $0x01000000, %fs:0x310(%eax)
		movl $0x4500, %fs:0x300(%eax)
		mov $0x4608, %ebx
		movl $0x01000000, %fs:0x310(%eax)
		mov %ebx, %fs:0x300(%eax)
		1: cmpb $1, 0x9000
		jne 1b
		say "both"
		jmp stop
		second: xor %ax, %ax
		mov %ax, %ds
		movb $1, 0x9000
		2: cli
		hlt
		jmp 2b
		second_end:
		gdt: .quad 0, 0x00cf92000000ffff
		gdtr: .word 15
		.long gdt
	END
	for accel in $(engines); do
		boots 113 --accel "$accel" -c 2 --flat -k "$T/g"
		[ "${lines[0]}" = both ]
	done
}

# Each wakes the other and halts; at any moment one of them is awake or about to
# be. (An NMI continues at `woken`, wherever it came.)
@test "two CPUs that wake each other by NMI are not halted for good" {
	guest "$T/g" COUNT=100000 <<-'END'
		movw $nmi, 8
		movw $0, 10
		mov $second, %si
		mov $0x8000, %di
		mov $second_end - second, %cx
		rep movsb
		mov $COUNT, %esi
		cli
		lgdt gdtr
		mov %cr0, %eax
		or $1, %al
		mov %eax, %cr0
		mov $8, %bx
		mov %bx, %fs
		and $0xfe, %al
		mov %eax, %cr0
		mov $0xfee00000, %eax
		movl $0x1ff, %fs:0xf0(%eax)
		movl $0x01000000, %fs:0x310(%eax)
		movl $0x4500, %fs:0x300(%eax)
		movl $0x4608, %fs:0x300(%eax)
		jmp idle
		woken: dec %esi
		jz done
		movl $0x4400, %fs:0x300(%eax)
		idle: hlt
		jmp idle
		done: poweroff
		nmi: mov $0x7b00, %sp
		cmp $COUNT, %esi
		jbe 1f
		mov $0x7a00, %sp
		1: pushf
		push $0
		push $woken
		iret
		second: ljmp $0, $second_in
		second_end:
		second_in: xor %ax, %ax
		mov %ax, %ds
		mov %ax, %ss
		lgdt gdtr
		mov %cr0, %eax
		or $1, %al
		mov %eax, %cr0
		mov $8, %bx
		mov %bx, %fs
		and $0xfe, %al
		mov %eax, %cr0
		mov $0xfee00000, %eax
		movl $0x1ff, %fs:0xf0(%eax)
		movl $0, %fs:0x310(%eax)
		mov $-1, %esi
		jmp woken
		gdt: .quad 0, 0x00cf92000000ffff
		gdtr: .word 15
		.long gdt
	END
	boots 0 --accel soft -c 2 --flat -k "$T/g"
}

@test "halted with interrupts on is waiting, not the end" {
	guest "$T/g" <<-'END'
		say "waiting"
		sti
		1: hlt
		jmp 1b
	END
	boots 124 --timeout 1500ms --flat -k "$T/g"
}

@test "--timeout: 124" {
	guest "$T/g" <<-'END'
		forever
	END
	for accel in $(engines); do
		boots 124 --accel "$accel" --timeout 300ms --flat -k "$T/g"
		[ "$output" = "vm-run: $T/g: timeout" ]
	done
}

@test "debug exit: what the guest wrote, doubled and one more" {
	local v

	for v in 0 1 5 62 127 128 255; do
		guest "$T/g" V=$v <<-'END'
			outb 0xf4, V
		END
		boots $(((v << 1 | 1) & 255)) --debug-exit --flat -k "$T/g"
	done
	for accel in $(engines); do
		boots 255 --debug-exit --accel "$accel" --flat -k "$T/g"
	done
}

@test "port 0xf4 is nothing without --debug-exit" {
	guest "$T/g" <<-'END'
		outb 0xf4, 5
		poweroff
	END
	boots 0 --flat -k "$T/g"
}

@test "--on-reset restart boots again, and power off ends it" {
	guest "$T/g" <<-'END'
		outb 0x70, 0x40
		in $0x71, %al
		inc %al
		mov %al, %bl
		out %al, $0x71
		add $0x30, %al
		call putc
		cmp $3, %bl
		jb again
		poweroff
		again: reset
	END
	for accel in $(engines); do
		boots 0 --accel "$accel" --on-reset restart --flat -k "$T/g"
		[ "$output" = 123 ]
		boots 110 --accel "$accel" --on-reset exit --flat -k "$T/g"
		[ "${output:0:1}" = 1 ]
	done
}

@test "a restart loads the kernel anew, and leaves the console connected" {
	guest "$T/g" <<-'END'
		incb count
		mov count, %al
		call putc
		call getc
		cmp $'q', %al
		je off
		reset
		off: poweroff
		count: .byte 0x40
	END
	mkfifo "$T/in"
	exec {in}<>"$T/in"
	IN=$T/in start --on-reset restart --flat -k "$T/g"
	for n in 1 2 3; do
		says "$T/out" "^A{$n}$"
		printf a >&"$in"
	done
	says "$T/out" '^AAAA$'
	printf q >&"$in"
	ends 0
	[ "$(cat "$T/out")" = AAAA ]
}

@test "-v says how it ended even when it ended well, and shows registers" {
	guest "$T/off" <<-'END'
		poweroff
	END
	guest "$T/halt" <<-'END'
		mov $0x1234abcd, %ebx
		cli
		hlt
	END
	boots 113 -v --flat -k "$T/halt"
	[[ $output == *1234abcd* ]]
	boots 113 --flat -k "$T/halt"
	[[ $output != *1234abcd* ]]
	boots 0 -v --flat -k "$T/off"
	[[ $output == *"vm-run: engine "* ]]
}

@test "the kernel may come from standard input" {
	guest "$T/g" <<-'END'
		say "from stdin"
		reset
	END
	for how in "cat '$T/g' | timeout -s KILL 20 vm-run --flat -k -" \
		"timeout -s KILL 20 vm-run --flat -k - <'$T/g'"; do
		run bash -c "$how"
		[ "$status" = 110 ]
		[ "${lines[0]}" = "from stdin" ]
		[ "${lines[1]}" = "vm-run: stdin: guest reset" ]
	done
}

@test "--flat=ADDR loads and enters there" {
	printf '\xe8\x00\x00\x58\xe6\xf4\xf4' >"$T/g" # what is IP here? low byte
	boots $(((0x03 << 1 | 1) & 255)) --debug-exit --flat=0x1000 -k "$T/g"
	boots $(((0x37 << 1 | 1) & 255)) --debug-exit --flat=0x1234 -k "$T/g"
	boots $(((0x03 << 1 | 1) & 255)) --debug-exit --flat -k "$T/g"
}

@test "every configuration key works through --set" {
	guest "$T/g" <<-'END'
		say "set"
		outb 0xf4, 3
	END
	boots 7 --set debug-exit=yes --set flat=0x7c00 --set kernel="$T/g" \
		--set memory=1M --set cpus=2 --set accel=soft \
		--set serial="file:$T/log" --set timeout=10s
	[ "$(cat "$T/log")" = set ]
}

@test "-h and -V go to stdout and succeed" {
	run --separate-stderr vmr -h
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	[[ $output == "usage: vm-run [-dv] [options] name"* ]]
	run --separate-stderr vmr -V
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	[[ $output =~ ^vm-run\ \(vm-utils\)\ [0-9.]+$ ]]
}

@test "the manual and -h know the same options" {
	diff <(vm-run -h | grep -o -e '--[a-z-]*' | sort -u) \
		<(sed -n 's/^\.It Fl.* \(-[a-z-]*\).*/-\1/p; s/^\.It Fl \(-[a-z-]*\).*/-\1/p' \
			"$TOP/man/vm-run.1" | grep -e '^--' | sort -u)
}
