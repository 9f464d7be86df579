// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: causes, throttling, and what the driver enables
 *
 * A vector's interrupt clears its INTENA. A cause that comes while it is clear,
 * or too soon after the last interrupt, is pending. Masks in the MSI-X table are
 * the business of the client.
 */

#include <time.h>

#include "vf.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void send_interrupt(struct vf *vf, struct vector *v, uint64_t now)
{
	v->pending = false;
	v->enabled = false;
	v->fired = now;
	v->count++;
	model_irq_trigger(vf->model, VFIO_PCI_MSIX_IRQ_INDEX, v->index);
}

static uint64_t interval_ns(const struct vf *vf, const struct vector *v)
{
	if (v->pending_itr >= ITR_NONE)
		return 0;
	return ITR_UNIT_NS *
	       (v->index ? v->itr[v->pending_itr] : vf->itr0[v->pending_itr]);
}

/* Sends what is pending, now or when its interval is over. */
static void update(struct vf *vf, struct vector *v)
{
	uint64_t now = now_ns();
	uint64_t due = v->fired + interval_ns(vf, v);

	if (!v->pending || !v->enabled || !dma_enabled(vf))
		return;
	if (now >= due)
		send_interrupt(vf, v, now);
	else
		model_arm_timer(vf->model, v->timer, due - now, 0);
}

static void raise(struct vf *vf, struct vector *v, unsigned int itr)
{
	unsigned int before = v->pending_itr;

	if (!v->pending) {
		v->pending_itr = itr;
	} else {
		uint64_t old = interval_ns(vf, v);

		v->pending_itr = itr;
		if (interval_ns(vf, v) > old)
			v->pending_itr = before;
	}
	v->pending = true;
	update(vf, v);
}

void irq_cause(struct vf *vf, unsigned int vector, unsigned int itr)
{
	if (vector && vector < vf->port->num_vectors)
		raise(vf, &vf->vectors[vector], itr);
}

static void update_vector0(struct vf *vf)
{
	if (vf->icr0 & vf->icr0_ena || vf->icr0 & ICR0_SWINT)
		raise(vf, &vf->vectors[0], ITR_NONE);
}

void irq_adminq(struct vf *vf)
{
	vf->icr0 |= ICR0_ADMINQ | ICR0_INTEVENT;
	update_vector0(vf);
}

/* Reading clears. */
uint32_t irq_read_icr0(struct vf *vf)
{
	uint32_t value = vf->icr0;

	vf->icr0 = 0;
	return value;
}

void irq_write_icr0_ena(struct vf *vf, uint32_t value)
{
	vf->icr0_ena = value;
	update_vector0(vf);
}

uint32_t irq_read_dyn_ctl(const struct vf *vf, unsigned int vector)
{
	const struct vector *v = &vf->vectors[vector];

	return (v->enabled ? DYN_CTL_INTENA : 0) |
	       (v->wb_on_itr ? DYN_CTL_WB_ON_ITR : 0) | ITR_NONE << 3;
}

void irq_write_dyn_ctl(struct vf *vf, unsigned int vector, uint32_t value)
{
	struct vector *v = &vf->vectors[vector];
	unsigned int itr = DYN_CTL_ITR_INDX(value);

	if (itr != ITR_NONE && vector)
		v->itr[itr] = DYN_CTL_INTERVAL(value);
	else if (itr != ITR_NONE)
		vf->itr0[itr] = DYN_CTL_INTERVAL(value);
	v->wb_on_itr = value & DYN_CTL_WB_ON_ITR;
	if (value & DYN_CTL_CLEARPBA)
		v->pending = false;
	if (!(value & DYN_CTL_INTENA_MSK))
		v->enabled = value & DYN_CTL_INTENA;
	if (value & DYN_CTL_SWINT_TRIG) {
		if (!vector)
			vf->icr0 |= ICR0_SWINT | ICR0_INTEVENT;
		raise(vf, v, value & DYN_CTL_SW_ITR_ENA ?
			     DYN_CTL_SW_ITR(value) : ITR_NONE);
		return;
	}
	update(vf, v);
}

static void timer_event(struct model *m, int fd, void *arg)
{
	struct vector *v = arg;

	(void)m;
	(void)fd;
	update(v->vf, v);
}

int irq_init(struct vf *vf)
{
	struct vector *v;
	unsigned int i;

	for (i = 0; i < vf->port->num_vectors; i++) {
		v = &vf->vectors[i];
		v->vf = vf;
		v->index = i;
		v->timer = model_add_timer(vf->model, timer_event, v);
		if (v->timer < 0)
			return v->timer;
	}
	return 0;
}

void irq_reset(struct vf *vf)
{
	struct vector *v;
	unsigned int i;

	vf->icr0 = 0;
	vf->icr0_ena = 0;
	for (i = 0; i < 3; i++)
		vf->itr0[i] = 0;
	for (i = 0; i < vf->port->num_vectors; i++) {
		v = &vf->vectors[i];
		v->enabled = false;
		v->pending = false;
		v->wb_on_itr = false;
		v->fired = 0;
		v->itr[0] = 0;
		v->itr[1] = 0;
		v->itr[2] = 0;
		model_arm_timer(vf->model, v->timer, 0, 0);
	}
}
