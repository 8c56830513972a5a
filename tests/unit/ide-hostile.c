/* SPDX-License-Identifier: MIT */
/*
 * A guest that scribbles on an IDE function: on all registers, descriptors and
 * packets, while disks work, fail and lose their media. Whatever it did, a
 * reset makes all work again, and what was saved goes on as the one before.
 */
#include "dev/ide-int.h"
#include "dev/state.h"
#include "lib/err.h"
#include "tests/iderig.h"

#define SECTORS 3000u
#define SEEDS 12
#define OPS 20000

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
up(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	rig_drive(r, 0, SECTORS, false);
	rig_drive(r, 1, SECTORS, true);
	rig_drive(r, 2, 0, true);
	rig_drive(r, 3, SECTORS, false);
	r->disk[3].read_only = true;
	rig_up(r);
	r->lazy = true;
}

static uint64_t
hash(uint64_t h, uint64_t v)
{
	return (h ^ v) * 0x100000001b3u;
}

/* A command whose addresses are mostly good. */
static void
poke_command(struct rig *r, uint64_t a)
{
	static const uint8_t codes[] = {0x06, 0x08, 0x20, 0x24, 0x25, 0x29,
		0x30, 0x34, 0x35, 0x39, 0x3d, 0x40, 0x90, 0xa0, 0xa0, 0xa0,
		0xa0, 0xa1, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xce, 0xe0, 0xe7,
		0xec, 0xef, 0xf8};

	out(r, 6, 0x40 | (a & 0x10));
	out(r, 1, a >> 5 & 3);
	for (unsigned n = 2; n < 6; n++)
		out(r, n, 0);
	out(r, 2, a >> 8 & 0x1f);
	out(r, 3, a >> 16 & 0xff);
	out(r, 4, a >> 24 & 0x0f);
	out(r, 5, a & 0x8000 ? 8 : 0); /* and a limit of bytes */
	out(r, 7, codes[(a >> 32) % sizeof(codes)]);
}

static void
poke_packet(struct rig *r, uint64_t a, uint64_t b)
{
	static const uint8_t codes[] = {0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25,
		0x28, 0x28, 0x28, 0x2b, 0x43, 0x46, 0x4a, 0x51, 0x52, 0x5a,
		0xa8, 0xad, 0xbb, 0xbd, 0xbe, 0xbe, 0xff};
	uint8_t cdb[12];

	memcpy(cdb, &a, 8);
	memcpy(cdb + 8, &b, 4);
	cdb[0] = codes[a % sizeof(codes)];
	if (b >> 32 & 3) { /* on the medium */
		memset(cdb + 1, 0, 4);
		cdb[6] = cdb[7] = 0;
		cdb[8] = b >> 40 & 7;
	}
	data_out(r, cdb, 12);
}

static void
poke_dma(struct rig *r, uint64_t a)
{
	for (unsigned n = 0; n < 8; n++)
		prd(r, n, 0x2000 + (uint32_t)(a >> 4 * n & 0xf) * 0xfff0,
			n & 1 ? 0x1000 : (uint32_t)(a >> n & 0x7fff), n == 7);
	if (a >> 60 == 0)
		prd(r, 2, 0xe0000000, 4096, false);
	bm_start(r, a & 1);
}

static uint64_t
poke_any(struct rig *r, uint64_t a, uint64_t val)
{
	static const unsigned at[] = {0x1f0, 0x170, 0x3f6, 0x376, 0xc000};
	unsigned port = at[(a >> 8) % 5], size = 1u << (a >> 4 & 3) % 3;

	if (port == 0xc000)
		port += a >> 16 & 15;
	else if (!(port & 2))
		port += a >> 16 & 7;
	else if (a >> 20 & 15) /* a reset now and then */
		val &= 0x82;
	if (a & 1)
		return bus_read(r->ports, port, size);
	bus_write(r->ports, port, size, val);
	return 0;
}

/* Words through the data port. */
static uint64_t
poke_data(struct rig *r, uint64_t a)
{
	uint16_t words[600];
	uint64_t h = 0;
	unsigned n = a & 1 ? 256 : (unsigned)(a >> 8) % 600;

	if (a & 2) {
		bus_read_string(r->ports, r->base, 2, words, n);
		for (unsigned k = 0; k < n; k++)
			h = hash(h, words[k]);
	} else {
		memset(words, (int)(a >> 16 & 0xff), sizeof(words));
		bus_write_string(r->ports, r->base, 2, words, n);
	}
	return h;
}

static void
poke_disk(struct rig *r, uint64_t a)
{
	struct disk *d = &r->disk[a & 3];

	if ((a >> 2 & 0x3f) == 0)
		d->err = -EIO;
	if ((a >> 8 & 0xff) == 0 && r->cdrom[a & 3] && d->size && !d->n)
		rig_change(d, !d->present);
	if ((a >> 16 & 0x3f) == 0 && r->cdrom[a & 3])
		rig_eject(d, false);
	rig_disk_step(d);
}

static void
poke_config(struct rig *r, uint64_t a)
{
	struct pci_fn *f = ide_pci(r->dev);

	pthread_mutex_lock(&r->dev->lock);
	pci_config_write(f, a & 0xfc, 4, (uint32_t)(a >> 32));
	pthread_mutex_unlock(&r->dev->lock);
	rig_enable(r);
}

