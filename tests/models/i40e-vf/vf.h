/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the model, and what they know of each other
 *
 * A port is what the functions of one process share: the switch, the wire, and
 * the PF's driver. A function (struct vf) has what its own driver sees, and
 * what the PF keeps for it.
 */
#ifndef _I40E_VF_VF_H
#define _I40E_VF_VF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "hw.h"

#define MAX_VFS			8
#define MAX_MACS		256
#define MAX_PEERS		4
/* To be segmented: 256 KiB and headers */
#define MAX_PACKET		(320 * 1024)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

struct vf;

/* @base, @len: as written; @head, @tail: indices */
struct adminq {
	uint64_t base;
	uint32_t len;
	uint32_t head;
	uint32_t tail;
};

/*
 * @enabled: INTENA, which an interrupt clears
 * @pending: a cause has come that no interrupt has told of; @pending_itr: the
 *	soonest of the intervals that it may have to wait
 * @wb_on_itr: write back without an interrupt, which this model does at once
 * @fired: when the last interrupt was sent, in ns
 */
struct vector {
	bool enabled;
	bool pending;
	bool wb_on_itr;
	unsigned int pending_itr;
	uint16_t itr[3];
	uint64_t fired;
	int timer;
	uint64_t count;
	struct vf *vf;
	unsigned int index;
};

/* @stopped: by what the driver has done wrong, or by a failed DMA */
struct tx_queue {
	bool configured;
	bool enabled;
	bool stopped;
	uint64_t base;
	uint16_t ring_len;
	bool head_wb;
	uint64_t head_wb_addr;
	unsigned int head;
	unsigned int tail;
	unsigned int vector;
	unsigned int itr;
	uint64_t packets;
};

struct rx_queue {
	bool configured;
	bool enabled;
	bool stopped;
	uint64_t base;
	uint16_t ring_len;
	uint32_t buffer;
	uint32_t header;
	uint32_t max_packet;
	unsigned int head;
	unsigned int tail;
	unsigned int vector;
	unsigned int itr;
	uint64_t packets;
};

/* In the order of the answer to GET_STATS */
struct vf_stats {
	uint64_t rx_bytes;
	uint64_t rx_unicast;
	uint64_t rx_multicast;
	uint64_t rx_broadcast;
	uint64_t rx_discards;
	uint64_t rx_unknown_protocol;
	uint64_t tx_bytes;
	uint64_t tx_unicast;
	uint64_t tx_multicast;
	uint64_t tx_broadcast;
	uint64_t tx_discards;
	uint64_t tx_errors;
};

/* What has no place in the answer */
struct vf_events {
	uint64_t mdd;
	uint64_t dma_errors;
	uint64_t spoofed;
	uint64_t arq_overflows;
	uint64_t resets;
	uint64_t requests[NUM_OPS];
	uint64_t refused;
};

/*
 * What the PF keeps, from the first reset or until it
 *
 * @state: INIT when the function may ask for resources, ACTIVE when it has
 * @version: what the function's driver said last
 */
struct pf_state {
	enum { PF_RESETTING, PF_INIT, PF_ACTIVE } state;
	uint32_t version_minor;
	uint32_t driver_caps;
	unsigned int num_queues;
	unsigned int requested_queues;
	uint8_t default_mac[ETH_ALEN];
	uint8_t macs[MAX_MACS][ETH_ALEN];
	unsigned int num_macs;
	uint8_t vlans[4096 / 8];
	unsigned int num_vlans;
	bool vlan_stripping;
	unsigned int promisc;
};

/* A queue of messages, so that the PF can take its time */
struct request {
	struct request *next;
	uint32_t opcode;
	uint16_t len;
	uint8_t data[];
};

/*
 * What the administrator of the host, or a test, has set: no reset changes it
 *
 * @mac: all zeroes when the function may choose its own
 * @caps: a mask for what the PF offers
 * @refuse, @refusals: for each opcode the answer, and how often, -1 for always
 * @ignore: the PF never answers
 * @hold: a reset stays in progress
 */
struct policy {
	uint8_t mac[ETH_ALEN];
	bool trusted;
	bool spoof_check;
	unsigned int queues;
	uint32_t caps;
	unsigned int port_vlan;
	bool link_up;
	unsigned int link_mbps;
	int32_t refuse[NUM_OPS];
	int refusals[NUM_OPS];
	bool ignore[NUM_OPS];
	bool adminq_stuck;
	bool hold;
	unsigned int pf_delay_ms;
	unsigned int reset_ms;
};

struct dirty_pages {
	uint64_t *pages;
	size_t size;
	size_t used;
};

