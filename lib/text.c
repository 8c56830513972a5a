/* SPDX-License-Identifier: MIT */
/*
 * One safe line of text. C0 controls, DEL and the UTF-8 form of the C1 controls
 * are replaced; whether the rest is valid UTF-8 is not checked.
 */
#include "lib/text.h"

#include <stdio.h>
#include <string.h>

size_t
text_clean(char *s)
{
	unsigned char *p = (unsigned char *)s;
	size_t n = strlen(s);

	while (n && p[n - 1] == '\n')
		p[--n] = '\0';
	for (; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
	return n;
}

size_t
text_format(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	if (n < 0)
		buf[0] = '\0';
	if (n > 0 && (size_t)n >= size) {
		size_t cut = size - 4;

		while (cut && ((unsigned char)buf[cut] & 0xc0) == 0x80)
			cut--;
		memcpy(buf + cut, "...", 4);
	}
	return text_clean(buf);
}
