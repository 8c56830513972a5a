#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-ctl: what is asked of machines that run, and of those that do not.
# timeout: 240

# shellcheck disable=SC2154 # start sets pid; run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	# Counts at 0x500, and powers off when the button is pressed.
	guest "$T/polls" <<-'END'
		say "ready"
		mov $0x600, %dx
		1: incl 0x500
		in %dx, %ax
		test $1, %ah
		jz 1b
		say "button"
		poweroff
	END
	# Takes no notice of the button.
	guest "$T/deaf" <<-'END'
		say "ready"
		sti
		1: incl 0x500
		jmp 1b
	END
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
	end_started
}

# up NAME GUEST [KEY=VALUE...]: it runs in the background
up() {
	vm-create "$1" "kernel=$T/$2" flat=0x7c00 accel=soft memory=8M \
		serial=null "${@:3}"
	timeout 30 vm-run -d "$1" </dev/null
}

state() {
	vm-ls -n -o state "$1"
}

# is NAME STATE
is() {
	[ "$(state "$1")" = "$2" ]
}

# ctl CODE ARGUMENT...: that code; nothing on stdout or stderr if 0, else one
# line on stderr and nothing on stdout
ctl() {
	local want=$1

	shift
	run --separate-stderr timeout 60 vm-ctl "$@"
	if [ "$status" != "$want" ] || [ -n "$output" ] ||
		{ [ "$want" = 0 ] && [ -n "$stderr" ]; } ||
		{ [ "$want" != 0 ] && [[ $stderr != "vm-ctl: "* ]]; } ||
		{ [ "$want" != 0 ] && [ "$(wc -l <<<"$stderr")" != 1 ]; }; then
		echo "vm-ctl $*: got $status, want $want; '$output', '$stderr'"
		return 1
	fi
}

@test "usage errors: 2, one line" {
	up web deaf
	ctl 2
	ctl 2 web
	ctl 2 web fly
	ctl 2 web stopp
	ctl 2 ../web stop
	ctl 2 web stop now
	ctl 2 web registers 1 2
	ctl 2 web qmp
	ctl 2 -J web pause
	ctl 2 -s flying stop
	ctl 2 -s running
	ctl 2 -t soon web stop
	ctl 2 --no-such web stop
	is web running
}

@test "a machine that is not there, or does not run: 1, but stop and poweroff" {
	local verb

	vm-create web "kernel=$T/deaf" flat=0x7c00
	for verb in powerdown pause resume reset nmi status registers dump \
		"qmp stop" events; do
		# shellcheck disable=SC2086 # an argument
		ctl 1 web $verb
		[ "$stderr" = "vm-ctl: web: not running" ]
		# shellcheck disable=SC2086
		ctl 1 none $verb
		[ "$stderr" = "vm-ctl: none: no such machine" ]
	done
	ctl 0 web stop
	ctl 0 web poweroff
	ctl 1 none stop
	[ "$stderr" = "vm-ctl: none: no such machine" ]
	ctl 1 none poweroff
}

@test "stop presses the button and waits for the end" {
	up web polls
	ctl 0 web stop
	is web stopped
	[ "$(vm-ls -n -o exit web)" = 0 ]
	ctl 0 web stop
}

@test "stop: a guest that takes no notice is powered off after -t" {
	local begin=${EPOCHREALTIME/./} took

	up web deaf
	ctl 0 -t 1s web stop
	took=$((${EPOCHREALTIME/./} - begin))
	is web stopped
	[ "$took" -ge 1000000 ]
	[ "$(vm-ls -n -o exit web)" = 114 ]
}

@test "stop: a paused guest goes on, and then notices" {
	up web polls
	ctl 0 web pause
	ctl 0 web stop
	[ "$(vm-ls -n -o exit web)" = 0 ]
}

@test "powerdown presses the button, no more" {
	up web deaf
	ctl 0 web powerdown
	sleep 0.5
	vm-ctl web status
	up other polls
	ctl 0 other powerdown
	until_true 20 is other stopped
}

@test "poweroff ends it at once" {
	up web deaf
	ctl 0 web poweroff
	is web stopped
	[ "$(vm-ls -n -o exit web)" = 114 ]
	timeout 30 vm-run -d web </dev/null
	ctl 0 web poweroff
}

