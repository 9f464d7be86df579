// SPDX-License-Identifier: GPL-2.0-only
/* The client's memory: by file, by message, and where there is none */

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "fixture.h"

#define FILE_SIZE	(16 * PAGE)
/* What the library allows */
#define MAPS		32768

FIXTURE(dma) {
	struct server s;
	struct client c;
	int file;
	uint8_t *memory;
};

FIXTURE_SETUP(dma)
{
	ASSERT_EQ(0, server_start(&self->s, 0));
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	self->file = memfd_create("memory", 0);
	ASSERT_EQ(0, ftruncate(self->file, FILE_SIZE));
	self->memory = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, self->file, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
}

FIXTURE_TEARDOWN(dma)
{
	client_close(&self->c);
	EXPECT_EQ(0, server_end(&self->s));
}

/* What the device says */
static int transfer(struct client *c, unsigned int direction, uint64_t iova,
		    uint32_t len)
{
	int ret = client_put(c, BAR0, REG_IOVA_LOW, iova);

	if (!ret)
		ret = client_put(c, BAR0, REG_IOVA_HIGH, iova >> 32);
	if (!ret)
		ret = client_put(c, BAR0, REG_LENGTH, len);
	if (!ret)
		ret = client_put(c, BAR0, REG_DMA, direction);
	return ret ? ret : (int)client_get(c, BAR0, REG_RESULT);
}

static int device_reads(struct client *c, uint64_t iova, uint32_t len)
{
	return transfer(c, 1, iova, len);
}

static int device_writes(struct client *c, uint64_t iova, uint32_t len)
{
	return transfer(c, 2, iova, len);
}

static int map(struct client *c, uint64_t iova, uint64_t pages, int fd,
	       uint64_t offset)
{
	return client_map(c, iova, pages * PAGE, DMA_BOTH, fd, offset);
}

static void fill(uint8_t *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = i * 7 + i / 251 + seed;
}

static bool buffer_is(struct client *c, const uint8_t *expected, uint32_t len)
{
	uint8_t buf[BUFFER_SIZE];

	return !client_read(c, BAR0, REG_BUFFER, buf, len) &&
	       !memcmp(buf, expected, len);
}

TEST_F(dma, reads_and_writes_a_file)
{
	ASSERT_EQ(0, map(&self->c, 0x10000, 2, self->file, 3 * PAGE));
	fill(self->memory, FILE_SIZE, 1);
	ASSERT_EQ(0, device_reads(&self->c, 0x10123, 4000));
	EXPECT_TRUE(buffer_is(&self->c, self->memory + 3 * PAGE + 0x123, 4000));
	ASSERT_EQ(0, device_writes(&self->c, 0x11000, 100));
	EXPECT_EQ(0, memcmp(self->memory + 4 * PAGE,
			    self->memory + 3 * PAGE + 0x123, 100));
	EXPECT_NE(0, memcmp(self->memory + 4 * PAGE,
			    self->memory + 3 * PAGE + 0x123, 101));
}

/* In the file they are the other way around. */
TEST_F(dma, spans_mappings)
{
	uint8_t expected[2 * PAGE];

	ASSERT_EQ(0, map(&self->c, 0x10000, 1, self->file, 8 * PAGE));
	ASSERT_EQ(0, map(&self->c, 0x11000, 1, self->file, 2 * PAGE));
	ASSERT_EQ(0, map(&self->c, 0x12000, 2, self->file, 0));
	fill(self->memory, FILE_SIZE, 2);
	memcpy(expected, self->memory + 9 * PAGE - 10, 10);
	memcpy(expected + 10, self->memory + 2 * PAGE, PAGE);
	memcpy(expected + 10 + PAGE, self->memory, 90);
	ASSERT_EQ(0, device_reads(&self->c, 0x10ff6, PAGE + 100));
	EXPECT_TRUE(buffer_is(&self->c, expected, PAGE + 100));
	memset(self->memory, 0, FILE_SIZE);
	ASSERT_EQ(0, device_writes(&self->c, 0x10ff6, PAGE + 100));
	EXPECT_EQ(0, memcmp(self->memory + 9 * PAGE - 10, expected, 10));
	EXPECT_EQ(0, memcmp(self->memory + 2 * PAGE, expected + 10, PAGE));
	EXPECT_EQ(0, memcmp(self->memory, expected + 10 + PAGE, 90));
	EXPECT_EQ(0, self->memory[90]);
}

