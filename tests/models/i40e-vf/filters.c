// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which frames a function gets, and which it may send: MAC and VLAN filters,
 * promiscuity
 *
 * A function without VLAN filters gets every VLAN; with some, those and what has
 * no tag. Broadcast is always for it.
 */

#include <string.h>

#include "vf.h"

/* Of a function that is not trusted (i40e_virtchnl_pf.c) */
#define MAX_MACS_UNTRUSTED	18
#define MAX_VLANS_UNTRUSTED	16
#define MAX_VID			4095

static const uint8_t no_mac[ETH_ALEN];
static const uint8_t broadcast[ETH_ALEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

static bool mac_is(const uint8_t *a, const uint8_t *b)
{
	return !memcmp(a, b, ETH_ALEN);
}

static bool is_multicast(const uint8_t *mac)
{
	return mac[0] & 1;
}

static int find_mac(const struct vf *vf, const uint8_t *mac)
{
	unsigned int i;

	for (i = 0; i < vf->pf.num_macs; i++)
		if (mac_is(vf->pf.macs[i], mac))
			return i;
	return -1;
}

bool filters_has_mac(const struct vf *vf, const uint8_t *mac)
{
	return find_mac(vf, mac) >= 0;
}

static bool add_mac(struct vf *vf, const uint8_t *mac)
{
	if (filters_has_mac(vf, mac))
		return true;
	if (vf->pf.num_macs == MAX_MACS)
		return false;
	memcpy(vf->pf.macs[vf->pf.num_macs++], mac, ETH_ALEN);
	return true;
}

bool filters_remove_mac(struct vf *vf, const uint8_t *mac)
{
	int i = find_mac(vf, mac);

	if (i < 0)
		return false;
	memmove(vf->pf.macs[i], vf->pf.macs[i + 1],
		(--vf->pf.num_macs - i) * ETH_ALEN);
	return true;
}

void filters_reset(struct vf *vf)
{
	vf->pf.num_macs = 0;
	add_mac(vf, broadcast);
	if (!mac_is(vf->pf.default_mac, no_mac))
		add_mac(vf, vf->pf.default_mac);
}

static bool is_active(const struct vf *vf, const uint8_t *msg)
{
	return vf->pf.state == PF_ACTIVE && virtchnl_vsi_is(vf, get16(msg));
}

/* A MAC that the administrator has set is the only one. */
static bool may_add(const struct vf *vf, const uint8_t *mac)
{
	if (mac_is(mac, no_mac) || mac_is(mac, broadcast))
		return false;
	return vf->policy.trusted || is_multicast(mac) ||
	       mac_is(vf->policy.mac, no_mac) ||
	       mac_is(vf->policy.mac, mac);
}

static bool may_add_all(const struct vf *vf, const uint8_t *list,
			unsigned int n)
{
	unsigned int i, more = 0;

	for (i = 0; i < n; i++) {
		if (!may_add(vf, list + 8 * i))
			return false;
		more += !filters_has_mac(vf, list + 8 * i);
	}
	return vf->pf.num_macs + more <=
	       (vf->policy.trusted ? MAX_MACS : MAX_MACS_UNTRUSTED);
}

void vc_add_mac(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	unsigned int n = get16(msg + 2), i, type;
	const uint8_t *list = msg + 4;

	if (!is_active(vf, msg) || !may_add_all(vf, list, n)) {
		a->status = VC_ERR_PARAM;
		return;
	}
	for (i = 0; i < n; i++, list += 8) {
		add_mac(vf, list);
		type = list[6] & ETHER_ADDR_TYPE_MASK;
		if (!is_multicast(list) &&
		    (type == ETHER_ADDR_PRIMARY ||
		     (type == ETHER_ADDR_LEGACY &&
		      mac_is(vf->pf.default_mac, no_mac))))
			memcpy(vf->pf.default_mac, list, ETH_ALEN);
	}
}

void vc_del_mac(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	unsigned int n = get16(msg + 2), i;
	const uint8_t *list = msg + 4;

	a->status = VC_ERR_PARAM;
	if (!is_active(vf, msg))
		return;
	for (i = 0; i < n; i++)
		if (mac_is(list + 8 * i, no_mac) ||
		    mac_is(list + 8 * i, broadcast))
			return;
	for (i = 0; i < n; i++, list += 8) {
		if (mac_is(list, vf->policy.mac))
			continue;
		if (!filters_remove_mac(vf, list))
			return;
		if (mac_is(list, vf->pf.default_mac))
			memset(vf->pf.default_mac, 0, ETH_ALEN);
	}
	a->status = VC_OK;
}

bool filters_has_vlan(const struct vf *vf, unsigned int vid)
{
	return vf->pf.vlans[vid / 8] & BIT(vid % 8);
}

static bool are_vids(const uint8_t *msg)
{
	unsigned int i;

	for (i = 0; i < get16(msg + 2); i++)
		if (get16(msg + 4 + 2 * i) > MAX_VID)
			return false;
	return true;
}

/* Past the limit the PF says yes, and does nothing: as i40e does. */
void vc_add_vlan(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	struct pf_state *pf = &vf->pf;
	unsigned int i, vid;

	if (!is_active(vf, msg) || !are_vids(msg) || vf->policy.port_vlan) {
		a->status = VC_ERR_PARAM;
		return;
	}
	if (pf->num_vlans >= MAX_VLANS_UNTRUSTED && !vf->policy.trusted)
		return;
	pf->vlan_stripping = true;
	for (i = 0; i < get16(msg + 2); i++) {
		vid = get16(msg + 4 + 2 * i);
		if (filters_has_vlan(vf, vid))
			continue;
		pf->vlans[vid / 8] |= BIT(vid % 8);
		pf->num_vlans++;
	}
}

void vc_del_vlan(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	struct pf_state *pf = &vf->pf;
	unsigned int i, vid;

	if (!is_active(vf, msg) || !are_vids(msg) ||
	    (vf->policy.port_vlan &&
	     (get16(msg + 2) > 1 || get16(msg + 4)))) {
		a->status = VC_ERR_PARAM;
		return;
	}
	for (i = 0; i < get16(msg + 2); i++) {
		vid = get16(msg + 4 + 2 * i);
		if (!filters_has_vlan(vf, vid))
			continue;
		pf->vlans[vid / 8] &= ~BIT(vid % 8);
		pf->num_vlans--;
	}
}

/* Who is not trusted is told that it worked: as i40e does. */
void vc_promisc(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	unsigned int flags = get16(msg + 2);

	if (vf->pf.state != PF_ACTIVE) {
		a->status = VC_ERR_PARAM;
		return;
	}
	if (!vf->policy.trusted)
		return;
	if (flags > (PROMISC_UNICAST | PROMISC_MULTICAST) ||
	    !virtchnl_vsi_is(vf, get16(msg)))
		a->status = VC_ERR_PARAM;
	else
		vf->pf.promisc = flags;
}

/* The VLAN that a frame is tagged with, or 0 */
static unsigned int frame_vid(const uint8_t *frame, size_t len)
{
	if (len < ETH_HLEN + VLAN_HLEN || get_be16(frame + 12) != 0x8100)
		return 0;
	return get_be16(frame + 14) & 0xfff;
}

static bool wants_vlan(const struct vf *vf, unsigned int vid)
{
	if (vf->policy.port_vlan)
		return vid == vf->policy.port_vlan;
	return !vf->pf.num_vlans || !vid || filters_has_vlan(vf, vid);
}

bool filters_wants(const struct vf *vf, const uint8_t *frame, size_t len)
{
	unsigned int promisc = is_multicast(frame) ? PROMISC_MULTICAST :
						     PROMISC_UNICAST;

	return wants_vlan(vf, frame_vid(frame, len)) &&
	       (filters_has_mac(vf, frame) || vf->pf.promisc & promisc);
}

/* Of a MAC that is not its own, or on a VLAN that it has no filter for */
bool filters_is_spoofed(const struct vf *vf, const uint8_t *frame, size_t len)
{
	unsigned int vid = frame_vid(frame, len);

	return vf->policy.spoof_check &&
	       (!filters_has_mac(vf, frame + ETH_ALEN) ||
		(vid && !vf->policy.port_vlan && !filters_has_vlan(vf, vid)));
}
