/* SPDX-License-Identifier: MIT */
/* The keyboard controller and what is behind it, as drivers probe them. */
#include "dev/i8042.h"
#include "tests/tap.h"

static struct dev *k;
static bool irq1, irq12, a20;
static unsigned edges1, edges12, resets;

static void
set_line(void *to, unsigned pin, bool level)
{
	(void)to;
	if (pin == 1) {
		edges1 += level && !irq1;
		irq1 = level;
	} else if (pin == 12) {
		edges12 += level && !irq12;
		irq12 = level;
	} else {
		a20 = level;
	}
}

static void
tell(void *to, enum notice what, uint64_t arg)
{
	(void)to, (void)arg;
	resets += what == NOTICE_RESET;
}

static unsigned looks;

static void
look(void *to)
{
	(void)to;
	looks++;
}

static void
setup(void)
{
	k = i8042_new(
		(struct i8042_out){{set_line, NULL, 1}, {set_line, NULL, 12},
			{set_line, NULL, 20}, {tell, NULL}, {look, NULL}});
	edges1 = edges12 = resets = looks = 0;
}

static void
cmd(unsigned v)
{
	k->ops->write(k, 1, 0, 1, v);
}

static void
data(unsigned v)
{
	k->ops->write(k, 0, 0, 1, v);
}

static void
aux(unsigned v)
{
	cmd(0xd4);
	data(v);
}

static unsigned
status(void)
{
	return (unsigned)k->ops->read(k, 1, 0, 1);
}

static unsigned
in(void)
{
	return (unsigned)k->ops->read(k, 0, 0, 1);
}

/* All that waits: "fa aa", the mouse's bytes with a star. */
static const char *
drain(void)
{
	static char s[256];
	size_t n = 0;
	unsigned st;

	s[0] = 0;
	while (((st = status()) & 1) && n < sizeof(s) - 8)
		n += (size_t)sprintf(s + n, "%s%02x%s", n ? " " : "", in(),
			st & 0x20 ? "*" : "");
	return s;
}

static const char *
kbd(unsigned v)
{
	data(v);
	return drain();
}

static const char *
mouse(unsigned v)
{
	aux(v);
	return drain();
}

static const char *
keys(const char *set2, size_t n)
{
	i8042_key(k, (const uint8_t *)set2, n);
	return drain();
}

#define KEYS(s) keys(s, sizeof(s) - 1)

static void
test_controller(void)
{
	setup();
	is_u64(status(), 0x14, "at rest: system flag, not locked");
	cmd(0xaa);
	is_u64(status() & 0x0d, 0x0d, "a command shows in the status");
	is_str(drain(), "55", "self-test");
	cmd(0xab);
	is_str(drain(), "00", "keyboard wires");
	cmd(0xa9);
	is_str(drain(), "00", "mouse wires");
	cmd(0x60);
	data(0x47);
	cmd(0x20);
	is_str(drain(), "47", "the mode byte");
	cmd(0xa7);
	cmd(0xad);
	cmd(0x20);
	is_str(drain(), "77", "disabling both ports shows in it");
	cmd(0xa8);
	cmd(0xae);
	cmd(0x20);
	is_str(drain(), "47", "and enabling them");
	edges12 = 0;
	cmd(0xd3);
	data(0x5a);
	is_str(drain(), "5a*", "mouse loop-back");
	is_u64(edges12, 1, "which interrupts");
	cmd(0xd2);
	data(0x77);
	is_str(drain(), "77", "keyboard loop-back, not translated");
	cmd(0x65);
	data(0x99);
	cmd(0x25);
	is_str(drain(), "99", "its RAM");
	ok(a20, "A20 is open");
	cmd(0xd1);
	data(0x01);
	ok(!a20 && !resets, "the output port closes it");
	cmd(0xd0);
	is_str(drain(), "cd", "and reads back");
	cmd(0xdf);
	ok(a20, "A20 by a command");
	cmd(0xfe);
	is_u64(resets, 1, "a pulse resets");
	cmd(0xff);
	is_u64(resets, 1, "a pulse of nothing does not");
	cmd(0xd1);
	data(0x02);
	is_u64(resets, 2, "the output port does");
	dev_free(k);
}

