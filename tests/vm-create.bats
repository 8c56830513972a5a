#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-create makes machines, vm-show prints what they are made of.

# shellcheck disable=SC2154 # run: stderr

load helpers

setup() {
	export VM_HOME=$T/vm
	cd "$T" || return
	echo >vmlinuz
	echo >initrd.gz
}

@test "a machine is a directory with its configuration" {
	quiet vm-create web memory=1G cpus=2 x-team=blue "cmdline=a=b c"
	[ -f "$VM_HOME/web/lock" ]
	[ "$(grep -v '^uuid' "$VM_HOME/web/config")" = "memory = 1G
cpus = 2
x-team = blue
cmdline = a=b c" ]
	[ "$(stat -c %a "$VM_HOME" "$VM_HOME/web")" = $'700\n700' ]
}

@test "each machine has an identity of its own, or the one it is given" {
	local id=0d9ee342-6df1-4f3c-9c2a-0123456789ab

	quiet vm-create a
	quiet vm-create b
	quiet vm-create c uuid=$id
	[[ $(vm-show a uuid) =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab] ]]
	[ "$(vm-show a uuid)" != "$(vm-show b uuid)" ]
	[ "$(vm-show c uuid)" = $id ]
}

@test "a name that is taken is refused, and the machine stays as it is" {
	quiet vm-create web cpus=2
	denied 1 "web: " vm-create web cpus=3
	[ "$(vm-show web cpus)" = 2 ]
}

@test "of many that make the same machine at once, one does" {
	local n pids=() made=0

	for n in {1..12}; do
		vm-create web "cpus=$n" 2>/dev/null 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		! wait "$n" || made=$((made + 1))
	done
	[ "$made" = 1 ]
	[[ $(vm-show web cpus) =~ ^[0-9]+$ ]]
	[ -z "$(find "$VM_HOME/.new" "$VM_HOME/.trash" -mindepth 1)" ]
}

@test "names that no machine can have are misuse" {
	local name

	for name in . .. .a -a a/b "a b" "" "$(printf 'a%.0s' {1..64})" $'a\n'; do
		denied 2 "" vm-create -- "$name"
		denied 2 "" vm-show -- "$name"
	done
	quiet vm-create "$(printf 'a%.0s' {1..63})"
	quiet vm-create 0.a_-Z
}

@test "keys and values that are not right are misuse, and nothing is made" {
	denied 2 "'x' is not key=value" vm-create web x
	denied 2 "'=1' is not key=value" vm-create web =1
	denied 2 "no-such: no such key" vm-create web no-such=1
	denied 2 "no-such: no such key" vm-create web no-such=
	denied 2 "memory: '12Q' is not a size" vm-create web memory=12Q
	denied 2 "cpus: 0 is not in 1..255" vm-create web cpus=1 cpus=0
	denied 2 "x-A: no such key" vm-create web x-A=1
	denied 2 "keep: 'maybe'" vm-create web keep=maybe
	denied 2 "uuid: '1' is not a UUID" vm-create web uuid=1
	denied 2 "serial: at most 4" vm-create web serial={pty,pty,pty,pty,pty}
	denied 2 "description: " vm-create web $'description=a\nmemory = 1G'
	denied 2 "icount: one CPU only" vm-create web icount=yes cpus=2
	denied 2 "no name given" vm-create
	denied 2 "" vm-create --no-such web
	denied 2 "either" vm-create -f x --from y web
	[ ! -e "$VM_HOME" ]
}

@test "a later value replaces an earlier one, serial grows, key= forgets" {
	quiet vm-create web cpus=2 cpus=3 serial=null serial=pty memory=1G memory=
	[ "$(vm-show web cpus serial)" = $'3\nnull\npty' ]
	run ! grep -q memory "$VM_HOME/web/config"
	quiet vm-create --from web b serial= serial=stdio
	[ "$(vm-show b serial)" = stdio ]
}

