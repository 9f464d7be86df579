/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user who keeps a device open until the test lets go of it, and whoever
 * takes the device away meanwhile
 *
 * A user is asked to let go through the request eventfd; its signal is also how
 * a test knows that the other side is waiting.  Every function returns 0 or
 * -errno.
 */
#ifndef _SELFTESTS_KEEPER_H
#define _SELFTESTS_KEEPER_H

#include "job.h"
#include "vfio.h"

/* Opens, reads the vendor ID, closes */
int try_open(const char *bdf, const char *name);

struct keeper {
	struct vfio_user user;
	int request;
	struct job job;
};

int keeper_open(struct keeper *keeper, const char *bdf, const char *name);
/*
 * Starts what takes the device away, and waits until it has asked for it;
 * -ECANCELED: it ended, and has not waited for the user.
 */
int keeper_ask(struct keeper *keeper, int (*run)(void *arg), void *arg);
/* Closes the device; the result is that of what took it away. */
int keeper_let_go(struct keeper *keeper);

/* What may take it away */
int do_unbind(void *bdf);
int do_pci_remove(void *bdf);
int do_mdev_remove(void *uuid);

#endif /* _SELFTESTS_KEEPER_H */
