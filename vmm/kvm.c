/* SPDX-License-Identifier: MIT */
/*
 * The kvm engine: a VM, its memory, its wires and its vCPUs. Linux kernel
 * documentation, "The Definitive KVM API".
 *
 * The local APICs are KVM's (split irqchip); PIC, IOAPIC and PIT are the same
 * device models that the soft engine drives. Left out: coalesced MMIO, SMM,
 * nested guests, more than 254 CPUs.
 */
#include "vmm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/probe.h"

#define MAX_CPUS 254 /* 8-bit APIC IDs */

/* Three pages that Intel CPUs without "unrestricted guest" need for real mode,
 * and one for its page table; between the LAPIC and the firmware. */
#define TSS_ADDR 0xfeffd000u
#define IDENTITY_ADDR 0xfeffc000u

/*
 * Open and close
 */

static void
on_kick(int sig)
{
	(void)sig;
}

/* SA_RESTART: a device's system call in a vCPU thread does not see the kick;
 * KVM_RUN returns EINTR all the same. */
static int
catch_kicks(void)
{
	struct sigaction sa = {.sa_flags = SA_RESTART | SA_ONSTACK};

	sa.sa_handler = on_kick;
	sigemptyset(&sa.sa_mask);
	if (sigaction(KVM_KICK_SIGNAL, &sa, NULL) < 0)
		return fail(-errno, "cannot catch signal %d", KVM_KICK_SIGNAL);
	return 0;
}

/* KVM's slots are the pieces of memory. One that shows another thing is made
 * anew, since KVM moves none and makes none read-only; in between, other vCPUs
 * find nothing there, and the bus answers. */
