// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration of a function's queues, by its requests to the PF
 *
 * A queue's context is made anew by CONFIG_VSI_QUEUES. When a queue is enabled
 * its head is 0, as i40e writes QTX_HEAD and the hardware QRX_HEAD. A transmit
 * tail is gone with the queue; iavf counts on it.
 */

#include <string.h>

#include "vf.h"

/* In virtchnl_queue_pair_info */
#define TXQ		0
#define RXQ		24

#define MAX_BUFFER	(16 * 1024 - 128)
#define MAX_HEADER	(2 * 1024 - 64)
#define RING_ALIGN	128

void queues_reset(struct vf *vf)
{
	unsigned int i, tail;

	for (i = 0; i < MAX_QUEUES; i++) {
		vf->tx[i] = (struct tx_queue){ 0 };
		tail = vf->rx[i].tail;
		vf->rx[i] = (struct rx_queue){ .tail = tail };
	}
}

static bool is_active(const struct vf *vf, unsigned int vsi)
{
	return vf->pf.state == PF_ACTIVE && virtchnl_vsi_is(vf, vsi);
}

/* The context holds an address in units of 128 bytes. */
static bool config_tx(struct tx_queue *q, const uint8_t *info)
{
	unsigned int ring_len = get16(info + 4);

	if (ring_len % 8 || ring_len > MAX_RING)
		return false;
	*q = (struct tx_queue){
		.configured = true,
		.ring_len = ring_len,
		.head_wb = get16(info + 6),
		.base = get64(info + 8) & -(uint64_t)RING_ALIGN,
		.head_wb_addr = get64(info + 16),
		.tail = q->tail,
		.vector = q->vector,
		.itr = q->itr,
	};
	return true;
}

static bool config_rx(const struct vf *vf, struct rx_queue *q,
		      const uint8_t *info)
{
	uint32_t ring_len = get32(info + 4);
	unsigned int header = get16(info + 8);
	bool split = get16(info + 10);
	uint32_t buffer = get32(info + 12);
	uint32_t max_packet = get32(info + 16);

	if (ring_len % 32 || ring_len > MAX_RING || buffer > MAX_BUFFER ||
	    (split && header > MAX_HEADER) ||
	    max_packet >= 16 * 1024 || max_packet < 64)
		return false;
	*q = (struct rx_queue){
		.configured = true,
		.ring_len = ring_len,
		.header = split ? header & -64U : 0,
		.buffer = buffer & -128U,
		.max_packet = max_packet +
			      (vf->policy.port_vlan ? VLAN_HLEN : 0),
		.base = get64(info + 24) & -(uint64_t)RING_ALIGN,
		.tail = q->tail,
		.vector = q->vector,
		.itr = q->itr,
	};
	return true;
}

void vc_config_queues(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	unsigned int vsi = get16(msg), n = get16(msg + 2), i, queue;
	const uint8_t *info = msg + 8;

	a->status = VC_ERR_PARAM;
	if (!is_active(vf, vsi) || n > MAX_QUEUES)
		return;
	for (i = 0; i < n; i++, info += 64) {
		queue = get16(info + TXQ + 2);
		if (queue >= vf->pf.num_queues ||
		    get16(info + TXQ) != vsi || get16(info + RXQ) != vsi ||
		    get16(info + RXQ + 2) != queue)
			return;
		/* A queue that runs keeps what it has. */
		if (vf->tx[queue].enabled || vf->rx[queue].enabled)
			return;
		if (!config_rx(vf, &vf->rx[queue], info + RXQ) ||
		    !config_tx(&vf->tx[queue], info + TXQ))
			return;
	}
	a->status = VC_OK;
}

static bool is_mapping(const struct vf *vf, const uint8_t *map)
{
	unsigned int queues = get16(map + 4) | get16(map + 6);

	return virtchnl_vsi_is(vf, get16(map)) &&
	       get16(map + 2) < vf->port->num_vectors &&
	       !(queues >> vf->pf.num_queues);
}

static void map_vector(struct vf *vf, const uint8_t *map)
{
	unsigned int vector = get16(map + 2), i;
	unsigned int rx = get16(map + 4), tx = get16(map + 6);

	for (i = 0; i < MAX_QUEUES; i++) {
		if (rx & BIT(i)) {
			vf->rx[i].vector = vector;
			vf->rx[i].itr = get16(map + 8) & 3;
		}
		if (tx & BIT(i)) {
			vf->tx[i].vector = vector;
			vf->tx[i].itr = get16(map + 10) & 3;
		}
	}
}

void vc_config_irq_map(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	unsigned int n = get16(msg), i;

	a->status = VC_ERR_PARAM;
	if (vf->pf.state != PF_ACTIVE || n > vf->port->num_vectors)
		return;
	for (i = 0; i < n; i++) {
		if (!is_mapping(vf, msg + 2 + 12 * i))
			return;
		map_vector(vf, msg + 2 + 12 * i);
	}
	a->status = VC_OK;
}

static bool is_selection(const struct vf *vf, const uint8_t *msg)
{
	uint32_t rx = get32(msg + 4), tx = get32(msg + 8);

	return is_active(vf, get16(msg)) && (rx || tx) &&
	       !(rx >> MAX_QUEUES) && !(tx >> MAX_QUEUES);
}

/* One that was never configured has no context, and does nothing. */
static void enable_tx(struct vf *vf, unsigned int i)
{
	struct tx_queue *q = &vf->tx[i];

	if (q->enabled)
		return;
	q->enabled = true;
	q->stopped = !q->configured || !q->ring_len;
	q->head = 0;
	tx_run(vf, i);
}

static void enable_rx(struct vf *vf, unsigned int i)
{
	struct rx_queue *q = &vf->rx[i];

	if (q->enabled)
		return;
	q->enabled = true;
	q->stopped = !q->configured || !q->ring_len || !q->buffer;
	q->head = 0;
}

void vc_enable_queues(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	uint32_t rx = get32(msg + 4), tx = get32(msg + 8);
	unsigned int i;

	if (!is_selection(vf, msg)) {
		a->status = VC_ERR_PARAM;
		return;
	}
	for (i = 0; i < vf->pf.num_queues; i++) {
		if (rx & BIT(i))
			enable_rx(vf, i);
		if (tx & BIT(i))
			enable_tx(vf, i);
	}
}

void vc_disable_queues(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	uint32_t rx = get32(msg + 4), tx = get32(msg + 8);
	unsigned int i;

	if (!is_selection(vf, msg)) {
		a->status = VC_ERR_PARAM;
		return;
	}
	for (i = 0; i < vf->pf.num_queues; i++) {
		if (tx & BIT(i)) {
			vf->tx[i].enabled = false;
			vf->tx[i].tail = 0;
		}
		if (rx & BIT(i))
			vf->rx[i].enabled = false;
	}
}
