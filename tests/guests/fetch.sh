#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch.sh [DIR]: what the tests boot, from Debian's packages, into DIR (default
# $B/guests, B being build). Runs again only for what is missing; what is there
# is whole. Exits 3 with a reason where there is no network.
#
#   vmlinuz-cloud vmlinux-cloud   the narrow kernel: bzImage, and the ELF in it
#   vmlinuz-std vmlinux-std       the usual one
#   modules/RELEASE/NAME.ko       button evdev pvpanic kvm irqbypass ccp … and
#                                 what virtio, disks and file systems need
#   busybox memtest86+x64.bin memtest86+ia32.bin
#   keymaps/LAYOUT                what busybox's loadkmap takes, of X's layouts
#   bios-256k.bin OVMF_CODE_4M.fd OVMF_VARS_4M.fd
#                                 firmware: SeaBIOS, EDK2
#   grub-rescue-cdrom.iso         GRUB on a CD, for BIOSes
#   initrd.gz                     a shell
#   initrd-demo.gz                says what machine it is on, powers off
#   initrd-check.gz               checks the machine (init-check says how)
#   initrd-do-cloud.gz initrd-do-std.gz
#                                 does what do="..." on the command line says,
#                                 with all those modules (init-do)
set -eu
export LC_ALL=C
umask 022

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${B:-build}/guests}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

skip()
{
	echo "fetch.sh: $*" >&2
	exit 3
}

# One at a time; the others find the work done.
exec 9> "$dir/.lock"
if command -v flock > /dev/null; then
	flock 9
fi
tmp=$dir/.tmp
rm -rf "$tmp"
mkdir "$tmp"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# fresh NAME FILE...: the stamp and all that it stands for are there
fresh()
{
	for name in ".stamp-$@"; do
		[ -e "$dir/$name" ] || return 1
	done
}

# keep FILE NAME: into dir, whole or not at all
keep()
{
	mkdir -p "$(dirname "$dir/$2")"
	mv -f "$1" "$dir/$2"
}

updated=
update()
{
	[ -z "$updated" ] || return 0
	updated=yes
	[ "$(id -u)" = 0 ] || return 0
	apt-get update > "$tmp/log" 2>&1 || :
}

