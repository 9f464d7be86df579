// SPDX-License-Identifier: GPL-2.0-only

#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "clock.h"
#include "view.h"

/* Half of what an FLR takes: in a busy lab a little less than that was seen. */
#define FLR_MS		50

static uint16_t set_command(struct view *v, uint16_t clear, uint16_t set)
{
	uint64_t at = region(v, CONFIG).offset + PCI_COMMAND;
	uint16_t command = 0;

	read_at(v, at, &command, 2);
	command = (command & ~clear) | set;
	write_at(v, at, &command, 2);
	read_at(v, at, &command, 2);
	return command;
}

static void see_memory_disabled(struct view *v, void *map)
{
	record(v->s, set_command(v, PCI_COMMAND_MEMORY, 0), "memory disabled");
	record_scratch(v, map, "with memory disabled");
	record(v->s, set_command(v, 0, PCI_COMMAND_MEMORY), "memory enabled");
	record_scratch(v, map, "with memory enabled");
	record(v->s, set_command(v, 0, PCI_COMMAND_MASTER), "bus master on");
	record(v->s, set_command(v, PCI_COMMAND_MASTER, 0), "bus master off");
}

static void see_hot_reset(struct view *v)
{
	struct {
		struct vfio_pci_hot_reset reset;
		int32_t group;
	} hot = {
		.reset = { .argsz = sizeof(hot), .count = v->u->group >= 0 },
		.group = v->u->group,
	};

	record(v->s, raw_ioctl(v, VFIO_DEVICE_PCI_HOT_RESET, &hot), "hot reset");
}

void see_resets(struct view *v)
{
	volatile uint32_t *map = map_scratch(v);
	long started;

	if (!map)
		return;
	*map = 0;
	see_memory_disabled(v, (void *)map);

	*map = v->function->value;
	record(v->s, set_command(v, 0, PCI_COMMAND_MASTER), "before the reset");
	record_scratch(v, map, "before the reset");
	started = now_ms();
	record(v->s, vfio_reset(v->u), "reset");
	/* Not every register shows it, but an FLR takes 100 ms by the standard. */
	record(v->s, now_ms() - started >= FLR_MS, "reset took its time");
	record_scratch(v, map, "after the reset");
	record_config(v, "after the reset");

	set_command(v, 0, PCI_COMMAND_MEMORY);
	*map = v->function->value;
	record_scratch(v, map, "before the hot reset");
	see_hot_reset(v);
	record_scratch(v, map, "after the hot reset");
	record_config(v, "after the hot reset");
	unmap_scratch(v, (void *)map);
}

void see_low_power(struct view *v)
{
	volatile uint32_t *map = map_scratch(v);
	int32_t wakeup[2] = { eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 0 };
	uint8_t header[PCI_STD_HEADER_SIZEOF] = { 0 };
	long ret;
	int i;

	if (!map)
		return;
	record_host(v, false, "while open");
	for (i = 0; i < 2; i++) {
		bool with_wakeup = i == 1;

		*map = v->function->value;
		record(v->s, with_wakeup ?
		       vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
				    wakeup, sizeof(wakeup)) :
		       vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, NULL, 0),
		       "low power %d", i);
		record_host(v, true, "in low power");
		record(v->s, vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, NULL, 0),
		       "low power %d, again", i);
		record_scratch(v, map, "in low power");
		/* Little of it: each access wakes the function up for itself. */
		ret = read_at(v, region(v, CONFIG).offset, header,
			      sizeof(header));
		record_values(v->s, ret, header, sizeof(header), 1, 1,
			      "config header in low power");
		record(v->s, vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, NULL, 0),
		       "out of low power %d", i);
		record(v->s, vfio_feature(v->u, VFIO_DEVICE_FEATURE_SET |
					  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, NULL, 0),
		       "out of low power %d, again", i);
		record(v->s, eventfd_wait(wakeup[0], 0), "woken up %d", i);
		record_scratch(v, map, "after low power");
		record_host(v, false, "after low power");
	}

	record_config(v, "after low power");
	unmap_scratch(v, (void *)map);
	close(wakeup[0]);
}
