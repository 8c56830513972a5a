/* SPDX-License-Identifier: MIT */
/* Exceptions of the soft engine: which vector, what is pushed, what follows. */
#include "tests/guest.h"

static struct guest g;

/* ---- 32-bit ---- */

CODE(c_int40, 32, "int $0x40");
CODE(c_int41, 32, "int $0x41");
CODE(c_int3, 32, "int3");
CODE(c_into, 32, "movb $127,%al; incb %al; into");
CODE(c_bound, 32,
	"mov $0x50000,%ebx; movl $1,(%ebx); movl $5,4(%ebx);"
	"mov $6,%eax; bound %eax,(%ebx)");
CODE(c_icebp, 32, ".byte 0xf1");
CODE(c_ud2, 32, "ud2");
CODE(c_hlt, 32, "hlt");
CODE(c_cli, 32, "cli");
CODE(c_in, 32, "in $0x80,%al");
CODE(c_in_int, 32, "in $0x80,%al; int $0x40");
CODE(c_ds_null, 32, "xor %eax,%eax; mov %ax,%ds; mov (%eax),%eax");
CODE(c_ds_dpl0, 32, "mov $0x10,%ax; mov %ax,%ds");
CODE(c_ds_absent, 32, "mov $0x53,%ax; mov %ax,%ds");
CODE(c_ss_absent, 32, "mov $0x53,%ax; mov %ax,%ss");
CODE(c_ss_null, 32, "xor %eax,%eax; mov %ax,%ss");
CODE(c_ss_ro, 32, "mov $0x63,%ax; mov %ax,%ss");
CODE(c_ds_beyond, 32, "mov $0xfffb,%ax; mov %ax,%ds");
CODE(c_ds_xo, 32, "mov $0x6b,%ax; mov %ax,%ds");
CODE(c_write_ro, 32, "mov $0x63,%ax; mov %ax,%ds; movl $0,0x50000");
CODE(c_write_cs, 32, "movl $0,%cs:0x50000");
CODE(c_down_low, 32, "mov $0x5b,%ax; mov %ax,%ds; mov 0xfff,%al");
CODE(c_down_ok, 32, "mov $0x5b,%ax; mov %ax,%ds; mov 0x50000,%al; int $0x40");
CODE(c_short, 32, "mov $0xbb,%ax; mov %ax,%ds; mov 0xffc,%eax; mov 0xffd,%eax");
CODE(c_short_ss, 32, "mov $0xbb,%ax; mov %ax,%ss; mov $0x1001,%esp; pop %eax");
CODE(c_ljmp0, 32, "ljmp $0x08,$0x40000");
CODE(c_ljmp_conf, 32, "ljmp $0x48,$1f-c_ljmp_conf+0x40000; 1: int $0x40");
CODE(c_lcall_gate, 32, "push $0x1111; push $0x2222; lcall $0x83,$0");
CODE(c_lret_in, 32, "push $0x08; push $0x40000; lret");
CODE(c_pushf_popf, 32, "push $0x3202; popf; pushf; pop %ebx; int $0x40");

static void
segments32(void)
{
	FAULTS(&g, GUEST_P32, 3, c_ds_null, "a null DS faults when used", 13,
		0);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 4, "at its own EIP");
	is_u64(guest_stack(&g, 3) >> 16 & 1, 1, "with RF pushed");
	FAULTS(&g, GUEST_P32, 3, c_ds_dpl0, "DS of DPL 0 at CPL 3", 13, 0x10);
	FAULTS(&g, GUEST_P32, 3, c_ds_absent, "an absent DS", 11, 0x50);
	FAULTS(&g, GUEST_P32, 3, c_ss_absent, "an absent SS", 12, 0x50);
	FAULTS(&g, GUEST_P32, 3, c_ss_null, "a null SS", 13, 0);
	FAULTS(&g, GUEST_P32, 3, c_ss_ro, "a read-only SS", 13, 0x60);
	FAULTS(&g, GUEST_P32, 3, c_ds_beyond, "beyond the GDT", 13, 0xfff8);
	FAULTS(&g, GUEST_P32, 3, c_ds_xo, "execute-only as DS", 13, 0x68);
	FAULTS(&g, GUEST_P32, 3, c_write_ro, "a write to read-only", 13, 0);
	FAULTS(&g, GUEST_P32, 3, c_write_cs, "a write to code", 13, 0);
	FAULTS(&g, GUEST_P32, 3, c_down_low, "expand-down: below", 13, 0);
	FAULTS(&g, GUEST_P32, 3, c_down_ok, "expand-down: above", 0x40, -1);
	FAULTS(&g, GUEST_P32, 3, c_short, "across the limit", 13, 0);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 11, "but not up to it");
	FAULTS(&g, GUEST_P32, 3, c_short_ss, "a POP across SS's limit", 12, 0);
}

