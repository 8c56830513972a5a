/* SPDX-License-Identifier: MIT */
/*
 * The kvm engine, inside: what its files share. kvm.c opens it and holds its
 * wires, kvm-run.c runs it, kvm-state.c and kvm-msr.c move the canonical CPU
 * state in and out, kvm-pause.c stops its clocks, kvm-cpuid.c decides what
 * CPUID says.
 *
 * Once the engine and its vCPUs are open, these system calls serve it: ioctl
 * (KVM_RUN, KVM_SIGNAL_MSI, KVM_NMI, KVM_SET_GSI_ROUTING, KVM_IOEVENTFD,
 * KVM_SET_USER_MEMORY_REGION, KVM_KVMCLOCK_CTRL, KVM_TRANSLATE, KVM_GET_CLOCK,
 * KVM_SET_CLOCK, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR, and the getters and
 * setters of kvm-state.c), madvise, tgkill, gettid and rt_sigprocmask.
 */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <linux/kvm.h>
#include <signal.h>
#include <stdatomic.h>

#include "vmm/engine.h"

/* Gets a vCPU's thread out of KVM_RUN. The handler does nothing. */
#define KVM_KICK_SIGNAL SIGRTMIN

/* Not an MSR: the VM's kvmclock in nanoseconds, kept in vCPU 0's list. */
#define KVM_PSEUDO_MSR_CLOCK 0x4b564dffu

#define KVM_CPUID_MAX 128

struct kvm_cpuid_table { /* laid out as struct kvm_cpuid2 */
	uint32_t nent, padding;
	struct kvm_cpuid_entry2 entries[KVM_CPUID_MAX];
};

struct kvm_routes { /* laid out as struct kvm_irq_routing */
	uint32_t nr, flags;
	struct kvm_irq_routing_entry entries[IOAPIC_PINS];
};

struct kvm_stood { /* a vCPU's clocks when the machine stopped */
	uint64_t deadline; /* of the LAPIC's timer, in TSC; 0: none */
	uint32_t initial, current; /* or its counts */
};

struct vcpu {
	struct engine *engine;
	unsigned index;
	int fd;
	struct kvm_run *run;
	_Atomic(pid_t) tid; /* the thread inside run(); 0: none */
	atomic_bool kicked; /* kick() was called */
	atomic_bool nmi; /* nmi() was called */
	bool settled; /* ready_for_interrupt_injection is true now */
	bool shut_down; /* by a triple fault; until set() */
	int64_t left; /* ns, when run() last returned; 0: never */
	struct kvm_stood stood;
	atomic_ullong exits;
	unsigned msrs; /* MSRs that this KVM knows, as a new vCPU */
	struct cpu_msr msr[CPU_MSRS]; /* has them */
};

struct engine {
	struct engine_config cfg;
	int vm;
	size_t run_size; /* bytes to map of a vCPU */
	uint64_t tsc_khz;
	bool sync; /* kvm_run carries events, both ways */
	uint64_t mapped; /* memory slots in use, a bit each */
	pthread_mutex_t memory; /* of mapped */
	atomic_bool extint; /* the PIC's wire */
	uint64_t stood_clock, stood_tsc; /* kvmclock and the host's TSC then */
	pthread_mutex_t lock; /* of routes */
	struct msi route[IOAPIC_PINS];
	struct kvm_cpuid_table cpuid; /* as vCPU 0 sees it */
	struct vcpu *vcpu; /* cfg.cpus of them; fd < 0: not open */
};

/* What this KVM offers, through the filter, for a machine of cpus CPUs whose
 * TSC runs at tsc_khz (0: unknown). kvm: the open device. */
int kvm_cpuid_get(
	struct kvm_cpuid_table *, int kvm, unsigned cpus, uint64_t tsc_khz);
/* The same from a table that the caller made; for tests. */
void kvm_cpuid_filter(struct kvm_cpuid_table *out,
	const struct kvm_cpuid_entry2 *in, unsigned n, unsigned cpus,
	uint64_t tsc_khz, bool deadline);
/* As the vCPU with this APIC ID sees it. */
void kvm_cpuid_for(struct kvm_cpuid_table *, unsigned apic_id);

enum stop kvm_run(struct vcpu *);
void kvm_pause(struct engine *);
void kvm_resume(struct engine *);
bool kvm_halted(struct vcpu *);

/* Learn which MSRs there are; after KVM_SET_CPUID2. */
int kvm_msrs_init(struct vcpu *);
int kvm_msrs_get(struct vcpu *, struct cpu_state *);
/* All but the deadline of the LAPIC's timer, which must follow the LAPIC. */
int kvm_msrs_set(struct vcpu *, const struct cpu_state *);
int kvm_msrs_set_deadline(struct vcpu *, const struct cpu_state *);
int kvm_state_get(struct vcpu *, struct cpu_state *);
int kvm_state_set(struct vcpu *, const struct cpu_state *);
/* "kvm: CPU n: cannot VERB WHAT: " and errno's sentence, which is returned. */
int kvm_failed(struct vcpu *, const char *verb, const char *what);

#endif
