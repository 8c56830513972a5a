/* SPDX-License-Identifier: MIT */
/* Memory for translated code: written here, run there, never both. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/soft/jit-mem.h"

#define SIZE (16u << 20)

struct seen {
	unsigned maps; /* of this process that can be executed and written */
	unsigned ours, dumped; /* mappings of code, those in core dumps */
};

static void
look_at_line(const char *line, struct seen *s, bool *ours)
{
	unsigned long from, to;
	char perm[8];

	if (sscanf(line, "%lx-%lx %7s", &from, &to, perm) == 3) {
		s->maps += strchr(perm, 'w') && strchr(perm, 'x');
		*ours = strstr(line, "/memfd:vm-code") != NULL;
		s->ours += *ours;
	} else if (*ours && strncmp(line, "VmFlags:", 8) == 0) {
		s->dumped += strstr(line, " dd") == NULL;
	}
}

static struct seen
look(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	struct seen s = {0};
	char line[512];
	bool ours = false;

	while (f && fgets(line, sizeof(line), f))
		look_at_line(line, &s, &ours);
	if (f)
		fclose(f);
	return s;
}

static unsigned
descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Kilobytes of shared memory that this process has touched. */
static long
touched(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssShmem: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static void
runs(void)
{
	/* mov eax, edi; add eax, imm32; ret */
	uint8_t code[] = {0x89, 0xf8, 0x05, 1, 0, 0, 0, 0xc3};
	unsigned before = descriptors();
	long kb = touched();
	struct jit_mem m;
	struct seen s;
	int (*add)(int);

	if (!ok(jit_mem_new(&m, SIZE) == 0, "there is executable memory"))
		skip_all("%s", fail_text());
	ok(m.size == SIZE && m.rw != m.rx, "it is there twice");
	ok(descriptors() == before, "its descriptor is closed");
	ok(touched() - kb < 64, "it takes no memory before it is used");
	memcpy(m.rw + 4096, code, sizeof(code));
	memcpy(&add, &(uint8_t *){m.rx + 4096}, sizeof(add));
	ok(add(41) == 42, "what was written is run");
	m.rw[4096 + 3] = 2;
	ok(add(40) == 42, "and what was changed afterwards");
	s = look();
	ok(s.ours == 2, "two mappings");
	ok(s.dumped == 0, "which are in no core dump");
	ok(s.maps == 0, "no page is writable and executable at once");
	jit_mem_free(&m);
	ok(!m.rw && look().ours == 0, "all is gone when it is freed");
	jit_mem_free(&m);
	ok(jit_mem_check() == 0 && look().ours == 0,
		"asking whether it is there leaves nothing behind");
	ok(jit_mem_new(&m, 1) == 0 && m.size >= 4096, "sizes are rounded up");
	jit_mem_free(&m);
}

/* nr gives EACCES; of mmap only that which is to be executed. */
static void
refuse(unsigned nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
			nr == SYS_mmap ? PROT_EXEC : ~0u, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {sizeof(code) / sizeof(*code), code};

	if (nr != SYS_mmap) /* whatever its arguments */
		code[3] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JGE | BPF_K, 0, 0, 1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		_exit(77);
}

static void
refused(unsigned nr, const char *what)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		unsigned before = descriptors();
		struct jit_mem m = {(uint8_t *)1, (uint8_t *)1, 1};

		refuse(nr);
		_exit(jit_mem_new(&m, SIZE) == -EACCES && !m.rw && !m.rx &&
					!m.size && jit_mem_check() == -EACCES &&
					look().ours == 0 &&
					descriptors() == before
				? 0
				: 1);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		ok(true, "%s refused # SKIP no seccomp", what);
	else
		ok(status == 0, "%s refused: an error, and nothing is left",
			what);
}

int
main(void)
{
	deadline(20);
	runs();
	refused(SYS_memfd_create, "a memfd");
	refused(SYS_mmap, "mapping it executable");
	return done();
}
