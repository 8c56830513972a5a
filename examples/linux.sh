#!/bin/sh
# SPDX-License-Identifier: MIT
# linux.sh [ARGUMENT...]: boot Debian's cloud kernel with a shell of busybox in
# it, its console on this terminal. Arguments go to vm-run: -c 2, -m 1G, …
# Leave with "exit". The first time it downloads 30 MB of Debian's packages.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
guests=${B:-$top/build}/guests
PATH=${B:-$top/build}/bin:$PATH

"$top/tests/guests/fetch.sh" "$guests"
exec vm-run -k "$guests/vmlinuz-cloud" -i "$guests/initrd.gz" \
	-a "console=ttyS0 quiet" "$@"
