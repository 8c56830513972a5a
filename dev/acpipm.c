/* SPDX-License-Identifier: MIT */
/*
 * ACPI power management as on Intel's 82371AB (PIIX4), "Power Management I/O
 * Registers"; ACPI 6.4, 4.8 "ACPI Register Model". Left out: SMIs, the sleep
 * button, global lock, GPIO. Of the sleeping states there is S5 alone: another
 * one ends at once, as if something had woken the machine.
 */
/*
 * ACPI power management as on Intel's 82371AB (PIIX4), "Power Management I/O
 * Registers" and "PCI Configuration Registers (Function 3)"; ACPI 6.4, 4.8
 * "ACPI Register Model". Left out: SMIs (so DEVACTB says that they are set up
 * already: firmware would wait for one for ever), the sleep button, global
 * lock, GPIO, the SMBus behind its host's registers. Of the sleeping states
 * there is S5 alone: another one ends at once, as if something had woken the
 * machine.
 */
#include "dev/acpipm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/acpipm-int.h"
#include "lib/err.h"

#define STS_TMR 0x0001
#define STS_PWRBTN 0x0100
#define STS_RTC 0x0400
#define STS_WAK 0x8000
#define STS_ALL (STS_TMR | 0x0020 | STS_PWRBTN | STS_RTC)
#define CNT_SCI_EN 0x0001
#define CNT_STORED 0x1c03 /* SLP_TYP, BM_RLD, SCI_EN */
#define CNT_SLP_EN 0x2000

#define HALF_SHIFT (ACPIPM_TMR_BITS - 1) /* its top bit toggles: TMR_STS */

static struct acpipm *
of(struct dev *d)
{
	return (struct acpipm *)d;
}

static uint64_t
clock_ticks(struct acpipm *a)
{
	return (uint64_t)((unsigned __int128)clock_now(a->clock) *
			  ACPIPM_TMR_HZ / NS_PER_S);
}

static uint64_t
ticks(struct acpipm *a)
{
	return a->zero + clock_ticks(a);
}

/* When the clock has made n ticks. */
static int64_t
time_of(uint64_t n)
{
	unsigned __int128 ns = (unsigned __int128)n * NS_PER_S;

	return (int64_t)((ns + ACPIPM_TMR_HZ - 1) / ACPIPM_TMR_HZ);
}

static bool
sci(const struct acpipm_regs *r)
{
	return ((r->cnt & CNT_SCI_EN) && (r->sts & r->en & STS_ALL)) ||
	       (r->gpe_sts & r->gpe_en);
}

/* Note what the timer did, set the wire, and arm for the next toggle if an
 * interrupt would come of it. */
static void
update(struct acpipm *a)
{
	struct acpipm_regs *r = &a->r;
	uint64_t half = ticks(a) >> HALF_SHIFT;

	if (half != r->half) {
		r->half = half;
		r->sts |= STS_TMR;
	}
	irq_set(a->sci, sci(r));
	if ((r->cnt & CNT_SCI_EN) && (r->en & STS_TMR) && !(r->sts & STS_TMR))
		timer_arm(&a->timer,
			time_of(((half + 1) << HALF_SHIFT) - a->zero));
	else
		timer_disarm(&a->timer);
}

static void
fire(void *to)
{
	update(to);
}

/* The registers as 32-bit words, for accesses of all sizes. */
static uint32_t
word(struct acpipm *a, uint64_t off)
{
	const struct acpipm_regs *r = &a->r;

	switch (off) {
	case 0x00:
		return r->sts | (uint32_t)r->en << 16;
	case 0x04:
		return r->cnt;
	case 0x08:
		return ticks(a) & ((1u << ACPIPM_TMR_BITS) - 1);
	case 0x0c:
		return r->gpe_sts | (uint32_t)r->gpe_en << 16;
	}
	return 0;
}

static void
sleep_now(struct acpipm *a, uint16_t cnt)
{
	if ((cnt >> 10 & 7) == ACPIPM_SLP_TYP_S5) {
		notify(a->power, NOTICE_POWEROFF, 0);
		return;
	}
	dev_odd(&a->dev, "sleep type %u", cnt >> 10 & 7);
	a->r.sts |= STS_WAK;
}

/* Write the bytes of a word that mask covers. */
static void
set_word(struct acpipm *a, uint64_t off, uint32_t v, uint32_t mask)
{
	struct acpipm_regs *r = &a->r;
	uint16_t lo = (uint16_t)(v & mask);
	uint32_t all = (word(a, off) & ~mask) | (v & mask);

	switch (off) {
	case 0x00:
		r->sts &= (uint16_t)~lo;
		r->en = all >> 16 & STS_ALL;
		break;
	case 0x04:
		r->cnt = all & CNT_STORED;
		if (lo & CNT_SLP_EN)
			sleep_now(a, (uint16_t)all);
		break;
	case 0x0c:
		r->gpe_sts &= (uint16_t)~lo;
		r->gpe_en = (uint16_t)(all >> 16);
		break;
	}
}

