#!/bin/bash
# SPDX-License-Identifier: MIT
# What vm-tui takes with 500 machines at one refresh a second, in percent of a
# CPU, and how long a key takes to the screen; then with 20 of them running.
set -eu
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash
export TERM=xterm-256color LANG=C.UTF-8
seconds=${SECONDS_EACH:-20}

"$B/bin/vm-create" m0001 memory=512M cpus=2 description=none
for ((i = 2; i <= 500; i++)); do
	printf -v name 'm%04d' "$i"
	cp -pr "$VM_HOME/m0001" "$VM_HOME/$name"
done
[ "$("$B/bin/vm-tui" -b -n 1 | wc -l)" = 502 ]

# measure WHAT OPTION...
measure()
{
	local what=$1 cpu key most

	shift
	read -r cpu key most < <("$B/tests/bench/terminal" "$seconds" 40 \
		"$B/bin/vm-tui" "$@")
	printf 'vm-tui, %s, CPU (at most 2):    %s %%\n' "$what" "$cpu"
	printf 'vm-tui, %s, key (at most 50):   %s ms, at most %s\n' \
		"$what" "$key" "$most"
}

measure '500 machines'
measure '500 machines, sorted by CPU' -S cpu
guest HALT
for ((i = 1; i <= 20; i++)); do
	"$B/bin/vm-run" -d -n "run$i" --accel soft -m 2M --flat \
		-k "$dir/HALT" || :
done
measure '520, 20 running, by CPU' -S cpu
for ((i = 1; i <= 20; i++)); do
	"$B/bin/vm-ctl" "run$i" poweroff || :
done
