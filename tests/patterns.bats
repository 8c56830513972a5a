#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The patterns of vm-patterns(7), the examples of vm-state(5) and libvmm(3), and
# what lies in examples/cron and examples/systemd, as they are shown there.
# timeout: 300

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	mkdir -m 700 vm
	cp "$B/examples/hello.bin" .
}

teardown() {
	local m

	end_started
	for m in $(vm-ls -q); do
		vm-ctl "$m" poweroff || :
	done
}

# guests: what is too large to be built
guests() {
	need_guests
	ln -sf "$B/guests/vmlinuz-cloud" vmlinuz
	ln -sf "$B/guests/initrd.gz" initrd.gz
	ln -sf "$B/guests/initrd-demo.gz" job.gz
	ln -sf "$B/guests/initrd-do-cloud.gz" do.gz
}

# blocks PAGE TITLE: the literal blocks of a section, without mdoc's escapes
blocks() {
	awk -v title="$2" '
	/^\.S[sh] / { on = substr($0, 5) == title }
	/^\.Bd -literal/ { in_block = 1; next }
	/^\.Ed/ { in_block = 0 }
	on && in_block {
		gsub(/\\&/, "")
		gsub(/\\e/, "\\")
		print
	}' "$TOP/man/$1"
}

# commands PAGE TITLE: a script of what is typed at "$ " in a section;
# "$ cat NAME" shows a file, which is made
commands() {
	blocks "$1" "$2" | awk '
	function end() {
		if (open)
			print "END OF FILE"
		open = 0
	}
	/^\$ cat [A-Za-z-]+$/ {
		end()
		print "cat >" $3 " <<\"END OF FILE\""
		open = 1
		next
	}
	/^\$ / {
		end()
		$0 = substr($0, 3)
	}
	{ print }
	END { end() }'
}

# example PAGE TITLE: all commands of a section succeed
example() {
	commands "$1" "$2" >script
	cat script
	[ -s script ]
	run timeout -s KILL 120 bash -e -o pipefail script 3>&-
	echo "$output"
	[ "$status" = 0 ]
}

pattern() {
	example vm-patterns.7 "$1"
}

@test "pattern: The console is standard output" {
	guests
	pattern "The console is standard output"
	[[ $output == "HELLO FROM A GUEST OF 512 BYTES."* ]]
	[[ ${lines[1]} =~ ^[0-9]+" kB" ]]
}

@test "pattern: The kernel is standard input" {
	pattern "The kernel is standard input"
	[[ $output == "Hello from a guest"* ]]
}

@test "pattern: The exit status" {
	guests
	pattern "The exit status"
	[ "$output" = "done" ]
	ln -sf hello.bin job.gz
	run sh run-job
	[[ ${lines[-4]} == "it crashed; the last it said:" ]]
	ln -sf nowhere job.gz
	run sh run-job
	[ "${lines[-1]}" = "it did not run" ]
}

@test "pattern: Make it, talk to it, put it away" {
	guests
	pattern "Make it, talk to it, put it away"
	[[ $output == *x86_64* ]]
	[ -z "$(vm-ls -q)" ]
}

@test "pattern: One for a while, with all the tools" {
	guests
	pattern "One for a while, with all the tools"
	[[ $output == *$'\n'try\ *running\ *256M* ]]
	[[ ${lines[-1]} != try ]]
	[ -z "$(vm-ls -q)" ]
}

@test "a background machine lets go of the pipeline that started it" {
	guests
	vm-create web kernel=vmlinuz initrd=initrd.gz memory=256M
	run timeout 20 bash -o pipefail -c 'vm-run -d web 2>&1 | cat'
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ "$(vm-ls -q -s running)" = web ]
}

@test "pattern: A template, and machines made from it" {
	guests
	pattern "A template, and machines made from it"
	[ "$output" = 512M ]
	[ "$(vm-ls -q)" = $'base\nblue\ngreen\nred' ]
	[ "$(vm-show blue cpus memory)" = $'2\n256M' ]
	[ "$(vm-show red kernel)" = "$PWD/vmlinuz" ]
}

@test "pattern: A change for all" {
	guests
	pattern "A change for all"
	[ "$(tr -s ' ' <<<"$output")" = $'web1 1G\nweb2 1G\nweb3 1G' ]
	[ "$(vm-show web2 autostart)" = yes ]
}

