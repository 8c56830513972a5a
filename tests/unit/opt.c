/* SPDX-License-Identifier: MIT */
/* Command lines by table. */
#include "lib/opt.h"

#include <errno.h>

#include "lib/err.h"
#include "tests/tap.h"

struct conf {
	bool quiet, color;
	unsigned verbose, engine;
	const char *name;
	uint64_t cpus, memory;
	int64_t timeout;
	struct opt_list disks;
	char called[32];
};

static int
call(void *to, const char *value)
{
	struct conf *c = to;

	if (strcmp(value, "bad") == 0)
		return failx(-EINVAL, "'bad' is bad");
	snprintf(c->called, sizeof(c->called), "%s", value);
	return 0;
}

#define AT(m) offsetof(struct conf, m)
static const struct opt opts[] = {
	{"quiet", 'q', OPT_FLAG, AT(quiet), NULL, "say nothing", 0, 0, NULL, 0},
	{"no-color", 0, OPT_NOT, AT(color), NULL, "no colours", 0, 0, NULL, 0},
	{"verbose", 'v', OPT_COUNT, AT(verbose), NULL, "say more", 0, 0, NULL,
		0},
	{.name = "Machine", .kind = OPT_HEADING},
	{"name", 'n', OPT_STRING, AT(name), "NAME", "a name", 0, 0, NULL, 0},
	{"cpus", 'c', OPT_NUMBER, AT(cpus), "N", "CPUs", 1, 64, NULL, 0},
	{"memory", 'm', OPT_SIZE, AT(memory), "SIZE", "memory", 1 << 20, 0,
		NULL, 4096},
	{"timeout", 't', OPT_DURATION, AT(timeout), "TIME", "how long", 0, 0,
		NULL, 0},
	{"engine", 'e', OPT_CHOICE, AT(engine), "auto|kvm|soft",
		"what runs the guest, in words longer than the others", 0, 0,
		NULL, 0},
	{"disk", 'd', OPT_LIST, AT(disks), "FILE", "a disk", 0, 0, NULL, 0},
	{"call", 0, OPT_CALL, 0, "WHAT", "call", 0, 0, call, 0},
	{"secret", 0, OPT_FLAG, AT(quiet), NULL, NULL, 0, 0, NULL, 0},
	{0},
};

static struct opt_tool tool = {"vm-x", "try things",
	"[-qv] [-n NAME] [name ...]\n-d FILE", opts, 0, OPT_ANY, false, false,
	NULL};

static struct conf conf;
static struct opt_rest rest;
static char *printed;
static char *args[16];

