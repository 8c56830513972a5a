/* SPDX-License-Identifier: MIT */
/*
 * Layouts of keyboards with 105 keys: what their makers print on them, which
 * Windows, X and Linux's console agree on, with what only one of them has left
 * out where it matters. A dead key is written as the combining accent: with the
 * space bar it is the accent alone, which Linux's console has for ASCII's.
 */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include <uchar.h>

#include "lib/err.h"
#include "lib/keys.h"

enum { PLACES = 48, LEVELS = 4 };

/* Where they lie: the rows of digits, of q, of a with the key that some have
 * beside Enter, of z with the one that some have beside Shift. */
static const uint8_t place[PLACES] = {KEY_GRAVE, KEY_1, KEY_2, KEY_3, KEY_4,
	KEY_5, KEY_6, KEY_7, KEY_8, KEY_9, KEY_0, KEY_MINUS, KEY_EQUAL, KEY_Q,
	KEY_W, KEY_E, KEY_R, KEY_T, KEY_Y, KEY_U, KEY_I, KEY_O, KEY_P,
	KEY_LEFTBRACE, KEY_RIGHTBRACE, KEY_A, KEY_S, KEY_D, KEY_F, KEY_G, KEY_H,
	KEY_J, KEY_K, KEY_L, KEY_SEMICOLON, KEY_APOSTROPHE, KEY_BACKSLASH,
	KEY_102ND, KEY_Z, KEY_X, KEY_C, KEY_V, KEY_B, KEY_N, KEY_M, KEY_COMMA,
	KEY_DOT, KEY_SLASH};

struct layout {
	const char *name;
	/* alone, with Shift, AltGr, and both; a blank is nothing */
	const char32_t *level[LEVELS];
};

#define NONE U"                                                "

/* clang-format off */
static const struct layout layouts[] = {
	{"us", {
		U"`1234567890-=" U"qwertyuiop[]" U"asdfghjkl;'\\"
		U" zxcvbnm,./",
		U"~!@#$%^&*()_+" U"QWERTYUIOP{}" U"ASDFGHJKL:\"|"
		U" ZXCVBNM<>?",
		NONE, NONE}},
	{"gb", {
		U"`1234567890-=" U"qwertyuiop[]" U"asdfghjkl;'#"
		U"\\zxcvbnm,./",
		U"¬!\"£$%^&*()_+" U"QWERTYUIOP{}" U"ASDFGHJKL:@~"
		U"|ZXCVBNM<>?",
		U"    €        " U"            " U"            "
		U"           ",
		NONE}},
	{"de", {
		U"\x302" U"1234567890ß\x301" U"qwertzuiopü+" U"asdfghjklöä#"
		U"<yxcvbnm,.-",
		U"°!\"§$%&/()=?\x300" U"QWERTZUIOPÜ*" U"ASDFGHJKLÖÄ'"
		U">YXCVBNM;:_",
		U"  ²³   {[]}\\ " U"@ €        ~" U"            "
		U"|      µ   ",
		NONE}},
	{"fr", {
		U"²&é\"'(-è_çà)=" U"azertyuiop\x302$" U"qsdfghjklmù*"
		U"<wxcvbn,;:!",
		U" 1234567890°+" U"AZERTYUIOP\x308£" U"QSDFGHJKLM%µ"
		U">WXCVBN?./§",
		U"  ~#{[|`\\^@]}" U"  €        ¤" U"            "
		U"           ",
		NONE}},
	{"es", {
		U"º1234567890'¡" U"qwertyuiop\x300+" U"asdfghjklñ\x301ç"
		U"<zxcvbnm,.-",
		U"ª!\"·$%&/()=?¿" U"QWERTYUIOP\x302*" U"ASDFGHJKLÑ\x308Ç"
		U">ZXCVBNM;:_",
		U"\\|@#~ ¬      " U"  €       []" U"          {}"
		U"           ",
		NONE}},
	{"it", {
		U"\\1234567890'ì" U"qwertyuiopè+" U"asdfghjklòàù"
		U"<zxcvbnm,.-",
		U"|!\"£$%&/()=?^" U"QWERTYUIOPé*" U"ASDFGHJKLç°§"
		U">ZXCVBNM;:_",
		U"           `~" U"  €       []" U"         @# "
		U"           ",
		U"             " U"          {}" U"            "
		U"           "}},
	{"se", {
		U"§1234567890+\x301" U"qwertyuiopå\x308" U"asdfghjklöä'"
		U"<zxcvbnm,.-",
		U"½!\"#¤%&/()=?\x300" U"QWERTYUIOPÅ\x302" U"ASDFGHJKLÖÄ*"
		U">ZXCVBNM;:_",
		U"  @£$  {[]}\\ " U"  €        \x303" U"            "
		U"|      µ   ",
		NONE}},
	{"ch", { /* German */
		U"§1234567890'\x302" U"qwertzuiopü\x308" U"asdfghjklöä$"
		U"<yxcvbnm,.-",
		U"°+\"*ç%&/()=?\x300" U"QWERTZUIOPè!" U"ASDFGHJKLéà£"
		U">YXCVBNM;:_",
		U"  @#   |    \x303" U"  €       []" U"          {}"
		U"\\          ",
		NONE}},
};

