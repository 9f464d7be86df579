// SPDX-License-Identifier: GPL-2.0-only
/*
 * An Intel HD Graphics 630, as far as VFIO is concerned: config space, BARs,
 * one interrupt, an OpRegion
 *
 * Names are those of "Intel Open Source Graphics PRM, Kaby Lake", volume 2c.
 *
 * The OpRegion is memory that firmware has set aside, and there is no firmware
 * here. So the model has it in BAR5, which the real device lacks: the BAR's
 * address is a 32 bit one, as ASLS wants it, and ASLS follows the BAR until
 * somebody writes it. A kernel that maps the OpRegion cached cannot map BAR5
 * uncached at the same time, which is why it has a BAR to itself.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"
#include "opregion.h"

#define MB			(1024ULL * 1024)

/* Config space */
#define GGC			0x50
#define   GGC_LOCKED		(1 << 0)
#define   GGC_GGMS_8MB		(3 << 6)
#define BDSM			0x5c
#define ASLE			0xe4
#define SWSCI			0xe8
#define ASLS			0xfc

/* BAR0: registers, then the translation table */
#define GTTMMADR_SIZE		(16 * MB)
#define REGISTERS_SIZE		(2 * MB)
#define GTT			(8 * MB)
#define MASTER_INT_CTL		0x44200
#define   MASTER_INT_ENABLE	(1U << 31)
#define DE_MISC_ISR		0x44460
#define DE_MISC_IMR		0x44464
#define DE_MISC_IIR		0x44468
#define DE_MISC_IER		0x4446c

/* BAR4: two ports to BAR0 */
#define MMIO_INDEX		0
#define MMIO_DATA		4

#define OPREGION_BAR		5
#define OPREGION_BAR_SIZE	(256 * 1024)

/*
 * @asls: what was written there, and outlives resets; 0 is BAR5's address
 * @patched: the address that a version 2.0 OpRegion's RVDA was made for
 */
struct igd {
	struct opregion opregion;
	uint32_t asls;
	uint32_t patched;
	uint32_t mmio_index;
};

static uint32_t *reg(struct model *m, uint64_t offset)
{
	return (uint32_t *)((uint8_t *)model_bar_memory(m, 0) + offset);
}

static void update_interrupt(struct model *m)
{
	bool wanted = *reg(m, MASTER_INT_CTL) & MASTER_INT_ENABLE &&
		      *reg(m, DE_MISC_IIR) & *reg(m, DE_MISC_IER);

	if (model_irq_index(m) == VFIO_PCI_INTX_IRQ_INDEX)
		model_intx(m, wanted);
	else if (wanted)
		model_irq_trigger(m, VFIO_PCI_MSI_IRQ_INDEX, 0);
}

/*
 * The display engine's miscellaneous interrupts work, all other registers are
 * memory. A write of ISR, which the real one ignores, is an event.
 */
static void write_register(struct model *m, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case DE_MISC_ISR:
		*reg(m, DE_MISC_IIR) |= value & ~*reg(m, DE_MISC_IMR);
		break;
	case DE_MISC_IIR:
		*reg(m, DE_MISC_IIR) &= ~value;
		break;
	default:
		*reg(m, offset) = value;
		if (offset != MASTER_INT_CTL && offset != DE_MISC_IER)
			return;
	}
	update_interrupt(m);
}

static uint64_t gttmmadr_read(struct model *m, unsigned int bar,
			      uint64_t offset, unsigned int width)
{
	uint64_t value = 0;

	(void)bar;
	if (offset < REGISTERS_SIZE)
		memcpy(&value, (uint8_t *)model_bar_memory(m, 0) + offset,
		       width);
	return value;
}

static void gttmmadr_write(struct model *m, unsigned int bar, uint64_t offset,
			   uint64_t value, unsigned int width)
{
	(void)bar;
	if (offset >= REGISTERS_SIZE || width < 4)
		return;
	write_register(m, offset, value);
	if (width == 8)
		write_register(m, offset + 4, value >> 32);
}

static uint64_t io_read(struct model *m, unsigned int bar, uint64_t offset,
			unsigned int width)
{
	struct igd *igd = model_private(m);

	if (width != 4)
		return 0;
	if (offset == MMIO_INDEX)
		return igd->mmio_index;
	if (offset == MMIO_DATA)
		return gttmmadr_read(m, bar, igd->mmio_index, 4);
	return 0;
}

