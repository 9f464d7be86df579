// SPDX-License-Identifier: GPL-2.0-only
/* Functions of i40e-vf: every request to the PF, also those that are wrong */

#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "vf.h"

FIXTURE(requests) {
	struct vf_model v;
	struct vf_function *f;
	uint16_t vsi;
	uint8_t msg[AQ_MAX_BUF];
};

FIXTURE_SETUP(requests)
{
	ASSERT_EQ(0, vf_start(&self->v, NULL));
	self->f = &self->v.f[0];
	self->vsi = vf_open(self->f);
	ASSERT_NE(0, self->vsi);
	memset(self->msg, 0, sizeof(self->msg));
}

FIXTURE_TEARDOWN(requests)
{
	EXPECT_EQ(0, vf_end(&self->v));
}

#define REQUEST(op, len) \
	vf_request(self->f, op, self->msg, len, NULL, NULL)
#define HAS(format, ...) \
	EXPECT_NE(NULL, strstr(vf_command(&self->v, "0 state"), format))
#define HAS_NOT(format) \
	EXPECT_EQ(NULL, strstr(vf_command(&self->v, "0 state"), format))

/* All that has a fixed length, all that is unknown, all that is unsupported */
TEST_F(requests, lengths)
{
	static const struct {
		uint32_t op;
		uint16_t len;
		int32_t status;
	} expected[] = {
		{ OP_VERSION, 8, VC_OK },
		{ OP_GET_VF_RESOURCES, 4, VC_ERR_PARAM },
		{ OP_CONFIG_TX_QUEUE, 24, VC_ERR_NOT_SUPPORTED },
		{ OP_CONFIG_RX_QUEUE, 40, VC_ERR_NOT_SUPPORTED },
		{ OP_GET_STATS, 12, VC_ERR_PARAM },
		{ OP_CONFIG_RSS_HFUNC, 8, VC_ERR_NOT_SUPPORTED },
		{ OP_RELEASE_RDMA_IRQ_MAP, 0, VC_ERR_PARAM },
		{ OP_GET_RSS_HENA_CAPS, 0, VC_OK },
		{ OP_SET_RSS_HENA, 8, VC_OK },
		{ OP_ENABLE_VLAN_STRIPPING, 0, VC_OK },
		{ OP_DISABLE_VLAN_STRIPPING, 0, VC_OK },
		{ OP_DISABLE_CHANNELS, 0, VC_ERR_NOT_SUPPORTED },
		{ OP_ADD_CLOUD_FILTER, 272, VC_ERR_NOT_SUPPORTED },
		{ OP_DEL_CLOUD_FILTER, 272, VC_ERR_NOT_SUPPORTED },
		{ OP_GET_SUPPORTED_RXDIDS, 0, VC_ERR_NOT_SUPPORTED },
		{ OP_ADD_RSS_CFG, 2604, VC_ERR_NOT_SUPPORTED },
		{ OP_ADD_FDIR_FILTER, 2616, VC_ERR_NOT_SUPPORTED },
		{ OP_GET_OFFLOAD_VLAN_V2_CAPS, 0, VC_ERR_NOT_SUPPORTED },
		{ OP_ENABLE_VLAN_STRIPPING_V2, 24, VC_ERR_NOT_SUPPORTED },
		{ OP_1588_PTP_GET_CAPS, 48, VC_ERR_NOT_SUPPORTED },
		{ OP_GET_QOS_CAPS, 0, VC_ERR_NOT_SUPPORTED },
		{ OP_CONFIG_QUANTA, 12, VC_ERR_NOT_SUPPORTED },
		{ 0, 0, VC_ERR_PARAM },
		{ OP_EVENT, 16, VC_ERR_PARAM },
		{ 19, 4, VC_ERR_PARAM },
		{ 200, 4, VC_ERR_PARAM },
		{ 0xffffffff, 4, VC_ERR_PARAM },
	};
	unsigned int i;

	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		EXPECT_EQ(expected[i].status,
			  REQUEST(expected[i].op, expected[i].len))
			TH_LOG("opcode %u", expected[i].op);
		EXPECT_EQ(VC_ERR_PARAM,
			  REQUEST(expected[i].op, expected[i].len + 1))
			TH_LOG("opcode %u, longer", expected[i].op);
		if (!expected[i].len)
			continue;
		EXPECT_EQ(VC_ERR_PARAM,
			  REQUEST(expected[i].op, expected[i].len - 1))
			TH_LOG("opcode %u, shorter", expected[i].op);
	}
}

