// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration stream, and the file that a user reads it from or writes it to
 *
 * The stream is a sequence of records: first the identity of the device, then
 * what the destination must have, if the vendor says so, then the vendor's state,
 * then nothing.  Each has a header and a checksum over
 * header and payload.  It grows in two ways that older streams and older hosts
 * survive: a payload gets longer, of which an older host ignores what it does
 * not know; and a record with RECORD_OPTIONAL is skipped by a host that does
 * not know it.  Anything else is a new version, which an older host refuses.
 *
 * What is written is hostile: a record is looked at when it is complete, and
 * the first wrong one ends the stream.
 */

#include <linux/anon_inodes.h>
#include <linux/crc32.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "../core.h"
#include "migration.h"

#define STREAM_MAGIC	0x5450444d	/* "MDPT" */
#define STREAM_VERSION	1

/* Room for optional records of a newer host */
#define STREAM_SLACK	SZ_64K

enum record_type {
	RECORD_IDENTITY = 1,
	RECORD_STATE = 2,
	RECORD_OPTIONAL = 0x8000,	/* flag */
	RECORD_NEEDS = RECORD_OPTIONAL | 3,
};

/* @crc: CRC-32 of the header up to here, and of the @len bytes of payload */
struct record {
	__le32 magic;
	__le16 version;
	__le16 type;
	__le32 len;
	__le32 crc;
};

/* @type: without "pt-", padded with 0; @state_version: of what save() wrote */
struct identity {
	__le16 vendor;
	__le16 device;
	__le16 subsystem_vendor;
	__le16 subsystem_device;
	__le32 revision;
	__le32 state_version;
	char type[32] __nonstring;
};

/*
 * struct mdev_pt_stream - one file, read by the user or written
 * @ref: the file's and the state machine's
 * @pt: the device; held, but without the state machine's reference no longer of
 *	use
 * @mig: its migration; held
 * @pdev: for messages; held
 * @identity: of this device
 * @lock: guards what follows
 * @buf: @size bytes, of which @len are there
 * @pos: up to where it was read, or its records were looked at
 * @precopy: more will come
 * @more: who waits for it
 * @ended: the state machine went on; the file is dead. Set once, without lock.
 * @error: what was wrong with what was written, or why it must not be used
 * @identified: the stream is for this device
 * @needs: the device has what the vendor's part of it needs
 * @state: where the vendor's state is in @buf, 0 before it came
 * @state_len: its length
 * @state_version: as the source said
 */
struct mdev_pt_stream {
	struct kref ref;
	struct mdev_pt_device *pt;
	struct mdev_pt_migration *mig;
	struct pci_dev *pdev;
	struct identity identity;
	struct mutex lock;	/* guards what follows */
	u8 *buf;
	size_t size;
	size_t len;
	size_t pos;
	bool precopy;
	wait_queue_head_t more;
	bool ended;
	int error;
	bool identified;
	bool needs;
	size_t state;
	size_t state_len;
	u32 state_version;
};

