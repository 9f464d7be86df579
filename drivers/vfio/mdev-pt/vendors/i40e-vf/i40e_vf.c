// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual functions of Intel XL710 and X722: mdev type pt-i40e-vf
 *
 * What vfio-pci would give, and live migration. The core sees what the rings are
 * used for while pages are tracked, and nothing outside of it: tails are the user's
 * alone. The admin queues are slow, and trapped (see adminq.c).
 *
 * A VF can't stop its queues without its PF, and can't say where they are to go on.
 * So it is stopped by its bus mastering, and goes on after a reset, of which the
 * user's driver is told: at the destination, and at the source if the move is
 * given up.
 */

#include <linux/bitfield.h>
#include <linux/etherdevice.h>
#include <linux/iopoll.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "i40e_vf.h"

/* For the PF to see that the VF was reset */
#define RESET_MS	500

struct i40e_vf_attrs {
	struct i40e_vf *i40e;
	struct device_attribute mac;
	struct device_attribute queues;
	struct device_attribute vectors;
	struct device_attribute capabilities;
	struct attribute *list[5];
	struct attribute_group group;
};

int i40e_vf_read(struct i40e_vf *i40e, u32 offset, u32 *value)
{
	u64 reg;
	int ret;

	ret = mdev_pt_bar_read(i40e->pt, I40E_VF_BAR, offset, 4, &reg);
	if (!ret)
		*value = reg;
	return ret;
}

int i40e_vf_write(struct i40e_vf *i40e, u32 offset, u32 value)
{
	return mdev_pt_bar_write(i40e->pt, I40E_VF_BAR, offset, 4, value);
}

static void was_reset(struct i40e_vf *i40e)
{
	i40e_vf_adminq_reset(i40e);
	memset(&i40e->before, 0, sizeof(i40e->before));
	i40e->repeat = false;
	i40e->touched = false;
}

void i40e_vf_lock(struct i40e_vf *i40e)
{
	mutex_lock(&i40e->lock);
	if (atomic_xchg(&i40e->reset, 0)) {
		was_reset(i40e);
		/* Nor is there anything to go on from. */
		memset(&i40e->state, 0, sizeof(i40e->state));
	}
}

void i40e_vf_unlock(struct i40e_vf *i40e)
{
	mutex_unlock(&i40e->lock);
}

/* Migration */

static int failed(struct i40e_vf *i40e, const char *what, int ret)
{
	i40e_vf_err(i40e, "can't %s the VF (%d): it does not respond as it should, reset it\n",
		    what, ret);
	return ret;
}

static int i40e_vf_quiesce(struct mdev_pt_device *pt)
{
	struct i40e_vf *i40e = pt->data;
	int master, ret;

	/* No DMA, and no interrupt, which is DMA, too */
	master = mdev_pt_set_bus_master(pt, false);
	if (master < 0)
		return failed(i40e, "stop", master);

	i40e_vf_lock(i40e);
	atomic_set(&i40e->master, master);
	ret = i40e_vf_adminq_capture(i40e);
	i40e_vf_unlock(i40e);
	if (!ret)
		return 0;

	if (atomic_xchg(&i40e->master, 0))
		mdev_pt_set_bus_master(pt, true);
	return failed(i40e, "stop", ret);
}

static int read_rstat(struct i40e_vf *i40e, u32 *value)
{
	*value = 0;
	return i40e_vf_read(i40e, VFGEN_RSTAT, value);
}

/*
 * What the queues did after their DMA was cut nobody knows. At a destination they
 * did nothing, and the reset of its open() will do, which saves 100 ms.
 */
static int reset(struct i40e_vf *i40e)
{
	int err = 0, ret;
	u32 value;

	if (!i40e->touched)
		return 0;
	ret = mdev_pt_reset(i40e->pt);
	if (ret)
		return ret;
	/* It was ours: reset_done() has nothing else to say. */
	atomic_set(&i40e->reset, 0);
	was_reset(i40e);

	/* Until then the interrupt may be lost. The driver has more patience. */
	read_poll_timeout(read_rstat, err,
			  err || FIELD_GET(VFGEN_RSTAT_VFR_STATE, value) ==
			  VFR_VFACTIVE, 1000, RESET_MS * 1000, false, i40e,
			  &value);
	return err;
}

