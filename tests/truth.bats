#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Whatever happened to a machine, the tools tell the truth, soon, and nobody
# repairs anything by hand.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats; start sets pid

load helpers

setup() {
	export VM_HOME=$T/vm
	guest "$T/spin" <<-'END'
		say "ready"
		forever
	END
	vm-create web "kernel=$T/spin" flat=0x7c00 accel=soft memory=1M
}

teardown() {
	[ -z "$pid" ] || kill -CONT "$pid" 2>/dev/null || :
	end_started
}

runs() {
	start web
	says "$T/out" ready
}

# state WANT: what vm-ls says, within a second
state() {
	local is

	is=$(timeout 1 vm-ls -n -o state web) || return
	[ "$is" = "$1" ] || {
		echo "$is, want $1"
		return 1
	}
}

# fails_soon SECONDS REGEX COMMAND...: exit 1 with one such line
fails_soon() {
	run -1 timeout "$1" "${@:3}"
	[[ $output =~ $2 ]]
	[ "$(wc -l <<<"$output")" = 1 ]
}

@test "no state directory yet: no such machine, and nothing to list" {
	local tool

	export VM_HOME=$T/none
	for tool in "vm-ctl web stop" "vm-console web" "vm-rm web" \
		"vm-wait web" "vm-audit web" "vm-show web" \
		"vm-set web cpus=2" "vm-clone web b" "vm-rename web b"; do
		# shellcheck disable=SC2086 # words
		fails_soon 5 "^${tool%% *}: web: no such machine$" $tool
	done
	run -0 vm-ls -q
	[ -z "$output" ]
	run -0 vm-ctl -s running stop
	[ -z "$output" ]
	[ ! -e "$VM_HOME" ]
}

@test "a machine whose process is stopped" {
	runs
	kill -STOP "$pid"
	state running
	fails_soon 1 running vm-rm web
	refused 125 web
	run -124 timeout 5 vm-wait --timeout 300ms web
	fails_soon 15 "does not answer" vm-ctl web status
	run -0 timeout 20 vm-ctl web poweroff
	state crashed
	ends 137
	boots 124 --timeout 100ms web
	state stopped
}

# freeze TID: stop that one thread, for as long as the perl process lives
freeze() {
	perl -e '
		my $tid = shift;
		syscall(101, 0x4206, $tid, 0, 0) == 0 or exit 3;
		syscall(101, 0x4207, $tid, 0, 0);
		$| = 1;
		print "frozen\n";
		sleep 30;' "$1" >"$T/frozen" 3>&- &
	started+=("$!")
	until_true 5 eval '[ -s "$T/frozen" ] || gone $!'
	[ -s "$T/frozen" ] || skip "ptrace is refused: run as root, kernel.yama.ptrace_scope below 3"
}

thread() {
	find "/proc/$pid/task" -mindepth 1 -maxdepth 1 -printf '%f\n' |
		grep -vx "$pid" | head -n 1
}

@test "a machine whose vCPU is stopped" {
	runs
	freeze "$(thread)"
	state running
	run -0 timeout 20 vm-ctl web poweroff
	until_true 5 gone "$pid"
	[[ $(vm-ls -n -o state web) =~ ^(stopped|crashed)$ ]]
	boots 124 --timeout 100ms web
}

@test "a machine whose control thread is stopped" {
	runs
	freeze "$pid"
	state running
	fails_soon 15 "does not answer" vm-ctl web pause
	run -0 timeout 20 vm-ctl web poweroff
	state crashed
}

@test "killed: crashed at once, with a cause" {
	runs
	kill -KILL "$pid"
	ends 137
	state crashed
	[[ $(vm-ls -n -o cause web) == *"without a word"* ]]
	run timeout 5 vm-wait web
	[ "$status" = 3 ]
	run -0 timeout 5 vm-ctl web stop
	fails_soon 5 "not running" vm-ctl web status
	run -0 vm-rm web
}

