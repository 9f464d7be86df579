// SPDX-License-Identifier: GPL-2.0-only
/*
 * What gets fought over: VFs whose PF has its own driver, PFs that are pools,
 * and a function that can be removed and found again
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stress.h"

struct arena *arenas[MAX_ARENAS];
unsigned int num_arenas;

static struct arena singles[NUM_SINGLES], pools[MAX_POOLS], plain;
static char igb[BDF_LEN];

bool modules_loaded(void)
{
	return sysfs_exists("/sys/module/mdev_pt");
}

int modules_load(void)
{
	return system("modprobe -a mdev_pt vfio-pci") ? -ENOENT : 0;
}

int module_unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

int rescan(struct arena *arena)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "/sys/class/pci_bus/%.7s/rescan",
		 arena->bdf);
	return sysfs_write(path, "1");
}

int count_vfs(const char *pf)
{
	char value[16];
	int ret;

	ret = pci_attr_read(pf, "sriov_numvfs", value, sizeof(value));
	return ret < 0 ? ret : atoi(value);
}

static bool bound_to_pt(const char *bdf)
{
	char driver[64];

	return pci_driver(bdf, driver, sizeof(driver)) >= 0 &&
	       !strcmp(driver, "pt");
}

/* A driver that probes in the background may be quicker, but only once. */
void bind_to_pt(const char *bdf)
{
	int tries, ret = 0;

	for (tries = 0; tries < 10 && !bound_to_pt(bdf); tries++)
		ret = pci_bind(bdf, "pt");
	if (!bound_to_pt(bdf))
		fail("%s does not bind to pt (%d)", bdf, ret);
}

static void remove_mdev(struct arena *arena, unsigned int i)
{
	int ret;

	if (!mdev_exists(arena->uuid[i]))
		return;
	if (!bound_to_pt(arena->bdf))
		fail("mdev %u has outlived its parent %s", i, arena->bdf);

	ret = mdev_remove(arena->uuid[i]);
	/*
	 * The mdev core takes "remove" away before it finds that the mdev is
	 * not complete yet (-EAGAIN): then it ends with its parent.
	 */
	if (ret == -ENOENT && mdev_exists(arena->uuid[i]))
		ret = pci_bind(arena->bdf, NULL);
	if (ret)
		fail("mdev %u of %s can't be removed (%d)", i, arena->bdf, ret);
	else if (mdev_exists(arena->uuid[i]))
		fail("mdev %u of %s is still there", i, arena->bdf);
}

static void expect_available(struct arena *arena, const char *type, int n)
{
	int available = mdev_available(arena->bdf, type);

	if (available != n)
		fail("%s of %s: %d available, not %d", type, arena->bdf,
		     available, n);
}

static void settle_vfs(struct arena *arena, unsigned int vfs)
{
	unsigned int i;
	int ret;

	ret = pci_set_vfs(arena->bdf, vfs);
	if (ret)
		fail("%s: sriov_numvfs=%u: %d", arena->bdf, vfs, ret);
	for (i = 0; i < vfs; i++) {
		ret = pci_vf(arena->bdf, i, arena->vf[i]);
		if (ret)
			fail("VF %u of %s is missing (%d)", i, arena->bdf, ret);
		else
			bind_to_pt(arena->vf[i]);
	}
	expect_available(arena, "pt-pci", vfs);
	expect_available(arena, "pt-pf", vfs ? 0 : 1);
}

void arena_settle(struct arena *arena, unsigned int vfs)
{
	char path[SYSFS_PATH];
	int ret;

	if (!modules_loaded())
		modules_load();
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", arena->bdf);
	if (!sysfs_exists(path)) {
		ret = rescan(arena);
		if (ret)
			fail("no rescan for %s: %d", arena->bdf, ret);
	}

	remove_mdev(arena, 0);
	remove_mdev(arena, 1);
	bind_to_pt(arena->bdf);
	if (arena->kind == POOL)
		settle_vfs(arena, vfs);
	else
		expect_available(arena, "pt-pci", 1);
}

void arenas_settle(void)
{
	unsigned int i;

	for (i = 0; i < num_arenas; i++) {
		arena_settle(arenas[i], 0);
		if (arenas[i]->second)
			arena_settle(arenas[i]->second, 0);
		progress();
	}
}

/* Creates mdev uuid[0], and says which function it got. */
static int take(struct arena *a)
{
	int ret;

	ret = do_create(a);
	if (ret)
		return ret;
	ret = mdev_link(a->uuid[0], "function", a->held, sizeof(a->held));
	return ret < 0 ? ret : 0;
}