@test "poweroff: a process that does not answer is killed" {
	local pid

	up web deaf
	pid=$(vm-ls -n -o pid web)
	kill -STOP "$pid"
	ctl 0 web poweroff
	is web crashed
	up other deaf
	pid=$(vm-ls -n -o pid other)
	kill -STOP "$pid"
	ctl 1 -t 300ms other pause
	[ "$stderr" = "vm-ctl: other: does not answer" ]
	ctl 0 -t 300ms other stop
	is other crashed
}

@test "poweroff kills nobody else, whatever the status says" {
	local pid victim

	up web deaf
	pid=$(vm-ls -n -o pid web)
	sleep 100 3>&- &
	victim=$!
	disown "$victim" # bash would tell of its being killed
	started+=("$victim")
	kill -STOP "$pid"
	sed -i -e "s/^pid = .*/pid = $victim/" -e "s/^start = .*/start = $(
		sed 's/.*) //' "/proc/$victim/stat" | cut -d ' ' -f 20
	)/" "$VM_HOME/web/status"
	ctl 1 web poweroff
	[[ $stderr == *": does not answer, nor can its process be told" ]]
	alive "$victim"
	alive "$pid"
	kill -KILL "$pid"
}

@test "poweroff: an ordinary user may kill his own, which hides its locks" {
	local as=(setpriv --reuid 65534 --regid 65534 --clear-groups) pid

	[ "$(id -u)" = 0 ] || skip "only root can become another user: run as root"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$TMPDIR"
	chmod 644 "$T/deaf"
	mkdir -m 700 "$VM_HOME"
	chown 65534:65534 "$VM_HOME"
	"${as[@]}" test -x "$B/bin/vm-run" ||
		skip "other users cannot reach the build: put it where they can"
	cd /
	timeout 60 "${as[@]}" vm-run -d --name m --accel soft --flat \
		-k "$T/deaf"
	pid=$("${as[@]}" vm-ls -n -o pid m)
	kill -STOP "$pid"
	timeout 60 "${as[@]}" vm-ctl m poweroff
	gone "$pid"
}

@test "pause has stopped the guest when it returns, resume lets it go on" {
	local a b

	count() {
		vm-ctl -J web status | jq .instructions
	}
	up web deaf
	ctl 0 web pause
	is web paused
	a=$(count)
	sleep 0.2
	[ "$(count)" = "$a" ]
	ctl 0 web pause
	is web paused
	ctl 0 web resume
	is web running
	moved() {
		b=$(count)
		[ "$b" -gt "$a" ]
	}
	until_true 20 moved
	ctl 0 web resume
}

@test "reset begins anew, whatever on-reset says" {
	up web deaf on-reset=exit
	ctl 0 web pause
	ctl 0 web reset
	is web paused
	run -0 vm-ctl web registers 0
	[[ $output == *"rip 0000000000007c00"* ]]
	ctl 0 web resume
	is web running
	grep -q RESET "$VM_HOME/web/events.jsonl"
}

@test "nmi is taken" {
	# Its handler, at 0x20, powers off.
	guest "$T/nmi" <<-'END'
		movw $2f, 8
		movw $0, 10
		1: jmp 1b
		2: poweroff
	END
	up web nmi
	ctl 0 web nmi
	until_true 20 is web stopped
	[ "$(vm-ls -n -o exit web)" = 0 ]
}

@test "status: lines for people, an object for programs" {
	up web deaf
	run -0 --separate-stderr vm-ctl web status
	grep -qx 'name: web' <<<"$output"
	grep -qx 'state: running' <<<"$output"
	grep -qx 'engine: soft' <<<"$output"
	[ -z "$stderr" ]
	run -0 --separate-stderr vm-ctl -J web status
	jq -e '.schema == 1 and .name == "web" and .memory == 8388608' \
		<<<"$output"
	[ "$(wc -l <<<"$output")" = 1 ]
}

@test "registers: of all CPUs, of one, of a device" {
	up web deaf cpus=2
	ctl 0 web pause
	run -0 vm-ctl web registers
	[ "$(grep -cx 'cpu [01]' <<<"$output")" = 2 ]
	[ "$(grep -c '^rip ' <<<"$output")" = 2 ]
	run -0 vm-ctl web registers 1
	[ "$(grep -c '^rip ' <<<"$output")" = 1 ]
	run -0 vm-ctl web registers uart0
	grep -q '^uart0.lcr ' <<<"$output"
	ctl 1 web registers 2
	[ "$stderr" = "vm-ctl: web: no CPU 2, there are 2" ]
	ctl 1 web registers uart9
	[[ $stderr == *uart0* ]]
}

