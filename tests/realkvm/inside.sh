#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash disable=SC2317
# inside.sh: what check.sh runs in the rig. Prints TAP.
#
#   boot KERNEL CPUS   Debian's kernel under vm-run to its power-off
#   firmware           SeaBIOS and GRUB from a CD-ROM, to its menu
#   disks              Linux reads and writes disks on virtio and on IDE
#   cpu GUEST...       tests/cpu/run.sh; what /t/faults lists counts as passed
#   auto               the choice of the engine
#   figures RUNS       launch and exit beside bare-kvm, as comments
set -u

n=0
bad=0

# check NAME COMMAND...: a test that passes if the command does
check()
{
	name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		bad=1
	fi
}

boot()
{
	echo 1..1
	begin=$(cut -d ' ' -f 1 /proc/uptime)
	vm-run --accel kvm -m 128M -c "$2" --timeout 80s -k "/g/$1" \
		-i /g/initrd-demo > out 2> err \
		-a 'console=ttyS0 quiet nokaslr mitigations=off'
	code=$?
	took=$(echo "$begin $(cut -d ' ' -f 1 /proc/uptime)" |
		awk '{ printf "%.1f", $2 - $1 }')
	tr -d '\r' < out > lines
	if [ "$code" = 0 ] && [ ! -s err ] && grep -q '^== Linux ' lines &&
		grep -q "^== CPUs: $2," lines &&
		grep -q '^== clock: kvm-clock,' lines &&
		[ "$(grep -c '^== off$' lines)" = 1 ] &&
		! grep -qE 'WARNING:|BUG:|Call Trace|Oops' lines; then
		echo "ok 1 - to its power-off in $took s"
		return
	fi
	echo "not ok 1 - to its power-off"
	echo "# exit status $code after $took s"
	sed 's/^/# vm-run: /' err
	tail -n 40 lines | sed 's/^/# guest: /'
	bad=1
}

# SeaBIOS moves the cursor in the middle of words.
menu()
{
	sed "s/$(printf '\033')\\[[0-9;?]*[a-zA-Z]//g" out 2> /dev/null |
		tr -d '\r\n' | grep -q 'GNU *GRUB'
}

firmware()
{
	echo 1..1
	vm-run --accel kvm -m 64M --timeout 100s --firmware /g/bios-256k.bin \
		--cdrom /g/grub.iso > out 2> err < /dev/null &
	for _ in $(seq 500); do
		! menu || break
		kill -0 $! 2> /dev/null || break
		sleep 0.2
	done
	check "GRUB's menu on the serial line" menu
	[ "$bad" = 0 ] || tail -n 20 out err | cat -v | sed 's/^/# /'
	kill -KILL $!
	wait
}

# Each disk gets what the other one holds, through the guest.
disks()
{
	echo 1..4
	for d in a b; do
		head -c 2097152 /dev/urandom > "$d.raw"
		sha256sum < "$d.raw" > "$d.sum"
	done
	script="cd /dev; wait_for vda; wait_for sda; cat vda > /a; cat sda > /b;
		dd if=/b of=vda bs=64k conv=fsync;
		dd if=/a of=sda bs=64k conv=fsync"
	script=$(echo "$script" | tr -s '\n\t' ' ')
	vm-run --accel kvm -m 192M --timeout 90s -k /g/vmlinuz-cloud \
		-i /g/initrd-do > out 2> err \
		--disk "$PWD/a.raw" --disk "$PWD/b.raw,bus=ide" \
		-a "console=ttyS0 quiet do=\"$script\""
	check "Linux has powered off" [ $? = 0 ]
	check "nothing on stderr" [ ! -s err ]
	sha256sum < a.raw > a.now
	sha256sum < b.raw > b.now
	check "virtio: what was on IDE" cmp a.now b.sum
	check "IDE: what was on virtio" cmp b.now a.sum
	[ "$bad" = 0 ] || tail -n 40 out err | sed 's/^/# /'
	rm -f a.raw b.raw
}

