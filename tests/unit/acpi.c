/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables: a guest's walk from the RSDP to each table, and what iasl
 * thinks of their contents.
 */
#include "vmm/acpi.h"

#include <errno.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/boot-common.h"

static const struct acpi_board board = {
	.cpus = 4,
	.pm_base = 0x600,
	.smi_cmd = 0xb2,
	.sci = 9,
	.uarts = 4,
	.i8042 = true,
	.pvpanic = true,
	.pci_hole = 0xc0000000,
	.ioapic_addr = 0xfec00000,
	.lapic_addr = 0xfee00000,
	.hotplug_port = 0xae00,
	.hotplug_slots = 0xfffffff8,
};

static uint8_t ram[0x20000]; /* 0xe0000..0xfffff as the guest sees it */

static const uint8_t *
at(uint64_t gpa)
{
	if (gpa < 0xe0000 || gpa > 0xfffff - 64) {
		ok(false, "address %#" PRIx64 " is in the BIOS area", gpa);
		exit(1);
	}
	return ram + (gpa - 0xe0000);
}

static uint8_t
sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s = (uint8_t)(s + *p++);
	return s;
}

static uint64_t
make(struct mem **mem, const struct acpi_board *b)
{
	uint64_t rsdp = 0;

	mem_new(mem, 16 << 20);
	if (acpi_write(*mem, b, &rsdp) < 0)
		printf("# %s\n", fail_text());
	mem_read(*mem, 0xe0000, ram, sizeof(ram));
	return rsdp;
}

/* The table that the XSDT names, as a guest finds it. */
static const uint8_t *
find(uint64_t rsdp, const char *sig)
{
	const uint8_t *xsdt = at(get64(at(rsdp) + 24));
	const uint8_t *t;

	for (uint32_t i = 36; i + 8 <= get32(xsdt + 4); i += 8) {
		t = at(get64(xsdt + i));
		if (memcmp(t, sig, 4) == 0)
			return t;
	}
	return NULL;
}

static void
test_roots(uint64_t rsdp)
{
	const uint8_t *r = at(rsdp), *rsdt, *xsdt;
	bool same = true;

	ok(rsdp % 16 == 0 && memcmp(r, "RSD PTR ", 8) == 0 && r[15] == 2,
		"the RSDP is of ACPI 2 or later, on a paragraph");
	ok(sum(r, 20) == 0 && sum(r, get32(r + 20)) == 0,
		"both checksums of the RSDP are right");
	rsdt = at(get32(r + 16));
	xsdt = at(get64(r + 24));
	ok(sum(rsdt, get32(rsdt + 4)) == 0 && sum(xsdt, get32(xsdt + 4)) == 0,
		"the checksums of RSDT and XSDT are right");
	is_u64((get32(rsdt + 4) - 36) / 4, (get32(xsdt + 4) - 36) / 8,
		"RSDT and XSDT have as many entries");
	for (uint32_t i = 0; i < (get32(rsdt + 4) - 36) / 4; i++)
		same &= get32(rsdt + 36 + 4 * i) == get64(xsdt + 36 + 8 * i);
	ok(same, "RSDT and XSDT name the same tables");
}

static void
test_fadt(uint64_t rsdp)
{
	const uint8_t *f = find(rsdp, "FACP"), *d;

	ok(f && sum(f, get32(f + 4)) == 0, "the FADT's checksum is right");
	if (!f)
		return;
	is_u64(get32(f + 56), 0x600, "FADT: the PM1a event block");
	is_u64(get32(f + 64), 0x604, "FADT: the PM1a control block");
	is_u64(get32(f + 76), 0x608, "FADT: the PM timer");
	ok(get64(f + 152) == 0x600 && get64(f + 176) == 0x604 &&
			get64(f + 212) == 0x608,
		"FADT: the extended addresses say the same");
	is_u64(get16(f + 46), 9, "FADT: the SCI");
	is_u64(get32(f + 48), 0xb2, "FADT: the SMI command port");
	ok(f[116] == 1 && get64(f + 120) == 0xcf9 && f[128] == 6 &&
			get32(f + 112) & 0x400,
		"FADT: a write of 6 to port 0xcf9 resets");
	is_u64(get32(f + 112) & 0x10, 0, "FADT: a power button there is");
	is_u64(get32(f + 112) & 0x20, 0x20,
		"FADT: a sleep button there is not");
	is_u64(get16(f + 109), 7, "FADT: ISA devices, an i8042, no VGA");
	d = at(get32(f + 40));
	ok(memcmp(d, "DSDT", 4) == 0 && get64(f + 140) == get32(f + 40),
		"FADT: both addresses of the DSDT");
	ok(sum(d, get32(d + 4)) == 0, "the DSDT's checksum is right");
	d = at(get32(f + 36));
	ok(memcmp(d, "FACS", 4) == 0 && get32(f + 36) % 64 == 0 &&
			get32(d + 4) == 64,
		"the FACS is on a multiple of 64 bytes");
}

struct counts {
	unsigned lapic, x2apic, ioapic, nmi, gsi[16], flags[16], max_id;
	bool sound;
};