static void
test_interrupts(void)
{
	setup();
	i8042_key(k, (const uint8_t *)"\x1c\xf0\x1c", 3);
	ok(irq1 && edges1 == 1, "IRQ 1 while the buffer is full");
	in();
	ok(irq1 && edges1 == 2, "an edge for the next byte");
	in();
	ok(!irq1, "and down when it is empty");
	cmd(0x60);
	data(0x46);
	i8042_key(k, (const uint8_t *)"\x1c", 1);
	ok(!irq1 && (status() & 1), "masked: no interrupt");
	cmd(0x60);
	data(0x47);
	ok(irq1, "unmasked: the byte still waits");
	drain();
	aux(0xf4);
	ok(irq12 && !irq1, "IRQ 12 for the mouse");
	in();
	ok(!irq12, "and down after");
	cmd(0xad);
	i8042_key(k, (const uint8_t *)"\x1c", 1);
	ok(!(status() & 1), "a disabled keyboard waits");
	cmd(0xae);
	is_str(drain(), "1e", "until it is enabled");
	dev_free(k);
}

static void
test_keyboard(void)
{
	setup();
	is_str(kbd(0xff), "fa aa", "reset");
	is_str(kbd(0xf2), "fa ab 41", "identify, translated");
	is_str(kbd(0xed), "fa", "LEDs");
	is_str(kbd(0x07), "fa", "their argument");
	is_str(kbd(0xf3), "fa", "typematic rate");
	is_str(kbd(0x20), "fa", "its argument");
	is_str(kbd(0xee), "ee", "echo");
	is_str(kbd(0x05), "fe", "no such command");
	is_str(kbd(0xed), "fa", "LEDs again");
	is_str(kbd(0xf4), "fa", "a command instead of the argument");
	is_str(KEYS("\x1c\xf0\x1c"), "1e 9e", "a key, translated to set 1");
	is_str(KEYS("\xe0\x75\xe0\xf0\x75"), "e0 48 e0 c8", "an arrow");
	is_str(KEYS("\x83\xf0\x83"), "41 c1", "F7, the odd one");
	is_str(KEYS("\xe1\x14\x77\xe1\xf0\x14\xf0\x77"), "e1 1d 45 e1 9d c5",
		"Pause");
	cmd(0x60);
	data(0x05);
	is_str(kbd(0xf2), "fa ab 83", "identify, not translated");
	is_str(KEYS("\x1c\xf0\x1c"), "1c f0 1c", "set 2 raw");
	is_str(kbd(0xf0), "fa", "scan code set");
	is_str(kbd(0x00), "fa 02", "it is 2");
	kbd(0xf0);
	kbd(0x01);
	is_str(KEYS("\xe0\x75\xe0\xf0\x75"), "e0 48 e0 c8", "set 1");
	kbd(0xf0);
	kbd(0x03);
	is_str(KEYS("\xe0\x75\xe0\xf0\x75"), "63 f0 63", "set 3");
	is_str(KEYS("\x05\xf0\x05"), "07 f0 07", "set 3: F1");
	is_str(KEYS("\x7b\xe0\x12\xe0\x7c"), "84 57",
		"set 3: keypad minus, PrintScreen");
	kbd(0xf0);
	is_str(kbd(0x04), "fe", "there is no set 4");
	is_str(kbd(0xf6), "fa", "defaults");
	is_str(KEYS("\x1c"), "1c", "are set 2");
	is_str(kbd(0xfe), "1c", "resend");
	is_str(kbd(0xf5), "fa", "disable scanning");
	is_str(KEYS("\x1c"), "", "no keys then");
	is_str(kbd(0xf4), "fa", "enable");
	is_str(KEYS("\x1c"), "1c", "keys again");
	dev_free(k);
}