/* n random things, the same for the same seed; a hash of what was seen. */
static uint64_t
scribble(struct rig *r, uint64_t seed, unsigned n)
{
	uint64_t h = 0, a, b;

	for (seed = seed * 0x9e3779b97f4a7c15u | 1; n; n--) {
		a = rnd(&seed);
		b = rnd(&seed);
		rig_channel(r, (unsigned)(a >> 63));
		if (a % 64 < 6)
			poke_command(r, b);
		else if (a % 64 < 9)
			poke_packet(r, b, rnd(&seed));
		else if (a % 64 < 14)
			poke_dma(r, b);
		else if (a % 64 < 24)
			h = hash(h, poke_data(r, b));
		else if (a % 64 < 44)
			poke_disk(r, b);
		else if (a % 1024 == 44)
			poke_config(r, b);
		else if (a % 64 < 50)
			h = hash(h, poke_any(r, a >> 8, b));
		else
			h = hash(h, in(r, 7));
		h = hash(h, r->line[0] + 2u * r->line[1]);
	}
	return h;
}

/* Both channels answer as new ones after SRST. */
static bool
works(struct rig *r)
{
	uint8_t p[512];
	bool good = true;

	for (unsigned n = 0; n < 2; n++) {
		rig_channel(r, n);
		control(r, 4);
		rig_settle(r);
		control(r, 0);
		out(r, 6, n ? 0x50 : 0x40);
		good &= in(r, 7) == 0x50;
		out(r, 7, 0xec);
		good &= interrupted(r);
		data_in(r, p, 512);
		good &= p[510] == 0xa5 && in(r, 7) == 0x50;
	}
	return good;
}

static void
test_scribble(void)
{
	struct rig r;
	unsigned bad = 0, queued = 0, seed;
	uint64_t ops = 0;

	for (seed = 1; seed <= SEEDS && !bad; seed++) {
		up(&r);
		scribble(&r, seed, OPS);
		bad += !works(&r);
		for (unsigned n = 0; n < IDE_DRIVES; n++) {
			queued += r.disk[n].bad;
			for (unsigned k = 0; k <= DISK_ZERO; k++)
				ops += r.disk[n].ops[k];
		}
		rig_down(&r);
	}
	ok(!bad, "after whatever a guest did, SRST makes drives work again");
	ok(!queued, "no disk ever had more requests than one");
	ok(ops > 100 * SEEDS, "%u requests reached the disks", (unsigned)ops);
}

static char *
save(struct rig *r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f || state_save(r->dev, f) || fclose(f))
		exit(1);
	return text;
}

/* Not in the middle of a reset, which a load ends. */
static bool
resets(struct rig *r)
{
	struct ide *i = (struct ide *)r->dev;

	return i->r.ch[0].resetting || i->r.ch[1].resetting;
}

/* Another one with the same disks and memory, that is loaded. */
static int
copy(struct rig *to, struct rig *from, const char *text)
{
	up(to);
	for (unsigned n = 0; n < IDE_DRIVES; n++) {
		memcpy(to->disk[n].data, from->disk[n].data, to->disk[n].size);
		to->disk[n].present = from->disk[n].present;
		to->disk[n].err = from->disk[n].err;
	}
	memcpy(mem_span(to->mem, 0, RIG_RAM), mem_span(from->mem, 0, RIG_RAM),
		RIG_RAM);
	return state_load(&to->dev, 1, text, strlen(text));
}

static void
test_state(void)
{
	unsigned kept = 0, same = 0, refused = 0, in_flight = 0, seed;
	struct rig a, b;
	char *text, *again;

	for (seed = 1; seed <= 100; seed++) {
		up(&a);
		scribble(&a, seed, 200 + seed * 3);
		if (resets(&a))
			rig_settle(&a);
		text = save(&a);
		refused += copy(&b, &a, text) != 0;
		again = save(&b);
		for (unsigned n = 0; n < IDE_DRIVES; n++) {
			in_flight += a.disk[n].n;
			kept += a.disk[n].n != b.disk[n].n;
		}
		kept += strcmp(text, again) != 0;
		same += scribble(&a, seed + 500, 500) ==
			scribble(&b, seed + 500, 500);
		free(text);
		free(again);
		rig_down(&a);
		rig_down(&b);
	}
	ok(!refused, "what was saved is never refused (%s)", fail_text());
	ok(!kept, "it loads and saves the same, requests in flight included");
	ok(in_flight > 5, "%u were", in_flight);
	ok(same == 100, "and goes on the same (%u of 100)", same);
}

/* Text in which some digits are others. */
static void
test_bad_state(void)
{
	uint64_t seed = 99;
	struct rig r;
	char *text;
	unsigned n, taken = 0;

	up(&r);
	for (n = 0; n < 400; n++) {
		scribble(&r, n, 100);
		rig_settle(&r);
		text = save(&r);
		for (unsigned k = 0; k < 1 + n % 4; k++) {
			char *line = strstr(text, n & 1 ? ".ch0_" : ".drive0_");
			size_t at = (size_t)(rnd(&seed) % 900);
			char *p = line + at % strlen(line);

			if (strchr("0123456789abcdef", *p) && p[-1] != 'e')
				*p = "0123456789abcdef"[rnd(&seed) % 16];
		}
		taken += !state_load(&r.dev, 1, text, strlen(text));
		free(text);
		rig_enable(&r);
		scribble(&r, n + 7, 200);
		rig_settle(&r);
		dev_reset(r.dev);
		rig_enable(&r);
	}
	ok(works(&r), "no state harms it (%u of %u taken)", taken, n);
	rig_down(&r);
}

int
main(void)
{
	deadline(100);
	test_scribble();
	test_state();
	test_bad_state();
	return done();
}
