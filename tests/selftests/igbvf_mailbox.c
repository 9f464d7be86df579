// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of an 82576 VF moves: the mailbox in the middle of a conversation, and
 * a PF that refuses; see igbvf.c. Lab device: igb.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "igbvf_fixture.h"
#include "clock.h"
#include "kmsg.h"

/*
 * The mailbox, in the middle of it
 */

static void request(struct world *w, const uint8_t *address)
{
	uint32_t message[3] = { VF_SET_MAC_ADDR };
	int i;

	memcpy(&message[1], address, 6);
	for (i = 0; i < 3; i++)
		igbvf_reg_write(&w->vf, VMBMEM + i * 4, message[i]);
	igbvf_reg_write(&w->vf, V2PMAILBOX, V2PMAILBOX_REQ);
}

static bool owned(struct world *w)
{
	igbvf_reg_write(&w->vf, V2PMAILBOX, V2PMAILBOX_VFU);
	return igbvf_reg_read(&w->vf, V2PMAILBOX) & V2PMAILBOX_VFU;
}

/* Of all that was read, since a read clears it */
static bool answered(struct world *w, uint32_t read)
{
	long end = now_ms() + 3000;

	while (!(read & V2PMAILBOX_PFSTS) && now_ms() < end) {
		usleep(1000);
		read |= igbvf_reg_read(&w->vf, V2PMAILBOX);
	}
	return read & V2PMAILBOX_PFSTS;
}

#define MAC_ACK	(VF_SET_MAC_ADDR | MSG_CTS | MSG_ACK)

/* The PF has answered, and nobody has looked. */
TEST_F_TIMEOUT(igbvf, answer_that_was_not_read, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint32_t read;
	uint8_t byte;
	int i;

	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_TRUE(owned(w));
	request(w, third);
	usleep(200000);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, world_move(w, !w->at));
	/* Each part of the register has its own of it. */
	ASSERT_EQ(1, vfio_read(world_user(w), 0, V2PMAILBOX + 1, &byte, 1));
	EXPECT_EQ(0, byte);
	read = igbvf_reg_read(&w->vf, V2PMAILBOX);
	EXPECT_TRUE(read & V2PMAILBOX_PFSTS);
	EXPECT_TRUE(read & V2PMAILBOX_PFACK);
	EXPECT_FALSE(igbvf_reg_read(&w->vf, V2PMAILBOX) &
		     (V2PMAILBOX_PFSTS | V2PMAILBOX_PFACK));
	EXPECT_EQ(MAC_ACK, igbvf_reg_read(&w->vf, VMBMEM));
	/* It holds, whether it was read or not. */
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, SHORT));
	EXPECT_EQ(0, world_ask(w, VF_SET_VLAN | VF_VLAN_ADD, 5));
}

TEST_F_TIMEOUT(igbvf, half_a_message, TEST_SECONDS)
{
	struct world *w = &self->w;

	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_TRUE(owned(w));
	igbvf_reg_write(&w->vf, VMBMEM, VF_SET_MAC_ADDR);
	igbvf_reg_write(&w->vf, VMBMEM + 4, 0x12345678);
	igbvf_reg_write(&w->vf, VMBMEM + 60, 0x9abcdef0);
	ASSERT_EQ(0, world_move(w, 1));
	EXPECT_EQ(V2PMAILBOX_VFU, igbvf_reg_read(&w->vf, V2PMAILBOX) &
		  (V2PMAILBOX_VFU | V2PMAILBOX_PFSTS));
	EXPECT_EQ(VF_SET_MAC_ADDR, igbvf_reg_read(&w->vf, VMBMEM));
	EXPECT_EQ(0x12345678, igbvf_reg_read(&w->vf, VMBMEM + 4));
	EXPECT_EQ(0x9abcdef0, igbvf_reg_read(&w->vf, VMBMEM + 60));
	/* And the rest */
	request(w, third);
	EXPECT_TRUE(answered(w, 0));
	EXPECT_EQ(MAC_ACK, igbvf_reg_read(&w->vf, VMBMEM));
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, SHORT));
}

