// SPDX-License-Identifier: GPL-2.0-only
/* The graphics model, through its program */

#include <libgen.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fixture.h"
#include "opregion.h"

#define ASLS		0xfc
#define BAR5_REG	PCI_BASE_ADDRESS_5
#define MASTER		0x44200
#define ISR		0x44460
#define IIR		0x44468
#define IER		0x4446c
#define EVENT		(1 << 27)

FIXTURE(igd) {
	struct client c;
	char path[64];
	pid_t pid;
};

FIXTURE_VARIANT(igd) {
	const char *options[4];
	uint32_t asls;
	uint64_t bar2;
	uint64_t rvda;
	bool opregion;
};

FIXTURE_VARIANT_ADD(igd, plain) {
	.asls = 0xfeb00000,
	.bar2 = 64 << 20,
	.opregion = true,
};

FIXTURE_VARIANT_ADD(igd, address) {
	.options = { "--opregion-address=0x7f000000", "--aperture=256" },
	.asls = 0x7f000000,
	.bar2 = 256 << 20,
	.opregion = true,
};

FIXTURE_VARIANT_ADD(igd, version_2_0) {
	.options = { "--opregion=version=2.0,vbt=9000,offset=0x4000" },
	.asls = 0xfeb00000,
	.bar2 = 64 << 20,
	.rvda = 0xfeb04000,
	.opregion = true,
};

FIXTURE_VARIANT_ADD(igd, without) {
	.options = { "--no-opregion" },
	.bar2 = 64 << 20,
};

static void run(const char *const *options, char *path)
{
	char self[PATH_MAX] = "", program[PATH_MAX + 16];
	char *argv[8] = { program };
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		_exit(127);
	snprintf(program, sizeof(program), "%s/igd", dirname(dirname(self)));
	for (i = 0; options[i]; i++)
		argv[1 + i] = (char *)options[i];
	argv[1 + i] = "--once";
	argv[2 + i] = path;
	execv(program, argv);
	_exit(127);
}

FIXTURE_SETUP(igd)
{
	int i, ret = -1;

	snprintf(self->path, sizeof(self->path), "/tmp/igd-test.%d", getpid());
	self->pid = fork();
	if (!self->pid)
		run(variant->options, self->path);
	for (i = 0; ret && i < 1000; i++) {
		usleep(10000);
		ret = client_open(&self->c, self->path);
	}
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(igd)
{
	int status;

	client_close(&self->c);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
	unlink(self->path);
}

/* As firmware does: size first, then the address */
static void place_bar5(struct client *c)
{
	client_put(c, CONFIG, BAR5_REG, ~0U);
	client_get(c, CONFIG, BAR5_REG);
	client_put(c, CONFIG, BAR5_REG, 0xfeb00000);
}

TEST_F(igd, identity)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = BAR2,
	};
	struct reply *r = malloc(sizeof(*r));
	const struct vfio_region_info *answer = (void *)r->payload;

	EXPECT_EQ(0x59128086, client_get(&self->c, CONFIG, 0));
	EXPECT_EQ(0x030000, client_get(&self->c, CONFIG, 8) >> 8);
	/* No stolen memory: a kernel would reserve it. */
	EXPECT_EQ(0x00c1, client_get(&self->c, CONFIG, 0x50) & 0xffff);
	EXPECT_EQ(0, client_get(&self->c, CONFIG, 0x5c));
	ASSERT_EQ(0, client_call(&self->c, VFIO_USER_DEVICE_GET_REGION_INFO,
				 &info, sizeof(info), NULL, 0, r));
	EXPECT_EQ(variant->bar2, answer->size);
	free(r);
}

TEST_F(igd, asls)
{
	place_bar5(&self->c);
	EXPECT_EQ(variant->asls, client_get(&self->c, CONFIG, ASLS));
	/* The guest's kernel looks for it right after a reset. */
	ASSERT_EQ(0, client_call(&self->c, VFIO_USER_DEVICE_RESET, NULL, 0,
				 NULL, 0, NULL));
	EXPECT_EQ(variant->asls, client_get(&self->c, CONFIG, ASLS));
	ASSERT_EQ(0, client_put(&self->c, CONFIG, ASLS, 0x12340000));
	place_bar5(&self->c);
	ASSERT_EQ(0, client_call(&self->c, VFIO_USER_DEVICE_RESET, NULL, 0,
				 NULL, 0, NULL));
	EXPECT_EQ(0x12340000, client_get(&self->c, CONFIG, ASLS));
}

