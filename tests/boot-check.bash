# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# boot KERNEL-CPUS: boots initrd-check.gz of B/guests with it and leaves in the
# directory of that name: out (each line with the time it came), err, code.
boot() {
	local kernel=${1%-*} cpus=${1##*-} line code

	mkdir -p "$1"
	timeout --foreground -s KILL 300 vm-run -m 128M -c "$cpus" -k "$B/guests/$kernel" \
		-i "$B/guests/initrd-check.gz" \
		-a "console=ttyS0 quiet cpus=$cpus" </dev/null 2>"$1/err" |
		while IFS= read -r line; do
			printf '%s %s\n' "$EPOCHREALTIME" "$line"
		done >"$1/out"
	code=${PIPESTATUS[0]}
	echo "$code" >"$1/code.new"
	mv "$1/code.new" "$1/code"
}
