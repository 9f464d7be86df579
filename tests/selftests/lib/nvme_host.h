/* SPDX-License-Identifier: GPL-2.0-only */
/* An NVMe controller in the hands of the kernel's own driver; 0 or -errno */
#ifndef _SELFTESTS_NVME_HOST_H
#define _SELFTESTS_NVME_HOST_H

#include <stddef.h>

/*
 * Name and serial number as the kernel's own driver shows them, which sets up
 * the controller after it was bound
 */
int nvme_controller(const char *bdf, char *name, size_t len, char *serial,
		    size_t serial_len);
/* A VF is no use before its PF has given it two queues and a vector. */
int nvme_vf_online(const char *pf, const char *name);

#endif /* _SELFTESTS_NVME_HOST_H */
