// SPDX-License-Identifier: GPL-2.0-only
/*
 * An XL710 VF moves: what its driver is told, when, and by what. Type pt-i40e-vf. More
 * of it in i40evf_grants, i40evf_dirty and i40evf_hostile. Lab model: i40e-vf --vfs 2
 * --trusted.
 */

#include <string.h>

#include "i40evf/fixture.h"

/* Admin queues are read, and answers and the event written, by another object there. */
FIXTURE_VARIANT_ADD(i40evf, iommufd) { .way = VFIO_WAY_CDEV };

TEST_F_TIMEOUT(i40evf, works, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	for (i = 0; i < 50; i++)
		ASSERT_EQ(0, world_works(w));
}

/* The driver is told at once, by all that it could look at. */
TEST_F_TIMEOUT(i40evf, is_told_on_arrival, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int head;

	ASSERT_EQ(0, world_works(w));
	head = vf_get(&w->f, VF_ARQH1);
	ASSERT_EQ(0, world_move(w));
	EXPECT_EQ(0, eventfd_wait(w->f.vectors[0], 1000));
	EXPECT_EQ((head + 1) % AQ_ENTRIES, vf_get(&w->f, VF_ARQH1));
	EXPECT_EQ(ICR0_ADMINQ, vf_get(&w->f, VFINT_ICR01) & ICR0_ADMINQ);
	/* A read clears it. */
	EXPECT_EQ(0, vf_get(&w->f, VFINT_ICR01) & ICR0_ADMINQ);
	EXPECT_EQ(0, vf_get(&w->f, VF_ARQLEN1) & AQ_LEN_ENABLE);
	EXPECT_EQ(VFR_VFACTIVE, vf_get(&w->f, VFGEN_RSTAT) & 3);
	/* Its requests are done, and answered by nobody. */
	EXPECT_EQ(vf_get(&w->f, VF_ATQT1), vf_get(&w->f, VF_ATQH1));
	EXPECT_EQ(1, world_is_told(w));
	EXPECT_EQ(0, world_is_told(w));
	EXPECT_EQ(0, world_recover(w));
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(i40evf, there_and_back, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, world_works(w));
		ASSERT_EQ(0, world_move_on(w));
	}
	EXPECT_EQ(0, world_works(w));
}

/* Before it has looked: the event is there once. */
TEST_F_TIMEOUT(i40evf, moves_again_before_it_knows, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	ASSERT_EQ(0, world_works(w));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, world_move(w));
	EXPECT_EQ(0, eventfd_wait(w->f.vectors[0], 1000));
	EXPECT_EQ(1, world_is_told(w));
	EXPECT_EQ(0, world_is_told(w));
	EXPECT_EQ(0, world_recover(w));
	EXPECT_EQ(0, world_works(w));
}

/* It has not looked, for all that is known: the interrupt may be lost. */
TEST_F_TIMEOUT(i40evf, is_interrupted_until_it_looks, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, world_move(w));
		EXPECT_EQ(0, eventfd_wait(w->f.vectors[0], 1000));
	}
	/* Disabled, which is not that it was interrupted */
	vf_put(&w->f, VFINT_DYN_CTL01, ITR_NONE << 3);
	ASSERT_EQ(0, world_move(w));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(w->f.vectors[0], 200));
	vf_put(&w->f, VFINT_DYN_CTL01, DYN_CTL_INTENA | ITR_NONE << 3);
	EXPECT_EQ(0, eventfd_wait(w->f.vectors[0], 1000));

	EXPECT_EQ(ICR0_ADMINQ, vf_get(&w->f, VFINT_ICR01) & ICR0_ADMINQ);
	ASSERT_EQ(0, world_move(w));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(w->f.vectors[0], 200));
	EXPECT_EQ(1, world_is_told(w));
	EXPECT_EQ(0, world_recover(w));
	EXPECT_EQ(0, world_works(w));
}

/* Its interrupt was on its way: there is one when it is enabled again. */
TEST_F_TIMEOUT(i40evf, vector_that_is_not_enabled, TEST_SECONDS)
{
	struct world *w = &self->w;

	vf_put(&w->f, VFINT_DYN_CTL01, ITR_NONE << 3);
	ASSERT_EQ(0, world_move(w));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(w->f.vectors[0], 200));
	vf_put(&w->f, VFINT_DYN_CTL01, DYN_CTL_INTENA | ITR_NONE << 3);
	EXPECT_EQ(0, eventfd_wait(w->f.vectors[0], 1000));
	world_drain(w, 0);
	/* And no more */
	vf_put(&w->f, VFINT_DYN_CTL01, DYN_CTL_INTENA | ITR_NONE << 3);
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(w->f.vectors[0], 200));
	EXPECT_EQ(1, world_is_told(w));
}