static void
transfers32(void)
{
	FAULTS(&g, GUEST_P32, 3, c_ljmp0, "JMP to inner code", 13, 8);
	FAULTS(&g, GUEST_P32, 3, c_ljmp_conf, "JMP to conforming code", 0x40,
		-1);
	is_u64(guest_stack(&g, 1), S_CONFORM | 3, "keeps CPL");
	FAULTS(&g, GUEST_P32, 3, c_lret_in, "RETF to an inner level", 13, 8);

	START(&g, GUEST_P32, 3, c_lcall_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0, GUEST_HANDLERS + 0x50 * 16, 0xec, 2));
	guest_faults(&g, "a call gate leads inside", 0x50, -1);
	is_u64(guest_stack(&g, 1), S_CODE3, "with the caller's CS");
	is_u64(guest_stack(&g, 2), 0x2222, "the last parameter");
	is_u64(guest_stack(&g, 3), 0x1111, "the first");
	is_u64(guest_stack(&g, 4), GUEST_STACK3 - 8, "ESP");
	is_u64(guest_stack(&g, 5), S_DATA3, "and SS");
	is_u64(g.s.seg[SEG_SS].sel, S_DATA0, "on the TSS's stack");

	START(&g, GUEST_P32, 3, c_lcall_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0, GUEST_HANDLERS + 0x50 * 16, 0x8c, 0));
	guest_faults(&g, "a gate of DPL 0 at CPL 3", 13, S_GATE);
	START(&g, GUEST_P32, 3, c_lcall_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0, GUEST_HANDLERS + 0x50 * 16, 0x6c, 0));
	guest_faults(&g, "an absent gate", 11, S_GATE);
}

static void
vectors32(void)
{
	FAULTS(&g, GUEST_P32, 3, c_int40, "INT n through a DPL 3 gate", 0x40,
		-1);
	is_u64(guest_stack(&g, 0), GUEST_CODE + 2, "pushes the next EIP");
	is_u64(guest_stack(&g, 1), S_CODE3, "CS");
	is_u64(guest_stack(&g, 3), GUEST_STACK3, "ESP");
	is_u64(guest_stack(&g, 4), S_DATA3, "and SS");
	FAULTS(&g, GUEST_P32, 3, c_int41, "through a DPL 0 gate", 13,
		0x41 * 8 + 2);
	FAULTS(&g, GUEST_P32, 3, c_int3, "INT3", 3, GUEST_CODE + 1);
	is_u64(guest_stack(&g, 2) >> 16 & 1, 0, "without RF");
	FAULTS(&g, GUEST_P32, 3, c_into, "INTO", 4, -1);
	FAULTS(&g, GUEST_P32, 3, c_bound, "BOUND", 5, -1);
	FAULTS(&g, GUEST_P32, 3, c_icebp, "INT1 asks no DPL", 1,
		GUEST_CODE + 1);
	FAULTS(&g, GUEST_P32, 3, c_ud2, "UD2", 6, GUEST_CODE);
	FAULTS(&g, GUEST_P32, 3, c_hlt, "HLT at CPL 3", 13, 0);
	FAULTS(&g, GUEST_P32, 3, c_cli, "CLI at CPL 3", 13, 0);
	FAULTS(&g, GUEST_P32, 3, c_pushf_popf, "POPF at CPL 3", 0x40, -1);
	is_u64(g.s.gpr[RBX], 0x2, "changes neither IF nor IOPL");
}

