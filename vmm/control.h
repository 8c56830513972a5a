/* SPDX-License-Identifier: MIT */
/*
 * The control server of a running machine: QMP on NAME/ctl, several clients at
 * once, in the loop's thread. A slow or hostile client delays nobody: input is
 * bounded in size, depth and rate (a client's commands are worked off in turns
 * with the others'). Answers wait in a buffer of CONTROL_OUT bytes a client;
 * with a quarter of it full no more commands are read, and events that do not
 * fit are lost. When there are CONTROL_CLIENTS, or no descriptors left, one who
 * has connected and said nothing makes room for who comes.
 *
 * Commands are QMP's where the meaning is the same: qmp_capabilities,
 * query-version, query-commands, query-name, query-uuid, query-kvm,
 * query-status, query-cpus-fast, stop, cont, system_powerdown, system_reset,
 * quit, inject-nmi, getfd, closefd, dump-guest-memory (paging false, protocol
 * "fd:NAME": a regular file or a stream socket; the machine is paused for it).
 * With a graphics card: screendump (filename "fd:NAME", format ppm: a regular
 * file). For drives (control-block.c): query-block, query-blockstats, eject,
 * blockdev-change-medium (filename "fd:NAME", x-name what it is called),
 * block_resize, block_set_io_throttle (totals), device_del (one that was
 * plugged in). With a balloon: balloon, query-balloon. For keys and pointers
 * (control-input.c): send-key, input-send-event (answered when the guest's
 * device has all of it; with "x-wait", milliseconds, when the guest has read
 * it), query-mice. Our own begin with "x-": x-registers {"cpu": N} or
 * {"device": "uart0"} (returns {"text": ...}; while these run, the machine
 * stands, a fifth of the time at most), x-block-attach {"spec", "fds"} (a disk=
 * of the config, and the names of descriptors: its file's and its backing
 * files'; returns {"id"}), x-lights (of the keyboard; returns {"num", "caps",
 * "scroll"}), x-status (what vm-ctl status shows), x-set {"key", "value"} (a
 * live config key), x-audit (see vmm/confine.h). Those whose hook below is NULL
 * are not offered. Events, by control_event(): STOP RESUME SHUTDOWN RESET
 * POWERDOWN GUEST_PANICKED BLOCK_IO_ERROR DEVICE_TRAY_MOVED DEVICE_DELETED
 * BALLOON_CHANGE; what they carry is in vm-state(5).
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include "lib/json.h"
#include "vmm/machine.h"

enum { CONTROL_CLIENTS = 1024, CONTROL_OUT = 256 << 10 };

struct control;

struct control_host {
	struct machine *machine;
	struct loop *loop;
	const char *name, *uuid; /* uuid may be NULL */
	void *to; /* for what follows */
	void (*powerdown)(void *to); /* the button; as the first SIGTERM */
	void (*quit)(void *to); /* end it, END_OUTSIDE */
	/* The last four may be NULL. A live key; 0 or -errno with a
	 * sentence. */
	int (*set)(void *to, const char *key, const char *value);
	/* An event for clients and events.jsonl; members: JSON text without
	 * braces. */
	void (*tell)(void *to, const char *event, const char *members);
	/* JSON members of x-status and x-audit, written between braces. */
	void (*status)(void *to, struct json *);
	void (*audit)(void *to, struct json *);
};

/* listener: a listening unix socket, which it then owns. */
int control_new(
	struct control **, int listener, const struct control_host *host);
/* Clients get what is queued for them, as far as that goes at once. */
void control_free(struct control *);
/* A dump under way is given up, and who waits for it told why. The machine goes
 * on if it ran before. */
void control_drop_dump(struct control *, const char *why);
/* Tell all who have negotiated; data: JSON text of an object, or NULL. */
void control_event(struct control *, const char *event, const char *data);

#endif