static const struct {
	char32_t accent, alone;
	const char32_t *on, *is;
} accents[] = {
	{0x300, '`', U"aeiouAEIOU", U"àèìòùÀÈÌÒÙ"},
	{0x301, 0, U"aeiouyAEIOUY", U"áéíóúýÁÉÍÓÚÝ"},
	{0x302, '^', U"aeiouAEIOU", U"âêîôûÂÊÎÔÛ"},
	{0x303, '~', U"anoANO", U"ãñõÃÑÕ"},
	{0x308, 0, U"aeiouyAEIOU", U"äëïöüÿÄËÏÖÜ"},
};
/* clang-format on */

const struct layout *
layout_at(size_t n)
{
	return n < sizeof(layouts) / sizeof(*layouts) ? &layouts[n] : NULL;
}

const struct layout *
layout_find(const char *name)
{
	const struct layout *l;

	for (size_t n = 0; (l = layout_at(n)); n++)
		if (strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

const char *
layout_name(const struct layout *l)
{
	return l->name;
}

static void
add(struct chord *c, unsigned code)
{
	c->key[c->n++] = key_by_code(code);
}

static unsigned
with(struct chord *c, unsigned modifier, unsigned code)
{
	c->n = 0;
	if (modifier)
		add(c, modifier);
	add(c, code);
	return 1;
}

/* A character that a key has, with Shift or AltGr, or an accent that is dead.
 */
static unsigned
direct(const struct layout *l, uint32_t ch, struct chord *c)
{
	c->n = 0;
	if (ch == ' ')
		return with(c, 0, KEY_SPACE);
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned n = 0; n < PLACES; n++) {
			if (l->level[level][n] != ch)
				continue;
			if (level & 1)
				add(c, KEY_LEFTSHIFT);
			if (level & 2)
				add(c, KEY_RIGHTALT);
			add(c, place[n]);
			return 1;
		}
	return 0;
}

static unsigned
with_accent(
	const struct layout *l, uint32_t ch, struct chord out[LAYOUT_CHORDS])
{
	for (size_t k = 0; k < sizeof(accents) / sizeof(*accents); k++) {
		uint32_t on = accents[k].alone == ch ? ' ' : 0;

		for (unsigned n = 0; !on && accents[k].is[n]; n++)
			if (accents[k].is[n] == ch)
				on = accents[k].on[n];
		if (on && direct(l, accents[k].accent, &out[0]) &&
			direct(l, on, &out[1]))
			return 2;
	}
	return 0;
}

static unsigned
control(const struct layout *l, uint32_t ch, struct chord *c)
{
	struct chord plain;
	unsigned n;

	switch (ch) {
	case '\n':
	case '\r':
		return with(c, 0, KEY_ENTER);
	case '\t':
		return with(c, 0, KEY_TAB);
	case '\b':
	case 0x7f:
		return with(c, 0, KEY_BACKSPACE);
	case 0x1b:
		return with(c, 0, KEY_ESC);
	}
	n = ch && ch < 0x1b ? direct(l, ch | 0x60, &plain) : 0;
	return n ? with(c, KEY_LEFTCTRL, plain.key[0]->code) : 0;
}

unsigned
layout_type(
	const struct layout *l, uint32_t ch, struct chord out[LAYOUT_CHORDS])
{
	unsigned n;

	if (ch < ' ' || ch == 0x7f)
		return control(l, ch, out);
	if (ch >= 0x300 && ch < 0x370) /* how dead keys are written here */
		return 0;
	n = direct(l, ch, out);
	return n ? n : with_accent(l, ch, out);
}

static size_t
put_utf8(uint32_t ch, char *to)
{
	if (ch < 0x800) {
		to[0] = (char)(0xc0 | ch >> 6);
		to[1] = (char)(0x80 | (ch & 0x3f));
		return 2;
	}
	if (ch < 0x10000) {
		to[0] = (char)(0xe0 | ch >> 12);
		to[1] = (char)(0x80 | (ch >> 6 & 0x3f));
		to[2] = (char)(0x80 | (ch & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | (ch >> 18 & 7));
	to[1] = (char)(0x80 | (ch >> 12 & 0x3f));
	to[2] = (char)(0x80 | (ch >> 6 & 0x3f));
	to[3] = (char)(0x80 | (ch & 0x3f));
	return 4;
}

int
layout_chords(
	const struct layout *l, uint32_t ch, struct chord out[LAYOUT_CHORDS])
{
	unsigned n = layout_type(l, ch, out);
	char text[8] = "";

	if (n)
		return (int)n;
	if (ch > ' ' && ch < 0x7f)
		text[0] = (char)ch;
	else if (ch >= 0xa0 && !(ch >= 0x300 && ch < 0x370))
		text[put_utf8(ch, text)] = '\0';
	if (!*text)
		return failx(-EINVAL, "U+%04X: not on layout %s", ch, l->name);
	return failx(
		-EINVAL, "U+%04X '%s': not on layout %s", ch, text, l->name);
}
