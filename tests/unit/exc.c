/* SPDX-License-Identifier: MIT */
/* Exceptions of the soft engine: which vector, what is pushed, what follows. */
#include "tests/guest.h"

static struct guest g;

/* Run name in a mode at a CPL as set up; compare vector and error (-1: has
 * none). */
static void
faults(const char *what, int vector, int64_t error)
{
	guest_run(&g);
	if (!ok(guest_vector(&g) == vector &&
			    (error < 0 || (int64_t)guest_stack(&g, 0) == error),
		    "%s", what))
		printf("# vector %d stop %d rip %#" PRIx64 " error %#" PRIx64
		       "\n",
			guest_vector(&g), (int)g.stop, g.s.rip,
			guest_stack(&g, 0));
}

#define START(mode, cpl, name)                                                 \
	do {                                                                   \
		guest_reset(&g, mode);                                         \
		if ((mode) != GUEST_REAL)                                      \
			guest_cpl(&g, cpl);                                    \
		LOAD(&g, name);                                                \
	} while (0)

#define FAULTS(mode, cpl, name, what, vector, error)                           \
	do {                                                                   \
		START(mode, cpl, name);                                        \
		faults(what, vector, error);                                   \
	} while (0)

/* ---- 32-bit ---- */

CODE(c_int40, 32, "int $0x40");
CODE(c_int41, 32, "int $0x41");
CODE(c_int3, 32, "int3");
CODE(c_into, 32, "movb $127,%al; incb %al; into");
CODE(c_bound, 32, "mov $0x50000,%ebx; movl $1,(%ebx); movl $5,4(%ebx);"
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
	FAULTS(GUEST_P32, 3, c_ds_null, "a null DS faults when used", 13, 0);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 4, "at its own EIP");
	is_u64(guest_stack(&g, 3) >> 16 & 1, 1, "with RF pushed");
	FAULTS(GUEST_P32, 3, c_ds_dpl0, "DS of DPL 0 at CPL 3", 13, 0x10);
	FAULTS(GUEST_P32, 3, c_ds_absent, "an absent DS", 11, 0x50);
	FAULTS(GUEST_P32, 3, c_ss_absent, "an absent SS", 12, 0x50);
	FAULTS(GUEST_P32, 3, c_ss_null, "a null SS", 13, 0);
	FAULTS(GUEST_P32, 3, c_ss_ro, "a read-only SS", 13, 0x60);
	FAULTS(GUEST_P32, 3, c_ds_beyond, "beyond the GDT", 13, 0xfff8);
	FAULTS(GUEST_P32, 3, c_ds_xo, "execute-only as DS", 13, 0x68);
	FAULTS(GUEST_P32, 3, c_write_ro, "a write to read-only", 13, 0);
	FAULTS(GUEST_P32, 3, c_write_cs, "a write to code", 13, 0);
	FAULTS(GUEST_P32, 3, c_down_low, "expand-down: below", 13, 0);
	FAULTS(GUEST_P32, 3, c_down_ok, "expand-down: above", 0x40, -1);
	FAULTS(GUEST_P32, 3, c_short, "across the limit", 13, 0);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 11, "but not up to it");
	FAULTS(GUEST_P32, 3, c_short_ss, "a POP across SS's limit", 12, 0);
}

