#!/bin/bash
# SPDX-License-Identifier: MIT
# What `make lint` checks. Every check runs, each says what it found, and one
# finding fails the whole. Names of checks may be given to run only these.
# shellcheck disable=SC2317 # the checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 1
build=${B:-build}
cc=${CC:-gcc}
jobs=$(nproc)
failed=0

found() { # CHECK: what stdin says is wrong, if anything
	local text
	text=$(cat)
	[ -n "$text" ] || return 0
	printf 'lint: %s:\n%s\n' "$1" "$text"
	failed=1
}

# Run COMMAND... FILE for each file on stdin; what each says stays together.
each() {
	# shellcheck disable=SC2016
	xargs -P"$jobs" -I{} sh -c 'out=$("$@" 2>&1) || echo "${out:-failed}"' \
		sh "$@" {}
}

# The program to use; without it the check is left out, except in CI.
need() {
	for p; do
		if command -v "$p"; then return 0; fi
	done
	if [ -n "${CI:-}" ]; then
		echo "$1 is not installed" | found "${FUNCNAME[1]#check_}" >&2
		failed=1
	else
		echo "lint: ${FUNCNAME[1]#check_}: left out, no $1" >&2
	fi
	return 1
}

shopt -s nullglob globstar lastpipe # lastpipe: found() sets failed
sources=(lib/**/*.[ch] dev/**/*.[ch] vmm/**/*.[ch] bin/**/*.[ch])
tests=(tests/*.h tests/unit/*.[ch] tests/bench/*.[ch] tests/fuzz/*.[ch])
pages=(man/*.[1-8])
scripts=(tests/*.sh tests/run tests/bench/*.sh tests/bench/*.bash
	tests/guests/*.sh tests/realkvm/*.sh
	examples/*.sh examples/cron/vm-* share/vm-utils/complete
	share/bash-completion/completions/vm .ci/run .ci/deps)

# A folder includes only itself and those to its left; nobody includes a .c.
check_layers() {
	awk '
	BEGIN { rank["lib"] = 1; rank["dev"] = 2; rank["vmm"] = 3; rank["bin"] = 4 }
	match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
		split($0, q, "\"")
		split(FILENAME, from, "/"); split(q[2], to, "/")
		at = FILENAME ":" FNR ": "
		if (!(to[1] in rank))
			print at "\"" q[2] "\" is not relative to the top"
		else if (rank[to[1]] > rank[from[1]])
			print at from[1] "/ must not know " q[2]
		if (q[2] ~ /\.c$/)
			print at "includes a .c"
	}' "${sources[@]}" /dev/null | found layers
}

# A header stands alone; a source proves it by including its own one first.
check_headers() {
	printf '%s\n' lib/**/*.h dev/**/*.h vmm/**/*.h bin/**/*.h tests/*.h |
		each "$cc" -std=gnu11 -I. -D_GNU_SOURCE -Wall -Wextra \
			-fsyntax-only -x c /dev/null -include |
		found headers
	for c in lib/**/*.c dev/**/*.c vmm/**/*.c; do
		h=${c%.c}.h
		[ -e "$h" ] || continue
		first=$(grep -m1 '^#include' "$c")
		[ "$first" = "#include \"$h\"" ] ||
			echo "$c: its own header does not come first"
	done | found headers
}

check_spdx() {
	for f in "${sources[@]}" "${tests[@]}" "${scripts[@]}" "${pages[@]}"; do
		head -2 "$f" | grep -q 'SPDX-License-Identifier: MIT' ||
			echo "$f: no SPDX line"
	done | found spdx
}

check_format() {
	local tool
	tool=$(need clang-format clang-format-14) || return
	# shellcheck disable=SC2016
	printf '%s\n' "${sources[@]}" "${tests[@]}" |
		each sh -c '"$0" --dry-run -Werror "$1" 2>/dev/null || {
			echo "$1: not as $0 would have it"; exit 1; }' "$tool" |
		found format
}

