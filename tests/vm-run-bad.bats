#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-run: what is refused, with which code, in one line that says who and why.
# 2: the command line is wrong. 125: it cannot be done. Nothing is left behind.

# shellcheck disable=SC2154 # run --separate-stderr sets stderr

load helpers

setup() {
	guest "$T/ok" <<-'END'
		poweroff
	END
	mkdir "$T/cwd" "$T/tmp"
	export TMPDIR=$T/tmp
	cd "$T/cwd" || return
}

teardown() {
	end_started
	[ -z "$(ls -A "$T/cwd")$(ls -A "$T/tmp")" ]
}

@test "no kernel, an unknown option, a missing value, an operand: usage" {
	refused 2
	[ "$stderr" = "vm-run: no machine, kernel (-k) or disk given; vm-run -h helps" ]
	refused 2 -m 64M
	refused 2 --no-such -k "$T/ok"
	refused 2 --kern "$T/ok"
	refused 2 -Z
	refused 2 -k
	refused 2 --kernel
	refused 2 -k "$T/ok" -m
	refused 2 -k "$T/ok" one two
	[ "$stderr" = "vm-run: unexpected argument 'two'" ]
	refused 2 "$T/ok"
	refused 2 --flat -k "$T/ok" -- command
	refused 2 -v=3 -k "$T/ok"
	refused 2 --verbose=3 -k "$T/ok"
	refused 2 -k "$T/ok" ''
}

@test "two kernels: usage" {
	refused 2 --flat -k "$T/ok" -k "$T/ok"
	refused 2 --flat --kernel="$T/ok" -k -
}

@test "values that are none: usage" {
	local v

	for v in "" x 1x -1 1.5 "1 M" 0x 99999999999999999999 1e3 M; do
		refused 2 --flat -k "$T/ok" -m "$v"
		refused 2 --flat -k "$T/ok" -c "$v"
	done
	for v in "" x 1x -1 "1 s" 99999999999999999999; do
		refused 2 --flat -k "$T/ok" --timeout "$v"
		refused 2 --flat -k "$T/ok" --stop-timeout "$v"
	done
	refused 2 --flat -k "$T/ok" --accel qemu
	refused 2 --flat -k "$T/ok" --accel ''
	refused 2 --flat -k "$T/ok" --on-reset maybe
	refused 2 --flat -k "$T/ok" --entry 16
	refused 2 --flat -k "$T/ok" --set novalue
	refused 2 --flat -k "$T/ok" --set no-such=1
	refused 2 --flat -k "$T/ok" --set =1
	refused 2 --flat -k "$T/ok" --set cpus=
	refused 2 --flat -k "$T/ok" --set debug-exit=perhaps
	[ "$stderr" = "vm-run: --set: debug-exit: 'perhaps' is not yes or no" ]
	refused 2 --flat -k "$T/ok" -c 0
	[ "$stderr" = "vm-run: --cpus: 0 is not in 1..255" ]
	refused 2 --flat=x -k "$T/ok"
	refused 2 --flat= -k "$T/ok"
}

@test "memory: nothing, too little, not whole pages, too much" {
	local v

	for v in 0 1 1K 63K 65535 65537 66K 2T 18446744073709551615 \
		16777216T; do
		refused 2 --flat -k "$T/ok" -m "$v"
	done
	refused 2 --flat -k "$T/ok" --set memory=65537
	boots 0 --flat -k "$T/ok" -m 64K
	refused 125 --flat -k "$T/ok" -m 1000G
	[[ $stderr == *"the host has "* ]]
}

@test "CPUs: none, too many" {
	refused 2 --flat -k "$T/ok" -c 0
	refused 2 --flat -k "$T/ok" -c 256
	refused 2 --flat -k "$T/ok" -c 1000
	refused 2 --flat -k "$T/ok" -c 4294967297
	boots 0 --flat -k "$T/ok" -c 255 --accel soft
}

