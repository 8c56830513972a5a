#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# timeout: 180
# vm-tui's panes in a real terminal: a machine's screen, its console, what
# happened; and how the terminal is left.

load helpers
load tui

setup() {
	export VM_HOME=$T/vm
	command -v tmux >/dev/null || skip "no tmux: install it"
}

teardown() {
	tui_end
	[ -z "$vm" ] || kill -CONT "$vm" || :
	[ ! -e "$T/started" ] || timeout 20 vm-ctl keys poweroff || :
	[ -z "$holder" ] || disown "$holder"
	[ -z "$holder" ] || kill -KILL "$holder" || :
}

# screen NAME KIND: the machine, and its last screen (see fbfile.pl)
screen() {
	[ -e "$VM_HOME/$1" ] || vm-create "$1" memory=16M
	perl "$TOP/tests/fbfile.pl" "$2" >"$VM_HOME/$1/fb.new"
	mv "$VM_HOME/$1/fb.new" "$VM_HOME/$1/fb"
}

text_screen() {
	screen web text <<-'END'
		GNU GRUB  version 2.06

		4e yellow on red
		f0 black on white
		login:
	END
}

# open_screen COLUMNSxROWS [VAR=VALUE...]: vm-tui, with the screen of its only
# machine
open_screen() {
	local size=$1

	shift
	tui_start "$size" env "$@" vm-tui
	tui_shows '(web|keys) '
	tui_keys f
	tui_shows '(web|keys)  screen'
}

