# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For tests of what looks at machines from outside: directories of machines, and
# processes that play the machine. Loaded after helpers.

export VM_HOME=$T/vm

# machine NAME [LINE...]: one that never ran, with these lines in its config
machine() {
	local d=$VM_HOME/$1

	shift
	(umask 077 && mkdir -p "$VM_HOME/.trash" "$d")
	echo "vm-state 1" >"$d/format"
	printf '%s\n' "$@" >"$d/config"
	(umask 077 && : >"$d/lock")
}

# play NAME [COMMAND...]: start what plays its process (see fake-vm.pl), as
# $pid, and have it do that
play() {
	local name=$1 c

	shift
	rm -f "$T/$name.do" "$T/$name.done"
	mkfifo "$T/$name.do"
	"$TOP/tests/fake-vm.pl" "$VM_HOME/$name" <>"$T/$name.do" \
		>"$T/$name.done" 2>"$T/$name.err" 3>&- &
	pid=$!
	started+=("$pid")
	disown "$pid" # bash would tell of its being killed
	until_true 20 grep -qs locked "$T/$name.done" || {
		cat "$T/$name.err"
		return 1
	}
	for c; do
		tell "$name" "$c" || return
	done
}

did() {
	[ "$(wc -l <"$T/$1.done")" -gt "$2" ]
}

# tell NAME COMMAND: and wait until it is done
tell() {
	local n

	n=$(wc -l <"$T/$1.done")
	echo "$2" >"$T/$1.do"
	until_true 20 did "$1" "$n" || {
		cat "$T/$1.err"
		return 1
	}
}

# behind COMMAND...: run it in the background as $pid; what it says goes to
# $T/out and $T/err
behind() {
	rm -f "$T/out" "$T/err"
	timeout -s KILL 60 "$@" >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	started+=("$pid")
}
