# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The PCI devices of the lab host. Each Express device sits below a root port of its
# own: the VFs take that port's bus numbers, and the device can be hot-unplugged.
# QEMU ids: rpN the port, NAMEn the device, both from 0, n for each name.
#
# The machine always has all ports (qemu.sh). What is plugged into them comes with
# QEMU's command line when the lab host boots, and is hot-plugged when it goes on
# from where it was saved; conventional devices are found by a rescan then.

# Every device_NAME function below is one kind, with _ for -.
readonly DEVICES='igb virtio-net nvme edu edu-pair vga'

# BACKENDS: of QEMU's command line; PLUGGED and CONVENTIONAL: devices, in JSON
BACKENDS=() PLUGGED=() CONVENTIONAL=()
PEER_SIDE='' PEER_DIRECTORY=''
MODEL_PIDS=()
# Of all ports the next one for a device, and the next one for the lab's own NICs
NEXT_PORT=0 LAST_PORT=$((PORTS - 1))
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

# plug DRIVER PROPERTIES: a device; PROPERTIES in JSON
plug() { PLUGGED+=("{\"driver\":\"$1\",$2}"); }

# conventional DRIVER ID: a device on bus 0
conventional()
{
	local place=${#CONVENTIONAL[@]}

	[ "$place" -lt ${#CONVENTIONAL_PLACES[@]} ] || die "more than ${#CONVENTIONAL_PLACES[@]} conventional devices"
	CONVENTIONAL+=("{\"driver\":\"$1\",\"id\":\"$2\",\"bus\":\"pcie.0\",\"addr\":\"${CONVENTIONAL_PLACES[place]}\"}")
}

# next_port: sets PORT.
next_port()
{
	[ "$NEXT_PORT" -le "$LAST_PORT" ] || die "more devices than the $PORTS root ports"
	PORT=rp$((NEXT_PORT++))
}

# plug_nic NETDEV MAC: a NIC of the lab's own
plug_nic()
{
	[ "$NEXT_PORT" -le "$LAST_PORT" ] || die "more devices than the $PORTS root ports"
	plug virtio-net-pci "\"bus\":\"rp$((LAST_PORT--))\",\"netdev\":\"$1\",\"mac\":\"$2\""
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
	plug_nic management "$(nic_mac 9 0 0)"
}

# peer_netdev ID: a's end listens, b's connects when it can.
peer_netdev()
{
	local options=server=on

	[ "$PEER_SIDE" = a ] || options=server=off,reconnect-ms=500
	BACKENDS+=(-netdev "stream,id=$1,$options,addr.type=unix,addr.path=$PEER_DIRECTORY/$1")
}

# An Intel 82576: 7 VFs (8086:10ca). A hub without other ports: nothing outside,
# but PF and VFs talk through the device's own switch. In a pair the other's
# device of the same number is on the same network.
device_igb()
{
	next_port
	if [ -n "$PEER_SIDE" ]; then
		peer_netdev "igb$1-peer"
		BACKENDS+=(-netdev "hubport,id=igb$1-out,hubid=$((100 + $1)),netdev=igb$1-peer")
	fi
	BACKENDS+=(-netdev "hubport,id=igb$1-net,hubid=$((100 + $1))")
	plug igb "\"id\":\"igb$1\",\"bus\":\"$PORT\",\"netdev\":\"igb$1-net\",\"mac\":\"$(nic_mac 1 "$1" 0)\""
}

# virtio-net with 4 VFs, all on one hub, DMA through the IOMMU.
device_virtio_net()
{
	local id=virtio-net$1 function properties

	next_port
	for function in 4 3 2 1 0; do
		properties="\"sriov-pf\":\"$id\""
		[ "$function" -gt 0 ] || properties="\"id\":\"$id\""
		properties+=",\"bus\":\"$PORT\",\"addr\":\"0x0.$function\",\"iommu_platform\":true"
		properties+=",\"netdev\":\"$id-net$function\",\"mac\":\"$(nic_mac 2 "$1" "$function")\""
		BACKENDS+=(-netdev "hubport,id=$id-net$function,hubid=$((200 + $1))")
		plug virtio-net-pci "$properties"
	done
}

# NVMe with 4 VFs. Queues and interrupts of a VF are flexible resources: the PF
# hands them out before the VF comes online (host/nvme-vfs).
device_nvme()
{
	local id=nvme$1 properties

	next_port
	truncate -s 64M "$2/$id.img"
	properties="\"id\":\"$id\",\"serial\":\"lab-$id\",\"subsys\":\"$id-subsys\",\"bus\":\"$PORT\""
	properties+=',"max_ioqpairs":10,"msix_qsize":11,"sriov_max_vfs":4,"sriov_vq_flexible":8,"sriov_vi_flexible":4'
	BACKENDS+=(-blockdev "driver=file,filename=$2/$id.img,node-name=$id-disk"
		   -device "nvme-subsys,id=$id-subsys,nqn=$id")
	plug nvme "$properties"
	plug nvme-ns "\"bus\":\"$id\",\"drive\":\"$id-disk\",\"nsid\":1"
}

# QEMU's teaching device: a plain function without SR-IOV, and not PCI Express.
device_edu()
{
	conventional edu "edu$1"
}

# Two of them in one slot, and so in one IOMMU group, if each says that it is not alone.
# Function 0 comes last: with it all of the slot is found.
device_edu_pair()
{
	local place="\"bus\":\"pcie.0\",\"addr\":\"$PAIR_PLACE"

	[ "$1" -eq 0 ] || die "more than one edu-pair"
	CONVENTIONAL+=("{\"driver\":\"edu\",\"id\":\"edu-pair1\",$place.1\",\"multifunction\":true}"
		       "{\"driver\":\"edu\",\"id\":\"edu-pair0\",$place.0\",\"multifunction\":true}")
}

# A VGA adapter that the lab host does not need: its console is the serial port.
device_vga()
{
	conventional VGA "vga$1"
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
	next_port
	plug vfio-user-pci "\"id\":\"${1##*/}\",\"bus\":\"$PORT\",\"socket\":{\"type\":\"unix\",\"path\":\"$1\"}"
}

add_control()
{
	local id=${1##*/}

	BACKENDS+=(-chardev "socket,id=$id-control,path=$1.control")
	plug virtserialport "\"chardev\":\"$id-control\",\"name\":\"lab.$id\""
}

# The model sends to SOCKET.peer, and to SOCKET.pair: in a pair that is the wire
# of the other's model of the same number.
add_wire()
{
	local socket=$1 id=${1##*/}

	BACKENDS+=(-netdev "dgram,id=$id-wire,local.type=unix,local.path=$socket.peer,remote.type=unix,remote.path=$socket.wire")
	plug_nic "$id-wire" "$(nic_mac 3 "$2" 0)"
	[ -n "$PEER_SIDE" ] || return 0
	ln -s "$socket.wire" "$PEER_DIRECTORY/$id-$PEER_SIDE"
	ln -s "$PEER_DIRECTORY/$id-$([ "$PEER_SIDE" = a ] && echo b || echo a)" "$socket.pair"
}
