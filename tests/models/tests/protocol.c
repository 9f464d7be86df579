// SPDX-License-Identifier: GPL-2.0-only
/* The conversation itself: versions, order, replies, connections */

#include <sys/eventfd.h>

#include "fixture.h"
#include "model.h"

MODEL_FIXTURE(protocol);

struct hello {
	struct vfio_user_version version;
	char text[1024];
};

static int say_hello(struct client *c, const char *text, uint16_t major,
		     struct reply *r)
{
	struct hello hello = { .version.major = major };
	size_t len = strlen(text) + 1;

	memcpy(hello.text, text, len);
	return client_call(c, VFIO_USER_VERSION, &hello,
			   sizeof(hello.version) + len, NULL, 0, r);
}

/* In a connection of its own */
static int negotiate(const struct server *s, struct client *c,
		     const char *text, struct reply *r)
{
	int ret;

	client_close(c);
	ret = client_connect(c, s->path);
	return ret ? ret : say_hello(c, text, 0, r);
}

TEST_F(protocol, version_as_qemu_asks)
{
	const struct vfio_user_version *v = (void *)self->r.payload;
	static const char text[] =
		"{\"capabilities\": {\"migration\": {\"pgsize\": 4096, \"max_bitmap_size\": 268435456}, \"max_msg_fds\": 16, \"max_data_xfer_size\": 1048576, \"pgsizes\": 4096, \"max_dma_maps\": 65535, \"write_multiple\": true}}";
	static const char expected[] =
		"{\"capabilities\":{\"max_data_xfer_size\":1048576,\"max_msg_fds\":16,\"max_dma_maps\":32768,\"pgsizes\":4096,\"write_multiple\":true}}";

	ASSERT_EQ(0, negotiate(&self->s, &self->c, text, &self->r));
	EXPECT_EQ(0, v->major);
	EXPECT_EQ(0, v->minor);
	/* QEMU has no room for more than it sent. */
	EXPECT_LE(self->r.len, sizeof(*v) + sizeof(text));
	EXPECT_EQ(0, v->data[self->r.len - sizeof(*v) - 1]);
	EXPECT_STREQ(expected, v->data);
}

TEST_F(protocol, only_known_capabilities_are_answered)
{
	const struct vfio_user_version *v = (void *)self->r.payload;
	static const char text[] =
		" { \"x\" : [1, -2.5e3, {\"a\\\"\": null}], \"capabilities\" : { \"write_multiple\" : true , \"y\" : {} } } ";

	ASSERT_EQ(0, negotiate(&self->s, &self->c, text, &self->r));
	EXPECT_STREQ("{\"capabilities\":{\"write_multiple\":true}}", v->data);
	ASSERT_EQ(0, negotiate(&self->s, &self->c, "{}", &self->r));
	EXPECT_STREQ("{\"capabilities\":{}}", v->data);
}

TEST_F(protocol, bad_json)
{
	static const char * const texts[] = {
		"", " ", "{", "}", "[", "[]", "1", "{\"a\"}", "{\"a\":}",
		"{\"a\":1,}", "{a:1}", "{\"a\":1", "{\"a\":1}x", "{\"a", "{\"a\\",
		"{\"capabilities\":{\"max_msg_fds\":}}",
		"{\"capabilities\":{\"max_data_xfer_size\":100}}",
		"{\"capabilities\":{\"max_data_xfer_size\":-1}}",
		/* Brackets that match, and are too many */
		"{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
		"{\"a\":truth}", "{\"a\":+1}", "{\"a\":nan}",
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT_EQ(-EINVAL, negotiate(&self->s, &self->c, texts[i],
					     NULL))
			TH_LOG("text %zu", i);
}

TEST_F(protocol, version_comes_first_and_once)
{
	EXPECT_EQ(-EINVAL, say_hello(&self->c, "{}", 0, NULL));
	client_close(&self->c);
	ASSERT_EQ(0, client_connect(&self->c, self->s.path));
	EXPECT_EQ(-EINVAL, client_put(&self->c, BAR0, REG_SCRATCH, 1));
	EXPECT_EQ(-EINVAL, say_hello(&self->c, "{}", 1, NULL));
	EXPECT_EQ(0, say_hello(&self->c, "{}", 0, NULL));
	EXPECT_EQ(0, client_put(&self->c, BAR0, REG_SCRATCH, 1));
}

TEST_F(protocol, device_info)
{
	struct vfio_user_device_info info = { .argsz = sizeof(info) };
	const struct vfio_user_device_info *reply = (void *)self->r.payload;

	ASSERT_EQ(0, client_call(&self->c, VFIO_USER_DEVICE_GET_INFO, &info,
				 sizeof(info), NULL, 0, &self->r));
	ASSERT_EQ(sizeof(info), self->r.len);
	EXPECT_EQ(sizeof(info), reply->argsz);
	EXPECT_EQ(VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		  reply->flags);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, reply->num_regions);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, reply->num_irqs);
	info.argsz = sizeof(info) - 1;
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_DEVICE_GET_INFO,
				       &info, sizeof(info), NULL, 0, NULL));
}

