# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A guest that moves between two QEMUs in one lab host, "slot0" and "slot1", and
# its traffic. NIC=igb: each has a VF of the same igb as an mdev of type
# pt-igb-vf; NIC=i40e: functions 0 and 1 of the first i40e-vf model, pt-i40e-vf;
# NIC=virtio: virtio-net and a tap each, for comparison. TYPE: another type of
# mdev. $build is where tests are built; $here is where the guest is.

# shellcheck source-path=SCRIPTDIR source=pt.sh
. "$(dirname "${BASH_SOURCE[0]}")/pt.sh"
# shellcheck source-path=SCRIPTDIR source=i40e.sh
. "$(dirname "${BASH_SOURCE[0]}")/i40e.sh"
# shellcheck source-path=SCRIPTDIR source=recovery.sh
. "$(dirname "${BASH_SOURCE[0]}")/recovery.sh"

NIC=${NIC:-igb}
here=slot0
cpus=1		# of the guest, and so queues
host_address=192.0.2.1
guest_address=192.0.2.2
guest_mac=52:54:00:0d:e0:10
mtu=3000
tcp_rate=200	# KB/s each way; 0: what gets through
traffic=$build/selftests/tools/traffic
declare -A UUID=([slot0]=6f0f3c2c-53a2-4b39-9d0c-6c8a7f1d0010 [slot1]=6f0f3c2c-53a2-4b39-9d0c-6c8a7f1d0011)
declare -A VF=()

# there: the slot where the guest isn't
there() { if [ $here = slot0 ]; then echo slot1; else echo slot0; fi; }

# The network: sets INTERFACE, the host's own.
setup_network()
{
	"setup_$NIC" || return
	ip address add $host_address/24 dev "$INTERFACE"
	ip link set "$INTERFACE" mtu $mtu up
}

teardown_network()
{
	local slot

	ip address flush dev "$INTERFACE"
	for slot in slot0 slot1; do
		case $NIC in
		virtio)	ip link delete "$slot" ;;
		*)	remove_mdev "$slot" ;;
		esac
	done
	[ "$NIC" != virtio ] || ip link delete br0
}

setup_virtio()
{
	local slot

	INTERFACE=br0
	modprobe tun || return
	ip link add br0 type bridge
	for slot in slot0 slot1; do
		ip tuntap add "$slot" mode tap && ip link set "$slot" mtu $mtu master br0 up || return
	done
}

