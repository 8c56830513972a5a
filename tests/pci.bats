#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# PCI as Debian's cloud kernel finds it: interrupts without MSI, with the IOAPIC
# and with the PICs, and a disk that comes and goes while it runs.
# timeout: 400

load helpers

setup() {
	need_guests
	export VM_HOME=$T/vm
	G=$B/guests
	cd "$T" || return
	truncate -s 3M disk.img
	printf 'first line\n' | dd of=disk.img conv=notrunc 2>/dev/null
}

teardown() {
	end_started
	vm-ls -q | xargs -r -I{} vm-ctl {} poweroff >/dev/null 2>&1 || :
}

# says_times N TEXT FILE
says_times() {
	[ "$(grep -ac "^$2" "$3")" -ge "$1" ]
}

# linux OPTIONS SCRIPT [VM-RUN'S...]: the guest's output is $output
linux() {
	local append="console=ttyS0 quiet $1 do=\"${2//$'\n'/;}\""

	shift 2
	run -0 timeout 120 vm-run --accel soft -m 128M -k "$G/vmlinuz-cloud" \
		-i "$G/initrd-do-cloud.gz" -a "$append" --timeout 110s "$@" \
		</dev/null
	output=${output//$'\r'/}
	[[ $output == *"DO end 0"* ]]
}

@test "INTx reaches the IOAPIC's upper inputs" {
	linux pci=nomsi "wait_for /dev/vda; head -n 1 /dev/vda
		cat /sys/bus/pci/devices/*/uevent; cat /proc/interrupts" \
		--disk disk.img,format=raw
	[[ $output == *"first line"* ]]
	[[ $output == *PCI_ID=8086:1237*PCI_ID=8086:7000*PCI_ID=8086:7113* ]]
	[[ $output =~ IO-APIC\ +[12][0-9]-fasteoi\ +virtio ]]
}

@test "without APICs INTx goes where the link devices route it" {
	linux "noapic pci=nomsi" "wait_for /dev/vda; head -n 1 /dev/vda
		cat /proc/interrupts" --disk disk.img,format=raw
	[[ $output == *"first line"* ]]
	[[ $output =~ XT-PIC\ +virtio ]]
}

@test "a disk is plugged in and out while Linux runs, more than once" {
	local log=$VM_HOME/hot/console.log round

	# shellcheck disable=SC2016
	local script='for i in 1 2; do
		echo READY $i;
		until dd if=/dev/vda bs=10 count=1 2>/dev/null; do
			sleep 0.1;
		done; echo;
		while [ -e /dev/vda ]; do sleep 0.1; done; echo GONE $i;
	done'
	vm-create hot "kernel=$G/vmlinuz-cloud" "initrd=$G/initrd-do-cloud.gz" \
		"cmdline=console=ttyS0 quiet do=\"${script//[$'\n\t']/ }\"" \
		accel=soft memory=128M keep=always
	timeout 30 vm-run -d hot </dev/null 3>&-
	for round in 1 2; do
		until_true 60 grep -q "^READY $round" "$log"
		quiet timeout 60 vm-ctl hot block attach disk.img,format=raw,id=hot
		until_true 60 says_times "$round" "first line" "$log"
		[[ $(vm-ctl hot block) == *hot*virtio*3M* ]]
		quiet timeout 60 vm-ctl hot block detach hot
		until_true 60 grep -q "^GONE $round" "$log"
	done
	timeout 60 vm-wait hot
	[ "$(grep -c "^first line" "$log")" = 2 ]
}
