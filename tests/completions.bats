#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Completions: what share/vm-utils/complete knows is what the tools say, and
# bash, zsh and fish offer that.
# timeout: 120

load helpers

setup() {
	export VM_HOME=$T/vm
	complete=$TOP/share/vm-utils/complete
	cd "$T" || return
	: >kernel.img
	mkdir kernels
}

# candidates WORD...: without the help
candidates() {
	"$complete" "$@" | cut -f1
}

# tools: those of this build, with --list-options
tools() {
	vm --list-cmds
}

# same WHAT: two files of words are equal
same() {
	LC_ALL=C diff <(sort -u "$T/want") <(sort -u "$T/got") || {
		echo "$1: < is what the tool says, > what is offered"
		return 1
	}
}

# options TOOL: what it takes, as it should be offered
options() {
	"$1" --list-options | awk -F'\t' '{
		print $1 ($3 != "" && $3 !~ /^\[/ ? "=" : "")
		if ($2 != "")
			print $2
	}'
}

@test "every tool's options are offered, for vm-CMD and for vm CMD" {
	for tool in $(tools); do
		options "vm-$tool" >want
		[ -s want ]
		candidates "vm-$tool" -- >got
		same "vm-$tool"
		candidates vm "$tool" -- >got
		same "vm $tool"
		candidates "$B/bin/vm-$tool" - >got
		same "by its path"
	done
}

@test "the help of an option comes along" {
	"$complete" vm-check --j | grep -qx -- $'--json=*\tprint JSON'
}

@test "vm: commands, also behind help" {
	{ vm --list-cmds && echo help; } >want
	candidates vm '' >got
	same "vm"
	vm --list-cmds >want
	candidates vm help '' >got
	same "vm help"
	[ -z "$(candidates vm help run '')" ]
}

@test "the words of a choice are offered as an option's value" {
	printf '%s\n' auto kvm soft >want
	candidates vm-run --accel '' >got
	same "--accel kvm"
	candidates vm-check -a '' >got
	same "-a kvm"
	candidates vm-check -Ja '' >got
	same "-Ja kvm"
	printf -- '--accel=%s\n' auto kvm soft >want
	candidates vm run --accel=k >got
	same "--accel=kvm"
}

@test "files are asked for where a tool calls a value FILE" {
	[ "$("$complete" vm-run -k '')" = $'\tfiles\t' ]
	[ "$("$complete" vm-run --kernel=x)" = $'\tfiles\t--kernel=' ]
	[ -z "$("$complete" vm-run --append=x)" ]
}

@test "the value of --serial" {
	candidates vm-run --serial '' | grep -qx stdio
	candidates vm-run --serial '' | grep -qx file:
	"$complete" vm-run --serial=file:x | grep -qx $'\tfiles\t--serial=file:'
}

@test "behind -- there are no options" {
	[ -z "$(candidates vm-ls -- - | grep ^-)" ]
}

@test "machines are offered where a tool takes a name" {
	vm-create web kernel=hello.bin --force
	vm-create data.base kernel=hello.bin --force
	printf '%s\n' web data.base >want
	for words in "vm-run" "vm-run -d" "vm-ls" "vm-ls web" "vm-ctl" \
		"vm-show" "vm-set" "vm-rm" "vm-rm web" "vm-rename" "vm-clone" \
		"vm-console" "vm-wait" "vm-wait --timeout 5" "vm-audit" \
		"vm-create --from" "vm ctl"; do
		# shellcheck disable=SC2086
		candidates $words '' >got
		same "$words"
	done
	"$complete" vm-rm '' | grep -qx $'web\tstopped'
	for words in "vm-create" "vm-rename web" "vm-clone web"; do
		# shellcheck disable=SC2086
		[ -z "$(candidates $words '')" ] || {
			echo "$words: a new name cannot be guessed"
			return 1
		}
	done
}

@test "without a state directory, nothing is made and nothing said" {
	run "$complete" vm-rm ''
	[ -z "$output" ]
	[ ! -e "$VM_HOME" ]
}

@test "keys of the configuration" {
	vm-create web kernel=hello.bin --force
	vm-create --list-keys | cut -f1 | grep -v '\*' | sed 's/$/=/' >want
	[ -s want ]
	for words in "vm-create new" "vm-set web" "vm-set web cpus=1" \
		"vm-clone web new" "vm-run --set"; do
		# shellcheck disable=SC2086
		candidates $words '' >got
		same "$words"
	done
	sed -i 's/=$//' want
	for words in "vm-show web" "vm-show web cpus" "vm-set --unset"; do
		# shellcheck disable=SC2086
		candidates $words '' >got
		same "$words"
	done
}

@test "values of keys" {
	printf 'on-reset=%s\n' exit restart >want
	candidates vm-create new on-reset= >got
	same "a choice"
	printf 'autostart=%s\n' yes no >want
	candidates vm-set web autostart=y >got
	same "yes or no"
	[ "$("$complete" vm-create new kernel=)" = $'\tfiles\tkernel=' ]
	printf -- '--set=on-reset=%s\n' exit restart >want
	candidates vm-run --set=on-reset= >got
	same "behind --set="
	candidates vm-create new serial= | grep -qx serial=stdio
}