/* Who writes streams must not fill the log. */
#define stream_err(stream, fmt, ...) \
	dev_err_ratelimited(&(stream)->pdev->dev, "migration: " fmt "\n", \
			    ##__VA_ARGS__)

static void stream_release(struct kref *ref)
{
	struct mdev_pt_stream *stream =
		container_of(ref, struct mdev_pt_stream, ref);

	kvfree(stream->buf);
	pci_dev_put(stream->pdev);
	kobject_put(&stream->mig->kobj);
	put_device(&stream->pt->vdev.vdev.device);
	kfree(stream);
}

static struct mdev_pt_stream *stream_alloc(struct mdev_pt_device *pt,
					   size_t size)
{
	struct pci_dev *pdev = pt->vdev.pdev;
	struct mdev_pt_stream *stream;
	struct identity *identity;

	stream = kzalloc(sizeof(*stream), GFP_KERNEL_ACCOUNT);
	if (!stream)
		return ERR_PTR(-ENOMEM);
	stream->buf = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!stream->buf) {
		kfree(stream);
		return ERR_PTR(-ENOMEM);
	}
	stream->size = size;
	kref_init(&stream->ref);
	mutex_init(&stream->lock);
	init_waitqueue_head(&stream->more);
	stream->pdev = pci_dev_get(pdev);
	stream->pt = pt;
	get_device(&pt->vdev.vdev.device);
	stream->mig = pt->mig;
	kobject_get(&pt->mig->kobj);

	identity = &stream->identity;
	identity->vendor = cpu_to_le16(pdev->vendor);
	identity->device = cpu_to_le16(pdev->device);
	identity->subsystem_vendor = cpu_to_le16(pdev->subsystem_vendor);
	identity->subsystem_device = cpu_to_le16(pdev->subsystem_device);
	identity->revision = cpu_to_le32(pdev->revision);
	identity->state_version = cpu_to_le32(pt->ops->migration->version);
	/* Not longer, as the registry sees to */
	memcpy(identity->type, pt->vendor->type,
	       strnlen(pt->vendor->type, sizeof(identity->type)));
	return stream;
}

static u32 record_crc(const struct record *record, const void *payload,
		      size_t len)
{
	u32 crc = crc32_le(~0, (const u8 *)record, offsetof(struct record, crc));

	return crc32_le(crc, payload, len);
}

/* The payload of @len bytes is in place, behind room for the header. */
static void record_close(struct mdev_pt_stream *stream, u16 type, size_t len)
{
	struct record record = {
		.magic = cpu_to_le32(STREAM_MAGIC),
		.version = cpu_to_le16(STREAM_VERSION),
		.type = cpu_to_le16(type),
		.len = cpu_to_le32(len),
	};
	u8 *at = stream->buf + stream->len;

	record.crc = cpu_to_le32(record_crc(&record, at + sizeof(record), len));
	memcpy(at, &record, sizeof(record));
	stream->len += sizeof(record) + len;
}

/* The most that a stream of this device has, in bytes */
size_t mdev_pt_stream_size(struct mdev_pt_device *pt)
{
	const struct mdev_pt_migration_ops *ops = pt->ops->migration;

	return 3 * sizeof(struct record) + sizeof(struct identity) +
	       ops->needs_size + ops->state_size;
}

/*
 * What the vendor has to say, in the place of the next record's payload: its length,
 * or an error.  Nobody else writes behind stream->len.
 */
static ssize_t take(struct mdev_pt_stream *stream, struct mdev_pt_device *pt,
		    ssize_t (*fill)(struct mdev_pt_device *pt, void *buf,
				    size_t size),
		    size_t size)
{
	u8 *payload = stream->buf + stream->len + sizeof(struct record);
	ssize_t len;
	int ret;

	ret = mdev_pt_memory_hold(pt);
	if (ret)
		return ret;
	len = fill(pt, payload, size);
	mdev_pt_memory_release(pt);
	if (WARN_ONCE(len > (ssize_t)size,
		      "mdev_pt: a vendor's needs or state are longer than it says\n"))
		return -EINVAL;
	return len;
}

/* A stream to be read, which begins with the identity of the device */
struct mdev_pt_stream *mdev_pt_stream_save(struct mdev_pt_device *pt)
{
	struct mdev_pt_stream *stream = stream_alloc(pt, mdev_pt_stream_size(pt));
	const struct mdev_pt_migration_ops *ops = pt->ops->migration;
	ssize_t len;

	if (IS_ERR(stream))
		return stream;
	memcpy(stream->buf + sizeof(struct record), &stream->identity,
	       sizeof(stream->identity));
	record_close(stream, RECORD_IDENTITY, sizeof(stream->identity));
	if (!ops->needs)
		return stream;
	len = take(stream, pt, ops->needs, ops->needs_size);
	if (len < 0) {
		mdev_pt_stream_end(stream);
		return ERR_PTR(len);
	}
	record_close(stream, RECORD_NEEDS, len);
	return stream;
}

