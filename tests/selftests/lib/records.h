/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records of a migration stream, as migration/stream.c has them: hostile streams
 * have right checksums, too
 */
#ifndef _SELFTESTS_RECORDS_H
#define _SELFTESTS_RECORDS_H

#include "migration.h"

#define MAGIC		0x5450444d
#define RECORD_IDENTITY	1
#define RECORD_STATE	2
#define RECORD_OPTIONAL	0x8000
#define RECORD_NEEDS	(RECORD_OPTIONAL | 3)

struct record {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t len;
	uint32_t crc;
};

struct identity {
	uint16_t vendor;
	uint16_t device;
	uint16_t subsystem_vendor;
	uint16_t subsystem_device;
	uint32_t revision;
	uint32_t state_version;
	char type[32];
};

/* The record at @at again has the checksum that it ought to have. */
void record_seal(struct mig_stream *stream, size_t at);
void record_append(struct mig_stream *stream, uint16_t type,
		   const void *payload, size_t len);
/* The first of that type, or NULL */
struct record *record_find(struct mig_stream *stream, uint16_t type);

#endif /* _SELFTESTS_RECORDS_H */
