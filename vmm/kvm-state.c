/* SPDX-License-Identifier: MIT */
/*
 * The kvm engine's vCPU state: out of KVM into the canonical struct, and back.
 * Linux kernel documentation, "The Definitive KVM API".
 *
 * Setting keeps an order: system registers first, for they decide the mode and
 * where the LAPIC is; XCR0 before what it governs; the TSC before all that
 * counts by it; the LAPIC before the deadline of its timer; what is pending
 * last.
 *
 * Left out: pending exceptions' payloads (KVM folds them in), nested and SMM
 * state.
 */
#include "vmm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/err.h"

#define CR0_WP 0x10000u
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

int
kvm_failed(struct vcpu *v, const char *verb, const char *what)
{
	return fail(-errno, "kvm: CPU %u: cannot %s %s", v->index, verb, what);
}

/*
 * Registers
 */

static int
get_regs(struct vcpu *v, struct cpu_state *s)
{
	struct kvm_regs r;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0)
		return kvm_failed(v, "get", "registers");
	s->gpr[RAX] = r.rax;
	s->gpr[RCX] = r.rcx;
	s->gpr[RDX] = r.rdx;
	s->gpr[RBX] = r.rbx;
	s->gpr[RSP] = r.rsp;
	s->gpr[RBP] = r.rbp;
	s->gpr[RSI] = r.rsi;
	s->gpr[RDI] = r.rdi;
	memcpy(&s->gpr[R8], &r.r8, 8 * sizeof(r.r8));
	s->rip = r.rip;
	s->rflags = r.rflags;
	return 0;
}

static int
set_regs(struct vcpu *v, const struct cpu_state *s)
{
	struct kvm_regs r = {
		.rax = s->gpr[RAX],
		.rcx = s->gpr[RCX],
		.rdx = s->gpr[RDX],
		.rbx = s->gpr[RBX],
		.rsp = s->gpr[RSP],
		.rbp = s->gpr[RBP],
		.rsi = s->gpr[RSI],
		.rdi = s->gpr[RDI],
		.rip = s->rip,
		.rflags = s->rflags | 2,
	};

	memcpy(&r.r8, &s->gpr[R8], 8 * sizeof(r.r8));
	if (ioctl(v->fd, KVM_SET_REGS, &r) < 0)
		return kvm_failed(v, "set", "registers");
	return 0;
}

static struct kvm_segment *
segment(struct kvm_sregs *r, int i)
{
	switch (i) {
	case SEG_ES:
		return &r->es;
	case SEG_CS:
		return &r->cs;
	case SEG_SS:
		return &r->ss;
	case SEG_DS:
		return &r->ds;
	case SEG_FS:
		return &r->fs;
	case SEG_GS:
		return &r->gs;
	case SEG_LDT:
		return &r->ldt;
	default:
		return &r->tr;
	}
}

static int
get_sregs(struct vcpu *v, struct cpu_state *s)
{
	struct kvm_sregs r;

	if (ioctl(v->fd, KVM_GET_SREGS, &r) < 0)
		return kvm_failed(v, "get", "system registers");
	for (int i = 0; i < SEG_COUNT; i++) {
		const struct kvm_segment *k = segment(&r, i);

		s->seg[i] = (struct cpu_seg){
			.base = k->base,
			.limit = k->limit,
			.sel = k->selector,
			.type = k->type,
			.s = k->s,
			.present = k->present,
			.avl = k->avl,
			.l = k->l,
			.db = k->db,
			.g = k->g,
			.unusable = k->unusable,
			.dpl = k->dpl,
		};
	}
	s->gdt = (struct cpu_dtr){r.gdt.base, r.gdt.limit};
	s->idt = (struct cpu_dtr){r.idt.base, r.idt.limit};
	s->cr0 = r.cr0;
	s->cr2 = r.cr2;
	s->cr3 = r.cr3;
	s->cr4 = r.cr4;
	s->cr8 = r.cr8;
	s->efer = r.efer;
	s->apic_base = r.apic_base;
	return 0;
}

