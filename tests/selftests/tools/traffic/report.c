// SPDX-License-Identifier: GPL-2.0-only

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "traffic.h"

struct report *report;
struct counters *own;

static int map(const char *file, int flags)
{
	int fd = open(file, O_RDWR | O_CLOEXEC | flags, 0644);

	if (fd < 0 || ftruncate(fd, sizeof(*report))) {
		perror(file);
		return -1;
	}
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return report == MAP_FAILED ? -1 : 0;
}

int report_open(const char *file)
{
	if (map(file, O_CREAT | O_TRUNC))
		return -1;
	own = traffic.host ? &report->host : &report->guest;
	return 0;
}

void report_longest(volatile uint64_t *longest, uint64_t value)
{
	if (value > *longest)
		*longest = value;
}

#define COUNTER(name) { #name, offsetof(struct counters, name) }

static const struct {
	const char *name;
	size_t offset;
} names[] = {
	COUNTER(tcp_sent), COUNTER(tcp_received), COUNTER(tcp_damaged),
	COUNTER(tcp_errors), COUNTER(udp_sent), COUNTER(udp_received),
	COUNTER(udp_lost), COUNTER(udp_outages), COUNTER(udp_duplicated),
	COUNTER(udp_reordered), COUNTER(udp_damaged), COUNTER(udp_gap),
	COUNTER(echo_asked), COUNTER(echo_received), COUNTER(echo_gap),
	COUNTER(echo_sum), COUNTER(echo_longest), COUNTER(multicast_sent),
	COUNTER(multicast_received),
};

static void show(const char *side, const struct counters *counters)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		printf("%s_%s=%" PRIu64 " ", side, names[i].name,
		       *(const volatile uint64_t *)((const char *)counters + names[i].offset));
}

int report_show(const char *file)
{
	if (map(file, 0))
		return 1;
	printf("time=%" PRIu64 " ", now_us());
	show("host", &report->host);
	show("guest", &report->guest);
	putchar('\n');
	return 0;
}

int report_fresh(const char *file)
{
	if (map(file, 0))
		return 1;
	report->period++;
	report->host.udp_gap = 0;
	report->host.echo_gap = 0;
	report->host.echo_longest = 0;
	return 0;
}
