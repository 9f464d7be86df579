// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts, by the client's eventfds
 *
 * INTx masks itself when it has been signalled, as VFIO's does, until the
 * client unmasks it: by a command, or by an eventfd of its own.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define DATA_TYPES \
	(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | \
	 VFIO_IRQ_SET_DATA_EVENTFD)
#define ACTIONS \
	(VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | \
	 VFIO_IRQ_SET_ACTION_TRIGGER)

static void close_eventfd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int irq_resize(struct model *m, unsigned int index, unsigned int count)
{
	struct irq *irq = &m->irqs[index];
	unsigned int i;

	free(irq->eventfds);
	irq->unmask_fd = -1;
	irq->eventfds = calloc(count, sizeof(int));
	if (count && !irq->eventfds)
		return -ENOMEM;
	irq->count = count;
	for (i = 0; i < count; i++)
		irq->eventfds[i] = -1;
	return 0;
}

static int signal_eventfd(int fd)
{
	const uint64_t one = 1;

	if (fd < 0)
		return -ENOENT;
	/* A counter that is full has not been read yet: nothing is lost. */
	if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

int model_irq_trigger(struct model *m, unsigned int index, unsigned int vector)
{
	if (index >= VFIO_PCI_NUM_IRQS || vector >= m->irqs[index].count)
		return -EINVAL;
	return signal_eventfd(m->irqs[index].eventfds[vector]);
}

void irq_intx_update(struct model *m)
{
	struct irq *irq = &m->irqs[VFIO_PCI_INTX_IRQ_INDEX];
	uint16_t status = model_config_get(m, PCI_STATUS, 2);

	if (irq->asserted)
		status |= PCI_STATUS_INTERRUPT;
	else
		status &= ~PCI_STATUS_INTERRUPT;
	model_config_set(m, PCI_STATUS, 2, status);
	if (!irq->asserted || irq->masked ||
	    model_config_get(m, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE)
		return;
	if (!model_irq_trigger(m, VFIO_PCI_INTX_IRQ_INDEX, 0))
		irq->masked = true;
}

void model_intx(struct model *m, bool asserted)
{
	m->irqs[VFIO_PCI_INTX_IRQ_INDEX].asserted = asserted;
	irq_intx_update(m);
}

static void mask(struct model *m, bool masked)
{
	m->irqs[VFIO_PCI_INTX_IRQ_INDEX].masked = masked;
	irq_intx_update(m);
}

static void unmask_event(struct model *m, int fd, void *arg)
{
	uint64_t count;

	(void)arg;
	if (read(fd, &count, sizeof(count)) == sizeof(count))
		mask(m, false);
}

static void set_unmask_fd(struct model *m, int fd)
{
	struct irq *irq = &m->irqs[VFIO_PCI_INTX_IRQ_INDEX];

	if (irq->unmask_fd >= 0)
		model_remove_fd(m, irq->unmask_fd);
	close_eventfd(&irq->unmask_fd);
	if (fd >= 0 && model_add_fd(m, fd, unmask_event, NULL))
		close_eventfd(&fd);
	irq->unmask_fd = fd;
}

static void disable(struct model *m, unsigned int index)
{
	struct irq *irq = &m->irqs[index];
	unsigned int i;

	for (i = 0; i < irq->count; i++)
		close_eventfd(&irq->eventfds[i]);
	if (index != VFIO_PCI_INTX_IRQ_INDEX)
		return;
	set_unmask_fd(m, -1);
	irq->masked = false;
}

void irq_disconnect(struct model *m)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		disable(m, i);
}

void irq_exit(struct model *m)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		free(m->irqs[i].eventfds);
}

