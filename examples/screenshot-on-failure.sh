#!/bin/sh
# SPDX-License-Identifier: MIT
# screenshot-on-failure.sh DIRECTORY MACHINE COMMAND [ARGUMENT...]: run a command
# that tests a machine, as a CI job would:
#
#	vm-run -d web
#	screenshot-on-failure.sh artifacts web \
#		vm-wait web --timeout 2m --screen 'login:'
#
# If it fails, what the machine shows is kept in the directory, as a picture and
# as text, with the end of what its console said; and both the machine's state
# and the text go to stderr, for the job's log. It does not matter whether the
# machine still runs. The exit status is the command's.
set -u

if [ $# -lt 3 ]; then
	echo "usage: ${0##*/} DIRECTORY MACHINE COMMAND [ARGUMENT...]" >&2
	exit 2
fi
dir=$1
name=$2
shift 2
PATH=${B:-$(dirname "$0")/../build}/bin:$PATH

code=0
"$@" || code=$?
[ "$code" != 0 ] || exit 0

mkdir -p "$dir" || exit "$code"
vm-shot -o "$dir/$name.png" "$name"
vm-shot --text -o "$dir/$name.txt" "$name"
timeout 10 vm-console --no-input --once -n 200 "$name" < /dev/null \
	> "$dir/$name.log"
vm-ls -o name,state,exit,cause "$name" >&2
[ ! -e "$dir/$name.txt" ] || sed 's/^/| /' "$dir/$name.txt" >&2
exit "$code"
