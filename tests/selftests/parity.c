// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function through "pt" must look and act as it does through vfio-pci
 *
 * Each test opens the same function in the same way through the one driver
 * and then through the other, has one piece of code take down what it sees,
 * and compares. What may differ stands in the table of exceptions, with the
 * reason; nothing else may.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kselftest_harness.h"
#include "parity/view.h"

/* A debug kernel in a busy lab is an order of magnitude slower. */
#define TEST_SECONDS	180

static const struct parity_function igb_vf = {
	.kind = &igb_vf_kind,
	/* RDBAL of queue 0: 128-byte aligned */
	.bar = 0,
	.scratch = 0x2800,
	.value = 0x12345680,
};

static const struct parity_function igb_pf = {
	.kind = &igb_pf_kind,
	/* RDBAL of queue 0 */
	.bar = 0,
	.scratch = 0xc000,
	.value = 0x12345680,
};

static const struct parity_function virtio_net_vf = {
	.kind = &virtio_net_vf_kind,
	/* driver_feature_select */
	.bar = 4,
	.scratch = 0x8,
	.value = 1,
};

static const struct parity_function nvme_vf = {
	.kind = &nvme_vf_kind,
	/* ASQ; reads 0 until the PF gives the VF resources */
	.bar = 0,
	.scratch = 0x28,
	.value = 0x12345000,
};

static const struct parity_function nvme = {
	.kind = &nvme_kind,
	.bar = 0,
	.scratch = 0x28,
	.value = 0x12345000,
};

static const struct parity_function vga_adapter = {
	.kind = &vga_kind,
};

static const struct snapshot_exception exceptions[] = {
	{ "igb VF", "region 0 *", 0x8, 0xc,
	  "STATUS.LU: the PF's link comes up in its own time" },
	{ "igb VF", "region 0 read * bytes at 1", 0x7, 0xb,
	  "STATUS.LU: the PF's link comes up in its own time" },
	{ "VGA", "VGA read of 8 at 0x3c?", 0, 8,
	  "palette data moves on at each read; the cursor is the console's" },
	{ "VGA", "region 2 *", 0x400, 0x420,
	  "VGA ports: what one shows depends on what was read before" },
	{}
};

struct subject {
	const struct parity_function *what;
	enum vfio_way way;
	struct function function;
};

FIXTURE(parity)
{
	struct subject subject;
};

FIXTURE_VARIANT(parity)
{
	const struct parity_function *function;
	enum vfio_way way;
};

#define VARIANT(name)							\
	FIXTURE_VARIANT_ADD(parity, name) {				\
		.function = &name,					\
		.way = VFIO_WAY_GROUP,					\
	};								\
	FIXTURE_VARIANT_ADD(parity, name##_cdev) {			\
		.function = &name,					\
		.way = VFIO_WAY_CDEV,					\
	}

VARIANT(igb_vf);
VARIANT(igb_pf);
VARIANT(virtio_net_vf);
VARIANT(nvme_vf);
VARIANT(nvme);

/* Takes the function; returns why the tests can't run, or NULL. */
static const char *take(struct __test_metadata *_metadata,
			struct subject *subject,
			const struct parity_function *function,
			enum vfio_way way)
{
	int ret;

	ASSERT_EQ(0, function_load_drivers());
	if (way == VFIO_WAY_CDEV && !vfio_have_cdev())
		return "this kernel has no iommufd, or no character devices of VFIO";

	subject->what = function;
	subject->way = way;
	ret = function_take(&subject->function, function->kind);
	if (ret == -ENODEV)
		return "no such function";
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, catch_bus_errors());
	return NULL;
}

FIXTURE_SETUP(parity)
{
	const char *missing = take(_metadata, &self->subject,
				   variant->function, variant->way);

	if (missing)
		SKIP(return, "%s: %s", variant->function->kind->name, missing);
}

FIXTURE_TEARDOWN(parity)
{
	EXPECT_EQ(0, function_withdraw(&self->subject.function));
}

static void give_back(void)
{
	static const struct parity_function *const functions[] = {
		&igb_vf, &igb_pf, &virtio_net_vf, &nvme_vf, &nvme,
		&vga_adapter,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		function_give_back(functions[i]->kind);
}

/* Not after each test: to bind the PF's driver again takes longer than a test. */
static void __attribute__((constructor)) give_back_at_exit(void)
{
	/* The harness runs each test in a child, which leaves by _exit(). */
	atexit(give_back);
}

typedef void (*section_t)(struct view *v);

static void take_snapshot(struct __test_metadata *_metadata,
			  struct subject *subject, section_t section,
			  struct snapshot *s)
{
	struct function *function = &subject->function;
	struct vfio_user user;
	struct view view = {
		.s = s,
		.u = &user,
		.function = subject->what,
		.bdf = function->bdf,
	};

	ASSERT_EQ(0, function_offer(function, s->title));
	ASSERT_EQ(0, vfio_open(&user, subject->way, function->bdf,
			       function->name));
	section(&view);
	vfio_close(&user);

	record_host(&view, true, "after close");
	record_host_config(&view, "after close");
	ASSERT_EQ(0, function_withdraw(function));
	record_host_config(&view, "unbound");
}

static void compare(struct __test_metadata *_metadata, struct subject *subject,
		    section_t section, struct snapshot *mine)
{
	struct snapshot theirs;

	snapshot_init(&theirs, "vfio-pci");
	snapshot_init(mine, "pt");
	take_snapshot(_metadata, subject, section, &theirs);
	take_snapshot(_metadata, subject, section, mine);
	EXPECT_EQ(0, snapshot_compare(&theirs, mine,
				      subject->what->kind->name, exceptions));
	snapshot_free(&theirs);
}

/* So that two snapshots of nothing are not taken for likeness. */
#define EXPECT_RESULT(expected, snapshot, item) do {			\
	const struct snapshot_item *_item = snapshot_find(snapshot, item); \
									\
	ASSERT_NE(NULL, _item) {					\
		TH_LOG("the snapshot has no \"%s\"", item);		\
	}								\
	EXPECT_EQ(expected, _item->result) {				\
		TH_LOG("\"%s\"", item);					\
	}								\
} while (0)

