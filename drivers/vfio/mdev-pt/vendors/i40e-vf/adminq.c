// SPDX-License-Identifier: GPL-2.0-only
/*
 * The admin queues, by which a VF's driver speaks with the PF's
 *
 * What the PF has done for a VF is in no register that the VF could read. So the
 * queues are overheard: a write of the tail shows requests, a read of the head
 * answers. The user's memory is read as the function reads it; what the user
 * changes meanwhile is its own loss, for nothing here relies on it.
 *
 * The heads of an XL710's rings can't be set, so the driver has to set up the
 * function at the destination. It does so after a reset by the PF, and that is what
 * it is told on arrival: with the event RESET_IMPENDING in its queue, it waits
 * until VF_ARQLEN is not enabled, which holds at once, and for VFGEN_RSTAT. Until
 * it writes to the registers of a queue, those are emulated, as far as it takes:
 * the queue from the PF has one message more, that to the PF is done.
 *
 * What it does not repeat then (see i40e_vf_repeats()) is asked for in the place
 * of a request of its own: another message would move the user's indices.
 */

#include <linux/bitfield.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "i40e_vf.h"

/* Descriptors that are read at once */
#define BATCH		16

static const u32 registers[] = {
	VF_ATQBAL, VF_ATQBAH, VF_ATQLEN, VF_ATQH, VF_ATQT,
	VF_ARQBAL, VF_ARQBAH, VF_ARQLEN, VF_ARQH, VF_ARQT,
	VFINT_ICR01, VFINT_DYN_CTL01,
};

/* The user's access to a part of a register */
static u32 part(u32 reg, u64 offset, unsigned int width)
{
	return (reg >> offset % 4 * 8) & GENMASK(width * 8 - 1, 0);
}

static u64 descriptor(const struct i40e_vf_adminq *q, u32 index)
{
	return q->base + (u64)index * sizeof(struct i40e_vf_desc);
}

static u64 address(const struct i40e_vf_desc *desc)
{
	return (u64)le32_to_cpu(desc->addr_high) << 32 |
	       le32_to_cpu(desc->addr_low);
}

/* What can't be read here could have been anything. */
static int dma_read(struct i40e_vf *i40e, u64 iova, void *buf, size_t len)
{
	int ret = mdev_pt_dma_read(i40e->pt, iova, buf, len);

	if (ret)
		i40e->deaf = true;
	return ret;
}

/* Call @hear for each descriptor from @first to before @end. */
static void visit(struct i40e_vf *i40e, const struct i40e_vf_adminq *q,
		  u32 first, u32 end,
		  void (*hear)(struct i40e_vf *i40e, u32 index,
			       const struct i40e_vf_desc *desc))
{
	u32 entries = i40e_vf_entries(q), count, i;
	struct i40e_vf_desc batch[BATCH];

	if (first >= entries || end >= entries)
		return;
	while (first != end) {
		count = (end > first ? end : entries) - first;
		count = min_t(u32, count, BATCH);
		if (dma_read(i40e, descriptor(q, first), batch,
			     count * sizeof(*batch)))
			return;
		for (i = 0; i < count; i++)
			hear(i40e, first + i, &batch[i]);
		first = (first + count) % entries;
	}
}

/* In the place of the user's request; its buffer first, which has room for more. */
static bool ask_instead(struct i40e_vf *i40e, u32 index,
			const struct i40e_vf_desc *desc,
			const struct vc_promiscuous *message)
{
	struct i40e_vf_desc ours = *desc;

	ours.message = cpu_to_le32(VC_CONFIG_PROMISCUOUS_MODE);
	ours.datalen = cpu_to_le16(sizeof(*message));
	return !mdev_pt_dma_write(i40e->pt, address(desc), message,
				  sizeof(*message)) &&
	       !mdev_pt_dma_write(i40e->pt, descriptor(&i40e->atq, index),
				  &ours, sizeof(ours));
}

static void hear_request(struct i40e_vf *i40e, u32 index,
			 const struct i40e_vf_desc *desc)
{
	u32 message = le32_to_cpu(desc->message);
	u16 len = le16_to_cpu(desc->datalen);
	struct vc_promiscuous instead;

	if (le16_to_cpu(desc->opcode) != I40E_VF_SEND_TO_PF)
		return;
	if (!(le16_to_cpu(desc->flags) & I40E_VF_DESC_BUF))
		len = 0;
	/* The firmware takes no longer ones. */
	if (len > sizeof(i40e->message) ||
	    (len && dma_read(i40e, address(desc), i40e->message, len)))
		return;
	if (i40e_vf_repeats(i40e, message, i40e->message, len, &instead)) {
		i40e->repeat = false;
		i40e->asked = ask_instead(i40e, index, desc, &instead);
		if (i40e->asked) {
			i40e_vf_request(i40e, VC_CONFIG_PROMISCUOUS_MODE,
					&instead, sizeof(instead));
			return;
		}
	}
	i40e_vf_request(i40e, message, i40e->message, len);
}

