/* SPDX-License-Identifier: MIT */
/*
 * The kvm engine's run loop: into the guest, out again, and what each exit
 * asks for. Linux kernel documentation, "The Definitive KVM API", section 5.
 *
 * The PIC's interrupt goes in as an injected event when KVM says that the vCPU
 * would take one, not by KVM_INTERRUPT: that parks the vector where no getter
 * shows it, and a machine saved in that moment would lose an interrupt that
 * its PIC has seen acknowledged.
 */
#include "vmm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/*
 * Exits
 */

/* "at rip ..., bytes ...": where the vCPU is, for people. */
static const char *
where(struct vcpu *v, char *buf, size_t n)
{
	struct kvm_translation t = {0};
	struct kvm_regs r = {0};
	struct kvm_sregs s;
	uint8_t b[8];
	int len;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0 ||
		ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return "at an unknown address";
	len = snprintf(buf, n, "at cs %#x rip %#llx", s.cs.selector,
		(unsigned long long)r.rip);
	t.linear_address = s.cs.base + r.rip;
	if (ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid ||
		mem_read(v->engine->cfg.mem, t.physical_address, b, 8) < 0)
		return buf;
	len += snprintf(buf + len, n - (size_t)len, ", bytes");
	for (int i = 0; i < 8; i++)
		len += snprintf(buf + len, n - (size_t)len, " %02x", b[i]);
	return buf;
}

static enum stop
broken(struct vcpu *v, const char *what, uint64_t code)
{
	char buf[128];

	failx(-EIO, "kvm: CPU %u: %s (%#llx) %s", v->index, what,
		(unsigned long long)code, where(v, buf, sizeof(buf)));
	return STOP_ERROR;
}

static enum stop
internal_error(struct vcpu *v)
{
	switch (v->run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return broken(v, "KVM cannot emulate an instruction",
			v->run->internal.suberror);
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return broken(v, "two exceptions at once",
			v->run->internal.ndata ? v->run->internal.data[0] : 0);
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return broken(v, "KVM cannot deliver an event",
			v->run->internal.ndata ? v->run->internal.data[0] : 0);
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return broken(v, "KVM met an exit that it does not know",
			v->run->internal.ndata ? v->run->internal.data[0] : 0);
	default:
		return broken(
			v, "KVM internal error", v->run->internal.suberror);
	}
}

static void
port_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	struct bus *bus = v->engine->cfg.ports;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size;
	uint64_t val = 0;

	if (run->io.count != 1) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write_string(
				bus, run->io.port, size, data, run->io.count);
		else
			bus_read_string(
				bus, run->io.port, size, data, run->io.count);
	} else if (run->io.direction == KVM_EXIT_IO_OUT) {
		memcpy(&val, data, size);
		bus_write(bus, run->io.port, size, val);
	} else {
		val = bus_read(bus, run->io.port, size);
		memcpy(data, &val, size);
	}
}

static void
memory_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	struct bus *bus = v->engine->cfg.mmio;
	uint64_t val = 0;

	if (run->mmio.len < 1 || run->mmio.len > 8)
		return;
	if (run->mmio.is_write) {
		memcpy(&val, run->mmio.data, run->mmio.len);
		bus_write(bus, run->mmio.phys_addr, run->mmio.len, val);
	} else {
		val = bus_read(bus, run->mmio.phys_addr, run->mmio.len);
		memcpy(run->mmio.data, &val, 8);
	}
}

/* Answer an exit. True: run() returns *stop. */
static bool
answer(struct vcpu *v, enum stop *stop)
{
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		port_io(v);
		return false;
	case KVM_EXIT_MMIO:
		memory_io(v);
		return false;
	case KVM_EXIT_IOAPIC_EOI:
		v->engine->cfg.eoi(v->engine->cfg.to, run->eoi.vector);
		return false;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_TPR_ACCESS:
	case KVM_EXIT_HLT: /* not with KVM's LAPIC */
		return false;
	case KVM_EXIT_HYPERCALL: /* none of those that leave KVM is offered */
		run->hypercall.ret = (uint64_t)-1000; /* -KVM_ENOSYS */
		return false;
	case KVM_EXIT_X86_RDMSR: /* not asked for; #GP */
	case KVM_EXIT_X86_WRMSR:
		run->msr.error = 1;
		return false;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_SYSTEM_EVENT:
		v->shut_down = true;
		*stop = STOP_TRIPLE;
		return true;
	case KVM_EXIT_FAIL_ENTRY:
		*stop = broken(v, "the host's CPU refuses to enter the guest",
			run->fail_entry.hardware_entry_failure_reason);
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		*stop = internal_error(v);
		return true;
	case KVM_EXIT_UNKNOWN:
		*stop = broken(v, "unknown hardware exit",
			run->hw.hardware_exit_reason);
		return true;
	default:
		*stop = broken(v, "unknown exit", run->exit_reason);
		return true;
	}
}

/*
 * Running
 */

/* What is pending: left in kvm_run by the exit, where that was asked for
 * (KVM_CAP_SYNC_REGS), which saves two system calls for each interrupt. */
