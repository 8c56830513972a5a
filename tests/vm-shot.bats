#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-shot shows a machine's screen, from its file alone; what it writes is looked
# at by others.
# timeout: 120

load helpers
load state

teardown() {
	end_started
}

# screen NAME KIND: what it shows, by tests/fbfile.pl
screen() {
	perl "$TOP/tests/fbfile.pl" "$2" >"$VM_HOME/$1/fb"
}

# patch NAME BYTE WORD...: 32-bit words of its head
patch() {
	perl -e 'my ($f, $at, @v) = @ARGV;
		open F, "+<", $f or die;
		seek F, $at, 0;
		print F pack "V*", @v' "$VM_HOME/$1/fb" "${@:2}"
}

# what the directory holds, but for the machines'
files() {
	(cd "$T" && find . -maxdepth 1 -type f ! -name 'separate-*' \
		-printf '%f\n' | sort | xargs)
}

need() {
	command -v "$1" >/dev/null || skip "no $1: it is in package $2"
}

# writes_text FILE: a guest that writes to the screen of text modes
writes_text() {
	guest "$1" <<-'END'
		mov $0xb800, %ax
		mov %ax, %es
		xor %di, %di
		mov $text, %si
		mov $0x1f, %ah
		1: lodsb
		test %al, %al
		jz 2f
		stosw
		jmp 1b
		2: sti
		hlt
		jmp 2b
		text: .asciz "It is alive"
	END
}

@test "a machine that never ran has no screen" {
	machine web
	denied 1 "web: no screen: it never ran" vm-shot web
	denied 1 "web: no screen: it never ran" vm-shot -o "$T/x.png" web
	[ -z "$(files)" ]
	denied 1 "nosuch: no such machine" vm-shot nosuch
	denied 2 no/such vm-shot no/such
}

@test "one without a graphics card neither" {
	machine web
	play web running
	denied 1 "web: no screen: it has no video card" vm-shot -t web
}

@test "text" {
	machine web
	printf 'login:  \n\n  Hello \x81\n1f blue\n' | screen web text
	run -0 vm-shot -t web
	[ "${lines[0]}" = "login:" ]
	[ "${lines[1]}" = "  Hello ü" ]
	[ "$(vm-shot --text web | wc -l)" = 25 ]
	quiet vm-shot -t -o "$T/x.txt" web
	diff <(vm-shot -t web) "$T/x.txt"
	screen web off
	run -0 vm-shot -t web
	[ -z "$output" ]
}

@test "a picture of text: few colours, few bits" {
	need pngcheck pngcheck
	need identify imagemagick
	machine web
	printf '07 grey\n1f white on blue\n' | screen web text
	quiet vm-shot -o "$T/x.png" web
	run -0 pngcheck "$T/x.png"
	[[ $output == *720x400*"2-bit palette"* ]]
	printf '%s text\n' 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff |
		screen web text
	quiet vm-shot -o "$T/y.png" web
	run -0 pngcheck "$T/y.png"
	[[ $output == *"4-bit palette"* ]]
	[ "$(identify -format %k "$T/y.png")" = 16 ]
}

@test "PNG and PPM are the same picture" {
	need convert imagemagick
	need pngcheck pngcheck
	local kind

	machine web
	for kind in text off 64x48 1x1 333x7 noise; do
		if [ $kind = noise ]; then
			screen web 400x300
			head -c 480000 /dev/urandom |
				dd of="$VM_HOME/web/fb" bs=4096 seek=1 \
					conv=notrunc status=none
		else
			echo "1e text" | screen web $kind
		fi
		vm-shot web >"$T/x.png"
		pngcheck -q "$T/x.png"
		vm-shot -f ppm web >"$T/x.ppm"
		convert "$T/x.png" -depth 8 "$T/y.ppm"
		cmp "$T/x.ppm" "$T/y.ppm"
	done
	[ "$(identify -format '%wx%h %[bit-depth]' "$T/x.png")" = "400x300 8" ]
}

