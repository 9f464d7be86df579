// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of a function, by FLR, by its own request or by the PF
 *
 * The hardware drops queues, registers and interrupts at once, and shows
 * VFGEN_RSTAT "in progress", then "completed". The PF's driver, which was told,
 * makes the function's resources anew and writes "active" there. Until then
 * nobody hears the function.
 */

#include "vf.h"

#define MS	1000000ULL

static void arm(struct vf *vf)
{
	/* Half for the hardware, half for the PF's driver */
	model_arm_timer(vf->model, vf->reset_timer,
			(vf->policy.reset_ms + 1) * MS / 2, 0);
}

static void reset_event(struct model *m, int fd, void *arg)
{
	struct vf *vf = arg;

	(void)m;
	(void)fd;
	if (vf->policy.hold)
		return;
	if (vf->rstat == VFR_INPROGRESS) {
		vf->rstat = VFR_COMPLETED;
		arm(vf);
		return;
	}
	virtchnl_reset(vf);
	vf->rstat = VFR_VFACTIVE;
	/* Its driver may not have waited. */
	adminq_run(vf);
}

void reset_function(struct vf *vf)
{
	vf->events.resets++;
	vf->rstat = VFR_INPROGRESS;
	vf->pf.state = PF_RESETTING;
	virtchnl_drop(vf);
	adminq_reset(vf);
	queues_reset(vf);
	irq_reset(vf);
	arm(vf);
}

void reset_by_model(struct model *m)
{
	reset_function(model_private(m));
}

void reset_with_notice(struct vf *vf)
{
	if (vf->pf.state != PF_RESETTING)
		virtchnl_event(vf, EVENT_RESET_IMPENDING,
			       SEVERITY_CERTAIN_DOOM);
	reset_function(vf);
}

void reset_release(struct vf *vf)
{
	vf->policy.hold = false;
	if (vf->rstat != VFR_VFACTIVE)
		arm(vf);
}

/* As after the PF's driver has made its functions */
int reset_init(struct vf *vf)
{
	vf->reset_timer = model_add_timer(vf->model, reset_event, vf);
	if (vf->reset_timer < 0)
		return vf->reset_timer;
	virtchnl_reset(vf);
	vf->rstat = VFR_VFACTIVE;
	return 0;
}
