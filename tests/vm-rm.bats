#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Removing, renaming and copying machines.
# timeout: 120

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	echo >vmlinuz
	vm-create web cpus=2
}

teardown() {
	[ -z "${holder:-}" ] || kill "$holder" || :
	vm-rm -f web 2>/dev/null || :
}

machines() {
	find "$VM_HOME" -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f\n' |
		sort | tr '\n' ' '
}

@test "vm-rm removes a machine, and not what it refers to" {
	quiet vm-create b kernel=vmlinuz
	mkdir -p "$VM_HOME/b/disks/x"
	ln -s "$T/vmlinuz" "$VM_HOME/b/disks/x/link"
	quiet vm-rm b
	[ "$(machines)" = "web " ]
	[ -e vmlinuz ]
	[ -z "$(ls -A "$VM_HOME/.trash" 2>/dev/null)" ]
	denied 1 "b: no such machine" vm-rm b
	quiet vm-rm --if-exists b
}

@test "vm-rm goes on after one that cannot be removed" {
	quiet vm-create a
	quiet vm-create b
	denied 1 "none: no such machine" vm-rm a none b
	[ "$(machines)" = "web " ]
	quiet vm-create a
	quiet vm-rm --if-exists a none web
	[ -z "$(machines)" ]
}

@test "vm-rm removes nothing where a name is none" {
	denied 2 "" vm-rm web ../web
	denied 2 "" vm-rm web .new
	denied 2 "" vm-rm
	[ "$(machines)" = "web " ]
}

@test "vm-rm leaves what runs alone" {
	quiet vm-create a
	hold web
	denied 1 "web: " vm-rm a web
	[ "$(machines)" = "web " ]
}

@test "vm-rm -f powers off first" {
	guest "$T/spins" <<-'END'
		forever
	END
	quiet vm-create a kernel=spins flat=0x7c00 accel=soft memory=1M serial=null
	quiet vm-run -d a
	denied 1 "a: " vm-rm a
	quiet vm-rm -f a web
	[ -z "$(machines)" ]
}

@test "vm-rm -f takes what goes by itself when it is powered off" {
	guest "$T/spins" <<-'END'
		forever
	END
	quiet vm-create a kernel=spins flat=0x7c00 accel=soft memory=1M \
		serial=null keep=never
	quiet vm-run -d a
	quiet vm-rm -f a
	[ "$(machines)" = "web " ]
}

@test "vm-rename gives another name, and nothing else" {
	cp "$VM_HOME/web/config" before
	quiet vm-rename web www
	[ "$(machines)" = "www " ]
	cmp before "$VM_HOME/www/config"
	quiet vm-rename www web
}

@test "vm-rename takes no name that is taken" {
	quiet vm-create b cpus=3
	denied 1 "b: " vm-rename web b
	[ "$(vm-show b cpus)$(vm-show web cpus)" = 32 ]
	denied 1 "web: " vm-rename web web
	[ "$(machines)" = "b web " ]
}

@test "vm-rename refuses what runs, what is not there, and bad names" {
	denied 1 "none: no such machine" vm-rename none b
	denied 2 "" vm-rename web .b
	denied 2 "" vm-rename web/ b
	denied 2 "" vm-rename web
	denied 2 "" vm-rename web a b
	hold web
	denied 1 "web: " vm-rename web b
	[ "$(machines)" = "web " ]
}

@test "vm-clone copies the configuration under another identity" {
	quiet vm-set web x-a=1 memory=1G
	quiet vm-clone web b memory=2G kernel=vmlinuz
	[ "$(vm-show b cpus memory kernel x-a)" = "2
2G
$PWD/vmlinuz
1" ]
	[[ $(vm-show b uuid) =~ ^[0-9a-f-]{36}$ ]]
	[ "$(vm-show b uuid)" != "$(vm-show web uuid)" ]
	[ "$(vm-show web memory)" = 1G ]
}

@test "vm-clone refuses what vm-create refuses" {
	denied 1 "none: no such machine" vm-clone none b
	denied 1 "web: " vm-clone web web
	denied 2 "cpus: 0 is not in 1..255" vm-clone web b cpus=0
	denied 2 "no-such: no such key" vm-clone web b no-such=1
	denied 1 "kernel: $PWD/k: No such file" vm-clone web b kernel=k
	denied 2 "" vm-clone web
	denied 2 "" vm-clone web -- -b
	[ "$(machines)" = "web " ]
	quiet vm-clone --force web b kernel=k
}

@test "vm-clone copies what runs" {
	hold web
	quiet vm-clone web b
	quiet vm-rm b
}
