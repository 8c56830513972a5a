#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-tui: the list, its dialogs and keys, on real terminals; and -b.
# timeout: 240

load helpers
load state
load tui

setup() {
	umask 077
	mkdir -p "$VM_HOME"
}

teardown() {
	tui_end
	end_started
	wait 2>/dev/null # and none of bash's news of it
}

# tui COLUMNSxROWS OPTION...: vm-tui on a terminal of its own
tui() {
	tui_start "$1" vm-tui "${@:2}"
}

# without what changes by itself: the host's part of the first line, uptimes
plain() {
	sed -E '1s/ +CPU .*//; s/ +$//; s/ +[0-9]+s$/ Ns/'
}

looks() {
	plain >"$T/got"
	diff "$T/got" "$1" >"$T/diff"
}

# list_is: until the screen is what stdin says
list_is() {
	cat >"$T/want"
	tui_until 15 looks "$T/want" || {
		echo "wanted:"
		cat -A "$T/diff"
		return 1
	}
}

# selected: the name in the selected row
selected() {
	tui_colors | sed -nE \
		'3,$s/^\x1b\[[0-9;]*7m(\x1b\[[0-9;]*m)*[ *]*[^ \x1b]+ ([a-z0-9.-]+) .*/\2/p'
}

is_selected() {
	[ "$(selected)" = "$1" ]
}

# ended NAME CODE PHASE CAUSE: how its last run went
ended() {
	echo "phase = $3
started = 2026-01-01T00:00:00Z
ended = 2026-01-01T00:00:09Z
engine = soft
exit = $2
cause = $4" >"$VM_HOME/$1/status"
}

# some: a few machines in several states
some() {
	machine apache "memory = 1G" "cpus = 4"
	machine build "memory = 96M" "description = of the night"
	ended build 111 crashed "Kernel panic"
	machine db "memory = 512M"
	play db running
	machine web "memory = 512M"
	play web paused
}

# --- the list ---

@test "80x24, 40x10 and 200x50, in one go" {
	some
	tui 80x24
	list_is <<-'END'
		4 machines: 1 running, 1 paused, 1 crashed, 1 stopped
		   NAME▲          STATE    CPUS  CPU%  USED   MEM  READ WRITE  RECV  SENT UPTIME
		 ○ apache         stopped     4     -     -    1G     -     -     -     -      -
		 ✗ build          crashed     1     -     -   96M     -     -     -     -      -
		 ● db             running     2     -     -   64M     -     -     -     - Ns
		 ◐ web            paused      2     -     -   64M     -     -     -     - Ns

















		? help  q quit  Enter open  s start  S stop  p pause  c console  f screen  n new
	END
	tui_size 40x10
	list_is <<-'END'
		4 machines: 1 running, 1 paused, 1 cras~
		   NAME▲     STATE     CPU%  USED UPTIME
		 ○ apache    stopped      -     -      -
		 ✗ build     crashed      -     -      -
		 ● db        running      -     - Ns
		 ◐ web       paused       -     - Ns



		? help  q quit  Enter open  s start
	END
	tui_size 200x50
	tui_shows 'ENGINE +PID EXIT NOTE$'
	tui_shows '^ ✗ build +crashed +1 +- +- +96M .* soft +- +111 Kernel panic$'
	tui_shows '^\? help .*  Space tag '
	tui_size 80x24
	tui_shows '^ ● db             running     2     -     -   64M     -'
}

@test "ASCII, where it is asked for or the locale has no more" {
	machine web "description = grün"
	ended web 0 stopped "schön ✗"
	tui 120x10 -A
	tui_shows '^ \. web .* sch\?n \?'
	tui_shows 'NAME\^'
	tui_until 5 tui_no '[^ -~]'
	tui_start 120x10 env -u LC_ALL vm-tui
	tui_shows '^ \. web .* sch\?'
	tui_until 5 tui_no '[^ -~]'
	tui_keys n
	tui_shows '^ .*\+-New machine-+\+'
	tui_until 5 tui_no '[^ -~]'
}

