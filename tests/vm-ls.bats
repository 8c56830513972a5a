#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-ls: what machines look like from outside.
# timeout: 240

load helpers
load state

teardown() {
	end_started
	wait 2>/dev/null # and none of bash's news of it
}

# state NAME: as vm-ls sees it
state() {
	vm-ls -n -o state "$1"
}

is_state() {
	[ "$(state "$1")" = "$2" ]
}

@test "without a state directory there are no machines, and none is made" {
	run --separate-stderr vm-ls -n
	[ "$status" = 0 ]
	[ -z "$output$stderr" ]
	[ ! -e "$VM_HOME" ]
	[ "$(vm-ls -J)" = '{"schema":1,"machines":[]}' ]
}

@test "the default columns, in the order of names" {
	machine web "memory = 96M" "cpus = 3"
	machine db "memory = 1G"
	run vm-ls
	[ "$status" = 0 ]
	[ "${lines[0]}" = "NAME  STATE    CPUS  MEMORY  UPTIME" ]
	[ "${lines[1]}" = "db    stopped     1      1G       -" ]
	[ "${lines[2]}" = "web   stopped     3     96M       -" ]
	[ ${#lines[@]} = 3 ]
}

@test "what runs has what it runs with, what does not what its config says" {
	machine web "memory = 96M" "cpus = 3"
	play web running
	[ "$(vm-ls -n -o cpus,memory)" = "2  64M" ]
	tell web "end 0 stopped"
	tell web unlock
	[ "$(vm-ls -n -o cpus,memory)" = "3  96M" ]
}

@test "the phase is believed while the lock is held" {
	local s

	machine web
	play web
	is_state web starting # nothing was said yet
	for s in starting running paused stopping; do
		tell web "$s"
		is_state web "$s"
	done
}

@test "an end that is written down is told as it is" {
	machine web
	play web running "end 111 crashed Kernel panic" unlock
	[ "$(vm-ls -n -o state,exit,cause)" = "crashed  111  Kernel panic" ]
	[ "$(vm-ls -J | jq -c '.machines[0] | [.state, .exit, .cause, .pid]')" = \
		'["crashed",111,"Kernel panic",null]' ]
}

@test "a killed process means crashed, without an exit status" {
	machine web
	play web running
	kill -KILL "$pid"
	until_true 10 is_state web crashed
	vm-ls -J | jq -e '.machines[0] | .exit == null and .pid == null and
		.uptime == null and .ended == null and
		(.cause | test("without a word"))'
}

@test "a stopped process is still running, and delays nothing" {
	machine web
	machine db
	play web running
	kill -STOP "$pid"
	run timeout 10 vm-ls -n -l
	kill -CONT "$pid"
	[ "$status" = 0 ]
	[[ ${lines[1]} == "web "*running* ]]
}

@test "what it takes of the host is that of its process alone" {
	machine web
	play web running
	vm-ls -J -o pid,cpu,rss,own | jq -e --argjson p "$pid" \
		'.machines[0] | .pid == $p and (.cpu | type) == "number" and
		.rss > 1000000 and .own > 0 and .own <= .rss'
	# The same number, but another process by its start time.
	sed -i 's/^start = .*/start = 1/' "$VM_HOME/web/status"
	vm-ls -J -o pid,cpu,rss,own | jq -e \
		'.machines[0] | .rss == null and .cpu == null and .own == null'
}

@test "the status of another boot is not that of a process of this one" {
	machine web
	play web running
	sed -i 's/^boot = .*/boot = 0-1-2/' "$VM_HOME/web/status"
	vm-ls -J -o rss | jq -e '.machines[0].rss == null'
}

@test "an uptime is never negative, though the clock was set back" {
	machine web
	play web running
	sed -i 's/^started = .*/started = 2999-01-01T00:00:00Z/' \
		"$VM_HOME/web/status"
	[ "$(vm-ls -n -o uptime)" = 0s ]
}

@test "uptimes are short" {
	local now since want

	machine web
	play web running
	now=$(date +%s)
	while read -r since want; do
		sed -i "s/^started = .*/started = $(date -u -d "@$((now - since))" \
			+%FT%TZ)/" "$VM_HOME/web/status"
		echo "$since: $(vm-ls -n -o uptime), want $want"
		[ "$(vm-ls -n -o uptime)" = "$want" ]
	done <<-END
		190 3m
		7815 2h10m
		7215 2h
		442815 5d3h
		432015 5d
	END
}

@test "garbage in status and config is none of the listing's business" {
	local bad

	machine web
	machine zzz
	for bad in "" $'\xff\xfe\n' "phase = running" "phase = flying" \
		"pid = 99999999999999999999"; do
		printf '%s' "$bad" >"$VM_HOME/web/status"
		printf '%s' "$bad" >"$VM_HOME/web/config"
		run --separate-stderr vm-ls -n -l
		[ "$status" = 0 ]
		[ -z "$stderr" ]
		[ ${#lines[@]} = 2 ]
	done
	head -c 3000000 /dev/zero >"$VM_HOME/web/status"
	head -c 3000000 /dev/zero >"$VM_HOME/web/config"
	run --separate-stderr timeout 10 vm-ls -n
	[ "$status" = 0 ]
	[ ${#lines[@]} = 2 ]
}

@test "pipes and links in the place of files are not waited for" {
	local f

	machine web
	for f in status config; do
		mkfifo "$VM_HOME/web/$f.p"
		mv "$VM_HOME/web/$f.p" "$VM_HOME/web/$f"
	done
	run timeout 10 vm-ls -n -l
	[ "$status" = 0 ]
	[[ $output == "web  stopped"* ]]
	ln -sf /dev/zero "$VM_HOME/web/status"
	ln -sf /dev/zero "$VM_HOME/web/config"
	run timeout 10 vm-ls -n -l
	[ "$status" = 0 ]
}

@test "what is no machine is not listed" {
	machine web
	mkdir "$VM_HOME/dir" "$VM_HOME/.hidden"
	: >"$VM_HOME/file"
	ln -s web "$VM_HOME/link"
	[ "$(vm-ls -q)" = web ]
}

@test "a directory that is another user's hides no machine" {
	[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null ||
		skip "only root can become another user: run as root, with util-linux"
	chmod 711 "$T" "$TMPDIR"
	machine aaa
	machine web
	chown -R 65534 "$VM_HOME"
	chown -R 0 "$VM_HOME/aaa"
	chmod 700 "$VM_HOME/aaa"
	run --separate-stderr setpriv --reuid=65534 --clear-groups vm-ls -q web
	[ "$status" = 0 ] || skip "others may not read the build: put it where they can"
	run --separate-stderr setpriv --reuid=65534 --clear-groups vm-ls -n
	echo "$stderr"
	[ "$output" = "web   stopped     1    128M       -" ]
}

@test "names, also in a form for xargs" {
	machine web
	machine db
	[ "$(vm-ls -q)" = $'db\nweb' ]
	[ "$(vm-ls -0 | tr '\0' :)" = db:web: ]
	[ "$(vm-ls -rq)" = $'web\ndb' ]
	[ "$(vm-ls -q web)" = web ]
}

@test "states filter" {
	machine web
	machine db
	machine mail
	play web running
	play db paused
	[ "$(vm-ls -q -s running)" = web ]
	[ "$(vm-ls -q -s running,paused)" = $'db\nweb' ]
	[ "$(vm-ls -q -s stopped -s paused)" = $'db\nmail' ]
	run vm-ls -q -s crashed
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "any column in any order, and sorting by any" {
	machine a "memory = 2G"
	machine b "memory = 96M"
	machine c "memory = 1G" "description = the third"
	[ "$(vm-ls -n -o memory,name --sort memory)" = $'96M  b\n 1G  c\n 2G  a' ]
	[ "$(vm-ls -q --sort memory -r)" = $'a\nc\nb' ]
	[ "$(vm-ls -n -o description -o name c)" = "the third  c" ]
	[ "$(vm-ls --list-columns | cut -f1 | paste -sd,)" = \
		"$(vm-ls -J -o "$(vm-ls --list-columns | cut -f1 | paste -sd,)" \
			c | jq -r '.machines[0] | keys_unsorted | join(",")')" ]
}

@test "JSON has a schema number, and types that programs expect" {
	machine web "memory = 96M" "description = \"quoted\""
	play web running
	vm-ls -J | jq -e '.schema == 1 and (.machines[0] |
		.name == "web" and .state == "running" and .memory == 67108864 and
		.cpus == 2 and (.uptime | type) == "number" and
		(.pid | type) == "number" and .engine == "soft" and
		(.started | test("^[0-9-]{10}T[0-9:]{8}Z$")) and
		(.created | test("Z$")) and .ended == null and .exit == null and
		.description == "\"quoted\"")'
	[ "$(vm-ls -J | wc -l)" = 1 ]
}

@test "every column is in the manual" {
	local c

	for c in $(vm-ls --list-columns | cut -f1); do
		grep -qx ".It Cm $c" "$TOP/man/vm-ls.1"
	done
}

@test "not on a terminal: no colour, nothing cut" {
	machine web "description = $(printf 'x%.0s' {1..300})"
	[[ $(TERM=xterm COLUMNS=20 vm-ls -o name,description web) == *xxxx ]]
	[ "$(TERM=xterm vm-ls -n -o state web)" = stopped ]
	play web running
	[ "$(vm-ls -n -o state --color=always web)" = $'\e[32mrunning\e[m' ]
}

# on_tty WIDTH COMMAND: what it prints on a terminal that wide
on_tty() {
	script -qec "stty cols $1; $2" /dev/null </dev/null | tr -d '\r'
}

@test "on a terminal: colour, and lines cut at its width" {
	command -v script >/dev/null || skip "no script(1): install bsdutils"
	machine web "description = $(printf 'x%.0s' {1..300})"
	play web running
	export TERM=xterm
	[[ $(on_tty 80 "vm-ls -n -o state") == *$'\e[32mrunning\e[m'* ]]
	[ "$(on_tty 20 "vm-ls -n -o name,description" | wc -L)" = 20 ]
	[ "$(on_tty 20 "vm-ls -n -w -o name,description" | wc -L)" = 305 ]
	[[ $(on_tty 80 "NO_COLOR=1 vm-ls -n -o state") == running* ]]
	[[ $(on_tty 80 "TERM=dumb vm-ls -n -o state") == running* ]]
}

@test "names that are not there are told, the others listed" {
	machine web
	run --separate-stderr vm-ls -q nobody web
	[ "$status" = 1 ]
	[ "$output" = web ]
	[ "$stderr" = "vm-ls: nobody: no such machine" ]
}

@test "what cannot be meant is usage" {
	local o

	machine web
	for o in "-s flying" "-o nothing" "--sort nothing" "-o name,," "-Jq" \
		"-J0" "../web" "--watch -q" "--watch -l" "--watch -o name" \
		"-s running,"; do
		# shellcheck disable=SC2086
		run --separate-stderr vm-ls $o
		echo "$o: $status: $stderr"
		[ "$status" = 2 ]
		[ -z "$output" ]
		[ "$(wc -l <<<"$stderr")" = 1 ]
	done
}

@test "a full disk behind stdout is an error" {
	machine web
	run bash -c "vm-ls >/dev/full"
	[ "$status" = 1 ]
	[[ $output == "vm-ls: stdout: "* ]]
}

@test "a thousand machines within 50 ms of CPU time" {
	local best

	[[ $B != *-san* ]] || skip "a sanitizer takes longer than it may"
	machine m "memory = 512M" "cpus = 2" "description = one of many"
	play m running "end 0 stopped" exit
	(cd "$VM_HOME" && for i in {1000..1998}; do echo "m$i"; done |
		xargs -P2 -n 50 sh -c 'for m; do cp -pr m "$m"; done' sh)
	[ "$(vm-ls -n | wc -l)" = 1000 ]
	# CPU time, the best of some: others may be at work here.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		(TIMEFORMAT='%U %S' && time vm-ls >"$T/list") 2>>"$T/times"
	done
	best=$(awk '{ print ($1 + $2) * 1000 }' "$T/times" | sort -n | head -1)
	echo "$best ms"
	[ "$best" -le 50 ]
}

# --- as it happens ---

# lines N: there are that many in $T/out
lines() {
	[ "$(wc -l <"$T/out")" -ge "$1" ]
}

# told LINE N: so often in $T/out
told() {
	[ "$(grep -c "$1" "$T/out")" = "$2" ]
}

@test "watching: first how it is, then what changes" {
	machine web
	machine db
	behind vm-ls --watch
	until_true 20 lines 2
	play web running
	says "$T/out" "web running" 20
	tell web paused
	says "$T/out" "web paused" 20
	tell web running
	until_true 20 told "web running" 2
	tell web "end 0 stopped"
	tell web unlock
	until_true 20 told "web stopped" 2
	echo "$(<"$T/out")"
	[ "$(cut -d' ' -f2- "$T/out" | grep -Ev "(start|stopp)ing" | paste -sd,)" = \
		"db stopped,web stopped,web running,web paused,web running,web stopped" ]
	grep -Eq '^[0-9-]{10}T[0-9:]{8}Z db stopped$' "$T/out"
}

@test "watching: a killed process is noticed at once" {
	local p

	machine web
	play web running
	p=$pid
	behind vm-ls --watch
	until_true 20 lines 1
	kill -KILL "$p"
	says "$T/out" "web crashed" 20
}

@test "watching: machines come, are renamed and go" {
	machine web
	behind vm-ls --watch
	until_true 20 lines 1
	VM_HOME=$T/other machine new
	mv "$T/other/new" "$VM_HOME/new"
	says "$T/out" " new stopped" 20
	mv "$VM_HOME/new" "$VM_HOME/old"
	says "$T/out" " new removed" 20
	says "$T/out" " old stopped" 20
	play old running # it is still watched
	says "$T/out" " old running" 20
	rm -r "$VM_HOME/web"
	says "$T/out" " web removed" 20
}

@test "watching: who has it for a moment only does not start it" {
	machine web
	behind vm-ls --watch
	until_true 20 lines 1
	play web exit
	play web running
	says "$T/out" "web running" 20
	[ "$(grep -c stopped "$T/out")" = 1 ]
}

@test "watching: JSON lines, of those named only" {
	machine web
	machine db
	behind vm-ls --watch -J web
	until_true 20 lines 1
	play db running
	play web running "end 111 crashed panic" unlock
	until_true 20 says "$T/out" crashed
	[ "$(jq -r .name "$T/out" | sort -u)" = web ]
	tail -1 "$T/out" | jq -e '.exit == 111 and .cause == "panic" and
		.state == "crashed" and (.time | test("Z$"))'
}

@test "watching: it ends when nobody reads any more" {
	local p

	machine web
	mkfifo "$T/pipe"
	vm-ls --watch >"$T/pipe" 2>"$T/err" 3>&- &
	p=$!
	started+=("$p")
	head -1 "$T/pipe"
	play web running
	until_true 20 gone "$p"
	[ ! -s "$T/err" ]
}

@test "watching: with more machines than watches it says so, and goes on" {
	machine a
	machine b
	machine c
	unshare -Ur sh -c 'echo 3 >/proc/sys/user/max_inotify_watches' ||
		skip "no user namespaces: kernel.unprivileged_userns_clone, user.max_user_namespaces"
	behind unshare -Ur sh -c \
		'echo 3 >/proc/sys/user/max_inotify_watches; exec vm-ls --watch'
	until_true 20 lines 3
	play c running
	says "$T/out" "c running" 20
	[ "$(grep -c max_user_watches "$T/err")" = 1 ]
}
