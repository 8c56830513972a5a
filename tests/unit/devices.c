/* SPDX-License-Identifier: MIT */
/*
 * All devices, one after another: the field tables cover the registers, and
 * whatever a guest did, a saved device can be loaded into a new one that then
 * behaves the same. Nothing that is loaded crashes.
 */
#include "dev/acpipm.h"
#include "dev/bus.h"
#include "dev/debugcon.h"
#include "dev/debugexit.h"
#include "dev/flash.h"
#include "dev/fwcfg.h"
#include "dev/i8042.h"
#include "dev/ide.h"
#include "dev/ioapic.h"
#include "dev/lapic.h"
#include "dev/pcihost.h"
#include "dev/pcihp.h"
#include "dev/pic.h"
#include "dev/piix3.h"
#include "dev/pit.h"
#include "dev/pvpanic.h"
#include "dev/resetctl.h"
#include "dev/rtc.h"
#include "dev/state.h"
#include "dev/testdev.h"
#include "dev/uart.h"
#include "dev/vga.h"
#include "dev/virtio-balloon.h"
#include "dev/virtio-blk.h"
#include "dev/virtio-console.h"
#include "dev/virtio-input.h"
#include "dev/virtio-rng.h"

#include "lib/err.h"
#include "tests/tap.h"
#include "tests/virtio-poke.h"

#define REAL_TIME (1700000000 * NS_PER_S)
#define SEEDS 6
#define OPS 1500
#define MAX_BARS 5
#define VGA_BYTES (1u << 20)

struct rig { /* a device and its surroundings */
	const struct kind *kind;
	struct clock *clock;
	struct bus *bus;
	struct dev *dev;
	struct chr *chr;
	struct lapic_net *net;
	struct lapic *lapic;
	struct workers *workers;
	struct disk *disk;
	struct mem *mem;
	uint8_t *flash; /* contents, which are not among the fields */
	struct disk *cdrom[2];
	uint8_t *vram; /* likewise */
	struct fb_head *head;
	uint64_t tsc_base;
	uint64_t seen; /* a hash of all that came out of it */
};

struct kind {
	struct dev *(*make)(struct rig *);
	void (*poke)(struct rig *, uint64_t random); /* input from the host */
	uint64_t bars[MAX_BARS];
};

/* xorshift64* */
static uint64_t
rnd(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717u;
}

static void
mix(struct rig *r, uint64_t v)
{
	r->seen = (r->seen ^ v) * 0x100000001b3u;
}

/* --- what devices are wired to: all of it goes into the hash --- */

static void
on_irq(void *to, unsigned pin, bool level)
{
	mix(to, 2u * pin + level);
}

static struct irq
wire(struct rig *r, unsigned pin)
{
	return (struct irq){on_irq, r, pin};
}

static void
on_notice(void *to, enum notice what, uint64_t arg)
{
	mix(to, 1000u + what);
	mix(to, arg);
}

static struct notify
notices(struct rig *r)
{
	return (struct notify){on_notice, r};
}

static void
on_msi(void *to, struct msi m)
{
	mix(to, m.addr);
	mix(to, m.data);
}

static void
on_wake(void *to)
{
	mix(to, 2000);
}

static void
on_eoi(void *to, uint8_t vector)
{
	mix(to, 3000u + vector);
}

static uint64_t
on_tsc(void *to)
{
	struct rig *r = to;

	return r->tsc_base + (uint64_t)clock_now(r->clock);
}

/* --- the devices --- */

static struct dev *
make_uart(struct rig *r)
{
	r->chr = chr_new_mem();
	return uart_new(r->clock, wire(r, 4), r->chr);
}

static void
poke_uart(struct rig *r, uint64_t random)
{
	static const char text[] = "the quick brown fox";

	if (random % 8 == 0)
		chr_mem_event(r->chr, CHR_BREAK);
	else
		chr_mem_say(r->chr, text, random / 8 % sizeof(text));
}

static struct dev *
make_pic(struct rig *r)
{
	return pic_new(wire(r, 0));
}

