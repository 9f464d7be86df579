// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <time.h>

#include "job.h"

static void *job_run(void *arg)
{
	struct job *job = arg;

	job->result = job->run(job->arg);
	__atomic_store_n(&job->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

int job_start(struct job *job, int (*run)(void *arg), void *arg)
{
	*job = (struct job){ .run = run, .arg = arg };
	return -pthread_create(&job->thread, NULL, job_run, job);
}

int job_wait(struct job *job, unsigned int seconds)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += seconds;
	return -pthread_timedjoin_np(job->thread, NULL, &deadline);
}

bool job_ended(struct job *job)
{
	return __atomic_load_n(&job->ended, __ATOMIC_ACQUIRE);
}
