#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# mdevctl call-out for the types pt-*: before an mdev is started, its parent is
# claimed for the PCI driver "pt". The claim of a defined mdev lasts over a
# reboot, from its first start or from a definition with --auto on.
#
# A function is never taken from somebody who uses it: only a function without
# a driver, or a VF whose network interfaces are down, is claimed.

sysfs=/sys/bus/pci/devices
definitions=/etc/mdevctl.d

while getopts t:e:a:s:u:p: option; do
	case $option in
	t) type=$OPTARG ;;
	e) event=$OPTARG ;;
	a) action=$OPTARG ;;
	u) uuid=$OPTARG ;;
	p) parent=$OPTARG ;;
	*) ;;
	esac
done

# 2 is how a call-out says that the type is not its own.
case $type in
pt-*) ;;
*) exit 2 ;;
esac

refuse()
{
	echo "$parent: $*" >&2
	exit 1
}

# Whoever is in the way, as "who: what to do"; nothing if nobody is.
in_use()
{
	if [ ! -e "$function/physfn" ]; then
		echo "bound to $driver: hand it over with: driverctl set-override $parent pt"
		return
	fi
	if [ "$driver" = vfio-pci ]; then
		echo "claimed for vfio-pci: release it with: driverctl unset-override $parent"
		return
	fi
	for interface in "$function"/net/*; do
		[ -e "$interface" ] || continue
		# IFF_UP of <linux/if.h>
		if [ $(($(cat "$interface/flags") & 1)) -ne 0 ]; then
			interface=${interface##*/}
			echo "its interface $interface is up: take it down with: ip link set $interface down"
			return
		fi
	done
	for disk in "$function"/nvme/nvme*/nvme*n*; do
		[ -e "$disk" ] || continue
		echo "has the disk ${disk##*/}: unbind it from $driver when nobody uses the disk"
		return
	done
}

# Find out whether the function can be ours; sets $driver.
check()
{
	function=$sysfs/$parent
	[ -e "$function" ] ||
		refuse "no such PCI function: is its PF's sriov_numvfs set?"
	[ -e "$function/iommu_group" ] ||
		refuse "no IOMMU: enable it in the firmware and on the kernel command line"
	command -v driverctl >/dev/null ||
		refuse "driverctl is not installed: it claims functions for pt"

	driver=
	[ ! -e "$function/driver" ] || driver=$(basename "$(readlink "$function/driver")")
	if [ -n "$driver" ] && [ "$driver" != pt ]; then
		reason=$(in_use)
		[ -z "$reason" ] || refuse "$reason"
	fi
}

# Bind the function to pt, now.
claim()
{
	[ "$driver" != pt ] || return 0
	# While the mark is there, the udev rule starts nothing on this parent: it
	# would be quicker than the start that we are called for.
	mkdir -p /run/mdev-pt
	: >"/run/mdev-pt/$parent.starting"
	driverctl --nosave set-override "$parent" pt
	claimed=$?
	udevadm settle
	rm "/run/mdev-pt/$parent.starting"
	[ $claimed -eq 0 ] || refuse "can't be claimed for pt: see dmesg"
}

# Bind it at every boot; the same file as "driverctl set-override" writes, which
# would bind the function anew now and take it from the mdevs that it has.
keep()
{
	mkdir -p /etc/driverctl.d
	echo pt >"/etc/driverctl.d/pci-$parent"
}

case $event-$action in
pre-start)
	check
	claim
	[ ! -e "$definitions/$parent/$uuid" ] || keep
	;;
pre-define)
	# The definition is on standard input.
	! grep -q '"start" *: *"auto"' || { check; keep; }
	;;
esac
exit 0
