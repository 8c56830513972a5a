/* SPDX-License-Identifier: MIT */
/*
 * x87 instructions with every consequence: stack faults, unmasked exceptions,
 * and what is too rare for a handler of its own. The guest's state is loaded by
 * FRSTOR, the instruction executed, the state saved by FNSAVE: neither of these
 * two traps, and so nothing does, since a pending exception would trap only at
 * the next waiting instruction. One table holds each register form followed by
 * RET, another each memory form on (%rdi).
 */
#include "vmm/soft/x87.h"

/* clang-format off */
__asm__(".pushsection .text\n\t.balign 16\n"
	"soft_x87_reg:\n"
	"\t.set soft_op, 0xd8\n"
	"\t.rept 8\n"
	"\t.set soft_rm, 0xc0\n"
	"\t.rept 64\n"
	"\t.byte soft_op, soft_rm\n\tret\n\tnop\n"
	"\t.set soft_rm, soft_rm + 1\n"
	"\t.endr\n"
	"\t.set soft_op, soft_op + 1\n"
	"\t.endr\n"
	"soft_x87_mem:\n"
	"\t.set soft_op, 0xd8\n"
	"\t.rept 8\n"
	"\t.set soft_rm, 7\n"
	"\t.rept 8\n"
	"\t.byte soft_op, soft_rm\n\tret\n\tnop\n"
	"\t.set soft_rm, soft_rm + 8\n"
	"\t.endr\n"
	"\t.set soft_op, soft_op + 1\n"
	"\t.endr\n"
	"\t.popsection");
/* clang-format on */
extern const char soft_x87_reg[] __attribute__((visibility("hidden")));
extern const char soft_x87_mem[] __attribute__((visibility("hidden")));

static void
fill(const struct cpu *c, struct x87_image *im)
{
	unsigned k;

	memset(im, 0, sizeof(*im));
	im->cw = c->fcw;
	/* Old flags would fault here if they are pending (CR0.NE clear). */
	im->sw = c->fsw & (FSW_TOP | FSW_CC);
	for (k = 0; k < 8; k++) {
		if (!(c->ftw >> k & 1))
			im->tags |= 3u << 2 * k;
		memcpy(im->st[k], c->st[st_index(c, k)], 10);
	}
}

void
x87_run(const struct cpu *c, const struct insn *i, void *mem,
	struct x87_image *im, uint16_t *cc)
{
	unsigned op = i->op & 7, rm = i->modrm;
	const char *fn = soft_x87_reg + (op * 64 + (rm & 63)) * 4;
	uint16_t masked = c->fcw | 0x3f;
	uint64_t ax = *cc;

	if (rm < 0xc0)
		fn = soft_x87_mem + (op * 8 + (rm >> 3 & 7)) * 4;
	fill(c, im);
	/* The call must not hit the red zone; LEA and FRSTOR leave the flags,
	 * which FCMOV reads and FCOMI sets. */
	__asm__ volatile("lea -128(%%rsp),%%rsp\n\t"
			 "addb $127,%%al\n\t"
			 "sahf\n\t"
			 "frstor (%[im])\n\t"
			 "call *%[fn]\n\t"
			 "lahf\n\t"
			 "seto %%al\n\t"
			 "fnsave (%[im])\n\t"
			 "lea 128(%%rsp),%%rsp"
			 : "+a"(ax)
			 : [im] "r"(im), [fn] "r"(fn), "D"(mem)
			 : "cc", "memory");
	__asm__ volatile("fldcw %0" : : "m"(masked));
	*cc = (uint16_t)ax;
}

void
x87_commit(struct cpu *c, const struct x87_image *im)
{
	unsigned k;

	c->fsw = (uint16_t)((c->fsw & (FSW_FLAGS | FSW_SF)) |
			    (im->sw & (FSW_FLAGS | FSW_SF | FSW_TOP | FSW_CC)));
	c->ftw = 0;
	for (k = 0; k < 8; k++) {
		if ((im->tags >> 2 * k & 3) != 3)
			c->ftw = (uint8_t)(c->ftw | 1u << k);
		memcpy(c->st[st_index(c, k)], im->st[k], 10);
	}
	x87_summary(c);
}

bool
x87_held(const struct x87_image *im)
{
	/* All but an inexact result: that is stored and then reported. */
	return im->sw & ~im->cw & (FSW_FLAGS & ~0x20);
}

static NOINLINE void
x87_slow(struct cpu *c, const struct insn *i, bool set_cc)
{
	struct x87_image im;
	uint16_t cc = c->cc;

	x87_run(c, i, NULL, &im, &cc);
	x87_commit(c, &im);
	if (set_cc)
		c->cc = cc;
}

void
x87_slow_load(struct cpu *c, const struct insn *i, uint64_t v)
{
	struct x87_image im;
	uint16_t cc = c->cc;

	x87_run(c, i, &v, &im, &cc);
	x87_commit(c, &im);
}

void
x87_slow_load80(struct cpu *c, const struct insn *i, uint64_t lin)
{
	struct x87_image im;
	uint16_t cc = c->cc;
	uint8_t b[10];

	ld_bytes(c, i, lin, b, 10);
	x87_run(c, i, b, &im, &cc);
	x87_commit(c, &im);
}

void
x87_slow_store(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n)
{
	struct x87_image im;
	uint16_t cc = c->cc;
	uint8_t b[16];

	x87_run(c, i, b, &im, &cc);
	if (x87_held(&im))
		probe_write(c, i, lin, n);
	else
		st_bytes(c, i, lin, b, n);
	x87_commit(c, &im);
}

void
x87_fslow(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	x87_slow(c, i, false);
	x87_note(c, i);
	NEXT;
}
void
x87_fslow_cc(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	x87_slow(c, i, true);
	x87_note(c, i);
	NEXT;
}
handler *const x_fslow_z[8] = REG_ONLY(x87_fslow);

static void
fbld(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	x87_slow_load80(c, i, ea(c, i, 10, ACC_READ));
	x87_note_mem(c, i);
	NEXT;
}
static void
fbstp(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	x87_slow_store(c, i, ea(c, i, 10, ACC_WRITE), 10);
	x87_note_mem(c, i);
	NEXT;
}
handler *const x_fbld_m80[8] = MEM_ONLY(fbld);
handler *const x_fbstp_m80[8] = MEM_ONLY(fbstp);
