#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-wait: waiting for states and for lines on the console.
# timeout: 240

load helpers
load state

teardown() {
	end_started
	wait 2>/dev/null # and none of bash's news of it
}

# waits CODE OPTION...: vm-wait ends with that code, and says nothing where that
# is 0, else a line about web on stderr alone
waits() {
	local want=$1

	shift
	run --separate-stderr timeout -s KILL 30 vm-wait "$@"
	echo "vm-wait $*: got $status, want $want; stdout '$output'"
	echo "stderr: $stderr"
	[ "$status" = "$want" ] && [ -z "$output" ] || return
	if [ "$want" = 0 ]; then
		[ -z "$stderr" ]
	else
		[[ $stderr == "vm-wait: web: "* ]] &&
			[ "$(wc -l <<<"$stderr")" = 1 ]
	fi
}

# begin OPTION...: vm-wait in the background, as $pid, and watching by now
begin() {
	behind vm-wait "$@"
	until_true 20 watching
}

watching() {
	local p

	p=$(pgrep -P "$pid") && grep -qs '^inotify wd' "/proc/$p/fdinfo/"*
}

# --- states ---

@test "a machine that does not run has stopped, or crashed" {
	machine web
	waits 0 web
	play web running "end 0 stopped" exit
	waits 0 web
	play web running "end 111 crashed panic" exit
	waits 3 web
	[ "$stderr" = "vm-wait: web: crashed: panic" ]
	play web running "end 125 error no such kernel" exit
	waits 3 web
	waits 0 -f crashed,error web
}

@test "it sleeps until the machine has stopped" {
	local w

	machine web
	play web running
	begin web
	w=$pid
	tell web paused
	tell web running
	alive "$w"
	tell web "end 0 stopped"
	tell web exit
	pid=$w
	ends 0 20
	[ ! -s "$T/err" ]
}

@test "a crash ends the wait with another code" {
	local w

	machine web
	play web running
	begin web
	w=$pid
	tell web "end 112 crashed triple fault"
	tell web exit
	pid=$w
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: crashed: triple fault" ]
}

@test "so does a process that is killed" {
	local vm

	machine web
	play web running
	vm=$pid
	begin web
	kill -KILL "$vm"
	ends 3 20
	grep -q "without a word" "$T/err"
}

@test "a process that hangs is waited for, up to the time limit" {
	local vm

	machine web
	play web running
	vm=$pid
	kill -STOP "$vm"
	waits 124 -t 300ms web
	kill -CONT "$vm"
	[ "$stderr" = "vm-wait: web: timed out" ]
}

@test "any state, one of several" {
	local w

	machine web
	begin -f running,paused web
	w=$pid
	play web starting
	alive "$w"
	tell web paused
	pid=$w
	ends 0 20
	waits 0 -f paused web
	waits 124 -t 0 -f running web
	waits 124 -t 0 web
}

@test "waiting for it to run: a run that ends first is told" {
	local w

	machine web
	begin -f paused web
	w=$pid
	play web running "end 0 stopped" exit
	pid=$w
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: stopped" ]
}

@test "the end of a machine that is removed at its end is known" {
	local w

	machine web
	play web running
	begin web
	w=$pid
	tell web "end 0 stopped"
	tell web remove
	tell web exit
	pid=$w
	ends 0 20

	machine web
	play web running
	begin web
	w=$pid
	tell web "end 113 crashed halted"
	tell web remove
	tell web exit
	pid=$w
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: crashed: halted" ]
}

@test "even where it is removed while we are kept from looking" {
	local w p

	machine web
	play web running
	begin web
	w=$pid
	p=$(pgrep -P "$w")
	kill -STOP "$p"
	tell web "end 111 crashed panic"
	tell web remove
	tell web exit
	machine web # another one of that name
	kill -CONT "$p"
	pid=$w
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: crashed: panic" ]
}

@test "nor does it matter if the end was written down when we came" {
	local w

	machine web
	play web running "end 111 crashed panic"
	begin web
	w=$pid
	tell web remove
	tell web exit
	pid=$w
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: crashed: panic" ]
}

@test "a machine that is removed does not come" {
	machine web
	begin -f running web
	mv "$VM_HOME/web" "$VM_HOME/.trash/1"
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: removed" ]
}

@test "a run that follows at once does not hide the end of this one" {
	local w p

	machine web
	play web running
	begin web
	w=$pid
	p=$(pgrep -P "$w")
	kill -STOP "$p"
	tell web "end 111 crashed panic"
	tell web exit
	play web running
	kill -CONT "$p"
	pid=$w
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: crashed: panic" ]
}

