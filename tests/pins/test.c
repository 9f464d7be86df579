// SPDX-License-Identifier: GPL-2.0-only
/*
 * pins.c against type1's unmap: no schedule may lead to its BUG, to a lost mark, to a
 * page that stays pinned. SCHEDULES in the environment: how many of each kind.
 */

#include <stdlib.h>

#include "kselftest_harness.h"
#include "model.h"

#define SCHEDULES	2500
/* As pins.c has it */
#define GATE		6

static unsigned int schedules(void)
{
	const char *number = getenv("SCHEDULES");

	return number ? atoi(number) : SCHEDULES;
}

/* Runs all of the kind, with 1 to 16 devices; the worst of what came of them */
static struct outcome run_all(struct __test_metadata *_metadata,
			      struct schedule kind)
{
	struct outcome all = {}, one;
	unsigned int n = schedules();
	bool late = kind.late;

	for (kind.seed = 1; kind.seed <= n; kind.seed++) {
		/* Few of them with many devices, which take long */
		kind.devices = kind.seed % 50 ? 1 + kind.seed % 4 :
						1 + kind.seed / 50 % 16;
		kind.late = late ? kind.devices / 2 : 0;
		one = model_run(&kind);
		all.asked = max(all.asked, one.asked);
		all.unmaps += one.unmaps;
		all.marked += one.marked;
		all.errors += one.errors;
		all.failed = one.failed;
		if (one.failed) {
			TH_LOG("seed %u, %u devices: %s", kind.seed,
			       kind.devices, one.failed);
			break;
		}
	}
	TH_LOG("%lu unmaps, %lu marks; asked %u times at most; %u gave up",
	       all.unmaps, all.marked, all.asked, all.errors);
	return all;
}

TEST(asked_once)
{
	struct outcome o = run_all(_metadata, (struct schedule){ .unmappers = 1 });

	EXPECT_EQ(NULL, o.failed);
	EXPECT_EQ(1, o.asked);
}

/* Each that pins before it was asked once costs another time, up to the gate. */
TEST(devices_come_meanwhile)
{
	struct outcome o = run_all(_metadata, (struct schedule){
		.unmappers = 1, .late = 1 });

	EXPECT_EQ(NULL, o.failed);
	EXPECT_GE(GATE, o.asked);
}

/* What an unmap has to be known by needs memory. */
TEST(no_memory_for_it)
{
	struct outcome o = run_all(_metadata, (struct schedule){
		.unmappers = 1, .scarce = true });

	EXPECT_EQ(NULL, o.failed);
	EXPECT_GE(2, o.asked);
}

/* Whoever waits for a second may have had no CPU. */
TEST(no_cpu_to_spare)
{
	struct outcome o = run_all(_metadata, (struct schedule){
		.unmappers = 1, .stalled = true });

	EXPECT_EQ(NULL, o.failed);
}

/* Which can wait for each other: then one is asked again. */
TEST(two_unmap_at_once)
{
	struct outcome o = run_all(_metadata, (struct schedule){ .unmappers = 2 });

	EXPECT_EQ(NULL, o.failed);
}

TEST(two_unmap_and_no_cpu_to_spare)
{
	struct outcome o = run_all(_metadata, (struct schedule){
		.unmappers = 2, .stalled = true });

	EXPECT_EQ(NULL, o.failed);
}

TEST_HARNESS_MAIN