TEST_F(dma, holes_and_permissions)
{
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0, 4));
	ASSERT_EQ(0, client_map(&self->c, 0x10000, PAGE, DMA_READ, self->file,
				0));
	ASSERT_EQ(0, client_map(&self->c, 0x11000, PAGE, DMA_WRITE, self->file,
				PAGE));
	fill(self->memory, FILE_SIZE, 3);
	EXPECT_EQ(0, device_reads(&self->c, 0x10000, PAGE));
	EXPECT_EQ(-EFAULT, device_writes(&self->c, 0x10000, 4));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x11000, 4));
	EXPECT_EQ(0, device_writes(&self->c, 0x11000, 4));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0xffff, 2));
	EXPECT_EQ(-EFAULT, device_writes(&self->c, 0x11ffe, 4));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, ~0ULL - 1, 4));
	/* Of a transfer that cannot be done nothing is done. */
	memset(self->memory + PAGE, 0, PAGE);
	EXPECT_EQ(-EFAULT, device_writes(&self->c, 0x11ff0, 32));
	EXPECT_EQ(0, self->memory[PAGE + 0xff0]);
	EXPECT_EQ(0, device_reads(&self->c, 0x500000, 0));
}

TEST_F(dma, last_page_of_the_address_space)
{
	const uint64_t last = -PAGE;

	ASSERT_EQ(0, map(&self->c, last, 1, self->file, 0));
	EXPECT_EQ(0, device_reads(&self->c, last, PAGE));
	EXPECT_EQ(0, device_reads(&self->c, ~0ULL, 1));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, ~0ULL, 2));
	EXPECT_EQ(0, client_unmap(&self->c, last, PAGE, 0, NULL));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, last, 1));
}

TEST_F(dma, by_message)
{
	uint8_t memory[8 * PAGE], expected[8 * PAGE];

	self->c.memory = memory;
	self->c.memory_iova = 0x40000;
	self->c.memory_len = sizeof(memory);
	fill(memory, sizeof(memory), 4);
	ASSERT_EQ(0, map(&self->c, 0x40000, 8, -1, 0));
	ASSERT_EQ(0, device_reads(&self->c, 0x40010, 5000));
	EXPECT_EQ(1, self->c.dma_calls);
	EXPECT_TRUE(buffer_is(&self->c, memory + 0x10, 5000));
	memcpy(expected, memory, sizeof(memory));
	memcpy(expected + 0x5000, memory + 0x10, 5000);
	ASSERT_EQ(0, device_writes(&self->c, 0x45000, 5000));
	EXPECT_EQ(0, memcmp(expected, memory, sizeof(memory)));
	/* The client's word is final. */
	self->c.memory_len = PAGE;
	EXPECT_EQ(-EIO, device_reads(&self->c, 0x45000, 4));
	EXPECT_EQ(-EIO, device_writes(&self->c, 0x45000, 4));
}

TEST_F(dma, message_and_file_in_one_transfer)
{
	uint8_t memory[PAGE], expected[64];

	self->c.memory = memory;
	self->c.memory_iova = 0x10000;
	self->c.memory_len = sizeof(memory);
	fill(memory, sizeof(memory), 5);
	fill(self->memory, FILE_SIZE, 6);
	ASSERT_EQ(0, map(&self->c, 0x10000, 1, -1, 0));
	ASSERT_EQ(0, map(&self->c, 0x11000, 1, self->file, PAGE));
	memcpy(expected, memory + PAGE - 32, 32);
	memcpy(expected + 32, self->memory + PAGE, 32);
	ASSERT_EQ(0, device_reads(&self->c, 0x11000 - 32, 64));
	EXPECT_TRUE(buffer_is(&self->c, expected, 64));
}

struct dma_reply {
	struct vfio_user_header header;
	uint64_t address;
	uint64_t count;
	uint8_t data[16];
	struct raw_write later[20];
} __attribute__((packed));

/*
 * Commands that arrive while the server waits for memory are not lost, nor does
 * one that came after the memory overtake them.
 */