static void io_write(struct model *m, unsigned int bar, uint64_t offset,
		     uint64_t value, unsigned int width)
{
	struct igd *igd = model_private(m);

	if (width != 4)
		return;
	if (offset == MMIO_INDEX)
		igd->mmio_index = value & (REGISTERS_SIZE - 4);
	else if (offset == MMIO_DATA)
		gttmmadr_write(m, bar, igd->mmio_index, value, 4);
}

/* An external VBT's absolute address is only known when the BAR's is. */
static void place_opregion(struct model *m, struct igd *igd, uint32_t address)
{
	uint64_t rvda = (uint64_t)address + igd->opregion.vbt_offset;

	if (igd->opregion.version != 0x0200 || !igd->opregion.vbt_offset ||
	    igd->opregion.fault || address == igd->patched)
		return;
	memcpy((uint8_t *)model_bar_memory(m, OPREGION_BAR) + OPREGION_RVDA,
	       &rvda, sizeof(rvda));
	igd->patched = address;
}

/* As long as nobody has written ASLS, it is where BAR5 is. */
static void update_asls(struct model *m)
{
	struct igd *igd = model_private(m);
	uint32_t address = igd->asls;

	if (!address && model_bar_memory(m, OPREGION_BAR)) {
		address = model_bar_address(m, OPREGION_BAR);
		/* Its size is being asked for. */
		if (address == (uint32_t)-OPREGION_BAR_SIZE)
			address = 0;
		if (address)
			place_opregion(m, igd, address);
	}
	model_config_set(m, ASLS, 4, address);
}

static void igd_config_written(struct model *m, unsigned int offset,
			       unsigned int len)
{
	struct igd *igd = model_private(m);

	if (offset < ASLS + 4 && ASLS < offset + len)
		igd->asls = model_config_get(m, ASLS, 4);
	update_asls(m);
}

static void igd_reset(struct model *m)
{
	struct igd *igd = model_private(m);

	igd->mmio_index = 0;
	memset(model_bar_memory(m, 0), 0, REGISTERS_SIZE);
	update_asls(m);
}

static const struct model_range gtt = { GTT, GTTMMADR_SIZE - GTT };
static struct model_range aperture = { 0, 64 * MB };
static const struct model_range opregion_pages = { 0, OPREGION_BAR_SIZE };

static struct model_device device = {
	.name = "igd",
	.vendor = 0x8086,
	.device = 0x5912,
	.subsystem_vendor = 0x8086,
	.subsystem = 0x2212,
	.class_code = 0x030000,
	.revision = 4,
	.intx_pin = 1,
	.config_size = 4096,
	.bars = {
		[0] = {
			.size = GTTMMADR_SIZE,
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64,
			.memory = &gtt,
			.num_memory = 1,
			.read = gttmmadr_read,
			.write = gttmmadr_write,
		},
		[2] = {
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 |
				 PCI_BASE_ADDRESS_MEM_PREFETCH,
			.memory = &aperture,
			.num_memory = 1,
		},
		[4] = {
			.size = 64,
			.flags = PCI_BASE_ADDRESS_SPACE_IO,
			.read = io_read,
			.write = io_write,
		},
		[OPREGION_BAR] = {
			.size = OPREGION_BAR_SIZE,
			.memory = &opregion_pages,
			.num_memory = 1,
		},
	},
	.reset = igd_reset,
	.config_written = igd_config_written,
};

/* @ggc, @bdsm: stolen memory, which a kernel that knows the device reserves */
struct options {
	uint32_t ggc;
	uint32_t bdsm;
	const char *opregion_file;
	unsigned int serve;
};

static int add_capabilities(struct model *m)
{
	int ret = model_add_capability(m, PCI_CAP_ID_VNDR, 0x40, 12);

	model_config_set(m, 0x42, 1, 12);
	if (!ret)
		ret = model_add_pcie(m, 0x70, PCI_EXP_TYPE_RC_END);
	if (!ret)
		ret = model_add_msi(m, 0xac, 1, 0);
	if (!ret)
		ret = model_add_pm(m, 0xd0);
	return ret;
}

