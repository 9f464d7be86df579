/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A type1 container and its devices, in schedules that a seed decides: who runs next,
 * at each lock, unlock, wait, wake and pin; who gets a lock that is free; when memory
 * comes and goes
 */
#ifndef _PINS_MODEL_H
#define _PINS_MODEL_H

#include "kernel.h"

/*
 * @devices: in the container
 * @late: of these, opened while memory is unmapped
 * @unmappers: tasks that unmap
 * @scarce: there may be no memory for what an unmap has to be known by
 * @stalled: waits may time out at any time, as on a machine that has no CPU to spare
 */
struct schedule {
	unsigned int seed;
	unsigned int devices;
	unsigned int late;
	unsigned int unmappers;
	bool scarce;
	bool stalled;
};

/*
 * @failed: what went wrong, or NULL
 * @asked: how often a device was asked at most about one mapping by one unmap
 * @unmaps: how many
 * @marked: pages that were to be reported
 * @errors: devices that gave up
 */
struct outcome {
	const char *failed;
	unsigned int asked;
	unsigned long unmaps;
	unsigned long marked;
	unsigned int errors;
};

struct outcome model_run(const struct schedule *schedule);

#endif /* _PINS_MODEL_H */
