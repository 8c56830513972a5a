#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the manual shows as an example works as it is written there.
# timeout: 120

load helpers

# examples PAGE: the commands under EXAMPLES, one a line
examples() {
	mandoc -Tutf8 -O width=900 "$TOP/man/$1" | col -bx |
		sed -n '/^EXAMPLES/,/^[A-DF-Z]/s/^ *\$ //p'
}

# example PAGE N: runs the Nth in a directory that holds the files it names;
# what is typed at it is "exit".
example() {
	local command

	command=$(examples "$1" | sed -n "${2}p")
	echo "\$ $command"
	[ -n "$command" ]
	cd "$T" || return
	ln -sf "$B/guests/vmlinuz-cloud" vmlinuz
	ln -sf "$B/guests/initrd.gz" initrd.gz
	ln -sf "$B/guests/initrd-demo.gz" job.gz
	ln -sf "$B/examples/hello.bin" hello.bin
	run timeout -s KILL 60 bash -c "$command" <<<exit
	echo "$output"
}

setup() {
	command -v mandoc >/dev/null || skip "no mandoc"
}

@test "vm(1): the commands" {
	example vm.1 1
	[ "$status" = 0 ]
	[[ $'\n'$output$'\n' == *$'\nrun\n'* ]]
}

@test "vm(1): the manual of a command" {
	example vm.1 2
	[ "$status" = 0 ]
	[[ $output == *vm-run* ]]
}

@test "vm-check(1): what is there" {
	example vm-check.1 1
	[ "$status" = 0 ]
	[[ $output == *engine* ]]
}

@test "vm-check(1): only where KVM is real" {
	local code=0

	vm-check -q -a kvm || code=$?
	example vm-check.1 2
	[ "$status" = "$code" ]
	[ "$output" = "$([ "$code" != 0 ] || echo fast)" ]
}

@test "vm-check(1): the reason, for a script" {
	command -v jq >/dev/null || skip "no jq"
	example vm-check.1 3
	[ "$status" = 0 ]
	[[ $output =~ ^[a-z-]+$ ]]
}

@test "vm-run(1): Debian's kernel to a shell" {
	need_guests
	example vm-run.1 1
	[ "$status" = 0 ]
	[[ $output == *"Leave with: exit"* ]]
}

@test "vm-run(1): a batch machine, its console in a file" {
	need_guests
	example vm-run.1 2
	[ "$status" = 0 ]
	[ -z "$output" ]
	grep -aq '== off' "$T/job.log"
}

@test "vm-run(1): a boot sector" {
	example vm-run.1 3
	[ "$status" = 0 ]
	[[ $output == "Hello from a guest of 512 bytes."* ]]
}

@test "no example is forgotten here" {
	local page n

	for page in "$TOP"/man/*.1; do
		n=$(examples "${page##*/}" | wc -l)
		echo "${page##*/}: $n"
		[ "$(grep -c "example ${page##*/} [0-9]" \
			"$BATS_TEST_FILENAME")" = "$n" ]
	done
}
