#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What known guests show: firmware and boot loader as text, Linux's console on a
# linear framebuffer as text and as the picture that it must be.
# timeout: 300

load helpers

setup() {
	export VM_HOME=$T/vm
	[ -e /usr/share/seabios/vgabios-stdvga.bin ] ||
		skip "no VGA BIOS: install seabios"
}

teardown() {
	vm-ctl web poweroff 2>/dev/null || :
}

@test "SeaBIOS finds nothing to boot" {
	truncate -s 1M "$T/empty.img"
	vm-create web disk="$T/empty.img,format=raw" accel=soft memory=64M \
		vga=std
	timeout 30 vm-run -d web 3>&-
	run -0 vm-wait -t 60 -s '^No bootable device\.' web
	run -0 vm-shot -t web
	[[ ${lines[0]} == "SeaBIOS (version "* ]]
	[[ $output == *$'\nBooting from Hard Disk...\nBoot failed: not a bootable disk\n'* ]]
	[ "$(vm-shot -f ppm web | head -n 2 | tail -n 1)" = "720 400" ]
}

@test "the menu of GRUB's rescue CD" {
	local cd=$B/guests/grub-rescue-cdrom.iso menu

	[ -e "$cd" ] || cd=/usr/lib/grub-rescue/grub-rescue-cdrom.iso
	[ -e "$cd" ] || skip "no GRUB CD: install grub-rescue-pc"
	vm-create web cdrom="$cd" accel=soft memory=128M vga=std
	timeout 30 vm-run -d web 3>&-
	run -0 vm-wait -t 90 -s "before booting or .c' for a command-line" web
	menu=$(vm-shot -t web)
	[[ $menu == *$'\n ┌──────'*$'──────┐\n │*'* ]]
	[[ $menu == *$'\n └──────'*$'──────┘\n'* ]]
	[[ $menu == *$'\n │ '*$' │\n'* ]]
	[[ $menu == *"Use the ↑ and ↓ keys to select which entry"* ]]
}

# grub_does COMMAND: type it, and wait until it is done
grub_does() {
	vm-ctl web type "$1"$'\n'
	vm-wait -t 60 -s $'grub> '"$1"$'\n+grub>\n*$' web
}

@test "GRUB's graphical terminal" {
	local cd=$B/guests/grub-rescue-cdrom.iso

	[ -e "$cd" ] || skip "no GRUB CD: tests/guests/fetch.sh gets it"
	[ "$(cksum <"$cd")" = "795200116 5081088" ] ||
		skip "another GRUB, which may draw another picture"
	vm-create web cdrom="$cd" accel=soft memory=128M vga=std
	timeout 30 vm-run -d web 3>&-
	vm-wait -t 90 -s "before booting or .c' for a command-line" web
	vm-ctl web key c
	vm-wait -t 60 -s $'\ngrub>\n*$' web
	grub_does "insmod all_video"
	grub_does "loadfont unicode"
	grub_does "set gfxmode=640x480"
	vm-ctl web type $'terminal_output gfxterm\n'
	vm-wait -t 60 --screen-hash 42c29b38691291a4 web || {
		vm-shot --hash web
		vm-shot -t web
		false
	}
	[ "$(vm-shot -f ppm web | head -n 2 | tail -n 1)" = "640 480" ]
}

@test "Linux's framebuffer console" {
	linux_web std "printf '\033[2J\033[H\033[?25l\033[9;0]Grüße: 0|W~\n' >/dev/tty0;
		echo ready; sleep 1000" vga=std vga-mode=640x480x32
	run -0 vm-wait -t 60 -s '^Grüße: 0\|W~$' web
	run -0 vm-shot -t web
	[ "$output" = "Grüße: 0|W~" ]
	[ "$(vm-shot -t web | wc -l)" = 30 ]
	# The same, drawn with the font in that kernel.
	vm-shot -f ppm web >"$T/seen.ppm"
	perl -e '
		open my $f, "<:raw", $ARGV[0] or die;
		local $/;
		my $k = <$f>;
		$k =~ /\xf0{16}\x0f{16}/ or die;
		my $font = substr $k, $-[0] - 0xdd * 16, 4096;
		my @row = ("") x 480;
		my $x = 0;
		for my $ch (unpack "C*", "Gr\x81\xe1e: 0|W~") {
			for my $y (0 .. 15) {
				my $bits = unpack "B8", substr $font, $ch * 16 + $y, 1;
				$row[$y] .= $_ ? "\xaa" x 3 : "\0" x 3 for split //, $bits;
			}
		}
		binmode STDOUT;
		print "P6\n640 480\n255\n", map { $_ . "\0" x (1920 - length) } @row;
		' "$B/guests/vmlinux-std" >"$T/want.ppm"
	cmp "$T/seen.ppm" "$T/want.ppm"
}
