#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The graphics card in a machine: with firmware and without, each depth of
# pixels, the file that the screen is kept in. What known guests show is
# screens.bats's.
# timeout: 300

# shellcheck disable=SC2154 # helpers and run set pid, status, output, stderr
load helpers

setup() {
	export VM_HOME=$T/vm
	BIOS=$B/guests/bios-256k.bin
	[ -e /usr/share/seabios/vgabios-stdvga.bin ] || skip "no VGA BIOS: install seabios"
}

teardown() {
	end_started
	for name in "$VM_HOME"/*/; do
		vm-ctl "$(basename "$name")" poweroff || :
	done
} >/dev/null 2>&1

need() {
	[ -e "$1" ] || skip "no $1: tests/guests/fetch.sh gets it"
}

# shown NAME REGEX [SECONDS]: its screen has such a line in time
shown() {
	vm-wait -q --screen "$2" --timeout "${3:-60}s" "$1" || {
		vm-shot --text "$1"
		return 1
	}
}

# size NAME: of its picture, "720 400"
size() {
	vm-shot -f ppm "$1" | head -c 20 | sed -n 2p
}

# is TEXT COMMAND...: that is what it prints
is() {
	[ "$("${@:2}")" = "$1" ]
}

# linux NAME KIND KEY=VALUE... : Debian's kernel of that kind, at its shell
linux() {
	need_guests
	vm-create "$1" kernel="$B/guests/vmlinuz-$2" accel=soft memory=256M \
		initrd="$B/guests/initrd.gz" \
		cmdline="console=ttyS0 console=tty0" "${@:3}"
	timeout 60 vm-run -d "$1" 3>&-
}

@test "SeaBIOS speaks on the screen and on the serial port; a reset begins anew" {
	need "$BIOS"
	vm-create bios firmware="$BIOS" accel=soft
	vm-run -d bios 3>&-
	shown bios "^No bootable device"
	vm-wait -q --console "No bootable device" --timeout 10s bios
	vm-ctl bios reset
	until_true 30 eval 'vm-shot --text bios | grep -q "^SeaBIOS"'
	shown bios "^No bootable device"
	[ "$(vm-shot --text bios | grep -c "^SeaBIOS")" = 1 ]
}

@test "Linux without firmware: text, of both kernels" {
	for kind in cloud std; do
		linux "$kind" "$kind" vga=std
		shown "$kind" "^/ # $|^/ #$" 120
		vm-shot --text "$kind" | grep -q "^Linux 6.*Leave with: exit"
		[ "$(size "$kind")" = "720 400" ]
		vm-ctl "$kind" poweroff
		# The last screen stays.
		vm-wait -q "$kind"
		vm-shot --text "$kind" | grep -q "Leave with: exit"
	done
}

@test "Linux without firmware: a framebuffer" {
	linux pixels std vga-mode=800x600x32
	shown pixels "Leave with: exit" 120
	[ "$(size pixels)" = "800 600" ]
	vm-ctl pixels pause
	before=$(vm-shot --text pixels)
	kill -KILL "$(vm-ls -n -o pid pixels)"
	until_true 10 is crashed vm-ls -n -o state pixels
	[ "$(vm-shot --text pixels)" = "$before" ]
	[[ $before == *"Leave with: exit"* ]]
}

# draws BITS FILE: a guest that sets 320x200 pixels and fills video RAM
draws() {
	guest "$2" BITS="$1" <<-'END'
		.macro vbe index, value
		mov $0x1ce, %dx
		mov $\index, %ax
		out %ax, %dx
		inc %dx
		mov \value, %ax
		out %ax, %dx
		.endm
		vbe 1, $320
		vbe 2, $200
		vbe 3, $BITS
		vbe 4, $1
		mov $0x3c8, %dx
		xor %al, %al
		out %al, %dx
		inc %dx
		xor %bx, %bx
		1: mov %bx, %ax
		shr $2, %al
		out %al, %dx
		mov %bl, %al
		out %al, %dx
		add %bl, %al
		add %bl, %al
		out %al, %dx
		inc %bl
		jnz 1b
		mov $0xa000, %ax
		mov %ax, %es
		2:
		.if BITS == 4
		mov $1, %ah
		mov %bl, %cl
		shl %cl, %ah
		mov $2, %al
		mov $0x3c4, %dx
		out %ax, %dx
		.else
		vbe 5, %bx
		.endif
		xor %di, %di
		3: imul $7, %di, %ax
		mov %di, %cx
		shr $8, %cx
		imul $13, %cx, %cx
		add %cx, %ax
		imul $29, %bx, %cx
		add %cx, %ax
		stosb
		test %di, %di
		jnz 3b
		inc %bx
		cmp $4, %bx
		jne 2b
		say "drawn"
		4: sti
		hlt
		jmp 4b
	END
}

@test "VBE: a pattern in each depth" {
	for engine in $(engines); do
		depths="4 8 15 16 24 32"
		[ "$engine" = soft ] || depths=16 # where each byte may be slow
		for bits in $depths; do
			draws "$bits" "$T/draws"
			vm-run -d -n "d$bits" --flat -k "$T/draws" --set vga=std \
				--accel "$engine" --keep always 3>&-
			vm-wait -q --console drawn --timeout 60s "d$bits"
			got=$(vm-shot --hash "d$bits")
			vm-ctl "d$bits" poweroff
			want=$(perl "$TOP/tests/vbe.pl" 320 200 "$bits")
			[ "$got" = "$want" ] || {
				echo "$engine, $bits bits: $got, want $want"
				return 1
			}
			vm-wait -q "d$bits"
			vm-rm "d$bits"
		done
	done
}

@test "the file: made anew, whole, of its owner alone" {
	guest "$T/halt" <<<"4: sti
		hlt
		jmp 4b"
	vm-create web kernel="$T/halt" flat=0x7c00 memory=16M accel=soft \
		vga=std vga-memory=2M
	echo old >"$T/vm/web/fb"
	vm-run -d web 3>&-
	[ "$(stat -c %a:%s "$T/vm/web/fb")" = "600:$(((4 + 2048 + 128) << 10))" ]
	# no holes
	[ "$(stat -c %b "$T/vm/web/fb")" -ge $(((4 + 2048 + 128) * 2)) ]
	[ ! -e "$T/vm/web/fb.new" ]
	grep -q "web/fb" "/proc/$(vm-ls -n -o pid web)/maps"
	vm-ctl web poweroff
	vm-wait -q web
	vm-clone web other
	[ ! -e "$T/vm/other/fb" ]
	vm-rm web
	[ ! -e "$T/vm/web" ]
}

@test "a start that fails leaves the last screen as it was" {
	guest "$T/halt" <<<"forever"
	vm-create web kernel="$T/halt" flat=0x7c00 memory=16M accel=soft \
		vga=std vga-memory=2M vga-mode=1024x768x32
	echo old >"$T/vm/web/fb"
	run ! vm-run -d web 3>&-
	[ "$(<"$T/vm/web/fb")" = old ]
	[ ! -e "$T/vm/web/fb.new" ]
}

@test "a disk that is too full for the screen is an error at start" {
	guest "$T/halt" <<<"forever"
	ulimit -f 8192
	denied 125 "fb: cannot allocate 16516 KiB" vm-run --flat -k "$T/halt" \
		-m 4M --set vga=std
	[ -z "$(find "$T/vm" -name 'fb*')" ]
}

@test "no card where none is asked for, and what cannot be" {
	guest "$T/off" <<<"poweroff"
	boots 0 --flat -k "$T/off" -n plain --keep always
	[ ! -e "$T/vm/plain/fb" ]
	boots 0 --flat -k "$T/off" -n asked --keep always --set vga-mode=text
	[ -e "$T/vm/asked/fb" ]
	refused 2 --flat -k "$T/off" --set vga-mode=800x600
	refused 2 --flat -k "$T/off" --set vga-memory=512K
	refused 125 --flat -k "$T/off" --set vga-mode=2560x1600x32 \
		--set vga-memory=8M
	[[ $stderr == *"2560x1600x32"*"8192 KiB"* ]]
	refused 125 --flat -k "$T/off" --set vga=std --set vga-rom="$T/off"
	[[ $stderr == *"no VGA BIOS"* ]]
}
