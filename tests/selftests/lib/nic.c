// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "migration.h"
#include "netdev.h"
#include "nic.h"

#define BURST		32

const char *nic_offer(struct nic *w, const char *type, const char *module)
{
	char command[64];
	int ret;

	snprintf(command, sizeof(command), "modprobe %s 2>/dev/null", module);
	if (function_load_drivers() || system(command))
		return "the vendor's module is not here";
	ret = function_take(&w->function, &igb_vf_kind);
	if (ret == -ENODEV)
		return "no igb VF";
	if (ret)
		return "can't take the VF";
	w->packet = netdev_frames(w->function.pf);
	if (w->packet < 0)
		return "no frames from the PF";
	return function_offer_type(&w->function, type) ? "no such type" : NULL;
}

static int map_memory(struct nic *w)
{
	return mirror_map(&w->rings, &w->user, RINGS_IOVA, RINGS_SIZE) ? :
	       mirror_map(&w->buffers, &w->user, BUFFERS_IOVA, BUFFERS_SIZE);
}

int nic_start(struct nic *w)
{
	return map_memory(w) ? :
	       igbvf_start(&w->vf, &w->user, w->rings.memory, RINGS_IOVA);
}

int nic_attach(struct nic *w)
{
	return vfio_open(&w->user, w->way, w->function.bdf,
			 w->function.name) ? :
	       nic_start(w);
}

void nic_detach(struct nic *w)
{
	if (w->vf.u)
		igbvf_stop(&w->vf);
	vfio_close(&w->user);
	mirror_free(&w->rings);
	mirror_free(&w->buffers);
}

const char *nic_tracking_missing(struct nic *w, enum tracking tracking)
{
	w->tracking = tracking;
	if (tracking == LOG)
		return log_probe(&w->user) ? "this kernel has no log" : NULL;
	return mig_has_precopy(&w->user) ? NULL : "this kernel has no PRE_COPY";
}

/*
 * Traffic
 */

int nic_ring_start(struct nic *w, uint32_t entries, uint32_t srrctl)
{
	uint32_t kb = srrctl & 0x7f;

	igbvf_ring_stop(&w->vf, w->rx.entries ? &w->rx : &w->vf.rx);
	memset(w->rings.memory + RX_RING, 0, TX_RING - RX_RING);
	memset(w->rings.written, 1, w->rings.size / PAGE);
	w->rx = (struct igbvf_ring){
		.receive = true,
		.desc = (void *)(w->rings.memory + RX_RING),
		.iova = RINGS_IOVA + RX_RING,
		.entries = entries,
		.srrctl = srrctl,
	};
	w->room = (kb ? kb : 2) * 1024;
	w->per_packet = 1 + MAX_FRAME / w->room;
	return igbvf_ring_start(&w->vf, &w->rx);
}

/* Anywhere, also across pages */
static uint64_t any_buffer(struct nic *w, size_t len)
{
	return BUFFERS_IOVA + rand_r(&w->seed) % ((BUFFERS_SIZE - len) / 2) * 2;
}

void nic_post(struct nic *w, uint32_t count)
{
	uint32_t room = igbvf_ring_room(&w->rx);
	bool split = (w->rx.srrctl & IGBVF_SPLIT) == IGBVF_SPLIT;

	for (count = count < room ? count : room; count; count--) {
		size_t page = (RX_RING + w->rx.tail * 16) / PAGE;

		/* The VF says "done" in the lowest bit of a header's address. */
		igbvf_ring_fill_rx(&w->rx, any_buffer(w, w->room),
				   split ? any_buffer(w, 1024) & ~7ULL : 0);
		__atomic_store_n(&w->rings.written[page], 1, __ATOMIC_SEQ_CST);
	}
	igbvf_ring_bell(&w->vf, &w->rx);
}

/* IPv4 and UDP, for those who look at headers; to everybody */
bool nic_send(struct nic *w, size_t len)
{
	static const uint8_t header[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0,
		192, 0, 2, 1, 192, 0, 2, 255,
		0x10, 0, 0x20, 0,
	};
	uint8_t frame[MAX_FRAME] = {};
	unsigned int seed = ++w->sequence;
	size_t i;

	memcpy(frame, header, sizeof(header));
	frame[16] = (len - 14) >> 8;
	frame[17] = len - 14;
	frame[38] = (len - 34) >> 8;
	frame[39] = len - 34;
	for (i = sizeof(header); i < len; i++)
		frame[i] = rand_r(&seed) >> 8;
	return send(w->packet, frame, len, 0) == (ssize_t)len;
}

size_t nic_length(struct nic *w)
{
	return 60 + rand_r(&w->seed) % (MAX_FRAME - 60);
}

