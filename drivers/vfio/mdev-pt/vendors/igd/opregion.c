// SPDX-License-Identifier: GPL-2.0-only
/*
 * The OpRegion and its VBT, as one read-only region
 *
 * The VBT (video BIOS table) is in mailbox 4, or, since version 2.0, may be
 * external: RVDA and RVDS say where, and how large. The user sees an external
 * one right behind the mailboxes, and a version and an RVDA that say so. Reads
 * are of the memory itself, for firmware and drivers talk through it.
 *
 * Firmware made it, and ASLS may be what an earlier user of the function wrote
 * there. So nothing in it is believed, and what counts is read once. Refused with
 * -EINVAL are:
 *
 * - a wrong signature, or a size of 0;
 * - an OpRegion or a VBT in memory that the kernel uses, or beyond all memory;
 * - a VBT that is larger than any can be.
 *
 * A size beyond the mailboxes is cut: the region ends with them, or with the
 * VBT. With a smaller one it is as short, as vfio-pci's.
 *
 * Offsets are those of the "ACPI IGD OpRegion Specification", versions 0.5 and
 * 2.x, section 2 (header) and mailbox 3 (RVDA, RVDS).
 */

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "igd.h"

/* Header and mailboxes */
#define OPREGION_SIZE		SZ_8K
#define OPREGION_SIGNATURE	"IntelGraphicsMem"

/* What matters here; it may be at any address. */
struct opregion_header {
	char signature[16];
	__le32 kilobytes;
	u8 reserved[2];
	__le16 version;			/* major and minor, a byte each */
	u8 other[0x3a2];
	__le64 rvda;			/* 0x3ba */
	__le32 rvds;			/* 0x3c2 */
} __packed;

/* RVDA is a physical address; later it counts from the OpRegion's start. */
#define VERSION_2_0		0x0200
#define VERSION_2_1		0x0201

/* A VBT has 16 bits for its size. Leave room for firmware that rounds it up. */
#define VBT_MAX			SZ_1M

#define ADVICE	"update the firmware, or use type pt-pci, without regions for graphics"

/* The part of the field at @at that lies in what was read from @offset on */
static void overlay(u8 *buf, u64 offset, size_t len, u64 at, const void *field,
		    size_t width)
{
	u64 start = max(offset, at);
	u64 end = min(offset + len, at + width);

	if (start < end)
		memcpy(buf + (start - offset), field + (start - at),
		       end - start);
}

static int opregion_read(struct mdev_pt_device *pt, void *data, u64 offset,
			 void *buf, size_t len)
{
	const struct igd_opregion *opregion = data;
	const struct opregion_header *header = opregion->header;
	__le16 version = cpu_to_le16(VERSION_2_1);
	__le64 rvda = cpu_to_le64(opregion->vbt ? OPREGION_SIZE : 0);
	size_t head = 0;

	if (offset < OPREGION_SIZE) {
		head = min_t(u64, len, OPREGION_SIZE - offset);
		memcpy(buf, (const void *)header + offset, head);
	}
	/* The region goes on only with a VBT, and ends with it: see add_vbt(). */
	if (head < len)
		memcpy(buf + head,
		       opregion->vbt + (offset + head - OPREGION_SIZE),
		       len - head);

	/* Behind the mailboxes is a relative address, which came with 2.1. */
	if (opregion->vbt && le16_to_cpu(header->version) == VERSION_2_0)
		overlay(buf, offset, len, offsetof(typeof(*header), version),
			&version, sizeof(version));
	overlay(buf, offset, len, offsetof(typeof(*header), rvda), &rvda,
		sizeof(rvda));
	return 0;
}

static const struct mdev_pt_region_ops opregion_ops = {
	.read = opregion_read,
};

/*
 * Map what firmware says is at @start, if it can be. Firmware's memory is
 * reserved. What the kernel uses itself is no user's to read.
 */
