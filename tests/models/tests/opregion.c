// SPDX-License-Identifier: GPL-2.0-only
/* OpRegion images: what a driver looks for is where it looks for it */

#include <stdlib.h>

#include "fixture.h"
#include "opregion.h"

#define IMAGE_MAX	(256 * 1024)

static uint64_t get(const uint8_t *p, unsigned int width)
{
	uint64_t value = 0;

	while (width--)
		value = value << 8 | p[width];
	return value;
}

FIXTURE(opregion) {
	struct opregion o;
	uint8_t *image;
	size_t size;
};

FIXTURE_SETUP(opregion)
{
	self->image = malloc(IMAGE_MAX);
	self->o = (struct opregion){ .version = 0x0201, .vbt_size = 4096 };
}

FIXTURE_TEARDOWN(opregion)
{
	free(self->image);
}

static bool make(struct opregion *o, const char *text, uint8_t *image,
		 size_t *size)
{
	char copy[128];

	strcpy(copy, text);
	if (opregion_parse(o, copy))
		return false;
	*size = opregion_size(o);
	/* So that what is not written is seen. */
	memset(image, 0xff, IMAGE_MAX);
	opregion_build(o, image);
	return true;
}

#define MAKE(text) ASSERT_TRUE(make(&self->o, text, self->image, &self->size))

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t total = 0;

	while (len--)
		total += *p++;
	return total;
}

TEST_F(opregion, version_1)
{
	const uint8_t *vbt = self->image + OPREGION_VBT;

	MAKE("version=1.0,vbt=6144");
	EXPECT_EQ(OPREGION_SIZE, self->size);
	EXPECT_EQ(0, memcmp(self->image, "IntelGraphicsMem", 16));
	EXPECT_EQ(8, get(self->image + 16, 4));
	EXPECT_EQ(0x0100, get(self->image + 0x16, 2));
	EXPECT_EQ(0, get(self->image + 0x3ba, 8));
	EXPECT_EQ(0, get(self->image + 0x3c2, 4));
	EXPECT_EQ(0, memcmp(vbt, "$VBT", 4));
	EXPECT_EQ(6144, get(vbt + 24, 2));
	EXPECT_EQ(0, memcmp(vbt + get(vbt + 28, 4), "BIOS_DATA_BLOCK ", 16));
	EXPECT_EQ(0, sum(vbt, 6144));
	EXPECT_NE(0, get(vbt + 6136, 8));
	EXPECT_EQ(0, get(vbt + 6144, 8));
	EXPECT_EQ(0xff, self->image[OPREGION_SIZE]);
}

TEST_F(opregion, version_2_0_has_an_address)
{
	MAKE("version=2.0,vbt=9000,offset=0x3000,address=0x80000000");
	EXPECT_EQ(0x3000 + 9000, self->size);
	EXPECT_EQ(0x0200, get(self->image + 0x16, 2));
	EXPECT_EQ(0x80003000, get(self->image + 0x3ba, 8));
	EXPECT_EQ(9000, get(self->image + 0x3c2, 4));
	EXPECT_EQ(0, memcmp(self->image + 0x3000, "$VBT", 4));
	EXPECT_EQ(0, sum(self->image + 0x3000, 9000));
	EXPECT_EQ(0, get(self->image + OPREGION_VBT, 4));
	EXPECT_EQ(0xff, self->image[0x3000 + 9000]);
}

TEST_F(opregion, version_2_1_is_relative)
{
	MAKE("version=2.1,vbt=65535,offset=0x2000,address=0x80000000");
	EXPECT_EQ(0x0201, get(self->image + 0x16, 2));
	EXPECT_EQ(0x2000, get(self->image + 0x3ba, 8));
	EXPECT_EQ(65535, get(self->image + 0x3c2, 4));
	EXPECT_EQ(0, memcmp(self->image + 0x2000, "$VBT", 4));
}

TEST_F(opregion, without_vbt)
{
	MAKE("vbt=0");
	EXPECT_EQ(OPREGION_SIZE, self->size);
	EXPECT_EQ(0, get(self->image + OPREGION_VBT, 8));
}

TEST_F(opregion, faults)
{
	MAKE("fault=signature");
	EXPECT_NE(0, memcmp(self->image, "IntelGraphicsMem", 16));
	MAKE("fault=no-size");
	EXPECT_EQ(0, get(self->image + 16, 4));
	MAKE("fault=size");
	EXPECT_EQ(~0U, get(self->image + 16, 4));
	MAKE("vbt=9000,offset=0x2000,fault=rvda");
	EXPECT_EQ(~0ULL - 4095, get(self->image + 0x3ba, 8));
	MAKE("fault=rvds");
	EXPECT_EQ(~0U, get(self->image + 0x3c2, 4));
	MAKE("fault=none");
	EXPECT_EQ(0, memcmp(self->image, "IntelGraphicsMem", 16));
}

TEST_F(opregion, bad_descriptions)
{
	static const char * const texts[] = {
		"x", "version", "version=", "version=2", "version=2.x",
		"version=256.0", "vbt=10", "vbt=65536", "vbt=6145", "vbt=-1",
		"offset=100", "offset=0x1000", "offset=0x2000,vbt=0",
		"version=1.0,offset=0x2000", "offset=0x100000000",
		"fault=other", "fault", "address=zero",
	};
	const struct opregion o = self->o;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		self->o = o;
		EXPECT_EQ(!strcmp(texts[i], "version=2"),
			  make(&self->o, texts[i], self->image, &self->size))
			TH_LOG("%s", texts[i]);
	}
}

TEST_HARNESS_MAIN