static void
poke_pic(struct rig *r, uint64_t random)
{
	if (random % 4 == 0)
		mix(r, pic_ack(r->dev));
	else
		pic_set(r->dev, (unsigned)(random / 4 % 16), random & 1);
}

static struct dev *
make_pit(struct rig *r)
{
	return pit_new(r->clock, wire(r, 0));
}

static struct dev *
make_ioapic(struct rig *r)
{
	return ioapic_new((struct ioapic_out){.send = on_msi, .to = r});
}

static void
poke_ioapic(struct rig *r, uint64_t random)
{
	if (random % 4 == 0)
		ioapic_eoi(r->dev, (uint8_t)(random >> 8));
	else
		ioapic_set(r->dev, (unsigned)(random / 4 % 24), random & 1);
}

static struct dev *
make_rtc(struct rig *r)
{
	return rtc_new(r->clock, wire(r, 8));
}

static struct dev *
make_i8042(struct rig *r)
{
	return i8042_new((struct i8042_out){
		.kbd = wire(r, 1),
		.mouse = wire(r, 12),
		.a20 = wire(r, 100),
		.reset = notices(r),
	});
}

static void
poke_i8042(struct rig *r, uint64_t random)
{
	uint8_t key[2] = {0xf0, (uint8_t)(random >> 8)};

	if (random & 1)
		i8042_key(r->dev, key + (random >> 1 & 1), 1);
	else
		i8042_mouse(r->dev, (int8_t)(random >> 8),
			(int8_t)(random >> 16), (int8_t)(random >> 24) / 32,
			random >> 32 & 7);
}

static struct dev *
make_acpipm(struct rig *r)
{
	return acpipm_new(r->clock, wire(r, 9), notices(r));
}

static void
poke_acpipm(struct rig *r, uint64_t random)
{
	if (random % 4 == 0)
		acpipm_button(r->dev);
	else if (random % 4 == 1)
		acpipm_gpe(r->dev, random >> 8 & 15);
	else
		pci_config_write(acpipm_fn(r->dev), random >> 8 & 0xff, 1,
			(uint32_t)(random >> 16));
}

static struct dev *
make_debugexit(struct rig *r)
{
	return debugexit_new(notices(r));
}

static struct dev *
make_debugcon(struct rig *r)
{
	r->chr = chr_new_mem();
	return debugcon_new(r->chr);
}

static struct dev *
make_testdev(struct rig *r)
{
	return testdev_new(wire(r, 0), notices(r));
}

static struct dev *
make_pvpanic(struct rig *r)
{
	return pvpanic_new(notices(r));
}

static struct dev *
make_resetctl(struct rig *r)
{
	return resetctl_new(notices(r), wire(r, 100));
}

static void
on_pam(void *to, unsigned n, unsigned mode)
{
	mix(to, 4000u + 4 * n + mode);
}

static struct dev *
make_pcihost(struct rig *r)
{
	return pcihost_new((struct pcihost_out){on_pam, r});
}

static struct dev *
make_piix3(struct rig *r)
{
	struct piix3_out out = {on_irq, on_irq, r};

	return piix3_new(out);
}

static void
poke_piix3(struct rig *r, uint64_t random)
{
	if (random & 1)
		piix3_intx(r->dev, random >> 8 & 31, random >> 16 & 3,
			random >> 24 & 1);
	else
		pci_config_write(piix3_fn(r->dev), random >> 8 & 0xff, 1,
			(uint32_t)(random >> 16));
}

static void
on_hp_event(void *to)
{
	mix(to, 5000);
}

static void
on_eject(void *to, uint32_t slots)
{
	mix(to, slots);
}

static struct dev *
make_pcihp(struct rig *r)
{
	return pcihp_new(
		0xfffffff8, (struct pcihp_out){on_hp_event, on_eject, r});
}

static void
poke_pcihp(struct rig *r, uint64_t random)
{
	if (random & 1)
		pcihp_plug(r->dev, random >> 8 & 31);
	else
		pcihp_unplug(r->dev, random >> 8 & 31);
}

static void
on_commands(void *to, bool on)
{
	mix(to, 4000u + on);
}

