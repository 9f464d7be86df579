// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that means harm, or is broken
 *
 * After each attempt the server still serves, and has as many file descriptors
 * as before.
 */

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "fixture.h"

FIXTURE(hostile) {
	struct server s;
	struct client c;
	struct reply r;
	int fds;
};

FIXTURE_SETUP(hostile)
{
	ASSERT_EQ(0, server_start(&self->s, 0));
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	self->fds = server_fds(&self->s);
}

FIXTURE_TEARDOWN(hostile)
{
	/* The server may have closed this one: then it awaits the next. */
	client_close(&self->c);
	EXPECT_EQ(0, client_open(&self->c, self->s.path));
	EXPECT_EQ(0, client_put(&self->c, BAR0, REG_SCRATCH, 0x600d));
	EXPECT_EQ(0x600d, client_get(&self->c, BAR0, REG_SCRATCH));
	EXPECT_EQ(self->fds, server_fds(&self->s));
	client_close(&self->c);
	EXPECT_EQ(0, server_end(&self->s));
}

static struct vfio_user_header header(uint16_t command, uint32_t size,
				      uint32_t flags)
{
	return (struct vfio_user_header){
		.id = 1, .command = command, .size = size, .flags = flags,
	};
}

static void send_header(struct client *c, uint16_t command, uint32_t size,
			uint32_t flags)
{
	struct vfio_user_header h = header(command, size, flags);

	client_send(c, &h, sizeof(h), NULL, 0);
}

static bool closed_by_header(const struct server *s, uint16_t command,
			     uint32_t size, uint32_t flags)
{
	struct client c;
	bool closed = false;

	if (!client_open(&c, s->path)) {
		send_header(&c, command, size, flags);
		closed = client_closed(&c);
	}
	client_close(&c);
	return closed;
}

TEST_F(hostile, headers)
{
	const struct server *s = &self->s;

	client_close(&self->c);
	EXPECT_TRUE(closed_by_header(s, VFIO_USER_DEVICE_RESET, 0, 0));
	EXPECT_TRUE(closed_by_header(s, VFIO_USER_DEVICE_RESET, 15, 0));
	EXPECT_TRUE(closed_by_header(s, VFIO_USER_DEVICE_RESET, ~0U, 0));
	EXPECT_TRUE(closed_by_header(s, VFIO_USER_REGION_WRITE, 16 + 16 +
				     VFIO_USER_MAX_XFER + 1, 0));
	EXPECT_TRUE(closed_by_header(s, VFIO_USER_DEVICE_RESET, 16, 2));
	EXPECT_TRUE(closed_by_header(s, VFIO_USER_DEVICE_RESET, 16, 0xf));
}

TEST_F(hostile, closes_in_the_middle)
{
	char half[8] = { 0 };

	ASSERT_EQ(0, client_send(&self->c, half, sizeof(half), NULL, 0));
	client_close(&self->c);
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	send_header(&self->c, VFIO_USER_REGION_WRITE, 1000, 0);
	ASSERT_EQ(0, client_send(&self->c, half, sizeof(half), NULL, 0));
	client_close(&self->c);
	ASSERT_EQ(0, client_connect(&self->c, self->s.path));
}

TEST_F(hostile, unexpected_reply)
{
	send_header(&self->c, VFIO_USER_DMA_READ, 16, VFIO_USER_TYPE_REPLY);
	EXPECT_EQ(0, client_put(&self->c, BAR0, REG_SCRATCH, 1));
}

/* Each with a byte too few, and those of fixed size with one too many */
TEST_F(hostile, lengths)
{
	static const struct {
		uint16_t command;
		uint32_t len;
		bool fixed;
	} commands[] = {
		{ VFIO_USER_VERSION, 4, false },
		{ VFIO_USER_DMA_MAP, 32, true },
		{ VFIO_USER_DMA_UNMAP, 24, true },
		{ VFIO_USER_DEVICE_GET_INFO, 16, true },
		{ VFIO_USER_DEVICE_GET_REGION_INFO, 32, true },
		{ VFIO_USER_DEVICE_GET_IRQ_INFO, 16, true },
		{ VFIO_USER_DEVICE_SET_IRQS, 20, false },
		{ VFIO_USER_REGION_READ, 16, true },
		{ VFIO_USER_REGION_WRITE, 16, false },
		{ VFIO_USER_REGION_WRITE_MULTI, 8, false },
	};
	uint8_t payload[64] = { 0 };
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		EXPECT_EQ(-EINVAL, client_call(&self->c, commands[i].command,
					       payload, commands[i].len - 1,
					       NULL, 0, NULL));
		EXPECT_EQ(-EINVAL, client_call(&self->c, commands[i].command,
					       payload, 0, NULL, 0, NULL));
		if (commands[i].fixed)
			EXPECT_EQ(-EINVAL,
				  client_call(&self->c, commands[i].command,
					      payload, commands[i].len + 1,
					      NULL, 0, NULL));
	}
}

/* The count in the message against the bytes that there are */
TEST_F(hostile, counts)
{
	struct {
		struct vfio_user_region_access access;
		uint8_t data[8];
	} w = { .access = { REG_SCRATCH, BAR0, 4 } };
	static const uint32_t counts[] = { 0, 7, 9, 1 << 20, ~0U };
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		w.access.count = counts[i];
		EXPECT_EQ(-EINVAL, client_call(&self->c,
					       VFIO_USER_REGION_WRITE, &w,
					       sizeof(w), NULL, 0, NULL));
	}
	w.access.count = VFIO_USER_MAX_XFER + 1;
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_REGION_READ, &w,
				       sizeof(w.access), NULL, 0, NULL));
	w.access.count = ~0U;
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_REGION_READ, &w,
				       sizeof(w.access), NULL, 0, NULL));
}

