#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-set changes configurations.
# timeout: 120

# shellcheck disable=SC2154 # run: stderr; start: pid

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	echo >vmlinuz
	printf '# ours\ncpus = 2\nmemory = 1G\n' >conf
	vm-create -f conf web
}

teardown() {
	vm-rm -f web 2>/dev/null || :
	[ -z "${holder:-}" ] || kill "$holder" || :
	end_started
}

config() {
	grep -v ^uuid "$VM_HOME/web/config"
}

@test "keys change, comments and other lines stay" {
	quiet vm-set web cpus=4 x-a=1 memory=
	[ "$(config)" = $'# ours\ncpus = 4\nx-a = 1' ]
	quiet vm-set --unset cpus --unset x-a web memory=2G
	[ "$(config)" = $'# ours\nmemory = 2G' ]
	quiet vm-set --unset memory web
	[ "$(config)" = "# ours" ]
}

@test "a list grows, and is emptied as a whole" {
	quiet vm-set web serial=null serial=pty
	[ "$(vm-show web serial)" = $'null\npty' ]
	quiet vm-set web serial=stdio
	[ "$(vm-show web serial)" = $'null\npty\nstdio' ]
	quiet vm-set web serial= serial=null
	[ "$(vm-show web serial)" = null ]
	quiet vm-set web serial=
	denied 1 "not set" vm-show web serial
}

@test "all or nothing" {
	cp "$VM_HOME/web/config" before
	denied 2 "cpus: 0 is not in 1..255" vm-set web memory=2G cpus=0
	denied 2 "no-such: no such key" vm-set web memory=2G no-such=1
	denied 2 "no-such: no such key" vm-set --unset no-such web memory=2G
	denied 2 "'memory' is not key=value" vm-set web cpus=3 memory
	denied 1 "kernel: $PWD/k: No such file" vm-set web cpus=3 kernel=k
	denied 2 "icount: one CPU only" vm-set web icount=yes
	denied 2 "nothing to change" vm-set web
	denied 2 "" vm-set ../web cpus=1
	denied 2 "" vm-set
	denied 1 "none: no such machine" vm-set none cpus=1
	cmp before "$VM_HOME/web/config"
}

@test "files become absolute; those that were there before may be away" {
	quiet vm-set web kernel=vmlinuz
	[ "$(vm-show web kernel)" = "$PWD/vmlinuz" ]
	rm vmlinuz
	quiet vm-set web cpus=3
	denied 1 "No such file" vm-set web initrd=vmlinuz
	quiet vm-set --force web initrd=vmlinuz
}

@test "many at once: no change is lost" {
	local n pids=()

	for n in {1..12}; do
		vm-set web "x-$n=1" 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	[ "$(grep -c '^x-' "$VM_HOME/web/config")" = 12 ]
}

@test "a damaged configuration is not touched" {
	echo 'cpus = x' >"$VM_HOME/web/config"
	denied 1 "web/config:1: cpus: 'x' is not a number" vm-set web memory=1G
	[ "$(<"$VM_HOME/web/config")" = 'cpus = x' ]
}

@test "what runs keeps its memory" {
	hold web
	denied 1 "web: memory: cannot change while it runs (--next keeps it" \
		vm-set web description=d memory=2G
	denied 1 "web: uuid: cannot change" vm-set --unset uuid web
	denied 1 "web: serial: cannot change" vm-set web serial=null
	denied 1 "web: timeout: cannot change" vm-set web timeout=5
	[ "$(config)" = $'# ours\ncpus = 2\nmemory = 1G' ]
	quiet vm-set web memory=1G cpus=2 # as it is
	quiet vm-set --next web memory=2G on-reset=exit
	[ "$(vm-show web memory on-reset)" = $'2G\nexit' ]
}

@test "what runs takes what only the disk knows" {
	hold web
	quiet vm-set web description=d autostart=yes x-a=1
	[ "$(vm-show web description autostart x-a)" = $'d\nyes\n1' ]
}

@test "a process that cannot be told is reported, the change kept" {
	hold web
	denied 1 "is kept for the next start" vm-set web on-reset=exit
	[ "$(vm-show web on-reset)" = exit ]
}

@test "a running machine is told, and does what it was told" {
	guest "$T/resets" <<-'END'
		say "up"
		movb $0, 0x7000
		1: call getc
		reset
	END
	quiet vm-set web kernel=resets flat=0x7c00 accel=soft memory=1M \
		serial=unix:s0 on-reset=restart cpus=
	run -0 timeout 30 vm-run -d web 3>&-
	quiet vm-set web on-reset=exit stop-timeout=1s on-crash=restart keep=always
	[ "$(vm-ls -n -o state web)" = running ]
	until_true 10 [ -S s0 ]
	talk s0 1 <<<x >/dev/null || :
	until_true 20 eval '[ "$(vm-ls -n -o state web)" != running ]'
	[ "$(vm-ls -n -o exit web)" = 110 ]
}

@test "a machine that was not to be kept is, once it is told" {
	guest "$T/spins" <<<'forever'
	run -0 timeout 30 vm-run -d --name web2 -k "$T/spins" --flat \
		--accel soft -m 1M 3>&-
	quiet vm-set web2 keep=always
	vm-ctl web2 poweroff
	[ "$(vm-ls -n -o state web2)" = stopped ]
	timeout 30 vm-run -d web2
	quiet vm-set web2 keep=never
	kill -KILL "$(vm-ls -n -o pid web2)"
	until_true 20 eval '[ "$(vm-ls -n -o state web2)" = crashed ]'
	vm-create other # sweeps
	[ ! -e "$VM_HOME/web2" ]
}

@test "disk=SIZE makes another disk; what was made before stays" {
	quiet vm-create d disk=1M,format=raw
	quiet vm-set d disk=2M,format=raw,id=more
	[ "$(vm-show d disk)" = "disks/disk0.img,format=raw
disks/more.img,format=raw,id=more" ]
	quiet vm-set d disk= disk=3M,format=raw
	[ "$(vm-show d disk)" = disks/disk0-1.img,format=raw ]
	[ "$(stat -c %s "$VM_HOME/d/disks/"*)" = "3145728
1048576
2097152" ]
	denied 2 "disk: id more is there already" \
		vm-set d disk=1M,id=more,format=raw disk=1M,id=more,format=raw
	hold d
	denied 1 "disk: cannot change while it runs (--next" \
		vm-set d disk=1M,format=raw
	[ "$(ls "$VM_HOME/d/disks" | wc -l)" = 3 ]
	quiet vm-set --next d disk=1M,format=raw
	kill "$holder"
	[ "$(ls "$VM_HOME/d/disks" | wc -l)" = 4 ]
}
