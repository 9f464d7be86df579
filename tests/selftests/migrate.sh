#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: migrate.sh BUILD [MOVES]
#
# Live migration under traffic between two QEMUs in the lab host, from one VF of
# an igb to another and back, MOVES times (5); then moves that fail, where the
# guest has to go on where it is (device: igb). NIC=i40e: VFs of an XL710 (no
# device; --model 'i40e-vf --vfs 2 --trusted'), and at the end a guest with a
# bridge. NIC=virtio: the same without our device, to tell what of a failure is
# QEMU's. IOMMUFD=y: by iommufd, which only the debug kernels have here.

set -u
build=$1
moves=${2:-5}

# shellcheck source=/dev/null
. "$build/selftests/ktap_helpers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$(dirname "$0")/lib/check.sh"
# shellcheck source-path=SCRIPTDIR source=lib/migration.sh
. "$(dirname "$0")/lib/migration.sh"

# Besides the address, all that a driver has to tell its device, or the PF:
# jumbo frames, a VLAN, a second unicast address; multicast comes with traffic.
comes_up()
{
	start_guest && guest_up && in_guest "
		modprobe -a 8021q macvlan &&
		ip link add link eth0 name vlan7 type vlan id 7 &&
		ip link add link eth0 name second type macvlan &&
		ip address add 198.51.100.2/24 dev vlan7 && ip link set vlan7 up &&
		ip link set second address $second_mac && ip link set second up &&
		ip address add 203.0.113.2/24 dev second" || return
	ip link add link "$INTERFACE" name vlan7 type vlan id 7
	ip address add 198.51.100.1/24 dev vlan7
	ip link set vlan7 up
	ip address add 203.0.113.1/24 dev "$INTERFACE"
	# Asked for by ARP, the guest would also give its first address.
	ip neighbour add 203.0.113.2 lladdr $second_mac dev "$INTERFACE"
	configured
}
second_mac=52:54:00:0d:e0:11

# Queues are as many as CPUs.
start_guest()
{
	[ "$NIC" != i40e ] || cpus=2
	start $here
}

configured()
{
	local address

	# An XL710's driver adds its filters after the configuration has returned.
	for address in $guest_address 198.51.100.2 203.0.113.2; do
		until_true ping -c 2 -i 0.2 -W 2 "$address" || return
	done
	# One frame, which may not be split
	ping -c 2 -i 0.2 -W 5 -M 'do' -s $((mtu - 28)) $guest_address &&
		[ "$(in_guest 'cat /sys/class/net/eth0/address')" = $guest_mac ]
}

# A move and, once all flows again, no more than one outage: a loss of UDP a
# second or more after the one before is another.
one_move()
{
	local side before after

	before=$(report)
	fresh_report && move && flows && has_recovered || return
	after=$(report)
	for side in host guest; do
		[ $(($(value ${side}_udp_outages "$after") - $(value ${side}_udp_outages "$before"))) -le 1 ] ||
			{ echo "$before"; echo "$after"; return 1; }
	done
}

has_recovered() { nothing_is_missing && recovered 1 1 && not_touched "$(there)"; }

# Held in precopy by a bandwidth that the guest's writes exceed.
hold() { start_waiting && set_parameters "$SLOW" && begin_move && little_is_left && set_parameters "$CRAWL"; }

# And then let go
many_rounds() { hold && tenth_round && set_parameters "$FAST" && arrived && flows && has_recovered; }

# What it does after that has to be followed, too. Meanwhile next to nothing is sent:
# with nothing left to send the move would end.
paused_on_the_way()
{
	hold && third_round && set_parameters "$TRICKLE" && moving '"remaining": [0-9]{6}' >/dev/null &&
		guest-qmp $here stop >/dev/null && guest-qmp --until '"status": "paused"' $here query-status >/dev/null &&
		guest-qmp $here cont >/dev/null && running $here && set_parameters "$CRAWL" && later_round &&
		set_parameters "$FAST" && moved_or_stayed
}

# QEMU 10 still has the device's file of PRE_COPY, and gives up when it gets another
# one from STOP_COPY. An XL710's driver is told of each time that the guest stood.
moved_or_stayed()
{
	case $(moving "$ENDED") in
	*'Channel error: Bad file descriptor'*)
		still_here 2 ;;
	*)	arrived && flows && nothing_is_missing && recovered 1 2 ;;
	esac
}

