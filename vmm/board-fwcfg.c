/* SPDX-License-Identifier: MIT */
/*
 * What the pc board tells firmware, and guests, by fw_cfg. Files and their
 * contents: QEMU, docs/specs/fw_cfg.rst; SeaBIOS, docs/Runtime_config.md; EDK2,
 * OvmfPkg. Left out: suspend (S3, S4), NUMA, option ROMs, a boot menu.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/fwcfg.h"
#include "lib/err.h"
#include "vmm/board-int.h"
#include "vmm/boot-common.h"

#define ITEM_MAX (1u << 20) /* of a user's file */

/* ---- what there is ---- */

static int
add_u32(struct dev *f, unsigned key, uint32_t v)
{
	v = htole32(v);
	return fwcfg_add(f, key, &v, sizeof(v));
}

static int
add_cpus(struct dev *f, const struct board_host *h)
{
	uint64_t ram = htole64(mem_size(h->mem));
	uint16_t cpus = htole16((uint16_t)h->config->cpus);
	int r = fwcfg_add(f, FWCFG_RAM_SIZE, &ram, sizeof(ram));

	if (!r)
		r = fwcfg_add(f, FWCFG_NB_CPUS, &cpus, sizeof(cpus));
	if (!r)
		r = fwcfg_add(f, FWCFG_MAX_CPUS, &cpus, sizeof(cpus));
	return r ? r : fwcfg_add(f, FWCFG_IRQ0_OVERRIDE, "\1", 1);
}

/* RAM alone: firmware knows what else it uses. */
static int
add_e820(struct dev *f, const struct mem *m)
{
	uint8_t map[2][20] = {{0}};

	put64(map[0] + 8, mem_low(m));
	put32(map[0] + 16, E820_RAM);
	put64(map[1], BOOT_4G);
	put64(map[1] + 8, mem_high(m));
	put32(map[1] + 16, E820_RAM);
	return fwcfg_add_file(
		f, "etc/e820", map, mem_high(m) ? sizeof(map) : sizeof(map[0]));
}

static int
add_tables(struct dev *f, const struct acpi_board *a)
{
	struct acpi_loader l;
	int r = acpi_loader(&l, a);

	if (!r)
		r = fwcfg_add_file(f, ACPI_RSDP_FILE, l.rsdp, sizeof(l.rsdp));
	if (!r)
		r = fwcfg_add_file(f, ACPI_TABLES, l.tables, l.size);
	if (!r)
		r = fwcfg_add_file(f, ACPI_SCRIPT_FILE, l.script.p,
			l.script.n * sizeof(l.script.p[0]));
	free(l.tables);
	return r;
}

static int
add_smbios(struct dev *f, const struct mem *m, const struct smbios_info *s)
{
	uint8_t *p;
	size_t n;
	int r = smbios_build(m, s, &p, &n);

	if (r)
		return r;
	r = fwcfg_add_file(f, "etc/smbios/smbios-anchor", p, SMBIOS_ENTRY);
	if (!r)
		r = fwcfg_add_file(f, "etc/smbios/smbios-tables",
			p + SMBIOS_TABLES, n - SMBIOS_TABLES);
	free(p);
	return r;
}

/* ---- how to boot ---- */

/* No BARs above 4 GiB, where the tables have no room for them; unless the user
 * says otherwise. */
static int
keep_low(struct dev *f, const struct config *c)
{
	static const char name[] = "opt/ovmf/X-PciMmio64Mb";

	for (unsigned n = 0; n < c->fwcfgs; n++)
		if (!strcmp(c->fwcfg[n].name, name))
			return 0;
	return fwcfg_add_file(f, name, "0", 1);
}

