/* SPDX-License-Identifier: MIT */
/*
 * Where code lies: what the soft engine remembers of it is forgotten as the
 * manual says, by CR3, INVLPG and the rest, whether it is interpreted or
 * translated (SDM vol. 3A, 4.10). The page is looked at again when it must be;
 * that it is not when it need not be is told by the old code still running.
 */
#include "tests/jitrig.h"

enum { G = 0x100, PAGE_A = 0x30000, PAGE_B = 0x31000, PAGE_C = 0x32000 };
#define AT (LOCK_WINDOW + 16 * 4096) /* linear */
#define PTE_AT (LOCK_PT + 16 * 8)

static struct side s;

/* mov eax, n; hlt: at the page's offset */
static void
code(uint32_t page, unsigned at, uint8_t n)
{
	const uint8_t c[] = {0xb8, n, 0, 0, 0, 0xf4};

	mem_write(s.mem, page + at, c, sizeof(c));
}

static void
map(uint64_t pte_at, uint64_t pte)
{
	mem_write(s.mem, pte_at, &pte, 8);
}

static uint64_t
run_at(uint64_t rip)
{
	side_mode(&s, 0, rip);
	s.c->cr4 |= CR4_PGE;
	engine_soft.run(s.vcpu);
	return s.c->gpr[RAX];
}

/* Run it often enough for all that remembers to remember. */
static uint64_t
warm(uint64_t rip)
{
	run_at(rip);
	run_at(rip);
	run_at(rip);
	return run_at(rip);
}

static void
begin(uint64_t flags)
{
	map(PTE_AT, PAGE_A | 3 | flags);
	map(PTE_AT + 8, PAGE_C | 3 | flags);
	tlb_flush(s.c, true);
}

static void
small_pages(const char *how)
{
	begin(0);
	ok(warm(AT) == 1, "%s: code runs", how);
	map(PTE_AT, PAGE_B | 3);
	tlb_flush(s.c, false);
	is_u64(run_at(AT), 2, "loading CR3 forgets where it was");
	map(PTE_AT, PAGE_A | 3);
	tlb_flush_page(s.c, AT + 0x800);
	is_u64(run_at(AT), 1, "so does INVLPG");

	begin(G);
	warm(AT);
	map(PTE_AT, PAGE_B | 3 | G);
	tlb_flush(s.c, false);
	is_u64(run_at(AT), 1, "a global page survives CR3");
	tlb_flush_page(s.c, AT + 0x1000);
	is_u64(run_at(AT), 1, "and INVLPG of its neighbour");
	tlb_flush_page(s.c, AT);
	is_u64(run_at(AT), 2, "but not its own");
	map(PTE_AT, PAGE_A | 3 | G);
	tlb_flush(s.c, true);
	is_u64(run_at(AT), 1, "nor what forgets all");
}

/* An instruction across the border between two pages. */
static void
crossing(void)
{
	uint64_t rip = AT + 4096 - 2;

	code(PAGE_A, 4094,
		3); /* ends in whatever lies behind A: to be mapped */
	begin(G);
	mem_write(s.mem, PAGE_C, &(uint8_t[]){0, 0, 0, 0xf4}, 4);
	mem_write(s.mem, PAGE_B, &(uint8_t[]){1, 0, 0, 0xf4}, 4);
	is_u64(warm(rip), 3, "an instruction across a border");
	map(PTE_AT + 8, PAGE_B | 3 | G);
	tlb_flush_page(s.c, AT + 4096);
	is_u64(run_at(rip), 0x103, "follows the second page");
	code(PAGE_B, 0, 2);
}

/* The window's 2 MiB as one page; any of its addresses stands for it. */
static void
large_page(void)
{
	uint64_t pde_at = LOCK_PD + (LOCK_WINDOW >> 21) * 8;

	code(PAGE_A, 0, 1);
	map(pde_at, 0 | 0x83 | G); /* physical 0 to 2 MiB */
	tlb_flush(s.c, true);
	is_u64(warm(LOCK_WINDOW + PAGE_A), 1, "code in a large page");
	is_u64(warm(LOCK_WINDOW + PAGE_B), 2, "at two places");
	map(pde_at, LOCK_PT | 7);
	map(LOCK_PT + (PAGE_A >> 12) * 8, PAGE_B | 3);
	map(LOCK_PT + (PAGE_B >> 12) * 8, PAGE_A | 3);
	tlb_flush_page(s.c, LOCK_WINDOW + 0x123456);
	is_u64(run_at(LOCK_WINDOW + PAGE_A), 2, "INVLPG elsewhere in it");
	is_u64(run_at(LOCK_WINDOW + PAGE_B), 1, "forgets all of it");
}

static void
rights(void)
{
	begin(G);
	warm(AT);
	side_mode(&s, 3, AT);
	engine_soft.run(s.vcpu);
	is_u64(s.c->RIP, LOCK_HANDLERS + 14 * 16 + 1,
		"what the supervisor ran is not the user's");
	is_u64(s.c->cr2, AT, "and faults there");
}

/* What is known of one page's blocks goes when it is written, nothing else. */
static void
written(void)
{
	begin(G);
	warm(AT);
	code(PAGE_B, 0, 2);
	map(PTE_AT + 8, PAGE_B | 3 | G);
	tlb_flush_page(s.c, AT + 4096);
	warm(AT + 4096);
	code(PAGE_A, 0, 9);
	is_u64(run_at(AT), 9, "written code is new code");
	is_u64(run_at(AT + 4096), 2, "its neighbour is the old");
	code(PAGE_A, 0, 1);
	is_u64(warm(AT), 1, "as often as it is written");
	/* The same page at two addresses */
	map(PTE_AT + 8, PAGE_A | 3 | G);
	tlb_flush_page(s.c, AT + 4096);
	ok(warm(AT) == 1 && warm(AT + 4096) == 1, "seen at two addresses");
	code(PAGE_A, 0, 7);
	ok(run_at(AT) == 7 && run_at(AT + 4096) == 7, "it is new at both");
	code(PAGE_A, 0, 1);
}

int
main(void)
{
	deadline(20);
	for (unsigned after = 0; after < 3; after++) {
		side_new(&s, after);
		code(PAGE_A, 0, 1);
		code(PAGE_B, 0, 2);
		small_pages(after == 0   ? "interpreted"
			    : after == 1 ? "translated"
					 : "translated at the second time");
		crossing();
		rights();
		written();
		large_page();
		side_free(&s);
	}
	return done();
}
