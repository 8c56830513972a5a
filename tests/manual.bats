#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the manual shows as an example works as it is written there.
# timeout: 240

load helpers

# examples PAGE: the commands under EXAMPLES, one a line
examples() {
	mandoc -Tutf8 -O width=900 "$TOP/man/$1" | col -bx |
		sed -n '/^EXAMPLES/,/^[A-DF-Z]/s/^ *\$ //p'
}

# example PAGE N: runs the Nth in a directory that holds the files it names;
# what is typed at it is "exit".
example() {
	local command

	command=$(examples "$1" | sed -n "${2}p")
	echo "\$ $command"
	[ -n "$command" ]
	cd "$T" || return
	ln -sf "$B/guests/vmlinuz-cloud" vmlinuz
	ln -sf "$B/guests/initrd.gz" initrd.gz
	ln -sf "$B/guests/initrd-demo.gz" job.gz
	ln -sf "$B/examples/hello.bin" hello.bin
	run timeout -s KILL 60 bash -c "$command" <<<exit
	echo "$output"
}

setup() {
	command -v mandoc >/dev/null || skip "no mandoc: install mandoc"
}

@test "vm(1): the commands" {
	example vm.1 1
	[ "$status" = 0 ]
	[[ $'\n'$output$'\n' == *$'\nrun\n'* ]]
}

@test "vm(1): the manual of a command" {
	example vm.1 2
	[ "$status" = 0 ]
	[[ $output == *vm-run* ]]
}

@test "vm-check(1): what is there" {
	example vm-check.1 1
	[ "$status" = 0 ]
	[[ $output == *engine* ]]
}

@test "vm-check(1): only where KVM is real" {
	local code=0

	vm-check -q -a kvm || code=$?
	example vm-check.1 2
	[ "$status" = "$code" ]
	[ "$output" = "$([ "$code" != 0 ] || echo fast)" ]
}

@test "vm-check(1): the reason, for a script" {
	command -v jq >/dev/null || skip "no jq: install jq"
	example vm-check.1 3
	[ "$status" = 0 ]
	[[ $output =~ ^[a-z-]+$ ]]
}

@test "vm-run(1): Debian's kernel to a shell" {
	need_guests
	example vm-run.1 1
	[ "$status" = 0 ]
	[[ $output == *"Leave with: exit"* ]]
}

@test "vm-run(1): a batch machine, its console in a file" {
	need_guests
	example vm-run.1 2
	[ "$status" = 0 ]
	[ -z "$output" ]
	grep -aq '== off' "$T/job.log"
}

@test "vm-run(1): a boot sector" {
	example vm-run.1 3
	[ "$status" = 0 ]
	[[ $output == "Hello from a guest of 512 bytes."* ]]
}

# web: a machine that says "Hello", and ends when it has been told a line
web() {
	export VM_HOME=$T/vm
	mkdir -m 700 "$VM_HOME"
	guest "$T/web" <<-'END'
		say "Hello"
		1: call getc
		call putc
		cmp $10, %al
		jne 1b
		poweroff
	END
	vm-run -d -n web --keep always --accel soft --flat -k "$T/web" \
		--timeout 50 3>&-
}

@test "vm-console(1): attach, read, tell" {
	web
	example vm-console.1 1
	[ "$status" = 0 ]
	[ "$output" = $'Hello\nexit' ]
	example vm-console.1 2
	[ "$status" = 0 ]
	[ "$output" = $'Hello\nexit' ]
	vm-run -d web 3>&-
	example vm-console.1 3
	[ "$status" = 0 ]
	example vm-console.1 4
	[ "$status" = 0 ]
	[ "$output" = 1 ]
}

@test "vm-console(1): a recording" {
	web
	vm-console web <<<end
	(sleep 0.5 && vm-run -d web && vm-console -1 web <<<end) \
		>/dev/null 3>&- &
	example vm-console.1 5
	[ "$status" = 0 ]
	[ "$output" = $'Hello\nend' ]
	# All that was recorded, however many pieces it came in.
	[[ $(sed -n 's/.*"o", "\(.*\)"\]$/\1/p' "$T/web.cast" | tr -d '\n') == *Hello* ]]
}

