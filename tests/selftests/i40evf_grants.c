// SPDX-License-Identifier: GPL-2.0-only
/*
 * An XL710 VF moves: what the PF has granted, and what the one at the destination does;
 * see i40evf.c. Lab model: i40e-vf --vfs 2 --trusted.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "i40evf/fixture.h"
#include "i40evf/requests.h"
#include "kmsg.h"
#include "records.h"

static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x0e, 0x00, 0x51 };
static const uint8_t second[6] = { 0x52, 0x54, 0x00, 0x0e, 0x00, 0x52 };

/*
 * The short session
 */

TEST_F_TIMEOUT(i40evf, shows_what_the_pf_grants, TEST_SECONDS)
{
	struct world *w = &self->w;
	char buf[64];

	ASSERT_LT(0, world_attr(w, 1, "mac", buf, sizeof(buf)));
	EXPECT_STREQ("00:00:00:00:00:00", buf);
	ASSERT_LT(0, world_attr(w, 1, "queues", buf, sizeof(buf)));
	EXPECT_STREQ("4", buf);
	ASSERT_LT(0, world_attr(w, 1, "vectors", buf, sizeof(buf)));
	EXPECT_STREQ("5", buf);
	ASSERT_LT(0, world_attr(w, 1, "capabilities", buf, sizeof(buf)));
	EXPECT_TRUE(strtoul(buf, NULL, 0) & CAP_VLAN);

	ASSERT_NE(NULL, world_model(w, 1, "mac 52:54:00:0e:00:77"));
	ASSERT_NE(NULL, world_model(w, 1, "queues 3"));
	ASSERT_EQ(0, world_renew(w, 1));
	ASSERT_LT(0, world_attr(w, 1, "mac", buf, sizeof(buf)));
	EXPECT_STREQ("52:54:00:0e:00:77", buf);
	ASSERT_LT(0, world_attr(w, 1, "queues", buf, sizeof(buf)));
	EXPECT_STREQ("3", buf);
	ASSERT_NE(NULL, world_model(w, 1, "queues 4"));
}

/* The mdev is there all the same, and works; a guest can't come. */
TEST_F_TIMEOUT(i40evf, pf_that_does_not_answer, TEST_SECONDS)
{
	struct world *w = &self->w;
	char buf[64];

	ASSERT_NE(NULL, world_model(w, 1, "ignore GET_VF_RESOURCES"));
	ASSERT_EQ(0, world_renew(w, 1));
	EXPECT_EQ(1, kmsg_has(w->kmsg, world_bdf(w, 1),
			      "the PF does not say what it grants", 5000));
	ASSERT_LT(0, world_attr(w, 1, "mac", buf, sizeof(buf)));
	EXPECT_STREQ("unknown", buf);
	ASSERT_NE(NULL, world_model(w, 1, "accept"));

	ASSERT_EQ(0, world_save(w));
	EXPECT_EQ(-EACCES, world_load(w, 1));
	EXPECT_EQ(1, kmsg_has(w->kmsg, world_bdf(w, 1),
			      "what the PF grants is not known", 1000));
	ASSERT_EQ(0, vfio_reset(&w->users[1]));
	ASSERT_EQ(0, world_attach(w, 1));
	EXPECT_EQ(0, world_start(w));
	EXPECT_EQ(0, world_works(w));
}

/*
 * What the PF at the destination grants
 */

/*
 * Function 1 can't take the guest over, and says so before the source stops, where
 * there is a way; the driver notices nothing.
 */
