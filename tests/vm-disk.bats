#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-disk: images made, read, changed and compared, beside qemu-img.
# timeout: 240

load helpers

setup() {
	export VM_HOME=$T/vm
	mkdir "$T/d" # bats puts files of its own into $T
	cd "$T/d" || return
}

need_qemu() {
	command -v qemu-img >/dev/null || skip "no qemu-img: install qemu-utils"
	command -v qemu-io >/dev/null || skip "no qemu-io: install qemu-utils"
}

# disk FILE [BYTES]: a raw disk with holes, zeros and data in odd places
disk() {
	perl -e '
		my ($file, $size) = @ARGV;
		srand 42;
		open my $f, ">:raw", $file or die;
		truncate $f, $size;
		for (1 .. 40) {
			seek $f, int rand($size - 70000), 0;
			print $f pack("N", int rand 2**31) x (1, 128, 1024,
				1250, 16384)[rand 5];
		}
		seek $f, $size - 512, 0;
		print $f "e" x 512;
		seek $f, 1 << 20, 0;
		print $f "\0" x 100000;' "$1" "${2:-8392192}"
}

same() { # what we see in both is the same, and what qemu-img sees
	vm-disk cmp -q -f "$1" -F "$3" "$2" "$4"
	qemu-img compare -q -f "${1/vhd/vpc}" -F "${3/vhd/vpc}" "$2" "$4"
}

# ---- against the reference ----

@test "what qemu-img makes of every kind, we read" {
	need_qemu
	disk a.raw
	while read -r format options; do
		rm -f q*
		# shellcheck disable=SC2086 # several words
		qemu-img convert -f raw -O "${format/vhd/vpc}" $options a.raw q.img
		echo "$format $options"
		same "$format" q.img raw a.raw
		vm-disk check -q -f "$format" q.img
		[ "$(vm-disk info -J q.img | jq -r '.images[0].format')" = \
			"$format" ]
	done <<-END
		raw
		qcow2 -o compat=0.10
		qcow2 -o compat=1.1
		qcow2 -o cluster_size=512
		qcow2 -o cluster_size=2M
		qcow2 -o refcount_bits=1
		qcow2 -o refcount_bits=64
		qcow2 -o lazy_refcounts=on
		qcow2 -o preallocation=metadata
		qcow2 -c
		qcow2 -c -o compression_type=zstd
		vdi
		vdi -o static=on
		vmdk
		vmdk -o compat6
		vmdk -o zeroed_grain=on
		vmdk -o subformat=monolithicFlat
		vmdk -o subformat=twoGbMaxExtentFlat
		vmdk -o subformat=twoGbMaxExtentSparse
		vmdk -o subformat=streamOptimized
		vhd -o force_size=on
		vhd -o subformat=fixed,force_size=on
		vhd
	END
}

@test "what we make of every kind, qemu-img reads and finds whole" {
	need_qemu
	disk a.raw
	while read -r format options; do
		# shellcheck disable=SC2086 # several words
		vm-disk convert -f raw -O "$format" $options --force a.raw o.img
		echo "$format $options"
		same raw a.raw "$format" o.img
		[ "$format" = raw ] || qemu-img check -q -f "$format" o.img
		vm-disk check -q -f "$format" o.img
	done <<-END
		raw
		raw -o preallocation=full
		qcow2
		qcow2 -o compat=0.10
		qcow2 -o cluster-size=512
		qcow2 -o cluster-size=2M
		qcow2 -o lazy-refcounts=on
		qcow2 -c
		qcow2 -c -o compat=0.10
		qcow2 -c -o compression=zstd
		qcow2 -c -o compression=zstd,cluster-size=4K
		vdi
		vdi -o preallocation=full
	END
}

