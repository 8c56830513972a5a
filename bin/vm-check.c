/* SPDX-License-Identifier: MIT */
/*
 * vm-check: what this host can do for virtual machines, which engine they get
 * here, and why.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bin/tool.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/units.h"
#include "vmm/probe.h"
#include "vmm/soft/jit-mem.h"

#define SCHEMA 1

struct conf {
	bool json, quiet;
	unsigned accel;
};

static const char *const accels[] = {"auto", "kvm", "soft"};

static const struct opt options[] = {
	{.name = "accel",
		.letter = 'a',
		.kind = OPT_CHOICE,
		.at = offsetof(struct conf, accel),
		.arg = "auto|kvm|soft",
		.help = "ask for this engine (default: auto)"},
	{.name = "json",
		.letter = 'J',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, json),
		.help = "print JSON"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, quiet),
		.help = "print nothing: the exit status tells"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-check",
	.what = "tell what this host can do for virtual machines",
	.usage = "[-Jq] [-a auto|kvm|soft]",
	.opts = options,
};

struct facts {
	struct probe kvm;
	const char *engine; /* NULL: what was asked for cannot run */
	struct utsname uts;
	char vendor[16], model[64];
	bool vmx, svm, hypervisor;
	unsigned online, usable; /* CPUs there are, CPUs we may use */
	uint64_t memory, available;
	uint64_t page_size, pages, pages_free; /* huge pages set aside */
	char thp[32], thp_shmem[32];
	int landlock; /* ABI, or -errno */
	bool seccomp;
	int userns; /* 0 or -errno */
	bool translates; /* the soft engine may */
	char refusal[96]; /* why not */
};

/*
 * Looking
 */

/* The value behind "key : value" or "key: value"; NULL: another key. */
static char *
value_of(char *line, const char *key)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) != 0)
		return NULL;
	line += n;
	line += strspn(line, " \t");
	if (*line++ != ':')
		return NULL;
	line += strspn(line, " \t");
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

static void
look_at_cpu(struct facts *f)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char *line = NULL, *v;
	size_t n = 0;
	cpu_set_t set;

	while (file && getline(&line, &n, file) > 1) { /* the first CPU */
		if ((v = value_of(line, "vendor_id")) != NULL)
			snprintf(f->vendor, sizeof(f->vendor), "%s", v);
		else if ((v = value_of(line, "model name")) != NULL)
			snprintf(f->model, sizeof(f->model), "%s", v);
		else if ((v = value_of(line, "flags")) != NULL) {
			f->vmx = has_word(v, "vmx");
			f->svm = has_word(v, "svm");
			f->hypervisor = has_word(v, "hypervisor");
		}
	}
	free(line);
	if (file)
		fclose(file);
	f->online = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	f->usable = f->online;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		f->usable = (unsigned)CPU_COUNT(&set);
}

static void
look_at_memory(struct facts *f)
{
	const struct {
		const char *key;
		uint64_t *to, unit;
	} want[] = {
		{"MemTotal", &f->memory, 1024},
		{"MemAvailable", &f->available, 1024},
		{"HugePages_Total", &f->pages, 1},
		{"HugePages_Free", &f->pages_free, 1},
		{"Hugepagesize", &f->page_size, 1024},
	};
	FILE *file = fopen("/proc/meminfo", "re");
	char *line = NULL, *v;
	size_t n = 0;

	while (file && getline(&line, &n, file) > 0)
		for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
			if ((v = value_of(line, want[i].key)) != NULL)
				*want[i].to =
					strtoull(v, NULL, 10) * want[i].unit;
	free(line);
	if (file)
		fclose(file);
}

/* The word in brackets: "always [madvise] never". */
static void
chosen(char *to, size_t size, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256] = "", *from;

	snprintf(to, size, "unknown");
	if (!file)
		return;
	if (fgets(line, sizeof(line), file) &&
		(from = strchr(line, '[')) != NULL)
		snprintf(to, size, "%.*s", (int)strcspn(from + 1, "]"),
			from + 1);
	fclose(file);
}

/* The only sure way to know is to do it, in a process of its own. */
static int
try_userns(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0 ? errno & 0xff : 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

static void
look_at_confinement(struct facts *f)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	long r;

	r = syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION);
	f->landlock = r < 0 ? -errno : (int)r;
	f->seccomp =
		syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
	f->userns = try_userns();
}

static void
look_at_translation(struct facts *f)
{
	f->translates = jit_mem_check() == 0;
	if (!f->translates)
		snprintf(f->refusal, sizeof(f->refusal), "%s", fail_text());
}

static void
look(struct facts *f, const char *accel)
{
	probe_kvm(&f->kvm); /* also for soft, to tell of it */
	if (f->kvm.usable && strcmp(accel, "soft") != 0)
		f->engine = "kvm";
	else if (strcmp(accel, "kvm") != 0)
		f->engine = "soft";
	uname(&f->uts);
	look_at_cpu(f);
	look_at_memory(f);
	look_at_confinement(f);
	look_at_translation(f);
	chosen(f->thp, sizeof(f->thp),
		"/sys/kernel/mm/transparent_hugepage/enabled");
	chosen(f->thp_shmem, sizeof(f->thp_shmem),
		"/sys/kernel/mm/transparent_hugepage/shmem_enabled");
}

