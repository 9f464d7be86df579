// SPDX-License-Identifier: GPL-2.0-only
/* Which command is whose, and what every answer has in common */

#include <errno.h>

#include "internal.h"

/* @len: of the payload, to which @data may be added */
struct command {
	int (*handle)(struct model *m, struct message *msg);
	size_t len;
	bool data;
	unsigned int max_fds;
};

static int device_info(struct model *m, struct message *msg)
{
	const struct vfio_user_device_info *request = (void *)msg->payload;
	struct vfio_user_device_info *reply;

	(void)m;
	if (request->argsz < sizeof(*reply))
		return -EINVAL;
	reply = message_reply(msg, sizeof(*reply));
	if (!reply)
		return -ENOMEM;
	reply->argsz = sizeof(*reply);
	reply->flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI;
	reply->num_regions = VFIO_PCI_NUM_REGIONS;
	reply->num_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

static int device_reset(struct model *m, struct message *msg)
{
	(void)msg;
	model_reset(m);
	return 0;
}

static const struct command commands[] = {
	[VFIO_USER_VERSION] = {
		.handle = version_negotiate,
		.len = sizeof(struct vfio_user_version),
		.data = true,
	},
	[VFIO_USER_DMA_MAP] = {
		.handle = dma_map,
		.len = sizeof(struct vfio_iommu_type1_dma_map),
		.max_fds = 1,
	},
	[VFIO_USER_DMA_UNMAP] = {
		.handle = dma_unmap,
		.len = sizeof(struct vfio_iommu_type1_dma_unmap),
	},
	[VFIO_USER_DEVICE_GET_INFO] = {
		.handle = device_info,
		.len = sizeof(struct vfio_user_device_info),
	},
	[VFIO_USER_DEVICE_GET_REGION_INFO] = {
		.handle = region_info,
		.len = sizeof(struct vfio_region_info),
	},
	[VFIO_USER_DEVICE_GET_IRQ_INFO] = {
		.handle = irq_info,
		.len = sizeof(struct vfio_irq_info),
	},
	[VFIO_USER_DEVICE_SET_IRQS] = {
		.handle = irq_set,
		.len = sizeof(struct vfio_irq_set),
		.data = true,
		.max_fds = MAX_FDS,
	},
	[VFIO_USER_REGION_READ] = {
		.handle = region_read,
		.len = sizeof(struct vfio_user_region_access),
	},
	[VFIO_USER_REGION_WRITE] = {
		.handle = region_write,
		.len = sizeof(struct vfio_user_region_access),
		.data = true,
	},
	[VFIO_USER_DEVICE_RESET] = {
		.handle = device_reset,
	},
	[VFIO_USER_REGION_WRITE_MULTI] = {
		.handle = region_write_multi,
		.len = sizeof(struct vfio_user_write_multi),
		.data = true,
	},
};

static int handle(struct model *m, struct message *msg)
{
	const struct command *command;

	if (msg->header.command >= ARRAY_SIZE(commands) ||
	    !commands[msg->header.command].handle)
		return -ENOTSUP;
	command = &commands[msg->header.command];
	if (!m->connection.negotiated &&
	    msg->header.command != VFIO_USER_VERSION)
		return -EINVAL;
	if (msg->len < command->len ||
	    (msg->len > command->len && !command->data) ||
	    msg->num_fds > command->max_fds)
		return -EINVAL;
	return command->handle(m, msg);
}

void command_handle(struct model *m, struct message *msg)
{
	struct vfio_user_header *header = &msg->header;
	int ret;

	if ((header->flags & VFIO_USER_TYPE) == VFIO_USER_TYPE_REPLY)
		return;
	ret = handle(m, msg);
	/* Who has the reply can count on it that they are gone. */
	message_close_fds(msg);
	if (header->flags & VFIO_USER_NO_REPLY)
		return;
	header->flags = VFIO_USER_TYPE_REPLY | (ret ? VFIO_USER_ERROR : 0);
	header->error = -ret;
	if (ret)
		connection_send(&m->connection, header, NULL, 0, -1);
	else
		connection_send(&m->connection, header, msg->reply,
				msg->reply_len, msg->reply_fd);
}
