// SPDX-License-Identifier: GPL-2.0-only

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "netdev.h"
#include "sysfs.h"

/* IEEE 802, Local Experimental Ethertype 1 */
#define FRAME_TYPE	0x88b5

int netdev_of(const char *bdf, char *name)
{
	char path[SYSFS_PATH];
	glob_t found;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net/*", bdf);
	if (glob(path, 0, NULL, &found))
		return -ENODEV;
	snprintf(name, IFNAMSIZ, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return 0;
}

static int netdev_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};
	int ret;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	ret = ioctl(fd, SIOCGIFFLAGS, &request);
	if (!ret) {
		request.ifr_flags |= IFF_UP;
		ret = ioctl(fd, SIOCSIFFLAGS, &request);
	}
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Sets the name, which udev may be about to change. */
static int netdev_wait_carrier(const char *bdf, char *name)
{
	long end = now_ms() + 10000;
	char path[SYSFS_PATH], value[8];

	do {
		if (!netdev_of(bdf, name)) {
			snprintf(path, sizeof(path), "/sys/class/net/%s/carrier",
				 name);
			if (sysfs_read(path, value, sizeof(value)) > 0 &&
			    value[0] == '1')
				return 0;
		}
		usleep(10000);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

/* A socket for whole frames of our type */
static int packet_socket(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(FRAME_TYPE),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(FRAME_TYPE));

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errno : fd;
}

int netdev_frames_on(const char *name)
{
	int ret = netdev_up(name);

	return ret ? ret : packet_socket(name);
}

int netdev_frames(const char *bdf)
{
	char name[IFNAMSIZ];
	int ret;

	ret = netdev_of(bdf, name);
	if (!ret)
		ret = netdev_up(name);
	if (!ret)
		ret = netdev_wait_carrier(bdf, name);
	return ret ? ret : packet_socket(name);
}

void make_frame(uint8_t *frame, const uint8_t *source, uint8_t seed)
{
	struct ether_header *header = (void *)frame;
	size_t i;

	memset(header->ether_dhost, 0xff, ETH_ALEN);
	memcpy(header->ether_shost, source, ETH_ALEN);
	header->ether_type = htons(FRAME_TYPE);
	for (i = sizeof(*header); i < FRAME_LEN; i++)
		frame[i] = seed + i;
}