TEST_F_TIMEOUT(parity, info, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_info, &mine);
	EXPECT_RESULT(0, &mine, "device info");
	EXPECT_RESULT(0, &mine, "region 0 info");
	EXPECT_RESULT(-EINVAL, &mine, "region 9 info");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, config, TEST_SECONDS)
{
	const struct snapshot_item *item;
	struct snapshot mine;

	compare(_metadata, &self->subject, see_config, &mine);
	item = snapshot_find(&mine, "region 7 at first, 1 bytes");
	ASSERT_NE(NULL, item);
	ASSERT_LT(1, item->len);
	/* A VF's own vendor ID reads as ones; VFIO puts the right one there. */
	EXPECT_EQ(variant->function->kind->vendor,
		  item->data[0] | item->data[1] << 8);
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, bars, TEST_SECONDS)
{
	struct snapshot mine;
	char item[64];

	compare(_metadata, &self->subject, see_bars, &mine);
	snprintf(item, sizeof(item), "region %u read, 4 bytes",
		 variant->function->bar);
	EXPECT_RESULT(0, &mine, item);
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, refusals, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_refusals, &mine);
	EXPECT_RESULT(-ENOTTY, &mine, "unknown ioctl 0");
	EXPECT_RESULT(-EINVAL, &mine, "set interrupts, no flags");
	EXPECT_RESULT(-EINVAL, &mine, "region 7 mmap first page");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, interrupts, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_interrupts, &mine);
	EXPECT_RESULT(0, &mine, "interrupt 2 enable");
	EXPECT_RESULT(snapshot_find(&mine, "interrupt 2 count")->result, &mine,
		      "interrupt 2 signalled");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, writes, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_writes, &mine);
	EXPECT_RESULT(4, &mine, "write of 4 bytes");
	EXPECT_RESULT(0, &mine, "ioeventfd, 4 bytes");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, resets, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_resets, &mine);
	EXPECT_RESULT(0, &mine, "reset");
	EXPECT_RESULT(1, &mine, "reset took its time");
	EXPECT_RESULT(4, &mine, "register before the reset");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(parity, low_power, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_low_power, &mine);
	EXPECT_RESULT(4, &mine, "register in low power");
	snapshot_free(&mine);
}

/*
 * A VGA adapter has one region more.
 */

FIXTURE(vga)
{
	struct subject subject;
};

FIXTURE_VARIANT(vga)
{
	enum vfio_way way;
};

FIXTURE_VARIANT_ADD(vga, group) {
	.way = VFIO_WAY_GROUP,
};

FIXTURE_VARIANT_ADD(vga, cdev) {
	.way = VFIO_WAY_CDEV,
};

FIXTURE_SETUP(vga)
{
	const char *missing = take(_metadata, &self->subject, &vga_adapter,
				   variant->way);

	if (missing)
		SKIP(return, "VGA adapter: %s", missing);
}

FIXTURE_TEARDOWN(vga)
{
	EXPECT_EQ(0, function_withdraw(&self->subject.function));
}

TEST_F_TIMEOUT(vga, legacy_ranges, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_vga, &mine);
	EXPECT_RESULT(0, &mine, "VGA region info");
	EXPECT_RESULT(1, &mine, "VGA read of 1 at 0xbffff");
	EXPECT_RESULT(-EINVAL, &mine, "VGA read of 1 at 0xc0000");
	EXPECT_RESULT(0x5a, &mine, "VGA register value");
	EXPECT_RESULT(0x5a, &mine, "VGA memory value");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(vga, info, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_info, &mine);
	EXPECT_RESULT(0, &mine, "region 8 info");
	snapshot_free(&mine);
}

TEST_F_TIMEOUT(vga, bars, TEST_SECONDS)
{
	struct snapshot mine;

	compare(_metadata, &self->subject, see_bars, &mine);
	EXPECT_RESULT(0, &mine, "region 0 read, 4 bytes");
	snapshot_free(&mine);
}

TEST_HARNESS_MAIN
