/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of tests of type pt-i40e-vf: two VFs, both open, the driver at the
 * first. Programs that concern the user's memory add a variant "iommufd".
 */
#ifndef _SELFTESTS_I40EVF_FIXTURE_H
#define _SELFTESTS_I40EVF_FIXTURE_H

#include "kselftest_harness.h"
#include "world.h"

#define TEST_SECONDS	600

FIXTURE(i40evf) {
	struct world w;
};

/* @way: by which the user opens the VFs */
FIXTURE_VARIANT(i40evf) {
	enum vfio_way way;
};

FIXTURE_VARIANT_ADD(i40evf, container) { .way = VFIO_WAY_GROUP };

FIXTURE_SETUP(i40evf)
{
	struct world *w = &self->w;
	const char *missing;

	/* vfio is there: run.sh loads it. */
	if (variant->way == VFIO_WAY_CDEV && !vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd, or no character devices of VFIO");
	missing = world_offer(w);
	if (missing)
		SKIP(return, "%s", missing);
	w->way = variant->way;
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
