// SPDX-License-Identifier: GPL-2.0-only

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "kmsg.h"
#include "vfio.h"
#include "world.h"

#define INTEL		0x8086
#define PATIENCE_MS	10000
/* IEEE 802: Local Experimental Ethertype 1 */
#define FRAME_TYPE	0x88b5

/*
 * Functions
 */

/* The NIC of this lab host on the model's wire */
static int find_wire(char *name)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *d;
	int ret = -ENODEV;

	while (dir && ret && (d = readdir(dir))) {
		char path[SYSFS_PATH], address[32];

		snprintf(path, sizeof(path), "/sys/class/net/%.32s/address",
			 d->d_name);
		if (d->d_name[0] == '.' ||
		    sysfs_read(path, address, sizeof(address)) < 0 ||
		    strncmp(address, "52:54:00:03:", 12))
			continue;
		snprintf(name, IFNAMSIZ, "%.15s", d->d_name);
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

static int open_wire(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(FRAME_TYPE),
	};
	char name[IFNAMSIZ], command[64];
	int fd, ret;

	ret = find_wire(name);
	if (ret)
		return ret;
	snprintf(command, sizeof(command), "ip link set %s up", name);
	if (system(command))
		return -EIO;
	address.sll_ifindex = if_nametoindex(name);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(FRAME_TYPE));
	if (fd >= 0 && bind(fd, (void *)&address, sizeof(address))) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errno : fd;
}

static int open_memory(struct vf_function *f)
{
	unsigned int i;

	f->memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f->memory == MAP_FAILED)
		return -errno;
	for (i = 0; i < VECTORS; i++)
		f->vectors[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return 0;
}

const char *world_offer(struct world *w)
{
	unsigned int i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < VFS; i++) {
		w->users[i].container = -1;
		w->users[i].group = -1;
		w->users[i].iommufd = -1;
		w->users[i].device = -1;
	}
	w->wire = -1;
	w->precopy = -1;
	if (function_load_drivers() || system("modprobe " MODULE " 2>/dev/null"))
		return "there is no " MODULE " here";
	for (i = 0; i < VFS; i++) {
		if (pci_find(INTEL, XL710_VF_ID, i, w->vfs[i].bdf))
			return "no model of two i40e VFs";
		/* What a test that did not come to its end has left */
		pci_bind(w->vfs[i].bdf, NULL);
		if (!world_model(w, i, "accept") || !world_model(w, i, "mac none"))
			return "the model does not answer";
	}
	w->wire = open_wire();
	if (w->wire < 0)
		return "no NIC on the model's wire";
	if (open_memory(&w->f))
		return "no memory";
	w->kmsg = kmsg_open();
	for (i = 0; i < VFS; i++)
		if (function_offer_type(&w->vfs[i], TYPE))
			return "no " TYPE;
	return NULL;
}

int world_withdraw(struct world *w)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < VFS; i++) {
		world_close(w, i);
		if (w->vfs[i].bdf[0] && function_withdraw(&w->vfs[i]))
			ret = -EIO;
	}
	if (w->wire >= 0)
		close(w->wire);
	return ret;
}

int world_renew(struct world *w, unsigned int vf)
{
	bool open = w->users[vf].device >= 0;
	int ret;

	world_close(w, vf);
	ret = function_offer_type(&w->vfs[vf], TYPE);
	return ret || !open ? ret : world_open(w, vf);
}

int world_open(struct world *w, unsigned int vf)
{
	struct vfio_user *user = &w->users[vf];
	int ret;

	ret = vfio_open(user, w->way, w->vfs[vf].bdf, w->vfs[vf].name);
	return ret ? ret : vfio_map_dma(user, w->f.memory, MEMORY, MEMORY_SIZE,
					VFIO_DMA_MAP_FLAG_READ |
					VFIO_DMA_MAP_FLAG_WRITE);
}

void world_close(struct world *w, unsigned int vf)
{
	vfio_close(&w->users[vf]);
}

struct vfio_user *world_user(struct world *w)
{
	return &w->users[w->at];
}

const char *world_bdf(struct world *w, unsigned int vf)
{
	return w->vfs[vf].bdf;
}

int world_attr(struct world *w, unsigned int vf, const char *name, char *buf,
	       size_t len)
{
	char path[SYSFS_PATH];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/i40e-vf/%s",
		 w->vfs[vf].uuid, name);
	return sysfs_read(path, buf, len);
}