static int i40e_vf_resume(struct mdev_pt_device *pt)
{
	struct i40e_vf *i40e = pt->data;
	int ret, master = 0;

	i40e_vf_lock(i40e);
	ret = reset(i40e);
	if (!ret && atomic_xchg(&i40e->master, 0))
		master = mdev_pt_set_bus_master(pt, true);
	if (master < 0)
		ret = master;
	if (!ret)
		ret = i40e_vf_adminq_restore(i40e);
	i40e_vf_unlock(i40e);
	return ret ? failed(i40e, "start", ret) : 0;
}

/* Once for each user: without messages there is nothing to be said elsewhere. */
static int check_heard(struct i40e_vf *i40e)
{
	if (!i40e->deaf)
		return 0;
	if (!i40e->deaf_said)
		dev_err_ratelimited(&i40e->pt->vdev.pdev->dev, "the messages to the PF could not be read, so it can't migrate: open the device by its group, and not by iommufd\n");
	i40e->deaf_said = true;
	return -EOPNOTSUPP;
}

static ssize_t i40e_vf_save(struct mdev_pt_device *pt, void *buf, size_t size)
{
	struct i40e_vf *i40e = pt->data;
	int ret;

	if (size < sizeof(i40e->state))
		return -EINVAL;

	i40e_vf_lock(i40e);
	ret = check_heard(i40e);
	if (!ret)
		memcpy(buf, &i40e->state, sizeof(i40e->state));
	i40e_vf_unlock(i40e);
	return ret ? ret : sizeof(i40e->state);
}

static ssize_t i40e_vf_needs(struct mdev_pt_device *pt, void *buf, size_t size)
{
	struct i40e_vf *i40e = pt->data;
	struct i40e_vf_needs needs = {};
	int ret;

	if (size < sizeof(needs))
		return -EINVAL;

	i40e_vf_lock(i40e);
	ret = check_heard(i40e);
	if (!ret)
		i40e_vf_fill_needs(&i40e->granted, &needs);
	i40e_vf_unlock(i40e);
	memcpy(buf, &needs, sizeof(needs));
	return ret ? ret : sizeof(needs);
}

static int not_valid(struct i40e_vf *i40e)
{
	i40e_vf_err(i40e, "the state in the stream is not one of an XL710 VF: migrate again\n");
	return -EINVAL;
}

static int i40e_vf_check(struct mdev_pt_device *pt, const void *buf,
			 size_t size, u32 version)
{
	struct i40e_vf *i40e = pt->data;
	struct i40e_vf_needs needs;

	if (size < sizeof(needs))
		return not_valid(i40e);
	memcpy(&needs, buf, sizeof(needs));
	return i40e_vf_check_needs(i40e, &needs);
}

static bool queue_valid(const struct i40e_vf_adminq_state *q)
{
	return !(le64_to_cpu(q->base) % VF_AQ_ALIGN) &&
	       !(le32_to_cpu(q->head) & ~VF_AQ_INDEX) &&
	       !(le32_to_cpu(q->tail) & ~VF_AQ_INDEX);
}

static bool state_valid(const struct i40e_vf_state *state)
{
	return queue_valid(&state->atq) && queue_valid(&state->arq) &&
	       !(le32_to_cpu(state->dyn_ctl) & ~(VFINT_DYN_CTL_INTENA |
						 VFINT_DYN_CTL_ITR_INDX)) &&
	       state->announced <= 1 && i40e_vf_granted_valid(&state->granted);
}

static int i40e_vf_load(struct mdev_pt_device *pt, const void *buf, size_t size,
			u32 version)
{
	struct i40e_vf *i40e = pt->data;
	struct i40e_vf_needs needs;
	struct i40e_vf_state *state;
	int ret;

	if (size < sizeof(*state))
		return not_valid(i40e);
	/* The stream may have it at any address. */
	state = kmemdup(buf, sizeof(*state), GFP_KERNEL);
	if (!state)
		return -ENOMEM;

	if (state_valid(state)) {
		i40e_vf_fill_needs(&state->granted, &needs);
		ret = i40e_vf_check_needs(i40e, &needs);
	} else {
		ret = not_valid(i40e);
	}
	if (!ret) {
		/* The rest when the function goes on: the user's memory is there. */
		i40e_vf_lock(i40e);
		i40e->state = *state;
		i40e_vf_unlock(i40e);
	}
	kfree(state);
	return ret;
}

