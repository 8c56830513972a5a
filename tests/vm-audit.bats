#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Confinement as vm-audit and the kernel see it: promise S1.

# shellcheck disable=SC2154 # run sets status, output, stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	guest "$T/waits" <<-'END'
		movw $nmi, 8
		movw $0, 10
		say "ready"
		sti
		1: hlt
		jmp 1b
		nmi: iret
	END
	[[ $B != *san* ]] || skip "a sanitizer's build is not confined"
	engines=(soft)
	[ "$(engines | wc -l)" = 1 ] || engines+=(kvm)
	names=()
}

teardown() {
	local n

	for n in "${names[@]}"; do
		timeout 20 vm-ctl "$n" poweroff || :
	done
	end_started
}

# up NAME OPTION...: in the background, in the guest
up() {
	local name=$1

	shift
	names+=("$name")
	timeout 60 vm-run -d --name "$name" --flat -k "$T/waits" "$@"
}

pid_of() {
	timeout 10 vm-ls -n -o pid "$1" | tr -d ' '
}

# example N: runs the Nth of the manual's, a line each, with machine "web"
example() {
	local command

	command=$(mandoc -Tutf8 -O width=900 "$TOP/man/vm-audit.1" | col -bx |
		sed -n '/^EXAMPLES/,/^[A-DF-Z]/s/^ *\$ //p' | sed -n "${1}p")
	echo "\$ $command"
	[ -n "$command" ]
	run timeout 30 bash -c "$command"
	echo "$output"
}

@test "a machine on its own is confined, all checks hold, with each engine" {
	local e

	for e in "${engines[@]}"; do
		up "m-$e" --accel "$e" -c 2
		run timeout 20 vm-audit "m-$e"
		echo "$output"
		[ "$status" = 0 ]
		[[ $output != *FAIL* ]]
		# The loop, a worker, two CPUs; the kernel may have added threads
		# of its own.
		[[ $output =~ "ok    capabilities: none in "[4-6]" threads" ]]
		[[ $output =~ "ok    no_new_privs: set in "[4-6]" threads" ]]
		[[ $output =~ "ok    seccomp: a filter in "[4-6]" threads" ]]
		[[ $output == *"ok    environment: empty"* ]]
		[[ $output == *"ok    tracing: closed"* ]]
		[[ $output == *"ok    core dumps: none"* ]]
		[[ $output == *"ok    descriptors: "*" of known kinds"* ]]
		[ "$(id -u)" != 0 ] ||
			[[ $output == *"ok    code: no page is "* ]]
	done
}

@test "images that the config names are known, media put in since are told" {
	truncate -s 1M "$T/disk.raw" "$T/base.raw" "$T/cd.iso" "$T/more.raw"
	vm-disk create -q -f qcow2 -b "$T/base.raw" -F raw "$T/top.qcow2"
	up drives --accel soft --disk "$T/disk.raw" --cdrom "$T/cd.iso" --disk \
		"$T/top.qcow2,backing=$T/base.raw,backing-format=raw,overlay=yes"
	run timeout 20 vm-audit drives
	echo "$output"
	[ "$status" = 0 ]
	[[ $output != *medium* ]]
	vm-ctl drives block change cdrom0 "$T/more.raw"
	run timeout 20 vm-audit drives
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"-     medium: "*" file r $T/more.raw"* ]]
}

