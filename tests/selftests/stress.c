// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races, kills and leaks, and then what is left of it: the whole machine is
 * compared with what it was.  Lab devices: igb, virtio-net, nvme, edu; more of
 * virtio-net and nvme are used too.
 *
 * Usage: stress [PERCENT [SEED]]: more or fewer rounds than "make check-long" has;
 * the seed of an earlier run.  STRESS_PERCENT and STRESS_SEED in the environment do the same.
 *
 * Nothing here waits for ever, but the kernel may: the work is done in a child,
 * and its parent reports the stacks when there is no progress.
 */

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest.h"

#include "clock.h"
#include "health.h"
#include "kmsg.h"
#include "stress/stress.h"
#include "rounds.h"

/* Seconds without progress, after which it is a hang */
#define STALL 150

static char groups_before[16384], groups_after[16384];

static int modules_users(const char *module)
{
	char path[SYSFS_PATH], value[16];
	int ret;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	ret = sysfs_read(path, value, sizeof(value));
	return ret < 0 ? ret : atoi(value);
}

static void no_mdev_is_left(void)
{
	struct dirent *entry;
	struct test test;
	DIR *dir;

	test_begin(&test, "left: no mdev");
	dir = opendir("/sys/bus/mdev/devices");
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			fail("mdev %s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	test_end(&test);
}

static void modules_unload(void)
{
	static const struct {
		const char *name;
		int users;
	} modules[] = {
		{ "mdev_pt", 0 },
		{ "mdev_pt_core", 0 },
	};
	struct test test;
	unsigned int i;
	int ret;

	test_begin(&test, "left: modules unload");
	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		ret = modules_users(modules[i].name);
		if (ret)
			fail("%s has %d users", modules[i].name, ret);
		ret = module_unload(modules[i].name);
		if (ret)
			fail("%s does not unload (%d)", modules[i].name, ret);
	}
	test_end(&test);
}

static void nothing_waits(void)
{
	struct test test;

	test_begin(&test, "left: nothing waits");
	if (health_no_blocked(PATIENCE * 1000)) {
		health_print_blocked();
		fail("tasks are blocked, see above");
	}
	test_end(&test);
}

static void groups_are_the_same(void)
{
	struct test test;

	test_begin(&test, "left: IOMMU groups are as before");
	health_groups(groups_after, sizeof(groups_after));
	if (strcmp(groups_before, groups_after)) {
		printf("# before:\n%s# after:\n%s", groups_before,
		       groups_after);
		fail("the groups differ, see above");
	}
	test_end(&test);
}

static void no_memory_is_lost(void)
{
	struct test test;
	int ret;

	test_begin(&test, "left: no leak that kmemleak sees");
	ret = health_leaks();
	if (ret == -ENOENT) {
		test_skip(&test, "this kernel has no kmemleak");
		return;
	}
	if (ret)
		fail("kmemleak: %d", ret);
	test_end(&test);
}

static int work(void)
{
	modules_load();
	ksft_print_header();
	if (!arenas_find())
		ksft_exit_skip("no device that this test knows\n");
	tests_plan(duels_count() + 1 + kills_count() + 1 + 5);
	ksft_print_msg("percent %u, seed %#lx, %u arenas\n", percent,
		       (unsigned long)seed, num_arenas);

	health_leaks_clear();
	rings_start();
	duels_run();
	chaos_run();
	kills_run();
	leaks_run();
	rings_end();
	arenas_settle();

	no_mdev_is_left();
	modules_unload();
	nothing_waits();
	arenas_give_back();
	groups_are_the_same();
	no_memory_is_lost();
	modules_load();
	tests_finish();
	return KSFT_FAIL;
}

/* The threads of a worker that hangs may never end, but this process does. */
static int watch(pid_t worker)
{
	unsigned long seen = 0, at;
	long since = now_ms();
	struct pollfd pollfd;
	int status;

	pollfd.fd = syscall(SYS_pidfd_open, worker, 0);
	pollfd.events = POLLIN;
	while (poll(&pollfd, 1, 1000) == 0) {
		at = __atomic_load_n(progress_made, __ATOMIC_RELAXED);
		if (at != seen) {
			seen = at;
			since = now_ms();
		} else if (now_ms() - since > STALL * 1000) {
			printf("# no progress for %u s\n", STALL);
			health_print_blocked();
			health_complaints(kmsg);
			printf("Bail out! stress hangs\n");
			fflush(stdout);
			kill(worker, SIGKILL);
			return KSFT_FAIL;
		}
	}
	if (waitpid(worker, &status, 0) != worker)
		return KSFT_FAIL;
	if (!WIFEXITED(status)) {
		printf("Bail out! stress: killed by signal %d\n",
		       WTERMSIG(status));
		return KSFT_FAIL;
	}
	return WEXITSTATUS(status);
}

static const char *setting(int argc, char **argv, int i, const char *variable)
{
	return argc > i ? argv[i] : getenv(variable);
}

int main(int argc, char **argv)
{
	int (*victim)(const char *bdf, const char *name);
	const char *text;
	pid_t worker;

	victim = victim_of(argc, argv);
	if (victim)
		return victim(argv[2], argv[3]);

	text = setting(argc, argv, 1, "STRESS_PERCENT");
	percent = text ? (unsigned int)atoi(text) : rounds(100, 25);
	text = setting(argc, argv, 2, "STRESS_SEED");
	seed = text ? strtoull(text, NULL, 0) : now_ns();

	setvbuf(stdout, NULL, _IOLBF, 0);
	progress_made = mmap(NULL, sizeof(*progress_made),
			     PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress_made == MAP_FAILED)
		return KSFT_FAIL;
	health_groups(groups_before, sizeof(groups_before));
	kmsg = kmsg_open();

	worker = fork();
	if (worker < 0)
		return KSFT_FAIL;
	if (!worker) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return work();
	}
	return watch(worker);
}
