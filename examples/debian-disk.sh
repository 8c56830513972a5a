#!/bin/sh
# SPDX-License-Identifier: MIT
# debian-disk.sh IMAGE [SUITE]: a disk with Debian on it, made without a machine
# and without root's rights over the host's devices, which GRUB boots through
# SeaBIOS. mmdebstrap unpacks and configures the packages (some 150 MB from the
# mirrors in apt's configuration), mke2fs makes a file system of the directory,
# and GRUB is laid into the room before the partition by hand:
#
#	sector 0	boot.img, and the partition table
#	sector 1...	core.img, which has the modules to read the partition
#	1 MiB...	the partition, ext4
#
# Then: vm-create deb disk=IMAGE,format=qcow2 memory=512M && vm-run deb
# root has no password there, and the console is the first serial port.
set -eu

[ $# -ge 1 ] || {
	echo "usage: debian-disk.sh IMAGE [SUITE]" >&2
	exit 2
}
image=$1
suite=${2:-bookworm}
size=1536 # MiB
top=$(cd "$(dirname "$0")/.." && pwd)
PATH=${B:-$top/build}/bin:$PATH:/usr/sbin:/sbin
grub=/usr/lib/grub/i386-pc

for need in mmdebstrap mke2fs grub-mkimage vm-disk; do
	command -v "$need" > /dev/null || {
		echo "$need: not installed" >&2
		exit 1
	}
done
[ -e "$grub/boot.img" ] || {
	echo "$grub: not there; install grub-pc-bin" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$work" # mmdebstrap may go there as somebody else
disk=$work/disk
truncate -s "${size}M" "$disk"
chmod 666 "$disk"

# What is changed in the system before it becomes a file system.
cat > "$work/finish" << 'END'
#!/bin/sh
set -eu
root=$1 disk=$2 size=$3
kernel=$(cd "$root/boot" && echo vmlinuz-*)
mkdir -p "$root/boot/grub"
cat > "$root/boot/grub/grub.cfg" << CFG
set timeout=1
menuentry "Debian" {
	linux /boot/$kernel root=LABEL=root rw console=ttyS0 quiet
	initrd /boot/initrd.img-${kernel#vmlinuz-}
}
CFG
echo debian > "$root/etc/hostname"
echo "LABEL=root / ext4 errors=remount-ro 0 1" > "$root/etc/fstab"
sed -i 's/^root:[^:]*:/root::/' "$root/etc/shadow"
# Without what is mounted there for the time of the installation.
tree=$(mktemp -d)
tar -C "$root" --one-file-system -cf - . | tar -C "$tree" -xpf -
rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
# An ext4 that GRUB can read, from 1 MiB on.
mke2fs -q -F -t ext4 -O ^metadata_csum_seed,^orphan_file -L root -d "$tree" \
	-E offset=1048576 "$disk" $((size - 1))M 2> "$tree.err" ||
	mke2fs -q -F -t ext4 -L root -d "$tree" -E offset=1048576 "$disk" \
		$((size - 1))M
rm -rf "$tree" "$tree.err"
END
chmod 755 "$work/finish"
mmdebstrap --quiet --variant=minbase --format=null \
	--include=linux-image-cloud-amd64,systemd-sysv,dbus,udev \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--customize-hook="$work/finish \"\$1\" $disk $size" \
	"$suite" /dev/null

# little NUMBER: its four bytes, the lowest first
little() {
	for shift in 0 8 16 24; do
		# shellcheck disable=SC2059 # an octal escape is a format
		printf "\\$(printf %o $(($1 >> shift & 255)))"
	done
}

put() { # OFFSET: stdin goes there
	dd of="$disk" bs=1 seek="$1" conv=notrunc status=none
}

# GRUB: boot.img loads sector 1, which has the rest loaded from the sectors
# behind it; both say so as they come from the package.
cat > "$work/early.cfg" << 'END'
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set root=(hd0,msdos1)
set prefix=(hd0,msdos1)/boot/grub
configfile /boot/grub/grub.cfg
END
grub-mkimage -O i386-pc -d "$grub" -o "$work/core.img" -p /boot/grub \
	-c "$work/early.cfg" biosdisk part_msdos ext2 serial terminal normal \
	configfile linux echo test
[ "$(wc -c < "$work/core.img")" -le $((2047 * 512)) ]
head -c 440 "$grub/boot.img" | put 0
dd if="$work/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
# The partition table: one entry, active, of type 0x83, and its mark.
{
	printf '\200\376\377\377\203\376\377\377'
	little 2048
	little $(((size - 1) * 2048))
	head -c 48 /dev/zero
	printf '\125\252'
} | put 446

vm-disk convert -f raw -O qcow2 "$disk" "$image"
