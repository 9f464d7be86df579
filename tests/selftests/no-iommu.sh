#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: no-iommu.sh BUILD
#
# What is refused, with its error and its message, on a host without an IOMMU
# (device: igb; kernel command line: intel_iommu=off).

set -u
build=$1
uuid=6f0f3c2c-53a2-4b39-9d0c-6c8a7f1d0004

# shellcheck source=/dev/null
. "$build/selftests/ktap_helpers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$(dirname "$0")/lib/check.sh"

# refused ERROR MESSAGE VALUE FILE: writing VALUE to FILE fails with ERROR, and
# the kernel says MESSAGE once; no message: not ours to say.
refused()
{
	local error=$1 message=$2 said lines

	dmesg --clear
	said=$( (echo "$3" >"$4") 2>&1) && { echo "not refused"; return 1; }
	lines=$(dmesg | grep -c "$message")
	echo "$said; $lines times: $message"
	grep -q "write error: $error" <<<"$said" && { [ -z "$message" ] || [ "$lines" = 1 ]; }
}

no_iommu_refused()
{
	refused 'Invalid argument' "$vf: no IOMMU for this function" \
		$uuid "$pci/$vf/mdev_supported_types/pt-pci/create" || return
	[ ! -e /sys/bus/mdev/devices/$uuid ] &&
		[ "$(cat "$pci/$vf/mdev_supported_types/pt-pci/available_instances")" = 1 ]
}

# The VF has had its vendor loaded.
unloads() { modprobe -r mdev_pt mdev_pt_igb_vf && [ ! -e /sys/module/mdev_pt_core ]; }

modprobe mdev_pt
pf=$(lspci -Dnd 8086:10c9 | cut -d' ' -f1)
bridge=$(lspci -Dnd ::0604 | cut -d' ' -f1 | head -n 1)
echo 0 >"$pci/$pf/sriov_drivers_autoprobe"
echo 1 >"$pci/$pf/sriov_numvfs"
vf=$(basename "$(readlink "$pci/$pf/virtfn0")")
for function in "$vf" "$bridge" "$pf"; do
	echo pt >"$pci/$function/driver_override"
done
echo "$vf" >/sys/bus/pci/drivers_probe
echo "$bridge" >"$pci/$bridge/driver/unbind"

drivers=/sys/bus/pci/drivers
ktap_print_header
ktap_set_plan 4
check "an mdev without an IOMMU is refused" no_iommu_refused
check "a bridge is refused" refused 'Invalid argument' "$bridge: is a bridge" "$bridge" $drivers/pt/bind
check "a function that has a driver is refused" refused 'Device or resource busy' '' "$pf" $drivers/pt/bind
check "nothing is left behind: the modules unload" unloads
ktap_finished
