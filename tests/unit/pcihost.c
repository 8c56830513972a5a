/* SPDX-License-Identifier: MIT */
/* The i440FX: configuration mechanism 1 through ports, and PAM. */
#include "dev/pcihost.h"

#include "dev/piix3.h"
#include "dev/resetctl.h"
#include "tests/tap.h"

static struct bus *ports;
static struct pci_bus *pci;
static struct dev *host, *isa, *ctl;
static unsigned mode[PCIHOST_SEGMENTS], told;

static void
on_pam(void *to, unsigned n, unsigned m)
{
	(void)to;
	mode[n] = m;
	told++;
}

static void
up(void)
{
	struct pci_host h = {.to = NULL};

	bus_new(&ports, "ports", 0x10000);
	h.ports = ports;
	pci_bus_new(&pci, &h);
	host = pcihost_new((struct pcihost_out){on_pam, NULL});
	isa = piix3_new((struct piix3_out){NULL, NULL, NULL});
	ctl = resetctl_new(
		(struct notify){NULL, NULL}, (struct irq){NULL, NULL, 0});
	pcihost_bus(host, pci);
	pcihost_pass(host, ctl);
	pci_bus_add(pci, pcihost_fn(host), 0, 0);
	pci_bus_add(pci, piix3_fn(isa), 1, 0);
	bus_add(ports, 0xcf8, 4, host, 0);
	bus_add(ports, 0xcfc, 4, host, 1);
	told = 0;
}

static void
down(void)
{
	pci_bus_free(pci);
	dev_free(host);
	dev_free(isa);
	dev_free(ctl);
	bus_free(ports);
}

static uint64_t
get(uint32_t addr, unsigned off, unsigned size)
{
	bus_write(ports, 0xcf8, 4, addr);
	return bus_read(ports, 0xcfc + off, size);
}

static void
put(uint32_t addr, unsigned off, unsigned size, uint32_t v)
{
	bus_write(ports, 0xcf8, 4, addr);
	bus_write(ports, 0xcfc + off, size, v);
}

static void
test_mechanism(void)
{
	up();
	is_u64(get(0x80000000, 0, 4), 0x12378086, "00:00.0 is the bridge");
	is_u64(get(0x80000000, 2, 2), 0x1237, "by words");
	is_u64(get(0x80000000, 1, 1), 0x80, "by bytes");
	is_u64(get(0x8000002c, 0, 4), 0x11001af4,
		"its subsystem is the one SeaBIOS looks for");
	is_u64(get(0x80000800, 0, 4), 0x70008086, "00:01.0 is the PIIX3");
	is_u64(get(0x80001000, 0, 4), 0xffffffff, "slot 2 is empty");
	is_u64(get(0x80000900, 0, 2), 0xffff, "as is function 1");
	is_u64(get(0x80010000, 0, 4), 0xffffffff, "there is no bus 1");
	is_u64(get(0x00000000, 0, 4), 0xffffffff, "disabled: ones");
	put(0x80000860, 1, 1, 0x0b);
	is_u64(get(0x80000860, 0, 4), 0x80800b80, "a byte is written alone");
	put(0x00000860, 1, 1, 0x05);
	is_u64(get(0x80000860, 1, 1), 0x0b, "but not when disabled");
	bus_write(ports, 0xcf9, 1, 2);
	is_u64(bus_read(ports, 0xcf9, 1), 2, "port 0xcf9 is ISA's");
	is_u64(bus_read(ports, 0xcf8, 4), 0x80000860, "and left alone");
	dev_reset(host);
	is_u64(bus_read(ports, 0xcf8, 4), 0, "a reset clears the address");
	down();
}

static void
test_pam(void)
{
	uint64_t size, at;

	up();
	put(0x80000058, 1, 1, 0x30);
	ok(told == 1 && mode[0] == (PCIHOST_READ | PCIHOST_WRITE),
		"PAM0: the BIOS segment");
	put(0x8000005c, 0, 4, 0x00000021);
	ok(told == 3 && mode[5] == PCIHOST_READ && mode[6] == PCIHOST_WRITE,
		"PAM3: two more, each its way");
	put(0x8000005c, 0, 4, 0x00000021);
	is_u64(told, 3, "nothing changed, nothing said");
	is_u64(pcihost_pam(host, 5), PCIHOST_READ, "it can be asked for");
	at = pcihost_segment(5, &size);
	ok(at == 0xd0000 && size == 0x4000, "that is at 0xd0000");
	put(0x8000005c, 3, 1, 0x30);
	at = pcihost_segment(12, &size);
	ok(mode[12] == 3 && at == 0xec000, "the last one is at 0xec000");
	at = pcihost_segment(0, &size);
	ok(at == 0xf0000 && size == 0x10000, "segment 0 at 0xf0000");
	dev_reset(host);
	ok(told == 4 + 13 && !mode[0] && !mode[12], "a reset says all");
	down();
}

int
main(void)
{
	deadline(20);
	test_mechanism();
	test_pam();
	return done();
}