static const struct mdev_pt_migration_ops i40e_vf_migration_ops = {
	.state_size	= sizeof(struct i40e_vf_state),
	.version	= 1,
	.quiesce	= i40e_vf_quiesce,
	.resume		= i40e_vf_resume,
	.save		= i40e_vf_save,
	.load		= i40e_vf_load,
	.needs_size	= sizeof(struct i40e_vf_needs),
	.needs		= i40e_vf_needs,
	.check		= i40e_vf_check,
	.mark_written	= i40e_vf_mark_written,
};

/* sysfs */

static ssize_t not_known(char *buf)
{
	return sysfs_emit(buf, "unknown\n");
}

static ssize_t mac_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	struct i40e_vf_learned *learned =
		&container_of(attr, struct i40e_vf_attrs, mac)->i40e->learned;

	return learned->known ? sysfs_emit(buf, "%pM\n", learned->mac) :
				not_known(buf);
}

static ssize_t queues_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct i40e_vf_learned *learned =
		&container_of(attr, struct i40e_vf_attrs, queues)->i40e->learned;

	return learned->known ? sysfs_emit(buf, "%u\n", learned->queues) :
				not_known(buf);
}

static ssize_t vectors_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct i40e_vf_learned *learned =
		&container_of(attr, struct i40e_vf_attrs, vectors)->i40e->learned;

	return learned->known ? sysfs_emit(buf, "%u\n", learned->vectors) :
				not_known(buf);
}

static ssize_t capabilities_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct i40e_vf_learned *learned =
		&container_of(attr, struct i40e_vf_attrs, capabilities)->i40e->learned;

	return learned->known ? sysfs_emit(buf, "%#x\n", learned->caps) :
				not_known(buf);
}

static void init_attr(struct i40e_vf_attrs *attrs, unsigned int index,
		      struct device_attribute *attr, const char *name,
		      ssize_t (*show)(struct device *dev,
				      struct device_attribute *attr, char *buf))
{
	sysfs_attr_init(&attr->attr);
	attr->attr.name = name;
	attr->attr.mode = 0444;
	attr->show = show;
	attrs->list[index] = &attr->attr;
}

/* In the mdev's directory, which doesn't know us: so these do. */
static int add_attrs(struct i40e_vf *i40e)
{
	struct i40e_vf_attrs *attrs = kzalloc(sizeof(*attrs), GFP_KERNEL);
	int ret;

	if (!attrs)
		return -ENOMEM;
	attrs->i40e = i40e;
	init_attr(attrs, 0, &attrs->mac, "mac", mac_show);
	init_attr(attrs, 1, &attrs->queues, "queues", queues_show);
	init_attr(attrs, 2, &attrs->vectors, "vectors", vectors_show);
	init_attr(attrs, 3, &attrs->capabilities, "capabilities",
		  capabilities_show);
	attrs->group.name = "i40e-vf";
	attrs->group.attrs = attrs->list;

	ret = sysfs_create_group(&i40e->pt->mdev->dev.kobj, &attrs->group);
	if (ret) {
		kfree(attrs);
		return ret;
	}
	i40e->attrs = attrs;
	return 0;
}

/* Life cycle */

static void init_written(struct i40e_vf *i40e)
{
	i40e->written_atq.head = VF_ATQH;
	i40e->written_atq.len = VF_ATQLEN;
	i40e->written_arq.head = VF_ARQH;
	i40e->written_arq.len = VF_ARQLEN;
}

static int i40e_vf_create(struct mdev_pt_device *pt)
{
	struct i40e_vf *i40e;
	int ret;

	i40e = kvzalloc(sizeof(*i40e), GFP_KERNEL);
	if (!i40e)
		return -ENOMEM;
	i40e->written_arq.buffers = kvcalloc(I40E_VF_AQ_MAX,
					     sizeof(struct i40e_vf_buffer),
					     GFP_KERNEL);
	if (!i40e->written_arq.buffers) {
		kvfree(i40e);
		return -ENOMEM;
	}
	i40e->pt = pt;
	mutex_init(&i40e->lock);
	mutex_init(&i40e->written_lock);
	INIT_LIST_HEAD(&i40e->requests);
	init_written(i40e);

	ret = add_attrs(i40e);
	if (ret) {
		kvfree(i40e->written_arq.buffers);
		kvfree(i40e);
		return ret;
	}
	/* It can be used without. */
	i40e_vf_learn(i40e);
	pt->data = i40e;
	return 0;
}

