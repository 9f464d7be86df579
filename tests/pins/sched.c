// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler. Stacks are switched by _setjmp(), as swapcontext() calls the system
 * each time; a coroutine and its stack are used for the next schedule again.
 */

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "kernel.h"
#include "kselftest.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#define TASKS_MAX	64
#define STACK		(64 * 1024)
#define STEPS_MAX	1000000
#define TRACE		96

struct task_struct {
	jmp_buf context;
	char *stack;
	size_t stack_size;
	void *fake_stack;
	struct task_struct *creator;
	const char *name;
	unsigned int number;
	void (*run)(void *arg);
	void *arg;
	bool runnable;
	bool woken;
	bool timed;
	bool killed;
	unsigned long deadline;
	unsigned long called;
	unsigned int priority;
	unsigned int spinlocks;
	struct mutex *mutex;
	struct mutex *woken_for;
	unsigned long ticket;
	struct wait_queue_head *wq;
	struct file *files;
};

struct step {
	const char *task;
	unsigned int number;
	const char *what;
	long a, b;
};

static struct {
	struct sched_options options;
	unsigned long random;
	bool by_priority;
	unsigned int switches;		/* one of so many chances is taken */
	struct task_struct tasks[TASKS_MAX];	/* the first is who calls sched_run() */
	unsigned int nr_tasks;
	unsigned int live;
	long allocated;
	unsigned long nr_trace;
	struct step trace[TRACE];
} sched;

struct task_struct *sched_current = &sched.tasks[0];
unsigned long sched_now, sched_steps, sched_expired;

unsigned int sched_random(unsigned int range)
{
	sched.random ^= sched.random << 13;
	sched.random ^= sched.random >> 7;
	sched.random ^= sched.random << 17;
	return (sched.random >> 32) * range >> 32;
}

void sched_trace(const char *what, long a, long b)
{
	sched.trace[sched.nr_trace++ % TRACE] = (struct step){
		current->name, current->number, what, a, b };
}

unsigned long sched_clock(void)
{
	return sched.nr_trace;
}

void sched_call(const char *what, long a, long b)
{
	sched_trace(what, a, b);
	current->called = sched.nr_trace;
}

unsigned long sched_called(void)
{
	return current->called;
}

void sched_fail(const char *what)
{
	unsigned long i = sched.nr_trace > TRACE ? sched.nr_trace - TRACE : 0;
	struct task_struct *task;

	for (; i < sched.nr_trace; i++) {
		struct step *step = &sched.trace[i % TRACE];

		printf("# %4lu %s%u: %s %ld %ld\n", i, step->task, step->number,
		       step->what, step->a, step->b);
	}
	for (task = sched.tasks + 1; task < sched.tasks + sched.nr_tasks; task++) {
		if (task->mutex || task->wq)
			printf("# %s%u waits for a %s%s\n", task->name, task->number,
			       task->mutex ? "mutex of " : "condition",
			       task->mutex && task->mutex->owner ?
			       task->mutex->owner->name : "");
	}
	printf("# seed %#lx, %s%u, step %lu: %s\n", sched.options.seed,
	       current->name, current->number, sched_steps, what);
	fflush(stdout);
	_exit(1);
}

static void sched_landed(struct task_struct *from)
{
#ifdef __SANITIZE_ADDRESS__
	const void *stack;
	size_t size;

	__sanitizer_finish_switch_fiber(current->fake_stack, &stack, &size);
	if (from && !from->stack) {
		from->stack = (char *)stack;
		from->stack_size = size;
	}
#endif
}

static void sched_switch(struct task_struct *task)
{
	struct task_struct *from = current;

	if (task == from)
		return;
	sched_current = task;
	if (_setjmp(from->context)) {
		sched_landed(NULL);
		return;
	}
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(&from->fake_stack, task->stack, task->stack_size);
#endif
	_longjmp(task->context, 1);
}

static void sched_expire(struct task_struct *task)
{
	if (sched_now < task->deadline)
		sched_now = task->deadline;
	task->timed = false;
	task->runnable = true;
	sched_expired++;
	sched_trace("lets a timeout expire, of task", task - sched.tasks, 0);
}

static void sched_deadlock(void)
{
	if (!sched.options.hangs || !getenv("EXPECT_HANGS"))
		sched_fail("deadlock");
	printf("# seed %#lx: deadlock, as is known\n", sched.options.seed);
	fflush(stdout);
	_exit(KSFT_XFAIL);
}

/* Any of them, or the one that waits least */
static struct task_struct *sched_find_timed(bool any)
{
	struct task_struct *task, *found = NULL;
	unsigned int n = 0;

