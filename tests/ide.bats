#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# IDE disks and CD-ROM drives with Debian's kernels: ata_piix, sd_mod, sr_mod.
# timeout: 300

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

# say LINE REGEX: and what the guest answers
say() {
	echo "$1" | timeout 20 vm-console web --lines 0 >/dev/null 3>&- &
	vm-wait web --console "$2" --timeout 60s
}

log() {
	tr -d '\r' <"$VM_HOME/web/console.log"
}

# image FILE MIB: of random bytes
image() {
	head -c "$2M" /dev/urandom >"$1"
}

@test "the usual kernel reads and writes a disk, and its CD-ROM's medium is changed" {
	image disk.img 8
	image one.iso 4
	image two.iso 3
	linux_web std "wait_for /dev/sda; wait_for /dev/sr0; dmesg | grep -o
		'ata[12].00: AT.*: VM-UTILS [A-Z-]*';
		cat /sys/block/sda/device/vpd_pg80; echo; md5sum /dev/sr0;
		dd if=/dev/sr0 of=/dev/sda seek=1 bs=1M conv=fsync 2>/dev/null;
		exec 3</dev/sr0; echo ready; read x; exec 3<&-; echo closed;
		read x; md5sum /dev/sr0; echo changed; read x;
		head -c 1 /dev/sr0 || echo ejected" \
		disk=disk.img,bus=ide,serial=S-42 cdrom=one.iso
	log | grep -q 'ata1.00: ATA-7: VM-UTILS DISK'
	log | grep -q 'ata2.00: ATAPI: VM-UTILS CD-ROM'
	log | grep -q 'S-42 *$'
	[ "$(log | grep -c "$(md5sum <one.iso | cut -d ' ' -f 1)  /dev/sr0")" = 1 ]
	# what was flushed is in the file while the machine runs
	cmp -n 4194304 one.iso disk.img 0 1048576
	# the drive is open in the guest: locked
	[[ $(vm-ctl web qmp '{"execute":"query-block"}' | tr -d ' ') == *'"device":"cdrom0"'*'"locked":true'* ]]
	denied 1 "Device 'cdrom0' is locked by the guest" \
		vm-ctl web block change cdrom0 two.iso
	say go closed
	quiet vm-ctl web block change cdrom0 two.iso
	say go changed
	log | grep -q "$(md5sum <two.iso | cut -d ' ' -f 1)  /dev/sr0"
	quiet vm-ctl web block eject cdrom0
	say go ejected
	log | grep -q '/dev/sr0: No medium found'
	vm-wait web --timeout 60s
}

@test "the cloud kernel finds four drives, and mounts a CD-ROM" {
	local iso=$B/guests/grub-rescue-cdrom.iso

	[ -e "$iso" ] || skip "$iso: tests/guests/fetch.sh gets it, or install grub-rescue-pc"
	image a.img 2
	image b.img 3
	# which disk becomes sda is a matter of luck
	linux_web cloud "wait_for /dev/sdb; wait_for /dev/sr1; for d in a b; do
		[ \$(cat /sys/block/sd\$d/size) = 4096 ] && from=\$d || to=\$d;
		done; md5sum /dev/sd\$from; for n in 0 1; do
		mount -t iso9660 -r /dev/sr\$n /tmp &&
		md5sum /tmp/boot/grub/grub.cfg; done; dd if=/dev/sd\$from
		of=/dev/sd\$to conv=fsync bs=4k count=256; echo ready" \
		disk=a.img,bus=ide disk=b.img,bus=ide cdrom="$iso" \
		cdrom="$iso"
	vm-wait web --timeout 60s
	log | grep -q "^$(md5sum <a.img | cut -d ' ' -f 1)  /dev/sd"
	[ "$(log | grep -c '^[0-9a-f]*  /tmp/boot/grub/grub.cfg$')" = 2 ]
	cmp -n 1048576 a.img b.img
}

@test "a sector comes with its interrupt through the PIC, on each engine" {
	local accel

	guest reader <<-'END'
		movw $ready, 0x76*4
		movw $0, 0x76*4+2
		outb 0x20, 0x11
		outb 0x21, 0x08
		outb 0x21, 0x04
		outb 0x21, 0x01
		outb 0xa0, 0x11
		outb 0xa1, 0x70
		outb 0xa1, 0x02
		outb 0xa1, 0x01
		outb 0x21, 0xfb
		outb 0xa1, 0xbf
		outb 0x1f6, 0xe0
		outb 0x1f2, 1
		outb 0x1f3, 3
		outb 0x1f4, 0
		outb 0x1f5, 0
		outb 0x1f7, 0x20
		sti
		1: hlt
		cmpb $1, count
		jne 1b
		cli
		mov $0x1f0, %dx
		mov $buf, %di
		mov $256, %cx
		rep insw
		mov $buf, %si
		2: lodsb
		test %al, %al
		jz 3f
		call putc
		jmp 2b
		3: poweroff
		ready: push %ax
		push %dx
		mov $0x1f7, %dx
		in %dx, %al
		incb count
		outb 0xa0, 0x20
		outb 0x20, 0x20
		pop %dx
		pop %ax
		iret
		count: .byte 0
		.set buf, 0x9000
	END
	truncate -s 1M disk.img
	printf 'from sector 3\n' | dd of=disk.img conv=notrunc bs=512 seek=3 \
		status=none
	for accel in $(engines); do
		boots 0 --accel "$accel" -m 8M --flat -k reader \
			--disk disk.img,bus=ide,format=raw
		[[ $output == *"from sector 3"* ]]
	done
}