static void
transfers32(void)
{
	FAULTS(GUEST_P32, 3, c_ljmp0, "JMP to inner code", 13, 8);
	FAULTS(GUEST_P32, 3, c_ljmp_conf, "JMP to conforming code", 0x40, -1);
	is_u64(guest_stack(&g, 1), S_CONFORM | 3, "keeps CPL");
	FAULTS(GUEST_P32, 3, c_lret_in, "RETF to an inner level", 13, 8);

	START(GUEST_P32, 3, c_lcall_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0, GUEST_HANDLERS + 0x50 * 16, 0xec, 2));
	faults("a call gate leads inside", 0x50, -1);
	is_u64(guest_stack(&g, 1), S_CODE3, "with the caller's CS");
	is_u64(guest_stack(&g, 2), 0x2222, "the last parameter");
	is_u64(guest_stack(&g, 3), 0x1111, "the first");
	is_u64(guest_stack(&g, 4), GUEST_STACK3 - 8, "ESP");
	is_u64(guest_stack(&g, 5), S_DATA3, "and SS");
	is_u64(g.s.seg[SEG_SS].sel, S_DATA0, "on the TSS's stack");

	START(GUEST_P32, 3, c_lcall_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0, GUEST_HANDLERS + 0x50 * 16, 0x8c, 0));
	faults("a gate of DPL 0 at CPL 3", 13, S_GATE);
	START(GUEST_P32, 3, c_lcall_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0, GUEST_HANDLERS + 0x50 * 16, 0x6c, 0));
	faults("an absent gate", 11, S_GATE);
}

static void
vectors32(void)
{
	FAULTS(GUEST_P32, 3, c_int40, "INT n through a DPL 3 gate", 0x40, -1);
	is_u64(guest_stack(&g, 0), GUEST_CODE + 2, "pushes the next EIP");
	is_u64(guest_stack(&g, 1), S_CODE3, "CS");
	is_u64(guest_stack(&g, 3), GUEST_STACK3, "ESP");
	is_u64(guest_stack(&g, 4), S_DATA3, "and SS");
	FAULTS(GUEST_P32, 3, c_int41, "through a DPL 0 gate", 13, 0x41 * 8 + 2);
	FAULTS(GUEST_P32, 3, c_int3, "INT3", 3, GUEST_CODE + 1);
	is_u64(guest_stack(&g, 2) >> 16 & 1, 0, "without RF");
	FAULTS(GUEST_P32, 3, c_into, "INTO", 4, -1);
	FAULTS(GUEST_P32, 3, c_bound, "BOUND", 5, -1);
	FAULTS(GUEST_P32, 3, c_icebp, "INT1 asks no DPL", 1, GUEST_CODE + 1);
	FAULTS(GUEST_P32, 3, c_ud2, "UD2", 6, GUEST_CODE);
	FAULTS(GUEST_P32, 3, c_hlt, "HLT at CPL 3", 13, 0);
	FAULTS(GUEST_P32, 3, c_cli, "CLI at CPL 3", 13, 0);
	FAULTS(GUEST_P32, 3, c_pushf_popf, "POPF at CPL 3", 0x40, -1);
	is_u64(g.s.gpr[RBX], 0x2, "changes neither IF nor IOPL");
}

static void
io32(void)
{
	FAULTS(GUEST_P32, 3, c_in, "IN without a bitmap", 13, 0);
	START(GUEST_P32, 3, c_in_int);
	guest_st(&g, GUEST_TSS + 0x66, 0x68, 2);
	faults("IN with its bit clear", 0x40, -1);
	START(GUEST_P32, 3, c_in_int);
	guest_st(&g, GUEST_TSS + 0x66, 0x68, 2);
	guest_st(&g, GUEST_TSS + 0x68 + 0x80 / 8, 1, 1);
	faults("IN with its bit set", 13, 0);
}

CODE(c_gp, 32, "mov $0xfffb,%ax; mov %ax,%ds");
CODE(c_pf, 32, "mov 0x50000000,%eax");

static void
doubles32(void)
{
	START(GUEST_P32, 0, c_gp);
	guest_set_gate(&g, 13, 0x0e, 0);
	faults("#NP delivering #GP is a double fault", 8, 0);
	START(GUEST_P32, 0, c_ud2);
	guest_set_gate(&g, 6, 0x0e, 0);
	faults("#NP delivering #UD is not", 11, 6 * 8 + 2 + 1);
	START(GUEST_P32, 0, c_int40);
	guest_set_gate(&g, 0x40, 0x0e, 0);
	faults("nor is it for INT n, without EXT", 11, 0x40 * 8 + 2);
	START(GUEST_P32, 0, c_gp);
	guest_set_gate(&g, 13, 0x0e, 0);
	guest_set_gate(&g, 8, 0x0e, 0);
	is_u64(guest_run(&g), STOP_TRIPLE, "a third fault shuts down");
	START(GUEST_P32, 0, c_gp);
	g.s.idt.limit = 0;
	is_u64(guest_run(&g), STOP_TRIPLE, "so does an empty IDT");
	START(GUEST_P32, 0, c_pf);
	g.s.cr3 = GUEST_PML4;
	g.s.cr4 = 0x10;
	g.s.cr0 |= 1ull << 31;
	guest_st(&g, GUEST_PML4 + 0x140 * 4, 0, 4);
	faults("a page fault", 14, 0);
	is_u64(g.s.cr2, 0x50000000, "with its address");
}

