/* SPDX-License-Identifier: MIT */
/*
 * Readers of the framebuffer file: what they do about files that are none, or
 * shrink, heads that lie or never come to rest, writers that die; and what they
 * read on the screen.
 */
#include <pthread.h>
#include <time.h>

#include "tests/unit/fb-rig.h"

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what is a framebuffer file ---- */

static int
try(struct rig *r)
{
	struct fb *fb = NULL;
	int e;

	fail_clear();
	e = fb_open(r->dir, &fb);
	fb_close(fb);
	return e;
}

static void
test_open(void)
{
	struct rig r;
	int fd;

	rig_dir(&r);
	ok(try(&r) == -ENOENT && !*fail_text(), "none: without a sentence");
	mkdirat(r.dir, FB_NAME, 0700);
	ok(try(&r) == -EINVAL, "a directory is none");
	unlinkat(r.dir, FB_NAME, AT_REMOVEDIR);
	mkfifoat(r.dir, FB_NAME, 0600);
	ok(try(&r) == -EINVAL, "a FIFO is none, and is not waited for");
	unlinkat(r.dir, FB_NAME, 0);
	ok(symlinkat("/dev/zero", r.dir, FB_NAME) == 0 && try(&r) == -ELOOP,
		"a link is not followed");
	unlinkat(r.dir, FB_NAME, 0);
	fd = openat(r.dir, FB_NAME, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ok(!ftruncate(fd, FB_HEAD - 1) && try(&r) == -EINVAL,
		"less than a page is none");
	is_str(fail_text(), "fb: not a framebuffer file", "that is said");
	ok(!ftruncate(fd, FB_HEAD) && try(&r) == 0, "a page may be one");
	ok(!fb_open(r.dir, &r.fb) && fb_look(r.fb, &r.h) == -EINVAL,
		"zeros are none");
	close(fd);
	rig_close(&r);
}

static void
test_new(void)
{
	struct rig r;

	rig_open(&r);
	ok(fb_look(r.fb, &r.h) == 0 && r.h.kind == FB_OFF && r.h.width == 720 &&
			r.h.height == 400,
		"a new one is off, and has a size");
	memset(r.out, 0xff, 720 * 400 * 4);
	fb_draw(r.fb, &r.h, 0, 400, r.out, true);
	ok(!r.out[0] && !memcmp(r.out, r.out + 1, 720 * 400 * 4 - 4), "black");
	rig_close(&r);
}

/* ---- heads that lie ---- */

#define AT(member) offsetof(struct fb_head, member)

static const struct limit {
	const char *name;
	size_t at;
	uint32_t good, bad;
} limits[] = {
	{"kind", AT(kind), FB_RGB32, FB_KINDS},
	{"width", AT(width), 1, 0},
	{"width", AT(width), FB_MAX_WIDTH, FB_MAX_WIDTH + 1},
	{"height", AT(height), 1, 0},
	{"height", AT(height), FB_MAX_HEIGHT, FB_MAX_HEIGHT + 1},
	{"wrap", AT(wrap), RAM, RAM * 2},
	{"wrap", AT(wrap), 1, 3},
	{"double_x", AT(double_x), 2, 3},
	{"double_x", AT(double_x), 1, 0},
	{"double_y", AT(double_y), 32, 33},
	{"double_y", AT(double_y), 1, 0},
	{"pan_x", AT(pan_x), 8, 9},
	{"pan_y", AT(pan_y), 31, 32},
	{"cell_w", AT(cell_w), 9, 10},
	{"cell_w", AT(cell_w), 8, 7},
	{"cell_h", AT(cell_h), 32, 33},
	{"cell_h", AT(cell_h), 1, 0},
	{"banks", AT(banks), 4, 3},
	{"banks", AT(banks), 0, 5},
	{"ram", AT(ram), FB_MAX_RAM, FB_MAX_RAM + 1},
	{"magic", AT(magic), 0, 0x62662d77},
};

/* The writer's mapping, without a writer's manners. */
static void
poke(struct rig *r, size_t at, uint32_t v)
{
	memcpy((uint8_t *)r->head + at, &v, 4);
}

static void
test_limits(void)
{
	struct rig r;

	rig_open(&r);
	for (size_t n = 0; n < sizeof(limits) / sizeof(*limits); n++) {
		const struct limit *l = &limits[n];
		bool text = !strncmp(l->name, "cell", 4);
		struct fb_head h =
			rig_mode(text ? FB_TEXT : FB_PLANAR, 64, 64, 32);
		uint32_t old;
		int good = 0, bad;

		rig_show(&r, &h);
		memcpy(&old, (uint8_t *)r.head + l->at, 4);
		if (strcmp(l->name, "magic")) {
			poke(&r, l->at, l->good);
			good = fb_look(r.fb, &r.h);
		}
		poke(&r, l->at, l->bad);
		bad = fb_look(r.fb, &r.h);
		ok(!good && bad == -EINVAL, "%s: %u is taken, %u is refused",
			l->name, l->good, l->bad);
		poke(&r, l->at, old);
	}
	is_str(fail_text(), "fb: the head is out of range", "that is said");
	rig_close(&r);
}

/* Whatever is let in can be drawn and read, and says when there is no room. */
static bool
usable(struct rig *r)
{
	const struct fb_head *h = &r->h;
	unsigned rows, n = fb_columns(h, &rows) * rows;
	struct fb_cell *cells;
	char *text = NULL;
	bool small = false;

	fb_draw(r->fb, h, 0, 8, r->out, true);
	fb_draw(r->fb, h, h->height / 2, 8, r->out, false);
	fb_draw(r->fb, h, h->height - 1, 8, r->out, true);
	if (n > 2000)
		return true;
	cells = calloc(n + 1, sizeof(*cells));
	if (n > 0)
		small = fb_cells(r->fb, h, cells, n - 1, &rows) != -ENOSPC;
	fb_cells(r->fb, h, cells, n, &rows);
	free(cells);
	if (fb_text(r->fb, h, &text) == 0)
		free(text);
	return !small;
}

static void
test_extremes(void)
{
	static const uint32_t values[] = {
		0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
	struct rig r;
	unsigned taken = 0;

	rig_open(&r);
	rig_fill(r.ram, RAM);
	for (unsigned kind = 0; kind < FB_KINDS; kind++)
		for (size_t at = AT(width); at < AT(palette); at += 4)
			for (unsigned n = 0; n < 5; n++) {
				struct fb_head h = rig_mode(
					(enum fb_kind)kind, 2560, 1600, 999);

				fb_publish(r.head, &h);
				poke(&r, at, values[n]);
				if (fb_look(r.fb, &r.h))
					continue;
				taken++;
				fb_draw(r.fb, &r.h, 0, 2, r.out, true);
				fb_draw(r.fb, &r.h, r.h.height - 1, 1, r.out,
					true);
			}
	ok(taken > 400, "every field at its extremes: %u heads drawn", taken);
	rig_close(&r);
}

static void
test_garbage(void)
{
	struct rig r;
	unsigned seed = 7, taken = 0;

	rig_open(&r);
	rig_fill(r.ram, RAM);
	for (unsigned n = 0; n < 1000; n++) {
		struct fb_head h;

		rig_fill((uint8_t *)&h, sizeof(h));
		for (size_t at = AT(kind); at < AT(palette); at += 4) {
			uint32_t v = (uint32_t)rand_r(&seed);

			/* Mostly what it may be. */
			memcpy((uint8_t *)&h + at, &v, 4);
		}
		h.kind %= FB_KINDS;
		h.width = h.width % (n % 2 ? FB_MAX_WIDTH : 300) + 1;
		h.height = h.height % (n % 2 ? FB_MAX_HEIGHT : 300) + 1;
		h.wrap = n % 3 ? 0 : 1u << h.wrap % 21;
		h.double_x = h.double_x % 2 + 1;
		h.double_y = h.double_y % 32 + 1;
		h.pan_x %= 9;
		h.pan_y %= 32;
		h.cell_w = h.cell_w % 2 + 8;
		h.cell_h = h.cell_h % 32 + 1;
		h.banks = 1u << h.banks % 3;
		if (rig_show(&r, &h))
			continue;
		taken += usable(&r);
	}
	ok(taken > 700, "garbage: %u heads of 1000 drawn", taken);
	rig_close(&r);
}

/* Bytes that come again and again are not read so often. */
static void
test_wrap(void)
{
	struct rig r;
	struct fb_head h = rig_mode(FB_RGB32, FB_MAX_WIDTH, FB_MAX_HEIGHT, 0);
	struct timespec begin, end;

	rig_open(&r);
	r.ram[0] = 0x5a;
	h.wrap = 1;
	rig_show(&r, &h);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	fb_draw(r.fb, &r.h, 0, FB_MAX_HEIGHT, r.out, true);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	ok(r.out[0] == 0x5a5a5a &&
			r.out[FB_MAX_WIDTH * FB_MAX_HEIGHT - 1] == 0x5a5a5a,
		"the largest picture of a single byte");
	ok(end.tv_sec - begin.tv_sec < 3, "is drawn at once");
	rig_close(&r);
}

/* ---- files that shrink ---- */

static void
test_cut(void)
{
	struct rig r;
	struct fb_head h = rig_mode(FB_RGB32, 100, 100, 400);
	int fd;

	rig_open(&r);
	memset(r.ram, 0x55, RAM);
	rig_show(&r, &h);
	fd = openat(r.dir, FB_NAME, O_RDWR | O_CLOEXEC);
	ok(!ftruncate(fd, FB_HEAD + 400 * 50), "the file shrinks");
	fb_draw(r.fb, &r.h, 0, 100, r.out, true);
	ok(r.out[100 * 50 - 1] == 0x555555 && !r.out[100 * 50] &&
			!r.out[100 * 100 - 1],
		"what is gone is black");
	ok(!ftruncate(fd, 0) && fb_look(r.fb, &r.h) == -EINVAL,
		"nothing is no head");
	close(fd);
	rig_close(&r);
}

/* ---- writers ---- */

static void
test_stuck(void)
{
	struct rig r;
	struct fb_head h = rig_mode(FB_RGB32, 100, 100, 400);
	int64_t begin;
	int e;

	rig_open(&r);
	rig_show(&r, &h);
	ok(r.h.seq % 2 == 0, "a head at rest");
	atomic_fetch_add(&r.head->seq, 1);
	begin = now_ms();
	memset(&r.h, 0, sizeof(r.h));
	e = fb_look(r.fb, &r.h);
	ok(e == -EAGAIN && now_ms() - begin >= 90,
		"one that a writer holds is waited for");
	ok(r.h.kind == FB_RGB32 && r.h.width == 100, "and read all the same");
	begin = now_ms();
	for (unsigned n = 0; n < 100; n++)
		e = fb_look(r.fb, &r.h);
	ok(e == -EAGAIN && now_ms() - begin < 5000, "once, if it stays so");
	poke(&r, AT(width), 0);
	ok(fb_look(r.fb, &r.h) == -EINVAL, "but it is checked");
	poke(&r, AT(width), 100);
	atomic_fetch_add(&r.head->seq, 1);
	ok(fb_look(r.fb, &r.h) == 0, "later it is at rest again");
	rig_close(&r);
}

struct writer {
	struct fb_head *head;
	_Atomic bool stop;
};

/* All fields of a head belong together. */
static void *
write_heads(void *to)
{
	struct writer *w = to;

	for (uint32_t n = 1; !w->stop; n = n % 1000 + 1) {
		struct fb_head h = rig_mode(FB_RGB32, n, n, n);

		for (unsigned k = 0; k < 256; k++)
			h.palette[k] = n;
		h.start = h.bank = n;
		fb_publish(w->head, &h);
		if (n % 100 == 0)
			usleep(100);
	}
	return NULL;
}

static void
test_torn(void)
{
	struct writer w = {0};
	struct rig r;
	pthread_t id;
	unsigned whole = 0, again = 0, torn = 0;

	rig_open(&r);
	w.head = r.head;
	if (pthread_create(&id, NULL, write_heads, &w))
		exit(1);
	while (whole < 2000 && again < 50) {
		int e = fb_look(r.fb, &r.h);
		const struct fb_head *h = &r.h;

		again += e == -EAGAIN;
		if (e || h->kind == FB_OFF)
			continue;
		whole++;
		torn += h->start != h->width || h->bank != h->width ||
			h->palette[0] != h->width ||
			h->palette[255] != h->width;
	}
	w.stop = true;
	pthread_join(id, NULL);
	ok(whole >= 2000 && !torn, "%u heads while they change, %u torn", whole,
		torn);
	rig_close(&r);
}

static void
test_attach(void)
{
	struct rig r;
	struct fb_head h = rig_mode(FB_INDEX, 1000, 1000, 2000);
	struct fb *own;
	uint32_t *out = calloc(1000 * 1000, 4);

	rig_open(&r);
	rig_fill(r.ram, RAM);
	rig_show(&r, &h);
	fb_draw(r.fb, &r.h, 0, 1000, r.out, true);
	ok(fb_attach(r.head, RAM, &own) == 0 && fb_look(own, &r.h) == 0,
		"the writer's own memory");
	fb_draw(own, &r.h, 0, 1000, out, true);
	ok(memcmp(out, r.out, 4000000) == 0, "shows the same");
	poke(&r, AT(ram), FB_MAX_RAM);
	fb_look(own, &r.h);
	fb_draw(own, &r.h, 0, 1000, out, true);
	ok(memcmp(out, r.out, RAM / 2000 * 4000) == 0 &&
			out[999999] == h.palette[0],
		"and no more than there is");
	fb_close(own);
	free(out);
	rig_close(&r);
}

/* ---- reading ---- */

static struct fb_head
text_mode(struct rig *r, const char *lines, unsigned columns)
{
	struct fb_head h = rig_mode(FB_TEXT, columns * 9, 64, columns * 4);
	unsigned at = 0;

	memset(r->ram, 0, RAM);
	h.cell_w = 9;
	for (; *lines; lines++, at += 4) {
		r->ram[at] = (uint8_t)*lines;
		r->ram[at + 1] = 0x9e;
	}
	return h;
}

static void
reads(struct rig *r, const struct fb_head *h, const char *want,
	const char *name)
{
	char *text = NULL;

	rig_show(r, h);
	if (fb_text(r->fb, &r->h, &text))
		printf("# %s\n", fail_text());
	is_str(text ? text : "(nothing)", want, name);
	free(text);
}

static void
test_text(void)
{
	struct rig r;
	struct fb_head h;
	struct fb_cell cells[40];
	unsigned rows;

	rig_open(&r);
	h = text_mode(&r, "Hello,    world     \x80 \xff\x01\xfe \xc9\xbb", 10);
	reads(&r, &h,
		"Hello,\nworld\n\u00c7 \u00a0\u263a\u25a0 \u2554\u2557\n"
		"\n",
		"code page 437, without the blanks at the end");
	ok(fb_cells(r.fb, &r.h, cells, 40, &rows) == 10 && rows == 4,
		"as cells: 10 by 4");
	ok(cells[0].ch == 'H' && cells[0].fg == h.palette[14] &&
			cells[0].bg == h.palette[9],
		"with colours");
	ok(fb_cells(r.fb, &r.h, cells, 39, &rows) == -ENOSPC, "39 are too few");
	h.blink = 1;
	rig_show(&r, &h);
	fb_cells(r.fb, &r.h, cells, 40, &rows);
	ok(cells[0].bg == h.palette[1], "blinking is no colour");
	h.start = 40;
	h.split = 32;
	h.pan_y = 4;
	reads(&r, &h,
		"world\n\u00c7 \u00a0\u263a\u25a0 \u2554\u2557\n"
		"Hello,\nworld\n",
		"a split screen, and a row that is more than half there");
	h.pan_y = 12;
	h.split = h.height;
	reads(&r, &h, "\u00c7 \u00a0\u263a\u25a0 \u2554\u2557\n\n\n\n",
		"one that is less is left out");
	h.pan_y = 0;
	h.height = 128;
	h.split = UINT32_MAX;
	h.double_y = 2;
	h.double_x = 2;
	h.width *= 2;
	h.start = 0;
	reads(&r, &h,
		"Hello,\nworld\n\u00c7 \u00a0\u263a\u25a0 \u2554\u2557\n"
		"\n",
		"doubled, it is the same");
	h.kind = FB_OFF;
	rig_show(&r, &h);
	ok(fb_cells(r.fb, &r.h, cells, 40, &rows) == -ENODATA,
		"a screen that is off has none");
	rig_close(&r);
}

/* ---- reading pictures ---- */

static void
draw_char(struct rig *r, const uint8_t *font, unsigned ch, unsigned x,
	unsigned y, uint32_t fg, uint32_t bg, unsigned cursor)
{
	for (unsigned j = 0; j < 16; j++)
		for (unsigned i = 0; i < 8; i++) {
			bool set = font[ch * 16 + j] & 128 >> i;
			uint32_t c = set != (j >= 16 - cursor) ? fg : bg;

			memcpy(r->ram + ((y * 16 + j) * 256 + x * 8 + i) * 4,
				&c, 4);
		}
}

static void
test_pictures(struct rig *r, const uint8_t *font, const char *whose)
{
	struct fb_head h = rig_mode(FB_RGB32, 256, 128, 1024);
	static struct fb_cell cells[256];
	unsigned rows, right = 0, inverse = 0;
	char *text = NULL;

	memset(r->ram, 0, RAM);
	for (unsigned ch = 0; ch < 256; ch++)
		draw_char(r, font, ch, ch % 32, ch / 32, 0xaaaaaa, 0, 0);
	rig_show(r, &h);
	ok(fb_cells(r->fb, &r->h, cells, 256, &rows) == 32 && rows == 8,
		"%s: 32 by 8 cells", whose);
	for (unsigned ch = 33; ch < 127; ch++)
		right += cells[ch].ch == ch && cells[ch].fg == 0xaaaaaa &&
			 cells[ch].bg == 0;
	is_u64(right, 94, "all of ASCII is read");
	right = 0;
	for (unsigned ch = 1; ch < 255; ch++)
		right += cells[ch].ch != 0xfffd;
	is_u64(right, 254, "and all else is something");
	ok(cells[0xc9].ch == 0x2554 && cells[0xe1].ch == 0xdf, "what it is");
	for (unsigned ch = 33; ch < 127; ch++)
		draw_char(
			r, font, ch, ch % 32, ch / 32, 0, 0xffffff, ch % 2 * 2);
	fb_cells(r->fb, &r->h, cells, 256, &rows);
	for (unsigned ch = 33; ch < 127; ch++)
		inverse += cells[ch].ch == ch && cells[ch].bg == 0xffffff;
	ok(inverse >= 92, "dark on light, and with a cursor: %u of 94",
		inverse);
	draw_char(r, font, ' ', 0, 0, 0xaaaaaa, 0, 2);
	draw_char(r, font, 'a', 1, 0, 0xaaaaaa, 0, 2);
	r->ram[(5 * 256 + 20) * 4] = 99;
	fb_text(r->fb, &r->h, &text);
	ok(text && !strncmp(text, " a\xef\xbf\xbd", 5),
		"cursors on a blank and a letter; what is none is U+FFFD");
	free(text);
}

static void
test_font(struct rig *r, const char *path, const char *whose)
{
	const uint8_t *font = NULL;
	struct stat st;
	uint8_t *p = NULL;
	FILE *f;

	if (stat(path, &st) == 0 && (f = fopen(path, "re"))) {
		p = malloc((size_t)st.st_size);
		if (p && fread(p, 1, (size_t)st.st_size, f))
			font = fb_find_font(p, (size_t)st.st_size);
		fclose(f);
	}
	if (p)
		ok(font, "%s: a font is found", whose);
	else
		ok(true, "# SKIP no %s", path);
	if (font)
		test_pictures(r, font, whose);
	free(p);
}

static void
test_fonts(void)
{
	const char *b = getenv("B");
	char path[512];
	struct rig r;

	rig_open(&r);
	snprintf(path, sizeof(path), "%s/guests/vmlinux-std", b ? b : "build");
	test_font(&r, path, "Linux");
	test_font(&r, "/usr/share/seabios/vgabios-stdvga.bin", "VGA BIOS");
	rig_fill(r.ram, RAM);
	ok(!fb_find_font(r.ram, RAM) && !fb_find_font(r.ram, 100),
		"there is none in noise");
	rig_close(&r);
}

int
main(void)
{
	deadline(60);
	test_open();
	test_new();
	test_limits();
	test_extremes();
	test_garbage();
	test_wrap();
	test_cut();
	test_stuck();
	test_torn();
	test_attach();
	test_text();
	test_fonts();
	return done();
}
