#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Plays the process of a machine for tests of what looks at it from outside: it
# holds the lock of the directory named and does what stdin says, a line each.
#	PHASE			it is in status (starting, running, ...)
#	end CODE PHASE CAUSE	status and events.jsonl tell the end
#	say TEXT, put TEXT	on the console, with and without a newline
#	rotate			console.log becomes console.log.1
#	log			a new run's console.log
#	remove			the directory goes, as that of a transient run
#	unlock, exit
# At the end of stdin it sleeps on.
use strict;
use warnings;
use Fcntl;
use POSIX qw(strftime);

my $dir = shift;
my %status = (pid => $$, engine => 'soft', cpus => 2, memory => 64 << 20,
	keep => 'always');
my ($lock, $log);
$| = 1;

sub slurp {
	my $path = shift;
	open my $f, '<', $path or die "$path: $!";
	my $s = <$f>;
	chomp $s;
	return $s;
}

sub now { return strftime '%Y-%m-%dT%H:%M:%SZ', gmtime }

sub status {
	open my $f, '>', "$dir/status.new" or die "$!";
	print $f "$_ = $status{$_}\n" for sort keys %status;
	close $f;
	rename "$dir/status.new", "$dir/status" or die "$!";
}

sub event {
	open my $f, '>>', "$dir/events.jsonl" or die "$!";
	syswrite $f, '{"time": "' . now() . '", "event": ' . shift() . "}\n";
}

sub new_log {
	open $log, '>', "$dir/console.log" or die "$!";
}

sysopen $lock, "$dir/lock", O_RDWR or die "$dir/lock: $!";
# F_OFD_SETLK a write lock on the first byte
my $byte = pack 's s x4 q q i x4', F_WRLCK, 0, 0, 1, 0;
fcntl $lock, 37, $byte or die "lock: $!";
$status{boot} = slurp('/proc/sys/kernel/random/boot_id');
$status{start} = (split ' ', slurp("/proc/$$/stat") =~ s/.*\)//sr)[19];
$status{started} = now();
event(qq("START", "pid": $$));
print "locked\n";

while (<STDIN>) {
	chomp;
	my ($verb, $rest) = split ' ', $_, 2;
	if ($verb eq 'end') {
		my ($code, $phase, $cause) = split ' ', $rest, 3;
		@status{qw(phase exit cause ended)} =
			($phase, $code, $cause // '', now());
		event(qq("SHUTDOWN", "exit": $code, "cause": ") .
			($cause // '') . '"');
		status();
	} elsif ($verb eq 'say') {
		syswrite $log, "$rest\r\n";
	} elsif ($verb eq 'put') {
		syswrite $log, $rest;
	} elsif ($verb eq 'rotate') {
		rename "$dir/console.log", "$dir/console.log.1" or die "$!";
		new_log();
	} elsif ($verb eq 'log') {
		rename "$dir/console.log", "$dir/console.log.1";
		new_log();
	} elsif ($verb eq 'remove') {
		rename $dir, "$dir/../.trash/$$" or die "$!";
		system 'rm', '-rf', "$dir/../.trash/$$";
	} elsif ($verb eq 'unlock') {
		close $lock;
	} elsif ($verb eq 'exit') {
		close $lock;
		print "exit\n";
		exit 0;
	} else {
		$status{phase} = $verb;
		status();
	}
	print "$_\n"; # done
}
sleep 1 while 1;
