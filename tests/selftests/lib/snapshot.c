// SPDX-License-Identifier: GPL-2.0-only

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

/* More of one item tell nothing new. */
#define PRINT_MAX	8

void snapshot_init(struct snapshot *s, const char *title)
{
	memset(s, 0, sizeof(*s));
	s->title = title;
}

void snapshot_free(struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		free(s->items[i].data);
	free(s->items);
	snapshot_init(s, s->title);
}

static struct snapshot_item *add_item(struct snapshot *s, long result,
				      const char *format, va_list args)
{
	struct snapshot_item *item;

	s->items = realloc(s->items, (s->count + 1) * sizeof(*s->items));
	if (!s->items)
		abort();

	item = &s->items[s->count++];
	memset(item, 0, sizeof(*item));
	item->result = result;
	vsnprintf(item->name, sizeof(item->name), format, args);
	return item;
}

void record(struct snapshot *s, long result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_item(s, result, format, args);
	va_end(args);
}

void record_values(struct snapshot *s, long result, const void *data,
		   size_t count, size_t width, size_t stride,
		   const char *format, ...)
{
	struct snapshot_item *item;
	va_list args;

	va_start(args, format);
	item = add_item(s, result, format, args);
	va_end(args);

	item->len = count * width;
	item->width = width;
	item->stride = stride;
	item->data = malloc(item->len ? item->len : 1);
	if (!item->data)
		abort();
	memcpy(item->data, data, item->len);
}

const struct snapshot_item *snapshot_find(const struct snapshot *s,
					  const char *name)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (!strcmp(s->items[i].name, name))
			return &s->items[i];
	}
	return NULL;
}

struct comparison {
	const struct snapshot *a;
	const struct snapshot *b;
	const char *function;
	const struct snapshot_exception *exceptions;
	unsigned int differences;
};

static const char *excuse(const struct comparison *c, const char *item,
			  uint64_t offset)
{
	const struct snapshot_exception *e;

	for (e = c->exceptions; e->function; e++) {
		if (offset >= e->from && offset < e->to &&
		    !fnmatch(e->function, c->function, 0) &&
		    !fnmatch(e->item, item, 0))
			return e->reason;
	}
	return NULL;
}

/* Values are little-endian, as PCI is. */
static unsigned long long value(const uint8_t *data, size_t width)
{
	unsigned long long v = 0;

	while (width--)
		v = v << 8 | data[width];
	return v;
}

static void compare_values(struct comparison *c, const struct snapshot_item *a,
			   const struct snapshot_item *b)
{
	unsigned int printed = 0, excused = 0, differences = 0;
	const char *reason, *last = NULL;
	size_t i;

	for (i = 0; i * a->width < a->len; i++) {
		const uint8_t *va = a->data + i * a->width;
		const uint8_t *vb = b->data + i * b->width;
		unsigned long offset = i * a->stride;

		if (!memcmp(va, vb, a->width))
			continue;

		reason = excuse(c, a->name, offset);
		if (reason) {
			excused++;
			last = reason;
			continue;
		}

		differences++;
		if (printed++ < PRINT_MAX)
			printf("# %s: %s at 0x%lx: %s 0x%llx, %s 0x%llx\n",
			       c->function, a->name, offset,
			       c->a->title, value(va, a->width),
			       c->b->title, value(vb, b->width));
	}

	if (printed > PRINT_MAX)
		printf("# %s: %s: and %u more\n", c->function, a->name,
		       printed - PRINT_MAX);
	if (excused)
		printf("# %s: %s: %u values may differ: %s\n", c->function,
		       a->name, excused, last);
	c->differences += differences;
}

static void compare_items(struct comparison *c, const struct snapshot_item *a,
			  const struct snapshot_item *b)
{
	const char *reason;

	if (a->result != b->result) {
		reason = excuse(c, a->name, 0);
		printf("# %s: %s: %s %ld, %s %ld%s%s\n", c->function, a->name,
		       c->a->title, a->result, c->b->title, b->result,
		       reason ? ", may differ: " : "", reason ? reason : "");
		c->differences += !reason;
	}

	if (a->len != b->len || a->width != b->width) {
		printf("# %s: %s: %s %zu bytes, %s %zu bytes\n", c->function,
		       a->name, c->a->title, a->len, c->b->title, b->len);
		c->differences++;
		return;
	}

	if (a->len)
		compare_values(c, a, b);
}

unsigned int snapshot_compare(const struct snapshot *a,
			      const struct snapshot *b, const char *function,
			      const struct snapshot_exception *exceptions)
{
	struct comparison c = { a, b, function, exceptions, 0 };
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++) {
		/* The same code filled both, so this ends the likeness. */
		if (strcmp(a->items[i].name, b->items[i].name)) {
			printf("# %s: %s went on with \"%s\", %s with \"%s\"\n",
			       function, a->title, a->items[i].name,
			       b->title, b->items[i].name);
			return c.differences + 1;
		}
		compare_items(&c, &a->items[i], &b->items[i]);
	}

	if (a->count != b->count) {
		printf("# %s: %s has %zu items, %s %zu\n", function, a->title,
		       a->count, b->title, b->count);
		c.differences++;
	}
	return c.differences;
}
