// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of an 82576 VF moves: resets in its middle, and states that no VF had;
 * see igbvf.c. Lab device: igb.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "igbvf_fixture.h"
#include "health.h"
#include "job.h"
#include "kmsg.h"
#include "records.h"
#include "rounds.h"

/*
 * Resets
 */

static bool has_state(struct world *w, uint32_t state)
{
	return state != ERROR &&
	       ((state != PRE_COPY && state != PRE_COPY_P2P) ||
		mig_has_precopy(world_user(w)));
}

/* VF 1 is in that state; in RESUMING it has one, if @loaded. */
static void enter(struct __test_metadata *_metadata, struct world *w,
		  uint32_t state, bool loaded)
{
	int fd;

	if (state == RESUMING && loaded) {
		ASSERT_EQ(0, world_load(w, 1));
	} else {
		ASSERT_EQ(0, mig_set_state(&w->users[1], state, &fd));
		close(fd);
	}
}

/* As after power-on; and then it is of use. */
static void check_reset(struct __test_metadata *_metadata, struct world *w)
{
	EXPECT_EQ(RUNNING, mig_state(world_user(w)));
	EXPECT_FALSE(world_enabled(w));
	/* A reset has not ended the tracking of pages, by which posts are late. */
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	EXPECT_EQ(0, world_works(w));
	ASSERT_TRUE(__test_passed(_metadata));
}

/* What VF 0 has saved is there to be loaded; VF 1 runs. */
static void save_and_start(struct __test_metadata *_metadata, struct world *w)
{
	ASSERT_EQ(0, world_ask_for_all(w));
	ASSERT_EQ(0, world_works(w));
	ASSERT_EQ(0, world_save(w));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	ASSERT_EQ(0, world_works(w));
}

TEST_F_TIMEOUT(igbvf, reset_in_every_state, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint32_t state;
	int loaded;

	save_and_start(_metadata, w);
	for (state = 0; state < NUM_STATES; state++) {
		for (loaded = 0; loaded <= (state == RESUMING); loaded++) {
			if (!has_state(w, state))
				continue;
			TH_LOG("%s", mig_name(state));
			enter(_metadata, w, state, loaded);
			ASSERT_EQ(0, vfio_reset(world_user(w)));
			check_reset(_metadata, w);
		}
	}
}

TEST_F_TIMEOUT(igbvf, reset_by_register_in_every_state, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint32_t state;
	int loaded, i;

	save_and_start(_metadata, w);
	for (state = 0; state < NUM_STATES; state++) {
		for (loaded = 0; loaded <= (state == RESUMING); loaded++) {
			if (!has_state(w, state))
				continue;
			TH_LOG("%s", mig_name(state));
			enter(_metadata, w, state, loaded);
			for (i = 0; i < VECTORS; i++)
				world_drain(w, i);
			igbvf_reg_write(&w->vf, VTCTRL, VTCTRL_RST);
			EXPECT_EQ(state, mig_state(world_user(w)));
			/* Nothing was loaded: that is an error of its own. */
			if (state == RESUMING && !loaded) {
				ASSERT_EQ(0, vfio_reset(world_user(w)));
			} else {
				ASSERT_EQ(0, mig_set_state(world_user(w),
							   RUNNING, NULL));
			}
			/* What was stopped does not come to life again. */
			for (i = 0; i < VECTORS; i++)
				EXPECT_FALSE(world_drain(w, i));
			check_reset(_metadata, w);
		}
	}
}

/*
 * Hostile states
 */

/* Behind the identity */
#define STATE_AT	(sizeof(struct record) + sizeof(struct identity))
#define PAYLOAD_AT	(STATE_AT + sizeof(struct record))

/*
 * @w: with what was saved
 * @vf: which takes what is made of it
 * @step: every so many bytes are flipped, from @vf on
 * @random: how many times more than one byte
 */
struct mutation {
	struct world *w;
	unsigned int vf;
	unsigned int step;
	unsigned int random;
	unsigned int taken;
	unsigned int refused;
	struct mig_stream stream;
};

/* Loads it, and has it run; whatever becomes of it, the next can be loaded. */
static int try(struct mutation *m)
{
	struct vfio_user *user = &m->w->users[m->vf];
	int fd, ret;

	record_seal(&m->stream, STATE_AT);
	ret = mig_set_state(user, RESUMING, &fd);
	if (ret)
		return ret;
	ret = mig_write(fd, m->stream.bytes, m->stream.len, PAGE);
	close(fd);
	if (!ret)
		ret = mig_set_state(user, RUNNING, NULL);
	if (!ret) {
		m->taken++;
		return world_send(m->w, everybody, 0, SHORT);
	}

	m->refused++;
	if (ret != -EINVAL && ret != -EACCES && ret != -ETIMEDOUT)
		return ret;
	ret = vfio_reset(user);
	return ret ? ret : vfio_bus_master(user, true);
}

