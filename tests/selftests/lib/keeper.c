// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "keeper.h"
#include "life.h"

int do_unbind(void *bdf)
{
	return pci_attr_write(bdf, "driver/unbind", bdf);
}

int do_pci_remove(void *bdf)
{
	return pci_attr_write(bdf, "remove", "1");
}

int do_mdev_remove(void *uuid)
{
	return mdev_remove(uuid);
}

int try_open(const char *bdf, const char *name)
{
	struct vfio_user user;
	uint16_t vendor = 0;
	ssize_t len;
	int ret;

	ret = vfio_open_group(&user, bdf, name);
	if (ret)
		return ret;
	len = vfio_read(&user, VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID,
			&vendor, sizeof(vendor));
	vfio_close(&user);
	if (len != sizeof(vendor))
		return len < 0 ? len : -EIO;
	return vendor == 0 || vendor == 0xffff ? -EIO : 0;
}

int keeper_open(struct keeper *keeper, const char *bdf, const char *name)
{
	int ret;

	ret = vfio_open_group(&keeper->user, bdf, name);
	if (ret)
		return ret;

	keeper->request = eventfd(0, EFD_CLOEXEC);
	ret = vfio_irq_eventfds(&keeper->user, VFIO_PCI_REQ_IRQ_INDEX, 0, 1,
				&keeper->request);
	if (ret) {
		vfio_close(&keeper->user);
		close(keeper->request);
	}
	return ret;
}

int keeper_ask(struct keeper *keeper, int (*run)(void *arg), void *arg)
{
	int ret;

	ret = job_start(&keeper->job, run, arg);
	if (!ret)
		ret = eventfd_wait(keeper->request, PATIENCE * 1000);
	if (ret)
		return ret;
	return job_ended(&keeper->job) ? -ECANCELED : 0;
}

int keeper_let_go(struct keeper *keeper)
{
	int ret;

	vfio_close(&keeper->user);
	close(keeper->request);
	ret = job_wait(&keeper->job, PATIENCE);
	return ret ? ret : keeper->job.result;
}
