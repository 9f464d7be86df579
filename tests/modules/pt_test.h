/* SPDX-License-Identifier: GPL-2.0-only */
/* What pt_test.c and the tests that load it agree on */
#ifndef _PT_TEST_H
#define _PT_TEST_H

#include <linux/types.h>

/* pt-test-own: what its ops answer */
#define PT_TEST_OWN_BYTE	0xa5
#define PT_TEST_OWN_IOCTL	4711
#define PT_TEST_OWN_SIZE	0x5000

/* pt-test-trap: offsets in BAR 0 */
#define PT_TEST_LIVE		0x4	/* 4 bytes: edu's liveness check */
#define PT_TEST_REGISTER	0x8	/* 4 bytes, logged */
#define PT_TEST_SEEN		0x80	/* 8 bytes: writes logged, passed on */
#define PT_TEST_WIDE		0x100	/* 16 bytes, logged */
#define PT_TEST_BORDER		0x3ffe	/* 4 bytes across a page border, logged */

/* pt-test-trap: its regions */
#define PT_TEST_TYPE		0x70740000
#define PT_TEST_SUBTYPE_LOG	1
#define PT_TEST_SUBTYPE_PAGE	2

#define PT_TEST_LOG		64

struct pt_test_access {
	__u64 offset;
	__u64 value;
	__u32 width;
	__u32 is_write;
};

/* The log region: of all accesses so far the last ones, number n at n % size */
struct pt_test_log {
	__u64 count;
	struct pt_test_access access[PT_TEST_LOG];
};

#endif /* _PT_TEST_H */
