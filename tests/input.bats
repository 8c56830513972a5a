#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Keys and pointers: what vm-ctl types is what a guest reads.
# timeout: 300

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
	end_started
}

# All that is printable in ASCII, in order.
ascii() {
	local n

	for n in {32..126}; do
		# shellcheck disable=SC2059 # the format is the character
		printf "\\x$(printf %x "$n")"
	done
}

# linux KEY=VALUE...: the machine web does what stdin says under Debian's usual
# kernel, which has all drivers, and has begun
linux() {
	need_guests
	[ -e "$B/guests/keymaps/us" ] || skip "no keymaps: tests/guests/fetch.sh gets them"
	mkdir -p "$T/extra"
	cp -r "$B/guests/keymaps" "$T/extra"
	cat >"$T/extra/do"
	(cd "$T/extra" && find ./do ./keymaps | cpio -o -H newc --quiet | gzip -1) \
		>"$T/extra.gz"
	cat "$B/guests/initrd-do-std.gz" "$T/extra.gz" >"$T/initrd"
	vm-create web kernel="$B/guests/vmlinuz-std" initrd="$T/initrd" \
		accel=soft memory=256M cmdline='console=ttyS0 quiet' "$@"
	timeout 30 vm-run -d web 3>&-
	vm-wait web --console '^DO begin' --timeout 120s
}

# hears LINE: the guest says that
hears() {
	until_true 60 grep -aqxF -- "$1" "$VM_HOME/web/console.log" || {
		tail -n 5 "$VM_HOME/web/console.log"
		return 1
	}
}

@test "ASCII is typed as it is, on every layout, into Debian's own keymaps" {
	local layout all n

	linux <<-'END'
		for l in us gb de fr es it se ch; do
			loadkmap < /keymaps/$l
			echo "keymap $l"
			IFS= read -r line < /dev/tty1
			echo "$l $line."
		done
		loadkmap < /keymaps/us
		echo 'now long'
		head -n 100 < /dev/tty1 | md5sum
	END
	all=$(ascii; echo .)
	all=${all%.}
	for layout in us gb de fr es it se ch; do
		vm-wait web --console "^keymap $layout" --timeout 60s
		quiet vm-ctl web type --delay 2 --layout "$layout" "$all"$'\n'
		hears "$layout $all."
	done
	# From a pipe, as fast as the guest reads: none is lost.
	vm-wait web --console '^now long' --timeout 60s
	for n in {1..100}; do
		echo "$n: the quick brown fox jumps over the lazy dog {[(\\)]} $n"
	done | tee "$T/text" | timeout 100 vm-ctl web type --delay 0 -
	hears "$(md5sum <"$T/text")"
}

@test "virtio keyboard and tablet, beside PS/2" {
	linux keyboard=virtio pointer=tablet <<-'END'
		until grep -q Mouse /sys/class/input/event*/device/name; do
			sleep 0.1
		done
		grep -h . /sys/class/input/event*/device/name | sort
		events() {
			while :; do
				set -- $1 $(dd bs=24 count=1 2> /dev/null |
					od -An -v -tx2 -w24)
				[ ${10} = 0000 ] ||
					echo "$1 ${10} ${11} ${12}"
			done
		}
		for e in /sys/class/input/event*; do
			name=$(cat $e/device/name)
			case $name in
			vm-utils*)
				events ${name#* } < /dev/input/${e##*/} & ;;
			*Mouse)
				events mouse < /dev/input/${e##*/} & ;;
			esac
		done
		sleep 1
		echo ready
		read -r line < /dev/tty1
		echo "line $line"
		read -r line < /dev/tty1
	END
	hears 'vm-utils keyboard'
	hears 'vm-utils tablet'
	vm-wait web --console '^ready' --timeout 60s
	quiet vm-ctl web type 'Hi!
'
	hears 'line Hi!'
	hears 'keyboard 0001 002a 0001'
	hears 'keyboard 0001 0023 0000'
	quiet vm-ctl web mouse move 50% 100%
	hears 'tablet 0003 0000 4000'
	hears 'tablet 0003 0001 7fff'
	quiet vm-ctl web mouse click right
	hears 'tablet 0001 0111 0001'
	hears 'tablet 0001 0111 0000'
	quiet vm-ctl web mouse wheel -1
	hears 'tablet 0002 0008 0001'
	quiet vm-ctl web mouse rel -3 5
	hears 'mouse 0002 0000 fffd'
	hears 'mouse 0002 0001 0005'
	[[ $(vm-ctl web qmp query-mice) == *'"absolute":true'* ]]
	# The guest's lights are both keyboards'.
	quiet vm-ctl web key caps_lock
	until_true 20 lights '"caps":true'
	until_true 20 kbc 'leds 4'
	quiet vm-ctl web key caps_lock
	until_true 20 lights '"caps":false'
}

