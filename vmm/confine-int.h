/* SPDX-License-Identifier: MIT */
/*
 * Confinement, inside: what its files share. confine.c keeps the order,
 * confine-caps.c has capabilities and namespaces, confine-landlock.c the rules
 * for files, confine-seccomp.c the filters, confine-audit.c looks back.
 */
#ifndef VMM_CONFINE_INT_H
#define VMM_CONFINE_INT_H

#include "vmm/confine.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_SANITIZED true
#endif
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED false
#endif

/* Fills the report's namespaces; never fails. */
void confine_namespaces(struct confine_report *);
/* -errno with a sentence: some are left. */
int confine_capabilities(struct confine_report *);
/* 0 also where the kernel has no Landlock: the report tells. */
int confine_landlock(const struct confine *, struct confine_report *);
/* What happens when a filter refuses; -errno with a sentence. */
int confine_catch(void);

#endif