/* The user has asked for statistics: it gets those of the last time. */
static void answer_instead(struct i40e_vf *i40e, u32 index,
			   const struct i40e_vf_desc *desc,
			   const struct i40e_vf_buffer *buffer)
{
	struct i40e_vf_desc ours = *desc;
	u16 len = min_t(u16, buffer->len, sizeof(i40e->stats));

	ours.flags |= cpu_to_le16(I40E_VF_DESC_BUF);
	ours.message = cpu_to_le32(VC_GET_STATS);
	ours.status = 0;
	ours.datalen = cpu_to_le16(len);
	if (mdev_pt_dma_write(i40e->pt, buffer->iova, &i40e->stats, len) ||
	    mdev_pt_dma_write(i40e->pt, descriptor(&i40e->arq, index), &ours,
			      sizeof(ours)))
		i40e->deaf = true;
}

static void hear_answer(struct i40e_vf *i40e, u32 index,
			const struct i40e_vf_desc *desc)
{
	struct i40e_vf_buffer buffer = i40e_vf_buffer(i40e, index);
	u16 len = min(le16_to_cpu(desc->datalen), buffer.len);

	if (le16_to_cpu(desc->opcode) != I40E_VF_SEND_TO_VF ||
	    (len && dma_read(i40e, buffer.iova, i40e->message, len)))
		return;
	i40e_vf_answer(i40e, le32_to_cpu(desc->message),
		       le32_to_cpu(desc->status), i40e->message, len);
	if (i40e->asked &&
	    le32_to_cpu(desc->message) == VC_CONFIG_PROMISCUOUS_MODE) {
		i40e->asked = false;
		answer_instead(i40e, index, desc, &buffer);
	}
}

static void note_buffer(struct i40e_vf *i40e, u32 index,
			const struct i40e_vf_desc *desc)
{
	i40e_vf_posted(i40e, index, address(desc), le16_to_cpu(desc->datalen));
}

void i40e_vf_adminq_reset(struct i40e_vf *i40e)
{
	i40e_vf_written_end(i40e);
	i40e_vf_forget(i40e);
	memset(&i40e->atq, 0, sizeof(i40e->atq));
	memset(&i40e->arq, 0, sizeof(i40e->arq));
	memset(&i40e->granted, 0, sizeof(i40e->granted));
	i40e->deaf = false;
	i40e->arrived = false;
	i40e->cause = false;
	i40e->raise = false;
}

/* Of the queue from the PF: what it has said up to @head */
static void hear_up_to(struct i40e_vf *i40e, u32 head)
{
	struct i40e_vf_adminq *q = &i40e->arq;

	head &= VF_AQ_INDEX;
	if (head >= i40e_vf_entries(q) || head == q->head)
		return;
	visit(i40e, q, q->head, head, hear_answer);
	q->head = head;
}

/* The user's driver finds out, too: the function has no queues any more. */
static void was_reset_by_pf(struct i40e_vf *i40e)
{
	i40e_vf_adminq_reset(i40e);
	mdev_pt_queues_were_reset(i40e->pt);
}

static int adminq_read(struct i40e_vf *i40e, u32 reg, u32 *value)
{
	int ret;

	if (i40e->arrived) {
		switch (reg) {
		case VF_ARQH:
			*value = i40e->arq.head;
			return 0;
		case VF_ATQH:
		case VF_ATQT:
			*value = i40e->atq.tail;
			return 0;
		case VF_ARQT:
			*value = i40e->arq.tail;
			return 0;
		}
	}

	ret = i40e_vf_read(i40e, reg, value);
	if (ret)
		return ret;
	switch (reg) {
	case VF_ARQH:
		hear_up_to(i40e, *value);
		break;
	case VF_ARQLEN:
		if (!i40e->arrived && i40e_vf_entries(&i40e->arq) &&
		    !(*value & VF_AQLEN_ENABLE))
			was_reset_by_pf(i40e);
		break;
	case VFINT_ICR01:
		if (i40e->cause)
			*value |= VFINT_ICR0_ADMINQ | VFINT_ICR0_INTEVENT;
		i40e->cause = false;
		break;
	}
	return 0;
}