@test "colours, and none with NO_COLOR" {
	some
	tui 80x24
	tui_shows '^ ● db'
	tui_colors | grep -Eq $'\x1b\\[[0-9;]*3[0-9]'
	tui_start 80x24 env NO_COLOR=1 vm-tui
	tui_shows '^ ● db'
	run grep -Eq $'\x1b\\[([0-9]+;)*[34][0-8]' < <(tui_colors)
	[ "$status" = 1 ]
	tui_start 80x24 env NO_COLOR=1 vm-tui --color=always
	tui_shows '^ ● db'
	tui_colors | grep -Eq $'\x1b\\[[0-9;]*3[0-9]'
}

@test "no state directory, then machines that appear, change and vanish" {
	rmdir "$VM_HOME"
	tui 80x24
	tui_shows '^0 machines'
	tui_shows 'There are no machines. n makes one.'
	[ ! -e "$VM_HOME" ]
	tui_keys Down Up PgDn End Enter s p S K d c f Space / Escape
	tui_shows '^0 machines'
	vm-create web memory=64M
	tui_shows '^ ○ web .* 64M'
	vm-set web memory=96M
	tui_shows '^ ○ web .* 96M'
	play web running
	tui_shows '^ ● web .* running'
	kill -KILL "$pid"
	tui_shows '^ ✗ web .* crashed'
	vm-rename web www
	tui_shows '^ ✗ www'
	tui_lacks ' web '
	vm-rm www
	tui_shows 'There are no machines.'
	rm -rf "$VM_HOME"
	vm-create again
	tui_shows '^ ○ again'
}

@test "500 machines, a hung one among them" {
	perl -e 'chdir shift or die;
		for my $n (1 .. 500) {
			my $d = sprintf "m%03d", $n;
			mkdir $d, 0700 or die;
			for (["lock", ""], ["config", ""],
				["format", "vm-state 1\n"]) {
				open my $f, ">", "$d/$_->[0]" or die;
				print $f $_->[1];
			}
		}' "$VM_HOME"
	play m300 running
	kill -STOP "$pid"
	tui 80x24
	tui_shows '^500 machines: 1 running, 499 stopped'
	tui_keys End
	tui_shows '^ ○ m500'
	tui_keys PgUp PgUp
	tui_until 10 is_selected_row m458
	tui_keys Home
	tui_until 10 is_selected_row m001
	tui_keys /
	tui_type running
	tui_shows '^1 of 500 machines /running: 1 running'
	tui_keys Enter Enter
	tui_shows '^m300 +running'
	tui_keys p
	tui_shows 'm300: does not answer' 20
	tui_keys q
	tui_shows '^1 of 500'
	tui_keys Escape
	tui_shows '^500 machines'
	tui_until 10 is_selected_row m300
	tui_keys K
	tui_shows 'End m300 at once'
	tui_keys y
	tui_shows 'm300: killed' 30
	tui_shows '^ ✗ m300 +crashed'
	gone "$pid"
}

# is_selected_row NAME: the screen on stdin is not looked at, its colours are
is_selected_row() {
	cat >/dev/null
	is_selected "$1"
}

@test "the selection stays with its name, in sight" {
	machine m5
	machine m7
	tui 80x10
	tui_shows '^ ○ m7'
	tui_keys Down
	tui_until 10 is_selected_row m7
	machine m6
	tui_shows '^ ○ m6'
	tui_until 10 is_selected_row m7
	rm -r "$VM_HOME/m5"
	tui_lacks '^ ○ m5'
	tui_until 10 is_selected_row m7
	for i in 1 2 3 4 5; do
		machine "a$i"
	done
	tui_shows '^7 machines'
	tui_until 10 is_selected_row m7
	tui_keys r
	tui_until 10 is_selected_row m7
	rm -r "$VM_HOME/m7"
	tui_shows '^6 machines'
	tui_until 10 is_selected_row m6
}

@test "sorted by columns, and the other way round" {
	machine a "memory = 64M"
	machine b "memory = 2G"
	machine c "memory = 512M" "cpus = 8"
	order() {
		cat >"$T/screen"
		[ "$(sed -n 's/^[ *]○ \([abc]\) .*/\1/p' "$T/screen" | tr -d '\n')" = "$1" ]
	}
	tui 80x24
	tui_until 10 order abc
	tui_keys r
	tui_until 10 order cba
	tui_shows 'NAME▼'
	tui_keys r '>' '>' # by cpus
	tui_until 10 order cab
	tui_shows '▼CPUS'
	tui_keys F6
	tui_shows 'Sort by'
	tui_keys Down Down Down Enter # by memory
	tui_shows '▼MEM'
	tui_until 10 order bca
	tui_keys r
	tui_until 10 order acb
	tui_keys '<' # by what is in use: nothing to tell them apart by
	tui_shows '▼USED'
	tui_until 10 order abc
	tui 80x24 -S memory -r
	tui_until 10 order acb
}