@test "the kind of picture goes by the name, or what is asked for" {
	machine web
	screen web 64x48
	vm-shot -o "$T/a.ppm" web
	vm-shot -o "$T/b.PPM" web
	vm-shot -o "$T/c.png" web
	vm-shot -o "$T/d" web
	vm-shot -f ppm -o "$T/e.png" web
	[ "$(head -qc 2 "$T"/[abe]*)" = P6P6P6 ]
	[ "$(head -qc 4 "$T"/[cd]* | tr -d '\211')" = PNGPNG ]
}

@test "a part of it" {
	need convert imagemagick
	machine web
	head -c 480000 /dev/urandom >"$T/noise"
	screen web 400x300
	dd if="$T/noise" of="$VM_HOME/web/fb" bs=4096 seek=1 conv=notrunc \
		status=none
	vm-shot -f ppm web >"$T/x.ppm"
	for part in 0,0,400,300 7,9,100,50 399,299,1,1 0,299,400,1; do
		IFS=, read -r x y w h <<<"$part"
		vm-shot -f ppm -r "$part" web >"$T/y.ppm"
		convert "$T/x.ppm" -crop "${w}x$h+$x+$y" +repage -depth 8 \
			"$T/z.ppm"
		cmp "$T/y.ppm" "$T/z.ppm"
	done
	for part in 0,0,401,1 1,0,400,1 0,300,1,1 0,0,1,301 400,0,1,1; do
		denied 1 "web: $part is not within the screen, which has 400x300" \
			vm-shot -f ppm -r "$part" web
	done
	quiet vm-shot -r 1,2,30,40 -o "$T/x.png" web
	vm-shot --hash -r 1,2,30,40 web
}

@test "larger and smaller" {
	need convert imagemagick
	machine web
	screen web 100x50
	head -c 20000 /dev/urandom |
		dd of="$VM_HOME/web/fb" bs=4096 seek=1 conv=notrunc status=none
	vm-shot -f ppm web >"$T/x.ppm"
	for n in 1 2 3 16; do
		vm-shot -s $n web >"$T/y.png"
		convert "$T/y.png" -depth 8 "$T/y.ppm"
		convert "$T/x.ppm" -sample $((n * 100)) -depth 8 "$T/z.ppm"
		cmp "$T/y.ppm" "$T/z.ppm"
		vm-shot -f ppm -s $n web | cmp - "$T/z.ppm"
		vm-shot -f ppm -s $((n * 2))/2 web | cmp - "$T/z.ppm" ||
			[ $n = 16 ]
	done
	for n in 2 5 10; do
		vm-shot -f ppm -s 1/$n web >"$T/y.ppm"
		convert "$T/x.ppm" -filter box -resize $((100 / n)) -depth 8 \
			"$T/z.ppm"
		[ "$(identify -format %wx%h "$T/y.ppm")" = \
			$((100 / n))x$((50 / n)) ]
		# It may round otherwise.
		[ "$(convert "$T/y.ppm" "$T/z.ppm" -compose difference \
			-composite -format '%[fx:maxima*255<=1.01]' info:)" = 1 ]
	done
	[ "$(vm-shot -s 3/4 web | identify -format %wx%h -)" = 75x38 ]
	[ "$(vm-shot -s 1/16 web | identify -format %wx%h -)" = 7x4 ]
}

