// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model. type1 is as in drivers/vfio/vfio_iommu_type1.c of Linux 6.1 to 7.3:
 * vfio_dma_do_unmap(), vfio_notify_dma_unmap(), vfio_iommu_type1_pin_pages(),
 * _unpin_pages(), _register_device().
 */

#include <string.h>
#include <ucontext.h>

#include "../../drivers/vfio/mdev-pt/migration/pins.h"
#include "model.h"

#define MAPPINGS	3
/* One of them is a guard's region, the others are parts of one, or of two. */
#define MAPPING_PAGES	(1u << 15)
#define PAGES		(MAPPINGS * MAPPING_PAGES)
#define DEVICES_MAX	16
#define UNMAPPERS_MAX	2
#define UNMAPS		4
#define STEPS		60
#define STACK		(64 * 1024)
#define TASKS_MAX	(DEVICES_MAX + 8)
#define PINNED_MAX	256
/* As type1's BUG_ON() */
#define RETRIES_MAX	10
/* So many times in a row nobody could go on: somebody's wait times out. */
#define STALLS(tasks)	((tasks) * 40)

struct task_struct {
	ucontext_t context;
	char *stack;
	void (*run)(struct task_struct *task);
	unsigned int number;
	bool ended;
	int spins;
	bool timed;
	bool timeout;
	struct file *files;
};

struct vfio_device {
	struct mdev_pt_pins *pins;
	unsigned int number;
	bool open;
	bool tracking;
	unsigned int asked[UNMAPPERS_MAX];
	/* What may not be reported: asked for, and not pinned since */
	bool owed[MAPPINGS];
};

struct pinned {
	u64 page;
	unsigned int count;
};

struct mapping {
	bool mapped;
	unsigned int pins;
	struct pinned pinned[PINNED_MAX];
};

static struct {
	const struct schedule *schedule;
	struct outcome outcome;
	unsigned long random;
	unsigned long now;
	ucontext_t scheduler;
	struct task_struct tasks[TASKS_MAX];
	unsigned int nr_tasks;
	struct task_struct *task;
	unsigned int stalls;
	unsigned int running;
	long allocated;
	struct work_struct *works[DEVICES_MAX];
	struct mutex lock;
	struct mutex list_lock;
	struct vfio_device devices[DEVICES_MAX];
	struct vfio_device *list[DEVICES_MAX];
	unsigned int nr_list;
	struct mapping mappings[MAPPINGS];
} model;

/* The scheduler */

static unsigned int model_random(unsigned int range)
{
	model.random = model.random * 6364136223846793005ul + 1442695040888963407ul;
	return (model.random >> 33) % range;
}

void model_fail(const char *what)
{
	if (!model.outcome.failed)
		model.outcome.failed = what;
}

struct task_struct *model_current(void)
{
	return model.task;
}

unsigned long model_now(void)
{
	return model.now;
}

static void model_switch(void)
{
	if (model.task && !model.outcome.failed)
		swapcontext(&model.task->context, &model.scheduler);
	else if (model.task)
		/* Nothing is run to its end any more. */
		setcontext(&model.scheduler);
}

void model_spin(int change)
{
	if (model.task)
		model.task->spins += change;
}

void model_progress(void)
{
	model.stalls = 0;
	model_yield();
}

void model_yield(void)
{
	model.now++;
	if (model.task && !model.task->spins && !model_random(3))
		model_switch();
}

bool model_stall(long timeout)
{
	struct task_struct *task = model.task;
	bool over;

	task->timed = timeout != MAX_SCHEDULE_TIMEOUT;
	model.stalls++;
	if (task->timed && model.schedule->stalled && !model_random(20))
		task->timeout = true;
	if (!task->timeout)
		model_switch();
	over = task->timeout;
	task->timeout = false;
	return over;
}

void model_waited(void)
{
	model.task->timed = false;
	model.task->timeout = false;
	model.stalls = 0;
}

static void model_begin(void)
{
	struct task_struct *task = model.task;

	task->run(task);
	task->ended = true;
	setcontext(&model.scheduler);
}

static void model_add_task(void (*run)(struct task_struct *task), unsigned int number)
{
	struct task_struct *task = &model.tasks[model.nr_tasks++];

	task->run = run;
	task->number = number;
	if (!task->stack)
		task->stack = malloc(STACK);
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = STACK;
	task->context.uc_link = NULL;
	makecontext(&task->context, model_begin, 0);
}

