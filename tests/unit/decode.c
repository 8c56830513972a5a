/* SPDX-License-Identifier: MIT */
// LDLIBS: -lZydis
/*
 * The soft engine's decoder against Zydis: what is an instruction, its length,
 * mnemonic, registers, address and immediate, in three modes, for random bytes
 * and for bytes that look more like instructions. With arguments (a file of
 * flat machine code, and 16, 32 or 64) it compares that file's instructions,
 * one after the other, instead.
 */
#include <Zydis/Zydis.h>

#include "tests/tap.h"
#include "vmm/soft/decode.h"
#include "vmm/soft/handlers.h"

enum { SAMPLE = 15, SHOWN = 12 };

enum kind { LENGTH, NAME, OPERANDS, SIZE, REFUSED, ACCEPTED, TOO_LONG, KINDS };

static const char *const kind_name[KINDS] = {
	"lengths agree",
	"mnemonics agree",
	"registers, addresses and immediates agree",
	"operand sizes agree",
	"nothing is refused but what CPUID does not announce",
	"nothing is accepted that Zydis refuses",
	"the limit of 15 bytes is kept",
};

struct run {
	enum code code;
	ZydisDecoder zydis;
	unsigned long bad[KINDS];
	unsigned long both; /* accepted by both */
	unsigned shown[KINDS];
};

/* What CPUID does not announce, and what Intel CPUs do not have. */
static const struct {
	ZydisISAExt ext;
	const char *why;
} refused_ext[] = {
	{ZYDIS_ISA_EXT_ADOX_ADCX, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_AES, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_AMD3DNOW, "AMD only, given up"},
	{ZYDIS_ISA_EXT_AMD_INVLPGB, "AMD only"},
	{ZYDIS_ISA_EXT_AMX_BF16, "no AMX"},
	{ZYDIS_ISA_EXT_AMX_INT8, "no AMX"},
	{ZYDIS_ISA_EXT_AMX_TILE, "no AMX"},
	{ZYDIS_ISA_EXT_AVX, "no AVX"},
	{ZYDIS_ISA_EXT_AVX2, "no AVX"},
	{ZYDIS_ISA_EXT_AVX2GATHER, "no AVX"},
	{ZYDIS_ISA_EXT_AVX512EVEX, "no AVX-512"},
	{ZYDIS_ISA_EXT_AVX512VEX, "no AVX-512"},
	{ZYDIS_ISA_EXT_AVXAES, "no AVX"},
	{ZYDIS_ISA_EXT_AVX_VNNI, "no AVX"},
	{ZYDIS_ISA_EXT_BMI1, "VEX-coded, not in x86-64-v2"},
	{ZYDIS_ISA_EXT_BMI2, "VEX-coded, not in x86-64-v2"},
	{ZYDIS_ISA_EXT_CET, "no shadow stacks"},
	{ZYDIS_ISA_EXT_CLFLUSHOPT, "not announced"},
	{ZYDIS_ISA_EXT_CLWB, "not announced"},
	{ZYDIS_ISA_EXT_CLZERO, "AMD only"},
	{ZYDIS_ISA_EXT_ENQCMD, "not announced"},
	{ZYDIS_ISA_EXT_F16C, "no AVX"},
	{ZYDIS_ISA_EXT_FMA, "no AVX"},
	{ZYDIS_ISA_EXT_FMA4, "AMD only"},
	{ZYDIS_ISA_EXT_GFNI, "not announced"},
	{ZYDIS_ISA_EXT_HRESET, "not announced"},
	{ZYDIS_ISA_EXT_INVPCID, "no PCID"},
	{ZYDIS_ISA_EXT_KEYLOCKER, "not announced"},
	{ZYDIS_ISA_EXT_KEYLOCKER_WIDE, "not announced"},
	{ZYDIS_ISA_EXT_KNC, "Xeon Phi only"},
	{ZYDIS_ISA_EXT_KNCE, "Xeon Phi only"},
	{ZYDIS_ISA_EXT_KNCV, "Xeon Phi only"},
	{ZYDIS_ISA_EXT_MCOMMIT, "AMD only"},
	{ZYDIS_ISA_EXT_MONITORX, "AMD only"},
	{ZYDIS_ISA_EXT_MOVBE, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_MOVDIR, "not announced"},
	{ZYDIS_ISA_EXT_PADLOCK, "VIA only"},
	{ZYDIS_ISA_EXT_PCLMULQDQ, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_PCONFIG, "not announced"},
	{ZYDIS_ISA_EXT_PKU, "no protection keys"},
	{ZYDIS_ISA_EXT_PT, "no processor trace"},
	{ZYDIS_ISA_EXT_RDPID, "not announced"},
	{ZYDIS_ISA_EXT_RDPRU, "AMD only"},
	{ZYDIS_ISA_EXT_RDRAND, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_RDSEED, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_RTM, "no transactions"},
	{ZYDIS_ISA_EXT_SERIALIZE, "not announced"},
	{ZYDIS_ISA_EXT_SGX, "no enclaves"},
	{ZYDIS_ISA_EXT_SGX_ENCLV, "no enclaves"},
	{ZYDIS_ISA_EXT_SHA, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_SMX, "no GETSEC"},
	{ZYDIS_ISA_EXT_SNP, "AMD only"},
	{ZYDIS_ISA_EXT_SSE4A, "AMD only"},
	{ZYDIS_ISA_EXT_SVM, "AMD only"},
	{ZYDIS_ISA_EXT_TBM, "AMD only"},
	{ZYDIS_ISA_EXT_TDX, "not announced"},
	{ZYDIS_ISA_EXT_TSX_LDTRK, "no transactions"},
	{ZYDIS_ISA_EXT_UINTR, "not announced"},
	{ZYDIS_ISA_EXT_VAES, "no AVX"},
	{ZYDIS_ISA_EXT_VMFUNC, "no VMX"},
	{ZYDIS_ISA_EXT_VPCLMULQDQ, "no AVX"},
	{ZYDIS_ISA_EXT_VTX, "no VMX"},
	{ZYDIS_ISA_EXT_WAITPKG, "not announced"},
	{ZYDIS_ISA_EXT_XOP, "AMD only"},
	{ZYDIS_ISA_EXT_XSAVE, "not in x86-64-v2"},
	{ZYDIS_ISA_EXT_XSAVEC, "not announced"},
	{ZYDIS_ISA_EXT_XSAVEOPT, "not announced"},
	{ZYDIS_ISA_EXT_XSAVES, "not announced"},
};