# Style is the compiler's and clang-format's business: this looks for mistakes.
# Left out is what it gets wrong: it does not see that a function never returns,
# and calls a union half uninitialised.
check_cppcheck() {
	local tool quiet=(missingIncludeSystem ctuuninitvar uninitvar
		zerodivcond arrayIndexOutOfBoundsCond)
	tool=$(need cppcheck) || return
	mkdir -p "$build/cppcheck"
	printf '%s\n' lib/**/*.c dev/**/*.c vmm/**/*.c bin/**/*.c |
		"$tool" --file-list=- -q -j"$jobs" --std=c11 -I. -D_GNU_SOURCE \
			-D__linux__ -D__x86_64__ -DVERSION='"0"' \
			--cppcheck-build-dir="$build/cppcheck" \
			--enable=warning,portability,performance \
			--inline-suppr --max-configs=2 \
			"${quiet[@]/#/--suppress=}" \
			--template='{file}:{line}: {message} [{id}]' 2>&1 |
		found cppcheck
}

check_man() {
	[ ${#pages[@]} != 0 ] || return
	need mandoc >/dev/null || return
	mandoc -Tlint -Wwarning "${pages[@]}" 2>&1 | found man
}

# In tests, what is wrong about bats: each test is a subshell (2030, 2031), run
# sets variables (2154), others are for helpers to use (2034), a failed cd fails
# the test (2164), words like code are an array in one test and a number in the
# next (2128, 2178). Errors and warnings alone: the rest is a matter of taste.
check_shell() {
	local bats=(tests/*.bats tests/soak/*.bats) not=2030,2031,2034,2128,2154,2164,2178
	need shellcheck >/dev/null || return
	shellcheck "${scripts[@]}" 2>&1 | found shell
	[ ${#bats[@]} = 0 ] ||
		shellcheck -S warning -s bats -e "$not" "${bats[@]}" 2>&1 |
		found shell
}

# The library exports to the tools what they use, and no more.
check_exports() {
	local lib=$build/lib/libvmm.so.0 tool
	[ -e "$lib" ] || return 0
	comm -23 <(nm -D --defined-only "$lib" |
		sed -n 's/.* T \(.*\)@@VMM_PRIVATE$/\1/p' | sort) \
		<(for tool in bin/vm*.c; do
			nm -D -u "$build/bin/$(basename "$tool" .c)"
		done | sed -n 's/.* U \([^@]*\).*/\1/p' | sort -u) |
		sed 's/$/: no tool uses it/' | found exports
}

# No mutable data outside bin/, but the error sentence that each thread has.
check_data() {
	local o
	find "$build"/lib "$build"/dev "$build"/vmm -name '*.o' 2>/dev/null |
		while read -r o; do
			objdump -t "$o" | awk -v o="${o#"$build"/}" '
			/[ \t]\.t?(data|bss)[ \t]/ && $NF !~ /^\./ &&
			!(o == "lib/err.o" && $NF == "text") {
				print o ": " $NF " is mutable and shared" }'
		done | found data
}

# The forms of a command are the same in the manual and in its usage.
check_synopsis() {
	local page tool
	need mandoc >/dev/null || return
	for page in man/vm*.1; do
		tool=$build/bin/$(basename "$page" .1)
		[ -x "$tool" ] || continue
		diff <(mandoc -Tascii -Owidth=900 "$page" | col -b |
			sed -n '/^SYNOPSIS/,/^DESC/{s/^ *//;s/ | /|/g;/^vm/p}') \
			<("$tool" -h | sed -n '1,/^$/{s/^usage://;s/^ *//;s/ | /|/g;/./p}') |
			sed "s,^,$page: ," | grep -v ': [0-9-]'
	done | found synopsis
}

checks=(layers headers spdx format man shell synopsis exports data cppcheck)
for c in "${@:-${checks[@]}}"; do
	"check_$c"
done
exit $failed