static uint64_t
read_smi(struct acpipm *a, uint64_t off, unsigned size)
{
	uint16_t both = (uint16_t)(a->r.apmc | a->r.apms << 8);

	return size == 1 ? both >> 8 * off & 0xff : both;
}

static void
write_smi(struct acpipm *a, uint64_t off, unsigned size, uint64_t val)
{
	if (off == 1 || size > 1)
		a->r.apms = (uint8_t)(off == 1 ? val : val >> 8);
	if (off == 1)
		return;
	a->r.apmc = (uint8_t)val;
	if (a->r.apmc == ACPIPM_ENABLE)
		a->r.cnt |= CNT_SCI_EN;
	else if (a->r.apmc == ACPIPM_DISABLE)
		a->r.cnt &= (uint16_t)~CNT_SCI_EN;
}

struct pci_fn *
acpipm_fn(struct dev *d)
{
	return &of(d)->fn;
}

uint16_t
acpipm_base(struct dev *d)
{
	uint16_t at = 0;

	dev_lock(d);
	if (of(d)->r.pci.config[ACPIPM_PMREGMISC] & 1)
		at = pci_get16(&of(d)->fn, ACPIPM_PMBASE) & 0xffc0;
	dev_unlock(d);
	return at;
}

/* ---- the device ---- */

static uint64_t
acpipm_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct acpipm *a = of(d);

	update(a);
	if (bar == 1)
		return read_smi(a, off, size);
	if (bar == 2)
		return size == 1 ? acpipm_smbus_read(a, off) : 0;
	return word(a, off & ~3ull) >> 8 * (off & 3);
}

static void
acpipm_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct acpipm *a = of(d);
	unsigned sh = 8 * (off & 3);
	uint32_t mask = size < 4 ? ((1u << 8 * size) - 1) << sh : UINT32_MAX;

	update(a);
	if (bar == 1)
		write_smi(a, off, size, val);
	else if (bar == 2)
		acpipm_smbus_write(a, off, (uint8_t)val);
	else
		set_word(a, off & ~3ull, (uint32_t)val << sh, mask);
	update(a);
}

void
acpipm_button(struct dev *d)
{
	dev_lock(d);
	of(d)->r.sts |= STS_PWRBTN;
	update(of(d));
	dev_unlock(d);
}

void
acpipm_gpe(struct dev *d, unsigned n)
{
	dev_lock(d);
	of(d)->r.gpe_sts |= (uint16_t)(1u << (n & 15));
	update(of(d));
	dev_unlock(d);
}

static void
reset(struct dev *d)
{
	struct acpipm *a = of(d);

	memset(&a->r, 0, sizeof(a->r));
	pci_reset(&a->fn);
	acpipm_pci_place(a);
	a->r.cnt = CNT_SCI_EN;
	a->zero = -clock_ticks(a);
	update(a);
}

static int
loaded(struct dev *d)
{
	struct acpipm *a = of(d);
	int r = pci_loaded(&a->fn);

	if (r)
		return r;
	if (a->r.spare || (a->r.cnt & ~CNT_STORED) || (a->r.en & ~STS_ALL) ||
		a->r.ticks >> 62)
		return failx(-EINVAL, "%s: no state of ACPI registers", d->id);
	a->zero = a->r.ticks - clock_ticks(a);
	acpipm_pci_place(a);
	update(a);
	return 0;
}

static void
saving(struct dev *d)
{
	update(of(d));
	of(d)->r.ticks = ticks(of(d));
}

static void
acpipm_free(struct dev *d)
{
	timer_disarm(&of(d)->timer);
	pci_remove(&of(d)->fn);
	free(d);
}

#define F(m) FIELD(struct acpipm, r, m)
static const struct field fields[] = {
	PCI_FIELDS(struct acpipm, r),
	F(ticks),
	F(half),
	F(sts),
	F(en),
	F(cnt),
	F(gpe_sts),
	F(gpe_en),
	F(apmc),
	F(apms),
	F(smb_sts),
	F(smb_cnt),
	F(spare),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "acpipm",
	.fields = fields,
	DEV_REGS(struct acpipm, r),
	.widest = 4,
	.read = acpipm_read,
	.write = acpipm_write,
	.reset = reset,
	.loaded = loaded,
	.saving = saving,
	.free = acpipm_free,
};

struct dev *
acpipm_new(struct clock *clock, struct irq wire, struct notify power)
{
	struct acpipm *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	dev_init(&a->dev, &ops);
	a->clock = clock;
	a->sci = wire;
	a->power = power;
	acpipm_pci_init(a);
	timer_init(&a->timer, clock, &a->dev.lock, fire, a);
	reset(&a->dev);
	return &a->dev;
}
