/* SPDX-License-Identifier: MIT */
/* Segments of the soft engine: loads, checks, modes, far transfers. */
#include "tests/guest.h"

static struct guest g;

/* It halts at its end, and no vector comes. */
static void
runs(const char *what)
{
	guest_run(&g);
	if (!ok(g.stop == STOP_HALT && guest_vector(&g) < 0, "%s", what))
		printf("# vector %d stop %d rip %#" PRIx64 " error %#" PRIx64
		       "\n",
			guest_vector(&g), (int)g.stop, g.s.rip,
			guest_stack(&g, 0));
}

/* ---- real mode ---- */

CODE(r_int, 16, "int $0x40");
CODE(r_limit, 16, "mov $0xffff,%bx; mov (%bx),%ax");
CODE(r_limit32, 16, "mov $0x10000,%ebx; mov (%ebx),%al");
CODE(r_lldt, 16, "lldt %ax");
CODE(r_iret, 16, "pushf; push $0x4000; push $1f-r_iret; iret; 1: hlt");
CODE(r_far, 16,
	"lcall $0x4100,$0; mov %cs,%cx; hlt; .org r_far+0x100; .space 0xf00;"
	"mov %cs,%dx; lret");
CODE(r_unreal, 16,
	"lgdt 1f-r_unreal+0x40000-0x40000; mov %cr0,%eax; or $1,%al;"
	"mov %eax,%cr0; mov $8,%bx; mov %bx,%ds; and $0xfe,%al;"
	"mov %eax,%cr0; mov $0x4000,%bx; mov %bx,%ds; mov $0x300000,%ebx;"
	"movl $0x12345678,(%ebx); mov (%ebx),%ecx; hlt;"
	"1: .word 15; .long 2f-r_unreal+0x40000; .word 0;"
	"2: .quad 0, 0x00cf93000000ffff");
CODE(r_protect, 16,
	"lgdtl 1f-r_protect; mov %cr0,%eax; or $1,%al; mov %eax,%cr0;"
	"ljmpl $8,$2f-r_protect+0x40000; .code32; 2: mov $16,%eax;"
	"mov %eax,%ds; mov %eax,%ss; mov $0x60000,%esp; push $0x77;"
	"mov 0x5fffc,%ebx; hlt; .code16;"
	"1: .word 23; .long 3f-r_protect+0x40000;"
	"3: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff");

static void
real(void)
{
	START(&g, GUEST_REAL, 0, r_int);
	g.s.rflags |= 0x202;
	guest_faults(&g, "INT in real mode", 0x40, 2);
	is_u64(guest_stack(&g, 1), GUEST_CODE >> 4, "pushes CS");
	is_u64(guest_stack(&g, 2), 0x202, "and FLAGS");
	is_u64(g.s.rflags & 0x200, 0, "and clears IF");
	START(&g, GUEST_REAL, 0, r_limit);
	guest_faults(&g, "a word at ffff", 13, 3);
	START(&g, GUEST_REAL, 0, r_limit32);
	guest_faults(&g, "an offset above ffff", 13, 6);
	START(&g, GUEST_REAL, 0, r_lldt);
	guest_faults(&g, "LLDT is undefined", 6, 0);
	START(&g, GUEST_REAL, 0, r_int);
	g.s.idt.limit = 0x40 * 4;
	guest_faults(&g, "a vector beyond the table", 13, 0);
	START(&g, GUEST_REAL, 0, r_iret);
	runs("IRET");
	is_u64(g.s.gpr[RSP], 0x7000, "pops all");
	START(&g, GUEST_REAL, 0, r_far);
	runs("a far CALL and RET");
	is_u64(g.s.gpr[RDX] & 0xffff, 0x4100, "over there");
	is_u64(g.s.gpr[RCX] & 0xffff, 0x4000, "and back");
	START(&g, GUEST_REAL, 0, r_unreal);
	g.s.seg[SEG_DS].base = GUEST_CODE;
	g.s.seg[SEG_DS].sel = GUEST_CODE >> 4;
	runs("big real mode: a load keeps the limit");
	is_u64(guest_ld(&g, 0x340000, 4), 0x12345678, "and sets the base");
	START(&g, GUEST_REAL, 0, r_protect);
	g.s.seg[SEG_DS].base = GUEST_CODE;
	g.s.seg[SEG_DS].sel = GUEST_CODE >> 4;
	runs("into protected mode");
	is_u64(g.s.gpr[RBX], 0x77, "with a 32-bit stack");
}

