#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Disks on virtio, as Linux sees them: read, written, flushed; what is left after
# a power-off and after SIGKILL; overlays; a full host.
# timeout: 600

# shellcheck disable=SC2154 # start sets pid

load helpers

setup() {
	export VM_HOME=$T/vm
	need_guests
	G=$B/guests
	disks=()
}

teardown() {
	end_started
	[ ! -e "$T/small/mounted" ] || umount -l "$T/small" || :
}

# disk VALUE: one more for linux and linux_starts
disk() {
	disks+=(--set "disk=$1")
}

# options KIND SCRIPT: as $args, Linux that does what the script says
options() {
	local script=${2//[$'\n\t']/ }

	args=(--accel soft -m 192M "${disks[@]}" -k "$G/vmlinuz-$1"
		-i "$G/initrd-do-$1.gz" -a "console=ttyS0 quiet do=\"$script\"")
}

# linux KIND SCRIPT [VM-RUN OPTION...]: its console to $T/out; it powers off
linux() {
	options "$1" "$2"
	shift 2
	LIMIT=240 vmr "${args[@]}" "$@" </dev/null >"$T/out" 2>&1 || {
		echo "vm-run: $?"
		cat "$T/out"
		return 1
	}
}

# told LINE: that is a line of what it said
told() {
	tr -d '\r' <"$T/out" | grep -Fxq -- "$1" || {
		echo "not told: $1"
		cat "$T/out"
		return 1
	}
}

# within SECONDS COMMAND...: as until_true, for what takes as long as a boot
within() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || {
			echo "never: $*"
			cat "$T/out" "$T/err"
			return 1
		}
		sleep 0.2
	done
}

# is_state STATE: the machine "full" is in it
is_state() {
	[ "$(vm-ls -n -o state full)" = "$1" ]
}

# complained N: so many times, or more
complained() {
	[ "$(grep -cs BLOCK_IO_ERROR "$VM_HOME/full/events.jsonl")" -ge "$1" ]
}

sum() {
	sha256sum | cut -c 1-64
}

# ext4 FILE: a file system of 24 MiB with a file in it
ext4() {
	mkdir "$T/root"
	seq 10000 >"$T/root/numbers"
	mke2fs -q -t ext4 -d "$T/root" "$1" 24M
}

@test "Linux reads, writes, flushes and unmaps a virtio disk; reads-only stays" {
	head -c 3M /dev/urandom >"$T/a.raw"
	head -c 1M /dev/urandom >"$T/ro.raw"
	cp "$T/ro.raw" "$T/base.raw"
	ext4 "$T/fs.raw"
	disk "$T/a.raw,serial=first-one"
	disk "$T/ro.raw,read-only=yes"
	disk "$T/base.raw,overlay=yes"
	disk "$T/fs.raw,format=raw"
	want=$(head -c 2M "$T/a.raw" | sum)
	linux cloud "cd /dev; wait_for /dev/vdd;
		echo serial \$(cat /sys/block/vda/serial);
		echo sectors \$(cat /sys/block/vda/size);
		echo a \$(head -c 2097152 vda | sha256sum);
		dd if=vda of=vda bs=64k skip=16 seek=32 count=16 conv=notrunc,fsync;
		blkdiscard -o 0 -l 65536 vda && echo discarded;
		echo ro \$(cat /sys/block/vdb/ro);
		dd if=/dev/zero of=vdb bs=4k count=1 2>/dev/null || echo refused;
		dd if=/dev/zero of=vdc bs=64k count=16 conv=fsync;
		echo c \$(sha256sum < vdc);
		mkdir /m; mount -t ext4 vdd /m && seq 20000 > /m/more;
		echo numbers \$(sha256sum < /m/numbers); umount /m;
		dmesg | grep -v do= | grep 'error, dev vd[acd]' ||
		echo content"
	told "serial first-one"
	told "sectors 6144"
	told "a $want -"
	told discarded
	told "ro 1"
	told refused
	told "c $(head -c 1M /dev/zero | sum) -"
	told "numbers $(sum <"$T/root/numbers") -"
	told content
	# What the host sees of it.
	cmp <(tail -c +1048577 "$T/a.raw" | head -c 1M) \
		<(tail -c 1M "$T/a.raw")
	cmp "$T/base.raw" "$T/ro.raw"
	e2fsck -fn "$T/fs.raw"
	debugfs -R "cat more" "$T/fs.raw" 2>/dev/null | cmp - <(seq 20000)
	[ "$(find "$VM_HOME" -name '*overlay*')" = "" ]
}

