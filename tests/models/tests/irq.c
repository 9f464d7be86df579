// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts by eventfd, and everything SET_IRQS can be told */

#include <sys/eventfd.h>
#include <linux/pci_regs.h>

#include "fixture.h"

#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define MSI	VFIO_PCI_MSI_IRQ_INDEX
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX

#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD	VFIO_IRQ_SET_DATA_EVENTFD
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER	VFIO_IRQ_SET_ACTION_TRIGGER

/* Long enough for what must not come */
#define QUIET_MS	100

FIXTURE(irq) {
	struct server s;
	struct client c;
	struct reply r;
	int fds[MSIX_VECTORS];
};

FIXTURE_SETUP(irq)
{
	unsigned int i;

	ASSERT_EQ(0, server_start(&self->s, 0));
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	for (i = 0; i < MSIX_VECTORS; i++)
		self->fds[i] = eventfd(0, EFD_NONBLOCK);
}

FIXTURE_TEARDOWN(irq)
{
	client_close(&self->c);
	EXPECT_EQ(0, server_end(&self->s));
}

static int set(struct client *c, uint32_t index, uint32_t flags, uint32_t start,
	       uint32_t count, const int *fds)
{
	return client_set_irqs(c, index, flags, start, count, NULL, fds);
}

/* What the device says */
static int trigger(struct client *c, uint32_t index, uint32_t vector)
{
	int ret = client_put(c, BAR0, REG_IRQ, index << 16 | vector);

	return ret ? ret : (int)client_get(c, BAR0, REG_RESULT);
}

static bool came(int fd)
{
	return !eventfd_wait(fd, CLIENT_TIMEOUT_MS);
}

/* All the device does is done when it has answered. */
static bool quiet(int fd)
{
	return eventfd_wait(fd, 0) == -ETIMEDOUT;
}

TEST_F(irq, info)
{
	static const struct {
		uint32_t count, flags;
	} expected[VFIO_PCI_NUM_IRQS] = {
		[INTX] = { 1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			      VFIO_IRQ_INFO_AUTOMASKED },
		[MSI] = { MSI_VECTORS, VFIO_IRQ_INFO_EVENTFD |
				       VFIO_IRQ_INFO_NORESIZE },
		[MSIX] = { MSIX_VECTORS, VFIO_IRQ_INFO_EVENTFD |
					 VFIO_IRQ_INFO_NORESIZE },
		{ 0, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
		{ 0, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
	};
	struct vfio_irq_info info = { .argsz = sizeof(info) };
	const struct vfio_irq_info *reply = (void *)self->r.payload;

	for (; info.index < VFIO_PCI_NUM_IRQS; info.index++) {
		ASSERT_EQ(0, client_call(&self->c,
					 VFIO_USER_DEVICE_GET_IRQ_INFO, &info,
					 sizeof(info), NULL, 0, &self->r));
		ASSERT_EQ(sizeof(info), self->r.len);
		EXPECT_EQ(info.index, reply->index);
		EXPECT_EQ(expected[info.index].count, reply->count);
		EXPECT_EQ(expected[info.index].flags, reply->flags);
	}
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_DEVICE_GET_IRQ_INFO,
				       &info, sizeof(info), NULL, 0, NULL));
}

TEST_F(irq, msix)
{
	unsigned int i;

	EXPECT_EQ(-ENOENT, trigger(&self->c, MSIX, 0));
	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 0, MSIX_VECTORS,
			 self->fds));
	for (i = 0; i < MSIX_VECTORS; i++) {
		EXPECT_EQ(0, trigger(&self->c, MSIX, i));
		EXPECT_TRUE(came(self->fds[i]));
	}
	EXPECT_EQ(0, trigger(&self->c, MSIX, 3));
	for (i = 0; i < MSIX_VECTORS; i++)
		EXPECT_EQ(i != 3, quiet(self->fds[i]));
	EXPECT_EQ(-EINVAL, trigger(&self->c, MSIX, MSIX_VECTORS));
	EXPECT_EQ(-EINVAL, trigger(&self->c, 17, 0));
}

