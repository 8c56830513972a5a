#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What machines measure of themselves while somebody looks.
# timeout: 120

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
}

teardown() {
	[ ! -e hung ] || kill -CONT "$(cat hung)" || :
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

# waits FILE: a guest that does nothing, or works all the time, or reads from
# its first IDE disk all the time
waits() {
	guest "$1" <<-'END'
		sti
		1: hlt
		jmp 1b
	END
}

works() {
	guest "$1" <<-'END'
		forever
	END
}

reads() {
	guest "$1" <<-'END'
		again: outb 0x1f6, 0xe0
		outb 0x1f2, 16
		outb 0x1f3, 0
		outb 0x1f4, 0
		outb 0x1f5, 0
		outb 0x1f7, 0x20
		mov $16, %bx
		1: mov $0x1f7, %dx
		in %dx, %al
		test $8, %al
		jz 1b
		mov $0x1f0, %dx
		mov $0x9000, %di
		mov $256, %cx
		rep insw
		dec %bx
		jnz 1b
		jmp again
	END
}

# start NAME GUEST [KEY=VALUE...]: and it runs
start() {
	vm-create "$1" kernel="$2" flat=0x7c00 accel=soft memory=8M "${@:3}"
	timeout 30 vm-run -d "$1" 3>&-
	vm-wait "$1" --for running --timeout 30s
}

# value NAME COLUMN: as JSON has it
value() {
	vm-ls -J -o "$2" "$1" | sed 's/.*"'"$2"'":\([^,}]*\)}.*/\1/'
}

# above COLUMN NAME N
above() {
	awk -v v="$(value "$2" "$1")" -v n="$3" \
		'BEGIN { exit !(v != "null" && v + 0 > n) }'
}

@test "who works shows it, who waits does not, who does not run has nothing" {
	waits idle
	works busy
	start lazy idle
	start eager busy
	vm-create none kernel=busy flat=0x7c00
	[ "$(value none cpu-percent)" = null ]
	[ "$(value none resident)" = null ]
	until_true 30 above cpu-percent eager 5
	[ "$(value lazy disk-read)" = 0 ]
	[ "$(value lazy net-in)" = 0 ]
	above resident lazy 4095
	[ $(($(value lazy resident) % 4096)) = 0 ]
	run vm-ls -o name,cpu-percent,disk-read,resident --sort cpu-percent -r
	[[ ${lines[0]} =~ ^NAME\ +CPU-PERCENT\ +DISK-READ\ +RESIDENT$ ]]
	[[ ${lines[1]} =~ ^eager\ +[0-9]+\.[0-9]\ +0/s\ +[0-9]+K$ ]]
	[[ ${lines[2]} =~ ^lazy\ +[0-9]+\.[0-9]\ +0/s\ +[0-9]+K$ ]]
	[[ ${lines[3]} =~ ^none\ +-\ +-\ +-$ ]]
}

@test "what is read from a disk is counted, in bytes and requests" {
	local bytes

	reads reader
	truncate -s 1M disk.img
	start web reader disk=disk.img,bus=ide,format=raw
	until_true 30 above disk-reads web 10
	until_true 30 above disk-read web 8192
	bytes=$(value web disk-read-bytes)
	[ $((bytes % 8192)) = 0 ]
	until_true 30 above disk-read-bytes web "$bytes"
	[ "$(value web disk-writes)" = 0 ]
	[ "$(value web disk-write-bytes)" = 0 ]
}

@test "one that hangs is waited for no longer than for all" {
	local pid

	works busy
	start hung busy
	start well busy
	pid=$(vm-ls -n -o pid hung | tr -d ' ')
	kill -STOP "$pid"
	echo "$pid" >hung
	SECONDS=0
	vm-ls -n -o name,cpu-percent >out
	[ "$SECONDS" -lt 15 ]
	grep -q '^hung *-$' out
	until_true 30 above cpu-percent well 5
	kill -CONT "$pid"
	rm hung
}

@test "one that was killed measures nothing, and starts again" {
	waits idle
	start web idle
	[ "$(stat -c %a:%F "$VM_HOME/web/metrics")" = "600:regular empty file" ]
	[ "$(stat -c %a:%F "$VM_HOME/web/metrics.wake")" = 600:fifo ]
	until_true 20 above resident web 4095
	kill -9 "$(vm-ls -n -o pid web)"
	vm-wait web --for crashed --timeout 20s || :
	[ -e "$VM_HOME/web/metrics" ]
	[ "$(value web resident)" = null ]
	timeout 30 vm-run -d web 3>&-
	until_true 20 above resident web 4095
	vm-ctl web poweroff
	vm-wait web --timeout 20s || :
	[ ! -e "$VM_HOME/web/metrics" ]
	[ ! -e "$VM_HOME/web/metrics.wake" ]
}

@test "a confined machine that is measured is as confined as before" {
	[[ $B != *san* ]] || skip "a sanitizer's build is not confined"
	waits idle
	start web idle
	until_true 20 above resident web 4095
	vm-audit web
}
