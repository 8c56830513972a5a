# SPDX-License-Identifier: MIT
# From the rig's console to TAP: a subtest for each command. One whose own TAP
# fails, or ends without a plan, or that exits with a failure, is not ok.
BEGIN {
	while ((getline line < names) > 0)
		name[++count] = line
	print "1.." count
}
/<<BEGIN [0-9]+>>/ {
	inside = 1
	plan = tests = failed = 0
	reason = ""
	print "# Subtest: " name[done + 1]
	next
}
/<<END [0-9]+ [0-9]+>>/ {
	split(substr($0, index($0, "<<END")), part, /[ >]+/)
	status = part[3]
	# What came before on the same line is output without a newline.
	at = index($0, "<<END")
	if (at > 1)
		print "    " substr($0, 1, at - 1)
	inside = 0
	done++
	good = status == 0 && !failed && (!tests || plan == tests)
	if (!tests && !plan && !reason) {
		# not a TAP program: its status tells
		print "    1..1"
		print "    " (status == 0 ? "ok" : "not ok") " 1 - exit status"
	}
	print (good ? "ok " : "not ok ") done " - " name[done] \
		(reason ? " # SKIP " reason : "")
	if (status == 137)
		print "# killed: over its limit"
	else if (status != 0)
		print "# exit status " status
	bad += !good
	next
}
inside {
	if (/^ok /)
		tests++
	else if (/^not ok /) {
		tests++
		failed += !/# TODO/
	} else if (/^1\.\.0 *# *SKIP/) {
		reason = $0
		sub(/^1\.\.0 *# *SKIP */, "", reason)
	} else if (/^1\.\.[0-9]+/)
		plan = substr($1, 4) + 0
	print "    " $0
	fflush()
	next
}
{
	other[++others] = $0
	if (others > 40)
		delete other[others - 40]
}
END {
	if (done < count) {
		for (i = done + 1; i <= count; i++)
			print "not ok " i " - " name[i]
		print "# the machine ended early; its console at last:"
		for (i = others - 39; i <= others; i++)
			if (i > 0)
				print "# " other[i]
	}
	exit bad || done < count
}