@test "an empty image of every kind is one to qemu-img" {
	need_qemu
	while read -r format options; do
		# shellcheck disable=SC2086 # several words
		vm-disk create -f "$format" $options --force e.img 5M
		echo "$format $options"
		[ "$(qemu-img info --output=json -f "$format" e.img |
			jq '."virtual-size"')" = 5242880 ]
		[ "$format" = raw ] || qemu-img check -q -f "$format" e.img
		qemu-io -f "$format" -c 'write -P 5 1M 1M' \
			-c 'write -P 6 4M 1M' e.img >/dev/null
		[ "$format" = raw ] || qemu-img check -q -f "$format" e.img
		vm-disk check -q -f "$format" e.img
	done <<-END
		raw
		raw -o preallocation=full
		qcow2
		qcow2 -o compat=0.10
		qcow2 -o cluster-size=512,lazy-refcounts=on
		qcow2 -o compression=zstd
		vdi
		vdi -o preallocation=full
	END
}

@test "the largest disks of each format are made and read" {
	need_qemu
	while read -r format size options; do
		vm-disk create -f "$format" --force o.img "$size"
		qemu-img check -q -f "$format" o.img
		rm -f q.img
		# shellcheck disable=SC2086 # several words
		qemu-img create -q -f "${format/vhd/vpc}" $options q.img "$size"
		echo "$format $size"
		vm-disk check -q -f "$format" q.img
		vm-disk cmp -f "$format" -F "$format" q.img o.img
	done <<-END
		qcow2 64T
		qcow2 1000T -o cluster_size=2M
		vdi 8T
	END
	rm -f q.img
	qemu-img create -q -f vpc -o force_size=on q.img 2040G
	qemu-io -f vpc -c 'write -P 7 2039G 64k' q.img >/dev/null
	vm-disk check -f vhd q.img
	[ "$(vm-disk map -J -f vhd q.img | jq -c '[.extents[] |
		select(.where == "data")][0] | [.offset, .length > 65535]')" = \
		"[$((2039 << 30)),true]" ]
	qemu-img create -q -f vmdk q.vmdk 8T
	qemu-io -f vmdk -c 'write -P 7 7T 64k' q.vmdk >/dev/null
	vm-disk check q.vmdk
	vm-disk map q.vmdk | grep -q "^$((7 << 40)) .*data"
	run ! vm-disk create big.vdi 65T
	[ ! -e big.vdi ]
}

@test "backing files: overlays read through, and qemu-img agrees" {
	need_qemu
	disk base.raw
	vm-disk create -b base.raw -F raw a.qcow2
	vm-disk create -b a.qcow2 -F qcow2 b.qcow2 12M
	qemu-io -c 'write -P 3 2M 100k' a.qcow2 >/dev/null
	qemu-io -c 'write -P 4 2100k 300k' -c 'write -z 4M 1M' \
		-c 'write -P 5 11M 5k' b.qcow2 >/dev/null
	qemu-img convert -O raw b.qcow2 want.raw
	same qcow2 b.qcow2 raw want.raw
	vm-disk info --chain b.qcow2 | grep -q '^backing-file: base.raw$'
	[ "$(vm-disk info -J --chain b.qcow2 | jq '.images | length')" = 3 ]
	# In another directory, its names still mean its own.
	mkdir e
	(cd e && vm-disk cmp ../b.qcow2 ../want.raw)
}

@test "commit: the backing file has it then, and the overlay nothing" {
	need_qemu
	disk base.raw
	vm-disk create -b base.raw -F raw a.qcow2 12M
	qemu-io -c 'write -P 4 2100k 300k' -c 'write -z 4M 1M' \
		-c 'write -P 5 11M 5k' a.qcow2 >/dev/null
	qemu-img convert -O raw a.qcow2 want.raw
	vm-disk commit a.qcow2
	same raw base.raw raw want.raw
	same qcow2 a.qcow2 raw want.raw
	qemu-img check -q a.qcow2
	[ "$(vm-disk map -J a.qcow2 | jq '[.extents[] |
		select(.depth == 0 and .where != "absent")] | length')" = 0 ]
}