# backgrounds ROW COLUMN...: the colours there, counted from 0
backgrounds() {
	tui_colors | perl -e 'my ($row, @want) = @ARGV;
		my ($bg, $x, @at) = ("-", 0);
		# A row begins with the colours that the one before ended with.
		while (<STDIN>) {
			chomp;
			($x, @at) = (0);
			while (/\G(?:\e\[([\d;]*)m|.)/g) {
				if (!defined $1) {
					$at[$x++] = $bg;
					next;
				}
				my @code = split /;/, $1 || 0;
				while (defined(my $c = shift @code)) {
					$bg = "-" if $c == 0 || $c == 49;
					$bg = $c - 40 if $c >= 40 && $c < 48;
					($bg) = (splice @code, 0, 2)[1] if $c == 48;
					splice @code, 0, 2 if $c == 38;
				}
			}
			last if !$row--;
		}
		print join(" ", map { $at[$_] // "-" } @want), "\n"' "$@"
}

# shows_at ROW "COLUMN..." "COLOUR..."
shows_at() {
	# shellcheck disable=SC2086
	[ "$(backgrounds "$1" $2)" = "$3" ] || {
		echo "row $1, columns $2: $(backgrounds "$1" $2), not $3"
		return 1
	}
}

@test "a text mode is shown as text, in its colours, at 80x24" {
	text_screen
	open_screen 80x24
	tui_shows '^login: *$'
	tui_screen >"$T/got"
	[ "$(sed -n 2,6p "$T/got")" = "GNU GRUB  version 2.06

yellow on red
black on white
login:" ]
	[[ $(sed -n 23p "$T/got") == *"stopped: its last screen"* ]]
	# Dimmed, as nobody is at home.
	shows_at 3 "0 12 20" "52 52 16"
	hold web
	tui_lacks 'last screen'
	shows_at 3 "0 12 20" "124 124 16"
	shows_at 4 "0 13 14" "231 231 16"
}

@test "in a large window it stands in the middle; a resize moves it" {
	text_screen
	open_screen 200x50
	tui_shows '^ {60}login: *$'
	[ "$(tui_screen | grep -n GRUB | cut -d: -f1)" = 13 ]
	tui_size 80x24
	tui_shows '^login: *$'
	tui_size 120x30
	tui_shows '^ {20}login: *$'
}

@test "in a small one it is pixels, and z shows the part with the cursor" {
	text_screen
	open_screen 40x10
	tui_shows '▀'
	tui_lacks 'login'
	tui_keys z
	tui_shows '^login: *$'
	[ "$(tui_screen | sed -n 2p)" = "GNU GRUB  version 2.06" ]
	# The arrows move it, as far as there is some.
	for _ in 1 2 3 4 5 6 7; do tui_keys Right; done
	tui_lacks 'GRUB'
	for _ in 1 2 3 4 5 6 7; do tui_keys Left; done
	tui_shows '^GNU GRUB'
	tui_keys z
	tui_shows '▀'
}

@test "graphics are two pixels a cell, as large as fits" {
	screen web 320x200
	hold web
	open_screen 80x24
	# 44 pixels in 22 rows are 70 columns; 5 are left on each side.
	until_true 10 shows_at 1 "4 5 39 40 74 75" "- 196 196 46 46 -"
	shows_at 11 "5 74" "196 46"
	shows_at 12 "5 39 40 74" "21 21 231 231"
	shows_at 22 "5 74" "21 231"
	tui_size 200x50
	# 96 in 48: 153 columns, 23 left.
	until_true 10 shows_at 1 "22 23 175 176" "- 196 46 -"
	until_true 10 shows_at 48 "23 175" "21 231"
	tui_size 40x10
	# 16 in 8: 25 columns; the middle one is half and half.
	until_true 10 shows_at 1 "6 7 18 19 20 31 32" "- 196 196 100 46 46 -"
	# As they are: all red, until moved.
	tui_keys z
	until_true 10 shows_at 1 "0 39" "196 196"
	tui_keys Right Right Right Right Right Right Right Right Right
	until_true 10 shows_at 1 "0 39" "196 46"
}

# kinds ROW: its characters, each once
kinds() {
	tui_screen | sed -n "$(($1 + 1))p" | sed 's/ //g;s/\(.\)\1*/\1/g'
}

@test "without colours, or UTF-8, there are shades" {
	screen web 320x200
	hold web
	open_screen 80x24 NO_COLOR=1
	tui_shows '▒'
	[ "$(kinds 2) $(kinds 20)" = "░▒ █" ]
	[[ $(tui_colors) != *"[3"[0-8]* ]]
	open_screen 80x24 LC_ALL=C
	tui_shows ':\+'
	[ "$(kinds 2) $(kinds 20)" = ":+ .@" ]
	run ! grep -q '[^ -~]' <(tui_screen)
}

@test "eight colours, bold for the bright ones, and sixteen million" {
	text_screen
	hold web
	TUI_TERM=screen open_screen 80x24
	tui_shows '^login:'
	[[ $(tui_colors) == *$'\e[1m\e[33m\e[41myellow'* ]]
	shows_at 3 "0 12" "1 1"
	tic -x -o "$T/terminfo" - <<-'END' || skip "no tic: install ncurses-bin"
		tui-direct|direct colours,
		 RGB, colors#0x1000000, pairs#0x7fff,
		 setab=\E[%?%p1%{8}%<%t4%p1%d%e48;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%d%;m,
		 setaf=\E[%?%p1%{8}%<%t3%p1%d%e38;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%d%;m,
		 use=tmux-256color,
	END
	open_screen 80x24 TERM=tui-direct TERMINFO="$T/terminfo"
	tui_shows '^login:'
	[[ $(tui_colors) == *'38;2;255;255;85'*'48;2;170;0;0'*yellow* ]]
}

@test "what changes on the screen is seen, and that it goes" {
	text_screen
	hold web
	open_screen 80x24
	tui_shows '^login:'
	screen web text <<<"a new run"
	tui_shows '^a new run'
	screen web off </dev/null
	tui_shows 'the screen is off'
	rm "$VM_HOME/web/fb"
	tui_shows 'no screen yet'
	text_screen
	tui_shows '^login:'
}

@test "a hostile framebuffer file is refused, however it changes" {
	local i

	text_screen
	hold web
	open_screen 80x24
	tui_shows '^login:'
	for i in 1 2 3 4 5 6 7 8 9 10; do
		perl -e 'srand $ARGV[0]; open F, "+<", $ARGV[1] or die;
			seek F, 8, 0;
			print F pack "V*", map { 2 * int rand 1 << rand 31 } 1 .. 300' \
			"$i" "$VM_HOME/web/fb"
		sleep 0.12
	done
	printf 'junk' >"$VM_HOME/web/fb"
	tui_shows 'fb: '
	alive "$(tui_pid)"
	truncate -s 0 "$VM_HOME/web/fb"
	text_screen
	tui_shows '^login:'
	tui_keys q q
	tui_ends 0
}

# A guest that prints the scan codes of its keyboard, and echoes its console.
keys_guest() {
	guest "$T/keys" <<-'END'
		say "ready"
		1: inb $0x64, %al
		test $1, %al
		jnz key
		mov $0x3fd, %dx
		in %dx, %al
		test $1, %al
		jz 1b
		call getc
		call putc
		jmp 1b
		key: inb $0x60, %al
		mov %al, %bl
		shr $4, %al
		call digit
		mov %bl, %al
		and $15, %al
		call digit
		mov $32, %al
		call putc
		jmp 1b
		digit: add $48, %al
		cmp $58, %al
		jb 2f
		add $39, %al
		2: jmp putc
	END
	vm-create keys kernel="$T/keys" flat=0x7c00 accel=soft memory=16M \
		layout=de
	touch "$T/started"
	timeout 30 vm-run -d keys 3>&-
	vm-wait keys --console ready --timeout 30s
}

@test "i types into the guest, on its layout; Ctrl-] ends that; D" {
	local log=$VM_HOME/keys/console.log

	keys_guest
	open_screen 80x24
	tui_keys q # no, not while it is typed:
	tui_shows 'running'
	tui_keys f
	tui_shows 'keys  screen'
	tui_keys i
	tui_shows 'Ctrl-\] stop typing'
	tui_type 'qy{'
	says "$log" '10 90 2c ac e0 38 08 88 e0 b8'
	tui_keys M-x C-c Up F5 Escape
	says "$log" '38 2d ad b8 1d 2e ae 9d e0 48 e0 c8 3f bf 01 81'
	tui_keys C-]
	tui_shows 'i type'
	tui_keys D
	says "$log" '1d 38 e0 53 e0 d3 b8 9d'
	[ "$(tail -c 25 "$log")" = " 1d 38 e0 53 e0 d3 b8 9d " ]
}

@test "a machine that hangs holds up nothing, and is said not to answer" {
	keys_guest
	vm=$(sed -n 's/^pid = //p' "$VM_HOME/keys/status")
	[ -n "$vm" ] || vm=$(vm-ls -n -o pid keys)
	open_screen 80x24
	kill -STOP "$vm"
	tui_keys i
	tui_shows 'stop typing'
	tui_type 'abc'
	tui_keys C-]
	tui_shows 'i type'
	tui_keys i
	tui_shows 'does not answer'
	tui_keys q
	tui_shows 'keys .*1 '
	tui_keys c
	tui_shows '^ready'
	tui_type 'abc'
	tui_keys C-]
	tui_shows 'keys .*1 '
	kill -CONT "$vm"
	tui_keys q
	tui_ends 0
}

@test "the console: what was said, typing, scrolling back, leaving" {
	keys_guest
	tui_start 80x24 vm-tui
	tui_shows 'keys .*running'
	tui_keys c
	tui_shows '^ready'
	tui_type $'hello, w\u00f6rld'
	tui_shows '^hello, wörld$'
	# q, and what else is a key elsewhere, is typed.
	tui_type 'q?/'
	tui_shows 'q\?/$'
	tui_keys C-c Up C-]
	tui_shows 'keys .*running'
	tui_lacks hello
	says "$VM_HOME/keys/console.log" $'\x03\e\\[A'
}

@test "the console of a stopped machine: escape sequences, scrolling" {
	vm-create web memory=16M
	{
		seq 1 100
		printf '\e[31mred\e[0m \e[1mbold\e[0m \e(0qqx\e(B '
		printf 'a\tb\rA\n'
		printf '\e[5n\e[c\e[6n\e]0;title\a'
		printf '\xff\xfe wide \xe6\xbc\xa2\xe5\xad\x97.\n'
	} >"$VM_HOME/web/console.log"
	tui_start 80x24 vm-tui
	tui_shows 'web '
	tui_keys c
	tui_shows '^Aed bold ──│ +a +b$'
	tui_shows '^.. wide 漢字\.'
	tui_shows '^85$'
	tui_lacks '^[1-7]?[0-9]$'
	[[ $(tui_colors) == *$'\e[1m'* ]]
	tui_keys PPage PPage
	tui_shows '^45$'
	tui_lacks '^100$'
	tui_keys NPage NPage NPage
	tui_shows '^100$'
	tui_keys Home
	tui_shows '^1$'
	tui_keys End
	tui_shows '^100$'
	tui_size 40x10
	tui_shows '^.. wide 漢字\.'
	tui_keys C-]
	tui_shows '[0-9] machine'
}

@test "a hostile console moves nothing but its own window" {
	vm-create web memory=16M
	perl -e 'srand 1;
		my @bit = (map("\e[$_", qw(?1049h ?1049l ?6h 9;3r 3;9r r
			99999;99999H 2147483647C 4294967295A 1000L 1000M 1000@
			1000P 1000X J 1J 2J 3J K ?7l ?7h !p 4h 4l 3g 1000I Z
			38;2;1;2;3m 48;5;300m 38;5;m 38:2::1:2:3m 7m s u 6n c
			1000S 1000T 9999999b ?1000h 1;2;3;4;5;6;7;8;9;10m)),
			map("\e$_", qw(M D E #8 H 7 8 c (0 )0 Pjunk ]0;x)),
			"\xe6\xbc\xa2", "e\xcc\x81", "\n", "\b", "\t", "\a", "\x0e");
		for (1 .. 8000) {
			print $bit[rand @bit];
			print pack "C*", map { rand 256 } 0 .. rand 12 if rand > .5;
		}
		print "\a\e\\\x18\ec\e[5;1Hthe end\e[3;1H"' >"$VM_HOME/web/console.log"
	tui_start 80x24 vm-tui
	tui_shows 'web '
	tui_keys c
	tui_shows '^the end' 20
	tui_shows '^web  console'
	for size in 40x10 200x50 20x5 80x24; do
		tui_size "$size"
		sleep 0.1
		tui_keys PPage
	done
	tui_keys End
	tui_shows '^the end'
	tui_shows '^web  console'
	tui_keys q q
	tui_ends 0
}

# shows_after SEQUENCES REGEX: so a terminal has it that gets these
shows_after() {
	# shellcheck disable=SC2059
	printf "\ec$1" >>"$VM_HOME/web/console.log"
	tui_shows "$2" || {
		echo "after $1"
		return 1
	}
}

@test "the console's terminal does what a VT102 and xterm do" {
	vm-create web memory=16M
	: >"$VM_HOME/web/console.log"
	tui_start 80x24 vm-tui
	tui_shows 'web '
	tui_keys c
	tui_shows 'web  console'
	shows_after 'abc\e[2D\e[1@X' '^aXbc'
	shows_after 'abcdef\e[4D\e[2P' '^abef'
	shows_after 'abcdef\e[4D\e[2X' '^ab  ef'
	shows_after 'abcdef\e[4D\e[K' '^ab$'
	shows_after 'abcdef\e[4D\e[1K' '^   def'
	shows_after 'one\r\ntwo\r\nthree\e[2;1H\e[L\e[Knew' '^new'
	shows_after 'one\r\ntwo\r\nthree\e[1;1H\e[M' '^two'
	shows_after '\e[4hbc\ra\e[4l' '^abc'
	shows_after 'x\ty\e[3g\rx\tz' '^x +y +z$'
	shows_after '\e[2;4r\e[4;1Ha\r\nb\r\nc\e[r\e[6;1Hlow' '^c'
	shows_after '\e[2;4r\e[2;1Hmid\eMtop\e[r' '^   top$'
	shows_after '\e[78Gabcdef' '^def'
	shows_after '\e[?7l\e[78Gabcdef' ' abf'
	shows_after 'keep\e[?1049h\e[Hother' '^other'
	printf '\e[?1049l' >>"$VM_HOME/web/console.log"
	tui_shows '^keep'
	tui_lacks 'other'
	shows_after 'ab\e7\e[9;9Hx\e8c' '^abc'
	shows_after 'z\e[3by' '^zzzzy'
	shows_after '\e[5;9H\e[1A\e[2B\e[3D\e[2C@' '^       @'
	shows_after '漢\e[2Gx' '^ x'
	shows_after '\e)0\x0elqk\x0f.' '^┌─┐\.'
	shows_after '\e[38;5;196mr\e[38;2;0;255;0mg\e[38:2::0:0:255mb\e[0m' \
		'^rgb'
	tui_colors >"$T/got"
	grep -q '38;5;196m.*r.*38;5;46mg.*38;5;21mb' "$T/got" || {
		cat -v "$T/got"
		return 1
	}
	shows_after '\e[31;1;4mA\e[22;24;39mB' '^AB'
	tui_colors >"$T/got"
	grep -Eq $'\e\\[(0;)?1;4m.*38;5;124m.*A\e.*B' "$T/got" || {
		cat -v "$T/got"
		return 1
	}
}

@test "the console goes on in the machine's next run" {
	keys_guest
	tui_start 80x24 vm-tui
	tui_shows 'keys .*running'
	tui_keys c
	tui_type first
	tui_shows '^first'
	vm-ctl keys poweroff
	tui_shows 'stopped'
	timeout 30 vm-run -d keys 3>&-
	tui_until 10 grep -Pzq 'ready\nfirst\nready'
	tui_type second
	tui_shows '^second'
}

@test "events: of one machine and of all, and nothing that moves a terminal" {
	vm-create web memory=16M
	vm-create db memory=16M
	cat >"$VM_HOME/web/events.jsonl" <<-'END'
		{"time":"2031-05-06T07:08:09.100Z","event":"START","pid":7}
		no JSON
		[1,2]
		{"time":"2031-05-06T07:08:11Z","event":"SHUTDOWN","exit":111,"cause":"guest \u001b[2J\u0007panic"}
	END
	echo '{"time":"2031-05-06T07:08:10Z","event":"\u001b[31mRESET"}' \
		>"$VM_HOME/db/events.jsonl"
	tui_start 80x24 vm-tui
	tui_shows 'web '
	tui_keys e
	tui_shows '07:08 web SHUTDOWN guest \?\[2J\?panic, exit 111'
	[ "$(tui_screen | grep -o '07:08 .*' | cut -d' ' -f2,3)" = \
		"web START
db ?[31mRESET
web SHUTDOWN" ]
	echo '{"time":"2031-05-06T07:09:10Z","event":"START"}' \
		>>"$VM_HOME/db/events.jsonl"
	tui_shows '07:09 db START'
}

# --- the terminal ---

# How it is: its modes, its screen, and what tmux knows.
terminal() {
	tui_do send-keys "stty -a >$T/stty" Enter
	tui_shows '^0:'
	until_true 10 [ -s "$T/stty" ]
	grep -v speed "$T/stty"
	for _ in cursor_flag alternate_on keypad_cursor_flag mouse_any_flag; do
		tui_ask "$_"
	done
}

# in_shell: a shell has the terminal
in_shell() {
	# A sanitizer would take the signals for its own.
	ASAN_OPTIONS=$ASAN_OPTIONS:handle_segv=0:handle_abort=0
	tui_start 80x24 env PS1='$?: ' ENV= sh
	tui_shows '^0:'
	tui_type "echo before"
	tui_keys Enter
	tui_shows '^before'
	terminal >"$T/before"
	rm "$T/stty"
}

# left_as_before CODE: the shell has it again
left_as_before() {
	tui_shows "^$1: *\$"
	tui_shows '^before'
	tui_type "true"
	tui_keys Enter
	tui_shows '^0: *$'
	terminal >"$T/after"
	rm "$T/stty"
	diff "$T/before" "$T/after"
}

begin_tui() {
	rm -f "$T/pid"
	tui_type "sh -c 'echo \$\$ >$T/pid; exec vm-tui'"
	tui_keys Enter
	tui_shows '^[0-9]+ machine'
	[ "$(tui_ask alternate_on)" = 1 ]
}

@test "the terminal is as before after q, SIGTERM, SIGHUP, SIGSEGV, SIGABRT" {
	vm-create web memory=16M
	in_shell
	begin_tui
	tui_keys q
	left_as_before 0
	for s in 15 1 11 6; do
		begin_tui
		tui_keys f # with a pane too
		tui_shows 'web  screen'
		kill -"$s" "$(cat "$T/pid")"
		left_as_before $((128 + s))
	done
}

@test "Ctrl-Z and SIGTSTP stop it, fg goes on" {
	vm-create web memory=16M
	in_shell
	begin_tui
	tui_keys C-z
	tui_shows '^before'
	tui_size 100x30
	tui_type fg
	tui_keys Enter
	tui_shows '^1 machine'
	tui_shows 'web'
	kill -TSTP "$(cat "$T/pid")"
	tui_shows '^before'
	tui_type fg
	tui_keys Enter
	tui_shows '^1 machine'
	tui_keys q
	tui_shows '^0: *$'
}

@test "killing it, in the middle of typing, harms no machine" {
	keys_guest
	open_screen 80x24
	tui_keys i
	tui_shows 'stop typing'
	tui_type 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
	kill -KILL "$(tui_pid)"
	tui_ends 137
	vm-wait keys --for running --timeout 10s
	[ "$(vm-ctl keys status | head -n 1)" != "" ]
	vm-ctl keys key f1
	says "$VM_HOME/keys/console.log" '3b bb'
}

@test "it is clean under valgrind, panes and all" {
	command -v valgrind >/dev/null || skip "no valgrind: install it"
	[[ $B != *build-san* ]] || skip "the sanitizers look already"
	text_screen
	seq 1 50 >"$VM_HOME/web/console.log"
	echo '{"time":"2031-05-06T07:08:10Z","event":"START"}' \
		>"$VM_HOME/web/events.jsonl"
	tui_start 80x24 valgrind -q --log-file="$T/valgrind" \
		--error-exitcode=99 --leak-check=full \
		--errors-for-leak-kinds=definite "$B/bin/vm-tui"
	tui_shows 'web ' 60
	tui_keys f
	tui_shows '^login' 30
	tui_size 40x10
	tui_shows '▀' 30
	tui_keys q c
	tui_shows '^50' 30
	tui_keys C-] e
	tui_shows 'START' 30
	tui_keys q
	tui_ends 0 30 || {
		cat "$T/valgrind"
		return 1
	}
}