/* Parse the words of a line. */
static enum opt_result
parse(const char *line)
{
	static char words[256];
	enum opt_result r;
	size_t n;
	FILE *f;
	int argc = 0;

	opt_list_free(&conf.disks);
	conf = (struct conf){.color = true};
	fail_clear();
	snprintf(words, sizeof(words), "vm-x %s", line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		args[argc++] = strcmp(w, "''") == 0 ? w + 2 : w;
	args[argc] = NULL;
	free(printed);
	f = open_memstream(&printed, &n);
	r = opt_parse(&tool, argc, args, &conf, &rest, f);
	fclose(f);
	return r;
}

static void
test_forms(void)
{
	ok(parse("") == OPT_OK && rest.n == 0 && !rest.v[0], "no arguments");
	ok(parse("--quiet") == OPT_OK && conf.quiet, "--flag");
	ok(parse("--no-color") == OPT_OK && !conf.color, "--no-flag");
	ok(parse("--name=a=b") == OPT_OK && strcmp(conf.name, "a=b") == 0,
		"--name=VALUE keeps further '='");
	ok(parse("--name --quiet") == OPT_OK && !conf.quiet &&
			strcmp(conf.name, "--quiet") == 0,
		"--name VALUE, whatever the value looks like");
	ok(parse("--name=") == OPT_OK && *conf.name == '\0', "an empty value");
	ok(parse("-qvvn x") == OPT_OK && conf.quiet && conf.verbose == 2 &&
			strcmp(conf.name, "x") == 0,
		"short flags in a cluster, the value next");
	ok(parse("-vnx") == OPT_OK && strcmp(conf.name, "x") == 0,
		"a value in the cluster");
	ok(parse("-n a -n b") == OPT_OK && strcmp(conf.name, "b") == 0,
		"the last one wins");
	ok(parse("-d a --disk=b -dc") == OPT_OK && conf.disks.n == 3 &&
			strcmp(conf.disks.v[2], "c") == 0 && !conf.disks.v[3],
		"a list keeps all");
	ok(parse("-c 0x10 -m 512M -t 5m -e soft --call=it") == OPT_OK &&
			conf.cpus == 16 && conf.memory == 512 << 20 &&
			conf.timeout == 300000000000 && conf.engine == 2 &&
			strcmp(conf.called, "it") == 0,
		"typed values");
}

static void
test_operands(void)
{
	ok(parse("a -q b - -v") == OPT_OK && conf.quiet && conf.verbose == 1 &&
			rest.n == 3 && strcmp(rest.v[0], "a") == 0 &&
			strcmp(rest.v[1], "b") == 0 &&
			strcmp(rest.v[2], "-") == 0 && !rest.v[3],
		"options and operands mix; - is an operand");
	ok(parse("-q -5 a") == OPT_OK && rest.n == 2 &&
			strcmp(rest.v[0], "-5") == 0,
		"a negative number is an operand");
	ok(parse("a -- -q -- b") == OPT_OK && !conf.quiet && rest.n == 4 &&
			strcmp(rest.v[1], "-q") == 0 &&
			strcmp(rest.v[2], "--") == 0,
		"-- ends the options");
	tool.tail = true;
	ok(parse("a -q -- sh -v") == OPT_OK && conf.quiet && !conf.verbose &&
			rest.n == 1 && !rest.v[1] && rest.tail &&
			strcmp(rest.tail[0], "sh") == 0 &&
			strcmp(rest.tail[1], "-v") == 0 && !rest.tail[2],
		"what follows -- may be a command");
	ok(parse("a b") == OPT_OK && !rest.tail, "without --, there is none");
	ok(parse("a --") == OPT_OK && rest.tail && !rest.tail[0],
		"or an empty one");
	tool.tail = false;
	tool.command = true;
	ok(parse("-q a -v -- b") == OPT_OK && conf.quiet && !conf.verbose &&
			rest.n == 4 && strcmp(rest.v[2], "--") == 0,
		"the first operand may end the options");
	tool.command = false;
	tool.min = 1;
	tool.max = 2;
	ok(parse("-q") == OPT_WRONG && strstr(fail_text(), "too few"),
		"too few operands");
	ok(parse("a b c") == OPT_WRONG && strstr(fail_text(), "'c'"),
		"too many name the first that is");
	tool.min = 0;
	tool.max = OPT_ANY;
}

static void
refused(const char *line, const char *want)
{
	enum opt_result r = parse(line);

	if (!ok(r == OPT_WRONG && strcmp(fail_text(), want) == 0 && !*printed,
		    "refused: %s", line))
		printf("# got '%s'\n", fail_text());
}

static void
test_refused(void)
{
	refused("--zzz", "unknown option '--zzz'");
	refused("--nam=x", "unknown option '--nam' (is it --name?)");
	refused("--n", "unknown option '--n'");
	refused("--=x", "unknown option '--'");
	refused("--Machine", "unknown option '--Machine'");
	refused("-z", "unknown option '-z'");
	refused("-qz", "unknown option '-z'");
	refused("--quiet=yes", "--quiet takes no value");
	refused("--help=me", "--help takes no value");
	refused("--name", "--name needs a value");
	refused("-qn", "-n needs a value");
	refused("-c 0", "--cpus: '0' is less than 1");
	refused("-c 1000", "--cpus: '1000' is more than 64");
	refused("-c ''", "--cpus: '' is not a number");
	refused("-m 4K", "--memory: '4K' is less than 1M");
	refused("-m 1025K", "--memory: '1025K' is not a multiple of 4K");
	refused("-t 5x", "--timeout: '5x' is not a duration "
			 "(like 90, 5m, 2h or 500ms)");
	refused("-e kv", "--engine: 'kv' is none of auto|kvm|soft");
	refused("-e ''", "--engine: '' is none of auto|kvm|soft");
	refused("--call=bad", "--call: 'bad' is bad");
}

static void
test_printed(void)
{
	ok(parse("-h") == OPT_DONE && *fail_text() == '\0', "-h ends well");
	is_str(printed,
		"usage: vm-x [-qv] [-n NAME] [name ...]\n"
		"       vm-x -d FILE\n"
		"\n"
		"vm-x: try things\n"
		"\n"
		"  -q, --quiet               say nothing\n"
		"      --no-color            no colours\n"
		"  -v, --verbose             say more\n"
		"\n"
		"Machine:\n"
		"  -n, --name=NAME           a name\n"
		"  -c, --cpus=N              CPUs\n"
		"  -m, --memory=SIZE         memory\n"
		"  -t, --timeout=TIME        how long\n"
		"  -e, --engine=auto|kvm|soft\n"
		"                            "
		"what runs the guest, in words longer than the others\n"
		"  -d, --disk=FILE           a disk\n"
		"      --call=WHAT           call\n"
		"\n"
		"  -h, --help                print this\n"
		"  -V, --version             print the version\n",
		"help is the table");
	ok(parse("-q --help --zzz") == OPT_DONE, "--help wins over the rest");
	ok(parse("-V") == OPT_DONE &&
			strncmp(printed, "vm-x (vm-utils) ", 16) == 0 &&
			strchr(printed, '\n')[1] == '\0',
		"-V prints one line");
	ok(parse("--list-options") == OPT_DONE &&
			strstr(printed, "--quiet\t-q\t\tsay nothing\n") ==
				printed &&
			strstr(printed, "--cpus\t-c\tN\tCPUs\n") &&
			strstr(printed, "--help\t-h\t\tprint this\n") &&
			!strstr(printed, "secret") &&
			!strstr(printed, "Machine"),
		"completions read the same table");
}

int
main(void)
{
	deadline(10);
	test_forms();
	test_operands();
	test_refused();
	test_printed();
	ok(opt_parse(&tool, 0, (char *[]){NULL}, &conf, &rest, stdout) ==
				OPT_OK &&
			rest.n == 0,
		"an empty argv is survived");
	opt_list_free(&conf.disks);
	free(printed);
	return done();
}
