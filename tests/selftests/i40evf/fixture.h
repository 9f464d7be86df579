/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of tests of type pt-i40e-vf: two VFs, both open, the driver at the
 * first
 */
#ifndef _SELFTESTS_I40EVF_FIXTURE_H
#define _SELFTESTS_I40EVF_FIXTURE_H

#include "kselftest_harness.h"
#include "world.h"

#define TEST_SECONDS	600

FIXTURE(i40evf) {
	struct world w;
};

FIXTURE_SETUP(i40evf)
{
	struct world *w = &self->w;
	const char *missing = world_offer(w);

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_open(w, 1));
	ASSERT_EQ(0, world_attach(w, 0));
	ASSERT_EQ(0, world_start(w));
}

FIXTURE_TEARDOWN(i40evf)
{
	EXPECT_EQ(0, world_withdraw(&self->w));
}

#endif /* _SELFTESTS_I40EVF_FIXTURE_H */
