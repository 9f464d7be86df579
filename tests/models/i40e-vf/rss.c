// SPDX-License-Identifier: GPL-2.0-only
/* Receive side scaling: which queue a packet goes to */

#include <string.h>

#include "vf.h"

static uint64_t classes(unsigned int base, const unsigned int *list, size_t n)
{
	uint64_t mask = 0;

	while (n--)
		mask |= BIT64(base + list[n]);
	return mask;
}

/* The X722 tells more classes apart. */
uint64_t rss_default_hena(const struct vf *vf)
{
	static const unsigned int xl710[] = {
		PCTYPE_UDP, PCTYPE_TCP, PCTYPE_SCTP, PCTYPE_OTHER,
		PCTYPE_FRAGMENT,
	};
	static const unsigned int x722[] = {
		PCTYPE_UNICAST_UDP, PCTYPE_MULTICAST_UDP, PCTYPE_TCP_SYN,
	};
	uint64_t hena = BIT64(PCTYPE_L2);

	hena |= classes(PCTYPE_IPV4, xl710, ARRAY_SIZE(xl710));
	hena |= classes(PCTYPE_IPV6, xl710, ARRAY_SIZE(xl710));
	if (vf->port->x722) {
		hena |= classes(PCTYPE_IPV4, x722, ARRAY_SIZE(x722));
		hena |= classes(PCTYPE_IPV6, x722, ARRAY_SIZE(x722));
	}
	return hena;
}

/* Key and table live longer than a function's reset (register header). */
void rss_reset(struct vf *vf)
{
	uint64_t hena = rss_default_hena(vf);

	vf->hena[0] = hena;
	vf->hena[1] = hena >> 32;
}

static bool is_active(const struct vf *vf, const uint8_t *msg)
{
	return vf->pf.state == PF_ACTIVE && virtchnl_vsi_is(vf, get16(msg));
}

void vc_rss_key(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	if (!is_active(vf, msg) || get16(msg + 2) != HKEY_LEN)
		a->status = VC_ERR_PARAM;
	else
		memcpy(vf->hkey, msg + 4, HKEY_LEN);
}

void vc_rss_lut(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	unsigned int i;

	a->status = VC_ERR_PARAM;
	if (!is_active(vf, msg) || get16(msg + 2) != HLUT_LEN)
		return;
	for (i = 0; i < HLUT_LEN; i++)
		if (msg[4 + i] >= vf->pf.num_queues)
			return;
	memcpy(vf->hlut, msg + 4, HLUT_LEN);
	a->status = VC_OK;
}

void vc_get_hena(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	(void)msg;
	if (vf->pf.state != PF_ACTIVE) {
		a->status = VC_ERR_PARAM;
		return;
	}
	put64(a->reply, rss_default_hena(vf));
	a->len = 8;
}

void vc_set_hena(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	if (vf->pf.state != PF_ACTIVE) {
		a->status = VC_ERR_PARAM;
		return;
	}
	vf->hena[0] = get32(msg);
	vf->hena[1] = get32(msg + 4);
}

/* For each bit of the input that is set, the 32 bits of the key from there on */
uint32_t rss_toeplitz(const uint8_t *key, const uint8_t *input,
		      unsigned int len)
{
	uint32_t window = get_be32(key), hash = 0;
	unsigned int i, bit, next;

	for (i = 0; i < 8 * len; i++) {
		if (input[i / 8] & 0x80 >> i % 8)
			hash ^= window;
		next = i + 32;
		bit = key[next / 8] >> (7 - next % 8) & 1;
		window = window << 1 | bit;
	}
	return hash;
}

bool rss_hash(const struct vf *vf, const struct packet *p, uint32_t *hash)
{
	uint64_t hena = vf->hena[0] | (uint64_t)vf->hena[1] << 32;

	if (!(hena & BIT64(p->pctype)) || !p->hash_len)
		return false;
	*hash = rss_toeplitz(vf->hkey, p->hash_input, p->hash_len);
	return true;
}
