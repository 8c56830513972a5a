#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh: what the kvm engine must do on a true KVM (run.sh makes one): its
# unit tests, the choice of the engine, and Debian's kernel with one CPU and two.
# Wants the tree built and tests/guests/fetch.sh run. Prints TAP.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
b=${B:-build}

linux="vm-run --accel kvm -m 256M --timeout 100s -k /vmlinuz -i /initrd"
boots="$linux -a console=ttyS0 -c"
exec "$here/run.sh" -l 120 -t 400 \
	-f "$b/bin/vm-run=t/vm-run" -f "$b/bin/vm-check=t/vm-check" \
	-f "$b/guests/vmlinuz-cloud=vmlinuz" \
	-f "$b/guests/initrd-demo.gz=initrd" \
	"$b/tests/unit/kvm" "$b/tests/unit/kvm-cpuid" "$b/tests/unit/probe" \
	"vm-check | tee check && grep -q '^engine *kvm' check" \
	"$boots 1 | tee one | tail -n 20; grep '== CPUs: 1,' one" \
	"$boots 2 | tee two | tail -n 20; grep '== CPUs: 2,' two"
