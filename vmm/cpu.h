/* SPDX-License-Identifier: MIT */
/*
 * The state of one virtual CPU, canonical: what both engines save and load.
 * Shaped like kvm_regs, kvm_sregs, kvm_xsave, MSRs and kvm_vcpu_events, but
 * free of kernel headers.
 */
#ifndef VMM_CPU_H
#define VMM_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15
};
enum {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_LDT,
	SEG_TR,
	SEG_COUNT
};

struct cpu_seg {
	uint64_t base;
	uint32_t limit; /* in bytes, granularity applied */
	uint16_t sel;
	uint8_t type; /* 4 bits, as in the descriptor */
	bool s, present, avl, l, db, g, unusable;
	uint8_t dpl;
};

struct cpu_dtr {
	uint64_t base;
	uint16_t limit;
};

struct cpu_msr {
	uint32_t index;
	uint64_t data;
};

#define CPU_MSRS 64
#define CPU_XSAVE 4096

enum cpu_mp {
	CPU_RUNNABLE,
	CPU_UNINITIALIZED,
	CPU_INIT_RECEIVED,
	CPU_HALTED,
	CPU_SIPI_RECEIVED
}; /* values of KVM_MP_STATE_* */

struct cpu_state {
	uint64_t gpr[16], rip, rflags;
	struct cpu_seg seg[SEG_COUNT];
	struct cpu_dtr gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
	uint64_t dr[8]; /* 4 and 5 unused */
	uint64_t xcr0;
	uint8_t xsave[CPU_XSAVE]; /* standard format, SDM vol. 1 ch. 13 */
	struct cpu_msr msr[CPU_MSRS];
	unsigned msrs;
	uint8_t lapic[1024]; /* as kvm_lapic_state */
	uint32_t mp; /* enum cpu_mp */
	uint32_t sipi_vector;
	/* events */
	bool exc_pending, exc_injected, exc_has_error;
	uint8_t exc_vector;
	uint32_t exc_error;
	bool int_injected, int_soft, int_shadow;
	uint8_t int_vector;
	bool nmi_injected, nmi_pending, nmi_masked;
};

/* State after RESET (SDM vol. 3A, table "IA-32 Processor States"): CS
 * f000:fff0 with base 0xffff0000, everything else as listed there. */
void cpu_reset(struct cpu_state *, bool bsp);
/* Set or append an MSR. */
void cpu_set_msr(struct cpu_state *, uint32_t index, uint64_t data);
bool cpu_get_msr(const struct cpu_state *, uint32_t index, uint64_t *data);
/* Several lines for people: registers, segments, control registers. Returns
 * the length; never more than n - 1. */
int cpu_print(const struct cpu_state *, char *buf, int n);

#endif