@test "dump: an ELF core, 0600, with holes, the same through a pipe" {
	up web deaf
	ctl 0 web pause
	ctl 0 web dump "$T/core"
	[ "$(stat -c %a "$T/core")" = 600 ]
	[ "$(stat -c %s "$T/core")" -gt $((8 << 20)) ]
	[ "$(du -k "$T/core" | cut -f1)" -lt 1024 ]
	readelf -l "$T/core" | grep -q LOAD
	readelf -n "$T/core" | grep -q NT_PRSTATUS
	vm-ctl web dump | cmp - "$T/core"
	vm-ctl web dump - | cmp - "$T/core"
	vm-ctl web dump >"$T/out"
	cmp "$T/out" "$T/core"
	vm-ctl web dump /dev/null
	is web paused
	echo old >"$T/old"
	ctl 0 web dump "$T/old"
	cmp "$T/old" "$T/core"
	ctl 0 web resume
	vm-ctl web dump | head -c 4 | grep -q ELF
	until_true 40 is web running
}

@test "dump: what fails leaves no file" {
	up web deaf
	ctl 1 web dump "$T/no/such/directory"
	mkdir "$T/dir"
	ctl 1 web dump "$T/dir"
	run --separate-stderr timeout 60 vm-ctl web dump /dev/full
	[ "$status" = 1 ]
	[ "$stderr" = "vm-ctl: /dev/full: cannot write: No space left on device" ]
	until_true 40 is web running
	vm-ctl web poweroff
	ctl 1 web dump "$T/late"
	[ ! -e "$T/late" ]
}

# A dump of web to somebody who does not read: $pid, and the machine stands.
slow_dump() {
	up web deaf
	mkfifo "$T/slow"
	(exec 7<"$T/slow" && sleep 60) 3>&- &
	started+=($!)
	vm-ctl web dump "$T/slow" 2>"$T/err" 3>&- &
	pid=$!
	started+=("$pid")
	until_true 20 is web paused
}

@test "dump: where the machine ends meanwhile, the file goes" {
	slow_dump
	ctl 0 web poweroff
	ends 1 20
	grep -q '^vm-ctl: web: closed the connection' "$T/err"
}

@test "dump: the power button comes first, and the guest does not run in it" {
	slow_dump
	ctl 0 web powerdown
	ends 1 20
	grep -q '^vm-ctl: web: dump: given up: the power button' "$T/err"
	is web stopping
}

@test "qmp: commands as they stand, and their replies" {
	up web deaf
	run -0 --separate-stderr vm-ctl web qmp '{"execute": "query-name"}'
	jq -e '.return.name == "web"' <<<"$output"
	run -0 --separate-stderr vm-ctl web qmp query-status
	jq -e '.return.running' <<<"$output"
	run -1 --separate-stderr vm-ctl web qmp no-such
	jq -e '.error.class == "CommandNotFound"' <<<"$output"
	[ -z "$stderr" ]
	ctl 1 web qmp '{"execute": '
	run -1 --separate-stderr vm-ctl web qmp - <<-'END'
		{"execute": "query-name", "id": 1}{"execute": "nope"}
		{"execute":
		 "query-name", "id": 3}
	END
	[ "$(jq -c .id <<<"$output" | tr '\n' ' ')" = "1 null 3 " ]
	[ "$(wc -l <<<"$output")" = 3 ]
	run -1 --separate-stderr vm-ctl web qmp - <<<'{"execute": "query-name"} {'
	[ "$stderr" = "vm-ctl: stdin: ends within a command" ]
}

@test "what is printed commands no terminal" {
	up web deaf
	run -0 timeout 20 vm-ctl web qmp \
		'{"execute": "query-name", "id": "\u009b2J"}'
	[[ $output == *u009[bB]2J* ]]
	[[ $output != *$'\xc2\x9b'* ]]
}

@test "-s: exit codes are known also where SIGCHLD is ignored" {
	up web deaf
	kill -STOP "$(vm-ls -n -o pid web)"
	mv "$VM_HOME/web/status" "$VM_HOME/web/was"
	run --separate-stderr timeout 60 perl -e '
		$SIG{CHLD} = "IGNORE"; exec @ARGV' vm-ctl -s starting poweroff
	mv "$VM_HOME/web/was" "$VM_HOME/web/status"
	kill -KILL "$(vm-ls -n -o pid web)"
	[ "$status" = 1 ]
}

