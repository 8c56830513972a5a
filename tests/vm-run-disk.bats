#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-run without a kernel: disks, as options and as a config names them.

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	[ -e /usr/share/seabios/bios-256k.bin ] || skip "no SeaBIOS: install seabios"
}

teardown() {
	end_started
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

# disk FILE: one of 2 MiB that boots what stdin says, see guest
disk() {
	guest "$1"
	[ "$(stat -c %s "$1")" -le 510 ]
	truncate -s 510 "$1"
	printf '\125\252' >>"$1"
	truncate -s 2M "$1"
}

# writes FILE: one that writes "written" to its second sector, and says whether
# that went well
writes() {
	disk "$1" <<-'END'
		mov $text, %bx
		mov $0x0301, %ax
		mov $0x0002, %cx
		mov $0, %dh
		int $0x13
		jc 1f
		say "written"
		poweroff
		1: say "refused"
		poweroff
		text: .ascii "written"
	END
}

# second FILE: what it begins with
second() {
	dd if="$1" bs=512 skip=1 count=1 status=none | head -c 7 | tr -d '\0'
}

@test "SeaBIOS boots a disk, on either bus, and it is written" {
	local bus

	writes a.img
	for bus in virtio ide; do
		boots 0 --accel soft --disk "a.img,bus=$bus" --timeout 15s
		[[ $output == *written* ]]
		[ "$(second a.img)" = written ]
		dd if=/dev/zero of=a.img bs=512 seek=1 count=1 conv=notrunc \
			status=none
	done
}

@test "what is read-only refuses, what is thrown away does not" {
	local sum bus

	writes a.img
	sum=$(cksum <a.img)
	for bus in virtio ide; do
		boots 0 --accel soft --disk "a.img,read-only=yes,bus=$bus" \
			--timeout 15s
		[[ $output == *refused* || $output == *written* ]]
		[ "$(cksum <a.img)" = "$sum" ]
		boots 0 --accel soft --disk "a.img,overlay=yes,bus=$bus" \
			--timeout 15s
		[[ $output == *written* ]]
		[ "$(cksum <a.img)" = "$sum" ]
	done
	[ -z "$(find vm -name '*overlay*')" ]
}

@test "a created machine boots the disk in its directory, the first of them" {
	writes a.img
	quiet vm-create web accel=soft disk=2M,format=raw disk=2M
	cp a.img vm/web/disks/disk0.img
	boots 0 web --timeout 15s
	[ "$(second vm/web/disks/disk0.img)" = written ]
	# for this run another one
	disk b.img <<-'END'
		say "other"
		poweroff
	END
	boots 0 web --disk b.img --timeout 15s
	[[ $output == *other* && $output != *written* ]]
	# renamed, it finds them again
	quiet vm-rename web www
	boots 0 www --timeout 15s
	[[ $output == *written* ]]
}

@test "a disk is one machine's, unless it is only read" {
	disk a.img <<-'END'
		forever
	END
	vm-run -d -n one --accel soft --disk a.img 3>&-
	refused 125 --accel soft --disk a.img
	[[ $stderr == *"a.img: is in use"* ]]
	refused 125 --accel soft --disk a.img,overlay=yes
	vm-ctl one poweroff
	vm-run -d -n one --accel soft --disk a.img,overlay=yes 3>&-
	vm-run -d -n two --accel soft --disk a.img,overlay=yes 3>&-
	refused 125 --accel soft --disk a.img
	vm-ctl one poweroff
	vm-ctl two poweroff
}

@test "an empty machine finds nothing to boot, and says so" {
	start --accel soft --cdrom none --timeout 60s --stop-timeout 1s
	says "$T/out" "No bootable device" 30
	kill -TERM "$pid"
	ends 143
}

@test "what is wrong with a disk is said, and nothing is left" {
	truncate -s 1M a.img
	refused 2 --disk 10G
	[[ $stderr == *"10G is a size: only vm-create and vm-set make disks"* ]]
	refused 125 --disk gone.img
	[[ $stderr == *"gone.img: cannot open: No such file"* ]]
	refused 125 --disk a.img,format=qcow2
	refused 2 --disk a.vmdk
	refused 2 --disk a.img,bus=scsi
	refused 2 --disk no/such/dir.img
	refused 2 --boot net
	refused 2 --fw-cfg name=etc/x,string=y
	refused 125 --firmware none --disk a.img
	[[ $stderr == *"no kernel, and firmware = none"* ]]
	refused 125 --firmware "$T/gone.bin"
	quiet vm-create --force web disk=a.img
	sed -i 's,^disk = .*,disk = ../../a.img,' vm/web/config
	refused 125 web
	[[ $stderr == *"'../../a.img' is neither a whole path nor a name"* ]]
	sed -i 's,^disk = .*,disk = disks/link,' vm/web/config
	mkdir vm/web/disks
	ln -s /etc/passwd vm/web/disks/link
	refused 125 web
	[[ $stderr == *"disks/link: leads out of the machine's directory"* ]]
	[ "$(vm-ls -q)" = web ]
}

@test "a backing file that the config does not list is not opened" {
	command -v qemu-img >/dev/null || skip "no qemu-img: install qemu-utils"
	writes base.img
	qemu-img create -q -f qcow2 -b "$T/base.img" -F raw top.qcow2
	refused 125 --disk top.qcow2
	echo "$stderr"
	[[ $stderr == *"which is not listed: backing=$T/base.img"* ]]
	boots 0 --accel soft --timeout 15s \
		--disk top.qcow2,backing=base.img,backing-format=raw
	[[ $output == *written* ]]
	[ -z "$(second base.img)" ]
	refused 2 --disk base.img,format=raw,backing=top.qcow2
}
