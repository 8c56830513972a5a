#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Examples that take minutes: Debian on a disk of its own, made by
# examples/debian-disk.sh and booted by GRUB through SeaBIOS; ten machines at a
# time on overlays of one image.
# timeout: 1500

load ../helpers

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

# what the mirrors do not give is no fault of ours
debian() {
	local p

	for p in mmdebstrap grub-mkimage mke2fs; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$p" >/dev/null ||
			skip "no $p"
	done
	[ -e /usr/lib/grub/i386-pc/boot.img ] || skip "no GRUB: install grub-pc-bin"
	"$TOP/examples/debian-disk.sh" "$T/deb.qcow2" >"$T/log" 2>&1 && return
	cat "$T/log"
	! grep -Eq 'Failed to fetch|Could not resolve|unable to|not allowed' \
		"$T/log" || skip "no Debian from here: $(tail -n 1 "$T/log")"
	return 1
}

@test "Debian's own disk: GRUB, a login, a file written, off by the button" {
	debian
	for bus in virtio ide; do
		quiet vm-create "$bus" disk="$T/deb.qcow2,bus=$bus" memory=512M
		vm-run -d "$bus" 3>&-
		vm-wait "$bus" --console 'debian login: ' --timeout 5m
		(printf 'root\n'; sleep 15; printf 'echo %s >>/root/seen; sync\n' \
			"$bus"; sleep 5) | timeout 60 vm-console "$bus" \
			--lines 0 >/dev/null 3>&- || :
		vm-ctl -t 2m "$bus" stop
		[[ $(vm-ls -n -o state,exit "$bus" | tr -s ' ') == "stopped 0" ]]
	done
	run -0 vm-disk check "$T/deb.qcow2"
	vm-disk convert -f qcow2 -O raw "$T/deb.qcow2" "$T/raw"
	PATH=$PATH:/usr/sbin:/sbin
	e2fsck -fn "$T/raw?offset=1048576"
	[ "$(debugfs -R 'cat /root/seen' "$T/raw?offset=1048576" 2>/dev/null |
		xargs)" = "virtio ide" ]
}

@test "ten machines at a time on overlays of a golden image" {
	need_guests
	run timeout -s KILL 600 "$TOP/examples/golden.sh" 10
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 10 ]
	[ "${lines[9]}" = "the multiples of 10 make 50500" ]
}
