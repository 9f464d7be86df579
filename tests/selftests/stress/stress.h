/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the stress test
 *
 * test.c     a test and its result; random numbers
 * arena.c    the functions that are fought over, and putting them in order
 * user.c     who opens a device
 * ring.c     tests that run in several arenas at the same time
 * duel.c     two operations at the same moment
 * chaos.c    all operations at once
 * kill.c     users, and who waits for them, get killed
 * leak.c     what grows
 */
#ifndef _STRESS_H
#define _STRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "job.h"
#include "sysfs.h"
#include "vfio.h"

/* Seconds; any one operation takes well below one. */
#define PATIENCE	60

/*
 * test.c
 */

/*
 * @rings: that have yet to run it
 * @spent: ms, of all rings
 */
struct test {
	char name[96];
	unsigned int failures;
	unsigned int rounds;
	unsigned int rings;
	unsigned long spent;
};

/* What this thread is at */
extern __thread struct test *current;

extern unsigned int percent;
extern uint64_t seed;

/* Shared with the watchdog, which wants to see it grow */
extern unsigned long *progress_made;
/* The kernel's messages since the start */
extern int kmsg;

void progress(void);
/* Any thread, any number of times; the first few get printed. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void test_begin(struct test *test, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void test_end(struct test *test);
void test_skip(struct test *test, const char *why);
void tests_plan(unsigned int count);
/* Prints the totals, and exits. */
void tests_finish(void);

/* A number of rounds, as the user wants them */
unsigned int scaled(unsigned int n);

uint64_t rng_make(unsigned int stream);
uint64_t rng_next(uint64_t *rng);
uint64_t rng_below(uint64_t *rng, uint64_t n);
uint64_t now_ns(void);
/* Not sleeping: the point is to be quick when the time has come. */
void spin(uint64_t ns);

/* Is it 0, or minus one of @errors, which ends with 0? */
bool allowed(int result, const int *errors);

/* The function, or its parent, is on its way out. */
extern const int leaving[];
/* The mdev is not complete yet, or no longer. */
extern const int going[];
/*
 * So is its VFIO device, or the character device of its group, which is gone when its
 * file was found (ENXIO, from the VFS); others have it; or it is being reset.
 */
extern const int no_open[];

/*
 * arena.c
 */

#define NUM_VFS		3U	/* of a pool */
#define NUM_SINGLES	6U	/* every other one is a second */
#define MAX_POOLS	4U
#define MAX_ARENAS	(NUM_SINGLES / 2 + MAX_POOLS + 1)

enum kind {
	SINGLE = 1,	/* a VF whose PF has its own driver */
	POOL = 2,	/* a PF with its VFs */
	PLAIN = 4,	/* a function that can be removed and found again */
};

/*
 * @bdf: the parent
 * @held: the function that a round is about: of mdev uuid[0], if there is one
 * @second: another VF, of a SINGLE
 * @rng: for who uses the device
 */
struct arena {
	enum kind kind;
	char bdf[BDF_LEN];
	char vf[NUM_VFS][BDF_LEN];
	char held[BDF_LEN];
	char uuid[2][UUID_LEN];
	char old_driver[64];
	struct arena *second;
	uint64_t rng;
};

extern struct arena *arenas[MAX_ARENAS];
extern unsigned int num_arenas;

/* How an arena is when a round starts */
enum prep {
	FREE,
	NO_VFS,
	TAKEN,		/* by mdev uuid[0] */
	PF_TAKEN,
	UNBOUND,	/* @held has no driver */
};

unsigned int arenas_find(void);
void arenas_give_back(void);
/* Make it what it was, with @vfs VFs, and see that everything adds up. */
void arena_settle(struct arena *arena, unsigned int vfs);
void arenas_settle(void);
void arena_prepare(struct arena *arena, enum prep prep);

bool modules_loaded(void);
int modules_load(void);
int module_unload(const char *module);
int count_vfs(const char *pf);
void bind_to_pt(const char *bdf);
/* Of the function's own bus, and what is below */
int rescan(struct arena *arena);

/* Operations on an arena: 0 or -errno */
int do_create(struct arena *a);
int do_create_another(struct arena *a);
int do_create_elsewhere(struct arena *a);
int do_create_pf(struct arena *a);
int do_remove(struct arena *a);
int do_unbind(struct arena *a);
int do_unbind_held(struct arena *a);
int do_bind(struct arena *a);
int do_bind_held(struct arena *a);
int do_disable_vfs(struct arena *a);
int do_enable_vfs(struct arena *a);
int do_pci_remove(struct arena *a);
int do_reset(struct arena *a);
int do_unload(struct arena *a);

/*
 * user.c
 */

/* Everything that a user of a device has; @request is the eventfd. */
struct user {
	struct vfio_user vfio;
	void *memory;
	void *bar;
	int irq;
	int request;
};

void user_init(struct user *user);
int user_open(struct user *user, const char *bdf, const char *name);
int user_listen(struct user *user);
int user_read_config(struct user *user);
int user_map_dma(struct user *user);
int user_enable_irq(struct user *user);
int user_map_bar(struct user *user);
void user_close(struct user *user);

/* Opens and closes; in between whatever comes, which must work. */
int use(const char *bdf, const char *name, uint64_t *rng);

/* A user who has the device until asked to let go */
struct holder {
	struct user user;
	uint64_t delay;
	int request;
	struct job job;
};

/* Lets go @delay ns after it was asked */
int holder_start(struct holder *holder, const char *bdf, const char *name,
		 uint64_t delay);
/* Asks, if nobody else did */
void holder_end(struct holder *holder);

/*
 * ring.c
 */

struct ring;

/* One who waits for the moment, and then does one thing */
struct fighter {
	struct ring *ring;
	int (*run)(struct arena *arena);
	uint64_t delay;
	uint64_t took;	/* running mean */
	int result;
	pthread_t thread;
};

struct ring {
	struct arena *arena;
	struct fighter left, right;
	struct test *test;
	pthread_barrier_t ready, done;
	uint64_t rng;
	pthread_t thread;
};

/*
 * A test in rings
 * @kinds: of the arenas that it is for
 * @alone: one ring is enough
 * @silent: its result is not reported
 * @rounds: of all rings together
 */
struct ring_test {
	struct test test;
	unsigned int kinds;
	bool alone;
	bool silent;
	unsigned int rounds;
	void (*round)(struct ring *ring, const void *arg);
	const void *arg;
};

void rings_start(void);
void rings_end(void);
/* Every ring goes through the tests that are for it, at its own pace. */
void rings_run(struct ring_test *tests, unsigned int count);
/* Lets both fighters go, and waits for them. */
void ring_fight(struct ring *ring, int (*left)(struct arena *arena),
		int (*right)(struct arena *arena));

/*
 * The tests: how many there are, and run them
 */

unsigned int duels_count(void);
void duels_run(void);
unsigned int kills_count(void);
void kills_run(void);
/* What to do as somebody's victim; NULL if these are no such arguments */
int (*victim_of(int argc, char **argv))(const char *bdf, const char *name);
void chaos_run(void);
void leaks_run(void);

#endif /* _STRESS_H */