static int register_read(struct mdev_pt_device *pt, void *data, u64 offset,
			 unsigned int width, u64 *value)
{
	struct i40e_vf *i40e = data;
	u32 reg;
	int ret;

	i40e_vf_lock(i40e);
	ret = adminq_read(i40e, round_down(offset, 4), &reg);
	i40e_vf_unlock(i40e);
	if (!ret)
		*value = part(reg, offset, width);
	return ret;
}

static void set_low(u64 *base, u32 value)
{
	*base = (*base & ~(u64)U32_MAX) | round_down(value, VF_AQ_ALIGN);
}

static void set_high(u64 *base, u32 value)
{
	*base = (*base & U32_MAX) | (u64)value << 32;
}

static void set_tail(struct i40e_vf *i40e, struct i40e_vf_adminq *q, u32 tail,
		     void (*hear)(struct i40e_vf *i40e, u32 index,
				  const struct i40e_vf_desc *desc))
{
	tail &= VF_AQ_INDEX;
	visit(i40e, q, q->tail, tail, hear);
	q->tail = tail;
}

static void set_register(struct i40e_vf *i40e, u32 reg, u32 value)
{
	struct i40e_vf_adminq *atq = &i40e->atq, *arq = &i40e->arq;

	switch (reg) {
	case VF_ATQT:
		set_tail(i40e, atq, value, hear_request);
		return;
	case VF_ARQT:
		set_tail(i40e, arq, value, note_buffer);
		return;
	case VF_ATQBAL:
		set_low(&atq->base, value);
		break;
	case VF_ATQBAH:
		set_high(&atq->base, value);
		break;
	case VF_ATQLEN:
		atq->len = value;
		break;
	case VF_ATQH:
		atq->head = value & VF_AQ_INDEX;
		break;
	case VF_ARQBAL:
		set_low(&arq->base, value);
		break;
	case VF_ARQBAH:
		set_high(&arq->base, value);
		break;
	case VF_ARQLEN:
		arq->len = value;
		break;
	case VF_ARQH:
		arq->head = value & VF_AQ_INDEX;
		break;
	}
}

/* What the function writes to is what its registers say now. */
static void follow_register(struct i40e_vf *i40e, u32 reg)
{
	switch (reg) {
	case VF_ATQBAL:
	case VF_ATQBAH:
	case VF_ATQLEN:
	case VF_ATQH:
		i40e_vf_written_begin(i40e, &i40e->written_atq, &i40e->atq);
		break;
	case VF_ARQBAL:
	case VF_ARQBAH:
	case VF_ARQLEN:
	case VF_ARQH:
		i40e_vf_written_begin(i40e, &i40e->written_arq, &i40e->arq);
		break;
	}
}

static bool is_tail(u32 reg)
{
	return reg == VF_ATQT || reg == VF_ARQT;
}

static int adminq_write(struct i40e_vf *i40e, u32 reg, u32 value)
{
	int ret;

	if (i40e->arrived && is_tail(reg)) {
		/* Its reset drops what it says now. */
		if (reg == VF_ATQT)
			i40e->atq.tail = value & VF_AQ_INDEX;
		else
			i40e->arq.tail = value & VF_AQ_INDEX;
		return 0;
	}
	/* It begins to set the function up. */
	if (i40e->arrived)
		i40e_vf_adminq_reset(i40e);
	i40e->touched = true;
	/* Where its heads were before, nobody could find out later. */
	if (!is_tail(reg))
		i40e_vf_mark_written(i40e->pt, false);
	set_register(i40e, reg, value);
	ret = i40e_vf_write(i40e, reg, value);
	follow_register(i40e, reg);
	return ret;
}

/* An interrupt of vector 0, at once */
static u32 raised(u32 dyn_ctl)
{
	return dyn_ctl | VFINT_DYN_CTL_SWINT_TRIG | VFINT_DYN_CTL_SW_ITR_ENA |
	       FIELD_PREP(VFINT_DYN_CTL_SW_ITR_INDX, VFINT_ITR_NONE);
}

static int dyn_ctl_write(struct i40e_vf *i40e, u32 value)
{
	if (i40e->raise && value & VFINT_DYN_CTL_INTENA &&
	    !(value & VFINT_DYN_CTL_INTENA_MSK)) {
		i40e->raise = false;
		value = raised(value);
	}
	/* The interrupt may not have come. */
	if (i40e->cause && !(value & (VFINT_DYN_CTL_INTENA |
				      VFINT_DYN_CTL_INTENA_MSK)))
		i40e->raise = true;
	return i40e_vf_write(i40e, VFINT_DYN_CTL01, value);
}