/* QEMU sends them in chunks, and takes single ones away. */
TEST_F(irq, part_of_the_vectors)
{
	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 0, 4, self->fds));
	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 4, 4,
			 self->fds + 4));
	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 2, 1, NULL));
	EXPECT_EQ(-ENOENT, trigger(&self->c, MSIX, 2));
	EXPECT_EQ(0, trigger(&self->c, MSIX, 1));
	EXPECT_EQ(0, trigger(&self->c, MSIX, 7));
	EXPECT_TRUE(came(self->fds[1]));
	EXPECT_TRUE(came(self->fds[7]));
	/* The last one given counts. */
	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 1, 1,
			 self->fds + 2));
	EXPECT_EQ(0, trigger(&self->c, MSIX, 1));
	EXPECT_TRUE(came(self->fds[2]));
	EXPECT_TRUE(quiet(self->fds[1]));
	ASSERT_EQ(0, set(&self->c, MSIX, NONE | TRIGGER, 0, 0, NULL));
	EXPECT_EQ(-ENOENT, trigger(&self->c, MSIX, 1));
}

TEST_F(irq, client_triggers)
{
	const uint8_t wanted[3] = { 1, 0, 255 };

	ASSERT_EQ(0, set(&self->c, MSI, EVENTFD | TRIGGER, 0, 4, self->fds));
	ASSERT_EQ(0, set(&self->c, MSI, NONE | TRIGGER, 2, 2, NULL));
	EXPECT_TRUE(quiet(self->fds[1]));
	EXPECT_TRUE(came(self->fds[2]));
	EXPECT_TRUE(came(self->fds[3]));
	ASSERT_EQ(0, client_set_irqs(&self->c, MSI, BOOL | TRIGGER, 1, 3,
				     wanted, NULL));
	EXPECT_TRUE(came(self->fds[1]));
	EXPECT_TRUE(quiet(self->fds[2]));
	EXPECT_TRUE(came(self->fds[3]));
}

TEST_F(irq, intx_masks_itself_until_unmasked)
{
	ASSERT_EQ(0, set(&self->c, INTX, EVENTFD | TRIGGER, 0, 1, self->fds));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_INTX, 1));
	EXPECT_TRUE(came(self->fds[0]));
	EXPECT_EQ(PCI_STATUS_INTERRUPT,
		  client_get(&self->c, CONFIG, PCI_COMMAND) >> 16 &
		  PCI_STATUS_INTERRUPT);
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_INTX, 1));
	EXPECT_TRUE(quiet(self->fds[0]));
	/* Still asserted */
	ASSERT_EQ(0, set(&self->c, INTX, NONE | UNMASK, 0, 1, NULL));
	EXPECT_TRUE(came(self->fds[0]));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_INTX, 0));
	ASSERT_EQ(0, set(&self->c, INTX, NONE | UNMASK, 0, 1, NULL));
	EXPECT_TRUE(quiet(self->fds[0]));
	EXPECT_EQ(0, client_get(&self->c, CONFIG, PCI_COMMAND) >> 16 &
		  PCI_STATUS_INTERRUPT);
	ASSERT_EQ(0, set(&self->c, INTX, NONE | MASK, 0, 1, NULL));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_INTX, 1));
	EXPECT_TRUE(quiet(self->fds[0]));
}

TEST_F(irq, intx_unmasked_by_eventfd)
{
	const uint64_t one = 1;

	ASSERT_EQ(0, set(&self->c, INTX, EVENTFD | TRIGGER, 0, 1, self->fds));
	ASSERT_EQ(0, set(&self->c, INTX, EVENTFD | UNMASK, 0, 1,
			 self->fds + 1));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_INTX, 1));
	EXPECT_TRUE(came(self->fds[0]));
	ASSERT_EQ(sizeof(one), write(self->fds[1], &one, sizeof(one)));
	EXPECT_TRUE(came(self->fds[0]));
	/* Taken away again */
	ASSERT_EQ(0, set(&self->c, INTX, EVENTFD | UNMASK, 0, 1, NULL));
	ASSERT_EQ(sizeof(one), write(self->fds[1], &one, sizeof(one)));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->fds[0], QUIET_MS));
}

TEST_F(irq, intx_disabled_in_the_command_register)
{
	ASSERT_EQ(0, set(&self->c, INTX, EVENTFD | TRIGGER, 0, 1, self->fds));
	ASSERT_EQ(0, client_put(&self->c, CONFIG, PCI_COMMAND,
				PCI_COMMAND_INTX_DISABLE));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_INTX, 1));
	EXPECT_TRUE(quiet(self->fds[0]));
	ASSERT_EQ(0, client_put(&self->c, CONFIG, PCI_COMMAND, 0));
	EXPECT_TRUE(came(self->fds[0]));
}

TEST_F(irq, timer)
{
	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 0, 1, self->fds));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_TIMER, 10));
	EXPECT_TRUE(came(self->fds[0]));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->fds[0], QUIET_MS));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_TIMER, 1000000));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_TIMER, 0));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->fds[0], QUIET_MS));
}