static int
set_sregs(struct vcpu *v, const struct cpu_state *s)
{
	struct kvm_sregs r = {
		.gdt = {.base = s->gdt.base, .limit = s->gdt.limit},
		.idt = {.base = s->idt.base, .limit = s->idt.limit},
		.cr0 = s->cr0,
		.cr2 = s->cr2,
		.cr3 = s->cr3,
		.cr4 = s->cr4,
		.cr8 = s->cr8,
		.efer = s->efer,
		.apic_base = s->apic_base,
	};

	for (int i = 0; i < SEG_COUNT; i++) {
		const struct cpu_seg *c = &s->seg[i];

		*segment(&r, i) = (struct kvm_segment){
			.base = c->base,
			.limit = c->limit,
			.selector = c->sel,
			.type = c->type & 0xf,
			.s = c->s,
			.present = c->present,
			.avl = c->avl,
			.l = c->l,
			.db = c->db,
			.g = c->g,
			.unusable = c->unusable,
			.dpl = c->dpl & 3,
		};
	}
	/* VMX enters with a busy TSS only; SDM vol. 3C 26.3.1.2. */
	if (r.tr.type != 3 && r.tr.type != 11)
		r.tr.type = 11;
	/* After a shutdown, SVM's control block is cleared, and nested paging
	 * gets its root again only when a mode bit changes. Without this, a
	 * vCPU that shut down in real mode faults for ever. */
	if (v->shut_down) {
		r.cr0 ^= CR0_WP;
		if (ioctl(v->fd, KVM_SET_SREGS, &r) < 0)
			return kvm_failed(v, "set", "system registers");
		r.cr0 ^= CR0_WP;
	}
	if (ioctl(v->fd, KVM_SET_SREGS, &r) < 0)
		return kvm_failed(v, "set", "system registers");
	v->shut_down = false;
	return 0;
}

static int
get_fpu(struct vcpu *v, struct cpu_state *s)
{
	struct kvm_xcrs xcrs;
	struct kvm_xsave x;

	_Static_assert(sizeof(x.region) == CPU_XSAVE, "one page");
	if (ioctl(v->fd, KVM_GET_XCRS, &xcrs) < 0)
		return kvm_failed(v, "get", "XCR0");
	s->xcr0 = xcrs.nr_xcrs ? xcrs.xcrs[0].value : 1;
	if (ioctl(v->fd, KVM_GET_XSAVE, &x) < 0)
		return kvm_failed(v, "get", "FPU state");
	memcpy(s->xsave, x.region, CPU_XSAVE);
	return 0;
}

static int
set_fpu(struct vcpu *v, const struct cpu_state *s)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1};
	struct kvm_xsave x;

	xcrs.xcrs[0].value = s->xcr0 ? s->xcr0 : 1;
	if (ioctl(v->fd, KVM_SET_XCRS, &xcrs) < 0)
		return kvm_failed(v, "set", "XCR0");
	memcpy(x.region, s->xsave, CPU_XSAVE);
	if (ioctl(v->fd, KVM_SET_XSAVE, &x) < 0)
		return kvm_failed(v, "set", "FPU state");
	return 0;
}

static int
get_debug(struct vcpu *v, struct cpu_state *s)
{
	struct kvm_debugregs d;

	if (ioctl(v->fd, KVM_GET_DEBUGREGS, &d) < 0)
		return kvm_failed(v, "get", "debug registers");
	memset(s->dr, 0, sizeof(s->dr));
	for (int i = 0; i < 4; i++)
		s->dr[i] = d.db[i];
	s->dr[6] = d.dr6;
	s->dr[7] = d.dr7;
	return 0;
}

static int
set_debug(struct vcpu *v, const struct cpu_state *s)
{
	struct kvm_debugregs d = {.dr6 = s->dr[6], .dr7 = s->dr[7]};

	for (int i = 0; i < 4; i++)
		d.db[i] = s->dr[i];
	if (ioctl(v->fd, KVM_SET_DEBUGREGS, &d) < 0)
		return kvm_failed(v, "set", "debug registers");
	return 0;
}

/*
 * LAPIC, MP state and events
 */

static int
get_lapic(struct vcpu *v, struct cpu_state *s)
{
	struct kvm_lapic_state l;

	_Static_assert(sizeof(l.regs) == sizeof(s->lapic), "1 KiB");
	if (ioctl(v->fd, KVM_GET_LAPIC, &l) < 0)
		return kvm_failed(v, "get", "the LAPIC");
	memcpy(s->lapic, l.regs, sizeof(s->lapic));
	return 0;
}

static void
lapic_word(struct kvm_lapic_state *l, unsigned at, uint32_t val)
{
	memcpy(l->regs + at, &val, sizeof(val));
}

/* SDM vol. 3A 11.4.7.1, and LINT0 passing the PIC's interrupt to the first
 * CPU, as firmware leaves it: kernels booted without firmware count on it. */