/* Lists, whose length and number must agree */
TEST_F(requests, list_lengths)
{
	static const struct {
		uint32_t op;
		uint16_t header, element, count;
	} lists[] = {
		{ OP_CONFIG_VSI_QUEUES, 72, 64, 2 },
		{ OP_CONFIG_IRQ_MAP, 14, 12, 0 },
		{ OP_ADD_ETH_ADDR, 12, 8, 2 }, { OP_DEL_ETH_ADDR, 12, 8, 2 },
		{ OP_ADD_VLAN, 6, 2, 2 }, { OP_DEL_VLAN, 6, 2, 2 },
		{ OP_CONFIG_RSS_KEY, 5, 1, 2 }, { OP_CONFIG_RSS_LUT, 5, 1, 2 },
	};
	static const uint16_t counts[] = { 0, 1, 2, 255, 0x7fff, 0xffff };
	static const uint16_t extra[] = { 0, 1, 0xffff };
	unsigned int i, j, k;
	uint32_t len;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (j = 0; j < sizeof(counts) / sizeof(counts[0]); j++) {
			for (k = 0; k < 3; k++) {
				len = lists[i].header +
				      lists[i].element * counts[j];
				if (len > AQ_MAX_BUF - 1)
					len = AQ_MAX_BUF - 1;
				memset(self->msg, 0, sizeof(self->msg));
				put16(self->msg + lists[i].count, counts[j]);
				len = (uint16_t)(len + extra[k]);
				/* No VSI has number 0. */
				EXPECT_EQ(VC_ERR_PARAM,
					  REQUEST(lists[i].op, len));
			}
		}
	}
}

TEST_F(requests, resources)
{
	const uint32_t all = ~0U, version[] = { 1, 0 };
	uint8_t reply[64];
	uint16_t len = sizeof(reply);
	uint32_t word;

	/* Of version 1.0, which says no capabilities; a reset does not change it. */
	ASSERT_EQ(0, vf_request(self->f, OP_VERSION, version, 8, reply, &len));
	EXPECT_EQ(8, len);
	EXPECT_EQ(0, memcmp(reply, version, 8));
	vf_command(&self->v, "0 reset");
	ASSERT_TRUE(vf_active(self->f));
	vf_adminq(self->f);
	len = sizeof(reply);
	ASSERT_EQ(0, vf_request(self->f, OP_GET_VF_RESOURCES, &all, 0, reply,
				&len));
	memcpy(&word, reply + 8, 4);
	EXPECT_EQ(CAP_L2 | CAP_ADV_LINK_SPEED | CAP_VLAN | CAP_RSS_REG, word);
	vf_command(&self->v, "0 queues 7");
	vf_command(&self->v, "0 reset");
	ASSERT_TRUE(vf_active(self->f));
	vf_adminq(self->f);
	put32(self->msg, 1);
	put32(self->msg + 4, 1);
	ASSERT_EQ(0, REQUEST(OP_VERSION, 8));
	len = sizeof(reply);
	ASSERT_EQ(0, vf_request(self->f, OP_GET_VF_RESOURCES, &all, 4, reply,
				&len));
	EXPECT_EQ(52, len);
	EXPECT_EQ(7, reply[2]);
	EXPECT_EQ(5, reply[4]);
	memcpy(&word, reply + 8, 4);
	EXPECT_EQ(CAP_L2 | CAP_ADV_LINK_SPEED | CAP_VLAN | CAP_RSS_PF |
		  CAP_ENCAP | CAP_REQ_QUEUES | CAP_RX_POLLING, word);
	EXPECT_EQ(52, reply[12]);
	EXPECT_EQ(64, reply[16]);
	EXPECT_EQ(VSI_SRIOV, reply[24]);
	EXPECT_EQ(0, memcmp(reply + 30, MAC("\x10"), 6));
	/* As iavf does it after a reset: the version is known. */
	vf_command(&self->v, "0 reset");
	ASSERT_TRUE(vf_active(self->f));
	vf_adminq(self->f);
	EXPECT_EQ(0, vf_request(self->f, OP_GET_VF_RESOURCES, &all, 4, NULL,
				NULL));
}