static void check_refused(struct __test_metadata *_metadata, struct world *w,
			  const char *message)
{
	struct vfio_user *target = &w->users[1];
	int from, to;

	ASSERT_EQ(0, world_renew(w, 1));
	w->stream.len = 0;
	if (mig_has_precopy(world_user(w))) {
		ASSERT_EQ(0, mig_set_state(world_user(w), PRE_COPY, &from));
		EXPECT_EQ(-ENOMSG, mig_read(from, &w->stream, 4096));
		EXPECT_EQ(PRE_COPY, mig_state(world_user(w)));
	} else {
		ASSERT_EQ(0, mig_set_state(world_user(w), STOP_COPY, &from));
		EXPECT_EQ(0, mig_read(from, &w->stream, 4096));
	}
	ASSERT_EQ(0, mig_set_state(target, RESUMING, &to));
	EXPECT_EQ(-EACCES, mig_write(to, w->stream.bytes, w->stream.len, 4096));
	EXPECT_EQ(1, kmsg_has(w->kmsg, world_bdf(w, 1), message, 1000));
	EXPECT_EQ(-EACCES, mig_set_state(target, RUNNING, NULL));
	close(from);
	close(to);
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	if (!mig_has_precopy(world_user(w)))
		ASSERT_EQ(0, world_heed(w));
	EXPECT_EQ(0, world_is_told(w));
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(i40evf, fewer_queues, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_NE(NULL, world_model(w, 1, "queues 1"));
	check_refused(_metadata, w, "the guest uses 2 pairs of queues");
	/* As many as are used are enough. */
	ASSERT_NE(NULL, world_model(w, 1, "queues 2"));
	ASSERT_EQ(0, world_renew(w, 1));
	ASSERT_EQ(0, world_move_on(w));
	EXPECT_EQ(0, world_works(w));
	ASSERT_NE(NULL, world_model(w, 1, "queues 4"));
}

TEST_F_TIMEOUT(i40evf, fewer_capabilities, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_NE(NULL, world_model(w, 1, "caps %u", ~CAP_VLAN));
	check_refused(_metadata, w, "does not grant capabilities 0x10000");
	ASSERT_NE(NULL, world_model(w, 1, "caps 0xffffffff"));
	ASSERT_EQ(0, world_renew(w, 1));
	EXPECT_EQ(0, world_move(w));
}

TEST_F_TIMEOUT(i40evf, another_address, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, ask_mac(w, OP_ADD_ETH_ADDR, own));
	ASSERT_NE(NULL, world_model(w, 1, "mac 52:54:00:0e:00:99"));
	check_refused(_metadata, w,
		      "has set MAC address 52:54:00:0e:00:99 for this VF, the guest has 52:54:00:0e:00:51");
	/* Its own one will do. */
	ASSERT_NE(NULL, world_model(w, 1, "mac 52:54:00:0e:00:51"));
	ASSERT_EQ(0, world_renew(w, 1));
	ASSERT_EQ(0, world_move_on(w));
	EXPECT_EQ(0, world_works(w));
}

/* A stream without the record: refused with the state */
TEST_F_TIMEOUT(i40evf, state_alone_is_checked_too, TEST_SECONDS)
{
	struct world *w = &self->w;
	struct record *needs;
	size_t len;

	ASSERT_NE(NULL, world_model(w, 1, "queues 1"));
	ASSERT_EQ(0, world_renew(w, 1));
	ASSERT_NE(NULL, world_model(w, 1, "queues 4"));
	ASSERT_EQ(0, world_save(w));
	needs = record_find(&w->stream, RECORD_NEEDS);
	ASSERT_NE(NULL, needs);
	len = sizeof(*needs) + needs->len;
	memmove(needs, (uint8_t *)needs + len, w->stream.bytes +
		w->stream.len - ((uint8_t *)needs + len));
	w->stream.len -= len;
	EXPECT_EQ(-EACCES, world_load(w, 1));
}