/* Nobody can go on: time passes. */
static void model_time_out(void)
{
	unsigned int i, first = model_random(model.nr_tasks);
	struct task_struct *task;

	for (i = 0; i < model.nr_tasks; i++) {
		task = &model.tasks[(first + i) % model.nr_tasks];
		if (!task->ended && task->timed) {
			task->timeout = true;
			model.stalls = 0;
			model.now += 1000;
			return;
		}
	}
	model_fail("deadlock");
}

static void model_schedule(void)
{
	struct task_struct *task;
	unsigned int i, left;

	for (;;) {
		getcontext(&model.scheduler);
		model.task = NULL;
		for (i = 0, left = 0; i < model.nr_tasks; i++)
			left += !model.tasks[i].ended;
		if (!left || model.outcome.failed)
			return;
		if (model.stalls > STALLS(left))
			model_time_out();
		do {
			task = &model.tasks[model_random(model.nr_tasks)];
		} while (task->ended);
		model.task = task;
		setcontext(&task->context);
	}
}

/* The kernel's helpers */

void *model_alloc(size_t size)
{
	model.allocated++;
	return calloc(1, size);
}

void model_free(void *p)
{
	model.allocated -= !!p;
	free(p);
}

static unsigned int xa_place(struct xarray *xa, unsigned long index)
{
	unsigned int i;

	for (i = 0; i < xa->count && xa->index[i] < index; i++)
		;
	return i;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	unsigned int i = xa_place(xa, index);

	return i < xa->count && xa->index[i] == index ? xa->entry[i] : NULL;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, int flags)
{
	unsigned int i = xa_place(xa, index);

	if (xa->count == XA_ENTRIES)
		abort();
	memmove(&xa->index[i + 1], &xa->index[i], (xa->count - i) * sizeof(*xa->index));
	memmove(&xa->entry[i + 1], &xa->entry[i], (xa->count - i) * sizeof(*xa->entry));
	xa->index[i] = index;
	xa->entry[i] = entry;
	xa->count++;
	return NULL;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	unsigned int i = xa_place(xa, index);
	void *entry = xa_load(xa, index);

	if (!entry)
		return NULL;
	xa->count--;
	memmove(&xa->index[i], &xa->index[i + 1], (xa->count - i) * sizeof(*xa->index));
	memmove(&xa->entry[i], &xa->entry[i + 1], (xa->count - i) * sizeof(*xa->entry));
	return entry;
}

void *model_xa_find(struct xarray *xa, unsigned long *index, unsigned long last)
{
	unsigned int i = xa_place(xa, *index);

	if (i == xa->count || xa->index[i] > last)
		return NULL;
	*index = xa->index[i];
	return xa->entry[i];
}

void model_queue_work(struct work_struct *work)
{
	unsigned int i;

	for (i = 0; model.works[i] && model.works[i] != work; i++)
		;
	model.works[i] = work;
	work->queued = true;
	model.stalls = 0;
}

void cancel_work_sync(struct work_struct *work)
{
	work->queued = false;
	while (work->running)
		model_stall(MAX_SCHEDULE_TIMEOUT);
}

struct file *anon_inode_getfile(const char *name,
				const struct file_operations *fops, void *priv,
				int flags)
{
	struct file *file;

	if (model.schedule->scarce && !model_random(20))
		return (struct file *)(intptr_t)-ENFILE;
	file = model_alloc(sizeof(*file));
	file->f_op = fops;
	file->private_data = priv;
	return file;
}

/* As with task_work: released when the task leaves its system call */
void fput(struct file *file)
{
	file->next = model.task->files;
	model.task->files = file;
}

static void model_leave_call(void)
{
	struct file *file;

	while ((file = model.task->files)) {
		model.task->files = file->next;
		file->f_op->release(NULL, file);
		model_free(file);
	}
}

/* type1 */

static struct mapping *type1_find(u64 page)
{
	struct mapping *m = page < PAGES ? &model.mappings[page / MAPPING_PAGES] : NULL;

	return m && m->mapped ? m : NULL;
}

static struct pinned *type1_pinned(struct mapping *m, u64 page)
{
	unsigned int i;

	for (i = 0; i < PINNED_MAX; i++) {
		if (m->pinned[i].count && m->pinned[i].page == page)
			return &m->pinned[i];
	}
	return NULL;
}

