#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-run on a terminal: raw while the machine runs, restored however it ends,
# and Ctrl-] for those who want out.

load helpers

# Says "ready", then echoes what is typed, in hexadecimal, until "!"; a power
# button or an NMI is announced.
setup() {
	guest "$T/hex" <<-'END'
		movw $nmi, 8
		movw $0, 10
		say "ready"
		next: mov $0x600, %dx
		in %dx, %ax
		test $1, %ah
		jz 1f
		mov $0x100, %ax
		out %ax, %dx
		say "button"
		1: mov $0x3fd, %dx
		in %dx, %al
		test $1, %al
		jz next
		call getc
		mov %al, %bl
		mov $'<', %al
		call putc
		mov %bl, %al
		shr $4, %al
		call digit
		mov %bl, %al
		and $15, %al
		call digit
		mov $'>', %al
		call putc
		cmp $'!', %bl
		jne next
		poweroff
		digit: add $'0', %al
		cmp $'9' + 1, %al
		jb 1f
		add $'a' - '9' - 1, %al
		1: jmp putc
		nmi: pusha
		say "nmi"
		popa
		iret
	END
}

teardown() {
	# shellcheck disable=SC2046
	[ ! -s "$T/tty" ] || kill -KILL $(vm_pid) || :
	[ -z "${keys:-}" ] || exec {keys}>&-
	end_started
} 2>/dev/null

# on_terminal OPTION...: a shell on a terminal of its own runs vm-run. What is
# written to descriptor $keys is typed there, what it shows is in $T/screen, and
# $T/tty names it. The code, and the modes before and after, go to files.
on_terminal() {
	mkfifo "$T/keys"
	exec {keys}<>"$T/keys"
	# shellcheck disable=SC2016
	printf '%s\n' 'tty >"$T/tty"; stty -g >"$T/before"' \
		'vm-run "$@" 2>"$T/err"; code=$?' \
		'stty -g >"$T/after"; echo $code >"$T/code"' >"$T/shell"
	timeout -s KILL 50 script -qefc "T=$T bash $T/shell $(printf '%q ' "$@")" \
		"$T/screen" <"$T/keys" >/dev/null 2>&1 3>&- &
	script=$!
	started+=("$script")
	disown
}

press() {
	printf '%b' "$1" >&"$keys"
}

# The process that is vm-run, for signals.
vm_pid() {
	local p

	for p in $(ps -t "$(cut -d/ -f3- "$T/tty")" -o pid=,comm= |
		awk '$2 == "vm-run" { print $1 }'); do
		echo "$p"
	done
}

modes() {
	stty -a -F "$(cat "$T/tty")"
}

is_raw() {
	[[ $(modes) == *" -icanon"* ]]
}

is_cooked() {
	[[ $(modes) == *" icanon"* ]]
}

runs() {
	[ -s "$T/tty" ] && [ -n "$(vm_pid)" ]
}

runs_not() {
	[ -z "$(vm_pid)" ]
}

# left CODE: vm-run ended so, and the terminal is as it was
left() {
	until_true 10 test -s "$T/code"
	[ "$(cat "$T/code")" = "$1" ] || {
		echo "got $(cat "$T/code"), want $1"
		cat "$T/err" "$T/screen"
		return 1
	}
	cmp "$T/before" "$T/after"
}

@test "every key reaches the guest as it is, and the guest's echo is the only one" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	press '\003\004\032\034\021\023\r\n\0\0177\033[A\0377!'
	left 0
	grep -aq '<03><04><1a><1c><11><13><0d><0a><00><7f><1b><5b><41><ff><21>' \
		"$T/screen"
	[ ! -s "$T/err" ]
}

@test "the terminal is raw while the machine runs" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	[[ $(modes) == *" -icanon"* ]]
	[[ $(modes) == *"-isig"* ]]
	[[ $(modes) == *" -echo "* ]]
	[[ $(modes) == *"-icrnl"* ]]
	press '!'
	left 0
}

