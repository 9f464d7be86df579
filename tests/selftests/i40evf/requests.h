/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests of the driver to its PF. The status of the answer is returned.
 */
#ifndef _SELFTESTS_I40EVF_REQUESTS_H
#define _SELFTESTS_I40EVF_REQUESTS_H

#include "world.h"

int32_t ask_mac(struct world *w, uint32_t op, const uint8_t *address);
int32_t ask_vlan(struct world *w, uint32_t op, uint16_t vid);
int32_t ask_promiscuous(struct world *w, uint16_t flags);
int32_t ask_stats(struct world *w, void *reply, uint16_t *len);

/* And events: all that the PF has said up to now */
void drop_answers(struct world *w);
/* How often the PF of function 1 has got such a request */
long requests(struct world *w, const char *name);

#endif /* _SELFTESTS_I40EVF_REQUESTS_H */