@test "a hash: FNV-1a over the size and the pixels" {
	local want

	machine web
	screen web 8x6
	want=$(vm-shot -f ppm web | perl -e 'use bigint;
		local $/; $_ = <STDIN>; s/^P6\n\d+ \d+\n255\n//;
		my $h = 0xcbf29ce484222325;
		$h = (($h ^ $_) * 0x100000001b3) % 2 ** 64
			for unpack "C*", pack("VV", 8, 6) . $_;
		printf "%016s\n", substr $h->as_hex, 2')
	[ "$(vm-shot --hash web)" = "$want" ]
	echo text | screen web text
	patch web 84 1 0
	want=$(vm-shot --hash web)
	patch web 80 0 0 15
	[ "$(vm-shot --hash web)" = "$want" ]
	run -1 cmp <(vm-shot web) <(vm-shot --no-cursor web)
}

@test "a picture again and again" {
	machine web
	screen web 8x6
	cd "$T"
	quiet vm-shot -e 10ms -n 3 web
	[ "$(files)" = "web-0001.png web-0002.png web-0003.png" ]
	rm web-*
	quiet vm-shot -e 0 -n 2 -o film.x.ppm web
	[ "$(files)" = "film.x-0001.ppm film.x-0002.ppm" ]
	[ "$(head -c 2 film.x-0002.ppm)" = P6 ]
	rm film*
	echo text | screen web text
	quiet vm-shot -t -e 0 -n 2 web
	[ "$(files)" = "web-0001.txt web-0002.txt" ]
	[ "$(vm-shot --hash -e 1ms -n 3 web | uniq -c | awk '{ print $1 }')" = 3 ]
	# One that does not run shows nothing new.
	rm web-*
	quiet vm-shot -e 1h web
	[ "$(files)" = "web-0001.png" ]
}

@test "... until the machine ends" {
	machine web
	play web running
	screen web 8x6
	cd "$T"
	behind vm-shot -e 50ms -o film.ppm web
	until_true 20 [ -e film-0003.ppm ]
	tell web "end 0 stopped "
	tell web unlock
	ends 0 20
	[ ! -s "$T/err" ]
}

@test "what is there is replaced, by all of it" {
	machine web
	screen web 64x48
	cd "$T"
	echo precious >kept
	ln -s kept link
	chmod 444 kept
	quiet vm-shot -f ppm -o link web
	[ -L link ]
	[ "$(head -c 2 kept)" = P6 ]
	# Not to be replaced: what is no file.
	mkfifo pipe
	cat pipe >got &
	quiet vm-shot -o pipe web
	wait
	[ -p pipe ]
	cmp got <(vm-shot web)
	quiet vm-shot -o /dev/null web
	[ -c /dev/null ]
	denied 1 "$T: cannot open: Is a directory" vm-shot -o "$T" web
	denied 1 "nosuch/x.png: cannot open: No such file" \
		vm-shot -o nosuch/x.png web
}

@test "a full disk" {
	machine web
	screen web 640x480
	local what
	for what in -fpng -fppm -t --hash; do
		run -1 bash -c "vm-shot $what web >/dev/full"
		[ "$output" = "vm-shot: stdout: cannot write: No space left on device" ]
	done
	denied 1 "/dev/full: cannot write: No space left" \
		vm-shot -f ppm -o /dev/full web
	mkdir "$T/small"
	unshare -rm mount -t tmpfs none "$T/small" 2>/dev/null ||
		skip "mounting is refused: run as root, not in a container"
	run -0 unshare -rm bash -c '
		mount -t tmpfs -o size=64k none "$1" || exit
		cd "$1" || exit
		echo old >x.ppm
		vm-shot -o x.ppm "$2" && exit 1
		[ "$(ls -A)" = x.ppm ] && [ "$(cat x.ppm)" = old ]
		' - "$T/small" web
	[[ $output == "vm-shot: x.ppm: cannot write: No space left on device" ]]
}

@test "a reader that leaves" {
	machine web
	screen web 640x480
	run -0 bash -c 'vm-shot -f ppm -s 8 web 2>"$1" | head -c 2' - "$T/err"
	[ "$output" = P6 ]
	[ ! -s "$T/err" ]
	# Also where that is no signal.
	run -0 bash -c 'trap "" PIPE
		(vm-shot -f ppm -s 8 web; echo $? >"$2") 2>"$1" | head -c 2' - \
		"$T/err" "$T/code"
	until_true 10 [ -s "$T/code" ]
	[ "$(<"$T/code")" = 1 ]
	[ ! -s "$T/err" ]
}

@test "a signal leaves nothing half written" {
	machine web
	screen web 1280x800
	mkdir "$T/d"
	for delay in 0.01 0.02 0.05 0.1 0.2; do
		vm-shot -s 16 -o "$T/d/x.png" web 3>&- &
		started+=($!)
		sleep $delay
		kill $! 2>/dev/null || :
		# One that was done before it came is whole.
		! wait $! || rm "$T/d/x.png"
		[ -z "$(ls -A "$T/d")" ]
	done
}

@test "no picture goes to a terminal, unless it must" {
	command -v script >/dev/null || skip "no script(1): install bsdutils"
	machine web
	screen web 8x6
	run script -qec "vm-shot web" /dev/null
	[ "$status" = 1 ]
	[[ $output == "vm-shot: stdout is a terminal; give a file with -o, or --text, or --force"* ]]
	run -0 script -qec "vm-shot -f ppm --force web" /dev/null
	[[ $output == P6* ]]
	run -0 script -qec "vm-shot --hash web" /dev/null
}

@test "files that are no screens" {
	local n

	machine web
	: >"$VM_HOME/web/fb"
	denied 1 "web: fb: not a framebuffer file" vm-shot web
	head -c 5000 /dev/zero >"$VM_HOME/web/fb"
	denied 1 "web: fb: the head is out of range" vm-shot -t web
	rm "$VM_HOME/web/fb"
	mkfifo "$VM_HOME/web/fb"
	denied 1 "web: fb: not a framebuffer file" vm-shot --hash web
	rm "$VM_HOME/web/fb"
	ln -s /dev/zero "$VM_HOME/web/fb"
	denied 1 "web: fb: cannot open" vm-shot web
	rm "$VM_HOME/web/fb"
	mkdir "$VM_HOME/web/fb"
	denied 1 "web: fb: not a framebuffer file" vm-shot -o "$T/x.png" web
	rmdir "$VM_HOME/web/fb"
	screen web 64x48
	for n in 0 1 2561 4294967295; do
		patch web 20 $n
		[ $n = 1 ] || denied 1 "web: fb: the head is out of range" \
			vm-shot -e 0 -n 3 -o "$T/x.png" web
	done
	[ -z "$(files)" ]
}

@test "a screen whose writer died in the middle, or whose file was cut" {
	machine web
	screen web 64x48
	want=$(vm-shot --hash web)
	patch web 8 3
	[ "$(timeout 5 vm-shot --hash web)" = "$want" ]
	quiet timeout 5 vm-shot -e 1ms -n 20 -o "$T/x.png" web
	truncate -s 5000 "$VM_HOME/web/fb"
	quiet vm-shot -o "$T/y.png" web
	patch web 28 4294967295
	quiet vm-shot -o "$T/z.png" web
}

@test "what does not go together" {
	machine web
	for args in "-t --hash" "-t -r 1,1,1,1" "-t -s 2" "--hash -s 2" \
		"--hash -o x" "-t -f png" "-n 3" "-e 1s -o -" "-t -e 1s -o -" \
		"-s 0" "-s 17" "-s 1/0" "-s 2/" "-s x" "-s 1/2/3" "-s -1" \
		"-r 1,2,3" "-r 1,2,3,0" "-r 1,2,3,4,5" "-r -1,2,3,4" \
		"-f gif" "-e x" "-e 1s -n 0"; do
		# shellcheck disable=SC2086 # words
		denied 2 "" vm-shot $args web
	done
	denied 2 "" vm-shot
	denied 2 "--output: the name is empty" vm-shot -o "" web
}

@test "a real one: running, paused, killed" {
	writes_text "$T/k"
	vm-create web kernel="$T/k" flat=0x7c00 accel=soft memory=16M vga=std
	timeout 30 vm-run -d web 3>&-
	run -0 vm-wait --screen '^It is alive$' -t 60 web
	want=$(vm-shot --hash web)
	quiet vm-ctl web pause
	[ "$(vm-shot --hash web)" = "$want" ]
	quiet vm-shot -o "$T/x.png" web
	quiet vm-wait --screen-still 300ms -t 60 web
	quiet vm-wait --screen-hash "$want" -t 60 web
	kill -KILL "$(sed -n 's/^pid = //p' "$VM_HOME/web/status")"
	until_true 20 eval '[ "$(vm-ls -n -o state web)" = crashed ]'
	[ "$(vm-shot -t web | head -n 1)" = "It is alive" ]
	vm-shot web | cmp - "$T/x.png"
	timeout 30 vm-run -d web 3>&-
	run -0 vm-wait --screen '^It is alive$' -t 60 web
	quiet vm-ctl web poweroff
	[ "$(vm-shot --hash web)" = "$want" ]
}

# qmp NAME FILE COMMAND...: commands one after the other, the descriptor of FILE
# goes along with the second; prints the answers
qmp() {
	perl -e 'use Socket;
		my ($ctl, $file, @say) = @ARGV;
		alarm 30;
		socket my $s, AF_UNIX, SOCK_STREAM, 0 or die;
		connect $s, pack_sockaddr_un $ctl or die "$ctl: $!";
		open my $f, "+>", $file or die "$file: $!";
		<$s>;
		for my $n (0 .. $#say) {
			my $iov = pack "P Q", $say[$n], length $say[$n];
			my $fd = $n == 1 ? pack "Q l l l x4", 20, 1, 1, fileno $f : "";
			my $msg = pack "Q Q P Q P Q Q", 0, 0, $iov, 1, $fd,
				length $fd, 0;
			syscall(46, fileno $s, $msg, 0) > 0 or die "sendmsg: $!";
			my $answer;
			do { $answer = <$s> } while $answer =~ /"event"/;
			print $answer;
		}' "$VM_HOME/$1/ctl" "${@:2}"
}

@test "QMP's screendump" {
	local caps='{"execute": "qmp_capabilities"}'
	local give='{"execute": "getfd", "arguments": {"fdname": "f"}}'
	local dump='{"execute": "screendump", "arguments": {"filename": "fd:f"}}'

	writes_text "$T/k"
	vm-create web kernel="$T/k" flat=0x7c00 accel=soft memory=16M vga=std
	timeout 30 vm-run -d web 3>&-
	vm-wait --screen '^It is alive$' -t 60 web
	quiet vm-ctl web pause
	run -0 qmp web "$T/x.ppm" "$caps" "$give" "$dump" "$dump"
	[[ ${lines[2]} == '{"return": {}}'* ]]
	[[ ${lines[3]} == *"descriptor named 'f' not found"* ]]
	vm-shot -f ppm web | cmp - "$T/x.ppm"
	run -0 qmp web "$T/x.ppm" "$caps" "$give" "${dump/fd:f/\/tmp\/x}" \
		"${dump/\"fd:f\"/\"fd:f\", \"format\": \"png\"}" \
		"${dump/\"fd:f\"/\"fd:f\", \"device\": \"x\"}" "$dump"
	[[ ${lines[2]} == *"'filename' can only be fd:NAME"* ]]
	[[ ${lines[3]} == *"'format' can only be ppm"* ]]
	[[ ${lines[4]} == *"one screen"* ]]
	[[ ${lines[5]} == '{"return": {}}'* ]]
	mkfifo "$T/fifo"
	run -0 qmp web "$T/fifo" "$caps" "$give" "$dump"
	[[ ${lines[2]} == *"not a regular file"* ]]
	# A machine without a card has no such command.
	vm-create bare kernel="$T/k" flat=0x7c00 accel=soft memory=16M vga=none
	timeout 30 vm-run -d bare 3>&-
	run -0 vm-ctl bare qmp query-commands
	[[ $output != *screendump* ]]
	denied 1 "bare: no screen: it has no video card" vm-shot bare
	quiet vm-ctl bare poweroff
	quiet vm-ctl web poweroff
}