@test "a disk's file and its options" {
	[ "$("$complete" vm-create new disk=)" = $'\tfiles\tdisk=' ]
	[ "$("$complete" vm-run --disk=a.img,backing=)" = \
		$'\tfiles\t--disk=a.img,backing=' ]
	[ "$("$complete" vm-run --disk a.img,bus=)" = \
		$'a.img,bus=virtio\na.img,bus=ide' ]
	candidates vm-set web disk=a.img,id=x,o >got
	grep -qx 'disk=a.img,id=x,overlay=' got
	[ "$("$complete" vm-create new cdrom=a.iso,)" = \
		"$(printf 'cdrom=a.iso,%s=\n' format id bps iops)" ]
	candidates vm-run --cdrom '' >got
	grep -qx none got
	[ "$("$complete" vm-run --boot '')" = $'disk\ncdrom' ]
	[ "$("$complete" vm-run --boot disk,)" = $'disk,disk\ndisk,cdrom' ]
	candidates vm-create new firmware= | grep -qx firmware=ovmf
}

@test "the verbs of vm-disk, and what each is for" {
	vm-disk --list-verbs | cut -f1 >want
	[ -s want ]
	"$complete" vm-disk '' | cut -f1 | diff want -
	"$complete" vm disk '' | cut -f1 | diff want -
	[ "$("$complete" vm-disk info '')" = $'\tfiles\t' ]
	[ "$("$complete" vm-disk convert a.raw '')" = $'\tfiles\t' ]
	[ -z "$("$complete" vm-disk info a.raw '')" ]
	"$complete" vm-disk create -f '' | grep -qx qcow2
}

@test "the verbs of vm-ctl" {
	vm-ctl --list-verbs | cut -f1 >want
	[ -s want ]
	for words in "vm-ctl web" "vm ctl web" "vm-ctl -s running"; do
		# shellcheck disable=SC2086
		candidates $words '' >got
		same "$words"
	done
	[ "$("$complete" vm-ctl web dump '')" = $'\tfiles\t' ]
	vm-ctl --list-verbs | sed -n 's/^block\t\[\(.*\)\]\t.*/\1/p' |
		tr '|' '\n' >want
	candidates vm-ctl web block '' >got
	same "block"
	[ "$("$complete" vm-ctl web block attach '')" = $'\tfiles\t' ]
	[ "$("$complete" vm-ctl web block change cdrom0 '')" = $'\tfiles\t' ]
	[ -z "$("$complete" vm-ctl web pause '')" ]
	"$complete" vm-ctl web key a '' >got
	vm-ctl --list-keys | cmp - got
	"$complete" vm-ctl web key ctrl-alt-de | grep -qx ctrl-alt-delete
	"$complete" vm-ctl web mouse '' | grep -qx wheel
}

@test "states and columns, as lists" {
	printf '%s\n' stopped starting running paused stopping crashed error \
		>want
	candidates vm-ls -s '' >got
	same "states"
	candidates vm-wait --for '' >got
	same "states to wait for"
	sed -i 's/^/running,/' want
	candidates vm-ls -s running,st >got
	same "the second state"
	vm-ls -o "$(candidates vm-ls -o '' | paste -sd,)"
	candidates vm-ls -o name, | grep -qx name,state
}

@test "a stranger's vm-something is not run to be asked" {
	mkdir bin
	printf '#!/bin/sh\ntouch "%s/was-run"\n' "$T" >bin/vm-stranger
	chmod +x bin/vm-stranger
	PATH=$T/bin:$PATH
	[ "$("$complete" vm stranger --)" = $'\tfiles\t' ]
	[ "$("$complete" vm-stranger '')" = $'\tfiles\t' ]
	[ ! -e was-run ]
}

# --- the shells ---

# The lines that each shell is tried with, and what they should become; all
# that is left of it are words.
lines=(
	"vm ru" "vm-check --acc" "vm run --accel=" "vm-run --accel s"
	"vm-run -k ker" "vm-run --kernel=kernels" "vm-run --fl"
	"vm-run --serial=file:kernel.i" "vm-rm da" "vm-set web on-reset=r"
	"vm-ctl web pa"
)
want=(
	"run" "--accel=" "--accel=auto --accel=kvm --accel=soft" "soft"
	"kernel.img kernels" "--kernel=kernels" "--flat"
	"--serial=file:kernel.img" "data.base" "on-reset=restart"
	"pause"
)

# tried SHELL FUNCTION: FUNCTION LINE prints what SHELL offers, whole words
tried() {
	local i got bad=0

	vm-create web kernel=hello.bin --force
	vm-create data.base kernel=hello.bin --force
	for i in "${!lines[@]}"; do
		got=$("$2" "${lines[i]}" | sed 's,/$,,' | LC_ALL=C sort -u |
			paste -sd' ')
		[ "$got" = "${want[i]}" ] || {
			echo "$1: '${lines[i]}': got '$got', want '${want[i]}'"
			bad=1
		}
	done
	return "$bad"
}

