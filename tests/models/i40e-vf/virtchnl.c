// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF's driver, as far as a function sees it: requests and their answers,
 * events
 *
 * What is offered and refused is what Linux's i40e does for a function of an
 * XL710 (i40e_virtchnl_pf.c). It has sent different numbers for the same
 * refusal over time; the numbers here are those of virtchnl itself.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vf.h"

#define MS			1000000ULL
/* What a driver could wish for, and how many requests may wait for us */
#define MAX_REQUESTS		64

/*
 * A request is @len bytes; with @element it has a number of those, of 16 bits,
 * at @count, and at least one. It is counted as i40e and iavf do: many have
 * room for one more than they have.
 */
struct op {
	const char *name;
	uint16_t len;
	uint8_t element;
	uint8_t count;
	bool known;
	void (*handle)(struct vf *vf, const uint8_t *msg, struct answer *a);
};

static void version(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	uint32_t major = get32(msg), minor = get32(msg + 4);

	vf->pf.version_minor = major == VIRTCHNL_MAJOR ? minor : 0;
	put32(a->reply, VIRTCHNL_MAJOR);
	/* A driver of 1.0 expects no more. */
	put32(a->reply + 4, major == VIRTCHNL_MAJOR && !minor ?
			    0 : VIRTCHNL_MINOR);
	a->len = 8;
}

static uint32_t offered(const struct vf *vf, uint32_t wanted)
{
	uint32_t caps = CAP_L2 | CAP_ADV_LINK_SPEED;
	uint32_t optional = CAP_ENCAP | CAP_REQ_QUEUES | CAP_RX_POLLING;

	if (!vf->policy.port_vlan)
		caps |= CAP_VLAN;
	caps |= wanted & CAP_RSS_PF ? CAP_RSS_PF : CAP_RSS_REG;
	if (vf->port->x722)
		optional |= CAP_WB_ON_ITR | CAP_RSS_PCTYPE_V2 | CAP_ENCAP_CSUM;
	return (caps | (wanted & optional)) & vf->policy.caps;
}

static void get_resources(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	static const uint8_t none[ETH_ALEN];
	struct pf_state *pf = &vf->pf;
	uint8_t *r = a->reply;

	if (pf->state != PF_INIT) {
		a->status = VC_ERR_PARAM;
		return;
	}
	pf->driver_caps = pf->version_minor ? get32(msg) :
			  CAP_L2 | CAP_RSS_REG | CAP_VLAN;
	/* i40e's sign of an old iavf, which wants to choose for itself */
	if (!(pf->driver_caps & CAP_USO) &&
	    !memcmp(vf->policy.mac, none, ETH_ALEN))
		memset(pf->default_mac, 0, ETH_ALEN);
	put16(r, 1);
	put16(r + 2, pf->num_queues);
	put16(r + 4, vf->port->num_vectors);
	put16(r + 6, MAX_FRAME - (vf->policy.port_vlan ? VLAN_HLEN : 0));
	put32(r + 8, offered(vf, pf->driver_caps));
	put32(r + 12, HKEY_LEN);
	put32(r + 16, HLUT_LEN);
	put16(r + 20, virtchnl_vsi(vf));
	put16(r + 22, pf->num_queues);
	put32(r + 24, VSI_SRIOV);
	put16(r + 28, virtchnl_vsi(vf));
	memcpy(r + 30, pf->default_mac, ETH_ALEN);
	/* The message has room for a second VSI. */
	memset(r + 36, 0, 16);
	a->len = 52;
	pf->state = PF_ACTIVE;
}

static void reset_vf(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	(void)msg;
	a->none = true;
	reset_function(vf);
}

static void get_stats(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	const uint64_t *counter = &vf->stats.rx_bytes;
	unsigned int i;

	if (vf->pf.state != PF_ACTIVE || !virtchnl_vsi_is(vf, get16(msg)))
		a->status = VC_ERR_PARAM;
	a->len = sizeof(vf->stats);
	memset(a->reply, 0, a->len);
	for (i = 0; !a->status && i < a->len / 8; i++)
		put64(a->reply + 8 * i, counter[i]);
}

static void vlan_stripping(struct vf *vf, struct answer *a, bool on)
{
	if (vf->pf.state != PF_ACTIVE)
		a->status = VC_ERR_PARAM;
	else
		vf->pf.vlan_stripping = on;
}

static void enable_stripping(struct vf *vf, const uint8_t *msg,
			     struct answer *a)
{
	(void)msg;
	vlan_stripping(vf, a, true);
}

static void disable_stripping(struct vf *vf, const uint8_t *msg,
			      struct answer *a)
{
	(void)msg;
	vlan_stripping(vf, a, false);
}