static const struct {
	ZydisMnemonic mnemonic;
	const char *why;
} refused_mnemonic[] = {
	{ZYDIS_MNEMONIC_SYSCALL, "Intel: in 64-bit code only"},
	{ZYDIS_MNEMONIC_SYSRET, "Intel: in 64-bit code only"},
	{ZYDIS_MNEMONIC_UD0, "undefined for good"},
	{ZYDIS_MNEMONIC_UD1, "undefined for good"},
	{ZYDIS_MNEMONIC_UD2, "undefined for good"},
};

/* One name here, several there. */
static const struct {
	const char *ours, *theirs;
} same_name[] = {
	{"cbw", "cwde"},
	{"cbw", "cdqe"},
	{"cwd", "cdq"},
	{"cwd", "cqo"},
	{"pusha", "pushad"},
	{"popa", "popad"},
	{"pushf", "pushfd"},
	{"pushf", "pushfq"},
	{"popf", "popfd"},
	{"popf", "popfq"},
	{"iret", "iretd"},
	{"iret", "iretq"},
	{"jcxz", "jecxz"},
	{"jcxz", "jrcxz"},
	{"callf", "call"},
	{"jmpf", "jmp"},
	{"retf", "ret"},
	{"cmpxchg8b", "cmpxchg16b"},
	{"prefetchw", "nop"},
	{"prefetchw", "prefetch"},
	{"nop", "prefetchnta"},
	{"nop", "prefetcht0"},
	{"nop", "prefetcht1"},
	{"nop", "prefetcht2"},
	{"prefetchw", "prefetchwt1"},
	{"fcom2", "fcom"},
	{"fcomp3", "fcomp"},
	{"fcomp5", "fcomp"},
	{"fstp8", "fstp"},
	{"fxch4", "fxch"},
	{"fxch7", "fxch"},
	{"fnsetpm", "fsetpm287_nop"},
	{"fneni", "feni8087_nop"},
	{"fndisi", "fdisi8087_nop"},
	{"fstp1", "fstpnce"},
};

static uint64_t rng = 0x9e3779b97f4a7c15;

static uint32_t
rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 24);
}

