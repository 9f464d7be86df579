/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two functions of the i40e-vf model, offered as pt-i40e-vf, and a driver that
 * goes from one to the other. The driver is that of the model's own tests.
 *
 * Every function returns 0 or -errno, unless it says otherwise.
 */
#ifndef _SELFTESTS_I40EVF_WORLD_H
#define _SELFTESTS_I40EVF_WORLD_H

#include <stdbool.h>

#include "function.h"
#include "migration.h"
#include "vf.h"

#define TYPE		"pt-i40e-vf"
#define MODULE		"mdev_pt_i40e_vf"

#define QUEUES		2
#define VECTORS		(QUEUES + 1)
#define FRAME		64

/*
 * @vfs, @users: closed at first
 * @at: the function that the driver has
 * @f: the driver; its memory is mapped at MEMORY for both
 * @vsi: as the PF says
 * @rx, @tx: the next descriptor of each queue
 * @wire: a socket for frames
 * @stream: what was saved last
 * @precopy: from where, if it began with PRE_COPY; else -1
 */
struct world {
	struct function vfs[VFS];
	struct vfio_user users[VFS];
	enum vfio_way way;
	unsigned int at;
	struct vf_function f;
	uint16_t vsi;
	unsigned int rx[QUEUES];
	unsigned int tx[QUEUES];
	int wire;
	int kmsg;
	struct mig_stream stream;
	int precopy;
};

/* Why there are no such functions here, or NULL */
const char *world_offer(struct world *w);
int world_withdraw(struct world *w);
/* The mdev is made anew, and so asks the PF again. */
int world_renew(struct world *w, unsigned int vf);

int world_open(struct world *w, unsigned int vf);
void world_close(struct world *w, unsigned int vf);
struct vfio_user *world_user(struct world *w);
/* In the kernel log */
const char *world_bdf(struct world *w, unsigned int vf);
/* i40e-vf/ of the mdev: its length */
int world_attr(struct world *w, unsigned int vf, const char *name, char *buf,
	       size_t len);

/* A command to the model, of that function; what it says, or NULL */
const char *world_model(struct world *w, unsigned int vf, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Of "NAME VALUE" in what it says; -1: not there */
long world_value(struct world *w, unsigned int vf, const char *command,
		 const char *name);

/* The driver has that function from now on. */
int world_attach(struct world *w, unsigned int vf);
/* From the beginning: the queues run. */
int world_start(struct world *w);
/* Those alone, which stand */
int world_start_queues(struct world *w);
/* As a driver does after a reset by the PF, of which it was told */
int world_recover(struct world *w);
/* The message at the head of the queue from the PF is the event: 1, 0, -errno */
int world_is_told(struct world *w);
/* It is told, and does so. */
int world_heed(struct world *w);
bool world_drain(struct world *w, unsigned int vector);

/* @n frames from the wire to queue 0, which have arrived */
int world_receive(struct world *w, unsigned int n);
/* A frame from each queue, which is done */
int world_send(struct world *w);
/* @n from one queue, with one write of its tail */
int world_send_burst(struct world *w, unsigned int queue, unsigned int n);
int world_works(struct world *w);

/* PRE_COPY, where the kernel has it */
int world_precopy(struct world *w);
/* The state is in @w->stream, and the function in STOP_COPY. */
int world_save(struct world *w);
/* The function is in RESUMING. */
int world_load(struct world *w, unsigned int vf);
/* From @w->at, which stays in STOP_COPY, to the other, which runs. */
int world_move(struct world *w);
/* The same, and the driver heeds what it is told. */
int world_move_on(struct world *w);

#endif /* _SELFTESTS_I40EVF_WORLD_H */
