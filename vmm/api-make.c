/* SPDX-License-Identifier: MIT */
/*
 * The public interface of libvmm: making, changing and removing machines that
 * have a directory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/home.h"
#include "lib/vmm.h"
#include "vmm/api-int.h"
#include "vmm/config.h"

/* What a machine may be made of; *c is to be freed in any case. */
static int
check(const char *name, const char *text, struct config *c)
{
	char where[80];
	int e;

	config_init(c);
	e = home_check_name(name);
	if (e)
		return e;
	snprintf(where, sizeof(where), "%s/config", name);
	e = config_parse(c, where, text, strlen(text));
	if (e)
		return e;
	e = config_check(c);
	return e ? failx(e, "%s: %s", where, fail_text()) : 0;
}

/* Every machine has an identity of its own. */
static int
with_uuid(struct config *c, const char *text, char **out, size_t *size)
{
	char uuid[CONFIG_UUID];
	int e;

	if (!c->uuid) {
		e = config_new_uuid(uuid);
		if (!e)
			e = config_set(c, "uuid", uuid);
		if (e)
			return e;
	}
	*out = config_edit(c, text, strlen(text), size);
	return *out ? 0 : fail(-ENOMEM, "config");
}

int
api_create(struct vmm_home *h, const char *name, const char *config,
	int (*fill)(void *to, int dir), void *to)
{
	struct home_vm *vm = NULL;
	struct config c;
	char *text = NULL;
	size_t size = 0;
	int e = check(name, config, &c);

	home_sweep(h->home);
	if (!e)
		e = with_uuid(&c, config, &text, &size);
	if (!e)
		e = home_create_with(h->home, name, text, size, fill, to, &vm);
	if (!e)
		home_vm_close(vm);
	free(text);
	config_free(&c);
	return e;
}

int
vmm_create(struct vmm_home *h, const char *name, const char *config)
{
	return api_create(h, name, config, NULL, NULL);
}

int
vmm_config(struct vmm_home *h, const char *name, char **text)
{
	struct home_vm *vm;
	size_t size;
	int e = home_find(h->home, name, &vm);

	if (e)
		return e;
	e = home_config(vm, text, &size);
	home_vm_close(vm);
	return e;
}

/* A run that begins reads the config under its lock: it finds it changed, or
 * is found running. */
static int
replace(struct home_vm *vm, const char *text)
{
	int e = home_lock_config(vm);
	int held;

	if (e)
		return e;
	held = home_held(vm);
	if (held < 0)
		e = held;
	else if (held)
		e = failx(-EBUSY, "%s: cannot change while it runs",
			home_vm_name(vm));
	else
		e = home_set_config(vm, text, strlen(text));
	home_unlock_config(vm);
	return e;
}

int
vmm_set_config(struct vmm_home *h, const char *name, const char *config)
{
	struct home_vm *vm;
	struct config c;
	int e = check(name, config, &c);

	config_free(&c);
	if (!e)
		e = home_find(h->home, name, &vm);
	if (e)
		return e;
	e = replace(vm, config);
	home_vm_close(vm);
	return e;
}

/* Open it, and see that nobody runs it. */
static int
take(struct vmm_home *h, const char *name, struct home_vm **vm)
{
	int e = home_find(h->home, name, vm);

	if (e)
		return e;
	e = home_lock(*vm);
	if (e)
		home_vm_close(*vm);
	return e;
}

int
vmm_remove(struct vmm_home *h, const char *name)
{
	struct home_vm *vm;
	int e = take(h, name, &vm);

	if (e)
		return e;
	e = home_remove(vm);
	home_vm_close(vm);
	home_sweep(h->home);
	return e;
}

int
vmm_rename(struct vmm_home *h, const char *name, const char *to)
{
	struct home_vm *vm;
	int e = home_check_name(to);

	if (!e)
		e = take(h, name, &vm);
	if (e)
		return e;
	e = home_rename(vm, to);
	home_vm_close(vm);
	return e;
}
