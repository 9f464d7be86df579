# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The PCI devices of the lab host. Each sits below a root port of its own: the
# VFs take that port's bus numbers, and the port can be hot-unplugged. QEMU ids:
# rpN the port, NAMEn the device, both from 0, n for each name.

# Every device_NAME function below is one kind, with _ for -.
readonly DEVICES='igb virtio-net nvme edu vga'

QEMU_DEVICES=()
PEER_SIDE='' PEER_DIRECTORY=''
MODEL_PIDS=()
PORTS=0
declare -A DEVICE_COUNT=()

# add_devices LIST DIR: LIST is igb,virtio-net:2,...; DIR takes backing files.
add_devices()
{
	local entry name count

	for entry in ${1//,/ }; do
		name=${entry%%:*}
		count=1
		[ "$name" = "$entry" ] || count=${entry#*:}
		case " $DEVICES " in *" $name "*) ;; *) die "no device named $name: have $DEVICES" ;; esac
		[[ $count =~ ^[0-9]+$ ]] || die "$entry: not a number of devices"
		for ((; count > 0; count--)); do
			"device_${name//-/_}" "$((DEVICE_COUNT[$name]++))" "$2"
		done
	done
}

# Sets PORT.
add_root_port()
{
	PORT=rp$((PORTS++))
	QEMU_DEVICES+=(-device "pcie-root-port,id=$PORT,bus=pcie.0,chassis=$PORTS,slot=$PORTS")
}

# nic_mac KIND NUMBER FUNCTION: stable addresses, so that a test can name them.
nic_mac()
{
	local side=0

	[ "$PEER_SIDE" != b ] || side=128
	printf '52:54:00:%02x:%02x:%02x' "$1" "$2" $((side + $3))
}

# join_peer SIDE DIRECTORY: this lab host is a or b of a pair, whose sockets are
# in DIRECTORY. They have a network of their own, for management.
join_peer()
{
	PEER_SIDE=$1 PEER_DIRECTORY=$2
	peer_netdev management
	QEMU_DEVICES+=(-device "virtio-net-pci,netdev=management,mac=$(nic_mac 9 0 0)")
}

# peer_netdev ID: a's end listens, b's connects when it can.
peer_netdev()
{
	local options=server=on

	[ "$PEER_SIDE" = a ] || options=server=off,reconnect-ms=500
	QEMU_DEVICES+=(-netdev "stream,id=$1,$options,addr.type=unix,addr.path=$PEER_DIRECTORY/$1")
}

# An Intel 82576: 7 VFs (8086:10ca). A hub without other ports: nothing outside,
# but PF and VFs talk through the device's own switch. In a pair the other's
# device of the same number is on the same network.
device_igb()
{
	add_root_port
	if [ -n "$PEER_SIDE" ]; then
		peer_netdev "igb$1-peer"
		QEMU_DEVICES+=(-netdev "hubport,id=igb$1-out,hubid=$((100 + $1)),netdev=igb$1-peer")
	fi
	QEMU_DEVICES+=(-netdev "hubport,id=igb$1-net,hubid=$((100 + $1))"
		       -device "igb,id=igb$1,bus=$PORT,netdev=igb$1-net,mac=$(nic_mac 1 "$1" 0)")
}

# virtio-net with 4 VFs, all on one hub, DMA through the IOMMU.
device_virtio_net()
{
	local id=virtio-net$1 function properties

	add_root_port
	for function in 4 3 2 1 0; do
		properties=sriov-pf=$id
		[ "$function" -gt 0 ] || properties=id=$id
		properties+=,bus=$PORT,addr=0x0.$function,iommu_platform=on
		properties+=,netdev=$id-net$function,mac=$(nic_mac 2 "$1" "$function")
		QEMU_DEVICES+=(-netdev "hubport,id=$id-net$function,hubid=$((200 + $1))"
			       -device "virtio-net-pci,$properties")
	done
}