/* ---- questions and table registers ---- */

CODE(q_lar, 32,
	"mov $0x08,%eax; lar %eax,%ebx; setz %cl; mov $0x50,%eax;"
	"lar %eax,%edx; setz %ch; mov $0xfff8,%eax; lar %eax,%esi; setz %al;"
	"lsl %edx,%edx; mov $0x08,%edi; lsl %edi,%edi; mov $0xb8,%ebp;"
	"lsl %ebp,%ebp; hlt");
CODE(q_ver, 32,
	"mov $0x23,%eax; verr %ax; setz %bl; verw %ax; setz %bh;"
	"mov $0x63,%eax; verr %ax; setz %cl; verw %ax; setz %ch;"
	"mov $0x6b,%eax; verr %ax; setz %dl; mov $0x10,%eax; verr %ax;"
	"setz %dh; int $0x40");
CODE(q_arpl, 32,
	"mov $0x10,%eax; mov $3,%ebx; arpl %bx,%ax; setz %cl; arpl %bx,%ax;"
	"setz %ch; hlt");
CODE(t_lldt, 32, "mov $0xa8,%eax; lldt %ax; mov $4,%eax; mov %eax,%ds; hlt");
CODE(t_lldt_tss, 32, "mov $0x98,%eax; lldt %ax");
CODE(t_ltr, 32, "mov $0x98,%eax; ltr %ax; str %bx; hlt");
CODE(t_ltr_busy, 32, "mov $0x28,%eax; ltr %ax");
CODE(t_ltr_null, 32, "xor %eax,%eax; ltr %ax");
CODE(t_accessed, 32, "mov $0x10,%eax; mov %eax,%es; hlt");
CODE(t_lss, 32, "mov $0x50000,%ebx; lss (%ebx),%esp; push $1; hlt");
CODE(t_pop_ss, 32, "push $0x78; mov $0x12345678,%ebp; pop %ss; hlt");
CODE(t_sgdt, 32, "sgdt 0x50000; sidt 0x50008; hlt");
CODE(t_lmsw, 32, "xor %eax,%eax; lmsw %ax; smsw %ebx; hlt");

static void
questions(void)
{
	START(&g, GUEST_P32, 0, q_lar);
	runs("LAR and LSL");
	is_u64(g.s.gpr[RBX], 0x00c09b00, "LAR of code");
	is_u64(g.s.gpr[RDX] & 0x8000, 0, "of an absent segment");
	is_u64(g.s.gpr[RCX] & 0xffff, 0x101, "both are there");
	is_u64(g.s.gpr[RAX] & 0xff, 0, "none beyond the table");
	is_u64(g.s.gpr[RDI], 0xffffffff, "LSL in pages");
	is_u64(g.s.gpr[RBP], 0xfff, "LSL in bytes");
	START(&g, GUEST_P32, 3, q_ver);
	guest_faults(&g, "VERR and VERW", 0x40, -1);
	is_u64(g.s.gpr[RBX] & 0xffff, 0x101, "data");
	is_u64(g.s.gpr[RCX] & 0xffff, 0x001, "read-only data");
	is_u64(g.s.gpr[RDX] & 0xffff, 0, "execute-only; an inner level's");
	START(&g, GUEST_P32, 0, q_arpl);
	runs("ARPL");
	is_u64(g.s.gpr[RAX], 0x13, "raises RPL");
	is_u64(g.s.gpr[RCX] & 0xffff, 1, "once");
}

