// SPDX-License-Identifier: GPL-2.0-only

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "health.h"
#include "kmsg.h"
#include "sysfs.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"

static bool is_complaint(const char *message)
{
	static const char *const words[] = {
		"BUG:", "WARNING:", "Oops", "KASAN", "UBSAN",
		"possible circular", "possible recursive", "refcount_t",
		"blocked for more than", "cannot create duplicate",
		"unreferenced object",
	};
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(message, words[i]))
			return true;
	}
	return false;
}

int health_complaints(int fd)
{
	char message[8192], *text;
	int complaints = 0, show = 0;
	ssize_t len;

	for (;;) {
		len = read(fd, message, sizeof(message) - 1);
		if (len < 0 && errno == EPIPE)
			continue;	/* overrun: what is left comes next */
		if (len <= 0)
			return complaints;

		message[len] = '\0';
		text = strchr(message, ';');
		text = text ? text + 1 : message;
		text[strcspn(text, "\n")] = '\0';
		if (is_complaint(text)) {
			complaints++;
			show = 60;	/* with the stack that follows */
		}
		if (show > 0 && show--)
			printf("# %s\n", text);
	}
}

/* R, S, D, I, ..., or 0; @comm is of 64 bytes. */
static int task_state(const char *pid, const char *tid, char *comm)
{
	char path[SYSFS_PATH], stat[512], *state, *name;

	snprintf(path, sizeof(path), "/proc/%.16s/task/%.16s/stat", pid, tid);
	if (sysfs_read(path, stat, sizeof(stat)) <= 0)
		return 0;
	/* "pid (comm) state ..."; comm may hold anything. */
	name = strchr(stat, '(');
	state = strrchr(stat, ')');
	if (!name || !state || state[1] != ' ')
		return 0;
	*state = '\0';
	snprintf(comm, 64, "%.63s", name + 1);
	return state[2];
}

static void print_lines(char *text)
{
	char *line;

	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		printf("#   %s\n", line);
}

static bool is_ours(const char *stack)
{
	return strstr(stack, "vfio") || strstr(stack, "mdev") ||
	       strstr(stack, "pt_") || strstr(stack, "pci_");
}

/* Calls @visit for every task of the system until it returns true. */
static bool visit_tasks(bool (*visit)(const char *pid, const char *tid))
{
	struct dirent *process, *thread;
	bool found = false;
	char path[64];
	DIR *proc, *tasks;

	proc = opendir("/proc");
	while (!found && proc && (process = readdir(proc))) {
		if (!isdigit(process->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/task",
			 process->d_name);
		tasks = opendir(path);
		while (!found && tasks && (thread = readdir(tasks))) {
			if (isdigit(thread->d_name[0]))
				found = visit(process->d_name, thread->d_name);
		}
		if (tasks)
			closedir(tasks);
	}
	if (proc)
		closedir(proc);
	return found;
}

static bool print_if_blocked(const char *pid, const char *tid)
{
	char path[SYSFS_PATH], comm[64], stack[4096] = "";
	int state = task_state(pid, tid, comm);

	snprintf(path, sizeof(path), "/proc/%.16s/task/%.16s/stack", pid, tid);
	if (sysfs_read(path, stack, sizeof(stack)) <= 0)
		return false;
	if (state == 'D' || is_ours(stack)) {
		printf("# %s (%s) in state %c:\n", tid, comm, state);
		print_lines(stack);
	}
	return false;
}

void health_print_blocked(void)
{
	visit_tasks(print_if_blocked);
	fflush(stdout);
	sysfs_write("/proc/sysrq-trigger", "w");
}

static bool is_blocked(const char *pid, const char *tid)
{
	char comm[64];

	return task_state(pid, tid, comm) == 'D';
}

int health_no_blocked(int timeout_ms)
{
	long end = now_ms() + timeout_ms;

	while (visit_tasks(is_blocked)) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(10000);
	}
	return 0;
}

/* The first name in a directory, in order, and how many there are */
static int first_of(const char *path, char *name, size_t len)
{
	struct dirent **entries;
	int i, n, count = 0;

	n = scandir(path, &entries, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.' && !count++)
			snprintf(name, len, "%.63s", entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return count;
}

/* The numbers of groups change: a group is named by its first function. */
void health_groups(char *buf, size_t len)
{
	char path[SYSFS_PATH], first[64] = "";
	struct dirent **functions;
	size_t used;
	int i, n;

	used = snprintf(buf, len, "%d groups\n",
			first_of("/sys/kernel/iommu_groups", first,
				 sizeof(first)));
	n = scandir("/sys/bus/pci/devices", &functions, NULL, alphasort);
	for (i = 0; i < n; i++) {
		first[0] = '\0';
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%.16s/iommu_group/devices",
			 functions[i]->d_name);
		if (used < len && functions[i]->d_name[0] != '.' &&
		    first_of(path, first, sizeof(first)))
			used += snprintf(buf + used, len - used, "%.16s in %s\n",
					 functions[i]->d_name, first);
		free(functions[i]);
	}
	if (n >= 0)
		free(functions);
}

/* Free objects in a slab that a CPU keeps count as used: have it give it back. */
static void shrink_slabs(void)
{
	static const char slabs[] = "/sys/kernel/slab";
	char path[SYSFS_PATH];
	struct dirent *entry;
	DIR *dir;

	dir = opendir(slabs);
	while (dir && (entry = readdir(dir))) {
		/* The links are other names for the same. */
		if (entry->d_name[0] == '.' || entry->d_type == DT_LNK)
			continue;
		snprintf(path, sizeof(path), "%s/%.128s/shrink", slabs,
			 entry->d_name);
		sysfs_write(path, "1");
	}
	if (dir)
		closedir(dir);
}

int health_slabs(struct health_slabs *slabs)
{
	char line[512];
	FILE *file;

	/* What the kernel would give back anyway is no leak. */
	sync();
	sysfs_write("/proc/sys/vm/drop_caches", "3");
	shrink_slabs();

	file = fopen("/proc/slabinfo", "re");
	if (!file)
		return -errno;
	slabs->count = 0;
	while (fgets(line, sizeof(line), file) &&
	       slabs->count < HEALTH_CACHES) {
		if (sscanf(line, "%47s %ld", slabs->cache[slabs->count].name,
			   &slabs->cache[slabs->count].objects) == 2)
			slabs->count++;
	}
	fclose(file);
	return slabs->count ? 0 : -ENOENT;
}

int health_leaks_clear(void)
{
	return sysfs_write(KMEMLEAK, "clear");
}

int health_leaks(void)
{
	long end = now_ms() + 20000;
	char line[512];
	int leaks = 0;
	FILE *file;

	/*
	 * It reports what is older than 5 s, and sees false positives in what
	 * is in motion: only a report that stays counts.
	 */
	do {
		if (sysfs_write(KMEMLEAK, "scan"))
			return -ENOENT;
	} while (now_ms() < end);

	file = fopen(KMEMLEAK, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strstr(line, "unreferenced object"))
			leaks++;
		printf("# %s", line);
	}
	fclose(file);
	return leaks;
}
