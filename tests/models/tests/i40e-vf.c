// SPDX-License-Identifier: GPL-2.0-only
/* Functions of i40e-vf: registers, admin queues, resets, interrupts, control */

#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "vf.h"

FIXTURE(vf) {
	struct vf_model v;
	struct vf_function *f;
};

FIXTURE_SETUP(vf)
{
	ASSERT_EQ(0, vf_start(&self->v, NULL));
	self->f = &self->v.f[0];
}

FIXTURE_TEARDOWN(vf)
{
	EXPECT_EQ(0, vf_end(&self->v));
}

TEST_F(vf, identity)
{
	struct client *c = &self->f->c;

	EXPECT_EQ(0x154c8086, client_get(c, CONFIG, 0));
	EXPECT_EQ(0x02000002, client_get(c, CONFIG, 8));
	/* 64 bit and prefetchable; 64 KiB and 16 KiB */
	client_put(c, CONFIG, 0x10, ~0U);
	EXPECT_EQ(0xffff000c, client_get(c, CONFIG, 0x10));
	client_put(c, CONFIG, 0x1c, ~0U);
	EXPECT_EQ(0xffffc00c, client_get(c, CONFIG, 0x1c));
	/* MSI-X: 5 vectors, table and PBA in BAR3 */
	EXPECT_EQ(0x0004a011, client_get(c, CONFIG, 0x70));
	EXPECT_EQ(0x00000003, client_get(c, CONFIG, 0x74));
	EXPECT_EQ(0x00002003, client_get(c, CONFIG, 0x78));
}

TEST_F(vf, reset_values)
{
	static const uint32_t zero[] = {
		VF_ATQBAL1, VF_ATQBAH1, VF_ATQLEN1, VF_ATQH1, VF_ATQT1,
		VF_ARQBAL1, VF_ARQBAH1, VF_ARQLEN1, VF_ARQH1, VF_ARQT1,
		QTX_TAIL1, QTX_TAIL1 + 60, QRX_TAIL1, QRX_TAIL1 + 60,
		VFINT_ICR01, VFINT_ICR0_ENA1, VFINT_ITRN1, VFINT_ITRN1 + 128,
		VFINT_ITR01, VFQF_HKEY, VFQF_HKEY + 48, VFQF_HLUT,
		VFQF_HLUT + 60,
	};
	unsigned int i;

	EXPECT_EQ(VFR_VFACTIVE, vf_get(self->f, VFGEN_RSTAT));
	for (i = 0; i < sizeof(zero) / 4; i++)
		EXPECT_EQ(0, vf_get(self->f, zero[i]));
	EXPECT_EQ(0x80000000, vf_get(self->f, VFQF_HENA));
	EXPECT_EQ(0x80007a1e, vf_get(self->f, VFQF_HENA + 4));
	EXPECT_EQ(NO_REGISTER, vf_get(self->f, 0x1000));
	EXPECT_EQ(NO_REGISTER, vf_get(self->f, QTX_TAIL1 + 64));
	EXPECT_EQ(NO_REGISTER, vf_get(self->f, 0xfffc));
}

TEST_F(vf, registers_keep_what_they_have)
{
	uint64_t wide;

	vf_put(self->f, VF_ATQBAL1, ~0U);
	EXPECT_EQ(~63U, vf_get(self->f, VF_ATQBAL1));
	vf_put(self->f, VF_ATQBAH1, 0x12345678);
	EXPECT_EQ(0x12345678, vf_get(self->f, VF_ATQBAH1));
	vf_put(self->f, VF_ARQLEN1, 0x0ffffc20);
	EXPECT_EQ(0x20, vf_get(self->f, VF_ARQLEN1));
	vf_put(self->f, VFINT_ITRN1 + 64 + 4, 0xfffff);
	EXPECT_EQ(0xfff, vf_get(self->f, VFINT_ITRN1 + 64 + 4));
	vf_put(self->f, VFQF_HKEY + 48, 0xdeadcafe);
	EXPECT_EQ(0xdeadcafe, vf_get(self->f, VFQF_HKEY + 48));
	EXPECT_EQ(0, client_read(&self->f->c, BAR0, VFQF_HKEY + 48, &wide, 2));
	EXPECT_EQ(0xcafe, wide & 0xffff);
	/* Less than a register is not written. */
	EXPECT_EQ(0, client_write(&self->f->c, BAR0, VFQF_HKEY + 48, "ab", 2));
	EXPECT_EQ(0xdeadcafe, vf_get(self->f, VFQF_HKEY + 48));
	EXPECT_EQ(0, client_read(&self->f->c, BAR0, VF_ATQBAH1 - 4, &wide, 8));
	EXPECT_EQ(0x12345678, wide >> 32);
}