@test "what was synced survives SIGKILL; the journal puts the rest right" {
	ext4 "$T/fs.raw"
	disk "$T/fs.raw,format=raw"
	options std "wait_for /dev/vda; mkdir /m; mount -t ext4 /dev/vda /m;
		seq 20000 > /m/kept; sync; echo now;
		n=0; while n=\$((n + 1)); do seq \$n 9000 > /m/x\$((n % 50)); done"
	start "${args[@]}"
	within 200 grep -qas '^now' "$T/out"
	sleep 0.5
	kill -KILL "$pid"
	until_true 20 gone "$pid"
	run e2fsck -fy "$T/fs.raw"
	[ "$status" -le 1 ]
	e2fsck -fn "$T/fs.raw"
	debugfs -R "cat kept" "$T/fs.raw" 2>/dev/null | cmp - <(seq 20000)
	debugfs -R "cat numbers" "$T/fs.raw" 2>/dev/null |
		cmp - "$T/root/numbers"
}

@test "a full host: the machine pauses, nothing is lost, resume goes on" {
	[ "$(id -u)" = 0 ] || skip "only root can mount a file system that fills up: run as root"
	mkdir "$T/small"
	mount -t tmpfs -o size=4m none "$T/small" || skip "a tmpfs cannot be mounted: run as root, not in a container"
	touch "$T/small/mounted"
	truncate -s 8M "$T/small/d.raw"
	head -c 2M /dev/zero >"$T/small/filler"
	disk "$T/small/d.raw"
	options cloud "wait_for /dev/vda;
		yes 0123456789abcde | head -c 2621440 | dd of=/dev/vda bs=64k conv=fsync;
		echo wrote \$?"
	start --name full --set on-io-error=pause "${args[@]}"
	within 200 complained 1
	within 60 is_state paused
	grep -q '"device": *"disk0".*"nospace": *true' \
		"$VM_HOME/full/events.jsonl"
	[[ $(vm-ls -n -o cause full) == "disk0: No space left on device"* ]]
	# There is no room yet: it says so again.
	vm-ctl full resume
	within 60 complained 2
	within 60 is_state paused
	rm "$T/small/filler"
	vm-ctl full resume
	ends 0 200
	grep -aq '^wrote 0' "$T/out"
	cmp -n 2621440 "$T/small/d.raw" <(yes 0123456789abcde)
}

@test "a full host, reported: the guest hears, and so do we, as an event" {
	[ "$(id -u)" = 0 ] || skip "only root can mount a file system that fills up: run as root"
	mkdir "$T/small"
	mount -t tmpfs -o size=4m none "$T/small" || skip "a tmpfs cannot be mounted: run as root, not in a container"
	touch "$T/small/mounted"
	truncate -s 8M "$T/small/d.raw"
	disk "$T/small/d.raw"
	options cloud "wait_for /dev/vda;
		head -c 6291456 /dev/urandom | dd of=/dev/vda bs=64k conv=fsync ||
		echo refused"
	start --name full --keep always "${args[@]}"
	ends 0 200
	grep -aq '^refused' "$T/out"
	grep -q '"BLOCK_IO_ERROR".*"device": *"disk0".*"action": *"report".*"nospace": *true' \
		"$VM_HOME/full/events.jsonl"
}

@test "what is in use, or not as the config says, is refused" {
	guest_polls "$T/guest"
	head -c 1M /dev/urandom >"$T/a.raw"
	qemu-img create -q -f qcow2 -b a.raw -F raw "$T/b.qcow2" ||
		skip "no qemu-img: install qemu-utils"
	qemu-img create -q -f qcow2 "$T/c.qcow2" 1M
	start --flat -k "$T/guest" --set "disk=$T/a.raw"
	says "$T/out" ready
	refused 125 --flat -k "$T/guest" --set "disk=$T/a.raw"
	[[ $stderr == *"a.raw: is in use"* ]]
	refused 125 --flat -k "$T/guest" --set "disk=$T/b.qcow2"
	[[ $stderr == *"builds on 'a.raw', which is not listed: backing="* ]]
	kill -KILL "$pid"
	until_true 20 gone "$pid"
	refused 125 --flat -k "$T/guest" --set \
		"disk=$T/c.qcow2,backing=$T/b.qcow2,backing=$T/a.raw"
	[[ $stderr == *"c.qcow2 has no backing file: leave out backing="* ]]
	refused 125 --flat -k "$T/guest" --set "disk=$T/none.raw"
	[[ $stderr == *"none.raw"*"No such file"* ]]
	refused 125 --flat -k "$T/guest" --set "disk=/dev/null,format=raw"
}

@test "ten overlays run side by side over one base, and leave nothing" {
	guest_polls "$T/guest"
	head -c 1M /dev/urandom >"$T/base.raw"
	cp "$T/base.raw" "$T/before"
	for n in 0 1 2 3 4 5 6 7 8 9; do
		OUT=$T/out$n start --accel soft --flat -k "$T/guest" \
			--name "over$n" --set "disk=$T/base.raw,overlay=yes"
	done
	for n in 0 1 2 3 4 5 6 7 8 9; do
		says "$T/out$n" ready 30
	done
	refused 125 --flat -k "$T/guest" --set "disk=$T/base.raw"
	[ "$(vm-ls -q -s running | grep -c over)" = 10 ]
	[ "$(find "$VM_HOME" -path '*/over*' -type f -size +100k)" = "" ]
	end_started
	cmp "$T/base.raw" "$T/before"
}
