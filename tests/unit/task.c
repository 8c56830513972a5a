/* SPDX-License-Identifier: MIT */
/* IRET, hardware tasks, vm86 mode and debug exceptions of the soft engine. */
#include "tests/guest.h"

static struct guest g;

CODE(c_gp, 32, "mov $0xfffb,%ax; mov %ax,%ds");
CODE(c_hlt, 32, "hlt");

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
	START(&g, GUEST_P32, 0, c_call_tss);
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

	START(&g, GUEST_P32, 0, c_gp);
	task_tables();
	guest_st(&g, GUEST_IDT + 13 * 8, guest_gate(S_TSS2, 0, 0x85, 0), 8);
	mem_write(g.mem, GUEST_CODE + 0x100, c_hlt, 1);
	is_u64(guest_run(&g), STOP_HALT, "a task gate takes #GP");
	is_u64(g.s.rip, GUEST_CODE + 0x101, "in the new task");
	is_u64(guest_stack(&g, 0), 0xfff8, "with the error code");
	is_u64(guest_ld(&g, GUEST_TSS + 0x20, 4), GUEST_CODE + 4,
		"and the old EIP in the old TSS");

	START(&g, GUEST_P32, 0, c_call_tss);
	task_tables();
	guest_set_desc(&g, S_TSS2, guest_desc(GUEST_TSS2, 0x66, 0x89, 0));
	guest_faults(&g, "a short TSS", 10, S_TSS2);
	START(&g, GUEST_P32, 0, c_call_tss);
	task_tables();
	guest_st(&g, GUEST_TSS2 + 0x48 + 3 * 4, S_ABSENT, 4);
	guest_faults(&g, "a task's absent DS faults in the task", 11, S_ABSENT);
	is_u64(guest_stack(&g, 1), GUEST_CODE + 0x100, "at its EIP");
}

