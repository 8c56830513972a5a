#!/bin/sh
# SPDX-License-Identifier: MIT
# mkinitrd.sh OUT INIT [FILE=DEST...]: an initial RAM disk (cpio newc, gzip) of
# busybox, a script as /init (it may source /init-lib), and files. BUSYBOX says
# where busybox is, else it is beside OUT; COMPRESS is another packer, say cat.
# The same input gives the same bytes.
set -eu

die()
{
	echo "mkinitrd.sh: $*" >&2
	exit 1
}

[ $# -ge 2 ] || die "usage: mkinitrd.sh OUT INIT [FILE=DEST...]"
out=$1 init=$2
shift 2
busybox=${BUSYBOX:-$(dirname "$out")/busybox}
[ -x "$busybox" ] || die "$busybox: no busybox (tests/guests/fetch.sh gets it)"
command -v cpio > /dev/null || die "cpio: not installed"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/mkinitrd.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
root=$tmp/root
mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/proc" "$root/sys" \
	"$root/tmp" "$root/lib/modules"
cp "$busybox" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
cp "$init" "$root/init"
cp "$(dirname "$0")/init-lib" "$root/init-lib"
chmod 755 "$root/bin/busybox" "$root/init"
for pair; do
	dest=$root/${pair#*=}
	mkdir -p "$(dirname "$dest")"
	cp "${pair%%=*}" "$dest"
done

find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . | LC_ALL=C sort |
	cpio -o -H newc -R 0:0 --reproducible --quiet) > "$tmp/cpio"
${COMPRESS:-gzip -9n} < "$tmp/cpio" > "$tmp/packed"
cp "$tmp/packed" "$out.tmp.$$"
mv "$out.tmp.$$" "$out"