@test "a pid that is another's now is not believed" {
	boots 124 --timeout 100ms web
	sed -i "s/^phase = .*/phase = running/; s/^pid = .*/pid = $BATS_ROOT_PID/" \
		"$VM_HOME/web/status"
	state crashed
	[ "$(vm-ls -n -o pid web)" = - ]
	run -0 timeout 10 vm-ctl web poweroff
	kill -0 "$BATS_ROOT_PID"
	boots 124 --timeout 100ms web
}

@test "times from the future: the clock was set back" {
	runs
	sed -i 's/^\(since\|started\) = .*/\1 = 2999-01-01T00:00:00Z/' \
		"$VM_HOME/web/status"
	state running
	[[ $(vm-ls -n -o uptime web) =~ ^(0s|-)$ ]]
	vm-ls -J | jq -e '.machines[0].state == "running"'
	run -0 timeout 10 vm-ctl web poweroff
	state stopped
}

@test "an empty, garbled, huge or strange status is no status" {
	local bad

	for bad in empty binary fifo link directory huge; do
		rm -rf "$VM_HOME/web/status"
		case $bad in
		empty) : >"$VM_HOME/web/status" ;;
		binary) head -c 4096 /dev/urandom >"$VM_HOME/web/status" ;;
		fifo) mkfifo "$VM_HOME/web/status" ;;
		link) ln -s /dev/zero "$VM_HOME/web/status" ;;
		directory) mkdir "$VM_HOME/web/status" ;;
		huge) truncate -s 1T "$VM_HOME/web/status" ;;
		esac
		echo "$bad"
		state stopped
		run -0 timeout 5 vm-wait web
	done
	rm -rf "$VM_HOME/web/status"
	boots 124 --timeout 100ms web
	state stopped
}

@test "an empty config is one of defaults: firmware starts" {
	: >"$VM_HOME/web/config"
	state stopped
	boots 124 --timeout 100ms web
	state stopped
}

@test "a garbled config: listed, refused with its line, removed" {
	printf 'kernel = /x\nmemory = lots\n' >"$VM_HOME/web/config"
	refused 125 web
	[[ $stderr == *"config:2: memory: "* ]]
	head -c 4096 /dev/urandom >"$VM_HOME/web/config"
	refused 125 web
	state stopped
	run -0 vm-rm web
	[ -z "$(vm-ls -q)" ]
}

@test "a full disk: one line, nothing half made, and it works again after" {
	export VM_HOME=$T/small

	mkdir -m 700 "$VM_HOME"
	mount -t tmpfs -o size=32k,mode=700 none "$VM_HOME" 2>/dev/null ||
		skip "a tmpfs cannot be mounted: run as root, not in a container"
	head -c 1M /dev/zero >"$VM_HOME/.fill" 2>/dev/null || :
	run -1 --separate-stderr timeout 5 vm-create new "kernel=$T/spin"
	[[ $stderr == "vm-create: new: "*"No space left on device" ]]
	[ -z "$(vm-ls -q)" ]
	rm "$VM_HOME/.fill"
	run -0 vm-create new "kernel=$T/spin" flat=0x7c00 accel=soft
	# It runs, and ends, on a disk that is full.
	head -c 1M /dev/zero >"$VM_HOME/.fill" 2>/dev/null || :
	boots 124 --timeout 300ms new
	rm "$VM_HOME/.fill"
	boots 124 --timeout 300ms new
	run -0 vm-rm new
	umount "$VM_HOME"
}

@test "a directory that cannot be read: said, the others are listed" {
	[ "$(id -u)" = 0 ] || skip "only root can become another user: run as root"
	chmod 711 "$T" "$BATS_RUN_TMPDIR" "$TMPDIR"
	export VM_HOME=$T/other
	mkdir -m 700 "$VM_HOME"
	chown 65534:65534 "$VM_HOME"
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${as[@]}" true || skip "setpriv (util-linux) is missing or refused"
	chmod 644 "$T/spin"
	"${as[@]}" vm-create one "kernel=$T/spin"
	"${as[@]}" vm-create two "kernel=$T/spin"
	chmod 0 "$VM_HOME/one"
	run timeout 5 "${as[@]}" vm-ls -q
	[[ $output == *two* ]]
	run timeout 5 "${as[@]}" vm-run one
	[ "$status" = 125 ]
	[ "$(wc -l <<<"$output")" = 1 ]
}
