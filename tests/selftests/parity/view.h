/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the parity test: what a section of the snapshot works on, and
 * with
 *
 * view.c        access to the device, and what most sections record
 * host.c        what the host shows of the function
 * info.c        what the device says of itself
 * config.c      config space
 * bars.c        BARs and the ROM, read and mapped
 * refusals.c    what must fail, and how
 * interrupts.c  all kinds of interrupts
 * writes.c      writes, and ioeventfds
 * power.c       reset and low power
 * vga.c         the legacy ranges of a VGA adapter
 */
#ifndef _PARITY_VIEW_H
#define _PARITY_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/vfio.h>

#include "function.h"
#include "snapshot.h"
#include "vfio.h"

#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define PAGE		4096UL

/*
 * A function to compare
 *
 * @bar, @scratch: a register without side effects
 * @value: what can be written there, and read back
 */
struct parity_function {
	const struct function_kind *kind;
	unsigned int bar;
	uint64_t scratch;
	uint32_t value;
};

/* What a section of the snapshot works on */
struct view {
	struct snapshot *s;
	struct vfio_user *u;
	const struct parity_function *function;
	const char *bdf;
};

/* From now on peek() can fail. */
int catch_bus_errors(void);
/* A read through a mapping: 0, or -EFAULT where the kernel sent SIGBUS. */
int peek(const volatile void *p, size_t width, uint64_t *value);

/* Without any library in between; what the system call returns, or -errno */
long raw_ioctl(struct view *v, unsigned long cmd, void *arg);
long read_at(struct view *v, uint64_t offset, void *buf, size_t len);
long write_at(struct view *v, uint64_t offset, const void *buf, size_t len);

/* All zero for a region that is not there */
struct vfio_region_info region(struct view *v, uint32_t index);
uint32_t region_count(struct view *v);

/* The scratch register, mapped; NULL if that failed */
void *map_scratch(struct view *v);
void unmap_scratch(struct view *v, void *map);

/* Values read in steps of @stride; the result is the first error. */
void record_reads(struct view *v, uint32_t index, size_t width, size_t stride,
		  const char *name);
void record_config(struct view *v, const char *when);
/* The scratch register by read(), and whether a mapping still reaches it. */
void record_scratch(struct view *v, const volatile void *map,
		    const char *when);

/* What the host shows of the function; @idle: which is about to be suspended */
void record_host(struct view *v, bool idle, const char *when);
void record_host_config(struct view *v, const char *when);

/* The sections */
void see_info(struct view *v);
void see_config(struct view *v);
void see_bars(struct view *v);
void see_refusals(struct view *v);
void see_interrupts(struct view *v);
void see_writes(struct view *v);
void see_resets(struct view *v);
void see_low_power(struct view *v);
void see_vga(struct view *v);

#endif /* _PARITY_VIEW_H */
