#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh ENGINE GUEST...
#
# Runs guests (build/tests/cpu/*.elf) on an engine of vm-run, kvm or soft, or
# "jit", which is soft that translates all 64-bit code, and prints TAP: one test
# for each. Only a POSIX shell and sed are needed, so that it also works in
# tests/realkvm:
#
#   tests/realkvm/run.sh -f build/bin/vm-run=t/vm-run -f ... \
#       "sh /t/run.sh kvm /t/exc64.elf"
#
# A guest carries a line "@run WORDS": cpus=N; exit=CODE, if it ends otherwise
# than by its debug exit; slow=WHY (to the line's end), if it cannot run where
# KVM emulates ring 0. ENVIRONMENT: VM_RUN, VM_CHECK, the programs; OUT, a
# directory to leave each guest's output in; LIMIT, seconds for each guest (15).
set -u

engine=$1
shift
vm_run=${VM_RUN:-vm-run}
vm_check=${VM_CHECK:-vm-check}
out=${OUT:-}
limit=${LIMIT:-15}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/cpu.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# Is ring 0 emulated? "slow" is vm-check's word for it, from a measurement.
if [ "$engine" = kvm ]; then
	"$vm_check" -J > "$tmp/check" 2> /dev/null
	json=$(tr -d ' \t\n' < "$tmp/check")
	case $json in
	*'"present":false'*) nokvm="no /dev/kvm" ;;
	*'"accessible":false'*) nokvm="/dev/kvm does not open" ;;
	*'"cause":"slow"'*) nokvm='' slow=1 ;;
	*) nokvm='' slow='' ;;
	esac
	if [ "$nokvm" ]; then
		echo "1..0 # SKIP $nokvm"
		exit 0
	fi
fi

word() { # NAME LINE: the value of NAME=VALUE in it
	echo " $2" | sed -n "s/.* $1=\\([^ ]*\\).*/\\1/p"
}

# The guest's own verdict: all "ok", as many as it says, and the right status.
judge() { # NAME WANTED STATUS
	bad=
	[ "$2" = "$3" ] || bad="exit status $3 instead of $2"
	checks=$(grep -c '^ok ' "$tmp/out")
	total=$(sed -n 's/^done *//p' "$tmp/out")
	if grep -q '^not ok ' "$tmp/out"; then
		bad="$(grep -c '^not ok ' "$tmp/out") checks failed"
	elif [ "$2" = 1 ] && [ "$((0x${total:-0}))" != "$checks" ]; then
		bad="${bad:-incomplete output}"
	fi
	if [ -z "$bad" ]; then
		echo "ok $n - $1 ($engine): $checks checks"
		return
	fi
	echo "not ok $n - $1 ($engine)"
	echo "# $bad"
	grep '^not ok ' "$tmp/out" | sed 's/^/# /'
	grep -q '^done' "$tmp/out" ||
		tail -n 1 "$tmp/out" | sed 's/^/# the last line: /'
	sed 's/^/# /' "$tmp/err"
	failed=1
}

echo "1..$#"
n=0
failed=0
for elf; do
	n=$((n + 1))
	name=${elf##*/}
	name=${name%.elf}
	run=$(LC_ALL=C sed -n 's/^@run //p' "$elf")
	cpus=$(word cpus "$run")
	wanted=$(word exit "$run")
	why=$(echo " $run" | sed -n 's/.* slow=//p')
	if [ "$engine" = kvm ] && [ "$slow" ] && [ "$why" ]; then
		echo "ok $n - $name ($engine) # SKIP ring 0 is emulated here: $why"
		continue
	fi
	accel="--accel $engine"
	[ "$engine" != jit ] || accel="--accel soft --set jit=always"
	# shellcheck disable=SC2086 # words
	timeout -k 2 "$((limit + 5))" "$vm_run" $accel -m 64M \
		-c "${cpus:-1}" --timeout "$limit" --debug-exit --test-device --serial stdio \
		-k "$elf" < /dev/null > "$tmp/raw" 2> "$tmp/err"
	status=$?
	tr -d '\r' < "$tmp/raw" > "$tmp/out"
	[ -z "$out" ] || cp "$tmp/out" "$out/$name.$engine"
	judge "$name" "${wanted:-1}" $status
done
exit $failed
