#!/bin/bash
# SPDX-License-Identifier: MIT
# What a screenshot of 1280x800 takes, the whole process of vm-shot, in seconds:
# the median of RUNS (default 5) times 5. The screens: a console, and a picture
# of more colours than a palette has; then a text mode.
set -eu
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash

"$B/bin/vm-create" web
fb=$VM_HOME/web/fb

shot()
{
	for ((i = 0; i < runs * 5; i++)); do
		"$until" '' "$B/bin/vm-shot" "${@:2}" web
	done | median | xargs printf '%-46s%s s\n' "$1"
}

perl tests/fbfile.pl 1280x800 > "$fb"
perl -e 'srand 1;
	for my $y (0 .. 799) {
		for my $x (0 .. 159) {
			my $ch = $x < 20 + 97 * int($y / 16) % 120;
			print pack "V*", map { $ch && rand > .7 ? 0xaaaaaa : 0 } 1 .. 8;
		}
	}' | dd of="$fb" bs=4096 seek=1 conv=notrunc status=none
shot "vm-shot, console, PNG (at most 0.030):" -o "$dir/x"
shot "vm-shot, console, PPM:" -f ppm -o "$dir/x"
shot "vm-shot, console, --hash:" --hash
shot "vm-shot, console, --text:" --text
perl -e 'for my $y (0 .. 799) {
		print pack "V*", map {
			int($_ / 5) | int($y / 4) << 8 | ($_ + $y) % 256 << 16
		} 0 .. 1279;
	}' | dd of="$fb" bs=4096 seek=1 conv=notrunc status=none
shot "vm-shot, many colours, PNG (at most 0.030):" -o "$dir/x"
seq -w 24 | perl tests/fbfile.pl text > "$fb"
shot "vm-shot, 80x25, PNG:" -o "$dir/x"
