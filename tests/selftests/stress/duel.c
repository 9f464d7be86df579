// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two operations are let go at the same moment, one of them delayed by anything
 * between nothing and the other's length.  Each result must be one that is
 * allowed, and afterwards everything must add up.
 */

#include <errno.h>

#include "kselftest.h"

#include "stress.h"

static int do_use(struct arena *a)
{
	return use(a->held, a->uuid[0], &a->rng);
}

static int do_use_by_address(struct arena *a)
{
	return use(a->held, a->held, &a->rng);
}

static int do_read(struct arena *a)
{
	char buf[512];

	mdev_available(a->bdf, "pt-pci");
	pci_attr_read(a->bdf, "mdev_supported_types/pt-pci/description", buf,
		      sizeof(buf));
	mdev_link(a->uuid[0], "function", buf, sizeof(buf));
	mdev_link(a->uuid[0], "iommu_group", buf, sizeof(buf));
	return 0;
}

static const int busy[] = { EBUSY, 0 };
static const int no_free[] = { EUSERS, 0 };
static const int duplicate[] = { EEXIST, 0 };
static const int in_use[] = { EWOULDBLOCK, 0 };

static bool one_wins(int left, int right)
{
	return !left != !right;
}

/*
 * @open: a third one has mdev uuid[0] open, until asked to let go
 * @left_errors, @right_errors: beside 0
 * @rule: what the two results say about each other
 */
struct duel {
	const char *name;
	enum kind kind;
	enum prep prep;
	bool open;
	unsigned int rounds;
	int (*left)(struct arena *arena);
	const int *left_errors;
	int (*right)(struct arena *arena);
	const int *right_errors;
	bool (*rule)(int left, int right);
};

static const struct duel duels[] = {
	/* A request to the worker may be overtaken by the driver's remove(). */
	{ "create, unbind", SINGLE, FREE, false, 40,
	  do_create, leaving, do_unbind, NULL, NULL },
	{ "remove, unbind", SINGLE, TAKEN, false, 30,
	  do_remove, going, do_unbind, NULL, NULL },
	{ "remove, unbind, while open", SINGLE, TAKEN, true, 8,
	  do_remove, going, do_unbind, NULL, NULL },
	{ "open, unbind", SINGLE, TAKEN, false, 15,
	  do_use, no_open, do_unbind, NULL, NULL },
	{ "open by address, unbind", SINGLE, TAKEN, false, 8,
	  do_use_by_address, no_open, do_unbind, NULL, NULL },
	{ "open, remove", SINGLE, TAKEN, false, 15,
	  do_use, no_open, do_remove, NULL, NULL },
	{ "create, create another", SINGLE, FREE, false, 30,
	  do_create, no_free, do_create_another, no_free, one_wins },
	{ "create, create elsewhere", SINGLE, FREE, false, 30,
	  do_create, duplicate, do_create_elsewhere, duplicate, one_wins },
	{ "create, remove", SINGLE, FREE, false, 30,
	  do_create, NULL, do_remove, going, NULL },
	{ "remove, remove", SINGLE, TAKEN, false, 20,
	  do_remove, going, do_remove, going, NULL },
	{ "remove, create another", SINGLE, TAKEN, false, 30,
	  do_remove, NULL, do_create_another, no_free, NULL },
	{ "unbind, bind", SINGLE, TAKEN, false, 20,
	  do_unbind, NULL, do_bind, busy, NULL },
	{ "open, reset", SINGLE, TAKEN, false, 8,
	  do_use, no_open, do_reset, NULL, NULL },
	{ "remove, reset, while open", SINGLE, TAKEN, true, 8,
	  do_remove, NULL, do_reset, NULL, NULL },
	{ "read, unbind", SINGLE, TAKEN, false, 20,
	  do_read, NULL, do_unbind, NULL, NULL },

	/* A VF leaves the pool while its mdev is being created or removed. */
	{ "create, VF unbind", POOL, FREE, false, 10,
	  do_create, leaving, do_unbind_held, NULL, NULL },
	{ "remove, VF unbind", POOL, TAKEN, false, 10,
	  do_remove, NULL, do_unbind_held, NULL, NULL },
	{ "remove, VF unbind, while open", POOL, TAKEN, true, 6,
	  do_remove, NULL, do_unbind_held, NULL, NULL },
	{ "create, VF bind", POOL, UNBOUND, false, 8,
	  do_create, NULL, do_bind_held, NULL, NULL },

	/*
	 * The VFs come and go; who is refused depends on who was first.  Few
	 * rounds: the kernel waits for a second whenever it disables VFs.
	 */
	{ "create, VFs disabled", POOL, FREE, false, 4,
	  do_create, no_free, do_disable_vfs, busy, one_wins },
	{ "remove, VFs disabled", POOL, TAKEN, false, 4,
	  do_remove, NULL, do_disable_vfs, busy, NULL },
	{ "VF unbind, VFs disabled", POOL, FREE, false, 2,
	  do_unbind_held, leaving, do_disable_vfs, NULL, NULL },
	{ "VF bind, VFs disabled", POOL, UNBOUND, false, 2,
	  do_bind_held, leaving, do_disable_vfs, NULL, NULL },
	{ "create, VFs enabled", POOL, NO_VFS, false, 2,
	  do_create, no_free, do_enable_vfs, NULL, NULL },
	{ "create PF, VFs enabled", POOL, NO_VFS, false, 4,
	  do_create_pf, no_free, do_enable_vfs, busy, one_wins },
	{ "remove PF, VFs enabled", POOL, PF_TAKEN, false, 2,
	  do_remove, NULL, do_enable_vfs, busy, NULL },
	{ "create PF, PF unbind", POOL, NO_VFS, false, 6,
	  do_create_pf, leaving, do_unbind, NULL, NULL },

	/* The pool itself goes, with requests of its VFs in flight. */
	{ "create, PF unbind", POOL, FREE, false, 4,
	  do_create, leaving, do_unbind, NULL, NULL },
	{ "remove, PF unbind", POOL, TAKEN, false, 4,
	  do_remove, going, do_unbind, NULL, NULL },
	{ "remove, PF unbind, while open", POOL, TAKEN, true, 2,
	  do_remove, going, do_unbind, NULL, NULL },
	{ "open, PF unbind", POOL, TAKEN, false, 4,
	  do_use, no_open, do_unbind, NULL, NULL },
	{ "VF unbind, PF unbind", POOL, TAKEN, false, 2,
	  do_unbind_held, leaving, do_unbind, NULL, NULL },
	{ "VF bind, PF unbind", POOL, UNBOUND, false, 2,
	  do_bind_held, leaving, do_unbind, NULL, NULL },
	{ "VFs disabled, PF unbind", POOL, FREE, false, 2,
	  do_disable_vfs, leaving, do_unbind, NULL, NULL },
	{ "create, PF hot-unplug", POOL, FREE, false, 4,
	  do_create, leaving, do_pci_remove, NULL, NULL },
	{ "remove, PF hot-unplug, while open", POOL, TAKEN, true, 2,
	  do_remove, going, do_pci_remove, NULL, NULL },
	{ "open, PF hot-unplug", POOL, TAKEN, false, 4,
	  do_use, no_open, do_pci_remove, NULL, NULL },
	{ "VF unbind, PF hot-unplug", POOL, TAKEN, false, 2,
	  do_unbind_held, leaving, do_pci_remove, NULL, NULL },
	{ "PF unbind, PF hot-unplug", POOL, TAKEN, false, 2,
	  do_unbind, leaving, do_pci_remove, NULL, NULL },
};