static const char *
reason(const struct facts *f, const char *accel)
{
	if (f->engine && strcmp(accel, "soft") == 0)
		return "it was asked for";
	return f->kvm.reason;
}

/*
 * Telling
 */

static void __attribute__((format(printf, 2, 3)))
row(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("%-11s", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void
print_kvm(const struct facts *f)
{
	const struct probe *p = &f->kvm;

	if (!p->present)
		row("kvm", "%s is absent", probe_device());
	else
		row("kvm", "%s mode %04o group %s, %s", probe_device(), p->mode,
			p->group, p->accessible ? "opens" : "does not open");
	if (p->ring0_mips > 0)
		row("",
			"%.1f million instructions a second in ring 0, %.1f us "
			"an exit",
			p->ring0_mips, (double)p->exit_ns / 1e3);
}

static void
print_people(const struct facts *f, const char *accel)
{
	char total[UNITS_MAX], avail[UNITS_MAX], size[UNITS_MAX];

	row("engine", "%s", f->engine ? f->engine : "none");
	row("because", "%s", reason(f, accel));
	row("kernel", "%s %s %s", f->uts.sysname, f->uts.release,
		f->uts.machine);
	row("cpu", "%s, %u of %u usable", f->model, f->usable, f->online);
	row("flags", "%s%s%s%s", f->vmx ? "vmx " : "", f->svm ? "svm " : "",
		f->hypervisor ? "hypervisor" : "",
		f->vmx || f->svm || f->hypervisor ? "" : "none");
	row("memory", "%s, %s available", units_print_short(total, f->memory),
		units_print_short(avail, f->available));
	print_kvm(f);
	row("translator", "%s", f->translates ? "yes" : f->refusal);
	if (f->landlock > 0)
		row("landlock", "ABI %d", f->landlock);
	else
		row("landlock", "none: %s", strerror(-f->landlock));
	row("seccomp", "%s", f->seccomp ? "yes" : "no");
	row("userns", "%s", f->userns ? strerror(-f->userns) : "yes");
	row("thp", "%s, shared memory %s", f->thp, f->thp_shmem);
	row("hugepages", "%llu of %llu free, %s each",
		(unsigned long long)f->pages_free, (unsigned long long)f->pages,
		units_print_short(size, f->page_size));
}

static void
json_kvm(struct json *j, const struct probe *p)
{
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", p->mode & 07777);
	json_put_object(j, "kvm");
	json_put_string(j, "device", probe_device());
	json_put_bool(j, "present", p->present);
	json_put_bool(j, "accessible", p->accessible);
	json_put_bool(j, "usable", p->usable);
	json_put_string(j, "cause", probe_why_name(p->why));
	json_put_string(j, "reason", p->reason);
	json_put_int(j, "errno", p->err);
	if (p->present) {
		json_put_string(j, "mode", mode);
		json_put_string(j, "group", p->group);
	}
	if (p->ring0_mips > 0) {
		json_put_uint(j, "ring0_ips", (uint64_t)(p->ring0_mips * 1e6));
		json_put_uint(j, "exit_ns", p->exit_ns);
	}
	json_put_end(j);
}

static void
json_host(struct json *j, const struct facts *f)
{
	json_put_object(j, "kernel");
	json_put_string(j, "release", f->uts.release);
	json_put_string(j, "machine", f->uts.machine);
	json_put_end(j);
	json_put_object(j, "cpu");
	json_put_string(j, "vendor", f->vendor);
	json_put_string(j, "model", f->model);
	json_put_bool(j, "vmx", f->vmx);
	json_put_bool(j, "svm", f->svm);
	json_put_bool(j, "hypervisor", f->hypervisor);
	json_put_uint(j, "online", f->online);
	json_put_uint(j, "usable", f->usable);
	json_put_end(j);
	json_put_object(j, "memory");
	json_put_uint(j, "total", f->memory);
	json_put_uint(j, "available", f->available);
	json_put_end(j);
	json_put_object(j, "hugepages");
	json_put_uint(j, "size", f->page_size);
	json_put_uint(j, "total", f->pages);
	json_put_uint(j, "free", f->pages_free);
	json_put_string(j, "thp", f->thp);
	json_put_string(j, "thp_shmem", f->thp_shmem);
	json_put_end(j);
}

static int
print_json(const struct facts *f, const char *accel)
{
	struct json j;

	json_open(&j, stdout);
	json_put_object(&j, NULL);
	json_put_uint(&j, "schema", SCHEMA);
	if (f->engine)
		json_put_string(&j, "engine", f->engine);
	else
		json_put_null(&j, "engine");
	json_put_string(&j, "reason", reason(f, accel));
	json_put_bool(&j, "translator", f->translates);
	json_kvm(&j, &f->kvm);
	json_host(&j, f);
	json_put_object(&j, "confinement");
	json_put_int(&j, "landlock_abi", f->landlock > 0 ? f->landlock : 0);
	json_put_bool(&j, "seccomp", f->seccomp);
	json_put_bool(&j, "userns", f->userns == 0);
	json_put_end(&j);
	json_put_end(&j);
	return json_close(&j);
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct opt_rest rest;
	struct facts f = {0};
	const char *accel;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	accel = accels[conf.accel];
	look(&f, accel);
	if (!conf.quiet && conf.json)
		print_json(&f, accel);
	else if (!conf.quiet)
		print_people(&f, accel);
	return tool_end(f.engine ? 0 : TOOL_FAILED);
}
