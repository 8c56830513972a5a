/* SPDX-License-Identifier: MIT */
/* A file that nobody wants half written: a signal takes it along. */
#include "bin/tool-unfinished.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static const char *volatile unfinished;

static void
on_signal(int sig)
{
	if (unfinished)
		unlink(unfinished);
	raise(sig); /* SA_RESETHAND */
}

static void
catch_signals(void)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {
		.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	struct sigaction old;

	for (size_t n = 0; n < sizeof(sigs) / sizeof(sigs[0]); n++)
		if (sigaction(sigs[n], NULL, &old) == 0 &&
			old.sa_handler != SIG_IGN)
			sigaction(sigs[n], &sa, NULL);
}

void
tool_unfinished(const char *path)
{
	static bool caught;

	if (!caught)
		catch_signals();
	caught = true;
	unfinished = path;
}