# unlisted GUEST: its failed checks that /t/faults does not excuse
unlisted()
{
	{
		sed -n 's/^not ok //p' "$OUT/$1.kvm" |
			sed 's/ got .*//; s/done  .*//'
		grep -q '^done\|done  [0-9a-f]*$' "$OUT/$1.kvm" || echo '(end)'
	} | sort -u | while read -r check; do
		grep -qxF "$1: $check" /t/faults || echo "$check"
	done
}

# A guest whose failures are all listed passes, and says how many they are.
cpu()
{
	export OUT=/tmp/cpu LIMIT=40 VM_CHECK=true
	mkdir -p "$OUT"
	echo "1..$#"
	for elf; do
		name=${elf##*/}
		name=${name%.elf}
		n=$((n + 1))
		if grep -qx "$name: (never)" /t/faults; then
			echo "ok $n - $name # SKIP not under QEMU"
			continue
		fi
		sh /t/run.sh kvm "$elf" > verdict
		if grep -q '^not ok' verdict &&
			grep -q "^$name:" /t/faults &&
			[ -z "$(unlisted "$name")" ]; then
			listed=$(grep -c '^not ok ' "$OUT/$name.kvm")
			echo "ok $n - $name: all but $listed that are in faults"
		elif grep -q '^1\.\.0' verdict; then
			echo "not ok $n - $name: skipped"
			bad=1
		else
			sed -n "s/^\\(not \\)\\{0,1\\}ok 1 - /\\1ok $n - /p" verdict
			grep -q '^ok' verdict && continue
			bad=1
			grep '^#' verdict | head -n 30
			unlisted "$name" | sed 's/^/# not in faults: /'
		fi
	done
}

auto()
{
	echo 1..4
	vm-check > text
	check "vm-check chooses kvm" grep -q '^engine *kvm$' text
	grep '^because' text | sed 's/^/# /'
	vm-check -J > json
	check "vm-check -J: the engine is kvm, the cause is good" \
		grep -q '"engine": *"kvm".*"cause": *"good"' json
	vm-run -v --flat -k /t/RESET > out 2> err
	check "vm-run without --accel: exit status 110" [ $? = 110 ]
	check "vm-run -v says: engine kvm" grep -qx 'vm-run: engine kvm' err
	[ "$bad" = 0 ] || sed 's/^/# /' text json err
}

median()
{
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# Two programs in turn, so that a busy host meets both. The machine alone, as
# the other is: without a directory, not confined.
alone()
{
	VM_HOME=/dev/null /t/until '' vm-run --no-confine --accel kvm --flat \
		-k "$1" 2> /dev/null
}

figures()
{
	exits=3000
	for file in bare ours none some loop; do
		: > "$file"
	done
	for _ in $(seq "$1"); do
		/t/until '' bare-kvm >> bare
		alone /t/RESET >> ours
		alone /t/EXITS >> some
		bare-kvm -n "$exits" | awk '{ print $1 / 1000 }' >> loop
	done
	for file in bare ours some loop; do
		if [ "$(wc -l < "$file")" != "$1" ]; then
			echo "# no figures: $file"
			exit 1
		fi
	done
	awk -v bare="$(median < bare)" -v ours="$(median < ours)" \
		-v some="$(median < some)" -v loop="$(median < loop)" \
		-v exits="$exits" 'BEGIN {
		exit_us = (some - ours) / exits * 1e6
		printf "# launch to reset, kvm:          %.1f ms\n", ours * 1e3
		printf "# launch, bare C program:        %.1f ms\n", bare * 1e3
		printf "# launch, ratio (at most 2):     %.2f\n", ours / bare
		printf "# port write, kvm:               %.1f us\n", exit_us
		printf "# port write, bare C program:    %.1f us\n", loop
		printf "# port write, ratio:             %.2f\n", exit_us / loop
	}'
	echo 1..1
	echo "ok 1 - medians of $1"
}

# Guest RAM in huge pages: nested paging costs a third here.
echo always > /sys/kernel/mm/transparent_hugepage/shmem_enabled
"$@"
exit $bad
