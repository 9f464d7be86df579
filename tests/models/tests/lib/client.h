/* SPDX-License-Identifier: GPL-2.0-only */
/* The client's side of the protocol, which can also misbehave */
#ifndef _MODELS_TESTS_CLIENT_H
#define _MODELS_TESTS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/vfio.h>

#include "protocol.h"

#define CLIENT_TIMEOUT_MS	10000

/*
 * @memory: what answers DMA_READ and DMA_WRITE while we wait for a reply,
 *	as the @memory_len bytes at IOVA @memory_iova; @dma_calls counts them
 */
struct client {
	int fd;
	uint16_t id;
	uint8_t *memory;
	size_t memory_len;
	uint64_t memory_iova;
	unsigned int dma_calls;
};

struct reply {
	struct vfio_user_header header;
	size_t len;
	int fd;
	uint8_t payload[MAX_PAYLOAD] __attribute__((aligned(8)));
};

/* REGION_WRITE of 32 bits to BAR0, to be sent as it is */
struct raw_write {
	struct vfio_user_header header;
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint32_t value;
} __attribute__((packed));

struct raw_write raw_write(uint16_t id, uint32_t flags, uint64_t offset,
			   uint32_t value);

/* Functions return 0 or -errno; -ECONNRESET when the server closed. */
int client_connect(struct client *c, const char *path);
/* Also exchanges versions. */
int client_open(struct client *c, const char *path);
void client_close(struct client *c);

/* Raw bytes, with file descriptors */
int client_send(struct client *c, const void *buf, size_t len, const int *fds,
		unsigned int num_fds);
int client_receive(struct client *c, struct reply *r);
/* Did the server close the connection? Replies on the way are skipped. */
bool client_closed(struct client *c);

/*
 * A command, and its reply in *@r, whose fd is the caller's then, or NULL. The
 * error of the reply is what is returned, and so is -EBADMSG for a reply that
 * is none to this command.
 */
int client_call(struct client *c, uint16_t command, const void *payload,
		size_t len, const int *fds, unsigned int num_fds,
		struct reply *r);

int client_read(struct client *c, uint32_t region, uint64_t offset, void *buf,
		uint32_t count);
int client_write(struct client *c, uint32_t region, uint64_t offset,
		 const void *buf, uint32_t count);
/* Of 32 bits; ~0 when it fails */
uint32_t client_get(struct client *c, uint32_t region, uint64_t offset);
int client_put(struct client *c, uint32_t region, uint64_t offset,
	       uint32_t value);

/* @fd: -1 for none */
int client_map(struct client *c, uint64_t iova, uint64_t size, uint32_t flags,
	       int fd, uint64_t offset);
/* *@size: what was unmapped; may be NULL */
int client_unmap(struct client *c, uint64_t iova, uint64_t size,
		 uint32_t flags, uint64_t *unmapped);
/* @data: with VFIO_IRQ_SET_DATA_BOOL; @fds with _EVENTFD, NULL for none */
int client_set_irqs(struct client *c, uint32_t index, uint32_t flags,
		    uint32_t start, uint32_t count, const uint8_t *data,
		    const int *fds);

/* Waits until the eventfd was signalled; -ETIMEDOUT */
int eventfd_wait(int fd, int timeout_ms);

#endif /* _MODELS_TESTS_CLIENT_H */
