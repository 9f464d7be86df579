// SPDX-License-Identifier: GPL-2.0-only

#include <stdio.h>
#include <string.h>

#include "requests.h"

int32_t ask_mac(struct world *w, uint32_t op, const uint8_t *address)
{
	/* With room for one more, as drivers have it */
	uint8_t msg[20] = {};

	put16(msg, w->vsi);
	put16(msg + 2, 1);
	memcpy(msg + 4, address, 6);
	return vf_request(&w->f, op, msg, sizeof(msg), NULL, NULL);
}

int32_t ask_vlan(struct world *w, uint32_t op, uint16_t vid)
{
	uint8_t msg[8] = {};

	put16(msg, w->vsi);
	put16(msg + 2, 1);
	put16(msg + 4, vid);
	return vf_request(&w->f, op, msg, sizeof(msg), NULL, NULL);
}

int32_t ask_promiscuous(struct world *w, uint16_t flags)
{
	uint8_t msg[4];

	put16(msg, w->vsi);
	put16(msg + 2, flags);
	return vf_request(&w->f, OP_CONFIG_PROMISCUOUS_MODE, msg, sizeof(msg),
			  NULL, NULL);
}

int32_t ask_stats(struct world *w, void *reply, uint16_t *len)
{
	uint8_t msg[12] = {};

	put16(msg, w->vsi);
	return vf_request(&w->f, OP_GET_STATS, msg, sizeof(msg), reply, len);
}

void drop_answers(struct world *w)
{
	uint32_t message;
	int32_t status;

	while (vf_receive(&w->f, &message, &status, NULL, NULL))
		;
}

long requests(struct world *w, const char *name)
{
	char what[64];
	long n;

	snprintf(what, sizeof(what), "request %s", name);
	n = world_value(w, 1, "stats", what);
	return n < 0 ? 0 : n;
}