static void type1_put(u64 page)
{
	struct mapping *m = type1_find(page);
	struct pinned *p = m ? type1_pinned(m, page) : NULL;

	if (!p) {
		model_fail("a page is unpinned that is not pinned");
		return;
	}
	p->count--;
	m->pins--;
}

static int type1_get(u64 page)
{
	struct mapping *m = type1_find(page);
	struct pinned *p;

	if (!m)
		return -EINVAL;
	p = type1_pinned(m, page);
	for (p = p ? p : m->pinned; p->count && p->page != page; p++)
		;
	p->page = page;
	p->count++;
	m->pins++;
	return 0;
}

int vfio_pin_pages(struct vfio_device *vdev, u64 iova, int count, int prot,
		   struct page **pages)
{
	u64 page = iova >> PAGE_SHIFT;
	int i, ret = 0;

	mutex_lock(&model.lock);
	for (i = 0; !ret && i < count; i++)
		ret = type1_get(page + i);
	/* Memory may have to be brought in. */
	model_yield();
	if (ret) {
		for (i--; i > 0; i--)
			type1_put(page + i - 1);
	} else {
		vdev->owed[page / MAPPING_PAGES] = false;
	}
	mutex_unlock(&model.lock);
	return ret ? ret : count;
}

void vfio_unpin_pages(struct vfio_device *vdev, u64 iova, int count)
{
	int i;

	mutex_lock(&model.lock);
	for (i = 0; i < count; i++)
		type1_put((iova >> PAGE_SHIFT) + i);
	mutex_unlock(&model.lock);
}

static void type1_notify(unsigned int n)
{
	unsigned int *asked, i;
	struct vfio_device *d;
	bool tracking;

	mutex_lock(&model.list_lock);
	mutex_unlock(&model.lock);
	for (i = 0; i < model.nr_list; i++) {
		d = model.list[i];
		asked = &d->asked[model.task->number];
		++*asked;
		tracking = d->tracking;
		mdev_pt_pins_unmap(d->pins, (u64)n * MAPPING_PAGES << PAGE_SHIFT,
				   (u64)MAPPING_PAGES << PAGE_SHIFT);
		model.outcome.asked = max(model.outcome.asked, *asked);
		/*
		 * After the second time nothing is pinned before tracking ends. The
		 * first does not count where there was no memory to count it.
		 */
		if (*asked > 1 && tracking && d->tracking &&
		    !model.schedule->scarce &&
		    !mdev_pt_pins_error(d->pins))
			model_fail("asked twice, and it has not given up");
	}
	mutex_unlock(&model.list_lock);
	mutex_lock(&model.lock);
}

static void type1_unmap(unsigned int n)
{
	struct mapping *m = &model.mappings[n];
	int retries = -1;
	unsigned int i;

	mutex_lock(&model.lock);
	for (i = 0; i < DEVICES_MAX; i++)
		model.devices[i].asked[model.task->number] = 0;
	while (m->mapped && m->pins) {
		if (++retries > RETRIES_MAX) {
			model_fail("BUG of type1");
			break;
		}
		type1_notify(n);
	}
	m->mapped = false;
	for (i = 0; i < DEVICES_MAX; i++)
		model.devices[i].owed[n] = false;
	mutex_unlock(&model.lock);
	model_leave_call();
}

static void type1_register(struct vfio_device *d)
{
	mutex_lock(&model.lock);
	mutex_lock(&model.list_lock);
	memmove(&model.list[1], model.list, model.nr_list * sizeof(*model.list));
	model.list[0] = d;
	model.nr_list++;
	mutex_unlock(&model.list_lock);
	mutex_unlock(&model.lock);
}

/* The tasks */

static void model_scan(struct vfio_device *vdev)
{
	model_yield();
}

/* Marks somewhere, and is told that it was done. */
static void device_mark(struct vfio_device *d)
{
	u64 page = model_random(PAGES - 16);
	unsigned int n = page / MAPPING_PAGES;
	int ret;

	d->owed[n] = model.mappings[n].mapped;
	ret = mdev_pt_pins_mark(d->pins, page, 1 + model_random(16));
	if (ret < 0 && !mdev_pt_pins_error(d->pins))
		model_fail("a mark failed without an error");
	if (ret >= 0 && d->owed[n])
		model_fail("a mark is lost");
	model.outcome.marked += ret > 0;
	d->owed[n] = false;
}

