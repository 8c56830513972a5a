#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-run: the serial ports and what they are connected to. Terminals are in
# vm-run-tty.bats.

# shellcheck disable=SC2154 # run and start set variables

load helpers

# echoes FILE N [PORT]: a guest that says "!" on stdout (which is at PORT), then
# echoes N bytes on the first port and powers off. What it was sent before it
# clears the FIFO would be lost, as on any UART.
echoes() {
	guest "$1" N="$2" PORT="${3:-0x3f8}" <<-'END'
		outb 0x3fa, 7
		movw $PORT, com
		mov $'!', %al
		call putc
		movw $0x3f8, com
		mov $N, %ecx
		1: call getc
		call putc
		dec %ecx
		jnz 1b
		poweroff
	END
}

# One that says a line and powers off.
setup() {
	guest "$T/hello" <<-'END'
		say "hello"
		poweroff
	END
}

teardown() {
	end_started
}

# bytes N: all values of bytes, in an order that does not repeat soon
bytes() {
	perl -e 'binmode STDOUT; my $x = 1;
		for (1 .. $ARGV[0]) {
			$x = ($x * 1103515245 + 12345) & 0x7fffffff;
			print chr($x >> 16 & 255);
		}' "$1"
}

# through ARGUMENTS...: bytes from `want`, through the guest, to `got`, in pipes
through() {
	# shellcheck disable=SC2016
	run bash -o pipefail -c 'cd "$1"; shift
		{ until [ -s got ]; do sleep 0.01; done; cat want; } |
		timeout -s KILL 30 vm-run --flat -k g "$@" | cat >got' \
		- "$T" "$@"
	[ "$status" = 0 ]
	{ printf '!'; cat "$T/want"; } | cmp - "$T/got"
}

@test "100 KiB through a guest and back, through pipes, without a change" {
	bytes 102400 >"$T/want"
	echoes "$T/g" 102400
	through
}

@test "without the FIFO, a byte at a time" {
	bytes 5000 >"$T/want"
	guest "$T/g" <<-'END'
		mov $5000, %cx
		1: call getc
		call putc
		loop 1b
		poweroff
	END
	vmr --flat -k "$T/g" <"$T/want" >"$T/got"
	cmp "$T/want" "$T/got"
}

@test "4 KiB under kvm" {
	[[ $(engines) == *kvm* ]] || skip "no KVM here: vm-check says why"
	bytes 4096 >"$T/want"
	echoes "$T/g" 4096
	through --accel kvm
}

@test "a reader slower than the guest loses nothing" {
	guest "$T/g" <<-'END'
		mov $200000, %ecx
		1: mov %cl, %al
		call putc
		dec %ecx
		jnz 1b
		poweroff
	END
	run bash -o pipefail -c 'timeout -s KILL 30 vm-run --flat -k "$1/g" |
		perl -e "select undef, undef, undef, .5; binmode STDIN;
			while (sysread STDIN, \$_, 700) { print; }" >"$1/got"' - "$T"
	[ "$status" = 0 ]
	perl -e 'binmode STDOUT; print chr($_ & 255) for reverse 1 .. 200000' |
		cmp - "$T/got"
}

@test "the end of input is not the end of the machine" {
	guest "$T/g" <<-'END'
		1: call getc
		call putc
		cmp $'z', %al
		jne 1b
		say "more"
		poweroff
	END
	[ "$(printf xyz | vmr --flat -k "$T/g")" = xyzmore ]
	guest "$T/g" <<-'END'
		1: call getc
		jmp 1b
	END
	boots 124 --timeout 300ms --flat -k "$T/g"
}

@test "no input, closed input, closed error output" {
	[ "$(vmr --flat -k "$T/hello" </dev/null)" = hello ]
	[ "$(vmr --flat -k "$T/hello" <&-)" = hello ]
	[ "$(vmr --flat -k "$T/hello" 2>&-)" = hello ]
	[ "$(vmr --flat -k "$T/hello" <&- 2>&-)" = hello ]
}

@test "a reader that leaves does not end the machine, nor is it worth a word" {
	guest "$T/g" <<-'END'
		mov $70000, %ecx
		1: mov $'x', %al
		call putc
		dec %ecx
		jnz 1b
		outb 0xf4, 21
	END
	run bash -c '{ timeout -s KILL 20 vm-run --debug-exit --flat -k "$1"
		echo "$?" >&2; } | head -c 1' - "$T/g"
	[ "$output" = x43 ] || [ "$output" = 43x ] || {
		echo "$output"
		false
	}
}