static struct dev *
make_flash(struct rig *r)
{
	struct flash_out out = {on_commands, r};

	r->flash = calloc(1, FLASH_BLOCK);
	return flash_new(r->flash, FLASH_BLOCK, -1, out);
}

static struct dev *
make_fwcfg(struct rig *r)
{
	struct dev *d = NULL;

	if (mem_new(&r->mem, 1 << 20) == 0)
		d = fwcfg_new(r->mem);
	if (d) {
		fwcfg_add(d, FWCFG_RAM_SIZE, "\0\0\0\1\0\0\0\0", 8);
		fwcfg_add_file(d, "opt/test", "a file", 6);
	}
	return d;
}

static struct dev *
make_lapic(struct rig *r)
{
	struct lapic_out out = {
		.wake = on_wake,
		.eoi = on_eoi,
		.tsc = on_tsc,
		.tsc_hz = 1000000000,
		.to = r,
	};

	r->net = lapic_net_new();
	if (lapic_new(&r->lapic, r->net, r->clock, 0, true, out))
		return NULL;
	return lapic_dev(r->lapic);
}

static void
poke_lapic(struct rig *r, uint64_t random)
{
	struct msi m = {0xfee00000 | (random >> 16 & 0xf) << 12,
		(uint32_t)(random >> 32) & 0xc1ff};

	if (random % 4 == 0)
		mix(r, (uint64_t)lapic_ack(r->lapic));
	else if (random % 4 == 1)
		lapic_net_send(r->net, m);
	else
		mix(r, lapic_wants(r->lapic));
}

enum { MEMORY = 0x10000 };

static struct mem *
some_memory(struct rig *r)
{
	if (mem_new(&r->mem, MEMORY))
		exit(1);
	return r->mem;
}

/* It may be written over the rings: the same in each run. */
static size_t
not_random(void *p, size_t n)
{
	memset(p, 0x5a, n);
	return n;
}

static struct dev *
make_rng(struct rig *r)
{
	return virtio_rng_new(some_memory(r), r->clock, not_random);
}

static struct dev *
make_balloon(struct rig *r)
{
	return virtio_balloon_new(some_memory(r));
}

static struct dev *
make_keyboard(struct rig *r)
{
	return virtio_keyboard_new(some_memory(r), (struct input_tell){0});
}

static struct dev *
make_tablet(struct rig *r)
{
	return virtio_tablet_new(some_memory(r), (struct input_tell){0});
}

static struct dev *
make_console(struct rig *r)
{
	struct virtio_console_port port[2] = {
		{"one", NULL, true, false}, {"two", NULL, false, true}};

	port[1].chr = r->chr = chr_new_mem();
	return virtio_console_new(some_memory(r), port, 2);
}

/* A disk whose requests are done when the rig says so. */
static struct dev *
make_blk(struct rig *r)
{
	struct disk_options o = {.id = "disk0", .clock = r->clock};
	struct virtio_blk_options b = {.serial = "serial", .queues = 2};

	if (workers_new(&r->workers, 0))
		return NULL;
	o.workers = r->workers;
	if (disk_new(&r->disk, &o))
		return NULL;
	b.disk = r->disk;
	return virtio_blk_new(some_memory(r), &b);
}

/* Memory is not saved with a device: it is as before, afterwards. */
static void
poke_virtio(struct rig *r, uint64_t random)
{
	struct virtio *v = (struct virtio *)r->dev;

	virtio_poke(v, random);
	if (r->workers)
		workers_run(r->workers);
	if (r->chr)
		poke_uart(r, random);
	mix(r, virtio_running(v));
	mem_fill(r->mem, 0, 0, mem_size(r->mem));
}

static void
poke_input(struct rig *r, uint64_t random)
{
	struct virtio_input_event e[2] = {
		{(uint16_t)(random >> 8), (uint16_t)(random >> 16), 1},
		{1, (uint16_t)(random >> 16), (int32_t)(random >> 32)}};

	poke_virtio(r, random);
	mix(r, virtio_input_send(r->dev, e, random >> 4 & 1 ? 1 : 2));
	mix(r, virtio_input_lights(r->dev));
}