	for (task = sched.tasks; task < sched.tasks + sched.nr_tasks; task++) {
		if (!task->timed || task->runnable)
			continue;
		if (any ? !sched_random(++n) :
			  !found || task->deadline < found->deadline)
			found = task;
	}
	return found;
}

static struct task_struct *sched_pick(void)
{
	struct task_struct *task, *found = NULL;
	unsigned int n = 0;

	for (task = sched.tasks; task < sched.tasks + sched.nr_tasks; task++) {
		if (!task->runnable)
			continue;
		if (sched.by_priority ? !found || task->priority > found->priority :
					!sched_random(++n))
			found = task;
	}
	return found;
}

static void sched_schedule(void)
{
	struct task_struct *task;

	if (++sched_steps > STEPS_MAX)
		sched_fail("no end");
	if (!sched_random(8))
		sched_now++;
	/* Some tasks get no CPU for long; which ones changes. */
	if (sched.by_priority && current->priority && !sched_random(24))
		current->priority = 1 + sched_random(1000);
	if (sched.options.stalled && !sched_random(sched.options.starved ? 2 : 24)) {
		task = sched_find_timed(true);
		if (task)
			sched_expire(task);
	}
	task = sched_pick();
	if (!task) {
		task = sched_find_timed(false);
		if (!task)
			sched_deadlock();
		sched_expire(task);
	}
	sched_switch(task);
}

void sched_point(void)
{
	/* Nothing runs before all is set up. */
	if (current != sched.tasks && !current->spinlocks && !sched_random(sched.switches))
		sched_schedule();
}

static void sched_block(void)
{
	if (current->spinlocks)
		sched_fail("sleeps with a spinlock held");
	current->runnable = false;
	sched_schedule();
}

static void sched_main(void)
{
	sched_landed(&sched.tasks[0]);
	sched_switch(current->creator);
	for (;;) {
		current->run(current->arg);
		if (current->spinlocks || current->files)
			sched_fail("a task ends with a lock or a file");
		current->run = NULL;
		if (!--sched.live)
			sched.tasks[0].runnable = true;
		sched_block();
	}
}

void sched_begin(const struct sched_options *options)
{
	sched.options = *options;
	sched.random = (options->seed + 1) * 0x9e3779b97f4a7c15ul;
	sched_random(1);
	sched.by_priority = options->idle || sched_random(2);
	sched.switches = 1u << sched_random(4);
	sched.nr_tasks = 1;
	sched.live = 0;
	sched.allocated = 0;
	sched.nr_trace = 0;
	sched.tasks[0].name = "main";
	sched.tasks[0].runnable = true;
	sched_now = 0;
	sched_steps = 0;
	sched_expired = 0;
}

/* Makes a coroutine, which comes back at once. */
static void sched_create(struct task_struct *task)
{
	struct task_struct *creator = current;
	ucontext_t context;

	task->stack_size = STACK;
	task->stack = malloc(STACK);
	task->creator = creator;
	getcontext(&context);
	context.uc_stack.ss_sp = task->stack;
	context.uc_stack.ss_size = STACK;
	context.uc_link = NULL;
	makecontext(&context, sched_main, 0);
	sched_current = task;
	if (!_setjmp(creator->context)) {
#ifdef __SANITIZE_ADDRESS__
		__sanitizer_start_switch_fiber(&creator->fake_stack, task->stack, STACK);
#endif
		setcontext(&context);
	}
	sched_landed(NULL);
}

void sched_add(const char *name, unsigned int number, void (*run)(void *arg), void *arg)
{
	struct task_struct *task = sched.tasks + 1;

	while (task < sched.tasks + sched.nr_tasks && task->run)
		task++;
	if (task == sched.tasks + TASKS_MAX)
		abort();
	if (task == sched.tasks + sched.nr_tasks)
		sched.nr_tasks++;
	if (!task->stack)
		sched_create(task);
	task->name = name;
	task->number = number;
	task->run = run;
	task->arg = arg;
	task->killed = false;
	task->woken = false;
	task->woken_for = NULL;
	task->timed = false;
	task->called = 0;
	task->runnable = true;
	task->priority = sched.options.idle && !sched.live ? 0 : 1 + sched_random(1000);
	sched.live++;
}

void sched_run(void)
{
	if (sched.live)
		sched_block();
}

void sched_end(void)
{
	if (sched.allocated)
		sched_fail("something was not freed");
}

/* Locks */

void spin_lock(spinlock_t *lock)
{
	sched_point();
	if (lock->owner)
		sched_fail("a spinlock is taken twice");
	lock->owner = current;
	current->spinlocks++;
}

void spin_unlock(spinlock_t *lock)
{
	if (lock->owner != current)
		sched_fail("a spinlock is not held");
	lock->owner = NULL;
	current->spinlocks--;
	sched_point();
}

