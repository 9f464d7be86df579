/* SPDX-License-Identifier: GPL-2.0-only */
/* What pt_test_mig.c and the tests that load it agree on */
#ifndef _PT_TEST_MIG_H
#define _PT_TEST_MIG_H

#define PT_TEST_MIG_TYPE		0x70740001
#define PT_TEST_MIG_SUBTYPE_STATE	1

/* The state region, in bytes */
#define PT_TEST_MIG_SIZE		256

#endif /* _PT_TEST_MIG_H */