static void
io32(void)
{
	FAULTS(&g, GUEST_P32, 3, c_in, "IN without a bitmap", 13, 0);
	START(&g, GUEST_P32, 3, c_in_int);
	guest_st(&g, GUEST_TSS + 0x66, 0x68, 2);
	guest_faults(&g, "IN with its bit clear", 0x40, -1);
	START(&g, GUEST_P32, 3, c_in_int);
	guest_st(&g, GUEST_TSS + 0x66, 0x68, 2);
	guest_st(&g, GUEST_TSS + 0x68 + 0x80 / 8, 1, 1);
	guest_faults(&g, "IN with its bit set", 13, 0);
}

CODE(c_gp, 32, "mov $0xfffb,%ax; mov %ax,%ds");
CODE(c_pf, 32, "mov 0x50000000,%eax");

static void
doubles32(void)
{
	START(&g, GUEST_P32, 0, c_gp);
	guest_set_gate(&g, 13, 0x0e, 0);
	guest_faults(&g, "#NP delivering #GP is a double fault", 8, 0);
	START(&g, GUEST_P32, 0, c_ud2);
	guest_set_gate(&g, 6, 0x0e, 0);
	guest_faults(&g, "#NP delivering #UD is not", 11, 6 * 8 + 2 + 1);
	START(&g, GUEST_P32, 0, c_int40);
	guest_set_gate(&g, 0x40, 0x0e, 0);
	guest_faults(&g, "nor is it for INT n, without EXT", 11, 0x40 * 8 + 2);
	START(&g, GUEST_P32, 0, c_gp);
	guest_set_gate(&g, 13, 0x0e, 0);
	guest_set_gate(&g, 8, 0x0e, 0);
	is_u64(guest_run(&g), STOP_TRIPLE, "a third fault shuts down");
	START(&g, GUEST_P32, 0, c_gp);
	g.s.idt.limit = 0;
	is_u64(guest_run(&g), STOP_TRIPLE, "so does an empty IDT");
	START(&g, GUEST_P32, 0, c_pf);
	g.s.cr3 = GUEST_PML4;
	g.s.cr4 = 0x10;
	g.s.cr0 |= 1ull << 31;
	guest_st(&g, GUEST_PML4 + 0x140 * 4, 0, 4);
	guest_faults(&g, "a page fault", 14, 0);
	is_u64(g.s.cr2, 0x50000000, "with its address");
}

/* ---- 64-bit ---- */

CODE(l_int40, 64, "int $0x40");
CODE(l_ud2, 64, "ud2");
CODE(l_noncan, 64, "mov $0x8000000000000000,%rax; mov (%rax),%rax");
CODE(l_noncan_ss, 64, "mov $0x8000000000000000,%rsp; push %rax");
CODE(l_syscall, 64,
	"mov $0xc0000081,%ecx; mov $0x00300038,%edx; xor %eax,%eax; wrmsr;"
	"inc %ecx; mov $1f-l_syscall+0x40000,%eax; xor %edx,%edx; wrmsr;"
	"mov $0xc0000084,%ecx; mov $0x200,%eax; wrmsr;"
	"mov $2f-l_syscall+0x40000,%ecx; mov $0x202,%r11d; sysretq;"
	"2: mov %cs,%r12d; mov %ss,%r13d; syscall;"
	"1: mov %cs,%r14d; mov %ss,%r15d; pushf; pop %rbx; hlt");
CODE(l_iretq_null, 64,
	"xor %eax,%eax; push %rax; push $0x1f008; push $2; push $0x38;"
	"push $1f-l_iretq_null+0x40000; iretq; 1: mov %ss,%ebx; hlt");
CODE(l_swapgs, 64,
	"mov $0xc0000102,%ecx; mov $0x1234,%eax; xor %edx,%edx; wrmsr; swapgs;"
	"mov $0xc0000101,%ecx; rdmsr; hlt");
