/* SPDX-License-Identifier: MIT */
/*
 * Control registers and the small privileged instructions (Intel SDM vol. 3A
 * chapters 2, 4.1, 4.4; vol. 2): MOV CR, LMSW, SMSW, CLTS, INVLPG, HLT, cache
 * control. What CPUID does not announce is
 * undefined: MONITOR, XGETBV, RSM, VMX.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/msr.h"
#include "vmm/soft/prot.h"

#define PHYS_RSVD (~((1ull << PHYS_BITS) - 1))

/* ---- control registers ---- */

/* PAE paging: the four entries that CR3 points to, as read now. */
static int
load_pdptes(struct cpu *c, uint64_t cr3)
{
	uint64_t e[4];

	for (unsigned n = 0; n < 4; n++) {
		e[n] = phys_ld(c, (cr3 & 0xffffffe0) + n * 8, 8);
		if ((e[n] & 1) && (e[n] & (PHYS_RSVD | 0x1e6)))
			return -1;
	}
	memcpy(c->pdpte, e, sizeof(e));
	return 0;
}

static bool
pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LME);
}

int
pdptes_load(struct cpu *c)
{
	if (!pae_paging(c->cr0, c->cr4, c->efer))
		return 0;
	return load_pdptes(c, c->cr3);
}

/* What CR0.PG does to IA-32e mode. */
static int
check_paging(const struct cpu *c, uint64_t v)
{
	bool on = (v & CR0_PG) && !(c->cr0 & CR0_PG);
	bool off = !(v & CR0_PG) && (c->cr0 & CR0_PG);

	if (on && (c->efer & EFER_LME)) {
		if (!(c->cr4 & CR4_PAE) || c->seg[SEG_CS].l)
			return -1;
		if (!c->seg[SEG_TR].unusable && !(c->seg[SEG_TR].type & 8))
			return -1; /* a 16-bit TSS */
	}
	if (off && c->code == CODE64)
		return -1;
	return 0;
}

int
set_cr0(struct cpu *c, uint64_t v)
{
	const uint64_t flush = CR0_PE | CR0_PG | CR0_WP;
	uint64_t diff;

	if (v >> 32)
		return -1;
	v = (v & CR0_KNOWN) | CR0_ET;
	diff = v ^ c->cr0;
	if (((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD)))
		return -1;
	if (check_paging(c, v))
		return -1;
	if (pae_paging(v, c->cr4, c->efer) &&
		(diff & (CR0_PG | CR0_CD | CR0_NW)) && load_pdptes(c, c->cr3))
		return -1;
	c->cr0 = v;
	if (diff & CR0_PG)
		c->efer &= ~EFER_LMA;
	if ((v & CR0_PG) && (c->efer & EFER_LME))
		c->efer |= EFER_LMA;
	if (diff & CR0_PE)
		c->cpl = 0;
	if (diff & flush)
		tlb_flush(c, true);
	mode_changed(c);
	return 0;
}

int
set_cr3(struct cpu *c, uint64_t v)
{
	if (long_mode(c) ? (v & PHYS_RSVD) != 0 : v >> 32 != 0)
		return -1;
	if (pae_paging(c->cr0, c->cr4, c->efer) && load_pdptes(c, v))
		return -1;
	c->cr3 = v;
	tlb_flush(c, false);
	return 0;
}

int
set_cr4(struct cpu *c, uint64_t v)
{
	const uint64_t paging =
		CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP;
	uint64_t diff = v ^ c->cr4;

	if (v & ~CR4_KNOWN)
		return -1;
	if (long_mode(c) && !(v & CR4_PAE))
		return -1;
	if (pae_paging(c->cr0, v, c->efer) &&
		(diff & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) &&
		load_pdptes(c, c->cr3))
		return -1;
	c->cr4 = v;
	if (diff & paging)
		tlb_flush(c, true);
	mode_changed(c);
	return 0;
}

int
set_efer(struct cpu *c, uint64_t v)
{
	uint64_t diff;

	if (v & ~EFER_KNOWN)
		return -1;
	v = (v & ~EFER_LMA) | (c->efer & EFER_LMA); /* LMA ignores writes */
	diff = v ^ c->efer;
	if ((diff & EFER_LME) && (c->cr0 & CR0_PG))
		return -1;
	if ((v & EFER_NXE) && (c->misc_enable & MISC_XD_DISABLE))
		return -1;
	c->efer = v;
	if (diff & EFER_NXE)
		tlb_flush(c, true);
	mode_changed(c);
	return 0;
}

/* 64 bits in 64-bit code, else 32, whatever 66 says. */
static unsigned
cr_size(const struct insn *i)
{
	return i->flags & I_MODE64 ? 8 : 4;
}

