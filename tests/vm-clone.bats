#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-clone: the disks that it copies. What it does with configurations is in
# vm-rm.bats.

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	quiet vm-create web disk=1M,format=raw disk=3G,id=big,format=raw
	printf 'first' | dd of="$VM_HOME/web/disks/disk0.img" conv=notrunc \
		status=none
	printf 'last' | dd of="$VM_HOME/web/disks/big.img" conv=notrunc \
		status=none bs=1M seek=3000
	echo vars >"$VM_HOME/web/vars.fd"
}

teardown() {
	[ -z "$holder" ] || kill "$holder"
}

# no_copy: there is none, not even a part
no_copy() {
	[ ! -e "$VM_HOME/copy" ]
	[ -z "$(ls -A "$VM_HOME/.new")" ]
}

@test "a clone has copies of the disks, holes and all, and of vars.fd" {
	local f

	echo mine >"$VM_HOME/web/notes"
	ln -s /etc/passwd "$VM_HOME/web/disks/link"
	mkdir "$VM_HOME/web/disks/dir"
	quiet vm-clone web copy
	[ "$(vm-show copy disk)" = "$(vm-show web disk)" ]
	for f in disks/disk0.img disks/big.img vars.fd; do
		cmp "$VM_HOME/web/$f" "$VM_HOME/copy/$f"
		[ "$(stat -c %a "$VM_HOME/copy/$f")" = 600 ]
	done
	[ "$(stat -c %b "$VM_HOME/copy/disks/big.img")" -lt 1000 ]
	[ "$(ls "$VM_HOME/copy/disks")" = $'big.img\ndisk0.img' ]
	[ ! -e "$VM_HOME/copy/notes" ]
	quiet vm-rm copy
	quiet vm-rm web
}

@test "a clone may get a disk of its own" {
	quiet vm-clone web copy disk=2M,format=raw
	[ "$(stat -c %s "$VM_HOME/copy/disks/disk1.img")" = 2097152 ]
	[ ! -e "$VM_HOME/web/disks/disk1.img" ]
}

@test "the disks of a machine that runs are not copied" {
	hold web
	denied 1 "web: " vm-clone web copy
	no_copy
	kill "$holder"
	wait "$holder" || :
	holder=
	quiet vm-clone web copy
}

@test "a disk that somebody else writes to is not copied" {
	# as QEMU locks an image
	perl -e 'open F, "+<", $ARGV[0] or die;
		for (100, 101, 201, 203) {
			my $l = pack "s s x4 q q i x4", 0, 0, $_, 1, 0;
			fcntl F, 37, $l or die;
		}
		open R, ">", $ARGV[1] or die;
		close R;
		sleep 100' "$VM_HOME/web/disks/big.img" "$T/held" 3>&- &
	holder=$!
	until_true 10 [ -e "$T/held" ]
	denied 1 "big.img: is in use" vm-clone web copy
	no_copy
}