/* A stream to be written */
struct mdev_pt_stream *mdev_pt_stream_load(struct mdev_pt_device *pt)
{
	return stream_alloc(pt, mdev_pt_stream_size(pt) + STREAM_SLACK);
}

/* Reading waits at the end (ENOMSG) instead of finding it. */
void mdev_pt_stream_set_precopy(struct mdev_pt_stream *stream, bool precopy)
{
	mutex_lock(&stream->lock);
	stream->precopy = precopy;
	mutex_unlock(&stream->lock);
	wake_up_all(&stream->more);
}

/*
 * Append the vendor's state: the function is quiescent. With an @error no reader gets
 * any of it.
 */
int mdev_pt_stream_take_state(struct mdev_pt_stream *stream,
			      struct mdev_pt_device *pt, int error)
{
	const struct mdev_pt_migration_ops *ops = pt->ops->migration;
	ssize_t len = take(stream, pt, ops->save, ops->state_size);

	if (len < 0)
		return len;

	mutex_lock(&stream->lock);
	record_close(stream, RECORD_STATE, len);
	stream->error = error;
	stream->precopy = false;
	mutex_unlock(&stream->lock);
	wake_up_all(&stream->more);
	return 0;
}

/* All of it was written, and the vendor's state loaded: 0, or why not */
int mdev_pt_stream_loaded(struct mdev_pt_stream *stream)
{
	int ret;

	mutex_lock(&stream->lock);
	ret = stream->error;
	if (!ret && (!stream->state || stream->pos != stream->len)) {
		ret = -EINVAL;
		stream_err(stream, "the stream ends early: %zu bytes",
			   stream->len);
	}
	mutex_unlock(&stream->lock);
	return ret;
}

/* The state machine's last use of it; also under memory_lock, so without locks */
void mdev_pt_stream_end(struct mdev_pt_stream *stream)
{
	WRITE_ONCE(stream->ended, true);
	wake_up_all(&stream->more);
	kref_put(&stream->ref, stream_release);
}

static int check_identity(struct mdev_pt_stream *stream, const void *payload,
			  size_t len)
{
	const struct identity *own = &stream->identity;
	struct identity id;

	if (stream->identified || len < sizeof(id)) {
		stream_err(stream, "the stream is not as mdev-pt writes it");
		return -EINVAL;
	}

	memcpy(&id, payload, sizeof(id));
	if (!id.state_version) {
		stream_err(stream, "the stream is not as mdev-pt writes it");
		return -EINVAL;
	}
	if (memcmp(id.type, own->type, sizeof(id.type))) {
		stream_err(stream, "the stream is of type pt-%*pE: start an mdev of that type",
			   (int)strnlen(id.type, sizeof(id.type)), id.type);
		return -EINVAL;
	}
	if (memcmp(&id, own, offsetof(struct identity, state_version))) {
		stream_err(stream, "the stream is of device %04x:%04x, subsystem %04x:%04x, revision %u: use an equal one",
			   le16_to_cpu(id.vendor), le16_to_cpu(id.device),
			   le16_to_cpu(id.subsystem_vendor),
			   le16_to_cpu(id.subsystem_device),
			   le32_to_cpu(id.revision));
		return -EINVAL;
	}
	if (le32_to_cpu(id.state_version) > le32_to_cpu(own->state_version)) {
		stream_err(stream, "the stream is of version %u of this type, this host has %u: update it",
			   le32_to_cpu(id.state_version),
			   le32_to_cpu(own->state_version));
		return -EINVAL;
	}

	stream->identified = true;
	stream->state_version = le32_to_cpu(id.state_version);
	return 0;
}

