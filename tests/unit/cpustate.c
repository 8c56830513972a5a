/* SPDX-License-Identifier: MIT */
/* The canonical CPU state: reset, MSRs, text. */
#include "vmm/cpu.h"

#include "tests/tap.h"

static void
test_reset(void)
{
	static struct cpu_state c;
	uint64_t pat = 0;

	memset(&c, 0xff, sizeof(c));
	cpu_reset(&c, true);
	is_u64(c.seg[SEG_CS].base + c.rip, 0xfffffff0,
		"the first instruction is 16 bytes below 4 GiB");
	ok(c.seg[SEG_CS].sel == 0xf000 && c.rflags == 2,
		"CS is f000, interrupts are off");
	ok(c.cr0 == 0x60000010 && c.cr4 == 0 && c.efer == 0,
		"paging, protection and caches are off");
	ok(c.apic_base == 0xfee00900 && c.mp == CPU_RUNNABLE,
		"the boot CPU runs");
	ok(c.dr[6] == 0xffff0ff0 && c.dr[7] == 0x400,
		"the debug registers have their fixed bits");
	ok(c.xsave[24] == 0x80 && c.xsave[25] == 0x1f && c.xcr0 == 1,
		"MXCSR masks all exceptions");
	ok(cpu_get_msr(&c, 0x277, &pat) && pat == 0x0007040600070406,
		"PAT has its power-on value");
	cpu_reset(&c, false);
	ok(c.apic_base == 0xfee00800 && c.mp == CPU_UNINITIALIZED,
		"another CPU waits");
}

static void
test_msrs(void)
{
	static struct cpu_state c;
	uint64_t v = 5;

	ok(!cpu_get_msr(&c, 0x10, &v) && v == 5,
		"an MSR that was not set is not found");
	cpu_set_msr(&c, 0x10, 1);
	cpu_set_msr(&c, 0x11, 2);
	cpu_set_msr(&c, 0x10, 3);
	ok(c.msrs == 2 && cpu_get_msr(&c, 0x10, &v) && v == 3,
		"setting an MSR twice replaces it");
	for (uint32_t i = 0; i < 2 * CPU_MSRS; i++)
		cpu_set_msr(&c, 0x100 + i, i);
	ok(c.msrs == CPU_MSRS && cpu_get_msr(&c, 0x11, &v) && v == 2 &&
			!cpu_get_msr(&c, 0x100 + CPU_MSRS, &v),
		"what exceeds the table is dropped");
	c.msrs = 1000;
	ok(!cpu_get_msr(&c, 0xdead, &v), "a wrong count is not believed");
}

static void
test_print(void)
{
	static struct cpu_state c;
	char buf[4096], small[100];
	bool good = true;
	int n;

	cpu_reset(&c, true);
	c.gpr[RSI] = 0x123456789abcdef0;
	n = cpu_print(&c, buf, sizeof(buf));
	is_u64((uint64_t)n, strlen(buf), "the length is returned");
	ok(n < 4000 && strstr(buf, "rsi 123456789abcdef0") &&
			strstr(buf, "cs  f000 00000000ffff0000") &&
			strstr(buf, "cr0 60000010"),
		"registers, segments and control registers are there");
	for (int i = 0; i <= 100; i++) {
		memset(small, 'x', sizeof(small));
		n = cpu_print(&c, small, i);
		good &= n == (i ? i - 1 : 0) && (i == 100 || small[i] == 'x');
	}
	ok(good, "a small buffer is filled and not overrun");
	c.mp = 77;
	c.exc_pending = c.int_injected = c.nmi_pending = true;
	ok(cpu_print(&c, buf, sizeof(buf)) > 0 &&
			strstr(buf, "unknown state") && strstr(buf, "NMI"),
		"any state prints");
}

int
main(void)
{
	deadline(10);
	test_reset();
	test_msrs();
	test_print();
	return done();
}