TEST_F(vf, version_and_resources)
{
	EXPECT_EQ(0x200, vf_open(self->f));
	EXPECT_EQ(0x201, vf_open(&self->v.f[1]));
	EXPECT_EQ(2, vf_get(self->f, VF_ATQH1));
	EXPECT_EQ(0x80000020, vf_get(self->f, VF_ATQLEN1));
}

/* What the firmware says itself, without asking the PF */
TEST_F(vf, other_commands)
{
	struct aq_desc *d = (struct aq_desc *)(self->f->memory + ATQ);

	vf_adminq(self->f);
	d[0] = (struct aq_desc){ .opcode = AQC_QUEUE_SHUTDOWN };
	d[1] = (struct aq_desc){ .opcode = 0x0001 };
	d[2] = (struct aq_desc){
		.opcode = AQC_SEND_MSG_TO_PF,
		.flags = AQ_FLAG_BUF | AQ_FLAG_RD | AQ_FLAG_LB,
		.datalen = AQ_MAX_BUF + 1,
		.addr_low = MEMORY,
	};
	d[3] = (struct aq_desc){
		.opcode = AQC_SEND_MSG_TO_PF,
		.flags = AQ_FLAG_BUF,
		.datalen = 8,
		.addr_low = MEMORY,
	};
	vf_put(self->f, VF_ATQT1, 4);
	EXPECT_EQ(4, vf_get(self->f, VF_ATQH1));
	EXPECT_EQ(AQ_FLAG_DD | AQ_FLAG_CMP, d[0].flags);
	EXPECT_EQ(AQ_RC_EPERM, d[1].retval);
	EXPECT_EQ(AQ_FLAG_ERR, d[1].flags & AQ_FLAG_ERR);
	EXPECT_EQ(AQ_RC_E2BIG, d[2].retval);
	EXPECT_EQ(AQ_RC_EINVAL, d[3].retval);
}

TEST_F(vf, adminq_critical_errors)
{
	/* Memory that is not there */
	vf_adminq(self->f);
	vf_put(self->f, VF_ATQBAL1, 0x40);
	vf_put(self->f, VF_ATQT1, 1);
	EXPECT_EQ(AQ_LEN_CRIT, vf_get(self->f, VF_ATQLEN1) & AQ_LEN_CRIT);
	EXPECT_EQ(0, vf_get(self->f, VF_ATQH1));
	/* A tail outside of the ring */
	vf_adminq(self->f);
	EXPECT_EQ(0, vf_get(self->f, VF_ATQLEN1) & AQ_LEN_CRIT);
	vf_put(self->f, VF_ATQT1, AQ_ENTRIES);
	EXPECT_EQ(AQ_LEN_CRIT, vf_get(self->f, VF_ATQLEN1) & AQ_LEN_CRIT);
	/* Nothing is done without the enable bit. */
	vf_adminq(self->f);
	vf_put(self->f, VF_ATQLEN1, AQ_ENTRIES);
	EXPECT_EQ(-1, vf_send(self->f, OP_VERSION, "", 0));
	EXPECT_EQ(0, vf_get(self->f, VF_ATQH1));
	EXPECT_EQ(1, vf_value(&self->v, "0 stats", "dma-errors"));
}

