#!/bin/bash
# SPDX-License-Identifier: MIT
# Figures beside the rivals, all in one run: medians of RUNS (default 5), and
# ratios. What cannot be measured here is said.
set -eu
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
run=$B/bin/vm-run
guests=$B/guests

ratio()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

boot()
{
	local k=$guests/vmlinuz-cloud i=$guests/initrd-demo.gz ours theirs
	local cmd='console=ttyS0 quiet tsc_early_khz='

	if [ ! -f "$k" ]; then
		echo "boot: no kernel fetched: skipped"
		return
	fi
	: > "$dir/ours"
	: > "$dir/theirs"
	for ((n = 0; n < runs; n++)); do
		times 1 '== Linux' "$run" --accel soft -m 512M -k "$k" \
			-i "$i" -a "${cmd}1000000" >> "$dir/ours"
		command -v qemu-system-x86_64 > /dev/null || continue
		times 1 '== Linux' qemu-system-x86_64 -accel tcg -M microvm \
			-m 512M -nodefaults -no-user-config -display none \
			-serial stdio -kernel "$k" -initrd "$i" \
			-append "${cmd}2600000" >> "$dir/theirs"
	done
	ours=$(median < "$dir/ours")
	theirs=$(median < "$dir/theirs")
	echo "boot, cloud kernel to first line, soft: ${ours} s"
	if [ -n "$theirs" ]; then
		echo "boot, qemu -accel tcg -M microvm:       ${theirs} s"
		echo "boot, ratio (at most 1.5):              $(ratio "$ours" "$theirs")"
	fi
}

launch()
{
	local bare soft kvm alone

	guest RESET
	soft=$(times 21 '' "$run" --accel soft --flat -k "$dir/RESET" | median)
	echo "launch to reset, soft (at most 0.005):  ${soft} s"
	if ! "$B/tests/bench/bare-kvm" 2> /dev/null; then
		echo "launch, kvm: no usable /dev/kvm: skipped"
		rig
		return
	fi
	# In turns, since the host's own pace changes. Alone: without what the
	# bare program lacks too, a directory and confinement.
	for ((n = 0; n < 41; n++)); do
		times 1 '' "$B/tests/bench/bare-kvm" >&3
		times 1 '' "$run" --accel kvm --flat -k "$dir/RESET" >&4
		VM_HOME=/dev/null times 1 '' "$run" --no-confine --accel kvm \
			--flat -k "$dir/RESET" 2> /dev/null >&5
	done 3> "$dir/bare" 4> "$dir/kvm" 5> "$dir/alone"
	bare=$(median < "$dir/bare")
	kvm=$(median < "$dir/kvm")
	alone=$(median < "$dir/alone")
	echo "launch to reset, kvm:                   ${kvm} s"
	echo "launch to reset, kvm, machine alone:    ${alone} s"
	echo "launch, bare C program:                 ${bare} s"
	echo "launch, ratio, alone (at most 2):       $(ratio "$alone" "$bare")"
	echo "launch, ratio, all:                     $(ratio "$kvm" "$bare")"
	rig
}

# The same on a KVM that QEMU emulates: slow, but the ratios are true ones.
rig()
{
	tests/realkvm/check.sh figures 7 |
		sed -n 's/^# \([lp].*\)/on an emulated KVM: \1/p
			s/^1\.\.0 # SKIP /on an emulated KVM: skipped: /p'
}

# Resident and private memory of PID but for the guest's RAM, in kB. Translated
# code is mapped twice: half of it here, half there.
own()
{
	awk '/^[0-9a-f]+-/ { code = /memfd:vm-code/; ram = !code && /memfd:/ }
		!ram && !code && /^Rss:/ { rss += $2 }
		code && /^Pss:/ { rss += $2; priv += $2 }
		!ram && !code && /^Private_(Clean|Dirty):/ { priv += $2 }
		END { print int(rss), int(priv) }' "/proc/$1/smaps"
}

memory()
{
	local engine pid i

	guest HALT
	for engine in soft kvm; do
		"$run" --accel $engine -m 128M --flat -k "$dir/HALT" \
			< /dev/null > /dev/null 2>&1 &
		pid=$!
		for ((i = 0; i < 20; i++)); do
			sleep 0.05
			[ -d "/proc/$pid" ] || break
		done
		if [ -d "/proc/$pid" ]; then
			own $pid | while read -r rss priv; do
				echo "memory, $engine, own resident (at most 4096): $rss kB"
				echo "memory, $engine, own private (at most 1536):  $priv kB"
			done
		else
			echo "memory, $engine: does not run here: skipped"
		fi
		kill -9 $pid 2> /dev/null || :
		wait $pid 2> /dev/null || :
	done
}

# speed NAME GUEST JIT MILLIONS: of instructions a second
speed()
{
	times "$runs" '' "$run" --accel soft --set "jit=$3" --flat \
		-k "$dir/$2" | median |
		awk -v name="$1" -v m="$4" '{
			printf "%-40s%.0f M instructions/s\n", name ":", m / $1
		}'
}

soft()
{
	guest LOOP
	guest CALLS
	speed "integer loop, interpreted (at least 300)" LOOP no 1500
	speed "integer loop, translated" LOOP yes 1500
	speed "calls and branches, interpreted" CALLS no 1300
	speed "calls and branches, translated" CALLS yes 1300
}

boot
launch
memory
soft
tests/bench/ls.sh
tests/bench/shot.sh
tests/bench/tui.sh
tests/bench/machines.sh
tests/bench/disk.sh soft kvm
tests/bench/scroll.sh
