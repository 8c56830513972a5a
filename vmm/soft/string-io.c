/* SPDX-License-Identifier: MIT */
/*
 * String instructions on ports (SDM vol. 2: INS, OUTS and REP). Both always end
 * a block: a device may want something of the run loop.
 */
#include "vmm/soft/string.h"

/* Permission first, then memory, then the port: reading it may have effects. */
static uint64_t
in_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	struct bus *ports = c->soft->cfg.ports;
	uint16_t port = (uint16_t)c->gpr[RDX];
	uint64_t d, n;
	void *to = NULL;

	io_check(c, i, port, i->size);
	d = str_target(c, i, ACC_WRITE);
	n = str_run_length(c, i, count, SEG_ES, RDI, d);
	if (!c->df)
		to = str_run_at(c, i, d, n, ACC_WRITE);
	if (to) {
		bus_read_string(ports, port, i->size, to, n);
	} else {
		probe_write(c, i, d, i->size);
		st_n(c, i, d, i->size, bus_read(ports, port, i->size));
		n = 1;
	}
	str_advance(c, i, RDI, n);
	return n;
}

static uint64_t
out_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	struct bus *ports = c->soft->cfg.ports;
	uint16_t port = (uint16_t)c->gpr[RDX];
	uint64_t s, n;
	const void *from = NULL;

	io_check(c, i, port, i->size);
	s = str_source(c, i);
	n = str_run_length(c, i, count, i->seg, RSI, s);
	if (!c->df)
		from = str_run_at(c, i, s, n, ACC_READ);
	if (from) {
		bus_write_string(ports, port, i->size, from, n);
	} else {
		bus_write(ports, port, i->size, ld_n(c, i, s, i->size));
		n = 1;
	}
	str_advance(c, i, RSI, n);
	return n;
}

static void
port_string(struct cpu *c, const struct insn *i,
	uint64_t (*some)(struct cpu *, const struct insn *, uint64_t))
{
	uint64_t count = str_get(c, i, RCX);
	int budget = STR_IO_BUDGET;

	if (!str_repeated(i)) {
		some(c, i, 1);
		return;
	}
	if (!count)
		str_cut_for_nothing(c, i, false, false);
	while (count)
		str_account(c, i, &count, some(c, i, count), &budget);
}

static void
ins(struct cpu *c, const struct insn *i)
{
	port_string(c, i, in_some);
	end_insn(c, i);
}

static void
outs(struct cpu *c, const struct insn *i)
{
	port_string(c, i, out_some);
	end_insn(c, i);
}

handler *const x_ins_z[8] = ALL8(ins);
handler *const x_outs_z[8] = ALL8(outs);
