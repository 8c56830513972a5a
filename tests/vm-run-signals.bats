#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-run: signals from outside. (A Linux guest that obeys its power button is
# in boot.bats.)

load helpers

setup() {
	# Takes no notice of the power button.
	guest "$T/deaf" <<-'END'
		say "ready"
		sti
		1: hlt
		jmp 1b
	END
	# Polls PM1_STS for the button, and powers off.
	guest_polls "$T/polls"
	guest "$T/spins" <<-'END'
		say "ready"
		forever
	END
}

teardown() {
	end_started
}

@test "SIGTERM, SIGINT and SIGHUP press the power button" {
	local signal

	for signal in TERM INT HUP; do
		start --flat -k "$T/polls"
		says "$T/out" ready
		kill -$signal "$pid"
		ends 0
		says "$T/out" button
		[ ! -s "$T/err" ]
	done
}

@test "a guest that takes no notice: 128+n after --stop-timeout" {
	local how=(TERM 143 INT 130 HUP 129) k guest

	for guest in deaf spins; do
		for ((k = 0; k < 6; k += 2)); do
			start --stop-timeout 200ms --flat -k "$T/$guest"
			says "$T/out" ready
			kill -"${how[k]}" "$pid"
			ends "${how[k + 1]}" 5
			[ "$(cat "$T/err")" = "vm-run: $T/$guest: the guest did not power off in time" ]
		done
	done
}

@test "--stop-timeout is waited for, not less" {
	local begin=${EPOCHREALTIME/./} took

	start --stop-timeout 1s --flat -k "$T/deaf"
	says "$T/out" ready
	kill -TERM "$pid"
	ends 143 5
	took=$((${EPOCHREALTIME/./} - begin))
	[ "$took" -ge 1000000 ]
}

@test "a second signal ends it at once, with its own number" {
	local begin

	start --flat -k "$T/spins"
	says "$T/out" ready
	begin=$SECONDS
	kill -INT "$pid"
	until_true 5 signal_taken "$pid" 2
	kill -TERM "$pid"
	ends 143 5
	[ $((SECONDS - begin)) -le 5 ]
	[ "$(cat "$T/err")" = "vm-run: $T/spins: ended by a second signal" ]
}

# signal_taken PID N: it is no longer pending there
signal_taken() {
	local pending

	pending=$(sed -n 's/^ShdPnd:[[:space:]]*//p' "/proc/$1/status")
	! ((0x${pending:-0} >> ($2 - 1) & 1))
}

@test "the same signal twice is a second one" {
	start --flat -k "$T/deaf"
	says "$T/out" ready
	kill -TERM "$pid"
	until_true 5 signal_taken "$pid" 15
	kill -TERM "$pid"
	ends 143 5
}

@test "the button works while --timeout runs; the first to come counts" {
	start --stop-timeout 30s --timeout 3s --flat -k "$T/deaf"
	says "$T/out" ready
	kill -TERM "$pid"
	ends 124
}

@test "a hang-up does not end what nohup started" {
	(
		trap '' HUP
		exec vm-run --flat -k "$T/polls" >"$T/out" 2>"$T/err" 3>&-
	) &
	pid=$!
	started+=("$pid")
	says "$T/out" ready
	kill -HUP "$pid"
	until_true 5 signal_taken "$pid" 1
	kill -TERM "$pid"
	ends 0
}

@test "SIGKILL leaves nothing behind" {
	mkdir "$T/cwd"
	cd "$T/cwd"
	start --flat -k "$T/spins" --accel soft
	says "$T/out" ready
	kill -KILL "$pid"
	ends 137
	[ -z "$(ls -A)" ]
}

@test "a signal before the guest has done anything is not lost" {
	local code

	for _ in 1 2 3 4 5; do
		start --stop-timeout 100ms --flat -k "$T/deaf" -m 256M
		kill -TERM "$pid"
		until_true 10 gone "$pid"
		code=0
		wait "$pid" || code=$?
		[ "$code" = 143 ]
	done
}

@test "SIGPIPE, SIGUSR1 and the like: as the system has it" {
	start --flat -k "$T/spins"
	says "$T/out" ready
	kill -PIPE "$pid"
	kill -CONT "$pid"
	alive "$pid"
	kill -USR1 "$pid"
	ends 138
}