static bool
same_mnemonic(const struct row *row, const struct insn *i, const char *theirs)
{
	const char *ours = row->name, *slash = strchr(ours, '/');
	char name[32], suffixed[40];

	if (slash && i->flags & I_MEM)
		snprintf(name, sizeof(name), "%s", slash + 1);
	else if (slash)
		snprintf(name, sizeof(name), "%.*s", (int)(slash - ours), ours);
	else
		snprintf(name, sizeof(name), "%s", ours);
	if (strcmp(name, theirs) == 0)
		return true;
	for (unsigned n = 0; n < sizeof(same_name) / sizeof(*same_name); n++)
		if (strcmp(name, same_name[n].ours) == 0 &&
			strcmp(theirs, same_name[n].theirs) == 0)
			return true;
	/* String instructions, and movd for movq. */
	snprintf(suffixed, sizeof(suffixed), "%s%c", name,
		"bwdq"[__builtin_ctz(i->size)]);
	if (strcmp(suffixed, theirs) == 0)
		return true;
	if (i->size == 8 && name[0] && name[strlen(name) - 1] == 'd') {
		name[strlen(name) - 1] = 'q';
		return strcmp(name, theirs) == 0;
	}
	return i->size == 8 &&
	       (snprintf(suffixed, sizeof(suffixed), "%s64", name),
		       strcmp(suffixed, theirs) == 0);
}

/*
 * Where Zydis 4.0 is wrong: F3 REX.B 90 is XCHG (CPUs do it), and with a 32-bit
 * address size REX.B does not make base 5 with mod 0 a base.
 */
static bool
zydis_errs(
	const struct insn *i, const ZydisDecodedInstruction *z, enum kind kind)
{
	if (kind == NAME)
		return z->opcode == 0x90 && i->rm == R8 * 8 &&
		       z->mnemonic == ZYDIS_MNEMONIC_PAUSE;
	return i->flags & I_MODE64 && i->asize == 4 && z->raw.rex.B &&
	       z->raw.sib.base == 5 && z->raw.modrm.mod == 0;
}

/* A register's place as struct insn has it; -1: a kind that is not compared. */
static int
place(ZydisRegister r)
{
	int id = ZydisRegisterGetId(r);

	switch (ZydisRegisterGetClass(r)) {
	case ZYDIS_REGCLASS_GPR8:
		if (r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH)
			return (int)(r - ZYDIS_REGISTER_AH) * 8 + 1;
		if (r >= ZYDIS_REGISTER_SPL)
			id = (int)(r - ZYDIS_REGISTER_SPL) + 4;
		return id * 8;
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		return id * 8;
	case ZYDIS_REGCLASS_MMX:
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_SEGMENT:
	case ZYDIS_REGCLASS_CONTROL:
	case ZYDIS_REGCLASS_DEBUG:
	case ZYDIS_REGCLASS_X87:
		return id;
	default:
		return -1;
	}
}

static int
gpr_number(ZydisRegister r)
{
	if (r == ZYDIS_REGISTER_NONE)
		return GPR_ZERO;
	if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP)
		return GPR_RIP;
	return ZydisRegisterGetId(r);
}

static bool
same_memory(const struct insn *i, const ZydisDecodedInstruction *z,
	const ZydisDecodedOperand *o)
{
	int base = gpr_number(o->mem.base), index = gpr_number(o->mem.index);
	int64_t disp = o->mem.disp.has_displacement ? o->mem.disp.value : 0;
	unsigned scale = index == GPR_ZERO || o->mem.scale == 0
				 ? 0
				 : (unsigned)__builtin_ctz(o->mem.scale);

	if (o->encoding != ZYDIS_OPERAND_ENCODING_MODRM_RM &&
		o->encoding != ZYDIS_OPERAND_ENCODING_DISP16_32_64)
		return true; /* a fixed one: strings */
	if (!(i->flags & I_MEM) || i->asize * 8 != z->address_width)
		return false;
	if (base == GPR_RIP)
		disp += z->length;
	if (i->base != base || i->index != index || i->scale != scale)
		return false;
	if (i->disp != disp &&
		(i->asize == 8 || (uint32_t)(i->disp ^ disp)
					  << (32 - i->asize * 8)))
		return false;
	return o->type != ZYDIS_OPERAND_TYPE_MEMORY ||
	       o->mem.type == ZYDIS_MEMOP_TYPE_AGEN ||
	       i->seg == ZydisRegisterGetId(o->mem.segment);
}