@test "names of files become absolute" {
	mkdir -p sub/deep
	ln -s sub/deep link
	echo >sub/deep/k
	quiet vm-create web kernel=vmlinuz initrd=link/k serial=file:log \
		serial=file:+link/log serial=unix:/a/../b serial=stdio
	[ "$(vm-show web kernel initrd serial)" = "$PWD/vmlinuz
$PWD/sub/deep/k
file:$PWD/log
file:+$PWD/sub/deep/log
unix:/a/../b
stdio" ]
	denied 1 "serial: no/log: No such file" vm-create b serial=file:no/log
}

@test "a kernel or initrd that is not there is refused, unless forced" {
	denied 1 "kernel: $PWD/vmlinux: No such file or directory" \
		vm-create web kernel=vmlinux
	denied 1 "initrd: /no/such: No such file or directory" \
		vm-create web kernel=vmlinuz initrd=/no/such
	denied 1 "kernel: -: No such file" vm-create web kernel=-
	[ ! -e "$VM_HOME/web" ]
	quiet vm-create --force web kernel=vmlinux
	[ "$(vm-show web kernel)" = "$PWD/vmlinux" ]
}

@test "a configuration from a file or stdin, its comments kept" {
	printf '# first\nkernel=vmlinuz\n\nmemory = 1G\n# last' >conf
	quiet vm-create -f conf web memory=2G cpus=2
	[ "$(grep -v ^uuid "$VM_HOME/web/config")" = "# first
kernel = $PWD/vmlinuz

memory = 2G
# last
cpus = 2" ]
	quiet vm-create --file=- b <conf
	[ "$(vm-show b memory)" = 1G ]
	quiet vm-create -f /dev/null c
}

@test "what is wrong with a file is said with its line" {
	printf 'cpus = 1\n\nmemory = 12Q\n' >conf
	denied 2 "conf:3: memory: '12Q' is not a size" vm-create -f conf web
	denied 2 "stdin:3: memory: '12Q'" vm-create -f - web <conf
	printf 'cpus\n' >conf
	denied 2 "conf:1: " vm-create -f conf web
	denied 1 "none: cannot open: No such file" vm-create -f none web
	denied 1 "$PWD: cannot read: Is a directory" vm-create -f "$PWD" web
	denied 1 "/dev/zero: not a configuration" vm-create -f /dev/zero web
	[ ! -e "$VM_HOME/web" ]
}

@test "a machine like another has an identity of its own" {
	printf '# ours\nmemory = 1G\n' >conf
	quiet vm-create -f conf web cpus=2
	quiet vm-create --from web b cpus=4
	[ "$(vm-show b memory cpus)" = $'1G\n4' ]
	grep -q '^# ours' "$VM_HOME/b/config"
	[ "$(vm-show b uuid)" != "$(vm-show web uuid)" ]
	denied 1 "none: no such machine" vm-create --from none c
	denied 2 "" vm-create --from ../web c
}

@test "--if-not-exists leaves what is there alone" {
	quiet vm-create --if-not-exists web cpus=2
	quiet vm-create --if-not-exists web cpus=3 kernel=/no/such
	[ "$(vm-show web cpus)" = 2 ]
	denied 2 "cpus: 0" vm-create --if-not-exists web cpus=0
}

@test "what vm-show prints makes the same machine again" {
	quiet vm-create web kernel=vmlinuz serial=null serial=pty \
		"description=a  b = c" x-a=1 timeout=1500ms
	vm-show web >conf
	cmp conf "$VM_HOME/web/config"
	VM_HOME=$T/two quiet vm-create -f - web <conf
	cmp "$T/two/web/config" "$VM_HOME/web/config"
	vm-show -a web >all
	VM_HOME=$T/three quiet vm-create -f all web
	VM_HOME=$T/three vm-show -a web | cmp - all
}

@test "vm-show prints values, set or not" {
	quiet vm-create web cpus=2 serial=null serial=pty
	[ "$(vm-show web cpus serial memory accel)" = "2
null
pty
128M
auto" ]
	denied 1 "web: description: not set" vm-show web description
	denied 2 "no-such: no such key" vm-show web no-such
	denied 1 "none: no such machine" vm-show none
	denied 2 "" vm-show
	denied 2 "take no keys" vm-show -J web cpus
}

@test "vm-show prints JSON" {
	local all

	command -v jq >/dev/null || skip "no jq: install jq"
	quiet vm-create web memory=1M cpus=2 serial=null "description=\"a\\" \
		debug-exit=on x-a=1
	[ "$(vm-show -J web | jq -c 'del(.config.uuid)')" = "$(jq -nc '{
		schema: 1, name: "web", config: {memory: 1048576, cpus: 2,
		serial: ["null"], "debug-exit": true, description: "\"a\\",
		"x-a": "1"}}')" ]
	all=$(vm-show -aJ web)
	jq -e '.config | .icount == false and ."stop-timeout" == 30 and
		.accel == "auto"' <<<"$all"
}

@test "a damaged configuration is told, with its line" {
	quiet vm-create web
	printf 'cpus = 1\ncpus = none\n' >"$VM_HOME/web/config"
	denied 1 "web/config:2: cpus: 'none' is not a number" vm-show web
	denied 1 "web/config:2: " vm-create --from web b
	[ ! -e "$VM_HOME/b" ]
}

@test "to look makes no state directory" {
	denied 1 "web: no such machine" vm-show web
	denied 1 "web: no such machine" vm-set web cpus=1
	denied 1 "web: no such machine" vm-rm web
	[ ! -e "$VM_HOME" ]
}

@test "vm.conf(5) has the keys that there are" {
	diff <(vm-create --list-keys | cut -f1 | sort) \
		<(sed -n 's/^\.It Cm \([a-z][a-z-]*\) Ns = .*/\1/p' \
			"$TOP/man/vm.conf.5" | sort)
	[ -z "$(vm-create --list-keys | grep -Pv '^[a-z-]+\t[^\t]+\t[^\t]+$')" ]
}

@test "vm.conf(5) has the defaults that there are" {
	local key value

	command -v mandoc >/dev/null || skip "no mandoc: install mandoc"
	quiet vm-create web
	mandoc -Tascii -O width=900 "$TOP/man/vm.conf.5" | col -bx >page
	while IFS=' =' read -r key value; do
		[ "$key" != uuid ] || continue
		grep -A1 "^ *$key=" page | grep -Eq \
			"default (is|is 0, never|) ?$value|always \(the default" || {
			echo "$key: $value is not the manual's default"
			return 1
		}
	done < <(vm-show -a web)
}

@test "vm.conf(5) marks the keys that are live" {
	local key live

	command -v mandoc >/dev/null || skip "no mandoc: install mandoc"
	mandoc -Tascii -O width=900 "$TOP/man/vm.conf.5" | col -bx >page
	live=$(grep -B1 '^ *(live)' page | sed -n 's/^ *\([a-z-]*\)=.*/\1/p')
	for key in on-reset on-crash stop-timeout keep autostart description \
		on-io-error layout; do
		grep -qx -- "$key" <<<"$live"
	done
	[ "$(wc -l <<<"$live")" = 8 ]
}

@test "the example of vm.conf(5) is a configuration" {
	sed -n '/^\.Bd/,/^\.Ed/{/^\./!p}' "$TOP/man/vm.conf.5" >conf
	quiet vm-create --force -f conf builder
	[ "$(vm-show builder cpus x-owner)" = $'4\nci' ]
}

@test "disk=SIZE makes a disk, and the config says which" {
	quiet vm-create web disk=10M,format=raw,serial=ROOT \
		disk=64K,id=scratch,format=raw disk=1M
	[ "$(vm-show web disk)" = "disks/disk0.img,format=raw,serial=ROOT
disks/scratch.img,id=scratch,format=raw
disks/disk1.qcow2,format=qcow2" ]
	[ "$(stat -c '%s %b %a' "$VM_HOME/web/disks/disk0.img")" = "10485760 0 600" ]
	[ "$(stat -c %s "$VM_HOME/web/disks/scratch.img")" = 65536 ]
	[ "$(stat -c %a "$VM_HOME/web/disks")" = 700 ]
	! command -v qemu-img >/dev/null || {
		run qemu-img info --output=json "$VM_HOME/web/disks/disk1.qcow2"
		[[ $output == *'"virtual-size": 1048576'*'"format": "qcow2"'* ]]
	}
}

@test "a disk that cannot be made makes no machine" {
	denied 2 "disk: '0' is no size of a disk" vm-create web disk=0
	denied 2 "vmdk images can only be read" vm-create web disk=1G,format=vmdk
	denied 1 "disks/disk0.vhd" vm-create web disk=1G,format=vhd,read-only=yes
	denied 1 "disk: no/d: No such file" vm-create web disk=no/d
	denied 1 "disk: $PWD/gone: No such file" vm-create web disk=gone
	[ -z "$(vm-ls -q)" ]
	[ -z "$(ls -A "$VM_HOME/.new")" ]
}

@test "disks in a machine's directory are not another's" {
	quiet vm-create web disk=1M,format=raw
	denied 1 "disks/disk0.img is in the directory of web: vm-clone copies it" \
		vm-create other --from web
	quiet vm-create other --from web disk= disk=2M,format=raw
	[ "$(stat -c %s "$VM_HOME/other/disks/disk0.img")" = 2097152 ]
}