TEST_F(dma, commands_during_a_message)
{
	struct raw_write w = raw_write(0, 0, REG_DMA, 1);
	struct reply *r = malloc(sizeof(*r));
	struct dma_reply dma;
	unsigned int i;

	ASSERT_EQ(0, map(&self->c, 0x10000, 1, -1, 0));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_IOVA_LOW, 0x10000));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_LENGTH, 16));
	ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w), NULL, 0));
	for (i = 1; i <= 20; i++) {
		w = raw_write(i, 0, REG_SCRATCH, i);
		ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w), NULL, 0));
		dma.later[i - 1] = raw_write(20 + i, 0, REG_SCRATCH, 20 + i);
	}
	ASSERT_EQ(0, client_receive(&self->c, r));
	ASSERT_EQ(VFIO_USER_DMA_READ, r->header.command);
	dma.header = r->header;
	dma.header.flags = VFIO_USER_TYPE_REPLY;
	dma.header.size += sizeof(dma.data);
	dma.address = 0x10000;
	dma.count = sizeof(dma.data);
	fill(dma.data, sizeof(dma.data), 7);
	ASSERT_EQ(0, client_send(&self->c, &dma, sizeof(dma), NULL, 0));
	for (i = 0; i <= 40; i++) {
		ASSERT_EQ(0, client_receive(&self->c, r));
		ASSERT_EQ(i, r->header.id);
		ASSERT_EQ(VFIO_USER_TYPE_REPLY, r->header.flags);
	}
	EXPECT_EQ(40, client_get(&self->c, BAR0, REG_SCRATCH));
	EXPECT_TRUE(buffer_is(&self->c, dma.data, sizeof(dma.data)));
	free(r);
}

TEST_F(dma, client_that_does_not_answer)
{
	const struct raw_write w = raw_write(0, 0, REG_DMA, 1);
	struct reply *r = malloc(sizeof(*r));

	ASSERT_EQ(0, map(&self->c, 0x10000, 1, -1, 0));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_IOVA_LOW, 0x10000));
	ASSERT_EQ(0, client_put(&self->c, BAR0, REG_LENGTH, 16));
	ASSERT_EQ(0, client_send(&self->c, &w, sizeof(w), NULL, 0));
	ASSERT_EQ(0, client_receive(&self->c, r));
	ASSERT_EQ(VFIO_USER_DMA_READ, r->header.command);
	ASSERT_EQ(0, client_receive(&self->c, r));
	ASSERT_EQ(VFIO_USER_REGION_WRITE, r->header.command);
	EXPECT_EQ(-ETIMEDOUT, (int)client_get(&self->c, BAR0, REG_RESULT));
	free(r);
}

TEST_F(dma, unmap)
{
	uint64_t size;

	ASSERT_EQ(0, map(&self->c, 0x10000, 2, self->file, 0));
	ASSERT_EQ(0, map(&self->c, 0x14000, 1, self->file, 0));
	ASSERT_EQ(0, map(&self->c, 0x20000, 1, -1, 0));
	/* Within a mapping, and across one's end */
	EXPECT_EQ(-EINVAL, client_unmap(&self->c, 0x10000, PAGE, 0, NULL));
	EXPECT_EQ(-EINVAL, client_unmap(&self->c, 0x11000, PAGE, 0, NULL));
	EXPECT_EQ(-EINVAL, client_unmap(&self->c, 0xf000, 2 * PAGE, 0, NULL));
	EXPECT_EQ(-EINVAL, client_unmap(&self->c, 0x11000, 8 * PAGE, 0, NULL));
	EXPECT_EQ(0, device_reads(&self->c, 0x10000, 2 * PAGE));
	EXPECT_EQ(0, client_unmap(&self->c, 0x10000, 2 * PAGE, 0, &size));
	EXPECT_EQ(2 * PAGE, size);
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x10000, 4));
	/* As an IOMMU does when it drops everything: unknown ranges too */
	EXPECT_EQ(0, client_unmap(&self->c, 0x10000, 2 * PAGE, 0, &size));
	EXPECT_EQ(0, size);
	EXPECT_EQ(0, device_reads(&self->c, 0x14000, 4));
	EXPECT_EQ(0, client_unmap(&self->c, 0, 1ULL << 32, 0, &size));
	EXPECT_EQ(2 * PAGE, size);
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x14000, 4));
}

TEST_F(dma, unmap_all)
{
	ASSERT_EQ(0, map(&self->c, 0x10000, 2, self->file, 0));
	ASSERT_EQ(0, map(&self->c, 1ULL << 40, 1, self->file, 0));
	EXPECT_EQ(-EINVAL, client_unmap(&self->c, 0, PAGE,
					VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	EXPECT_EQ(0, client_unmap(&self->c, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL,
				  NULL));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x10000, 4));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 1ULL << 40, 4));
	EXPECT_EQ(0, map(&self->c, 0x10000, 2, self->file, 0));
}

TEST_F(dma, mappings_go_with_the_client)
{
	ASSERT_EQ(0, map(&self->c, 0x10000, 2, self->file, 0));
	client_close(&self->c);
	ASSERT_EQ(0, client_open(&self->c, self->s.path));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x10000, 4));
}

