#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A machine's whole life, from a bare environment without a terminal: as root,
# as an ordinary user, and as one that may not use KVM.

# shellcheck disable=SC2015,SC2030,SC2031 # or skip; bats

load helpers

setup() {
	guest_polls "$T/polls"
	mkdir -m 700 "$T/home"
	bare=(env -i "PATH=$PATH" "HOME=$T/home")
}

# A user that nobody is, with a home of its own.
as_user() {
	[ "$(id -u)" = 0 ] || skip "only root can become another user: run as root"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$TMPDIR"
	chmod 644 "$T/polls"
	chown 65534:65534 "$T/home"
	bare+=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${bare[@]}" test -x "$B/bin/vm-run" ||
		skip "other users cannot reach the build: put it where they can"
	cd /
}

# tool COMMAND...: in that environment, in a session without a terminal
tool() {
	timeout 30 "${bare[@]}" "$@" </dev/null
}

life() {
	local accel=$1 root=${2:-$T/home/.local/share/vm}

	tool vm-create web "kernel=$T/polls" flat=0x7c00 "accel=$accel"
	[ -f "$root/web/config" ]
	[ "$(stat -c %a "$root")" = 700 ]
	[ "$(tool vm-ls -n -o name,state)" = "web  stopped" ] || tool vm-ls
	tool vm-run -d web
	[ "$(tool vm-ls -q -s running)" = web ]
	tool vm-wait --console ready --timeout 20s web
	tool vm-ctl web status | grep -q running
	tool vm-ctl web pause
	[ "$(tool vm-ls -n -o state web)" = paused ]
	tool vm-ctl web resume
	tool vm-audit -q web
	[ "$(tool vm-console -1 web)" = ready ]
	tool vm-clone web copy
	tool vm-ctl web stop
	tool vm-wait web
	[ "$(tool vm-ls -n -o state web)" = stopped ]
	grep -q button "$root/web/console.log"
	tool vm-rename web old
	tool vm-rm old copy
	[ -z "$(tool vm-ls -q)" ]
	[ -z "$(find "$root" -mindepth 2)" ]
}

@test "as who runs the tests" {
	bare+=("VM_HOME=$T/vm")
	life auto "$T/vm"
}

@test "as an ordinary user without KVM" {
	bare+=("VM_KVM_DEVICE=$T/none")
	as_user
	life auto
}

@test "as an ordinary user who may use KVM" {
	mknod "$T/kvm" c 10 232 2>/dev/null && chmod 666 "$T/kvm" ||
		skip "mknod of a device is refused: run as root, not in a container"
	vm-check -J | grep -Eq '"cause": *"(good|slow)"' ||
		skip "KVM is not usable here: vm-check says why"
	bare+=("VM_KVM_DEVICE=$T/kvm")
	as_user
	tool head -c 0 "$T/kvm" || skip "$T is mounted nodev: set TMPDIR to another place"
	life kvm
}