static bool
same_register(const struct insn *i, const ZydisDecodedOperand *o)
{
	int at = place(o->reg.value);

	if (at < 0)
		return true;
	switch (o->encoding) {
	case ZYDIS_OPERAND_ENCODING_MODRM_REG:
		return i->reg == at;
	case ZYDIS_OPERAND_ENCODING_MODRM_RM:
	case ZYDIS_OPERAND_ENCODING_OPCODE:
		return i->rm == at && !(i->flags & I_MEM);
	default:
		return true;
	}
}

static bool
same_operand(const struct insn *i, const ZydisDecodedInstruction *z,
	const ZydisDecodedOperand *o)
{
	uint64_t mask;

	switch (o->type) {
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return same_memory(i, z, o);
	case ZYDIS_OPERAND_TYPE_REGISTER:
		return same_register(i, o);
	case ZYDIS_OPERAND_TYPE_POINTER:
		return i->imm ==
		       (o->ptr.offset | (uint64_t)o->ptr.segment << 32);
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		if (z->mnemonic == ZYDIS_MNEMONIC_ENTER)
			return i->imm == (z->raw.imm[0].value.u |
						 z->raw.imm[1].value.u << 16);
		mask = o->imm.is_signed ? ~0ull
		       : o->size < 64   ? (1ull << o->size) - 1
					: ~0ull;
		return !((i->imm ^ o->imm.value.u) & mask);
	default:
		return true;
	}
}

/* Operand sizes as Zydis sees them, where that is what ours means. */
static bool
same_size(const struct row *row, const struct insn *i,
	const ZydisDecodedInstruction *z)
{
	if (row->operands || row->flags & (R_BYTE | R_WORD | R_DWORD))
		return true;
	if (strchr(decode_operands(row), 'E') == NULL &&
		strchr(decode_operands(row), 'Z') == NULL)
		return true;
	return i->size * 8 == z->operand_width ||
	       z->mnemonic == ZYDIS_MNEMONIC_NOP ||
	       strstr(decode_operands(row), "/M") ||
	       strstr(decode_operands(row), ",Sw"); /* memory: 16 bits */
}

static bool
may_refuse(const ZydisDecodedInstruction *z)
{
	for (unsigned n = 0; n < sizeof(refused_ext) / sizeof(*refused_ext);
		n++)
		if (z->meta.isa_ext == refused_ext[n].ext)
			return true;
	for (unsigned n = 0;
		n < sizeof(refused_mnemonic) / sizeof(*refused_mnemonic); n++)
		if (z->mnemonic == refused_mnemonic[n].mnemonic)
			return true;
	return false;
}

static void
complain(struct run *r, enum kind kind, const uint8_t *p, const struct insn *i,
	int len, const char *theirs)
{
	char hex[3 * SAMPLE + 1];
	const struct row *row = decode_row(i->row);

	r->bad[kind]++;
	if (r->shown[kind]++ >= SHOWN)
		return;
	for (int n = 0; n < SAMPLE; n++)
		sprintf(hex + 3 * n, "%02x ", p[n]);
	printf("# %.24s: %s: ours %s, %d; theirs %s\n", kind_name[kind], hex,
		i->fn == x_ud[0]   ? "refused"
		: row && row->name ? row->name
				   : "?",
		len, theirs);
}

/* One instruction; returns its length by Zydis, or 0. */
static unsigned
compare(struct run *r, const uint8_t p[SAMPLE], unsigned avail)
{
	ZydisDecodedInstruction z;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	struct insn i;
	const struct row *row;
	ZyanStatus s;
	const char *theirs;
	char text[64];
	int len = decode(&i, p, avail, r->code, 0);
	bool ours;

	s = ZydisDecoderDecodeFull(&r->zydis, p, avail, &z, ops);
	if (s == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ||
		s == ZYDIS_STATUS_NO_MORE_DATA) {
		if (len > 0 && i.fn != x_ud[0])
			complain(r, TOO_LONG, p, &i, len, "too long");
		return 0;
	}
	ours = len > 0 && i.fn != x_ud[0];
	if (ZYAN_FAILED(s)) {
		if (ours) {
			snprintf(text, sizeof(text), "refused (%#x)", s);
			complain(r, ACCEPTED, p, &i, len, text);
		}
		return 0;
	}
	theirs = ZydisMnemonicGetString(z.mnemonic);
	if (!ours) {
		if (!may_refuse(&z))
			complain(r, REFUSED, p, &i, len, theirs);
		return z.length;
	}
	r->both++;
	row = decode_row(i.row);
	snprintf(text, sizeof(text), "%s, %u", theirs, z.length);
	if (len != z.length || i.len != len)
		complain(r, LENGTH, p, &i, len, text);
	else if (!same_mnemonic(row, &i, theirs) && !zydis_errs(&i, &z, NAME))
		complain(r, NAME, p, &i, len, text);
	else if (!same_size(row, &i, &z))
		complain(r, SIZE, p, &i, i.size * 8, text);
	else
		for (unsigned n = 0; n < z.operand_count; n++)
			if (!same_operand(&i, &z, &ops[n]) &&
				!zydis_errs(&i, &z, OPERANDS)) {
				complain(r, OPERANDS, p, &i, len, text);
				break;
			}
	return z.length;
}

