// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver alone: of the client it needs client_get() and client_put(), which
 * the selftests have for a VFIO device
 */

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "vf.h"

#define WAIT_MS		10000
#define BAR0		VFIO_PCI_BAR0_REGION_INDEX

uint32_t vf_get(struct vf_function *f, uint32_t reg)
{
	return client_get(&f->c, BAR0, reg);
}

void vf_put(struct vf_function *f, uint32_t reg, uint32_t value)
{
	client_put(&f->c, BAR0, reg, value);
}

static void post_arq(struct vf_function *f, unsigned int i)
{
	struct aq_desc *d = (struct aq_desc *)(f->memory + ARQ) + i;

	*d = (struct aq_desc){
		.flags = AQ_FLAG_BUF | AQ_FLAG_LB,
		.datalen = AQ_MAX_BUF,
		.addr_low = MEMORY + ARQ_BUFFERS + i * AQ_MAX_BUF,
	};
}

void vf_adminq(struct vf_function *f)
{
	unsigned int i;

	f->atq = 0;
	f->arq = 0;
	for (i = 0; i < AQ_ENTRIES; i++)
		post_arq(f, i);
	vf_put(f, VF_ATQH1, 0);
	vf_put(f, VF_ATQT1, 0);
	vf_put(f, VF_ATQLEN1, AQ_ENTRIES | AQ_LEN_ENABLE);
	vf_put(f, VF_ATQBAL1, MEMORY + ATQ);
	vf_put(f, VF_ATQBAH1, 0);
	vf_put(f, VF_ARQH1, 0);
	vf_put(f, VF_ARQT1, 0);
	vf_put(f, VF_ARQLEN1, AQ_ENTRIES | AQ_LEN_ENABLE);
	vf_put(f, VF_ARQBAL1, MEMORY + ARQ);
	vf_put(f, VF_ARQBAH1, 0);
	vf_put(f, VF_ARQT1, AQ_ENTRIES - 1);
}

int vf_send(struct vf_function *f, uint32_t opcode, const void *msg,
	    uint16_t len)
{
	struct aq_desc *d = (struct aq_desc *)(f->memory + ATQ) + f->atq;

	*d = (struct aq_desc){
		.flags = AQ_FLAG_SI | (len ? AQ_FLAG_BUF | AQ_FLAG_RD : 0),
		.opcode = AQC_SEND_MSG_TO_PF,
		.datalen = len,
		.cookie_high = opcode,
		.addr_low = MEMORY + ATQ_BUFFER,
	};
	if (len)
		memcpy(f->memory + ATQ_BUFFER, msg, len);
	f->atq = (f->atq + 1) % AQ_ENTRIES;
	vf_put(f, VF_ATQT1, f->atq);
	/* A write may be on its way; a read comes back behind it. */
	vf_get(f, VF_ATQH1);
	return d->flags & AQ_FLAG_DD ? d->retval : -1;
}

bool vf_receive(struct vf_function *f, uint32_t *opcode, int32_t *status,
		void *msg, uint16_t *len)
{
	struct aq_desc *d = (struct aq_desc *)(f->memory + ARQ) + f->arq;
	unsigned int head = vf_get(f, VF_ARQH1);
	uint16_t room = len ? *len : 0;

	if (head == f->arq || head >= AQ_ENTRIES)
		return false;
	*opcode = d->cookie_high;
	*status = d->cookie_low;
	if (len)
		*len = d->datalen;
	if (room > d->datalen)
		room = d->datalen;
	if (msg)
		memcpy(msg, f->memory + ARQ_BUFFERS + f->arq * AQ_MAX_BUF,
		       room);
	post_arq(f, f->arq);
	vf_put(f, VF_ARQT1, f->arq);
	f->arq = (f->arq + 1) % AQ_ENTRIES;
	return true;
}

