/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two VFs of one port, offered as pt-igb-vf, and a driver that goes from one to
 * the other, with frames from and to the PF
 *
 * Every function returns 0 or -errno, unless it says otherwise.
 */
#ifndef _SELFTESTS_IGBVF_WORLD_H
#define _SELFTESTS_IGBVF_WORLD_H

#include <linux/if.h>

#include "dma.h"
#include "function.h"
#include "igbvf.h"
#include "migration.h"

#define TYPE		"pt-igb-vf"
#define MODULE		"mdev_pt_igb_vf"

#define VFS		2
#define QUEUES		2
#define VECTORS		3
/* That of queue 0 */
#define VECTOR		1

/* Instead of MEMORY */
#define WORLD		(16ul << 20)
/* From here on there are buffers, which only a VF writes to. */
#define WORLD_BUFFERS	(8ul << 20)
/* RDLEN and TDLEN: 20 bits, a multiple of 128 */
#define MAX_ENTRIES	65528u

#define SHORT		60
#define LONG		3000
#define MTU		3500

/*
 * @vfs, @users: closed at first
 * @at: the VF that the driver has
 * @memory: WORLD bytes, at IOVA for both VFs
 * @srrctl: of receive rings
 * @vectors: an eventfd each
 * @packet: frames of the PF, whose name is @pf
 * @vlan: the PF has an interface for a VLAN
 * @sequence: of the last frame; no two are equal
 * @stream: what was saved last
 */
struct world {
	struct function vfs[VFS];
	struct vfio_user users[VFS];
	unsigned int at;
	uint8_t *memory;
	struct igbvf vf;
	struct igbvf_ring rx[QUEUES];
	struct igbvf_ring tx[QUEUES];
	uint32_t srrctl;
	int vectors[VECTORS];
	int packet;
	bool vlan;
	int kmsg;
	char pf[IFNAMSIZ];
	uint8_t pf_address[6];
	uint32_t sequence;
	struct mig_stream stream;
};

/* Why there are no such VFs here, or NULL */
const char *world_offer(struct world *w);
int world_withdraw(struct world *w);
/* After the last test: as it was before the first */
void world_end(void);

/* The VF's container, with the memory mapped */
int world_open(struct world *w, unsigned int vf);
void world_close(struct world *w, unsigned int vf);
struct vfio_user *world_user(struct world *w);
/* Of @w->at, in the kernel log */
const char *world_bdf(struct world *w);

/*
 * The VF at @w->at is set up from the beginning, both its queues, its vectors;
 * all buffers are posted
 */
int world_start(struct world *w, uint32_t entries);
/* The driver has the registers and interrupts of that VF from now on. */
int world_attach(struct world *w, unsigned int vf);
void world_detach(struct world *w);
/* Is any queue? */
bool world_enabled(struct world *w);

/* An administrator's "ip link set PF ..." */
int world_ip(struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Frames
 */

extern const uint8_t everybody[6];
/* The VF's, and what it can ask for; the last is asked for by none. */
extern const uint8_t own[6], second[6], third[6], stranger[6];
extern const uint8_t multicast[6], multicast2[6], no_multicast[6];

/* As many as there is room for */
void world_post(struct world *w);
/* The PF sends it. @vlan: 0 for none. */
int world_send(struct world *w, const uint8_t *to, unsigned int vlan, size_t len);
/*
 * The sequence of the next frame that the VF has received, whole and as it was
 * sent; 0: there is none, -EBADMSG: it is not
 */
int world_take(struct world *w);
/*
 * 1: the VF gets such a frame; 0: it doesn't, but the next one. Posts what it
 * takes.
 */
int world_arrives(struct world *w, const uint8_t *to, unsigned int vlan,
		  size_t len);
/* The VF has a frame to be sent, which the doorbell is rung for. */
void world_fill_tx(struct world *w, unsigned int queue);
/* With the VLAN of the last context */
void world_fill_tagged(struct world *w, unsigned int queue);
/* A context alone: the VF has read it. */
int world_fill_context(struct world *w, unsigned int queue, unsigned int vlan);
/* What the PF gets is from now on what it gets of that VLAN. */
int world_listen_vlan(struct world *w, unsigned int vlan);
/* The PF gets the frame that was filled last. */
int world_sent(struct world *w, unsigned int queue);
/* Frames both ways, by all queues that can, with their interrupt */
int world_works(struct world *w);

int world_drain(struct world *w, unsigned int vector);

/*
 * What the PF does for a VF
 */

/* Of a multicast address, for VF_SET_MULTICAST */
uint32_t world_hash(const uint8_t *address);
/* A message of two words */
int world_ask(struct world *w, uint32_t type, uint32_t value);
/* Addresses, VLANs, multicast, large frames */
int world_ask_for_all(struct world *w);
/* After "down" */
int world_pf_up(struct world *w);

/*
 * Migration
 */

/* The state of the VF at @w->at is in @w->stream, and the VF in STOP_COPY. */
int world_save(struct world *w);
/* The VF is in RESUMING, or, where the state was refused, in ERROR. */
int world_load(struct world *w, unsigned int vf);
/* From @w->at, which stays in STOP_COPY, to another, which runs. */
int world_move(struct world *w, unsigned int to);

/* COMMAND.MEM, as the user sees it */
int world_memory(struct world *w, unsigned int vf, bool on);

#endif /* _SELFTESTS_IGBVF_WORLD_H */