@test "pattern: xargs" {
	guests
	vm-run -d --name one -m 256M -k vmlinuz -i initrd.gz \
		-a 'console=ttyS0 quiet'
	vm-wait one --console 'Leave with' --timeout 2m
	pattern "xargs"
	[ "$(grep -c Hello <<<"$output")" = 8 ]
	[ -z "$(vm-ls -q)" ]
}

@test "pattern: make" {
	pattern "make"
	[ "$(cat ./*.log | grep -c Hello)" = 4 ]
	run make -q
	[ "$status" = 0 ]
}

@test "pattern: A list for programs" {
	vm-create good kernel=hello.bin flat=0x7c00
	guest bad <<<''
	vm-create bad kernel=bad flat=0x7c00
	vm-run good
	run vm-run bad
	pattern "A list for programs"
	[ "${lines[0]}" = bad ]
	[[ ${lines[1]} == bad*113* ]]
	[[ ${lines[2]} == good*0* ]]
}

@test "pattern: Events, and A console, searched" {
	pattern "Events"
	[[ $output =~ ^20[0-9-]+T[0-9:.]+Z\ 0 ]]
	[ "${#lines[@]}" = 1 ]
	pattern "A console, searched"
	[[ $output == "Hello from a guest"* ]]
}

@test "pattern: State changes" {
	pattern "State changes"
	mkdir bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "$@" >>%q\ncat >>%q\n' "$T/mail" "$T/mail" \
		>bin/mail
	chmod +x bin/mail
	{ cat <<<'say "so far"' && echo 'cli; hlt'; } | guest bad
	vm-create bad kernel=bad flat=0x7c00
	PATH=$T/bin:$PATH sh on-crash >/dev/null 3>&- &
	started+=("$!")
	run timeout 20 vm-run bad
	until_true 20 grep -q '^so far' mail
	grep -q '^-s bad: .* root$' mail
	end_started
}

@test "pattern: State changes, by inotifywait" {
	command -v inotifywait >/dev/null || skip "no inotifywait: install inotify-tools"
	pattern "State changes"
	vm-create web kernel=hello.bin flat=0x7c00
	sh on-change web >changes 3>&- &
	started+=("$!")
	# It is watching once a change has been seen.
	seen() {
		timeout 20 vm-run web >/dev/null </dev/null
		grep -q '^web *stopped' changes
	}
	until_true 20 seen
	end_started
}

@test "pattern: Never twice" {
	guests
	pattern "Never twice"
	[[ $output == "vm-run: job: "*$'\n'"still at it"* ]]
}

@test "vm-state(5): Running" {
	guests
	vm-create web kernel=vmlinuz initrd=initrd.gz memory=256M
	vm-run -d web
	example vm-state.5 "Running"
	[ "$output" = $'web\nruns' ]
	vm-ctl web poweroff
	commands vm-state.5 "Running" >script
	run bash script
	[ -z "$output" ]
}

@test "vm-state(5): EXAMPLES" {
	vm-create good kernel=hello.bin flat=0x7c00
	vm-create fresh kernel=hello.bin flat=0x7c00
	vm-run good
	vm-run good
	: >vm/fresh/events.jsonl
	example vm-state.5 "EXAMPLES"
	[ "${#lines[@]}" = 1 ]
	[[ $output =~ ^good\ 20[0-9-]+T[0-9:.]+Z\ 0 ]]
}

@test "vm-state(5) names the keys that status has" {
	local key

	vm-create good kernel=hello.bin flat=0x7c00
	vm-run good
	cat vm/good/status
	while read -r key _; do
		mandoc -Tascii "$TOP/man/vm-state.5" | col -bx |
			sed -n '/^   Status/,/^   Events/p' |
			grep -Eq "^     ([a-z]+, )?$key( |,|\$)"
	done <vm/good/status
}

@test "vm-state(5) names the events and the files there are" {
	local page f

	page=$(mandoc -Tascii "$TOP/man/vm-state.5" | col -bx)
	vm-create good kernel=hello.bin flat=0x7c00
	vm-run good
	vm-run good
	for f in vm/good/*; do
		grep -q "^     ${f##*/}\( \|\$\)" <<<"$page"
	done
	for f in $(jq -r .event vm/good/events.jsonl); do
		grep -q "^     \([A-Z]*, \)\?$f\( \|,\|\$\)" <<<"$page"
	done
}