@test "the kernel agrees: every thread's status, and root finds no secret" {
	local p f

	SECRET=xyzzy up m --accel soft
	p=$(pid_of m)
	for f in /proc/"$p"/task/*/status; do
		grep -q '^NoNewPrivs:	1$' "$f"
		grep -q '^Seccomp:	2$' "$f"
		for set in Inh Prm Eff Amb; do
			grep -q "^Cap$set:	0000000000000000\$" "$f"
		done
	done
	[ "$(id -u)" = 0 ] || return 0
	[ "$(tr -d '\0' <"/proc/$p/environ" | wc -c)" = 0 ]
}

@test "one that was not confined fails, and the others are told apart" {
	up good --accel soft
	up bad --accel soft --no-confine
	run timeout 20 vm-audit bad
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"FAIL  no_new_privs: thread "* ]]
	[[ $output == *"FAIL  seccomp: thread "* ]]
	[[ $output == *"FAIL  landlock: "* ]]
	[[ $output == *"FAIL  tracing: "* ]]
	[[ $output == *"FAIL  environment: "* ]]
	run timeout 20 vm-audit good bad
	[ "$status" = 1 ]
	[[ $output == *"ok    good: seccomp: "* ]]
	[[ $output == *"FAIL  bad: seccomp: "* ]]
	run timeout 20 vm-audit -J good bad
	[ "$status" = 1 ]
	[ "$(jq -c '[.schema, (.machines[] | .name, .confined)]' \
		<<<"$output")" = '[1,"good",true,"bad",false]' ]
	run timeout 20 vm-audit -q bad
	[ "$status" = 1 ]
	[ -z "$output" ]
	timeout 20 vm-audit -q good
}

@test "a machine with files and sockets of its own is confined too" {
	up m --accel soft --serial file:"$T/serial" --serial unix:"$T/sock" \
		--serial null --debugcon file:+"$T/debug"
	run timeout 20 vm-audit m
	echo "$output"
	[ "$status" = 0 ]
}

@test "in the foreground, with a pipe for a console" {
	names+=(m)
	start --name m --accel soft --flat -k "$T/waits"
	says "$T/out" ready
	run timeout 20 vm-audit m
	echo "$output"
	[ "$status" = 0 ]
}

@test "it goes on being confined when it is reset, paused and asked" {
	local e

	for e in "${engines[@]}"; do
		up "m-$e" --accel "$e"
		timeout 20 vm-ctl "m-$e" pause
		timeout 20 vm-ctl "m-$e" registers >/dev/null
		timeout 20 vm-ctl "m-$e" resume
		timeout 20 vm-ctl "m-$e" reset
		timeout 20 vm-ctl "m-$e" nmi
		timeout 20 vm-ctl "m-$e" status >/dev/null
		timeout 20 vm-audit -q "m-$e"
	done
}

@test "a process that does not answer fails the checks it must answer" {
	up m --accel soft
	kill -STOP "$(pid_of m)"
	run timeout 30 vm-audit m
	kill -CONT "$(pid_of m)"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"ok    seccomp: "* ]]
	[[ $output == *"FAIL  landlock: cannot be asked: m: "* ]]
}

@test "as an ordinary user" {
	local as=(setpriv --reuid 65534 --regid 65534 --clear-groups)

	[ "$(id -u)" = 0 ] || skip "only root can become another user: run as root"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$TMPDIR"
	chmod 644 "$T/waits"
	mkdir -m 700 "$VM_HOME"
	chown 65534:65534 "$VM_HOME"
	"${as[@]}" test -x "$B/bin/vm-run" ||
		skip "other users cannot reach the build: put it where they can"
	cd /
	timeout 60 "${as[@]}" vm-run -d --name m --accel soft --flat \
		-k "$T/waits"
	run timeout 20 "${as[@]}" vm-audit m
	echo "$output"
	timeout 20 "${as[@]}" vm-ctl m poweroff
	[ "$status" = 0 ]
	[[ $output == *"ok    landlock: "* ]]
	[[ $output == *"ok    environment: empty"* ]]
	[[ $output == *"ok    descriptors: "* ]]
}

@test "what does not run, or is not there, is said" {
	run --separate-stderr timeout 10 vm-audit nothing
	echo "$stderr"
	[ "$status" = 1 ]
	[ -z "$output" ]
	[ "$stderr" = "vm-audit: nothing: no such machine" ]
	timeout 10 vm-create idle kernel="$T/waits" flat=0x7c00
	run --separate-stderr timeout 10 vm-audit idle
	[ "$status" = 1 ]
	[ "$stderr" = "vm-audit: idle: not running" ]
	run timeout 10 vm-audit
	[ "$status" = 2 ]
	run --separate-stderr timeout 10 vm-audit ../idle
	[ "$status" = 2 ]
	[[ $stderr == "vm-audit: ../idle: not a name: "* ]]
}

@test "the manual's examples" {
	command -v mandoc >/dev/null || skip "no mandoc: install mandoc"
	up web --accel soft
	example 1
	[ "$status" = 0 ]
	[[ $output == "ok "* ]]
	example 2
	[ "$output" = confined ]
	example 3
	[ "$status" = 1 ]
	[ -z "$output" ]
}
