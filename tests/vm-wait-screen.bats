#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-wait and screens: what is written there, pictures, and stillness.

load helpers
load state

teardown() {
	end_started
}

# screen NAME KIND: what it shows from now on, by tests/fbfile.pl; in the same
# file, as a card would
screen() {
	perl "$TOP/tests/fbfile.pl" "$2" >"$T/next"
	cat "$T/next" 1<>"$VM_HOME/$1/fb"
}

# runs NAME: it does, and shows nothing yet
runs() {
	machine "$1"
	screen "$1" off
	play "$1" running
}

# sleeps: what behind began waits
sleeps() {
	sleep 0.3
	alive "$pid"
}

@test "a line that is there" {
	runs web
	printf 'Welcome\nlogin:  \n' | screen web text
	quiet timeout 30 vm-wait -s '^login:$' web
	quiet timeout 30 vm-wait --screen 'come' web
	quiet timeout 30 vm-wait -s $'^Welcome\nlogin:\n\n' web
	denied 124 "web: timed out" vm-wait -s '^come' -t 200ms web
	denied 124 "web: timed out" vm-wait -s 'login' -t 0 -s nothing web
}

@test "one that comes" {
	runs web
	behind vm-wait -s 'ready' web
	sleeps
	echo "getting there" | screen web text
	sleeps
	echo "it is ready now" | screen web text
	ends 0 20
}

@test "of several machines" {
	runs a
	runs b
	echo one | screen a text
	behind vm-wait -s 'one' a b
	sleeps
	echo one | screen b text
	ends 0 20
}

@test "a picture, by its hash" {
	local hash

	runs web
	screen web 64x48
	hash=$(vm-shot --hash web)
	quiet timeout 30 vm-wait --screen-hash "$hash" web
	echo text | screen web text
	behind vm-wait --screen-hash "${hash^^}" web
	sleeps
	screen web 64x48
	ends 0 20
}

# paint NAME PATTERN: change pixels every 50 ms until it is killed
paint() {
	perl -e 'my ($f, @at) = @ARGV;
		open F, "+<", $f or die;
		for (my $n = 0;; $n++) {
			sysseek F, 4096 + $at[$n % @at], 0;
			syswrite F, pack "V", int $n / @at;
			select undef, undef, undef, 0.05;
		}' "$VM_HOME/$1/fb" "${@:2}" 3>&- &
	started+=("$!")
	painter=$!
}

@test "a screen that keeps still" {
	runs web
	screen web 64x48
	paint web 0 5000 9000
	denied 124 "timed out" vm-wait --screen-still 1s -t 2s web
	behind vm-wait --screen-still 500ms web
	sleeps
	kill "$painter"
	ends 0 20
}

@test "... but for a cursor, that of text modes or the guest's own" {
	runs web
	echo text | screen web text
	perl -e 'open F, "+<", shift or die;
		for (my $n = 0;; $n++) {
			sysseek F, 80, 0;
			syswrite F, pack "V", 4 * ($n % 50);
			select undef, undef, undef, 0.05;
		}' "$VM_HOME/web/fb" 3>&- &
	started+=("$!")
	quiet timeout 30 vm-wait --screen-still 1s web
	kill "${started[-1]}"
	screen web 64x48
	perl -e 'open F, "+<", shift or die;
		for (my $n = 0;; $n++) {
			sysseek F, 4096, 0;
			syswrite F, pack "V*", ($n % 2) x 8;
			select undef, undef, undef, 0.2;
		}' "$VM_HOME/web/fb" 3>&- &
	started+=("$!")
	quiet timeout 30 vm-wait --screen-still 2s web
}

@test "the machine ends before" {
	runs web
	behind vm-wait -s never web
	sleeps
	tell web "end 111 crashed panic"
	tell web unlock
	ends 3 20
	[ "$(<"$T/err")" = "vm-wait: web: crashed: panic" ]
}

@test "its last screen counts" {
	runs web
	behind vm-wait -s 'goodbye' web
	sleeps
	kill -STOP "$pid"
	echo goodbye | screen web text
	tell web "end 0 stopped "
	tell web unlock
	kill -CONT "$pid"
	ends 0 20
	quiet timeout 30 vm-wait -s 'goodbye' web
	denied 3 "web: does not run, and its last screen is another" \
		vm-wait -s 'hello' web
	denied 3 "web: does not run, and its last screen does not count" \
		vm-wait --screen-still 0 web
}

@test "a machine without a screen, or with what is none" {
	machine web
	denied 1 "web: it has no screen" vm-wait -s x web
	play web running
	denied 1 "web: it has no screen" vm-wait --screen-still 1s web
	echo >"$VM_HOME/web/fb"
	denied 1 "web: fb: not a framebuffer file" vm-wait -s x web
	head -c 8192 /dev/zero >"$VM_HOME/web/fb"
	denied 1 "web: fb: the head is out of range" vm-wait -s x web
}

@test "what is no way to wait" {
	machine web
	denied 2 "exclude each other" vm-wait -s x -c y web
	denied 2 "--screen and --screen-still exclude each other" \
		vm-wait -s x --screen-still 1s web
	denied 2 "--for and --screen-hash" \
		vm-wait -f running --screen-hash 0123456789abcdef web
	denied 2 "'(': " vm-wait -s '(' web
	denied 2 "'abc' is not a hash: 16 hex digits" \
		vm-wait --screen-hash abc web
	denied 2 "" vm-wait --screen-hash 0x23456789abcdef web
	denied 2 "" vm-wait --screen-still soon web
}
