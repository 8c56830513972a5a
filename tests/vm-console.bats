#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-console: scrollback, following through rotation, input, and all the ways
# to leave. Most machines here are played by a script, which can say what it
# likes when it likes; the last tests are about real ones.
# timeout: 180

load helpers

setup() {
	export VM_HOME=$T/vm
	mkdir -m 700 "$VM_HOME"
	machine web
}

teardown() {
	[ -z "${keys:-}" ] || exec {keys}>&-
	[ -z "${orders:-}" ] || exec {orders}>&-
	end_started
	[ ! -d "$VM_HOME" ] || vm-ls -q -s running | while read -r name; do
		vm-ctl "$name" poweroff || :
	done
} 2>/dev/null

# machine NAME: a machine's directory, as vm-create leaves it
machine() {
	mkdir -m 700 "$VM_HOME/$1"
	echo vm-state 1 >"$VM_HOME/$1/format"
	echo memory = 16M >"$VM_HOME/$1/config"
	touch "$VM_HOME/$1/lock"
	D=$VM_HOME/$1
}

# Plays the process of the machine in $D: holds its lock, keeps its log, serves
# its console. What it hears is in $T/heard. Orders, one a line, by `order`: say
# TEXT (with \n), rotate, refuse (hang up on all that come), deaf (read nothing
# more), end.
play() {
	rm -f "$T/orders"
	mkfifo "$T/orders"
	exec {orders}<>"$T/orders"
	: >"$T/heard"
	perl -e 'use Fcntl; use IO::Handle; use IO::Socket::UNIX;
		my ($dir, $heard) = @ARGV;
		my (%peer, $refuse, $deaf, $line);
		chdir $dir or die;
		sysopen my $lock, "lock", O_RDWR or die;
		my $fl = pack "s s x4 q q i x4", F_WRLCK, 0, 0, 1, 0;
		fcntl $lock, 37, $fl or die "lock: $!";
		my $open = sub {
			open $log, ">>", "console.log" or die;
			$log->autoflush;
		};
		unlink "console.log.1", "console";
		rename "console.log", "console.log.old";
		$open->();
		open my $out, ">>", $heard or die;
		$out->autoflush;
		my $s = IO::Socket::UNIX->new(
			Listen => 5, Local => "console") or die;
		for (;;) {
			my $r = "";
			vec($r, fileno $_, 1) = 1
				for $s, \*STDIN, $deaf ? () : values %peer;
			select $r, undef, undef, undef;
			for my $p (values %peer) {
				next if !vec $r, fileno $p, 1;
				if (sysread $p, my $buf, 4096) {
					print $out $buf;
				} else {
					delete $peer{fileno $p};
				}
			}
			if (vec $r, fileno $s, 1) {
				my $p = $s->accept;
				$peer{fileno $p} = $p if !$refuse;
			}
			next if !vec $r, 0, 1;
			$line = "";
			while (sysread STDIN, my $c, 1) {
				last if $c eq "\n";
				$line .= $c;
			}
			if ($line =~ s/^say //) {
				$line =~ s/\\n/\n/g;
				print $log $line;
			} elsif ($line eq "rotate") {
				rename "console.log", "console.log.1";
				$open->();
			} elsif ($line eq "refuse") {
				$refuse = 1;
			} elsif ($line eq "deaf") {
				$deaf = 1;
			} elsif ($line eq "end") {
				unlink "console";
				exit;
			}
		}' "$D" "$T/heard" <"$T/orders" 2>"$T/player" 3>&- &
	player=$!
	started+=("$player")
	until_true 10 test -S "$D/console" || {
		cat "$T/player"
		return 1
	}
}

order() {
	printf '%s\n' "$*" >&"$orders"
}

# at OPTION...: vm-console in the background, as $pid; see start in helpers
at() {
	rm -f "$T/out" "$T/err"
	vm-console "$@" <"${IN:-/dev/null}" >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	started+=("$pid")
}