unsigned int nic_collect(struct nic *w, unsigned int count, int timeout_ms)
{
	long end = now_ms() + timeout_ms;
	unsigned int done = igbvf_ring_done(&w->vf, &w->rx);

	/* Who only asks would keep a CPU from those who send. */
	while (done < count && now_ms() < end) {
		usleep(200);
		done += igbvf_ring_done(&w->vf, &w->rx);
	}
	return done;
}

unsigned int nic_traffic(struct nic *w, unsigned int count)
{
	long end = now_ms() + NIC_PATIENCE_MS;
	unsigned int done = 0, burst, i;

	while (done < count && now_ms() < end) {
		nic_post(w, 1 + rand_r(&w->seed) % w->rx.entries);
		burst = (w->rx.entries - 1 - igbvf_ring_room(&w->rx)) /
			w->per_packet;
		burst = burst < BURST ? burst : BURST;
		for (i = 0; i < burst; i++) {
			if (!nic_send(w, nic_length(w)))
				return 0;
		}
		/* A frame may be lost. */
		done += nic_collect(w, burst, 100);
	}
	return done;
}

bool nic_receive(struct nic *w, unsigned int count)
{
	long end = now_ms() + NIC_PATIENCE_MS;
	unsigned int done = 0, burst, i;

	while (done < count && now_ms() < end) {
		burst = count - done < 10 ? count - done : 10;
		for (i = 0; i < burst; i++) {
			if (!nic_send(w, nic_length(w)))
				return false;
		}
		/* What comes before the doorbell was seen is lost. */
		done += nic_collect(w, burst, 100);
	}
	return done >= count;
}

/*
 * Tracking
 */

int nic_track(struct nic *w)
{
	struct vfio_device_feature_dma_logging_range ranges[] = {
		{ RINGS_IOVA, RINGS_SIZE },
		{ BUFFERS_IOVA, BUFFERS_SIZE },
	};
	uint64_t page_size = PAGE;
	int ret;

	if (w->tracking == LOG)
		ret = log_start(&w->user, ranges, 2, &page_size);
	else
		ret = container_start(&w->user) ? :
		      mig_set_state(&w->user, PRE_COPY, NULL);
	/* As a migration does: all of it once, when it is tracked already */
	mirror_begin(&w->rings);
	mirror_begin(&w->buffers);
	return ret;
}

int nic_untrack(struct nic *w)
{
	/* The guest goes on, if it stood; then the migration is called off. */
	return mig_set_state(&w->user, RUNNING, NULL) ? :
	       mig_set_state(&w->user, RUNNING, NULL) ? :
	       w->tracking == LOG ? log_stop(&w->user) :
	       container_stop(&w->user);
}

int nic_sync(struct nic *w, struct mirror_count *count)
{
	memset(count, 0, sizeof(*count));
	return mirror_sync(&w->rings, &w->user, w->tracking, count) ? :
	       mirror_sync(&w->buffers, &w->user, w->tracking, count);
}

int nic_sync_quiet(struct nic *w, struct mirror_count *sum)
{
	long end = now_ms() + NIC_PATIENCE_MS;
	struct mirror_count count;
	int ret;

	ret = nic_sync(w, sum);
	while (!ret && w->tracking == CONTAINER && sum->missed &&
	       now_ms() < end) {
		ret = nic_sync(w, &count);
		sum->reported += count.reported;
		sum->missed = count.missed;
	}
	return ret;
}

long nic_posts(struct nic *w)
{
	char path[SYSFS_PATH], value[32];

	snprintf(path, sizeof(path),
		 "/sys/bus/mdev/devices/%s/migration/posts", w->function.uuid);
	return sysfs_read(path, value, sizeof(value)) < 0 ? -1 : atol(value);
}

int nic_restart(struct nic *w)
{
	int ret;

	igbvf_stop(&w->vf);
	memset(w->rings.written, 1, w->rings.size / PAGE);
	ret = igbvf_start(&w->vf, &w->user, w->rings.memory, RINGS_IOVA);
	if (ret)
		return ret;
	w->rx.entries = 0;
	return nic_ring_start(w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2));
}

int nic_drive(void *arg)
{
	struct nic_driver *driver = arg;

	while (!__atomic_load_n(&driver->stop, __ATOMIC_ACQUIRE))
		driver->done += nic_traffic(driver->w, 1);
	return 0;
}

void nic_end(const char *module)
{
	char command[64];

	function_give_back(&igb_vf_kind);
	snprintf(command, sizeof(command), "modprobe -qr %s", module);
	if (system(command))
		fprintf(stderr, "# %s stays\n", module);
}
