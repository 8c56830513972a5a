#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm: the front door to all other tools, and what all tools have in common.

bats_require_minimum_version 1.5.0

setup() {
	# A command of our own, so that this tests vm and nothing else.
	mkdir -p "$TMPDIR/bin"
	cat >"$TMPDIR/bin/vm-zz-test" <<-'END'
		#!/bin/sh
		[ "$1" != --help ] || { echo "this is zz-test"; exit 0; }
		echo "$0" "$#" "$@"
		exit 42
	END
	chmod +x "$TMPDIR/bin/vm-zz-test"
	PATH=$PATH:$TMPDIR/bin
}

@test "vm CMD runs vm-CMD with its arguments and exit code" {
	run vm zz-test a "b c" -V -- --help
	[ "$status" = 42 ]
	[ "$output" = "$TMPDIR/bin/vm-zz-test 5 a b c -V -- --help" ]
}

@test "a command that is not there is a usage error of one line" {
	run vm no-such
	[ "$status" = 2 ]
	[ "$output" = "vm: no-such: no such command (vm --list-cmds lists them)" ]
}

@test "a command is never a path, never abbreviated" {
	for name in ../bin/zz-test /bin/sh zz-tes "" .; do
		run vm "$name"
		[ "$status" = 2 ]
	done
}

@test "what cannot be executed is no command" {
	chmod -x "$TMPDIR/bin/vm-zz-test"
	run vm zz-test
	[ "$status" = 2 ]
}

@test "a command that cannot be run says why" {
	printf '#!/no/such/interpreter\n' >"$TMPDIR/bin/vm-zz-test"
	run vm zz-test
	[ "$status" = 1 ]
	[ "$output" = "vm: $TMPDIR/bin/vm-zz-test: cannot run: No such file or directory" ]
}

@test "--list-cmds names each command once, sorted" {
	mkdir "$TMPDIR/more"
	cp "$TMPDIR/bin/vm-zz-test" "$TMPDIR/more"
	touch "$TMPDIR/bin/vm-not-executable"
	mkdir "$TMPDIR/bin/vm-directory"
	PATH=$PATH:$TMPDIR/more run vm --list-cmds
	[ "$status" = 0 ]
	[ "$(grep -cx zz-test <<<"$output")" = 1 ]
	[ "$(grep -cx -e not-executable -e directory <<<"$output")" = 0 ]
	[ "$output" = "$(LC_ALL=C sort -u <<<"$output")" ]
}

@test "without arguments, usage goes to stderr and the code is 2" {
	run --separate-stderr vm
	[ "$status" = 2 ]
	[ -z "$output" ]
	[[ $stderr == "usage: vm command"* ]]
}

@test "-h goes to stdout and succeeds" {
	run --separate-stderr vm -h
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	[[ $output == "usage: vm command"* ]]
}

@test "-V prints one line" {
	run vm --version
	[ "$status" = 0 ]
	[[ $output =~ ^vm\ \(vm-utils\)\ [0-9.]+$ ]]
}

@test "an unknown option is a usage error of one line" {
	run --separate-stderr vm --no-such
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "$stderr" = "vm: unknown option '--no-such'" ]
}

@test "help lists the commands" {
	run vm help
	[ "$status" = 0 ]
	grep -qx '  zz-test' <<<"$output"
}

@test "help CMD opens the manual page" {
	mkdir -p "$TMPDIR/fake"
	printf '#!/bin/sh\necho "man $*"\n' >"$TMPDIR/fake/man"
	chmod +x "$TMPDIR/fake/man"
	PATH=$TMPDIR/fake:$PATH run vm help zz-test
	[ "$status" = 0 ]
	[ "$output" = "man vm-zz-test" ]
}

@test "help CMD falls back to CMD --help where there is no manual" {
	mkdir -p "$TMPDIR/fake"
	printf '#!/bin/sh\necho complaint >&2; exit 16\n' >"$TMPDIR/fake/man"
	chmod +x "$TMPDIR/fake/man"
	PATH=$TMPDIR/fake:$PATH run vm help zz-test
	[ "$status" = 0 ]
	[ "$output" = "this is zz-test" ]
}

@test "help of what does not exist is a usage error" {
	run vm help no-such
	[ "$status" = 2 ]
	run vm help zz-test more
	[ "$status" = 2 ]
}

@test "a full disk is a failure" {
	run bash -c 'vm -h >/dev/full'
	[ "$status" = 1 ]
	[ "$output" = "vm: stdout: No space left on device" ]
}

@test "a closed stdout is a failure" {
	run bash -c 'vm -h >&-'
	[ "$status" = 1 ]
	[ "$output" = "vm: stdout: Bad file descriptor" ]
}

@test "a reader that leaves is no reason for words" {
	mkfifo "$TMPDIR/pipe"
	run bash -c 'trap "" PIPE
		exec 3<>"$TMPDIR/pipe" 4>"$TMPDIR/pipe" 3>&-
		vm -h 2>&1 >&4'
	[ "$status" = 1 ]
	[ -z "$output" ]
	run bash -c 'exec 3<>"$TMPDIR/pipe" 4>"$TMPDIR/pipe" 3>&-
		vm -h 2>&1 >&4'
	[ "$status" = 141 ]
	[ -z "$output" ]
}
