#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-run NAME: a created machine, and the directory that others live in while
# they run.

# shellcheck disable=SC2154 # start sets pid; run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	# Says something, then spins until the button is pressed.
	guest_polls "$T/polls"
	guest "$T/off" <<-'END'
		say "hello"
		poweroff
	END
	guest "$T/triple" <<-'END'
		say "now"
		lidt none
		int $3
		none: .word 0
		.long 0
	END
	guest "$T/reset" <<-'END'
		say "again"
		reset
	END
	guest "$T/deaf" <<-'END'
		say "ready"
		forever
	END
}

teardown() {
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
	end_started
}

# create NAME GUEST [KEY=VALUE...]
create() {
	vm-create "$1" "kernel=$T/$2" flat=0x7c00 accel=soft "${@:3}"
}

# key of the status file
status_of() {
	sed -n "s/^$2 = //p" "$VM_HOME/$1/status"
}

@test "a created machine runs in the foreground and its status tells the end" {
	create web off
	boots 0 web
	[ "$output" = hello ]
	[ "$(status_of web phase)" = stopped ]
	[ "$(status_of web exit)" = 0 ]
	[ "$(vm-ls -n -o state web)" = stopped ]
	[ ! -e "$VM_HOME/web/ctl" ]
	[ ! -e "$VM_HOME/web/console" ]
	[ "$(cat "$VM_HOME/web/console.log")" = hello ]
}

@test "options change one run, not the config" {
	create web off
	cp "$VM_HOME/web/config" "$T/before"
	boots 112 -k "$T/triple" --on-reset exit web
	boots 0 web
	cmp "$VM_HOME/web/config" "$T/before"
}

@test "a machine that does not exist: 125, one line" {
	refused 125 nobody
	[ "$stderr" = "vm-run: nobody: no such machine" ]
}

@test "a second run of a running machine fails and names the holder" {
	create web polls
	start web
	says "$T/out" ready
	refused 125 web
	[[ $stderr == "vm-run: web: already running, process $pid"* ]]
	kill -TERM "$pid"
	ends 0
}

@test "-d returns once it runs; the console is kept" {
	create web polls
	run -0 vmr -d web
	[ -z "$output" ]
	[ "$(vm-ls -n -o state web)" = running ]
	says "$VM_HOME/web/console.log" ready
	run -0 timeout 30 vm-ctl web stop
	[ "$(vm-ls -n -o state web)" = stopped ]
	grep -q button "$VM_HOME/web/console.log"
}

@test "-d does not keep the caller's descriptors" {
	create web polls
	# The pipe ends although the machine runs on.
	timeout 20 vm-run -d web | cat
	[ "$(vm-ls -n -o state web)" = running ]
}

@test "-d of a machine that cannot be built: its cause, 125, state error" {
	create web off
	rm "$T/off"
	refused 125 -d web
	[[ $stderr == *"$T/off"* ]]
	[ "$(vm-ls -n -o state web)" = error ]
	[[ $(vm-ls -n -o cause web) == *"$T/off"* ]]
}

@test "a guest that fails is crashed, with its cause, and starts again" {
	create web triple on-reset=exit
	boots 112 web
	[ "$(vm-ls -n -o state web)" = crashed ]
	[[ $(vm-ls -n -o cause web) == *"triple fault"* ]]
	jq -e 'select(.event == "SHUTDOWN") | .exit == 112' \
		"$VM_HOME/web/events.jsonl"
	boots 112 web
}

@test "a created machine restarts on reset; --on-reset exit ends it" {
	create web reset
	boots 110 --on-reset exit web
	boots 124 --timeout 2s web
	[ "$(grep -c again "$VM_HOME/web/console.log")" -ge 2 ]
}

@test "SIGKILL: crashed at once, and it starts again at once" {
	create web polls
	start web
	says "$T/out" ready
	kill -KILL "$pid"
	ends 137
	[ "$(vm-ls -n -o state web)" = crashed ]
	run -0 vmr -d web
	run -0 timeout 30 vm-ctl web poweroff
	[ "$(vm-ls -n -o state web)" = stopped ]
}

@test "one that was not created has a directory while it runs" {
	start -n job --flat -k "$T/polls"
	says "$T/out" ready
	[ "$(vm-ls -n -o state job)" = running ]
	kill -TERM "$pid"
	ends 0
	[ -z "$(vm-ls -q)" ]
	[ -z "$(find "$VM_HOME" -mindepth 1 ! -path '*/.*')" ]
}

@test "--keep failure keeps what failed, and only that" {
	boots 0 --keep failure -n good --flat -k "$T/off"
	boots 112 --keep failure -n bad --flat -k "$T/triple"
	[ "$(vm-ls -q)" = bad ]
	[ "$(vm-ls -n -o state bad)" = crashed ]
	grep -q now "$VM_HOME/bad/console.log"
}

