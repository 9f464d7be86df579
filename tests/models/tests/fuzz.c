// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages as no client would send them: each one valid in parts, broken in
 * others, from a seed that FUZZ_SEED sets
 *
 * The server may answer what it likes, or close the connection. It may not end,
 * hang, or keep what it was given.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "fixture.h"

#define MESSAGES	120000
#define SECONDS		240
/* Replies and messages of a MB leave holes. */
#define MEMORY_KB	(16384 + MEMORY_SLACK)

static uint64_t random_state;

/* xorshift64* */
static uint64_t rnd(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static bool one_in(uint32_t n)
{
	return !below(n);
}

/* Numbers where checks are likely to be wrong */
static uint64_t odd_number(void)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 255, 256, 4095,
		4096, 4097, 8192, 0x7fff, 0x8000, 0xffff, 0x10000, 0x100000,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000ULL,
		0x7fffffffffffffffULL, 0x8000000000000000ULL,
		0xfffffffffffff000ULL, 0xffffffffffffffffULL,
	};
	uint64_t n = numbers[below(sizeof(numbers) / sizeof(numbers[0]))];

	return one_in(4) ? n - below(3) + 1 : n;
}

static uint64_t number(uint64_t sensible)
{
	return one_in(5) ? odd_number() : sensible;
}

struct fuzz_message {
	struct vfio_user_header header;
	union {
		uint8_t payload[256];
		struct vfio_user_version version;
		struct vfio_iommu_type1_dma_map map;
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_user_device_info device;
		struct vfio_region_info region;
		struct vfio_irq_info irq;
		struct vfio_irq_set set;
		struct vfio_user_region_access access;
		struct vfio_user_write_multi multi;
	};
};

/* These return the payload's length. */

static size_t make_map(struct fuzz_message *m)
{
	m->map.argsz = number(sizeof(m->map));
	m->map.flags = number(1 + below(3));
	m->map.vaddr = number(below(8) * PAGE);
	m->map.iova = number(below(256) * PAGE);
	m->map.size = number((1 + below(8)) * PAGE);
	return sizeof(m->map);
}

static size_t make_unmap(struct fuzz_message *m)
{
	m->unmap.argsz = number(sizeof(m->unmap));
	m->unmap.flags = one_in(8) ? below(8) : 0;
	m->unmap.iova = number(below(256) * PAGE);
	m->unmap.size = number((1 + below(64)) * PAGE);
	return sizeof(m->unmap);
}

static size_t make_info(struct fuzz_message *m)
{
	m->region.argsz = number(32 + below(64));
	m->region.index = number(below(10));
	return m->header.command == VFIO_USER_DEVICE_GET_REGION_INFO ? 32 : 16;
}

static size_t make_set(struct fuzz_message *m)
{
	uint32_t data = 1U << below(3);

	m->set.argsz = number(sizeof(m->set));
	m->set.flags = number(data | 8U << below(3));
	m->set.index = number(below(5));
	m->set.start = number(below(8));
	m->set.count = number(below(9));
	return sizeof(m->set) + (data == VFIO_IRQ_SET_DATA_BOOL ?
				 m->set.count % 64 : 0);
}

static uint64_t offset_in(uint32_t region)
{
	if (region == BAR0)
		return one_in(4) ? REG_BUFFER + below(BUFFER_SIZE) :
				   4 * below(REG_STOP / 4);
	return below(BAR2_SIZE);
}

static size_t make_access(struct fuzz_message *m)
{
	m->access.region = number(one_in(2) ? BAR0 : below(9));
	m->access.offset = number(offset_in(m->access.region));
	if (m->header.command == VFIO_USER_REGION_READ) {
		m->access.count = number(1 + below(16));
		return sizeof(m->access);
	}
	m->access.count = number(1U << below(5));
	return sizeof(m->access) + number(m->access.count) % 128;
}

static size_t make_multi(struct fuzz_message *m)
{
	uint32_t i, count = below(8);

	m->multi.count = number(count);
	for (i = 0; i < count; i++) {
		m->multi.writes[i].region = number(below(9));
		m->multi.writes[i].offset =
			number(offset_in(m->multi.writes[i].region));
		m->multi.writes[i].count = number(1U << below(4));
	}
	return sizeof(m->multi) + count * sizeof(m->multi.writes[0]);
}

/*
 * The register that ends the server is the one thing that must not be hit. A
 * write can come to it from below, of 8 bytes or more.
 */
static bool stops(uint32_t region, uint64_t offset, uint64_t count)
{
	return region == BAR0 && offset < REG_STOP + 4 &&
	       offset + count > REG_STOP;
}

static bool is_fatal(const struct fuzz_message *m)
{
	uint32_t i;

	if (m->header.command == VFIO_USER_REGION_WRITE)
		return stops(m->access.region, m->access.offset,
			     m->access.count);
	if (m->header.command != VFIO_USER_REGION_WRITE_MULTI)
		return false;
	for (i = 0; i < 8; i++)
		if (stops(m->multi.writes[i].region, m->multi.writes[i].offset,
			  m->multi.writes[i].count))
			return true;
	return false;
}