void mutex_lock(struct mutex *m)
{
	sched_point();
	if (m->owner == current)
		sched_fail("a mutex is taken twice");
	if (current->spinlocks)
		sched_fail("a mutex is taken with a spinlock held");
	if (m->owner) {
		current->mutex = m;
		current->ticket = sched_steps;
		m->waiters++;
		/* Whoever comes while it is free takes it, before one that was woken. */
		while (m->owner && m->owner != current)
			sched_block();
		current->mutex = NULL;
		m->waiters--;
	}
	m->owner = current;
}

/* Any waiter; or, as in Linux, the first, which gets it if it was woken in vain. */
static void mutex_wake(struct mutex *m)
{
	struct task_struct *task, *next = NULL;
	unsigned int n = 0;

	for (task = sched.tasks; task < sched.tasks + sched.nr_tasks; task++) {
		if (task->mutex != m)
			continue;
		if (sched.options.handoff ? !next || task->ticket < next->ticket :
					    !task->runnable && !sched_random(++n))
			next = task;
	}
	if (!next)
		return;
	if (sched.options.handoff && next->woken_for == m)
		m->owner = next;
	next->woken_for = m;
	next->runnable = true;
}

void mutex_unlock(struct mutex *m)
{
	if (m->owner != current)
		sched_fail("a mutex is not held");
	m->owner = NULL;
	current->woken_for = NULL;
	if (m->waiters)
		mutex_wake(m);
	sched_point();
}

/* Waiting */

void sched_prepare_to_wait(struct wait_queue_head *wq)
{
	if (!current->wq) {
		current->wq = wq;
		wq->waiters++;
	}
	current->woken = false;
}

/* Returns what is left of the timeout. */
long sched_wait(long timeout)
{
	unsigned long begin = sched_now;

	/* Woken since it looked: it looks again. */
	if (current->woken)
		return timeout;
	current->timed = timeout != SCHED_NEVER;
	current->deadline = sched_now + timeout;
	sched_block();
	if (timeout == SCHED_NEVER)
		return timeout;
	if (!current->woken)
		return 0;
	current->timed = false;
	/* Only sched_expire() ends a wait. */
	timeout -= sched_now - begin;
	return timeout > 0 ? timeout : 1;
}

void sched_finish_wait(void)
{
	if (current->wq)
		current->wq->waiters--;
	current->wq = NULL;
}

bool wq_has_sleeper(struct wait_queue_head *wq)
{
	sched_point();
	return wq->waiters;
}

void wake_up_all(struct wait_queue_head *wq)
{
	struct task_struct *task;

	for (task = sched.tasks; wq->waiters && task < sched.tasks + sched.nr_tasks;
	     task++) {
		if (task->wq != wq)
			continue;
		task->woken = true;
		task->runnable = true;
	}
	sched_point();
}

bool sched_is_killed(void)
{
	if (sched.options.stalled && !sched_random(100))
		current->killed = true;
	return current->killed;
}

/* Work: a task for each, as any number may run at once. */

static void sched_work(void *arg)
{
	struct work_struct *work = arg;

	while (work->pending) {
		work->pending = false;
		sched_trace("works", 0, 0);
		work->func(work);
	}
	work->running = false;
	wake_up_all(&work->done);
}

bool queue_work(void *wq, struct work_struct *work)
{
	if (work->pending)
		return false;
	work->pending = true;
	sched_trace("queues work", 0, 0);
	if (!work->running)
		sched_add("worker", 0, sched_work, work);
	work->running = true;
	return true;
}

void cancel_work_sync(struct work_struct *work)
{
	sched_point();
	work->pending = false;
	wait_event(work->done, !work->running);
}

/* Memory and files */

bool sched_may_fail(void)
{
	return sched.options.failing;
}

bool sched_fails(void)
{
	return sched.options.failing && !sched_random(8);
}

void *kzalloc(size_t size, int flags)
{
	sched_point();
	if (current->spinlocks)
		sched_fail("allocates with a spinlock held");
	if (sched_fails())
		return NULL;
	sched.allocated++;
	return calloc(1, size);
}

void kfree(void *p)
{
	sched.allocated -= !!p;
	free(p);
}

struct file *anon_inode_getfile(const char *name, const struct file_operations *f_op,
				void *private_data, int flags)
{
	struct file *file = kzalloc(sizeof(*file), 0);

	if (!file)
		return (struct file *)(intptr_t)-ENFILE;
	*file = (struct file){ .f_op = f_op, .private_data = private_data };
	return file;
}

void fput(struct file *file)
{
	file->next = current->files;
	current->files = file;
}

void sched_leave_ioctl(void)
{
	struct file *file;

	while ((file = current->files)) {
		current->files = file->next;
		sched_point();
		file->f_op->release(NULL, file);
		kfree(file);
	}
}
