/* SPDX-License-Identifier: GPL-2.0-only */
/* What pt_test_ring.c and the tests that load it agree on */
#ifndef _PT_TEST_RING_H
#define _PT_TEST_RING_H

#include <linux/types.h>

#define PT_TEST_RING_TYPE		0x70740002
#define PT_TEST_RING_SUBTYPE_MESSAGES	1

/* The tails: receive and transmit queue 0 */
#define PT_TEST_RING_RX		0
#define PT_TEST_RING_TX		1

/* pt_test_ring_message::completion */
#define PT_TEST_RING_DONE	0
#define PT_TEST_RING_HEAD	1
#define PT_TEST_RING_WRITEBACK	2

/*
 * Written at offset 0 of the region of messages: there is this ring behind that
 * tail, or, with no entries, none
 * @buffer: the size of a buffer, in bytes
 * @writeback: where the VF writes its head
 */
struct pt_test_ring_message {
	__u64 base;
	__u64 writeback;
	__u32 tail;
	__u32 entries;
	__u32 buffer;
	__u32 completion;
};

#endif /* _PT_TEST_RING_H */
