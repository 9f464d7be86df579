// SPDX-License-Identifier: GPL-2.0-only

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vf.h"

#define WAIT_MS		10000

static void run(const char *const *options, char *path)
{
	char self[PATH_MAX] = "", program[PATH_MAX + 16];
	char *argv[16] = { program, "--vfs=2", "--mac=52:54:00:0e:00:10" };
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		_exit(127);
	snprintf(program, sizeof(program), "%s/i40e-vf",
		 dirname(dirname(self)));
	for (i = 0; options && options[i]; i++)
		argv[3 + i] = (char *)options[i];
	argv[3 + i] = "--once";
	argv[4 + i] = path;
	execv(program, argv);
	_exit(127);
}

int vf_connect_control(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s.control",
		 path);
	return fd >= 0 && connect(fd, (void *)&address, sizeof(address)) ?
	       -errno : fd;
}

static int open_memory(struct vf_function *f)
{
	f->memfd = memfd_create("guest", MFD_CLOEXEC);
	if (f->memfd < 0 || ftruncate(f->memfd, MEMORY_SIZE))
		return -errno;
	f->memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 f->memfd, 0);
	if (f->memory == MAP_FAILED)
		return -errno;
	return client_map(&f->c, MEMORY, MEMORY_SIZE,
			  VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
			  f->memfd, 0);
}

static int open_vectors(struct vf_function *f)
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		f->vectors[i] = eventfd(0, EFD_CLOEXEC);
	return client_set_irqs(&f->c, VFIO_PCI_MSIX_IRQ_INDEX,
			       VFIO_IRQ_SET_DATA_EVENTFD |
			       VFIO_IRQ_SET_ACTION_TRIGGER, 0, 5, NULL,
			       f->vectors);
}

int vf_start(struct vf_model *v, const char *const *options)
{
	char name[80];
	int i, ret = -1;

	memset(v, 0, sizeof(*v));
	snprintf(v->path, sizeof(v->path), "/tmp/i40e-vf-test.%d", getpid());
	v->pid = fork();
	if (!v->pid)
		run(options, v->path);
	for (i = 0; ret && i < WAIT_MS / 10; i++) {
		usleep(10000);
		ret = client_open(&v->f[0].c, v->path);
	}
	snprintf(name, sizeof(name), "%s.1", v->path);
	if (!ret)
		ret = client_open(&v->f[1].c, name);
	for (i = 0; !ret && i < VFS; i++) {
		vf_bus_master(&v->f[i], true);
		ret = open_memory(&v->f[i]);
		if (!ret)
			ret = open_vectors(&v->f[i]);
	}
	v->control = vf_connect_control(v->path);
	return ret ? ret : v->control < 0 ? v->control : 0;
}

static void unlink_all(const char *path)
{
	static const char *const suffixes[] = { "", ".1", ".control", ".wire" };
	char name[80];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

int vf_end(struct vf_model *v)
{
	int status, i, j;

	for (i = 0; i < VFS; i++) {
		client_close(&v->f[i].c);
		munmap(v->f[i].memory, MEMORY_SIZE);
		close(v->f[i].memfd);
		for (j = 0; j < 5; j++)
			close(v->f[i].vectors[j]);
	}
	close(v->control);
	if (waitpid(v->pid, &status, 0) != v->pid)
		return -errno;
	unlink_all(v->path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* Up to its last line, which is "ok" or an error */
static bool is_whole(const char *text, size_t len)
{
	const char *line;

	if (!len || text[len - 1] != '\n')
		return false;
	for (line = text + len - 1; line > text && line[-1] != '\n';)
		line--;
	return !strcmp(line, "ok\n") || !strncmp(line, "error: ", 7);
}

const char *vf_command(struct vf_model *v, const char *format, ...)
{
	static char text[1 << 20];
	size_t len = 0;
	va_list args;
	ssize_t n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text[n++] = '\n';
	if (write(v->control, text, n) != n)
		return "";
	do {
		n = read(v->control, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			return "";
		len += n;
		text[len] = 0;
	} while (!is_whole(text, len));
	return text;
}

long vf_value(struct vf_model *v, const char *command, const char *name)
{
	const char *text = vf_command(v, "%s", command);
	size_t len = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, name, len) && text[len] == ' ')
			return strtol(text + len, NULL, 0);
	}
	return -1;
}

void vf_bus_master(struct vf_function *f, bool on)
{
	client_put(&f->c, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
		   on ? PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER : 0);
}