void arena_prepare(struct arena *a, enum prep prep)
{
	bool vfs = prep != NO_VFS && prep != PF_TAKEN;
	int ret = 0;

	arena_settle(a, vfs ? NUM_VFS : 0);
	strcpy(a->held, a->kind == POOL && vfs ? a->vf[0] : a->bdf);

	switch (prep) {
	case FREE:
		/* The VF that comes next, so that others can go for it too */
		if (a->kind == POOL)
			ret = take(a) ? : do_remove(a);
		break;
	case TAKEN:
		ret = take(a);
		break;
	case PF_TAKEN:
		ret = do_create_pf(a);
		break;
	case UNBOUND:
		ret = do_unbind_held(a);
		break;
	case NO_VFS:
		break;
	}
	if (ret)
		fail("%s can't be prepared (%d)", a->bdf, ret);
}

int do_create(struct arena *a)
{
	return mdev_create(a->bdf, "pt-pci", a->uuid[0]);
}

int do_create_another(struct arena *a)
{
	return mdev_create(a->bdf, "pt-pci", a->uuid[1]);
}

int do_create_elsewhere(struct arena *a)
{
	return mdev_create(a->second->bdf, "pt-pci", a->uuid[0]);
}

int do_create_pf(struct arena *a)
{
	return mdev_create(a->bdf, "pt-pf", a->uuid[0]);
}

int do_remove(struct arena *a)
{
	return mdev_remove(a->uuid[0]);
}

int do_unbind(struct arena *a)
{
	return pci_attr_write(a->bdf, "driver/unbind", a->bdf);
}

int do_unbind_held(struct arena *a)
{
	return pci_attr_write(a->held, "driver/unbind", a->held);
}

int do_bind(struct arena *a)
{
	return sysfs_write("/sys/bus/pci/drivers/pt/bind", a->bdf);
}

int do_bind_held(struct arena *a)
{
	return sysfs_write("/sys/bus/pci/drivers/pt/bind", a->held);
}

int do_disable_vfs(struct arena *a)
{
	return pci_attr_write(a->bdf, "sriov_numvfs", "0");
}

int do_enable_vfs(struct arena *a)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", NUM_VFS);
	return pci_attr_write(a->bdf, "sriov_numvfs", value);
}

int do_pci_remove(struct arena *a)
{
	return pci_attr_write(a->bdf, "remove", "1");
}

int do_reset(struct arena *a)
{
	return pci_attr_write(a->held, "reset", "1");
}

int do_unload(struct arena *a)
{
	(void)a;
	return module_unload("mdev_pt");
}

static void add_arena(struct arena *arena, enum kind kind)
{
	arena->kind = kind;
	arena->rng = rng_make(100 + num_arenas);
	uuid_make(arena->uuid[0]);
	uuid_make(arena->uuid[1]);
	pci_driver(arena->bdf, arena->old_driver, sizeof(arena->old_driver));
	arenas[num_arenas++] = arena;
}

static void find_singles(void)
{
	unsigned int i;

	if (pci_find(0x8086, 0x10c9, 0, igb)) {
		igb[0] = '\0';
		return;
	}
	if (pci_bind(igb, "igb") ||
	    pci_attr_write(igb, "driver_override", "\n") ||
	    pci_attr_write(igb, "sriov_drivers_autoprobe", "0") ||
	    pci_set_vfs(igb, NUM_SINGLES))
		return;
	for (i = 0; i < NUM_SINGLES; i++) {
		if (pci_vf(igb, i, singles[i].bdf))
			return;
	}

	for (i = 0; i < NUM_SINGLES; i += 2) {
		add_arena(&singles[i], SINGLE);
		singles[i].second = &singles[i + 1];
		uuid_make(singles[i + 1].uuid[0]);
		uuid_make(singles[i + 1].uuid[1]);
	}
}

static void find_pools(unsigned int *found, uint16_t vendor, uint16_t device)
{
	char value[16];
	unsigned int i;

	for (i = 0; *found < MAX_POOLS; i++) {
		struct arena *pool = &pools[*found];

		if (pci_find(vendor, device, i, pool->bdf))
			return;
		if (pci_attr_read(pool->bdf, "sriov_totalvfs", value,
				  sizeof(value)) <= 0)
			continue;
		add_arena(pool, POOL);
		(*found)++;
	}
}

unsigned int arenas_find(void)
{
	unsigned int found = 0;

	find_pools(&found, 0x1af4, 0x1041);
	find_pools(&found, 0x1b36, 0x0010);
	if (!pci_find(0x1234, 0x11e8, 0, plain.bdf))
		add_arena(&plain, PLAIN);
	find_singles();
	return num_arenas;
}

static void give_back(struct arena *arena)
{
	pci_bind(arena->bdf, NULL);
	if (arena->old_driver[0])
		sysfs_write("/sys/bus/pci/drivers_probe", arena->bdf);
}

void arenas_give_back(void)
{
	unsigned int i;

	for (i = 0; i < num_arenas; i++)
		give_back(arenas[i]);
	for (i = 1; igb[0] && i < NUM_SINGLES; i += 2)
		give_back(&singles[i]);
	if (igb[0]) {
		pci_set_vfs(igb, 0);
		pci_attr_write(igb, "sriov_drivers_autoprobe", "1");
	}
}
