// SPDX-License-Identifier: GPL-2.0-only
/* Regions: what is said of them, reads, writes, mappings */

#include <sys/mman.h>
#include <linux/pci_regs.h>

#include "fixture.h"

MODEL_FIXTURE(region);

/* What is there for @argsz bytes of room */
static int get_info(struct client *c, uint32_t index, uint32_t argsz,
		    struct reply *r)
{
	struct vfio_region_info info = { .argsz = argsz, .index = index };

	return client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info,
			   sizeof(info), NULL, 0, r);
}

TEST_F(region, info)
{
	static const uint64_t sizes[VFIO_PCI_NUM_REGIONS] = {
		BAR0_SIZE, 0, BAR2_SIZE, 0, 32, 4096, 0, 4096, 0,
	};
	const struct vfio_region_info *info = (void *)self->r.payload;
	const uint32_t rw = VFIO_REGION_INFO_FLAG_READ |
			    VFIO_REGION_INFO_FLAG_WRITE;
	uint32_t i;

	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		ASSERT_EQ(0, get_info(&self->c, i, 4096, &self->r));
		EXPECT_EQ(i, info->index);
		EXPECT_EQ(sizes[i], info->size);
		EXPECT_EQ(sizes[i] ? rw : 0, info->flags & rw);
		EXPECT_EQ(info->argsz, self->r.len);
		EXPECT_EQ(!!(info->flags & VFIO_REGION_INFO_FLAG_MMAP),
			  self->r.fd >= 0);
		EXPECT_EQ(i == BAR2 || i == BAR5, self->r.fd >= 0);
	}
	EXPECT_EQ(-EINVAL, get_info(&self->c, i, 4096, NULL));
	EXPECT_EQ(-EINVAL, get_info(&self->c, ~0U, 4096, NULL));
	EXPECT_EQ(-EINVAL, get_info(&self->c, 0, sizeof(*info) - 1, NULL));
}

TEST_F(region, sparse_capability)
{
	const struct vfio_region_info *info = (void *)self->r.payload;
	const struct vfio_region_info_cap_sparse_mmap *cap =
		(void *)(info + 1);

	ASSERT_EQ(0, get_info(&self->c, BAR2, 4096, &self->r));
	ASSERT_EQ(sizeof(*info) + sizeof(*cap) + 2 * sizeof(cap->areas[0]),
		  self->r.len);
	EXPECT_TRUE(info->flags & VFIO_REGION_INFO_FLAG_CAPS);
	EXPECT_EQ(sizeof(*info), info->cap_offset);
	EXPECT_EQ(VFIO_REGION_INFO_CAP_SPARSE_MMAP, cap->header.id);
	EXPECT_EQ(1, cap->header.version);
	EXPECT_EQ(0, cap->header.next);
	ASSERT_EQ(2, cap->nr_areas);
	EXPECT_EQ(BAR2_FIRST, cap->areas[0].offset);
	EXPECT_EQ(BAR2_LENGTH, cap->areas[0].size);
	EXPECT_EQ(BAR2_SECOND, cap->areas[1].offset);
	EXPECT_EQ(BAR2_LENGTH, cap->areas[1].size);
}

/* QEMU asks so first, and checks the offset even then. */
TEST_F(region, no_room_for_the_capability)
{
	const struct vfio_region_info *info = (void *)self->r.payload;

	ASSERT_EQ(0, get_info(&self->c, BAR2, sizeof(*info), &self->r));
	EXPECT_EQ(sizeof(*info), self->r.len);
	EXPECT_GT(info->argsz, sizeof(*info));
	EXPECT_EQ(sizeof(*info), info->cap_offset);
}

TEST_F(region, mapping_and_messages_see_the_same_memory)
{
	char *map, byte = 0x5a;

	ASSERT_EQ(0, get_info(&self->c, BAR2, 4096, &self->r));
	map = mmap(NULL, BAR2_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->r.fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	memcpy(map + BAR2_SECOND + 100, "hello", 5);
	ASSERT_EQ(0, client_read(&self->c, BAR2, BAR2_SECOND + 100,
				 self->r.payload, 5));
	EXPECT_EQ(0, memcmp(self->r.payload, "hello", 5));
	ASSERT_EQ(0, client_write(&self->c, BAR2, BAR2_FIRST, &byte, 1));
	EXPECT_EQ(byte, map[BAR2_FIRST]);
	/* It cannot be taken from under the server. */
	EXPECT_EQ(-1, ftruncate(self->r.fd, 0));
	EXPECT_EQ(0, client_read(&self->c, BAR2, BAR2_FIRST, &byte, 1));
}

TEST_F(region, access_across_memory_and_traps)
{
	uint8_t buf[BAR2_SIZE];
	unsigned int i;

	memset(buf, 0x11, sizeof(buf));
	ASSERT_EQ(0, client_write(&self->c, BAR2, 0, buf, sizeof(buf)));
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ(0, client_read(&self->c, BAR2, 0, buf, sizeof(buf)));
	for (i = 0; i < sizeof(buf); i++)
		ASSERT_EQ((i >= BAR2_FIRST && i < BAR2_FIRST + BAR2_LENGTH) ||
			  i >= BAR2_SECOND ? 0x11 : TRAP_BYTE, buf[i])
			TH_LOG("at 0x%x", i);
}

TEST_F(region, widths)
{
	static const struct {
		uint64_t offset;
		uint32_t count, last, traps;
	} accesses[] = {
		{ 0, 1, 1, 1 }, { 2, 2, 2, 1 }, { 4, 4, 4, 1 }, { 8, 8, 8, 1 },
		{ 1, 2, 1, 2 }, { 4, 8, 4, 2 }, { 3, 4, 1, 3 }, { 0, 16, 8, 2 },
		{ 0, 7, 1, 3 },
	};
	uint32_t before, after;
	size_t i;

	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		before = client_get(&self->c, BAR0, REG_TRAPS);
		ASSERT_EQ(0, client_read(&self->c, BAR2, accesses[i].offset,
					 self->r.payload, accesses[i].count));
		after = client_get(&self->c, BAR0, REG_TRAPS);
		EXPECT_EQ(accesses[i].traps, after - before);
		EXPECT_EQ(accesses[i].last,
			  client_get(&self->c, BAR0, REG_WIDTH));
	}
}

