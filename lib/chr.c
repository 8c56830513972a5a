/* SPDX-License-Identifier: MIT */
/*
 * Character back ends: their common part, their life, and the choice of one by
 * its spec.
 */
#include "lib/chr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/chr-impl.h"
#include "lib/err.h"

static void
timer_ready(void *to, uint32_t events)
{
	struct chr *c = to;
	uint64_t n;

	(void)events;
	if (read(c->timer.fd, &n, sizeof(n)) == sizeof(n))
		c->ops->timer(c);
}

int
chr_add_timer(struct chr *c)
{
	c->timer.fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->timer.fd < 0)
		return fail(-errno, "%s: cannot open", c->name);
	c->timer.events = EPOLLIN;
	c->timer.ready = timer_ready;
	c->timer.to = c;
	return loop_add(c->loop, &c->timer);
}

void
chr_set_timer(struct chr *c, unsigned ms)
{
	struct itimerspec at = {
		.it_value.tv_sec = ms / 1000,
		.it_value.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	timerfd_settime(c->timer.fd, 0, &at, NULL);
}

struct chr *
chr_new(const char *spec, const struct chr_ops *ops, struct loop *loop)
{
	struct chr *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ops = ops;
	c->loop = loop;
	c->name = strdup(spec);
	c->input.fd = c->output.fd = c->timer.fd = -1;
	if (chr_init_flow(c) < 0 || !c->name) {
		chr_free(c);
		return NULL;
	}
	return c;
}

void
chr_free(struct chr *c)
{
	if (!c)
		return;
	c->user = (struct chr_user){0};
	c->error = NULL;
	c->end = NULL;
	chr_flush(c, 0);
	if (c->loop) {
		loop_uncall(c->loop, &c->deliver);
		loop_uncall(c->loop, &c->flush);
		chr_unwatch(c);
	}
	if (c->timer.fd >= 0) {
		loop_del(c->loop, &c->timer);
		close(c->timer.fd);
	}
	if (c->ops->free)
		c->ops->free(c);
	pthread_mutex_destroy(&c->lock);
	free(c->in.p);
	free(c->out.p);
	free(c->where);
	free(c->name);
	free(c);
}

void
chr_attach(struct chr *c, const struct chr_user *user)
{
	c->user = user ? *user : (struct chr_user){0};
	if (c->ops->attached)
		c->ops->attached(c);
	chr_poke(c);
}

void
chr_filter(
	struct chr *c, size_t (*fn)(void *to, uint8_t *p, size_t n), void *to)
{
	c->filter = fn;
	c->filter_to = to;
}

void
chr_on_error(
	struct chr *c, void (*fn)(void *to, const char *sentence), void *to)
{
	c->error = fn;
	c->error_to = to;
}

void
chr_on_end(struct chr *c, void (*fn)(void *to), void *to)
{
	c->end = fn;
	c->end_to = to;
}

const char *
chr_where(const struct chr *c)
{
	return c->where;
}

const char *
chr_name(const struct chr *c)
{
	return c->name;
}

static size_t
null_take(struct chr *c, const void *p, size_t n)
{
	(void)c;
	(void)p;
	return n;
}

static const struct chr_ops null_ops = {.take = null_take};

static bool
starts(const char *spec, const char *with)
{
	return strncmp(spec, with, strlen(with)) == 0;
}

int
chr_check(const char *spec)
{
	if (strcmp(spec, "null") == 0 || strcmp(spec, "stdio") == 0 ||
		strcmp(spec, "pty") == 0 || starts(spec, "file:") ||
		starts(spec, "unix:"))
		return 0;
	return failx(-EINVAL,
		"%s: not a character back end "
		"(null, stdio, pty, file:PATH, unix:PATH)",
		spec);
}

int
chr_open(struct chr **out, const char *spec, struct loop *loop)
{
	int err = chr_check(spec);

	if (err)
		return err;
	if (strcmp(spec, "stdio") == 0)
		return chr_open_fds(out, STDIN_FILENO, STDOUT_FILENO, loop);
	if (strcmp(spec, "pty") == 0)
		return chr_open_pty(out, spec, loop);
	if (starts(spec, "file:"))
		return chr_open_file(out, spec, spec + 5, loop);
	if (starts(spec, "unix:"))
		return chr_open_unix(out, spec, spec + 5, loop);
	*out = chr_new(spec, &null_ops, loop);
	return *out ? 0 : fail(-ENOMEM, "%s: cannot open", spec);
}
