// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual functions of an Intel XL710 or X722, with the switch between them and
 * a PF that does as it is told. README.md says what is modelled.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vf.h"

/* Where the silicon has them */
#define CAP_MSIX	0x70
#define CAP_PCIE	0xa0
#define ECAP_AER	0x100
#define AER_SIZE	0x48
#define ECAP_ARI	0x150
#define ECAP_ACS	0x1d0

static const struct model_range msix_pages = { 0, BAR3_SIZE };

static struct model_device device = {
	.name = "i40e-vf",
	.vendor = 0x8086,
	.device = XL710_VF_ID,
	.subsystem_vendor = 0x8086,
	.class_code = 0x020000,
	.revision = 2,
	.config_size = 4096,
	.bars = {
		[0] = {
			.size = BAR0_SIZE,
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 |
				 PCI_BASE_ADDRESS_MEM_PREFETCH,
			.read = regs_read,
			.write = regs_write,
		},
		[3] = {
			.size = BAR3_SIZE,
			.flags = PCI_BASE_ADDRESS_MEM_TYPE_64 |
				 PCI_BASE_ADDRESS_MEM_PREFETCH,
			.memory = &msix_pages,
			.num_memory = 1,
		},
	},
	.reset = reset_by_model,
};

/* @wire, @control: NULL for SOCKET.wire and SOCKET.control */
struct options {
	unsigned int vfs;
	unsigned int queues;
	uint8_t mac[ETH_ALEN];
	bool trusted;
	bool has_peer;
	const char *wire;
	const char *control;
	unsigned int serve;
};

static const char usage[] =
	"Usage: i40e-vf [OPTION...] SOCKET\n"
	"  --vfs N          functions (1, at most 8): SOCKET, SOCKET.1, ...\n"
	"  --device ID      0x154c, XL710 (default), or 0x37cd, X722\n"
	"  --vectors N      MSI-X vectors of each (5, at most 17)\n"
	"  --queues N       queue pairs of each (4, at most 16)\n"
	"  --mac ADDRESS    of the first, set by the administrator; others count on\n"
	"  --trusted        they may be promiscuous and choose their MACs\n"
	"  --descriptor N   bytes of a receive descriptor: 32 (default) or 16\n"
	"  --wire PATH      a datagram socket for the wire (SOCKET.wire)\n"
	"  --peer PATH      who else is on it (SOCKET.peer and SOCKET.pair)\n"
	"  --control PATH   a socket for commands (SOCKET.control)\n"
	"  --once           end when all have had a client\n";

static int number(unsigned int min, unsigned int max, unsigned int *value)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 0);

	if (end == optarg || *end || n < min || n > max)
		return -EINVAL;
	*value = n;
	return 0;
}

static int set_device(struct port *port)
{
	unsigned int id;

	if (number(0, 0xffff, &id) || (id != XL710_VF_ID && id != X722_VF_ID))
		return -EINVAL;
	device.device = id;
	port->x722 = id == X722_VF_ID;
	return 0;
}

static int set_mac(uint8_t *mac)
{
	int end = 0;

	if (sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", &mac[0], &mac[1],
		   &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    optarg[end] || mac[0] & 1)
		return -EINVAL;
	return 0;
}