static int mutate(void *arg)
{
	struct mutation *m = arg;
	const struct mig_stream *saved = &m->w->stream;
	size_t len = saved->len - PAYLOAD_AT, i;
	unsigned int seed = 1 + m->vf, bytes, round;
	int ret = 0;

	for (i = m->vf; !ret && i < len; i += m->step) {
		m->stream = *saved;
		m->stream.bytes[PAYLOAD_AT + i] ^= 1 << i % 8;
		ret = try(m);
	}
	for (round = 0; !ret && round < m->random; round++) {
		m->stream = *saved;
		for (bytes = 2 + round % 4; bytes; bytes--)
			m->stream.bytes[PAYLOAD_AT + rand_r(&seed) % len] =
				rand_r(&seed);
		ret = try(m);
	}
	return ret;
}

TEST_F_TIMEOUT(igbvf, hostile_states, TEST_SECONDS)
{
	struct world *w = &self->w;
	static struct mutation m[VFS];
	struct job job[VFS];
	uint8_t *canary = memory_alloc(PAGE);
	unsigned int i;

	memset(canary, 0x5a, PAGE);
	ASSERT_EQ(0, world_ask_for_all(w));
	ASSERT_EQ(0, world_works(w));
	world_post(w);
	ASSERT_EQ(0, world_save(w));
	for (i = 0; i < VFS; i++) {
		m[i] = (struct mutation){
			.w = w, .vf = i, .step = rounds(VFS, 5 * VFS),
			.random = rounds(500, 60),
		};
		ASSERT_EQ(0, vfio_bus_master(&w->users[i], true));
		job[i] = (struct job){ .run = mutate, .arg = &m[i] };
		ASSERT_EQ(0, job_start(&job[i], job[i].run, job[i].arg));
	}
	for (i = 0; i < VFS; i++) {
		ASSERT_EQ(0, job_wait(&job[i], TEST_SECONDS));
		EXPECT_EQ(0, job[i].result);
		TH_LOG("VF %u: %u loaded, %u refused", i, m[i].taken,
		       m[i].refused);
		EXPECT_LT(0, m[i].taken);
		EXPECT_LT(0, m[i].refused);
	}
	EXPECT_TRUE(all_bytes(canary, 0x5a, PAGE));
	/* For QEMU's model, which never forgets a vector that a queue had */
	ASSERT_EQ(0, world_ip(w, "down"));
	ASSERT_EQ(0, world_pf_up(w));
	for (i = 0; i < VFS; i++) {
		ASSERT_EQ(0, vfio_reset(&w->users[i]));
		ASSERT_EQ(0, world_attach(w, i));
		ASSERT_EQ(0, world_start(w, ENTRIES));
		EXPECT_EQ(0, world_works(w));
	}
	EXPECT_EQ(0, health_complaints(w->kmsg));
}

/* Rings where nothing is mapped: what is there stays as it is. */
TEST_F_TIMEOUT(igbvf, rings_that_are_elsewhere, TEST_SECONDS)
{
	struct world *w = &self->w;
	uint8_t *canary = memory_alloc(PAGE);
	uint64_t where = physical(canary);
	int i;

	memset(canary, 0x5a, PAGE);
	ASSERT_NE(0, where);
	world_post(w);
	ASSERT_EQ(0, world_save(w));
	/* The address of the first receive ring */
	memcpy(w->stream.bytes + PAYLOAD_AT, &where, 8);
	record_seal(&w->stream, STATE_AT);
	ASSERT_EQ(0, world_load(w, 1));
	ASSERT_EQ(0, world_attach(w, 1));
	ASSERT_EQ(0, mig_set_state(world_user(w), RUNNING, NULL));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, world_send(w, own, 0, SHORT));
	usleep(100000);
	EXPECT_TRUE(all_bytes(canary, 0x5a, PAGE));
	ASSERT_EQ(0, vfio_reset(world_user(w)));
	ASSERT_EQ(0, world_start(w, ENTRIES));
	EXPECT_EQ(0, world_works(w));
}

TEST_HARNESS_MAIN