/* Granted with a reset, after which there are that many; refused with a number */
static void request_queues(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	unsigned int wanted = get16(msg);

	if (vf->pf.state != PF_ACTIVE || !wanted) {
		a->status = VC_ERR_PARAM;
		return;
	}
	if (wanted > MAX_QUEUES) {
		put16(a->reply, MAX_QUEUES);
		a->len = 2;
		return;
	}
	a->none = true;
	vf->pf.requested_queues = wanted;
	reset_with_notice(vf);
}

static void rdma(struct vf *vf, const uint8_t *msg, struct answer *a)
{
	(void)vf;
	(void)msg;
	a->status = VC_ERR_PARAM;
}

/* Lengths are those of "virtchnl.h"; who has no handler is not supported. */
static const struct op ops[NUM_OPS] = {
	[OP_VERSION] = { "VERSION", 8, .known = true, .handle = version },
	[OP_RESET_VF] = { "RESET_VF", 0, .known = true, .handle = reset_vf },
	[OP_GET_VF_RESOURCES] = { "GET_VF_RESOURCES", 4, .known = true,
				  .handle = get_resources },
	[OP_CONFIG_TX_QUEUE] = { "CONFIG_TX_QUEUE", 24, .known = true },
	[OP_CONFIG_RX_QUEUE] = { "CONFIG_RX_QUEUE", 40, .known = true },
	[OP_CONFIG_VSI_QUEUES] = { "CONFIG_VSI_QUEUES", 72, 64, 2, true,
				   vc_config_queues },
	[OP_CONFIG_IRQ_MAP] = { "CONFIG_IRQ_MAP", 14, 12, 0, true,
				vc_config_irq_map },
	[OP_ENABLE_QUEUES] = { "ENABLE_QUEUES", 12, .known = true,
			       .handle = vc_enable_queues },
	[OP_DISABLE_QUEUES] = { "DISABLE_QUEUES", 12, .known = true,
				.handle = vc_disable_queues },
	[OP_ADD_ETH_ADDR] = { "ADD_ETH_ADDR", 12, 8, 2, true, vc_add_mac },
	[OP_DEL_ETH_ADDR] = { "DEL_ETH_ADDR", 12, 8, 2, true, vc_del_mac },
	[OP_ADD_VLAN] = { "ADD_VLAN", 6, 2, 2, true, vc_add_vlan },
	[OP_DEL_VLAN] = { "DEL_VLAN", 6, 2, 2, true, vc_del_vlan },
	[OP_CONFIG_PROMISCUOUS_MODE] = { "CONFIG_PROMISCUOUS_MODE", 4,
					 .known = true, .handle = vc_promisc },
	[OP_GET_STATS] = { "GET_STATS", 12, .known = true,
			   .handle = get_stats },
	[OP_EVENT] = { "EVENT" },
	[OP_CONFIG_RSS_HFUNC] = { "CONFIG_RSS_HFUNC", 8, .known = true },
	[OP_RDMA] = { "RDMA", 1, 1, .known = true, .handle = rdma },
	[OP_CONFIG_RDMA_IRQ_MAP] = { "CONFIG_RDMA_IRQ_MAP", 16, 1,
				     .known = true, .handle = rdma },
	[OP_RELEASE_RDMA_IRQ_MAP] = { "RELEASE_RDMA_IRQ_MAP", 0, .known = true,
				      .handle = rdma },
	[OP_CONFIG_RSS_KEY] = { "CONFIG_RSS_KEY", 5, 1, 2, true, vc_rss_key },
	[OP_CONFIG_RSS_LUT] = { "CONFIG_RSS_LUT", 5, 1, 2, true, vc_rss_lut },
	[OP_GET_RSS_HENA_CAPS] = { "GET_RSS_HENA_CAPS", 0, .known = true,
				   .handle = vc_get_hena },
	[OP_SET_RSS_HENA] = { "SET_RSS_HENA", 8, .known = true,
			      .handle = vc_set_hena },
	[OP_ENABLE_VLAN_STRIPPING] = { "ENABLE_VLAN_STRIPPING", 0,
				       .known = true,
				       .handle = enable_stripping },
	[OP_DISABLE_VLAN_STRIPPING] = { "DISABLE_VLAN_STRIPPING", 0,
					.known = true,
					.handle = disable_stripping },
	[OP_REQUEST_QUEUES] = { "REQUEST_QUEUES", 2, .known = true,
				.handle = request_queues },
	[OP_ENABLE_CHANNELS] = { "ENABLE_CHANNELS", 8, 16, 0, true },
	[OP_DISABLE_CHANNELS] = { "DISABLE_CHANNELS", 0, .known = true },
	[OP_ADD_CLOUD_FILTER] = { "ADD_CLOUD_FILTER", 272, .known = true },
	[OP_DEL_CLOUD_FILTER] = { "DEL_CLOUD_FILTER", 272, .known = true },
	[OP_GET_SUPPORTED_RXDIDS] = { "GET_SUPPORTED_RXDIDS", 0,
				      .known = true },
	[OP_ADD_RSS_CFG] = { "ADD_RSS_CFG", 2604, .known = true },
	[OP_DEL_RSS_CFG] = { "DEL_RSS_CFG", 2604, .known = true },
	[OP_ADD_FDIR_FILTER] = { "ADD_FDIR_FILTER", 2616, .known = true },
	[OP_DEL_FDIR_FILTER] = { "DEL_FDIR_FILTER", 12, .known = true },
	[OP_GET_OFFLOAD_VLAN_V2_CAPS] = { "GET_OFFLOAD_VLAN_V2_CAPS", 0,
					  .known = true },
	[OP_ADD_VLAN_V2] = { "ADD_VLAN_V2", 8, 32, 2, true },
	[OP_DEL_VLAN_V2] = { "DEL_VLAN_V2", 8, 32, 2, true },
	[OP_ENABLE_VLAN_STRIPPING_V2] = { "ENABLE_VLAN_STRIPPING_V2", 24,
					  .known = true },
	[OP_DISABLE_VLAN_STRIPPING_V2] = { "DISABLE_VLAN_STRIPPING_V2", 24,
					   .known = true },
	[OP_ENABLE_VLAN_INSERTION_V2] = { "ENABLE_VLAN_INSERTION_V2", 24,
					  .known = true },
	[OP_DISABLE_VLAN_INSERTION_V2] = { "DISABLE_VLAN_INSERTION_V2", 24,
					   .known = true },
	[OP_1588_PTP_GET_CAPS] = { "1588_PTP_GET_CAPS", 48, .known = true },
	[OP_1588_PTP_GET_TIME] = { "1588_PTP_GET_TIME", 16, .known = true },
	[OP_GET_QOS_CAPS] = { "GET_QOS_CAPS", 0, .known = true },
	[OP_CONFIG_QUEUE_BW] = { "CONFIG_QUEUE_BW", 4, 12, 2, true },
	[OP_CONFIG_QUANTA] = { "CONFIG_QUANTA", 12, .known = true },
};