static void
test_queue(void)
{
	unsigned n = 0;

	setup();
	cmd(0x60);
	data(0x05);
	while (i8042_key(k, (const uint8_t *)"\xe0\xf0\x75", 3))
		n++;
	ok(n == 5, "the queue holds 16 bytes, whole keys only");
	data(0xee);
	is_u64(in(), 0xe0, "what is in the output buffer stays");
	is_u64(in(), 0xee, "an answer overtakes keys");
	is_u64(strlen(drain()), 14 * 3 - 1, "which are all there");
	for (n = 0; n < 1000; n++) {
		data(0xff);
		aux(0xff);
		cmd(0x20);
	}
	ok(strlen(drain()) < 200, "answers that nobody reads are bounded");
	dev_free(k);
}

static bool
press(const char *set2)
{
	return i8042_key(k, (const uint8_t *)set2, strlen(set2));
}

/* Nobody who asks again when told loses a key, or asks in vain for long. */
static void
test_flow(void)
{
	unsigned keys = 0, n = 0;
	size_t at;
	bool same = true;

	setup();
	while (press("\x1c\xf0\x1c"))
		keys++;
	ok(keys == 5 && !looks, "full");
	for (at = 0; !looks && at < 32; at++)
		in();
	is_u64(at, 9, "told when all but what can be read is gone");
	ok(press("\x1c"), "there is room");
	drain();
	looks = 0;
	for (unsigned key = 0; key < 250; key++) {
		char code[2] = {(char)(key % 2 ? 0x1c : 0x32), 0};

		while (!press(code)) {
			for (at = 0; !looks && at < 32; at++)
				same &= in() == (n++ % 2 ? 0x1eu : 0x30u);
			same &= looks == 1;
			looks = 0;
		}
	}
	while (status() & 1)
		same &= in() == (n++ % 2 ? 0x1eu : 0x30u);
	ok(same && n == 250, "250 keys come as they were typed");
	looks = 0;
	ok(i8042_keys_read(k) && i8042_mouse_read(k), "all was read");
	press("\x1c");
	ok(!i8042_keys_read(k) && i8042_mouse_read(k) && !looks, "now not");
	in();
	is_u64(looks, 1, "told when it was");
	kbd(0xf5);
	ok(!press("\x1c"), "one who was told to be silent takes nothing");
	looks = 0;
	kbd(0xf4);
	ok(looks == 1 && press("\x1c"), "and says when that is over");
	drain();
	while (press("\x1c"))
		continue;
	looks = 0;
	kbd(0xff);
	ok(looks && press("\x1c"), "a reset makes room as well");
	dev_free(k);
}

static void
test_mouse_flow(void)
{
	setup();
	ok(!i8042_mouse(k, 1, 1, 0, 0), "nobody listens to the mouse");
	ok(i8042_mouse_read(k), "so nothing waits");
	mouse(0xf4);
	is_u64(looks, 1, "told when somebody does");
	ok(i8042_mouse(k, I8042_FAR, -I8042_FAR, I8042_SPIN, 7),
		"a long way goes");
	ok(!i8042_mouse_read(k), "and waits");
	while (i8042_mouse(k, I8042_FAR, 0, 0, 0))
		continue;
	looks = 0;
	drain();
	ok(looks == 1 && i8042_mouse(k, I8042_FAR, I8042_FAR, 0, 0),
		"and again, once there is room");
	dev_free(k);
}

static void
test_lights(void)
{
	setup();
	kbd(0xed);
	is_u64(looks, 0, "a command alone switches no light");
	kbd(0x04);
	ok(looks == 1 && i8042_lights(k) == INPUT_CAPS, "Caps Lock");
	kbd(0xed);
	kbd(0x04);
	is_u64(looks, 1, "told once");
	kbd(0xed);
	kbd(0x03);
	ok(i8042_lights(k) == (INPUT_NUM | INPUT_SCROLL), "the others");
	kbd(0xff);
	ok(looks == 3 && !i8042_lights(k), "a reset puts them out");
	dev_free(k);
}

