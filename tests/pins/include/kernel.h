/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as pins.c needs, for tasks that are coroutines. A seed decides
 * which one runs next, which waiter gets a mutex that is free, and what fails. A task
 * can be switched at each lock, unlock, wait, wake and marked access; never while it
 * holds a spinlock, so spinlocks only check their use.
 */
#ifndef _PINS_KERNEL_H
#define _PINS_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;

#define SCHED_NEVER	LONG_MAX

struct file;
struct task_struct;

/*
 * @stalled: a timeout may expire at any time, and tasks be killed; if not, timeouts
 *	expire when no task can run
 * @starved: they often do
 * @hangs: a deadlock is known of, and with EXPECT_HANGS an expected failure
 * @failing: allocations and pinning may fail
 * @handoff: mutexes are as fair as Linux's; if not, not at all
 * @idle: the first task runs when no other one can
 */
struct sched_options {
	unsigned long seed;
	bool stalled;
	bool starved;
	bool hangs;
	bool failing;
	bool handoff;
	bool idle;
};

typedef struct {
	struct task_struct *owner;
} spinlock_t;

struct mutex {
	struct task_struct *owner;
	unsigned int waiters;
};

struct wait_queue_head {
	unsigned int waiters;
};

struct work_struct {
	void (*func)(struct work_struct *work);
	bool pending;
	bool running;
	struct wait_queue_head done;
};

extern struct task_struct *sched_current;
extern unsigned long sched_now;		/* in milliseconds */
extern unsigned long sched_steps;
extern unsigned long sched_expired;	/* timeouts of this schedule */

void sched_begin(const struct sched_options *options);
void sched_add(const char *name, unsigned int number, void (*run)(void *arg), void *arg);
void sched_run(void);
void sched_end(void);
/* Prints the seed and the last steps, and ends the process. */
void sched_fail(const char *what) __attribute__((noreturn));
/* Counts what is traced. */
unsigned long sched_clock(void);
/* A call into pins.c that pins begins; and when the last one of this task did. */
void sched_call(const char *what, long a, long b);
unsigned long sched_called(void);
void sched_trace(const char *what, long a, long b);
unsigned int sched_random(unsigned int range);

void sched_point(void);
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

void sched_prepare_to_wait(struct wait_queue_head *wq);
long sched_wait(long timeout);
void sched_finish_wait(void);
bool wq_has_sleeper(struct wait_queue_head *wq);
void wake_up_all(struct wait_queue_head *wq);
bool sched_is_killed(void);

bool queue_work(void *wq, struct work_struct *work);
void cancel_work_sync(struct work_struct *work);

bool sched_may_fail(void);
bool sched_fails(void);
void *kzalloc(size_t size, int flags);
void kfree(void *p);
/* The task returns to userspace: what it has put is released. */
void sched_leave_ioctl(void);

#define PAGE_SHIFT		12
#define BIT(n)			(1ul << (n))
#define U64_MAX			UINT64_MAX
#define IOMMU_WRITE		2
#define THIS_MODULE		NULL
#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define MAX_SCHEDULE_TIMEOUT	SCHED_NEVER
#define jiffies			sched_now
#define msecs_to_jiffies(ms)	((long)(ms))
#define time_before(a, b)	((long)((a) - (b)) < 0)

#define READ_ONCE(x)		(sched_point(), *(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v)	(sched_point(), \
				 (void)(*(volatile typeof(x) *)&(x) = (v)))