static void
tables(void)
{
	START(&g, GUEST_P32, 0, t_lldt);
	guest_st(&g, GUEST_LDT, guest_desc(0x1000, 0xff, 0x92, 4), 8);
	runs("LLDT and a load from there");
	is_u64(g.s.seg[SEG_DS].base, 0x1000, "its base");
	is_u64(guest_ld(&g, GUEST_LDT + 5, 1), 0x93, "is marked accessed");
	START(&g, GUEST_P32, 0, t_lldt_tss);
	guest_faults(&g, "LLDT of a TSS", 13, S_TSS2);
	START(&g, GUEST_P32, 0, t_ltr);
	runs("LTR");
	is_u64(guest_ld(&g, GUEST_GDT + S_TSS2 + 5, 1), 0x8b, "marks it busy");
	is_u64(g.s.gpr[RBX] & 0xffff, S_TSS2, "STR");
	START(&g, GUEST_P32, 0, t_ltr_busy);
	guest_faults(&g, "LTR of a busy TSS", 13, S_TSS);
	START(&g, GUEST_P32, 0, t_ltr_null);
	guest_faults(&g, "LTR of null", 13, 0);
	START(&g, GUEST_P32, 0, t_accessed);
	guest_set_desc(&g, S_DATA0, guest_desc(0, 0xfffff, 0x92, 12));
	runs("a load");
	is_u64(guest_ld(&g, GUEST_GDT + S_DATA0 + 5, 1), 0x93, "is marked");
	START(&g, GUEST_P32, 0, t_lss);
	guest_st(&g, GUEST_DATA, 0x00101234 | (uint64_t)S_DATA16 << 32, 8);
	runs("LSS to a 16-bit stack");
	is_u64(g.s.gpr[RSP], 0x00101230, "then only SP moves");
	START(&g, GUEST_P32, 0, t_pop_ss);
	runs("POP SS to a 16-bit stack");
	is_u64(g.s.gpr[RSP], GUEST_STACK0 - 0x800, "moves ESP by the old");
	START(&g, GUEST_P32, 0, t_sgdt);
	runs("SGDT and SIDT");
	is_u64(guest_ld(&g, GUEST_DATA, 8), (S_TOP - 1) | GUEST_GDT << 16,
		"limit and base");
	START(&g, GUEST_P32, 0, t_lmsw);
	runs("LMSW");
	is_u64(g.s.gpr[RBX] & 1, 1, "cannot clear PE");
}

/* ---- 64-bit and compatibility mode ---- */

CODE(l_compat, 64,
	"push $0x10; push $0x1f000; push $2; push $8;"
	"push $1f-l_compat+0x40000; iretq; .code32; 1: mov $-1,%eax; inc %eax;"
	"push $5; mov %esp,%ebx; ljmp $0x38,$2f-l_compat+0x40000; .code64;"
	"2: mov %cs,%ecx; hlt");
CODE(l_gate, 64, "lcall *1f(%rip); 1: .long 0; .word 0x83");
CODE(l_ltr, 64, "mov $0x28,%eax; ltr %ax; hlt");
CODE(l_fs, 64,
	"mov $0xc0000100,%ecx; mov $0x11,%eax; mov $0x1,%edx; wrmsr; rdmsr;"
	"mov %rdx,%r8; xor %eax,%eax; mov %eax,%fs; rdmsr; hlt");
CODE(l_fsbase, 64, "mov $0x123456789,%rax; wrfsbase %rax; rdfsbase %rbx; hlt");
CODE(l_fsbase_bad, 64, "mov $0x8000000000000000,%rax; wrfsbase %rax");
CODE(l_ss_null, 64, "xor %eax,%eax; mov %eax,%ss; push %rax; hlt");
CODE(l_ss_null3, 64, "xor %eax,%eax; mov %eax,%ss");
CODE(l_sysexit, 64,
	"mov $0x174,%ecx; mov $0x28,%eax; xor %edx,%edx; wrmsr;"
	"mov $1f-l_sysexit+0x40000,%edx; mov $0x30000,%ecx; sysexitq;"
	"1: mov %cs,%ebx; mov %ss,%ebp; int $0x40");
