/* SPDX-License-Identifier: GPL-2.0-only */
/* An operation that may block, in a thread of its own */
#ifndef _SELFTESTS_JOB_H
#define _SELFTESTS_JOB_H

#include <pthread.h>
#include <stdbool.h>

/* The result is the operation's: 0, a value, or -errno. */
struct job {
	int (*run)(void *arg);
	void *arg;
	int result;
	bool ended;
	pthread_t thread;
};

int job_start(struct job *job, int (*run)(void *arg), void *arg);
/* Sets result; -ETIMEDOUT if the operation did not end in time. */
int job_wait(struct job *job, unsigned int seconds);
bool job_ended(struct job *job);

#endif /* _SELFTESTS_JOB_H */