@test "several machines: all of them" {
	local w

	machine web
	machine db
	play web running
	play db running
	begin web db
	w=$pid
	tell web "end 0 stopped"
	tell web exit
	alive "$w"
	tell db "end 110 stopped reset"
	tell db exit
	pid=$w
	ends 0 20
	play db running "end 111 crashed panic" exit
	run --separate-stderr vm-wait web db
	[ "$status" = 3 ]
	[ "$stderr" = "vm-wait: db: crashed: panic" ]
}

# --- the console ---

@test "a line that was there before" {
	machine web
	play web starting log running "say one" "say Debian login:" "say two"
	waits 0 -c '^Debian login:$' web
	waits 0 -c 'o(n|x)e' web
	waits 124 -t 0 -c three web
}

@test "a line that comes, and a prompt that never ends" {
	local w

	machine web
	play web starting log running
	begin -c '^web login: $' web
	w=$pid
	tell web "say web login: no"
	tell web "put web lo"
	alive "$w"
	tell web "put gin: "
	pid=$w
	ends 0 20
}

@test "a line in pieces, across the log's rotation" {
	local w

	machine web
	play web starting log running
	begin -c '^ready to serve$' web
	w=$pid
	tell web "say first"
	tell web "put ready "
	tell web rotate
	tell web "put to "
	tell web rotate
	tell web "say serve"
	pid=$w
	ends 0 20
}

@test "NUL bytes, binary and lines without end" {
	machine web
	play web starting log running
	{
		head -c 300000 /dev/zero | tr '\0' x
		printf '\n\xff\xfe\0 \0he\0llo\r\n'
		head -c 100000 /dev/zero
	} >>"$VM_HOME/web/console.log"
	waits 0 -c 'hello$' web
	waits 124 -t 0 -c 'xy' web
}

@test "a log that was rotated in this run is read from its beginning" {
	machine web
	play web starting log running "say early" rotate "say late"
	touch -d "10 seconds" "$VM_HOME/web/console.log.1"
	waits 0 -c early web
	waits 0 -c late web
}

@test "the console of the run before does not count" {
	machine web
	play web starting log running "say ready" "end 0 stopped" exit
	touch -d "10 seconds ago" "$VM_HOME/web/console.log"
	play web starting # its log is not there yet
	waits 124 -t 300ms -c ready web
	tell web log
	tell web running
	waits 124 -t 300ms -c ready web
	tell web "say ready"
	waits 0 -c ready web
}

@test "it ends first" {
	local w

	machine web
	play web starting log running
	begin -c never web
	w=$pid
	tell web "say something"
	tell web "end 0 stopped"
	tell web exit
	pid=$w
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: stopped" ]
}

@test "the last line before the end is seen, whatever is seen first" {
	local w p

	machine web
	play web starting log running
	begin -c finished web
	w=$pid
	p=$(pgrep -P "$w")
	kill -STOP "$p"
	tell web "say finished"
	tell web "end 111 crashed panic"
	tell web exit
	kill -CONT "$p"
	pid=$w
	ends 0 20
}

@test "the console of a machine that does not run is that of its last run" {
	machine web
	waits 3 -c ready web
	play web starting log running "say ready" "end 0 stopped" exit
	waits 0 -c ready web
	waits 3 -c never web
}

@test "a pipe or a link in the place of the log is not waited for" {
	machine web
	play web starting running
	mkfifo "$VM_HOME/web/console.log"
	waits 124 -t 300ms -c ready web
	rm "$VM_HOME/web/console.log"
	ln -s /dev/zero "$VM_HOME/web/console.log"
	waits 124 -t 300ms -c ready web
}

# --- refusals ---

@test "no such machine" {
	waits 1 web
	machine db
	waits 1 web
	[ "$stderr" = "vm-wait: web: no such machine" ]
	run vm-wait -q web
	[ "$status" = 1 ]
	[ -z "$output" ]
}

@test "what cannot be meant is usage" {
	machine web
	while read -r -a o; do
		run --separate-stderr timeout 10 vm-wait "${o[@]}"
		echo "${o[*]}: $status: $stderr"
		[ "$status" = 2 ]
		[ -z "$output" ]
		[ "$(wc -l <<<"$stderr")" = 1 ]
	done <<-END
		-t 5s
		-f flying web
		-f stopped, web
		-c ( web
		-c x -f running web
		-t soon web
		../web
	END
}

@test "without inotify it still notices" {
	local w

	unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances' ||
		skip "no user namespaces: kernel.unprivileged_userns_clone, user.max_user_namespaces"
	machine web
	play web running
	behind unshare -Ur sh -c \
		'echo 0 >/proc/sys/user/max_inotify_instances; exec vm-wait web'
	w=$pid
	sleep 0.2
	tell web "end 0 stopped"
	tell web exit
	pid=$w
	ends 0 20
}
