// SPDX-License-Identifier: GPL-2.0-only
/*
 * An XL710 VF moves: what its driver is told, what the PF at the destination has to
 * grant, and what is written to memory. Type pt-i40e-vf. Lab model: i40e-vf --vfs 2
 * --trusted.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "clock.h"
#include "dirty.h"
#include "health.h"
#include "i40evf/world.h"
#include "kmsg.h"
#include "records.h"

#define TEST_SECONDS	600
#define PAGES		(MEMORY_SIZE / 4096)

static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x0e, 0x00, 0x51 };
static const uint8_t second[6] = { 0x52, 0x54, 0x00, 0x0e, 0x00, 0x52 };

static void put16(uint8_t *p, uint16_t value)
{
	memcpy(p, &value, 2);
}

static void put32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, 4);
}

/* The status of the answer */
static int32_t ask_mac(struct world *w, uint32_t op, const uint8_t *address)
{
	/* With room for one more, as drivers have it */
	uint8_t msg[20] = {};

	put16(msg, w->vsi);
	put16(msg + 2, 1);
	memcpy(msg + 4, address, 6);
	return vf_request(&w->f, op, msg, sizeof(msg), NULL, NULL);
}

static int32_t ask_vlan(struct world *w, uint32_t op, uint16_t vid)
{
	uint8_t msg[8] = {};

	put16(msg, w->vsi);
	put16(msg + 2, 1);
	put16(msg + 4, vid);
	return vf_request(&w->f, op, msg, sizeof(msg), NULL, NULL);
}

static int32_t ask_promiscuous(struct world *w, uint16_t flags)
{
	uint8_t msg[4];

	put16(msg, w->vsi);
	put16(msg + 2, flags);
	return vf_request(&w->f, OP_CONFIG_PROMISCUOUS_MODE, msg, sizeof(msg),
			  NULL, NULL);
}

static int32_t ask_stats(struct world *w, void *reply, uint16_t *len)
{
	uint8_t msg[12] = {};

	put16(msg, w->vsi);
	return vf_request(&w->f, OP_GET_STATS, msg, sizeof(msg), reply, len);
}

/* How often the PF of function 1 has got such a request */
static long requests(struct world *w, const char *name)
{
	char what[64];
	long n;

	snprintf(what, sizeof(what), "request %s", name);
	n = world_value(w, 1, "stats", what);
	return n < 0 ? 0 : n;
}

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

TEST_F_TIMEOUT(i40evf, works, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	for (i = 0; i < 50; i++)
		ASSERT_EQ(0, world_works(w));
}

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
 * Moves
 */

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
		ASSERT_EQ(0, world_move(w));
		ASSERT_EQ(1, world_is_told(w));
		ASSERT_EQ(0, world_recover(w));
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
	ASSERT_EQ(1, world_is_told(w));
	ASSERT_EQ(0, world_recover(w));
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
	EXPECT_EQ(1, world_is_told(w));
	EXPECT_EQ(0, world_recover(w));
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
	if (!mig_has_precopy(world_user(w))) {
		ASSERT_EQ(1, world_is_told(w));
		ASSERT_EQ(0, world_recover(w));
	}
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
	EXPECT_EQ(0, world_move(w));
	EXPECT_EQ(1, world_is_told(w));
	EXPECT_EQ(0, world_recover(w));
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
	EXPECT_EQ(0, world_move(w));
	EXPECT_EQ(1, world_is_told(w));
	EXPECT_EQ(0, world_recover(w));
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
	ASSERT_EQ(0, world_move(w));
	ASSERT_EQ(1, world_is_told(w));
	ASSERT_EQ(0, world_recover(w));

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