/* Drives without media: what they do with one is tests/unit/ide-hostile.c. */
static struct dev *
make_ide(struct rig *r)
{
	struct disk_options o = {.id = "cdrom0", .clock = r->clock};
	struct irq irq[IDE_CHANNELS] = {wire(r, 14), wire(r, 15)};
	struct ide_drive drive[IDE_DRIVES] = {{NULL, false, NULL}};

	for (unsigned n = 0; n < 2; n++) {
		if (disk_new(&r->cdrom[n], &o))
			return NULL;
		drive[3 * n].disk = r->cdrom[n];
		drive[3 * n].cdrom = true;
	}
	return ide_new(irq, some_memory(r), drive);
}

static void
poke_ide(struct rig *r, uint64_t random)
{
	pci_config_write(ide_pci(r->dev), 0x40, 4, 0x80008000);
	pci_config_write(ide_pci(r->dev), PCI_COMMAND, 2, random & 5);
}

static struct dev *
make_vga(struct rig *r)
{
	struct vga_host h = {.clock = r->clock, .ram_size = VGA_BYTES};

	h.ram = r->vram = calloc(1, VGA_BYTES);
	h.head = r->head = calloc(1, sizeof(*r->head));
	return vga_new(&h);
}

static void
poke_vga(struct rig *r, uint64_t random)
{
	pci_config_write(vga_pci(r->dev), random >> 8 & 0xff, 1,
		(uint32_t)(random >> 16));
	mix(r, r->head->kind);
}

static const struct kind kinds[] = {
	{make_uart, poke_uart, {8}},
	{make_pic, poke_pic, {2, 2, 2}},
	{make_pit, NULL, {4, 1}},
	{make_ioapic, poke_ioapic, {4096}},
	{make_rtc, NULL, {2}},
	{make_i8042, poke_i8042, {1, 1}},
	{make_acpipm, poke_acpipm, {64, 2, 16}},
	{make_debugexit, NULL, {4}},
	{make_debugcon, NULL, {1}},
	{make_testdev, NULL, {4, 4, 24, 65536}},
	{make_pvpanic, NULL, {1}},
	{make_resetctl, NULL, {1, 1}},
	{make_pcihost, NULL, {4, 4}},
	{make_piix3, poke_piix3, {1}},
	{make_pcihp, poke_pcihp, {20}},
	{make_flash, NULL, {FLASH_BLOCK}},
	{make_fwcfg, NULL, {2, 8}},
	{make_lapic, poke_lapic, {4096}},
	{make_ide, poke_ide, {8, 1, 8, 1, 16}},
	{make_vga, poke_vga, {VGA_BYTES, VGA_WINDOW_SIZE, 4096, 48, 4}},
	{make_rng, poke_virtio, {VIRTIO_BAR, 8, 4096}},
	{make_blk, poke_virtio, {VIRTIO_BAR, 8, 4096}},
	{make_balloon, poke_virtio, {VIRTIO_BAR, 8, 4096}},
	{make_keyboard, poke_input, {VIRTIO_BAR, 8, 4096}},
	{make_tablet, poke_input, {VIRTIO_BAR, 8, 4096}},
	{make_console, poke_virtio, {VIRTIO_BAR, 8, 4096}},
};

/* --- the rig --- */

static uint64_t
bar_base(unsigned bar)
{
	return 0x100000ull * (bar + 1);
}

/* A new device, on a clock that shows `now` when real time is `real`. */
static void
rig_up(struct rig *r, const struct kind *k, int64_t now, int64_t real)
{
	unsigned i;

	memset(r, 0, sizeof(*r));
	r->kind = k;
	r->clock = clock_new_manual(real - now);
	clock_advance(r->clock, now);
	r->tsc_base = (uint64_t)(real - now);
	if (bus_new(&r->bus, "test", 1u << 30))
		exit(1);
	r->dev = k->make(r);
	if (!r->dev)
		exit(1);
	for (i = 0; i < MAX_BARS && k->bars[i]; i++)
		bus_add(r->bus, bar_base(i), k->bars[i], r->dev, i);
}