/* It rings for queues that are not there, before it looks. */
TEST_F_TIMEOUT(i40evf, rings_before_it_knows, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, world_move(w));
	vf_put(&w->f, QTX_TAIL1, 17);
	vf_put(&w->f, QTX_TAIL1 + 4, 18);
	EXPECT_EQ(17, vf_get(&w->f, QTX_TAIL1));
	ASSERT_EQ(0, world_heed(w));
	EXPECT_EQ(0, vf_get(&w->f, QTX_TAIL1));
	EXPECT_EQ(0, vf_get(&w->f, QTX_TAIL1 + 4));
	EXPECT_EQ(0, world_works(w));
	EXPECT_EQ(0, world_value(w, 1, "stats", "malicious"));
	EXPECT_EQ(0, world_value(w, 1, "stats", "tx-errors"));
}

/* No driver, no event */
TEST_F_TIMEOUT(i40evf, without_a_driver, TEST_SECONDS)
{
	struct world *w = &self->w;

	world_close(w, 0);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_attach(w, 0));
	world_drain(w, 0);
	ASSERT_EQ(0, world_move(w));
	EXPECT_EQ(0, vf_get(&w->f, VF_ARQH1));
	EXPECT_FALSE(world_drain(w, 0));
	EXPECT_EQ(0, world_start(w));
	EXPECT_EQ(0, world_works(w));
}

/* It has an admin queue, and has asked for nothing that would be lost. */
TEST_F_TIMEOUT(i40evf, driver_that_begins, TEST_SECONDS)
{
	const uint32_t version[] = { 1, 1 };
	struct world *w = &self->w;

	world_close(w, 0);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_attach(w, 0));
	ASSERT_TRUE(vf_active(&w->f));
	vf_adminq(&w->f);
	ASSERT_EQ(0, vf_request(&w->f, OP_VERSION, version, 8, NULL, NULL));
	ASSERT_EQ(0, world_move(w));
	EXPECT_EQ(0, vf_request(&w->f, OP_VERSION, version, 8, NULL, NULL));
	EXPECT_EQ(0, world_start(w));
	EXPECT_EQ(0, world_works(w));
}

/* A move that is called off: the driver sets its function up once. */
TEST_F_TIMEOUT(i40evf, goes_on_at_the_source, TEST_SECONDS)
{
	struct world *w = &self->w;
	long resets = world_value(w, 0, "stats", "resets");

	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(RUNNING, mig_state(world_user(w)));
	EXPECT_EQ(resets + 1, world_value(w, 0, "stats", "resets"));
	EXPECT_EQ(0, eventfd_wait(w->f.vectors[0], 1000));
	ASSERT_EQ(0, world_heed(w));
	EXPECT_EQ(0, world_works(w));
}

/* While it stands there is no DMA, and no interrupt. */
TEST_F_TIMEOUT(i40evf, stands, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, world_works(w));
	/* Those of what was sent: the lab delivers them later than DMA. */
	vf_put(&w->f, VFINT_DYN_CTLN1, DYN_CTL_INTENA | ITR_NONE << 3);
	for (i = 1; i < VECTORS; i++)
		ASSERT_EQ(0, eventfd_wait(w->f.vectors[i], 3000));
	for (i = 0; i < VECTORS; i++)
		world_drain(w, i);
	ASSERT_EQ(0, mig_set_state(world_user(w), STOP, NULL));
	ASSERT_NE(NULL, world_model(w, 0, "dirty clear"));
	EXPECT_EQ(-ETIMEDOUT, world_receive(w, 1));
	ASSERT_NE(NULL, world_model(w, 0, "link down"));
	ASSERT_NE(NULL, world_model(w, 0, "link up"));
	EXPECT_STREQ("", world_model(w, 0, "dirty"));
	for (i = 0; i < VECTORS; i++)
		EXPECT_FALSE(world_drain(w, i));
}

TEST_HARNESS_MAIN
