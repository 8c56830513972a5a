/* SPDX-License-Identifier: MIT */
/*
 * What the files of the local APIC share. Functions here want l->m held,
 * except lapic_net_ipi(), which wants no lapic's lock held.
 */
#ifndef DEV_LAPIC_INT_H
#define DEV_LAPIC_INT_H

#include <stdatomic.h>

#include "dev/lapic.h"

#define BASE_BSP (1u << 8)
#define BASE_EXTD (1u << 10)
#define BASE_EN (1u << 11)

#define SVR_ENABLE (1u << 8)
#define SVR_NO_EOI (1u << 12) /* suppress EOI broadcasts */

enum {
	LVT_TIMER,
	LVT_THERMAL,
	LVT_PERF,
	LVT_LINT0,
	LVT_LINT1,
	LVT_ERROR,
	LVTS
};

/* Registers: the offset divided by 16, which is the MSR less 0x800. */
enum {
	R_ID = 0x02,
	R_VERSION,
	R_TPR = 0x08,
	R_APR,
	R_PPR,
	R_EOI,
	R_RRD,
	R_LDR,
	R_DFR,
	R_SVR,
	R_ISR = 0x10,
	R_TMR = 0x18,
	R_IRR = 0x20,
	R_ESR = 0x28,
	R_ICR = 0x30,
	R_ICR2,
	R_LVT,
	R_TMICT = 0x38,
	R_TMCCT,
	R_TDCR = 0x3e,
	R_SELF = 0x3f,
};

#define ICR_BITS 0xccfffu /* those that are not reserved, in 31:0 */
#define SVR_BITS (0x3ffu | SVR_NO_EOI)

#define LVT_RIRR (1u << 14)
#define LVT_LEVEL (1u << 15)
#define LVT_MASKED (1u << 16)

enum {
	DM_FIXED,
	DM_LOWEST,
	DM_SMI,
	DM_RESERVED,
	DM_NMI,
	DM_INIT,
	DM_SIPI,
	DM_EXTINT
};

#define ERR_SEND_VECTOR (1u << 5)
#define ERR_RECV_VECTOR (1u << 6)
#define ERR_ADDRESS (1u << 7)

struct lapic_regs {
	uint64_t base, icr;
	uint64_t deadline; /* TSC deadline; 0: disarmed */
	uint64_t elapsed; /* ns since the period began, brought up to date
			   * when saved */
	uint32_t irr[8], isr[8], tmr[8], lvt[LVTS];
	uint32_t tpr, ldr, dfr, svr;
	uint32_t esr, errors; /* as read; logged since the last write */
	uint32_t tmict, tdcr;
	uint8_t counting; /* the count has not reached 0 for good */
	uint8_t line; /* LINT0 */
	uint8_t extint; /* an ExtINT message, until LINT0 falls */
	uint8_t nmis, nmi_busy, init, smi;
	uint8_t sipi, sipi_vector;
	uint8_t spare[7]; /* always 0 */
};

struct lapic {
	struct dev dev;
	struct lapic_regs r;
	pthread_mutex_t m; /* not dev.lock: that is held by the bus while an
			    * IPI goes out to other lapics */
	_Atomic unsigned wants;
	struct lapic_net *net;
	struct clock *clock;
	struct timer timer;
	int64_t began; /* when the period began */
	int64_t fired; /* when the host timer last did */
	struct lapic_out out;
	unsigned id;
	bool bsp;
};

/* A message on its way: ICR, MSI and shorthands come down to this. */
struct ipi {
	uint32_t dest;
	uint8_t vector, mode;
	bool logical, x2; /* x2: dest has 32 bits */
	bool lowest; /* one target only */
	bool level; /* trigger mode */
	bool deassert; /* INIT level de-assert: nothing happens */
	uint8_t shorthand; /* 0 none, 1 self, 2 all, 3 all but self */
};

static inline bool
lapic_on(const struct lapic *l)
{
	return l->r.base & BASE_EN;
}

static inline bool
lapic_x2(const struct lapic *l)
{
	return l->r.base & BASE_EXTD;
}

static inline void
lapic_lock(struct lapic *l)
{
	pthread_mutex_lock(&l->m);
}

static inline void
lapic_unlock(struct lapic *l)
{
	pthread_mutex_unlock(&l->m);
}

/* lapic.c */
void lapic_update(struct lapic *); /* what follows from registers: wants */
unsigned lapic_ppr(const struct lapic *);
void lapic_error(struct lapic *, uint32_t bit);
void lapic_accept(struct lapic *, unsigned vector, bool level);
void lapic_message(struct lapic *, const struct ipi *);
void lapic_local(struct lapic *, unsigned lvt); /* its source fired */
void lapic_line(struct lapic *, bool level);
int lapic_eoi(struct lapic *); /* the vector to broadcast, or -1 */
uint32_t lapic_x2_ldr(const struct lapic *);

/* lapic-net.c */
int lapic_net_join(struct lapic_net *, struct lapic *);
void lapic_net_leave(struct lapic_net *, struct lapic *);
void lapic_net_ipi(struct lapic_net *, struct lapic *from, struct ipi);

/* lapic-timer.c */
void lapic_timer_init(struct lapic *);
void lapic_timer_run(struct lapic *); /* do what is due by now */
void lapic_timer_plan(struct lapic *); /* arm for what comes next */
uint32_t lapic_timer_count(struct lapic *);
void lapic_timer_set(struct lapic *, uint32_t initial, uint32_t current);
void lapic_timer_divide(struct lapic *, uint32_t tdcr);
void lapic_timer_mode(struct lapic *, uint32_t lvt);
uint64_t lapic_timer_deadline(struct lapic *);
void lapic_timer_set_deadline(struct lapic *, uint64_t tsc);

/* lapic-regs.c */
#define LAPIC_VERSION 0x01050014u /* 6 LVT entries, EOI suppression */
uint32_t lapic_lvt_bits(unsigned lvt); /* those that a guest may set */
uint32_t lapic_lvt_state(unsigned lvt); /* and those that may read as 1 */
/* False: there is no such register. */
bool lapic_reg_get(struct lapic *, unsigned reg, uint32_t *v);

#endif