static bool
get_events(struct vcpu *v, struct kvm_vcpu_events *ev)
{
	if (v->run->kvm_valid_regs) {
		*ev = v->run->s.regs.events;
		return true;
	}
	return ioctl(v->fd, KVM_GET_VCPU_EVENTS, ev) == 0;
}

/* With the next KVM_RUN at the latest. */
static void
set_events(struct vcpu *v, const struct kvm_vcpu_events *ev)
{
	if (v->engine->sync) {
		v->run->s.regs.events = *ev;
		v->run->kvm_dirty_regs = KVM_SYNC_X86_EVENTS;
	} else {
		ioctl(v->fd, KVM_SET_VCPU_EVENTS, ev);
	}
}

/* Put the PIC's vector where KVM would put one that it injects itself. Only
 * what is set here changes: an NMI that another CPU sends meanwhile stays. */
static void
inject_extint(struct vcpu *v)
{
	struct engine *e = v->engine;
	struct kvm_mp_state mp;
	struct kvm_vcpu_events ev;

	if (ioctl(v->fd, KVM_GET_MP_STATE, &mp) < 0 || !get_events(v, &ev))
		return;
	if (mp.mp_state != KVM_MP_STATE_RUNNABLE &&
		mp.mp_state != KVM_MP_STATE_HALTED)
		return; /* waits for INIT or SIPI */
	ev.interrupt.injected = 1;
	ev.interrupt.soft = 0;
	ev.interrupt.nr = (uint8_t)e->cfg.pic_ack(e->cfg.to);
	ev.flags = 0;
	set_events(v, &ev);
	if (mp.mp_state == KVM_MP_STATE_HALTED) {
		mp.mp_state = KVM_MP_STATE_RUNNABLE;
		ioctl(v->fd, KVM_SET_MP_STATE, &mp);
	}
}

/* Offer the PIC's interrupt to vCPU 0. False: KVM must first tell whether the
 * vCPU would take it. While one waits, each exit brings the events along. */
static bool
offer_extint(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	bool more;

	run->request_interrupt_window = 0;
	if (v->index || !atomic_load(&v->engine->extint)) {
		run->kvm_valid_regs = 0;
		return true;
	}
	if (!v->settled) {
		run->kvm_valid_regs = v->engine->sync ? KVM_SYNC_X86_EVENTS : 0;
		return false;
	}
	if (run->ready_for_interrupt_injection) {
		inject_extint(v);
		run->ready_for_interrupt_injection = 0;
	}
	more = atomic_load(&v->engine->extint);
	run->kvm_valid_regs = more && v->engine->sync ? KVM_SYNC_X86_EVENTS : 0;
	run->request_interrupt_window = more;
	return true;
}

/* HLT with interrupts off, or waiting for INIT and SIPI: only another CPU or
 * an NMI can wake it. KVM never exits for that, so it is found on a kick. */
bool
kvm_halted(struct vcpu *v)
{
	struct kvm_mp_state mp;
	struct kvm_vcpu_events ev;

	if (ioctl(v->fd, KVM_GET_MP_STATE, &mp) < 0)
		return false;
	if (mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
		mp.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return true;
	if (mp.mp_state != KVM_MP_STATE_HALTED || v->run->if_flag)
		return false;
	return ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ev) == 0 && !ev.nmi.pending &&
	       !ev.nmi.injected && !atomic_load(&v->nmi);
}

static void
enter(struct vcpu *v)
{
	sigset_t set;

	if (!v->left) {
		sigemptyset(&set);
		sigaddset(&set, KVM_KICK_SIGNAL);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	} else if (now_ns() - v->left > 2 * NS_PER_S) {
		/* The guest's watchdogs forgive the pause. */
		ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0);
	}
	atomic_store(&v->tid, gettid());
}

static void
leave(struct vcpu *v)
{
	atomic_store(&v->tid, 0);
	v->left = now_ns();
}

/* One KVM_RUN. 0: an exit to answer, or a -errno. */
static int
run_once(struct vcpu *v, bool at_once)
{
	int r;

	if (at_once)
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	r = ioctl(v->fd, KVM_RUN, 0) < 0 ? -errno : 0;
	v->settled = true;
	atomic_fetch_add_explicit(&v->exits, 1, memory_order_relaxed);
	return r;
}

/* Flags are looked at between clearing immediate_exit and KVM_RUN, and set
 * before it is set: none is missed. A kick leaves through KVM_RUN too, so that
 * the I/O answered last is complete when the state is read. */
enum stop
kvm_run(struct vcpu *v)
{
	enum stop stop = STOP_KICK;
	bool kicked = false;
	int r;

	enter(v);
	for (;;) {
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		kicked |= atomic_exchange(&v->kicked, false);
		if (atomic_exchange(&v->nmi, false))
			ioctl(v->fd, KVM_NMI);
		r = run_once(v, kicked || !offer_extint(v));
		if (r == 0) {
			if (answer(v, &stop))
				break;
		} else if (r == -EINTR && kicked) {
			stop = kvm_halted(v) ? STOP_HALT : STOP_KICK;
			break;
		} else if (r != -EINTR && r != -EAGAIN) {
			stop = broken(v, strerror(-r), (uint64_t)-r);
			break;
		}
	}
	leave(v);
	return stop;
}
