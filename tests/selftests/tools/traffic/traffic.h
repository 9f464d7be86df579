/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _TRAFFIC_H
#define _TRAFFIC_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ports from the first one on */
enum { PORT_TCP, PORT_UDP, PORT_ECHO, PORT_MULTICAST };

extern struct traffic {
	bool host;		/* the side that stays, and whose clock counts */
	int tcp_rate, udp_rate;
	uint16_t port;
	int tcp;		/* the connection */
	struct in_addr local, peer;
	atomic_bool stop;
} traffic;

/*
 * What is counted; times in microseconds. "damaged" is where in the stream, or
 * in which packet, the first wrong content was, counted from 1; "gap" the
 * longest time between two packets that arrived (at the guest: that were sent,
 * so time in which all were lost). An outage is a loss a second or more after
 * the one before.
 */
struct counters {
	volatile uint64_t tcp_sent, tcp_received, tcp_damaged, tcp_errors;
	volatile uint64_t udp_sent, udp_received, udp_lost, udp_outages;
	volatile uint64_t udp_duplicated, udp_reordered, udp_damaged, udp_gap;
	volatile uint64_t echo_asked, echo_received, echo_gap, echo_sum, echo_longest;
	volatile uint64_t multicast_sent, multicast_received;
};

/* What FILE holds. The gaps are those of the current period. */
struct report {
	volatile uint64_t period;
	struct counters host, guest;
};

extern struct report *report;
extern struct counters *own;	/* of this side */

int report_open(const char *file);
int report_show(const char *file);
int report_fresh(const char *file);
void report_longest(volatile uint64_t *longest, uint64_t value);

uint64_t now_us(void);
void pause_until(uint64_t us);
void pattern(uint8_t *buf, uint64_t position, size_t len);

int tcp_listen(void);
int tcp_connect(const char *address);
void *tcp_send(void *unused);
void *tcp_receive(void *unused);

void udp_open(void);
void *udp_send(void *unused);
void *udp_receive(void *unused);
void *echo_ask(void *unused);
void *echo_receive(void *unused);
void *multicast(void *unused);

#endif /* _TRAFFIC_H */
