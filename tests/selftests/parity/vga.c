// SPDX-License-Identifier: GPL-2.0-only
/*
 * The legacy ranges of a VGA adapter, which are a region of their own: memory
 * at 0xa0000 to 0xbffff, ports 0x3b0 to 0x3bb and 0x3c0 to 0x3df
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kselftest.h"
#include "view.h"

#define VGA		VFIO_PCI_VGA_REGION_INDEX
#define SEQUENCER_INDEX	0x3c4
#define PLANE_MASK	2
#define MEMORY_MODE	4
#define GRAPHICS_INDEX	0x3ce
#define GRAPHICS_DATA	0x3cf
#define BIT_MASK	8
/* Behind what the kernel's text console shows */
#define MEMORY		0xbfff0

/* Inside the ranges, at their ends, and beside them; nothing that changes */
static const uint64_t places[] = {
	0, 0x3af, 0x3b0, 0x3bc, 0x3bf, 0x3c2, 0x3c4, 0x3cc, 0x3ce, 0x3df, 0x3e0,
	0x9fffc, 0x9ffff, 0xa0000, 0xa0001, 0xaffff, 0xb0000, MEMORY, 0xbfffe,
	0xbffff, 0xc0000, 0xc0001,
};

static void see_places(struct view *v, uint64_t start)
{
	uint64_t value;
	size_t i, width;
	long ret;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		for (width = 1; width <= 8; width *= 2) {
			value = 0;
			ret = read_at(v, start + places[i], &value, width);
			record_values(v->s, ret, &value, 1, width, width,
				      "VGA read of %zu at 0x%llx", width,
				      (unsigned long long)places[i]);
		}
	}
}

/* Sets a byte, sees it, and puts back what was there. */
static void see_byte(struct view *v, uint64_t at, const char *name)
{
	const uint8_t value = 0x5a;
	uint8_t was = 0, is = 0;

	record(v->s, read_at(v, at, &was, 1), "VGA %s read", name);
	record(v->s, write_at(v, at, &value, 1), "VGA %s written", name);
	read_at(v, at, &is, 1);
	record(v->s, is, "VGA %s value", name);
	write_at(v, at, &was, 1);
}

/* An indexed register: its index, and then its value */
static void set_register(struct view *v, uint64_t at, uint8_t index, uint8_t value)
{
	write_at(v, at, &index, 1);
	write_at(v, at + 1, &value, 1);
}

/*
 * As firmware does, which has not seen an adapter that came later: memory can be
 * written, all planes and all bits, as it is addressed.
 */
static void start_memory(struct view *v, uint64_t start)
{
	uint8_t i;

	set_register(v, start + SEQUENCER_INDEX, PLANE_MASK, 0x0f);
	set_register(v, start + SEQUENCER_INDEX, MEMORY_MODE, 0x06);
	/* What is written is written; all of the range is memory. */
	for (i = 0; i < BIT_MASK; i++)
		set_register(v, start + GRAPHICS_INDEX, i, 0);
	set_register(v, start + GRAPHICS_INDEX, BIT_MASK, 0xff);
}

void see_vga(struct view *v)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = VGA };
	void *map;
	long ret;

	ret = raw_ioctl(v, VFIO_DEVICE_GET_REGION_INFO, &info);
	record(v->s, ret, "VGA region info");
	if (ret)
		return;
	record_values(v->s, 0, &info, sizeof(info), 1, 1, "VGA region");
	/* Before any of it is read: it stays what another left. */
	start_memory(v, info.offset);
	see_places(v, info.offset);
	see_byte(v, info.offset + GRAPHICS_DATA, "register");
	see_byte(v, info.offset + MEMORY, "memory");

	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, v->u->device,
		   info.offset + 0xa0000);
	record(v->s, map == MAP_FAILED ? -errno : 0, "VGA mmap");
	if (map != MAP_FAILED)
		munmap(map, PAGE);
}
