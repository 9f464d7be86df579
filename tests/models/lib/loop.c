// SPDX-License-Identifier: GPL-2.0-only
/* The event loop: file descriptors and timers, which are such too */

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "internal.h"

#define NSEC_PER_SEC	1000000000ULL

/*
 * @dead: removed, but epoll may have reported it in the same round
 * @timer: the fd is ours
 */
struct watch {
	struct watch *next;
	int fd;
	bool dead;
	bool timer;
	model_event event;
	void *arg;
};

static int add_watch(struct model *m, int fd, bool timer, model_event event,
		     void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = w };
	int error;

	if (!w)
		return -ENOMEM;
	w->fd = fd;
	w->timer = timer;
	w->event = event;
	w->arg = arg;
	if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &e)) {
		error = -errno;
		free(w);
		return error;
	}
	w->next = m->watches;
	m->watches = w;
	return 0;
}

static void kill_watch(struct model *m, struct watch *w)
{
	epoll_ctl(m->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->timer)
		close(w->fd);
	w->dead = true;
}

int model_add_fd(struct model *m, int fd, model_event event, void *arg)
{
	return add_watch(m, fd, false, event, arg);
}

void model_remove_fd(struct model *m, int fd)
{
	struct watch *w;

	for (w = m->watches; w; w = w->next)
		if (w->fd == fd && !w->dead)
			kill_watch(m, w);
}

int model_add_timer(struct model *m, model_event event, void *arg)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = add_watch(m, fd, true, event, arg);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
}

int model_arm_timer(struct model *m, int timer, uint64_t delay_ns,
		    uint64_t period_ns)
{
	struct itimerspec when = {
		.it_value = to_timespec(delay_ns),
		.it_interval = to_timespec(period_ns),
	};

	(void)m;
	return timerfd_settime(timer, 0, &when, NULL) ? -errno : 0;
}

void model_remove_timer(struct model *m, int timer)
{
	model_remove_fd(m, timer);
}

static void dispatch(struct model *m, struct watch *w)
{
	uint64_t expirations;

	if (w->dead)
		return;
	/* Stopped or armed anew since: there is nothing to read. */
	if (w->timer && read(w->fd, &expirations, sizeof(expirations)) < 0)
		return;
	w->event(m, w->fd, w->arg);
}

static void bury(struct model *m)
{
	struct watch **p = &m->watches;
	struct watch *w;

	while ((w = *p)) {
		if (w->dead) {
			*p = w->next;
			free(w);
		} else {
			p = &w->next;
		}
	}
}

static int step(struct model *m)
{
	struct epoll_event events[16];
	int i, n;

	n = epoll_wait(m->epoll, events, ARRAY_SIZE(events), 0);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (i = 0; i < n; i++)
		dispatch(m, events[i].data.ptr);
	server_poll(m);
	bury(m);
	return 0;
}

static bool all_stopped(struct model *const *models, unsigned int count)
{
	while (count)
		if (!models[--count]->stop)
			return false;
	return true;
}

/*
 * An epoll instance can be waited for like any other file. One model's event
 * may be work for all of them.
 */
int loop_run(struct model *const *models, unsigned int count)
{
	struct epoll_event event = { .events = EPOLLIN };
	int all = epoll_create1(EPOLL_CLOEXEC);
	unsigned int i;
	int ret = 0;

	if (all < 0)
		return -errno;
	for (i = 0; !ret && i < count; i++)
		if (epoll_ctl(all, EPOLL_CTL_ADD, models[i]->epoll, &event))
			ret = -errno;
	while (!ret && !all_stopped(models, count)) {
		if (epoll_wait(all, &event, 1, -1) < 0 && errno != EINTR)
			ret = -errno;
		/* The stopped ones, too: what is not read is reported forever. */
		for (i = 0; !ret && i < count; i++)
			ret = step(models[i]);
	}
	close(all);
	return ret;
}

int loop_init(struct model *m)
{
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	return m->epoll < 0 ? -errno : 0;
}

void loop_exit(struct model *m)
{
	struct watch *w;

	for (w = m->watches; w; w = w->next)
		if (!w->dead)
			kill_watch(m, w);
	bury(m);
	if (m->epoll >= 0)
		close(m->epoll);
}
