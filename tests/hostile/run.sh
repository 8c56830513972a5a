#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh DIR: vm-disk on all images that make.pl put there, each under a limit
# of 64 MiB of memory and of a second of CPU; prints those that end otherwise
# than DIR/list says. What is refused is refused with one line.
set -u
cd "$1" || exit 1
failed=0
limits=(-v 65536 -t 1)
# A sanitizer reserves terabytes, and takes its time.
! grep -q __asan_init "$(command -v vm-disk)" || limits=(-t 10)

while IFS=$'\t' read -r file format verb code; do
	args=("$verb" -f "$format" "$file")
	[ "$verb" != convert ] || args+=(-O raw -)
	got=0
	(
		ulimit "${limits[@]}"
		exec timeout 20 vm-disk "${args[@]}"
	) >out 2>err </dev/null || got=$?
	[ "$code" != 0 ] || [ "$verb" = check ] || [ ! -s err ] || got="$got, loud"
	[ "$code" != 1 ] || [ "$(wc -l <err)" = 1 ] || got="$got, not one line"
	[ "$code" != 1 ] || grep -q "^vm-disk: " err || got="$got, no sentence"
	! grep -q '[^[:print:][:space:]]' err || got="$got, control characters"
	[ "$got" = "$code" ] || {
		echo "$file: vm-disk $verb ended with $got, not $code:"
		head -c 300 err
		failed=1
	}
	# Whatever it is, looking at it costs no more and kills nobody.
	for look in info check; do
		got=0
		(
			ulimit "${limits[@]}"
			exec timeout 20 vm-disk $look -q "$file" -f "$format"
		) >out 2>err </dev/null || got=$?
		[ "$got" -lt 5 ] || {
			echo "$file: vm-disk $look ended with $got"
			failed=1
		}
	done
done <list
exit $failed