@test "vm-ls(1): tables, names and a sum" {
	command -v jq >/dev/null || skip "no jq: install jq"
	export VM_HOME=$T/vm
	vm-create web memory=64M
	example vm-ls.1 1
	[ "$status" = 0 ]
	[[ ${lines[1]} == web*stopped*64M* ]]
	example vm-ls.1 2
	[ "$status" = 0 ]
	[[ ${lines[1]} == web*stopped*-*- ]]
	example vm-ls.1 3
	[ "$status" = 0 ]
	[ -z "$output" ]
	example vm-ls.1 4
	[ "$status" = 0 ]
	[ "$output" = 0 ]
	example vm-ls.1 5
	[ "$status" = 0 ]
	[[ ${lines[1]} =~ ^web\ +-\ +-\ +-$ ]]
}

@test "vm-wait(1): the end, and a prompt" {
	export VM_HOME=$T/vm
	vm-create web
	example vm-wait.1 1
	[ "$status" = 0 ]
	[ "$output" = "done" ]
	printf 'web login: ' >"$VM_HOME/web/console.log"
	example vm-wait.1 2
	[ "$status" = 0 ]
	[ "$output" = up ]
}

@test "vm-run(1): in the background, kept if it fails" {
	export VM_HOME=$T/vm
	example vm-run.1 4
	[ "$status" = 0 ]
	[ -z "$output" ]
	until_true 20 gone_from job
}

# gone_from NAME: there is no such machine (any more)
gone_from() {
	! vm-ls -q "$1" 2>/dev/null
}

@test "vm-create(1): new, if it is not there, from text" {
	export VM_HOME=$T/vm
	example vm-create.1 1
	[ "$status" = 0 ]
	[ "$(vm-show web kernel memory cpus)" = "$T/vmlinuz"$'\n1G\n2' ]
	touch "$T/installer.iso" "$T/golden.qcow2"
	example vm-create.1 2
	[ "$status" = 0 ]
	[[ $(vm-show new disk cdrom) == "disks/disk0.qcow2,format=qcow2"$'\n'"$T/installer.iso" ]]
	example vm-create.1 3
	[ "$status" = 0 ]
	[ "$(vm-show job disk)" = "$T/golden.qcow2,overlay=yes" ]
	vm-set web memory=2G
	example vm-create.1 4
	[ "$status" = 0 ]
	[ "$(vm-show web memory)" = 2G ]
	example vm-create.1 5
	[ "$status" = 0 ]
	[ "$(vm-show small cmdline memory)" = $'quiet\n64M' ]
}

@test "vm-show(1), vm-set(1): the configuration" {
	command -v jq >/dev/null || skip "no jq: install jq"
	export VM_HOME=$T/vm
	vm-create web serial=stdio serial=null
	example vm-set.1 1
	[ "$(vm-show web memory)" = 2G ]
	vm-set web memory=1G
	example vm-set.1 2
	[ "$(vm-show web memory)" = 2G ]
	example vm-set.1 3
	[ "$(vm-show web disk)" = disks/disk0.qcow2,format=qcow2,serial=SCRATCH ]
	example vm-set.1 4
	[ "$(vm-show web serial)" = null ]
	vm-set web disk=
	example vm-show.1 1
	[[ $output == *"memory = 2G"* ]]
	example vm-show.1 2
	[ "$output" = 2G ]
	example vm-show.1 3
	[ "$output" = 2147483648 ]
	example vm-show.1 4
	[ "$status" = 0 ]
	diff <(vm-show web) <(VM_HOME=$T/elsewhere vm-show web)
}

@test "vm-clone(1), vm-rename(1), vm-rm(1)" {
	export VM_HOME=$T/vm
	vm-create web
	example vm-clone.1 1
	[ "$(vm-show web2 memory)" = 512M ]
	example vm-rename.1 1
	[ "$(vm-ls -q)" = $'web2\nwww' ]
	vm-create web
	example vm-rm.1 1
	[ "$(vm-ls -q)" = $'web2\nwww' ]
	example vm-rm.1 2
	[ "$status" = 0 ]
	[ -z "$(vm-ls -q)" ]
}