/* ---- IRET, tasks, vm86 ---- */

CODE(c_iret3, 32,
	"push $0x23; push $0x30000; push $0x3202; push $0x1b;"
	"push $1f-c_iret3+0x40000; iret; 1: pushf; pop %ebx; mov %ds,%ecx;"
	"mov %es,%edx; int $0x40");
CODE(c_vm86, 32,
	"push $0x55; push $0x44; push $0x33; push $0x22; push $0x2000;"
	"push $0x1000; push $0x23202; push $0x4000; push $2f-c_vm86; iret;"
	".code16; 2: mov %ds,%ax; mov %ss,%bx; .byte 0xcd, 0x20");
/* pushf; cli; pushf; sti; popf with IF; hlt in vm86 mode */
CODE(c_vme, 32,
	"push $0; push $0; push $0; push $0; push $0x2000;"
	"push $0x1000; push $0xa0202; push $0x4000; push $2f-c_vme; iret;"
	".code16; 2: pushf; pop %bx; cli; pushf; pop %cx; push $0x200; popf;"
	"pushf; pop %dx; .byte 0xf4");
CODE(c_vm86_io, 32,
	"push $0; push $0; push $0; push $0; push $0x2000;"
	"push $0x1000; push $0x20202; push $0x4000; push $2f-c_vm86_io; iret;"
	".code16; 2: .byte 0xcd, 0x20");
CODE(c_call_tss, 32, "mov $0x77,%ecx; lcall $0x98,$0; mov $1,%edx; hlt");
CODE(c_task_iret, 32, "mov $0x55,%ecx; pushf; pop %ebx; iret");
CODE(c_nop, 32, "nop; hlt");

static void
task_tables(void)
{
	uint64_t t = GUEST_TSS2;

	guest_st(&g, t + 0x1c, 0, 4);
	guest_st(&g, t + 0x20, GUEST_CODE + 0x100, 4); /* EIP */
	guest_st(&g, t + 0x24, 2, 4);
	guest_st(&g, t + 0x38, GUEST_STACK0 - 0x400, 4); /* ESP */
	for (unsigned n = 0; n < 6; n++)
		guest_st(&g, t + 0x48 + n * 4, n == 1 ? S_CODE0 : S_DATA0, 4);
	mem_write(g.mem, GUEST_CODE + 0x100, c_task_iret,
		(uint64_t)(c_task_iret_end - c_task_iret));
}

static unsigned
tss_type(unsigned sel)
{
	return guest_ld(&g, GUEST_GDT + sel + 5, 1) & 15;
}

