/* SPDX-License-Identifier: MIT */
/*
 * libvmm: virtual machines for C programs. A machine is configured with keys
 * and values (the same as vm-run's --set takes; see vm-run(1)), then run in
 * the calling thread until it ends.
 *
 *	struct vmm *m = vmm_new();
 *	struct vmm_end end;
 *
 *	if (vmm_set(m, "kernel", "vmlinuz") || vmm_run(m, &end))
 *		errx(1, "%s", vmm_error());
 *	vmm_free(m);
 *
 * Functions that can fail return 0 or a negative errno, and vmm_error() says
 * why, in one sentence, for the calling thread. A process may hold several
 * machines. Unless said otherwise a machine is used from one thread.
 */
#ifndef VMM_H
#define VMM_H

#ifdef __cplusplus
extern "C" {
#endif

struct vmm; /* a machine */

struct vmm_end { /* how it ended */
	int code; /* as vm-run exits: 0 powered off, 110 reset, 111 panic,
		   * 112 triple fault, 113 halted for good, 114 stopped from
		   * outside, 124 timeout, 125 the engine failed; with the
		   * debug exit device, its code */
	char cause[160]; /* a sentence, "" if it powered off */
};

/* NULL only if out of memory. vmm_free(NULL) is fine. */
struct vmm *vmm_new(void);
void vmm_free(struct vmm *);

/* Set a key. "serial" adds a port each time; a machine without any has one
 * that nobody listens to. */
int vmm_set(struct vmm *, const char *key, const char *value);

/* Build the machine and run it to its end; once per machine. */
int vmm_run(struct vmm *, struct vmm_end *end);

/* From any thread or a signal's thread, while it runs: press the power
 * button; end it at once. */
void vmm_button(struct vmm *);
void vmm_quit(struct vmm *);

/* The first CPU's registers, as text, after the end. Returns the length. */
int vmm_registers(const struct vmm *, char *buf, int size);
/* The engine that runs it: "kvm" or "soft"; NULL before vmm_run(). */
const char *vmm_engine(const struct vmm *);

/*
 * The state directory: machines that were created, and those that run; see
 * vm-state(5). These functions need no struct vmm, and no daemon.
 */
struct vmm_home;

/* path NULL: $VM_HOME or the user's own, made where it is missing. */
int vmm_home_open(struct vmm_home **, const char *path);
void vmm_home_close(struct vmm_home *);

struct vmm_info { /* strings live as long as the call they were handed to */
	const char *name;
	const char *state; /* stopped starting running paused stopping
			    * crashed error */
	const char *engine; /* "" not known */
	const char *cause; /* of the last end; "" none */
	const char *description;
	int pid; /* 0: does not run */
	int exit; /* of the last run, as vm-run's; -1 none */
	unsigned cpus;
	unsigned long long memory; /* bytes */
	/* seconds since 1970; 0: never, unknown */
	long long created, started, ended;
	/* of a running one, and only where asked for */
	unsigned long long cpu_ns; /* CPU time used */
	unsigned long long rss; /* bytes of host memory in use */
	unsigned long long own; /* private to its process beside guest memory,
				 * 0 where only root may know */
};

enum { /* what may cost more than reading two small files */
	VMM_USAGE = 1, /* cpu_ns, rss */
	VMM_CONFIG = 2, /* description; cpus and memory of what does not run */
	VMM_OWN = 4 /* own: milliseconds for each GiB in use */
};

/* One machine, or each of them in the order of names; each() ends the listing
 * by returning other than 0, which is returned. None is contacted or waited
 * for; one that goes meanwhile is left out. */
int vmm_look(struct vmm_home *, const char *name, unsigned what,
	int (*each)(void *to, const struct vmm_info *), void *to);
int vmm_list(struct vmm_home *, unsigned what,
	int (*each)(void *to, const struct vmm_info *), void *to);
/* As vmm_list(), and then again each one whose state changes, as it happens,
 * until each() returns other than 0. One that is gone has the state "removed".
 * Nothing is polled. info NULL: vmm_error() is a warning (some are looked at
 * every second only, as the kernel watches no more of them). */
int vmm_watch(struct vmm_home *, unsigned what,
	int (*each)(void *to, const struct vmm_info *), void *to);

/* config: lines of key = value, vm.conf(5); checked. -EEXIST. */
int vmm_create(struct vmm_home *, const char *name, const char *config);
/* Its config as text; free(). */
int vmm_config(struct vmm_home *, const char *name, char **text);
/* Replace it; -EBUSY: it runs. */
int vmm_set_config(struct vmm_home *, const char *name, const char *config);
int vmm_remove(struct vmm_home *, const char *name); /* -EBUSY: it runs */
int vmm_rename(struct vmm_home *, const char *name, const char *to);

/* In the background, by `vm-run -d`; returns once it runs. */
int vmm_start(struct vmm_home *, const char *name);
/* The power button; what does not go within timeout_ms is powered off. 0 also
 * if it does not run. */
int vmm_stop(struct vmm_home *, const char *name, int timeout_ms);
/* At once; a process that does not answer is killed. */
int vmm_poweroff(struct vmm_home *, const char *name);
/* Wait until it is in that state; -ETIMEDOUT; -ECANCELED: it ended, or failed,
 * before. timeout_ms -1: for ever. */
int vmm_wait(
	struct vmm_home *, const char *name, const char *state, int timeout_ms);
/* A command of the control socket, with its arguments as a JSON object or
 * NULL. *reply: what it returns, as JSON; free(). */
int vmm_control(struct vmm_home *, const char *name, const char *command,
	const char *args, char **reply, int timeout_ms);

/* What its screen shows, or showed last; it is not contacted. -ENOENT: it has
 * none. pixels: 0x00RRGGBB, row by row; free(). Text: vm-shot(1); free(). */
struct vmm_screen {
	unsigned width, height;
	unsigned *pixels;
};
int vmm_screen(struct vmm_home *, const char *name, struct vmm_screen *);
int vmm_screen_text(struct vmm_home *, const char *name, char **text);

const char *vmm_error(void);
const char *vmm_version(void);

#ifdef __cplusplus
}
#endif

#endif