@test "rebase: the disk stays the same on another backing file, or none" {
	need_qemu
	disk base.raw
	disk other.raw 6000128
	printf x | dd of=other.raw bs=1 seek=3000000 conv=notrunc status=none
	for cluster in 512 64K 2M; do
		vm-disk create --force -o cluster-size=$cluster -b base.raw \
			-F raw a.qcow2
		qemu-io -c 'write -P 4 2100k 300k' -c 'write -z 4M 1M' \
			a.qcow2 >/dev/null
		qemu-img convert -O raw a.qcow2 want.raw
		vm-disk rebase -b other.raw -F raw a.qcow2
		same qcow2 a.qcow2 raw want.raw
		vm-disk info a.qcow2 | grep -q '^backing-file: other.raw$'
		vm-disk rebase a.qcow2
		rm -f gone.raw
		mv other.raw gone.raw
		same qcow2 a.qcow2 raw want.raw
		mv gone.raw other.raw
		qemu-img check -q a.qcow2
	done
}

@test "rebase -u: only the name changes" {
	disk base.raw
	vm-disk create -b base.raw -F raw a.qcow2
	mv base.raw moved.raw
	run ! vm-disk cmp a.qcow2 moved.raw
	vm-disk rebase -u -b moved.raw -F raw a.qcow2
	vm-disk cmp a.qcow2 moved.raw
}

@test "resize: larger, smaller for those who mean it" {
	need_qemu
	disk a.raw
	for format in raw qcow2 vdi; do
		vm-disk convert -f raw -O $format --force a.raw o.img
		vm-disk resize -f $format o.img +2M
		truncate -s +2M a.raw
		same raw a.raw $format o.img
		denied 1 "--shrink" vm-disk resize -f $format o.img -2M
		vm-disk resize -f $format --shrink o.img -2M
		vm-disk resize -f $format --shrink o.img 4M
		cp a.raw cut.raw
		truncate -s 4M cut.raw
		same raw cut.raw $format o.img
		vm-disk resize -f $format o.img 6M
		truncate -s 6M cut.raw
		same raw cut.raw $format o.img
		[ $format = raw ] || qemu-img check -q -f $format o.img
		vm-disk check -q -f $format o.img
		truncate -s -2M a.raw
	done
}

@test "snapshots inside a qcow2 are listed" {
	need_qemu
	vm-disk create a.qcow2 4M
	qemu-img snapshot -c before a.qcow2
	vm-disk info a.qcow2 | grep -q 'name before'
	[ "$(vm-disk info -J a.qcow2 | jq -r '.images[0].snapshots[0].name')" = \
		before ]
}

@test "the locks are QEMU's: who writes keeps all others out" {
	need_qemu
	vm-disk create a.qcow2 4M
	mkfifo in
	qemu-io a.qcow2 <in >out 3>&- &
	exec 7>in
	echo 'write 0 64k' >&7
	until_true 20 grep -q wrote out
	denied 1 'in use' vm-disk check a.qcow2
	denied 1 'in use' vm-disk convert a.qcow2 b.qcow2
	denied 1 'in use' vm-disk create --force a.qcow2 4M
	vm-disk info a.qcow2 | grep -q '^in-use: yes$'
	exec 7>&-
	wait
	vm-disk check a.qcow2
}

# ---- streams ----

@test "convert from a pipe, to a pipe, and through both" {
	disk a.raw
	cat a.raw | vm-disk convert - o.qcow2
	vm-disk cmp o.qcow2 a.raw
	cat a.raw | vm-disk convert - o.vdi
	vm-disk cmp o.vdi a.raw
	cat a.raw | vm-disk convert - o.raw
	cmp o.raw a.raw
	vm-disk convert - p.qcow2 <a.raw
	vm-disk cmp p.qcow2 a.raw
	vm-disk convert o.qcow2 - | cmp - a.raw
	vm-disk convert o.vdi - | vm-disk convert - - | cmp - a.raw
	vm-disk convert o.vdi - >p.raw
	cmp p.raw a.raw
	[ "$(stat -c %b p.raw)" -le "$(stat -c %b a.raw)" ]
	vm-disk convert -f qcow2 - q.raw <o.qcow2
	cmp q.raw a.raw
}

