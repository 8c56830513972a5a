/* SPDX-License-Identifier: MIT */
/*
 * The escape key, Ctrl-], on the terminal that is the machine's console.
 */
#include <ctype.h>
#include <stdio.h>

#include "bin/run/run.h"

#define ESCAPE 0x1d /* Ctrl-] */

static void
show_keys(void)
{
	fputs("\r\nCtrl-] then: p power button, q quit, r reset, n NMI, "
	      "Ctrl-] itself\r\n",
		stderr);
}

static void
obey(void *to)
{
	struct run *r = to;
	struct machine *m = instance_machine(r->instance);

	switch (r->command) {
	case 'p':
		instance_powerdown(r->instance);
		break;
	case 'q':
		machine_stop(m, END_OUTSIDE, "quit from the keyboard");
		break;
	case 'r':
		instance_reset(r->instance);
		break;
	case 'n':
		machine_nmi(m);
		break;
	default:
		show_keys();
	}
}

size_t
run_escape(void *to, uint8_t *p, size_t n)
{
	struct run *r = to;
	size_t kept = 0;

	for (size_t k = 0; k < n; k++) {
		if (!r->escaped && p[k] == ESCAPE) {
			r->escaped = true;
		} else if (r->escaped && p[k] != ESCAPE) {
			r->escaped = false;
			r->command = (char)tolower(p[k]);
			loop_post(r->loop, obey, r);
		} else {
			r->escaped = false;
			p[kept++] = p[k];
		}
	}
	return kept;
}
