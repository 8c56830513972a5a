/* SPDX-License-Identifier: MIT */
/*
 * Writing the core file: headers and notes, then memory from a page boundary
 * on. Memory that the guest never touched is not there in the host either, and
 * reading it through the mapping would put it there: the RAM's own file is
 * asked where its data is. Left out: FPU registers, kdump's compressed format.
 */
#include "vmm/dump.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/machine.h"

enum { PAGE = 4096, SLICE = 1 << 20, ZEROS = 64 << 10 };

struct qemu_segment {
	uint32_t selector, limit, flags, pad;
	uint64_t base;
};

struct qemu_cpu { /* the note "QEMU", type 0 */
	uint32_t version, size;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r[8], rip, rflags;
	struct qemu_segment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
	uint64_t cr[5], kernel_gs_base;
};

/* A note's header, its name of four letters, and what it holds; of a vCPU. */
#define NOTE(type) (sizeof(Elf64_Nhdr) + 8 + sizeof(type))
#define NOTES (NOTE(struct elf_prstatus) + NOTE(struct qemu_cpu))

struct dump {
	const struct mem *mem;
	int fd;
	bool socket;
	bool holes; /* what is not written reads as zeros */
	off_t base; /* where the core begins in the file */
	uint8_t *head;
	size_t head_size; /* a multiple of a page */
	const struct mem_slot *slot;
	unsigned slots;
	uint64_t at, size; /* in the core */
	const uint8_t *zeros;
};

/* ---- headers and notes ---- */

static struct qemu_segment
segment(const struct cpu_seg *s)
{
	return (struct qemu_segment){
		.selector = s->sel,
		.limit = s->limit,
		.flags = (uint32_t)s->type << 8 | (uint32_t)s->s << 12 |
			 (uint32_t)s->dpl << 13 | (uint32_t)s->present << 15 |
			 (uint32_t)s->avl << 20 | (uint32_t)s->l << 21 |
			 (uint32_t)s->db << 22 | (uint32_t)s->g << 23,
		.base = s->base,
	};
}

static struct qemu_segment
table(const struct cpu_dtr *t)
{
	return (struct qemu_segment){.limit = t->limit, .base = t->base};
}

static void
fill_qemu(struct qemu_cpu *q, const struct cpu_state *s)
{
	*q = (struct qemu_cpu){
		.version = 1,
		.size = sizeof(*q),
		.rax = s->gpr[RAX],
		.rbx = s->gpr[RBX],
		.rcx = s->gpr[RCX],
		.rdx = s->gpr[RDX],
		.rsi = s->gpr[RSI],
		.rdi = s->gpr[RDI],
		.rsp = s->gpr[RSP],
		.rbp = s->gpr[RBP],
		.rip = s->rip,
		.rflags = s->rflags,
		.cs = segment(&s->seg[SEG_CS]),
		.ds = segment(&s->seg[SEG_DS]),
		.es = segment(&s->seg[SEG_ES]),
		.fs = segment(&s->seg[SEG_FS]),
		.gs = segment(&s->seg[SEG_GS]),
		.ss = segment(&s->seg[SEG_SS]),
		.ldt = segment(&s->seg[SEG_LDT]),
		.tr = segment(&s->seg[SEG_TR]),
		.gdt = table(&s->gdt),
		.idt = table(&s->idt),
		.cr = {s->cr0, 0, s->cr2, s->cr3, s->cr4},
	};
	memcpy(q->r, &s->gpr[R8], sizeof(q->r));
	cpu_get_msr(s, 0xc0000102, &q->kernel_gs_base);
}

static void
fill_status(struct elf_prstatus *p, const struct cpu_state *s, unsigned n)
{
	/* in the order of struct user_regs_struct */
	const uint64_t r[] = {s->gpr[R15], s->gpr[R14], s->gpr[R13],
		s->gpr[R12], s->gpr[RBP], s->gpr[RBX], s->gpr[R11], s->gpr[R10],
		s->gpr[R9], s->gpr[R8], s->gpr[RAX], s->gpr[RCX], s->gpr[RDX],
		s->gpr[RSI], s->gpr[RDI], 0, s->rip, s->seg[SEG_CS].sel,
		s->rflags, s->gpr[RSP], s->seg[SEG_SS].sel, s->seg[SEG_FS].base,
		s->seg[SEG_GS].base, s->seg[SEG_DS].sel, s->seg[SEG_ES].sel,
		s->seg[SEG_FS].sel, s->seg[SEG_GS].sel};

	_Static_assert(sizeof(r) == sizeof(p->pr_reg), "all of them");
	p->pr_pid = (pid_t)n + 1;
	memcpy(&p->pr_reg, r, sizeof(r));
}

