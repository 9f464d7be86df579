/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live migration as its user sees it: states, and the stream
 *
 * Every function returns 0 or -errno, unless it says otherwise.
 */
#ifndef _SELFTESTS_MIGRATION_H
#define _SELFTESTS_MIGRATION_H

#include <stdbool.h>

#include "vfio.h"

/* The states, in a word each */
#define ERROR		VFIO_DEVICE_STATE_ERROR
#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING
#define RUNNING_P2P	VFIO_DEVICE_STATE_RUNNING_P2P
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P
#define NUM_STATES	VFIO_DEVICE_STATE_NR

const char *mig_name(uint32_t state);
/* VFIO_MIGRATION_... */
int mig_flags(struct vfio_user *u, uint64_t *flags);
bool mig_has_precopy(struct vfio_user *u);
/* The state, or -errno */
int mig_state(struct vfio_user *u);
/*
 * @fd: the data file that the kernel named, -1 for none, also on an error; NULL
 * to close what there is
 */
int mig_set_state(struct vfio_user *u, uint32_t state, int *fd);
int mig_data_size(struct vfio_user *u, uint64_t *size);
int mig_precopy_info(int fd, struct vfio_precopy_info *info);

#define MIG_STREAM_MAX	(128 * 1024)

struct mig_stream {
	size_t len;
	uint8_t bytes[MIG_STREAM_MAX];
};

/*
 * Appends to the stream what there is, @chunk bytes at a time. 0 at the end,
 * -ENOMSG where more will come.
 */
int mig_read(int fd, struct mig_stream *stream, size_t chunk);
/* All of it, @chunk bytes at a time */
int mig_write(int fd, const void *bytes, size_t len, size_t chunk);

#endif /* _SELFTESTS_MIGRATION_H */
