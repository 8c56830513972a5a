/* SPDX-License-Identifier: MIT */
/*
 * The canonical CPU state: after RESET (Intel SDM vol. 3A, section 10.1, table
 * "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT"),
 * its MSRs, and its text for people.
 */
#include "vmm/cpu.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MSR_MISC_ENABLE 0x1a0
#define MSR_PAT 0x277

static void
reset_segments(struct cpu_state *c)
{
	for (unsigned i = SEG_ES; i <= SEG_GS; i++)
		c->seg[i] = (struct cpu_seg){
			.limit = 0xffff, .type = 3, .s = true, .present = true};
	c->seg[SEG_CS].sel = 0xf000;
	c->seg[SEG_CS].base = 0xffff0000;
	c->seg[SEG_CS].type = 11; /* code, readable, accessed */
	c->seg[SEG_LDT] =
		(struct cpu_seg){.limit = 0xffff, .type = 2, .present = true};
	/* busy: VT-x will not run with another one */
	c->seg[SEG_TR] =
		(struct cpu_seg){.limit = 0xffff, .type = 11, .present = true};
	c->gdt.limit = 0xffff;
	c->idt.limit = 0xffff;
}

/* x87 control word 0x40, all tags "zero"; MXCSR 0x1f80. */
static void
reset_fpu(struct cpu_state *c)
{
	c->xsave[0] = 0x40;
	c->xsave[4] = 0xff; /* abridged: no register is empty */
	c->xsave[24] = 0x80;
	c->xsave[25] = 0x1f;
	c->xsave[512] = 3; /* XSTATE_BV: both parts are there */
	c->xcr0 = 1;
}

void
cpu_reset(struct cpu_state *c, bool bsp)
{
	memset(c, 0, sizeof(*c));
	c->rip = 0xfff0;
	c->rflags = 2;
	c->gpr[RDX] = 0x600; /* family 6 */
	c->cr0 = 0x60000010; /* CD, NW, ET */
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	c->apic_base = 0xfee00800 | (bsp ? 0x100u : 0u);
	c->mp = bsp ? CPU_RUNNABLE : CPU_UNINITIALIZED;
	reset_segments(c);
	reset_fpu(c);
	cpu_set_msr(c, MSR_MISC_ENABLE, 1); /* fast strings */
	cpu_set_msr(c, MSR_PAT, 0x0007040600070406);
}

void
cpu_set_msr(struct cpu_state *c, uint32_t index, uint64_t data)
{
	unsigned i;

	for (i = 0; i < c->msrs && i < CPU_MSRS; i++)
		if (c->msr[i].index == index)
			break;
	if (i == CPU_MSRS)
		return;
	c->msr[i] = (struct cpu_msr){index, data};
	if (i == c->msrs)
		c->msrs++;
}

bool
cpu_get_msr(const struct cpu_state *c, uint32_t index, uint64_t *data)
{
	for (unsigned i = 0; i < c->msrs && i < CPU_MSRS; i++)
		if (c->msr[i].index == index) {
			*data = c->msr[i].data;
			return true;
		}
	return false;
}

struct text {
	char *p;
	int n, len;
};

__attribute__((format(printf, 2, 3))) static void
say(struct text *t, const char *fmt, ...)
{
	int room = t->n - t->len, got;
	va_list ap;

	if (room <= 1)
		return;
	va_start(ap, fmt);
	got = vsnprintf(t->p + t->len, (size_t)room, fmt, ap);
	va_end(ap);
	if (got > 0)
		t->len += got < room ? got : room - 1;
}

static void
print_seg(struct text *t, const char *name, const struct cpu_seg *s)
{
	say(t, "%-3s %04x %016" PRIx64 " %08" PRIx32, name, s->sel, s->base,
		s->limit);
	if (s->unusable) {
		say(t, " unusable\n");
		return;
	}
	say(t, " type %x dpl %u %s%s%s%s\n", s->type, s->dpl,
		s->s ? "" : "system ", s->present ? "present" : "absent",
		s->l    ? " 64-bit"
		: s->db ? " 32-bit"
			: " 16-bit",
		s->g ? " pages" : "");
}

static void
print_gprs(struct text *t, const struct cpu_state *c)
{
	static const char name[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp",
		"rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
		"r14", "r15"};

	for (unsigned i = 0; i < 16; i++)
		say(t, "%-3s %016" PRIx64 "%s", name[i], c->gpr[i],
			i % 4 == 3 ? "\n" : "  ");
	say(t, "rip %016" PRIx64 "  rflags %08" PRIx64 "\n", c->rip, c->rflags);
}

static void
print_events(struct text *t, const struct cpu_state *c)
{
	static const char *const mp[] = {
		"running", "not started", "after INIT", "halted", "after SIPI"};

	say(t, "%s", c->mp < 5 ? mp[c->mp] : "in an unknown state");
	if (c->exc_pending || c->exc_injected)
		say(t, ", exception %u (error %" PRIx32 ")", c->exc_vector,
			c->exc_error);
	if (c->int_injected)
		say(t, ", interrupt %u", c->int_vector);
	if (c->int_shadow)
		say(t, ", interrupts held for one instruction");
	if (c->nmi_pending || c->nmi_injected)
		say(t, ", NMI pending");
	if (c->nmi_masked)
		say(t, ", NMI masked");
	say(t, "\n");
}

int
cpu_print(const struct cpu_state *c, char *buf, int n)
{
	static const char name[SEG_COUNT][4] = {
		"es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr"};
	struct text t = {buf, n, 0};

	if (n <= 0)
		return 0;
	buf[0] = '\0';
	print_gprs(&t, c);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		print_seg(&t, name[i], &c->seg[i]);
	say(&t, "gdt      %016" PRIx64 " %08x\n", c->gdt.base, c->gdt.limit);
	say(&t, "idt      %016" PRIx64 " %08x\n", c->idt.base, c->idt.limit);
	say(&t, "cr0 %08" PRIx64 "  cr2 %016" PRIx64 "  cr3 %016" PRIx64 "\n",
		c->cr0, c->cr2, c->cr3);
	say(&t,
		"cr4 %08" PRIx64 "  cr8 %" PRIx64 "  efer %" PRIx64
		"  xcr0 %" PRIx64 "  apic base %" PRIx64 "\n",
		c->cr4, c->cr8, c->efer, c->xcr0, c->apic_base);
	say(&t,
		"dr0 %" PRIx64 "  dr1 %" PRIx64 "  dr2 %" PRIx64
		"  dr3 %" PRIx64 "  dr6 %" PRIx64 "  dr7 %" PRIx64 "\n",
		c->dr[0], c->dr[1], c->dr[2], c->dr[3], c->dr[6], c->dr[7]);
	print_events(&t, c);
	return t.len;
}
