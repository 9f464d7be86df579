/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often something was called, as a module parameter: a line "NAME COUNT" for
 * each; whatever is written to it clears all.
 */
#ifndef _PT_TEST_CALLS_H
#define _PT_TEST_CALLS_H

#include <linux/atomic.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

/* @names and @counts have @size entries. */
struct pt_test_calls {
	const char *const *names;
	atomic_t *counts;
	int size;
};

static int pt_test_calls_set(const char *value,
			     const struct kernel_param *param)
{
	const struct pt_test_calls *calls = param->arg;
	int i;

	for (i = 0; i < calls->size; i++)
		atomic_set(&calls->counts[i], 0);
	return 0;
}

static int pt_test_calls_get(char *buf, const struct kernel_param *param)
{
	const struct pt_test_calls *calls = param->arg;
	int i, len = 0;

	for (i = 0; i < calls->size; i++)
		len += sysfs_emit_at(buf, len, "%s %d\n", calls->names[i],
				     atomic_read(&calls->counts[i]));
	return len;
}

/* For module_param_cb(), with a struct pt_test_calls */
static const struct kernel_param_ops pt_test_calls_ops = {
	.set = pt_test_calls_set,
	.get = pt_test_calls_get,
};

#endif /* _PT_TEST_CALLS_H */