static int load_file(struct model *m, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, model_bar_memory(m, OPREGION_BAR), OPREGION_BAR_SIZE);
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? n : 0;
}

static int load_opregion(struct model *m, struct igd *igd, const char *file)
{
	if (!model_bar_memory(m, OPREGION_BAR))
		return 0;
	if (file)
		return load_file(m, file);
	if (opregion_size(&igd->opregion) > OPREGION_BAR_SIZE)
		return -EFBIG;
	opregion_build(&igd->opregion, model_bar_memory(m, OPREGION_BAR));
	return 0;
}

static int set_up(struct model *m, struct igd *igd, const struct options *o)
{
	int ret = add_capabilities(m);

	if (ret)
		return ret;
	model_config_set(m, GGC, 2, o->ggc);
	model_config_set(m, BDSM, 4, o->bdsm);
	model_config_set(m, ASLS, 4, igd->asls);
	model_config_writable(m, ASLE, 4, ~0U);
	model_config_writable(m, SWSCI, 2, 0xffff);
	model_config_writable(m, ASLS, 4, ~0U);
	return load_opregion(m, igd, o->opregion_file);
}

static const char usage[] =
	"Usage: igd [OPTION...] SOCKET\n"
	"  --device ID              PCI device ID (0x5912)\n"
	"  --aperture MB            size of BAR2 (64)\n"
	"  --opregion DESCRIPTION   version=,vbt=,offset=,fault=: see opregion.h\n"
	"  --opregion-file FILE     contents of BAR5\n"
	"  --opregion-address ADDR  ASLS; otherwise it is BAR5's address\n"
	"  --no-opregion            no BAR5 either\n"
	"  --ggc VALUE, --bdsm VALUE  stolen memory (none)\n"
	"  --once                   end with the first client\n";

static int number(uint32_t *value)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 0);

	*value = n;
	return end == optarg || *end || n > UINT32_MAX ? -EINVAL : 0;
}

static int set_id(void)
{
	uint32_t id;
	int ret = number(&id);

	device.device = id;
	return ret || id > 0xffff ? -EINVAL : 0;
}

static int set_aperture(void)
{
	uint32_t mb;
	int ret = number(&mb);

	aperture.size = mb * MB;
	return ret || !mb || mb > 4096 || mb & (mb - 1) ? -EINVAL : 0;
}

static int parse_option(int option, struct igd *igd, struct options *o)
{
	switch (option) {
	case 'd':
		return set_id();
	case 'm':
		return set_aperture();
	case 'o':
		return opregion_parse(&igd->opregion, optarg);
	case 'f':
		o->opregion_file = optarg;
		igd->opregion.version = 0;
		return 0;
	case 'a':
		return number(&igd->asls);
	case 'n':
		device.bars[OPREGION_BAR].size = 0;
		device.bars[OPREGION_BAR].num_memory = 0;
		return 0;
	case 'g':
		return number(&o->ggc);
	case 'b':
		return number(&o->bdsm);
	case '1':
		o->serve = MODEL_ONCE;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct igd *igd,
			 struct options *o)
{
	static const struct option names[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "aperture", required_argument, NULL, 'm' },
		{ "opregion", required_argument, NULL, 'o' },
		{ "opregion-file", required_argument, NULL, 'f' },
		{ "opregion-address", required_argument, NULL, 'a' },
		{ "no-opregion", no_argument, NULL, 'n' },
		{ "ggc", required_argument, NULL, 'g' },
		{ "bdsm", required_argument, NULL, 'b' },
		{ "once", no_argument, NULL, '1' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		if (parse_option(option, igd, o))
			return -EINVAL;
	device.bars[2].size = aperture.size;
	return optind == argc - 1 ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct igd igd = {
		.opregion = { .version = 0x0201, .vbt_size = 4096 },
	};
	struct options o = { .ggc = GGC_LOCKED | GGC_GGMS_8MB };
	struct model *m;
	int ret;

	if (parse_options(argc, argv, &igd, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	m = model_create(&device, &igd);
	if (!m) {
		perror("igd");
		return 1;
	}
	ret = set_up(m, &igd, &o);
	if (!ret)
		ret = model_serve(m, argv[optind], o.serve);
	model_destroy(m);
	if (ret)
		fprintf(stderr, "igd: %s\n", strerror(-ret));
	return ret ? 1 : 0;
}
