# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For tests that give functions to driver "pt", and to guests; beside check.sh.

# bind_pt BDF: whatever has it now
bind_pt()
{
	local function=$pci/$1

	echo pt >"$function/driver_override"
	[ ! -e "$function/driver" ] || echo "$1" >"$function/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink "$function/driver")")" = pt ]
}

# A guest that never runs. KVM patches its code when a vCPU comes or goes whose
# APIC is off; under TCG another CPU was seen to die of meeting that. So one is
# always there.
keep_kvm_as_it_is() { GUEST_MEM=64M guest-start idle -S; }