# It writes nothing, so what is moved is its memory, once. Then it goes on there.
paused_all_the_way()
{
	start_waiting && set_parameters "$FAST" && before_move && guest-qmp $here stop >/dev/null &&
		guest-qmp --until '"status": "paused"' $here query-status >/dev/null && start_move || return
	MOVED=$(moving "$ENDED") || return
	figures
	[ "$(jq '.status == "completed" and .ram["dirty-sync-count"] <= 3 and
		 .ram.transferred <= 1.1 * .ram.total' <<<"$MOVED")" = true ] || { echo "$MOVED"; return 1; }
	guest-qmp --until '"status": "paused"' "$(there)" query-status >/dev/null && guest-stop $here || return
	here=$(there)
	guest-qmp "$here" cont >/dev/null && running "$here" && flows && has_recovered
}

# Traffic goes on in a round that began after now.
later_round()
{
	local round report

	report=$(report)
	round=$(moving '"status": "active"' | jq '.ram["dirty-sync-count"]') || return
	until_true grown "$report" host_tcp_received guest_tcp_received guest_udp_received &&
		until_true round_is_over $((round + 1))
}
round_is_over() { [ "$(moving '"status": "active"' | jq '.ram["dirty-sync-count"]')" -gt "$1" ]; }

back_and_forth()
{
	local n

	for ((n = 1; n <= moves; n++)); do
		one_move || { echo "move $n of $moves"; return 1; }
		note
	done
}

# note: QEMU's figures of the last move, and what the host saw of the guest: how
# long it did not answer, and of that, after the guest stood still, until its
# driver looked, and did something about it
note()
{
	local outage seen begun detection

	outage=$(value host_echo_gap)
	if [ "$NIC" = i40e ]; then
		detection=', driver not traced'
		if read -r seen begun < <(detection); then
			detection=", driver looks after $((seen / 1000)) ms, resets after $((begun / 1000)) ms"
		fi
	fi
	echo "$(figures), no answer for $((outage / 1000)) ms${detection-}" >>/run/notes
}

show_notes() { sed 's/^/# /' /run/notes; : >/run/notes; }

# Moves that fail: the guest goes on here, and can be moved another time.

# stays NAME COMMAND...: a check; whatever it left is cleared away.
stays()
{
	check "$@" && return
	guest-qmp $here migrate_cancel >/dev/null
	gone "$(there)" || kill_guest "$(there)"
}

# Begin a move which doesn't end by itself: when there is little left to move,
# QEMU stops the guest and waits to be told to go on.
begin_held() { start_waiting && set_parameters "$1" && capability pause-before-switchover true && begin_move; }

# still_here [RECOVERIES]: of the guest's driver, at most
still_here()
{
	capability pause-before-switchover false && running $here && flows && until_true gone "$(there)" &&
		nothing_is_missing && recovered 0 "${1:-1}"
}

cancel() { guest-qmp $here migrate_cancel >/dev/null && status_becomes cancelled && still_here; }

cancel_in_the_first_round() { begin_held "$SLOW" && status_becomes active && cancel; }
cancel_in_a_later_round() { begin_held "$SLOW" && third_round && cancel; }
stopped() { begin_held "$FAST" && status_becomes pre-switchover; }
cancel_when_stopped() { stopped && cancel; }

# QEMU sees at once that the destination is gone, or when it has to go on.
destination_dies()
{
	kill_guest "$(there)" && moving '"status": "(failed|pre-switchover)"' || return
	guest-qmp $here migrate-continue '{"state": "pre-switchover"}'
	status_becomes failed && still_here
}

destination_killed() { begin_held "$SLOW" && third_round && destination_dies; }
destination_killed_when_stopped() { stopped && destination_dies; }

disk_full()
{
	mkdir -p /run/small
	mount -t tmpfs -o size=2M small /run/small
	set_parameters "$FAST" && begin_move_to_file /run/small/stream && status_becomes failed || return
	umount /run/small
	still_here
}

# refused: the destination doesn't take the stream, and ends.
refused()
{
	set_parameters "$FAST" && begin_move && status_becomes failed && still_here
}

without_device() { NIC=none start_waiting && refused; }

other_type()
{
	remove_mdev "$(there)" && create_mdev "$(there)" pt-pci || return
	MIGRATABLE=auto start_waiting && refused || return
	remove_mdev "$(there)" && create_mdev "$(there)" "$TYPE"
}

# with_pf SETTING UNDO COMMAND...: the destination's PF has that setting while the
# command runs.
with_pf()
{
	local setting=$1 undo=$2 ret=0

	shift 2
	"set_pf_$NIC" "$setting" && "$@" || ret=$?
	gone "$(there)" || kill_guest "$(there)"
	"set_pf_$NIC" "$undo" && return $ret
}

set_pf_igb()
{
	local n

	n=$(there)
	# shellcheck disable=SC2086 # words
	ip link set "$INTERFACE" vf "${n#slot}" $1
}

# What a PF grants is known when the mdev is created.
set_pf_i40e()
{
	local n

	n=$(there)
	n=${n#slot}
	# shellcheck disable=SC2086 # words
	remove_mdev "slot$n" && model "$n" $1 && model "$n" reset quiet &&
		until_true state "$n" 'reset-state 2' && create_mdev "slot$n" "$TYPE"
}

# The PF has another address for that VF, so the guest can't take its own along.
address_refused() { with_pf 'mac 52:54:00:0d:e0:99' "mac $no_mac" start_refused; }
no_mac=00:00:00:00:00:00

start_refused() { start_waiting && refused; }

# Found out while the guest runs, where the kernel has PRE_COPY: it never stops.
refused_early()
{
	case $(uname -r) in
	6.1.*)	start_refused ;;
	*)	start_waiting && set_parameters "$SLOW" && begin_move && status_becomes failed && still_here &&
			! has_stopped $here && recovered 0 0 ;;
	esac
}

