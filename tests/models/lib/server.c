// SPDX-License-Identifier: GPL-2.0-only
/* A model's life: made, served to one client after the other, taken down */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

/* Of one client in one round, so that timers and other fds have their turn */
#define MESSAGES_A_ROUND	64

struct model *model_create(const struct model_device *device, void *private)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned int i;
	int ret;

	if (!m)
		return NULL;
	m->device = device;
	m->private = private;
	m->epoll = -1;
	m->listener = -1;
	m->connection.fd = -1;
	ret = region_init(m);
	for (i = 0; !ret && i < VFIO_PCI_NUM_IRQS; i++)
		ret = irq_resize(m, i, i == VFIO_PCI_INTX_IRQ_INDEX &&
				       device->intx_pin);
	if (!ret)
		ret = loop_init(m);
	if (!ret)
		ret = dma_init();
	if (!ret && device->config_size != 256 &&
	    device->config_size != MODEL_CONFIG_MAX)
		ret = -EINVAL;
	if (ret) {
		model_destroy(m);
		errno = -ret;
		return NULL;
	}
	config_init(m);
	return m;
}

void model_destroy(struct model *m)
{
	irq_exit(m);
	control_exit(m);
	loop_exit(m);
	region_exit(m);
	free(m);
}

void *model_private(const struct model *m)
{
	return m->private;
}

void model_stop(struct model *m)
{
	m->stop = true;
}

void model_reset(struct model *m)
{
	m->irqs[VFIO_PCI_INTX_IRQ_INDEX].asserted = false;
	config_reset(m);
	if (m->device->reset)
		m->device->reset(m);
}

/* The client's memory and interrupts go with it, the device's state stays. */
static void disconnect(struct model *m)
{
	model_remove_fd(m, m->connection.fd);
	connection_close(&m->connection);
	dma_unmap_all(m);
	irq_disconnect(m);
}

/* What came in the middle of a command has waited for its end. */
static void handle_queue(struct model *m)
{
	struct connection *c = &m->connection;
	struct message *msg;

	while (!c->broken && (msg = connection_dequeue(c))) {
		command_handle(m, msg);
		message_free(msg);
	}
}

static void client_event(struct model *m, int fd, void *arg)
{
	unsigned int left = MESSAGES_A_ROUND;
	struct message *msg;

	(void)fd;
	(void)arg;
	while (left-- && connection_receive(&m->connection, &msg)) {
		command_handle(m, msg);
		message_free(msg);
		handle_queue(m);
	}
}

static void accept_event(struct model *m, int fd, void *arg);

static void await_client(struct model *m)
{
	if (model_add_fd(m, m->listener, accept_event, NULL))
		model_stop(m);
}

static void accept_event(struct model *m, int fd, void *arg)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)arg;
	if (client < 0)
		return;
	connection_open(&m->connection, client);
	/* Others wait in the backlog. */
	model_remove_fd(m, fd);
	if (model_add_fd(m, client, client_event, NULL))
		m->connection.broken = true;
}

void server_poll(struct model *m)
{
	if (m->connection.fd < 0)
		return;
	/* Timers and other fds may have waited for a reply too. */
	handle_queue(m);
	if (!m->connection.broken)
		return;
	disconnect(m);
	if (m->flags & MODEL_ONCE)
		model_stop(m);
	else
		await_client(m);
}

/* Under its name only when it listens: who waits for the file can connect. */
static int open_listener(struct model *m, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s.new",
		     path) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	/* Of a server that did not get further */
	unlink(address.sun_path);
	m->listener = socket(AF_UNIX,
			     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listener < 0 ||
	    bind(m->listener, (void *)&address, sizeof(address)) ||
	    listen(m->listener, 1) || rename(address.sun_path, path))
		return -errno;
	return 0;
}

static int start(struct model *m, const char *path, unsigned int flags)
{
	int ret;

	m->flags = flags;
	m->stop = false;
	memcpy(m->reset_config, m->config, sizeof(m->config));
	ret = open_listener(m, path);
	if (!ret)
		await_client(m);
	return ret;
}

static void end(struct model *m)
{
	if (m->connection.fd >= 0)
		disconnect(m);
	if (m->listener >= 0) {
		model_remove_fd(m, m->listener);
		close(m->listener);
		m->listener = -1;
	}
}

int model_serve_all(struct model *const *models, const char *const *paths,
		    unsigned int count, unsigned int flags)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < count; i++)
		ret = start(models[i], paths[i], flags);
	if (!ret)
		ret = loop_run(models, count);
	for (i = 0; i < count; i++)
		end(models[i]);
	return ret;
}

int model_serve(struct model *m, const char *path, unsigned int flags)
{
	return model_serve_all(&m, &path, 1, flags);
}