/* Linux's iavf takes promiscuous mode for still on, and asks for statistics. */
TEST_F_TIMEOUT(i40evf, promiscuous_mode_is_repeated, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint8_t reply[128], zeroes[96] = {};
	uint16_t len = sizeof(reply);
	long stats = requests(w, "GET_STATS");
	int i;

	ASSERT_EQ(0, ask_promiscuous(w, 3));
	ASSERT_EQ(0, world_move(w));
	ASSERT_EQ(1, world_is_told(w));
	ASSERT_EQ(0, world_recover(w));
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
	ASSERT_EQ(0, world_move(w));
	ASSERT_EQ(1, world_is_told(w));
	ASSERT_EQ(0, world_recover(w));
	ASSERT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_NE(NULL, strstr(world_model(w, 0, "state"),
			       "promiscuous unicast multicast"));

	/* Also if it moves twice before it asks for statistics */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, world_move(w));
		ASSERT_EQ(1, world_is_told(w));
		ASSERT_EQ(0, world_recover(w));
	}
	ASSERT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_NE(NULL, strstr(world_model(w, 0, "state"),
			       "promiscuous unicast multicast"));
}

TEST_F_TIMEOUT(i40evf, promiscuous_mode_is_the_driver_s, TEST_SECONDS)
{
	struct world *w = &self->w;
	long stats = requests(w, "GET_STATS");

	ASSERT_EQ(0, ask_promiscuous(w, 3));
	ASSERT_EQ(0, world_move(w));
	ASSERT_EQ(1, world_is_told(w));
	ASSERT_EQ(0, world_recover(w));
	ASSERT_EQ(0, ask_promiscuous(w, 0));
	ASSERT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_EQ(stats + 1, requests(w, "GET_STATS"));
	EXPECT_EQ(NULL, strstr(world_model(w, 1, "state"), "promiscuous unicast"));
}

TEST_F_TIMEOUT(i40evf, promiscuous_mode_is_refused, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, ask_promiscuous(w, 3));
	ASSERT_EQ(0, world_move(w));
	ASSERT_EQ(1, world_is_told(w));
	ASSERT_EQ(0, world_recover(w));
	ASSERT_NE(NULL, world_model(w, 1, "refuse CONFIG_PROMISCUOUS_MODE"));
	EXPECT_EQ(0, ask_stats(w, NULL, NULL));
	EXPECT_EQ(1, kmsg_has(w->kmsg, world_bdf(w, 1),
			      "refuses promiscuous mode", 1000));
}

/*
 * Written pages
 */

struct pages {
	uint64_t bits[DIRTY_WORDS(PAGES)];
};

static bool has(const struct pages *p, unsigned int page)
{
	return p->bits[page / 64] >> page % 64 & 1;
}

static unsigned int weight(const struct pages *p)
{
	unsigned int i, n = 0;

	for (i = 0; i < DIRTY_WORDS(PAGES); i++)
		n += __builtin_popcountll(p->bits[i]);
	return n;
}

/* What the function has written since the last time, as the model says */
static int written(struct world *w, struct pages *p)
{
	const char *text = world_model(w, w->at, "dirty clear");
	unsigned long iova, len, page;
	int n;

	memset(p, 0, sizeof(*p));
	if (!text)
		return -EIO;
	while (sscanf(text, "%lx %lx\n%n", &iova, &len, &n) == 2) {
		text += n;
		/* Before a user had it, others were written. */
		for (page = (iova - MEMORY) / 4096; len; len -= 4096, page++) {
			if (page < PAGES)
				p->bits[page / 64] |= 1ull << page % 64;
		}
	}
	return 0;
}

static int query(struct world *w, struct pages *reported)
{
	return container_query(world_user(w), MEMORY, MEMORY_SIZE,
			       reported->bits);
}

static unsigned int missed(struct __test_metadata *_metadata,
			   const struct pages *real, const struct pages *reported,
			   bool say)
{
	unsigned int i, n = 0;

	for (i = 0; i < PAGES; i++) {
		if (!has(real, i) || has(reported, i))
			continue;
		n++;
		if (say)
			TH_LOG("missed 0x%x", i * 4096);
	}
	return n;
}

/* What was written is reported, soon; or at once, if @stopped. Little else is. */
#define CHECK_WRITTEN(w, stopped, more) do { \
	struct pages _real, _reported = {}; \
	long _end = now_ms() + 20000; \
	ASSERT_EQ(0, written(w, &_real)); \
	ASSERT_EQ(0, query(w, &_reported)); \
	while (!(stopped) && now_ms() < _end && \
	       missed(_metadata, &_real, &_reported, false)) { \
		usleep(2000); \
		ASSERT_EQ(0, query(w, &_reported)); \
	} \
	EXPECT_EQ(0, missed(_metadata, &_real, &_reported, true)); \
	EXPECT_GE(weight(&_real) + (more), weight(&_reported)); \
} while (0)

