/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SELFTESTS_ROUNDS_H
#define _SELFTESTS_ROUNDS_H

#include <stdlib.h>

/*
 * How often: @all for those who have time ("make check-long"), else @some, which are
 * enough to see the fault that a test is for, as far as it was seen at all.
 */
static inline unsigned int rounds(unsigned int all, unsigned int some)
{
	return getenv("MDEV_PT_LONG") ? all : some;
}

#endif /* _SELFTESTS_ROUNDS_H */