static void
begin(struct run *r, enum code code)
{
	static const struct {
		ZydisMachineMode mode;
		ZydisStackWidth stack;
	} modes[] = {
		{ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16},
		{ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32},
		{ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64},
	};
	/* Off: what these code is then a NOP, BSF, BSR or WBINVD. */
	static const ZydisDecoderMode off[] = {
		ZYDIS_DECODER_MODE_MPX,
		ZYDIS_DECODER_MODE_CET,
		ZYDIS_DECODER_MODE_LZCNT,
		ZYDIS_DECODER_MODE_TZCNT,
		ZYDIS_DECODER_MODE_WBNOINVD,
		ZYDIS_DECODER_MODE_CLDEMOTE,
	};

	memset(r, 0, sizeof(*r));
	r->code = code;
	ZydisDecoderInit(&r->zydis, modes[code].mode, modes[code].stack);
	for (unsigned n = 0; n < sizeof(off) / sizeof(*off); n++)
		ZydisDecoderEnableMode(&r->zydis, off[n], ZYAN_FALSE);
}

static void
report(const struct run *r, const char *what)
{
	for (int k = 0; k < KINDS; k++)
		if (!ok(r->bad[k] == 0, "%d-bit code, %s: %s", 16 << r->code,
			    what, kind_name[k]))
			printf("# %lu times\n", r->bad[k]);
	ok(r->both > 1000 || strcmp(what, "random bytes"),
		"%d-bit code, %s: enough was compared (%lu)", 16 << r->code,
		what, r->both);
}

static void
fill(uint8_t p[SAMPLE])
{
	for (int n = 0; n < SAMPLE; n++)
		p[n] = (uint8_t)rnd();
}

/* Prefixes, a map and an opcode, ModRM with all forms alike. */
static void
fill_likely(uint8_t p[SAMPLE], unsigned k)
{
	static const uint8_t prefix[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
		0x66, 0x66, 0x66, 0x67, 0x67, 0xf0, 0xf2, 0xf3, 0xf2, 0xf3};
	unsigned n = 0, want = rnd() & 3;

	fill(p);
	for (; n < want; n++)
		p[n] = prefix[rnd() % sizeof(prefix)];
	if (rnd() & 1)
		p[n++] = (uint8_t)(0x40 | (rnd() & 15));
	switch (k & 7) {
	case 0:
	case 1:
	case 2:
		break;
	case 3:
	case 4:
	case 5:
		p[n++] = 0x0f;
		break;
	case 6:
		p[n++] = 0x0f;
		p[n++] = 0x38;
		break;
	case 7:
		p[n++] = 0x0f;
		p[n++] = 0x3a;
		break;
	}
	p[n++] = (uint8_t)(k >> 3);
	p[n] = (uint8_t)(k >> 11);
}

static int
compare_file(const char *path, int bits)
{
	struct run r;
	uint8_t p[SAMPLE] = {0};
	unsigned len;
	long total = 0;
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		return 2;
	}
	begin(&r, bits == 16 ? CODE16 : bits == 32 ? CODE32 : CODE64);
	len = (unsigned)fread(p, 1, SAMPLE, f);
	while (len == SAMPLE) {
		unsigned n = compare(&r, p, SAMPLE);

		total++;
		n = n ? n : 1;
		memmove(p, p + n, SAMPLE - n);
		len = SAMPLE - n + (unsigned)fread(p + SAMPLE - n, 1, n, f);
	}
	fclose(f);
	printf("# %ld instructions, %lu accepted by both\n", total, r.both);
	report(&r, path);
	return done();
}