/* False: not on this kernel */
static bool track(struct __test_metadata *_metadata, struct world *w)
{
	struct pages pages = {};

	if (!mig_has_precopy(world_user(w)))
		return false;
	EXPECT_EQ(0, container_start(world_user(w)));
	EXPECT_EQ(0, world_precopy(w));
	EXPECT_EQ(0, query(w, &pages));
	EXPECT_EQ(0, written(w, &pages));
	return true;
}

TEST_F_TIMEOUT(i40evf, reports_what_it_wrote, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int i;

	ASSERT_EQ(0, world_works(w));
	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, world_receive(w, 7));
		CHECK_WRITTEN(w, false, 8);
		ASSERT_EQ(0, world_send(w));
		CHECK_WRITTEN(w, false, 8);
		ASSERT_EQ(0, ask_vlan(w, OP_ADD_VLAN, 1 + i));
		CHECK_WRITTEN(w, false, 8);
		EXPECT_EQ(0, world_works(w));
		CHECK_WRITTEN(w, false, 8);
	}
	/* The last, which nobody has looked at: answered, but not read */
	ASSERT_EQ(0, world_receive(w, 40));
	ASSERT_EQ(0, world_send(w));
	ASSERT_NE(NULL, world_model(w, 0, "link down"));
	ASSERT_NE(NULL, world_model(w, 0, "link up"));
	/* Nor does the stream say that some may be missing. */
	ASSERT_EQ(0, world_save(w));
	/* Buffers that may be half full, and whole rings */
	CHECK_WRITTEN(w, true, 2 * 8 + 8);
}

/* The driver sets all up anew while pages are tracked. */
TEST_F_TIMEOUT(i40evf, reports_over_a_reset_by_the_pf, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, world_works(w));
		ASSERT_NE(NULL, world_model(w, 0, i ? "reset quiet" : "reset"));
		ASSERT_EQ(0, world_recover(w));
		/* What was posted before is reported, be it written or not. */
		CHECK_WRITTEN(w, false, PAGES);
		ASSERT_EQ(0, world_receive(w, 7));
		ASSERT_EQ(0, world_send(w));
		CHECK_WRITTEN(w, false, 8);
	}
	/* Nor does the stream say that some may be missing. */
	ASSERT_EQ(0, world_save(w));
	CHECK_WRITTEN(w, true, 2 * 8 + 8);
}

/* Throttling has its registers beside the tails. */
TEST_F_TIMEOUT(i40evf, throttling_while_tracked, TEST_SECONDS)
{
	struct world *w = &self->w;
	int i;

	vf_put(&w->f, VFINT_ITRN1, 0x21);
	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	EXPECT_EQ(0x21, vf_get(&w->f, VFINT_ITRN1));
	EXPECT_EQ(11, vf_get(&w->f, VFINT_ITRN1 + 4));
	vf_put(&w->f, VFINT_ITRN1 + 64, 0x33);
	EXPECT_EQ(0x33, vf_get(&w->f, VFINT_ITRN1 + 64));
	for (i = 0; i < 300; i++) {
		const char *state = world_model(w, 0, "state");

		ASSERT_NE(NULL, state);
		if (strstr(state, "vector 1 enabled itr 33 51 0"))
			break;
	}
	EXPECT_GT(300, i);
	/* The last is not lost when tracking ends. */
	vf_put(&w->f, VFINT_ITRN1 + 64, 0x34);
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0x34, vf_get(&w->f, VFINT_ITRN1 + 64));
	EXPECT_NE(NULL, strstr(world_model(w, 0, "state"),
			       "vector 1 enabled itr 33 52 0"));
}

