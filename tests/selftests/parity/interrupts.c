// SPDX-License-Identifier: GPL-2.0-only

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "view.h"

/* More vectors tell nothing new. */
#define VECTORS_MAX	8

static unsigned int count_signalled(const int32_t *fds, unsigned int count)
{
	unsigned int i, n = 0;

	for (i = 0; i < count; i++)
		n += !eventfd_wait(fds[i], 0);
	return n;
}

static long set_irqs(struct view *v, uint32_t flags, uint32_t index,
		     uint32_t count, const void *data, size_t len)
{
	struct {
		struct vfio_irq_set set;
		uint8_t data[VECTORS_MAX * 4];
	} irq = {
		.set = {
			.argsz = sizeof(irq.set) + len,
			.flags = flags,
			.index = index,
			.count = count,
		},
	};

	memcpy(irq.data, data, len);
	return raw_ioctl(v, VFIO_DEVICE_SET_IRQS, &irq);
}

static void see_masks(struct view *v, uint32_t index, int32_t fd)
{
	const uint32_t mask = VFIO_IRQ_SET_ACTION_MASK;
	const uint32_t unmask = VFIO_IRQ_SET_ACTION_UNMASK;
	uint8_t yes = 1;

	record(v->s, set_irqs(v, mask | VFIO_IRQ_SET_DATA_NONE, index, 1, NULL, 0),
	       "interrupt %u mask", index);
	record_config(v, "masked");
	record(v->s, set_irqs(v, unmask | VFIO_IRQ_SET_DATA_NONE, index, 1, NULL, 0),
	       "interrupt %u unmask", index);
	record(v->s, set_irqs(v, mask | VFIO_IRQ_SET_DATA_BOOL, index, 1, &yes, 1),
	       "interrupt %u mask, by value", index);
	record(v->s, set_irqs(v, unmask | VFIO_IRQ_SET_DATA_BOOL, index, 1, &yes, 1),
	       "interrupt %u unmask, by value", index);
	record(v->s, set_irqs(v, mask | VFIO_IRQ_SET_DATA_EVENTFD, index, 1, &fd, 4),
	       "interrupt %u mask, by eventfd", index);
	record(v->s, set_irqs(v, unmask | VFIO_IRQ_SET_DATA_EVENTFD, index, 1, &fd, 4),
	       "interrupt %u unmask, by eventfd", index);
}

static void see_interrupt(struct view *v, uint32_t index)
{
	int32_t fds[VECTORS_MAX], other;
	struct vfio_irq_info info;
	uint8_t bools[VECTORS_MAX];
	uint32_t i, n;

	vfio_irq_info(v->u, index, &info);
	n = info.count < VECTORS_MAX ? info.count : VECTORS_MAX;
	for (i = 0; i < VECTORS_MAX; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		bools[i] = i % 2 == 0;
	}
	other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	record(v->s, n, "interrupt %u count", index);
	record(v->s, vfio_irq_eventfds(v->u, index, 0, n ?: 1, fds),
	       "interrupt %u enable", index);
	record_config(v, "enabled");

	for (i = 0; i < n; i++)
		record(v->s, vfio_irq_trigger(v->u, index, i),
		       "interrupt %u trigger %u", index, i);
	record(v->s, count_signalled(fds, n), "interrupt %u signalled", index);
	record(v->s, set_irqs(v, VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_BOOL,
			      index, n, bools, n),
	       "interrupt %u trigger by value", index);
	record(v->s, count_signalled(fds, n),
	       "interrupt %u signalled by value", index);
	see_masks(v, index, other);

	/* Only one of INTx, MSI and MSI-X at a time */
	for (i = 0; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++) {
		if (i != index)
			record(v->s, vfio_irq_eventfds(v->u, i, 0, 1, &other),
			       "interrupt %u enable beside %u", i, index);
	}

	/* Another eventfd for the first, and none for the last */
	record(v->s, vfio_irq_eventfds(v->u, index, 0, 1, &other),
	       "interrupt %u another eventfd", index);
	record(v->s, vfio_irq_trigger(v->u, index, 0),
	       "interrupt %u trigger another", index);
	record(v->s, count_signalled(&other, 1),
	       "interrupt %u signalled another", index);
	if (n) {
		int32_t none = -1;

		record(v->s, vfio_irq_eventfds(v->u, index, n - 1, 1, &none),
		       "interrupt %u no eventfd", index);
		record(v->s, vfio_irq_trigger(v->u, index, n - 1),
		       "interrupt %u trigger none", index);
		record(v->s, count_signalled(fds, n),
		       "interrupt %u signalled none", index);
	}

	record(v->s, vfio_irq_disable(v->u, index), "interrupt %u disable",
	       index);
	record(v->s, vfio_irq_disable(v->u, index),
	       "interrupt %u disable again", index);
	record_config(v, "disabled");

	/* One vector first, and a second later: not every kernel can. */
	if (n > 1) {
		record(v->s, vfio_irq_eventfds(v->u, index, 0, 1, fds),
		       "interrupt %u enable one", index);
		record(v->s, vfio_irq_eventfds(v->u, index, 1, 1, fds + 1),
		       "interrupt %u add one", index);
		vfio_irq_trigger(v->u, index, 1);
		record(v->s, count_signalled(fds, n),
		       "interrupt %u signalled added", index);
	}
	/* Where this one has no vectors, another came to be enabled beside it. */
	for (i = 0; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++)
		vfio_irq_disable(v->u, i);

	for (i = 0; i < VECTORS_MAX; i++)
		close(fds[i]);
	close(other);
}

void see_interrupts(struct view *v)
{
	uint32_t i;

	for (i = 0; i <= VFIO_PCI_REQ_IRQ_INDEX; i++)
		see_interrupt(v, i);
}