static void
rig_down(struct rig *r)
{
	if (r->workers)
		workers_run(r->workers);
	dev_free(r->dev);
	disk_free(r->disk);
	workers_free(r->workers);
	lapic_net_free(r->net);
	disk_free(r->cdrom[0]);
	disk_free(r->cdrom[1]);
	mem_free(r->mem);
	free(r->flash);
	free(r->vram);
	free(r->head);
	chr_free(r->chr);
	bus_free(r->bus);
	clock_free(r->clock);
}

static void
access_random(struct rig *r, uint64_t *seed)
{
	uint64_t a = rnd(seed), val = rnd(seed), len, off;
	unsigned bars = 0, size = 1u << (a & 3), bar;

	while (bars < MAX_BARS && r->kind->bars[bars])
		bars++;
	bar = (unsigned)(a >> 2) % bars;
	len = r->kind->bars[bar];
	off = (a >> 8) % len;
	if (len > 256) /* registers lie every 16 bytes, at the start */
		off = a >> 32 & 1 ? off & 0x3f0 : off & 0x40 ? off & 0x30 : off;
	if (a >> 40 & 1)
		mix(r, bus_read(r->bus, bar_base(bar) + off, size));
	else
		bus_write(r->bus, bar_base(bar) + off, size,
			a >> 41 & 1 ? val : val & 0x3f);
}

/* n random things happen to it, the same for the same seed. */
static void
shake(struct rig *r, uint64_t seed, unsigned n)
{
	uint64_t what;

	for (seed = seed * 0x9e3779b97f4a7c15u | 1; n; n--) {
		what = rnd(&seed);
		if (what % 16 == 0)
			clock_advance(r->clock, (int64_t)(what >> 44));
		else if (what % 16 < 4 && r->kind->poke)
			r->kind->poke(r, what >> 8);
		else
			access_random(r, &seed);
	}
}

static char *
save(struct rig *r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (r->workers)
		workers_run(r->workers); /* as a machine that is saved */
	if (!f || state_save(r->dev, f) || fclose(f))
		exit(1);
	return text;
}

static int
load(struct rig *r, const char *text)
{
	return state_load(&r->dev, 1, text, strlen(text));
}

/* Compare and free both; say the first line that differs. */
static bool
same(char *a, char *b)
{
	bool good = strcmp(a, b) == 0;
	size_t i = 0;

	if (!good) {
		while (a[i] == b[i])
			i++;
		while (i && a[i - 1] != '\n')
			i--;
		printf("# %.*s\n# %.*s\n", (int)strcspn(a + i, "\n"), a + i,
			(int)strcspn(b + i, "\n"), b + i);
	}
	free(a);
	free(b);
	return good;
}

/* --- the tests --- */

static void
test_fields(const struct kind *k)
{
	struct rig r;
	const struct dev_ops *ops;
	const struct field *f;
	unsigned char *owners;
	size_t i, bad = 0;

	rig_up(&r, k, 0, REAL_TIME);
	ops = r.dev->ops;
	owners = calloc(1, ops->regs_size + 1);
	for (f = ops->fields; f && f->name; f++) {
		bad += (f->size & (f->size - 1)) || f->size > 8 || !f->count ||
		       !f->size || strpbrk(f->name, " .[]\n") ||
		       f->at < ops->regs_at ||
		       f->at + f->size * f->count >
			       ops->regs_at + ops->regs_size;
		for (i = 0; !bad && i < f->size * f->count; i++)
			bad += owners[f->at - ops->regs_at + i]++ != 0;
		if (bad) {
			printf("# %s is wrong or overlaps\n", f->name);
			break;
		}
	}
	for (i = 0; !bad && i < ops->regs_size; i++)
		if (!owners[i] && ++bad)
			printf("# byte %zu of %zu has no field\n", i,
				ops->regs_size);
	ok(!bad, "%s: the fields cover its registers", r.dev->id);
	free(owners);
	rig_down(&r);
}

/* Guest memory is no part of a device's state. */
static void
copy_memory(struct rig *from, struct rig *to)
{
	uint8_t page[4096];

	for (uint64_t at = 0; from->mem; at += sizeof(page))
		if (mem_read(from->mem, at, page, sizeof(page)) ||
			mem_write(to->mem, at, page, sizeof(page)))
			break;
}

