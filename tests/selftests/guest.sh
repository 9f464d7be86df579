#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: guest.sh BUILD
#
# A guest under KVM in the lab host with an mdev, through the group and, where
# the kernel has it, through iommufd (device: igb). BUILD/selftests holds
# ktap_helpers.sh.

set -u
build=$1
uuid=6f0f3c2c-53a2-4b39-9d0c-6c8a7f1d0003
mac=52:54:00:0d:e0:02

# shellcheck source=/dev/null
. "$build/selftests/ktap_helpers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$(dirname "$0")/lib/check.sh"

mdev=/sys/bus/mdev/devices/$uuid
types=mdev_supported_types/pt-pci

setup()
{
	local interface

	modprobe mdev_pt
	pf=$(lspci -Dnd 8086:10c9 | cut -d' ' -f1)
	interface=$(basename "$pci/$pf"/net/*)
	ip address add 192.0.2.1/24 dev "$interface"
	ip link set "$interface" up
	echo 0 >"$pci/$pf/sriov_drivers_autoprobe"
	echo 1 >"$pci/$pf/sriov_numvfs"
	vf=$(basename "$(readlink "$pci/$pf/virtfn0")")
	ip link set "$interface" vf 0 mac $mac
	echo pt >"$pci/$vf/driver_override"
	echo "$vf" >/sys/bus/pci/drivers_probe
	head -c 4M /dev/urandom >/run/data
	sum=$(md5sum </run/data)
}

in_guest() { guest-exec --wait 180 "$guest" "$1"; }

comes_up()
{
	echo $uuid >"$pci/$vf/$types/create" && guest-start "$guest" "$@" || return
	in_guest 'ip link set eth0 up && ip address add 192.0.2.2/24 dev eth0' || return
	# shellcheck disable=SC2016 # the guest's shell expands it
	[ "$(in_guest 'basename $(readlink /sys/class/net/eth0/device/driver)')" = igbvf ] &&
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

nothing_in_guest() { in_guest '[ ! -e /sys/class/net/eth0 ]'; }

# Removing the mdev asks QEMU, which unplugs the device from the guest.
remove_unplugs()
{
	timeout 60 sh -c "echo 1 >$mdev/remove" || return
	[ ! -e $mdev ] && until_true nothing_in_guest &&
		[ "$(cat "$pci/$vf/$types/available_instances")" = 1 ]
}

ends() { guest-stop "$guest"; }

# guest_tests NAME QEMU-ARGUMENT...
guest_tests()
{
	local name=$1

	shift
	guest=$name
	check "$name: the guest's stock driver comes up" comes_up "$@"
	check "$name: ping both ways" pings
	check "$name: interrupts arrive by MSI-X" interrupts_arrive
	check "$name: TCP to the guest, right content" tcp_to_guest
	check "$name: TCP from the guest, right content" tcp_from_guest
	check "$name: removing the mdev unplugs it from the running guest" remove_unplugs
	check "$name: the guest ends" ends
}

setup
ktap_print_header
if [ -e /dev/iommu ]; then
	ktap_set_plan 14
	guest_tests iommufd -object iommufd,id=iommufd0 \
		-device pcie-root-port,id=rp0,chassis=1 \
		-device "vfio-pci,bus=rp0,sysfsdev=$mdev,iommufd=iommufd0"
else
	ktap_set_plan 7
fi
guest_tests group -device pcie-root-port,id=rp0,chassis=1 \
	-device "vfio-pci,bus=rp0,sysfsdev=$mdev"
ktap_finished
