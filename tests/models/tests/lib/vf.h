/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver for the functions of i40e-vf, which can also misbehave
 *
 * Each function's memory is a file, mapped at MEMORY; the parts of it have
 * fixed places.
 */
#ifndef _MODELS_TESTS_VF_H
#define _MODELS_TESTS_VF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "client.h"
#include "i40e-vf/hw.h"

#define VFS		2
#define MEMORY		0x10000000ULL
#define MEMORY_SIZE	0x800000ULL
#define ATQ		0x0000
#define ARQ		0x1000
#define ATQ_BUFFER	0x2000
#define AQ_ENTRIES	32
#define ARQ_BUFFERS	0x10000
#define TX_RING(q)	(0x40000 + 0x4000 * (q))
#define RX_RING(q)	(0x60000 + 0x4000 * (q))
#define RING		64
#define RX_BUFFERS	0x100000
#define RX_BUFFER	2048
#define RX_HEADERS	0x180000
#define TX_BUFFERS	0x200000

#define MAC(n)		"\x52\x54\x00\x0e\x00" n

/* @atq, @arq: the next of each; @vectors: eventfds */
struct vf_function {
	struct client c;
	int memfd;
	uint8_t *memory;
	unsigned int atq;
	unsigned int arq;
	int vectors[5];
};

struct vf_model {
	pid_t pid;
	char path[64];
	int control;
	struct vf_function f[VFS];
};

/* Into a message */
static inline void put16(uint8_t *p, uint16_t value)
{
	memcpy(p, &value, 2);
}

static inline void put32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, 4);
}

/* Starts the program with @options, which NULL ends; 0 if all went well. */
int vf_start(struct vf_model *v, const char *const *options);
/* 0 if it ended as it should */
int vf_end(struct vf_model *v);
/* A socket for commands, or -errno; struct vf_model has one. */
int vf_connect_control(const char *path);
/* The answer to a command, in memory that the next call uses again */
const char *vf_command(struct vf_model *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Of "NAME VALUE" in what the command says; -1 if it is not there */
long vf_value(struct vf_model *v, const char *command, const char *name);

/* On since vf_start(), until a function level reset */
void vf_bus_master(struct vf_function *f, bool on);
uint32_t vf_get(struct vf_function *f, uint32_t reg);
void vf_put(struct vf_function *f, uint32_t reg, uint32_t value);

/* Both queues, with all of ARQ's buffers posted */
void vf_adminq(struct vf_function *f);
/* The return value of the admin queue's command; -1 when it is not done */
int vf_send(struct vf_function *f, uint32_t opcode, const void *msg,
	    uint16_t len);
/* The next message; false if there is none. @len: room, and then its length */
bool vf_receive(struct vf_function *f, uint32_t *opcode, int32_t *status,
		void *msg, uint16_t *len);
/* A request and the status of its answer, for which it waits; events are lost. */
int32_t vf_request(struct vf_function *f, uint32_t opcode, const void *msg,
		   uint16_t len, void *reply, uint16_t *reply_len);
/* Waits for VFGEN_RSTAT. */
bool vf_active(struct vf_function *f);

/* Admin queue, version and resources; the VSI, or 0 */
uint16_t vf_open(struct vf_function *f);
/* A message for @n queue pairs, each of RING descriptors; its length */
uint16_t vf_queue_config(uint8_t *msg, uint16_t vsi, unsigned int n,
			 uint32_t max_packet);
/* Configures, maps queue i to vector i + 1, enables, posts buffers. */
int32_t vf_queues(struct vf_function *f, uint16_t vsi, unsigned int n);
void vf_post(struct vf_function *f, unsigned int queue, unsigned int n,
	     unsigned int descriptor);

#endif /* _MODELS_TESTS_VF_H */