static void
test_round_trip(const struct kind *k)
{
	struct rig a, b, c;
	bool kept, alike;
	uint64_t seed;
	int64_t now, real;
	char *text;

	for (seed = 1; seed <= SEEDS; seed++) {
		rig_up(&a, k, 0, REAL_TIME);
		shake(&a, seed, OPS);
		text = save(&a);
		now = clock_now(a.clock);
		real = clock_real(a.clock);
		kept = alike = true;
		/* Another process has another clock. */
		rig_up(&b, k, 5, real);
		if (load(&b, text)) {
			printf("# refused: %s\n", fail_text());
			kept = false;
		}
		kept = same(save(&b), strdup(text)) && kept;
		rig_down(&b);
		/* On the same one, they cannot be told apart. */
		rig_up(&c, k, now, real);
		load(&c, text);
		if (a.flash)
			memcpy(c.flash, a.flash, FLASH_BLOCK);
		if (a.vram)
			memcpy(c.vram, a.vram, VGA_BYTES);
		copy_memory(&a, &c);
		a.seen = c.seen = 0;
		shake(&a, seed + 100, OPS);
		shake(&c, seed + 100, OPS);
		alike = a.seen == c.seen && alike;
		alike = same(save(&a), save(&c)) && alike;
		rig_down(&c);
		ok(kept, "%s: seed %u: what is saved loads and saves the same",
			a.dev->id, (unsigned)seed);
		ok(alike, "%s: seed %u: and goes on the same", a.dev->id,
			(unsigned)seed);
		free(text);
		rig_down(&a);
	}
}

static void
test_text(const struct kind *k)
{
	struct rig r, fresh;
	char line[64];

	rig_up(&r, k, 0, REAL_TIME);
	rig_up(&fresh, k, 0, REAL_TIME);
	dev_reset(fresh.dev);
	snprintf(line, sizeof(line), "%s.nosuch 1\n", r.dev->id);
	ok(load(&r, line) < 0, "%s: an unknown field is refused", r.dev->id);
	ok(same(save(&r), save(&fresh)), "%s: and leaves it reset", r.dev->id);
	ok(load(&r, "") == 0, "%s: all fields may be missing", r.dev->id);
	ok(same(save(&r), save(&fresh)), "%s: and keep their reset values",
		r.dev->id);
	rig_down(&r);
	rig_down(&fresh);
}

/* Change a digit, or a whole line's, of a text of hexadecimal values. */
static void
mutate(char *text, uint64_t *seed)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = strlen(text), at;
	uint64_t what = rnd(seed);

	if (!len)
		return;
	at = (what >> 8) % len;
	while (at && text[at - 1] != '\n')
		at--;
	at += strcspn(text + at, " ") + 1;
	if (what & 1)
		at += (what >> 40) % strcspn(text + at, "\n");
	do
		text[at] = hex[what & 2 ? 15 : rnd(seed) & 15];
	while (!(what & 1) && text[++at] != '\n');
}

static void
test_hostile(const struct kind *k)
{
	struct rig r;
	char *text, *bad;
	uint64_t seed = 42;
	unsigned i, j, taken = 0;

	rig_up(&r, k, 0, REAL_TIME);
	for (i = 0; i < 300; i++) {
		if (i % 50 == 0)
			shake(&r, i + 1, 300);
		text = save(&r);
		bad = strdup(text);
		for (j = 0; j <= i % 4; j++)
			mutate(bad, &seed);
		taken += load(&r, bad) == 0;
		shake(&r, i + 1000, 50);
		if (load(&r, text) < 0)
			break;
		free(text);
		free(bad);
	}
	ok(i == 300, "%s: no state harms it (%u of %u taken)", r.dev->id, taken,
		i);
	if (i < 300) {
		printf("# %s\n", fail_text());
		free(text);
		free(bad);
	}
	rig_down(&r);
}

int
main(void)
{
	size_t i;

	deadline(60);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		test_fields(&kinds[i]);
		test_round_trip(&kinds[i]);
		test_text(&kinds[i]);
		test_hostile(&kinds[i]);
	}
	return done();
}
