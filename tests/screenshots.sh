#!/bin/bash
# SPDX-License-Identifier: MIT
# screenshots.sh DIR: the pictures of the README, made by what they show. A
# guest is shot as it is; vm-tui runs in tmux, and what it draws there is put on
# the console of a guest, which is shot. Needs the fetched guests, and tmux.
set -eu
out=$(realpath "$1")
B=$(realpath "${B:-build}")
cols=100 rows=37 # of 800x600 pixels
PATH=$B/bin:$PATH
dir=$(mktemp -d)
export VM_HOME=$dir/vm LC_ALL=C.UTF-8
tmux=(tmux -S "$dir/tmux" -f /dev/null)

finish()
{
	"${tmux[@]}" kill-server || :
	vm-ctl -s starting,running,paused poweroff || :
	vm-wait -q -t 20s web db shown || :
	rm -rf "$dir"
} > /dev/null 2>&1
trap finish EXIT

tests/guests/fetch.sh "$B/guests"
mkdir -p "$out"

# linux NAME DO KEY=VALUE...: a machine whose guest does that
linux()
{
	vm-create "$1" kernel="$B/guests/vmlinuz-std" accel=soft memory=256M \
		cmdline="console=tty0 console=ttyS0 quiet" "${@:3}"
	mkdir -p "$dir/$1"
	printf '%s\n' "$2" > "$dir/$1/do"
	(cd "$dir/$1" && find . | cpio -o -H newc --quiet | gzip) > "$dir/$1.cpio"
	cat "$B/guests/initrd-do-std.gz" "$dir/$1.cpio" > "$dir/$1.initrd"
	vm-set "$1" initrd="$dir/$1.initrd"
	vm-run -d "$1"
}

# ---- a guest ----

linux web 'exec > /dev/tty1 2>&1
clear
echo; echo "  $ uname -srm"; uname -srm
echo; echo "  $ cat /proc/fb"; cat /proc/fb
echo; echo "  $ free -m"; free -m
echo; echo "  $ ls /sys/bus/pci/devices"; ls /sys/bus/pci/devices
echo; echo "  $ dmesg | grep vesafb"; dmesg | grep vesafb
echo shown > /dev/ttyS0
sleep 10000' vga-mode=800x600x32 description="a guest with a framebuffer"
vm-wait -q --console '^shown' -t 120s web
vm-shot -o "$out/guest.png" web

# ---- vm-tui ----

# picture NAME KEY...: what it shows after those keys
picture()
{
	"${tmux[@]}" new-session -d -x $cols -y $rows \
		"TERM=screen-256color vm-tui"
	for key in "${@:2}"; do
		sleep 2
		"${tmux[@]}" send-keys "$key"
	done
	sleep 3
	mkdir -p "$dir/shown"
	"${tmux[@]}" capture-pane -e -p > "$dir/shown/pane"
	"${tmux[@]}" kill-server
	linux shown 'printf "\033[?25l\033[2J\033[H" > /dev/tty1
	head -c -1 /pane > /dev/tty1
	echo shown > /dev/ttyS0
	sleep 10000' vga-mode=800x600x32
	vm-wait -q --console '^shown' -t 120s shown
	vm-shot -o "$out/$1.png" shown
	vm-ctl shown poweroff
	vm-wait -q shown
	vm-rm shown
}

cp "$B/guests/grub-rescue-cdrom.iso" "$dir/grub.iso"
vm-run -d -n db --accel soft --cdrom "$dir/grub.iso" -m 512M
vm-create build kernel="$B/guests/vmlinuz-cloud" cpus=4 memory=2G
vm-create test kernel="$B/guests/vmlinuz-cloud" cpus=2 memory=1G
vm-wait -q --screen GRUB -t 60s db
picture vm-tui Down
picture vm-tui-details Down Enter
