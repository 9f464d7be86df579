// SPDX-License-Identifier: GPL-2.0-only

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "model.h"

#define START_TIMEOUT_MS	10000

struct state {
	uint32_t regs[64];
	uint8_t buffer[BUFFER_SIZE];
	int timer;
};

static void timer_event(struct model *m, int fd, void *arg)
{
	(void)fd;
	(void)arg;
	model_irq_trigger(m, VFIO_PCI_MSIX_IRQ_INDEX, 0);
}

static int do_dma(struct model *m, struct state *s, uint32_t direction)
{
	uint64_t iova = s->regs[REG_IOVA_LOW / 4] |
			(uint64_t)s->regs[REG_IOVA_HIGH / 4] << 32;
	uint32_t len = s->regs[REG_LENGTH / 4];

	if (len > BUFFER_SIZE)
		return -E2BIG;
	return direction == 1 ? model_dma_read(m, iova, s->buffer, len) :
				model_dma_write(m, iova, s->buffer, len);
}

static void write_reg(struct model *m, struct state *s, unsigned int reg,
		      uint32_t value)
{
	uint32_t *result = &s->regs[REG_RESULT / 4];

	s->regs[reg / 4] = value;
	switch (reg) {
	case REG_DMA:
		*result = do_dma(m, s, value);
		break;
	case REG_IRQ:
		*result = model_irq_trigger(m, value >> 16, value & 0xffff);
		break;
	case REG_INTX:
		model_intx(m, value);
		break;
	case REG_TIMER:
		*result = model_arm_timer(m, s->timer, value * 1000000ULL, 0);
		break;
	case REG_STOP:
		model_stop(m);
		break;
	}
}

static uint64_t regs_read(struct model *m, unsigned int bar, uint64_t offset,
			  unsigned int width)
{
	struct state *s = model_private(m);
	uint64_t value = 0;

	(void)bar;
	if (offset + width <= sizeof(s->regs))
		memcpy(&value, (uint8_t *)s->regs + offset, width);
	else if (offset >= REG_BUFFER &&
		 offset + width <= REG_BUFFER + BUFFER_SIZE)
		memcpy(&value, s->buffer + offset - REG_BUFFER, width);
	return value;
}

static void regs_write(struct model *m, unsigned int bar, uint64_t offset,
		       uint64_t value, unsigned int width)
{
	struct state *s = model_private(m);

	(void)bar;
	if (offset + width <= sizeof(s->regs) && width == 4)
		write_reg(m, s, offset, value);
	else if (offset >= REG_BUFFER &&
		 offset + width <= REG_BUFFER + BUFFER_SIZE)
		memcpy(s->buffer + offset - REG_BUFFER, &value, width);
}

static void count_trap(struct model *m, unsigned int width)
{
	struct state *s = model_private(m);

	s->regs[REG_WIDTH / 4] = width;
	s->regs[REG_TRAPS / 4]++;
}

static uint64_t trap_read(struct model *m, unsigned int bar, uint64_t offset,
			  unsigned int width)
{
	(void)bar;
	(void)offset;
	count_trap(m, width);
	return TRAP_BYTE * 0x0101010101010101ULL;
}

static void trap_write(struct model *m, unsigned int bar, uint64_t offset,
		       uint64_t value, unsigned int width)
{
	(void)bar;
	(void)offset;
	(void)value;
	count_trap(m, width);
}

static void device_reset(struct model *m)
{
	struct state *s = model_private(m);

	s->regs[REG_SCRATCH / 4] = 0;
	s->regs[REG_RESETS / 4]++;
}

static const struct model_range bar2_memory[] = {
	{ BAR2_FIRST, BAR2_LENGTH },
	{ BAR2_SECOND, BAR2_LENGTH },
};

static const struct model_range bar5_memory = { 0, 4096 };

static const struct model_device device = {
	.name = "test",
	.vendor = 0x1234,
	.device = 0x5678,
	.subsystem_vendor = 0x4321,
	.subsystem = 0x8765,
	.class_code = 0xff0000,
	.revision = 0x12,
	.intx_pin = 1,
	.config_size = 4096,
	.bars = {
		[0] = {
			.size = BAR0_SIZE,
			.read = regs_read,
			.write = regs_write,
		},
		[2] = {
			.size = BAR2_SIZE,
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 |
				 PCI_BASE_ADDRESS_MEM_PREFETCH,
			.memory = bar2_memory,
			.num_memory = 2,
			.read = trap_read,
			.write = trap_write,
		},
		[4] = {
			.size = 32,
			.flags = PCI_BASE_ADDRESS_SPACE_IO,
		},
		[5] = {
			.size = 4096,
			.memory = &bar5_memory,
			.num_memory = 1,
		},
	},
	.reset = device_reset,
};

static int set_up(struct model *m, struct state *s)
{
	int ret = model_add_pm(m, CAP_PM);

	if (!ret)
		ret = model_add_msi(m, CAP_MSI, MSI_VECTORS,
				    PCI_MSI_FLAGS_64BIT);
	if (!ret)
		ret = model_add_pcie(m, CAP_PCIE, PCI_EXP_TYPE_ENDPOINT);
	if (!ret)
		ret = model_add_msix(m, CAP_MSIX, MSIX_VECTORS, 5, 0, 0x800);
	if (!ret)
		ret = model_add_extended_capability(m, PCI_EXT_CAP_ID_DSN, 1,
						    256, 12);
	s->timer = model_add_timer(m, timer_event, NULL);
	return ret ? ret : s->timer < 0 ? s->timer : 0;
}

static int serve(const char *path, unsigned int flags)
{
	struct state *s = calloc(1, sizeof(*s));
	struct model *m = model_create(&device, s);
	int ret;

	if (!m || !s)
		return 1;
	ret = set_up(m, s);
	if (!ret)
		ret = model_serve(m, path, flags);
	model_destroy(m);
	free(s);
	return ret ? 1 : 0;
}

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

int server_start(struct server *s, unsigned int flags)
{
	struct stat st;
	int i;

	snprintf(s->path, sizeof(s->path), "/tmp/model-test.%d", getpid());
	unlink(s->path);
	s->pid = fork();
	if (s->pid < 0)
		return -errno;
	if (!s->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(serve(s->path, flags));
	}
	for (i = 0; i < START_TIMEOUT_MS / 10; i++) {
		if (!stat(s->path, &st))
			return 0;
		sleep_ms(10);
	}
	return -ETIMEDOUT;
}

int server_fds(const struct server *s)
{
	char path[64];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", s->pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

long server_memory(const struct server *s)
{
	char path[64], line[128];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", s->pid);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (kb < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "RssAnon: %ld", &kb);
	fclose(f);
	return kb;
}

int server_wait(struct server *s)
{
	int status;

	if (waitpid(s->pid, &status, 0) != s->pid)
		return -errno;
	unlink(s->path);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

int server_end(struct server *s)
{
	struct client c;
	int status, ret;

	if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
		unlink(s->path);
		return -ESRCH;
	}
	ret = client_open(&c, s->path);
	if (!ret)
		ret = client_put(&c, VFIO_PCI_BAR0_REGION_INDEX, REG_STOP, 1);
	client_close(&c);
	if (ret)
		kill(s->pid, SIGKILL);
	return server_wait(s) || ret ? -EIO : 0;
}
