// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR0: which register is where
 *
 * Registers are 32 bits wide. What is not 4 bytes at a multiple of 4 reads as
 * part of one, and is not written; the driver's readq() is two accesses.
 */

#include "vf.h"

/* Is it one of @count registers of 32 bits that begin at @base? */
static bool in(uint64_t offset, uint64_t base, unsigned int count,
	       unsigned int *index)
{
	if (offset < base || offset >= base + 4ULL * count)
		return false;
	*index = (offset - base) / 4;
	return true;
}

static uint32_t *rss_register(struct vf *vf, uint64_t offset)
{
	unsigned int i;

	if (in(offset, VFQF_HENA, 2, &i))
		return &vf->hena[i];
	return NULL;
}

/* The bytes that are packed into registers */
static uint8_t *rss_bytes(struct vf *vf, uint64_t offset)
{
	unsigned int i;

	if (in(offset, VFQF_HKEY, HKEY_LEN / 4, &i))
		return &vf->hkey[4 * i];
	if (in(offset, VFQF_HLUT, HLUT_LEN / 4, &i))
		return &vf->hlut[4 * i];
	return NULL;
}

static uint16_t *itr_register(struct vf *vf, uint64_t offset)
{
	unsigned int i, v;

	if (in(offset, VFINT_ITR01, 3, &i))
		return &vf->itr0[i];
	for (i = 0; i < 3; i++)
		if (in(offset, VFINT_ITRN1 + 64 * i, vf->port->num_vectors - 1,
		       &v))
			return &vf->vectors[v + 1].itr[i];
	return NULL;
}

static bool read_adminq(const struct vf *vf, uint64_t offset, uint32_t *value)
{
	switch (offset) {
	case VF_ATQBAL1:
		*value = vf->atq.base;
		return true;
	case VF_ATQBAH1:
		*value = vf->atq.base >> 32;
		return true;
	case VF_ATQLEN1:
		*value = vf->atq.len;
		return true;
	case VF_ATQH1:
		*value = vf->atq.head;
		return true;
	case VF_ATQT1:
		*value = vf->atq.tail;
		return true;
	case VF_ARQBAL1:
		*value = vf->arq.base;
		return true;
	case VF_ARQBAH1:
		*value = vf->arq.base >> 32;
		return true;
	case VF_ARQLEN1:
		*value = vf->arq.len;
		return true;
	case VF_ARQH1:
		*value = vf->arq.head;
		return true;
	case VF_ARQT1:
		*value = vf->arq.tail;
		return true;
	}
	return false;
}

static bool read_queues(struct vf *vf, uint64_t offset, uint32_t *value)
{
	unsigned int i;

	if (in(offset, QTX_TAIL1, MAX_QUEUES, &i))
		*value = vf->tx[i].tail;
	else if (in(offset, QRX_TAIL1, MAX_QUEUES, &i))
		*value = vf->rx[i].tail;
	else if (in(offset, VFINT_DYN_CTLN1, vf->port->num_vectors - 1, &i))
		*value = irq_read_dyn_ctl(vf, i + 1);
	else
		return false;
	return true;
}

static uint32_t read_register(struct vf *vf, uint64_t offset)
{
	uint32_t value;

	if (read_adminq(vf, offset, &value) || read_queues(vf, offset, &value))
		return value;
	switch (offset) {
	case VFGEN_RSTAT:
		return vf->rstat;
	case VFINT_ICR01:
		return irq_read_icr0(vf);
	case VFINT_ICR0_ENA1:
		return vf->icr0_ena;
	case VFINT_DYN_CTL01:
		return irq_read_dyn_ctl(vf, 0);
	case VFINT_STAT_CTL01:
		return 0;
	}
	if (rss_register(vf, offset))
		return *rss_register(vf, offset);
	if (rss_bytes(vf, offset))
		return get32(rss_bytes(vf, offset));
	if (itr_register(vf, offset))
		return *itr_register(vf, offset);
	return NO_REGISTER;
}

static void set_low(uint64_t *base, uint32_t value)
{
	*base = (*base & ~0xffffffffULL) | (value & -AQ_BASE_ALIGN);
}

static void set_high(uint64_t *base, uint32_t value)
{
	*base = (*base & 0xffffffffULL) | (uint64_t)value << 32;
}

static bool write_adminq(struct vf *vf, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VF_ATQBAL1:
		set_low(&vf->atq.base, value);
		return true;
	case VF_ATQBAH1:
		set_high(&vf->atq.base, value);
		return true;
	case VF_ATQLEN1:
		vf->atq.len = value & AQ_LEN_BITS;
		return true;
	case VF_ATQH1:
		vf->atq.head = value & AQ_LEN_MASK;
		return true;
	case VF_ATQT1:
		vf->atq.tail = value & AQ_LEN_MASK;
		adminq_run(vf);
		return true;
	case VF_ARQBAL1:
		set_low(&vf->arq.base, value);
		return true;
	case VF_ARQBAH1:
		set_high(&vf->arq.base, value);
		return true;
	case VF_ARQLEN1:
		vf->arq.len = value & AQ_LEN_BITS;
		return true;
	case VF_ARQH1:
		vf->arq.head = value & AQ_LEN_MASK;
		return true;
	case VF_ARQT1:
		vf->arq.tail = value & AQ_LEN_MASK;
		return true;
	}
	return false;
}

/* A tail can be written before its queue is enabled, and is heeded then. */
static bool write_queues(struct vf *vf, uint64_t offset, uint32_t value)
{
	unsigned int i;

	if (in(offset, QTX_TAIL1, MAX_QUEUES, &i)) {
		vf->tx[i].tail = value & 0x1fff;
		tx_run(vf, i);
	} else if (in(offset, QRX_TAIL1, MAX_QUEUES, &i)) {
		vf->rx[i].tail = value & 0x1fff;
	} else if (in(offset, VFINT_DYN_CTLN1, vf->port->num_vectors - 1, &i)) {
		irq_write_dyn_ctl(vf, i + 1, value);
	} else {
		return false;
	}
	return true;
}

static void write_register(struct vf *vf, uint64_t offset, uint32_t value)
{
	if (write_adminq(vf, offset, value) || write_queues(vf, offset, value))
		return;
	if (offset == VFINT_DYN_CTL01)
		irq_write_dyn_ctl(vf, 0, value);
	else if (offset == VFINT_ICR0_ENA1)
		irq_write_icr0_ena(vf, value);
	else if (rss_register(vf, offset))
		*rss_register(vf, offset) = value;
	else if (rss_bytes(vf, offset))
		put32(rss_bytes(vf, offset), value);
	else if (itr_register(vf, offset))
		*itr_register(vf, offset) = value & ITR_MASK;
}

uint64_t regs_read(struct model *m, unsigned int bar, uint64_t offset,
		   unsigned int width)
{
	struct vf *vf = model_private(m);
	uint64_t value = read_register(vf, offset & ~3ULL);

	(void)bar;
	if (width == 8)
		return value | (uint64_t)read_register(vf, offset + 4) << 32;
	return value >> 8 * (offset & 3);
}

void regs_write(struct model *m, unsigned int bar, uint64_t offset,
		uint64_t value, unsigned int width)
{
	struct vf *vf = model_private(m);

	(void)bar;
	if (width < 4)
		return;
	write_register(vf, offset, value);
	if (width == 8)
		write_register(vf, offset + 4, value >> 32);
}