/* The PF at the destination answers what the source's has not. */
TEST_F_TIMEOUT(igbvf, request_that_was_not_answered, TEST_SECONDS)
{
	struct world *w = &self->w;

	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_EQ(0, world_ip(w, "down"));
	usleep(200000);
	/* Perhaps it has said so. */
	igbvf_reg_read(&w->vf, V2PMAILBOX);
	ASSERT_TRUE(owned(w));
	request(w, third);
	usleep(200000);
	EXPECT_FALSE(igbvf_reg_read(&w->vf, V2PMAILBOX) & V2PMAILBOX_PFSTS);
	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, world_pf_up(w));
	ASSERT_EQ(0, world_load(w, 1));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_TRUE(answered(w, 0));
	EXPECT_EQ(MAC_ACK, igbvf_reg_read(&w->vf, VMBMEM));
	/* The PF has reset itself, and so the rings of the source. */
	ASSERT_EQ(0, igbvf_ring_start(&w->vf, &w->rx[0]));
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, SHORT));
}

/*
 * The user has gone
 */

/* What nobody's address is reaches VF 1: QEMU's model has it so, see 7.10.3.6. */
static int take_strays(struct world *w)
{
	return igbvf_ask_address(&w->vf, 0, stranger) ? :
	       world_ask(w, VF_SET_MULTICAST | MSG_INFO(1),
			 world_hash(multicast)) ? :
	       world_ip(w, "promisc on");
}

TEST_F_TIMEOUT(igbvf, leaves_nothing_to_the_port, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ask_for_all(w));
	CHECK_ALL(w);
	world_detach(w);
	w->at = 1;
	ASSERT_EQ(0, world_start(w, ENTRIES));
	ASSERT_EQ(0, take_strays(w));
	EXPECT_EQ(1, world_arrives(w, stranger, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, second, 0, SHORT));

	world_close(w, 0);
	EXPECT_EQ(1, world_arrives(w, own, 0, SHORT));
	EXPECT_EQ(1, world_arrives(w, second, 0, SHORT));
	EXPECT_EQ(1, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_ip(w, "promisc off"));
	EXPECT_EQ(0, kmsg_has(w->kmsg, w->vfs[0].bdf, "the PF still filters", 0));
}

TEST_F_TIMEOUT(igbvf, leaves_nothing_to_the_next_user, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ask_for_all(w));
	CHECK_ALL(w);
	world_detach(w);
	world_close(w, 0);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	EXPECT_EQ(1, world_arrives(w, own, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, second, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, third, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 5, SHORT));
	EXPECT_EQ(0, world_arrives(w, multicast, 0, SHORT));
	EXPECT_EQ(0, world_arrives(w, own, 0, LONG));
	EXPECT_EQ(0, world_works(w));
}

/* Also what the state of a migration brought */
TEST_F_TIMEOUT(igbvf, leaves_nothing_that_was_loaded, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ask_for_all(w));
	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, world_load(w, 1));
	world_detach(w);
	world_close(w, 0);
	/* Memory is off, as after an end that was not the driver's. */
	ASSERT_EQ(0, world_memory(w, 1, false));
	world_close(w, 1);
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_open(w, 1));
	w->at = 0;
	ASSERT_EQ(0, world_start(w, ENTRIES));
	ASSERT_EQ(0, take_strays(w));
	EXPECT_EQ(1, world_arrives(w, own, 0, SHORT));
	EXPECT_EQ(1, world_arrives(w, second, 0, SHORT));
	EXPECT_EQ(0, world_ip(w, "promisc off"));
}

/* Nobody waits for a PF that is not there. */
TEST_F_TIMEOUT(igbvf, closes_though_the_pf_is_down, TEST_SECONDS)
{
	struct world *w = &self->w;
	long start;

	world_detach(w);
	ASSERT_EQ(0, world_ip(w, "down"));
	start = now_ms();
	world_close(w, 0);
	EXPECT_GT(3000, now_ms() - start);
	EXPECT_EQ(1, kmsg_has(w->kmsg, w->vfs[0].bdf,
			      "the PF still filters for the VF's last user (-110): set it down and up again",
			      1000));
	/* Of VF 1 it has not heard. */
	world_close(w, 1);
	EXPECT_EQ(0, kmsg_has(w->kmsg, w->vfs[1].bdf, "the PF still filters", 0));
	ASSERT_EQ(0, world_pf_up(w));
	ASSERT_EQ(0, world_open(w, 0));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	EXPECT_EQ(0, world_works(w));
}