static void
tasks(void)
{
	START(GUEST_P32, 0, c_call_tss);
	task_tables();
	is_u64(guest_run(&g), STOP_HALT, "CALL to a task and IRET back");
	is_u64(g.s.gpr[RCX], 0x77, "bring the registers back");
	is_u64(g.s.gpr[RDX], 1, "behind the CALL");
	is_u64(guest_ld(&g, GUEST_TSS2 + 0x2c, 4), 0x55, "and save the task's");
	is_u64(guest_ld(&g, GUEST_TSS2 + 0x34, 4) & 0x4000, 0x4000,
		"which ran with NT set");
	is_u64(guest_ld(&g, GUEST_TSS2, 2), S_TSS, "and a link to the first");
	is_u64(tss_type(S_TSS), 11, "the first is busy");
	is_u64(tss_type(S_TSS2), 9, "the other is not");
	is_u64(g.s.cr0 & 8, 8, "CR0.TS is set");
	is_u64(g.s.rflags & 0x4000, 0, "NT is clear again");

	START(GUEST_P32, 0, c_gp);
	task_tables();
	guest_st(&g, GUEST_IDT + 13 * 8, guest_gate(S_TSS2, 0, 0x85, 0), 8);
	mem_write(g.mem, GUEST_CODE + 0x100, c_hlt, 1);
	is_u64(guest_run(&g), STOP_HALT, "a task gate takes #GP");
	is_u64(g.s.rip, GUEST_CODE + 0x101, "in the new task");
	is_u64(guest_stack(&g, 0), 0xfff8, "with the error code");
	is_u64(guest_ld(&g, GUEST_TSS + 0x20, 4), GUEST_CODE + 4,
		"and the old EIP in the old TSS");

	START(GUEST_P32, 0, c_call_tss);
	task_tables();
	guest_set_desc(&g, S_TSS2, guest_desc(GUEST_TSS2, 0x66, 0x89, 0));
	faults("a short TSS", 10, S_TSS2);
	START(GUEST_P32, 0, c_call_tss);
	task_tables();
	guest_st(&g, GUEST_TSS2 + 0x48 + 3 * 4, S_ABSENT, 4);
	faults("a task's absent DS faults in the task", 11, S_ABSENT);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 0x100, "at its EIP");
}

static void
returns32(void)
{
	FAULTS(GUEST_P32, 0, c_iret3, "IRET to CPL 3", 0x40, -1);
	is_u64(g.s.gpr[RBX] & 0x3202, 0x3202, "sets IF and IOPL");
	is_u64(g.s.gpr[RCX], 0, "and drops the inner DS");
	is_u64(g.s.gpr[RDX], 0, "and ES");

	FAULTS(GUEST_P32, 0, c_vm86, "IRET to vm86 mode, IOPL 3", 13,
		0x20 * 8 + 2);
	is_u64(g.s.gpr[RAX] & 0xffff, 0x33, "loads DS");
	is_u64(g.s.gpr[RBX] & 0xffff, 0x2000, "SS");
	is_u64(guest_stack(&g, 2), 0x4000, "a fault pushes CS");
	is_u64(guest_stack(&g, 3) & 0x23000, 0x23000, "VM and IOPL");
	is_u64(guest_stack(&g, 4), 0x1000, "ESP");
	is_u64(guest_stack(&g, 5), 0x2000, "SS");
	is_u64(guest_stack(&g, 6), 0x22, "ES");
	is_u64(guest_stack(&g, 7), 0x33, "DS");
	is_u64(guest_stack(&g, 8), 0x44, "FS");
	is_u64(guest_stack(&g, 9), 0x55, "and GS");
	is_u64(g.s.seg[SEG_DS].sel, 0, "and leaves null segments");
	FAULTS(GUEST_P32, 0, c_vm86_io, "INT n in vm86 with IOPL 0", 13, 0);

	START(GUEST_P32, 0, c_vme);
	g.s.cr4 = 1;
	faults("VME: CLI, PUSHF, POPF work on VIF", 13, 0);
	is_u64(g.s.gpr[RBX] & 0x3200, 0x3200, "set");
	is_u64(g.s.gpr[RCX] & 0x3200, 0x3000, "cleared");
	is_u64(g.s.gpr[RDX] & 0x3200, 0x3200, "set again");
	is_u64(guest_stack(&g, 3) & 0x83200, 0x80200, "IF stays");
	START(GUEST_P32, 0, c_vme);
	faults("without VME PUSHF faults", 13, 0);

	START(GUEST_P32, 0, c_vm86_io);
	g.s.cr4 = 1; /* VME */
	guest_st(&g, GUEST_TSS + 0x66, 0x88, 2);
	guest_st(&g, 0x20 * 4, 0x40000800, 4);
	guest_st(&g, GUEST_CODE + 0x800, 0xf4, 1);
	faults("with VME, a clear bit leads to the 8086 table", 13, 0);
	is_u64(guest_stack(&g, 1), 0x800, "where HLT faults");
	is_u64(guest_ld(&g, 0x20000 + 0x1000 - 2, 2) & 0x3200, 0x3000,
		"flags there show IOPL 3 and VIF as IF");
}

