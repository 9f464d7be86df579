/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of tests of what a NIC writes, in both ways of asking: a VF that
 * receives.  Who includes it has defined NIC_TYPE and NIC_MODULE.
 */
#ifndef _SELFTESTS_NIC_FIXTURE_H
#define _SELFTESTS_NIC_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "migration.h"
#include "nic.h"

#define TEST_SECONDS	600

FIXTURE(dirty) {
	struct nic w;
};

FIXTURE_VARIANT(dirty) {
	enum tracking tracking;
	enum vfio_way way;
};

FIXTURE_VARIANT_ADD(dirty, container) {
	.tracking = CONTAINER,
};

FIXTURE_VARIANT_ADD(dirty, log) {
	.tracking = LOG,
};

FIXTURE_VARIANT_ADD(dirty, iommufd) {
	.tracking = LOG,
	.way = VFIO_WAY_CDEV,
};

FIXTURE_SETUP(dirty)
{
	struct nic *w = &self->w;
	const char *missing = nic_offer(w, NIC_TYPE, NIC_MODULE);

	if (missing)
		SKIP(return, "%s", missing);
	if (variant->way == VFIO_WAY_CDEV && !vfio_have_cdev())
		SKIP(return, "this kernel has no iommufd, or no character devices of VFIO");
	w->seed = 1;
	w->way = variant->way;
	ASSERT_EQ(0, nic_attach(w));
	missing = nic_tracking_missing(w, variant->tracking);
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)));
}

FIXTURE_TEARDOWN(dirty)
{
	nic_detach(&self->w);
	EXPECT_EQ(0, function_withdraw(&self->w.function));
	close(self->w.packet);
}

static void end(void)
{
	nic_end(NIC_MODULE);
}

/* The harness runs each test in a child, which leaves by _exit(). */
static void __attribute__((constructor)) end_at_exit(void)
{
	atexit(end);
}

#endif /* _SELFTESTS_NIC_FIXTURE_H */
