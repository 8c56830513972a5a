#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [-f FILE=DEST]... [-l SECONDS] [-t SECONDS] [-v] PROGRAM|COMMAND...
#
# Runs test programs on a true KVM: QEMU emulates a CPU with SVM, a Linux in it
# loads kvm-amd, and so /dev/kvm there behaves as on real hardware, only slower.
# That is how the kvm engine is tested where the host has no KVM, or a bad one.
#
# A PROGRAM is a file; it is packed with its shared libraries and run. Anything
# with a space in it is a COMMAND for the shell in there, which finds in its
# PATH busybox and what -f put under t/; a comment at its end is its name. -f
# packs a file, with its libraries if it is a program. -l is the limit for each,
# -t for all. -v shows the console.
#
# Prints TAP, as tap.awk says. ENVIRONMENT: GUESTS, the directory that
# tests/guests/fetch.sh fills; CPU, QEMU's CPU model ("max"); QEMU.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
guests=${GUESTS:-$(cd "$top" && cd "${B:-build}" && pwd)/guests}
limit=60 total=300 verbose=

die()
{
	echo "run.sh: $*" >&2
	exit 1
}

skip()
{
	echo "1..0 # SKIP $*"
	exit 0
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/realkvm.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
: > "$tmp/files"
: > "$tmp/commands"

# pack FILE DEST: into the list of files, with the libraries that it needs
pack()
{
	[ -f "$1" ] || die "$1: no such file"
	echo "$1=$2" >> "$tmp/files"
	ldd "$1" 2> /dev/null | awk '
		$2 == "=>" && $3 ~ "^/" { print $3; next }
		$1 ~ "^/" { print $1 }' |
	while read -r lib; do
		case $lib in
		/lib/* | /lib64/* | /usr/lib/*) echo "$lib=${lib#/}" ;;
		*) echo "$lib=lib/${lib##*/}" ;;
		esac
	done >> "$tmp/files"
}

while getopts f:l:t:v opt; do
	case $opt in
	f) pack "${OPTARG%%=*}" "${OPTARG#*=}" ;;
	l) limit=$OPTARG ;;
	t) total=$OPTARG ;;
	v) verbose=1 ;;
	*) die "usage: run.sh [-f FILE=DEST] [-l SECONDS] [-t SECONDS] [-v]" \
		"PROGRAM|COMMAND..." ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || die "nothing to run"

qemu=${QEMU:-qemu-system-x86_64}
command -v "$qemu" > /dev/null || skip "$qemu is not installed"
release=$(cat "$guests/release-cloud" 2> /dev/null) ||
	skip "no kernel in $guests (tests/guests/fetch.sh gets it)"
for m in irqbypass kvm kvm-amd; do
	found=$guests/modules/$release/$m.ko
	[ -e "$found" ] || skip "$found: not there (tests/guests/fetch.sh)"
	echo "$found=lib/modules/$m.ko" >> "$tmp/files"
done

for what; do
	case $what in
	*\ *) echo "$what" ;;
	*)
		pack "$what" "t/${what##*/}"
		echo "/t/${what##*/}"
		;;
	esac
done > "$tmp/commands"
echo "$limit" > "$tmp/limit"
echo "$tmp/commands=commands" >> "$tmp/files"
echo "$tmp/limit=limit" >> "$tmp/files"

sort -u "$tmp/files" > "$tmp/once"
set --
while read -r pair; do
	set -- "$@" "$pair"
done < "$tmp/once"
COMPRESS=cat BUSYBOX=$guests/busybox \
	"$top/tests/guests/mkinitrd.sh" "$tmp/initrd.gz" "$here/init" "$@"

# How fast its clock runs, the Linux in there need not measure on a busy host.
khz=
if ${CC:-gcc} -O2 -o "$tmp/tsc" "$here/tsc.c" 2> /dev/null; then
	khz=tsc_early_khz=$("$tmp/tsc")
fi

# QEMU 7.2 has two faults that hang such a machine now and then, and one CPU
# with a thread of its own meets neither: with several, code that Linux patched
# runs on as it was; with thread=single, an interrupt that was injected into the
# guest's guest comes twice. A reboot ends it.
timeout -k 5 "$total" "$qemu" -nodefaults -no-user-config \
	-accel tcg,thread=multi -cpu "${CPU:-max}" -machine q35 \
	-m 3G -smp 1 -display none -no-reboot -serial stdio \
	-kernel "$guests/vmlinuz-cloud" -initrd "$tmp/initrd.gz" \
	-append "console=ttyS0 quiet panic=-1 tsc=reliable $khz mitigations=off" \
	< /dev/null 2>&1 | tr -d '\r' | tee "$tmp/console" |
	if [ "$verbose" ]; then tee /dev/stderr; else cat; fi |
	awk -v names="$tmp/commands" -f "$here/tap.awk"
