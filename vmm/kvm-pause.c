/* SPDX-License-Identifier: MIT */
/*
 * The kvm engine while the machine is paused. Device models stand with the
 * machine's clock, but KVM's own clocks run on: each vCPU's time stamp counter,
 * the timer of its LAPIC, and kvmclock. They are looked at when the machine
 * stops and set back to there when it goes on. Linux kernel documentation, "The
 * Definitive KVM API" and "Generic vcpu interface", KVM_VCPU_TSC_CTRL.
 *
 * The TSC is moved by its offset: when it is written, KVM takes what differs by
 * less than a second for an attempt to synchronise CPUs. Kernels before 5.16
 * have no offset to set; there the TSC runs on. A LAPIC timer that expired
 * meanwhile has left its interrupt, and the guest gets another in time.
 */
#include "vmm/kvm.h"

#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

enum {
	MSR_TSC_DEADLINE = 0x6e0,
	LAPIC_TMICT = 0x380,
	LAPIC_TMCCT = 0x390,
};

struct one_msr { /* laid out as struct kvm_msrs */
	uint32_t n, pad;
	struct kvm_msr_entry e;
};

static uint32_t
lapic_get(const struct kvm_lapic_state *l, unsigned at)
{
	uint32_t v;

	memcpy(&v, l->regs + at, sizeof(v));
	return v;
}

static void
stop_vcpu(struct vcpu *v)
{
	struct one_msr m = {.n = 1, .e.index = MSR_TSC_DEADLINE};
	struct kvm_lapic_state l;

	v->stood = (struct kvm_stood){0};
	if (ioctl(v->fd, KVM_GET_LAPIC, &l) == 0) {
		v->stood.initial = lapic_get(&l, LAPIC_TMICT);
		v->stood.current = lapic_get(&l, LAPIC_TMCCT);
	}
	if (ioctl(v->fd, KVM_GET_MSRS, &m) == 1)
		v->stood.deadline = m.e.data;
}

void
kvm_pause(struct engine *e)
{
	struct kvm_clock_data clock;

	e->stood_clock = 0;
	if (ioctl(e->vm, KVM_GET_CLOCK, &clock) == 0)
		e->stood_clock = clock.clock;
	e->stood_tsc = __rdtsc();
	for (unsigned i = 0; i < e->cfg.cpus; i++)
		stop_vcpu(&e->vcpu[i]);
}

/* The guest's TSC runs at the host's rate: nobody asked for another. */
static void
move_tsc(struct vcpu *v, uint64_t back)
{
#ifdef KVM_VCPU_TSC_CTRL
	uint64_t offset = 0;
	struct kvm_device_attr a = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	if (ioctl(v->fd, KVM_GET_DEVICE_ATTR, &a) < 0)
		return;
	offset -= back;
	ioctl(v->fd, KVM_SET_DEVICE_ATTR, &a);
#else
	(void)v;
	(void)back;
#endif
}

/* What other CPUs and devices sent meanwhile stays in the LAPIC. */
static void
start_timer(struct vcpu *v)
{
	struct one_msr m = {.n = 1, .e.index = MSR_TSC_DEADLINE};
	struct kvm_lapic_state l;

	if (v->stood.current && ioctl(v->fd, KVM_GET_LAPIC, &l) == 0 &&
		lapic_get(&l, LAPIC_TMICT) == v->stood.initial) {
		memcpy(l.regs + LAPIC_TMCCT, &v->stood.current,
			sizeof(v->stood.current));
		ioctl(v->fd, KVM_SET_LAPIC, &l);
	}
	m.e.data = v->stood.deadline;
	if (v->stood.deadline)
		ioctl(v->fd, KVM_SET_MSRS, &m);
}

void
kvm_resume(struct engine *e)
{
	struct kvm_clock_data clock = {.clock = e->stood_clock};
	uint64_t back = __rdtsc() - e->stood_tsc;

	for (unsigned i = 0; i < e->cfg.cpus; i++)
		move_tsc(&e->vcpu[i], back);
	if (e->stood_clock)
		ioctl(e->vm, KVM_SET_CLOCK, &clock);
	for (unsigned i = 0; i < e->cfg.cpus; i++)
		start_timer(&e->vcpu[i]);
}