static void i40e_vf_remove(struct mdev_pt_device *pt)
{
	struct i40e_vf *i40e = pt->data;

	sysfs_remove_group(&pt->mdev->dev.kobj, &i40e->attrs->group);
	kfree(i40e->attrs);
	kvfree(i40e->written_arq.buffers);
	kvfree(i40e);
}

static int add_tails(struct i40e_vf *i40e)
{
	u32 itr[VFINT_ITRS * I40E_VF_VECTORS];
	u32 tails[2 * I40E_VF_QUEUES];
	unsigned int i;
	int ret;

	for (i = 0; i < I40E_VF_QUEUES; i++) {
		tails[i] = QRX_TAIL(i);
		tails[I40E_VF_QUEUES + i] = QTX_TAIL(i);
	}
	for (i = 0; i < ARRAY_SIZE(itr); i++)
		itr[i] = VFINT_ITRN(i / I40E_VF_VECTORS, i % I40E_VF_VECTORS);
	ret = mdev_pt_add_tails(i40e->pt, I40E_VF_BAR, tails,
				ARRAY_SIZE(tails));
	return ret ? ret : mdev_pt_add_beside(i40e->pt, I40E_VF_BAR, itr,
					      ARRAY_SIZE(itr));
}

static int i40e_vf_open(struct mdev_pt_device *pt)
{
	struct i40e_vf *i40e = pt->data;
	int ret;

	/* What the PF granted to one user is not the next one's. */
	atomic_set(&i40e->reset, 1);
	atomic_set(&i40e->master, 0);
	i40e->deaf_said = false;
	i40e->stale_tails = false;

	ret = i40e_vf_add_traps(i40e);
	return ret ? ret : add_tails(i40e);
}

/* Requests that are not answered */
static void i40e_vf_close(struct mdev_pt_device *pt)
{
	struct i40e_vf *i40e = pt->data;

	mutex_lock(&i40e->lock);
	i40e_vf_forget(i40e);
	mutex_unlock(&i40e->lock);
}

/* May hold the memory_lock, which accesses wait for with the lock held. */
static void i40e_vf_reset_done(struct mdev_pt_device *pt)
{
	struct i40e_vf *i40e = pt->data;

	atomic_set(&i40e->reset, 1);
	/* As the user has it: a reset ends a stopped state, too. */
	if (atomic_xchg(&i40e->master, 0))
		pci_set_master(pt->vdev.pdev);
}

static const struct mdev_pt_vendor_ops i40e_vf_ops = {
	.create		= i40e_vf_create,
	.remove		= i40e_vf_remove,
	.open		= i40e_vf_open,
	.close		= i40e_vf_close,
	.reset_done	= i40e_vf_reset_done,
	.migration	= &i40e_vf_migration_ops,
};

#define PCI_DEVICE_ID_INTEL_XL710_VF	0x154c
#define PCI_DEVICE_ID_INTEL_X722_VF	0x37cd

/* No MODULE_DEVICE_TABLE(): only who binds a function to "pt" wants this. */
static const struct pci_device_id i40e_vf_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, PCI_DEVICE_ID_INTEL_XL710_VF) },
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, PCI_DEVICE_ID_INTEL_X722_VF) },
	{}
};

static struct mdev_pt_vendor_driver i40e_vf_driver = {
	.owner		= THIS_MODULE,
	.name		= "Intel XL710 VF",
	.type		= "i40e-vf",
	.id_table	= i40e_vf_ids,
	.ops		= &i40e_vf_ops,
};
module_mdev_pt_vendor_driver(i40e_vf_driver);

MODULE_ALIAS("mdev-pt:8086-154c");
MODULE_ALIAS("mdev-pt:8086-37cd");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated passthrough and migration of Intel XL710 VFs");
MODULE_AUTHOR("The mdev-pt developers");