/* The state machine's lock is held, which is also the vendor's. */
static int check_needs(struct mdev_pt_stream *stream, const void *payload,
		       size_t len)
{
	struct mdev_pt_device *pt = stream->pt;
	const struct mdev_pt_migration_ops *ops = pt->ops->migration;
	int ret;

	if (!stream->identified || stream->needs) {
		stream_err(stream, "the stream is not as mdev-pt writes it");
		return -EINVAL;
	}
	stream->needs = true;
	if (!ops->check)
		return 0;
	ret = mdev_pt_memory_hold(pt);
	if (ret)
		return ret;
	ret = ops->check(pt, payload, len, stream->state_version);
	mdev_pt_memory_release(pt);
	return mdev_pt_vendor_result(ret);
}

static int check_record(struct mdev_pt_stream *stream, u16 type, size_t at,
			size_t len)
{
	if (type == RECORD_IDENTITY)
		return check_identity(stream, stream->buf + at, len);
	if (type == RECORD_NEEDS)
		return check_needs(stream, stream->buf + at, len);
	if (type & RECORD_OPTIONAL)
		return 0;
	if (type != RECORD_STATE || !stream->identified) {
		stream_err(stream, "the stream is not as mdev-pt writes it");
		return -EINVAL;
	}

	stream->state = at;
	stream->state_len = len;
	return 0;
}

/* Can there be such a record? */
static int check_header(struct mdev_pt_stream *stream,
			const struct record *record)
{
	size_t len = le32_to_cpu(record->len);

	if (le32_to_cpu(record->magic) != STREAM_MAGIC || !record->version) {
		stream_err(stream, "the stream is not one of mdev-pt, or is damaged");
		return -EINVAL;
	}
	if (le16_to_cpu(record->version) > STREAM_VERSION) {
		stream_err(stream, "the stream is of format %u, this host has %u: update it",
			   le16_to_cpu(record->version), STREAM_VERSION);
		return -EINVAL;
	}
	if (len > stream->size - stream->pos - sizeof(*record)) {
		stream_err(stream, "the stream has a record of %zu bytes, which is too long",
			   len);
		return -EINVAL;
	}
	return 0;
}

/* Look at the records that are complete. */
static int check_stream(struct mdev_pt_stream *stream)
{
	struct record record;
	size_t len, left;
	u8 *payload;
	int ret;

	while (stream->pos < stream->len) {
		left = stream->len - stream->pos;
		if (stream->state) {
			stream_err(stream, "the stream goes on behind its end");
			return -EINVAL;
		}
		if (left < sizeof(record))
			return 0;
		memcpy(&record, stream->buf + stream->pos, sizeof(record));
		ret = check_header(stream, &record);
		if (ret)
			return ret;
		len = le32_to_cpu(record.len);
		if (left - sizeof(record) < len)
			return 0;

		stream->pos += sizeof(record);
		payload = stream->buf + stream->pos;
		if (le32_to_cpu(record.crc) != record_crc(&record, payload, len)) {
			stream_err(stream, "the stream is damaged: wrong checksum");
			return -EINVAL;
		}
		ret = check_record(stream, le16_to_cpu(record.type),
				   stream->pos, len);
		if (ret)
			return ret;
		stream->pos += len;
	}
	return 0;
}

static ssize_t stream_read(struct file *filp, char __user *buf, size_t count,
			   loff_t *ppos)
{
	struct mdev_pt_stream *stream = filp->private_data;
	ssize_t ret;

	if (ppos)
		return -ESPIPE;

	mutex_lock(&stream->lock);
	count = min(count, stream->len - stream->pos);
	if (READ_ONCE(stream->ended)) {
		ret = -ENODEV;
	} else if (stream->error) {
		ret = stream->error;
	} else if (!count && stream->pos == stream->len && stream->precopy) {
		ret = -ENOMSG;
	} else if (copy_to_user(buf, stream->buf + stream->pos, count)) {
		ret = -EFAULT;
	} else {
		stream->pos += count;
		ret = count;
	}
	mutex_unlock(&stream->lock);
	return ret;
}