static void *map_firmware(struct pci_dev *pdev, const char *what, u64 start,
			  size_t len)
{
	int ret = -EINVAL;
	const char *why;
	u64 end;
	void *p;

	if (check_add_overflow(start, (u64)len - 1, &end) ||
	    end > iomem_resource.end) {
		why = "is beyond the end of memory";
	} else if (region_intersects(start, len, IORESOURCE_SYSTEM_RAM,
				     IORES_DESC_NONE) != REGION_DISJOINT) {
		why = "is in memory that is not the firmware's";
	} else {
		p = memremap(start, len, MEMREMAP_WB);
		if (p)
			return p;
		why = "can't be mapped";
		ret = -ENOMEM;
	}
	dev_err_ratelimited(&pdev->dev, "%s at %#llx of %zu bytes %s: " ADVICE "\n", what, start,
			    len, why);
	return ERR_PTR(ret);
}

/*
 * Map an external VBT, if the header has one, and set @address to where it is.
 * The region grows by it. Since it begins at OPREGION_SIZE there, an OpRegion
 * that claims to be smaller hides the VBT's end.
 */
static int add_vbt(struct pci_dev *pdev, struct igd_opregion *opregion,
		   u64 *address)
{
	u16 version = le16_to_cpu(READ_ONCE(opregion->header->version));
	u64 rvda = le64_to_cpu(READ_ONCE(opregion->header->rvda));
	u32 rvds = le32_to_cpu(READ_ONCE(opregion->header->rvds));
	u64 start = rvda;
	void *vbt;

	if (version < VERSION_2_0 || !rvda || !rvds)
		return 0;

	if (version != VERSION_2_0 &&
	    check_add_overflow(*address, rvda, &start)) {
		dev_err_ratelimited(&pdev->dev, "the VBT's address, %#llx from the OpRegion, does not exist: "
				    ADVICE "\n", rvda);
		return -EINVAL;
	}
	if (rvds > VBT_MAX) {
		dev_err_ratelimited(&pdev->dev, "no VBT has %u bytes, as the OpRegion says of its own: "
				    ADVICE "\n", rvds);
		return -EINVAL;
	}

	vbt = map_firmware(pdev, "VBT", start, rvds);
	if (IS_ERR(vbt))
		return PTR_ERR(vbt);
	opregion->vbt = vbt;
	opregion->size += rvds;
	*address = start;
	return 0;
}

static int map_opregion(struct pci_dev *pdev, struct igd_opregion *opregion,
			u64 *address)
{
	const struct opregion_header *header;
	u32 kb;

	header = map_firmware(pdev, "OpRegion", *address, OPREGION_SIZE);
	if (IS_ERR(header))
		return PTR_ERR(header);
	opregion->header = header;

	kb = le32_to_cpu(READ_ONCE(header->kilobytes));
	if (memcmp(header->signature, OPREGION_SIGNATURE,
		   sizeof(header->signature)) || !kb) {
		dev_err_ratelimited(&pdev->dev, "no OpRegion where ASLS says, at %#llx: signature or size is wrong: "
				    ADVICE "\n", *address);
		return -EINVAL;
	}
	if (kb > OPREGION_SIZE / SZ_1K)
		dev_warn_ratelimited(&pdev->dev, "OpRegion claims %u KB: only its first %u are passed on\n",
				     kb, OPREGION_SIZE / SZ_1K);
	opregion->size = min_t(u32, kb, OPREGION_SIZE / SZ_1K) * SZ_1K;

	return add_vbt(pdev, opregion, address);
}

/*
 * @asls: where the OpRegion is; set to what the user is to find there. That is
 *	of no use to the user, who learns the place in the guest from its VMM.
 *	With an external VBT it is the VBT's address, as for vfio-pci.
 */
int igd_add_opregion(struct mdev_pt_device *pt, struct igd *igd, u32 *asls)
{
	u64 address = *asls;
	int ret;

	ret = map_opregion(pt->vdev.pdev, &igd->opregion, &address);
	if (ret)
		return ret;
	*asls = lower_32_bits(address);

	ret = mdev_pt_add_region(pt, IGD_REGION_TYPE,
				 VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION,
				 igd->opregion.size, &opregion_ops,
				 &igd->opregion);
	return ret < 0 ? ret : 0;
}

void igd_end_opregion(struct igd *igd)
{
	if (igd->opregion.vbt)
		memunmap((void *)igd->opregion.vbt);
	if (igd->opregion.header)
		memunmap((void *)igd->opregion.header);
}
