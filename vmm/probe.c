/* SPDX-License-Identifier: MIT */
/*
 * Which engine runs on this host, and why.
 *
 * The loop below, in million instructions a second of ring 0, was measured at
 * 620 to 1360 under a true KVM (SVM) on a CPU that QEMU 7.2 emulates, which is
 * as slow as a true one gets, an exit taking 35 to 55 us; and at 1.3 to 2.1
 * under a nested KVM that emulates ring 0, on a CPU of 2.6 GHz, an exit taking
 * 8 to 11 us. So exits tell nothing, and 20 lies a factor of ten from one and
 * of thirty from the other. On a CPU itself, the loop runs at its clock or
 * twice that.
 */
#include "vmm/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"

#define ROUNDS 3
/* Iterations of two instructions. The first are few, for a slow ring 0; where
 * they take no time to speak of, more follow, or the clock's grain would show.
 */
#define LOOPS_FIRST 250
#define LOOPS_MORE 100000
#define SHORT_NS 20000

struct trial { /* a VM with one page and one vCPU */
	int kvm, vm, cpu;
	uint8_t *page;
	struct kvm_run *run;
	size_t run_size;
};

const char *
probe_device(void)
{
	const char *path = secure_getenv("VM_KVM_DEVICE");

	return path && *path ? path : "/dev/kvm";
}

const char *
probe_why_name(enum probe_why why)
{
	static const char *const names[] = {
		[PROBE_GOOD] = "good",
		[PROBE_NO_CPU] = "no-cpu",
		[PROBE_NO_MODULE] = "no-module",
		[PROBE_PERMISSION] = "permission",
		[PROBE_BUSY] = "busy",
		[PROBE_OLD] = "old",
		[PROBE_SLOW] = "slow",
		[PROBE_BROKEN] = "broken",
	};

	return (unsigned)why < sizeof(names) / sizeof(*names) ? names[why]
							      : "unknown";
}

/* vmx or svm among the flags of the first CPU; which module that means. */
static const char *
cpu_module(void)
{
	const char *found = NULL;
	char *line = NULL, *word, *save;
	size_t n = 0;
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && !found && getline(&line, &n, f) > 0) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		for (word = strtok_r(line, " \t\n", &save); word;
			word = strtok_r(NULL, " \t\n", &save)) {
			if (strcmp(word, "vmx") == 0)
				found = "kvm_intel";
			else if (strcmp(word, "svm") == 0)
				found = "kvm_amd";
		}
		break;
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

static int __attribute__((format(printf, 4, 5)))
refuse(struct probe *p, enum probe_why why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->reason, sizeof(p->reason), fmt, ap);
	va_end(ap);
	p->why = why;
	p->err = err;
	return -err;
}

static int
absent(struct probe *p, const char *path)
{
	const char *module = cpu_module();

	if (module)
		return refuse(p, PROBE_NO_MODULE, ENOENT,
			"%s is absent though the CPU could: try modprobe %s",
			path, module);
	return refuse(p, PROBE_NO_CPU, ENOENT,
		"%s is absent, and the CPU shows neither VT-x nor AMD-V (in a "
		"virtual machine: nested virtualization is off; otherwise see "
		"the firmware's setup)",
		path);
}

static void
look(struct probe *p, const char *path)
{
	struct stat st;
	struct group *g;

	if (stat(path, &st) < 0)
		return;
	p->present = true;
	p->mode = st.st_mode & 07777;
	g = getgrgid(st.st_gid);
	if (g)
		snprintf(p->group, sizeof(p->group), "%s", g->gr_name);
	else
		snprintf(p->group, sizeof(p->group), "%u", (unsigned)st.st_gid);
}

static int
denied(struct probe *p, const char *path, int err)
{
	if ((p->mode & 060) == 060 && p->group[0] &&
		strcmp(p->group, "root") != 0)
		return refuse(p, PROBE_PERMISSION, err,
			"%s: %s: join the group %s (mode %04o)", path,
			strerror(err), p->group, p->mode);
	return refuse(p, PROBE_PERMISSION, err,
		"%s: %s: its mode is %04o, its group %s; chgrp kvm and "
		"chmod 660 it, and join that group",
		path, strerror(err), p->mode,
		p->group[0] ? p->group : "unknown");
}

/*
 * The trial guest: flat 32-bit ring 0, no paging, interrupts off.
 */

/* clang-format off */
static const uint8_t code[] = {
	0x49,             /* again: dec ecx */
	0x75, 0xfd,       /* jnz again */
	0xe6, 0x80,       /* more: out 0x80, al */
	0xeb, 0xfc,       /* jmp more */
};
/* clang-format on */

static int
trial_open(struct trial *t)
{
	struct kvm_userspace_memory_region r = {.memory_size = 0x1000};
	int size;

	do
		t->vm = ioctl(t->kvm, KVM_CREATE_VM, 0);
	while (t->vm < 0 && errno == EINTR);
	if (t->vm < 0)
		return -errno;
	ioctl(t->vm, KVM_SET_TSS_ADDR, 0xfeffd000ul);
	t->page = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->page == MAP_FAILED)
		return -errno;
	memcpy(t->page, code, sizeof(code));
	r.userspace_addr = (uintptr_t)t->page;
	if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
		return -errno;
	t->cpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	size = ioctl(t->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (t->cpu < 0 || size < (int)sizeof(struct kvm_run))
		return t->cpu < 0 ? -errno : -EPROTO;
	t->run_size = (size_t)size;
	t->run = mmap(NULL, t->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		t->cpu, 0);
	return t->run == MAP_FAILED ? -errno : 0;
}