@test "a filter, as it is typed" {
	machine web1
	machine web2
	machine db "description = web"
	ended web2 111 crashed panic
	tui 80x24
	tui_shows '^ ○ db'
	tui_keys /
	tui_type WE
	tui_shows '^2 of 3 machines /WE'
	tui_lacks '^ ○ db'
	tui_type 'b crash'
	tui_shows '^1 of 3 machines /WEb crash'
	tui_shows '^ ✗ web2'
	tui_keys C-u
	tui_shows '^3 machines'
	tui_type 'nothing like it'
	tui_shows 'None of them matches the filter'
	tui_keys Enter
	tui_keys Escape
	tui_shows '^3 machines'
	tui 80x24 -s crashed,error
	tui_shows '^1 of 3 machines'
	tui 80x24 b 1
	tui_shows '^1 of 3 machines /b 1'
}

@test "what is done to tagged machines is done to all of them" {
	machine a
	machine b
	machine c
	tui 80x24
	tui_shows '^ ○ c'
	tui_keys Space Down Space
	tui_shows '^3 machines: 3 stopped; 2 tagged'
	tui_shows '^\*○ a'
	tui_shows '^ ○ b'
	tui_keys /
	tui_type '*'
	tui_lacks '^ ○ b'
	tui_keys Enter d
	tui_shows 'Delete 2 machines with all'
	tui_type 2
	tui_keys Enter
	tui_shows '2 machines deleted'
	tui_keys Escape Escape
	[ ! -e "$VM_HOME/a" ]
	[ -e "$VM_HOME/b" ]
	[ ! -e "$VM_HOME/c" ]
}

@test "where the tagged machines have gone, nothing is done to another one" {
	machine a
	machine b
	machine c
	tui 80x24
	tui_shows '^ ○ c'
	tui_keys Space Space d
	tui_shows 'Delete 2 machines with all'
	vm-rm a b
	tui_shows '^1 machine: '
	tui_type 2
	tui_keys Enter
	tui_lacks 'Delete 2 machines'
	tui_shows 'the tagged machines have gone'
	[ -e "$VM_HOME/c" ]
}

# --- dialogs ---

@test "made by keys; what vm-create refuses is said, and the dialog stays" {
	tui 80x24
	tui_shows 'There are no machines'
	tui_keys n
	tui_shows 'New machine'
	tui_type -bad
	tui_keys Enter
	tui_shows "'-bad'|not a name|name"
	tui_shows 'New machine'
	tui_keys C-u
	tui_type web
	tui_keys Tab C-u
	tui_type 12Q
	tui_keys Enter
	tui_shows "memory: '12Q' is not a size"
	tui_keys C-u
	tui_type 96M
	tui_keys Tab
	tui_type 3
	tui_keys Tab
	tui_type 1M
	tui_keys Enter
	tui_shows 'web: created'
	tui_shows '^ ○ web .* 3 .* 96M'
	[ "$(vm-show web memory cpus disk)" = $'96M\n3\ndisks/disk0.qcow2,format=qcow2' ]
	tui_keys n
	tui_shows 'New machine'
	tui_type web
	tui_keys Enter
	tui_shows 'exists'
	tui_keys Escape
	tui_lacks 'New machine'
}

@test "deleted once its name has been typed, and not before" {
	machine web
	machine db
	tui 80x24
	tui_shows '^ ○ web'
	tui_keys End d
	tui_shows 'Delete web'
	tui_type we
	tui_keys Enter
	tui_shows 'not typed: nothing was done'
	tui_keys d
	tui_type web
	tui_keys Escape
	tui_lacks 'Delete web'
	[ -e "$VM_HOME/web" ]
	tui_keys d
	tui_type web
	tui_keys Enter
	tui_shows 'web: deleted'
	[ ! -e "$VM_HOME/web" ]
	[ -e "$VM_HOME/db" ]
	play db running
	tui_shows 'running'
	tui_keys d
	tui_type db
	tui_keys Enter
	tui_shows 'db: .*(running|in use)'
	[ -e "$VM_HOME/db" ]
}

