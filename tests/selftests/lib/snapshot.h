/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a user sees of a device, as a list of named results and values, and
 * the comparison of two such lists
 */
#ifndef _SELFTESTS_SNAPSHOT_H
#define _SELFTESTS_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

/*
 * @data: values of @width bytes, which stand @stride apart in what was read
 */
struct snapshot_item {
	char name[64];
	long result;
	uint8_t *data;
	size_t len;
	size_t width;
	size_t stride;
};

struct snapshot {
	const char *title;
	struct snapshot_item *items;
	size_t count;
};

/*
 * A difference that is no fault. @function and @item are patterns (see
 * fnmatch(3)), @from and @to offsets within the item, @to exclusive.
 */
struct snapshot_exception {
	const char *function;
	const char *item;
	uint64_t from;
	uint64_t to;
	const char *reason;
};

void snapshot_init(struct snapshot *s, const char *title);
void snapshot_free(struct snapshot *s);

void record(struct snapshot *s, long result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Copies @data: @count values of @width bytes. */
void record_values(struct snapshot *s, long result, const void *data,
		   size_t count, size_t width, size_t stride,
		   const char *format, ...)
	__attribute__((format(printf, 7, 8)));

/* NULL if there is none. */
const struct snapshot_item *snapshot_find(const struct snapshot *s,
					  const char *name);

/*
 * Prints every difference, and the excused ones with their reason; returns the
 * number of the others. @exceptions ends with an entry without a function.
 */
unsigned int snapshot_compare(const struct snapshot *a,
			      const struct snapshot *b, const char *function,
			      const struct snapshot_exception *exceptions);

#endif /* _SELFTESTS_SNAPSHOT_H */