const char *world_model(struct world *w, unsigned int vf, const char *format, ...)
{
	static char text[1 << 16];
	char what[128], command[192];
	va_list args;
	FILE *out;
	size_t len;

	(void)w;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(command, sizeof(command), "lab-model %u %s", vf, what);
	out = popen(command, "r");
	if (!out)
		return NULL;
	len = fread(text, 1, sizeof(text) - 1, out);
	text[len] = 0;
	return pclose(out) ? NULL : text;
}

long world_value(struct world *w, unsigned int vf, const char *command,
		 const char *name)
{
	const char *text = world_model(w, vf, "%s", command);
	size_t len = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, name, len) && text[len] == ' ')
			return strtol(text + len, NULL, 0);
	}
	return -1;
}

/*
 * The driver
 */

int world_attach(struct world *w, unsigned int vf)
{
	int ret;

	w->at = vf;
	w->f.c.fd = world_user(w)->device;
	ret = vfio_bus_master(world_user(w), true);
	return ret ? ret : vfio_irq_eventfds(world_user(w),
					     VFIO_PCI_MSIX_IRQ_INDEX, 0,
					     VECTORS, w->f.vectors);
}

static void enable_vectors(struct world *w)
{
	unsigned int i;

	vf_put(&w->f, VFINT_ICR0_ENA1, ICR0_ADMINQ);
	vf_put(&w->f, VFINT_DYN_CTL01, DYN_CTL_INTENA | ITR_NONE << 3);
	for (i = 0; i < QUEUES; i++) {
		vf_put(&w->f, VFINT_ITRN1 + 4 * i, 10 + i);
		vf_put(&w->f, VFINT_DYN_CTLN1 + 4 * i,
		       DYN_CTL_INTENA | ITR_NONE << 3);
	}
}

int world_start_queues(struct world *w)
{
	int ret;

	memset(w->f.memory + TX_RING(0), 0, 0x40000);
	memset(w->rx, 0, sizeof(w->rx));
	memset(w->tx, 0, sizeof(w->tx));
	world_drain(w, 0);
	ret = vf_queues(&w->f, w->vsi, QUEUES);
	enable_vectors(w);
	if (ret)
		return -EPROTO;
	/* The answers have one interrupt, which comes when it is enabled. */
	ret = eventfd_wait(w->f.vectors[0], PATIENCE_MS);
	vf_get(&w->f, VFINT_ICR01);
	vf_put(&w->f, VFINT_DYN_CTL01, DYN_CTL_INTENA | ITR_NONE << 3);
	return ret;
}

int world_start(struct world *w)
{
	w->vsi = vf_open(&w->f);
	return w->vsi ? world_start_queues(w) : -ETIMEDOUT;
}

int world_recover(struct world *w)
{
	const uint32_t caps = CAP_L2 | CAP_RSS_PF | CAP_VLAN | CAP_USO |
			      CAP_ADV_LINK_SPEED | CAP_REQ_QUEUES;
	long end = now_ms() + PATIENCE_MS;
	uint16_t len;
	uint8_t reply[64];

	while (vf_get(&w->f, VF_ARQLEN1) & AQ_LEN_ENABLE) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(5000);
	}
	if (!vf_active(&w->f))
		return -ETIMEDOUT;
	vf_adminq(&w->f);
	/* It does not say its version again. */
	len = sizeof(reply);
	if (vf_request(&w->f, OP_GET_VF_RESOURCES, &caps, 4, reply, &len))
		return -EPROTO;
	memcpy(&w->vsi, reply + 20, 2);
	return world_start_queues(w);
}

int world_is_told(struct world *w)
{
	uint32_t message, event[4];
	int32_t status;
	uint16_t len;

	do {
		len = sizeof(event);
		if (!vf_receive(&w->f, &message, &status, event, &len))
			return 0;
		if (message != OP_EVENT || status || len != sizeof(event))
			return -EBADMSG;
		/* The PF has said so before. */
	} while (event[0] == EVENT_LINK_CHANGE);
	return event[0] == EVENT_RESET_IMPENDING &&
	       event[3] == SEVERITY_CERTAIN_DOOM ? 1 : -EBADMSG;
}

int world_heed(struct world *w)
{
	int ret = world_is_told(w);

	if (ret != 1)
		return ret ? ret : -ENOMSG;
	return world_recover(w);
}