static uint8_t *
put_note(uint8_t *p, const char *name, uint32_t type, const void *from,
	uint32_t size)
{
	Elf64_Nhdr h = {5, size, type};

	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), name, 5);
	memcpy(p + sizeof(h) + 8, from, size);
	return p + sizeof(h) + 8 + size;
}

static uint8_t *
put_notes(uint8_t *p, const struct cpu_state *s, unsigned cpu)
{
	struct elf_prstatus status = {0};
	struct qemu_cpu q;

	fill_status(&status, s, cpu);
	fill_qemu(&q, s);
	p = put_note(p, "CORE", NT_PRSTATUS, &status, sizeof(status));
	return put_note(p, "QEMU", 0, &q, sizeof(q));
}

static void
fill_headers(struct dump *d, size_t notes_size)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)d->head;
	Elf64_Phdr *p = (Elf64_Phdr *)(e + 1);
	uint64_t at = d->head_size;

	*e = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(*e),
		.e_ehsize = sizeof(*e),
		.e_phentsize = sizeof(*p),
		.e_phnum = (Elf64_Half)(1 + d->slots),
	};
	*p++ = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = sizeof(*e) + (1 + d->slots) * sizeof(*p),
		.p_filesz = notes_size,
		.p_memsz = notes_size,
	};
	/* gdb goes by the virtual address; without paging it is the same. */
	for (unsigned n = 0; n < d->slots; n++) {
		*p++ = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X | (d->slot[n].rom ? 0u : PF_W),
			.p_offset = at,
			.p_vaddr = d->slot[n].gpa,
			.p_paddr = d->slot[n].gpa,
			.p_filesz = d->slot[n].size,
			.p_memsz = d->slot[n].size,
			.p_align = PAGE,
		};
		at += d->slot[n].size;
	}
	d->size = at;
}

static int
make_head(struct dump *d, struct machine *m)
{
	unsigned cpus = (unsigned)machine_config(m)->cpus;
	size_t at = sizeof(Elf64_Ehdr) + (1 + d->slots) * sizeof(Elf64_Phdr);
	size_t notes_size = cpus * NOTES;
	struct cpu_state *s = malloc(sizeof(*s));
	uint8_t *p;
	int r = 0;

	d->head_size = (at + notes_size + PAGE - 1) / PAGE * PAGE;
	d->head = calloc(1, d->head_size);
	if (!s || !d->head) {
		free(s);
		return fail(-ENOMEM, "dump");
	}
	p = d->head + at;
	for (unsigned k = 0; k < cpus && !r; k++) {
		r = machine_cpu(m, k, s);
		if (!r)
			p = put_notes(p, s, k);
	}
	if (!r)
		fill_headers(d, notes_size);
	free(s);
	return r;
}

/* ---- opening ---- */

static int
look_at_file(struct dump *d, const struct stat *st)
{
	int flags = fcntl(d->fd, F_GETFL);

	d->base = lseek(d->fd, 0, SEEK_CUR);
	if (d->base < 0)
		return fail(-errno, "dump: cannot tell where the file stands");
	d->holes = !(flags & O_APPEND) && st->st_size <= d->base;
	return 0;
}

