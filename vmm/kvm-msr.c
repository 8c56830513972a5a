/* SPDX-License-Identifier: MIT */
/*
 * The kvm engine's MSRs, and the VM's clock among them. Intel SDM vol. 4;
 * Linux kernel, Documentation/virt/kvm/x86/msr.rst.
 *
 * An MSR that the state does not list gets the value of a new vCPU, so that a
 * reset is complete; only the TSC runs on.
 *
 * Left out: SPEC_CTRL and its kin (another host may lack them), machine check
 * banks, performance counters.
 */
#include "vmm/kvm.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "lib/err.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

enum {
	MSR_TSC = 0x10,
	MSR_TSC_DEADLINE = 0x6e0,
};

struct msr_list { /* laid out as struct kvm_msrs */
	uint32_t n, pad;
	struct kvm_msr_entry e[CPU_MSRS];
};

/* In the order they are set. FS, GS base, EFER and APIC base travel with the
 * system registers. */
/* clang-format off */
static const uint32_t known[] = {
	MSR_TSC, 0x3b,                              /* TSC_ADJUST */
	0x1a0, 0x140,                               /* MISC_ENABLE, _FEATURES */
	0x174, 0x175, 0x176,                        /* SYSENTER */
	0xc0000081, 0xc0000082, 0xc0000083,         /* STAR LSTAR CSTAR */
	0xc0000084, 0xc0000102, 0xc0000103,         /* FMASK KERNEL_GS TSC_AUX */
	0x277, 0x2ff,                               /* PAT, MTRR default */
	0x250, 0x258, 0x259,                        /* MTRR fixed */
	0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
	0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, /* variable */
	0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
	0x17a, 0x17b, 0x1d9, 0xda0,                 /* MCG, DEBUGCTL, XSS */
	0x4b564d00, 0x4b564d01,                     /* kvmclock */
	0x4b564d06, 0x4b564d02,                     /* asynchronous faults */
	0x4b564d03, 0x4b564d04, 0x4b564d05,         /* steal, EOI, polling */
	MSR_TSC_DEADLINE,                           /* after the LAPIC */
};
/* clang-format on */
_Static_assert(COUNT(known) < CPU_MSRS, "one is left for the clock");

/* KVM_GET_MSRS stops at the first one that it does not know. */
int
kvm_msrs_init(struct vcpu *v)
{
	struct msr_list l;
	size_t at = 0;

	while (at < COUNT(known)) {
		size_t n = COUNT(known) - at;
		int got;

		l = (struct msr_list){.n = (uint32_t)n};
		for (size_t i = 0; i < n; i++)
			l.e[i].index = known[at + i];
		got = ioctl(v->fd, KVM_GET_MSRS, &l);
		if (got < 0)
			return kvm_failed(v, "get", "MSRs");
		for (int i = 0; i < got; i++)
			v->msr[v->msrs++] =
				(struct cpu_msr){l.e[i].index, l.e[i].data};
		at += (size_t)got + 1;
	}
	return 0;
}

static int
read_msrs(struct vcpu *v, struct msr_list *l)
{
	int got;

	*l = (struct msr_list){.n = v->msrs};
	for (unsigned i = 0; i < v->msrs; i++)
		l->e[i].index = v->msr[i].index;
	got = ioctl(v->fd, KVM_GET_MSRS, l);
	if (got < 0 || (unsigned)got != v->msrs)
		return kvm_failed(v, "get", "MSRs");
	return 0;
}

int
kvm_msrs_get(struct vcpu *v, struct cpu_state *s)
{
	struct kvm_clock_data clock;
	struct msr_list l;
	int r;

	if ((r = read_msrs(v, &l)) < 0)
		return r;
	s->msrs = 0;
	for (unsigned i = 0; i < v->msrs; i++)
		s->msr[s->msrs++] = (struct cpu_msr){l.e[i].index, l.e[i].data};
	if (v->index == 0 && ioctl(v->engine->vm, KVM_GET_CLOCK, &clock) == 0)
		s->msr[s->msrs++] =
			(struct cpu_msr){KVM_PSEUDO_MSR_CLOCK, clock.clock};
	return 0;
}

static const struct cpu_msr *
listed(const struct cpu_state *s, uint32_t index)
{
	unsigned n = s->msrs < CPU_MSRS ? s->msrs : CPU_MSRS;

	for (unsigned i = 0; i < n; i++)
		if (s->msr[i].index == index)
			return &s->msr[i];
	return NULL;
}

static int
put_msrs(struct vcpu *v, const struct msr_list *l)
{
	int done = ioctl(v->fd, KVM_SET_MSRS, l);

	if (done < 0)
		return kvm_failed(v, "set", "MSRs");
	if ((uint32_t)done < l->n)
		return failx(-EINVAL, "kvm: CPU %u: MSR %#x cannot be %#llx",
			v->index, l->e[done].index,
			(unsigned long long)l->e[done].data);
	return 0;
}

static int
set_clock(struct vcpu *v, const struct cpu_state *s)
{
	const struct cpu_msr *m = listed(s, KVM_PSEUDO_MSR_CLOCK);
	struct kvm_clock_data d = {.clock = m ? m->data : 0};

	if (v->index == 0 && m && ioctl(v->engine->vm, KVM_SET_CLOCK, &d) < 0)
		return kvm_failed(v, "set", "the clock");
	return 0;
}

/* What is right already is not written: some KVMs show MSRs that they do not
 * let anybody write, and complain in the host's log. */
int
kvm_msrs_set(struct vcpu *v, const struct cpu_state *s)
{
	struct msr_list is, l = {0};
	int r;

	if ((r = read_msrs(v, &is)) < 0)
		return r;
	for (unsigned i = 0; i < v->msrs; i++) {
		uint32_t index = v->msr[i].index;
		const struct cpu_msr *m = listed(s, index);
		uint64_t want = m ? m->data : v->msr[i].data;

		if (index == MSR_TSC_DEADLINE || (index == MSR_TSC && !m) ||
			is.e[i].data == want)
			continue;
		l.e[l.n].index = index;
		l.e[l.n++].data = want;
	}
	if ((r = put_msrs(v, &l)) < 0)
		return r;
	return set_clock(v, s);
}

int
kvm_msrs_set_deadline(struct vcpu *v, const struct cpu_state *s)
{
	const struct cpu_msr *m = listed(s, MSR_TSC_DEADLINE);
	struct msr_list l = {.n = 1};

	for (unsigned i = 0; i < v->msrs; i++)
		if (v->msr[i].index == MSR_TSC_DEADLINE) {
			l.e[0].index = MSR_TSC_DEADLINE;
			l.e[0].data = m ? m->data : 0;
			return put_msrs(v, &l);
		}
	return 0;
}
