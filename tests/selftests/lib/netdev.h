/* SPDX-License-Identifier: GPL-2.0-only */
/* The network interface of a PCI function, and frames on it */
#ifndef _SELFTESTS_NETDEV_H
#define _SELFTESTS_NETDEV_H

#include <stdint.h>

#define FRAME_LEN	200

/* Its name, of up to IFNAMSIZ bytes; 0 or -errno */
int netdev_of(const char *bdf, char *name);
/*
 * Takes the interface up, and waits for its link; a socket for whole frames of
 * our type.
 */
int netdev_frames(const char *bdf);
/* The same of one with that name, for whose link nobody waits */
int netdev_frames_on(const char *name);
/* To everybody; the content tells one frame from another. */
void make_frame(uint8_t *frame, const uint8_t *source, uint8_t seed);

#endif /* _SELFTESTS_NETDEV_H */
