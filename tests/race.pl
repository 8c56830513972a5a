#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# race.pl GUEST SECONDS: 100 processes create, run, stop, remove and rename
# machines of three names, some killed at random. A watcher looks for two
# processes that run one machine at once. Prints what went wrong, if anything.
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(sleep time);

my ($guest, $seconds) = @ARGV;
my $home = $ENV{VM_HOME};
my $end = time + $seconds;
my @names = qw(a b c);
my @verbs = (
	sub { ("vm-create", $_[0], "kernel=$guest", "flat=0x7c00", "accel=soft",
		"memory=1M") },
	sub { ("vm-run", "--timeout", "300ms", $_[0]) },
	sub { ("vm-run", "-d", "--timeout", "500ms", $_[0]) },
	sub { ("vm-ctl", $_[0], "poweroff") },
	sub { ("vm-rm", $_[0]) },
	sub { ("vm-rename", $_[0], $names[rand 3]) },
	sub { ("vm-set", $_[0], "description=" . int rand 1e9) },
);
# What a tool may say here; anything else is a fault.
my $fine = join "|", "no such machine", "running", "exist", "in use",
	"is being", "timeout", "powered off", "does not answer", "went away",
	"ended", "a run of it";

# One tool, killed after a while one time in four; what it says goes to $log.
sub once {
	my ($log, @cmd) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open STDIN, "<", "/dev/null";
		open STDOUT, ">", "/dev/null";
		open STDERR, ">&", $log;
		exec @cmd or POSIX::_exit 127;
	}
	if (rand() < .25) {
		sleep rand .08;
		kill KILL => $pid;
	}
	waitpid $pid, 0;
}

sub worker {
	my ($n) = @_;
	srand($$ ^ $n << 8);
	open my $log, ">>", "$ENV{TMPDIR}/race.$n" or die;
	while (time < $end) {
		once $log, $verbs[rand @verbs]->($names[rand @names]);
	}
	POSIX::_exit 0;
}

# Does this process hold the lock of a machine? Its name, as of now.
sub holds {
	my ($pid) = @_;
	for my $fd (glob "/proc/$pid/fd/*") {
		my $path = readlink $fd or next;
		$path =~ m{^\Q$home\E/([^/.][^/]*)/lock$} or next;
		my $name = $1;
		(my $info = $fd) =~ s{/fd/}{/fdinfo/};
		open my $f, "<", $info or next;
		return $name if grep /^lock:.*OFDLCK.*WRITE.* 0 0$/, <$f>;
	}
}

# Those that are seen to hold it both before and after another one does.
sub watch {
	my %was;
	for my $dir (glob "/proc/[0-9]*") {
		open my $f, "<", "$dir/comm" or next;
		next if (readline($f) // "") ne "vm-run\n";
		my ($pid) = $dir =~ /(\d+)/;
		my $name = holds $pid or next;
		if (my $other = $was{$name}) {
			my $still = holds $other;
			print "two run $name: $other and $pid\n"
				if defined $still && $still eq $name &&
				(holds($pid) // "") eq $name;
		}
		$was{$name} = $pid;
	}
}

my @workers;
for my $n (1 .. 100) {
	my $pid = fork // die "fork: $!";
	worker $n if !$pid;
	push @workers, $pid;
}
while (time < $end) {
	watch;
	sleep .02;
}
# Nothing may be stuck: all come back soon.
my $late = time + 30;
while (@workers && time < $late) {
	@workers = grep { waitpid($_, POSIX::WNOHANG) == 0 } @workers;
	sleep .02;
}
print "stuck: @workers\n" if @workers;
kill KILL => @workers if @workers;
my %odd;
for my $log (glob "$ENV{TMPDIR}/race.*") {
	open my $f, "<", $log or die;
	while (<$f>) {
		$odd{$_}++ if !/$fine/;
	}
}
print "said: $_" for keys %odd;
