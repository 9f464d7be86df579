// SPDX-License-Identifier: GPL-2.0-only

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "view.h"

/* Some features move whole pages; none needs more room. */
#define FEATURE_LEN	256

static void see_container(struct view *v)
{
	struct vfio_iommu_type1_info *info;
	int ret, i;

	if (v->u->container < 0)
		return;
	for (i = 0; i < 16; i++)
		record(v->s, ioctl(v->u->container, VFIO_CHECK_EXTENSION, i),
		       "container extension %d", i);
	info = calloc(1, VFIO_INFO_LEN);
	info->argsz = VFIO_INFO_LEN;
	ret = ioctl(v->u->container, VFIO_IOMMU_GET_INFO, info);
	record_values(v->s, ret, info, VFIO_INFO_LEN, 1, 1, "IOMMU info");
	free(info);
}

static void see_features(struct view *v)
{
	uint8_t data[FEATURE_LEN];
	uint32_t feature;
	long ret;

	for (feature = 0; feature < 64; feature++) {
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_PROBE, NULL, 0),
		       "feature %u probe", feature);
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_PROBE |
						VFIO_DEVICE_FEATURE_GET, NULL, 0),
		       "feature %u probe get", feature);
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_PROBE |
						VFIO_DEVICE_FEATURE_SET, NULL, 0),
		       "feature %u probe set", feature);

		memset(data, 0, sizeof(data));
		ret = vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_GET,
				   data, sizeof(data));
		record_values(v->s, ret, data, sizeof(data), 1, 1,
			      "feature %u get", feature);

		/* Entering low power has a test of its own. */
		if (feature >= VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY &&
		    feature <= VFIO_DEVICE_FEATURE_LOW_POWER_EXIT)
			continue;
		record(v->s, vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_SET, NULL, 0),
		       "feature %u set, no payload", feature);
		ret = vfio_feature(v->u, feature | VFIO_DEVICE_FEATURE_SET,
				   data, sizeof(data));
		record_values(v->s, ret, data, sizeof(data), 1, 1,
			      "feature %u set", feature);
	}
}

void see_info(struct view *v)
{
	struct vfio_pci_hot_reset_info *reset;
	struct vfio_device_info *device;
	struct vfio_region_info *info;
	struct vfio_irq_info irq;
	uint32_t i, regions, irqs;
	void *buf;
	int ret;

	buf = malloc(VFIO_INFO_LEN);
	device = buf;
	ret = vfio_device_info(v->u, device);
	record_values(v->s, ret, buf, VFIO_INFO_LEN, 1, 1, "device info");
	regions = device->num_regions;
	irqs = device->num_irqs;

	info = buf;
	for (i = 0; i < regions + 2; i++) {
		ret = vfio_region_info(v->u, i, info);
		record_values(v->s, ret, buf, VFIO_INFO_LEN, 1, 1,
			      "region %u info", i);
	}

	for (i = 0; i < irqs + 2; i++) {
		ret = vfio_irq_info(v->u, i, &irq);
		record_values(v->s, ret, &irq, sizeof(irq), 1, 1,
			      "interrupt %u info", i);
	}

	reset = buf;
	memset(buf, 0, VFIO_INFO_LEN);
	reset->argsz = sizeof(*reset);
	ret = raw_ioctl(v, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, reset);
	record_values(v->s, ret, buf, sizeof(*reset), 1, 1,
		      "hot reset info, no room");
	memset(buf, 0, VFIO_INFO_LEN);
	reset->argsz = VFIO_INFO_LEN;
	ret = raw_ioctl(v, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, reset);
	record_values(v->s, ret, buf, VFIO_INFO_LEN, 1, 1, "hot reset info");
	free(buf);

	see_features(v);
	see_container(v);
}
