#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-ctl NAME block attach and detach, and balloon, with a Linux that notices.
# timeout: 240

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

say() {
	echo "$1" | timeout 20 vm-console web --lines 0 >/dev/null 3>&- &
	vm-wait web --console "$2" --timeout 60s
}

@test "a disk is plugged in, is read and written, and goes; the balloon takes" {
	truncate -s 1M hot.img other.img
	printf 'from the host' | dd of=hot.img conv=notrunc status=none
	linux_web cloud "echo ready; read x; wait_for /dev/vdb; head -c 13 /dev/vdb;
		cat /sys/block/vdb/serial; echo ' the guest' | tr -d '\n' |
		dd of=/dev/vdb bs=10 conv=fsync 2>/dev/null; echo; echo held;
		read x; ls -d /dev/vd*; free -m | sed -n 's/^Mem/mem/p'" \
		disk=1M,format=raw balloon=yes
	quiet vm-ctl web block attach hot.img,id=hot,serial=HOT
	[[ $(vm-ctl web block) == *"hot "*virtio*1M*raw*rw*"$T/hot.img"* ]]
	denied 1 "hot: there is such a device" \
		vm-ctl web block attach other.img,id=hot
	denied 1 "Device 'disk0' belongs to the machine" \
		vm-ctl web block detach disk0
	say go held
	grep -aq "from the hostHOT" "$VM_HOME/web/console.log"
	[ "$(head -c 10 hot.img)" = " the guest" ]
	quiet vm-ctl -t 60s web block detach hot
	[[ $(vm-ctl web block) != *hot* ]]
	grep -q '"DEVICE_DELETED","device":"hot"' "$VM_HOME/web/events.jsonl"
	# it may come again
	quiet vm-ctl web block attach hot.img
	[[ $(vm-ctl web block) == *"disk1 "*"$T/hot.img"* ]]
	quiet vm-ctl -t 60s web block detach disk1
	[ "$(vm-ctl web balloon)" = 268435456 ]
	quiet vm-ctl web balloon 128M
	until_true 60 shrunk
	says "$VM_HOME/web/events.jsonl" '"BALLOON_CHANGE","actual":134217728' 20
	say go mem
	[[ $(sed '1,/held/d' "$VM_HOME/web/console.log") != */dev/vdb* ]]
}

shrunk() {
	[ "$(vm-ctl web balloon)" = 134217728 ]
}

@test "what cannot be plugged in" {
	guest deaf <<-'END'
		1: jmp 1b
	END
	truncate -s 1M hot.img
	vm-create web kernel=deaf flat=0x7c00 accel=soft memory=8M serial=null
	timeout 30 vm-run -d web 3>&-
	denied 2 "10G is a size" vm-ctl web block attach 10G
	denied 1 "gone.img: cannot open" vm-ctl web block attach gone.img
	denied 1 "only virtio disks" vm-ctl web block attach hot.img,bus=ide
	denied 1 "overlay" vm-ctl web block attach hot.img,overlay=yes
	denied 1 "hot.img: " vm-ctl web block attach hot.img,format=qcow2
	denied 1 "query-balloon has not been found" vm-ctl web balloon
	denied 2 "is not a size" vm-ctl web balloon lots
	quiet vm-ctl web block attach hot.img
	# somebody writes to it already
	denied 1 "hot.img: is in use" vm-ctl web block attach hot.img
	denied 1 "disk0: the guest has not let go of it" \
		vm-ctl -t 300ms web block detach disk0
}
