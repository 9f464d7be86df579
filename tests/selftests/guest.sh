#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: guest.sh BUILD
#
# A guest under KVM in the lab host with an mdev, through the group and, where
# the kernel has it, through iommufd (device: igb). BUILD/selftests holds
# ktap_helpers.sh. NIC=i40e: a guest with two vCPUs and a VF of an XL710 (no
# device; --model 'i40e-vf --trusted'). TYPE: of the mdev, another than pt-pci.

set -u
build=$1
NIC=${NIC:-igb}
uuid=6f0f3c2c-53a2-4b39-9d0c-6c8a7f1d0003
mac=52:54:00:0d:e0:02

# shellcheck source=/dev/null
. "$build/selftests/ktap_helpers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$(dirname "$0")/lib/check.sh"
# shellcheck source-path=SCRIPTDIR source=lib/pt.sh
. "$(dirname "$0")/lib/pt.sh"
# shellcheck source-path=SCRIPTDIR source=lib/i40e.sh
. "$(dirname "$0")/lib/i40e.sh"

mdev=/sys/bus/mdev/devices/$uuid
types=mdev_supported_types/${TYPE:-pt-pci}

# Both set vf and interface, the lab host's own NIC on the same network.
setup_igb()
{
	local pf

	driver=igbvf
	pf=$(lspci -Dnd 8086:10c9 | cut -d' ' -f1)
	interface=$(basename "$pci/$pf"/net/*)
	echo 0 >"$pci/$pf/sriov_drivers_autoprobe"
	echo 1 >"$pci/$pf/sriov_numvfs"
	vf=$(basename "$(readlink "$pci/$pf/virtfn0")")
	ip link set "$interface" vf 0 mac $mac
}

setup_i40e()
{
	driver=iavf
	# Two vCPUs come and go.
	keep_kvm_as_it_is
	find_functions 8086:154c 0
	interface=$(wire_nic)
	vf=${FUNCTIONS[0]}
	model 0 mac $mac
}

setup()
{
	modprobe mdev_pt
	"setup_$NIC"
	bind_pt "$vf"
	ip address add 192.0.2.1/24 dev "$interface"
	ip link set "$interface" up
	head -c 4M /dev/urandom >/run/data
	sum=$(md5sum </run/data)
}

in_guest() { guest-exec --wait 180 "$guest" "$1"; }

comes_up()
{
	echo $uuid >"$pci/$vf/$types/create" && guest-start "$guest" "$@" || return
	in_guest 'ip link set eth0 up && ip address add 192.0.2.2/24 dev eth0' || return
	# shellcheck disable=SC2016 # the guest's shell expands it
	[ "$(in_guest 'basename $(readlink /sys/class/net/eth0/device/driver)')" = "$driver" ] &&
		[ "$(in_guest 'cat /sys/class/net/eth0/address')" = $mac ]
}

pings()
{
	in_guest 'ping -c 5 -i 0.2 -W 5 192.0.2.1' && ping -c 5 -i 0.2 -W 5 192.0.2.2
}

# Its vectors reach the guest through KVM: MSI-X, and they count up.
interrupts_arrive()
{
	local before after

	before=$(in_guest "awk '/PCI-MSIX.*eth0/ { n += \$2 } END { print n + 0 }' /proc/interrupts")
	pings >/dev/null || return
	after=$(in_guest "awk '/PCI-MSIX.*eth0/ { n += \$2 } END { print n + 0 }' /proc/interrupts")
	echo "$before, then $after"
	[ "$after" -gt "$before" ]
}

tcp_to_guest()
{
	timeout 60 socat -u FILE:/run/data TCP-LISTEN:5001,reuseaddr &
	[ "$(in_guest 'nc 192.0.2.1 5001 </dev/null | tee /run/data | md5sum')" = "$sum" ]
}

tcp_from_guest()
{
	in_guest 'nc -l -p 5002 </run/data >/dev/null 2>&1 &'
	[ "$(timeout 60 socat -u TCP:192.0.2.2:5002,retry=50,interval=0.1 - | md5sum)" = "$sum" ]
}

# What an XL710's VF asks of its PF by messages

flood()
{
	local port

	for port in {6000..6127}; do
		# The guest says that nobody listens.
		echo x 2>/dev/null >"/dev/udp/192.0.2.2/$port"
	done
	true
}

all_queues_receive()
{
	local q before=()

	for q in 0 1; do before+=("$(received_by 0 $q)"); done
	flood
	for q in 0 1; do
		echo "queue $q: ${before[$q]}, $(received_by 0 $q)"
		[ "$(received_by 0 $q)" -gt $((before[q] + 8)) ] || return
	done
}

# One frame, which may not be split
jumbo_ping() { ping -c 1 -W 2 -M 'do' -s 8972 192.0.2.2; }

jumbo()
{
	ip link set "$interface" mtu 9000
	in_guest 'ip link set eth0 mtu 9000' && until_true jumbo_ping && tcp_to_guest && tcp_from_guest
}

vlan()
{
	in_guest 'modprobe 8021q && ip link add link eth0 name vlan7 type vlan id 7 &&
		ip address add 198.51.100.2/24 dev vlan7 && ip link set vlan7 up' || return
	ip link add link "$interface" name vlan7 type vlan id 7
	ip address add 198.51.100.1/24 dev vlan7
	ip link set vlan7 up
	until_true state 0 'vlan 7' && until_true ping_once 198.51.100.2
}

ping_once() { ping -c 1 -W 2 "$1"; }

# All that it was told before is told again.
recovers()
{
	until_true state 0 'rx 1 enabled .* max 9[0-9]*' && until_true state 0 'vlan 7' && until_true state 0 "mac $mac" &&
		until_true ping_once 198.51.100.2 && until_true jumbo_ping && pings
}

guest_said() { in_guest "dmesg | grep -c '$1'"; }
guest_says_more() { [ "$(guest_said "$1")" -gt "$2" ]; }

# recovers_from SAYING COMMAND...: a reset that the driver speaks of, and from
# which it recovers once
recovers_from()
{
	local saying=$1 said asked

	shift
	said=$(guest_said "$saying") asked=$(counter 0 'request GET_VF_RESOURCES')
	"$@" && until_true guest_says_more "$saying" "$said" && recovers &&
		[ "$(counter 0 'request GET_VF_RESOURCES')" = $((asked + 1)) ]
}

# A bridge that has an address of its own gets its frames while its port is
# promiscuous, and sends from an address that spoof checking would stop.
bridge()
{
	model 0 spoof-check off
	in_guest "modprobe bridge && brctl addbr br0 && brctl addif br0 eth0 &&
		ip link set br0 address 52:54:00:0d:e0:77 && ip link set br0 up &&
		ip address add 203.0.113.2/24 dev br0" || return
	ip address add 203.0.113.1/24 dev "$interface"
	until_true state 0 'promiscuous unicast.*' && until_true ping_once 203.0.113.2 || return
	[ "$(in_guest 'brctl delif br0 eth0; ip link set br0 down; brctl delbr br0; echo gone')" = gone ] &&
		until_true state 0 'promiscuous'
}

# The driver takes the VLAN and the MTU with it.
reloads()
{
	in_guest 'modprobe -r iavf && modprobe iavf' && until_true in_guest '[ -e /sys/class/net/eth0 ]' &&
		in_guest 'ip link set eth0 up && ip address add 192.0.2.2/24 dev eth0' && until_true ping_once 192.0.2.2 &&
		pings && not_state 0 'vlan 7'
}

device_is_content()
{
	local name

	for name in malicious dma-errors arq-overflows; do
		[ "$(counter 0 $name)" = 0 ] || { model 0 stats; return 1; }
	done
}

nothing_in_guest() { in_guest '[ ! -e /sys/class/net/eth0 ]'; }

# Removing the mdev asks QEMU, which unplugs the device from the guest.
remove_unplugs()
{
	timeout 60 sh -c "echo 1 >$mdev/remove" || return
	[ ! -e $mdev ] && until_true nothing_in_guest &&
		[ "$(cat "$pci/$vf/$types/available_instances")" = 1 ]
}

ends() { guest-stop "$guest"; }

i40e_tests()
{
	check "$1: all queues receive" all_queues_receive
	check "$1: jumbo frames" jumbo
	check "$1: VLAN" vlan
	check "$1: a reset by the PF, and all is as before" \
		recovers_from 'Reset indication received from the PF' model 0 reset
	check "$1: a reset without notice, and all is as before" \
		recovers_from 'Hardware reset detected' model 0 reset quiet
	check "$1: a bridge, promiscuous" bridge
	check "$1: the module reloads" reloads
	check "$1: nothing that the device would complain about" device_is_content
}

# What the driver and the device say of a test that failed
look_around()
{
	echo "# The guest's dmesg ends:"
	guest-exec --wait 5 "$guest" 'dmesg | tail -n 20' 2>&1 | sed 's/^/#   /'
	[ "$NIC" = i40e ] || return 0
	echo '# The model:'
	model 0 state 2>&1 | grep -vE '^(hlut|hkey)' | cut -c 1-100 | sed 's/^/#   /'
}

# guest_tests NAME QEMU-ARGUMENT...
guest_tests()
{
	local name=$1 check_failed=look_around

	shift
	guest=$name
	check "$name: the guest's stock driver comes up" comes_up "$@"
	check "$name: ping both ways" pings
	check "$name: interrupts arrive by MSI-X" interrupts_arrive
	check "$name: TCP to the guest, right content" tcp_to_guest
	check "$name: TCP from the guest, right content" tcp_from_guest
	[ "$NIC" != i40e ] || i40e_tests "$name"
	check "$name: removing the mdev unplugs it from the running guest" remove_unplugs
	check "$name: the guest ends" ends
}

tests=7 smp=1
[ "$NIC" != i40e ] || tests=15 smp=2
setup
ktap_print_header
device=vfio-pci,bus=rp0,sysfsdev=$mdev
if [ -e /dev/iommu ]; then
	ktap_set_plan $((2 * tests))
	guest_tests iommufd -smp $smp -object iommufd,id=iommufd0 \
		-device pcie-root-port,id=rp0,chassis=1 -device "$device,iommufd=iommufd0"
else
	ktap_set_plan $tests
fi
guest_tests group -smp $smp -device pcie-root-port,id=rp0,chassis=1 -device "$device"
ktap_finished