static void
returns32(void)
{
	FAULTS(&g, GUEST_P32, 0, c_iret3, "IRET to CPL 3", 0x40, -1);
	is_u64(g.s.gpr[RBX] & 0x3202, 0x3202, "sets IF and IOPL");
	is_u64(g.s.gpr[RCX], 0, "and drops the inner DS");
	is_u64(g.s.gpr[RDX], 0, "and ES");

	FAULTS(&g, GUEST_P32, 0, c_vm86, "IRET to vm86 mode, IOPL 3", 13,
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
	FAULTS(&g, GUEST_P32, 0, c_vm86_io, "INT n in vm86 with IOPL 0", 13, 0);

	START(&g, GUEST_P32, 0, c_vme);
	g.s.cr4 = 1;
	guest_faults(&g, "VME: CLI, PUSHF, POPF work on VIF", 13, 0);
	is_u64(g.s.gpr[RBX] & 0x3200, 0x3200, "set");
	is_u64(g.s.gpr[RCX] & 0x3200, 0x3000, "cleared");
	is_u64(g.s.gpr[RDX] & 0x3200, 0x3200, "set again");
	is_u64(guest_stack(&g, 3) & 0x83200, 0x80200, "IF stays");
	START(&g, GUEST_P32, 0, c_vme);
	guest_faults(&g, "without VME PUSHF faults", 13, 0);

	START(&g, GUEST_P32, 0, c_vm86_io);
	g.s.cr4 = 1; /* VME */
	guest_st(&g, GUEST_TSS + 0x66, 0x88, 2);
	guest_st(&g, 0x20 * 4, 0x40000800, 4);
	guest_st(&g, GUEST_CODE + 0x800, 0xf4, 1);
	guest_faults(
		&g, "with VME, a clear bit leads to the 8086 table", 13, 0);
	is_u64(guest_stack(&g, 1), 0x800, "where HLT faults");
	is_u64(guest_ld(&g, 0x20000 + 0x1000 - 2, 2) & 0x3200, 0x3000,
		"flags there show IOPL 3 and VIF as IF");
}

/* ---- debug ---- */

CODE(c_step, 32, "pushf; orl $0x100,(%esp); popf; nop; nop; hlt");
CODE(c_step_ss, 32,
	"mov %ss,%ax; pushf; orl $0x100,(%esp); popf; mov %ax,%ss; nop; nop; "
	"hlt");
CODE(c_watch, 32, "movl $1,0x50004; nop; hlt");
CODE(c_movdr, 32, "mov %dr7,%eax; hlt");
CODE(c_dr4, 32, "mov %dr4,%eax; hlt");

CODE(c_ss_watch, 32, "mov 0x50000,%ss; .byte 0xf1; hlt");
CODE(c_ss_watch_int, 32, "mov 0x50000,%ss; int3; hlt");
CODE(c_int_step, 32, "pushf; orl $0x100,(%esp); popf; int3; hlt");

static void
watch_ss(void)
{
	guest_st(&g, GUEST_DATA, S_DATA0, 2);
	g.s.dr[1] = GUEST_DATA;
	g.s.dr[7] = 0x400 | 8 | 3 << 20;
}

static void
debug_held(void)
{
	START(&g, GUEST_P32, 0, c_ss_watch);
	watch_ss();
	guest_faults(
		&g, "a breakpoint on MOV SS, then INT1", 1, GUEST_CODE + 7);
	is_u64(g.s.dr[6] & 15, 2, "are one #DB");
	is_u64(g.s.gpr[RSP], GUEST_STACK0 - 0x800 - 12, "with one frame");
	START(&g, GUEST_P32, 0, c_ss_watch_int);
	watch_ss();
	guest_faults(&g, "a breakpoint on MOV SS, then INT3", 1,
		GUEST_HANDLERS + 3 * 16);
	is_u64(guest_stack(&g, 3), GUEST_CODE + 7, "traps in the handler");
	START(&g, GUEST_P32, 0, c_int_step);
	guest_faults(&g, "INT3 under TF", 3, GUEST_CODE + 10);
	is_u64(g.s.dr[6] & 0x4000, 0, "does not step the handler");
}

static void
debug32(void)
{
	FAULTS(&g, GUEST_P32, 0, c_step, "TF traps", 1, -1);
	is_u64(guest_stack(&g, 0), GUEST_CODE + 10, "after one instruction");
	is_u64(g.s.dr[6] & 0x4000, 0x4000, "with DR6.BS");
	is_u64(guest_stack(&g, 2) & 0x10100, 0x100, "TF pushed, RF not");
	FAULTS(&g, GUEST_P32, 0, c_step_ss, "MOV SS holds the trap", 1, -1);
	is_u64(guest_stack(&g, 0), GUEST_CODE + 15, "for one instruction");

	START(&g, GUEST_P32, 0, c_watch);
	g.s.dr[0] = GUEST_DATA + 7;
	g.s.dr[7] = 0x400 | 2 | 1 << 16;
	guest_faults(&g, "a data breakpoint traps", 1, GUEST_CODE + 10);
	is_u64(g.s.dr[6] & 15, 1, "and says which");
	START(&g, GUEST_P32, 0, c_nop);
	g.s.dr[1] = GUEST_CODE + 1;
	g.s.dr[7] = 0x400 | 8;
	guest_faults(&g, "an instruction breakpoint faults", 1, GUEST_CODE + 1);
	is_u64(g.s.dr[6] & 15, 2, "and says which");
	START(&g, GUEST_P32, 0, c_movdr);
	g.s.dr[7] = 0x400 | 1 << 13;
	guest_faults(&g, "GD guards the debug registers", 1, GUEST_CODE);
	is_u64(g.s.dr[6] & 1 << 13, 1 << 13, "DR6.BD");
	is_u64(g.s.dr[7] & 1 << 13, 0, "and is clear in the handler");
	START(&g, GUEST_P32, 0, c_dr4);
	g.s.cr4 = 8;
	guest_faults(&g, "DR4 with CR4.DE", 6, -1);
}

int
main(void)
{
	deadline(20);
	guest_new(&g);
	tasks();
	returns32();
	debug32();
	debug_held();
	guest_free(&g);
	return done();
}