static int register_write(struct mdev_pt_device *pt, void *data, u64 offset,
			  unsigned int width, u64 value)
{
	u32 reg = round_down(offset, 4), whole = value << offset % 4 * 8;
	struct i40e_vf *i40e = data;
	int ret;

	i40e_vf_lock(i40e);
	if (reg == VFINT_DYN_CTL01)
		ret = dyn_ctl_write(i40e, whole);
	else if (reg == VFINT_ICR01)
		ret = i40e_vf_write(i40e, reg, whole);
	else
		ret = adminq_write(i40e, reg, whole);
	i40e_vf_unlock(i40e);
	return ret;
}

static const struct mdev_pt_trap_ops register_ops = {
	.read	= register_read,
	.write	= register_write,
};

/* Each register is a trap of its own, so that no access comes for two. */
int i40e_vf_add_traps(struct i40e_vf *i40e)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(registers); i++)
		ret = mdev_pt_add_trap(i40e->pt, VFIO_PCI_BAR0_REGION_INDEX +
						 I40E_VF_BAR,
				       registers[i], 4, &register_ops, i40e);
	return ret;
}

/* Migration */

static void save_queue(const struct i40e_vf_adminq *q,
		       struct i40e_vf_adminq_state *state)
{
	state->base = cpu_to_le64(q->base);
	state->len = cpu_to_le32(q->len);
	state->head = cpu_to_le32(q->head);
	state->tail = cpu_to_le32(q->tail);
}

static void load_queue(struct i40e_vf_adminq *q,
		       const struct i40e_vf_adminq_state *state)
{
	q->base = le64_to_cpu(state->base);
	q->len = le32_to_cpu(state->len);
	q->head = le32_to_cpu(state->head);
	q->tail = le32_to_cpu(state->tail);
}

/* The function's heads, and what the PF has said last */
static int look_at_heads(struct i40e_vf *i40e)
{
	u32 len, head, atq_head;
	int ret;

	ret = i40e_vf_read(i40e, VF_ARQLEN, &len);
	if (!ret)
		ret = i40e_vf_read(i40e, VF_ARQH, &head);
	if (!ret)
		ret = i40e_vf_read(i40e, VF_ATQH, &atq_head);
	if (ret)
		return ret;
	/* If it was reset, the user's driver doesn't know it yet. */
	if (len & VF_AQLEN_ENABLE) {
		hear_up_to(i40e, head);
		i40e->atq.head = atq_head & VF_AQ_INDEX;
	}
	return 0;
}

int i40e_vf_adminq_capture(struct i40e_vf *i40e)
{
	struct i40e_vf_state *state = &i40e->state;
	bool announced = i40e->arrived && state->announced;
	u32 dyn_ctl, icr0_ena;
	int ret;

	memset(state, 0, sizeof(*state));
	ret = i40e_vf_read(i40e, VFINT_DYN_CTL01, &dyn_ctl);
	if (!ret)
		ret = i40e_vf_read(i40e, VFINT_ICR0_ENA1, &icr0_ena);
	if (!ret && !i40e->arrived)
		ret = look_at_heads(i40e);
	if (ret)
		return ret;

	/*
	 * Vector 0 was raised, which has disabled it, and the user has not looked: the
	 * interrupt may have been stopped, too.
	 */
	if (i40e->arrived && i40e->cause && !i40e->raise)
		dyn_ctl |= VFINT_DYN_CTL_INTENA;
	state->dyn_ctl = cpu_to_le32(dyn_ctl & (VFINT_DYN_CTL_INTENA |
						VFINT_DYN_CTL_ITR_INDX));
	state->icr0_ena = cpu_to_le32(icr0_ena);
	state->announced = announced;
	state->outstanding = min_t(unsigned int, i40e->nr_requests, U8_MAX);
	save_queue(&i40e->atq, &state->atq);
	save_queue(&i40e->arq, &state->arq);
	state->granted = i40e->granted;
	/* Moved again before it was asked for */
	if (i40e->repeat || i40e->asked)
		state->granted.promiscuous = i40e->before.promiscuous;
	return 0;
}