TEST_F(requests, link_events)
{
	static const uint8_t select[12] = { 0, 2, 0, 0, 1 };
	uint32_t op, event[4];
	uint16_t len = sizeof(event);
	int32_t status;

	while (vf_receive(self->f, &op, &status, event, &len))
		len = sizeof(event);
	vf_request(self->f, OP_ENABLE_QUEUES, select, 12, NULL, NULL);
	len = sizeof(event);
	ASSERT_TRUE(vf_receive(self->f, &op, &status, event, &len));
	EXPECT_EQ(OP_EVENT, op);
	EXPECT_EQ(16, len);
	EXPECT_EQ(EVENT_LINK_CHANGE, event[0]);
	EXPECT_EQ(40000, event[1]);
	EXPECT_EQ(1, event[2]);
	vf_command(&self->v, "0 link down");
	len = sizeof(event);
	ASSERT_TRUE(vf_receive(self->f, &op, &status, event, &len));
	EXPECT_EQ(0, event[1]);
	EXPECT_EQ(0, event[2]);
}

TEST_F(requests, queues)
{
	uint16_t len = vf_queue_config(self->msg, self->vsi, 2, MAX_FRAME);

	EXPECT_EQ(0, REQUEST(OP_CONFIG_VSI_QUEUES, len));
	HAS("tx 1 disabled base 0x10044000 length 64 head 0");
	HAS("rx 1 disabled base 0x10064000 length 64 head 0");
	HAS_NOT("tx 2 ");
	EXPECT_EQ(0, vf_queues(self->f, self->vsi, 2));
	HAS("tx 1 enabled base 0x10044000 length 64 head 0 tail 0 vector 2 itr 1");
	HAS("rx 1 enabled base 0x10064000 length 64 head 0 tail 63 vector 2 itr 0");
	/* One that runs is not touched. */
	EXPECT_EQ(VC_ERR_PARAM, vf_queues(self->f, self->vsi, 2));
}

TEST_F(requests, wrong_queues)
{
	static const struct {
		unsigned int offset;
		uint16_t value;
	} wrong[] = {
		{ 0, 1 }, { 8, 1 }, { 10, 4 }, { 10, 0xffff }, { 12, 63 },
		{ 12, 8192 }, { 32, 1 }, { 34, 1 }, { 36, 65 }, { 36, 8192 },
		{ 38, 1 }, { 44, 16384 - 64 }, { 46, 1 }, { 48, 63 },
		{ 48, 16384 }, { 50, 1 },
	};
	unsigned int i;
	uint16_t len;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		len = vf_queue_config(self->msg, self->vsi, 1, MAX_FRAME);
		put16(self->msg + wrong[i].offset, wrong[i].value);
		EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_VSI_QUEUES, len))
			TH_LOG("offset %u", wrong[i].offset);
	}
	/* Headers that are split off have a limit, too. */
	len = vf_queue_config(self->msg, self->vsi, 1, MAX_FRAME);
	put16(self->msg + 40, 2000);
	EXPECT_EQ(0, REQUEST(OP_CONFIG_VSI_QUEUES, len));
	put16(self->msg + 42, 1);
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_VSI_QUEUES, len));
}

TEST_F(requests, selections)
{
	static const uint32_t wrong[][3] = {
		{ 0x200, 0, 0 }, { 0x200, 0x10000, 0 }, { 0x200, 0, ~0U },
		{ 0x201, 1, 1 },
	};
	const uint32_t right[] = { self->vsi, 1, 0 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		EXPECT_EQ(VC_ERR_PARAM, vf_request(self->f, OP_ENABLE_QUEUES,
						   wrong[i], 12, NULL, NULL));
		EXPECT_EQ(VC_ERR_PARAM, vf_request(self->f, OP_DISABLE_QUEUES,
						   wrong[i], 12, NULL, NULL));
	}
	EXPECT_EQ(0, vf_queues(self->f, self->vsi, 1));
	vf_put(self->f, QTX_TAIL1 + 4, 9);
	EXPECT_EQ(0, vf_request(self->f, OP_DISABLE_QUEUES, right, 12, NULL,
				NULL));
	HAS("rx 0 disabled");
	HAS("tx 0 enabled");
	EXPECT_EQ(0, vf_request(self->f, OP_ENABLE_QUEUES, right, 12, NULL,
				NULL));
	HAS("rx 0 enabled");
}

TEST_F(requests, interrupt_map)
{
	put16(self->msg, 1);
	put16(self->msg + 2, self->vsi);
	put16(self->msg + 4, 4);
	put16(self->msg + 6, 1);
	put16(self->msg + 8, 1);
	EXPECT_EQ(0, REQUEST(OP_CONFIG_IRQ_MAP, 26));
	put16(self->msg + 4, 5);
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_IRQ_MAP, 26));
	put16(self->msg + 4, 4);
	put16(self->msg + 6, 16);
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_IRQ_MAP, 26));
	put16(self->msg, 6);
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_IRQ_MAP, 86));
}