int irq_info(struct model *m, struct message *msg)
{
	const struct vfio_irq_info *request = (void *)msg->payload;
	struct vfio_irq_info *reply;

	if (request->argsz < sizeof(*reply) ||
	    request->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	reply = message_reply(msg, sizeof(*reply));
	if (!reply)
		return -ENOMEM;
	reply->argsz = sizeof(*reply);
	reply->index = request->index;
	reply->count = m->irqs[request->index].count;
	reply->flags = VFIO_IRQ_INFO_EVENTFD;
	if (request->index == VFIO_PCI_INTX_IRQ_INDEX)
		reply->flags |= VFIO_IRQ_INFO_MASKABLE |
				VFIO_IRQ_INFO_AUTOMASKED;
	else
		reply->flags |= VFIO_IRQ_INFO_NORESIZE;
	return 0;
}

/*
 * Writing to anything else might block, or worse. That the eventfd itself does
 * not is a matter of its flags, which client and server share.
 */
static bool usable_eventfd(int fd)
{
	static const char name[] = "anon_inode:[eventfd]";
	char path[32], link[sizeof(name)];
	int flags = fcntl(fd, F_GETFL);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, link, sizeof(link)) == sizeof(name) - 1 &&
	       !memcmp(link, name, sizeof(name) - 1) &&
	       flags >= 0 && !fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* One for each of the interrupts, or none, which takes theirs away */
static int set_eventfds(struct model *m, struct message *msg,
			const struct vfio_irq_set *set)
{
	struct irq *irq = &m->irqs[set->index];
	unsigned int i;

	if (msg->num_fds && msg->num_fds != set->count)
		return -EINVAL;
	for (i = 0; i < msg->num_fds; i++)
		if (!usable_eventfd(msg->fds[i]))
			return -EINVAL;
	for (i = 0; i < set->count; i++) {
		close_eventfd(&irq->eventfds[set->start + i]);
		if (!msg->num_fds)
			continue;
		irq->eventfds[set->start + i] = msg->fds[i];
		msg->fds[i] = -1;
	}
	if (set->index == VFIO_PCI_INTX_IRQ_INDEX)
		mask(m, false);
	return 0;
}

static int set_unmask_eventfd(struct model *m, struct message *msg)
{
	int fd = msg->num_fds ? msg->fds[0] : -1;

	if (msg->num_fds > 1 || (fd >= 0 && !usable_eventfd(fd)))
		return -EINVAL;
	if (fd >= 0)
		msg->fds[0] = -1;
	set_unmask_fd(m, fd);
	return 0;
}

static int act_on_eventfds(struct model *m, struct message *msg,
			   const struct vfio_irq_set *set)
{
	if (set->flags & VFIO_IRQ_SET_ACTION_TRIGGER)
		return set_eventfds(m, msg, set);
	if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK &&
	    set->index == VFIO_PCI_INTX_IRQ_INDEX)
		return set_unmask_eventfd(m, msg);
	return -ENOTSUP;
}

/* Those for which @wanted is set, or all if there is no such array */
static int act(struct model *m, const struct vfio_irq_set *set,
	       const uint8_t *wanted)
{
	unsigned int i;

	if (!(set->flags & VFIO_IRQ_SET_ACTION_TRIGGER) &&
	    set->index != VFIO_PCI_INTX_IRQ_INDEX)
		return -ENOTSUP;
	for (i = 0; i < set->count; i++) {
		if (wanted && !wanted[i])
			continue;
		if (set->flags & VFIO_IRQ_SET_ACTION_TRIGGER)
			model_irq_trigger(m, set->index, set->start + i);
		else
			mask(m, set->flags & VFIO_IRQ_SET_ACTION_MASK);
	}
	return 0;
}

static bool one_bit(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* Of an index, kinds of data and action that exist, for interrupts that do */
static bool is_valid(const struct model *m, const struct vfio_irq_set *set)
{
	if (set->argsz < sizeof(*set) || set->index >= VFIO_PCI_NUM_IRQS ||
	    set->flags & ~(DATA_TYPES | ACTIONS) ||
	    !one_bit(set->flags & DATA_TYPES) ||
	    !one_bit(set->flags & ACTIONS))
		return false;
	return set->start <= m->irqs[set->index].count &&
	       set->count <= m->irqs[set->index].count - set->start;
}

int irq_set(struct model *m, struct message *msg)
{
	const struct vfio_irq_set *set = (void *)msg->payload;
	size_t len = msg->len - sizeof(*set);
	uint32_t data = set->flags & DATA_TYPES;

	if (!is_valid(m, set))
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_EVENTFD)
		return set->count && !len ? act_on_eventfds(m, msg, set) :
					    -EINVAL;
	if (msg->num_fds)
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_BOOL)
		return set->count && len == set->count ?
		       act(m, set, set->data) : -EINVAL;
	if (len)
		return -EINVAL;
	if (set->count)
		return act(m, set, NULL);
	if (set->start || !(set->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
		return -EINVAL;
	disable(m, set->index);
	return 0;
}
