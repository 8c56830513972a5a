/* SPDX-License-Identifier: MIT */
/*
 * The columns of the list, on the screen and of -b.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bin/tui/tui-int.h"
#include "lib/err.h"
#include "lib/units.h"

static const char *
number(char buf[32], uint64_t n)
{
	if (!n)
		return "-";
	snprintf(buf, 32, "%llu", (unsigned long long)n);
	return buf;
}

static int64_t
seconds_up(const struct machine *v)
{
	int64_t up = (int64_t)time(NULL) - v->started;

	if (!v->pid || !v->started)
		return -1;
	return up > 0 ? up : 0; /* the clock was set back */
}

/* Two units, six columns. */
static const char *
span(char buf[32], int64_t s)
{
	static const struct {
		int64_t seconds;
		const char *large, *small;
		int64_t part;
	} steps[] = {
		{8640000, "d", NULL, 0},
		{86400, "d", "h", 3600},
		{3600, "h", "m", 60},
		{60, "m", "s", 1},
	};
	size_t i = 0;

	while (i < 4 && s < steps[i].seconds)
		i++;
	if (i == 4)
		snprintf(buf, 32, "%llds", (long long)s);
	else if (!steps[i].small)
		snprintf(buf, 32, "%lldd", (long long)(s / 86400));
	else
		snprintf(buf, 32, "%lld%s%lld%s",
			(long long)(s / steps[i].seconds), steps[i].large,
			(long long)(s % steps[i].seconds / steps[i].part),
			steps[i].small);
	return buf;
}

/* --- texts --- */

static const char *
text_name(const struct machine *v, char buf[32])
{
	(void)buf;
	return v->name;
}

static const char *
text_state(const struct machine *v, char buf[32])
{
	(void)buf;
	return machine_state(v);
}

static const char *
text_cpus(const struct machine *v, char buf[32])
{
	return number(buf, v->cpus);
}

static const char *
text_cpu(const struct machine *v, char buf[32])
{
	const struct metrics_rates *r = gauge_rates(v);

	if (!r)
		return "-";
	snprintf(buf, 32, r->cpu < 999.95 ? "%.1f" : "%.0f", r->cpu);
	return buf;
}

static const char *
text_used(const struct machine *v, char buf[32])
{
	const struct metrics *m = gauge_now(v);

	return m ? units_print_short(buf, m->rss) : "-";
}

static const char *
text_memory(const struct machine *v, char buf[32])
{
	return v->memory ? units_print_short(buf, v->memory) : "-";
}

static const char *
rate(char buf[32], double bytes)
{
	return units_print_short(buf, bytes > 0 ? (uint64_t)bytes : 0);
}

static const char *
text_read(const struct machine *v, char buf[32])
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? rate(buf, r->disk_read) : "-";
}

static const char *
text_written(const struct machine *v, char buf[32])
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? rate(buf, r->disk_write) : "-";
}

static const char *
text_received(const struct machine *v, char buf[32])
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? rate(buf, r->net_in) : "-";
}

static const char *
text_sent(const struct machine *v, char buf[32])
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? rate(buf, r->net_out) : "-";
}

static const char *
text_uptime(const struct machine *v, char buf[32])
{
	int64_t s = seconds_up(v);

	return s < 0 ? "-" : span(buf, s);
}

static const char *
text_engine(const struct machine *v, char buf[32])
{
	(void)buf;
	return *v->engine ? v->engine : "-";
}

static const char *
text_pid(const struct machine *v, char buf[32])
{
	return number(buf, v->pid > 0 ? (uint64_t)v->pid : 0);
}

static const char *
text_exit(const struct machine *v, char buf[32])
{
	if (v->exit < 0)
		return "-";
	snprintf(buf, 32, "%d", v->exit);
	return buf;
}

static const char *
text_note(const struct machine *v, char buf[32])
{
	(void)buf;
	if (*v->cause)
		return v->cause;
	return *v->description ? v->description : "-";
}

/* --- values --- */

static double
value_cpus(const struct machine *v)
{
	return v->cpus;
}

static double
value_cpu(const struct machine *v)
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? r->cpu : -1;
}

static double
value_used(const struct machine *v)
{
	const struct metrics *m = gauge_now(v);

	return m ? (double)m->rss : -1;
}

static double
value_memory(const struct machine *v)
{
	return (double)v->memory;
}

static double
value_read(const struct machine *v)
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? r->disk_read : -1;
}

static double
value_written(const struct machine *v)
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? r->disk_write : -1;
}

static double
value_received(const struct machine *v)
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? r->net_in : -1;
}

static double
value_sent(const struct machine *v)
{
	const struct metrics_rates *r = gauge_rates(v);

	return r ? r->net_out : -1;
}

static double
value_uptime(const struct machine *v)
{
	return (double)seconds_up(v);
}

static double
value_pid(const struct machine *v)
{
	return v->pid;
}

static double
value_exit(const struct machine *v)
{
	return v->exit;
}

/* In their order from left to right; the note takes what is left. */
static const struct column columns[] = {
	{"name", "NAME", "its name", -8, 0, false, false, text_name, NULL},
	{"state", "STATE", "what it does", -8, 1, false, false, text_state,
		NULL},
	{"cpus", "CPUS", "virtual CPUs", 4, 5, false, true, text_cpus,
		value_cpus},
	{"cpu", "CPU%", "CPU time it takes; 100 is one CPU of the host", 5, 2,
		true, true, text_cpu, value_cpu},
	{"used", "USED", "memory in use on the host", 5, 3, true, true,
		text_used, value_used},
	{"memory", "MEM", "the guest's memory", 5, 8, false, true, text_memory,
		value_memory},
	{"read", "READ", "bytes a second from its disks", 5, 6, true, true,
		text_read, value_read},
	{"written", "WRITE", "bytes a second to its disks", 5, 6, true, true,
		text_written, value_written},
	{"received", "RECV", "bytes a second from the network", 5, 7, true,
		true, text_received, value_received},
	{"sent", "SENT", "bytes a second to the network", 5, 7, true, true,
		text_sent, value_sent},
	{"uptime", "UPTIME", "for how long it has been running", 6, 4, false,
		true, text_uptime, value_uptime},
	{"engine", "ENGINE", "kvm or soft, in this or the last run", -6, 9,
		false, false, text_engine, NULL},
	{"pid", "PID", "process", 7, 10, false, false, text_pid, value_pid},
	{"exit", "EXIT", "exit status of the last run", 4, 11, false, true,
		text_exit, value_exit},
	{"note", "NOTE", "why the last run ended, or its description", 0, 12,
		false, false, text_note, NULL},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

const struct column *
column_get(size_t n)
{
	return n < COLUMNS ? &columns[n] : NULL;
}

int
column_find(const char *name)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (strcmp(columns[i].name, name) == 0)
			return (int)i;
	return failx(-EINVAL, "'%.64s' is not a column (--list-columns tells)",
		name);
}