TEST_F(protocol, unsupported_commands)
{
	static const uint16_t commands[] = {
		0, VFIO_USER_DEVICE_GET_REGION_IO_FDS, VFIO_USER_DMA_READ,
		VFIO_USER_DMA_WRITE, VFIO_USER_DIRTY_PAGES, 16, 17, 18, 19,
		255, 256, 65535,
	};
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		EXPECT_EQ(-ENOTSUP, client_call(&self->c, commands[i], &i,
						sizeof(i), NULL, 0, NULL));
}

TEST_F(protocol, no_reply)
{
	struct raw_write w = raw_write(7, VFIO_USER_NO_REPLY, REG_SCRATCH,
				       0xabcd);

	ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w), NULL, 0));
	/* Not even to an error */
	w.offset = BAR0_SIZE;
	ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w), NULL, 0));
	/* The next reply is that to the next command. */
	EXPECT_EQ(0xabcd, client_get(&self->c, BAR0, REG_SCRATCH));
}

TEST_F(protocol, pipelined_commands_keep_their_order)
{
	struct raw_write w[100];
	unsigned int i;

	for (i = 0; i < 100; i++)
		w[i] = raw_write(i, 0, REG_SCRATCH, i);
	ASSERT_EQ(0, client_send(&self->c, w, sizeof(w), NULL, 0));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, client_receive(&self->c, &self->r));
		ASSERT_EQ(i, self->r.header.id);
		ASSERT_EQ(VFIO_USER_TYPE_REPLY, self->r.header.flags);
	}
	EXPECT_EQ(99, client_get(&self->c, BAR0, REG_SCRATCH));
}

TEST_F(protocol, single_bytes)
{
	struct raw_write w = raw_write(9, 0, REG_SCRATCH, 0x1234);
	size_t i;

	for (i = 0; i < sizeof(w); i++) {
		ASSERT_EQ(0, client_send(&self->c, (char *)&w + i, 1, NULL, 0));
		usleep(200);
	}
	ASSERT_EQ(0, client_receive(&self->c, &self->r));
	EXPECT_EQ(9, self->r.header.id);
	EXPECT_EQ(0x1234, client_get(&self->c, BAR0, REG_SCRATCH));
}

TEST_F(protocol, state_outlives_the_client)
{
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_SCRATCH, 0x77));
	client_close(&self->c);
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	EXPECT_EQ(0x77, client_get(&self->c, BAR0, REG_SCRATCH));
}

TEST_F(protocol, second_client_waits)
{
	struct client second;

	ASSERT_EQ(0, client_connect(&second, self->s.path));
	EXPECT_EQ(0, client_put(&self->c, BAR0, REG_SCRATCH, 0x55));
	client_close(&self->c);
	EXPECT_EQ(0, say_hello(&second, "{}", 0, NULL));
	EXPECT_EQ(0x55, client_get(&second, BAR0, REG_SCRATCH));
	client_close(&second);
}

TEST_F(protocol, slow_clients_do_not_stop_timers)
{
	struct raw_write w = raw_write(9, 0, REG_SCRATCH, 1);
	int fd = eventfd(0, 0);

	ASSERT_EQ(0, client_set_irqs(&self->c, VFIO_PCI_MSIX_IRQ_INDEX,
				     VFIO_IRQ_SET_DATA_EVENTFD |
				     VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, NULL,
				     &fd));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_TIMER, 50));
	ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w) - 1, NULL, 0));
	EXPECT_EQ(0, eventfd_wait(fd, CLIENT_TIMEOUT_MS));
	ASSERT_EQ(0, client_send(&self->c, (char *)&w + sizeof(w) - 1, 1, NULL,
				 0));
	EXPECT_EQ(0, client_receive(&self->c, &self->r));
}

TEST(once)
{
	struct server s;
	struct client c;

	ASSERT_EQ(0, server_start(&s, MODEL_ONCE));
	ASSERT_EQ(0, client_open(&c, s.path));
	client_close(&c);
	EXPECT_EQ(0, server_wait(&s));
}

TEST_HARNESS_MAIN