fewer_queues_refused() { with_pf 'queues 1' 'queues 4' refused_early; }
# Without VLANs
capability_refused() { with_pf 'caps 0xfffeffff' 'caps 0xffffffff' refused_early; }

# Nothing is left that could go on, but the destination sees it and ends.
source_killed()
{
	begin_held "$SLOW" && third_round && kill_guest $here && until_true gone "$(there)"
}

# A reset of the device, or a link that was lost, would have shown.
driver_log() { in_guest 'dmesg | grep -iE "eth0|igbvf|iavf|virtio_net|watchdog|hung|reset"'; }
driver_was_calm() { diff <(echo "$driver_log") <(driver_log); }

# An announced reset for each recovery that the device has seen, and no other word.
driver_was_told_each_time()
{
	local told

	told=$(driver_log | sed "1,$(wc -l <<<"$driver_log")d")
	echo "$told"
	echo "$RECOVERIES recoveries"
	[ "$(grep -c 'Reset indication received from the PF' <<<"$told")" = "$RECOVERIES" ] &&
		! grep -vE 'Reset indication received from the PF|Scheduling reset task|Hardware reset detected|NIC Link is (Up|Down)' <<<"$told"
}

# NIC=i40e: three queues, two VLANs, and a bridge that has an address of its own:
# the port is promiscuous, and sends from an address that is not the function's.
bridge_comes_up()
{
	local n

	cpus=3
	for n in 0 1; do model $n spoof-check off || return; done
	start $here && in_guest "
		modprobe -a 8021q bridge &&
		ip link set eth0 address $guest_mac mtu $mtu && ip link set eth0 up &&
		brctl addbr br0 && brctl addif br0 eth0 &&
		ip link set br0 address $second_mac && ip link set br0 up &&
		ip address add $guest_address/24 dev br0 && ip address add 203.0.113.2/24 dev br0 &&
		ip link add link eth0 name vlan7 type vlan id 7 && ip link set vlan7 up &&
		ip address add 198.51.100.2/24 dev vlan7 &&
		ip link add link eth0 name vlan4094 type vlan id 4094 && ip link set vlan4094 up" || return
	ip neighbour flush dev "$INTERFACE"
	until_true state "${here#slot}" 'rx 2 enabled .*' && until_true state "${here#slot}" 'promiscuous unicast.*' &&
		until_true state "${here#slot}" 'vlan 4094' && configured
}

host_was_calm() { ! dmesg | grep -E 'BUG|WARNING|Oops|DMAR:.*fault|refcount_t|blocked for more'; }

ktap_print_header
case $NIC in
virtio)	ktap_set_plan 23 ;;
igb)	ktap_set_plan 25 ;;
i40e)	ktap_set_plan 33 ;;
esac
need "the host's network" setup_network
need "a guest comes up, and its driver configures all it can" comes_up
need "traffic in all directions" start_traffic
need "all of it flows" flows
driver_log=$(driver_log)

need "one move: all flows on, UDP was lost at most while the guest stood still" one_move
note
show_notes
check "what the driver configured works where it is now" configured
need "a move with many rounds of precopy" many_rounds
note
show_notes
need "$moves moves, back and forth" back_and_forth
show_notes

stays "the guest is paused and goes on in the middle of a move" paused_on_the_way
check "paused, it moves, in few rounds, and goes on there" paused_all_the_way
stays "cancelled in the first round" cancel_in_the_first_round
stays "cancelled in a later round" cancel_in_a_later_round
stays "cancelled when the guest had stopped" cancel_when_stopped
stays "the destination is killed" destination_killed
stays "the destination is killed when the guest has stopped" destination_killed_when_stopped
stays "the stream goes to a disk that is full" disk_full
stays "the destination has no such device" without_device
if [ "$NIC" != virtio ]; then
	stays "the destination's mdev is of type pt-pci" other_type
	stays "the destination's PF refuses the address" address_refused
fi
if [ "$NIC" = i40e ]; then
	stays "the destination's PF has fewer queues" fewer_queues_refused
	stays "the destination's PF has no VLANs" capability_refused
fi
check "after all that, a move" one_move
check "what the driver configured still works" configured
check "all that was sent by TCP has arrived" stop_traffic
if [ "$NIC" = i40e ]; then
	check "the guest's driver was told each time, and had nothing else to say" driver_was_told_each_time
else
	check "the guest's driver had nothing to say" driver_was_calm
fi
check "the source is killed" source_killed
if [ "$NIC" = i40e ]; then
	need "a guest with three queues, VLANs and a bridge comes up" bridge_comes_up
	need "its traffic" start_traffic
	check "it moves" one_move
	note
	check "and back" one_move
	note
	show_notes
	check "its bridge and its VLANs work" configured
	check "all that it sent by TCP has arrived" stop_traffic
fi
check "the host's kernel had nothing to complain of" host_was_calm
ktap_finished