int32_t vf_request(struct vf_function *f, uint32_t opcode, const void *msg,
		   uint16_t len, void *reply, uint16_t *reply_len)
{
	uint16_t room = reply_len ? *reply_len : 0;
	int32_t status;
	uint32_t got;
	int i;

	if (vf_send(f, opcode, msg, len))
		return INT_MIN;
	for (i = 0; i < WAIT_MS; i++) {
		if (reply_len)
			*reply_len = room;
		if (!vf_receive(f, &got, &status, reply, reply_len))
			usleep(1000);
		else if (got == opcode)
			return status;
	}
	return INT_MIN;
}

bool vf_active(struct vf_function *f)
{
	int i;

	for (i = 0; i < WAIT_MS; i++) {
		if (vf_get(f, VFGEN_RSTAT) == VFR_VFACTIVE)
			return true;
		usleep(1000);
	}
	return false;
}

uint16_t vf_open(struct vf_function *f)
{
	const uint32_t version[] = { 1, 1 };
	const uint32_t caps = CAP_L2 | CAP_RSS_PF | CAP_VLAN | CAP_USO |
			      CAP_ADV_LINK_SPEED | CAP_REQ_QUEUES;
	uint8_t reply[64];
	uint16_t len = sizeof(reply), vsi;

	if (!vf_active(f))
		return 0;
	vf_adminq(f);
	if (vf_request(f, OP_VERSION, version, 8, NULL, NULL) ||
	    vf_request(f, OP_GET_VF_RESOURCES, &caps, 4, reply, &len))
		return 0;
	memcpy(&vsi, reply + 20, 2);
	return vsi;
}

uint16_t vf_queue_config(uint8_t *msg, uint16_t vsi, unsigned int n,
			 uint32_t max_packet)
{
	uint16_t len = 72 + 64 * n;
	unsigned int i;
	uint8_t *q;

	memset(msg, 0, len);
	put16(msg, vsi);
	put16(msg + 2, n);
	for (i = 0; i < n; i++) {
		q = msg + 8 + 64 * i;
		put16(q, vsi);
		put16(q + 2, i);
		put16(q + 4, RING);
		put32(q + 8, MEMORY + TX_RING(i));
		put16(q + 24, vsi);
		put16(q + 26, i);
		put32(q + 28, RING);
		put32(q + 36, RX_BUFFER);
		put32(q + 40, max_packet);
		put32(q + 48, MEMORY + RX_RING(i));
	}
	return len;
}

void vf_post(struct vf_function *f, unsigned int queue, unsigned int n,
	     unsigned int descriptor)
{
	uint64_t *d;
	unsigned int i;

	for (i = 0; i < n; i++) {
		d = (uint64_t *)(f->memory + RX_RING(queue) + i * descriptor);
		d[0] = MEMORY + RX_BUFFERS + 0x40000 * queue + RX_BUFFER * i;
		d[1] = MEMORY + RX_HEADERS + 0x20000 * queue + 256 * i;
	}
	vf_put(f, QRX_TAIL1 + 4 * queue, n);
}

int32_t vf_queues(struct vf_function *f, uint16_t vsi, unsigned int n)
{
	uint8_t msg[72 + 64 * MAX_QUEUES];
	uint8_t map[14 + 12 * MAX_QUEUES] = { 0 };
	const uint32_t select[] = { vsi, BIT(n) - 1, BIT(n) - 1 };
	uint16_t len = vf_queue_config(msg, vsi, n, MAX_FRAME);
	unsigned int i;
	int32_t status;

	for (i = 0; i < n; i++)
		vf_post(f, i, RING - 1, 32);
	status = vf_request(f, OP_CONFIG_VSI_QUEUES, msg, len, NULL, NULL);
	put16(map, n);
	for (i = 0; i < n; i++) {
		put16(map + 2 + 12 * i, vsi);
		put16(map + 4 + 12 * i, i + 1);
		put16(map + 6 + 12 * i, BIT(i));
		put16(map + 8 + 12 * i, BIT(i));
		put16(map + 10 + 12 * i, 0);
		put16(map + 12 + 12 * i, 1);
	}
	if (!status)
		status = vf_request(f, OP_CONFIG_IRQ_MAP, map, 14 + 12 * n,
				    NULL, NULL);
	return status ? status : vf_request(f, OP_ENABLE_QUEUES, select, 12,
					    NULL, NULL);
}