/* What Zydis does not tell: flags, and how the end of the bytes is met. */
static const struct {
	const char *what;
	enum code code;
	uint8_t bytes[SAMPLE];
	uint16_t set, clear;
} flag_cases[] = {
	{"add rax, rbx is a plain one", CODE64, {0x48, 1, 0xd8},
		I_REX | I_MODE64, I_MEM | I_END | I_SLOW | I_LOCK},
	{"64-bit addressing is fast", CODE64, {1, 3}, I_MEM, I_SLOW | I_END},
	{"a 32-bit address in 64-bit code is slow", CODE64, {0x67, 1, 3},
		I_MEM | I_SLOW, I_END},
	{"32-bit code is slow", CODE32, {1, 3}, I_MEM | I_SLOW, I_MODE64},
	{"an FS prefix shows", CODE64, {0x64, 1, 3}, I_MEM | I_SEGPFX, I_SLOW},
	{"a DS prefix in 64-bit code does not", CODE64, {0x3e, 1, 3}, I_MEM,
		I_SEGPFX},
	{"lock add [rbx], eax", CODE64, {0xf0, 1, 3}, I_LOCK | I_MEM, I_END},
	{"xchg with memory locks by itself", CODE64, {0x87, 3}, I_LOCK | I_MEM,
		0},
	{"xchg of registers does not", CODE64, {0x87, 0xc3}, 0, I_LOCK},
	{"movsb goes on", CODE64, {0xa4}, 0, I_END | I_REP},
	{"rep movsb ends a block", CODE64, {0xf3, 0xa4}, I_END | I_REP, 0},
	{"repne movsb too", CODE64, {0xf2, 0xa4}, I_END | I_REPNE, I_REP},
	{"the last of F2 and F3 counts", CODE64, {0xf2, 0xf3, 0xa6}, I_REP,
		I_REPNE},
	{"outsb always ends a block", CODE64, {0x6e}, I_END, 0},
	{"jcc ends a block", CODE64, {0x74, 0}, I_END, 0},
	{"pop ds ends a block", CODE32, {0x1f}, I_END, 0},
	{"mov ss, ax ends a block", CODE64, {0x8e, 0xd0}, I_END, 0},
	{"mov ax, ss does not", CODE64, {0x8c, 0xd0}, 0, I_END},
	{"mov cr3, rax ends a block", CODE64, {0x0f, 0x22, 0xd8}, I_END, 0},
	{"sti ends a block", CODE64, {0xfb}, I_END, 0},
	{"cli does not", CODE64, {0xfa}, 0, I_END},
	{"REX before another prefix is void", CODE64, {0x48, 0x66, 0x90},
		I_OP16, I_REX},
};

static void
check_flags(void)
{
	struct insn i;

	for (unsigned n = 0; n < sizeof(flag_cases) / sizeof(*flag_cases);
		n++) {
		int len = decode(
			&i, flag_cases[n].bytes, SAMPLE, flag_cases[n].code, 0);

		ok(len > 0 && i.fn != x_ud[0] &&
				(i.flags & flag_cases[n].set) ==
					flag_cases[n].set &&
				!(i.flags & flag_cases[n].clear),
			"%s", flag_cases[n].what);
	}
}

static const struct {
	const char *what;
	enum code code;
	uint8_t bytes[SAMPLE];
} undefined_cases[] = {
	{"ud2", CODE64, {0x0f, 0x0b}},
	{"lock without memory", CODE64, {0xf0, 1, 0xd8}},
	{"lock mov", CODE64, {0xf0, 0x89, 3}},
	{"lock cmp", CODE64, {0xf0, 0x39, 3}},
	{"lock bt", CODE64, {0xf0, 0x0f, 0xa3, 3}},
	{"lock mov cr0, rax: AMD's way to CR8", CODE64,
		{0xf0, 0x0f, 0x22, 0xc0}},
	{"lea of a register", CODE64, {0x8d, 0xc0}},
	{"mov cs, ax", CODE64, {0x8e, 0xc8}},
	{"mov of segment register 6", CODE64, {0x8c, 0xf0}},
	{"mov cr1, rax", CODE64, {0x0f, 0x22, 0xc8}},
	{"mov dr8, rax", CODE64, {0x44, 0x0f, 0x23, 0xc0}},
	{"push es in 64-bit code", CODE64, {6}},
	{"opcode 82 in 64-bit code", CODE64, {0x82, 0xc0, 1}},
	{"VEX", CODE64, {0xc5, 0xf8, 0x77}},
	{"VEX in 32-bit code", CODE32, {0xc5, 0xf8, 0x77}},
	{"EVEX", CODE64, {0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0}},
	{"XOP", CODE64, {0x8f, 0xe8, 0x78, 0xc0, 0xc0, 0}},
	{"syscall in 32-bit code", CODE32, {0x0f, 5}},
	{"rdrand", CODE64, {0x0f, 0xc7, 0xf0}},
};