static void
mov_ec(struct cpu *c, const struct insn *i)
{
	uint64_t v;

	switch (i->reg) {
	case 0:
		v = c->cr0;
		break;
	case 2:
		v = c->cr2;
		break;
	case 3:
		v = c->cr3;
		break;
	case 4:
		v = c->cr4;
		break;
	case 8:
		v = lapic_cr8(c->lapic);
		break;
	default:
		raise_ud(c, i);
	}
	need_cpl0(c, i);
	set_reg(c, i->rm, cr_size(i), v);
	DONE;
}

handler *const x_mov_ec[8] = ALL8(mov_ec);

static int
set_cr8(struct cpu *c, uint64_t v)
{
	if (v > 15)
		return -1;
	lapic_set_cr8(c->lapic, (uint8_t)v);
	pend(c, PEND_LAPIC);
	return 0;
}

static void
mov_ce(struct cpu *c, const struct insn *i)
{
	uint64_t v = get_reg(c, i->rm, cr_size(i));
	int e = 0;

	if (i->reg > 8 || !(0x11d >> i->reg & 1))
		raise_ud(c, i);
	need_cpl0(c, i);
	switch (i->reg) {
	case 0:
		e = set_cr0(c, v);
		break;
	case 2:
		c->cr2 = v;
		break;
	case 3:
		e = set_cr3(c, v);
		break;
	case 4:
		e = set_cr4(c, v);
		break;
	default:
		e = set_cr8(c, v);
	}
	if (e)
		raise_gp(c, i, 0);
	DONE;
}

handler *const x_mov_ce[8] = ALL8(mov_ce);

static void
clts_z(struct cpu *c, const struct insn *i)
{
	need_cpl0(c, i);
	c->cr0 &= ~CR0_TS;
	DONE;
}

handler *const x_clts_z[8] = ALL8(clts_z);

/* LMSW sets PE but never clears it. */
static void
lmsw_e(struct cpu *c, const struct insn *i)
{
	uint64_t v;

	need_cpl0(c, i);
	v = get_rm(c, i, 2) & 15;
	if (set_cr0(c, (c->cr0 & ~14ull) | v))
		raise_gp(c, i, 0);
	DONE;
}

handler *const x_lmsw_e[8] = ALL8(lmsw_e);

static void
smsw_e(struct cpu *c, const struct insn *i)
{
	check_umip(c, i);
	if (i->flags & I_MEM)
		st16(c, i, ea(c, i, 2, ACC_WRITE), (uint16_t)c->cr0);
	else
		set_reg(c, i->rm, i->size, c->cr0);
	DONE;
}

handler *const x_smsw_e[8] = ALL8(smsw_e);

/* ---- TLB, caches, waiting ---- */

/* A non-canonical address is no fault and does nothing. */
static void
invlpg_e(struct cpu *c, const struct insn *i)
{
	uint64_t lin = ea_off(c, i);

	need_cpl0(c, i);
	if (i->flags & I_MODE64)
		lin = (i->asize == 4 ? (uint32_t)lin : lin) +
		      c->segbase[i->seg];
	else
		lin = (uint32_t)(c->seg[i->seg].base +
				 (i->asize == 2 ? (uint16_t)lin : lin));
	tlb_flush_page(c, lin);
	DONE;
}

handler *const x_invlpg_e[8] = ALL8(invlpg_e);

static void
wbinvd_z(struct cpu *c, const struct insn *i)
{
	need_cpl0(c, i);
	DONE;
}

handler *const x_wbinvd_z[8] = ALL8(wbinvd_z);
handler *const x_invd_z[8] = ALL8(wbinvd_z);

/* CLFLUSH faults as a load of one byte does. */
static void
clflush_e(struct cpu *c, const struct insn *i)
{
	probe_read(c, i, ea(c, i, 1, ACC_READ), 1);
	DONE;
}

handler *const x_clflush_e[8] = ALL8(clflush_e);

/* Guest stores are host stores, so a host fence is what the guest asks for. */
static void
fence_z(struct cpu *c, const struct insn *i)
{
	atomic_thread_fence(memory_order_seq_cst);
	DONE;
}

handler *const x_fence_z[8] = ALL8(fence_z);

static void
hlt_z(struct cpu *c, const struct insn *i)
{
	need_cpl0(c, i);
	c->halted = true;
	pend(c, PEND_LAPIC);
	end_insn(c, i);
}

handler *const x_hlt_z[8] = ALL8(hlt_z);

static void
undefined(struct cpu *c, const struct insn *i)
{
	raise_ud(c, i);
}

handler *const x_monitor_z[8] = ALL8(undefined);
handler *const x_mwait_z[8] = ALL8(undefined);
handler *const x_xgetbv_z[8] = ALL8(undefined);
handler *const x_xsetbv_z[8] = ALL8(undefined);
handler *const x_rsm_z[8] = ALL8(undefined);
handler *const x_vmcall_z[8] = ALL8(undefined);