@test "--flat at an address that real mode does not reach" {
	refused 2 --flat=0x10000 -k "$T/ok"
	refused 2 --flat=0x100000000 -k "$T/ok"
	refused 2 --flat=-1 -k "$T/ok"
	printf '\346\364' >"$T/out" # out %al, $0xf4
	boots 1 --debug-exit --flat=0xfff0 -k "$T/out"
}

@test "a flat image larger than the guest's memory" {
	head -c 70000 /dev/zero >"$T/big"
	refused 125 --flat -k "$T/big" -m 64K
	head -c 700000 /dev/zero >"$T/big"
	refused 125 --flat -k "$T/big" -m 16M
}

@test "a kernel that is not there, a directory, empty, or garbage" {
	: >"$T/empty"
	mkdir "$T/dir"
	head -c 100000 /dev/urandom | tr '\000-\377' 'A-Za-z' >"$T/garbage"
	head -c 100 "$T/garbage" >"$T/short"
	printf x >"$T/byte"
	ln -s loop "$T/loop"
	for k in none dir empty garbage short byte loop "ok/" ""; do
		refused 125 -k "$T/$k"
		[[ $stderr == *"$T/$k: "* ]]
	done
	refused 2 -k ""
	for k in none dir empty; do
		refused 125 --flat -k "$T/$k"
	done
	refused 125 -k /dev/null
	refused 125 -k "$T/$(printf '%0300d' 1)"
}

@test "an initrd that is not there, a directory, or empty" {
	local f

	: >"$T/empty"
	mkdir "$T/dir"
	for f in none dir empty ""; do
		refused 125 --flat -k "$T/ok" -i "$T/$f"
		[[ $stderr == *"$T/$f: "* ]]
	done
}

@test "files that we may not read" {
	local dir as=()

	dir=$(mktemp -d /tmp/vmt-bad.XXXXXX)
	cp "$T/ok" "$dir/secret"
	cp "$T/ok" "$dir/ok"
	chmod 000 "$dir/secret"
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$dir"
		mkdir "$dir/vm"
		chown 65534 "$dir/vm"
		chmod 700 "$dir/vm"
		export VM_HOME=$dir/vm
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		"${as[@]}" test -x "$(command -v vm-run)" || {
			rm -rf "$dir"
			skip "an ordinary user cannot run vm-run: put the build where others may read"
		}
	fi
	cd /
	run "${as[@]}" timeout -s KILL 5 vm-run --flat -k "$dir/secret"
	[ "$status" = 125 ]
	[ "$output" = "vm-run: $dir/secret: cannot open: Permission denied" ]
	run "${as[@]}" timeout -s KILL 5 vm-run --flat -k "$dir/ok" \
		-i "$dir/secret"
	[ "$status" = 125 ]
	[ "$output" = "vm-run: $dir/secret: cannot open: Permission denied" ]
	run "${as[@]}" timeout -s KILL 5 vm-run --flat -k "$dir/ok" \
		--serial "file:$dir/log"
	[ "$status" = 125 ]
	[ "${#lines[@]}" = 1 ]
	rm -rf "$dir"
}

@test "a kernel from standard input that is closed, empty or garbage" {
	run bash -c 'timeout -s KILL 5 vm-run -k - <&-'
	[ "$status" = 125 ]
	[ "$output" = "vm-run: standard input: cannot read: Bad file descriptor" ]
	LIMIT=5 run vmr -k - </dev/null
	[ "$status" = 125 ]
	[ "$output" = "vm-run: standard input: is empty" ]
	run bash -c 'yes | head -c 300000 | timeout -s KILL 5 vm-run -k -'
	[ "$status" = 125 ]
	[[ $output == "vm-run: standard input: not a kernel: "* ]]
	LIMIT=5 run vmr -k - <"$T"
	[ "$status" = 125 ]
	[ "${#lines[@]}" = 1 ]
}