static void
check_undefined(void)
{
	struct insn i;

	for (unsigned n = 0;
		n < sizeof(undefined_cases) / sizeof(*undefined_cases); n++) {
		int len = decode(&i, undefined_cases[n].bytes, SAMPLE,
			undefined_cases[n].code, 0);

		ok(len > 0 && i.fn == x_ud[0] && i.flags & I_END,
			"undefined: %s", undefined_cases[n].what);
	}
}

static void
check_ends(void)
{
	static const uint8_t rip_add[] = {
		0x48, 0x81, 5, 0x10, 0, 0, 0, 1, 0, 0, 0};
	static const uint8_t moffs[] = {0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 0x88};
	uint8_t p[SAMPLE + 1];
	bool good = true;
	struct insn i;

	for (unsigned n = 0; n < sizeof(rip_add); n++)
		good = good && decode(&i, rip_add, n, CODE64, 0) == 0;
	ok(good, "every beginning of an instruction wants more bytes");
	ok(decode(&i, rip_add, sizeof(rip_add), CODE64, 7) == 11 && i.off == 7,
		"its own bytes are enough");
	is_u64((uint64_t)i.disp, 7 + 11 + 0x10,
		"a RIP-relative address counts from the block");
	ok(i.base == GPR_RIP && i.index == GPR_ZERO, "and its base is RIP");
	decode(&i, moffs, sizeof(moffs), CODE64, 0);
	ok(i.flags & I_MEM && i.base == GPR_ZERO && i.index == GPR_ZERO &&
			i.reg == RAX,
		"moffs is a memory operand without registers");
	is_u64((uint64_t)i.disp, 0x8807060504030201, "of 64 bits");

	memset(p, 0x66, sizeof(p));
	p[13] = 0x89;
	p[14] = 0xc3;
	ok(decode(&i, p, 15, CODE64, 0) == 15, "15 bytes are legal");
	p[13] = 0x66;
	p[14] = 0x89;
	p[15] = 0xc3;
	ok(decode(&i, p, 15, CODE64, 0) == -1, "16 bytes are not");
	ok(decode(&i, p, 12, CODE64, 0) == 0, "12 bytes of prefixes may go on");
	memset(p, 0xf3, sizeof(p));
	ok(decode(&i, p, 15, CODE64, 0) == -1, "15 prefixes are too long");
}

/* Each row that decode() found gives its number back. */
static void
check_rows(void)
{
	uint8_t p[SAMPLE];
	struct insn i;
	bool good = true;

	for (unsigned n = 0; n < 1 << 16; n++) {
		fill_likely(p, n);
		if (decode(&i, p, SAMPLE, CODE64, 0) <= 0)
			continue;
		good = good && decode_row(i.row) && decode_row(i.row)->name;
	}
	ok(good, "row numbers lead to rows");
	ok(decode_row(65535) == NULL, "beyond the table there is none");
}

int
main(int argc, char **argv)
{
	struct run r;
	uint8_t p[SAMPLE];

	if (argc == 3)
		return compare_file(argv[1], atoi(argv[2]));
	deadline(60);
	check_flags();
	check_undefined();
	check_ends();
	check_rows();
	for (int code = CODE16; code <= CODE64; code++) {
		begin(&r, (enum code)code);
		for (unsigned n = 0; n < 300000; n++) {
			fill(p);
			compare(&r, p, SAMPLE);
		}
		report(&r, "random bytes");
		begin(&r, (enum code)code);
		for (unsigned n = 0; n < 1 << 19; n++) {
			fill_likely(p, n);
			compare(&r, p, SAMPLE);
		}
		report(&r, "likely bytes");
	}
	return done();
}
