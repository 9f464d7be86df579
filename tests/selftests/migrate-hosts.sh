#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: migrate-hosts.sh BUILD
#
# `virsh migrate --live` from one lab host to another, under traffic, and back
# (lab pair, device: igb): a guest with a VF as an mdev of type pt-igb-vf, of the
# same UUID at both. NIC=i40e: with a VF of an XL710 (no device; --model 'i40e-vf
# --vfs 2 --trusted'). NIC=virtio: with virtio-net. Host a has the tests, and is the
# end of the traffic that stays.

set -u
build=$1
other=$([ "$LAB_HOST" = a ] && echo 198.51.100.2 || echo 198.51.100.1)
remote=qemu+tcp://$other/system

# shellcheck source=/dev/null
. "$build/selftests/ktap_helpers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$(dirname "$0")/lib/check.sh"
# shellcheck source-path=SCRIPTDIR source=lib/migration.sh
. "$(dirname "$0")/lib/migration.sh"

here=moving
at=qemu:///system
monitor() { virsh -q -c "$at" qemu-monitor-command --hmp moving "$1"; }

# libvirt tells hosts apart by name and UUID, and the lab's are all the same.
setup_libvirt()
{
	hostname "lab-$LAB_HOST"
	printf 'auth_tcp = "none"\nhost_uuid = "%s"\n' "$(cat /proc/sys/kernel/random/uuid)" >>/etc/libvirt/libvirtd.conf
	# QEMU's logs outlive the lab host.
	mkdir -p /out/libvirt /var/log/libvirt/qemu
	mount --bind /out/libvirt /var/log/libvirt/qemu
	systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
	systemctl start libvirtd.socket libvirtd-tcp.socket
	virsh -q list >/dev/null
}

setup_management()
{
	local interface

	interface=$(grep -l 52:54:00:09 /sys/class/net/*/address | cut -d/ -f5)
	ip address add "$([ "$LAB_HOST" = a ] && echo 198.51.100.1 || echo 198.51.100.2)/24" dev "$interface"
	ip link set "$interface" up
}

# The PF is the way to the other host; for virtio a bridge, with the PF as a port.
setup_host()
{
	[ "$LAB_HOST" = a ] || host_address=192.0.2.3
	setup_management
	setup_network || return
	if [ "$NIC" = virtio ]; then
		ip link set "$(basename /sys/bus/pci/drivers/igb/*/net/*)" mtu $mtu master br0 up
	fi
	setup_libvirt
}

device()
{
	if [ "$NIC" = virtio ]; then
		echo "<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>"
	else
		echo "<hostdev mode='subsystem' type='mdev' model='vfio-pci'>
			<source><address uuid='${UUID[slot0]}'/></source></hostdev>"
	fi
}

# QEMU wants to be told that a device may migrate whose dirty pages the IOMMU
# doesn't know; libvirt has no word for that.
domain()
{
	GUEST_MEM_MIB=160 guest-xml moving "$(device)" | if [ "$NIC" = virtio ]; then cat; else
		sed "s,^</domain>,<qemu:override><qemu:device alias='hostdev0'><qemu:frontend>\
<qemu:property name='enable-migration' type='string' value='on'/>\
</qemu:frontend></qemu:device></qemu:override>&,"
	fi
}

comes_up()
{
	domain >/run/moving.xml && virsh -q create /run/moving.xml && guest_up
}

goes()
{
	virsh -q migrate --live moving "$remote" --migrateuri "tcp://$other" || return
	at=$remote
	flows
}

comes_back()
{
	virsh -q -c "$remote" migrate --live moving qemu+tcp://198.51.100.1/system \
		--migrateuri tcp://198.51.100.1 || return
	at=qemu:///system
	flows
}

# NIC=i40e: what the guest's driver has told the function, of this host or the other,
# is what it had told the one before.
function_state() { if [ "$at" = qemu:///system ]; then model 0 state; else socat -u "TCP:$other:5101" -; fi; }
remember_configuration() { CONFIGURATION=$(function_state | configured_part); [ -n "$CONFIGURATION" ]; }
same_configuration() { [ "$(function_state | configured_part)" = "$CONFIGURATION" ]; }
nothing_is_missing() { until_true same_configuration || diff <(echo "$CONFIGURATION") <(function_state | configured_part); }

is_there() { [ "$(virsh -c "$remote" domstate moving)" = running ] && ! virsh -q domstate moving; }
figures() { virsh -c "$1" domjobinfo moving --completed | grep -E 'Total downtime|Time elapsed|Data processed'; }
host_was_calm() { ! dmesg | grep -E 'BUG|WARNING|Oops|DMAR:.*fault|refcount_t|blocked for more'; }

other_is_ready() { virsh -q -c "$remote" list >/dev/null 2>&1; }

# Host b waits to be told how it went at a.
if [ "$LAB_HOST" = b ]; then
	setup_host || exit
	[ "$NIC" != i40e ] || socat TCP-LISTEN:5101,fork,reuseaddr EXEC:'lab-model 0 state' &
	socat -u TCP-LISTEN:5100,reuseaddr - && host_was_calm
	exit
fi

ktap_print_header
if [ "$NIC" = i40e ]; then ktap_set_plan 12; else ktap_set_plan 9; fi
need "this host is set up" setup_host
need "libvirt of the other host answers" until_true other_is_ready
need "the guest comes up" comes_up
need "traffic in all directions" start_traffic
need "all of it flows" flows
fresh_report
[ "$NIC" != i40e ] || need "its driver has told the function what it wants" remember_configuration
need "virsh migrate --live: all flows on" goes
figures "$remote" | sed 's/^/# /'
echo "# no answer for $(($(value host_echo_gap) / 1000)) ms"
check "the guest is at the other host alone" is_there
[ "$NIC" != i40e ] || check "nothing that the driver had configured is missing there" nothing_is_missing
fresh_report
check "and back" comes_back
echo "# no answer for $(($(value host_echo_gap) / 1000)) ms"
[ "$NIC" != i40e ] || check "nor here" nothing_is_missing
check "this host's kernel had nothing to complain of" host_was_calm
echo | socat -u - "TCP:$other:5100"
ktap_finished
