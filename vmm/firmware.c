/* SPDX-License-Identifier: MIT */
/*
 * Firmware's files: where distributions put them, and the copy of UEFI's
 * variables that each machine has. See firmware.h.
 *
 * A file is taken for UEFI code with variables apart when its name says so:
 * "..._CODE..." beside which lies the same with "_VARS".
 */
#include "vmm/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/calls.h"
#include "lib/err.h"

#define PAGE 4096u
#define VARS_FILE "vars.fd"
#define VARS_NEW "vars.fd.new"
#define VARS_MAX (4u << 20)

static const struct known {
	const char *word, *package, *files[6]; /* the first that is there */
} known[] = {
	{"seabios", "seabios",
		{"/usr/share/seabios/bios-256k.bin",
			"/usr/share/qemu/bios-256k.bin",
			"/usr/share/qemu-kvm/bios-256k.bin"}},
	{"ovmf", "ovmf",
		{"/usr/share/OVMF/OVMF_CODE_4M.fd",
			"/usr/share/OVMF/OVMF_CODE.fd",
			"/usr/share/edk2/x64/OVMF_CODE.4m.fd",
			"/usr/share/edk2/ovmf/OVMF_CODE.fd"}},
};

bool
firmware_wanted(const struct config *cfg)
{
	if (!cfg->firmware)
		return !cfg->kernel;
	return strcmp(cfg->firmware, "none") != 0;
}

/* The file that a word stands for, or the word, which is a file's name then. */
static int
find(const char *word, const char **path)
{
	for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
		const struct known *f = &known[k];

		if (strcmp(f->word, word))
			continue;
		for (unsigned n = 0; f->files[n]; n++)
			if (access(*path = f->files[n], R_OK) == 0)
				return 0;
		return failx(-ENOENT, "firmware %s: no %s (Debian: package %s)",
			word, f->files[0], f->package);
	}
	*path = word;
	return 0;
}

int
firmware_file(const struct config *cfg, const char **path)
{
	return find(cfg->firmware ? cfg->firmware : "seabios", path);
}

static int
check_size(const struct blob *b)
{
	if (b->size % PAGE || b->size < 16 * PAGE)
		return failx(-ENOEXEC,
			"%s: no firmware: %zu bytes, not 64 KiB or more in "
			"whole pages",
			b->name, b->size);
	return 0;
}

/* ---- variables ---- */

/* The name of the variables that belong to the code; false: none do. */
static bool
vars_beside(const char *code, char *path, size_t n)
{
	const char *base = strrchr(code, '/'), *at;

	base = base ? base + 1 : code;
	at = strstr(base, "_CODE");
	if (!at || (size_t)snprintf(path, n, "%.*s_VARS%s", (int)(at - code),
			   code, at + 5) >= n)
		return false;
	return access(path, F_OK) == 0;
}

/* Whole or not at all. */
static int
create(int dir, const struct blob *b)
{
	int fd = call_openat(NULL, dir, VARS_NEW,
		O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return fail(-errno, "%s: cannot create", VARS_NEW);
	if (call_write(NULL, fd, b->p, b->size) || call_fsync(NULL, fd))
		r = fail(-errno, "%s: cannot write", VARS_NEW);
	close(fd);
	if (!r && (call_renameat2(NULL, dir, VARS_NEW, dir, VARS_FILE, 0) ||
			  call_fsync(NULL, dir)))
		r = fail(-errno, "%s: cannot create", VARS_FILE);
	if (r)
		call_unlinkat(NULL, dir, VARS_NEW, 0);
	return r;
}

static int
read_all(int fd, uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = pread(fd, p + at, n - at, (off_t)at);

		if (got < 0 && errno != EINTR)
			return fail(-errno, "%s: cannot read", VARS_FILE);
		if (got == 0)
			return failx(-EIO, "%s: it shrinks", VARS_FILE);
		at += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int
open_file(int dir, const struct blob *b)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(dir, VARS_FILE, flags), r;
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		if ((r = create(dir, b)))
			return r;
		fd = openat(dir, VARS_FILE, flags);
	}
	if (fd < 0)
		return fail(-errno, "%s: cannot open", VARS_FILE);
	if (fstat(fd, &st))
		r = fail(-errno, "%s: cannot open", VARS_FILE);
	else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != b->size)
		r = failx(-EINVAL,
			"%s: no variables of this firmware: not a file of %zu "
			"bytes",
			VARS_FILE, b->size);
	else
		return fd;
	close(fd);
	return r;
}

/* Pages of their own: the engine maps them. */
static int
copy(struct firmware *f, const struct blob *b)
{
	void *p = mmap(NULL, b->size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return fail(-errno, "firmware");
	f->vars = p;
	f->vars_size = (uint32_t)b->size;
	memcpy(p, b->p, b->size);
	return 0;
}

static int
open_vars(struct firmware *f, const char *path, int dir)
{
	struct blob b;
	int r = blob_open(&b, path, VARS_MAX);

	if (r)
		return r;
	r = check_size(&b);
	if (!r)
		r = copy(f, &b);
	if (!r && dir >= 0) {
		f->vars_fd = open_file(dir, &b);
		r = f->vars_fd < 0 ? f->vars_fd
				   : read_all(f->vars_fd, f->vars, b.size);
	}
	blob_close(&b);
	return r;
}

/* ---- both ---- */

static int
open_all(struct firmware *f, const struct config *cfg, int dir)
{
	const char *path;
	char vars[4096];
	int r = find(cfg->firmware ? cfg->firmware : "seabios", &path);

	if (!r)
		r = blob_open(&f->code, path, FIRMWARE_MAX);
	if (!r)
		r = check_size(&f->code);
	if (!r && vars_beside(path, vars, sizeof(vars)))
		r = open_vars(f, vars, dir);
	if (!r && cfg->kernel && !f->vars)
		r = failx(-EINVAL,
			"firmware: a BIOS starts no kernel; ovmf does");
	if (!r && cfg->memory < 4 << 20)
		r = failx(-EINVAL, "memory: firmware needs 4M at least");
	return r;
}

int
firmware_open(struct firmware **out, const struct config *cfg, int dir)
{
	struct firmware *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return fail(-ENOMEM, "firmware");
	f->vars_fd = -1;
	f->code.fd = -1;
	r = open_all(f, cfg, dir);
	if (r)
		firmware_close(f);
	else
		*out = f;
	return r;
}

void
firmware_close(struct firmware *f)
{
	if (!f)
		return;
	blob_close(&f->code);
	if (f->vars_fd >= 0)
		close(f->vars_fd);
	if (f->vars)
		munmap(f->vars, f->vars_size);
	free(f);
}