@test "Ctrl-] q ends the machine: 114" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	press '\035q'
	left 114
	[ "$(cat "$T/err")" = "vm-run: $T/hex: quit from the keyboard" ]
}

@test "Ctrl-] p presses the power button" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	press '\035p'
	says "$T/screen" button
	press 'x!'
	left 0
	grep -aq '<78><21>' "$T/screen"
}

@test "Ctrl-] Ctrl-] passes one Ctrl-]" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	press 'a\035\035b!'
	left 0
	grep -aq '<61><1d><62><21>' "$T/screen"
}

@test "Ctrl-] split from its key by time is the same" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	press 'a\035'
	says "$T/screen" '<61>'
	press '\035'
	says "$T/screen" '<61><1d>'
	press '\035'
	press 'q'
	left 114
}

@test "Ctrl-] ? prints the keys, which do not reach the guest" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	press '\035?'
	says "$T/err" 'p power button, q quit, r reset, n NMI'
	press '\035x' # neither does any other key end it
	press '!'
	left 0
	[[ $(grep -Eao '<[0-9a-f]{2}>' "$T/screen" | tr -d '\n') == '<21>' ]]
}

shown_twice() {
	[ "$(grep -ac "$1" "$T/screen")" = 2 ]
}

@test "Ctrl-] r resets, Ctrl-] n sends an NMI" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	press '\035n'
	says "$T/screen" nmi
	press '\035r'
	until_true 10 shown_twice ready
	press '!'
	left 0
}

@test "Ctrl-] q works while the guest reads nothing and is flooded" {
	guest "$T/deaf" <<-'END'
		say "ready"
		forever
	END
	on_terminal --flat -k "$T/deaf"
	says "$T/screen" ready
	# The terminal itself holds 4095 bytes at a time.
	for ((n = 0; n < 40; n++)); do
		head -c 4000 /dev/zero | tr '\0' x >&"$keys"
	done
	press '\035q'
	left 114
}

@test "the terminal is restored after a panic, a triple fault, a timeout" {
	guest "$T/panic" <<-'END'
		outb 0x505, 1
	END
	on_terminal --flat -k "$T/panic"
	left 111
	exec {keys}>&-
	rm "$T/keys" "$T/code"
	guest "$T/spin" <<-'END'
		forever
	END
	on_terminal --timeout 200ms --flat -k "$T/spin"
	left 124
	exec {keys}>&-
	rm "$T/keys" "$T/code"
	on_terminal -k "$T/none"
	left 125
}

@test "and after SIGTERM, SIGQUIT and an abort" {
	local how=(TERM 143 QUIT 131 ABRT 134 SEGV 139) k

	for ((k = 0; k < 8; k += 2)); do
		on_terminal --stop-timeout 100ms --flat -k "$T/hex"
		says "$T/screen" ready
		is_raw
		kill -"${how[k]}" "$(vm_pid)"
		left "${how[k + 1]}"
		exec {keys}>&-
		rm "$T/keys" "$T/code" "$T/screen"
	done
}

@test "stopped and continued: the shell's modes, then raw again" {
	on_terminal --flat -k "$T/hex"
	says "$T/screen" ready
	kill -TSTP "$(vm_pid)"
	until_true 5 is_cooked
	kill -CONT "$(vm_pid)"
	until_true 5 is_raw
	press '!'
	left 0
}

@test "a terminal that hangs up ends the machine" {
	on_terminal --stop-timeout 300ms --flat -k "$T/hex"
	says "$T/screen" ready
	vm=$(vm_pid)
	kill -KILL "$(pgrep -P "$script")" # script(1), which holds the other end
	until_true 10 gone "$vm"
}

@test "with the console elsewhere the terminal stays as it is" {
	on_terminal --serial null --timeout 2s --flat -k "$T/hex"
	until_true 5 runs
	is_cooked
	press '\003'
	until_true 10 runs_not
}

@test "Ctrl-] is an ordinary byte where input is no terminal" {
	[[ $(printf '\035q!' | vmr --flat -k "$T/hex") == *'<1d><71><21>' ]]
}
