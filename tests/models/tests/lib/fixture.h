/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What most tests begin and end with: a server, and a client that it knows
 *
 * A server that has crashed, has leaked (with sanitizers) or does not end is a
 * failure of the test that made it so.
 */
#ifndef _MODELS_TESTS_FIXTURE_H
#define _MODELS_TESTS_FIXTURE_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "client.h"
#include "device.h"

/* Region indices, shorter */
#define BAR0	VFIO_PCI_BAR0_REGION_INDEX
#define BAR2	VFIO_PCI_BAR2_REGION_INDEX
#define BAR4	VFIO_PCI_BAR4_REGION_INDEX
#define BAR5	VFIO_PCI_BAR5_REGION_INDEX
#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX

#define DMA_READ	VFIO_DMA_MAP_FLAG_READ
#define DMA_WRITE	VFIO_DMA_MAP_FLAG_WRITE
#define DMA_BOTH	(DMA_READ | DMA_WRITE)

#define PAGE	4096ULL

/* In KB, what allocators may keep for themselves; ASan's freed memory waits */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_SLACK	(300 * 1024)
#else
#define MEMORY_SLACK	256
#endif

#define MODEL_FIXTURE(name) \
FIXTURE(name) { \
	struct server s; \
	struct client c; \
	struct reply r; \
}; \
FIXTURE_SETUP(name) \
{ \
	ASSERT_EQ(0, server_start(&self->s, 0)); \
	ASSERT_EQ(0, client_open(&self->c, self->s.path)); \
} \
FIXTURE_TEARDOWN(name) \
{ \
	client_close(&self->c); \
	EXPECT_EQ(0, server_end(&self->s)); \
}

#endif /* _MODELS_TESTS_FIXTURE_H */
