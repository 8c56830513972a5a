/* SPDX-License-Identifier: MIT */
/*
 * Local APIC, version 0x14: xAPIC and x2APIC, one-shot, periodic and
 * TSC-deadline timer, IPIs with INIT and SIPI, EOI broadcast, TPR. Intel SDM
 * vol. 3A chapter "Advanced Programmable Interrupt Controller". Used by the
 * soft engine only.
 *
 * A lapic belongs to one vCPU. Interrupts reach it from any thread; what it
 * wants of the vCPU is a set of request bits that the vCPU thread polls. lapics
 * of one machine share a struct lapic_net, which finds the targets of a
 * message. No lapic holds its lock while it talks to another or to the IOAPIC.
 */
#ifndef DEV_LAPIC_H
#define DEV_LAPIC_H

#include "dev/dev.h"
#include "dev/ioapic.h"

#define APIC_TIMER_HZ 1000000000 /* the timer's input clock, undivided */
#define LAPIC_MAX_ID 254

struct lapic_net;
struct lapic;

enum lapic_want { /* bits of lapic_wants() */
	LAPIC_INTR = 1, /* an interrupt above PPR waits: lapic_ack() */
	LAPIC_EXTINT = 2, /* LINT0 is up in ExtINT mode: ask the PIC */
	LAPIC_NMI = 4,
	LAPIC_INIT = 8,
	LAPIC_SIPI = 16,
	LAPIC_SMI = 32,
};

struct lapic_out {
	/* Wants got another bit: wake the vCPU. Called with locks held, from
	 * any thread: set a flag, kick, return. */
	void (*wake)(void *to);
	/* A level-triggered interrupt ended, EOI broadcast; no locks held. */
	void (*eoi)(void *to, uint8_t vector);
	/* The vCPU's TSC now, from any thread, with the lapic's lock held. */
	uint64_t (*tsc)(void *to);
	uint64_t tsc_hz;
	void *to;
	unsigned phys_bits; /* MAXPHYADDR, for IA32_APIC_BASE; 0: 52 */
};

struct lapic_net *lapic_net_new(void);
void lapic_net_free(struct lapic_net *);
/* Deliver a message-signalled interrupt. From any thread. */
void lapic_net_send(struct lapic_net *, struct msi);
/* The PIC's INTR wire, to LINT0 of every lapic. This is a set function. */
void lapic_net_extint(void *net, unsigned pin, bool level);

/* -ERANGE: id above LAPIC_MAX_ID; -EEXIST: the net has it already. */
int lapic_new(struct lapic **, struct lapic_net *, struct clock *, unsigned id,
	bool bsp, struct lapic_out);
/* Nobody may send to the net meanwhile. */
void lapic_free(struct lapic *);
/* The chip as a device: fields, save, load, reset. Its MMIO is bar 0 (4 KiB).
 */
struct dev *lapic_dev(struct lapic *);
/* init: INIT, which keeps IA32_APIC_BASE, and a SIPI that came after it. The
 * BSP's LINT0 comes up in virtual wire mode (ExtINT), as firmware leaves it. */
void lapic_reset(struct lapic *, bool init);

/* From the vCPU's own thread: */
unsigned lapic_wants(const struct lapic *); /* cheap, lock-free */
int lapic_ack(struct lapic *); /* vector now in service; -1 spurious */
uint8_t lapic_sipi(struct lapic *); /* take a start-up IPI: its vector */
/* Taken: NMI (one; another may wait), INIT, SMI, EXTINT. */
void lapic_take(struct lapic *, enum lapic_want);
/* NMIs are unblocked (IRET). Until then one more NMI is held, after it two:
 * one to be taken at once and one to wait, as if they had come apart. */
void lapic_nmi_done(struct lapic *);
void lapic_nmi(struct lapic *); /* from any thread: raise an NMI */

uint64_t lapic_base(const struct lapic *); /* IA32_APIC_BASE */
int lapic_set_base(struct lapic *, uint64_t v); /* -1: #GP */
/* From saved state: any valid value, whatever the mode before. Restore in the
 * order base, page, IA32_TSC_DEADLINE. -1: not valid. */
int lapic_load_base(struct lapic *, uint64_t v);
uint8_t lapic_cr8(const struct lapic *);
void lapic_set_cr8(struct lapic *, uint8_t v);
/* x2APIC MSRs 0x800..0x8ff and IA32_TSC_DEADLINE; -1: #GP */
int lapic_msr_read(struct lapic *, uint32_t msr, uint64_t *v);
int lapic_msr_write(struct lapic *, uint32_t msr, uint64_t v);
/* The guest set its TSC: a deadline comes earlier or later. */
void lapic_tsc_changed(struct lapic *);
/* MMIO inside the 4 KiB page: 32 bits at a multiple of 16. All ones, and
 * writes are dropped, unless in xAPIC mode. */
uint32_t lapic_mmio_read(struct lapic *, uint32_t off);
void lapic_mmio_write(struct lapic *, uint32_t off, uint32_t v);

/* The register page as in KVM_GET_LAPIC's kvm_lapic_state, 1024 bytes; the id
 * in bits 31:24 in either mode. Setting: -EINVAL if it is another id. */
void lapic_get_page(struct lapic *, uint8_t page[1024]);
int lapic_set_page(struct lapic *, const uint8_t page[1024]);

#endif
