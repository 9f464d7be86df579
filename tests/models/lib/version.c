// SPDX-License-Identifier: GPL-2.0-only
/* The first message: the version, and capabilities as JSON (RFC 8259) */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define JSON_DEPTH	8
#define JSON_MAX	4096

/* @name, @value: where it begins; NULL until proposed */
struct proposal {
	const char *name;
	const char *ours;
	const char *value;
};

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* These return what follows, or NULL if it is not JSON. */
static const char *skip_value(const char *p, unsigned int depth);

static const char *skip_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p != '"'; p++) {
		if (!*p)
			return NULL;
		if (*p == '\\' && !*++p)
			return NULL;
	}
	return p + 1;
}

static const char *skip_scalar(const char *p)
{
	static const char * const words[] = { "true", "false", "null" };
	size_t i, len;
	char *end;

	if (*p == '"')
		return skip_string(p);
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		len = strlen(words[i]);
		if (!strncmp(p, words[i], len))
			return p + len;
	}
	if (*p != '-' && (*p < '0' || *p > '9'))
		return NULL;
	strtod(p, &end);
	return end == p ? NULL : end;
}

typedef void (*member)(const char *key, size_t len, const char *value,
		       void *arg);

/* An object or an array; members of an object go to @fn. */
static const char *skip_list(const char *p, unsigned int depth, member fn,
			     void *arg)
{
	char end = *p == '{' ? '}' : ']';
	const char *key, *key_end;

	p = skip_space(p + 1);
	if (*p == end)
		return p + 1;
	for (;;) {
		key = p;
		if (end == '}') {
			key_end = skip_string(p);
			if (!key_end)
				return NULL;
			p = skip_space(key_end);
			if (*p++ != ':')
				return NULL;
			p = skip_space(p);
			if (fn)
				fn(key + 1, key_end - key - 2, p, arg);
		}
		p = skip_value(p, depth);
		if (!p)
			return NULL;
		p = skip_space(p);
		if (*p == end)
			return p + 1;
		if (*p++ != ',')
			return NULL;
		p = skip_space(p);
	}
}

static const char *skip_value(const char *p, unsigned int depth)
{
	if (*p != '{' && *p != '[')
		return skip_scalar(p);
	return depth ? skip_list(p, depth - 1, NULL, NULL) : NULL;
}

static void note_proposal(const char *key, size_t len, const char *value,
			  void *arg)
{
	struct proposal *p;

	for (p = arg; p->name; p++)
		if (strlen(p->name) == len && !strncmp(p->name, key, len))
			p->value = value;
}

static void find_capabilities(const char *key, size_t len, const char *value,
			      void *arg)
{
	if (*value == '{' && len == strlen("capabilities") &&
	    !strncmp(key, "capabilities", len))
		skip_list(value, JSON_DEPTH, note_proposal, arg);
}

static int parse(const char *text, struct proposal *proposals)
{
	const char *end;

	text = skip_space(text);
	if (*text != '{')
		return -EINVAL;
	end = skip_list(text, JSON_DEPTH, find_capabilities, proposals);
	return end && !*skip_space(end) ? 0 : -EINVAL;
}

/* Only what the client knows: the list may be no more than that. */
static size_t answer(char *text, const struct proposal *p)
{
	const char *separator = "";
	size_t len;

	len = sprintf(text, "{\"capabilities\":{");
	for (; p->name; p++) {
		if (!p->value)
			continue;
		len += sprintf(text + len, "%s\"%s\":%s", separator, p->name,
			       p->ours);
		separator = ",";
	}
	return len + sprintf(text + len, "}}") + 1;
}

#define STRING(x)	#x
#define NUMBER(x)	STRING(x)

int version_negotiate(struct model *m, struct message *msg)
{
	struct proposal proposals[] = {
		{ "max_data_xfer_size", "1048576", NULL },
		{ "max_msg_fds", NUMBER(MAX_FDS), NULL },
		{ "max_dma_maps", NUMBER(MAX_MAPS), NULL },
		{ "pgsizes", "4096", NULL },
		{ "write_multiple", "true", NULL },
		{ NULL, NULL, NULL },
	};
	const struct vfio_user_version *request = (void *)msg->payload;
	size_t len = msg->len - sizeof(*request);
	struct vfio_user_version *reply;
	char text[256];
	long max_xfer;

	if (m->connection.negotiated || request->major != 0)
		return -EINVAL;
	if (len && (len > JSON_MAX || request->data[len - 1] ||
		    parse(request->data, proposals)))
		return -EINVAL;
	if (proposals[0].value) {
		max_xfer = strtol(proposals[0].value, NULL, 10);
		if (max_xfer < (long)PAGE)
			return -EINVAL;
		if (max_xfer < VFIO_USER_MAX_XFER)
			m->connection.max_xfer = max_xfer;
	}
	len = answer(text, proposals);
	reply = message_reply(msg, sizeof(*reply) + len);
	if (!reply)
		return -ENOMEM;
	memcpy(reply->data, text, len);
	m->connection.negotiated = true;
	return 0;
}
