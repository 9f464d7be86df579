// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a test may do to the PF, and ask of a function: a line of text, whose
 * answer is lines of text and in the end "ok" or "error: ...". README.md has
 * the commands.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vf.h"

#define MAX_WORDS	8
#define DELIMITERS	" \t\r\n"


/* @args: how many words it wants, at least; @run: 0 or -errno */
struct command {
	const char *name;
	unsigned int args;
	int (*run)(struct vf *vf, char **words, unsigned int n, FILE *out);
};

static int number(const char *word, unsigned int max, unsigned int *value)
{
	char *end;
	unsigned long n = strtoul(word, &end, 0);

	if (end == word || *end || n > max)
		return -EINVAL;
	*value = n;
	return 0;
}

static int on_off(const char *word, bool *value)
{
	if (!strcmp(word, "on") || !strcmp(word, "up"))
		*value = true;
	else if (!strcmp(word, "off") || !strcmp(word, "down"))
		*value = false;
	else
		return -EINVAL;
	return 0;
}

static int parse_mac(const char *word, uint8_t *mac)
{
	int end = 0;

	if (sscanf(word, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", &mac[0], &mac[1],
		   &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    word[end])
		return -EINVAL;
	return 0;
}

static void print_mac(FILE *out, const uint8_t *mac)
{
	fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
}

/* reset [quiet] */
static int run_reset(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	(void)out;
	if (n && strcmp(words[0], "quiet"))
		return -EINVAL;
	if (n)
		reset_function(vf);
	else
		reset_with_notice(vf);
	return 0;
}

static int run_hold(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	(void)words;
	(void)n;
	(void)out;
	vf->policy.hold = true;
	return 0;
}

static int run_release(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	(void)words;
	(void)n;
	(void)out;
	reset_release(vf);
	return 0;
}

static int run_reset_time(struct vf *vf, char **words, unsigned int n,
			  FILE *out)
{
	(void)n;
	(void)out;
	return number(words[0], 60000, &vf->policy.reset_ms);
}

/* link up|down [MBPS] */
static int run_link(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	unsigned int mbps = vf->policy.link_mbps;
	bool up;

	(void)out;
	if (on_off(words[0], &up) ||
	    (n > 1 && number(words[1], 1000000, &mbps)))
		return -EINVAL;
	vf->policy.link_up = up;
	vf->policy.link_mbps = mbps;
	virtchnl_link_event(vf);
	return 0;
}

/* event NUMBER [SEVERITY]: nothing but the message */
static int run_event(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	unsigned int event, severity = SEVERITY_INFO;

	(void)out;
	if (number(words[0], 0xffff, &event) ||
	    (n > 1 && number(words[1], 255, &severity)))
		return -EINVAL;
	virtchnl_event(vf, event, severity);
	return 0;
}

/* refuse OPCODE [STATUS [TIMES]] */
static int run_refuse(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	int opcode = virtchnl_opcode(words[0]);
	unsigned int times;

	(void)out;
	if (opcode < 0)
		return opcode;
	vf->policy.refuse[opcode] = n > 1 ? atoi(words[1]) : VC_ERR_PARAM;
	vf->policy.refusals[opcode] = -1;
	if (n < 3)
		return 0;
	if (number(words[2], 1000000, &times))
		return -EINVAL;
	vf->policy.refusals[opcode] = times;
	return 0;
}

/* ignore OPCODE: the PF does nothing, and does not answer. */
static int run_ignore(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	int opcode = virtchnl_opcode(words[0]);

	(void)n;
	(void)out;
	if (opcode < 0)
		return opcode;
	vf->policy.ignore[opcode] = true;
	return 0;
}

/* Neither refuses nor ignores any longer */
static int run_accept(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	(void)words;
	(void)n;
	(void)out;
	memset(vf->policy.refusals, 0, sizeof(vf->policy.refusals));
	memset(vf->policy.ignore, 0, sizeof(vf->policy.ignore));
	return 0;
}

static int run_adminq(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	bool on;

	(void)n;
	(void)out;
	if (on_off(words[0], &on))
		return -EINVAL;
	vf->policy.adminq_stuck = !on;
	if (on)
		adminq_run(vf);
	return 0;
}

static int run_delay(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	(void)n;
	(void)out;
	return number(words[0], 60000, &vf->policy.pf_delay_ms);
}

/* mac ADDRESS|none: as the administrator sets it, with a reset */
static int run_mac(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	uint8_t mac[ETH_ALEN] = { 0 };

	(void)n;
	(void)out;
	if (strcmp(words[0], "none") && parse_mac(words[0], mac))
		return -EINVAL;
	memcpy(vf->policy.mac, mac, ETH_ALEN);
	reset_with_notice(vf);
	return 0;
}

/* unfilter ADDRESS: the filter goes, and nobody tells the function. */
static int run_unfilter(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	uint8_t mac[ETH_ALEN];

	(void)n;
	(void)out;
	if (parse_mac(words[0], mac))
		return -EINVAL;
	return filters_remove_mac(vf, mac) ? 0 : -ENOENT;
}

static int run_trust(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	bool on;

	(void)n;
	(void)out;
	if (on_off(words[0], &on))
		return -EINVAL;
	if (vf->policy.trusted == on)
		return 0;
	vf->policy.trusted = on;
	reset_with_notice(vf);
	return 0;
}

static int run_spoof_check(struct vf *vf, char **words, unsigned int n,
			   FILE *out)
{
	(void)n;
	(void)out;
	return on_off(words[0], &vf->policy.spoof_check);
}

/* Of these two the function learns at its next reset. */
static int run_queues(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	unsigned int queues;

	(void)n;
	(void)out;
	if (number(words[0], MAX_QUEUES, &queues) || !queues)
		return -EINVAL;
	vf->policy.queues = queues;
	vf->pf.requested_queues = 0;
	return 0;
}

static int run_caps(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	(void)n;
	(void)out;
	return number(words[0], ~0U, &vf->policy.caps);
}

static int run_port_vlan(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	(void)n;
	(void)out;
	if (number(words[0], 4094, &vf->policy.port_vlan))
		return -EINVAL;
	reset_with_notice(vf);
	return 0;
}

static void print_filters(const struct vf *vf, FILE *out)
{
	unsigned int i;

	fprintf(out, "default-mac ");
	print_mac(out, vf->pf.default_mac);
	for (i = 0; i < vf->pf.num_macs; i++) {
		fprintf(out, "\nmac ");
		print_mac(out, vf->pf.macs[i]);
	}
	fputc('\n', out);
	for (i = 0; i < 4096; i++)
		if (filters_has_vlan(vf, i))
			fprintf(out, "vlan %u\n", i);
	fprintf(out, "vlan-stripping %s\npromiscuous%s%s\n",
		vf->pf.vlan_stripping ? "on" : "off",
		vf->pf.promisc & PROMISC_UNICAST ? " unicast" : "",
		vf->pf.promisc & PROMISC_MULTICAST ? " multicast" : "");
}

static const char *queue_state(bool enabled, bool stopped)
{
	return !enabled ? "disabled" : stopped ? "stopped" : "enabled";
}

static void print_queues(const struct vf *vf, FILE *out)
{
	const struct tx_queue *tx;
	const struct rx_queue *rx;
	unsigned int i;

	for (i = 0; i < MAX_QUEUES; i++) {
		tx = &vf->tx[i];
		rx = &vf->rx[i];
		if (tx->configured)
			fprintf(out, "tx %u %s base %#" PRIx64
				" length %u head %u tail %u vector %u itr %u packets %"
				PRIu64 "\n", i,
				queue_state(tx->enabled, tx->stopped), tx->base,
				tx->ring_len, tx->head, tx->tail, tx->vector,
				tx->itr, tx->packets);
		if (rx->configured)
			fprintf(out, "rx %u %s base %#" PRIx64
				" length %u head %u tail %u vector %u itr %u packets %"
				PRIu64 " buffer %u max %u\n", i,
				queue_state(rx->enabled, rx->stopped), rx->base,
				rx->ring_len, rx->head, rx->tail, rx->vector,
				rx->itr, rx->packets, rx->buffer,
				rx->max_packet);
	}
}

static void print_rss(const struct vf *vf, FILE *out)
{
	unsigned int i;

	fprintf(out, "hena %#010x%08x\nrss-key ", vf->hena[1], vf->hena[0]);
	for (i = 0; i < HKEY_LEN; i++)
		fprintf(out, "%02x", vf->hkey[i]);
	fprintf(out, "\nrss-table");
	for (i = 0; i < HLUT_LEN; i++)
		fprintf(out, " %u", vf->hlut[i]);
	fputc('\n', out);
}

/* What the function has set up: the same before and after is the same. */
static int run_state(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	static const char *const pf[] = { "resetting", "reset", "active" };
	const struct vector *v;
	unsigned int i;

	(void)words;
	(void)n;
	fprintf(out, "reset-state %u\npf %s\nversion 1.%u\ncaps %#x\n",
		vf->rstat, pf[vf->pf.state], vf->pf.version_minor,
		vf->pf.driver_caps);
	fprintf(out, "queue-pairs %u\nvsi %u\n", vf->pf.num_queues,
		virtchnl_vsi(vf));
	fprintf(out, "atq base %#" PRIx64 " length %#x head %u tail %u\n",
		vf->atq.base, vf->atq.len, vf->atq.head, vf->atq.tail);
	fprintf(out, "arq base %#" PRIx64 " length %#x head %u tail %u\n",
		vf->arq.base, vf->arq.len, vf->arq.head, vf->arq.tail);
	print_filters(vf, out);
	print_rss(vf, out);
	print_queues(vf, out);
	for (i = 0; i < vf->port->num_vectors; i++) {
		v = &vf->vectors[i];
		fprintf(out, "vector %u %s%s itr %u %u %u interrupts %" PRIu64
			"\n", i, v->enabled ? "enabled" : "disabled",
			v->pending ? " pending" : "", v->itr[0], v->itr[1],
			v->itr[2], v->count);
	}
	return 0;
}

static void print_port(const struct port *port, FILE *out)
{
	fprintf(out, "wire-in %" PRIu64 "\nwire-out %" PRIu64
		"\nwire-dropped %" PRIu64 "\n", port->wire_in, port->wire_out,
		port->wire_dropped);
}

static int run_stats(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	static const char *const names[] = {
		"rx-bytes", "rx-unicast", "rx-multicast", "rx-broadcast",
		"rx-discards", "rx-unknown-protocol", "tx-bytes", "tx-unicast",
		"tx-multicast", "tx-broadcast", "tx-discards", "tx-errors",
	};
	const uint64_t *counter = &vf->stats.rx_bytes;
	unsigned int i;

	(void)words;
	(void)n;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		fprintf(out, "%s %" PRIu64 "\n", names[i], counter[i]);
	fprintf(out, "malicious %" PRIu64 "\ndma-errors %" PRIu64
		"\nspoofed %" PRIu64 "\narq-overflows %" PRIu64 "\nresets %"
		PRIu64 "\nrefused %" PRIu64 "\n", vf->events.mdd,
		vf->events.dma_errors, vf->events.spoofed,
		vf->events.arq_overflows, vf->events.resets,
		vf->events.refused);
	for (i = 0; i < NUM_OPS; i++)
		if (vf->events.requests[i])
			fprintf(out, "request %s %" PRIu64 "\n",
				virtchnl_name(i) ? virtchnl_name(i) : "?",
				vf->events.requests[i]);
	print_port(vf->port, out);
	return 0;
}

static void print_run(uint64_t iova, uint64_t len, void *arg)
{
	fprintf(arg, "%#" PRIx64 " %#" PRIx64 "\n", iova, len);
}

/* dirty [clear]: the pages since the last time that they were cleared */
static int run_dirty(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	if (n && strcmp(words[0], "clear"))
		return -EINVAL;
	dirty_for_each(vf, print_run, out);
	if (n)
		dirty_clear(vf);
	return 0;
}

static const struct command commands[] = {
	{ "reset", 0, run_reset },
	{ "hold", 0, run_hold },
	{ "release", 0, run_release },
	{ "reset-time", 1, run_reset_time },
	{ "link", 1, run_link },
	{ "event", 1, run_event },
	{ "refuse", 1, run_refuse },
	{ "ignore", 1, run_ignore },
	{ "accept", 0, run_accept },
	{ "adminq", 1, run_adminq },
	{ "delay", 1, run_delay },
	{ "mac", 1, run_mac },
	{ "unfilter", 1, run_unfilter },
	{ "trust", 1, run_trust },
	{ "spoof-check", 1, run_spoof_check },
	{ "queues", 1, run_queues },
	{ "caps", 1, run_caps },
	{ "port-vlan", 1, run_port_vlan },
	{ "state", 0, run_state },
	{ "stats", 0, run_stats },
	{ "dirty", 0, run_dirty },
};

static int run(struct vf *vf, char **words, unsigned int n, FILE *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(words[0], commands[i].name))
			continue;
		if (n - 1 < commands[i].args)
			return -EINVAL;
		return commands[i].run(vf, words + 1, n - 1, out);
	}
	return -ENOTSUP;
}

/* VF COMMAND [ARGUMENT...] */
static int execute(struct port *port, char *line, FILE *out)
{
	char *words[MAX_WORDS], *save;
	unsigned int n = 0, index;

	words[0] = strtok_r(line, DELIMITERS, &save);
	while (words[n] && ++n < MAX_WORDS)
		words[n] = strtok_r(NULL, DELIMITERS, &save);
	if (n < 2 || number(words[0], port->num_vfs - 1, &index))
		return -EINVAL;
	return run(&port->vfs[index], words + 1, n - 1, out);
}

char *control_command(struct port *port, const char *line)
{
	char *copy = strdup(line), *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int ret = -ENOMEM;

	if (!out || !copy)
		goto out;
	ret = execute(port, copy, out);
	if (ret)
		fprintf(out, "error: %s\n", strerror(-ret));
	else
		fprintf(out, "ok\n");
out:
	if (out)
		fclose(out);
	free(copy);
	return text;
}