# tray true|false: how often that was told
tray() {
	grep -c "\"DEVICE_TRAY_MOVED\".*\"id\": *\"cdrom0\".*\"tray-open\": *$1" \
		"$VM_HOME/web/events.jsonl"
}

told_tray() {
	[ "$(tray "$1")" = "$2" ]
}

@test "what the guest does with its tray is told, by itself and by the host" {
	guest mover <<-'END'
		outb 0x176, 0xa0
		mov $ready, %si
		call packet # the attention that follows a reset
		mov $ready, %si
		call packet
		mov $eject, %si
		call packet
		say "out"
		call getc
		mov $load, %si
		call packet
		say "in"
		call getc
		mov $play, %bx # as often as it can
		1: mov $eject, %si
		call packet
		mov $load, %si
		call packet
		dec %bx
		jnz 1b
		say "played"
		forever
		packet: outb 0x175, 8
		outb 0x177, 0xa0
		1: mov $0x177, %dx
		in %dx, %al
		test $8, %al
		jz 1b
		mov $0x170, %dx
		mov $6, %cx
		rep outsw
		2: mov $0x177, %dx
		in %dx, %al
		test $0x88, %al
		jnz 2b
		ret
		ready: .zero 12
		eject: .byte 0x1b, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0
		load: .byte 0x1b, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0
		.set play, 2000
	END
	image one.iso 1
	vm-create web kernel=mover flat=0x7c00 accel=soft memory=8M \
		cdrom=one.iso
	timeout 30 vm-run -d web 3>&-
	vm-wait web --console out --timeout 60s
	until_true 20 told_tray true 1
	[[ $(vm-ctl web qmp '{"execute":"query-block"}' | tr -d ' ') == *'"tray_open":true'* ]]
	say x in
	until_true 20 told_tray false 1
	say x played
	[ $(($(tray true) + $(tray false))) -lt 30 ] # once a second
	quiet vm-ctl web poweroff
}

# 200 requests or more
busy_disks() {
	vm-ctl web block stats |
		awk '/_operations/ { n += $2 } END { exit n < 200 }'
}

# Four drives that work while a guest writes anything anywhere on IDE: commands
# more often than other things, or little would happen.
@test "a guest that scribbles on all ports harms nobody" {
	guest scribbler <<-'END'
		mov $0x80000904, %eax
		mov $0xcf8, %dx
		out %eax, %dx
		mov $7, %ax
		mov $0xcfc, %dx
		out %ax, %dx # bus master
		again: imul $1664525, %ebx
		add $1013904223, %ebx
		mov %ebx, %esi
		shr $12, %esi
		mov %si, %cx
		shr $8, %cx
		mov %si, %dx
		and $0x0f, %dx
		mov %si, %ax
		and $0x30, %ax
		cmp $0x10, %ax
		ja ports
		mov $0xc0, %dh # the bus master
		jmp access
		ports: and $7, %dl
		add $0x170, %dx
		test $0x40, %si
		jz access
		add $0x80, %dx
		access: mov %si, %ax
		shr $7, %ax
		and $7, %ax
		jz words
		cmp $2, %ax
		jb read
		mov %cl, %al
		out %al, %dx
		jmp again
		read: in %dx, %al
		jmp again
		words: and $0xf8, %dl
		mov $0x500, %di
		mov $256, %cx
		rep insw
		jmp again
	END
	image a.img 1
	image b.img 1
	cp a.img c.iso
	cp b.img was.img
	vm-create web kernel=scribbler flat=0x7c00 accel=soft memory=8M \
		serial=null disk=a.img,bus=ide disk=b.img,bus=ide,read-only=yes \
		cdrom=c.iso cdrom=none
	timeout 30 vm-run -d web 3>&-
	until_true 60 busy_disks
	quiet vm-ctl web block change cdrom1 c.iso --force
	quiet vm-ctl web reset
	until_true 60 busy_disks
	vm-ctl web status | grep -q '^state: running'
	vm-ctl web block stats >stats
	quiet vm-ctl web poweroff
	cmp b.img was.img # read-only
}