TEST_F(hostile, fds_where_none_belong)
{
	int fds[MAX_FDS];
	unsigned int i;
	uint16_t command;

	for (i = 0; i < MAX_FDS; i++)
		fds[i] = eventfd(0, 0);
	for (command = 0; command < 20; command++)
		EXPECT_NE(0, client_call(&self->c, command, NULL, 0, fds,
					 MAX_FDS, NULL));
	EXPECT_EQ(self->fds, server_fds(&self->s));
}

TEST_F(hostile, more_fds_than_fit)
{
	struct vfio_user_header h = header(VFIO_USER_DEVICE_SET_IRQS, 16, 0);
	int fds[200];
	unsigned int i;

	for (i = 0; i < 200; i++)
		fds[i] = self->c.fd;
	ASSERT_EQ(0, client_send(&self->c, &h, sizeof(h), fds, 200));
	EXPECT_TRUE(client_closed(&self->c));
	/* Also a few at a time */
	client_close(&self->c);
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	for (i = 0; i < sizeof(h); i++)
		if (client_send(&self->c, (char *)&h + i, 1, fds, 3))
			break;
	EXPECT_TRUE(client_closed(&self->c));
}

TEST_F(hostile, fds_in_the_middle_and_then_goes)
{
	struct vfio_user_header h = header(VFIO_USER_DMA_MAP, 48, 0);
	int fd = eventfd(0, 0);

	ASSERT_EQ(0, client_send(&self->c, &h, sizeof(h), &fd, 1));
	ASSERT_EQ(0, client_send(&self->c, &h, 5, &fd, 1));
}

TEST_F(hostile, its_own_socket_as_memory_and_interrupt)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD |
			 VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.count = 1,
	};

	EXPECT_EQ(-EINVAL, client_map(&self->c, 0, PAGE, DMA_BOTH, self->c.fd,
				      0));
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_DEVICE_SET_IRQS,
				       &set, sizeof(set), &self->c.fd, 1,
				       NULL));
}

/* It is dropped when it holds up the server for too long. */
TEST_F_TIMEOUT(hostile, never_reads_its_replies, 60)
{
	struct {
		struct vfio_user_header header;
		struct vfio_user_region_access access;
	} read = {
		.header = header(VFIO_USER_REGION_READ, sizeof(read), 0),
		.access = { 0, BAR2, BAR2_SIZE },
	};
	int i;

	for (i = 0; i < 200; i++)
		if (client_send(&self->c, &read, sizeof(read), NULL, 0))
			break;
	sleep(6);
	EXPECT_TRUE(client_closed(&self->c));
}

/* More commands than the server keeps while it waits for memory */
TEST_F(hostile, floods_instead_of_answering)
{
	struct vfio_user_header h = header(VFIO_USER_DEVICE_RESET, sizeof(h),
					   VFIO_USER_NO_REPLY);
	const struct raw_write w = raw_write(0, 0, REG_DMA, 1);
	int i;

	ASSERT_EQ(0, client_map(&self->c, 0, PAGE, DMA_BOTH, -1, 0));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_LENGTH, 16));
	ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w), NULL, 0));
	for (i = 0; i < 2000; i++)
		if (client_send(&self->c, &h, sizeof(h), NULL, 0))
			break;
	EXPECT_TRUE(client_closed(&self->c));
}

struct dma_reply {
	struct vfio_user_header header;
	struct vfio_user_dma_access access;
	uint8_t data[16];
};

/* Replies to DMA_READ that say one thing and are another */
TEST_F(hostile, replies)
{
	static const struct {
		uint32_t size;
		uint64_t count;
	} lies[] = {
		{ 16, 0 }, { 24, 16 }, { 32, 16 }, { 47, 16 }, { 48, 15 },
		{ 48, 17 }, { 48, ~0ULL }, { 32, 0 },
	};
	const struct raw_write w = raw_write(0, 0, REG_DMA, 1);
	struct dma_reply reply = { 0 };
	size_t i;

	ASSERT_EQ(0, client_map(&self->c, 0, PAGE, DMA_BOTH, -1, 0));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_LENGTH, 16));
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w), NULL, 0));
		ASSERT_EQ(0, client_receive(&self->c, &self->r));
		ASSERT_EQ(VFIO_USER_DMA_READ, self->r.header.command);
		reply.header = self->r.header;
		reply.header.flags = VFIO_USER_TYPE_REPLY;
		reply.header.size = lies[i].size;
		reply.access.count = lies[i].count;
		ASSERT_EQ(0, client_send(&self->c, &reply, lies[i].size, NULL,
					 0));
		ASSERT_EQ(0, client_receive(&self->c, &self->r));
		EXPECT_EQ(-EIO, (int)client_get(&self->c, BAR0, REG_RESULT))
			TH_LOG("lie %zu", i);
	}
}

TEST_F(hostile, comes_and_goes)
{
	struct client c;
	long before = 0;
	int i;

	client_close(&self->c);
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, client_open(&c, self->s.path));
		ASSERT_EQ(0, client_map(&c, 0, 16 * PAGE, DMA_BOTH, -1, 0));
		client_close(&c);
		if (i == 200)
			before = server_memory(&self->s);
	}
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	EXPECT_LE(server_memory(&self->s), before + MEMORY_SLACK);
}

TEST_HARNESS_MAIN
