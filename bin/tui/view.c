/* SPDX-License-Identifier: MIT */
/*
 * What of the machines is shown, and in which order. A filter is words, all of
 * which have to match: a part of the name or of the state's word, whatever the
 * case, or * for those that are tagged.
 */
#include <stdlib.h>
#include <string.h>

#include "bin/tui/tui-int.h"

static bool
has_word(const struct machine *v, const char *word, size_t n)
{
	char w[64];

	if (n == 1 && *word == '*')
		return v->tagged;
	memcpy(w, word, n);
	w[n] = '\0';
	return strcasestr(v->name, w) || strcasestr(machine_state(v), w);
}

static bool
is_wanted(const struct view *w, const struct machine *v)
{
	const char *p = w->filter + strspn(w->filter, " ");

	if (w->states &&
		!(v->state < HOME_STATES && w->states & 1u << v->state))
		return false;
	while (*p) {
		size_t n = strcspn(p, " ");

		if (!has_word(v, p, n))
			return false;
		p += n;
		p += strspn(p, " ");
	}
	return true;
}

static int
compare(const void *a, const void *b, void *to)
{
	const struct machine *x = *(struct machine *const *)a;
	const struct machine *y = *(struct machine *const *)b;
	const struct view *w = to;
	const struct column *c = column_get((size_t)w->sort);
	int r;

	if (c->value) {
		double p = c->value(x), q = c->value(y);

		r = (p > q) - (p < q);
	} else {
		char one[32], two[32];

		r = strcmp(c->text(x, one), c->text(y, two));
	}
	if (c->large)
		r = -r;
	if (w->reverse)
		r = -r;
	return r ? r : strcmp(x->name, y->name);
}

static void
keep_selection(struct view *w)
{
	for (size_t i = 0; i < w->n && *w->selected; i++)
		if (strcmp(w->row[i]->name, w->selected) == 0) {
			w->at = i;
			return;
		}
	view_select(w, w->at);
}

void
view_make(struct view *w, const struct model *m)
{
	size_t n;
	struct machine *const *v = model_machines(m, &n);

	if (n > w->room) {
		struct machine **row = realloc(w->row, n * sizeof(*row));

		if (row) {
			w->row = row;
			w->room = n;
		}
	}
	w->all = n;
	w->n = w->tags = 0;
	memset(w->state, 0, sizeof(w->state));
	for (size_t i = 0; i < n; i++) {
		w->state[v[i]->state]++;
		w->tags += v[i]->tagged;
		if (w->n < w->room && is_wanted(w, v[i]))
			w->row[w->n++] = v[i];
	}
	if (w->n > 1 && (w->sort != COLUMN_NAME || w->reverse))
		qsort_r(w->row, w->n, sizeof(*w->row), compare, w);
	keep_selection(w);
}

void
view_select(struct view *w, size_t row)
{
	w->at = row < w->n ? row : w->n ? w->n - 1 : 0;
	*w->selected = '\0';
	if (w->n)
		strcpy(w->selected, w->row[w->at]->name);
}

struct machine *
view_selected(const struct view *w)
{
	return w->n ? w->row[w->at] : NULL;
}

void
view_free(struct view *w)
{
	free(w->row);
	w->row = NULL;
	w->n = w->room = 0;
}