@test "libvmm(3): EXAMPLES" {
	[[ $B != *-san* ]] || skip "not in a sanitized build, whose library wants their run time"
	mkdir include
	cp "$TOP/lib/vmm.h" include
	blocks libvmm.3 EXAMPLES |
		awk '/^#include <err.h>/ { n++ } { print >"example" n ".c" }'
	for n in 1 2; do
		cc -Wall -Wextra -Werror -Iinclude -o "example$n" \
			"example$n.c" -L"$B/lib" -Wl,-rpath,"$B/lib" -lvmm
	done
	run timeout -s KILL 20 ./example1
	[ "$status" = 0 ]
	[[ $output == "Hello from a guest"* ]]
	vm-create good kernel=hello.bin flat=0x7c00
	run ./example2
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "libvmm(3) has every function of vmm.h" {
	for f in $(grep -oE '\bvmm_[a-z_]+\(' "$TOP/lib/vmm.h" | tr -d '(' |
		sort -u); do
		grep -Eq "^\.F[no] $f( |\$)" "$TOP/man/libvmm.3"
		grep -Eq "^\.Nm .*\b$f\b" "$TOP/man/libvmm.3"
	done
}

@test "nothing of vm-patterns(7) is forgotten here" {
	for page in vm-patterns.7 vm-state.5; do
		awk '/^\.S[sh] / { title = substr($0, 5) }
		/^\.Bd -literal/ { print title }' "$TOP/man/$page" | uniq
	done >titles
	[ -s titles ]
	while IFS= read -r title; do
		grep -Fq "\"$title\"" "$BATS_TEST_FILENAME" || {
			echo "$title: no test"
			return 1
		}
	done <titles
}

# --- cron ---

# The crontab's line, as cron runs it; what is in /srv/vm lies here instead.
cron() {
	mkdir -p "$HOME/.local/bin"
	ln -sf "$B"/bin/vm-* "$HOME/.local/bin"
	sed -n 's/^30 2 \* \* \*[\t ]*//p' "$TOP/examples/cron/crontab" |
		sed "s,/srv/vm/,$T/,g" >line
	[ -s line ]
	cp "$TOP/examples/cron/vm-nightly" .
	env -i PATH=/usr/bin:/bin HOME="$HOME" LOGNAME=me SHELL=/bin/sh \
		TMPDIR="$TMPDIR" VM_HOME="$VM_HOME" "$@" \
		timeout -s KILL 60 setsid -w /bin/sh -c "$(cat line)" </dev/null
}

@test "cron: silent when all is well, the console in a log" {
	guests
	run cron
	[ "$status" = 0 ]
	[ -z "$output" ]
	grep -aq '== off' "$HOME/.local/state/vm-nightly/nightly.log"
	run cron
	[ "$status" = 0 ]
	grep -aq '== off' "$HOME/.local/state/vm-nightly/nightly.log.1"
	[ -z "$(vm-ls -q)" ]
	[ "$(ls "$HOME/.local/state/vm-nightly")" = \
		$'nightly.log\nnightly.log.1' ]
}

@test "cron: what failed is told, and kept with console and cause" {
	local kept

	guests
	ln -sf hello.bin job.gz
	run cron
	[ "$status" = 111 ]
	[[ $output == *"vm-nightly: nightly: exit 111 "* ]]
	[[ $output == *"Kernel panic"* ]]
	kept=$(vm-ls -q)
	[[ $kept == nightly-20* ]]
	[ "$(vm-ls -n -o exit "$kept" | tr -d ' ')" = 111 ]
	grep -aq 'Kernel panic' "$VM_HOME/$kept/console.log"
	[[ $(vm-console "$kept") == *"Kernel panic"* ]]
	# The next one has its name, and is well.
	guests
	run cron
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ "$(vm-ls -q)" = "$kept" ]
}

@test "cron: one that takes too long is ended" {
	guests
	ln -sf "$B/guests/initrd.gz" job.gz
	run cron VM_NIGHTLY_TIMEOUT=5
	[ "$status" = 124 ]
	[[ $output == *"vm-nightly: nightly: exit 124 "* ]]
}

@test "cron: a second one beside the first is refused" {
	guests
	vm-run -d --name nightly -m 256M -k vmlinuz -i initrd.gz
	run cron
	[ "$status" = 125 ]
	[[ $output == "vm-rename: nightly: already running"* ]]
	[ "${#lines[@]}" = 1 ]
	[ "$(vm-ls -n -o state nightly | tr -d ' ')" = running ]
	vm-ctl nightly poweroff
}

