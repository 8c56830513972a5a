# SPDX-License-Identifier: MIT
# From the rig's console to one flat TAP: each test of a program is a test here,
# with the program's name before it; a command that prints no TAP is one test,
# by its exit status. A program that ends without its plan, or with a failure
# that none of its tests shows, is one test more, and fails. What else it prints
# is a comment.
function test(good, what, why) {
	print (good ? "ok " : "not ok ") ++count " - " what
	if (!good) {
		bad += what !~ /# TODO/
		if (why)
			print "# " why
	}
	fflush()
}

BEGIN {
	while ((getline line < names) > 0) {
		if ((at = index(line, " # ")))
			line = substr(line, at + 3)
		sub(/^\/t\//, "", line)
		name[++commands] = line
	}
}

/<<BEGIN [0-9]+>>/ {
	inside = 1
	plan = tests = failed = skipped = 0
	next
}

/<<END [0-9]+ [0-9]+>>/ {
	# What came before on the same line is output without a newline.
	at = index($0, "<<END")
	split(substr($0, at), part, /[ >]+/)
	status = part[3]
	if (at > 1)
		print "# " substr($0, 1, at - 1)
	inside = 0
	what = name[++done]
	why = status == 137 ? "killed: over its limit" : "exit status " status
	if (skipped)
		;
	else if (!tests && !plan)
		test(status == 0, what, why)
	else if (plan != tests)
		test(0, what ": all of its tests", tests " of " plan ", " why)
	else if (status != 0 && !failed)
		test(0, what ": its end", why)
	next
}

inside && /^1\.\.0 *# *SKIP/ {
	sub(/^1\.\.0 *# *SKIP */, "")
	test(1, name[done + 1] " # SKIP " $0)
	skipped = 1
	next
}

inside && /^1\.\.[0-9]+/ {
	plan = substr($1, 4) + 0
	next
}

inside && /^(not )?ok( |$)/ {
	good = $1 == "ok"
	sub(/^(not )?ok *[0-9]* *-? */, "")
	tests++
	failed += !good && !/# TODO/
	test(good, name[done + 1] ": " $0)
	next
}

inside {
	sub(/^# ?/, "")
	print "# " $0
	next
}

{
	other[++others] = $0
	delete other[others - 40]
}

END {
	if (done < commands) {
		for (i = done + 1; i <= commands; i++)
			test(0, name[i], "the machine ended early")
		for (i = others - 39; i <= others; i++)
			if (i > 0)
				print "# " other[i]
	}
	print "1.." count
	exit bad > 0
}
