/* SPDX-License-Identifier: MIT */
/* The virtio console: ports, control messages, and bytes that wait. */
#include "dev/virtio-console.h"

#include "tests/tap.h"
#include "tests/virtio-rig.h"

#define MULTIPORT (1u << 1)
#define SIZE_F (1u << 0)

enum { CTL_IN = 2, CTL_OUT = 3, RX1 = 4, TX1 = 5 };
enum { READY = 0, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };

struct message {
	uint32_t id;
	uint16_t event, value;
	char more[64];
};

static struct vrig g;
static struct chr *chr[3];
static unsigned heard; /* control messages that we have seen */

/* Port 0 a console, 1 "one", open from the start; 2 "two", closed. */
static void
up(void)
{
	struct virtio_console_port port[3] = {
		{"one", NULL, false, true},
		{"con", NULL, true, true},
		{"two", NULL, false, false},
	};

	vrig_init(&g);
	for (unsigned i = 0; i < 3; i++)
		port[i].chr = chr[i] = chr_new_mem();
	vrig_add(&g, virtio_console_new(g.m, port, 3));
	heard = 0;
}

static void
down(void)
{
	vrig_free(&g);
	for (unsigned i = 0; i < 3; i++)
		chr_free(chr[i]);
}

/* Offer buffers of 128 bytes for control messages. */
static void
offer(unsigned n)
{
	struct ring *r = &g.ring[CTL_IN];

	for (; n; n--) {
		unsigned i = r->offered % r->size;

		ring_desc(r, i, RIG_BUFS + 128 * i, 128, D_WRITE, 0);
		ring_offer(r, (uint16_t)i);
	}
	vrig_notify(&g, CTL_IN);
}

/* The next message that came; false: none. */
static bool
hear(struct message *m)
{
	struct ring *r = &g.ring[CTL_IN];
	uint32_t len, i;

	if (heard == ring_done(r))
		return false;
	i = ring_used(r, heard++, &len);
	memset(m, 0, sizeof(*m));
	mem_read(g.m, RIG_BUFS + 128 * i, m, len < 72 ? len : 72);
	return true;
}

static bool
hear_is(unsigned id, unsigned event, unsigned value)
{
	struct message m;

	if (!hear(&m)) {
		printf("# nothing was said\n");
		return false;
	}
	if (m.id == id && m.event == event && m.value == value)
		return true;
	printf("# port %u, event %u, value %u\n", m.id, m.event, m.value);
	return false;
}

static void
say(unsigned id, unsigned event, unsigned value)
{
	struct message m = {id, (uint16_t)event, (uint16_t)value, ""};

	mem_write(g.m, RIG_BUFS + 0x8000, &m, 8);
	vrig_give(&g, CTL_OUT, 0, RIG_BUFS + 0x8000, 8, false);
}

/* As far as a driver goes before it uses ports. */
static void
start(void)
{
	vrig_start(&g, MULTIPORT | SIZE_F, 16);
	heard = 0;
	offer(16);
	say(0, READY, 1);
}

static void
test_config(void)
{
	up();
	ok((vrig_features(&g) & 7) == 7, "size, ports, emergency write");
	is_u64(vrig_read(&g, VIRTIO_CONFIG + 4, 4), 3, "the ports are counted");
	is_u64(vrig_read(&g, C_QUEUES, 2), 8, "each with two queues");
	down();
}

static void
test_control(void)
{
	struct message m = {0};
	const uint8_t *p;

	up();
	start();
	ok(hear_is(0, ADD, 1) && hear_is(1, ADD, 1) && hear_is(2, ADD, 1),
		"the ports are added");
	ok(!hear(&m), "and nothing else said");
	say(0, PORT_READY, 1);
	ok(hear_is(0, CONSOLE, 1), "port 0 is a console");
	ok(hear(&m) && m.event == NAME && !strcmp(m.more, "con"), "of a name");
	ok(hear_is(0, OPEN, 1), "and open");
	say(2, PORT_READY, 1);
	ok(hear(&m) && m.id == 2 && m.event == NAME && !strcmp(m.more, "two"),
		"port 2 has its name");
	ok(!hear(&m), "and is not open");
	chr_mem_event(chr[2], CHR_OPENED);
	ok(hear_is(2, OPEN, 1), "until somebody comes");
	chr_mem_event(chr[2], CHR_HANGUP);
	ok(hear_is(2, OPEN, 0), "and goes");
	chr_mem_event(chr[1], CHR_HANGUP);
	ok(hear_is(0, OPEN, 0), "the console, too");
	chr_mem_event(chr[0], CHR_HANGUP);
	ok(!hear(&m), "a port that the driver does not have says nothing");
	is_u64(chr_mem_taken(chr[0], &p), 0, "no byte came out of all that");
	down();
}