@test "events come as they happen, and end with the machine" {
	up web deaf
	vm-ctl web events >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	started+=("$pid")
	# It is there once it has seen one.
	pauses() {
		vm-ctl web pause
		vm-ctl web resume
		grep -q STOP "$T/out"
	}
	until_true 20 pauses
	vm-ctl web reset
	says "$T/out" RESET
	vm-ctl web poweroff
	ends 0
	[ ! -s "$T/err" ]
	jq -e 'select(.event == "SHUTDOWN") | .data.exit == 114' "$T/out"
	jq -es 'all(.[]; .timestamp.seconds > 1000000000)' "$T/out"
}

@test "-s: all machines in a state, together" {
	local begin took n

	for n in a b c d; do
		up "$n" deaf
	done
	vm-create idle "kernel=$T/deaf" flat=0x7c00
	ctl 0 -s crashed,error stop
	vm-ctl b pause
	ctl 0 -s paused resume
	is b running
	run -0 vm-ctl -J -s running status
	[ "$(wc -l <<<"$output")" = 4 ]
	begin=${EPOCHREALTIME/./}
	ctl 0 -t 4s -s running,paused stop
	took=$((${EPOCHREALTIME/./} - begin))
	[ "$took" -lt 14000000 ]
	[ -z "$(vm-ls -q -s running)" ]
	is a stopped
}

@test "-s: one that fails makes it fail, the others are served" {
	up good deaf
	up hung deaf
	kill -STOP "$(vm-ls -n -o pid hung)"
	ctl 1 -t 500ms -s running pause
	[ "$stderr" = "vm-ctl: hung: does not answer" ]
	is good paused
	vm-ctl hung poweroff
}

@test "verbs are listed, and all of them are in the manual" {
	local verb

	run -0 vm-ctl --list-verbs
	[ "$(wc -l <<<"$output")" = 17 ]
	[[ $'\n'$output == *$'\nregisters\t[N|DEVICE]\t'* ]]
	for verb in $(cut -f1 <<<"$output"); do
		grep -Eq "^\.It Cm $verb( |$)" "$TOP/man/vm-ctl.1"
	done
	run -0 vm-ctl --help
	[[ $output == *poweroff* ]]
}

@test "a machine in a directory with a long path, without a tty or HOME" {
	local long

	long=$T/$(printf 'd%.0s' {1..120})/$(printf 'e%.0s' {1..120})
	mkdir -p "$long"
	export VM_HOME=$long/vm
	up web deaf
	run -0 env -i PATH="$B/bin:/usr/bin:/bin" VM_HOME="$VM_HOME" \
		vm-ctl web status
	[[ $output == *"state: running"* ]]
	ctl 0 web poweroff
}

@test "the manual's examples" {
	local line n=0

	command -v mandoc >/dev/null || skip "no mandoc: install mandoc"
	cd "$T"
	up web polls
	while read -r line; do
		# Those want a guest that hears, or a drive; other tests have one.
		[[ $line != *" stop" && $line != *" change "* &&
			$line != *" key "* && $line != *" type "* ]] || continue
		run -0 bash -c "$line"
		[ -n "$output" ] || [ -s web.core ]
		n=$((n + 1))
	done < <(mandoc -Tutf8 -O width=900 "$TOP/man/vm-ctl.1" | col -bx |
		sed -n '/^EXAMPLES/,/^SEE/s/^ *\$ //p')
	[ "$n" = 3 ]
	ctl 0 -s running,paused stop
	ctl 0 -t 1m web stop
}

@test "dump into a file that others could read makes it private" {
	up web deaf
	: >"$T/core"
	chmod 644 "$T/core"
	run -0 timeout 30 vm-ctl web dump "$T/core"
	[ "$(stat -c %a "$T/core")" = 600 ]
}

@test "dump is for one machine at a time" {
	run -2 timeout 5 vm-ctl -s running dump "$T/core"
	[[ $output == *"one machine at a time"* ]]
	[ ! -e "$T/core" ]
}

@test "stop waits as long as the machine's stop-timeout says" {
	local begin=$SECONDS

	up web deaf stop-timeout=1s
	run -0 timeout 25 vm-ctl web stop
	[ $((SECONDS - begin)) -lt 20 ]
	[[ $(vm-ls -n -o cause web) == *outside* ]]
}

@test "events for as long as --timeout says is no failure" {
	up web deaf
	run -0 timeout 20 vm-ctl -t 300ms web events
}