/* ---- debug ---- */

CODE(c_step, 32, "pushf; orl $0x100,(%esp); popf; nop; nop; hlt");
CODE(c_step_ss, 32,
	"mov %ss,%ax; pushf; orl $0x100,(%esp); popf; mov %ax,%ss; nop; nop; hlt");
CODE(c_watch, 32, "movl $1,0x50004; nop; hlt");
CODE(c_movdr, 32, "mov %dr7,%eax; hlt");
CODE(c_dr4, 32, "mov %dr4,%eax; hlt");

static void
debug32(void)
{
	FAULTS(GUEST_P32, 0, c_step, "TF traps", 1, -1);
	is_u64(guest_stack(&g, 0), GUEST_CODE + 10, "after one instruction");
	is_u64(g.s.dr[6] & 0x4000, 0x4000, "with DR6.BS");
	is_u64(guest_stack(&g, 2) & 0x10100, 0x100, "TF pushed, RF not");
	FAULTS(GUEST_P32, 0, c_step_ss, "MOV SS holds the trap", 1, -1);
	is_u64(guest_stack(&g, 0), GUEST_CODE + 15, "for one instruction");

	START(GUEST_P32, 0, c_watch);
	g.s.dr[0] = GUEST_DATA + 7;
	g.s.dr[7] = 0x400 | 2 | 1 << 16;
	faults("a data breakpoint traps", 1, GUEST_CODE + 10);
	is_u64(g.s.dr[6] & 15, 1, "and says which");
	START(GUEST_P32, 0, c_nop);
	g.s.dr[1] = GUEST_CODE + 1;
	g.s.dr[7] = 0x400 | 8;
	faults("an instruction breakpoint faults", 1, GUEST_CODE + 1);
	is_u64(g.s.dr[6] & 15, 2, "and says which");
	START(GUEST_P32, 0, c_movdr);
	g.s.dr[7] = 0x400 | 1 << 13;
	faults("GD guards the debug registers", 1, GUEST_CODE);
	is_u64(g.s.dr[6] & 1 << 13, 1 << 13, "DR6.BD");
	is_u64(g.s.dr[7] & 1 << 13, 0, "and is clear in the handler");
	START(GUEST_P32, 0, c_dr4);
	g.s.cr4 = 8;
	faults("DR4 with CR4.DE", 6, -1);
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
CODE(l_lcall, 64,
	"lcall *1f(%rip); 1: .long 0x40000; .word 0x80");
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
	FAULTS(GUEST_P64, 3, l_int40, "INT n from CPL 3 to 64-bit code", 0x40,
		GUEST_CODE + 2);
	is_u64(guest_stack(&g, 1), S_CODE3_64, "CS");
	is_u64(guest_stack(&g, 3), GUEST_STACK3, "RSP");
	is_u64(guest_stack(&g, 4), S_DATA3, "SS");
	is_u64(g.s.seg[SEG_SS].sel, 0, "SS is null");
	is_u64(g.s.gpr[RSP], GUEST_STACK0 - 40, "on the TSS's stack");

	START(GUEST_P64, 0, l_int40);
	g.s.gpr[RSP] = GUEST_STACK0 - 0x83;
	faults("and at CPL 0", 0x40, GUEST_CODE + 2);
	is_u64(g.s.gpr[RSP], GUEST_STACK0 - 0x90 - 40, "the stack is aligned");
	is_u64(guest_stack(&g, 3), GUEST_STACK0 - 0x83, "RSP as it was");
	is_u64(g.s.seg[SEG_SS].sel, S_DATA0, "SS stays");

	START(GUEST_P64, 0, l_ud2);
	guest_set_gate(&g, 6, 0x8e, 1);
	faults("an IST stack", 6, GUEST_CODE);
	is_u64(g.s.gpr[RSP], (GUEST_IST1 & ~15) - 40, "is aligned too");

	FAULTS(GUEST_P64, 0, l_noncan, "a non-canonical address", 13, 0);
	FAULTS(GUEST_P64, 3, l_noncan_ss, "a non-canonical RSP", 12, 0);
	START(GUEST_P64, 0, l_noncan_ss);
	is_u64(guest_run(&g), STOP_TRIPLE, "at CPL 0 without IST is fatal");
	FAULTS(GUEST_P64, 0, l_lcall, "a far CALL to an empty slot", 13, 0x80);
}