bool world_drain(struct world *w, unsigned int vector)
{
	uint64_t value;

	return read(w->f.vectors[vector], &value, sizeof(value)) ==
	       sizeof(value);
}

/*
 * Frames
 */

static volatile uint64_t *rx_desc(struct world *w, unsigned int queue,
				  unsigned int i)
{
	return (void *)(w->f.memory + RX_RING(queue) + 32 * i);
}

static int wait_bits(volatile uint64_t *word, uint64_t mask, uint64_t value)
{
	long end = now_ms() + PATIENCE_MS;

	while ((*word & mask) != value) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(200);
	}
	return 0;
}

static int receive_one(struct world *w)
{
	volatile uint64_t *d = rx_desc(w, 0, w->rx[0]);
	int ret = wait_bits(&d[1], RXD_DD, RXD_DD);

	if (ret)
		return ret;
	d[0] = MEMORY + RX_BUFFERS + RX_BUFFER * w->rx[0];
	d[1] = MEMORY + RX_HEADERS + 256 * w->rx[0];
	vf_put(&w->f, QRX_TAIL1, w->rx[0]);
	w->rx[0] = (w->rx[0] + 1) % RING;
	return 0;
}

int world_receive(struct world *w, unsigned int n)
{
	uint8_t frame[FRAME] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1,
		FRAME_TYPE >> 8, FRAME_TYPE & 0xff,
	};
	int ret = 0;

	while (!ret && n--) {
		if (send(w->wire, frame, sizeof(frame), 0) != sizeof(frame))
			return -errno;
		ret = receive_one(w);
	}
	return ret;
}

int world_send_burst(struct world *w, unsigned int queue, unsigned int n)
{
	uint8_t *frame = w->f.memory + TX_BUFFERS;
	volatile uint64_t *d = NULL;

	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x02\x88\xb5", 8);
	while (n--) {
		d = (void *)(w->f.memory + TX_RING(queue) + 16 * w->tx[queue]);
		d[0] = MEMORY + TX_BUFFERS;
		/* The last of the packet, to be reported; MACLEN in words */
		d[1] = TXD_DATA | (uint64_t)(TXD_EOP | TXD_RS) << 4 |
		       7ull << 16 | (uint64_t)FRAME << 34;
		w->tx[queue] = (w->tx[queue] + 1) % RING;
	}
	vf_put(&w->f, QTX_TAIL1 + 4 * queue, w->tx[queue]);
	return wait_bits(&d[1], 0xf, TXD_DONE);
}

int world_send(struct world *w)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < QUEUES; i++)
		ret = world_send_burst(w, i, 1);
	return ret;
}

int world_works(struct world *w)
{
	unsigned int i;
	int ret;

	for (i = 0; i < VECTORS; i++)
		world_drain(w, i);
	enable_vectors(w);
	ret = world_receive(w, 3);
	if (!ret)
		ret = eventfd_wait(w->f.vectors[1], PATIENCE_MS);
	return ret ? ret : world_send(w);
}

/*
 * Migration
 */

int world_precopy(struct world *w)
{
	if (!mig_has_precopy(world_user(w)))
		return 0;
	return mig_set_state(world_user(w), PRE_COPY, &w->precopy);
}

int world_save(struct world *w)
{
	int fd, ret;

	w->stream.len = 0;
	ret = mig_set_state(world_user(w), STOP_COPY, &fd);
	if (ret)
		return ret;
	/* The stream of PRE_COPY goes on. */
	if (fd < 0)
		fd = w->precopy;
	ret = mig_read(fd, &w->stream, 4096);
	close(fd);
	return ret;
}

int world_load(struct world *w, unsigned int vf)
{
	int fd, ret;

	ret = mig_set_state(&w->users[vf], RESUMING, &fd);
	if (ret)
		return ret;
	ret = mig_write(fd, w->stream.bytes, w->stream.len, 4096);
	close(fd);
	return ret;
}

int world_move(struct world *w)
{
	unsigned int to = !w->at;
	int ret;

	ret = world_save(w);
	if (!ret)
		ret = world_load(w, to);
	if (!ret)
		ret = world_attach(w, to);
	return ret ? ret : mig_set_state(world_user(w), RUNNING, NULL);
}

int world_move_on(struct world *w)
{
	int ret = world_move(w);

	return ret ? ret : world_heed(w);
}