@test "--keep always: it is a machine like any other afterwards" {
	cd "$T"
	boots 0 --keep always -n once --flat -k off
	cd /
	boots 0 once
	[ "$output" = hello ]
}

@test "a name that is taken is refused" {
	create web off
	refused 125 -n web --flat -k "$T/off"
	[[ $stderr == *web*exist* ]]
}

@test "after SIGKILL, what was not to be kept is swept by the next run" {
	start -n gone --flat -k "$T/polls"
	says "$T/out" ready
	kill -KILL "$pid"
	ends 137
	boots 0 --flat -k "$T/off"
	[ -z "$(vm-ls -q)" ]
}

@test "without a state directory it runs all the same, and says so" {
	touch "$T/file"
	VM_HOME=$T/file run -0 --separate-stderr vmr --flat -k "$T/off"
	[ "$output" = hello ]
	[[ $stderr == "vm-run: $T/file"* ]]
}

@test "autostart starts those that want it, once" {
	create one polls autostart=yes
	create two polls
	run -0 timeout 30 vm-run --autostart
	[ "$(vm-ls -q -s running)" = one ]
	run -0 timeout 30 vm-run --autostart
	[ -z "$output" ]
	vm-ctl one poweroff
}

@test "autostart goes on behind one that fails, and says so" {
	create bad off autostart=yes
	create good polls autostart=yes
	rm "$T/off"
	run -1 timeout 30 vm-run --autostart
	[[ $output == "vm-run: bad: $T/off: "* ]]
	[ "$(vm-ls -q -s running)" = good ]
	vm-ctl good poweroff
}

@test "autostart without a state directory starts nothing, and makes none" {
	VM_HOME=$T/none run -0 timeout 30 vm-run --autostart
	[ -z "$output" ]
	[ ! -e "$T/none" ]
}

@test "a service manager is told when it is ready" {
	create web polls
	NOTIFY_SOCKET=$T/notify perl -e '
		use Socket;
		socket my $s, AF_UNIX, SOCK_DGRAM, 0 or die;
		bind $s, pack_sockaddr_un $ENV{NOTIFY_SOCKET} or die;
		alarm 30;
		my $pid = fork // die;
		if (!$pid) {
			open STDOUT, ">", "/dev/null";
			exec qw(vm-run web) or die;
		}
		recv $s, my $text, 4096, 0;
		print $text;
		kill TERM => $pid;
		waitpid $pid, 0;
		exit $? >> 8;' >"$T/said"
	grep -qx READY=1 "$T/said"
	grep -q '^STATUS=web' "$T/said"
}

@test "-d: what goes with the foreground alone is refused" {
	refused 2 -d --serial stdio --flat -k "$T/off"
	refused 2 -n web web
	refused 2 a b
	refused 2 ../web
	refused 2 --autostart web
	refused 2 --autostart -d
	refused 2 --autostart -n web
}

# last_end NAME: exit and cause of the last SHUTDOWN in events.jsonl
last_end() {
	jq -r 'select(.event == "SHUTDOWN") | "\(.exit) \(.cause)"' \
		"$VM_HOME/$1/events.jsonl" | tail -n 1
}

@test "events.jsonl names the cause of every exit" {
	guest "$T/halted" </dev/null
	create web polls on-reset=exit
	boots 0 -k "$T/off" web
	[ "$(last_end web)" = "0 " ]
	boots 110 -k "$T/reset" web
	[ "$(last_end web)" = "110 guest reset" ]
	boots 112 -k "$T/triple" web
	[ "$(last_end web)" = "112 triple fault" ]
	boots 113 -k "$T/halted" web
	[[ $(last_end web) == "113 all CPUs halted"* ]]
	boots 124 --timeout 200ms web
	[ "$(last_end web)" = "124 timeout" ]
	boots 125 -i "$T/none" web
	[[ $(last_end web) == "125 $T/none: "* ]]
	start web
	says "$T/out" ready
	vm-ctl web poweroff
	ends 114
	[[ $(last_end web) == "114 "*outside* ]]
	start --stop-timeout 100ms -k "$T/deaf" web
	says "$T/out" ready
	kill -TERM "$pid"
	ends 143
	[[ $(last_end web) == "143 "*"did not power off in time" ]]
}

@test "its sockets are its owner's alone" {
	create web polls
	start web
	says "$T/out" ready
	[ "$(stat -c %a "$VM_HOME/web/ctl" "$VM_HOME/web/console")" = \
		$'600\n600' ]
	kill -TERM "$pid"
	ends 0
}