@test "convert: qcow2 down a pipe, in one pass" {
	need_qemu
	disk a.raw
	vm-disk convert -O qcow2 a.raw - | cat >s.qcow2
	qemu-img check -q s.qcow2
	same qcow2 s.qcow2 raw a.raw
	vm-disk check -q s.qcow2
	truncate -s 3T large.raw
	printf x | dd of=large.raw bs=1 seek=$((2 << 40)) conv=notrunc status=none
	vm-disk convert -O qcow2 large.raw - | cat >l.qcow2
	qemu-img check -q l.qcow2
	vm-disk cmp l.qcow2 large.raw
	run ! vm-disk convert -c -O qcow2 a.raw -
}

@test "a stream that ends in the middle of a sector is filled up" {
	printf hello | vm-disk convert - o.raw
	[ "$(stat -c %s o.raw)" = 512 ]
	printf hello | vm-disk convert - o.qcow2
	vm-disk convert o.qcow2 - | cmp - o.raw
	vm-disk convert - e.raw </dev/null
	[ "$(stat -c %s e.raw)" = 0 ]
}

@test "zeros take no room in a copy" {
	truncate -s 64M a.raw
	printf x | dd of=a.raw bs=1 seek=9999999 conv=notrunc status=none
	head -c 20000000 /dev/zero | dd of=a.raw bs=1M seek=30 conv=notrunc status=none
	for o in o.raw o.qcow2 o.vdi; do
		vm-disk convert a.raw $o
		vm-disk cmp a.raw $o
		[ "$(du -k $o | cut -f1)" -lt 1000 ]
	done
}

# ---- whole or not at all ----

@test "an interrupted convert leaves nothing" {
	mkfifo in
	for signal in INT TERM HUP KILL; do
		# What is started in the background ignores SIGINT.
		perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' \
			vm-disk convert -f raw - o.qcow2 <in &
		exec 7>in
		head -c 5000000 /dev/urandom >&7
		kill -$signal $!
		run wait $!
		exec 7>&-
		[ "$(ls -A)" = in ]
	done
}

@test "what fails leaves nothing, and what is there stays" {
	disk a.raw
	echo old >o.qcow2
	denied 1 'exists already' vm-disk convert a.raw o.qcow2
	denied 1 'exists already' vm-disk create o.qcow2 1M
	[ "$(cat o.qcow2)" = old ]
	denied 1 'a.raw' vm-disk convert -f qcow2 --force a.raw o.qcow2
	[ "$(cat o.qcow2)" = old ]
	chmod 640 o.qcow2
	vm-disk convert --force a.raw o.qcow2
	vm-disk cmp a.raw o.qcow2
	[ "$(stat -c %a o.qcow2)" = 640 ]
	denied 1 'no-such' vm-disk convert no-such x.raw
	denied 1 'No such file' vm-disk create no-dir/x.raw 1M
	[ "$(ls -A)" = $'a.raw\no.qcow2' ]
}

@test "a full disk is an error, and nothing is left" {
	disk a.raw
	(
		ulimit -f 1000
		trap '' XFSZ
		denied 1 'File too large' vm-disk convert a.raw o.vdi
	)
	[ ! -e o.vdi ]
}

# ---- refusals ----

@test "chains: no loops, no more than 16, nothing but plain files" {
	vm-disk create base.qcow2 1M
	local under=base.qcow2 k

	for k in {1..15}; do
		vm-disk create -b $under -F qcow2 c$k.qcow2
		under=c$k.qcow2
	done
	vm-disk cmp c15.qcow2 base.qcow2
	vm-disk create -b c15.qcow2 -F qcow2 d.qcow2
	denied 2 'more than 16' vm-disk cmp d.qcow2 c1.qcow2
	vm-disk rebase -u -b c2.qcow2 -F qcow2 c1.qcow2
	denied 2 'its own backing file' vm-disk cmp c2.qcow2 base.qcow2
	denied 1 'its own backing file' vm-disk info --chain c1.qcow2
	vm-disk info c1.qcow2
	vm-disk rebase -u -b nbd://host/x -F raw c1.qcow2
	denied 2 'no plain file' vm-disk cmp c1.qcow2 base.qcow2
	vm-disk rebase -u -b no-such -F raw c1.qcow2
	denied 2 'no-such' vm-disk cmp c1.qcow2 base.qcow2
}