@test "resized in dialogs and help; one that is too small says so" {
	machine web
	tui 80x24
	tui_shows '^ ○ web'
	tui_keys n
	tui_shows 'cmdline'
	tui_size 40x10
	tui_shows '┌─New machine'
	tui_type web2
	tui_shows 'web2'
	tui_size 12x3
	tui_shows 'too small'
	tui_size 5x2
	tui_shows 'too'
	tui_size 80x24
	tui_shows 'web2'
	tui_keys Escape '?'
	tui_shows 'Help'
	tui_size 40x10
	tui_keys End
	tui_shows '└─'
	tui_size 80x24
	tui_shows 'NOTE +why'
	tui_keys q q
	tui_ends 0
}

@test "a click selects, two open" {
	machine a
	machine b
	machine c
	# The button goes down and up in row 5: the third machine's.
	click() {
		tui_type $'\e[M %%\e[M#%%'
	}
	tui 80x24
	tui_shows '^ ○ c'
	click
	tui_until 10 is_selected_row c
	tui_type $'\e[M %%\e[M#%%\e[M %%\e[M#%%'
	tui_shows '^c +stopped$'
}

@test "the help knows every key" {
	tui 100x50
	tui_shows 'There are no machines'
	tui_keys '?'
	for k in 'Enter' 's' 'S' 'p' 'K' 'c' 'f' 'n' 'd Del' '/' 'Space' 'F6' 'e' 'R'; do
		tui_shows "│ +$k  "
	done
	tui_keys Escape
	tui_lacks Help
}

# --- details ---

@test "the details: state, config, the last lines of the console" {
	machine web "memory = 64M" "description = of the night"
	ended web 111 crashed "Kernel panic"
	printf 'one\r\n\033[1;31mtwo\033[m\r\nthree\rfour\r\nlogin: ' \
		>"$VM_HOME/web/console.log"
	tui 80x24
	tui_shows '^ ✗ web'
	tui_keys Enter
	tui_shows '^web +crashed$'
	tui_shows '^cause +Kernel panic$'
	tui_shows '^exit +111$'
	tui_shows '^description = of the night$'
	tui_shows '^two$'
	tui_shows '^four$'
	tui_shows '^login:$'
	tui_lacks 'three'
	echo root >>"$VM_HOME/web/console.log"
	tui_shows '^login: root$'
	tui_keys E
	tui_shows "A key of web's config"
	tui_type 'cpus=three'
	tui_keys Enter
	tui_shows "cpus: 'three' is not"
	tui_keys E
	tui_type 'cpus=3'
	tui_keys Enter
	tui_shows 'web: changed'
	tui_shows '^cpus = 3$'
	tui_size 40x10
	tui_keys End
	tui_shows '^login: root$'
	tui_keys g
	tui_shows '^state +crashed'
	vm-rm web
	tui_shows 'no such machine any more'
	tui_keys q
	tui_shows 'There are no machines'
}

@test "what files hold is shown as text, whatever it is" {
	local bad=$'\e]0;title\a\e[31m\xff\xfe\xc2\x9b31m\x01'

	machine web "x-a = ok"
	printf 'x-b = %s\ndescription = %s\n' "$bad" "$bad" >>"$VM_HOME/web/config"
	ended web 0 stopped "a$bad b"
	printf '%s日本語\xe2\x80\xaeabc e\xcc\x81\n%0300d\n' "$bad" 7 \
		>"$VM_HOME/web/console.log"
	machine link
	rm "$VM_HOME/link/lock"
	ln -s /dev/null "$VM_HOME/link/lock"
	machine fifo
	rm "$VM_HOME/fifo/config"
	mkfifo "$VM_HOME/fifo/config" "$VM_HOME/fifo/status" \
		"$VM_HOME/fifo/console.log"
	machine dir
	mkdir "$VM_HOME/dir/status" "$VM_HOME/dir/console.log"
	machine run
	play run running
	{
		printf 'vm-met 1'
		head -c 4088 /dev/zero | tr '\0' '\376'
	} >"$VM_HOME/run/metrics"
	tui 120x40
	tui_shows '^ \? link +unknown'
	tui_shows '^5 machines: 1 running, 1 unknown, 3 stopped'
	tui_keys Enter
	tui_shows '^dir +stopped$'
	tui_keys q Down Enter
	tui_shows '^fifo +stopped$'
	tui_keys q End Enter
	tui_shows '^web +stopped$'
	tui_shows '日本語\?abc'
	tui_shows '^0{50,}~'
	[ "$(tui_ask pane_title)" != title ]
	tui_size 44x14
	tui_keys End
	tui_shows '~$'
	tui_keys q q
	tui_ends 0
}