@test "vm-ctl(1): look into a machine, and stop it" {
	command -v jq >/dev/null || skip "no jq: install jq"
	need_guests
	export VM_HOME=$T/vm
	vm-create web kernel="$B/guests/vmlinuz-cloud" memory=256M \
		initrd="$B/guests/initrd.gz" cmdline='console=ttyS0 quiet' \
		cdrom=none
	truncate -s 1M "$T/disc2.iso"
	vm-run -d web 3>&-
	vm-wait -t 1m -c 'Leave with' web
	example vm-ctl.1 3
	[[ $output =~ ^(kvm|soft)$ ]]
	example vm-ctl.1 4
	[ "$status" = 0 ]
	readelf -h "$T/web.core" | grep -q 'Type: *CORE'
	example vm-ctl.1 5
	[ "$status" = 0 ]
	[[ $(vm-ctl web block) == *"cdrom0 "*" $T/disc2.iso"* ]]
	example vm-ctl.1 6
	grep -qx query-commands <<<"$output"
	example vm-ctl.1 7
	[ "$status" = 0 ]
	example vm-ctl.1 8
	[ "$status" = 0 ]
	example vm-ctl.1 1
	[ "$status" = 0 ]
	[[ $(vm-ls -n -o state,exit web | tee /dev/stderr | tr -s ' ') == "stopped 0" ]]
	vm-run -d web 3>&-
	vm-wait -t 1m -c 'Leave with' web
	example vm-ctl.1 2
	[ "$status" = 0 ]
	[[ $(vm-ls -n -o state,exit web | tee /dev/stderr | tr -s ' ') == "stopped 0" ]]
}

@test "vm-audit(1): one, all, and what is wrong" {
	web
	example vm-audit.1 1
	[ "$status" = 0 ]
	[[ $output == "ok "* ]]
	example vm-audit.1 2
	[ "$output" = confined ]
	example vm-audit.1 3
	[ "$status" = 1 ]
	[ -z "$output" ]
	vm-ctl web poweroff
}

@test "vm-disk(1): make, convert, send away, look" {
	command -v jq >/dev/null || skip "no jq: install jq"
	example vm-disk.1 1
	[ "$status" = 0 ]
	example vm-disk.1 2
	[ "$status" = 0 ]
	vm-disk create old.vdi 1M
	example vm-disk.1 3
	[ "$status" = 0 ]
	vm-disk create web.qcow2 1M
	mkdir bin
	printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >bin/ssh
	chmod +x bin/ssh
	PATH=$PWD/bin:$PATH example vm-disk.1 4
	[ "$status" = 0 ]
	[ "$(stat -c %s web.img)" = 1048576 ]
	example vm-disk.1 5
	[ "$output" = 1048576 ]
}

@test "vm-tui(1): once, and what takes most" {
	export VM_HOME=$T/vm
	vm-create web memory=64M
	example vm-tui.1 1
	[ "$status" = 0 ]
	[[ ${lines[2]} == web*stopped*64M* ]]
	example vm-tui.1 2
	[ "$status" = 0 ]
	[ ${#lines[@]} = 2 ]
}

@test "vm-shot(1), vm-wait(1): what a screen shows" {
	export VM_HOME=$T/vm
	vm-create web memory=64M
	echo 'web login:' | perl "$TOP/tests/fbfile.pl" text >"$VM_HOME/web/fb"
	example vm-shot.1 1
	[ "${lines[0]}" = "web login:" ]
	example vm-shot.1 2
	[ "$status" = 0 ]
	[ "$(od -An -tx1 -j 16 -N 8 web.png)" = " 00 00 01 68 00 00 00 c8" ]
	example vm-shot.1 3
	[ "$status" = 0 ]
	[ -s film-0005.png ]
	example vm-wait.1 3
	[ "$output" = up ]
}

@test "no example is forgotten here" {
	local page n

	for page in "$TOP"/man/*.1; do
		n=$(examples "${page##*/}" | wc -l)
		echo "${page##*/}: $n"
		[ "$(grep -c "example ${page##*/} [0-9]" \
			"$BATS_TEST_FILENAME")" = "$n" ]
	done
}