/* What is refused afterwards is named, once. */
TEST_F_TIMEOUT(i40evf, names_what_is_lost, TEST_SECONDS)
{
	struct world *w = &self->w;
	const char *bdf = world_bdf(w, 1);

	ASSERT_EQ(0, ask_mac(w, OP_ADD_ETH_ADDR, own));
	ASSERT_EQ(0, ask_mac(w, OP_ADD_ETH_ADDR, second));
	ASSERT_EQ(0, ask_vlan(w, OP_ADD_VLAN, 7));
	ASSERT_EQ(0, ask_vlan(w, OP_ADD_VLAN, 8));
	ASSERT_EQ(0, ask_vlan(w, OP_DEL_VLAN, 8));
	ASSERT_EQ(0, ask_promiscuous(w, 3));
	ASSERT_EQ(0, world_move_on(w));

	EXPECT_EQ(0, ask_mac(w, OP_ADD_ETH_ADDR, own));
	EXPECT_EQ(0, kmsg_has(w->kmsg, bdf, "after the move", 100));
	ASSERT_NE(NULL, world_model(w, 1, "refuse ADD_ETH_ADDR"));
	ASSERT_NE(NULL, world_model(w, 1, "refuse ADD_VLAN"));
	ASSERT_NE(NULL, world_model(w, 1, "refuse CONFIG_PROMISCUOUS_MODE"));
	EXPECT_NE(0, ask_mac(w, OP_ADD_ETH_ADDR, second));
	EXPECT_EQ(1, kmsg_has(w->kmsg, bdf, "refuses MAC address 52:54:00:0e:00:52", 1000));
	EXPECT_NE(0, ask_vlan(w, OP_ADD_VLAN, 7));
	EXPECT_EQ(1, kmsg_has(w->kmsg, bdf, "refuses VLAN 7", 1000));
	EXPECT_NE(0, ask_promiscuous(w, 3));
	EXPECT_EQ(1, kmsg_has(w->kmsg, bdf, "refuses promiscuous mode", 1000));

	/* Once, and not what it had not before */
	EXPECT_NE(0, ask_mac(w, OP_ADD_ETH_ADDR, second));
	EXPECT_NE(0, ask_vlan(w, OP_ADD_VLAN, 7));
	EXPECT_NE(0, ask_vlan(w, OP_ADD_VLAN, 8));
	EXPECT_NE(0, ask_promiscuous(w, 3));
	EXPECT_EQ(0, kmsg_has(w->kmsg, bdf, "after the move", 200));
}

/*
 * Promiscuous mode
 */

/* Linux's iavf takes promiscuous mode for still on, and asks for statistics. */
TEST_F_TIMEOUT(i40evf, promiscuous_mode_is_repeated, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint8_t reply[128], zeroes[96] = {};
	uint16_t len = sizeof(reply);
	long stats = requests(w, "GET_STATS");
	int i;

	ASSERT_EQ(0, ask_promiscuous(w, 3));
	ASSERT_EQ(0, world_move_on(w));
	EXPECT_EQ(NULL, strstr(world_model(w, 1, "state"), "promiscuous unicast"));

	/* It gets statistics, as they were, and no word of anything else. */
	ASSERT_EQ(0, ask_stats(w, reply, &len));
	EXPECT_EQ(sizeof(zeroes), len);
	EXPECT_EQ(0, memcmp(reply, zeroes, sizeof(zeroes)));
	EXPECT_NE(NULL, strstr(world_model(w, 1, "state"),
			       "promiscuous unicast multicast"));
	EXPECT_EQ(stats, requests(w, "GET_STATS"));

	/* Once */
	EXPECT_EQ(0, world_works(w));
	len = sizeof(reply);
	ASSERT_EQ(0, ask_stats(w, reply, &len));
	EXPECT_NE(0, memcmp(reply, zeroes, sizeof(zeroes)));
	EXPECT_EQ(stats + 1, requests(w, "GET_STATS"));

	/* And it is part of what moves on. */
	ASSERT_EQ(0, world_move_on(w));
	ASSERT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_NE(NULL, strstr(world_model(w, 0, "state"),
			       "promiscuous unicast multicast"));

	/* Also if it moves twice before it asks for statistics */
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, world_move_on(w));
	ASSERT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_NE(NULL, strstr(world_model(w, 0, "state"),
			       "promiscuous unicast multicast"));
}

TEST_F_TIMEOUT(i40evf, promiscuous_mode_is_the_driver_s, TEST_SECONDS)
{
	struct world *w = &self->w;
	long stats = requests(w, "GET_STATS");

	ASSERT_EQ(0, ask_promiscuous(w, 3));
	ASSERT_EQ(0, world_move_on(w));
	ASSERT_EQ(0, ask_promiscuous(w, 0));
	ASSERT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_EQ(stats + 1, requests(w, "GET_STATS"));
	EXPECT_EQ(NULL, strstr(world_model(w, 1, "state"), "promiscuous unicast"));
}

TEST_F_TIMEOUT(i40evf, promiscuous_mode_is_refused, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, ask_promiscuous(w, 3));
	ASSERT_EQ(0, world_move_on(w));
	ASSERT_NE(NULL, world_model(w, 1, "refuse CONFIG_PROMISCUOUS_MODE"));
	EXPECT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_EQ(1, kmsg_has(w->kmsg, world_bdf(w, 1),
			      "refuses promiscuous mode", 1000));
}

TEST_HARNESS_MAIN
