#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# virtio's small devices under Linux: random numbers, named ports, the balloon.
# timeout: 240

# shellcheck disable=SC2154 # start sets pid

load helpers

setup() {
	need_guests
	export VM_HOME=$T/vm
}

teardown() {
	vm-ls -q -s running | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
	end_started
}

# A guest that answers lines on the port org.test.talk, and sends what comes in
# on org.test.back back.
make_initrd() {
	mkdir -p "$T/extra"
	cat >"$T/extra/do" <<-'END'
		port() {
			for p in /sys/class/virtio-ports/*; do
				[ "$(cat "$p/name")" != "$1" ] || echo "/dev/${p##*/}"
			done
		}
		exec 3<>"$(port org.test.talk)"
		back=$(port org.test.back)
		while cat "$back" >>/tmp/back; do sleep 0.1; done &
		while :; do
			read -r cmd arg <&3 || { sleep 0.1; continue; }
			case $cmd in
			names) for p in /sys/class/virtio-ports/*; do
				cat "$p/name"; done | sort | tr '\n' ' ' >&3
				echo >&3 ;;
			rng) head -c "$arg" /dev/hwrng | wc -c >&3 ;;
			send) yes 0123456789abcde | head -c "$arg" >&3 ;;
			back) wc -c </tmp/back >&3 ;;
			sum) md5sum </tmp/back >&3 ;;
			fill) dd if=/dev/zero of=/tmp/fill bs=1M count="$arg"; rm /tmp/fill
				echo filled >&3 ;;
			free) sed -n 's/^MemFree: *//p' /proc/meminfo >&3 ;;
			quit) echo bye >&3; exit 0 ;;
			esac
		done
	END
	(cd "$T/extra" && echo 'do' | cpio -o -H newc --quiet | gzip) \
		>"$T/extra.cpio"
	cat "$B/guests/initrd-do-cloud.gz" "$T/extra.cpio" >"$T/initrd"
}

# up ENGINE
up() {
	[ "$1" != kvm ] || [ "$(vm-check -J | jq -r .engine)" = kvm ] ||
		skip "KVM is not usable here: vm-check says why"
	make_initrd
	mkdir -p "$T/s"
	vm-create v memory=128M accel="$1" balloon=yes \
		"kernel=$B/guests/vmlinuz-cloud" "initrd=$T/initrd" \
		"cmdline=console=ttyS0 quiet" \
		"port=org.test.talk,unix:$T/s/talk" \
		"port=org.test.back,unix:$T/s/back"
	start v
	says "$T/out" '^DO begin' 120
}

# ask COMMAND...: one line there, one line back
ask() {
	echo "$*" | perl -e 'use Socket;
		alarm 60;
		socket S, AF_UNIX, SOCK_STREAM, 0 or die;
		connect S, pack_sockaddr_un $ARGV[0] or die "$!";
		syswrite S, scalar <STDIN>;
		print scalar <S>' "$T/s/talk"
}

resident() {
	sed -n 's/^RssShmem:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

below() { # LIMIT COMMAND...
	local n

	n=$("${@:2}")
	[ "${n%% *}" -lt "$1" ]
}

above() { # LIMIT COMMAND...
	! below "$@"
}

check() {
	local before free

	up "$1"
	[ "$(ask names)" = "org.test.back org.test.talk " ]
	[ "$(ask rng 1000)" = 1000 ]

	# Both ways, more than any queue holds, and nobody loses a byte.
	head -c 500000 /dev/urandom >"$T/random"
	perl -e 'use Socket;
		alarm 60;
		socket S, AF_UNIX, SOCK_STREAM, 0 or die;
		connect S, pack_sockaddr_un $ARGV[0] or die "$!";
		print S $_ while read STDIN, $_, 5000;' "$T/s/back" <"$T/random"
	until_true 30 above 500000 ask back
	[ "$(ask sum)" = "$(md5sum <"$T/random")" ]
	echo send 300000 | talk "$T/s/talk" 300000 | md5sum >"$T/sent"
	yes 0123456789abcde | head -c 300000 | md5sum | diff - "$T/sent"

	# What the guest has used and given away, the host has back.
	[ "$(vm-ctl v balloon)" = $((128 << 20)) ]
	[ "$(ask fill 50)" = filled ]
	before=$(resident)
	vm-ctl v balloon 80M
	until_true 60 below $((before - 30000)) resident
	until_true 60 below $(((80 << 20) + 1)) vm-ctl v balloon
	free=$(ask free)
	vm-ctl v balloon 128M
	until_true 60 above $((${free% *} + 40000)) ask free
	[ "$(ask fill 50)" = filled ]
	[ "$(ask quit)" = bye ]
	ends 0 30
}

@test "soft: random numbers, bytes through ports, memory in the balloon" {
	check soft
}

@test "kvm: random numbers, bytes through ports, memory in the balloon" {
	check kvm
}