/* A user may unmap and map again while it is pinned; then it waits. */
static void device_run(struct task_struct *task)
{
	struct vfio_device *d = &model.devices[task->number];
	struct {
		u64 iova;
		bool guarded;
	} posts[8] = {};
	unsigned int i, n;

	if (!d->open) {
		type1_register(d);
		d->open = true;
	}
	mdev_pt_pins_begin(d->pins);
	d->tracking = true;
	for (i = 0; i < STEPS; i++) {
		n = model_random(8);
		if (!model_random(3)) {
			device_mark(d);
		} else if (!model_random(6)) {
			mdev_pt_pins_expect(d->pins, (u64)model_random(PAGES) << PAGE_SHIFT, 2048);
		} else if (posts[n].guarded) {
			mdev_pt_pins_unguard(d->pins, posts[n].iova, 2048);
			posts[n].guarded = false;
		} else {
			posts[n].iova = (u64)model_random(PAGES) << PAGE_SHIFT;
			posts[n].guarded = mdev_pt_pins_guard(d->pins, posts[n].iova, 2048);
		}
		model_progress();
	}
	if (mdev_pt_pins_error(d->pins))
		model.outcome.errors++;
	d->tracking = false;
	mdev_pt_pins_end(d->pins);
	model.running--;
}

static void unmap_run(struct task_struct *task)
{
	unsigned int i, n;

	for (i = 0; i < UNMAPS; i++) {
		/* Of two tasks each has its own. */
		n = model.schedule->unmappers == 1 ? model_random(MAPPINGS) :
						     task->number;
		type1_unmap(n);
		model.outcome.unmaps++;
		model_progress();
		mutex_lock(&model.lock);
		model.mappings[n].mapped = true;
		mutex_unlock(&model.lock);
		model_progress();
	}
	model.running--;
}

static void worker_run(struct task_struct *task)
{
	struct work_struct *work;
	unsigned int i;

	while (model.running) {
		model_stall(MAX_SCHEDULE_TIMEOUT);
		for (i = 0; i < DEVICES_MAX; i++) {
			work = model.works[i];
			if (!work || !work->queued || work->running)
				continue;
			work->queued = false;
			work->running = true;
			work->func(work);
			work->running = false;
			model_yield();
		}
	}
}

static void model_check_end(void)
{
	unsigned int i;

	for (i = 0; i < MAPPINGS; i++) {
		if (model.mappings[i].pins)
			model_fail("a page is pinned for ever");
	}
	for (i = 0; i < model.schedule->devices; i++)
		mdev_pt_pins_destroy(model.devices[i].pins);
	if (model.allocated)
		model_fail("something was not freed");
}

struct outcome model_run(const struct schedule *schedule)
{
	struct vfio_device *d;
	unsigned int i;

	model.schedule = schedule;
	memset(&model.outcome, 0, sizeof(model.outcome));
	model.random = schedule->seed * 2654435761ul + 1;
	model.nr_tasks = 0;
	model.nr_list = 0;
	model.stalls = 0;
	model.allocated = 0;
	model.task = NULL;
	memset(&model.lock, 0, sizeof(model.lock));
	memset(&model.list_lock, 0, sizeof(model.list_lock));
	memset(model.devices, 0, sizeof(model.devices));
	memset(model.works, 0, sizeof(model.works));
	memset(model.mappings, 0, sizeof(model.mappings));
	for (i = 0; i < TASKS_MAX; i++) {
		model.tasks[i].ended = false;
		model.tasks[i].spins = 0;
		model.tasks[i].timed = false;
		model.tasks[i].timeout = false;
		model.tasks[i].files = NULL;
	}
	for (i = 0; i < MAPPINGS; i++)
		model.mappings[i].mapped = true;
	for (i = 0; i < schedule->devices; i++) {
		d = &model.devices[i];
		d->number = i;
		d->pins = mdev_pt_pins_create(d, model_scan);
		d->open = i >= schedule->late;
		if (d->open)
			model.list[model.nr_list++] = d;
		model_add_task(device_run, i);
	}
	for (i = 0; i < schedule->unmappers; i++)
		model_add_task(unmap_run, i);
	model.running = schedule->devices + schedule->unmappers;
	model_add_task(worker_run, 0);
	model_add_task(worker_run, 1);
	model_schedule();
	if (!model.outcome.failed)
		model_check_end();
	return model.outcome;
}