static int
set_slot(struct engine *e, unsigned n)
{
	const struct mem_slot *s = mem_piece(e->cfg.mem, n);
	struct kvm_userspace_memory_region r = {.slot = n};

	if (e->mapped & 1ull << n) {
		ioctl(e->vm, KVM_SET_USER_MEMORY_REGION, &r);
		e->mapped &= ~(1ull << n);
	}
	if (!s)
		return 0;
	r.flags = s->rom ? KVM_MEM_READONLY : 0;
	r.guest_phys_addr = s->gpa;
	r.memory_size = s->size;
	r.userspace_addr = (uintptr_t)s->host;
	if (ioctl(e->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
		return fail(-errno, "kvm: cannot map %#llx bytes at %#llx",
			(unsigned long long)s->size,
			(unsigned long long)s->gpa);
	e->mapped |= 1ull << n;
	return 0;
}

/* In a device's access, or while all are parked. */
static void
remapped(void *to, unsigned n, uint64_t gpa, uint64_t len)
{
	struct engine *e = to;

	(void)gpa, (void)len;
	pthread_mutex_lock(&e->memory);
	if (set_slot(e, n) < 0)
		log_say(e->cfg.log, LEVEL_ERROR, "%s", fail_text());
	pthread_mutex_unlock(&e->memory);
}

static int
enable_cap(int fd, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap c = {.cap = cap, .args = {arg}};

	return ioctl(fd, KVM_ENABLE_CAP, &c) < 0 ? -errno : 0;
}

static int
check_caps(int kvm, unsigned cpus)
{
	static const struct {
		int cap;
		const char *name;
	} needed[] = {
		{KVM_CAP_SPLIT_IRQCHIP, "split irqchip"},
		{KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
		{KVM_CAP_SIGNAL_MSI, "MSI signalling"},
		{KVM_CAP_READONLY_MEM, "read-only memory"},
		{KVM_CAP_XSAVE, "XSAVE"},
		{KVM_CAP_XCRS, "extended control registers"},
		{KVM_CAP_MP_STATE, "MP state"},
		{KVM_CAP_VCPU_EVENTS, "vCPU events"},
		{KVM_CAP_DEBUGREGS, "debug registers"},
	};
	int max;

	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return failx(-EPROTO, "kvm: unknown API version");
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			return failx(-ENOTSUP,
				"kvm: this kernel's KVM has no %s",
				needed[i].name);
	max = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (max <= 0 || max > MAX_CPUS)
		max = max <= 0 ? 4 : MAX_CPUS; /* 4: said the documentation */
	if (!cpus || cpus > (unsigned)max)
		return failx(-EINVAL, "kvm: %u CPUs: from 1 to %d are possible",
			cpus, max);
	return 0;
}

static int
create_vm(struct engine *e, int kvm)
{
	uint64_t identity = IDENTITY_ADDR;
	int r;

	do
		e->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	while (e->vm < 0 && errno == EINTR);
	if (e->vm < 0)
		return fail(-errno, "kvm: cannot create a VM");
	r = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
	e->sync = r > 0 && r & KVM_SYNC_X86_EVENTS;
	/* AMD needs neither, old Intel CPUs need both. */
	if (ioctl(e->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
		ioctl(e->vm, KVM_SET_TSS_ADDR, (unsigned long)TSS_ADDR) < 0)
		return fail(-errno, "kvm: cannot place the TSS");
	r = enable_cap(e->vm, KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS);
	if (r < 0)
		return fail(r, "kvm: cannot enable the split irqchip");
#ifdef KVM_CAP_PMU_CAPABILITY
	/* CPUID shows no PMU; where the kernel can, there is none. */
	enable_cap(e->vm, KVM_CAP_PMU_CAPABILITY, KVM_PMU_CAP_DISABLE);
#endif
	return 0;
}

static int
setup_vm(struct engine *e, int kvm)
{
	int r;

	if ((r = check_caps(kvm, e->cfg.cpus)) < 0 ||
		(r = create_vm(e, kvm)) < 0)
		return r;
	r = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run))
		return failx(-EPROTO, "kvm: strange vCPU mapping size %d", r);
	e->run_size = (size_t)r;
	r = ioctl(e->vm, KVM_GET_TSC_KHZ, 0); /* since Linux 5.16 */
	e->tsc_khz = r > 0 ? (uint64_t)r : 0;
	for (unsigned i = 0; i < mem_pieces(e->cfg.mem); i++)
		if ((r = set_slot(e, i)) < 0)
			return r;
	mem_on_remap(e->cfg.mem, remapped, e);
	return kvm_cpuid_get(&e->cpuid, kvm, e->cfg.cpus, e->tsc_khz);
}

static void
engine_close(struct engine *e)
{
	mem_on_remap(e->cfg.mem, NULL, NULL);
	for (unsigned i = 0; e->vcpu && i < e->cfg.cpus; i++) {
		struct vcpu *v = &e->vcpu[i];

		if (v->run)
			munmap(v->run, e->run_size);
		if (v->fd >= 0)
			close(v->fd);
	}
	if (e->vm >= 0)
		close(e->vm);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->memory);
	free(e->vcpu);
	free(e);
}

static int
engine_open(struct engine **to, const struct engine_config *cfg)
{
	const char *path = probe_device();
	struct engine *e;
	int kvm, r;

	if (cfg->icount)
		return failx(-ENOTSUP,
			"kvm: cannot count instructions; accel=soft can");
	kvm = open(path, O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return fail(-errno, "%s: cannot open", path);
	e = calloc(1, sizeof(*e));
	if (!e) {
		close(kvm);
		return fail(-ENOMEM, "kvm: cannot open");
	}
	e->cfg = *cfg;
	e->vm = -1;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->memory, NULL);
	if ((r = catch_kicks()) < 0 || (r = setup_vm(e, kvm)) < 0)
		goto out;
	e->vcpu = calloc(cfg->cpus, sizeof(*e->vcpu));
	if (!e->vcpu) {
		r = fail(-ENOMEM, "kvm: cannot open");
		goto out;
	}
	for (unsigned i = 0; i < cfg->cpus; i++)
		e->vcpu[i].fd = -1;
	*to = e;
out:
	close(kvm); /* nothing needs the device any more */
	if (r < 0)
		engine_close(e);
	return r;
}

static int
vcpu_open(struct engine *e, unsigned index, struct vcpu **to)
{
	struct kvm_cpuid_table cpuid = e->cpuid;
	uint64_t mce = 10 | 1 << 8; /* banks, MCG_CTL: what others give */
	struct vcpu *v;
	int r;

	if (index >= e->cfg.cpus || e->vcpu[index].fd >= 0)
		return failx(-EINVAL, "kvm: no such CPU: %u", index);
	v = &e->vcpu[index];
	v->engine = e;
	v->index = index;
	v->fd = ioctl(e->vm, KVM_CREATE_VCPU, (unsigned long)index);
	if (v->fd < 0)
		return fail(-errno, "kvm: cannot create CPU %u", index);
	v->run = mmap(NULL, e->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return fail(-errno, "kvm: cannot map CPU %u", index);
	}
	r = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	if (r > 0 && !e->tsc_khz)
		e->tsc_khz = (uint64_t)r;
	kvm_cpuid_for(&cpuid, index);
	if (ioctl(v->fd, KVM_SET_CPUID2, &cpuid) < 0)
		return fail(-errno, "kvm: cannot set CPUID of CPU %u", index);
	ioctl(v->fd, KVM_X86_SETUP_MCE, &mce); /* no loss without */
	if ((r = kvm_msrs_init(v)) < 0)
		return r;
	*to = v;
	return 0;
}

static int
vcpu_get(struct vcpu *v, struct cpu_state *s)
{
	if (atomic_exchange(&v->nmi, false))
		ioctl(v->fd, KVM_NMI);
	return kvm_state_get(v, s);
}

static int
vcpu_set(struct vcpu *v, const struct cpu_state *s)
{
	v->settled = false;
	v->run->kvm_valid_regs = 0;
	atomic_store(&v->nmi, false);
	return kvm_state_set(v, s);
}

/*
 * Wires
 */

static int
engine_map(struct engine *e, const struct mem_slot *s)
{
	for (unsigned n = 0; n < mem_pieces(e->cfg.mem); n++)
		if (mem_piece(e->cfg.mem, n) == s)
			return set_slot(e, n);
	return failx(-EINVAL, "kvm: no such memory");
}

/* RAM is a shared mapping of a file, so the page keeps its contents while all
 * who map it, KVM's second-level page tables too, must fault it in again. */
static void
engine_flush(struct engine *e, uint64_t gpa)
{
	const struct mem_slot *s = mem_find(e->cfg.mem, gpa);

	if (s && !s->rom)
		madvise(s->host + ((gpa - s->gpa) & ~0xfffull), 0x1000,
			MADV_DONTNEED);
}

static void
engine_msi(struct engine *e, struct msi msi)
{
	struct kvm_msi m = {
		.address_lo = (uint32_t)msi.addr,
		.address_hi = (uint32_t)(msi.addr >> 32),
		.data = msi.data,
	};

	/* > 0 delivered, 0 masked by the guest, < 0 senseless: the guest's
	 * business all three. */
	ioctl(e->vm, KVM_SIGNAL_MSI, &m);
}

static void
set_routes(struct engine *e)
{
	struct kvm_routes r = {0};

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		struct kvm_irq_routing_entry *to = &r.entries[r.nr];
		const struct msi *m = &e->route[pin];

		if (!m->addr)
			continue;
		to->gsi = pin;
		to->type = KVM_IRQ_ROUTING_MSI;
		to->u.msi.address_lo = (uint32_t)m->addr;
		to->u.msi.address_hi = (uint32_t)(m->addr >> 32);
		to->u.msi.data = m->data;
		r.nr++;
	}
	if (ioctl(e->vm, KVM_SET_GSI_ROUTING, &r) < 0)
		log_say(e->cfg.log, LEVEL_WARN,
			"kvm: cannot set interrupt routes: %s",
			strerror(errno));
}

