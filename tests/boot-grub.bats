#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# GRUB through SeaBIOS on the serial console: from CD-ROM, from IDE disk and
# from virtio, with the boot order as told.
# timeout: 300

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	R=/usr/lib/grub-rescue
	[ -e $R/grub-rescue-cdrom.iso ] ||
		skip "$R: not here: install grub-rescue-pc"
	[ -e /usr/share/seabios/bios-256k.bin ] ||
		skip "no SeaBIOS: install seabios"
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

# What SeaBIOS says for GRUB has the cursor's moves anywhere in it, so that any
# word may be torn: there have to be several to wait for.
menu='highlighted|automatically|command-line'
shell='BASH|supported|completions|grub> $'

type_in() {
	# shellcheck disable=SC2059 # has escapes
	printf "$1" | timeout 5 vm-console web --lines 0 >/dev/null 3>&- &
}

# say TEXT REGEX: type it, until that is the answer; SeaBIOS keeps no more than
# 15 characters
say() {
	for _ in 1 2 3 4 5; do
		type_in "$1"
		! vm-wait web --console "$2" --timeout 10s || return 0
	done
	return 1
}

# grub ROOT KEY=VALUE...: a machine whose GRUB shows its menu, says where it
# came from, and powers off
grub() {
	local root=$1

	shift
	vm-create web memory=64M "$@"
	timeout 30 vm-run -d web 3>&-
	vm-wait web --console "$menu" --timeout 90s
	say c "$shell"
	say 'echo $root\r' "^$root"
	type_in 'halt\r'
	vm-wait web --timeout 60s
}

# hd96 is what SeaBIOS calls a CD-ROM that it booted from: drive 0xe0.
@test "the rescue CD boots to its menu and its prompt" {
	local accel auto

	# kvm where it is chosen: elsewhere unpacking GRUB takes minutes
	auto=$(vm-check | sed -n 's/^engine *//p')
	for accel in $(printf 'soft\n%s\n' "$auto" | sort -u); do
		grub hd96 accel="$accel" cdrom=$R/grub-rescue-cdrom.iso
		vm-rm web
	done
}

@test "a disk on IDE or virtio boots; the order is as told" {
	cp $R/grub-rescue-usb.img usb.img
	grub hd0 accel=soft disk=usb.img,bus=ide,format=raw
	vm-rm web
	grub hd96 accel=soft disk=usb.img,bus=ide,format=raw \
		cdrom=$R/grub-rescue-cdrom.iso boot=cdrom
	vm-rm web
	grub hd0 accel=soft disk=usb.img,format=raw \
		cdrom=$R/grub-rescue-cdrom.iso boot=disk,cdrom
}
