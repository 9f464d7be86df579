// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic between a guest that moves and a host that stays, and what became of
 * it: TCP both ways, numbered UDP both ways, a question and its answer, and
 * multicast to the guest.
 *
 *	traffic [OPTION...] listen FILE		in the guest; one peer, then ends
 *	traffic [OPTION...] connect FILE ADDRESS	in the host; until SIGTERM
 *	traffic show FILE	print the counters of both, in the host, at any time
 *	traffic fresh FILE	the longest times begin anew
 *
 *	-t KB/S		of TCP that this side sends; 0: what gets through (200)
 *	-u PACKETS/S	of UDP that this side sends (50)
 *	-p PORT		the first of four (5010)
 *
 * FILE is shared memory with the counters: it can be read while the program
 * runs, and when it has died. Times are by the clock of the host, which goes on
 * while the guest stands still.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic/traffic.h"

struct traffic traffic = {
	.tcp_rate = 200,
	.udp_rate = 50,
	.port = 5010,
};

static int usage(void)
{
	fprintf(stderr, "usage: traffic [-t KB/S] [-u PACKETS/S] [-p PORT] listen FILE\n"
			"       traffic [-t KB/S] [-u PACKETS/S] [-p PORT] connect FILE ADDRESS\n"
			"       traffic show|fresh FILE\n");
	return 2;
}

static void on_terminate(int signal)
{
	(void)signal;
	traffic.stop = true;
}

static void start(pthread_t *thread, void *(*flow)(void *))
{
	if (pthread_create(thread, NULL, flow, NULL)) {
		perror("traffic: a thread");
		exit(1);
	}
}

/* The receiver of TCP sees the end of everything: what was sent has arrived. */
static void run(void)
{
	static void *(*const flows[])(void *) = {
		tcp_send, tcp_receive, udp_send, udp_receive, echo_ask, echo_receive,
		multicast,
	};
	enum { FLOWS = sizeof(flows) / sizeof(flows[0]) };
	pthread_t threads[FLOWS];
	int i;

	udp_open();
	for (i = 0; i < FLOWS; i++)
		start(&threads[i], flows[i]);
	for (i = 0; i < FLOWS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	const char *verb;
	int option;

	while ((option = getopt(argc, argv, "t:u:p:")) != -1) {
		switch (option) {
		case 't':
			traffic.tcp_rate = atoi(optarg);
			break;
		case 'u':
			traffic.udp_rate = atoi(optarg);
			break;
		case 'p':
			traffic.port = atoi(optarg);
			break;
		default:
			return usage();
		}
	}
	if (argc - optind < 2)
		return usage();
	verb = argv[optind];
	if (!strcmp(verb, "show"))
		return report_show(argv[optind + 1]);
	if (!strcmp(verb, "fresh"))
		return report_fresh(argv[optind + 1]);

	traffic.host = !strcmp(verb, "connect");
	if (traffic.host != (argc - optind == 3) ||
	    (!traffic.host && strcmp(verb, "listen")))
		return usage();
	if (report_open(argv[optind + 1]))
		return 1;
	signal(SIGTERM, on_terminate);
	signal(SIGINT, on_terminate);
	signal(SIGPIPE, SIG_IGN);
	if (traffic.host ? tcp_connect(argv[optind + 2]) : tcp_listen())
		return 1;
	run();
	return 0;
}