# NVMe with 4 VFs. Queues and interrupts of a VF are flexible resources: the PF
# hands them out before the VF comes online (host/nvme-vfs).
device_nvme()
{
	local id=nvme$1 properties

	add_root_port
	truncate -s 64M "$2/$id.img"
	properties=serial=lab-$id,subsys=$id-subsys,bus=$PORT,max_ioqpairs=10,msix_qsize=11
	properties+=,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4
	QEMU_DEVICES+=(-blockdev "driver=file,filename=$2/$id.img,node-name=$id-disk"
		       -device "nvme-subsys,id=$id-subsys,nqn=$id"
		       -device "nvme,id=$id,$properties"
		       -device "nvme-ns,bus=$id,drive=$id-disk,nsid=1")
}

# QEMU's teaching device: a plain function without SR-IOV, and not PCI Express.
device_edu()
{
	QEMU_DEVICES+=(-device "edu,id=edu$1,bus=pcie.0")
}

# A VGA adapter that the lab host does not need: its console is the serial port.
device_vga()
{
	QEMU_DEVICES+=(-device "VGA,id=vga$1,bus=pcie.0")
}

# add_model RUN COMMAND: devices of ours. The command is started in the build root
# with the path of a socket as its last argument, and speaks vfio-user there. What
# else it has it makes before that socket: SOCKET.1, SOCKET.2, ... for more
# functions; SOCKET.control, lines of text for tests (lab-model); SOCKET.wire, a
# network, on which the lab host gets a NIC.
add_model()
{
	local run=$1 command=$2 number=${#MODEL_PIDS[@]} socket function

	socket=$run/model$number
	# shellcheck disable=SC2016 # the inner shell's arguments
	(in_build_root sh -c 'exec $1 "$2"' sh "$command" "$socket") </dev/null >"$run/out/model$number.log" 2>&1 &
	MODEL_PIDS+=($!)
	for _ in {1..100}; do
		[ ! -S "$socket" ] || break
		kill -0 "${MODEL_PIDS[-1]}" 2>/dev/null || break
		sleep 0.1
	done
	if [ ! -S "$socket" ]; then
		tail -n 20 "$run/out/model$number.log" >&2
		die "$command has no socket at $socket"
	fi
	for function in "$socket" "$socket".[0-9]*; do
		[ ! -S "$function" ] || add_function "$function"
	done
	[ ! -S "$socket.control" ] || add_control "$socket"
	[ ! -S "$socket.wire" ] || add_wire "$socket" "$number"
}

# add_function SOCKET: ids are model0, model0.1, ...
add_function()
{
	add_root_port
	QEMU_DEVICES+=(-device "$(printf '{"driver":"vfio-user-pci","id":"%s","bus":"%s","socket":{"type":"unix","path":"%s"}}' \
			  "${1##*/}" "$PORT" "$1")")
}

add_control()
{
	local id=${1##*/}

	QEMU_DEVICES+=(-chardev "socket,id=$id-control,path=$1.control"
		       -device "virtserialport,chardev=$id-control,name=lab.$id")
}

# The model sends to SOCKET.peer, and to SOCKET.pair: in a pair that is the wire
# of the other's model of the same number.
add_wire()
{
	local socket=$1 id=${1##*/}

	QEMU_DEVICES+=(-netdev "dgram,id=$id-wire,local.type=unix,local.path=$socket.peer,remote.type=unix,remote.path=$socket.wire"
		       -device "virtio-net-pci,netdev=$id-wire,mac=$(nic_mac 3 "$2" 0)")
	[ -n "$PEER_SIDE" ] || return 0
	ln -s "$socket.wire" "$PEER_DIRECTORY/$id-$PEER_SIDE"
	ln -s "$PEER_DIRECTORY/$id-$([ "$PEER_SIDE" = a ] && echo b || echo a)" "$socket.pair"
}
