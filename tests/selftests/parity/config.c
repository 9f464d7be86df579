// SPDX-License-Identifier: GPL-2.0-only

#include <stdlib.h>
#include <linux/pci_regs.h>

#include "kselftest.h"
#include "view.h"

/*
 * What can be changed, byte by byte: all ones, all zeros, and back. This sets
 * off a reset (FLR) and power states too, on both sides the same.
 */
void see_config(struct view *v)
{
	static const uint8_t patterns[] = { 0xff, 0x00, 0x5a };
	static const uint32_t ones = ~0u;
	struct vfio_region_info info = region(v, CONFIG);
	uint8_t *seen = calloc(1, info.size);
	uint8_t was, back;
	uint32_t dword;
	size_t i, p;

	record_config(v, "at first");
	record_reads(v, CONFIG, 2, 2, "at first");
	record_reads(v, CONFIG, 4, 4, "at first");

	for (p = 0; p < sizeof(patterns); p++) {
		for (i = 0; i < info.size; i++) {
			read_at(v, info.offset + i, &was, 1);
			write_at(v, info.offset + i, &patterns[p], 1);
			read_at(v, info.offset + i, &seen[i], 1);
			write_at(v, info.offset + i, &was, 1);
			read_at(v, info.offset + i, &back, 1);
			/* What stays is worth knowing too. */
			if (back != was)
				record(v->s, back, "config 0x%zx not restored by 0x%02x",
				       i, was);
		}
		record_values(v->s, 0, seen, info.size, 1, 1,
			      "config written 0x%02x", patterns[p]);
	}
	free(seen);

	/* How a guest finds the size of a BAR */
	for (i = PCI_BASE_ADDRESS_0; i <= PCI_ROM_ADDRESS; i += 4) {
		read_at(v, info.offset + i, &dword, 4);
		write_at(v, info.offset + i, &ones, 4);
		record_reads(v, CONFIG, 4, 4, "while one BAR is sized");
		write_at(v, info.offset + i, &dword, 4);
	}
	record_config(v, "at last");
}