static void put_mac(uint8_t *msg, uint16_t vsi, const char *mac)
{
	memset(msg, 0, 20);
	put16(msg, vsi);
	put16(msg + 2, 1);
	memcpy(msg + 4, mac, 6);
}

TEST_F(requests, mac_filters)
{
	put_mac(self->msg, self->vsi, "\x01\x00\x5e\x00\x00\x01");
	EXPECT_EQ(0, REQUEST(OP_ADD_ETH_ADDR, 20));
	EXPECT_EQ(0, REQUEST(OP_ADD_ETH_ADDR, 20));
	HAS("mac 01:00:5e:00:00:01\n");
	EXPECT_EQ(0, REQUEST(OP_DEL_ETH_ADDR, 20));
	HAS_NOT("mac 01:00:5e:00:00:01\n");
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_DEL_ETH_ADDR, 20));
	/* The administrator has said what it is. */
	put_mac(self->msg, self->vsi, MAC("\x20"));
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_ADD_ETH_ADDR, 20));
	put_mac(self->msg, self->vsi, MAC("\x10"));
	EXPECT_EQ(0, REQUEST(OP_ADD_ETH_ADDR, 20));
	EXPECT_EQ(0, REQUEST(OP_DEL_ETH_ADDR, 20));
	HAS("\nmac 52:54:00:0e:00:10\n");
	put_mac(self->msg, self->vsi, "\xff\xff\xff\xff\xff\xff");
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_ADD_ETH_ADDR, 20));
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_DEL_ETH_ADDR, 20));
}

TEST_F(requests, mac_filter_limit)
{
	unsigned int i;

	/* 18, of which broadcast and its own are there already */
	for (i = 0; i < 16; i++) {
		put_mac(self->msg, self->vsi, "\x01\x00\x5e\x00\x00");
		self->msg[9] = i;
		EXPECT_EQ(0, REQUEST(OP_ADD_ETH_ADDR, 20));
	}
	self->msg[9] = 0x77;
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_ADD_ETH_ADDR, 20));
}

TEST_F(requests, trusted_addresses)
{
	vf_command(&self->v, "0 trust on");
	self->vsi = vf_open(self->f);
	put_mac(self->msg, self->vsi, MAC("\x20"));
	self->msg[10] = ETHER_ADDR_PRIMARY;
	EXPECT_EQ(0, REQUEST(OP_ADD_ETH_ADDR, 20));
	HAS("default-mac 52:54:00:0e:00:20\n");
	EXPECT_EQ(0, REQUEST(OP_DEL_ETH_ADDR, 20));
	HAS("default-mac 00:00:00:00:00:00\n");
}

TEST_F(requests, vlan_filters)
{
	put16(self->msg, self->vsi);
	put16(self->msg + 2, 2);
	put16(self->msg + 4, 100);
	put16(self->msg + 6, 4095);
	EXPECT_EQ(0, REQUEST(OP_ADD_VLAN, 10));
	HAS("vlan 100\nvlan 4095\nvlan-stripping on\n");
	EXPECT_EQ(0, REQUEST(OP_DEL_VLAN, 10));
	HAS_NOT("vlan 100\n");
	put16(self->msg + 6, 4096);
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_ADD_VLAN, 10));
	HAS_NOT("vlan 100\n");
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_DEL_VLAN, 10));
}

TEST_F(requests, promiscuity)
{
	put16(self->msg, self->vsi);
	put16(self->msg + 2, 3);
	EXPECT_EQ(0, REQUEST(OP_CONFIG_PROMISCUOUS_MODE, 4));
	HAS("promiscuous\n");
	vf_command(&self->v, "0 trust on");
	ASSERT_NE(0, vf_open(self->f));
	EXPECT_EQ(0, REQUEST(OP_CONFIG_PROMISCUOUS_MODE, 4));
	HAS("promiscuous unicast multicast\n");
	put16(self->msg + 2, 4);
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_PROMISCUOUS_MODE, 4));
}