@test "a kernel from standard input that never ends" {
	LIMIT=5 run vmr -k - </dev/zero
	[ "$status" = 125 ]
	[[ $output == "vm-run: standard input: not a kernel: "* ]]
	[ "${#lines[@]}" = 1 ]
	[[ $B != *-san* ]] || skip "the sanitizers need address space"
	run bash -c 'ulimit -v 1000000
		timeout -s KILL 20 vm-run --flat -k - </dev/zero'
	[ "$status" = 125 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == "vm-run: standard input: "* ]]
}

@test "back ends that are none, or cannot be" {
	refused 2 --flat -k "$T/ok" --serial
	for s in "" stdi stdio: file tcp:80 pty: "unix" vc; do
		refused 2 --flat -k "$T/ok" --serial "$s"
	done
	refused 125 --flat -k "$T/ok" --serial file:
	refused 125 --flat -k "$T/ok" --serial file:/no/such/dir/log
	refused 125 --flat -k "$T/ok" --serial "file:$T"
	refused 125 --flat -k "$T/ok" --serial unix:/no/such/dir/sock
	refused 125 --flat -k "$T/ok" --serial unix:
	refused 125 --flat -k "$T/ok" --serial "unix:$T"
	refused 125 --flat -k "$T/ok" --debugcon file:/no/such/dir/log
}

@test "kvm where there is none" {
	export VM_KVM_DEVICE=$T/absent
	refused 125 --accel kvm --flat -k "$T/ok"
	[[ $stderr == *"$T/absent"* ]]
	boots 0 --accel auto --flat -k "$T/ok"
}

@test "what is refused does not truncate the log of the run before" {
	echo precious >"$T/log"
	refused 125 -k "$T/none" --serial "file:$T/log"
	refused 125 -k "$T" --serial "file:$T/log"
	refused 2 -k "$T/ok" --serial "file:$T/log" -m 0
	[ "$(cat "$T/log")" = precious ]
}

@test "Linux: cut short anywhere, or with a header that lies" {
	local k n

	need_guests
	k=$B/guests/vmlinuz-cloud
	for n in 1 511 512 513 600 1024 4096 16384 1000000 14000000; do
		head -c $n "$k" >"$T/cut"
		refused 125 -k "$T/cut"
		[[ $stderr == *"$T/cut: "* ]]
	done
	k=$B/guests/vmlinux-cloud
	for n in 1 16 63 64 100 200 4096 2000000 30000000; do
		head -c $n "$k" >"$T/cut"
		refused 125 -k "$T/cut"
		[[ $stderr == *"$T/cut: "* ]]
	done
	rm "$T/cut"
}

@test "Linux: larger than the guest's memory, and an initrd that is" {
	need_guests
	refused 125 -m 16M -k "$B/guests/vmlinuz-cloud"
	refused 125 -m 16M -k "$B/guests/vmlinux-cloud"
	refused 125 -m 1M -k "$B/guests/vmlinuz-std"
	refused 125 -m 64K -k "$B/guests/vmlinuz-std"
	truncate -s 300M "$T/initrd"
	refused 125 -m 256M -k "$B/guests/vmlinuz-cloud" -i "$T/initrd"
	truncate -s 5G "$T/initrd"
	refused 125 -m 256M -k "$B/guests/vmlinuz-cloud" -i "$T/initrd"
}

@test "Linux: a command line longer than the kernel takes" {
	need_guests
	refused 125 -k "$B/guests/vmlinuz-cloud" -a "$(printf '%03000d' 1)"
	[[ $stderr == *"command line"* ]]
}

@test "Linux kernels that are packed once more say so" {
	need_guests
	head -c 1000000 "$B/guests/vmlinuz-cloud" | gzip -1 >"$T/k.gz"
	refused 125 -k "$T/k.gz"
	[ "$stderr" = "vm-run: $T/k.gz: not a kernel: compressed by gzip" ]
}