static void
trial_close(struct trial *t)
{
	if (t->run != MAP_FAILED)
		munmap(t->run, t->run_size);
	if (t->cpu >= 0)
		close(t->cpu);
	if (t->vm >= 0)
		close(t->vm);
	if (t->page != MAP_FAILED)
		munmap(t->page, 0x1000);
}

static int
trial_mode(struct trial *t)
{
	struct kvm_segment flat = {.limit = 0xffffffff,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
		.type = 3,
		.selector = 0x10};
	struct kvm_sregs s;

	if (ioctl(t->cpu, KVM_GET_SREGS, &s) < 0)
		return -errno;
	s.ds = s.es = s.fs = s.gs = s.ss = flat;
	s.cs = flat;
	s.cs.type = 11;
	s.cs.selector = 8;
	s.cr0 |= 1;
	return ioctl(t->cpu, KVM_SET_SREGS, &s) < 0 ? -errno : 0;
}

static int64_t
cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Run until the next `out`; *ns gets the CPU time. */
static int
trial_run(struct trial *t, int64_t *ns)
{
	int64_t from = cpu_time();
	int r;

	do
		r = ioctl(t->cpu, KVM_RUN, 0);
	while (r < 0 && errno == EINTR);
	*ns = cpu_time() - from;
	if (r < 0)
		return -errno;
	return t->run->exit_reason == KVM_EXIT_IO ? 0 : -EPROTO;
}

/* The best of some rounds: of the loop, and of an exit alone. */
static int
trial_time(struct trial *t, uint64_t loops, int64_t *loop, int64_t *out)
{
	struct kvm_regs regs = {.rcx = loops, .rflags = 2};
	int64_t ns;
	int r;

	*loop = *out = INT64_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		if (ioctl(t->cpu, KVM_SET_REGS, &regs) < 0)
			return -errno;
		if ((r = trial_run(t, &ns)) < 0)
			return r;
		*loop = ns < *loop ? ns : *loop;
		for (int j = 0; j < 2; j++) {
			if ((r = trial_run(t, &ns)) < 0)
				return r;
			*out = ns < *out ? ns : *out;
		}
	}
	return 0;
}

static int
measure(struct trial *t, struct probe *p)
{
	uint64_t loops = LOOPS_FIRST;
	int64_t loop, out;
	int r;

	if ((r = trial_mode(t)) < 0 ||
		(r = trial_time(t, loops, &loop, &out)) < 0)
		return r;
	if (loop - out < SHORT_NS) {
		loops = LOOPS_MORE;
		if ((r = trial_time(t, loops, &loop, &out)) < 0)
			return r;
	}
	p->exit_ns = (uint64_t)out;
	loop = loop - out > 1 ? loop - out : 1;
	p->ring0_mips = 2e3 * (double)loops / (double)loop;
	return 0;
}

static int
try_it(struct probe *p, const char *path, int kvm)
{
	struct trial t = {kvm, -1, -1, MAP_FAILED, MAP_FAILED, 0};
	int r;

	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return refuse(p, PROBE_BROKEN, ENOTTY, "%s is not KVM", path);
	if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SPLIT_IRQCHIP) <= 0 ||
		ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return refuse(p, PROBE_OLD, ENOTSUP,
			"this kernel's KVM lacks the split irqchip (Linux 4.4) "
			"or immediate exit (4.11)");
	r = trial_open(&t);
	if (r == 0)
		r = measure(&t, p);
	trial_close(&t);
	if (r == -EBUSY)
		return refuse(p, PROBE_BUSY, EBUSY,
			"another hypervisor (VirtualBox, say) holds the CPU's "
			"virtualization extension");
	if (r < 0)
		return refuse(p, PROBE_BROKEN, -r,
			"a trial machine does not run: %s", strerror(-r));
	if (p->ring0_mips < PROBE_SLOW_MIPS)
		return refuse(p, PROBE_SLOW, ENOTSUP,
			"KVM emulates ring 0 here: %.1f million instructions a "
			"second, %.1f us an exit",
			p->ring0_mips, (double)p->exit_ns / 1e3);
	p->usable = true;
	snprintf(p->reason, sizeof(p->reason),
		"KVM is real: %.0f million instructions a second in ring 0, "
		"%.1f us an exit",
		p->ring0_mips, (double)p->exit_ns / 1e3);
	return 0;
}

int
probe_kvm(struct probe *p)
{
	const char *path = probe_device();
	int kvm, r;

	*p = (struct probe){.why = PROBE_GOOD};
	look(p, path);
	kvm = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (kvm < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return absent(p, path);
	if (kvm < 0 && (errno == EACCES || errno == EPERM))
		return denied(p, path, errno);
	if (kvm < 0)
		return refuse(p, PROBE_BROKEN, errno, "%s: cannot open: %s",
			path, strerror(errno));
	p->accessible = true;
	r = try_it(p, path, kvm);
	close(kvm);
	return r;
}

int
probe_choose(const char *accel, struct probe *p, const struct engine_ops **to)
{
	struct probe own;

	p = p ? p : &own;
	*p = (struct probe){0};
	if (accel && strcmp(accel, "soft") == 0) {
		*to = &engine_soft;
		return 0;
	}
	if (accel && strcmp(accel, "auto") != 0 && strcmp(accel, "kvm") != 0)
		return failx(-EINVAL, "accel: %s: not one of auto, kvm, soft",
			accel);
	if (accel && strcmp(accel, "kvm") == 0) {
		*to = &engine_kvm; /* however slow: it was asked for */
		return 0;
	}
	*to = probe_kvm(p) == 0 ? &engine_kvm : &engine_soft;
	return 0;
}