static void
fresh_lapic(struct vcpu *v, struct kvm_lapic_state *l)
{
	memset(l, 0, sizeof(*l));
	lapic_word(l, 0x20, v->index << 24);
	lapic_word(l, 0x30, 0x50014);
	lapic_word(l, 0xe0, 0xffffffff);
	lapic_word(l, 0xf0, 0xff);
	for (unsigned lvt = 0x320; lvt <= 0x370; lvt += 0x10)
		lapic_word(l, lvt, 0x10000);
	if (v->index == 0)
		lapic_word(l, 0x350, 0x700);
}

/* A state without a LAPIC (version 0) asks for a new one. */
static int
set_lapic(struct vcpu *v, const struct cpu_state *s)
{
	struct kvm_lapic_state l;

	memcpy(l.regs, s->lapic, sizeof(l.regs));
	if (!s->lapic[0x30])
		fresh_lapic(v, &l);
	if (ioctl(v->fd, KVM_SET_LAPIC, &l) < 0)
		return kvm_failed(v, "set", "the LAPIC");
	return 0;
}

static int
get_events(struct vcpu *v, struct cpu_state *s)
{
	struct kvm_mp_state mp;
	struct kvm_vcpu_events e;

	/* Works off what INIT and SIPI have left pending, so it goes first. */
	if (ioctl(v->fd, KVM_GET_MP_STATE, &mp) < 0)
		return kvm_failed(v, "get", "the MP state");
	if (ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e) < 0)
		return kvm_failed(v, "get", "events");
	s->mp = mp.mp_state;
	s->sipi_vector = e.sipi_vector;
	s->exc_injected = e.exception.injected;
	s->exc_pending = e.exception.pending && !e.exception.injected;
	s->exc_vector = e.exception.nr;
	s->exc_has_error = e.exception.has_error_code;
	s->exc_error = e.exception.error_code;
	s->int_injected = e.interrupt.injected;
	s->int_soft = e.interrupt.soft;
	s->int_vector = e.interrupt.nr;
	s->int_shadow = e.interrupt.shadow;
	s->nmi_injected = e.nmi.injected;
	s->nmi_pending = e.nmi.pending;
	s->nmi_masked = e.nmi.masked;
	return 0;
}

/* The kind of shadow is not kept. VMX wants none beside an injected event, and
 * that of STI only with interrupts on: SDM vol. 3C 26.3.1.5. */
static uint8_t
shadow(const struct cpu_state *s)
{
	if (!s->int_shadow || s->exc_injected || s->exc_pending ||
		s->int_injected || s->nmi_injected)
		return 0;
	return s->rflags & 0x200 ? KVM_X86_SHADOW_INT_STI
				 : KVM_X86_SHADOW_INT_MOV_SS;
}

static int
set_events(struct vcpu *v, const struct cpu_state *s)
{
	struct kvm_mp_state mp = {.mp_state = s->mp};
	struct kvm_vcpu_events e = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
			 KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			 KVM_VCPUEVENT_VALID_SHADOW,
		.sipi_vector = s->sipi_vector,
	};

	e.exception.injected = s->exc_injected || s->exc_pending;
	e.exception.nr = s->exc_vector;
	e.exception.has_error_code = s->exc_has_error;
	e.exception.error_code = s->exc_error;
	e.interrupt.injected = s->int_injected;
	e.interrupt.soft = s->int_soft;
	e.interrupt.nr = s->int_vector;
	e.interrupt.shadow = shadow(s);
	e.nmi.injected = s->nmi_injected;
	e.nmi.pending = s->nmi_pending;
	e.nmi.masked = s->nmi_masked;
	if (ioctl(v->fd, KVM_SET_MP_STATE, &mp) < 0)
		return kvm_failed(v, "set", "the MP state");
	if (ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e) < 0)
		return kvm_failed(v, "set", "events");
	return 0;
}

int
kvm_state_get(struct vcpu *v, struct cpu_state *s)
{
	int (*const step[])(struct vcpu *, struct cpu_state *) = {get_events,
		get_regs, get_sregs, get_fpu, get_debug, kvm_msrs_get,
		get_lapic};
	int r = 0;

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < COUNT(step) && r == 0; i++)
		r = step[i](v, s);
	return r;
}

int
kvm_state_set(struct vcpu *v, const struct cpu_state *s)
{
	int (*const step[])(struct vcpu *, const struct cpu_state *) = {
		set_sregs, set_regs, set_fpu, set_debug, kvm_msrs_set,
		set_lapic, kvm_msrs_set_deadline, set_events};
	int r = 0;

	for (size_t i = 0; i < COUNT(step) && r == 0; i++)
		r = step[i](v, s);
	return r;
}
