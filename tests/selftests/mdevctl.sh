#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: mdevctl.sh BUILD
#
# mdevctl with the profiles and the call-out, as an administrator uses them,
# and over a reboot of the lab host (devices: igb, virtio-net). BUILD holds
# selftests/ktap_helpers.sh and, in root/, what "make install" installs.

set -u
build=$1
state=/var/lib/mdev-pt-test
profiles=/usr/share/mdev-pt/profiles
uuid=6f0f3c2c-53a2-4b39-9d0c-6c8a7f1d0001
pool_uuid=6f0f3c2c-53a2-4b39-9d0c-6c8a7f1d0002

# shellcheck source=/dev/null
. "$build/selftests/ktap_helpers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$(dirname "$0")/lib/check.sh"

pf_of() { lspci -Dnd "$1" | while read -r bdf _; do [ ! -e "$pci/$bdf/sriov_totalvfs" ] || { echo "$bdf"; break; }; done; }
vf_of() { basename "$(readlink "$pci/$1/virtfn$2")"; }
driver_of() { basename "$(readlink "$pci/$1/driver" 2>/dev/null)"; }
bound_to() { [ "$(driver_of "$1")" = "$2" ]; }
exists() { [ -e "/sys/bus/mdev/devices/$1" ]; }
available() { [ "$(cat "$pci/$1/mdev_supported_types/$2/available_instances")" = "$3" ]; }

igb=$(pf_of 8086:10c9)
pool=$(pf_of 1af4:1041)

start_claims()
{
	mdevctl start --uuid $uuid --parent "$vf" --type pt-pci || return
	bound_to "$vf" pt && exists $uuid && mdevctl list | grep -q "$uuid $vf pt-pci"
}

stop_frees()
{
	mdevctl stop --uuid $uuid && ! exists $uuid && available "$vf" pt-pci 1 &&
		[ ! -e "/etc/driverctl.d/pci-$vf" ]
}

# refused PARENT WORDS: a start fails, says WORDS, and leaves the driver alone.
refused()
{
	local before after said

	before=$(driver_of "$1")
	said=$(mdevctl start --uuid $uuid --parent "$1" --type pt-pci 2>&1) && return 1
	after=$(driver_of "$1")
	echo "$said ($before, $after)"
	[ "$before" = "$after" ] && ! exists $uuid && grep -q "$2" <<<"$said"
}

interface_up_refused()
{
	local interface

	driverctl --nosave unset-override "$vf"
	until_true bound_to "$vf" igbvf || return
	udevadm settle
	interface=$(basename "$pci/$vf"/net/*)
	ip link set "$interface" up || return
	refused "$vf" "$interface is up" || return
	ip link set "$interface" down
}

define_claims()
{
	mdevctl define --uuid $uuid --parent "$vf" --jsonfile $profiles/pt-pci-auto.json || return
	[ "$(cat "/etc/driverctl.d/pci-$vf")" = pt ] && bound_to "$vf" igbvf
}

defined_starts_and_stops()
{
	mdevctl start --uuid $uuid && exists $uuid && available "$vf" pt-pci 0 &&
		mdevctl stop --uuid $uuid && ! exists $uuid
}

autostarts_with_parent()
{
	echo "$vf" >"$pci/$vf/driver/unbind" && ! exists $uuid || return
	echo "$vf" >/sys/bus/pci/drivers_probe
	until_true exists $uuid
}

pool_autostarts()
{
	mdevctl define --uuid $pool_uuid --parent "$pool" --auto --type pt-pci && return 1
	driverctl set-override "$pool" pt &&
		mdevctl define --uuid $pool_uuid --parent "$pool" --auto --type pt-pci || return
	available "$pool" pt-pci 0 && available "$pool" pt-pf 1 || return
	echo 2 >"$pci/$pool/sriov_numvfs"
	until_true exists $pool_uuid && available "$pool" pt-pci 1
}

# What an administrator sets up once: VFs that exist after a boot.
persist_vfs()
{
	mkdir -p /etc/systemd/network
	cat >/etc/systemd/network/10-igb.link <<-END
		[Match]
		Driver=igb

		[Link]
		NamePolicy=keep kernel database onboard slot path
		SR-IOVVirtualFunctions=2
	END
	cat >/etc/udev/rules.d/70-pool.rules <<-END
		ACTION=="bind", SUBSYSTEM=="pci", KERNEL=="$pool", DRIVER=="pt", ATTR{sriov_numvfs}="2"
	END
}

first_boot()
{
	cp -a "$build/root/usr/." /usr/
	udevadm control --reload
	mkdir -p $state
	ktap_print_header
	ktap_set_plan 11

	echo 2 >"$pci/$igb/sriov_numvfs"
	vf=$(vf_of "$igb" 0)
	udevadm settle

	check "start claims a VF from its driver for the session" start_claims
	check "stop frees the instance and leaves no claim" stop_frees
	check "a VF whose interface is up is refused" interface_up_refused
	check "a PF with a driver is refused" refused "$igb" "bound to igb"
	check "a function that isn't there is refused" refused 0000:7f:1f.7 "no such PCI function"
	check "define --auto claims the function from the next boot on" define_claims
	check "a defined mdev starts and stops" defined_starts_and_stops
	check "it starts when its parent reappears" autostarts_with_parent
	check "a pool's mdev starts when its VFs appear" pool_autostarts
	persist_vfs
	sync
	echo "KTAP_TESTNO=$KTAP_TESTNO KTAP_CNT_PASS=$KTAP_CNT_PASS KTAP_CNT_FAIL=$KTAP_CNT_FAIL" >$state/ktap
	lab-reboot
}

after_reboot()
{
	# shellcheck source=/dev/null
	. $state/ktap
	# shellcheck disable=SC2034 # ktap_finished
	KSFT_NUM_TESTS=11
	check "after a reboot the VF's mdev has started" until_true exists $uuid
	check "after a reboot the pool's mdev has started" until_true exists $pool_uuid
	ktap_finished
}

if [ "$LAB_BOOT" = 1 ]; then
	first_boot
else
	after_reboot
fi