@test "cron: one that cannot start, one that was killed" {
	guests
	ln -sf nowhere job.gz
	run cron
	[ "$status" = 125 ]
	[[ $output == *"job.gz: "*"No such file"* ]]
	guests
	vm-run -d --name nightly --keep always -m 256M -k vmlinuz -i initrd.gz
	kill -KILL "$(sed -n 's/^pid = //p' "$VM_HOME/nightly/status")"
	until_true 20 vm-wait -q -f crashed -t 1 nightly
	run cron
	[ "$status" = 0 ]
	[[ $output == "vm-nightly: nightly: exit - "* ]]
	grep -aq '== off' "$HOME/.local/state/vm-nightly/nightly.log"
	vm-ls -q | grep -q '^nightly-20'
}

@test "cron: the last five failures are kept" {
	guests
	for n in 1 2 3 4 5 6; do
		vm-create "nightly-20200101-00000$n-1" kernel=hello.bin
	done
	vm-create nightly-mine kernel=hello.bin
	ln -sf hello.bin job.gz
	run cron
	[ "$status" = 111 ]
	[ "$(vm-ls -q | grep -c ^nightly-20)" = 5 ]
	[ "$(vm-ls -q | grep -c ^nightly-mine)" = 1 ]
	[ "$(vm-ls -q | grep -c ^nightly-20200101-000001)" = 0 ]
}

# --- systemd ---

# The units as `make install` leaves them, with the examples' beside.
units() {
	[[ $B != *-san* ]] || skip "not in a sanitized build, whose library wants their run time"
	make -s -C "$TOP" -o all install B="$B" DESTDIR= prefix="$T/root"
	mkdir units
	cp "$T"/root/lib/systemd/user/* units
	for u in vm-nightly.service vm-nightly.timer; do
		sed "s,/usr/local/bin/,$T/root/bin/," \
			"$TOP/examples/systemd/$u" >"units/$u"
	done
}

@test "systemd: the units say what they should" {
	units
	[ "$(ls root/lib/systemd/user)" = $'vm-autostart.service\nvm@.service' ]
	for want in Type=notify "ExecStart=$T/root/bin/vm-run %i" \
		"ExecStop=$T/root/bin/vm-ctl %i stop" KillMode=mixed \
		TimeoutStopSec=90; do
		grep -qxF "$want" 'units/vm@.service'
	done
	grep -qxF "ExecStart=$T/root/bin/vm-run --autostart" \
		units/vm-autostart.service
	grep -qxF SuccessExitStatus=1 units/vm-autostart.service
}

@test "systemd: systemd-analyze has nothing to say" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze: install systemd"
	units
	mkdir -m 700 run
	mv 'units/vm@.service' 'units/vm@web.service'
	for u in 'vm@web.service' vm-autostart.service vm-nightly.service \
		vm-nightly.timer; do
		XDG_RUNTIME_DIR=$T/run run timeout 30 systemd-analyze --user \
			--man=no verify "./units/$u"
		echo "$u: $output"
		[ "$status" = 0 ]
		[ -z "$output" ]
	done
}

# What systemd does with such a unit: READY=1 on a socket, then ExecStop.
@test "systemd: the unit's commands, by hand" {
	command -v socat >/dev/null || skip "no socat: install socat"
	guests
	vm-create web kernel=vmlinuz initrd=initrd.gz memory=256M \
		cmdline='console=ttyS0 quiet'
	socat -u UNIX-RECV:notify OPEN:told,creat,append 3>&- &
	started+=("$!")
	until_true 10 test -S notify
	NOTIFY_SOCKET=$PWD/notify start web
	until_true 20 grep -aq READY=1 told
	[ "$(vm-ls -n -o state web | tr -d ' ')" = running ]
	vm-wait web --console 'Leave with' --timeout 1m
	run timeout 60 vm-ctl web stop
	[ "$status" = 0 ]
	ends 0
	end_started
}

@test "a disk made of a directory, thrown away, kept on a base" {
	PATH=$PATH:/usr/sbin:/sbin command -v mke2fs >/dev/null ||
		skip "no mke2fs: install e2fsprogs"
	guests
	pattern "A disk made of a directory"
	[[ $output == *"hello from the disk"* ]]
	pattern "Thrown away"
	[[ $output == *untouched ]]
	grep -qx '1.*' log.1
	grep -qx '2.*' log.2
	pattern "Kept, on a base that all share"
	[[ $output == *golden.qcow2* ]]
	[ "$(vm-show node3 disk)" = \
		"disks/disk0.qcow2,format=qcow2,backing=$T/golden.qcow2" ]
}
