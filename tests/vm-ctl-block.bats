#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-ctl NAME block: the drives of a machine that runs, as seen from outside.
# timeout: 240

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	guest "$T/deaf" <<-'END'
		say "ready"
		sti
		1: incl 0x500
		jmp 1b
	END
	truncate -s 1M one.iso
	truncate -s 2M two.img
	vm-create web "kernel=$T/deaf" flat=0x7c00 accel=soft memory=8M \
		serial=null disk=1M,format=raw cdrom=none \
		disk=two.img,bus=ide,id=two,read-only=yes,bps=1M "$@"
	timeout 30 vm-run -d web </dev/null 3>&-
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

# block ARGUMENT...
block() {
	timeout 30 vm-ctl web block "$@"
}

@test "drives are listed, for people and for programs" {
	run -0 block
	[ "${#lines[@]}" = 4 ]
	[[ ${lines[0]} == ID*BUS*TYPE*SIZE*FORMAT*MODE*FILE ]]
	[[ ${lines[1]} == disk0*virtio*disk*1M*raw*rw*" disks/disk0.img" ]]
	[[ ${lines[2]} =~ ^cdrom0\ +ide\ +cdrom\ +-\ +-\ +-\ +-$ ]]
	[[ ${lines[3]} == two*ide*disk*2M*raw*ro*"$T/two.img" ]]
	command -v jq >/dev/null || return 0
	block list -J >json
	[ "$(jq -r '.schema, .drives[2].inserted.image["virtual-size"],
		.drives[2].inserted.bps, .drives[1].tray_open,
		(.drives | length)' json | xargs)" = "1 2097152 1048576 true 3" ]
}

@test "a CD-ROM's medium is changed and ejected, and events tell" {
	local events=$VM_HOME/web/events.jsonl

	quiet vm-ctl web block change cdrom0 one.iso
	[[ $(block) == *"cdrom0 "*" 1M raw "*" $T/one.iso"* ]]
	# two.img is read by both
	quiet vm-ctl web block change cdrom0 two.img format=raw
	[[ $(block) == *"cdrom0 "*" 2M raw "*" $T/two.img"* ]]
	quiet vm-ctl web block eject cdrom0
	quiet vm-ctl web block eject cdrom0 --force
	[[ $(block) == *"cdrom0 "*" - "* ]]
	[ "$(grep -c '"DEVICE_TRAY_MOVED".*"tray-open":true' "$events")" = 3 ]
	[ "$(grep -c '"DEVICE_TRAY_MOVED".*"tray-open":false' "$events")" = 2 ]
}

@test "a disk is no removable medium" {
	denied 1 "web: Device 'disk0' is not removable" vm-ctl web block eject disk0
	denied 1 "not removable" vm-ctl web block change disk0 one.iso
	denied 1 "Device 'none' not found" vm-ctl web block eject none
}

@test "a file that is not there, or none, changes nothing" {
	quiet vm-ctl web block change cdrom0 one.iso
	denied 1 "gone.iso: cannot open: No such file" \
		vm-ctl web block change cdrom0 gone.iso
	mkdir dir
	denied 1 "dir: is neither a file nor" vm-ctl web block change cdrom0 dir
	denied 1 "two.img: " vm-ctl web block change cdrom0 two.img format=vdi
	denied 2 "iso: not a format of images" vm-ctl web block change cdrom0 two.img format=iso
	[[ $(block) == *"cdrom0 "*" $T/one.iso"* ]]
}

@test "a disk grows, and shrinks only if that is meant" {
	quiet vm-ctl web block resize disk0 4M
	[ "$(stat -c %s "$VM_HOME/web/disks/disk0.img")" = 4194304 ]
	denied 1 "disk0: what lies behind the new end would be lost (--force)" \
		vm-ctl web block resize disk0 1M
	quiet vm-ctl web block resize disk0 1M --force
	[ "$(stat -c %s "$VM_HOME/web/disks/disk0.img")" = 1048576 ]
	denied 1 "a multiple of 512" vm-ctl web block resize disk0 2000000
	denied 1 "Device 'two' is read-only" vm-ctl web block resize two 4M
	denied 2 "is not a size" vm-ctl web block resize disk0 much
}

@test "limits change one by one" {
	command -v jq >/dev/null || skip "no jq: install jq"
	limits() {
		block list -J | jq -r '.drives[2].inserted | "\(.bps) \(.iops)"'
	}
	quiet vm-ctl web block throttle two iops=500
	[ "$(limits)" = "1048576 500" ]
	quiet vm-ctl web block throttle two bps=0
	[ "$(limits)" = "0 500" ]
	quiet vm-ctl web block throttle two bps=2M iops=0
	[ "$(limits)" = "2097152 0" ]
	denied 2 "throttle ID" vm-ctl web block throttle two speed=1
}

@test "counters are printed" {
	run -0 block stats
	[[ $output == *"disk0.rd_bytes 0"*"cdrom0.rd_bytes 0"*"two.waiting 0"* ]]
	run -0 block stats -J
	[[ $output == '{"schema":1,"drives":[{"device":"disk0"'* ]]
}

@test "what is no command is misuse" {
	denied 2 "block: list, stats," vm-ctl web block burn
	denied 2 "block: eject ID" vm-ctl web block eject
	denied 2 "block: resize ID SIZE" vm-ctl web block resize disk0
	denied 2 "only list and stats print JSON" vm-ctl -J web block eject disk0
	denied 2 "one machine at a time" vm-ctl -s running block
}

@test "QMP's own forms are taken" {
	qmp() {
		timeout 30 vm-ctl web qmp "$1"
	}
	[[ $(qmp '{"execute": "block_resize",
		"arguments": {"device": "disk0", "size": 2097152}}') == *'"return"'* ]]
	[[ $(qmp '{"execute": "block_set_io_throttle", "arguments": {"id": "two",
		"bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 9, "iops_rd": 0,
		"iops_wr": 0}}') == *'"return"'* ]]
	run qmp '{"execute": "block_set_io_throttle",
		"arguments": {"id": "two", "bps_rd": 5}}'
	[[ $output == *"'bps_rd' can only be 0"* ]]
	run qmp '{"execute": "blockdev-change-medium",
		"arguments": {"id": "cdrom0", "filename": "/etc/passwd"}}'
	[[ $output == *"can only be fd:NAME"* ]]
	run qmp '{"execute": "eject", "arguments": {"id": 5}}'
	[[ $output == *"Invalid parameter type for 'id', expected: string"* ]]
	run qmp '{"execute": "block_resize", "arguments": {"device": "disk0", "size": -512}}'
	[[ $output == *"'size' is negative"* ]]
}

@test "on-io-error changes while it runs" {
	quiet vm-set web on-io-error=pause
	quiet vm-set web on-io-error=report
	denied 2 "'stop' is not report|pause" vm-set web on-io-error=stop
}