# --- machines that run ---

@test "started, paused, reset, stopped, killed by keys; it outlives us" {
	guest_polls "$T/guest"
	vm-create web kernel="$T/guest" flat=0x7c00 accel=soft memory=2M
	tui 80x24
	tui_shows '^ ○ web'
	tui_keys s
	tui_shows 'web: started' 30
	tui_shows '^ ● web .* running'
	says "$VM_HOME/web/console.log" ready 20
	tui_shows '^ ● web .* (1[0-9][0-9]|[0-9]+)\.[0-9] .* 2M' 20 # CPU%
	tui_keys s
	tui_shows 'web: .*running'
	tui_keys p
	tui_shows '^ ◐ web .* paused' 20
	tui_keys p
	tui_shows '^ ● web .* running' 20
	tui_keys R
	tui_shows 'Reset web'
	tui_keys n
	tui_lacks 'Reset web'
	kill -KILL "$(tui_pid)"
	until_true 10 tui_dead
	[ "$(vm-ls -n -o state web)" = running ]
	tui 80x24
	tui_shows '^ ● web'
	tui_keys S
	tui_shows 'power button pressed' 20
	tui_shows '^ ○ web .* stopped' 20
	grep -q button "$VM_HOME/web/console.log"
	tui_keys s
	tui_shows '^ ● web' 30
	tui_keys K
	tui_shows 'End web at once'
	tui_keys y
	tui_shows 'web: killed' 20
	tui_shows 'stopped' 20
	tui_keys q
	tui_ends 0
}

@test "what cannot be started says why" {
	machine web "kernel = $T/none"
	tui 80x24
	tui_shows '^ ○ web'
	tui_keys s
	tui_shows "$T/none: .*No such file" 20
}

# --- the terminal ---

@test "where it cannot be, it says so and how to have text" {
	denied 1 "-b" vm-tui
	tui_start 80x24 sh -c 'TERM=dumb vm-tui 2>err; echo $? $(cat err)'
	tui_shows '^1 vm-tui: .*-b'
	tui_start 80x24 sh -c 'TERM= vm-tui 2>err; echo $? $(cat err)'
	tui_shows '^1 vm-tui: .*-b'
}

# --- text ---

