// SPDX-License-Identifier: GPL-2.0-only

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest.h"

#include "inject.h"
#include "sysfs.h"

#define DEBUG		"/sys/kernel/debug/"
#define FAIL_NTH	"fail-nth"
#define REJECTED	"vfio_create_group"

/* Where the code is: from the first module to the end of the last */
static int find_text(const char *const *modules, unsigned int count,
		     uint64_t *start, uint64_t *end)
{
	char path[SYSFS_PATH], value[32];
	uint64_t from, to;
	unsigned int i;

	*start = UINT64_MAX;
	*end = 0;
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/sections/.text",
			 modules[i]);
		if (sysfs_read(path, value, sizeof(value)) < 0)
			return -ENOENT;
		from = strtoull(value, NULL, 16);
		snprintf(path, sizeof(path), "/sys/module/%s/coresize",
			 modules[i]);
		if (sysfs_read(path, value, sizeof(value)) < 0)
			return -ENOENT;
		to = from + strtoull(value, NULL, 10);
		*start = from < *start ? from : *start;
		*end = to > *end ? to : *end;
	}
	return 0;
}

/*
 * Where the kernel itself warns when memory is short: VFIO puts a group that
 * still has its IOMMU group.  Unchanged if there is no such function.
 */
static void find_rejected(uint64_t *start, uint64_t *end)
{
	uint64_t from = 0, next = UINT64_MAX, address;
	char line[256], name[128];
	FILE *symbols;

	symbols = fopen("/proc/kallsyms", "re");
	while (symbols && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%*x %*c %127s", name) == 1 &&
		    !strcmp(name, REJECTED))
			from = strtoull(line, NULL, 16);
	}
	if (!from)
		goto out;
	rewind(symbols);
	while (fgets(line, sizeof(line), symbols)) {
		address = strtoull(line, NULL, 16);
		if (address > from && address < next)
			next = address;
	}
	*start = from;
	*end = next;
out:
	if (symbols)
		fclose(symbols);
}

static int fault_attr(const char *fault, const char *attr, uint64_t value)
{
	char path[SYSFS_PATH], text[32];

	snprintf(path, sizeof(path), DEBUG "%s/%s", fault, attr);
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return sysfs_write(path, text);
}

bool faults_available(void)
{
	return !access("/proc/self/" FAIL_NTH, W_OK);
}

int faults_choose(const char *module)
{
	static const char *const ours[] = { "mdev_pt", "mdev_pt_core" };
	static const char *const allocators[] = { "failslab", "fail_page_alloc" };
	uint64_t start, end, reject_start = 0, reject_end = 0;
	unsigned int i;
	int ret;

	if (module)
		ret = find_text(&module, 1, &start, &end);
	else
		ret = find_text(ours, ARRAY_SIZE(ours), &start, &end);
	find_rejected(&reject_start, &reject_end);
	for (i = 0; i < ARRAY_SIZE(allocators) && !ret; i++) {
		const char *fault = allocators[i];
		char path[SYSFS_PATH];

		snprintf(path, sizeof(path), DEBUG "%s/ignore-gfp-wait", fault);
		ret = sysfs_write(path, "N");
		if (!ret)
			ret = fault_attr(fault, "require-start", start);
		if (!ret)
			ret = fault_attr(fault, "require-end", end);
		if (!ret)
			ret = fault_attr(fault, "reject-start", reject_start);
		if (!ret)
			ret = fault_attr(fault, "reject-end", reject_end);
		if (!ret)
			ret = fault_attr(fault, "stacktrace-depth", 32);
		if (!ret)
			ret = fault_attr(fault, "verbose", 0);
	}
	if (!ret)
		ret = fault_attr("fail_page_alloc", "min-order", 0);
	if (!ret)
		ret = fault_attr("fail_usercopy", "require-end", 0);
	return ret;
}

static void tasks_find(struct tasks *tasks)
{
	struct dirent *entry;
	char path[SYSFS_PATH], name[32];
	DIR *dir;

	strcpy(tasks->path[0], "/proc/thread-self/" FAIL_NTH);
	tasks->count = 1;
	dir = opendir("/proc");
	while (dir && tasks->count < TASKS && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.16s/comm", entry->d_name);
		if (sysfs_read(path, name, sizeof(name)) > 0 &&
		    !strncmp(name, "kworker/u", 9))
			snprintf(tasks->path[tasks->count++],
				 sizeof(tasks->path[0]), "/proc/%.16s/" FAIL_NTH,
				 entry->d_name);
	}
	if (dir)
		closedir(dir);
}

void tasks_arm(struct tasks *tasks, unsigned int nth)
{
	char value[16];
	unsigned int i;

	tasks_find(tasks);
	snprintf(value, sizeof(value), "%u", nth);
	for (i = 0; i < tasks->count; i++)
		sysfs_write(tasks->path[i], value);
}

enum outcome tasks_disarm(struct tasks *tasks, unsigned int nth)
{
	enum outcome outcome = UNTOUCHED;
	char value[16];
	unsigned int i, left;

	for (i = 0; i < tasks->count; i++) {
		/* A worker may have ended. */
		if (sysfs_read(tasks->path[i], value, sizeof(value)) <= 0)
			continue;
		sysfs_write(tasks->path[i], "0");
		left = strtoul(value, NULL, 10);
		if (!left)
			outcome = HIT;
		else if (left < nth && outcome == UNTOUCHED)
			outcome = SPARED;
	}
	return outcome;
}