# unpack PACKAGE: what is in it, into $tmp/PACKAGE
unpack()
{
	command -v apt-get > /dev/null || skip "apt-get: not a Debian here"
	mkdir "$tmp/deb"
	chmod 777 "$tmp/deb"
	if ! (cd "$tmp/deb" && apt-get download "$1" > ../log 2>&1); then
		update
		(cd "$tmp/deb" && apt-get download "$1" > ../log 2>&1) ||
			skip "$1: cannot download: $(grep '^E:' "$tmp/log" | head -n 1)"
	fi
	dpkg-deb -x "$tmp"/deb/*.deb "$tmp/$1"
	rm -rf "$tmp/deb"
}

# real PACKAGE: the kernel that a meta package means today
real()
{
	apt-cache depends "$1" 2> /dev/null |
		sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# In the order in which they depend on each other; what a kernel has built in is
# not there.
disks="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev
	virtio_pci crct10dif_common crct10dif_generic crc-t10dif crc64
	crc64_rocksoft_generic crc64-rocksoft t10-pi virtio_blk scsi_common
	scsi_mod libata ata_piix ata_generic cdrom sd_mod sr_mod isofs crc16
	crc32c_generic libcrc32c mbcache jbd2 ext4 nls_ascii nls_cp437 fat vfat
	virtio-rng virtio_console virtio_balloon evdev psmouse virtio_input"

# kernel SUFFIX META
kernel()
{
	fresh "devices-$1" "vmlinuz-$1" "vmlinux-$1" "release-$1" && return
	command -v apt-cache > /dev/null || skip "apt-cache: not a Debian here"
	package=$(real "$2")
	if [ -z "$package" ]; then
		update
		package=$(real "$2")
	fi
	[ -n "$package" ] || skip "$2: apt does not know it (no network?)"
	release=${package#linux-image-}
	unpack "$package"
	root=$tmp/$package
	for module in button evdev pvpanic pvpanic-mmio kvm irqbypass \
		kvm-amd kvm-intel ccp $disks; do
		find "$root/lib/modules" "$root/usr/lib/modules" \
			-name "$module.ko" 2> /dev/null | head -n 1 |
			while read -r file; do
				keep "$file" "modules/$release/$module.ko"
			done
	done
	"$here/vmlinux.sh" "$root/boot/vmlinuz-$release" > "$tmp/vmlinux"
	echo "$release" > "$tmp/release"
	keep "$tmp/vmlinux" "vmlinux-$1"
	keep "$root/boot/vmlinuz-$release" "vmlinuz-$1"
	keep "$tmp/release" "release-$1"
	rm -rf "$root"
	: > "$dir/.stamp-devices-$1"
}

busybox()
{
	fresh busybox busybox && return
	unpack busybox-static
	if [ -e "$tmp/busybox-static/bin/busybox" ]; then
		keep "$tmp/busybox-static/bin/busybox" busybox
	else
		keep "$tmp/busybox-static/usr/bin/busybox" busybox
	fi
	: > "$dir/.stamp-busybox"
}

# Debian has renamed the files once: ia32 and x64 are of version 6.
memtest()
{
	fresh memtest memtest86+x64.bin && return
	unpack memtest86+
	for file in "$tmp"/memtest86+/boot/*.bin "$tmp"/memtest86+/boot/*.elf; do
		[ ! -e "$file" ] || keep "$file" "$(basename "$file")"
	done
	[ ! -e "$dir/memtest86+x64.bin" ] || : > "$dir/.stamp-memtest"
}

# copy PACKAGE FILE...: as they are installed here, or else in the package
copy()
{
	package=$1
	shift
	missing=
	for path; do
		[ -e "$dir/$(basename "$path")" ] || missing=yes
	done
	[ -n "$missing" ] || return 0
	for path; do
		root=
		if [ ! -r "$path" ]; then
			root=$tmp/$package
			[ -d "$root" ] || unpack "$package"
		fi
		cp "$root$path" "$tmp/file"
		keep "$tmp/file" "$(basename "$path")"
	done
}

firmware()
{
	copy seabios /usr/share/seabios/bios-256k.bin
	copy ovmf /usr/share/OVMF/OVMF_CODE_4M.fd \
		/usr/share/OVMF/OVMF_VARS_4M.fd
	copy grub-rescue-pc /usr/lib/grub-rescue/grub-rescue-cdrom.iso
}

# What Debian makes of X's layouts for the console. These packages' tools run
# from where they were unpacked.
keymaps()
{
	layouts='us gb de fr es it se ch'
	set --
	for layout in $layouts; do
		set -- "$@" "keymaps/$layout"
	done
	fresh keymaps "$@" && return
	unpack kbd
	unpack console-setup
	unpack xkb-data
	loadkeys=$tmp/kbd/bin/loadkeys
	[ -e "$loadkeys" ] || loadkeys=$tmp/kbd/usr/bin/loadkeys
	for layout in $layouts; do
		perl "$tmp/console-setup/usr/bin/ckbcomp" -model pc105 \
			-I"$tmp/xkb-data/usr/share/X11/xkb" \
			-layout "$layout" 2> "$tmp/log" |
			"$loadkeys" -q -u -b > "$tmp/keymap" 2>> "$tmp/log"
		keep "$tmp/keymap" "keymaps/$layout"
	done
	: > "$dir/.stamp-keymaps"
}

# initrd NAME INIT: made again when the scripts change
initrd()
{
	out=$dir/$1
	if [ -e "$out" ] && [ -z "$(find "$here/$2" "$here/init-lib" \
		"$here/mkinitrd.sh" "$dir/busybox" -newer "$out")" ]; then
		return
	fi
	set --  "$out" "$here/$2"
	for kind in cloud std; do
		release=$(cat "$dir/release-$kind")
		for module in button evdev; do
			file=modules/$release/$module.ko
			[ ! -e "$dir/$file" ] || set -- "$@" "$dir/$file=lib/$file"
		done
	done
	"$here/mkinitrd.sh" "$@"
}

# initrd_do KIND: its modules in order, for init-do to load
initrd_do()
{
	out=$dir/initrd-do-$1.gz
	if [ -e "$out" ] && [ -z "$(find "$here/init-do" "$here/init-lib" \
		"$here/mkinitrd.sh" "$0" "$dir/busybox" "$dir/.stamp-devices-$1" \
		-newer "$out")" ]; then
		return
	fi
	release=$(cat "$dir/release-$1")
	: > "$tmp/order"
	set --  "$out" "$here/init-do" "$tmp/order=lib/modules/order"
	for module in button $disks; do
		file=modules/$release/$module.ko
		[ -e "$dir/$file" ] || continue
		echo "$module" >> "$tmp/order"
		set -- "$@" "$dir/$file=lib/$file"
	done
	"$here/mkinitrd.sh" "$@"
}

kernel cloud linux-image-cloud-amd64
kernel std linux-image-amd64
busybox
memtest
(keymaps) || :
(firmware) || : # who wants it says that it is not there
initrd initrd.gz init-shell
initrd initrd-demo.gz init-demo
initrd initrd-check.gz init-check
initrd_do cloud
initrd_do std
