# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets status, output, stderr
# What the tests of vm-run share: guests of a few bytes, assembled on the spot,
# and ways to run a machine that cannot hang the test.

bats_require_minimum_version 1.5.0

# By hand, bats inherits the terminal; a machine would take it.
exec </dev/null

# shellcheck disable=SC2034 # for the tests
T=$BATS_TEST_TMPDIR

# guest FILE [SYMBOL=VALUE...]: assemble stdin to a flat image for --flat. It is
# entered at 0x7c00 in real mode with all segments 0 and a stack; it has:
#	say "text"		a line on the serial port whose base is in `com`
#	call putc, call getc	a byte in %al
#	outb port, value
#	poweroff		through ACPI; does not return
#	reset			through port 0xcf9; does not return
#	forever			spins with interrupts off
# What runs over its end is halted for good.
guest() {
	local file=$1

	shift
	{
		cat <<-'END'
			.code16
			.globl _start
			.macro outb port, value
			mov $\port, %dx
			mov $\value, %al
			out %al, %dx
			.endm
			.macro say text
			call puts
			.ascii "\text"
			.byte 10, 0
			.endm
			.macro poweroff
			mov $0x604, %dx
			mov $0x2000, %ax
			out %ax, %dx
			jmp stop
			.endm
			.macro reset
			outb 0xcf9, 6
			jmp stop
			.endm
			.macro forever
			jmp .
			.endm
			_start:
			xor %ax, %ax
			mov %ax, %ds
			mov %ax, %es
			mov %ax, %ss
			mov $0x7c00, %sp
			cld
			jmp main
			com: .word 0x3f8
			puts: pop %si
			1: lodsb
			test %al, %al
			jz 2f
			call putc
			jmp 1b
			2: jmp *%si
			putc: push %ax
			mov com, %dx
			add $5, %dx
			1: in %dx, %al
			test $0x20, %al
			jz 1b
			pop %ax
			mov com, %dx
			out %al, %dx
			ret
			getc: mov com, %dx
			add $5, %dx
			1: in %dx, %al
			test $1, %al
			jz 1b
			mov com, %dx
			in %dx, %al
			ret
			main:
		END
		cat
		printf 'stop: cli\nhlt\njmp stop\n'
	} >"$file.s"
	as --32 "${@/#/--defsym=}" -o "$file.o" "$file.s" &&
		ld -m elf_i386 -Ttext=0x7c00 --oformat=binary -o "$file" "$file.o"
	rm -f "$file.s" "$file.o"
}

# guest_polls FILE: one that says "ready", and "button" when the power button is
# pressed, which it looks for all the time, and powers off
guest_polls() {
	guest "$1" <<-'END'
		say "ready"
		mov $0x600, %dx
		1: in %dx, %ax
		test $1, %ah
		jz 1b
		say "button"
		poweroff
	END
}

# The engines that can run here, however slowly.
engines() {
	echo soft
	! vm-check -J | grep -Eq '"cause": *"(good|slow)"' || echo kvm
}

# vmr OPTION...: vm-run with a deadline of LIMIT seconds; 137 says it was met.
# (--foreground, or it would have no terminal.)
vmr() {
	timeout --foreground -s KILL "${LIMIT:-20}" vm-run "$@"
}

# boots CODE OPTION...: the machine ends with that code
boots() {
	local want=$1

	shift
	run vmr "$@"
	[ "$status" = "$want" ] || {
		echo "vm-run $*: got $status, want $want"
		echo "$output"
		return 1
	}
}

# refused CODE OPTION...: that code, nothing on stdout, and one line on stderr
# that says who speaks
refused() {
	local want=$1

	shift
	LIMIT=5 run --separate-stderr vmr "$@"
	if [ "$status" != "$want" ] || [ -n "$output" ] ||
		[[ $stderr != "vm-run: "* ]] ||
		[ "$(wc -l <<<"$stderr")" != 1 ]; then
		echo "vm-run $*: got $status, want $want; stdout '$output'"
		echo "stderr: $stderr"
		return 1
	fi
}

# denied CODE TEXT TOOL ARG...: that code, nothing on stdout, and one line on
# stderr that begins with the tool's name and has TEXT
denied() {
	local want=$1 text=$2

	shift 2
	run --separate-stderr timeout 30 "$@"
	if [ "$status" != "$want" ] || [ -n "$output" ] ||
		[[ $stderr != "$1: "*"$text"* ]] ||
		[ "$(wc -l <<<"$stderr")" != 1 ]; then
		echo "$*: got $status, want $want; stdout '$output'"
		echo "stderr: $stderr"
		return 1
	fi
}