/* Small settings of SeaBIOS's and OVMF's. */
static int
add_settings(struct dev *f, const struct board *b, const struct board_host *h)
{
	/* S0 and S5 alone; S4 would be type 2. */
	static const uint8_t states[6] = {0x80, 0, 0, 1, 2, 0x80};
	static const uint8_t port[2] = {0x3f8 & 0xff, 0x3f8 >> 8};
	int r = fwcfg_add_file(f, "etc/system-states", states, sizeof(states));

	/* Nothing to boot from: stay there and say so, rather than reset. */
	if (!r)
		r = fwcfg_add_file(
			f, "etc/boot-fail-wait", "\xff\xff\xff\xff", 4);
	if (!r && h->firmware->vars)
		r = keep_low(f, h->config);
	if (!r)
		r = board_boot_order(b, h, f);
	if (!r && b->uarts)
		r = fwcfg_add_file(f, "etc/sercon-port", port, sizeof(port));
	return r;
}

/* n bytes of it from at on; a file is not trusted to keep its size. */
static int
add_part(struct dev *f, unsigned key, const struct blob *b, size_t at, size_t n)
{
	if (b->mapped && b->fd >= 0)
		return fwcfg_add_fd(f, key, b->fd, (off_t)at, n);
	return fwcfg_add_ref(f, key, b->p + at, n);
}

/* A kernel for OVMF to start: the setup code apart, as Linux's boot protocol
 * has it. */
static size_t
setup_size(const struct blob *k)
{
	size_t sectors, n;

	if (k->size <= 0x264 || memcmp(k->p + 0x202, "HdrS", 4))
		return 0;
	sectors = k->p[0x1f1] ? k->p[0x1f1] : 4;
	n = (sectors + 1) * 512;
	return n < k->size ? n : 0;
}

static int
add_kernel(struct dev *f, const struct board_host *h)
{
	const struct blob *k = h->kernel, *i = h->initrd;
	const char *line = h->config->cmdline ? h->config->cmdline : "";
	size_t n = strlen(line) + 1, setup = setup_size(k);
	int r;

	if ((r = add_u32(f, FWCFG_SETUP_SIZE, (uint32_t)setup)) ||
		(r = add_part(f, FWCFG_SETUP_DATA, k, 0, setup)) ||
		(r = add_u32(
			 f, FWCFG_KERNEL_SIZE, (uint32_t)(k->size - setup))) ||
		(r = add_part(
			 f, FWCFG_KERNEL_DATA, k, setup, k->size - setup)) ||
		(r = add_u32(f, FWCFG_CMDLINE_SIZE, (uint32_t)n)) ||
		(r = fwcfg_add(f, FWCFG_CMDLINE_DATA, line, n)) ||
		(r = add_u32(f, FWCFG_INITRD_SIZE, (uint32_t)i->size)))
		return r;
	return i->p ? add_part(f, FWCFG_INITRD_DATA, i, 0, i->size) : 0;
}

/* ---- the user's ---- */

static int
add_item(struct dev *f, const struct config_fwcfg *c)
{
	struct blob b;
	int r;

	if (c->string)
		return fwcfg_add_file(f, c->name, c->string, strlen(c->string));
	r = blob_open(&b, c->file, ITEM_MAX);
	if (r)
		return r;
	r = fwcfg_add_file(f, c->name, b.p, b.size);
	blob_close(&b);
	return r;
}

int
board_fill_fwcfg(struct board *b, const struct board_host *h, struct dev *f,
	const struct acpi_board *acpi, const struct smbios_info *smbios)
{
	const struct config *c = h->config;
	int r = add_cpus(f, h);

	for (unsigned n = 0; n < c->fwcfgs && !r; n++)
		r = add_item(f, &c->fwcfg[n]);
	if (r || !b->firmware)
		return r;
	if (!(r = add_e820(f, h->mem)) && !(r = add_tables(f, acpi)) &&
		!(r = add_smbios(f, h->mem, smbios)))
		r = add_settings(f, b, h);
	if (!r && h->kernel->p)
		r = add_kernel(f, h);
	return r;
}