setup_igb()
{
	local pf n

	modprobe mdev_pt || return
	TYPE=${TYPE:-pt-igb-vf}
	pf=$(lspci -Dnd 8086:10c9 | cut -d' ' -f1)
	INTERFACE=$(basename "$pci/$pf"/net/*)
	echo 0 >"$pci/$pf/sriov_drivers_autoprobe"
	echo 2 >"$pci/$pf/sriov_numvfs"
	for n in 0 1; do
		VF[slot$n]=$(basename "$(readlink "$pci/$pf/virtfn$n")")
		bind_pt "${VF[slot$n]}" && create_mdev "slot$n" "$TYPE" || return
	done
}

# The guest chooses its addresses, as with igb.
setup_i40e()
{
	local n

	modprobe mdev_pt || return
	TYPE=${TYPE:-pt-i40e-vf}
	INTERFACE=$(wire_nic)
	find_functions 8086:154c 0
	for n in 0 1; do
		VF[slot$n]=${FUNCTIONS[n]}
		model $n trust on && model $n mac none && until_true state $n 'reset-state 2' || return
		bind_pt "${VF[slot$n]}" && create_mdev "slot$n" "$TYPE" || return
	done
	trace_recoveries
}

# create_mdev SLOT TYPE, remove_mdev SLOT
create_mdev() { echo "${UUID[$1]}" >"$pci/${VF[$1]}/mdev_supported_types/$2/create"; }
remove_mdev() { echo 1 >"/sys/bus/mdev/devices/${UUID[$1]}/remove"; }

# start SLOT [QEMU-ARGUMENT...]: a QEMU with that slot's NIC
start()
{
	local slot=$1 device nic

	shift
	case $NIC in
	virtio)	nic=(-netdev "tap,id=net0,ifname=$slot,script=no,downscript=no"
		     -device virtio-net-pci,bus=rp0,netdev=net0) ;;
	igb|i40e)
		device=vfio-pci,bus=rp0,sysfsdev=/sys/bus/mdev/devices/${UUID[$slot]}
		if [ "${IOMMUFD-}" = y ]; then
			nic=(-object "iommufd,id=iommufd0" -device "$device,iommufd=iommufd0")
		else
			nic=(-device "$device,enable-migration=${MIGRATABLE:-on}")
		fi ;;
	none)	nic=() ;;
	esac
	# Little memory, and what the guest freed is zeroes again: less to move.
	GUEST_MEM=160M GUEST_APPEND=init_on_free=1 guest-start "$slot" -smp $cpus -device pcie-root-port,id=rp0,chassis=1 "${nic[@]}" "$@"
}

# A QEMU at the other slot, which waits for the guest
start_waiting() { start "$(there)" -incoming "unix:/run/guest/$(there).incoming"; }

in_guest() { guest-exec --wait 180 $here "$1"; }

# A command to the monitor of its QEMU
monitor() { guest-qmp $here human-monitor-command "{\"command-line\": \"$1\"}"; }

# The guest's NIC, with its own address on it.
guest_up()
{
	in_guest "ip link set eth0 address $guest_mac mtu $mtu && ip link set eth0 up &&
		  ip address add $guest_address/24 dev eth0"
}

gone() { ! kill -0 "$(cat "/run/guest/$1.pid" 2>/dev/null)" 2>/dev/null; }
running() { guest-qmp --until '"status": "running"' "$1" query-status >/dev/null; }

kill_guest()
{
	kill -KILL "$(cat "/run/guest/$1.pid")"
	until_true gone "$1"
}

# Migration

# set_parameters JSON, capability NAME true|false: of the QEMU where the guest is
set_parameters() { guest-qmp $here migrate-set-parameters "$1" >/dev/null; }

capability()
{
	guest-qmp $here migrate-set-capabilities \
		"{\"capabilities\": [{\"capability\": \"$1\", \"state\": $2}]}" >/dev/null
}

# moving PATTERN: wait until what QEMU says of the move that was begun last
# matches, and print it.
moving() { guest-qmp --until "$1" $here query-migrate; }
readonly ENDED='"status": "(completed|failed|cancelled)"'
status_becomes() { moving "\"status\": \"$1\"" >/dev/null; }
# Round 1 is that of all pages.
third_round() { moving '"dirty-sync-count": ([3-9]|[0-9]{2})' >/dev/null; }
tenth_round() { moving '"dirty-sync-count": [0-9]{2}' >/dev/null; }

# All but the first end only when there is less than a page left to move.
readonly FAST='{"max-bandwidth": 0, "downtime-limit": 300, "avail-switchover-bandwidth": 0}'
readonly SLOW='{"max-bandwidth": 20000000, "downtime-limit": 1, "avail-switchover-bandwidth": 1000000}'
# Even a guest that has little time to run writes more.
readonly CRAWL='{"max-bandwidth": 1000000, "downtime-limit": 1, "avail-switchover-bandwidth": 1000000}'
# Some pages a second
readonly TRICKLE='{"max-bandwidth": 10000, "downtime-limit": 1, "avail-switchover-bandwidth": 1000000}'

# The first round is nearly over.
little_is_left() { moving '"remaining": [1-9][0-9]{0,6}[,}]' >/dev/null; }

# The source is told when the destination didn't take the guest.
begin_move() { before_move; start_move; }

start_move()
{
	capability return-path true &&
		guest-qmp $here migrate "{\"uri\": \"unix:/run/guest/$(there).incoming\"}" >/dev/null
}

begin_move_to_file()
{
	before_move
	capability return-path false && guest-qmp $here migrate "{\"uri\": \"file:$1\"}" >/dev/null
}

# arrived: the move ends well; from now on the other slot is $here. MOVED is what
# QEMU says of it.
arrived()
{
	MOVED=$(moving "$ENDED") || return
	[ "$(jq -r .status <<<"$MOVED")" = completed ] || { echo "$MOVED"; return 1; }
	running "$(there)" && guest-stop $here || return
	here=$(there)
}

# A whole move
move() { start_waiting && set_parameters "$FAST" && begin_move && arrived; }

figures()
{
	jq -r '"downtime \(.downtime) ms, total \(.["total-time"]) ms, " +
	       "\(.ram.transferred / 1048576 | floor) MiB, \(.ram["dirty-sync-count"]) rounds"' <<<"$MOVED"
}

# Traffic

# The guest fetches the program, which is in neither
# its initrd nor on a disk, and both ends start.
start_traffic()
{
	local sum

	sum=$(md5sum <"$traffic")
	rm -f /run/traffic.report
	timeout 60 socat -u "FILE:$traffic" TCP-LISTEN:5001,reuseaddr &
	in_guest "nc $host_address 5001 </dev/null >/run/traffic && chmod +x /run/traffic" || return
	[ "$(in_guest 'md5sum </run/traffic')" = "$sum" ] || return
	in_guest "setsid /run/traffic -t $tcp_rate listen /run/traffic.report </dev/null >/run/traffic.log 2>&1 &"
	"$traffic" -t $tcp_rate connect /run/traffic.report $guest_address &
	TRAFFIC=$!
	until_true test -s /run/traffic.report
}

# What both ends have counted; the guest's as of its last answer.
report() { "$traffic" show /run/traffic.report; }
# The longest times begin anew at both ends.
fresh_report() { "$traffic" fresh /run/traffic.report; }

# value NAME [REPORT]
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"${2-$(report)}"; }

# grown REPORT NAME...: all of them
grown()
{
	local name before=$1 after

	after=$(report)
	shift
	for name in "$@"; do
		[ "$(value "$name" "$after")" -gt "$(value "$name" "$before")" ] || return
	done
}

# Every flow goes on, and nothing wrong was seen in any.
flows()
{
	BEFORE=$(report)
	if until_true all_grow && unharmed "$(report)"; then return; fi
	post_mortem
	false
}

# Since BEFORE
all_grow()
{
	grown "$BEFORE" host_tcp_sent host_tcp_received host_udp_received host_echo_received \
		guest_tcp_received guest_udp_received guest_multicast_received
}

# Where the guest's CPU is, what it does there, and what KVM has to do for it
cpu_state()
{
	local pid thread

	monitor 'info registers'
	# shellcheck disable=SC2016 # the monitor expands it
	monitor 'x /4i $eip'
	pid=$(cat "/run/guest/$here.pid" 2>/dev/null || pgrep -f "guest=$here,")
	# What goes up, and what does not
	for _ in 1 2; do
		grep -sE . "/sys/kernel/debug/kvm/${pid:-none}"-*/{exits,pf_taken,pf_fixed,pf_spurious,mmio_exits,irq_exits,halt_exits,irq_injections} |
			sed 's,.*/,,' | paste -sd' '
		sleep 0.3
	done
	for thread in /proc/"${pid:-none}"/task/*; do
		echo "$(cat "$thread/comm"): $(sed -n 's/^State:\t//p' "$thread/status")"
		head -n 6 "$thread/stack"
	done
}

# For whoever has to find out why: does the guest run, what has its NIC to say?
post_mortem()
{
	local n

	echo "before: $BEFORE"
	echo "after: $(report)"
	monitor 'info status'
	for n in 1 2 3; do
		monitor 'info registers' | grep -oE 'RIP=[0-9a-f]*|HLT=.' | paste -sd' '
		sleep 0.3
	done
	cpu_state
	timeout 60 guest-exec --wait 30 $here 'cat /proc/uptime /proc/net/dev /proc/net/arp
		grep -E "eth0|LOC" /proc/interrupts; dmesg | tail -n 20'
	grep -sH . "/sys/bus/mdev/devices/${UUID[$here]:-none}"/migration/*
	dmesg | tail -n 5
}

# An XL710's driver enables its queues before it says which flow has which queue.
unharmed()
{
	local harm='tcp_damaged|tcp_errors|udp_damaged|udp_duplicated'

	[ "$NIC" = i40e ] || harm+='|udp_reordered'
	! grep -oE "[a-z]*_($harm)=[1-9][0-9]*" <<<"$1"
}

# Both ends stop; all that one sent over TCP has come to the other.
stop_traffic()
{
	local host guest

	kill "$TRAFFIC"
	until_true traffic_ended || return
	host=$(report) guest=$(in_guest '/run/traffic show /run/traffic.report')
	echo "$host"
	echo "$guest"
	[ "$(value host_tcp_sent "$host")" = "$(value guest_tcp_received "$guest")" ] &&
		[ "$(value host_tcp_received "$host")" = "$(value guest_tcp_sent "$guest")" ] &&
		unharmed "$host" && unharmed "$guest"
}

traffic_ended() { ! kill -0 "$TRAFFIC" 2>/dev/null && in_guest '! pidof traffic'; }