TEST_F(vf, arq_overflow)
{
	vf_adminq(self->f);
	vf_put(self->f, VF_ARQT1, 1);
	vf_command(&self->v, "0 event 2");
	EXPECT_EQ(0, vf_get(self->f, VF_ARQLEN1) & AQ_LEN_OVFL);
	vf_command(&self->v, "0 event 2");
	EXPECT_EQ(AQ_LEN_OVFL, vf_get(self->f, VF_ARQLEN1) & AQ_LEN_OVFL);
	EXPECT_EQ(1, vf_get(self->f, VF_ARQH1));
}

/* A message that is longer than its buffer */
TEST_F(vf, arq_short_buffer)
{
	struct aq_desc *d = (struct aq_desc *)(self->f->memory + ARQ);
	uint8_t *buffer = self->f->memory + ARQ_BUFFERS;

	vf_adminq(self->f);
	d->datalen = 8;
	memset(buffer, 0xee, 16);
	vf_command(&self->v, "0 event 2 255");
	EXPECT_EQ(8, d->datalen);
	EXPECT_EQ(2, buffer[0]);
	EXPECT_EQ(0xee, buffer[8]);
}

TEST_F(vf, reset_by_itself)
{
	ASSERT_NE(0, vf_open(self->f));
	vf_put(self->f, VFQF_HLUT, 0x01020301);
	vf_command(&self->v, "0 hold");
	vf_send(self->f, OP_RESET_VF, NULL, 0);
	EXPECT_EQ(VFR_INPROGRESS, vf_get(self->f, VFGEN_RSTAT));
	EXPECT_EQ(0, vf_get(self->f, VF_ARQLEN1));
	EXPECT_EQ(0, vf_get(self->f, VF_ATQT1));
	/* Neither the other function nor what outlives this reset */
	EXPECT_EQ(VFR_VFACTIVE, vf_get(&self->v.f[1], VFGEN_RSTAT));
	EXPECT_EQ(0x01020301, vf_get(self->f, VFQF_HLUT));
	vf_command(&self->v, "0 release");
	EXPECT_TRUE(vf_active(self->f));
	EXPECT_NE(0, vf_open(self->f));
}

TEST_F(vf, reset_by_pf)
{
	int32_t status;
	uint32_t op, event[4];
	uint16_t len = sizeof(event);
	const uint32_t caps = 0;

	ASSERT_NE(0, vf_open(self->f));
	vf_command(&self->v, "0 reset-time 0");
	/* Again without a reset: the PF says no. */
	EXPECT_EQ(VC_ERR_PARAM, vf_request(self->f, OP_GET_VF_RESOURCES, &caps,
					   4, NULL, NULL));
	/* The PF's last word is the link's state. */
	while (vf_receive(self->f, &op, &status, NULL, NULL))
		;
	vf_command(&self->v, "0 reset");
	memcpy(event, self->f->memory + ARQ_BUFFERS +
	       self->f->arq * AQ_MAX_BUF, len);
	EXPECT_EQ(2, event[0]);
	EXPECT_EQ(SEVERITY_CERTAIN_DOOM, event[3]);
	EXPECT_EQ(0, vf_get(self->f, VF_ARQLEN1));
	EXPECT_TRUE(vf_active(self->f));
	EXPECT_NE(0, vf_open(self->f));
	EXPECT_EQ(1, vf_value(&self->v, "0 stats", "resets"));
}

TEST_F(vf, function_level_reset)
{
	ASSERT_NE(0, vf_open(self->f));
	vf_command(&self->v, "0 hold");
	/* Device control, of the Express capability at 0xa0 */
	ASSERT_EQ(0, client_put(&self->f->c, CONFIG, 0xa8, 0x8000));
	EXPECT_EQ(VFR_INPROGRESS, vf_get(self->f, VFGEN_RSTAT));
	EXPECT_EQ(0, vf_get(self->f, VF_ATQLEN1));
	vf_command(&self->v, "0 release");
	EXPECT_EQ(0, client_get(&self->f->c, CONFIG, 4) & 0xffff);
	vf_bus_master(self->f, true);
	EXPECT_NE(0, vf_open(self->f));
}

