// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "migration.h"

const char *mig_name(uint32_t state)
{
	static const char *const names[NUM_STATES] = {
		[ERROR] = "ERROR",
		[STOP] = "STOP",
		[RUNNING] = "RUNNING",
		[STOP_COPY] = "STOP_COPY",
		[RESUMING] = "RESUMING",
		[RUNNING_P2P] = "RUNNING_P2P",
		[PRE_COPY] = "PRE_COPY",
		[PRE_COPY_P2P] = "PRE_COPY_P2P",
	};

	return state < NUM_STATES ? names[state] : "?";
}

int mig_flags(struct vfio_user *u, uint64_t *flags)
{
	struct vfio_device_feature_migration feature = {};
	int ret;

	ret = vfio_feature(u, VFIO_DEVICE_FEATURE_GET |
			   VFIO_DEVICE_FEATURE_MIGRATION, &feature,
			   sizeof(feature));
	*flags = feature.flags;
	return ret;
}

bool mig_has_precopy(struct vfio_user *u)
{
	uint64_t flags;

	return !mig_flags(u, &flags) && flags & VFIO_MIGRATION_PRE_COPY;
}

int mig_state(struct vfio_user *u)
{
	struct vfio_device_feature_mig_state feature = {};
	int ret;

	ret = vfio_feature(u, VFIO_DEVICE_FEATURE_GET |
			   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &feature,
			   sizeof(feature));
	if (ret)
		return ret;
	return feature.data_fd == -1 ? (int)feature.device_state : -EBADMSG;
}

int mig_set_state(struct vfio_user *u, uint32_t state, int *fd)
{
	struct vfio_device_feature_mig_state feature = {
		.device_state = state,
		.data_fd = -1,
	};
	int ret;

	ret = vfio_feature(u, VFIO_DEVICE_FEATURE_SET |
			   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &feature,
			   sizeof(feature));
	if (fd)
		*fd = feature.data_fd;
	else if (feature.data_fd >= 0)
		close(feature.data_fd);
	return ret;
}

int mig_data_size(struct vfio_user *u, uint64_t *size)
{
	struct vfio_device_feature_mig_data_size feature = {};
	int ret;

	ret = vfio_feature(u, VFIO_DEVICE_FEATURE_GET |
			   VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, &feature,
			   sizeof(feature));
	*size = feature.stop_copy_length;
	return ret;
}

int mig_precopy_info(int fd, struct vfio_precopy_info *info)
{
	*info = (struct vfio_precopy_info){ .argsz = sizeof(*info) };
	return ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, info) ? -errno : 0;
}

int mig_read(int fd, struct mig_stream *stream, size_t chunk)
{
	ssize_t done;

	while (stream->len < MIG_STREAM_MAX) {
		size_t left = MIG_STREAM_MAX - stream->len;

		done = read(fd, stream->bytes + stream->len,
			    chunk < left ? chunk : left);
		if (done <= 0)
			return done ? -errno : 0;
		stream->len += done;
	}
	return -EFBIG;
}

int mig_write(int fd, const void *bytes, size_t len, size_t chunk)
{
	const uint8_t *at = bytes;
	ssize_t done;

	while (len) {
		done = write(fd, at, chunk < len ? chunk : len);
		if (done <= 0)
			return done ? -errno : -EIO;
		at += done;
		len -= done;
	}
	return 0;
}