@test "-b prints tables, one for each count" {
	some
	run --separate-stderr vm-tui -b -n 1
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	[[ ${lines[0]} =~ ^20[0-9-]+T[0-9:]+Z\ \ 4\ machines:\ 1\ running,\ 1\ paused,\ 1\ crashed,\ 1\ stopped\ \ CPU\ [0-9]+%\ \ memory\ .*\ \ load\  ]]
	[[ ${lines[1]} =~ ^NAME\ +STATE\ +CPUS\ +CPU%\ +USED\ +MEM\ +READ\ +WRITE\ +RECV\ +SENT\ +UPTIME\ +ENGINE\ +PID\ +EXIT\ +NOTE$ ]]
	[[ ${lines[2]} =~ ^apache\ +stopped\ +4\ .*\ 1G\  ]]
	[[ ${lines[3]} =~ ^build\ +crashed\ .*\ soft\ +-\ +111\ +Kernel\ panic$ ]]
	[[ ${lines[4]} =~ ^db\ +running\ +2\ .*\ $(sed -n 's/^pid = //p' "$VM_HOME/db/status")\  ]]
	[ ${#lines[@]} = 6 ]
	[ "$(vm-tui -b -n 2 -d 100ms | grep -c ^NAME)" = 2 ]
	[ "$(vm-tui -b | head -2 | grep -c ^NAME)" = 1 ]
}

@test "-b takes a filter, states, a column to sort by" {
	some
	names() {
		vm-tui -b -n 1 "$@" | sed 1,2d | cut -d' ' -f1 | paste -sd' '
	}
	[ "$(names)" = "apache build db web" ]
	[ "$(names -r)" = "web db build apache" ]
	[ "$(names -S memory)" = "apache build db web" ]
	[ "$(names -S cpus)" = "apache db web build" ]
	[ "$(names -s running,paused)" = "db web" ]
	[ "$(names PAUS)" = web ]
	[ "$(names b -s crashed)" = build ]
	[ -z "$(names nobody)" ]
}

@test "-b without machines, without a terminal, TERM, LANG or PATH" {
	run --separate-stderr env -i HOME="$HOME" VM_HOME="$VM_HOME" \
		"$(command -v vm-tui)" -b -n 1
	[ "$status" = 0 ]
	[ ${#lines[@]} = 2 ]
	rmdir "$VM_HOME"
	[ "$(vm-tui -b -n 1 | wc -l)" = 2 ]
	[ ! -e "$VM_HOME" ]
}

@test "-b says why it cannot print" {
	run -1 bash -c 'vm-tui -b -n 1 >/dev/full'
	[ "$output" = "vm-tui: stdout: No space left on device" ]
}

@test "-b prints no control characters" {
	machine web
	ended web 0 stopped $'a\e[31mb'
	printf 'description = \xff\e[31m\n' >>"$VM_HOME/web/config"
	run vm-tui -b -n 1
	LC_ALL=C run grep -q '[^[:print:]]' <<<"$output"
	[ "$status" = 1 ]
}

@test "misuse is told" {
	denied 2 "--batch" vm-tui -n 1
	denied 2 "'flavour' is not a column" vm-tui -b -S flavour
	denied 2 "flying" vm-tui -b -s flying
	denied 2 "--delay" vm-tui -b -d 1ms
	denied 2 "filter" vm-tui -b "$(printf 'x%.0s' {1..99})"
	chmod 777 "$VM_HOME"
	denied 1 "$VM_HOME" vm-tui -b -n 1
	[ "$(vm-tui --list-columns | cut -f1 | paste -sd,)" = \
		name,state,cpus,cpu,used,memory,read,written,received,sent,uptime,engine,pid,exit,note ]
}

# --- nothing is lost ---

@test "valgrind finds nothing, in -b and in a session" {
	command -v valgrind >/dev/null || skip "no valgrind: install it"
	[[ $B != *-san* ]] || skip "not under a sanitizer"
	some
	printf 'one\n' >"$VM_HOME/build/console.log"
	cat >"$T/ncurses.supp" <<-'END'
		{
		   the terminal's description and the screen, kept by curses
		   Memcheck:Leak
		   match-leak-kinds: reachable
		   ...
		   obj:*/libncursesw.so.*
		}
		{
		   the same
		   Memcheck:Leak
		   match-leak-kinds: reachable
		   ...
		   obj:*/libtinfo.so.*
		}
	END
	vg=(valgrind -q --error-exitcode=99 --leak-check=full
		--show-leak-kinds=all --errors-for-leak-kinds=all
		--suppressions="$T/ncurses.supp" --log-file="$T/vg")
	"${vg[@]}" vm-tui -b -n 1 >/dev/null || {
		cat "$T/vg"
		return 1
	}
	tui_start 100x30 "${vg[@]}" vm-tui
	tui_shows '^ ● db' 30
	tui_keys Down Enter
	tui_shows '^exit +111' 30
	tui_keys q
	tui_shows '^4 machines' 30
	tui_keys / w
	tui_shows '^1 of 4' 30
	tui_keys Enter
	tui_keys Escape
	tui_shows '^4 machines' 30
	tui_keys F6
	tui_shows 'Sort by' 30
	tui_keys Escape
	tui_lacks 'Sort by' 30
	tui_keys '?'
	tui_shows 'Help' 30
	tui_keys Escape
	tui_lacks 'Help' 30
	tui_keys n x
	tui_shows 'name +x' 30
	tui_keys Escape
	tui_lacks 'cmdline' 30
	tui_keys e
	tui_shows 'Events' 30
	tui_size 60x20
	tui_keys q
	tui_ends 0 30 || {
		cat "$T/vg"
		return 1
	}
}
