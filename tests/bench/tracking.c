// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tracking of dirty pages costs: the time of the thread that watches the
 * rings, and what it does, while nothing arrives and under traffic. See
 * tracking.sh, whose probes count. Type pt-igb-vf. Lab device: igb.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "migration.h"
#include "nic.h"

#define MODULE		"mdev_pt_igb_vf"
#define TRACING		"/sys/kernel/tracing/"
#define IDLE_SECONDS	3
#define DESCRIPTORS	20000

enum figure {
	MS,
	WATCHER_US,
	WAKEUPS,
	LOOKS,
	BAR_READS,
	BAR_WRITES,
	DMA_READS,
	PIN_CALLS,
	PAGES,
	NUM_FIGURES
};

static const char *const names[NUM_FIGURES] = {
	"ms", "thread us", "wakeups", "looks", "BAR reads", "BAR writes",
	"DMA reads", "pin calls", "pages",
};

/* kprobes of tracking.sh */
static const char *const probes[NUM_FIGURES] = {
	[LOOKS] = "look", [BAR_READS] = "bar_read",
	[BAR_WRITES] = "bar_write", [DMA_READS] = "dma_read",
	[PIN_CALLS] = "pin",
};

static void read_probes(long *figures)
{
	FILE *f = fopen(TRACING "kprobe_profile", "r");
	char name[64];
	long hits;
	int i;

	while (f && fscanf(f, "%63s %ld %*d", name, &hits) == 2) {
		for (i = 0; i < NUM_FIGURES; i++) {
			if (probes[i] && !strcmp(probes[i], name))
				figures[i] = hits;
		}
	}
	if (f)
		fclose(f);
}

static void read_watcher(long *figures)
{
	DIR *proc = opendir("/proc");
	char path[300], text[64];
	struct dirent *entry;
	long long run;
	FILE *f;

	while (proc && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (sysfs_read(path, text, sizeof(text)) < 0 ||
		    strncmp(text, "mdev_pt/", 8))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/schedstat",
			 entry->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%lld %*d %ld", &run, &figures[WAKEUPS]) == 2)
			figures[WATCHER_US] = run / 1000;
		if (f)
			fclose(f);
	}
	if (proc)
		closedir(proc);
}

static void read_figures(struct nic *w, long *figures)
{
	char path[SYSFS_PATH], value[32];

	read_probes(figures);
	read_watcher(figures);
	snprintf(path, sizeof(path),
		 "/sys/bus/mdev/devices/%s/migration/dirty_pages",
		 w->function.uuid);
	if (sysfs_read(path, value, sizeof(value)) > 0)
		figures[PAGES] = atol(value);
	figures[MS] = now_ms();
}

static void show(const char *phase, const long *before, const long *after)
{
	int i;

	printf("%s:", phase);
	for (i = 0; i < NUM_FIGURES; i++)
		printf(" %s %ld%s", names[i], after[i] - before[i],
		       i + 1 < NUM_FIGURES ? "," : "\n");
	fflush(stdout);
}

static int measure(struct nic *w)
{
	long figures[4][NUM_FIGURES] = {};
	unsigned int done;

	read_figures(w, figures[0]);
	if (nic_traffic(w, DESCRIPTORS) < DESCRIPTORS)
		return 1;
	read_figures(w, figures[1]);
	show("not tracked", figures[0], figures[1]);

	if (nic_track(w))
		return 1;
	read_figures(w, figures[1]);
	sleep(IDLE_SECONDS);
	read_figures(w, figures[2]);
	done = nic_traffic(w, DESCRIPTORS);
	read_figures(w, figures[3]);
	show("tracked, idle", figures[1], figures[2]);
	show("tracked, traffic", figures[2], figures[3]);
	return done < DESCRIPTORS || nic_untrack(w);
}

int main(void)
{
	struct nic w = { .seed = 1 };
	const char *missing = nic_offer(&w, "pt-igb-vf", MODULE);
	int ret = 1;

	if (missing || nic_attach(&w)) {
		printf("%s\n", missing ? missing : "can't open the VF");
		goto out;
	}
	if (nic_tracking_missing(&w, CONTAINER) &&
	    nic_tracking_missing(&w, LOG))
		printf("this kernel does not track\n");
	else if (!nic_ring_start(&w, 256, IGBVF_ADVANCED | IGBVF_PACKET(2)))
		ret = measure(&w);
out:
	nic_detach(&w);
	function_withdraw(&w.function);
	nic_end(MODULE);
	return ret;
}
