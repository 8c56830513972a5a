/* SPDX-License-Identifier: MIT */
/*
 * The matcher of Knuth, Morris and Pratt: see match.h.
 */
#include "vmm/match.h"

#include <string.h>

void
match_init(struct match *m, const char *text)
{
	size_t k = 0;

	m->text = text;
	m->len = strlen(text);
	m->at = 0;
	m->back[0] = 0;
	for (size_t n = 1; n < m->len && n < MATCH_MAX; n++) {
		while (k && text[n] != text[k])
			k = m->back[k - 1];
		k += text[n] == text[k];
		m->back[n] = (uint8_t)k;
	}
}

bool
match_feed(struct match *m, const uint8_t *p, size_t n)
{
	bool found = false;

	for (; n; n--, p++) {
		while (m->at && (char)*p != m->text[m->at])
			m->at = m->back[m->at - 1];
		if ((char)*p == m->text[m->at])
			m->at++;
		if (m->at == m->len) {
			found = true;
			m->at = m->back[m->len - 1];
		}
	}
	return found;
}
