/* SPDX-License-Identifier: MIT */
/* Saved state: dev/state.h. */
#include "dev/state.h"

#include <errno.h>

#include "lib/err.h"
#include "tests/tap.h"

struct toy {
	struct dev dev;
	unsigned resets, loads;
	struct toy_regs {
		uint64_t wide;
		uint32_t word[2];
		uint16_t half;
		uint8_t bytes[5];
		uint8_t small;
	} r;
};

static const struct field fields[] = {
	FIELD(struct toy, r, wide),
	FIELDS(struct toy, r, word),
	FIELD(struct toy, r, half),
	FIELDS(struct toy, r, bytes),
	FIELD(struct toy, r, small),
	FIELD_END,
};

static void
toy_reset(struct dev *d)
{
	struct toy *t = (struct toy *)d;

	memset(&t->r, 0, sizeof(t->r));
	t->r.half = 0x1234;
	t->resets++;
}

static int
toy_loaded(struct dev *d)
{
	struct toy *t = (struct toy *)d;

	t->loads++;
	return t->r.small > 9 ? failx(-EINVAL, "%s: small is large", d->id) : 0;
}

static void
toy_saving(struct dev *d)
{
	struct toy *t = (struct toy *)d;

	t->r.word[1] = 77;
}

static void
toy_free(struct dev *d)
{
	(void)d;
}

static const struct dev_ops toy_ops = {
	.name = "toy",
	.fields = fields,
	DEV_REGS(struct toy, r),
	.reset = toy_reset,
	.loaded = toy_loaded,
	.saving = toy_saving,
	.free = toy_free,
};

static struct toy a, b;
static struct dev *const both[] = {&a.dev, &b.dev};

static int
load(const char *text)
{
	return state_load(both, 2, text, strlen(text));
}

static void
test_save(void)
{
	static const char want[] = "toy0.wide fedcba9876543210\n"
				   "toy0.word[0] abc\n"
				   "toy0.word[1] 4d\n"
				   "toy0.half 1234\n"
				   "toy0.bytes 0102000aff\n"
				   "toy0.small 0\n";
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	toy_reset(&a.dev);
	a.r.wide = 0xfedcba9876543210;
	a.r.word[0] = 0xabc;
	memcpy(a.r.bytes, "\1\2\0\12\377", 5);
	ok(state_save(&a.dev, f) == 0, "a device is saved");
	fclose(f);
	is_str(text, want, "as text");
	ok(load(text) == 0 && a.r.wide == 0xfedcba9876543210 &&
			a.r.word[0] == 0xabc && a.r.word[1] == 77 &&
			memcmp(a.r.bytes, "\1\2\0\12\377", 5) == 0,
		"which loads");
	free(text);
	f = fopen("/dev/full", "w");
	if (f)
		setvbuf(f, NULL, _IONBF, 0);
	is_u64((uint64_t)-state_save(&a.dev, f), EIO, "a full disk is told");
	fclose(f);
}

static void
test_load(void)
{
	a.loads = b.loads = 0;
	ok(load("") == 0, "nothing loads");
	ok(a.loads == 1 && b.loads == 1, "every device hears of the load");
	ok(load("toy1.small 5\ntoy0.word[1] 3\n") == 0 && b.r.small == 5 &&
			a.r.word[1] == 3,
		"fields come in any order");
	is_u64(a.r.half, 0x1234, "a missing one keeps its reset value");
	ok(load("toy0.wide ffffffffffffffff") == 0 && a.r.wide == UINT64_MAX,
		"the last newline may be missing");
}

static void
test_refusals(void)
{
	static const char *const bad[] = {
		"toy2.small 1\n",
		"toy0.tiny 1\n",
		"toy0 1\n",
		"toy0.small\n",
		"toy0.small \n",
		"toy0.small 100\n",
		"toy0.small 1 \n",
		"toy0.small  1\n",
		"toy0.small g\n",
		"toy0.small -1\n",
		"toy0.small 0x1\n",
		"toy0.small[0] 1\n",
		"toy0.half 10000\n",
		"toy0.wide 10000000000000000\n",
		"toy0.word 1\n",
		"toy0.word[2] 1\n",
		"toy0.word[9] 1\n",
		"toy0.word[a] 1\n",
		"toy0.word[] 1\n",
		"toy0.word[-1] 1\n",
		"toy0.word[18446744073709551616] 1\n",
		"toy0.word[1 1\n",
		"toy0.word[1]x 1\n",
		"toy0.word[1] 100000000\n",
		"toy0.bytes 01020304\n",
		"toy0.bytes 010203040\n",
		"toy0.bytes 010203040506\n",
		"toy0.bytes 010203040g\n",
		"toy0.bytes[0] 01\n",
		"\n",
		"toy0.small 1\n\n",
		".\n",
		" \n",
		"toy0. 1\n",
		"toy0.small 1\r\n",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (load(bad[i]) != -EINVAL)
			break;
	ok(i == sizeof(bad) / sizeof(bad[0]), "malformed lines are refused");
	if (i < sizeof(bad) / sizeof(bad[0]))
		printf("# but not %s", bad[i]);
	load("toy0.small 1\ntoy0.what 3\n");
	is_str(fail_text(), "saved state, line 2: 'toy0.what 3'",
		"the line is named");
	load("toy0.\33[2J 1\n");
	is_str(fail_text(), "saved state, line 1: 'toy0.'",
		"without what a terminal would act on");
	ok(state_load(both, 2, "toy0.\0small 1", 13) == -EINVAL,
		"a null byte is refused");
	load("toy0.small 1\ntoy0.half 7\nbad\n");
	ok(a.r.small == 0 && a.r.half == 0x1234,
		"after a failure all is as after a reset");
	ok(load("toy0.half 7\ntoy1.small a\n") == -EINVAL &&
			a.r.half == 0x1234 && b.r.small == 0,
		"also if a device refuses");
	is_str(fail_text(), "toy1: small is large", "which says why itself");
}

int
main(void)
{
	deadline(10);
	dev_init(&a.dev, &toy_ops);
	dev_init(&b.dev, &toy_ops);
	a.dev.id = "toy0";
	b.dev.id = "toy1";
	test_save();
	test_load();
	test_refusals();
	return done();
}
