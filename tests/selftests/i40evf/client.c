// SPDX-License-Identifier: GPL-2.0-only
/* What the driver in tests/models/tests/lib/ asks of its client: a VFIO device's */

#include <errno.h>
#include <unistd.h>

#include "client.h"

static off_t at(uint32_t region, uint64_t offset)
{
	return ((off_t)region << 40) + offset;
}

uint32_t client_get(struct client *c, uint32_t region, uint64_t offset)
{
	uint32_t value;

	if (pread(c->fd, &value, sizeof(value), at(region, offset)) !=
	    sizeof(value))
		return ~0u;
	return value;
}

int client_put(struct client *c, uint32_t region, uint64_t offset,
	       uint32_t value)
{
	return pwrite(c->fd, &value, sizeof(value), at(region, offset)) ==
	       sizeof(value) ? 0 : -EIO;
}
