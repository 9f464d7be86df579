/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as pins.c needs, for one thread that plays all tasks: each
 * runs until it may be switched (model_yield()) or has to wait (model_stall())
 */
#ifndef _PINS_KERNEL_H
#define _PINS_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef uint64_t u64;
typedef uint32_t u32;

#define PAGE_SHIFT		12
#define BIT(n)			(1ul << (n))
#define U64_MAX			UINT64_MAX
#define READ_ONCE(x)		(*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile typeof(x) *)&(x) = (v))
#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define check_add_overflow(a, b, sum)	__builtin_add_overflow(a, b, sum)
#define WARN_ON_ONCE(x)		({ bool _x = (x); if (_x) model_fail("WARN: " #x); _x; })
#define lockdep_assert_held(lock)	((void)(lock))
#define IS_ERR(p)		((uintptr_t)(p) >= (uintptr_t)-4095)

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define MAX_SCHEDULE_TIMEOUT	LONG_MAX
#define LONG_MAX		__LONG_MAX__
#define jiffies			(model_now())
#define msecs_to_jiffies(ms)	((long)(ms))
#define time_before(a, b)	((long)((a) - (b)) < 0)

struct task_struct;
struct task_struct *model_current(void);
#define current			(model_current())

void model_yield(void);
/* Somebody else may go on now. */
void model_progress(void);
/* Is the timed wait over? @timeout: MAX_SCHEDULE_TIMEOUT for none */
bool model_stall(long timeout);
void model_waited(void);
unsigned long model_now(void);
void model_fail(const char *what);
void *model_alloc(size_t size);
void model_free(void *p);

#define kzalloc(size, flags)	model_alloc(size)
#define kfree(p)		model_free(p)

/* Nobody is switched with one held. */
typedef int spinlock_t;
#define DEFINE_SPINLOCK(name)	spinlock_t name
void model_spin(int change);
#define spin_lock(lock)		((void)(lock), model_yield(), model_spin(1))
#define spin_unlock(lock)	((void)(lock), model_spin(-1), model_yield())

struct mutex {
	struct task_struct *owner;
};

static inline void mutex_init(struct mutex *m)
{
	m->owner = NULL;
}

static inline void mutex_lock(struct mutex *m)
{
	model_yield();
	while (m->owner)
		model_stall(MAX_SCHEDULE_TIMEOUT);
	m->owner = current;
	model_progress();
}

static inline void mutex_unlock(struct mutex *m)
{
	m->owner = NULL;
	model_progress();
}

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name)		struct list_head name = { &(name), &(name) }

static inline void list_add(struct list_head *new, struct list_head *head)
{
	new->next = head->next;
	new->prev = head;
	head->next->prev = new;
	head->next = new;
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
}

#define list_for_each_entry(pos, head, member) \
	for (pos = container_of((head)->next, typeof(*pos), member); \
	     &pos->member != (head); \
	     pos = container_of(pos->member.next, typeof(*pos), member))

/* Who waits looks again and again. */
typedef int wait_queue_head_t;
#define DECLARE_WAIT_QUEUE_HEAD(name)	wait_queue_head_t name
#define wq_has_sleeper(wq)		((void)(wq), true)
#define wake_up_all(wq)			((void)(wq), model_progress())

#define wait_event_timeout(wq, condition, timeout) ({ \
	bool _over = false; \
	while (!(condition) && !_over) \
		_over = model_stall(timeout); \
	model_waited(); \
	!_over; \
})
#define wait_event(wq, condition) \
	((void)wait_event_timeout(wq, condition, MAX_SCHEDULE_TIMEOUT))
#define wait_event_killable(wq, condition) \
	(wait_event(wq, condition), 0)

struct kref {
	int count;
};

#define kref_init(ref)		((void)((ref)->count = 1))
#define kref_get(ref)		((void)(ref)->count++)

static inline void kref_put(struct kref *ref, void (*release)(struct kref *ref))
{
	if (!--ref->count)
		release(ref);
}

struct work_struct {
	void (*func)(struct work_struct *work);
	bool queued;
	bool running;
};

#define INIT_WORK(work, fn)	((void)(*(work) = (struct work_struct){ .func = (fn) }))
#define system_highpri_wq	NULL
void model_queue_work(struct work_struct *work);
#define queue_work(wq, work)	model_queue_work(work)
void cancel_work_sync(struct work_struct *work);

/* Sorted */
#define XA_ENTRIES	32

struct xarray {
	unsigned int count;
	unsigned long index[XA_ENTRIES];
	void *entry[XA_ENTRIES];
};

#define XA_FLAGS_ACCOUNT	0
#define xa_init_flags(xa, flags)	((void)((xa)->count = 0))
#define xa_lock(xa)		spin_lock(xa)
#define xa_unlock(xa)		spin_unlock(xa)
#define xa_err(ret)		((int)(intptr_t)(ret))
void *xa_load(struct xarray *xa, unsigned long index);
void *xa_store(struct xarray *xa, unsigned long index, void *entry, int flags);
void *xa_erase(struct xarray *xa, unsigned long index);
void *model_xa_find(struct xarray *xa, unsigned long *index, unsigned long last);

#define xa_for_each_range(xa, at, e, first, last) \
	for (at = (first); (e = model_xa_find(xa, &at, last)); at++)
#define xa_for_each(xa, at, e)	xa_for_each_range(xa, at, e, 0, ~0ul)

struct inode;

struct file {
	const struct file_operations *f_op;
	void *private_data;
	struct file *next;
};

struct file_operations {
	void *owner;
	int (*release)(struct inode *inode, struct file *file);
};

#define THIS_MODULE	NULL
struct file *anon_inode_getfile(const char *name,
				const struct file_operations *fops, void *priv,
				int flags);
void fput(struct file *file);

#define IOMMU_WRITE	2
struct page;
struct vfio_device;
int vfio_pin_pages(struct vfio_device *vdev, u64 iova, int count, int prot,
		   struct page **pages);
void vfio_unpin_pages(struct vfio_device *vdev, u64 iova, int count);

#endif /* _PINS_KERNEL_H */
