// SPDX-License-Identifier: GPL-2.0-only

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define MEMORY_MIN	(256 * 1024)
#define PAGE		4096

static unsigned long attribute(const char *bdf, const char *name)
{
	char value[32];

	return pci_attr_read(bdf, name, value, sizeof(value)) < 0 ? 0 :
	       strtoul(value, NULL, 0);
}

/* One line for each BAR: start, end, flags */
static void find_bar5(struct machine *m)
{
	char text[1024] = "", *line = text;
	unsigned long long start, end;
	int i;

	m->bar5 = 0;
	m->bar5_size = 0;
	pci_attr_read(m->bdf, "resource", text, sizeof(text));
	for (i = 0; line && i < 5; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line || sscanf(line, "%llx %llx", &start, &end) != 2 || !start)
		return;
	m->bar5 = start;
	m->bar5_size = end - start + 1;
}

int machine_find(struct machine *m, int with_bar5)
{
	struct dirent **entries;
	int n, i, ret = -ENODEV;

	n = scandir(PCI_DEVICES, &entries, NULL, alphasort);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (ret && strlen(name) < BDF_LEN &&
		    attribute(name, "vendor") == 0x8086 &&
		    attribute(name, "class") >> 16 == 0x03) {
			strcpy(m->bdf, name);
			find_bar5(m);
			if (with_bar5 ? m->bar5_size >= MEMORY_MIN : !m->bar5)
				ret = 0;
		}
		free(entries[i]);
	}
	free(entries);
	if (ret)
		m->bdf[0] = '\0';
	return ret;
}

static int open_attribute(const struct machine *m, const char *name)
{
	char path[SYSFS_PATH];
	int fd;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", m->bdf, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int machine_asls(const struct machine *m, uint32_t *asls)
{
	int fd = open_attribute(m, "config");
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, asls, sizeof(*asls), ASLS);
	close(fd);
	return n == sizeof(*asls) ? 0 : -EIO;
}

int machine_set_asls(const struct machine *m, uint32_t asls)
{
	int fd = open_attribute(m, "config");
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pwrite(fd, &asls, sizeof(asls), ASLS);
	close(fd);
	return n == sizeof(asls) ? 0 : -EIO;
}

/* Differs from place to place, also from page to page. */
uint8_t machine_pattern(size_t place)
{
	return place * 167 ^ place >> 8 ^ place >> 12;
}

static void put(uint8_t *p, unsigned int width, uint64_t value)
{
	for (; width--; value >>= 8)
		*p++ = value;
}

/* "ACPI IGD OpRegion Specification": header, and mailbox 3 */
static void fill(const struct machine *m, const struct opregion *o, uint8_t *bar)
{
	uint8_t *image = bar + o->place;
	size_t i;

	for (i = 0; i < m->bar5_size; i++)
		bar[i] = machine_pattern(i);
	memcpy(image, "IntelGraphicsMem", 16);
	if (o->signature_is_bad)
		image[15] ^= 1;
	put(image + 0x10, 4, o->kilobytes);
	put(image + 0x16, 2, o->version);
	put(image + 0x3ba, 8, o->rvda + (o->rvda_in_bar5 ? m->bar5 : 0));
	put(image + 0x3c2, 4, o->rvds);
}

static int fill_bar5(const struct machine *m, const struct opregion *o)
{
	uint8_t *bar, *image;
	size_t i;
	int fd;

	fd = open_attribute(m, "resource5");
	if (fd < 0)
		return fd;
	bar = mmap(NULL, m->bar5_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	close(fd);
	if (bar == MAP_FAILED)
		return -errno;

	image = malloc(m->bar5_size);
	if (!image)
		abort();
	fill(m, o, image);
	for (i = 0; i < m->bar5_size; i += sizeof(uint64_t))
		*(volatile uint64_t *)(bar + i) = *(uint64_t *)(image + i);
	free(image);
	munmap(bar, m->bar5_size);
	return 0;
}

int machine_firmware(const struct machine *m, const struct opregion *o)
{
	int ret;

	if (o->absent)
		return machine_set_asls(m, o->asls);

	/* Switches on memory decoding, which is left on. */
	ret = pci_attr_write(m->bdf, "enable", "1");
	if (ret)
		return ret;
	ret = fill_bar5(m, o);
	pci_attr_write(m->bdf, "enable", "0");
	return ret ? ret : machine_set_asls(m, m->bar5 + o->place);
}

static uint64_t physical(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * 8) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

int machine_own_page(uint8_t **page, uint64_t *address)
{
	*page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	if (*page == MAP_FAILED)
		return -errno;
	memset(*page, 0x77, PAGE);
	*address = physical(*page);
	return *address ? 0 : -EPERM;
}
