/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocations that fail, by the kernel's Documentation/fault-injection/: only
 * those that have our modules on their stack, and only in this task and in the
 * workers that mdev_pt leaves work to
 */
#ifndef _FAULTS_INJECT_H
#define _FAULTS_INJECT_H

#include <stdbool.h>

#define TASKS		512

/* This task, and the workers of unbound queues */
struct tasks {
	unsigned int count;
	char path[TASKS][48];
};

enum outcome {
	UNTOUCHED,	/* nobody allocated anything */
	SPARED,		/* not as much as to come to the nth */
	HIT,
};

bool faults_available(void);
/*
 * Which allocations count, and that copies from and to userspace do not. Those
 * of @module alone, if it isn't NULL.
 */
int faults_choose(const char *module);

/* The nth allocation of each task fails. */
void tasks_arm(struct tasks *tasks, unsigned int nth);
enum outcome tasks_disarm(struct tasks *tasks, unsigned int nth);

#endif /* _FAULTS_INJECT_H */