TEST_F(dma, bad_maps)
{
	int pipes[2], fds[2], read_only;
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = DMA_BOTH,
		.iova = 0x100000,
		.size = PAGE,
	};
	char path[64];

	ASSERT_EQ(0, map(&self->c, 0x10000, 4, self->file, 0));
	EXPECT_EQ(-EEXIST, map(&self->c, 0x10000, 4, self->file, 0));
	EXPECT_EQ(-EEXIST, map(&self->c, 0x13000, 1, -1, 0));
	EXPECT_EQ(-EEXIST, map(&self->c, 0xf000, 2, -1, 0));
	EXPECT_EQ(-EEXIST, map(&self->c, 0, 256, -1, 0));
	EXPECT_EQ(-EINVAL, map(&self->c, 0x20000, 0, -1, 0));
	EXPECT_EQ(-EINVAL, client_map(&self->c, 0x20001, PAGE, DMA_BOTH, -1,
				      0));
	EXPECT_EQ(-EINVAL, client_map(&self->c, 0x20000, PAGE + 1, DMA_BOTH,
				      -1, 0));
	EXPECT_EQ(-EINVAL, map(&self->c, -PAGE, 2, -1, 0));
	EXPECT_EQ(-EINVAL, client_map(&self->c, 0x20000, PAGE, 0, -1, 0));
	EXPECT_EQ(-EINVAL, client_map(&self->c, 0x20000, PAGE, 7, -1, 0));
	/* Not in the file, in all ways that there are */
	EXPECT_EQ(-EINVAL, map(&self->c, 0x20000, 17, self->file, 0));
	EXPECT_EQ(-EINVAL, map(&self->c, 0x20000, 1, self->file, FILE_SIZE));
	EXPECT_EQ(-EINVAL, map(&self->c, 0x20000, 2, self->file, -PAGE));
	EXPECT_EQ(-EINVAL, map(&self->c, 0x20000, 1, self->file, 100));
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, map(&self->c, 0x20000, 1, pipes[0], 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->file);
	read_only = open(path, O_RDONLY);
	EXPECT_EQ(-EACCES, map(&self->c, 0x20000, 1, read_only, 0));
	fds[0] = self->file;
	fds[1] = self->file;
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_DMA_MAP, &m,
				       sizeof(m), fds, 2, NULL));
	m.argsz = 8;
	EXPECT_EQ(-EINVAL, client_call(&self->c, VFIO_USER_DMA_MAP, &m,
				       sizeof(m), NULL, 0, NULL));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x20000, 4));
	EXPECT_EQ(0, device_reads(&self->c, 0x10000, 4 * PAGE));
}

/* Its pages are gone when the device comes to read them. */
TEST_F(dma, file_that_shrinks)
{
	ASSERT_EQ(0, map(&self->c, 0x10000, 4, self->file, 0));
	ASSERT_EQ(0, ftruncate(self->file, PAGE));
	EXPECT_EQ(0, device_reads(&self->c, 0x10000, PAGE));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x12000, 4));
	EXPECT_EQ(-EFAULT, device_writes(&self->c, 0x11000, 4));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 0x10000, 2 * PAGE));
	EXPECT_EQ(0, device_writes(&self->c, 0x10000, PAGE));
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* As an IOMMU sends them: page by page, in no order */
TEST_F_TIMEOUT(dma, as_many_maps_as_there_may_be, 120)
{
	int fds = server_fds(&self->s);
	uint32_t i, page;
	long start = now_ms();

	for (i = 0; i < MAPS; i++) {
		page = i * 20011 % MAPS;
		ASSERT_EQ(0, map(&self->c, page * 2 * PAGE, 1, self->file,
				 i % 16 * PAGE));
	}
	TH_LOG("%d maps in %ld ms", MAPS, now_ms() - start);
	EXPECT_EQ(-ENOSPC, map(&self->c, 1ULL << 40, 1, self->file, 0));
	EXPECT_EQ(fds, server_fds(&self->s));
	EXPECT_EQ(0, device_reads(&self->c, 100 * 2 * PAGE, PAGE));
	EXPECT_EQ(-EFAULT, device_reads(&self->c, 101 * PAGE, 1));
	ASSERT_EQ(0, client_unmap(&self->c, 100 * 2 * PAGE, PAGE, 0, NULL));
	EXPECT_EQ(0, map(&self->c, 1ULL << 40, 1, self->file, 0));
}

TEST_HARNESS_MAIN