@test "closed stdout: one line on stderr, and the machine goes on" {
	run bash -c 'timeout -s KILL 20 vm-run --debug-exit --flat -k "$1" \
		>&-' - "$T/hello"
	[ "$status" = 0 ]
	[ "$output" = "vm-run: stdio: cannot write: Bad file descriptor" ]
}

@test "a full disk under stdout: one line on stderr, and the machine goes on" {
	guest "$T/g" <<-'END'
		say "one"
		say "two"
		mov $70000, %ecx
		1: mov $'x', %al
		call putc
		dec %ecx
		jnz 1b
		outb 0xf4, 21
	END
	run bash -c 'timeout -s KILL 20 vm-run --debug-exit --flat -k "$1" \
		>/dev/full' - "$T/g"
	[ "$status" = 43 ]
	[ "${lines[0]}" = "vm-run: stdio: cannot write: No space left on device" ]
	[ "${#lines[@]}" -le 2 ]
}

@test "a full disk under --serial file" {
	boots 0 --serial file:/dev/full --flat -k "$T/hello"
	[ "$output" = "vm-run: file:/dev/full: cannot write: No space left on device" ]
}

@test "a disk that fills up keeps what went to it, and the machine goes on" {
	[ "$(id -u)" = 0 ] || skip "only root can mount: run as root"
	guest "$T/g" <<-'END'
		mov $70000, %ecx
		1: mov $'x', %al
		call putc
		dec %ecx
		jnz 1b
		poweroff
	END
	mkdir "$T/small"
	unshare -m true || skip "no mount namespace to be had: run as root, not in a container"
	# shellcheck disable=SC2016
	run unshare -m bash -c 'mount -t tmpfs -o size=16k none "$1/small" || exit
		timeout -s KILL 20 vm-run --serial "file:$1/small/log" \
			--flat -k "$1/g"
		echo "$?"; stat -c %s "$1/small/log"' - "$T"
	[ "${lines[0]}" = "vm-run: file:$T/small/log: cannot write: No space left on device" ]
	[ "${lines[1]}" = 0 ]
	[ "${lines[2]}" = 16384 ]
}

@test "--serial file: truncates, file:+ appends, stdout stays empty" {
	echo before >"$T/log"
	boots 0 --serial "file:$T/log" --flat -k "$T/hello"
	[ -z "$output" ]
	[ "$(cat "$T/log")" = hello ]
	boots 0 --serial "file:+$T/log" --flat -k "$T/hello"
	[ "$(cat "$T/log")" = "hello"$'\n'"hello" ]
	boots 0 --serial "file:+$T/new" --flat -k "$T/hello"
	[ "$(cat "$T/new")" = hello ]
}

@test "--serial null swallows" {
	boots 0 --serial null --flat -k "$T/hello"
	[ -z "$output" ]
}

@test "--serial pty: its name on stderr, a terminal behind it" {
	local pty

	guest "$T/g" <<-'END'
		1: call getc
		call putc
		cmp $'!', %al
		jne 1b
		poweroff
	END
	start --serial pty --flat -k "$T/g"
	says "$T/err" '^vm-run: serial0: /dev/pts/[0-9]+$'
	pty=$(sed -n 's/^vm-run: serial0: //p' "$T/err")
	printf 'through\r\n\003\004\035q' | talk "$pty" 13 >"$T/got"
	printf 'through\r\n\003\004\035q' | cmp - "$T/got"
	[ "$(printf '!' | talk "$pty" 1)" = '!' ]
	ends 0
	[ ! -s "$T/out" ]
}

@test "--serial pty: people may come and go" {
	local pty n

	echoes "$T/g" 3 0x2f8
	start --serial pty --serial stdio --flat -k "$T/g"
	says "$T/out" '!'
	pty=$(sed -n 's/^vm-run: serial0: //p' "$T/err")
	for n in a b c; do
		[ "$(printf '%s' "$n" | talk "$pty" 1)" = "$n" ]
	done
	ends 0
}

@test "--serial unix: a socket, mode 0600, gone at the end" {
	echoes "$T/g" 6 0x2f8
	start --serial "unix:$T/sock" --serial stdio --flat -k "$T/g"
	says "$T/out" '!'
	says "$T/err" "^vm-run: serial0: $T/sock\$"
	[ "$(stat -c %a "$T/sock")" = 600 ]
	[ "$(printf abc | talk "$T/sock" 3)" = abc ]
	alive "$pid"
	[ "$(printf def | talk "$T/sock" 3)" = def ]
	ends 0
	[ ! -e "$T/sock" ]
}