TEST_F(irq, bad_commands)
{
	static const struct {
		uint32_t index, flags, start, count;
		int result;
	} commands[] = {
		{ 5, NONE | TRIGGER, 0, 0, -EINVAL },
		{ ~0U, NONE | TRIGGER, 0, 0, -EINVAL },
		{ MSIX, 0, 0, 0, -EINVAL },
		{ MSIX, NONE, 0, 1, -EINVAL },
		{ MSIX, TRIGGER, 0, 1, -EINVAL },
		{ MSIX, NONE | BOOL | TRIGGER, 0, 1, -EINVAL },
		{ MSIX, NONE | TRIGGER | MASK, 0, 1, -EINVAL },
		{ MSIX, NONE | TRIGGER | 64, 0, 1, -EINVAL },
		{ MSIX, NONE | TRIGGER, 0, MSIX_VECTORS + 1, -EINVAL },
		{ MSIX, NONE | TRIGGER, MSIX_VECTORS, 1, -EINVAL },
		{ MSIX, NONE | TRIGGER, 1, ~0U, -EINVAL },
		{ MSIX, NONE | TRIGGER, ~0U, 1, -EINVAL },
		{ MSIX, NONE | TRIGGER, ~0U, 2, -EINVAL },
		{ MSIX, NONE | TRIGGER, 1, 0, -EINVAL },
		{ INTX, NONE | MASK, 0, 0, -EINVAL },
		{ MSIX, EVENTFD | TRIGGER, 0, 0, -EINVAL },
		{ MSIX, BOOL | TRIGGER, 0, 1, -EINVAL },
		{ MSIX, NONE | MASK, 0, 1, -ENOTSUP },
		{ MSI, NONE | UNMASK, 0, 1, -ENOTSUP },
		{ MSI, EVENTFD | UNMASK, 0, 1, -ENOTSUP },
		{ INTX, EVENTFD | MASK, 0, 1, -ENOTSUP },
		{ 3, NONE | TRIGGER, 0, 1, -EINVAL },
	};
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		EXPECT_EQ(commands[i].result,
			  set(&self->c, commands[i].index, commands[i].flags,
			      commands[i].start, commands[i].count, NULL))
			TH_LOG("command %zu", i);
}

static int set_with_fds(struct client *c, uint32_t flags, uint32_t count,
			const int *fds, unsigned int num_fds)
{
	struct vfio_irq_set s = {
		.argsz = sizeof(s),
		.flags = flags,
		.index = MSIX,
		.count = count,
	};

	return client_call(c, VFIO_USER_DEVICE_SET_IRQS, &s, sizeof(s), fds,
			   num_fds, NULL);
}

TEST_F(irq, bad_fds)
{
	int before = server_fds(&self->s);
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, set_with_fds(&self->c, EVENTFD | TRIGGER, 2,
					self->fds, 1));
	EXPECT_EQ(-EINVAL, set_with_fds(&self->c, EVENTFD | TRIGGER, 1,
					self->fds, 2));
	EXPECT_EQ(-EINVAL, set_with_fds(&self->c, NONE | TRIGGER, 1,
					self->fds, 1));
	/* Writing to it could block. */
	EXPECT_EQ(-EINVAL, set_with_fds(&self->c, EVENTFD | TRIGGER, 1,
					pipes + 1, 1));
	EXPECT_EQ(before, server_fds(&self->s));
}

TEST_F(irq, full_eventfd)
{
	const uint64_t full = ~0ULL - 1;
	int fd = eventfd(0, 0);

	ASSERT_EQ(sizeof(full), write(fd, &full, sizeof(full)));
	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 0, 1, &fd));
	EXPECT_EQ(0, trigger(&self->c, MSIX, 0));
}

TEST_F(irq, fds_go_with_the_client)
{
	int before = server_fds(&self->s);

	ASSERT_EQ(0, set(&self->c, MSIX, EVENTFD | TRIGGER, 0, MSIX_VECTORS,
			 self->fds));
	ASSERT_EQ(0, set(&self->c, INTX, EVENTFD | TRIGGER, 0, 1, self->fds));
	ASSERT_EQ(0, set(&self->c, INTX, EVENTFD | UNMASK, 0, 1, self->fds));
	EXPECT_EQ(before + MSIX_VECTORS + 2, server_fds(&self->s));
	client_close(&self->c);
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	EXPECT_EQ(before, server_fds(&self->s));
	EXPECT_EQ(-ENOENT, trigger(&self->c, MSIX, 0));
}

TEST_HARNESS_MAIN