TEST_F(vf, no_bus_master)
{
	vf_adminq(self->f);
	vf_bus_master(self->f, false);
	EXPECT_EQ(-1, vf_send(self->f, OP_VERSION, "", 0));
	EXPECT_EQ(AQ_LEN_CRIT, vf_get(self->f, VF_ATQLEN1) & AQ_LEN_CRIT);
	EXPECT_EQ(0, vf_get(self->f, VF_ATQH1));
	vf_put(self->f, VFINT_DYN_CTLN1, DYN_CTL_INTENA | DYN_CTL_SWINT_TRIG |
					 ITR_NONE << 3);
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->f->vectors[1], 0));
}

/* Who does not wait for the hardware is heard when the PF is ready. */
TEST_F(vf, impatient_driver)
{
	const uint32_t version[] = { 1, 1 };

	vf_command(&self->v, "0 hold");
	vf_command(&self->v, "0 reset");
	vf_adminq(self->f);
	EXPECT_EQ(-1, vf_send(self->f, OP_VERSION, version, 8));
	vf_command(&self->v, "0 release");
	ASSERT_TRUE(vf_active(self->f));
	EXPECT_EQ(1, vf_get(self->f, VF_ATQH1));
	EXPECT_EQ(1, vf_get(self->f, VF_ARQH1));
}

/* What is asked while the PF is busy with a reset is answered after it. */
TEST_F(vf, requests_wait_for_the_reset)
{
	const uint32_t version[] = { 1, 1 };
	uint32_t op;
	int32_t status;

	vf_command(&self->v, "0 hold");
	vf_command(&self->v, "0 reset");
	vf_command(&self->v, "0 release");
	while (vf_get(self->f, VFGEN_RSTAT) == VFR_INPROGRESS)
		usleep(100);
	vf_adminq(self->f);
	EXPECT_EQ(0, vf_request(self->f, OP_VERSION, version, 8, NULL, NULL));
	EXPECT_EQ(VFR_VFACTIVE, vf_get(self->f, VFGEN_RSTAT));
	EXPECT_FALSE(vf_receive(self->f, &op, &status, NULL, NULL));
}

TEST_F(vf, adminq_interrupt)
{
	int fd = self->f->vectors[0];

	vf_adminq(self->f);
	vf_command(&self->v, "0 event 1");
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(fd, 0));
	vf_put(self->f, VFINT_ICR0_ENA1, ICR0_ADMINQ);
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(fd, 0));
	/* What was pending comes with the enable bit. */
	vf_put(self->f, VFINT_DYN_CTL01, DYN_CTL_INTENA);
	EXPECT_EQ(0, eventfd_wait(fd, CLIENT_TIMEOUT_MS));
	EXPECT_EQ(0, vf_get(self->f, VFINT_DYN_CTL01) & DYN_CTL_INTENA);
	EXPECT_EQ(ICR0_ADMINQ | ICR0_INTEVENT, vf_get(self->f, VFINT_ICR01));
	EXPECT_EQ(0, vf_get(self->f, VFINT_ICR01));
	/* Cleared, it does not. */
	vf_command(&self->v, "0 event 1");
	vf_put(self->f, VFINT_DYN_CTL01, DYN_CTL_INTENA | DYN_CTL_CLEARPBA);
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(fd, 0));
}

TEST_F(vf, software_interrupt)
{
	uint32_t reg = VFINT_DYN_CTLN1 + 4;
	int fd = self->f->vectors[2];

	vf_put(self->f, reg, DYN_CTL_SWINT_TRIG | ITR_NONE << 3);
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(fd, 0));
	vf_put(self->f, reg, DYN_CTL_INTENA | ITR_NONE << 3);
	EXPECT_EQ(0, eventfd_wait(fd, CLIENT_TIMEOUT_MS));
	vf_put(self->f, reg, DYN_CTL_INTENA | ITR_NONE << 3);
	/* INTENA_MSK: not the enable bit */
	vf_put(self->f, reg, DYN_CTL_INTENA_MSK | ITR_NONE << 3);
	EXPECT_EQ(1, vf_get(self->f, reg) & DYN_CTL_INTENA);
	vf_put(self->f, reg, DYN_CTL_INTENA_MSK | DYN_CTL_SWINT_TRIG |
			     ITR_NONE << 3);
	EXPECT_EQ(0, eventfd_wait(fd, CLIENT_TIMEOUT_MS));
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(self->f->vectors[1], 0));
}

