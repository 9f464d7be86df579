// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users get killed, and who waits for one.  The victim is this program again,
 * so that it has no file descriptor of ours.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest.h"

#include "stress.h"

enum stage {
	STAGE_GROUP,
	STAGE_CONTAINER,
	STAGE_DEVICE,
	STAGE_DMA,
	STAGE_IRQ,
	STAGE_MMAP,
	STAGE_ASKED,
	NUM_STAGES,
};

static const char *const stage_names[NUM_STAGES] = {
	"group open", "container set", "device open", "DMA mapped",
	"interrupt enabled", "BAR mapped", "asked to let go",
};

static int open_group(struct user *user, const char *bdf)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(bdf));
	user->vfio.container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	user->vfio.group = open(path, O_RDWR | O_CLOEXEC);
	return user->vfio.container < 0 || user->vfio.group < 0 ? -errno : 0;
}

static int set_container(struct user *user)
{
	if (ioctl(user->vfio.group, VFIO_GROUP_SET_CONTAINER,
		  &user->vfio.container) ||
	    ioctl(user->vfio.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	return 0;
}

static int open_device(struct user *user, const char *name)
{
	user->vfio.device = ioctl(user->vfio.group, VFIO_GROUP_GET_DEVICE_FD,
				  name);
	return user->vfio.device < 0 ? -errno : user_listen(user);
}

static int reach(struct user *user, enum stage stage, const char *bdf,
		 const char *name)
{
	switch (stage) {
	case STAGE_GROUP:	return open_group(user, bdf);
	case STAGE_CONTAINER:	return set_container(user);
	case STAGE_DEVICE:	return open_device(user, name);
	case STAGE_DMA:		return user_map_dma(user);
	case STAGE_IRQ:		return user_enable_irq(user);
	case STAGE_MMAP:	return user_map_bar(user);
	default:		return eventfd_wait(user->request,
						    PATIENCE * 1000);
	}
}

/* Says which stages it has reached, then hangs on. */
static int be_user(const char *bdf, const char *name)
{
	struct user user;
	char stage;

	user_init(&user);
	for (stage = 0; stage < NUM_STAGES; stage++) {
		if (reach(&user, stage, bdf, name) ||
		    write(STDOUT_FILENO, &stage, 1) != 1)
			return KSFT_FAIL;
	}
	pause();
	return KSFT_FAIL;
}

static int be_remover(const char *bdf, const char *name)
{
	(void)bdf;
	return mdev_remove(name) ? KSFT_FAIL : KSFT_PASS;
}

static int be_unbinder(const char *bdf, const char *name)
{
	(void)name;
	return pci_attr_write(bdf, "driver/unbind", bdf) ?
	       KSFT_FAIL : KSFT_PASS;
}

#define USER		"--user"
#define REMOVER		"--remover"
#define UNBINDER	"--unbinder"

int (*victim_of(int argc, char **argv))(const char *bdf, const char *name)
{
	if (argc != 4)
		return NULL;
	return !strcmp(argv[1], USER) ? be_user :
	       !strcmp(argv[1], REMOVER) ? be_remover :
	       !strcmp(argv[1], UNBINDER) ? be_unbinder : NULL;
}

/* What the victim says comes from @out. */
static pid_t spawn(const char *what, struct arena *a, int *out)
{
	char *argv[] = { "stress", (char *)what, a->held, a->uuid[0], NULL };
	int pipefd[2];
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipefd[1], STDOUT_FILENO);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(pipefd[1]);
	if (pid < 0)
		close(pipefd[0]);
	else
		*out = pipefd[0];
	return pid;
}

/* Waits until the victim has reached @stage. */
static void wait_for(int out, enum stage stage)
{
	struct pollfd pollfd = { .fd = out, .events = POLLIN };
	char at;

	while (poll(&pollfd, 1, PATIENCE * 1000) == 1 &&
	       read(out, &at, 1) == 1) {
		if (at == (char)stage)
			return;
	}
	fail("the user did not get as far as \"%s\"", stage_names[stage]);
}

static int job_remove(void *arena)
{
	return do_remove(arena);
}

static int job_unbind(void *arena)
{
	return do_unbind_held(arena);
}

/* What else goes on when a user is killed */
static int (*const jobs[])(void *arena) = { job_remove, job_unbind, NULL };

static void user_round(struct ring *ring, const void *arg)
{
	const char *const *name = arg;
	enum stage stage = name - stage_names;
	struct arena *a = ring->arena;
	int (*run)(void *arena);
	struct job job;
	pid_t pid;
	int out;

	/* Nobody asks a user to let go if nothing else goes on. */
	run = jobs[rng_below(&ring->rng, stage == STAGE_ASKED ? 2 : 3)];

	arena_prepare(a, TAKEN);
	pid = spawn(USER, a, &out);
	if (pid < 0) {
		fail("no process (%d)", pid);
		return;
	}
	wait_for(out, stage == STAGE_ASKED ? STAGE_MMAP : stage);
	if (run)
		job_start(&job, run, a);
	if (stage == STAGE_ASKED)
		wait_for(out, stage);

	/* On its way to the next stage, sometimes */
	spin(rng_below(&ring->rng, 3000000));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(out);

	if (run && job_wait(&job, PATIENCE))
		fail("the other side still waits for a user who is dead");
	else if (run && job.result)
		fail("the other side failed (%d)", job.result);
	arena_settle(a, NUM_VFS);
}

/* Its end comes with the user's, and not before. */
static void waiter_round(struct ring *ring, const void *what)
{
	struct arena *a = ring->arena;
	struct user user;
	pid_t pid;
	int out;

	arena_prepare(a, TAKEN);
	if (user_open(&user, a->held, a->uuid[0]) || user_listen(&user)) {
		fail("%s can't be opened", a->held);
		return;
	}
	pid = spawn(what, a, &out);
	if (pid < 0) {
		fail("no process (%d)", pid);
		return;
	}
	if (eventfd_wait(user.request, PATIENCE * 1000))
		fail("nobody asked the user to let go");
	kill(pid, SIGKILL);
	spin(rng_below(&ring->rng, 3000000));
	if (user_read_config(&user))
		fail("the device does not work any more");
	user_close(&user);
	waitpid(pid, NULL, 0);
	close(out);
	arena_settle(a, NUM_VFS);
}

unsigned int kills_count(void)
{
	return NUM_STAGES + 2;
}

void kills_run(void)
{
	static struct ring_test tests[NUM_STAGES + 2];
	unsigned int i;

	for (i = 0; i < NUM_STAGES + 2; i++) {
		tests[i] = (struct ring_test){
			.kinds = SINGLE | POOL,
			.rounds = 5,
			.round = i < NUM_STAGES ? user_round : waiter_round,
			.arg = i < NUM_STAGES ? &stage_names[i] :
			       i == NUM_STAGES ? (void *)REMOVER : UNBINDER,
		};
		test_begin(&tests[i].test, "kill: %s",
			   i < NUM_STAGES ? stage_names[i] :
			   i == NUM_STAGES ? "who removes the mdev" :
					     "who unbinds the function");
	}
	rings_run(tests, NUM_STAGES + 2);
}
