// SPDX-License-Identifier: GPL-2.0-only

#include <string.h>

#include "records.h"

static uint32_t crc32_le(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *at = data;
	int bit;

	while (len--) {
		crc ^= *at++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

void record_seal(struct mig_stream *stream, size_t at)
{
	struct record *record = (void *)(stream->bytes + at);

	record->crc = crc32_le(~0u, record, offsetof(struct record, crc));
	record->crc = crc32_le(record->crc, record + 1, record->len);
}

void record_append(struct mig_stream *stream, uint16_t type,
		   const void *payload, size_t len)
{
	struct record record = { MAGIC, 1, type, len, 0 };
	size_t at = stream->len;

	memcpy(stream->bytes + at, &record, sizeof(record));
	memcpy(stream->bytes + at + sizeof(record), payload, len);
	stream->len += sizeof(record) + len;
	record_seal(stream, at);
}

struct record *record_find(struct mig_stream *stream, uint16_t type)
{
	struct record *record;
	size_t at = 0;

	while (at + sizeof(*record) <= stream->len) {
		record = (void *)(stream->bytes + at);
		if (record->type == type)
			return record;
		at += sizeof(*record) + record->len;
	}
	return NULL;
}
