// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "opregion.h"

/* ACPI methods, ASLE; 2.x has no SWSCI. */
#define MAILBOXES	0x05

static void put(uint8_t *p, unsigned int width, uint64_t value)
{
	for (; width--; value >>= 8)
		*p++ = value;
}

size_t opregion_size(const struct opregion *o)
{
	if (o->vbt_size && (o->vbt_size < VBT_MIN || o->vbt_size > VBT_MAX))
		return 0;
	if (!o->vbt_offset)
		return o->vbt_size <= OPREGION_VBT_MAX ? OPREGION_SIZE : 0;
	if (!o->vbt_size || o->vbt_offset < OPREGION_SIZE ||
	    o->version < 0x0200)
		return 0;
	return (size_t)o->vbt_offset + o->vbt_size;
}

/*
 * A header, and a BIOS data block header whose contents are a pattern: each
 * byte tells its place. All bytes add up to 0.
 */
static void build_vbt(uint8_t *vbt, uint32_t size)
{
	uint8_t *bdb = vbt + VBT_HEADER_SIZE;
	uint8_t sum = 0;
	uint32_t i;

	for (i = VBT_MIN; i < size; i++)
		vbt[i] = i ^ i >> 8;
	memcpy(vbt, "$VBT KABYLAKE       ", 20);
	put(vbt + 20, 2, 100);
	put(vbt + 22, 2, VBT_HEADER_SIZE);
	put(vbt + 24, 2, size);
	put(vbt + 28, 4, VBT_HEADER_SIZE);
	memcpy(bdb, "BIOS_DATA_BLOCK ", 16);
	put(bdb + 16, 2, 209);
	put(bdb + 18, 2, 22);
	put(bdb + 20, 2, size - VBT_HEADER_SIZE);
	for (i = 0; i < size; i++)
		sum += vbt[i];
	vbt[26] = -sum;
}

static void break_image(enum opregion_fault fault, uint8_t *image)
{
	switch (fault) {
	case OPREGION_BAD_SIGNATURE:
		image[0] ^= 0xff;
		break;
	case OPREGION_NO_SIZE:
		put(image + OPREGION_SIZE_KB, 4, 0);
		break;
	case OPREGION_BAD_SIZE:
		put(image + OPREGION_SIZE_KB, 4, ~0U);
		break;
	case OPREGION_BAD_RVDA:
		put(image + OPREGION_RVDA, 8, ~0ULL - 4095);
		break;
	case OPREGION_BAD_RVDS:
		put(image + OPREGION_RVDS, 4, ~0U);
		break;
	default:
		break;
	}
}

void opregion_build(const struct opregion *o, uint8_t *image)
{
	uint64_t base = o->version == 0x0200 ? o->address : 0;

	memset(image, 0, opregion_size(o));
	memcpy(image, OPREGION_SIGNATURE, 16);
	put(image + OPREGION_SIZE_KB, 4, OPREGION_SIZE / 1024);
	put(image + OPREGION_VERSION, 2, o->version);
	put(image + OPREGION_MAILBOXES, 4, MAILBOXES);
	if (o->vbt_offset) {
		put(image + OPREGION_RVDA, 8, base + o->vbt_offset);
		put(image + OPREGION_RVDS, 4, o->vbt_size);
	}
	if (o->vbt_size)
		build_vbt(image + (o->vbt_offset ? o->vbt_offset :
						   OPREGION_VBT), o->vbt_size);
	break_image(o->fault, image);
}

static int parse_version(uint16_t *version, const char *text)
{
	char *end;
	unsigned long major = strtoul(text, &end, 10);
	unsigned long minor = *end == '.' ? strtoul(end + 1, &end, 10) : 0;

	if (end == text || *end || major > 255 || minor > 255)
		return -EINVAL;
	*version = major << 8 | minor;
	return 0;
}

static int parse_number(uint64_t *value, uint64_t max, const char *text)
{
	char *end;

	*value = strtoull(text, &end, 0);
	return end == text || *end || *value > max ? -EINVAL : 0;
}

static int parse_fault(enum opregion_fault *fault, const char *text)
{
	static const char * const names[OPREGION_FAULTS] = {
		[OPREGION_SOUND] = "none",
		[OPREGION_BAD_SIGNATURE] = "signature",
		[OPREGION_NO_SIZE] = "no-size",
		[OPREGION_BAD_SIZE] = "size",
		[OPREGION_BAD_RVDA] = "rvda",
		[OPREGION_BAD_RVDS] = "rvds",
	};
	unsigned int i;

	for (i = 0; i < OPREGION_FAULTS; i++) {
		if (!strcmp(text, names[i])) {
			*fault = i;
			return 0;
		}
	}
	return -EINVAL;
}

int opregion_parse(struct opregion *o, char *text)
{
	char *const keys[] = { "version", "vbt", "offset", "address", "fault",
			       NULL };
	uint64_t number;
	char *value;
	int ret = 0;
	int key;

	while (*text && !ret) {
		key = getsubopt(&text, keys, &value);
		if (key < 0 || !value)
			return -EINVAL;
		if (key == 0)
			ret = parse_version(&o->version, value);
		else if (key == 4)
			ret = parse_fault(&o->fault, value);
		else
			ret = parse_number(&number, key == 3 ? UINT64_MAX :
					   UINT32_MAX, value);
		if (key == 1)
			o->vbt_size = number;
		else if (key == 2)
			o->vbt_offset = number;
		else if (key == 3)
			o->address = number;
	}
	return ret || !opregion_size(o) ? -EINVAL : 0;
}