const char *virtchnl_name(uint32_t opcode)
{
	return opcode < NUM_OPS ? ops[opcode].name : NULL;
}

int virtchnl_opcode(const char *name)
{
	char *end;
	unsigned long n = strtoul(name, &end, 0);
	int i;

	if (end != name && !*end)
		return n < NUM_OPS ? (int)n : -EINVAL;
	for (i = 0; i < NUM_OPS; i++)
		if (ops[i].name && !strcmp(ops[i].name, name))
			return i;
	return -EINVAL;
}

/* Not 0, and not the same for two of them */
unsigned int virtchnl_vsi(const struct vf *vf)
{
	return 0x200 + vf->index;
}

bool virtchnl_vsi_is(const struct vf *vf, unsigned int id)
{
	return id == virtchnl_vsi(vf);
}

static bool has_length(const struct vf *vf, uint32_t opcode, const uint8_t *msg,
		       uint16_t len)
{
	const struct op *op = &ops[opcode];
	uint32_t n;

	/* Of version 1.0, which asks without a word */
	if (opcode == OP_GET_VF_RESOURCES && !vf->pf.version_minor)
		return !len;
	/* Opaque to the PF */
	if (op->handle == rdma && op->element)
		return len >= op->len;
	if (!op->element || len < op->len)
		return len == op->len;
	n = get16(msg + op->count);
	if (op->handle == vc_rss_key || op->handle == vc_rss_lut)
		return len == op->len + n;
	return n && len == op->len + n * op->element;
}

static bool refused(struct vf *vf, uint32_t opcode, struct answer *a)
{
	struct policy *p = &vf->policy;

	if (!p->refusals[opcode])
		return false;
	if (p->refusals[opcode] > 0)
		p->refusals[opcode]--;
	a->status = p->refuse[opcode];
	vf->events.refused++;
	return true;
}

static void handle(struct vf *vf, uint32_t opcode, const uint8_t *msg,
		   uint16_t len)
{
	static uint8_t reply[AQ_MAX_BUF];
	struct answer a = { .reply = reply };
	bool known = opcode < NUM_OPS && ops[opcode].known;

	if (opcode < NUM_OPS)
		vf->events.requests[opcode]++;
	if (opcode < NUM_OPS && vf->policy.ignore[opcode])
		return;
	if (!known || !has_length(vf, opcode, msg, len))
		a.status = VC_ERR_PARAM;
	else if (refused(vf, opcode, &a))
		;
	else if (!ops[opcode].handle)
		a.status = VC_ERR_NOT_SUPPORTED;
	else
		ops[opcode].handle(vf, msg, &a);
	if (!a.none)
		adminq_send(vf, opcode, a.status, reply, a.len);
	/* Refused or not */
	if (opcode == OP_GET_VF_RESOURCES || opcode == OP_ENABLE_QUEUES)
		virtchnl_link_event(vf);
}

