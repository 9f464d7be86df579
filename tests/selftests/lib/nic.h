/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An 82576 VF that is receiving, and a user who asks what it has written
 *
 * Functions return 0 or -errno, unless they name something else.
 */
#ifndef _SELFTESTS_NIC_H
#define _SELFTESTS_NIC_H

#include <stdbool.h>

#include "dirty.h"
#include "function.h"
#include "igbvf.h"
#include "mirror.h"

#define NIC_PATIENCE_MS	20000

/* A power of two, and above all of the memory that a lab host has */
#define RINGS_IOVA	0x1000000000ULL
#define RINGS_SIZE	(32 * PAGE)
#define BUFFERS_IOVA	0x1100000000ULL
#define BUFFERS_SIZE	(1024 * PAGE)

/* Pages of the rings' memory; igbvf_start() has the first two. */
#define RX_RING		(2 * PAGE)
#define TX_RING		(18 * PAGE)
#define WRITEBACK	(19 * PAGE)
#define TX_BUFFER	(20 * PAGE)

#define MAX_FRAME	1400

/*
 * @way: how it is opened
 * @room: what one descriptor's buffers take, in bytes
 * @per_packet: descriptors that the longest frame takes
 * @sequence: of the frames; no two are equal
 */
struct nic {
	struct function function;
	struct vfio_user user;
	enum vfio_way way;
	enum tracking tracking;
	struct mirror rings;
	struct mirror buffers;
	struct igbvf vf;
	struct igbvf_ring rx;
	size_t room;
	unsigned int per_packet;
	int packet;
	unsigned int seed;
	uint32_t sequence;
};

/* Takes the VF for an mdev of @type: NULL, or what is missing. */
const char *nic_offer(struct nic *w, const char *type, const char *module);
/* When the last test is over */
void nic_end(const char *module);
/* Opens it by @way, with rings and buffers, and brings it up. */
int nic_attach(struct nic *w);
/* The same, without what opens it */
int nic_start(struct nic *w);
void nic_detach(struct nic *w);
/* Its driver goes down and comes up, by the VF's own reset. */
int nic_restart(struct nic *w);

/* A receive ring instead of the one that there is */
int nic_ring_start(struct nic *w, uint32_t entries, uint32_t srrctl);
/* Posts as many buffers, or as many as there is room for. */
void nic_post(struct nic *w, uint32_t count);
/* Has a frame sent to it by the PF. */
bool nic_send(struct nic *w, size_t len);
size_t nic_length(struct nic *w);
/* Until as many descriptors are done; how many were */
unsigned int nic_collect(struct nic *w, unsigned int count, int timeout_ms);
/* Posts, and has frames sent, until @count descriptors are done; how many were */
unsigned int nic_traffic(struct nic *w, unsigned int count);
/* Has frames sent until @count descriptors of those posted are done. */
bool nic_receive(struct nic *w, unsigned int count);

/* Traffic until it is told to stop: a job. */
struct nic_driver {
	struct nic *w;
	bool stop;
	unsigned int done;
};

int nic_drive(void *driver);

/* Why this kernel does not track in this way, or NULL; else that way it is. */
const char *nic_tracking_missing(struct nic *w, enum tracking tracking);
/* From now on; all that is written up to now counts as known. */
int nic_track(struct nic *w);
int nic_untrack(struct nic *w);
/* What was written since the last time */
int nic_sync(struct nic *w, struct mirror_count *count);
/*
 * The same while the device has nothing to do: what changed is reported. The
 * container, whose queries the device does not hear of, may need some of them
 * until it is told.
 */
int nic_sync_quiet(struct nic *w, struct mirror_count *sum);
/* How many posts the core has seen, or -1 */
long nic_posts(struct nic *w);

/* For those who have a test's _metadata */

#define CHECK_COUNT(count, what) do { \
	EXPECT_EQ(0, (count).missed); \
	TH_LOG("%s: written %zu, reported %zu, of %zu", what, \
	       (count).changed, (count).reported, (count).pages); \
} while (0)

#define CHECK_SYNC(w, what) do { \
	struct mirror_count _count; \
	ASSERT_EQ(0, nic_sync_quiet(w, &_count)); \
	CHECK_COUNT(_count, what); \
} while (0)

#define CHECK_TRAFFIC(w, count) \
	ASSERT_LE(count, nic_traffic(w, count))

/* The last query of a migration: what it does not say is lost. */
#define CHECK_STOPPED(w) do { \
	struct mirror_count _count; \
	ASSERT_EQ(0, mig_set_state(&(w)->user, STOP_COPY, NULL)); \
	ASSERT_EQ(0, nic_sync(w, &_count)); \
	CHECK_COUNT(_count, "stopped"); \
} while (0)

#endif /* _SELFTESTS_NIC_H */