static const char *
move(int dx, int dy, int dz, unsigned b)
{
	i8042_mouse(k, dx, dy, dz, b);
	return drain();
}

static void
knock(unsigned a, unsigned b, unsigned c)
{
	const unsigned rates[] = {a, b, c};

	for (unsigned i = 0; i < 3; i++) {
		mouse(0xf3);
		mouse(rates[i]);
	}
}

static void
test_mouse(void)
{
	setup();
	is_str(mouse(0xff), "fa* aa* 00*", "reset");
	is_str(mouse(0xf2), "fa* 00*", "a plain mouse");
	is_str(move(1, 1, 0, 0), "", "quiet until told to report");
	is_str(mouse(0xe8), "fa*", "resolution");
	is_str(mouse(0x03), "fa*", "its argument");
	is_str(mouse(0xf3), "fa*", "rate");
	is_str(mouse(40), "fa*", "its argument");
	is_str(mouse(0xe7), "fa*", "scaling 2:1");
	is_str(mouse(0xf4), "fa*", "report");
	is_str(mouse(0xe9), "fa* 30* 03* 28*", "status");
	is_str(move(10, 5, 0, 0), "28* 14* f7*", "scaled movement");
	mouse(0xe6);
	is_str(move(10, 5, 0, 1), "29* 0a* fb*", "right and down, left button");
	is_str(move(0, 0, 0, 1), "", "nothing new, nothing said");
	is_str(move(0, 0, 0, 6), "0e* 00* 00*", "right and middle button");
	is_str(move(-300, 0, 0, 0), "18* 01* 00* 18* d3* 00*",
		"a long way in two packets");
	is_str(mouse(0xf0), "fa*", "remote mode");
	is_str(move(3, -4, 0, 0), "", "says nothing");
	is_str(mouse(0xeb), "fa* 08* 03* 04*", "but when asked");
	is_str(mouse(0xea), "fa*", "stream mode");
	is_str(mouse(0xee), "fa*", "wrap mode");
	is_str(mouse(0xf2), "f2*", "echoes");
	is_str(mouse(0xec), "fa*", "until it ends");
	is_str(mouse(0xe1), "fe*", "no such command");
	is_str(mouse(0xf5), "fa*", "quiet");
	is_str(mouse(0xf6), "fa*", "defaults");
	is_str(mouse(0xe9), "fa* 00* 02* 64*", "are these");
	dev_free(k);
}

static void
test_wheel(void)
{
	unsigned n = 0;

	setup();
	knock(200, 100, 80);
	is_str(mouse(0xf2), "fa* 03*", "the knock of a wheel mouse");
	mouse(0xf4);
	is_str(move(0, 0, -1, 0), "08* 00* 00* ff*", "the wheel");
	is_str(move(0, 0, 0, 8), "", "it has no side buttons");
	knock(200, 200, 80);
	is_str(mouse(0xf2), "fa* 04*", "the knock of an Explorer");
	mouse(0xf4);
	is_str(move(0, 0, -1, 8), "08* 00* 00* 1f*", "side button and wheel");
	is_str(mouse(0xff), "fa* aa* 00*", "a reset makes it plain again");
	mouse(0xf4);
	while (n < 100 && i8042_mouse(k, 1, 0, 0, 0))
		n++;
	ok(n >= 5 && n < 20, "a full queue refuses");
	is_u64(strlen(drain()) % (3 * 4), 11, "and never splits a packet");
	is_str(move(2, 0, 0, 0), "08* 02* 00*", "it goes on after");
	dev_free(k);
}

int
main(void)
{
	deadline(10);
	test_controller();
	test_interrupts();
	test_keyboard();
	test_queue();
	test_flow();
	test_mouse_flow();
	test_lights();
	test_mouse();
	test_wheel();
	return done();
}
