/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the library know of each other */
#ifndef _MODELS_INTERNAL_H
#define _MODELS_INTERNAL_H

#include "model.h"
#include "protocol.h"

#define PAGE		4096ULL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * @len: of the payload
 * @fds: closed when the command is done; who keeps one puts -1 in its place
 * @reply_fd: belongs to someone else
 */
struct message {
	struct message *next;
	struct vfio_user_header header;
	uint32_t len;
	unsigned int num_fds;
	int fds[MAX_FDS];
	void *reply;
	uint32_t reply_len;
	int reply_fd;
	uint8_t payload[] __attribute__((aligned(8)));
};

/*
 * @broken: to be closed, as soon as nobody is in the middle of it
 * @header, @received, @partial, @fds: the message that is arriving
 * @queue: what arrived while we were waiting for a reply
 */
struct connection {
	int fd;
	bool broken;
	bool negotiated;
	uint32_t max_xfer;
	uint16_t next_id;
	struct vfio_user_header header;
	size_t received;
	struct message *partial;
	unsigned int num_fds;
	int fds[MAX_FDS];
	struct message *queue;
	struct message **queue_end;
	unsigned int queued;
};

/* @masked, @asserted, @unmask_fd: INTx only */
struct irq {
	unsigned int count;
	int *eventfds;
	bool masked;
	bool asserted;
	int unmask_fd;
};

struct bar {
	int memfd;
	uint8_t *memory;
};

struct watch;
struct control;

struct model {
	const struct model_device *device;
	void *private;
	bool stop;
	unsigned int flags;

	int epoll;
	struct watch *watches;

	int listener;
	struct connection connection;

	struct control *controls;

	uint8_t config[MODEL_CONFIG_MAX];
	uint8_t writable[MODEL_CONFIG_MAX];
	uint8_t reset_config[MODEL_CONFIG_MAX];
	unsigned int last_capability;
	unsigned int last_extended;
	unsigned int pm;
	unsigned int pcie;
	unsigned int msi;
	unsigned int msix;

	struct bar bars[MODEL_BARS];
	struct irq irqs[VFIO_PCI_NUM_IRQS];

	/* struct mapping, a tree of tsearch(3) */
	void *maps;
	unsigned int num_maps;
};

static inline uint64_t get_le(const uint8_t *p, unsigned int width)
{
	uint64_t value = 0;

	while (width--)
		value = value << 8 | p[width];
	return value;
}

static inline void put_le(uint8_t *p, unsigned int width, uint64_t value)
{
	for (; width--; value >>= 8)
		*p++ = value;
}

/* loop.c: removes the dead and calls back until all have @stop */
int loop_init(struct model *m);
int loop_run(struct model *const *models, unsigned int count);
void loop_exit(struct model *m);

/* server.c: what the loop does after each round */
void server_poll(struct model *m);

/* connection.c */
void connection_open(struct connection *c, int fd);
void connection_close(struct connection *c);
/* 1 and a message, or 0; then the rest is to come, or the connection broken. */
int connection_receive(struct connection *c, struct message **msg);
/* The next from the queue, or NULL */
struct message *connection_dequeue(struct connection *c);
void connection_send(struct connection *c, struct vfio_user_header *header,
		     const void *payload, size_t len, int fd);
/*
 * A command to the client, with two pieces of payload. The reply, or NULL when
 * there was none in time; errors are replies too.
 */
struct message *connection_call(struct connection *c, uint16_t command,
				const void *head, size_t head_len,
				const void *data, size_t data_len);
void message_free(struct message *msg);
void message_close_fds(struct message *msg);
/* Zeroed room for the reply's payload; NULL and nothing changed without memory */
void *message_reply(struct message *msg, uint32_t len);

/* command.c: answers */
void command_handle(struct model *m, struct message *msg);

/* These and the others below handle a command; 0 or -errno. */
int version_negotiate(struct model *m, struct message *msg);

/* region.c */
int region_init(struct model *m);
void region_exit(struct model *m);
int region_info(struct model *m, struct message *msg);
int region_read(struct model *m, struct message *msg);
int region_write(struct model *m, struct message *msg);
int region_write_multi(struct model *m, struct message *msg);

/* config.c */
void config_init(struct model *m);
void config_read(struct model *m, unsigned int offset, uint8_t *buf,
		 unsigned int len);
void config_write(struct model *m, unsigned int offset, const uint8_t *buf,
		  unsigned int len);
void config_reset(struct model *m);

/* irq.c */
int irq_resize(struct model *m, unsigned int index, unsigned int count);
int irq_info(struct model *m, struct message *msg);
int irq_set(struct model *m, struct message *msg);
/* INTx was enabled or disabled in the command register. */
void irq_intx_update(struct model *m);
/* The client's part, and all */
void irq_disconnect(struct model *m);
void irq_exit(struct model *m);

/* dma.c */
int dma_init(void);
int dma_map(struct model *m, struct message *msg);
int dma_unmap(struct model *m, struct message *msg);
void dma_unmap_all(struct model *m);

/* control.c */
void control_exit(struct model *m);

/* server.c: by command, by FLR, or by the way from D3hot to D0 */
void model_reset(struct model *m);

#endif /* _MODELS_INTERNAL_H */
