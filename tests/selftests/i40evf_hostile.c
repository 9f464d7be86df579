// SPDX-License-Identifier: GPL-2.0-only
/*
 * An XL710 VF moves, whose driver, or whose stream, is malformed, or which is reset in
 * the middle; see i40evf.c. Lab model: i40e-vf --vfs 2 --trusted.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "health.h"
#include "i40evf/fixture.h"
#include "i40evf/requests.h"
#include "kmsg.h"
#include "records.h"

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
			drop_answers(w);
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
