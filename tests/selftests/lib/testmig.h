/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of the vendor in tests/modules/pt_test_mig.c: two equal ones, VFs of
 * nvme, which can be reset; and edu, which is another device
 *
 * Every function returns 0 or -errno, unless it says otherwise.
 */
#ifndef _SELFTESTS_TESTMIG_H
#define _SELFTESTS_TESTMIG_H

#include "../../modules/pt_test_mig.h"
#include "migration.h"
#include "sysfs.h"

#define TESTMIG		"pt-test-mig"
#define TESTMIG_OTHER	"pt-test-mig-other"
#define TESTMIG_NEEDS	"pt-test-mig-needs"

/* Seconds; a kernel that checks everything is slow. */
#define TESTMIG_SECONDS	600

/* All zeros before it is opened */
struct testmig {
	char bdf[BDF_LEN];
	char uuid[UUID_LEN];
	struct vfio_user user;
};

/* Loads the module; -ENODEV: there is no nvme here. */
int testmig_start(void);
/* Removes all mdevs, gives the devices back, and unloads the module. */
int testmig_end(void);

/* One that is free of the two; an mdev of the type, open */
int testmig_open(struct testmig *t, const char *type);
/* -ENODEV: there is no edu here. */
int testmig_open_edu(struct testmig *t, const char *type);
int testmig_close(struct testmig *t);

/* Of the vendor: see there. "none" fails nothing. */
int testmig_fail(const char *callback);
int testmig_set(const char *parameter, unsigned int value);
int testmig_clear_calls(void);
/* The count, or -1 */
int testmig_calls(const char *callback);

/* The state: from @seed on, each byte another; and is it that? */
int testmig_fill(struct testmig *t, uint8_t seed);
bool testmig_is(struct testmig *t, uint8_t seed, size_t len);
/* As after a reset */
bool testmig_is_clear(struct testmig *t);

#endif /* _SELFTESTS_TESTMIG_H */