static void
test_no_room(void)
{
	struct message m;

	up();
	vrig_start(&g, MULTIPORT, 16);
	say(0, READY, 1);
	say(1, PORT_READY, 1);
	ok(!hear(&m), "without buffers nothing is said");
	for (unsigned i = 0; i < 100; i++)
		chr_mem_event(chr[0], i % 2 ? CHR_OPENED : CHR_HANGUP);
	offer(8);
	ok(hear_is(0, ADD, 1), "then all of it");
	ok(hear(&m) && m.event == NAME && hear_is(1, OPEN, 1) &&
			hear_is(2, ADD, 1) && !hear(&m),
		"each thing once, as it is now");
	down();
}

static void
test_bad_messages(void)
{
	uint64_t odd;

	up();
	start();
	odd = g.v->dev.odd;
	say(3, PORT_READY, 1);
	say(9, OPEN, 1);
	say(UINT32_MAX, PORT_READY, 1);
	say(0, ADD, 1);
	say(0, 77, 1);
	is_u64(g.v->dev.odd - odd, 5, "messages without sense are counted");
	mem_write(g.m, RIG_BUFS, "\0\0\0\0\3\0\1", 7);
	vrig_give(&g, CTL_OUT, 0, RIG_BUFS, 7, false);
	vrig_give(&g, CTL_OUT, 0, RIG_BUFS, 8, true);
	is_u64(g.v->dev.odd - odd, 7, "those without their bytes, too");
	is_u64(ring_done(&g.ring[CTL_OUT]), g.ring[CTL_OUT].offered,
		"all are taken");
	ok(!(vrig_status(&g) & VIRTIO_BROKEN), "and break nothing");
	down();
}

static void
test_out(void)
{
	const uint8_t *p;
	size_t n;

	up();
	start();
	mem_write(g.m, RIG_BUFS, "hello world", 11);
	ring_desc(&g.ring[TX1], 0, RIG_BUFS, 5, D_NEXT, 1);
	ring_desc(&g.ring[TX1], 1, RIG_BUFS + 5, 6, 0, 0);
	ring_offer(&g.ring[TX1], 0);
	vrig_notify(&g, TX1);
	n = chr_mem_taken(chr[0], &p);
	ok(n == 11 && !memcmp(p, "hello world", 11), "bytes go out");
	is_u64(ring_done(&g.ring[TX1]), 1, "and the buffer comes back");
	chr_mem_limit(chr[0], 7);
	vrig_notify(&g, TX1);
	ring_offer(&g.ring[TX1], 0);
	ring_desc(&g.ring[TX1], 2, RIG_BUFS, 5, 0, 0);
	ring_offer(&g.ring[TX1], 2);
	vrig_notify(&g, TX1);
	is_u64(ring_done(&g.ring[TX1]), 1, "a full back end holds them");
	chr_mem_limit(chr[0], 2);
	ok(ring_done(&g.ring[TX1]) == 1 && chr_mem_taken(chr[0], &p) == 20,
		"room for some takes some");
	chr_mem_limit(chr[0], SIZE_MAX);
	n = chr_mem_taken(chr[0], &p);
	ok(n == 27 && !memcmp(p, "hello worldhello worldhello", 27),
		"none is lost or said twice");
	is_u64(ring_done(&g.ring[TX1]), 3, "and all buffers come back");
	vrig_give(&g, TX1, 3, RIG_BUFS, 0, false);
	vrig_give(&g, TX1, 3, RIG_BUFS, 8, true);
	ok(ring_done(&g.ring[TX1]) == 5 && chr_mem_taken(chr[0], &p) == 27,
		"buffers of nothing are nothing");
	down();
}

