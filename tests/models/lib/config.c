// SPDX-License-Identifier: GPL-2.0-only
/* PCI config space: the header, capabilities, and what writes to them do */

#include <errno.h>
#include <string.h>

#include "internal.h"

uint32_t model_config_get(const struct model *m, unsigned int offset,
			  unsigned int width)
{
	return get_le(&m->config[offset], width);
}

void model_config_set(struct model *m, unsigned int offset, unsigned int width,
		      uint32_t value)
{
	put_le(&m->config[offset], width, value);
}

void model_config_writable(struct model *m, unsigned int offset,
			   unsigned int width, uint32_t mask)
{
	put_le(&m->writable[offset], width, mask);
}

static bool is_64bit(const struct model_bar *bar)
{
	return !(bar->flags & PCI_BASE_ADDRESS_SPACE_IO) &&
	       (bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) ==
	       PCI_BASE_ADDRESS_MEM_TYPE_64;
}

/* What can be written is the address, so that sizing needs nothing more. */
static void init_bar(struct model *m, unsigned int index)
{
	const struct model_bar *bar = &m->device->bars[index];
	unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * index;
	uint64_t mask = ~(bar->size - 1);

	if (!bar->size)
		return;
	model_config_set(m, offset, 4, bar->flags);
	model_config_writable(m, offset, 4, mask);
	if (is_64bit(bar))
		model_config_writable(m, offset + 4, 4, mask >> 32);
}

uint64_t model_bar_address(const struct model *m, unsigned int bar)
{
	const struct model_bar *b = &m->device->bars[bar];
	unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint64_t address = model_config_get(m, offset, 4);

	if (is_64bit(b))
		address |= (uint64_t)model_config_get(m, offset + 4, 4) << 32;
	return address & ~(b->size - 1);
}