CODE(l_sysenter, 64,
	"mov $0x174,%ecx; mov $0x38,%eax; xor %edx,%edx; wrmsr; inc %ecx;"
	"mov $0x1f000,%eax; wrmsr; inc %ecx; mov $1f-l_sysenter+0x40000,%eax;"
	"wrmsr; sysenter; 1: mov %cs,%ebx; mov %rsp,%rcx; hlt");
CODE(l_ds_load, 64, "mov $0x13,%eax; mov %eax,%ds; mov $0x1b,%eax; hlt");
CODE(l_lcall, 64, "lcall *1f(%rip); 1: .long 0x40000; .word 0x80");
CODE(l_sgdt, 64, "sgdt 0x50000");
CODE(l_rdmsr, 64, "mov $0x12345,%ecx; rdmsr");
CODE(l_efer, 64, "mov $0xc0000080,%ecx; mov $0x2,%eax; xor %edx,%edx; wrmsr");
CODE(l_cr4, 64, "mov %cr4,%rax; bts $17,%rax; mov %rax,%cr4");
CODE(l_cr0_pg, 64, "mov %cr0,%rax; btr $31,%rax; mov %rax,%cr0");
CODE(l_smap, 64, "mov 0x600000,%eax");
CODE(l_stac, 64, "stac; mov 0x600000,%eax; clac; mov 0x600000,%eax");
CODE(l_user_kernel, 64, "mov 0x400000,%eax");
CODE(l_step_syscall, 64, "pushf; orl $0x100,(%rsp); popf; syscall");
CODE(l_ret, 64, "nop; hlt");

static void
long_mode(void)
{
	FAULTS(&g, GUEST_P64, 3, l_int40, "INT n from CPL 3 to 64-bit code",
		0x40, GUEST_CODE + 2);
	is_u64(guest_stack(&g, 1), S_CODE3_64, "CS");
	is_u64(guest_stack(&g, 3), GUEST_STACK3, "RSP");
	is_u64(guest_stack(&g, 4), S_DATA3, "SS");
	is_u64(g.s.seg[SEG_SS].sel, 0, "SS is null");
	is_u64(g.s.gpr[RSP], GUEST_STACK0 - 40, "on the TSS's stack");

	START(&g, GUEST_P64, 0, l_int40);
	g.s.gpr[RSP] = GUEST_STACK0 - 0x83;
	guest_faults(&g, "and at CPL 0", 0x40, GUEST_CODE + 2);
	is_u64(g.s.gpr[RSP], GUEST_STACK0 - 0x90 - 40, "the stack is aligned");
	is_u64(guest_stack(&g, 3), GUEST_STACK0 - 0x83, "RSP as it was");
	is_u64(g.s.seg[SEG_SS].sel, S_DATA0, "SS stays");

	START(&g, GUEST_P64, 0, l_ud2);
	guest_set_gate(&g, 6, 0x8e, 1);
	guest_faults(&g, "an IST stack", 6, GUEST_CODE);
	is_u64(g.s.gpr[RSP], (GUEST_IST1 & ~15) - 40, "is aligned too");

	START(&g, GUEST_P64, 3, l_int40);
	guest_st(&g, GUEST_TSS + 4, 0x601000, 8);
	guest_st(&g, GUEST_PML4 + 0x2000 + 3 * 8, 0, 8);
	guest_set_gate(&g, 14, 0x8e, 1);
	guest_faults(&g, "a page fault of the kernel stack", 14, 2);
	is_u64(guest_stack(&g, 1), GUEST_CODE, "is the INT's own");
	is_u64(guest_stack(&g, 2), S_CODE3_64, "still at CPL 3");
	FAULTS(&g, GUEST_P64, 0, l_noncan, "a non-canonical address", 13, 0);
	FAULTS(&g, GUEST_P64, 3, l_noncan_ss, "a non-canonical RSP", 12, 0);
	START(&g, GUEST_P64, 0, l_noncan_ss);
	is_u64(guest_run(&g), STOP_TRIPLE, "at CPL 0 without IST is fatal");
	FAULTS(&g, GUEST_P64, 0, l_lcall, "a far CALL to an empty slot", 13,
		0x80);
}

