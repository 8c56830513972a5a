#!/bin/bash
# SPDX-License-Identifier: MIT
# What a listing of 1,000 machines takes, the whole process of vm-ls, in
# seconds: the median of RUNS (default 5). Beside it virsh listing the 1,000 of
# libvirt's test driver, which first reads them from a file.
set -eu
# shellcheck source=tests/bench/lib.bash
. tests/bench/lib.bash

"$B/bin/vm-create" m0001 memory=512M cpus=2 description=none
for ((i = 2; i <= 1000; i++)); do
	printf -v name 'm%04d' "$i"
	cp -pr "$VM_HOME/m0001" "$VM_HOME/$name"
done
[ "$("$B/bin/vm-ls" -n | wc -l)" = 1000 ]

{
	echo "<node>"
	for ((i = 1; i <= 1000; i++)); do
		printf '<domain type="test"><name>m%04d</name>' "$i"
		echo "<memory>524288</memory><vcpu>2</vcpu><os>" \
			"<type>hvm</type></os></domain>"
	done
	echo "</node>"
} > "$dir/node.xml"
virsh=
! command -v virsh > /dev/null || virsh=test://$dir/node.xml

for ((i = 0; i < runs; i++)); do
	"$until" '' "$B/bin/vm-ls" >> "$dir/ours"
	"$until" '' "$B/bin/vm-ls" -q >> "$dir/names"
	[ -z "$virsh" ] || {
		"$until" '' virsh -c test:///default list --all >> "$dir/one"
		"$until" '' virsh -c "$virsh" list --all >> "$dir/theirs"
	}
done
echo "vm-ls, 1000 machines (at most 0.050):   $(median < "$dir/ours") s"
echo "vm-ls -q, 1000 machines:                $(median < "$dir/names") s"
if [ -n "$virsh" ]; then
	echo "virsh list, 1000 in the test driver:    $(median < "$dir/theirs") s"
	echo "virsh list, 1 in the test driver:       $(median < "$dir/one") s"
else
	echo "virsh list: not installed: skipped"
fi