/* At the head of the queue from the PF: a reset is impending. */
static bool announce(struct i40e_vf *i40e)
{
	struct vc_event event = {
		.event = cpu_to_le32(VC_EVENT_RESET_IMPENDING),
		.severity = cpu_to_le32(VC_SEVERITY_CERTAIN_DOOM),
	};
	struct i40e_vf_adminq *q = &i40e->arq;
	u32 entries = i40e_vf_entries(q);
	struct i40e_vf_desc desc;

	if (q->head >= entries || q->head == q->tail ||
	    mdev_pt_dma_read(i40e->pt, descriptor(q, q->head), &desc,
			     sizeof(desc)) ||
	    le16_to_cpu(desc.datalen) < sizeof(event) ||
	    mdev_pt_dma_write(i40e->pt, address(&desc), &event, sizeof(event)))
		return false;

	desc.flags = cpu_to_le16(I40E_VF_DESC_DD | I40E_VF_DESC_CMP |
				 I40E_VF_DESC_BUF);
	desc.opcode = cpu_to_le16(I40E_VF_SEND_TO_VF);
	desc.datalen = cpu_to_le16(sizeof(event));
	desc.retval = 0;
	desc.message = cpu_to_le32(VC_EVENT);
	desc.status = 0;
	memset(desc.param, 0, sizeof(desc.param));
	if (mdev_pt_dma_write(i40e->pt, descriptor(q, q->head), &desc,
			      sizeof(desc)))
		return false;
	q->head = (q->head + 1) % entries;
	return true;
}

/* Vector 0 as it was, and raised: now, or when the user enables it */
static int restore_vector(struct i40e_vf *i40e, bool raise)
{
	u32 dyn_ctl = le32_to_cpu(i40e->state.dyn_ctl);
	int ret;

	i40e->raise = raise && !(dyn_ctl & VFINT_DYN_CTL_INTENA);
	if (raise && !i40e->raise)
		dyn_ctl = raised(dyn_ctl);
	ret = i40e_vf_write(i40e, VFINT_ICR0_ENA1,
			    le32_to_cpu(i40e->state.icr0_ena));
	return ret ? ret : i40e_vf_write(i40e, VFINT_DYN_CTL01, dyn_ctl);
}

/* In the order of the user's driver, which has not asked for anything yet */
static int restore_queues(struct i40e_vf *i40e)
{
	const struct i40e_vf_adminq *atq = &i40e->atq, *arq = &i40e->arq;
	const u32 values[][2] = {
		{ VF_ATQH, atq->head }, { VF_ATQT, atq->head },
		{ VF_ATQLEN, atq->len },
		{ VF_ATQBAL, lower_32_bits(atq->base) },
		{ VF_ATQBAH, upper_32_bits(atq->base) },
		{ VF_ARQH, arq->head }, { VF_ARQT, arq->head },
		{ VF_ARQLEN, arq->len },
		{ VF_ARQBAL, lower_32_bits(arq->base) },
		{ VF_ARQBAH, upper_32_bits(arq->base) },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(values); i++)
		ret = i40e_vf_write(i40e, values[i][0], values[i][1]);
	if (ret)
		return ret;

	i40e->touched = true;
	i40e_vf_written_begin(i40e, &i40e->written_atq, atq);
	i40e_vf_written_begin(i40e, &i40e->written_arq, arq);
	/* The buffers that are posted, before the function may write to them */
	visit(i40e, arq, arq->head, arq->tail, note_buffer);
	ret = i40e_vf_write(i40e, VF_ARQT, arq->tail);
	return ret ? ret : i40e_vf_write(i40e, VF_ATQT, atq->tail);
}

int i40e_vf_adminq_restore(struct i40e_vf *i40e)
{
	struct i40e_vf_state *state = &i40e->state;

	i40e_vf_adminq_reset(i40e);
	load_queue(&i40e->atq, &state->atq);
	load_queue(&i40e->arq, &state->arq);
	if (!i40e_vf_entries(&i40e->arq))
		return restore_vector(i40e, false);
	/* Its driver has only begun: nothing is lost yet. */
	if (!state->granted.resources)
		return restore_queues(i40e) ?: restore_vector(i40e, false);

	i40e->granted = state->granted;
	i40e->before = state->granted;
	i40e->repeat = state->granted.promiscuous;
	i40e->stale_tails = true;
	i40e->arrived = true;
	i40e->cause = true;
	if (!state->announced)
		state->announced = announce(i40e);
	if (!state->announced)
		pci_dbg(i40e->pt->vdev.pdev, "no room for an event: the user's driver finds the reset by itself\n");
	return restore_vector(i40e, true);
}
