// SPDX-License-Identifier: GPL-2.0-only
/* Numbered packets each way, questions and answers, multicast. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define PAYLOAD			512
#define ECHO_EVERY_US		50000
#define MULTICAST_EVERY_US	200000
#define MULTICAST_GROUP		"239.192.7.1"
#define OUTAGE_US		1000000

struct packet {
	uint64_t number;
	uint64_t time;
	uint8_t content[PAYLOAD];
};

/* Numbers that were seen, of the last SEEN packets */
#define SEEN 65536
static uint8_t seen[SEEN];

static int udp_socket, echo_socket, multicast_socket;

static struct sockaddr_in address(struct in_addr addr, int port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons(traffic.port + port),
		.sin_addr = addr,
	};
}

/*
 * It times out, so that its thread sees the end. A big buffer: a packet that
 * came to a busy machine is not lost.
 */
static int open_port(int port)
{
	struct sockaddr_in any = address((struct in_addr) { INADDR_ANY }, port);
	struct timeval timeout = { .tv_usec = 100000 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int buffer = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		perror("traffic: bind");
		exit(1);
	}
	return fd;
}

void udp_open(void)
{
	struct ip_mreq group = { .imr_interface = traffic.local };

	udp_socket = open_port(PORT_UDP);
	echo_socket = open_port(PORT_ECHO);
	multicast_socket = open_port(PORT_MULTICAST);
	inet_aton(MULTICAST_GROUP, &group.imr_multiaddr);
	if (traffic.host)
		setsockopt(multicast_socket, IPPROTO_IP, IP_MULTICAST_IF,
			   &traffic.local, sizeof(traffic.local));
	else if (setsockopt(multicast_socket, IPPROTO_IP, IP_ADD_MEMBERSHIP,
			    &group, sizeof(group)))
		perror("traffic: multicast");
}

static void send_to(int fd, const void *data, size_t len, struct in_addr addr, int port)
{
	struct sockaddr_in to = address(addr, port);

	sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof(to));
}

void *udp_send(void *unused)
{
	uint64_t start = now_us();
	struct packet packet = {};

	while (!traffic.stop) {
		packet.time = now_us();
		pattern(packet.content, packet.number * PAYLOAD, PAYLOAD);
		send_to(udp_socket, &packet, sizeof(packet), traffic.peer, PORT_UDP);
		packet.number++;
		own->udp_sent++;
		pause_until(start + packet.number * 1000000 / traffic.udp_rate);
	}
	return unused;
}

/* The next number, and what is known of the last loss */
struct stream {
	uint64_t next, last_time, last_loss;
};

static void account(struct stream *stream, uint64_t number, uint64_t time)
{
	if (number < stream->next) {
		if (number + SEEN < stream->next || seen[number % SEEN]) {
			own->udp_duplicated++;
		} else {
			own->udp_reordered++;
			own->udp_lost--;
			seen[number % SEEN] = 1;
		}
		return;
	}
	if (number > stream->next) {
		own->udp_lost += number - stream->next;
		if (!stream->last_loss || stream->last_time - stream->last_loss > OUTAGE_US)
			own->udp_outages++;
		stream->last_loss = time;
	}
	for (; stream->next < number; stream->next++)
		seen[stream->next % SEEN] = 0;
	seen[stream->next++ % SEEN] = 1;
	if (stream->last_time)
		report_longest(&own->udp_gap, time - stream->last_time);
	stream->last_time = time;
}

void *udp_receive(void *unused)
{
	struct stream stream = {};
	struct packet packet;
	uint8_t expected[PAYLOAD];

	while (!traffic.stop) {
		if (recv(udp_socket, &packet, sizeof(packet), 0) != sizeof(packet))
			continue;
		own->udp_received++;
		pattern(expected, packet.number * PAYLOAD, PAYLOAD);
		if (memcmp(packet.content, expected, PAYLOAD) && !own->udp_damaged)
			own->udp_damaged = packet.number + 1;
		account(&stream, packet.number, traffic.host ? now_us() : packet.time);
	}
	return unused;
}

/* The guest answers with its counters, so that the host has both. */
struct question {
	uint64_t time;
	uint64_t period;
};

struct answer {
	struct question question;
	struct counters counters;
};

void *echo_ask(void *unused)
{
	struct question question;
	uint64_t time = now_us();

	while (traffic.host && !traffic.stop) {
		time += ECHO_EVERY_US;
		pause_until(time);
		question.time = now_us();
		question.period = report->period;
		send_to(echo_socket, &question, sizeof(question), traffic.peer, PORT_ECHO);
		own->echo_asked++;
	}
	return unused;
}

static void echo_answer(void)
{
	struct answer answer;

	while (!traffic.stop) {
		if (recv(echo_socket, &answer.question, sizeof(answer.question), 0) !=
		    sizeof(answer.question))
			continue;
		if (answer.question.period != report->period) {
			report->period = answer.question.period;
			own->udp_gap = 0;
		}
		own->echo_received++;
		answer.counters = *own;
		send_to(echo_socket, &answer, sizeof(answer), traffic.peer, PORT_ECHO);
	}
}

void *echo_receive(void *unused)
{
	struct answer answer;
	uint64_t now, last = 0;

	if (!traffic.host)
		echo_answer();
	while (!traffic.stop) {
		if (recv(echo_socket, &answer, sizeof(answer), 0) != sizeof(answer))
			continue;
		now = now_us();
		report->guest = answer.counters;
		own->echo_received++;
		own->echo_sum += now - answer.question.time;
		report_longest(&own->echo_longest, now - answer.question.time);
		if (last)
			report_longest(&own->echo_gap, now - last);
		last = now;
	}
	return unused;
}

void *multicast(void *unused)
{
	struct in_addr group;
	uint64_t word = 0;

	inet_aton(MULTICAST_GROUP, &group);
	while (!traffic.stop) {
		if (traffic.host) {
			send_to(multicast_socket, &word, sizeof(word), group, PORT_MULTICAST);
			own->multicast_sent++;
			pause_until(now_us() + MULTICAST_EVERY_US);
		} else if (recv(multicast_socket, &word, sizeof(word), 0) == sizeof(word)) {
			own->multicast_received++;
		}
	}
	return unused;
}
