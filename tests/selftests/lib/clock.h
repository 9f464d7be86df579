/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SELFTESTS_CLOCK_H
#define _SELFTESTS_CLOCK_H

#include <time.h>

static inline long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline long now_ms(void)
{
	return now_us() / 1000;
}

#endif /* _SELFTESTS_CLOCK_H */