# What bash does with the line, at = and : too; the part of the word that
# readline keeps is put back.
in_bash() {
	# shellcheck disable=SC2016
	bash --norc --noprofile -c '
	source "$TOP/share/bash-completion/completions/vm"
	COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=()
	for w in $1; do
		while [[ $w == *[=:]* ]]; do
			left=${w%%[=:]*}
			[[ -z $left ]] || COMP_WORDS+=("$left")
			w=${w#"$left"}
			COMP_WORDS+=("${w:0:1}")
			w=${w:1}
		done
		[[ -z $w ]] || COMP_WORDS+=("$w")
	done
	[[ $1 != *" " ]] || COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_vm
	last=${1##* } kept=
	[[ $last != *[=:]* ]] || kept=${last%"${last##*[=:]}"}
	printf "%s\n" "${COMPREPLY[@]/#/$kept}"' bash "$1"
}

@test "bash" {
	tried bash in_bash
}

@test "bash: commands are registered, with the name they are loaded by" {
	run bash --norc --noprofile -c '
		source "$TOP/share/bash-completion/completions/vm"; complete -p'
	[[ $output == *"complete -F _vm vm"* ]]
	for tool in $(tools); do
		grep -qx "complete -F _vm vm-$tool" <<<"$output"
	done
}

@test "bash: at the keyboard" {
	command -v socat >/dev/null || skip "no socat: install it"
	printf 'PS1=\nHISTFILE=\nsource %q\n' \
		"$TOP/share/bash-completion/completions/vm" >rc
	printf 'vm-check --acc\tso\t -q && echo "did" "it"\rexit\r' >keys
	timeout 30 socat -t 20 - \
		EXEC:"bash --noprofile --rcfile rc -i",pty,setsid,ctty,stderr \
		<keys >typed
	cat -v typed
	tr -d '\r' <typed | grep -q '^did it'
}

@test "fish" {
	command -v fish >/dev/null || skip "no fish: install it"
	in_fish() {
		# shellcheck disable=SC2016
		fish -N -c 'source $TOP/share/fish/vendor_completions.d/vm.fish
			complete -C $argv[1]' "$1" | cut -f1
	}
	tried fish in_fish
}

# zsh completes in a line editor only: one is run on a terminal of its own, and
# what would be shown goes to a file, through compadd.
in_zsh() {
	rm -f "$T/hits"
	mkdir -p "$T/zdotdir"
	cat >"$T/zdotdir/.zshrc" <<-END
		PROMPT=
		fpath=($TOP/share/zsh/site-functions \$fpath)
		autoload -Uz compinit
		compinit -u -D
		LISTMAX=1000
		bindkey '^X' list-choices
		compadd() {
			local -a hits
			builtin compadd -O hits "\$@"
			(( ! \$#hits )) || print -rl -- "hit:\$IPREFIX"\$^hits >>$T/hits
			builtin compadd "\$@"
		}
		over() { print over >>$T/hits }
		comppostfuncs=(over)
		print ready >>$T/hits
	END
	# shellcheck disable=SC2016
	timeout 30 zsh -f -c '
		zmodload zsh/zpty
		zpty z env TERM=vt100 ZDOTDIR=$2/zdotdir zsh -i
		until [[ -s $2/hits ]]; do sleep 0.02; done
		zpty -w -n z "$1"$'\''\x18'\''
		until grep -q over $2/hits; do sleep 0.02; done
		zpty -d z' zsh "$1" "$T"
	sed -n 's/^hit://p' "$T/hits"
}

@test "zsh" {
	command -v zsh >/dev/null || skip "no zsh: install it"
	tried zsh in_zsh
}

@test "installed, they find what they need" {
	[[ $B != *-san* ]] || skip "not in a sanitized build, whose library wants their run time"
	make -s -C "$TOP" -o all install B="$B" DESTDIR="$T/root" prefix=/usr
	local share=$T/root/usr/share

	PATH=$T/root/usr/bin:/usr/bin:/bin
	[ "$(candidates vm ru)" != "" ]
	for tool in $(tools); do
		[ -e "$share/bash-completion/completions/vm-$tool" ]
		[ -e "$share/fish/vendor_completions.d/vm-$tool.fish" ]
	done
	# shellcheck disable=SC2016
	run bash --norc --noprofile -c '
		source "$1"
		COMP_LINE="vm-check --js" COMP_POINT=13 COMP_CWORD=1
		COMP_WORDS=(vm-check --js)
		_vm
		echo "${COMPREPLY[@]}"' bash \
		"$share/bash-completion/completions/vm-check"
	[ "$output" = --json ]
	! command -v fish >/dev/null || {
		# shellcheck disable=SC2016
		run fish -N -c 'source $argv[1]; complete -C "vm-check --js"' \
			"$share/fish/vendor_completions.d/vm-check.fish"
		[[ $output == --json* ]]
	}
}