CODE(l_lretq, 64,
	"push $0x23; push $0x30000; push $0x43; push $1f-l_lretq+0x40000;"
	"lretq; 1: mov %cs,%ebx; mov %ss,%ebp; mov %ds,%ecx; int $0x40");

static void
long_mode(void)
{
	START(&g, GUEST_P64, 0, l_compat);
	runs("to compatibility mode and back");
	is_u64(g.s.gpr[RBX], 0x1effc, "a 32-bit push");
	is_u64(g.s.gpr[RCX], S_CODE0_64, "a far JMP to 64-bit code");
	is_u64(g.s.gpr[RAX], 0, "32-bit arithmetic");
	START(&g, GUEST_P64, 3, l_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0_64, GUEST_HANDLERS + 0x50 * 16, 0xec, 0));
	guest_faults(&g, "a 64-bit call gate", 0x50, GUEST_CODE + 6);
	is_u64(guest_stack(&g, 1), S_CODE3_64, "pushes CS");
	is_u64(guest_stack(&g, 2), GUEST_STACK3, "RSP");
	is_u64(guest_stack(&g, 3), S_DATA3, "and SS");
	START(&g, GUEST_P64, 3, l_gate);
	guest_set_desc(&g, S_GATE,
		guest_gate(S_CODE0, GUEST_HANDLERS + 0x50 * 16, 0xec, 0));
	guest_faults(&g, "a gate to 32-bit code", 13, S_CODE0);
	START(&g, GUEST_P64, 0, l_ltr);
	guest_set_desc(&g, S_TSS, guest_desc(GUEST_TSS, 0x67, 0x89, 0));
	guest_set_desc(&g, S_TSS + 8, 0xffff8000);
	runs("LTR of a 16-byte descriptor");
	is_u64(g.s.seg[SEG_TR].base, 0xffff800000000000 | GUEST_TSS, "base");
	START(&g, GUEST_P64, 0, l_ltr);
	guest_set_desc(&g, S_TSS, guest_desc(GUEST_TSS, 0x67, 0x89, 0));
	guest_set_desc(&g, S_TSS + 8, 0x00800000);
	guest_faults(&g, "a non-canonical one", 13, S_TSS);
	START(&g, GUEST_P64, 0, l_fs);
	runs("FS base by MSR");
	is_u64(g.s.gpr[8], 1, "reads back");
	is_u64(g.s.gpr[RAX] | g.s.gpr[RDX], 0, "a null selector clears it");
	START(&g, GUEST_P64, 0, l_fsbase);
	g.s.cr4 |= 1 << 16;
	runs("WRFSBASE");
	is_u64(g.s.gpr[RBX], 0x123456789, "RDFSBASE");
	START(&g, GUEST_P64, 0, l_fsbase);
	guest_faults(&g, "without CR4.FSGSBASE", 6, -1);
	START(&g, GUEST_P64, 0, l_fsbase_bad);
	g.s.cr4 |= 1 << 16;
	guest_faults(&g, "a non-canonical base", 13, 0);
	START(&g, GUEST_P64, 0, l_ss_null);
	runs("a null SS at CPL 0");
	START(&g, GUEST_P64, 3, l_ss_null3);
	guest_faults(&g, "but not at CPL 3", 13, 0);
	START(&g, GUEST_P64, 0, l_sysexit);
	guest_set_desc(&g, 0x48, guest_desc(0, 0xfffff, 0xfb, 10));
	guest_faults(&g, "SYSEXIT", 0x40, -1);
	is_u64(g.s.gpr[RBX], 0x4b, "CS");
	is_u64(g.s.gpr[RBP], 0x53, "SS");
	START(&g, GUEST_P64, 0, l_lretq);
	guest_faults(&g, "RETFQ to CPL 3", 0x40, -1);
	is_u64(g.s.gpr[RBX], S_CODE3_64, "CS");
	is_u64(g.s.gpr[RBP], S_DATA3, "SS");
	is_u64(g.s.gpr[RCX], 0, "drops DS");
}

int
main(void)
{
	deadline(20);
	guest_new(&g);
	real();
	questions();
	tables();
	long_mode();
	guest_free(&g);
	return done();
}