TEST_F(region, bounds)
{
	static const struct {
		uint32_t region;
		uint64_t offset;
		uint32_t count;
		int result;
	} accesses[] = {
		{ BAR0, BAR0_SIZE - 4, 4, 0 },
		{ BAR0, BAR0_SIZE - 3, 4, -EINVAL },
		{ BAR0, BAR0_SIZE, 0, 0 },
		{ BAR0, BAR0_SIZE, 1, -EINVAL },
		{ BAR0, ~0ULL, 1, -EINVAL },
		{ BAR0, ~0ULL - 3, 4, -EINVAL },
		{ BAR2, 1ULL << 63, 4, -EINVAL },
		{ 1, 0, 4, -EINVAL },
		{ 1, 0, 0, -EINVAL },
		{ BAR4, 28, 4, 0 },
		{ BAR4, 32, 4, -EINVAL },
		{ VFIO_PCI_ROM_REGION_INDEX, 0, 4, -EINVAL },
		{ VFIO_PCI_VGA_REGION_INDEX, 0, 4, -EINVAL },
		{ CONFIG, 4092, 4, 0 },
		{ CONFIG, 4093, 4, -EINVAL },
		{ CONFIG, 4096, 4, -EINVAL },
		{ 9, 0, 0, -EINVAL },
		{ 9, 0, 4, -EINVAL },
		{ 0x7fffffff, 0, 4, -EINVAL },
		{ ~0U, 0, 4, -EINVAL },
	};
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		EXPECT_EQ(accesses[i].result,
			  client_read(&self->c, accesses[i].region,
				      accesses[i].offset, &value,
				      accesses[i].count))
			TH_LOG("read %zu", i);
		EXPECT_EQ(accesses[i].result,
			  client_write(&self->c, accesses[i].region,
				       accesses[i].offset, &value,
				       accesses[i].count))
			TH_LOG("write %zu", i);
	}
}

struct multi {
	uint64_t count;
	struct vfio_user_write writes[3];
};

static struct multi three_writes(void)
{
	return (struct multi){
		.count = 3,
		.writes = {
			{ REG_SCRATCH, BAR0, 4, { 1, 2, 3, 4 } },
			{ BAR2_FIRST, BAR2, 8, { 8, 7, 6, 5, 4, 3, 2, 1 } },
			{ PCI_INTERRUPT_LINE, CONFIG, 1, { 11 } },
		},
	};
}

static int write_multi(struct client *c, const struct multi *m, size_t len,
		       struct reply *r)
{
	return client_call(c, VFIO_USER_REGION_WRITE_MULTI, m, len, NULL, 0, r);
}

TEST_F(region, write_multi)
{
	struct multi m = three_writes();

	ASSERT_EQ(0, write_multi(&self->c, &m, sizeof(m), &self->r));
	ASSERT_EQ(8, self->r.len);
	EXPECT_EQ(3, *(uint64_t *)self->r.payload);
	EXPECT_EQ(0x04030201, client_get(&self->c, BAR0, REG_SCRATCH));
	EXPECT_EQ(0x05060708, client_get(&self->c, BAR2, BAR2_FIRST));
	EXPECT_EQ(0x01020304, client_get(&self->c, BAR2, BAR2_FIRST + 4));
	EXPECT_EQ(11, client_get(&self->c, CONFIG, PCI_INTERRUPT_LINE) & 0xff);
}

TEST_F(region, bad_write_multi)
{
	struct multi m = three_writes();

	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, sizeof(m) - 1, NULL));
	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, 8, NULL));
	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, 7, NULL));
	m.count = 2;
	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, sizeof(m), NULL));
	m.count = 4;
	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, sizeof(m), NULL));
	/* times 24 this is 3 times 24, in 64 bits */
	m.count = 3 + (1ULL << 61);
	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, sizeof(m), NULL));
	m = three_writes();
	m.writes[2].count = 9;
	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, sizeof(m), NULL));
	m = three_writes();
	m.writes[1].region = 100;
	EXPECT_EQ(-EINVAL, write_multi(&self->c, &m, sizeof(m), NULL));
}

TEST_HARNESS_MAIN