@test "the format is told, never found out, but by info" {
	vm-disk create a.qcow2 1M
	mv a.qcow2 a.img
	[ "$(vm-disk info -J a.img | jq -r '.images[0].format')" = qcow2 ]
	vm-disk convert a.img copy.img
	cmp a.img copy.img
	denied 1 '' vm-disk check -f vdi a.img
}

@test "usage: what does not go together is said" {
	denied 2 'no verb' vm-disk
	denied 2 'unknown verb' vm-disk make
	denied 2 'is missing' vm-disk info
	denied 2 'unexpected argument' vm-disk info a b
	denied 2 'takes no --repair' vm-disk info -r a
	denied 2 'not a format' vm-disk info -f floppy a
	denied 2 'size is missing' vm-disk create a.raw
	denied 2 'not a size' vm-disk create a.raw large
	denied 2 'only read' vm-disk create a.vmdk 1M
	denied 2 'only read' vm-disk convert a.raw a.vhd
	denied 2 'not compressed' vm-disk convert -c a.raw b.raw
	denied 2 '-F' vm-disk create -b a.raw b.qcow2
	denied 2 'no backing file' vm-disk create -b a.raw -F raw b.vdi
	denied 2 '-o cluster-size' vm-disk create -o cluster-size=3K b.qcow2 1M
	denied 2 '-o cluster-size' vm-disk create -o cluster-size=4K b.raw 1M
	denied 2 '-o shape' vm-disk create -o shape=round b.qcow2 1M
	denied 2 '0.10' vm-disk create -o compat=0.10,compression=zstd b.qcow2 1M
	denied 2 'one size' vm-disk resize a.raw 1M -2M
	vm-disk create a.qcow2 1M
	denied 1 'has no backing file' vm-disk commit a.qcow2
}

@test "verbs are listed for completions" {
	run -0 vm-disk --list-verbs
	for verb in create info convert check resize map commit rebase cmp; do
		grep -q "^$verb	" <<<"$output"
	done
}

@test "cmp: where they differ, and a tail of zeros does not count" {
	truncate -s 1M a.raw
	truncate -s 2M b.raw
	vm-disk cmp a.raw b.raw
	printf x | dd of=b.raw bs=1 seek=1500000 conv=notrunc status=none
	run -1 vm-disk cmp a.raw b.raw
	[ "$output" = "a.raw b.raw differ: byte 1500000" ]
	run -1 vm-disk cmp -q a.raw b.raw
	[ -z "$output" ]
	run -2 vm-disk cmp a.raw no-such
}

@test "progress: on a terminal, or when asked for" {
	disk a.raw
	run --separate-stderr -0 vm-disk convert a.raw o.raw
	[ -z "$stderr" ]
	run --separate-stderr -0 vm-disk convert -p --force a.raw o.raw
	[[ $stderr == *100.0* ]]
}

# ---- hostile images ----

@test "hostile images: each has its verdict, in a second and 64 MiB" {
	mkdir corpus
	perl "$TOP/tests/hostile/make.pl" corpus
	[ "$(wc -l <corpus/list)" -ge 200 ]
	bash "$TOP/tests/hostile/run.sh" corpus

	# What is only lost is found again.
	for format in qcow2 vdi; do
		run -4 vm-disk check -f $format corpus/*-$format-lost
		run -0 vm-disk check -r -f $format corpus/*-$format-lost
		[[ $output == *" repaired"* ]]
		vm-disk check -f $format corpus/*-$format-lost
	done
}