/* The table only tells KVM whose EOIs we want to hear of; messages go by
 * engine_msi(). A pin that is masked keeps its route: its last interrupt may
 * still be in service, and masking around each interrupt costs nothing. */
static void
engine_route(struct engine *e, unsigned pin, struct msi m, bool masked)
{
	struct msi *old;

	if (pin >= IOAPIC_PINS || (m.data & 0xff) < 16)
		return;
	old = &e->route[pin];
	pthread_mutex_lock(&e->lock);
	if (!(masked && old->addr) &&
		(old->addr != m.addr || old->data != m.data)) {
		*old = m;
		set_routes(e);
	}
	pthread_mutex_unlock(&e->lock);
}

static int
engine_doorbell(struct engine *e, int fd, bool port, uint64_t addr,
	unsigned size, uint64_t val, bool add)
{
	struct kvm_ioeventfd d = {
		.datamatch = val,
		.addr = addr,
		.len = size,
		.fd = fd,
		.flags = (port ? KVM_IOEVENTFD_FLAG_PIO : 0u) |
			 (size ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
			 (add ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	if (ioctl(e->vm, KVM_IOEVENTFD, &d) == 0)
		return 0;
	return fail(errno == EINVAL ? -ENOTSUP : -errno,
		"kvm: doorbell at %#llx", (unsigned long long)addr);
}

static uint64_t
engine_tsc_hz(struct engine *e)
{
	return e->tsc_khz * 1000;
}

/* Make the vCPU's thread look at its flags, which the caller has set before.
 * If it is about to enter KVM_RUN, immediate_exit turns it back; if it is
 * inside, the signal gets it out; if it is in neither, run() looks first. */
static void
poke(struct vcpu *v)
{
	pid_t tid;

	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	tid = atomic_load(&v->tid);
	if (tid && tid != gettid())
		syscall(SYS_tgkill, getpid(), tid, KVM_KICK_SIGNAL);
}

static void
vcpu_kick(struct vcpu *v)
{
	atomic_store(&v->kicked, true);
	poke(v);
}

/* KVM_NMI would wait until the vCPU leaves KVM_RUN: its own thread does it. */
static void
vcpu_nmi(struct vcpu *v)
{
	atomic_store(&v->nmi, true);
	poke(v);
}

static void
engine_extint(struct engine *e, bool level)
{
	struct vcpu *v = &e->vcpu[0];

	if (atomic_exchange(&e->extint, level) != level && level && v->fd >= 0)
		poke(v);
}

static uint64_t
vcpu_count(const struct vcpu *v)
{
	return atomic_load_explicit(&v->exits, memory_order_relaxed);
}

const struct engine_ops engine_kvm = {
	.name = "kvm",
	.open = engine_open,
	.close = engine_close,
	.map = engine_map,
	.flush = engine_flush,
	.msi = engine_msi,
	.extint = engine_extint,
	.route = engine_route,
	.doorbell = engine_doorbell,
	.tsc_hz = engine_tsc_hz,
	.pause = kvm_pause,
	.resume = kvm_resume,
	.vcpu_open = vcpu_open,
	.run = kvm_run,
	.kick = vcpu_kick,
	.nmi = vcpu_nmi,
	.halted = kvm_halted,
	.get = vcpu_get,
	.set = vcpu_set,
	.count = vcpu_count,
};
