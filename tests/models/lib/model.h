/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function in a process of its own, which QEMU's vfio-user-pci shows to
 * its guest
 *
 * A model is a description (struct model_device) and the callbacks in it. All
 * of them are called from the one thread that is in model_serve().
 *
 * Functions that return int return 0 or -errno, unless they say otherwise.
 */
#ifndef _MODELS_MODEL_H
#define _MODELS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#define MODEL_BARS		6
#define MODEL_CONFIG_MAX	4096

struct model;

/* Of pages: offset and size are multiples of 4096 */
struct model_range {
	uint64_t offset;
	uint64_t size;
};

/*
 * @size: a power of two; 0 when there is no such BAR
 * @flags: the low bits of the register, PCI_BASE_ADDRESS_*
 * @memory: what is plain memory, and mapped by the client; ascending
 * @read, @write: accesses to the rest, of 1, 2, 4 or 8 bytes, aligned. Without
 *	them it reads as 0.
 */
struct model_bar {
	uint64_t size;
	uint32_t flags;
	const struct model_range *memory;
	size_t num_memory;
	uint64_t (*read)(struct model *m, unsigned int bar, uint64_t offset,
			 unsigned int width);
	void (*write)(struct model *m, unsigned int bar, uint64_t offset,
		      uint64_t value, unsigned int width);
};

/*
 * @class_code: base class, subclass and interface
 * @intx_pin: 1 is INTA; 0 for none
 * @config_size: 256 or 4096
 * @reset: config space is as it was when model_serve() was called, but for the
 *	BARs
 * @config_written: the client wrote these bytes of it
 */
struct model_device {
	const char *name;
	uint16_t vendor;
	uint16_t device;
	uint16_t subsystem_vendor;
	uint16_t subsystem;
	uint32_t class_code;
	uint8_t revision;
	uint8_t intx_pin;
	unsigned int config_size;
	struct model_bar bars[MODEL_BARS];
	void (*reset)(struct model *m);
	void (*config_written)(struct model *m, unsigned int offset,
			       unsigned int len);
};

/* NULL and errno; @device must live as long as the model. */
struct model *model_create(const struct model_device *device, void *private);
void model_destroy(struct model *m);
void *model_private(const struct model *m);

/* Return from model_serve() when the first client has gone. */
#define MODEL_ONCE	(1 << 0)

/* Serves one client after the other at @path, until model_stop(). */
int model_serve(struct model *m, const char *path, unsigned int flags);
/* The same for functions that belong together, until all are stopped */
int model_serve_all(struct model *const *models, const char *const *paths,
		    unsigned int count, unsigned int flags);
void model_stop(struct model *m);

/* Of the whole BAR, if it has memory: also what only callbacks reach is there. */
void *model_bar_memory(struct model *m, unsigned int bar);
/* Where the client put it; 0 when it did not */
uint64_t model_bar_address(const struct model *m, unsigned int bar);

/*
 * Config space, past what is writable. Capabilities are given their place, as
 * real devices have theirs; the order of the calls is that of the list.
 */
uint32_t model_config_get(const struct model *m, unsigned int offset,
			  unsigned int width);
void model_config_set(struct model *m, unsigned int offset, unsigned int width,
		      uint32_t value);
/* Bits that the client can write */
void model_config_writable(struct model *m, unsigned int offset,
			   unsigned int width, uint32_t mask);
int model_add_capability(struct model *m, uint8_t id, unsigned int offset,
			 unsigned int len);
int model_add_extended_capability(struct model *m, uint16_t id,
				  uint8_t version, unsigned int offset,
				  unsigned int len);
int model_add_pm(struct model *m, unsigned int offset);
/* @type: PCI_EXP_TYPE_*; with function level reset. */
int model_add_pcie(struct model *m, unsigned int offset, unsigned int type);
/* @vectors: a power of two, at most 32; @flags: PCI_MSI_FLAGS_64BIT or 0 */
int model_add_msi(struct model *m, unsigned int offset, unsigned int vectors,
		  uint16_t flags);
/* Table and PBA are the BAR's: plain memory does. */
int model_add_msix(struct model *m, unsigned int offset, unsigned int vectors,
		   unsigned int bar, uint32_t table, uint32_t pba);

/* The kind that the driver has enabled: VFIO_PCI_{INTX,MSI,MSIX}_IRQ_INDEX */
unsigned int model_irq_index(const struct model *m);
/* MSI and MSI-X; -ENOENT when the client does not want to know. */
int model_irq_trigger(struct model *m, unsigned int index, unsigned int vector);
/* INTx is a level. */
void model_intx(struct model *m, bool asserted);

/* All or nothing, as far as mappings and permissions go */
int model_dma_read(struct model *m, uint64_t iova, void *buf, size_t len);
int model_dma_write(struct model *m, uint64_t iova, const void *buf,
		    size_t len);

typedef void (*model_event)(struct model *m, int fd, void *arg);

/* Calls back while @fd is readable; the fd stays the caller's. */
int model_add_fd(struct model *m, int fd, model_event event, void *arg);
void model_remove_fd(struct model *m, int fd);
/* A timer's name, or -errno */
int model_add_timer(struct model *m, model_event event, void *arg);
/* The first time after @delay_ns, 0 stops it; then each @period_ns, unless 0 */
int model_arm_timer(struct model *m, int timer, uint64_t delay_ns,
		    uint64_t period_ns);
void model_remove_timer(struct model *m, int timer);

/*
 * A socket at @path for lines of text from outside, by any number of clients.
 * The answer to a line is to be freed; NULL closes the client's connection. A
 * line may begin with a word of its own, "@...": the answer's last line ends
 * with it.
 */
typedef char *(*model_answer)(void *arg, const char *line);
int model_add_control(struct model *m, const char *path, model_answer answer,
		      void *arg);

#endif /* _MODELS_MODEL_H */