static void
long_fast(void)
{
	START(&g, GUEST_P64, 0, l_syscall);
	g.s.rflags |= 0x202;
	is_u64(guest_run(&g), STOP_HALT, "SYSRET and SYSCALL");
	is_u64(g.s.gpr[12], 0x43, "user CS");
	is_u64(g.s.gpr[13], 0x3b, "user SS");
	is_u64(g.s.gpr[14], 0x38, "kernel CS");
	is_u64(g.s.gpr[15], 0x40, "kernel SS");
	is_u64(g.s.gpr[11] & 0x200, 0x200, "R11 has the caller's flags");
	is_u64(g.s.gpr[RBX] & 0x200, 0, "FMASK clears IF");

	START(&g, GUEST_P64, 0, l_iretq_null);
	is_u64(guest_run(&g), STOP_HALT, "IRETQ takes a null SS at CPL 0");
	is_u64(g.s.gpr[RSP], 0x1f008, "and always pops RSP");
	START(&g, GUEST_P64, 0, l_swapgs);
	guest_run(&g);
	is_u64(g.s.gpr[RAX], 0x1234, "SWAPGS");
	START(&g, GUEST_P64, 0, l_sysenter);
	is_u64(guest_run(&g), STOP_HALT, "SYSENTER");
	is_u64(g.s.gpr[RBX], 0x38, "CS");
	is_u64(g.s.gpr[RCX], 0x1f000, "RSP");
}

static void
long_system(void)
{
	START(&g, GUEST_P64, 3, l_sgdt);
	g.s.cr4 |= 1 << 11;
	guest_faults(&g, "SGDT at CPL 3 with UMIP", 13, 0);
	FAULTS(&g, GUEST_P64, 0, l_rdmsr, "an unknown MSR", 13, 0);
	FAULTS(&g, GUEST_P64, 0, l_efer, "a reserved bit in EFER", 13, 0);
	FAULTS(&g, GUEST_P64, 0, l_cr4, "CR4.PCIDE", 13, 0);
	FAULTS(&g, GUEST_P64, 0, l_cr0_pg, "paging off in 64-bit code", 13, 0);
	FAULTS(&g, GUEST_P64, 3, l_user_kernel, "a user at a kernel page", 14,
		5);
	is_u64(g.s.cr2, GUEST_KERNEL, "CR2");
	/* the tables must not be the user's: that is no explicit access */
	START(&g, GUEST_P64, 0, l_smap);
	guest_st(&g, GUEST_PML4 + 0x2000, 0x83, 8);
	g.s.cr4 |= 1 << 21;
	guest_faults(&g, "SMAP bars the kernel from user pages", 14, 1);
	START(&g, GUEST_P64, 0, l_stac);
	guest_st(&g, GUEST_PML4 + 0x2000, 0x83, 8);
	g.s.cr4 |= 1 << 21;
	guest_faults(&g, "STAC lets it, until CLAC", 14, 1);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 13, "where it faults");
}

static void
syscall_step(uint64_t fmask, int vector, const char *what)
{
	START(&g, GUEST_P64, 3, l_step_syscall);
	cpu_set_msr(&g.s, 0xc0000081, 0x0030003800000000);
	cpu_set_msr(&g.s, 0xc0000082, GUEST_CODE + 0x100);
	cpu_set_msr(&g.s, 0xc0000084, fmask);
	mem_write(g.mem, GUEST_CODE + 0x100, l_ret, 2);
	guest_set_gate(&g, 1, 0x8e, 1);
	guest_run(&g);
	is_u64((uint64_t)guest_vector(&g), (uint64_t)vector, what);
}

int
main(void)
{
	deadline(20);
	guest_new(&g);
	segments32();
	transfers32();
	vectors32();
	io32();
	doubles32();
	long_mode();
	long_fast();
	long_system();
	syscall_step(0, 1, "SYSCALL under TF traps");
	syscall_step(0x100, -1, "not where FMASK clears TF");
	guest_free(&g);
	return done();
}