@test "--serial unix: 100 KiB both ways" {
	bytes 102400 >"$T/want"
	echoes "$T/g" 102400 0x2f8
	start --serial "unix:$T/sock" --serial stdio --flat -k "$T/g"
	says "$T/out" '!'
	talk "$T/sock" 102400 <"$T/want" >"$T/got"
	cmp "$T/want" "$T/got"
	ends 0
}

@test "--serial unix: a stale socket is replaced, a live one is not" {
	guest "$T/g" <<-'END'
		say "ready"
		sti
		1: hlt
		jmp 1b
	END
	start --serial "unix:$T/sock" --serial stdio --flat -k "$T/g"
	says "$T/err" "serial0:"
	refused 125 --serial "unix:$T/sock" --flat -k "$T/hello"
	[ -S "$T/sock" ]
	kill -KILL "$pid"
	ends 137
	[ -S "$T/sock" ]
	boots 0 --serial "unix:$T/sock" --flat -k "$T/hello"
	echo file >"$T/file"
	refused 125 --serial "unix:$T/file" --flat -k "$T/hello"
	[ "$(cat "$T/file")" = file ]
}

@test "four ports, each with its own end" {
	guest "$T/g" <<-'END'
		say "one"
		movw $0x2f8, com
		say "two"
		movw $0x3e8, com
		say "three"
		movw $0x2e8, com
		say "four"
		poweroff
	END
	boots 0 --serial stdio --serial "file:$T/2" --serial "file:$T/3" \
		--serial "file:$T/4" --flat -k "$T/g"
	[ "$output" = one ]
	[ "$(cat "$T/2")" = two ]
	[ "$(cat "$T/3")" = three ]
	[ "$(cat "$T/4")" = four ]
	refused 2 --serial null --serial null --serial null --serial null \
		--serial null --flat -k "$T/g"
}

@test "stdio may be any one of the ports" {
	guest "$T/g" <<-'END'
		movw $0x2f8, com
		call getc
		call putc
		say " two"
		poweroff
	END
	[ "$(printf x | vmr --serial null --serial stdio --flat -k "$T/g")" = "x two" ]
}

@test "a port that nobody asked for is not there" {
	guest "$T/g" <<-'END'
		mov $0x2fd, %dx
		in %dx, %al
		mov $0xf4, %dx
		out %al, %dx
	END
	boots 255 --debug-exit --flat -k "$T/g"
}

@test "--debugcon: the debug console at port 0x402" {
	guest "$T/g" <<-'END'
		mov $0x402, %dx
		in %dx, %al
		cmp $0xe9, %al
		jne 1f
		outb 0x402, 'd'
		outb 0x402, 'c'
		1: say "serial"
		poweroff
	END
	boots 0 --debugcon "file:$T/dc" --flat -k "$T/g"
	[ "$output" = serial ]
	[ "$(cat "$T/dc")" = dc ]
}

@test "output is there before the machine has ended" {
	guest "$T/g" <<-'END'
		say "early"
		forever
	END
	start --flat -k "$T/g"
	says "$T/out" early
	alive "$pid"
	kill -KILL "$pid"
	ends 137
}

@test "all output is there when the machine has ended" {
	guest "$T/g" <<-'END'
		mov $60000, %ecx
		1: mov $'x', %al
		call putc
		dec %ecx
		jnz 1b
		reset
	END
	run bash -c 'timeout -s KILL 20 vm-run --flat -k "$1" 2>&1 |
		{ sleep 0.3; wc -c; }' - "$T/g"
	[ "$output" = "$((60000 + $(wc -c <<<"vm-run: $T/g: guest reset")))" ]
}

@test "who shares our stdin and stdout finds them blocking as before" {
	local flags f

	mkfifo "$T/in" "$T/out"
	exec {in}<>"$T/in" {out}<>"$T/out"
	boots 0 --flat -k "$T/hello" <&"$in" >&"$out"
	flags=$(sed -n 's/^flags:[[:space:]]*//p' "/proc/$$/fdinfo/$in" \
		"/proc/$$/fdinfo/$out")
	[ "$(wc -l <<<"$flags")" = 2 ]
	for f in $flags; do
		[ $((f & 04000)) = 0 ]
	done
}
