#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs and scripts of examples/, as people would build and run them.
# timeout: 120

load helpers

@test "hello.bin: 512 bytes that say hello and power off" {
	[ "$(stat -c %s "$B/examples/hello.bin")" = 512 ]
	for accel in $(engines); do
		run --separate-stderr vmr --accel "$accel" --flat \
			-k "$B/examples/hello.bin"
		[ "$status" = 0 ]
		[ "$output" = $'Hello from a guest of 512 bytes.\r' ]
		[ -z "$stderr" ]
	done
}

# tree: what `make install` makes, in $T/root
tree() {
	[[ $B != *-san* ]] || skip "not in a sanitized build, whose library wants their run time"
	make -s -C "$TOP" -o all install B="$B" DESTDIR="$T/root" prefix=/usr
	export PKG_CONFIG_PATH=$T/root/usr/lib/pkgconfig
	export PKG_CONFIG_SYSROOT_DIR=$T/root
	export LD_LIBRARY_PATH=$T/root/usr/lib
}

@test "minimal.c builds against what is installed, and boots" {
	local doc=$T/root/usr/share/doc/vm-utils/examples

	tree
	# shellcheck disable=SC2046
	cc -Wall -Wextra -Werror -o "$T/minimal" "$doc/minimal.c" \
		$(pkg-config --cflags --libs libvmm)
	head -c 1000 "$doc/hello.S" >"$T/garbage"
	run timeout -s KILL 20 "$T/minimal" "$T/garbage"
	[ "$status" = 125 ]
	[[ $output == "minimal: $T/garbage: "* ]]
	run timeout -s KILL 20 "$T/minimal"
	[ "$status" = 2 ]
	need_guests
	run timeout -s KILL 60 "$T/minimal" "$B/guests/vmlinuz-cloud" \
		"$B/guests/initrd-demo.gz" 'console=ttyS0 quiet'
	[ "$status" = 0 ]
	[[ $output == *"== off"* ]]
	run timeout -s KILL 60 "$T/minimal" "$B/guests/vmlinuz-cloud" /dev/null
	[ "$status" = 125 ]
}

@test "list.c: what there is, beside vm-ls" {
	export VM_HOME=$T/vm
	local list=$B/examples/list

	run "$list"
	[ "$status" = 0 ]
	[ -z "$output" ]
	vm-create web kernel="$B/examples/hello.bin" flat=0x7c00 memory=2M
	vm-create new kernel="$B/examples/hello.bin" memory=1G
	vmr web
	run "$list"
	[ "$status" = 0 ]
	[ "$(tr -s ' ' <<<"$output")" = \
		$'new stopped 1024 MiB\nweb stopped 2 MiB exit 0' ]
	run "$list" web
	[ "${#lines[@]}" = 1 ]
	run "$list" nobody
	[ "$status" = 1 ]
	[ "$output" = "list: nobody: no such machine" ]
}

@test "life.c: a machine from creation to removal" {
	export VM_HOME=$T/vm

	run timeout -s KILL 40 "$B/examples/life" "$B/examples/hello.bin"
	[ "$status" = 0 ]
	[ "$output" = "life-example: stopped, exit 0" ]
	[ -z "$(vm-ls -q)" ]
	# It fails after some seconds: it has been started by then.
	echo 'mov $400000000, %ecx; 1: dec %ecx; jnz 1b' | guest "$T/bad"
	run timeout -s KILL 40 "$B/examples/life" "$T/bad"
	[ "$status" = 113 ]
	[[ $output == "life-example: crashed, exit 113" ]]
	[ -z "$(vm-ls -q)" ]
	# Somebody's machine of that name is left alone.
	vm-create life-example kernel="$B/examples/hello.bin"
	run timeout -s KILL 40 "$B/examples/life" "$B/examples/hello.bin"
	[ "$status" = 1 ]
	[[ $output == "life: life-example: "* ]]
	[ "$(vm-ls -q)" = life-example ]
}

@test "minimal.c as C++ sees the header" {
	command -v g++ >/dev/null || skip "no C++ compiler: install g++"
	printf '#include <vmm.h>\nint main() { return !vmm_version(); }\n' \
		>"$T/x.cc"
	tree
	# shellcheck disable=SC2046
	g++ -Wall -Wextra -Werror -o "$T/x" "$T/x.cc" \
		$(pkg-config --cflags --libs libvmm)
	"$T/x"
}

@test "installed tools find their library and need nothing of the source tree" {
	tree
	unset LD_LIBRARY_PATH
	cd /
	run timeout -s KILL 20 "$T/root/usr/bin/vm-run" --flat \
		-k "$B/examples/hello.bin"
	[ "$status" = 0 ]
	run ldd "$T/root/usr/bin/vm-run"
	[[ $output == *"$T/root/usr/bin/../lib/libvmm.so.0"* ]]
	run timeout -s KILL 20 "$T/root/usr/bin/vm" check -q
	[ "$status" = 0 ]
}

@test "uninstall takes away what install brought" {
	tree
	make -s -C "$TOP" uninstall B="$B" DESTDIR="$T/root" prefix=/usr
	[ -z "$(find "$T/root" ! -type d)" ]
}

@test "linux.sh: a shell in Debian's kernel" {
	need_guests
	run bash -c 'echo exit | timeout -s KILL 60 "$TOP/examples/linux.sh" \
		-m 256M'
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"Leave with: exit"* ]]
}

@test "golden.sh: machines at the same time on overlays of one image" {
	PATH=$PATH:/usr/sbin:/sbin command -v mke2fs >/dev/null ||
		skip "no mke2fs: install e2fsprogs"
	need_guests
	run timeout -s KILL 100 "$TOP/examples/golden.sh" 3
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "the multiples of 1 make 500500
the multiples of 2 make 250500
the multiples of 3 make 166833" ]
}

@test "screenshot-on-failure.sh: what the machine showed, if the test fails" {
	export VM_HOME=$T/vm
	local example=$TOP/examples/screenshot-on-failure.sh

	vm-create web memory=2M
	echo "Kernel panic" | perl "$TOP/tests/fbfile.pl" text >"$VM_HOME/web/fb"
	run -0 "$example" "$T/kept" web true
	[ ! -e "$T/kept" ]
	run "$example" "$T/kept" web vm-wait -t 0 -s 'login:' web
	[ "$status" = 3 ]
	[[ $output == *"web: does not run, and its last screen is another"* ]]
	[[ $output == *"| Kernel panic"* ]]
	[ "$(head -n 1 "$T/kept/web.txt")" = "Kernel panic" ]
	[ "$(head -c 4 "$T/kept/web.png" | tail -c 3)" = PNG ]
	[ -e "$T/kept/web.log" ]
	run -2 "$example" "$T/kept" web
}