# con OPTION...: with a deadline; 137 says it was met
con() {
	timeout --foreground -s KILL "${LIMIT:-20}" vm-console "$@"
}

# shows TEXT: that is all it has shown, in time
shows() {
	until_true 10 is_shown "$1" || {
		echo "shown: $(cat "$T/out")"
		cat "$T/err"
		return 1
	}
}

is_shown() {
	[ "$(cat "$T/out" && echo .)" = "$1"$'\n.' ]
}

heard() {
	until_true 10 is_heard "$1" || {
		echo "heard: $(cat "$T/heard")"
		return 1
	}
}

is_heard() {
	[ "$(cat "$T/heard")" = "$1" ]
}

# --- a machine that does not run ---

@test "not running: its log is printed" {
	printf 'one\ntwo\n' >"$D/console.log"
	run --separate-stderr con web
	[ "$status" = 0 ]
	[ "$output" = $'one\ntwo' ]
	[ -z "$stderr" ]
}

@test "not running, without a log: nothing" {
	run con web
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "not running: input that was to be passed on is a failure" {
	run --separate-stderr con -1 web <<<reboot
	[ "$status" = 1 ]
	[ "$stderr" = "vm-console: web: not running" ]
	run con -1 web </dev/null
	[ "$status" = 0 ]
}

@test "no such machine, bad options" {
	run --separate-stderr con nobody
	[ "$status" = 1 ]
	[ "$stderr" = "vm-console: nobody: no such machine" ]
	VM_HOME=$T/none run --separate-stderr con nobody
	[ "$status" = 1 ]
	[ "$stderr" = "vm-console: nobody: no such machine" ]
	[ ! -e "$T/none" ]
	run --separate-stderr con ../web
	[ "$status" = 2 ]
	[[ $stderr == "vm-console: ../web: not a name: "* ]]
	run --separate-stderr con -e ctrl-x web
	[ "$status" = 2 ]
	[[ $stderr == "vm-console: "*"'ctrl-x' is not a key"* ]]
	run con --record - web
	[ "$status" = 2 ]
	run con web db
	[ "$status" = 2 ]
	run con
	[ "$status" = 2 ]
}

@test "a log that is no file, or a link out of the directory, is refused" {
	mkfifo "$D/console.log"
	run --separate-stderr con web
	[ "$status" = 1 ]
	[[ $stderr == "vm-console: "*"console.log: not a regular file" ]]
	ln -sf /etc/passwd "$D/console.log"
	run --separate-stderr con web
	[ "$status" = 1 ]
	[ -z "$output" ]
}

# --- scrollback ---

@test "scrollback: the last lines, over the border of two files" {
	printf 'a\nb\nc\nd' >"$D/console.log.1"
	printf 'D\ne\nprompt> ' >"$D/console.log"
	[ "$(con -n 1 web)" = "prompt> " ]
	[ "$(con -n 2 web)" = $'e\nprompt> ' ]
	[ "$(con -n 3 web)" = $'dD\ne\nprompt> ' ]
	[ "$(con -n 4 web)" = $'c\ndD\ne\nprompt> ' ]
	[ "$(con -n 99 web)" = $'a\nb\nc\ndD\ne\nprompt> ' ]
	[ -z "$(con -n 0 web)" ]
	[ "$(con web)" = $'a\nb\nc\ndD\ne\nprompt> ' ]
	echo >>"$D/console.log"
	[ "$(con -n 1 web)" = "prompt> " ]
}

@test "scrollback: not the run before" {
	echo before >"$D/console.log.old"
	echo now >"$D/console.log"
	[ "$(con -a web)" = now ]
}

@test "scrollback: 64 KiB of whole lines, unless all is asked for" {
	seq 100000 120000 >"$D/console.log.1"
	seq 120001 130000 >"$D/console.log"
	con web >"$T/out"
	[ "$(wc -c <"$T/out")" -le 65536 ]
	[ "$(wc -c <"$T/out")" -gt 65520 ]
	[ "$(head -c 3 "$T/out")" = 120 ]
	[ "$(tail -n 1 "$T/out")" = 130000 ]
	con -a web | cmp - <(seq 100000 130000)
	con -n 15000 web | cmp - <(seq 115001 130000)
}

# --- a machine that runs ---

@test "what it says is shown as it is said, to its end" {
	play
	order 'say boot\n'
	at web
	shows $'boot'
	order 'say login: '
	until_true 10 grep -q 'login: ' "$T/out"
	order 'say bye\n'
	order end
	ends 0
	[ "$(cat "$T/out")" = $'boot\nlogin: bye' ]
	[ ! -s "$T/err" ]
}

@test "what it is told arrives" {
	play
	run con -1 web <<<'echo hello'
	[ "$status" = 0 ]
	[ "$(cat "$T/heard")" = 'echo hello' ]
}

@test "input that the machine did not take before it ended is a failure" {
	play
	order deaf
	echo reboot >"$T/in"
	IN=$T/in at -1 web
	sleep 0.5
	alive "$pid"
	order end
	ends 1
	[ "$(cat "$T/err")" = \
		"vm-console: web: ended before it took the input" ]
}

@test "at the end of its input it stays, to show the answer" {
	play
	mkfifo "$T/in"
	IN=$T/in at web
	echo date >"$T/in"
	heard date
	order 'say Thursday\n'
	shows Thursday
	order end
	ends 0
}

@test "several at once: all see all, each may write" {
	play
	mkfifo "$T/in1" "$T/in2"
	for i in 1 2 3; do
		in=/dev/null
		[ "$i" = 3 ] || in=$T/in$i
		vm-console web <"$in" >"$T/out$i" 2>&1 3>&- &
		started+=("$!")
	done
	exec {one}>"$T/in1" {two}>"$T/in2"
	printf A >&"$one"
	heard A
	printf B >&"$two"
	heard AB
	order 'say hi\n'
	for i in 1 2 3; do
		says "$T/out$i" '^hi$'
	done
	order end
	for i in 1 2 3; do
		until_true 10 gone "${started[i]}"
	done
}

@test "rotation: no byte is lost or doubled" {
	play
	order 'say a\n'
	at web
	shows a
	for i in {1..30}; do
		order "say line $i, first\\n"
		order rotate
		order "say line $i, second\\n"
		until_true 10 grep -q "$i, second" "$T/out"
	done
	order end
	ends 0
	grep second "$T/out" | cut -d' ' -f2 | cmp - <(seq -f %g, 1 30)
	[ "$(sort "$T/out" | uniq -d)" = "" ]
}

@test "a machine that is killed: the rest, and 0" {
	play
	at web
	order 'say last words'
	says "$T/out" 'last words'
	kill -KILL "$player"
	ends 0
	[ "$(cat "$T/out")" = "last words" ]
}

@test "once it has returned, the machine may be started or removed" {
	play
	at web
	until_true 10 test -s "$T/out" || order 'say x\n'
	shows x
	order end
	ends 0
	flock=$(perl -e 'use Fcntl; open my $l, "+<", shift;
		my $fl = pack "s s x4 q q i x4", F_WRLCK, 0, 0, 1, 0;
		print fcntl($l, 37, $fl) ? "free" : "held"' "$D/lock")
	[ "$flock" = free ]
}

@test "its output may be slow, or leave" {
	play
	for ((i = 0; i < 200; i++)); do
		order "say $(printf '%01000d' "$i")\\n"
	done
	order end
	until_true 20 gone "$player"
	[ "$(con -a web | { sleep 0.3; wc -l; })" = 200 ]
	play
	order 'say first\n'
	vm-console web </dev/null 2>"$T/err" 3>&- | head -n 1 >"$T/out" &
	pid=$!
	started+=("$pid")
	says "$T/out" first
	order 'say second\n'
	until_true 10 gone "$pid"
	[ ! -s "$T/err" ]
}

@test "its reader leaves: noticed while the machine is silent" {
	local code=0

	play
	order 'say first\n'
	vm-console web </dev/null 2>"$T/err" > >(head -n 1 >"$T/out") 3>&- &
	pid=$!
	started+=("$pid")
	until_true 10 gone "$pid"
	wait "$pid" || code=$?
	[ "$code" = 1 ]
	[ "$(<"$T/out")" = first ]
	[ ! -s "$T/err" ]
}

@test "input waits for a guest that does not read" {
	play
	order deaf
	mkfifo "$T/in"
	{
		head -c 3000000 /dev/zero | tr '\0' x
		: >"$T/written"
	} >"$T/in" 2>/dev/null 3>&- &
	started+=("$!")
	IN=$T/in at web
	order 'say alive\n'
	shows alive
	[ ! -e "$T/written" ]
}

@test "--no-input leaves the input to others" {
	play
	order 'say hi\n'
	echo mine >"$T/in"
	IN=$T/in at --no-input web
	shows hi
	order end
	ends 0
	[ ! -s "$T/heard" ]
}

@test "-1 shows what there is, and leaves" {
	play
	order 'say so far\n'
	says "$D/console.log" 'so far'
	run con -1 web </dev/null
	[ "$status" = 0 ]
	[ "$output" = "so far" ]
	alive "$player"
}

@test "--wait: until it runs, and then from the first byte" {
	echo before >"$D/console.log"
	at --wait -n 0 web
	sleep 0.3
	alive "$pid"
	play
	order 'say first\n'
	shows first
	order end
	ends 0
}

@test "too many consoles: said, but readers may stay" {
	play
	order refuse
	order 'say hi\n'
	run --separate-stderr con -1 web <<<hello
	[ "$status" = 1 ]
	[[ $stderr == "vm-console: web: too many consoles"* ]]
	at --no-input web
	shows hi
	sleep 1.5 # by then it reads without
	order 'say ho\n'
	shows $'hi\nho'
	order end
	ends 0
}

@test "a machine without a console socket says so" {
	perl -e 'use Fcntl; open my $l, "+<", shift;
		my $fl = pack "s s x4 q q i x4", F_WRLCK, 0, 0, 1, 0;
		fcntl $l, 37, $fl;
		sleep 60' "$D/lock" 3>&- &
	started+=("$!")
	until_true 10 eval '[ "$(vm-ls -n -o state web)" != stopped ]'
	echo hi >"$D/console.log"
	run --separate-stderr con web
	[ "$status" = 1 ]
	[[ $stderr == "vm-console: web: "*"no input" ]]
}

@test "--record: what was shown, with its times" {
	play
	order 'say one\n'
	at --record "$T/rec.cast" web
	shows one
	order 'say caf\303\251\n'
	order end
	ends 0
	head -n 1 "$T/rec.cast" | jq -e '.version == 2 and .width == 80 and
		.height == 24 and .title == "web"' ||
		! command -v jq
	[ "$(tail -n +2 "$T/rec.cast" | perl -ne '
		/^\[(\d+\.\d{6}), "o", "(.*)"\]$/ && $1 >= $t or exit 1;
		$t = $1; print $2')" != "" ]
	run --separate-stderr con --record "$T/no/such" web
	[ "$status" = 1 ]
	[[ $stderr == *"/no/such: cannot open: No such file"* ]]
	run --separate-stderr con --record /dev/full web
	[ "$status" = 1 ]
	[ "$stderr" = "vm-console: recording: cannot write: Input/output error" ]
}

# --- on a terminal ---

# on_terminal OPTION...: vm-console on a terminal of its own; what is written to
# descriptor $keys is typed there, what it shows is in $T/screen
on_terminal() {
	mkfifo "$T/keys"
	exec {keys}<>"$T/keys"
	# shellcheck disable=SC2016
	printf '%s\n' 'stty -g >"$T/before"; export T' \
		'sh -c '\''echo $$ >"$T/pid"; exec vm-console "$@"'\'' sh "$@"' \
		'code=$?' \
		'stty -g >"$T/after"; echo $code >"$T/code"' >"$T/shell"
	timeout -s KILL 50 script -qefc "T=$T bash $T/shell $(printf '%q ' "$@")" \
		"$T/screen" <"$T/keys" >/dev/null 2>&1 3>&- &
	started+=("$!")
	disown
}

press() {
	printf '%b' "$1" >&"$keys"
}

# left CODE: it ended so, and the terminal is as it was
left() {
	until_true 10 test -s "$T/code"
	[ "$(cat "$T/code")" = "$1" ] || {
		echo "got $(cat "$T/code"), want $1"
		cat "$T/screen"
		return 1
	}
	cmp "$T/before" "$T/after"
}

@test "terminal: every key reaches the machine, Ctrl-] leaves" {
	play
	order 'say login: '
	on_terminal web
	says "$T/screen" 'vm-console: web: connected; Ctrl-\] leaves'
	says "$T/screen" 'login: '
	press 'root\r\003\004\032'
	heard "$(printf 'root\r\003\004\032')"
	press '\035'
	left 0
	alive "$player"
}

@test "terminal: another key leaves, and then Ctrl-] does not" {
	play
	on_terminal -e ^a web
	says "$T/screen" 'Ctrl-A leaves'
	press 'x\035'
	heard "$(printf 'x\035')"
	press '\001'
	left 0
}

@test "terminal: that the machine ends is said" {
	play
	on_terminal web
	says "$T/screen" connected
	order 'say Power down'
	order end
	left 0
	says "$T/screen" 'vm-console: web: the machine ended'
	[ "$(grep -c 'Power down' "$T/screen")" = 1 ]
}

@test "terminal: -q tells nothing" {
	play
	order 'say hi\n'
	on_terminal -q web
	says "$T/screen" hi
	order end
	left 0
	! grep -q vm-console: "$T/screen"
}

@test "terminal: restored when it is killed" {
	play
	order 'say hi\n'
	on_terminal web
	says "$T/screen" hi
	kill -TERM "$(cat "$T/pid")"
	left 143
}

@test "terminal: a machine that does not run" {
	echo hi >"$D/console.log"
	on_terminal web
	left 0
	says "$T/screen" hi
	says "$T/screen" 'vm-console: web: not running'
}

# --- real machines ---

# real NAME: one that says "ready", then what it is told, until "!"
real() {
	guest "$T/echo" <<-'END'
		say "ready"
		1: call getc
		call putc
		cmp $'!', %al
		jne 1b
		poweroff
	END
	vm-run -d -n "$1" --keep always --accel soft --flat -k "$T/echo" \
		--timeout 60 3>&-
	D=$VM_HOME/$1
}

@test "a real machine: what it is told comes back, to the last byte" {
	real echo
	printf 'hello!' | con echo >"$T/out"
	[ "$(cat "$T/out")" = $'ready\nhello!' ]
	[ "$(con -a echo)" = $'ready\nhello!' ]
	[ "$(vm-ls -q -s running)" = "" ]
}

@test "a real machine: a lot of input, of which nothing is lost" {
	real echo
	seq 10000 12000 >"$T/in"
	{ cat "$T/in" && echo '!'; } | con -n 0 echo >"$T/out"
	cmp "$T/in" <(head -n -1 "$T/out")
}

@test "a real machine: the socket as it is, for other programs" {
	real echo
	says "$D/console.log" ready
	[ "$(printf abc | talk "$D/console" 3)" = abc ]
	printf '!' | con -1 echo
	until_true 10 test ! -e "$D/console"
}

@test "a real machine that leaves no directory: shown to its end all the same" {
	guest "$T/brief" <<-'END'
		say "ready"
		call getc
		say "done"
		poweroff
	END
	vm-run -d -n brief --accel soft --flat -k "$T/brief" --timeout 60 3>&-
	run con brief <<<x
	[ "$status" = 0 ]
	[ "$output" = $'ready\ndone' ]
	[ ! -e "$VM_HOME/brief" ]
}