TEST_F(igd, opregion)
{
	char signature[16];
	uint64_t rvda;

	place_bar5(&self->c);
	if (!variant->opregion) {
		EXPECT_EQ(-EINVAL, client_read(&self->c, BAR5, 0, signature,
					       16));
		return;
	}
	ASSERT_EQ(0, client_read(&self->c, BAR5, 0, signature, 16));
	EXPECT_EQ(0, memcmp(signature, OPREGION_SIGNATURE, 16));
	ASSERT_EQ(0, client_read(&self->c, BAR5, OPREGION_RVDA, &rvda, 8));
	EXPECT_EQ(variant->rvda, rvda);
	/* A test may change it: only a BAR that moves brings it back. */
	rvda = 1;
	ASSERT_EQ(0, client_write(&self->c, BAR5, OPREGION_RVDA, &rvda, 8));
	place_bar5(&self->c);
	ASSERT_EQ(0, client_read(&self->c, BAR5, OPREGION_RVDA, &rvda, 8));
	EXPECT_EQ(1, rvda);
}

TEST_F(igd, registers)
{
	ASSERT_EQ(0, client_put(&self->c, BAR0, 0x5000, 0xcafe));
	EXPECT_EQ(0xcafe, client_get(&self->c, BAR0, 0x5000));
	ASSERT_EQ(0, client_put(&self->c, BAR4, 0, 0x5000));
	EXPECT_EQ(0xcafe, client_get(&self->c, BAR4, 4));
	ASSERT_EQ(0, client_put(&self->c, BAR4, 4, 0xbeef));
	EXPECT_EQ(0xbeef, client_get(&self->c, BAR0, 0x5000));
	/* Past the registers: the index is cut to size. */
	ASSERT_EQ(0, client_put(&self->c, BAR4, 0, ~0U));
	ASSERT_EQ(0, client_put(&self->c, BAR4, 4, 1));
	EXPECT_EQ(1, client_get(&self->c, BAR0, 0x1ffffc));
	ASSERT_EQ(0, client_put(&self->c, BAR0, 0x200000, 1));
	EXPECT_EQ(0, client_get(&self->c, BAR0, 0x200000));
	/* The translation table is memory. */
	ASSERT_EQ(0, client_put(&self->c, BAR0, 0x800000, 0x1234));
	EXPECT_EQ(0x1234, client_get(&self->c, BAR0, 0x800000));
	ASSERT_EQ(0, client_call(&self->c, VFIO_USER_DEVICE_RESET, NULL, 0,
				 NULL, 0, NULL));
	EXPECT_EQ(0, client_get(&self->c, BAR0, 0x5000));
}

static int set_eventfd(struct client *c, uint32_t index, int fd)
{
	return client_set_irqs(c, index, VFIO_IRQ_SET_DATA_EVENTFD |
			       VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, NULL, &fd);
}

TEST_F(igd, interrupts)
{
	int intx = eventfd(0, 0), msi = eventfd(0, 0);

	ASSERT_EQ(0, set_eventfd(&self->c, VFIO_PCI_INTX_IRQ_INDEX, intx));
	ASSERT_EQ(0, set_eventfd(&self->c, VFIO_PCI_MSI_IRQ_INDEX, msi));
	ASSERT_EQ(0, client_put(&self->c, BAR0, IER, EVENT));
	ASSERT_EQ(0, client_put(&self->c, BAR0, ISR, EVENT));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(intx, 0));
	ASSERT_EQ(0, client_put(&self->c, BAR0, MASTER, 1U << 31));
	EXPECT_EQ(0, eventfd_wait(intx, CLIENT_TIMEOUT_MS));
	EXPECT_EQ(EVENT, client_get(&self->c, BAR0, IIR));
	ASSERT_EQ(0, client_put(&self->c, BAR0, IIR, EVENT));
	EXPECT_EQ(0, client_get(&self->c, BAR0, IIR));
	ASSERT_EQ(0, client_put(&self->c, CONFIG, 0xac, 1 << 16));
	ASSERT_EQ(0, client_put(&self->c, BAR0, ISR, EVENT));
	EXPECT_EQ(0, eventfd_wait(msi, CLIENT_TIMEOUT_MS));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(intx, 0));
}

TEST_HARNESS_MAIN
