// SPDX-License-Identifier: GPL-2.0-only
/*
 * The admin queues: the function's firmware mailbox
 *
 * A function may send messages to the PF, say that it shuts its queue down, and
 * nothing else. A DMA that fails, or a tail that is none, is a critical error,
 * which stops the queue until it is set up anew.
 */

#include <string.h>

#include "vf.h"

static unsigned int length(const struct adminq *q)
{
	return q->len & AQ_LEN_MASK;
}

static bool usable(const struct vf *vf, const struct adminq *q)
{
	return vf->rstat != VFR_INPROGRESS && q->len & AQ_LEN_ENABLE &&
	       !(q->len & AQ_LEN_CRIT) && length(q);
}

void adminq_reset(struct vf *vf)
{
	vf->atq = (struct adminq){ 0 };
	vf->arq = (struct adminq){ 0 };
}

static void critical(struct vf *vf, struct adminq *q)
{
	q->len |= AQ_LEN_CRIT;
	irq_adminq(vf);
}

static uint64_t buffer_address(const struct aq_desc *d)
{
	return (uint64_t)d->addr_high << 32 | d->addr_low;
}

/* The value for the driver; negative when the DMA failed */
static int send_to_pf(struct vf *vf, const struct aq_desc *d)
{
	static uint8_t message[AQ_MAX_BUF];
	uint16_t len = d->flags & AQ_FLAG_BUF ? d->datalen : 0;

	if (len > sizeof(message))
		return AQ_RC_E2BIG;
	if (len && !(d->flags & AQ_FLAG_RD))
		return AQ_RC_EINVAL;
	if (dma_read(vf, buffer_address(d), message, len))
		return -1;
	virtchnl_request(vf, d->cookie_high, message, len);
	return 0;
}

static int execute(struct vf *vf, const struct aq_desc *d)
{
	switch (d->opcode) {
	case AQC_SEND_MSG_TO_PF:
		return send_to_pf(vf, d);
	case AQC_QUEUE_SHUTDOWN:
		return 0;
	default:
		return AQ_RC_EPERM;
	}
}

/* The head moves before the answer can come, as the driver may look for it. */
static bool run_one(struct vf *vf)
{
	struct adminq *q = &vf->atq;
	uint64_t address = q->base + q->head * sizeof(struct aq_desc);
	struct aq_desc d;
	int ret;

	if (dma_read(vf, address, &d, sizeof(d)))
		return false;
	q->head = (q->head + 1) % length(q);
	ret = execute(vf, &d);
	/* The request was for a reset: queue and memory are gone. */
	if (!usable(vf, q))
		return true;
	if (ret < 0)
		return false;
	d.flags |= AQ_FLAG_DD | AQ_FLAG_CMP | (ret ? AQ_FLAG_ERR : 0);
	d.retval = ret;
	if (dma_write(vf, address, &d, sizeof(d)))
		return false;
	if (d.flags & AQ_FLAG_SI)
		irq_adminq(vf);
	return true;
}

void adminq_run(struct vf *vf)
{
	struct adminq *q = &vf->atq;
	unsigned int left = AQ_LEN_MASK + 1;

	if (vf->policy.adminq_stuck)
		return;
	while (left-- && usable(vf, q) && q->head != q->tail) {
		if (q->head >= length(q) || q->tail >= length(q) ||
		    !run_one(vf))
			critical(vf, q);
	}
}

/* What is longer than the buffer is cut; the driver sees the length it got. */
static bool put_message(struct vf *vf, struct aq_desc *d, const void *data,
			uint16_t len)
{
	uint16_t room = d->datalen;

	if (!(d->flags & AQ_FLAG_BUF))
		room = 0;
	if (len > room)
		len = room;
	d->flags = AQ_FLAG_DD | AQ_FLAG_CMP | (len ? AQ_FLAG_BUF : 0) |
		   (len > AQ_LARGE_BUF ? AQ_FLAG_LB : 0);
	d->datalen = len;
	return !dma_write(vf, buffer_address(d), data, len);
}

void adminq_send(struct vf *vf, uint32_t opcode, int32_t status,
		 const void *data, uint16_t len)
{
	struct adminq *q = &vf->arq;
	uint64_t address = q->base + q->head * sizeof(struct aq_desc);
	struct aq_desc d;

	if (!usable(vf, q) || vf->policy.adminq_stuck)
		return;
	if (q->head == q->tail) {
		q->len |= AQ_LEN_OVFL;
		vf->events.arq_overflows++;
		irq_adminq(vf);
		return;
	}
	if (q->head >= length(q) || q->tail >= length(q) ||
	    dma_read(vf, address, &d, sizeof(d)) ||
	    !put_message(vf, &d, data, len)) {
		critical(vf, q);
		return;
	}
	d.opcode = AQC_SEND_MSG_TO_VF;
	d.retval = 0;
	d.cookie_high = opcode;
	d.cookie_low = status;
	d.param0 = 0;
	d.param1 = 0;
	if (dma_write(vf, address, &d, sizeof(d))) {
		critical(vf, q);
		return;
	}
	q->head = (q->head + 1) % length(q);
	irq_adminq(vf);
}
