/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images of the Intel OpRegion, as firmware leaves it in memory, sound and
 * broken
 *
 * Offsets are those of the "ACPI IGD OpRegion Specification", 0.5 and 2.x.
 */
#ifndef _MODELS_OPREGION_H
#define _MODELS_OPREGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPREGION_SIZE		8192
#define OPREGION_SIGNATURE	"IntelGraphicsMem"
#define OPREGION_SIZE_KB	0x10
#define OPREGION_VERSION	0x16
#define OPREGION_MAILBOXES	0x58
#define OPREGION_RVDA		0x3ba
#define OPREGION_RVDS		0x3c2
#define OPREGION_VBT		0x400
/* Of mailbox 4 */
#define OPREGION_VBT_MAX	6144

#define VBT_HEADER_SIZE		48
#define VBT_MIN			(VBT_HEADER_SIZE + 22)
#define VBT_MAX			65535

enum opregion_fault {
	OPREGION_SOUND,
	OPREGION_BAD_SIGNATURE,
	/* The size says 0, or far more than there is. */
	OPREGION_NO_SIZE,
	OPREGION_BAD_SIZE,
	/* An external VBT that ends past the end of the address space, or is huge */
	OPREGION_BAD_RVDA,
	OPREGION_BAD_RVDS,
	OPREGION_FAULTS,
};

/*
 * @version: 0x0100, 0x0200 (RVDA is a physical address), 0x0201 (it is relative)
 * @vbt_size: 0 for none
 * @vbt_offset: where in the image an external VBT is; 0 for in mailbox 4
 * @address: of the image, for version 2.0
 */
struct opregion {
	uint16_t version;
	uint32_t vbt_size;
	uint32_t vbt_offset;
	uint64_t address;
	enum opregion_fault fault;
};

/* The length of the image; 0 for one that cannot be. */
size_t opregion_size(const struct opregion *o);
/* Fills opregion_size() bytes. */
void opregion_build(const struct opregion *o, uint8_t *image);
/*
 * "version=2.0,vbt=8000,offset=0x2000,address=0x80000000,fault=signature";
 * faults are signature, no-size, size, rvda, rvds. What is not named stays.
 * 0 or -EINVAL; @text is changed.
 */
int opregion_parse(struct opregion *o, char *text);

#endif /* _MODELS_OPREGION_H */
