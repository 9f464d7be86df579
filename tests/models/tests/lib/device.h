/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device with something of everything, and its server in a process of its own
 *
 * BAR0 has the registers below, BAR2 two ranges of memory with traps between
 * and before, BAR4 is I/O, BAR5 has the MSI-X table.
 */
#ifndef _MODELS_TESTS_DEVICE_H
#define _MODELS_TESTS_DEVICE_H

#include <sys/types.h>

#include "client.h"

/* Registers of 32 bits in BAR0, read and written */
enum {
	REG_SCRATCH	= 0x00,
	REG_IOVA_LOW	= 0x08,
	REG_IOVA_HIGH	= 0x0c,
	REG_LENGTH	= 0x10,
	/* Writes 1: from memory into the buffer, 2: the other way */
	REG_DMA		= 0x14,
	/* of the last DMA or interrupt, a negative errno */
	REG_RESULT	= 0x18,
	/* index << 16 | vector */
	REG_IRQ		= 0x1c,
	REG_INTX	= 0x20,
	/* Milliseconds until a timer triggers MSI-X vector 0 */
	REG_TIMER	= 0x24,
	/* of the last access to a trap, and how many there were */
	REG_WIDTH	= 0x28,
	REG_TRAPS	= 0x2c,
	REG_RESETS	= 0x30,
	/* Ends model_serve(). */
	REG_STOP	= 0x34,
	REG_BUFFER	= 0x1000,
};

#define BAR0_SIZE	0x10000
#define BUFFER_SIZE	0x8000
#define BAR2_SIZE	0x10000
#define BAR2_FIRST	0x4000
#define BAR2_SECOND	0xc000
#define BAR2_LENGTH	0x4000
/* Every byte of a trap in BAR2 reads as this. */
#define TRAP_BYTE	0xee

#define MSI_VECTORS	4
#define MSIX_VECTORS	8

#define CAP_PM		0x40
#define CAP_MSI		0x50
#define CAP_PCIE	0x70
#define CAP_MSIX	0xb0

struct server {
	pid_t pid;
	char path[64];
};

/* @flags: of model_serve() */
int server_start(struct server *s, unsigned int flags);
/* How many file descriptors it has open, when it is between two messages */
int server_fds(const struct server *s);
/* Its resident memory in KB */
long server_memory(const struct server *s);
/* By REG_STOP if it still runs. 0 if it ended as it should. */
int server_end(struct server *s);
/* Waits for it to end by itself. */
int server_wait(struct server *s);

#endif /* _MODELS_TESTS_DEVICE_H */
