/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of tests of type pt-igb-vf: two VFs of a port, both open, the driver
 * at the first
 */
#ifndef _SELFTESTS_IGBVF_FIXTURE_H
#define _SELFTESTS_IGBVF_FIXTURE_H

#include <stdlib.h>

#include "kselftest_harness.h"
#include "igbvf_regs.h"
#include "igbvf_world.h"

#define TEST_SECONDS	600
#define ENTRIES		32

#define RX(queue, reg)	(IGBVF_RX_RING(queue) + IGBVF_RING_##reg)
#define TX(queue, reg)	(IGBVF_TX_RING(queue) + IGBVF_RING_##reg)

/* What world_ask_for_all() has asked for, and no more */
#define CHECK_ALL(w) do { \
	EXPECT_EQ(1, world_arrives(w, own, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, second, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, stranger, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 5, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, own, 6, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, own, 7, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 100, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 4094, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, multicast, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, multicast2, 0, SHORT)); \
	EXPECT_EQ(0, world_arrives(w, no_multicast, 0, SHORT)); \
	EXPECT_EQ(1, world_arrives(w, own, 0, LONG)); \
} while (0)

FIXTURE(igbvf) {
	struct world w;
};

FIXTURE_SETUP(igbvf)
{
	struct world *w = &self->w;
	const char *missing = world_offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_open(w, 1));
	ASSERT_EQ(0, world_start(w, ENTRIES));
}

FIXTURE_TEARDOWN(igbvf)
{
	EXPECT_EQ(0, world_withdraw(&self->w));
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(world_end);
}

#endif /* _SELFTESTS_IGBVF_FIXTURE_H */