#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define check_add_overflow(a, b, sum)	__builtin_add_overflow(a, b, sum)
#define WARN_ON_ONCE(x) ({ \
	bool _warn = (x); \
	if (_warn) \
		sched_fail("WARN_ON_ONCE(" #x ")"); \
	_warn; \
})
#define lockdep_assert_held(lock) \
	((lock)->owner == current ? (void)0 : sched_fail(#lock " is not held"))
#define IS_ERR(p)		((uintptr_t)(p) >= (uintptr_t)-4095)
#define current			sched_current

#define DEFINE_SPINLOCK(name)	spinlock_t name
#define mutex_init(m)		((void)(*(m) = (struct mutex){}))

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
	entry->next = NULL;
	entry->prev = NULL;
}

#define list_for_each_entry(pos, head, member) \
	for (pos = container_of((head)->next, typeof(*pos), member); \
	     &pos->member != (head); \
	     pos = container_of(pos->member.next, typeof(*pos), member))

#define DECLARE_WAIT_QUEUE_HEAD(name)	struct wait_queue_head name

/* 0: the time is over, and the condition is not true. */
#define __wait_event(wq, condition, timeout, killable) ({ \
	long _left = (timeout); \
	int _ret = 1; \
	while (!(condition)) { \
		if (!_left) { \
			_ret = 0; \
			break; \
		} \
		sched_prepare_to_wait(&(wq)); \
		if (condition) \
			break; \
		if ((killable) && sched_is_killed()) { \
			_ret = -EINTR; \
			break; \
		} \
		_left = sched_wait(_left); \
	} \
	sched_finish_wait(); \
	_ret; \
})
#define wait_event_timeout(wq, condition, timeout) \
	__wait_event(wq, condition, timeout, false)
#define wait_event(wq, condition) \
	((void)__wait_event(wq, condition, SCHED_NEVER, false))
#define wait_event_killable(wq, condition) \
	(__wait_event(wq, condition, SCHED_NEVER, true) < 0 ? -EINTR : 0)

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

#define INIT_WORK(work, fn)	((void)(*(work) = (struct work_struct){ .func = (fn) }))
#define system_highpri_wq	NULL

/* The model's regions are few. */
#define XA_SLOTS		4
#define XA_FLAGS_ACCOUNT	0

struct xarray {
	spinlock_t lock;
	void *slots[XA_SLOTS];
};

#define xa_init_flags(xa, flags)	((void)(*(xa) = (struct xarray){}))
#define xa_lock(xa)		spin_lock(&(xa)->lock)
#define xa_unlock(xa)		spin_unlock(&(xa)->lock)
#define xa_err(entry)		(IS_ERR(entry) ? (int)(intptr_t)(entry) : 0)
#define xa_load(xa, i)		((xa)->slots[i])

static inline void *xa_store(struct xarray *xa, unsigned long i, void *entry, int flags)
{
	if (entry && sched_fails())
		return (void *)(intptr_t)-ENOMEM;
	xa_lock(xa);
	xa->slots[i] = entry;
	xa_unlock(xa);
	return NULL;
}

#define xa_erase(xa, i)		((void)xa_store(xa, i, NULL, 0))

static inline void *xa_next(struct xarray *xa, unsigned long *i, unsigned long last)
{
	for (; *i < XA_SLOTS && *i <= last; (*i)++) {
		if (xa->slots[*i])
			return xa->slots[*i];
	}
	return NULL;
}

#define xa_for_each_range(xa, i, entry, first, last) \
	for (i = (first); (entry = xa_next(xa, &(i), last)); i++)
#define xa_for_each(xa, i, entry)	xa_for_each_range(xa, i, entry, 0, ULONG_MAX)

struct inode;

struct file_operations {
	void *owner;
	int (*release)(struct inode *inode, struct file *file);
};

struct file {
	const struct file_operations *f_op;
	void *private_data;
	struct file *next;
};

struct file *anon_inode_getfile(const char *name, const struct file_operations *f_op,
				void *private_data, int flags);
void fput(struct file *file);

struct page;
struct vfio_device;
int vfio_pin_pages(struct vfio_device *vdev, u64 iova, int npage, int prot,
		   struct page **pages);
void vfio_unpin_pages(struct vfio_device *vdev, u64 iova, int npage);

#endif /* _PINS_KERNEL_H */