static size_t make_payload(struct fuzz_message *m)
{
	unsigned int i;

	for (i = 0; i < sizeof(m->payload); i++)
		m->payload[i] = rnd();
	switch (m->header.command) {
	case VFIO_USER_DMA_MAP:
		return make_map(m);
	case VFIO_USER_DMA_UNMAP:
		return make_unmap(m);
	case VFIO_USER_DEVICE_GET_INFO:
	case VFIO_USER_DEVICE_GET_REGION_INFO:
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return make_info(m);
	case VFIO_USER_DEVICE_SET_IRQS:
		return make_set(m);
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		return make_access(m);
	case VFIO_USER_REGION_WRITE_MULTI:
		return make_multi(m);
	default:
		return below(sizeof(m->payload));
	}
}

/* The length; what the header says is another matter. */
static size_t make_message(struct fuzz_message *m)
{
	size_t len;

	do {
		m->header.id = rnd();
		m->header.command = one_in(20) ? rnd() : 1 + below(16);
		len = make_payload(m);
	} while (is_fatal(m));
	if (len > sizeof(m->payload))
		len = sizeof(m->payload);
	if (one_in(20))
		len = below(sizeof(m->payload));
	len += sizeof(m->header);
	m->header.size = one_in(500) ? odd_number() : len;
	m->header.flags = one_in(200) ? rnd() : one_in(4) ?
			  VFIO_USER_NO_REPLY : VFIO_USER_TYPE_COMMAND;
	m->header.error = one_in(10) ? rnd() : 0;
	return len;
}

struct material {
	int memory;
	int eventfd;
	int pipe;
};

static unsigned int choose_fds(const struct material *f, uint16_t command,
			       int *fds)
{
	unsigned int i, count = one_in(50) ? below(20) : 0;

	if (command == VFIO_USER_DMA_MAP && !one_in(4))
		count = 1;
	if (command == VFIO_USER_DEVICE_SET_IRQS)
		count = below(9);
	for (i = 0; i < count; i++)
		fds[i] = one_in(10) ? f->pipe :
			 command == VFIO_USER_DMA_MAP ? f->memory : f->eventfd;
	return count;
}

/* Replies are not waited for: nobody knows how many there will be. */
static void drain(struct client *c)
{
	static char buf[65536];

	while (recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static bool fuzz_one(struct client *c, const struct material *f)
{
	struct fuzz_message m;
	int fds[32];
	size_t len = make_message(&m);
	unsigned int num_fds = choose_fds(f, m.header.command, fds);
	size_t first = one_in(50) ? 1 + below(len - 1) : len;

	if (client_send(c, &m, first, fds, num_fds) ||
	    (first < len && client_send(c, (char *)&m + first, len - first,
					NULL, 0)))
		return false;
	drain(c);
	return true;
}

FIXTURE(fuzz) {
	struct server s;
	struct client c;
	struct material material;
	int fds;
};

FIXTURE_SETUP(fuzz)
{
	const char *seed = getenv("FUZZ_SEED");
	int pipes[2];

	random_state = seed ? strtoull(seed, NULL, 0) : 0;
	if (!random_state)
		random_state = 20240607;
	TH_LOG("seed %llu", (unsigned long long)random_state);
	ASSERT_EQ(0, pipe(pipes));
	self->material.pipe = pipes[1];
	self->material.eventfd = eventfd(0, EFD_NONBLOCK);
	self->material.memory = memfd_create("memory", 0);
	ASSERT_EQ(0, ftruncate(self->material.memory, 8 * PAGE));
	ASSERT_EQ(0, server_start(&self->s, 0));
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	self->fds = server_fds(&self->s);
}

FIXTURE_TEARDOWN(fuzz)
{
	client_close(&self->c);
	EXPECT_EQ(0, server_end(&self->s));
}

/* A client that gets no answer in time has found a hang. */
static int reconnect(struct client *c, const struct server *s)
{
	client_close(c);
	return client_open(c, s->path);
}

TEST_F_TIMEOUT(fuzz, messages, SECONDS + 60)
{
	time_t end = time(NULL) + SECONDS;
	unsigned int i, connections = 1;
	long memory = 0;

	for (i = 0; i < MESSAGES && time(NULL) < end; i++) {
		if (!fuzz_one(&self->c, &self->material) || one_in(2000)) {
			ASSERT_EQ(0, reconnect(&self->c, &self->s))
				TH_LOG("after %u messages", i);
			connections++;
		}
		if (i == MESSAGES / 10)
			memory = server_memory(&self->s);
	}
	TH_LOG("%u messages in %u connections", i, connections);
	EXPECT_EQ(MESSAGES, i);
	ASSERT_EQ(0, reconnect(&self->c, &self->s));
	EXPECT_EQ(self->fds, server_fds(&self->s));
	EXPECT_EQ(0, client_put(&self->c, BAR0, REG_SCRATCH, 0x600d));
	EXPECT_EQ(0x600d, client_get(&self->c, BAR0, REG_SCRATCH));
	EXPECT_LE(server_memory(&self->s), memory + MEMORY_KB);
}

TEST_HARNESS_MAIN
