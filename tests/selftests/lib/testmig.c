// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dma.h"
#include "edu.h"
#include "life.h"
#include "testmig.h"

#define PARAMETERS	"/sys/module/pt_test_mig/parameters/"
#define NVME_VENDOR	0x1b36
#define NVME_DEVICE	0x0010
#define NUM_VFS		2
/* The vendor's only region */
#define STATE_REGION	VFIO_PCI_NUM_REGIONS

int testmig_start(void)
{
	char pf[BDF_LEN];
	int ret;

	ret = find_pf(NVME_VENDOR, NVME_DEVICE, pf);
	if (ret)
		return ret;
	remove_mdevs();
	/* The sample knows edu, too. */
	ret = vendor_alias(EDU_ALIAS, "off") ? :
	      module_load("-a mdev_pt vfio-pci pt_test_mig") ? :
	      pci_bind(pf, "pt");
	if (!ret && num_vfs(pf) != NUM_VFS)
		ret = pci_set_vfs(pf, NUM_VFS);
	return ret ? : testmig_fail("none") ? :
	       testmig_set("version", 1) ? :
	       testmig_set("size", PT_TEST_MIG_SIZE) ? :
	       testmig_clear_calls();
}

int testmig_end(void)
{
	char bdf[BDF_LEN];

	remove_mdevs();
	if (!find_pf(NVME_VENDOR, NVME_DEVICE, bdf)) {
		pci_set_vfs(bdf, 0);
		give_back(bdf);
	}
	if (!pci_find(EDU_VENDOR, EDU_DEVICE, 0, bdf))
		pci_bind(bdf, NULL);
	vendor_no_alias();
	return sysfs_exists("/sys/module/pt_test_mig") ?
	       module_unload("pt_test_mig") : 0;
}

static int open_child(struct testmig *t, const char *parent, const char *type)
{
	int ret;

	memset(&t->user, -1, sizeof(t->user));
	uuid_make(t->uuid);
	ret = mdev_create(parent, type, t->uuid);
	if (ret) {
		t->uuid[0] = '\0';
		return ret;
	}
	ret = mdev_link(t->uuid, "function", t->bdf, sizeof(t->bdf));
	if (ret < 0)
		return ret;
	return vfio_open_group(&t->user, t->bdf, t->uuid);
}

int testmig_open(struct testmig *t, const char *type)
{
	char pf[BDF_LEN];
	int ret = find_pf(NVME_VENDOR, NVME_DEVICE, pf);

	return ret ? ret : open_child(t, pf, type);
}

int testmig_open_edu(struct testmig *t, const char *type)
{
	char bdf[BDF_LEN];
	int ret;

	ret = pci_find(EDU_VENDOR, EDU_DEVICE, 0, bdf);
	if (!ret)
		ret = pci_bind(bdf, "pt");
	return ret ? ret : open_child(t, bdf, type);
}

int testmig_close(struct testmig *t)
{
	int ret;

	if (!t->uuid[0])
		return 0;
	vfio_close(&t->user);
	ret = mdev_remove(t->uuid);
	t->uuid[0] = '\0';
	return ret;
}

int testmig_fail(const char *callback)
{
	return sysfs_write(PARAMETERS "fail", callback);
}

int testmig_set(const char *parameter, unsigned int value)
{
	char path[SYSFS_PATH], text[16];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	snprintf(text, sizeof(text), "%u", value);
	return sysfs_write(path, text);
}

int testmig_clear_calls(void)
{
	return sysfs_write(PARAMETERS "calls", "0");
}

int testmig_calls(const char *callback)
{
	char text[512], *line, *rest;
	size_t len = strlen(callback);

	if (sysfs_read(PARAMETERS "calls", text, sizeof(text)) <= 0)
		return -1;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!strncmp(line, callback, len) && line[len] == ' ')
			return atoi(line + len);
	}
	return -1;
}

int testmig_fill(struct testmig *t, uint8_t seed)
{
	uint8_t bytes[PT_TEST_MIG_SIZE];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = seed + i * 3;
	return vfio_write(&t->user, STATE_REGION, 0, bytes, sizeof(bytes)) ==
	       sizeof(bytes) ? 0 : -EIO;
}

bool testmig_is(struct testmig *t, uint8_t seed, size_t len)
{
	uint8_t bytes[PT_TEST_MIG_SIZE];
	size_t i;

	if (vfio_read(&t->user, STATE_REGION, 0, bytes, sizeof(bytes)) !=
	    sizeof(bytes))
		return false;
	for (i = 0; i < len; i++) {
		if (bytes[i] != (uint8_t)(seed + i * 3))
			return false;
	}
	return true;
}

bool testmig_is_clear(struct testmig *t)
{
	uint8_t bytes[PT_TEST_MIG_SIZE];

	return vfio_read(&t->user, STATE_REGION, 0, bytes, sizeof(bytes)) ==
	       sizeof(bytes) && all_bytes(bytes, 0, sizeof(bytes));
}