static int parse_option(int option, struct port *port, struct options *o)
{
	switch (option) {
	case 'n':
		return number(1, MAX_VFS, &o->vfs);
	case 'd':
		return set_device(port);
	case 'v':
		return number(2, MAX_VECTORS, &port->num_vectors);
	case 'q':
		return number(1, MAX_QUEUES, &o->queues);
	case 'm':
		return set_mac(o->mac);
	case 't':
		o->trusted = true;
		return 0;
	case 'r':
		return number(16, 32, &port->descriptor) ||
		       port->descriptor % 16 ? -EINVAL : 0;
	case 'w':
		o->wire = optarg;
		return 0;
	case 'p':
		o->has_peer = true;
		return wire_add_peer(port, optarg);
	case 'c':
		o->control = optarg;
		return 0;
	case '1':
		o->serve = MODEL_ONCE;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct port *port,
			 struct options *o)
{
	static const struct option names[] = {
		{ "vfs", required_argument, NULL, 'n' },
		{ "device", required_argument, NULL, 'd' },
		{ "vectors", required_argument, NULL, 'v' },
		{ "queues", required_argument, NULL, 'q' },
		{ "mac", required_argument, NULL, 'm' },
		{ "trusted", no_argument, NULL, 't' },
		{ "descriptor", required_argument, NULL, 'r' },
		{ "wire", required_argument, NULL, 'w' },
		{ "peer", required_argument, NULL, 'p' },
		{ "control", required_argument, NULL, 'c' },
		{ "once", no_argument, NULL, '1' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		if (parse_option(option, port, o))
			return -EINVAL;
	return optind == argc - 1 ? 0 : -EINVAL;
}

static int add_capabilities(struct model *m, unsigned int vectors)
{
	int ret = model_add_msix(m, CAP_MSIX, vectors, 3, MSIX_TABLE, MSIX_PBA);

	if (!ret)
		ret = model_add_pcie(m, CAP_PCIE, PCI_EXP_TYPE_ENDPOINT);
	if (!ret)
		ret = model_add_extended_capability(m, PCI_EXT_CAP_ID_ERR, 2,
						    ECAP_AER, AER_SIZE);
	if (!ret)
		ret = model_add_extended_capability(m, PCI_EXT_CAP_ID_ARI, 1,
						    ECAP_ARI, 8);
	if (!ret)
		ret = model_add_extended_capability(m, PCI_EXT_CAP_ID_ACS, 1,
						    ECAP_ACS, 8);
	return ret;
}

static int set_up_vf(struct port *port, unsigned int index,
		     const struct options *o)
{
	static const uint8_t none[ETH_ALEN];
	struct vf *vf = &port->vfs[index];
	int ret;

	vf->port = port;
	vf->index = index;
	vf->policy = (struct policy){
		.trusted = o->trusted,
		.spoof_check = true,
		.queues = o->queues,
		.caps = ~0U,
		.link_up = true,
		.link_mbps = 40000,
		.reset_ms = 40,
	};
	memcpy(vf->policy.mac, o->mac, ETH_ALEN);
	if (memcmp(o->mac, none, ETH_ALEN))
		vf->policy.mac[5] += index;
	vf->model = model_create(&device, vf);
	if (!vf->model)
		return -errno;
	ret = add_capabilities(vf->model, port->num_vectors);
	if (!ret)
		ret = irq_init(vf);
	if (!ret)
		ret = virtchnl_init(vf);
	return ret ? ret : reset_init(vf);
}

static char *answer(void *arg, const char *line)
{
	return control_command(arg, line);
}

static int add_sockets(struct port *port, const struct options *o,
		       const char *path)
{
	static const char *const peers[] = { "peer", "pair" };
	char name[108];
	unsigned int i;
	int ret = 0;

	for (i = 0; !o->has_peer && !ret && i < ARRAY_SIZE(peers); i++) {
		snprintf(name, sizeof(name), "%s.%s", path, peers[i]);
		ret = wire_add_peer(port, name);
	}
	snprintf(name, sizeof(name), "%s.wire", path);
	if (!ret)
		ret = wire_init(port, o->wire ? o->wire : name);
	snprintf(name, sizeof(name), "%s.control", path);
	if (!ret)
		ret = model_add_control(port->vfs[0].model,
					o->control ? o->control : name, answer,
					port);
	return ret;
}

/* The first function's socket comes last: who waits for it finds the others. */
static int serve(struct port *port, const struct options *o, const char *path)
{
	char names[MAX_VFS][108];
	const char *paths[MAX_VFS];
	struct model *models[MAX_VFS];
	unsigned int i, vf;

	for (i = 0; i < port->num_vfs; i++) {
		vf = port->num_vfs - 1 - i;
		snprintf(names[i], sizeof(names[i]), vf ? "%s.%u" : "%s", path,
			 vf);
		paths[i] = names[i];
		models[i] = port->vfs[vf].model;
	}
	return model_serve_all(models, paths, port->num_vfs, o->serve);
}

static void tear_down(struct port *port)
{
	unsigned int i;

	wire_exit(port);
	for (i = 0; i < port->num_vfs; i++) {
		virtchnl_drop(&port->vfs[i]);
		dirty_exit(&port->vfs[i]);
		if (port->vfs[i].model)
			model_destroy(port->vfs[i].model);
	}
	free(port->vfs);
	free(port->gather);
}

int main(int argc, char **argv)
{
	struct options o = { .vfs = 1, .queues = 4 };
	struct port port = {
		.num_vectors = 5,
		.descriptor = 32,
		.wire = -1,
	};
	unsigned int i;
	int ret = 0;

	if (parse_options(argc, argv, &port, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	port.vfs = calloc(o.vfs, sizeof(*port.vfs));
	port.gather = malloc(MAX_PACKET);
	if (!port.vfs || !port.gather)
		return 1;
	port.num_vfs = o.vfs;
	for (i = 0; !ret && i < o.vfs; i++)
		ret = set_up_vf(&port, i, &o);
	if (!ret)
		ret = add_sockets(&port, &o, argv[optind]);
	if (!ret)
		ret = serve(&port, &o, argv[optind]);
	tear_down(&port);
	if (ret)
		fprintf(stderr, "i40e-vf: %s\n", strerror(-ret));
	return ret ? 1 : 0;
}
