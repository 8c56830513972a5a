/* SPDX-License-Identifier: MIT */
/*
 * Landlock, landlock(7), up to ABI 7: all that the kernel can restrict is
 * forbidden, but for the machine's directory. The kernel's header may be older
 * than the kernel, so what it may lack is said here. Not restricted by any ABI:
 * stat, chmod, chown, links' contents; seccomp has those.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/confine-int.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { ASK_VERSION = 1, RULE_PATH_BENEATH = 1 };

/* clang-format off */
enum {
	FS_EXECUTE	= 1 << 0,
	FS_WRITE_FILE	= 1 << 1,
	FS_READ_FILE	= 1 << 2,
	FS_READ_DIR	= 1 << 3,
	FS_REMOVE_DIR	= 1 << 4,
	FS_REMOVE_FILE	= 1 << 5,
	FS_MAKE_CHAR	= 1 << 6,
	FS_MAKE_DIR	= 1 << 7,
	FS_MAKE_REG	= 1 << 8,
	FS_MAKE_SOCK	= 1 << 9,
	FS_MAKE_FIFO	= 1 << 10,
	FS_MAKE_BLOCK	= 1 << 11,
	FS_MAKE_SYM	= 1 << 12,
	FS_REFER	= 1 << 13,	/* ABI 2 */
	FS_TRUNCATE	= 1 << 14,	/* ABI 3 */
	FS_IOCTL_DEV	= 1 << 15,	/* ABI 5 */

	NET_BIND_TCP	= 1 << 0,	/* ABI 4 */
	NET_CONNECT_TCP	= 1 << 1,

	SCOPE_ABSTRACT	= 1 << 0,	/* ABI 6 */
	SCOPE_SIGNAL	= 1 << 1,

	FS_ABI1		= FS_REFER - 1,
	OWN_DIRECTORY	= FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE |
			  FS_TRUNCATE | FS_MAKE_REG | FS_MAKE_DIR |
			  FS_MAKE_SOCK | FS_REMOVE_FILE | FS_REMOVE_DIR
};
/* clang-format on */

struct ruleset { /* laid out as struct landlock_ruleset_attr of ABI 6 */
	uint64_t fs, net, scope;
};

struct beneath { /* as struct landlock_path_beneath_attr */
	uint64_t rights;
	int32_t dir;
} __attribute__((packed));

static struct ruleset
all_of(int abi)
{
	struct ruleset r = {.fs = FS_ABI1};

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scope = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	return r;
}

static int
allow(int set, int dir, uint64_t rights)
{
	struct beneath b = {.rights = rights, .dir = dir};

	if (!rights)
		return 0;
	if (syscall(SYS_landlock_add_rule, set, RULE_PATH_BENEATH, &b, 0) < 0)
		return fail(-errno, "landlock: cannot allow a directory");
	return 0;
}

static int
add_rules(int set, const struct confine *c, uint64_t handled)
{
	int r = 0;

	if (c->dir >= 0)
		r = allow(set, c->dir, OWN_DIRECTORY & handled);
	for (size_t i = 0; i < c->removes && !r; i++)
		r = allow(set, c->remove[i], FS_REMOVE_FILE & handled);
	if (c->home > 0 && !r)
		r = allow(set, c->home, FS_REMOVE_DIR & handled);
	return r;
}

int
confine_landlock(const struct confine *c, struct confine_report *report)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
	struct ruleset all = all_of((int)abi);
	int set, r;

	if (abi < 1)
		return 0; /* not built in, or not switched on */
	set = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (set < 0)
		return fail(-errno, "landlock: cannot make a set of rules");
	r = add_rules(set, c, all.fs);
	if (!r && syscall(SYS_landlock_restrict_self, set, 0) == 0)
		report->landlock = (int)abi;
	else if (!r && errno != E2BIG) /* 16 around us already: reported */
		r = fail(-errno, "landlock: cannot restrict");
	close(set);
	return r;
}