struct vf {
	struct port *port;
	unsigned int index;
	struct model *model;
	struct adminq atq, arq;
	uint32_t rstat;
	uint32_t icr0;
	uint32_t icr0_ena;
	uint16_t itr0[3];
	uint32_t hena[2];
	uint8_t hkey[HKEY_LEN];
	uint8_t hlut[HLUT_LEN];
	struct vector vectors[MAX_VECTORS];
	struct tx_queue tx[MAX_QUEUES];
	struct rx_queue rx[MAX_QUEUES];
	int reset_timer;
	int pf_timer;
	struct request *requests, **requests_end;
	unsigned int num_requests;
	struct pf_state pf;
	struct policy policy;
	struct vf_stats stats;
	struct vf_events events;
	struct dirty_pages dirty;
};

struct waiting_frame {
	struct waiting_frame *next;
	size_t len;
	uint8_t data[];
};

/* @waiting: what its socket has no room for yet */
struct peer {
	char path[108];
	struct waiting_frame *waiting, **waiting_end;
	size_t waiting_bytes;
};

/* @descriptor: 16 or 32 bytes, of receive queues; @gather: MAX_PACKET bytes */
struct port {
	unsigned int num_vfs;
	struct vf *vfs;
	bool x722;
	unsigned int num_vectors;
	unsigned int descriptor;
	int wire;
	int wire_timer;
	struct peer peers[MAX_PEERS];
	unsigned int num_peers;
	uint64_t wire_in, wire_out, wire_dropped;
	uint8_t *gather;
};

static inline uint16_t get16(const void *p)
{
	const uint8_t *b = p;

	return b[0] | b[1] << 8;
}

static inline uint32_t get32(const void *p)
{
	return get16(p) | (uint32_t)get16((const uint8_t *)p + 2) << 16;
}

static inline uint64_t get64(const void *p)
{
	return get32(p) | (uint64_t)get32((const uint8_t *)p + 4) << 32;
}

static inline void put16(void *p, uint16_t value)
{
	uint8_t *b = p;

	b[0] = value;
	b[1] = value >> 8;
}

static inline void put32(void *p, uint32_t value)
{
	put16(p, value);
	put16((uint8_t *)p + 2, value >> 16);
}

static inline void put64(void *p, uint64_t value)
{
	put32(p, value);
	put32((uint8_t *)p + 4, value >> 32);
}

/* On the wire the other way round */
static inline uint16_t get_be16(const void *p)
{
	const uint8_t *b = p;

	return b[0] << 8 | b[1];
}

static inline uint32_t get_be32(const void *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16((const uint8_t *)p + 2);
}

static inline void put_be16(void *p, uint16_t value)
{
	uint8_t *b = p;

	b[0] = value >> 8;
	b[1] = value;
}

static inline void put_be32(void *p, uint32_t value)
{
	put_be16(p, value >> 16);
	put_be16((uint8_t *)p + 2, value);
}

/* regs.c */
uint64_t regs_read(struct model *m, unsigned int bar, uint64_t offset,
		   unsigned int width);
void regs_write(struct model *m, unsigned int bar, uint64_t offset,
		uint64_t value, unsigned int width);

/* reset.c: of the function, by FLR (regs), the PF, or its own wish */
int reset_init(struct vf *vf);
void reset_function(struct vf *vf);
void reset_by_model(struct model *m);
/* The PF warns its driver first. */
void reset_with_notice(struct vf *vf);
/* No longer held */
void reset_release(struct vf *vf);

/* dma.c: as model_dma_*(), and remembers what was written */
bool dma_enabled(const struct vf *vf);
int dma_read(struct vf *vf, uint64_t iova, void *buf, size_t len);
int dma_write(struct vf *vf, uint64_t iova, const void *buf, size_t len);
void dirty_clear(struct vf *vf);
void dirty_exit(struct vf *vf);
/* Sorts, and calls back for each run of pages. */
void dirty_for_each(struct vf *vf,
		    void (*run)(uint64_t iova, uint64_t len, void *arg),
		    void *arg);

/* irq.c */
int irq_init(struct vf *vf);
void irq_reset(struct vf *vf);
/* A cause for a queue's interrupt; @itr: which interval it must keep */
void irq_cause(struct vf *vf, unsigned int vector, unsigned int itr);
void irq_adminq(struct vf *vf);
uint32_t irq_read_icr0(struct vf *vf);
void irq_write_icr0_ena(struct vf *vf, uint32_t value);
uint32_t irq_read_dyn_ctl(const struct vf *vf, unsigned int vector);
void irq_write_dyn_ctl(struct vf *vf, unsigned int vector, uint32_t value);

/* adminq.c */
void adminq_reset(struct vf *vf);
/* ATQT was written, or what held up the queue has gone. */
void adminq_run(struct vf *vf);
/* A message to the function's driver; dropped if it has no room for it */
void adminq_send(struct vf *vf, uint32_t opcode, int32_t status,
		 const void *data, uint16_t len);