/* The rescan that finds the function again looks at all other buses too. */
static const struct duel plain_duels[] = {
	{ "create, hot-unplug", PLAIN, FREE, false, 6,
	  do_create, leaving, do_pci_remove, NULL, NULL },
	{ "remove, hot-unplug", PLAIN, TAKEN, false, 6,
	  do_remove, going, do_pci_remove, NULL, NULL },
	{ "remove, hot-unplug, while open", PLAIN, TAKEN, true, 4,
	  do_remove, going, do_pci_remove, NULL, NULL },
	{ "open, hot-unplug", PLAIN, TAKEN, false, 6,
	  do_use, no_open, do_pci_remove, NULL, NULL },
};

/* Takes all arenas along. */
static const struct duel unload_duels[] = {
	{ "create, unload", SINGLE, FREE, false, 2,
	  do_create, leaving, do_unload, NULL, NULL },
	{ "open, unload", SINGLE, TAKEN, false, 2,
	  do_use, no_open, do_unload, in_use, NULL },
	{ "remove, unload", SINGLE, TAKEN, false, 2,
	  do_remove, going, do_unload, NULL, NULL },
};

static void duel_round(struct ring *ring, const void *arg)
{
	const struct duel *duel = arg;
	struct arena *a = ring->arena;
	struct holder holder;
	int left, right, ret;

	arena_prepare(a, duel->prep);
	if (duel->open) {
		ret = holder_start(&holder, a->held, a->uuid[0],
				   rng_below(&ring->rng, 2000000));
		if (ret) {
			fail("%s can't be opened (%d)", a->held, ret);
			return;
		}
	}

	ring_fight(ring, duel->left, duel->right);
	left = ring->left.result;
	right = ring->right.result;

	if (duel->open)
		holder_end(&holder);
	if (!allowed(left, duel->left_errors) ||
	    !allowed(right, duel->right_errors) ||
	    (duel->rule && !duel->rule(left, right)))
		fail("%s: %d, %d can't be (delays %lu, %lu ns)", a->bdf, left,
		     right, (unsigned long)ring->left.delay,
		     (unsigned long)ring->right.delay);

	arena_settle(a, count_vfs(a->bdf) > 0 ? NUM_VFS : 0);
	if (a->second)
		arena_settle(a->second, 0);
}

static void run(const struct duel *first, unsigned int count)
{
	static struct ring_test tests[ARRAY_SIZE(duels)];
	unsigned int i;

	for (i = 0; i < count; i++) {
		const struct duel *duel = &first[i];

		tests[i] = (struct ring_test){
			.kinds = duel->kind,
			.alone = first == unload_duels,
			.rounds = duel->rounds,
			.round = duel_round,
			.arg = duel,
		};
		test_begin(&tests[i].test, "duel: %s", duel->name);
	}
	rings_run(tests, count);
}

unsigned int duels_count(void)
{
	return ARRAY_SIZE(duels) + ARRAY_SIZE(plain_duels) +
	       ARRAY_SIZE(unload_duels);
}

void duels_run(void)
{
	run(duels, ARRAY_SIZE(duels));
	run(plain_duels, ARRAY_SIZE(plain_duels));
	run(unload_duels, ARRAY_SIZE(unload_duels));
}
