// SPDX-License-Identifier: GPL-2.0-only
/* Content that depends on its position: loss, doubles and damage all show. */

#include <string.h>
#include <time.h>

#include "traffic.h"

/* The finaliser of splitmix64 */
static uint64_t word(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
	n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
	return n ^ (n >> 31);
}

void pattern(uint8_t *buf, uint64_t position, size_t len)
{
	uint64_t value, skip, part;

	while (len) {
		value = word(position / 8);
		skip = position % 8;
		part = 8 - skip < len ? 8 - skip : len;
		memcpy(buf, (uint8_t *)&value + skip, part);
		buf += part;
		position += part;
		len -= part;
	}
}

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

void pause_until(uint64_t us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