static void
test_in(void)
{
	char text[16] = "";
	uint32_t len;

	up();
	start();
	say(1, PORT_READY, 1);
	vrig_give(&g, RX1, 0, RIG_BUFS + 0x9000, 0, true);
	vrig_give(&g, RX1, 1, RIG_BUFS + 0x9000, 4, true);
	vrig_give(&g, RX1, 2, RIG_BUFS + 0x9010, 4, true);
	is_u64(chr_mem_say(chr[0], "abcdef", 6), 0,
		"nothing goes in while nobody reads it");
	say(1, OPEN, 1);
	ok(chr_mem_pokes(chr[0]), "when somebody does, the host is asked");
	is_u64(chr_mem_say(chr[0], "abcdef", 6), 4,
		"as much goes in as there is room for");
	is_u64(chr_mem_say(chr[0], "ef", 2), 2, "then the rest");
	is_u64(chr_mem_say(chr[0], "gh", 2), 0, "no more without buffers");
	is_u64(ring_done(&g.ring[RX1]), 3, "one without bytes went by");
	ok(ring_used(&g.ring[RX1], 1, &len) == 1 && len == 4 &&
			ring_used(&g.ring[RX1], 2, &len) == 2 && len == 2,
		"each says how much it holds");
	mem_read(g.m, RIG_BUFS + 0x9000, text, 4);
	mem_read(g.m, RIG_BUFS + 0x9010, text + 4, 2);
	is_str(text, "abcdef", "and holds it");
	vrig_give(&g, RX1, 3, RIG_BUFS, 4, true);
	say(1, OPEN, 0);
	is_u64(chr_mem_say(chr[0], "gh", 2), 0, "nor when it was closed");
	vrig_write(&g, C_STATUS, 1, 0);
	is_u64(chr_mem_say(chr[0], "gh", 2), 0, "nor after a reset");
	down();
}

/* A driver that knows one port. */
static void
test_single(void)
{
	const uint8_t *p;
	char text[4] = "";

	up();
	vrig_negotiate(&g, VIRTIO_F_VERSION_1 | SIZE_F);
	vrig_queue(&g, 0, 16);
	vrig_queue(&g, 1, 16);
	vrig_driver_ok(&g);
	vrig_give(&g, 0, 0, RIG_BUFS, 16, true);
	is_u64(chr_mem_say(chr[1], "abc", 3), 3,
		"port 0 is open from the start");
	mem_read(g.m, RIG_BUFS, text, 3);
	is_str(text, "abc", "for bytes in");
	vrig_give(&g, 1, 0, RIG_BUFS, 3, false);
	is_u64(chr_mem_taken(chr[1], &p), 3, "and out");
	is_u64(chr_mem_say(chr[0], "abc", 3), 0, "others are not there");
	virtio_console_resize(&g.v->dev, 80, 25);
	ok(vrig_read(&g, VIRTIO_CONFIG, 4) == (80 | 25 << 16) &&
			(vrig_read(&g, VIRTIO_ISR, 1) & 2),
		"its size is in the configuration");
	down();
}

static void
test_resize(void)
{
	struct message m = {0};
	uint16_t size[2];

	up();
	virtio_console_resize(&g.v->dev, 80, 25);
	start();
	while (hear(&m))
		;
	say(0, PORT_READY, 1);
	while (hear(&m) && m.event != RESIZE)
		;
	memcpy(size, m.more, sizeof(size));
	ok(m.event == RESIZE && m.id == 0 && size[0] == 80 && size[1] == 25,
		"a console is told its size");
	virtio_console_resize(&g.v->dev, 132, 50);
	ok(hear(&m), "and another one");
	memcpy(size, m.more, sizeof(size));
	ok(m.event == RESIZE && size[0] == 132 && size[1] == 50, "as it is");
	down();
}

static void
test_emergency(void)
{
	const uint8_t *p;

	up();
	vrig_write(&g, VIRTIO_CONFIG + 8, 4, '!');
	ok(chr_mem_taken(chr[1], &p) == 1 && *p == '!',
		"an emergency write needs no queue");
	vrig_write(&g, VIRTIO_CONFIG, 4, '!');
	is_u64(vrig_read(&g, VIRTIO_CONFIG, 4), 0,
		"the rest of the configuration is not written");
	down();
}

int
main(void)
{
	deadline(30);
	test_config();
	test_control();
	test_no_room();
	test_bad_messages();
	test_out();
	test_in();
	test_single();
	test_resize();
	test_emergency();
	return done();
}
