# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # for the scripts that read this
# What the scripts of figures share: a directory that goes, with a state home in
# it, and medians of whole processes.
B=${B:-build}
runs=${RUNS:-5}
until=$B/tests/bench/until
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export VM_HOME=$dir/vm

median()
{
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# times COUNT PATTERN COMMAND...: seconds until a line says that, or to the end,
# a line each
times()
{
	local n=$1

	shift
	for ((; n; n--)); do
		"$until" "$@"
	done
}

# A guest of guests.S, as $dir/NAME.
guest()
{
	gcc -m32 "-D$1" -nostdlib -Wl,-Ttext=0x7c00 -Wl,--build-id=none \
		-Wl,--oformat=binary -o "$dir/$1" tests/bench/guests.S
}
