#!/bin/bash
# SPDX-License-Identifier: MIT
# scroll.sh: how long Linux takes to write LINES lines (default 20000) to its
# console on the screen, with the soft engine and in QEMU (TCG): the same kernel
# and script, in turns, medians of RUNS. Text mode, and where the standard
# kernel is there a linear one, to which QEMU's firmware switches by itself.
set -eu
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
run=$B/bin/vm-run
guests=$B/guests
lines=${LINES_TO_WRITE:-20000}
line=$(printf '%078d' 0 | tr 0 x)
do="yes $line | head -n $lines > /tmp/text; head -n 100 /tmp/text > /dev/tty1; \
echo SCROLL begin; cat /tmp/text > /dev/tty1; echo SCROLL end"

# Seconds between the two lines that the script says.
between()
{
	timeout 300 "$@" < /dev/null 2>&1 | perl -MTime::HiRes=time -ne '
		$from = time if /^SCROLL begin/;
		printf "%.3f\n", time - $from if /^SCROLL end/'
}

ours()
{
	between "$run" --accel soft -m 256M --set "vga-mode=$1" \
		-k "$guests/vmlinuz-$2" -i "$guests/initrd-do-$2.gz" \
		-a "console=tty0 console=ttyS0 quiet tsc_early_khz=1000000 do=\"$do\""
}

theirs()
{
	between qemu-system-x86_64 -accel tcg -M pc -m 256M -nodefaults \
		-no-user-config -vga std -display none -serial stdio \
		-kernel "$guests/vmlinuz-$2" -initrd "$guests/initrd-do-$2.gz" \
		-append "console=tty0 console=ttyS0 quiet $1 do=\"$do\""
}

# compare WHAT MODE KERNEL OPTION
compare()
{
	local a b

	if [ ! -f "$guests/vmlinuz-$3" ]; then
		echo "scroll, $1: no kernel fetched: skipped"
		return
	fi
	: > "$dir/ours"
	: > "$dir/theirs"
	for ((n = 0; n < runs; n++)); do
		ours "$2" "$3" >> "$dir/ours"
		command -v qemu-system-x86_64 > /dev/null || continue
		theirs "$4" "$3" >> "$dir/theirs"
	done
	a=$(median < "$dir/ours") b=$(median < "$dir/theirs")
	echo "scroll, $1, soft:             ${a:-failed} s"
	[ -n "$a" ] && [ -n "$b" ] || return 0
	echo "scroll, $1, qemu -accel tcg:  $b s"
	awk -v a="$a" -v b="$b" -v w="$1" 'BEGIN {
		printf "scroll, %s, ratio (at least 1.0): %.2f\n", w, b / a }'
}

compare text text cloud ''
compare linear 1024x768x32 std vga=0x344