/* Of two interrupts the second waits for the interval, 8 ms here. */
TEST_F(vf, throttling)
{
	uint32_t reg = VFINT_DYN_CTLN1;
	uint32_t trigger = DYN_CTL_INTENA | DYN_CTL_SWINT_TRIG |
			   DYN_CTL_SW_ITR_ENA | 1 << 25 | ITR_NONE << 3;
	int fd = self->f->vectors[1];

	vf_put(self->f, reg, DYN_CTL_INTENA | 1 << 3 | 0xfa0 << 5);
	EXPECT_EQ(0xfa0, vf_get(self->f, VFINT_ITRN1 + 64));
	vf_put(self->f, reg, trigger);
	EXPECT_EQ(0, eventfd_wait(fd, CLIENT_TIMEOUT_MS));
	vf_put(self->f, reg, trigger);
	EXPECT_EQ(-ETIMEDOUT, eventfd_wait(fd, 0));
	EXPECT_EQ(0, eventfd_wait(fd, CLIENT_TIMEOUT_MS));
}

TEST_F(vf, control)
{
	static const char *const wrong[] = {
		"", "0", "2 state", "x state", "0 nonsense", "0 link",
		"0 link sideways", "0 mac 1:2:3", "0 refuse NOTHING",
		"0 queues 0", "0 queues 17", "0 reset loudly", "0 delay -1",
	};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		EXPECT_EQ(0, strncmp(vf_command(&self->v, "%s", wrong[i]),
				     "error: ", 7))
			TH_LOG("command %u", i);
	EXPECT_EQ(0, strcmp(vf_command(&self->v, "1 link down"), "ok\n"));
	EXPECT_NE(NULL, strstr(vf_command(&self->v, "0 state"),
			       "mac 52:54:00:0e:00:10\n"));
	EXPECT_NE(NULL, strstr(vf_command(&self->v, "1 state"),
			       "mac 52:54:00:0e:00:11\n"));
}

/* The library's part: words of the client's own, and lines that have no end */
TEST_F(vf, control_lines)
{
	char line[2048];
	ssize_t n = 0;

	dprintf(self->v.control, "@a 0 hold\n@b 0 nonsense\n");
	while (n < 6 || line[n - 1] != '\n' || line[n - 2] != 'b')
		n += read(self->v.control, line + n, sizeof(line) - n);
	EXPECT_EQ(0, strncmp(line, "ok @a\nerror: ", 13));
	EXPECT_EQ(0, strncmp(line + n - 4, " @b\n", 4));
	memset(line, 'x', sizeof(line));
	ASSERT_EQ(sizeof(line), write(self->v.control, line, sizeof(line)));
	EXPECT_GE(0, read(self->v.control, line, sizeof(line)));
	close(self->v.control);
	self->v.control = vf_connect_control(self->v.path);
	EXPECT_NE(0, strlen(vf_command(&self->v, "1 state")));
}

/* The ARQ's descriptor and buffer, and the ATQ's descriptor */
TEST_F(vf, dirty_pages)
{
	const uint32_t version[] = { 1, 1 };

	vf_adminq(self->f);
	EXPECT_EQ(0, strcmp(vf_command(&self->v, "0 dirty"), "ok\n"));
	EXPECT_EQ(0, vf_request(self->f, OP_VERSION, version, 8, NULL, NULL));
	EXPECT_EQ(0, strcmp(vf_command(&self->v, "0 dirty clear"),
			    "0x10000000 0x2000\n0x10010000 0x1000\nok\n"));
	EXPECT_EQ(0, strcmp(vf_command(&self->v, "0 dirty"), "ok\n"));
}

TEST_HARNESS_MAIN