TEST_F(requests, rss)
{
	unsigned int i;

	put16(self->msg, self->vsi);
	put16(self->msg + 2, HKEY_LEN);
	memset(self->msg + 4, 0xa5, HKEY_LEN);
	EXPECT_EQ(0, REQUEST(OP_CONFIG_RSS_KEY, 5 + HKEY_LEN));
	EXPECT_EQ(0xa5a5a5a5, vf_get(self->f, VFQF_HKEY + 48));
	put16(self->msg + 2, HKEY_LEN - 1);
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_RSS_KEY, 4 + HKEY_LEN));
	put16(self->msg + 2, HLUT_LEN);
	for (i = 0; i < HLUT_LEN; i++)
		self->msg[4 + i] = i % 4;
	EXPECT_EQ(0, REQUEST(OP_CONFIG_RSS_LUT, 5 + HLUT_LEN));
	EXPECT_EQ(0x03020100, vf_get(self->f, VFQF_HLUT + 60));
	self->msg[4 + 63] = 4;
	EXPECT_EQ(VC_ERR_PARAM, REQUEST(OP_CONFIG_RSS_LUT, 5 + HLUT_LEN));
	EXPECT_EQ(0x03020100, vf_get(self->f, VFQF_HLUT + 60));
}

TEST_F(requests, queue_pairs)
{
	uint8_t reply[2] = { 0 };
	uint16_t len = 2;

	put16(self->msg, 17);
	EXPECT_EQ(0, vf_request(self->f, OP_REQUEST_QUEUES, self->msg, 2,
				reply, &len));
	EXPECT_EQ(16, reply[0]);
	/* Granted with a reset */
	put16(self->msg, 9);
	vf_send(self->f, OP_REQUEST_QUEUES, self->msg, 2);
	EXPECT_EQ(VFR_INPROGRESS, vf_get(self->f, VFGEN_RSTAT));
	ASSERT_NE(0, vf_open(self->f));
	EXPECT_EQ(9, vf_value(&self->v, "0 state", "queue-pairs"));
}

/* Each request, as a test may want it */
TEST_F(requests, refusals)
{
	const uint32_t select[] = { self->vsi, 1, 1 };
	uint32_t op;
	int32_t status;

	vf_command(&self->v, "0 refuse GET_STATS -64 2");
	EXPECT_EQ(-64, vf_request(self->f, OP_GET_STATS, select, 12, NULL,
				  NULL));
	EXPECT_EQ(-64, vf_request(self->f, OP_GET_STATS, select, 12, NULL,
				  NULL));
	EXPECT_EQ(0, vf_request(self->f, OP_GET_STATS, select, 12, NULL, NULL));
	vf_command(&self->v, "0 refuse 15");
	EXPECT_EQ(-5, vf_request(self->f, OP_GET_STATS, select, 12, NULL,
				 NULL));
	vf_command(&self->v, "0 accept");
	EXPECT_EQ(0, vf_request(self->f, OP_GET_STATS, select, 12, NULL, NULL));
	EXPECT_EQ(3, vf_value(&self->v, "0 stats", "refused"));
	while (vf_receive(self->f, &op, &status, NULL, NULL))
		;
	vf_command(&self->v, "0 ignore GET_STATS");
	EXPECT_EQ(0, vf_send(self->f, OP_GET_STATS, select, 12));
	EXPECT_FALSE(vf_receive(self->f, &op, &status, NULL, NULL));
	vf_command(&self->v, "0 accept");
	vf_command(&self->v, "0 adminq off");
	EXPECT_EQ(-1, vf_send(self->f, OP_GET_STATS, select, 12));
	vf_command(&self->v, "0 adminq on");
	EXPECT_TRUE(vf_receive(self->f, &op, &status, NULL, NULL));
}

/* Answers keep the order of the requests. */
TEST_F(requests, slow_pf)
{
	const uint32_t select[] = { self->vsi, 1, 1 };
	int32_t status = 0;
	uint32_t op = 0;
	int i;

	while (vf_receive(self->f, &op, &status, NULL, NULL))
		;
	vf_command(&self->v, "0 delay 20");
	EXPECT_EQ(0, vf_send(self->f, OP_GET_RSS_HENA_CAPS, NULL, 0));
	vf_command(&self->v, "0 delay 0");
	EXPECT_EQ(0, vf_send(self->f, OP_GET_STATS, select, 12));
	for (i = 0; i < 10000 && !vf_receive(self->f, &op, &status, NULL, NULL);
	     i++)
		usleep(1000);
	EXPECT_EQ(OP_GET_RSS_HENA_CAPS, op);
	for (i = 0; i < 10000 && !vf_receive(self->f, &op, &status, NULL, NULL);
	     i++)
		usleep(1000);
	EXPECT_EQ(OP_GET_STATS, op);
}

TEST_HARNESS_MAIN