void config_init(struct model *m)
{
	const struct model_device *d = m->device;
	unsigned int i;

	model_config_set(m, PCI_VENDOR_ID, 2, d->vendor);
	model_config_set(m, PCI_DEVICE_ID, 2, d->device);
	model_config_set(m, PCI_CLASS_REVISION, 4,
			 d->class_code << 8 | d->revision);
	model_config_set(m, PCI_SUBSYSTEM_VENDOR_ID, 2, d->subsystem_vendor);
	model_config_set(m, PCI_SUBSYSTEM_ID, 2, d->subsystem);
	model_config_set(m, PCI_INTERRUPT_PIN, 1, d->intx_pin);
	model_config_writable(m, PCI_COMMAND, 2,
			      PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			      PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			      PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	model_config_writable(m, PCI_CACHE_LINE_SIZE, 1, 0xff);
	model_config_writable(m, PCI_INTERRUPT_LINE, 1, 0xff);
	for (i = 0; i < MODEL_BARS; i++)
		init_bar(m, i);
}

static bool is_free(const struct model *m, unsigned int start,
		    unsigned int offset, unsigned int len, unsigned int end)
{
	return len && offset % 4 == 0 && offset >= start && offset < end &&
	       len <= end - offset && end <= m->device->config_size;
}

int model_add_capability(struct model *m, uint8_t id, unsigned int offset,
			 unsigned int len)
{
	unsigned int link = m->last_capability ?
		m->last_capability + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST;

	if (!is_free(m, PCI_STD_HEADER_SIZEOF, offset, len, 256))
		return -EINVAL;
	model_config_set(m, PCI_STATUS, 2,
			 model_config_get(m, PCI_STATUS, 2) |
			 PCI_STATUS_CAP_LIST);
	model_config_set(m, link, 1, offset);
	model_config_set(m, offset, 2, id);
	m->last_capability = offset;
	return 0;
}

/* The first is at 256, as that is where a driver begins to look. */
int model_add_extended_capability(struct model *m, uint16_t id,
				  uint8_t version, unsigned int offset,
				  unsigned int len)
{
	unsigned int last = m->last_extended;

	if (!is_free(m, 256, offset, len, MODEL_CONFIG_MAX) ||
	    (offset == 256) != !last)
		return -EINVAL;
	if (last)
		model_config_set(m, last + 2, 2,
				 model_config_get(m, last + 2, 2) |
				 offset << 4);
	model_config_set(m, offset, 4, id | version << 16);
	m->last_extended = offset;
	return 0;
}

int model_add_pm(struct model *m, unsigned int offset)
{
	int ret = model_add_capability(m, PCI_CAP_ID_PM, offset,
				       PCI_PM_SIZEOF);

	if (ret)
		return ret;
	m->pm = offset;
	model_config_set(m, offset + PCI_PM_PMC, 2, 2);
	model_config_writable(m, offset + PCI_PM_CTRL, 2,
			      PCI_PM_CTRL_STATE_MASK);
	return 0;
}

int model_add_pcie(struct model *m, unsigned int offset, unsigned int type)
{
	int ret = model_add_capability(m, PCI_CAP_ID_EXP, offset,
				       PCI_CAP_EXP_ENDPOINT_SIZEOF_V2);

	if (ret)
		return ret;
	m->pcie = offset;
	model_config_set(m, offset + PCI_EXP_FLAGS, 2, 2 | type << 4);
	model_config_set(m, offset + PCI_EXP_DEVCAP, 4,
			 PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR);
	model_config_writable(m, offset + PCI_EXP_DEVCTL, 2,
			      0xffff & ~PCI_EXP_DEVCTL_BCR_FLR);
	if (type == PCI_EXP_TYPE_RC_END)
		return 0;
	model_config_set(m, offset + PCI_EXP_LNKCAP, 4,
			 PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4);
	model_config_set(m, offset + PCI_EXP_LNKSTA, 2,
			 PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1);
	model_config_writable(m, offset + PCI_EXP_LNKCTL, 2,
			      PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_CCC);
	return 0;
}

int model_add_msi(struct model *m, unsigned int offset, unsigned int vectors,
		  uint16_t flags)
{
	bool wide = flags & PCI_MSI_FLAGS_64BIT;
	unsigned int data = offset + (wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
	int ret;

	if (!vectors || vectors > 32 || vectors & (vectors - 1) ||
	    flags & ~PCI_MSI_FLAGS_64BIT)
		return -EINVAL;
	ret = model_add_capability(m, PCI_CAP_ID_MSI, offset,
				   data + 2 - offset);
	if (ret)
		return ret;
	m->msi = offset;
	model_config_set(m, offset + PCI_MSI_FLAGS, 2,
			 flags | __builtin_ctz(vectors) << 1);
	model_config_writable(m, offset + PCI_MSI_FLAGS, 2,
			      PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	model_config_writable(m, offset + PCI_MSI_ADDRESS_LO, 4, ~3U);
	if (wide)
		model_config_writable(m, offset + PCI_MSI_ADDRESS_HI, 4, ~0U);
	model_config_writable(m, data, 2, 0xffff);
	return irq_resize(m, VFIO_PCI_MSI_IRQ_INDEX, vectors);
}

int model_add_msix(struct model *m, unsigned int offset, unsigned int vectors,
		   unsigned int bar, uint32_t table, uint32_t pba)
{
	uint64_t size = bar < MODEL_BARS ? m->device->bars[bar].size : 0;
	unsigned int pba_size = (vectors + 63) / 64 * 8;
	int ret;

	if (!vectors || vectors > 2048 || table % 8 || pba % 8 ||
	    table + 16ULL * vectors > size || (uint64_t)pba + pba_size > size)
		return -EINVAL;
	ret = model_add_capability(m, PCI_CAP_ID_MSIX, offset,
				   PCI_CAP_MSIX_SIZEOF);
	if (ret)
		return ret;
	m->msix = offset;
	model_config_set(m, offset + PCI_MSIX_FLAGS, 2, vectors - 1);
	model_config_writable(m, offset + PCI_MSIX_FLAGS, 2,
			      PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	model_config_set(m, offset + PCI_MSIX_TABLE, 4, table | bar);
	model_config_set(m, offset + PCI_MSIX_PBA, 4, pba | bar);
	return irq_resize(m, VFIO_PCI_MSIX_IRQ_INDEX, vectors);
}

unsigned int model_irq_index(const struct model *m)
{
	if (m->msix && model_config_get(m, m->msix + PCI_MSIX_FLAGS, 2) &
	    PCI_MSIX_FLAGS_ENABLE)
		return VFIO_PCI_MSIX_IRQ_INDEX;
	if (m->msi && model_config_get(m, m->msi + PCI_MSI_FLAGS, 2) &
	    PCI_MSI_FLAGS_ENABLE)
		return VFIO_PCI_MSI_IRQ_INDEX;
	return VFIO_PCI_INTX_IRQ_INDEX;
}

void config_read(struct model *m, unsigned int offset, uint8_t *buf,
		 unsigned int len)
{
	memcpy(buf, m->config + offset, len);
}

static unsigned int power_state(const struct model *m)
{
	if (!m->pm)
		return 0;
	return model_config_get(m, m->pm + PCI_PM_CTRL, 2) &
	       PCI_PM_CTRL_STATE_MASK;
}

/* The bit reads as 0, so it is in no mask. */
static bool writes_flr(const struct model *m, unsigned int offset,
		       const uint8_t *buf, unsigned int len)
{
	unsigned int byte = m->pcie + PCI_EXP_DEVCTL + 1;

	return m->pcie && offset <= byte && byte < offset + len &&
	       buf[byte - offset] & (PCI_EXP_DEVCTL_BCR_FLR >> 8);
}

void config_write(struct model *m, unsigned int offset, const uint8_t *buf,
		  unsigned int len)
{
	unsigned int state = power_state(m);
	unsigned int i;
	uint8_t mask;

	for (i = 0; i < len; i++) {
		mask = m->writable[offset + i];
		m->config[offset + i] = (m->config[offset + i] & ~mask) |
					(buf[i] & mask);
	}
	if (writes_flr(m, offset, buf, len) ||
	    (state == 3 && power_state(m) == 0))
		model_reset(m);
	irq_intx_update(m);
	if (m->device->config_written)
		m->device->config_written(m, offset, len);
}

/*
 * The BARs stay: the client has a copy that its guest reads, so a guest that
 * restores them after a reset writes none that it finds unchanged.
 */
void config_reset(struct model *m)
{
	uint8_t bars[4 * MODEL_BARS];

	memcpy(bars, m->config + PCI_BASE_ADDRESS_0, sizeof(bars));
	memcpy(m->config, m->reset_config, sizeof(m->config));
	memcpy(m->config + PCI_BASE_ADDRESS_0, bars, sizeof(bars));
}