# quiet COMMAND...: succeeds and says nothing
quiet() {
	run timeout 30 "$@" 3>&-
	[ "$status" = 0 ] && [ -z "$output" ] || {
		echo "$*: $status: $output"
		return 1
	}
}

# hold NAME: somebody, as $holder, holds its lock, as one that runs does
hold() {
	rm -f "$T/held"
	perl -e 'open F, "+<", "$ARGV[0]/lock" or die;
		my $l = pack "s s x4 q q i x4", 1, 0, 0, 1, 0;
		fcntl F, 37, $l or die;
		open R, ">", $ARGV[1] or die;
		close R;
		sleep 100' "$VM_HOME/$1" "$T/held" 3>&- &
	holder=$!
	until_true 10 [ -e "$T/held" ]
}

# until_true SECONDS COMMAND...: polls it
until_true() {
	local end=$((SECONDS + $1 + 1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || {
			echo "never: $*"
			return 1
		}
		sleep 0.02
	done
}

# says FILE REGEX [SECONDS]: waits until a line of it matches
says() {
	until_true "${3:-10}" grep -Eqas -- "$2" "$1" || {
		echo "$1:"
		cat "$1"
		return 1
	}
}

# start OPTION...: vm-run in the background, as $pid; its stdin is $IN or
# /dev/null, what it says goes to the files $T/out and $T/err
start() {
	rm -f "$T/out" "$T/err" # what the one before said
	vm-run "$@" <"${IN:-/dev/null}" >"${OUT:-$T/out}" 2>"$T/err" 3>&- &
	pid=$!
	started+=("$pid")
}

# talk WHERE N: send stdin to a socket or terminal and print the first N bytes
# that come back
talk() {
	perl -e 'use Fcntl; use Socket;
		my ($where, $n) = @ARGV;
		my ($s, $buf, $out, $got) = (undef, "", "", "");
		alarm 30;
		binmode $_ for *STDIN, *STDOUT;
		if (-S $where) {
			socket $s, AF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
			connect $s, pack_sockaddr_un $where or die "$where: $!";
		} else {
			sysopen $s, $where, O_RDWR | O_NOCTTY or die "$where: $!";
		}
		$out = do { local $/; <STDIN> } // "";
		while (length $got < $n) {
			my ($r, $w) = ("", "");
			vec($r, fileno $s, 1) = 1;
			vec($w, fileno $s, 1) = 1 if length $out;
			select $r, $w, undef, undef;
			if (vec $w, fileno $s, 1) {
				# Never more than a terminal takes at once.
				my $k = syswrite $s, $out, 256;
				die "$where: $!" if !defined $k;
				substr $out, 0, $k, "";
			}
			if (vec $r, fileno $s, 1) {
				sysread $s, $buf, 4096 or last;
				$got .= $buf;
			}
		}
		print $got;' "$@"
}

# A process is its threads: the first may be a zombie before the others let go
# of what they hold.
gone() {
	[ ! -e "/proc/$1" ] || [[ $(cat "/proc/$1/stat" 2>&1) == *") Z "* &&
		$(echo "/proc/$1/task/"*) != *" "* ]]
}

alive() {
	! gone "$1" || {
		echo "$1 has ended"
		return 1
	}
}

# ends CODE [SECONDS]: what start began ends with that code in time
ends() {
	local code=0

	until_true "${2:-10}" gone "$pid" || return
	wait "$pid" || code=$?
	[ "$code" = "$1" ] || {
		echo "got $code, want $1; stderr:"
		cat "$T/err"
		return 1
	}
}

# For teardown: what a failed test left running.
end_started() {
	local p

	for p in "${started[@]}"; do
		# shellcheck disable=SC2046
		[ -z "$p" ] || kill -KILL $(pgrep -P "$p") "$p" || :
	done 2>/dev/null
}

# Where the guests are that have to be fetched; skips where they cannot be.
need_guests() {
	local why code=0

	why=$("$TOP/tests/guests/fetch.sh" "$B/guests" 2>&1) || code=$?
	[ "$code" != 3 ] || skip "no guests to boot: ${why##*fetch.sh: }"
	[ "$code" = 0 ] || {
		echo "$why"
		return 1
	}
}

# linux_web KIND SCRIPT [KEY=VALUE...]: the machine web runs the script under
# Debian's kernel of that kind, and has said "ready" (see guests/init-do)
linux_web() {
	need_guests
	vm-create web kernel="$B/guests/vmlinuz-$1" accel=soft memory=256M \
		initrd="$B/guests/initrd-do-$1.gz" \
		cmdline="console=ttyS0 quiet do=\"${2//[$'\n\t']/ }\"" "${@:3}"
	timeout 30 vm-run -d web 3>&-
	vm-wait web --console ready --timeout 120s
}