/* Its tail is 0 then, by itself; the same value is written again. */
TEST_F_TIMEOUT(i40evf, queue_that_is_disabled_while_tracked, TEST_SECONDS)
{
	const uint32_t select[] = { 0, 3, 3 };
	struct world *w = &self->w;
	uint32_t msg[3];

	if (!track(_metadata, w))
		SKIP(return, "no PRE_COPY");
	ASSERT_EQ(0, world_send_burst(w, 0, 5));
	memcpy(msg, select, sizeof(msg));
	msg[0] = w->vsi;
	ASSERT_EQ(0, vf_request(&w->f, OP_DISABLE_QUEUES, msg, sizeof(msg), NULL,
				NULL));
	ASSERT_EQ(0, world_start_queues(w));
	EXPECT_EQ(0, world_send_burst(w, 0, 5));
	EXPECT_EQ(0, world_works(w));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	EXPECT_EQ(0, world_works(w));
}

/*
 * Hostile
 */

static void drain_answers(struct world *w)
{
	uint32_t message;
	int32_t status;

	while (vf_receive(&w->f, &message, &status, NULL, NULL))
		;
}

/* Whatever became of it, it is reset and works. */
static void check_well(struct __test_metadata *_metadata, struct world *w)
{
	ASSERT_EQ(0, vfio_reset(world_user(w)));
	ASSERT_EQ(RUNNING, mig_state(world_user(w)));
	ASSERT_EQ(0, world_attach(w, w->at));
	ASSERT_EQ(0, world_start(w));
	EXPECT_EQ(0, world_works(w));
	EXPECT_EQ(0, health_complaints(w->kmsg));
}

static void fill(uint8_t *msg, size_t len, unsigned int how)
{
	size_t i;

	for (i = 0; i < len; i++)
		msg[i] = how == 0 ? 0 : how == 1 ? 0xff : rand();
}

TEST_F_TIMEOUT(i40evf, every_message_of_every_length, TEST_SECONDS)
{
	static const uint16_t lengths[] = {
		0, 1, 3, 4, 6, 7, 8, 12, 71, 72, 136, 4095, 4096,
	};
	static uint8_t msg[4096];
	struct world *w = &self->w;
	unsigned int op, i, how;

	ASSERT_EQ(0, world_precopy(w));
	for (op = 0; op < 64; op++) {
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			how = (op + i) % 3;
			fill(msg, lengths[i], how);
			vf_send(&w->f, op, msg, lengths[i]);
			drain_answers(w);
		}
		/* It may have been reset by one of them. */
		if (!(vf_get(&w->f, VF_ARQLEN1) & AQ_LEN_ENABLE)) {
			ASSERT_TRUE(vf_active(&w->f));
			vf_adminq(&w->f);
		}
	}
	EXPECT_EQ(0, world_save(w));
	check_well(_metadata, w);
}

/* Rings where no memory is, of any length, with tails of any value */
TEST_F_TIMEOUT(i40evf, rings_that_can_not_be, TEST_SECONDS)
{
	static const uint64_t bases[] = {
		0, ~0ull << 7, 1ull << 63, MEMORY + MEMORY_SIZE - 128,
	};
	static const uint32_t lengths[] = { 0, 8, 32, 8160, 0xffffffe0 };
	uint8_t msg[72 + 64 * QUEUES];
	const uint32_t select[] = { 0, ~0u, ~0u };
	struct world *w = &self->w;
	unsigned int i, j, k;
	uint16_t len;

	ASSERT_EQ(0, world_precopy(w));
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			len = vf_queue_config(msg, w->vsi, QUEUES, MAX_FRAME);
			for (k = 0; k < QUEUES; k++) {
				uint8_t *q = msg + 8 + 64 * k;

				put16(q + 4, lengths[j]);
				memcpy(q + 8, &bases[i], 8);
				put32(q + 28, lengths[j]);
				put32(q + 36, k ? 0 : 0xffffffff);
				memcpy(q + 48, &bases[i], 8);
			}
			vf_request(&w->f, OP_CONFIG_VSI_QUEUES, msg, len, NULL,
				   NULL);
			vf_request(&w->f, OP_ENABLE_QUEUES, select,
				   sizeof(select), NULL, NULL);
			for (k = 0; k < 16; k++) {
				vf_put(&w->f, QRX_TAIL1 + 4 * k, rand());
				vf_put(&w->f, QTX_TAIL1 + 4 * k, rand());
			}
		}
	}
	EXPECT_EQ(0, mig_set_state(world_user(w), STOP, NULL));
	EXPECT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	check_well(_metadata, w);
}