static int
look_at(struct dump *d)
{
	struct stat st;
	int type = 0;
	socklen_t len = sizeof(type);

	if (fstat(d->fd, &st) < 0)
		return fail(-errno, "dump: descriptor");
	if (S_ISREG(st.st_mode))
		return look_at_file(d, &st);
	d->socket = S_ISSOCK(st.st_mode) &&
		    !getsockopt(d->fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
		    type == SOCK_STREAM;
	if (!d->socket)
		return failx(-EINVAL,
			"dump: only to a regular file or a stream socket");
	return 0;
}

int
dump_open(struct dump **out, struct machine *m, int fd)
{
	struct dump *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return fail(-ENOMEM, "dump");
	d->fd = fd;
	d->mem = machine_mem(m);
	d->slot = mem_slots(d->mem, &d->slots);
	d->zeros = calloc(1, ZEROS);
	r = d->zeros ? look_at(d) : fail(-ENOMEM, "dump");
	if (!r)
		r = make_head(d, m);
	if (!r && d->size > (uint64_t)(INT64_MAX - d->base))
		r = failx(-EFBIG, "dump: the file stands too far");
	if (r) {
		dump_close(d);
		return r;
	}
	*out = d;
	return 0;
}

bool
dump_socket(const struct dump *d)
{
	return d->socket;
}

void
dump_close(struct dump *d)
{
	if (!d)
		return;
	free(d->head);
	free((void *)d->zeros);
	free(d);
}

/* ---- pieces ---- */

struct piece {
	const uint8_t *p; /* NULL: zeros */
	uint64_t n;
};

/* How far the RAM at off, which has n bytes, goes on as it begins. */
static struct piece
ram_piece(const struct dump *d, const uint8_t *p, uint64_t off, uint64_t n)
{
	int fd = mem_fd(d->mem);
	off_t data = lseek(fd, (off_t)off, SEEK_DATA), hole;

	if (data < 0 && errno == ENXIO)
		return (struct piece){NULL, n};
	if (data > (off_t)off) {
		uint64_t gap = (uint64_t)data - off;

		return (struct piece){NULL, gap < n ? gap : n};
	}
	hole = lseek(fd, (off_t)off, SEEK_HOLE);
	if (hole > (off_t)off && (uint64_t)hole - off < n)
		n = (uint64_t)hole - off;
	return (struct piece){p, n};
}

static struct piece
piece_at(const struct dump *d)
{
	uint64_t at = d->at;

	if (at < d->head_size)
		return (struct piece){d->head + at, d->head_size - at};
	at -= d->head_size;
	for (unsigned n = 0; n < d->slots; n++) {
		const struct mem_slot *s = &d->slot[n];
		uint64_t off = s->gpa ? mem_low(d->mem) : 0;

		if (at >= s->size) {
			at -= s->size;
			continue;
		}
		if (s->rom)
			return (struct piece){s->host + at, s->size - at};
		return ram_piece(d, s->host + at, off + at, s->size - at);
	}
	return (struct piece){NULL, 0};
}

static bool
zero_page(const uint8_t *p)
{
	return !p[0] && memcmp(p, p + 1, PAGE - 1) == 0;
}

/* Cut it where pages of zeros begin or end. */
static struct piece
cut(struct piece c)
{
	bool zeros = c.n >= PAGE && zero_page(c.p);
	uint64_t n = PAGE;

	while (n + PAGE <= c.n && zero_page(c.p + n) == zeros)
		n += PAGE;
	return (struct piece){zeros ? NULL : c.p, c.n < n ? c.n : n};
}

/* ---- writing ---- */

static ssize_t
put(struct dump *d, const void *p, size_t n)
{
	ssize_t done;

	do
		done = d->socket
			       ? send(d->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
			       : pwrite(d->fd, p, n, d->base + (off_t)d->at);
	while (done < 0 && errno == EINTR);
	if (done < 0 && errno == EAGAIN && d->socket)
		return -EAGAIN;
	if (done < 0)
		return fail(-errno, "dump: cannot write");
	return done;
}

/* The file ends where the core does, also after a hole. */
static int
finish(struct dump *d)
{
	off_t end = d->base + (off_t)d->size;

	if (d->holes && ftruncate(d->fd, end) < 0)
		return fail(-errno, "dump: cannot write");
	if (!d->socket)
		lseek(d->fd, end, SEEK_SET);
	return 0;
}

int
dump_step(struct dump *d)
{
	struct piece c = piece_at(d);
	ssize_t done;

	if (d->at == d->size)
		return finish(d);
	if (c.p && c.n > SLICE)
		c.n = SLICE;
	if (c.p && d->holes && d->at >= d->head_size)
		c = cut(c);
	if (!c.p && d->holes) {
		d->at += c.n;
		return 1;
	}
	if (!c.p) {
		c.p = d->zeros;
		c.n = c.n < ZEROS ? c.n : ZEROS;
	}
	done = put(d, c.p, c.n);
	if (done < 0)
		return (int)done;
	d->at += (uint64_t)done;
	return 1;
}

int
dump_core(struct machine *m, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct dump *d;
	int r = dump_open(&d, m, fd);

	if (r)
		return r;
	while ((r = dump_step(d)) > 0 || r == -EAGAIN)
		if (r == -EAGAIN)
			poll(&p, 1, -1);
	dump_close(d);
	return r;
}