/*
 * Refusals
 */

/*
 * VF 1 can't have the state of VF 0, for which things go on, until @remedy; then
 * it can.
 */
static void check_refused(struct __test_metadata *_metadata, struct world *w,
			  const char *message, const char *remedy)
{
	struct vfio_user *target = &w->users[1];

	ASSERT_EQ(0, world_save(w));
	EXPECT_EQ(-EACCES, world_load(w, 1));
	EXPECT_EQ(1, kmsg_has(w->kmsg, w->vfs[1].bdf, message, 1000));
	EXPECT_EQ(ERROR, mig_state(target));
	EXPECT_EQ(-EINVAL, mig_set_state(target, RUNNING, NULL));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0, world_works(w));

	ASSERT_EQ(0, vfio_reset(target));
	EXPECT_EQ(RUNNING, mig_state(target));
	ASSERT_EQ(0, world_ip(w, "%s", remedy));
	ASSERT_EQ(0, world_move(w, 1));
	EXPECT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(igbvf, another_address_is_set, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ip(w, "vf 1 mac 52:54:00:aa:bb:cc"));
	check_refused(_metadata, w,
		      "the PF refuses MAC address 02:76:66:69:6f:00: set it for this VF on this host, or none",
		      "vf 1 mac 00:00:00:00:00:00");
}

TEST_F_TIMEOUT(igbvf, its_address_is_set, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ip(w, "vf 1 mac 02:76:66:69:6f:00"));
	EXPECT_EQ(0, world_move(w, 1));
	EXPECT_EQ(0, world_works(w));
	EXPECT_EQ(0, world_ip(w, "vf 1 mac 00:00:00:00:00:00"));
}

TEST_F_TIMEOUT(igbvf, a_vlan_is_set, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_ask(w, VF_SET_VLAN | VF_VLAN_ADD, 9));
	ASSERT_EQ(0, world_ip(w, "vf 1 vlan 44"));
	check_refused(_metadata, w,
		      "the PF refuses VLAN 9: set no VLAN for this VF on this host",
		      "vf 1 vlan 0");
	EXPECT_EQ(1, world_arrives(w, own, 9, SHORT));
}

/* Where its address is set */
TEST_F_TIMEOUT(igbvf, not_trusted, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, igbvf_ask_address(&w->vf, VF_MAC_FILTER_ADD, second));
	ASSERT_EQ(0, world_ip(w, "vf 1 mac 02:76:66:69:6f:00"));
	check_refused(_metadata, w,
		      "the PF refuses the further MAC address 02:76:66:69:6f:02: trust this VF on this host",
		      "vf 1 trust on");
	EXPECT_EQ(1, world_arrives(w, second, 0, SHORT));
	EXPECT_EQ(0, world_ip(w, "vf 1 trust off"));
	EXPECT_EQ(0, world_ip(w, "vf 1 mac 00:00:00:00:00:00"));
}

TEST_F_TIMEOUT(igbvf, pf_is_down, TEST_SECONDS)
{
	struct world *w = &self->w;
	long start;

	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, world_ip(w, "down"));
	start = now_ms();
	EXPECT_EQ(-ETIMEDOUT, world_load(w, 1));
	EXPECT_GT(10000, now_ms() - start);
	EXPECT_EQ(1, kmsg_has(w->kmsg, w->vfs[1].bdf,
			      "the PF does not answer: bring it up, with its driver",
			      1000));
	EXPECT_EQ(ERROR, mig_state(&w->users[1]));
	ASSERT_EQ(0, vfio_reset(&w->users[1]));
	EXPECT_EQ(RUNNING, mig_state(&w->users[1]));
	ASSERT_EQ(0, world_pf_up(w));
	/* The same again */
	ASSERT_EQ(0, world_load(w, 1));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0, world_works(w));
}

TEST_HARNESS_MAIN