/* Admin queues that can't be read: the messages pass, and there is no move. */
TEST_F_TIMEOUT(i40evf, admin_queues_out_of_memory, TEST_SECONDS)
{
	struct world *w = &self->w;
	int fd, ret;

	vf_put(&w->f, VF_ATQBAL1, 0xfffff000);
	vf_put(&w->f, VF_ATQT1, 3);
	vf_put(&w->f, VF_ARQBAL1, 0xfffff000);
	vf_put(&w->f, VF_ARQT1, 0x3ff);
	vf_put(&w->f, VF_ARQLEN1, 0x3ff | AQ_LEN_ENABLE);
	vf_put(&w->f, VF_ARQT1, 5);
	vf_get(&w->f, VF_ARQH1);
	ret = mig_set_state(world_user(w), mig_has_precopy(world_user(w)) ?
			    PRE_COPY : STOP_COPY, &fd);
	EXPECT_EQ(-EOPNOTSUPP, ret);
	EXPECT_EQ(1, kmsg_has(w->kmsg, world_bdf(w, 0),
			      "the messages to the PF could not be read", 1000));
	check_well(_metadata, w);
	/* It is over with the reset. */
	EXPECT_EQ(0, world_move(w));
}

TEST_F_TIMEOUT(i40evf, damaged_states, TEST_SECONDS)
{
	struct world *w = &self->w;
	unsigned int taken = 0, refused = 0, i;
	struct record *record;
	uint8_t *state, byte;
	int fd, ret;

	ASSERT_EQ(0, world_save(w));
	record = record_find(&w->stream, RECORD_STATE);
	ASSERT_NE(NULL, record);
	state = (uint8_t *)(record + 1);
	for (i = 0; i < record->len; i += i < 64 ? 1 : 13) {
		byte = state[i];
		state[i] ^= 1 << rand() % 8;
		record_seal(&w->stream, (uint8_t *)record - w->stream.bytes);
		ASSERT_EQ(0, mig_set_state(&w->users[1], RESUMING, &fd));
		ret = mig_write(fd, w->stream.bytes, w->stream.len, 4096);
		close(fd);
		state[i] = byte;
		if (!ret)
			ret = mig_set_state(&w->users[1], RUNNING, NULL);
		if (ret) {
			EXPECT_TRUE(ret == -EINVAL || ret == -EACCES);
			refused++;
			ASSERT_EQ(0, vfio_reset(&w->users[1]));
		} else {
			taken++;
		}
	}
	TH_LOG("%u taken, %u refused", taken, refused);
	EXPECT_LT(0, taken);
	EXPECT_LT(0, refused);
	ASSERT_EQ(0, world_attach(w, 1));
	check_well(_metadata, w);
}

/* A reset ends each state, and nothing of before is left. */
TEST_F_TIMEOUT(i40evf, reset_in_every_state, TEST_SECONDS)
{
	static const uint32_t states[] = {
		RUNNING, PRE_COPY, STOP, RUNNING_P2P, STOP_COPY, RESUMING,
	};
	struct world *w = &self->w;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (states[i] == PRE_COPY &&
		    !mig_has_precopy(world_user(w)))
			continue;
		TH_LOG("%s", mig_name(states[i]));
		ASSERT_EQ(0, mig_set_state(world_user(w), states[i], &fd));
		check_well(_metadata, w);
		EXPECT_EQ(0, world_is_told(w));
		close(fd);
	}
}

/* By message, in the middle of a move that is then made */
TEST_F_TIMEOUT(i40evf, resets_itself_in_the_middle, TEST_SECONDS)
{
	struct world *w = &self->w;

	ASSERT_EQ(0, world_precopy(w));
	vf_send(&w->f, OP_RESET_VF, NULL, 0);
	ASSERT_EQ(0, world_move(w));
	/* It waits for what it finds here. */
	EXPECT_EQ(0, world_recover(w));
	EXPECT_EQ(0, world_works(w));
	EXPECT_EQ(0, health_complaints(w->kmsg));
}

TEST_HARNESS_MAIN