static struct counts
walk_madt(const uint8_t *m)
{
	struct counts c = {.sound = true};
	uint32_t n = get32(m + 4), i;

	for (i = 44; i + 2 <= n && m[i + 1] >= 2; i += m[i + 1]) {
		const uint8_t *e = m + i;

		if (e[0] == 0) {
			c.lapic++;
			c.max_id = e[3];
			c.sound &= e[1] == 8 && get32(e + 4) == 1;
		} else if (e[0] == 9) {
			c.x2apic++;
			c.max_id = get32(e + 4);
			c.sound &= e[1] == 16;
		} else if (e[0] == 1) {
			c.ioapic = get32(e + 4);
			c.sound &= e[1] == 12 && get32(e + 8) == 0;
		} else if (e[0] == 2 && e[3] < 16) {
			c.gsi[e[3]] = get32(e + 4);
			c.flags[e[3]] = get16(e + 8);
			c.sound &= e[1] == 10;
		} else if (e[0] == 4) {
			c.nmi += e[2] == 0xff && e[5] == 1;
			c.sound &= e[1] == 6;
		} else if (e[0] == 10) {
			c.sound &= e[1] == 12;
		} else {
			c.sound = false;
		}
	}
	c.sound &= i == n;
	return c;
}

static void
test_madt(uint64_t rsdp)
{
	const uint8_t *m = find(rsdp, "APIC");
	struct counts c;

	ok(m && sum(m, get32(m + 4)) == 0, "the MADT's checksum is right");
	if (!m)
		return;
	c = walk_madt(m);
	ok(c.sound, "MADT: its entries fill it exactly");
	is_u64(get32(m + 36), 0xfee00000, "MADT: the address of local APICs");
	is_u64(c.lapic, 4, "MADT: an enabled local APIC for each CPU");
	is_u64(c.ioapic, 0xfec00000, "MADT: the IOAPIC begins at GSI 0");
	ok(c.gsi[0] == 2 && c.flags[0] == 5,
		"MADT: IRQ 0 is GSI 2, edge, high");
	ok(c.gsi[9] == 9 && c.flags[9] == 13, "MADT: the SCI is level, high");
	is_u64(c.nmi, 1, "MADT: LINT1 is the NMI on all CPUs");
}

static void
test_many(void)
{
	struct acpi_board b = board;
	const uint8_t *m;
	struct counts c;
	struct mem *mem;
	uint64_t rsdp;

	b.cpus = 300;
	rsdp = make(&mem, &b);
	m = find(rsdp, "APIC");
	c = walk_madt(m);
	ok(c.sound && c.lapic == 255 && c.x2apic == 45 && c.max_id == 299,
		"300 CPUs: those from 255 on have x2APIC entries");
	b.cpus = 1000000;
	ok(acpi_write(mem, &b, &rsdp) == -E2BIG, "a million CPUs are refused");
	mem_free(mem);
	mem_new(&mem, 64 << 10);
	b.cpus = 1;
	ok(acpi_write(mem, &b, &rsdp) == -ENOMEM,
		"64 KiB of memory have no room for tables");
	mem_free(mem);
}

static bool
run(const char *fmt, const char *dir, const char *name)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), fmt, dir, name, dir, name);
	return system(cmd) == 0;
}

/* Disassemble, look for complaints, compile again. */
static void
iasl(const char *dir, const char *name, const uint8_t *p, size_t n, bool aml)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.dat", dir, name);
	f = fopen(path, "w");
	if (!f || fwrite(p, 1, n, f) != n)
		exit(1);
	fclose(f);
	ok(run("cd %s && iasl -d %s.dat > log 2>&1", dir, name) &&
			!run("cd %s && grep -iE 'error|warning|invalid|unknown"
			     "|incorrect' log %s.dsl",
				dir, name),
		"iasl reads the %s without complaint", name);
	if (aml)
		ok(run("cd %s && iasl -we %s.dsl > log 2>&1 || "
		       "{ grep -A3 -iE '^(error|warning)' log; false; }",
			   dir, name),
			"iasl compiles it again without a warning");
}

static void
test_iasl(uint64_t rsdp)
{
	static const char *const names[] = {"FACP", "APIC"};
	char dir[] = "/tmp/acpi-test.XXXXXX";
	struct acpi_board b = board;
	static uint8_t buf[0x10000];
	const uint8_t *t;

	if (system("command -v iasl > /dev/null") != 0) {
		ok(true, "iasl reads the tables # SKIP no iasl");
		return;
	}
	if (!mkdtemp(dir))
		exit(1);
	for (unsigned i = 0; i < 2; i++) {
		t = find(rsdp, names[i]);
		iasl(dir, names[i], t, get32(t + 4), false);
	}
	iasl(dir, "DSDT", buf, acpi_dsdt(&board, buf, sizeof(buf)), true);
	b.cpus = 300;
	b.uarts = 0;
	b.i8042 = b.pvpanic = false;
	b.smi_cmd = 0;
	b.hotplug_port = 0;
	iasl(dir, "DSDT300", buf, acpi_dsdt(&b, buf, sizeof(buf)), true);
	run("rm -rf %s", dir, "");
}

static void
test_short(void)
{
	static uint8_t buf[0x10000];
	size_t n = acpi_dsdt(&board, buf, sizeof(buf));
	bool none = true;

	for (size_t i = 0; i < n && none; i++) {
		uint8_t *p = malloc(i ? i : 1);

		none = acpi_dsdt(&board, p, i) == 0;
		free(p);
	}
	ok(n && none, "a buffer too small for the DSDT is not overrun");
}

int
main(void)
{
	struct mem *mem;
	uint64_t rsdp;

	deadline(60);
	rsdp = make(&mem, &board);
	test_roots(rsdp);
	test_fadt(rsdp);
	test_madt(rsdp);
	test_iasl(rsdp);
	mem_free(mem);
	test_short();
	test_many();
	return done();
}
