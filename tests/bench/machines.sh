#!/bin/bash
# SPDX-License-Identifier: MIT
# Figures of machines that are directories: asking one, confining one, and many
# halted ones at once. MANY says how many (200).
set -eu
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
many=${MANY:-200}
PATH=$(cd "$B/bin" && pwd):$PATH

finish()
{
	vm-ls -q | xargs -r -P4 -I{} vm-ctl {} poweroff 2> /dev/null || :
	rm -rf "$dir"
}
trap finish EXIT

guest HALT
guest RESET
vm-create one "kernel=$dir/HALT" flat=0x7c00 memory=16M accel=soft
vm-run -d one
echo "vm-ctl status, a whole process (at most 0.003): $(
	times 41 '' vm-ctl one status | median) s"
vm-ctl one poweroff

# In turns: the machine's own drift is more than what is measured.
for ((n = 0; n < 101; n++)); do
	times 1 '' vm-run --no-confine --accel soft --flat -k "$dir/RESET" >&3
	times 1 '' vm-run --accel soft --flat -k "$dir/RESET" >&4
done 3> "$dir/free" 4> "$dir/confined"
free=$(median < "$dir/free") confined=$(median < "$dir/confined")
echo "confinement (at most 0.002):            $(
	awk -v a="$confined" -v b="$free" 'BEGIN { printf "%.4f", a - b }') s"

for ((n = 0; n < many; n++)); do
	vm-create "m$n" "kernel=$dir/HALT" flat=0x7c00 memory=16M accel=soft
	vm-run -d "m$n"
done
echo "halted machines at once:                $(
	vm-ls -q -s running | wc -l) of $many"
for ((n = 0; n < many; n += 10)); do
	pid=$(vm-ls -n -o pid "m$n")
	awk '/^[0-9a-f]+-/ { ram = /memfd:/ }
		!ram && /^Private_(Clean|Dirty):/ { priv += $2 }
		END { print priv }' "/proc/$pid/smaps"
done | sort -n | awk '{ v[NR] = $1 }
	END { print "own private memory of each (at most 3072): " \
		v[int((NR + 1) / 2)] " kB, at most " v[NR] " kB" }'
echo "vm-ls of them:                          $(times 21 '' vm-ls | median) s"
