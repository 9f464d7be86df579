// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "stress.h"

#define DMA_SIZE	0x10000UL
#define DMA_IOVA	0x100000UL

void user_init(struct user *user)
{
	*user = (struct user){
		.vfio = { -1, -1, -1, -1, 0 },
		.memory = MAP_FAILED,
		.bar = MAP_FAILED,
		.irq = -1,
		.request = -1,
	};
}

int user_open(struct user *user, const char *bdf, const char *name)
{
	user_init(user);
	return vfio_open_group(&user->vfio, bdf, name);
}

void user_close(struct user *user)
{
	if (user->bar != MAP_FAILED)
		munmap(user->bar, 4096);
	vfio_close(&user->vfio);
	if (user->memory != MAP_FAILED)
		munmap(user->memory, DMA_SIZE);
	if (user->irq >= 0)
		close(user->irq);
	if (user->request >= 0)
		close(user->request);
	user_init(user);
}

int user_listen(struct user *user)
{
	user->request = eventfd(0, EFD_CLOEXEC);
	return vfio_irq_eventfds(&user->vfio, VFIO_PCI_REQ_IRQ_INDEX, 0, 1,
				 &user->request);
}

int user_read_config(struct user *user)
{
	uint16_t vendor = 0;
	ssize_t len;

	len = vfio_read(&user->vfio, VFIO_PCI_CONFIG_REGION_INDEX,
			PCI_VENDOR_ID, &vendor, sizeof(vendor));
	if (len != sizeof(vendor))
		return len < 0 ? len : -EIO;
	return vendor == 0 || vendor == 0xffff ? -EIO : 0;
}

int user_map_dma(struct user *user)
{
	user->memory = mmap(NULL, DMA_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (user->memory == MAP_FAILED)
		return -errno;
	return vfio_map_dma(&user->vfio, user->memory, DMA_IOVA, DMA_SIZE,
			    VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

/* The first interrupt of the best kind that there is, if there is any */
int user_enable_irq(struct user *user)
{
	static const uint32_t kinds[] = {
		VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
		VFIO_PCI_INTX_IRQ_INDEX,
	};
	struct vfio_irq_info info = {};
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		ret = vfio_irq_info(&user->vfio, kinds[i], &info);
		if (ret)
			return ret;
		if (!info.count)
			continue;
		user->irq = eventfd(0, EFD_CLOEXEC);
		return vfio_irq_eventfds(&user->vfio, kinds[i], 0, 1,
					 &user->irq);
	}
	return 0;
}

/* A page of the first BAR that can be mapped, if there is any */
int user_map_bar(struct user *user)
{
	char buf[VFIO_INFO_LEN] __attribute__((aligned(8)));
	struct vfio_region_info *info = (void *)buf;
	unsigned int i;
	int ret;

	for (i = 0; i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		ret = vfio_region_info(&user->vfio, i, info);
		if (ret)
			return ret;
		if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP) ||
		    info->size < 4096)
			continue;
		/* Without memory decoding the access would be a SIGBUS. */
		ret = vfio_bus_master(&user->vfio, true);
		if (!ret)
			ret = vfio_mmap(&user->vfio, i, 0, 4096, &user->bar);
		if (!ret)
			(void)*(volatile uint32_t *)user->bar;
		return ret;
	}
	return 0;
}

int use(const char *bdf, const char *name, uint64_t *rng)
{
	unsigned int what = rng_next(rng);
	struct user user;
	int ret;

	ret = user_open(&user, bdf, name);
	if (ret)
		return ret;

	ret = user_listen(&user);
	if (!ret)
		ret = user_read_config(&user);
	if (!ret && (what & 1))
		ret = user_map_dma(&user);
	if (!ret && (what & 2))
		ret = user_enable_irq(&user);
	if (!ret && (what & 4))
		ret = user_map_bar(&user);
	if (ret)
		fail("%s is open and does not work (%d)", name, ret);
	else if (!(what & 0x18))
		eventfd_wait(user.request, 30);
	user_close(&user);
	return 0;
}

static int hold(void *arg)
{
	struct holder *holder = arg;
	int ret;

	ret = eventfd_wait(holder->user.request, PATIENCE * 1000);
	spin(holder->delay);
	user_close(&holder->user);
	return ret;
}

int holder_start(struct holder *holder, const char *bdf, const char *name,
		 uint64_t delay)
{
	int ret;

	holder->delay = delay;
	ret = user_open(&holder->user, bdf, name);
	if (ret)
		return ret;
	ret = user_listen(&holder->user);
	if (!ret)
		ret = user_map_dma(&holder->user);
	if (!ret) {
		holder->request = fcntl(holder->user.request, F_DUPFD_CLOEXEC,
					0);
		ret = job_start(&holder->job, hold, holder);
	}
	if (ret)
		user_close(&holder->user);
	return ret;
}

void holder_end(struct holder *holder)
{
	uint64_t one = 1;

	if (write(holder->request, &one, sizeof(one)) != sizeof(one) ||
	    job_wait(&holder->job, 2 * PATIENCE) || holder->job.result)
		fail("the user who held the device did not let go");
	close(holder->request);
}