lights() {
	vm-ctl web qmp x-lights | grep -q -- "$1"
}

kbc() {
	vm-ctl web registers i8042 | grep -qx "i8042.$1"
}

@test "GRUB's menu and command line, by a BIOS" {
	need_guests
	[ -e "$B/guests/grub-rescue-cdrom.iso" ] || skip "no GRUB CD: tests/guests/fetch.sh gets it"
	vm-create web accel=soft cdrom="$B/guests/grub-rescue-cdrom.iso"
	timeout 30 vm-run -d web 3>&-
	vm-wait web --screen 'GNU GRUB' --timeout 60s
	quiet vm-ctl web key down
	vm-wait web --screen '\*( )?GNU \(aka' --timeout 20s
	quiet vm-ctl web key c
	vm-wait web --screen 'grub> *$' --timeout 20s
	# shellcheck disable=SC2016 # GRUB's
	quiet vm-ctl web type 'echo "A-b_C" $root
'
	vm-wait web --screen '^ *A-b_C ' --timeout 20s
	# Neither what a key is held nor a pause is time that the guest takes.
	vm-ctl -t 1s --hold 6000 web key x 3>&- &
	vm-wait web --screen 'grub> x$' --timeout 20s
	quiet vm-ctl web pause
	sleep 13
	quiet vm-ctl web resume
	wait $!
}

# A guest that never looks at its keyboard.
deaf() {
	guest "$T/deaf" <<-'END'
		say "ready"
		1: incl 0x500
		jmp 1b
	END
	vm-create web "kernel=$T/deaf" flat=0x7c00 accel=soft memory=8M \
		serial=null "$@"
	timeout 30 vm-run -d web 3>&-
}

@test "what cannot be typed is refused by name, before anything is" {
	deaf
	denied 1 "type: U+20AC '€': not on layout us" \
		vm-ctl web type 'ab€'
	denied 1 "type: U+00F8 'ø': not on layout de" \
		vm-ctl web type --layout de 'abø'
	denied 1 'type: not UTF-8' vm-ctl web type $'ab\xff'
	printf 'ab\xc3' >"$T/cut"
	denied 1 'type: not UTF-8' vm-ctl web type - <"$T/cut"
	kbc 'kbd_n 0'
	vm-set web layout=de
	denied 1 "not on layout de" vm-ctl web type 'ø'
	denied 2 "there is no layout 'xx'" vm-ctl web type --layout xx a
	denied 2 "key: 'foo' is no key" vm-ctl web key ctrl-foo
	denied 2 'key: KEY... is missing' vm-ctl web key
	denied 2 'stop: types nothing' vm-ctl --hold 5 web stop
	denied 2 'mouse: move X Y' vm-ctl web mouse move 5
	denied 2 "neither a pixel nor 0% to 100%" vm-ctl web mouse move -1 5
	denied 2 'mouse: a button is' vm-ctl web mouse click sixth
	denied 2 'mouse: wheel N' vm-ctl web mouse wheel 0
	denied 2 'mouse: move|rel|' vm-ctl web mouse fly
	denied 1 'no screen, so positions are' vm-ctl web mouse move 1 1
	denied 1 'no pointer can be told where to be (pointer = tablet gives one)' \
		vm-ctl web mouse move 1% 1%
}

@test "a guest that reads nothing is given up, and a paused one refused" {
	deaf pointer=tablet
	denied 1 'the guest has not read its keyboard' vm-ctl -t 200ms web \
		type 'a text of some length'
	denied 1 'does not read its keyboard: ' vm-ctl -t 200ms web type \
		--delay 0 'a text of some length'
	denied 1 'does not read its pointer: 0 of 2' vm-ctl -t 200ms web \
		mouse rel 1 1
	denied 1 'does not read its pointer: 0 of 2' vm-ctl -t 200ms web \
		mouse move 1% 1%
	quiet vm-ctl web pause
	denied 1 'web: paused: it reads no keys' vm-ctl web key ret
	quiet vm-ctl web poweroff
	denied 1 'web: not running' vm-ctl web key ret
}