static void
long_fast(void)
{
	START(GUEST_P64, 0, l_syscall);
	g.s.rflags |= 0x202;
	is_u64(guest_run(&g), STOP_HALT, "SYSRET and SYSCALL");
	is_u64(g.s.gpr[12], 0x43, "user CS");
	is_u64(g.s.gpr[13], 0x3b, "user SS");
	is_u64(g.s.gpr[14], 0x38, "kernel CS");
	is_u64(g.s.gpr[15], 0x40, "kernel SS");
	is_u64(g.s.gpr[11] & 0x200, 0x200, "R11 has the caller's flags");
	is_u64(g.s.gpr[RBX] & 0x200, 0, "FMASK clears IF");

	START(GUEST_P64, 0, l_iretq_null);
	is_u64(guest_run(&g), STOP_HALT, "IRETQ takes a null SS at CPL 0");
	is_u64(g.s.gpr[RSP], 0x1f008, "and always pops RSP");
	START(GUEST_P64, 0, l_swapgs);
	guest_run(&g);
	is_u64(g.s.gpr[RAX], 0x1234, "SWAPGS");
	START(GUEST_P64, 0, l_sysenter);
	is_u64(guest_run(&g), STOP_HALT, "SYSENTER");
	is_u64(g.s.gpr[RBX], 0x38, "CS");
	is_u64(g.s.gpr[RCX], 0x1f000, "RSP");
}

static void
long_system(void)
{
	START(GUEST_P64, 3, l_sgdt);
	g.s.cr4 |= 1 << 11;
	faults("SGDT at CPL 3 with UMIP", 13, 0);
	FAULTS(GUEST_P64, 0, l_rdmsr, "an unknown MSR", 13, 0);
	FAULTS(GUEST_P64, 0, l_efer, "a reserved bit in EFER", 13, 0);
	FAULTS(GUEST_P64, 0, l_cr4, "CR4.PCIDE", 13, 0);
	FAULTS(GUEST_P64, 0, l_cr0_pg, "paging off in 64-bit code", 13, 0);
	FAULTS(GUEST_P64, 3, l_user_kernel, "a user at a kernel page", 14, 5);
	is_u64(g.s.cr2, GUEST_KERNEL, "CR2");
	/* the tables must not be the user's: that is no explicit access */
	START(GUEST_P64, 0, l_smap);
	guest_st(&g, GUEST_PML4 + 0x2000, 0x83, 8);
	g.s.cr4 |= 1 << 21;
	faults("SMAP bars the kernel from user pages", 14, 1);
	START(GUEST_P64, 0, l_stac);
	guest_st(&g, GUEST_PML4 + 0x2000, 0x83, 8);
	g.s.cr4 |= 1 << 21;
	faults("STAC lets it, until CLAC", 14, 1);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 13, "where it faults");
}

static void
syscall_step(uint64_t fmask, int vector, const char *what)
{
	START(GUEST_P64, 3, l_step_syscall);
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
	tasks();
	returns32();
	debug32();
	long_mode();
	long_fast();
	long_system();
	syscall_step(0, 1, "SYSCALL under TF traps");
	syscall_step(0x100, -1, "not where FMASK clears TF");
	guest_free(&g);
	return done();
}