/* Readable also at the end, and when there is nothing any more. */
static __poll_t stream_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct mdev_pt_stream *stream = filp->private_data;
	__poll_t mask = 0;

	poll_wait(filp, &stream->more, wait);

	mutex_lock(&stream->lock);
	if (READ_ONCE(stream->ended))
		mask = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	else if (!stream->precopy || stream->pos < stream->len)
		mask = EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&stream->lock);
	return mask;
}

static long stream_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
#ifdef VFIO_MIG_GET_PRECOPY_INFO
	struct mdev_pt_stream *stream = filp->private_data;
	struct vfio_precopy_info info = {};
	size_t minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	mutex_lock(&stream->lock);
	if (READ_ONCE(stream->ended) || !stream->precopy) {
		mutex_unlock(&stream->lock);
		return -EINVAL;
	}
	info.flags = 0;
	info.initial_bytes = stream->len - stream->pos;
	info.dirty_bytes = 0;
	mutex_unlock(&stream->lock);

	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
#else
	return -ENOTTY;
#endif
}

/* Take in @count bytes, and look at them. */
static int stream_append(struct mdev_pt_stream *stream, const char __user *buf,
			 size_t count)
{
	if (stream->error)
		return stream->error;
	if (count > stream->size - stream->len) {
		stream_err(stream, "the stream is longer than %zu bytes",
			   stream->size);
		stream->error = -EINVAL;
		return -EINVAL;
	}
	if (copy_from_user(stream->buf + stream->len, buf, count))
		return -EFAULT;
	stream->len += count;
	stream->error = check_stream(stream);
	return stream->error;
}

/*
 * The state is loaded as soon as it is there: a write that fails has the source
 * go on, while the state machine goes on only after it was given up.
 */
static int stream_load(struct mdev_pt_stream *stream)
{
	struct mdev_pt_device *pt = stream->pt;
	int ret;

	ret = mdev_pt_memory_hold(pt);
	if (!ret) {
		ret = pt->ops->migration->load(pt, stream->buf + stream->state,
					       stream->state_len,
					       stream->state_version);
		ret = mdev_pt_vendor_result(ret);
		mdev_pt_memory_release(pt);
	}
	stream->error = ret;
	return ret;
}

static ssize_t stream_write(struct file *filp, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	struct mdev_pt_stream *stream = filp->private_data;
	int ret = -ENODEV;

	if (ppos)
		return -ESPIPE;

	/* The vendor is called, so not beside the state machine. */
	if (!mdev_pt_migration_lock(stream->mig, stream))
		goto out;

	mutex_lock(&stream->lock);
	ret = stream_append(stream, buf, count);
	if (!ret && count && stream->state) {
		ret = stream_load(stream);
		if (ret)
			mdev_pt_migration_error(stream->mig);
	}
	mutex_unlock(&stream->lock);
out:
	mdev_pt_migration_unlock(stream->pt, stream->mig);
	return ret ?: count;
}

static int stream_file_release(struct inode *inode, struct file *filp)
{
	struct mdev_pt_stream *stream = filp->private_data;

	kref_put(&stream->ref, stream_release);
	return 0;
}

static const struct file_operations save_fops = {
	.owner = THIS_MODULE,
	.read = stream_read,
	.poll = stream_poll,
	.unlocked_ioctl = stream_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = stream_file_release,
};

static const struct file_operations load_fops = {
	.owner = THIS_MODULE,
	.write = stream_write,
	.release = stream_file_release,
};

/* The file of the stream, to be given to the user: once. */
struct file *mdev_pt_stream_file(struct mdev_pt_stream *stream)
{
	bool saving = stream->len;
	struct file *filp;

	kref_get(&stream->ref);
	filp = anon_inode_getfile("[mdev-pt migration]",
				  saving ? &save_fops : &load_fops, stream,
				  saving ? O_RDONLY : O_WRONLY);
	if (IS_ERR(filp)) {
		kref_put(&stream->ref, stream_release);
		return filp;
	}
	stream_open(file_inode(filp), filp);
	return filp;
}