void virtchnl_drop(struct vf *vf)
{
	struct request *r;

	while ((r = vf->requests)) {
		vf->requests = r->next;
		free(r);
	}
	vf->requests_end = &vf->requests;
	vf->num_requests = 0;
}

/* Until one is for a reset, which drops the rest */
static void handle_requests(struct vf *vf)
{
	struct request *r;

	while ((r = vf->requests) && vf->pf.state != PF_RESETTING) {
		vf->requests = r->next;
		if (!vf->requests)
			vf->requests_end = &vf->requests;
		vf->num_requests--;
		handle(vf, r->opcode, r->data, r->len);
		free(r);
	}
}

static void timer_event(struct model *m, int fd, void *arg)
{
	(void)m;
	(void)fd;
	handle_requests(arg);
}

int virtchnl_init(struct vf *vf)
{
	vf->requests_end = &vf->requests;
	vf->pf_timer = model_add_timer(vf->model, timer_event, vf);
	return vf->pf_timer < 0 ? vf->pf_timer : 0;
}

static void defer(struct vf *vf, uint32_t opcode, const void *data,
		  uint16_t len)
{
	struct request *r = NULL;

	if (vf->num_requests < MAX_REQUESTS)
		r = calloc(1, sizeof(*r) + len);
	if (!r)
		return;
	r->opcode = opcode;
	r->len = len;
	memcpy(r->data, data, len);
	*vf->requests_end = r;
	vf->requests_end = &r->next;
	vf->num_requests++;
	if (vf->pf.state != PF_RESETTING)
		model_arm_timer(vf->model, vf->pf_timer,
				vf->policy.pf_delay_ms * MS + 1, 0);
}

/* One after the other; while the function is being reset they wait. */
void virtchnl_request(struct vf *vf, uint32_t opcode, const void *data,
		      uint16_t len)
{
	if (vf->requests || vf->policy.pf_delay_ms ||
	    vf->pf.state == PF_RESETTING)
		defer(vf, opcode, data, len);
	else
		handle(vf, opcode, data, len);
}

void virtchnl_event(struct vf *vf, uint32_t event, uint32_t severity)
{
	uint8_t msg[16] = { 0 };

	put32(msg, event);
	put32(msg + 12, severity);
	adminq_send(vf, OP_EVENT, VC_OK, msg, sizeof(msg));
}

/* The speed is a number of Mb/s, or a bit for who does not know that. */
static uint32_t link_speed(const struct vf *vf)
{
	static const struct {
		unsigned int mbps;
		uint32_t bit;
	} speeds[] = {
		{ 100, BIT(1) }, { 1000, BIT(2) }, { 2500, BIT(0) },
		{ 5000, BIT(7) }, { 10000, BIT(3) }, { 20000, BIT(5) },
		{ 25000, BIT(6) }, { 40000, BIT(4) },
	};
	size_t i;

	if (vf->pf.driver_caps & CAP_ADV_LINK_SPEED)
		return vf->policy.link_mbps;
	for (i = 0; i < ARRAY_SIZE(speeds); i++)
		if (speeds[i].mbps == vf->policy.link_mbps)
			return speeds[i].bit;
	return 0;
}

void virtchnl_link_event(struct vf *vf)
{
	uint8_t msg[16] = { 0 };

	put32(msg, EVENT_LINK_CHANGE);
	put32(msg + 4, vf->policy.link_up ? link_speed(vf) : 0);
	msg[8] = vf->policy.link_up;
	put32(msg + 12, SEVERITY_INFO);
	adminq_send(vf, OP_EVENT, VC_OK, msg, sizeof(msg));
}

/* The function's resources anew; its version is not asked for again. */
void virtchnl_reset(struct vf *vf)
{
	unsigned int queues = vf->pf.requested_queues;

	if (!queues)
		queues = vf->policy.queues;
	vf->pf = (struct pf_state){
		.state = PF_INIT,
		.num_queues = queues,
		.requested_queues = vf->pf.requested_queues,
		.version_minor = vf->pf.version_minor,
		.driver_caps = vf->pf.driver_caps,
	};
	memcpy(vf->pf.default_mac, vf->policy.mac, ETH_ALEN);
	vf->stats = (struct vf_stats){ 0 };
	filters_reset(vf);
	rss_reset(vf);
	if (vf->requests)
		model_arm_timer(vf->model, vf->pf_timer, 1, 0);
}
