// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of text from outside, and the answers
 *
 * A client that does not read its answers is closed, once they no longer fit
 * into its socket: nobody waits for it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

#define LINE		1024
#define BUFFER		(8 * 1024 * 1024)

/* A listener (@answer), or a client of one (@parent) */
struct control {
	struct control *next;
	struct model *model;
	struct control *parent;
	int fd;
	model_answer answer;
	void *arg;
	size_t len;
	char line[LINE];
};

static void remove_control(struct control *c)
{
	struct control **p = &c->model->controls;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	model_remove_fd(c->model, c->fd);
	close(c->fd);
	free(c);
}

void control_exit(struct model *m)
{
	while (m->controls)
		remove_control(m->controls);
}

static int add_control(struct model *m, int fd, model_event event,
		       struct control *c)
{
	int ret = model_add_fd(m, fd, event, c);

	if (ret)
		return ret;
	c->model = m;
	c->fd = fd;
	c->next = m->controls;
	m->controls = c;
	return 0;
}

static bool send_all(int fd, const char *text, size_t len)
{
	return send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)len;
}

/* The answer, whose last line gets @tag */
static bool send_answer(int fd, const char *text, const char *tag)
{
	size_t len = strlen(text);

	if (!*tag)
		return send_all(fd, text, len);
	if (len && text[len - 1] == '\n')
		len--;
	return (!len || send_all(fd, text, len)) && send_all(fd, " ", 1) &&
	       send_all(fd, tag, strlen(tag)) && send_all(fd, "\n", 1);
}

static bool handle_line(struct control *c, char *line)
{
	char *rest = line, *text;
	bool ok;

	if (*line == '@') {
		rest = line + strcspn(line, " ");
		if (*rest)
			*rest++ = 0;
	}
	text = c->parent->answer(c->parent->arg, rest);
	ok = text && send_answer(c->fd, text, rest == line ? "" : line);
	free(text);
	return ok;
}

/* A line that is too long is the end of the conversation. */
static bool handle_lines(struct control *c)
{
	char *end;

	while ((end = memchr(c->line, '\n', c->len))) {
		*end++ = 0;
		if (!handle_line(c, c->line))
			return false;
		c->len -= end - c->line;
		memmove(c->line, end, c->len);
	}
	return c->len < sizeof(c->line);
}

static void client_event(struct model *m, int fd, void *arg)
{
	struct control *c = arg;
	ssize_t n;

	(void)m;
	n = recv(fd, c->line + c->len, sizeof(c->line) - c->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->len += n;
	if (n <= 0 || !handle_lines(c))
		remove_control(c);
}

static void accept_event(struct model *m, int fd, void *arg)
{
	const int size = BUFFER;
	struct control *c;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	/* For long answers; without privilege it is what the system gives. */
	setsockopt(client, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	c = calloc(1, sizeof(*c));
	if (c)
		c->parent = arg;
	if (!c || add_control(m, client, client_event, c)) {
		close(client);
		free(c);
	}
}

int model_add_control(struct model *m, const char *path, model_answer answer,
		      void *arg)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control *c;
	int fd, ret;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
	    (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->answer = answer;
	c->arg = arg;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) ||
	    listen(fd, 4))
		ret = -errno;
	else
		ret = add_control(m, fd, accept_event, c);
	if (ret) {
		if (fd >= 0)
			close(fd);
		free(c);
	}
	return ret;
}
