// SPDX-License-Identifier: GPL-2.0-only
/* Everything at once, for a while */

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"

#include "clock.h"
#include "stress.h"

#define SECONDS 8

struct actor {
	void (*act)(struct actor *self);
	struct arena *arena;
	char uuid[UUID_LEN];
	uint64_t rng;
	pthread_t thread;
};

static struct actor actors[8 * MAX_ARENAS];
static unsigned int num_actors;

static struct test chaos;
static bool over;
static unsigned long acts, created, opened;

/*
 * The kernel itself does not bear these two at the same time: hot-unplug and
 * rescan take pci_rescan_remove_lock and then a device lock, SR-IOV in sysfs
 * the other way round, and a PF that is unbound removes its VFs without that
 * lock.  The first sort writes, the second reads; a pool's own are in one
 * thread anyway.
 */
static pthread_rwlock_t hotplug = PTHREAD_RWLOCK_INITIALIZER;

static const int may_create[] = { ENODEV, ENOENT, EUSERS, EEXIST, EAGAIN, 0 };
static const int may_bind[] = { ENODEV, ENOENT, EBUSY, EAGAIN, 0 };
static const int may_set_vfs[] = { ENODEV, ENOENT, EBUSY, 0 };

static bool did(const char *what, int result, const int *errors)
{
	if (!allowed(result, errors))
		fail("%s: %d", what, result);
	return !result;
}

static void count(unsigned long *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void with_mdev(struct actor *self)
{
	const char *type = "pt-pci";
	char bdf[BDF_LEN];

	if (self->arena->kind == POOL && !rng_below(&self->rng, 8))
		type = "pt-pf";
	if (did("create", mdev_create(self->arena->bdf, type, self->uuid),
		may_create)) {
		count(&created);
		if (mdev_link(self->uuid, "function", bdf, sizeof(bdf)) > 0 &&
		    did("open", use(bdf, self->uuid, &self->rng), no_open))
			count(&opened);
	}
	did("remove", mdev_remove(self->uuid), going);
}

/* The function itself, or any VF of a pool */
static const char *any_function(struct actor *self)
{
	if (self->arena->kind != POOL)
		return self->arena->bdf;
	return self->arena->vf[rng_below(&self->rng, NUM_VFS)];
}

static void by_address(struct actor *self)
{
	const char *bdf = any_function(self);

	did("open by address", use(bdf, bdf, &self->rng), no_open);
}

static void rebind(struct actor *self)
{
	const char *bdf = any_function(self);

	did("unbind", pci_attr_write(bdf, "driver/unbind", bdf), leaving);
	spin(rng_below(&self->rng, 2000000));
	did("bind", sysfs_write("/sys/bus/pci/drivers/pt/bind", bdf), may_bind);
	/* and let the others have it for a while */
	poll(NULL, 0, rng_below(&self->rng, 300));
}

static void unplug_and_plug(struct actor *self)
{
	did("hot-unplug", do_pci_remove(self->arena), leaving);
	did("rescan", rescan(self->arena), NULL);
	bind_to_pt(self->arena->bdf);
}

static void hotplug_plain(struct actor *self)
{
	pthread_rwlock_wrlock(&hotplug);
	unplug_and_plug(self);
	pthread_rwlock_unlock(&hotplug);
	poll(NULL, 0, rng_below(&self->rng, 300));
}

static void with_pool(struct actor *self)
{
	struct arena *arena = self->arena;

	pthread_rwlock_rdlock(&hotplug);
	switch (rng_below(&self->rng, 8)) {
	case 0:
		unplug_and_plug(self);
		break;
	case 1:
		did("PF unbind", do_unbind(arena), leaving);
		bind_to_pt(arena->bdf);
		break;
	case 2:
	case 3:
		did("VFs disabled", do_disable_vfs(arena), may_set_vfs);
		break;
	default:
		did("VFs enabled", do_enable_vfs(arena), may_set_vfs);
	}
	pthread_rwlock_unlock(&hotplug);
	poll(NULL, 0, rng_below(&self->rng, 300));
}

static void read_all(const char *path, unsigned int depth)
{
	char child[512], buf[4096];
	struct dirent *entry;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(child, sizeof(child), "%.200s/%.200s", path,
			 entry->d_name);
		if (entry->d_type != DT_DIR)
			sysfs_read(child, buf, sizeof(buf));
		else if (depth)
			read_all(child, depth - 1);
	}
	closedir(dir);
}

/* Every attribute of the parents and of the mdevs */
static void reader(struct actor *self)
{
	struct arena *arena = arenas[rng_below(&self->rng, num_arenas)];
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/mdev_supported_types", arena->bdf);
	read_all(path, 3);
	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s",
		 actors[rng_below(&self->rng, num_actors)].uuid);
	read_all(path, 2);
	count_vfs(arena->bdf);
}

static void *run(void *arg)
{
	struct actor *self = arg;

	current = &chaos;
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		self->act(self);
		count(&acts);
		progress();
	}
	return NULL;
}

static void add(void (*act)(struct actor *self), struct arena *arena)
{
	struct actor *actor = &actors[num_actors];

	actor->act = act;
	actor->arena = arena;
	actor->rng = rng_make(200 + num_actors++);
	uuid_make(actor->uuid);
}

static void add_all(void)
{
	unsigned int i;

	for (i = 0; i < num_arenas; i++) {
		struct arena *arena = arenas[i];

		add(with_mdev, arena);
		switch (arena->kind) {
		case SINGLE:
			add(by_address, arena);
			add(rebind, arena);
			break;
		case POOL:
			add(with_mdev, arena);
			add(by_address, arena);
			add(rebind, arena);
			add(with_pool, arena);
			break;
		case PLAIN:
			add(hotplug_plain, arena);
			break;
		}
	}
	add(reader, arenas[0]);
}

void chaos_run(void)
{
	unsigned int i;
	long until;

	test_begin(&chaos, "chaos");
	add_all();
	/* So that its VFs have names */
	for (i = 0; i < num_arenas; i++)
		arena_settle(arenas[i], NUM_VFS);

	for (i = 0; i < num_actors; i++) {
		if (pthread_create(&actors[i].thread, NULL, run, &actors[i]))
			ksft_exit_fail_msg("no threads\n");
	}
	for (until = now_ms() + scaled(SECONDS) * 1000L; now_ms() < until;)
		poll(NULL, 0, until - now_ms());
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (i = 0; i < num_actors; i++)
		pthread_join(actors[i].thread, NULL);

	/* An mdev can stay behind when its remove was overtaken. */
	for (i = 0; i < num_actors; i++) {
		if (mdev_exists(actors[i].uuid))
			did("remove at the end", mdev_remove(actors[i].uuid),
			    NULL);
	}
	arenas_settle();

	say("%lu rounds of %u threads: %lu mdevs created, %lu opened", acts,
	    num_actors, created, opened);
	if (!opened)
		fail("nobody ever got a device");
	test_end(&chaos);
}