/* virtchnl.c: what the PF's driver does */
int virtchnl_init(struct vf *vf);
void virtchnl_reset(struct vf *vf);
/* Requests that wait */
void virtchnl_drop(struct vf *vf);
void virtchnl_request(struct vf *vf, uint32_t opcode, const void *data,
		      uint16_t len);
void virtchnl_event(struct vf *vf, uint32_t event, uint32_t severity);
void virtchnl_link_event(struct vf *vf);
const char *virtchnl_name(uint32_t opcode);
/* By name or number; -EINVAL */
int virtchnl_opcode(const char *name);
bool virtchnl_vsi_is(const struct vf *vf, unsigned int id);
unsigned int virtchnl_vsi(const struct vf *vf);

/*
 * The answer to a request: a status, and what is in @reply, which has
 * AQ_MAX_BUF bytes of room
 */
struct answer {
	int32_t status;
	uint16_t len;
	bool none;
	uint8_t *reply;
};

/* queues.c */
void queues_reset(struct vf *vf);
void vc_config_queues(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_config_irq_map(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_enable_queues(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_disable_queues(struct vf *vf, const uint8_t *msg, struct answer *a);

/* filters.c */
void filters_reset(struct vf *vf);
void vc_add_mac(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_del_mac(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_add_vlan(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_del_vlan(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_promisc(struct vf *vf, const uint8_t *msg, struct answer *a);
bool filters_has_mac(const struct vf *vf, const uint8_t *mac);
bool filters_remove_mac(struct vf *vf, const uint8_t *mac);
bool filters_has_vlan(const struct vf *vf, unsigned int vid);
bool filters_wants(const struct vf *vf, const uint8_t *frame, size_t len);
bool filters_is_spoofed(const struct vf *vf, const uint8_t *frame, size_t len);

/* rss.c */
void rss_reset(struct vf *vf);
uint64_t rss_default_hena(const struct vf *vf);
void vc_rss_key(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_rss_lut(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_get_hena(struct vf *vf, const uint8_t *msg, struct answer *a);
void vc_set_hena(struct vf *vf, const uint8_t *msg, struct answer *a);

/*
 * packet.c
 *
 * @payload: where what follows the headers begins
 * @status: for the descriptor, RXD_*
 * @hash_input, @hash_len: of the packet's class
 */
struct packet {
	unsigned int ptype;
	unsigned int pctype;
	size_t payload;
	uint64_t status;
	uint8_t hash_input[36];
	unsigned int hash_len;
};

void packet_parse(const uint8_t *frame, size_t len, bool x722,
		  struct packet *p);
/* RXD_MULTICAST or _BROADCAST, or neither */
uint64_t packet_address_status(const uint8_t *frame);
/* Ones' complement sum, not folded, of what goes on with @sum */
uint64_t packet_sum(uint64_t sum, const uint8_t *data, size_t len);
uint16_t packet_fold(uint64_t sum);
uint32_t packet_crc32c(const uint8_t *data, size_t len);

/* rss.c: true if the packet's class is hashed */
bool rss_hash(const struct vf *vf, const struct packet *p, uint32_t *hash);
uint32_t rss_toeplitz(const uint8_t *key, const uint8_t *input,
		      unsigned int len);

/* tx.c */
void tx_run(struct vf *vf, unsigned int queue);

/*
 * offload.c: a packet as the descriptors describe it
 *
 * @eipt, @eiplen, @natt, @natlen, @l4t_cs: outer headers, if it has a tunnel
 * @tag1, @tag2: -1 for none
 */
struct tx_packet {
	uint8_t *data;
	size_t len;
	unsigned int maclen, iplen, l4len;
	unsigned int iipt, l4t;
	bool tso;
	unsigned int mss, tso_len;
	unsigned int eipt, eiplen, natt, natlen;
	bool eip_noinc, l4t_cs;
	int tag1, tag2;
};

/* Calls back with each frame; false if the packet is none. */
bool offload_send(struct vf *vf, const struct tx_packet *p,
		  void (*send)(struct vf *vf, const uint8_t *frame,
			       size_t len));

/* rx.c */
void rx_deliver(struct vf *vf, const uint8_t *frame, size_t len, bool local);

/* wire.c */
int wire_init(struct port *port, const char *path);
/* Peers' sockets; one that is not there gets nothing. */
void wire_exit(struct port *port);
int wire_add_peer(struct port *port, const char *path);
/* From a function to all that want it */
void wire_send(struct vf *vf, const uint8_t *frame, size_t len);

/* control.c: the answer to a line, to be freed; NULL without memory */
char *control_command(struct port *port, const char *line);

#endif /* _I40E_VF_VF_H */
