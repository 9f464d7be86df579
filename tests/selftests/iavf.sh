#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: iavf.sh BUILD
#
# The stock iavf on the i40e-vf model: traffic, offloads, resets, refusals (no
# device; --model 'i40e-vf --vfs 2 --trusted --mac 52:54:00:0e:00:10', and
# --model 'i40e-vf --vfs 2 --device 0x37cd').

set -u
build=$1

# shellcheck source=/dev/null
. "$build/selftests/ktap_helpers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/check.sh
. "$(dirname "$0")/lib/check.sh"
# shellcheck source-path=SCRIPTDIR source=lib/iavf.sh
. "$(dirname "$0")/lib/iavf.sh"

mac0=52:54:00:0e:00:10
foreign=52:54:00:0e:00:99

# Functions 0 and 1 are an XL710's, 2 and 3 an X722's.
binds()
{
	local n

	modprobe iavf && modprobe 8021q || return
	find_functions 8086:154c 0
	find_functions 8086:37cd 1
	[ ${#FUNCTIONS[@]} = 4 ] || return
	for n in 0 1 2 3; do
		set_up $n || return
	done
	[ "$(in_ns 0 cat /sys/class/net/eth0/address)" = $mac0 ]
}

reports_link()
{
	in_ns 0 ethtool eth0 | grep -q 'Speed: 40000Mb/s' && in_ns 0 ethtool -i eth0 | grep -q 'driver: iavf'
}

reaches_wire()
{
	local nic

	nic=$(wire_nic)
	ip address replace 192.0.2.1/24 dev "$nic"
	ip link set "$nic" up
	until_true ping_once 0 192.0.2.1
}

# TSO and checksums are the device's: more frames than the kernel has sent.
offloads()
{
	local before sent

	before=$(counter 0 tx-unicast)
	transfers 0 1 || return
	sent=$(in_ns 0 ethtool -S eth0 | awk '/tx-[0-9]*.packets/ { n += $2 } END { print n }')
	echo "$(($(counter 0 tx-unicast) - before)) frames, $sent packets"
	[ "$(counter 0 tx-unicast)" -gt $((before + 700)) ] && [ "$sent" -gt 0 ] && transfers 1 0 "$(address6 0)"
}

works_without_offloads()
{
	configure 0 ethtool -K eth0 tso off tx off rx off gso off gro off || return
	transfers 0 1 && transfers 1 0 || return
	configure 0 ethtool -K eth0 tso on tx on rx on gso on gro on
}

jumbo()
{
	local n

	for n in 0 1; do
		until_true ip -n n$n link set eth0 mtu 9000 && bring_up $n || return
	done
	pings 0 1 -s 8972 -M 'do' && transfers 0 1 || return
	for n in 0 1; do
		until_true ip -n n$n link set eth0 mtu 1500 && bring_up $n || return
	done
}

# What is in a tunnel is segmented and summed by the sender; the receiver's kernel
# looks at it.
tunnels()
{
	local kind n

	for kind in gre ipip; do
		modprobe ip_$kind 2>/dev/null || modprobe $kind || return
		for n in 0 1; do
			ip -n n$n tunnel add tunnel mode $kind local "$(address $n)" remote "$(address $((n ^ 1)))" || return
			ip -n n$n address add 198.51.100.$n/24 dev tunnel
			ip -n n$n link set tunnel up
		done
		until_true ping_once 0 198.51.100.1 && transfers 0 1 198.51.100.1 || return
		for n in 0 1; do
			ip -n n$n tunnel delete tunnel
		done
	done
}

vlan()
{
	local n

	for n in 0 1; do
		until_true ip -n n$n link add link eth0 name vlan type vlan id 100 || return
		ip -n n$n address add 198.51.100.$n/24 dev vlan
		ip -n n$n link set vlan up
	done
	until_true state 0 'vlan 100' && until_true state 1 'vlan 100' || return
	until_true ping_once 0 198.51.100.1
}

vlan_without_offloads()
{
	configure 0 ethtool -K eth0 rxvlan off txvlan off || return
	until_true state 0 'vlan-stripping off' || return
	until_true ping_once 0 198.51.100.1 || return
	configure 0 ethtool -K eth0 rxvlan on txvlan on || return
	until_true state 0 'vlan-stripping on' && until_true ping_once 0 198.51.100.1
}

vlan_goes()
{
	local n

	for n in 0 1; do
		ip -n n$n link delete vlan
		until_true not_state $n 'vlan 100' || return
	done
}

# The driver asks for them each two seconds.
statistics_agree()
{
	pings 1 0 -c 3 && until_true same_counter 0 rx_unicast rx-unicast && until_true same_counter 0 tx_bytes tx-bytes
}

same_counter() { [ "$(in_ns "$1" ethtool -S eth0 | sed -n "s/^ *$2: //p")" = "$(counter "$1" "$3")" ]; }

rings() { configure 0 ethtool -G eth0 rx 1024 tx 256 && until_true state 0 'rx 0 enabled .* length 1024 .*' && works 0 1; }

# The driver writes one register with an interrupt.
throttling()
{
	configure 0 ethtool -C eth0 adaptive-rx off adaptive-tx off rx-usecs 100 tx-usecs 200 && until_true throttled
}

throttled() { ping_once 0 "$(address 1)" && state 0 'vector [12] .* itr 50 100 .*'; }

four_queues()
{
	configure 1 ethtool -L eth0 combined 4 && until_true state 1 'rx 3 enabled .*' && works 0 1
}

# Flows of many ports: queues that got none are as many as $1.
flood()
{
	in_ns 0 python3 - "$(address 1)" <<-'EOP'
		import socket, sys
		for port in range(6000, 6128):
		    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    s.sendto(b"x", (sys.argv[1], port))
	EOP
}

rss_spreads()
{
	local q before=()

	for q in 0 1 2 3; do before+=("$(received_by 1 $q)"); done
	flood || return
	for q in 0 1 2 3; do
		echo "queue $q: ${before[$q]}, $(received_by 1 $q)"
		[ "$(received_by 1 $q)" -gt "$((before[q] + 8))" ] || return
	done
}

rss_table()
{
	local q before=()

	configure 1 ethtool -X eth0 xfrm none equal 1 && until_true state 1 'rss-table( 0){64}' || return
	for q in 0 1 2 3; do before+=("$(received_by 1 $q)"); done
	flood || return
	[ "$(received_by 1 0)" -ge $((before[0] + 128)) ] && [ "$(received_by 1 3)" = "${before[3]}" ] || return
	configure 1 ethtool -X eth0 xfrm none equal 4 && until_true state 1 'rss-table 0 1 2 3 .*'
}

multicast()
{
	frame_unseen 1 0 01:00:5e:01:02:03 || return
	ip -n n0 maddress add 01:00:5e:01:02:03 dev eth0 && until_true state 0 'mac 01:00:5e:01:02:03' || return
	frame_seen 1 0 01:00:5e:01:02:03 || return
	ip -n n0 maddress del 01:00:5e:01:02:03 dev eth0 && until_true not_state 0 'mac 01:00:5e:01:02:03' || return
	frame_unseen 1 0 01:00:5e:01:02:03
}

promiscuous()
{
	frame_unseen 1 0 $foreign || return
	until_true ip -n n0 link set eth0 promisc on && until_true state 0 'promiscuous unicast.*' || return
	frame_seen 1 0 $foreign || return
	until_true ip -n n0 link set eth0 promisc off && until_true state 0 'promiscuous' && frame_unseen 1 0 $foreign || return
	until_true ip -n n0 link set eth0 allmulticast on && until_true state 0 'promiscuous multicast' || return
	frame_seen 1 0 01:00:5e:01:02:03 || return
	until_true ip -n n0 link set eth0 allmulticast off && until_true state 0 'promiscuous'
}

# Who is not trusted is told that it worked.
untrusted()
{
	local before

	before=$(counter 2 'request CONFIG_PROMISCUOUS_MODE')
	until_true ip -n n2 link set eth0 promisc on
	until_true more_than 2 'request CONFIG_PROMISCUOUS_MODE' "$before" && frame_unseen 3 2 $foreign || return
	until_true ip -n n2 link set eth0 promisc off
}

# One that the administrator has not set
own_address()
{
	local before

	before=$(in_ns 2 cat /sys/class/net/eth0/address)
	until_true ip -n n2 link set eth0 address 52:54:00:0e:00:77 && until_true state 2 'mac 52:54:00:0e:00:77' &&
		until_true not_state 2 "mac $before" && works 2 3
}

administrators_address()
{
	until_true ip -n n0 link set eth0 address 52:54:00:0e:00:77 && until_true state 0 'mac 52:54:00:0e:00:77' && works 0 1 || return
	until_true ip -n n0 link set eth0 address $mac0 && until_true not_state 0 'mac 52:54:00:0e:00:77' && works 0 1
}

unfiltered()
{
	model 0 unfilter $mac0 && frame_unseen 1 0 $mac0 && bounce 0 || return
	model 0 reset && recovers 0
}

spoofing() { in_ns 0 python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(b"\xff" * 6 + bytes.fromhex("5254000e0099") + b"\x88\xb5" + b"x" * 46)' && until_true more_than 0 spoofed 0; }

link_changes()
{
	model 0 link down && until_true has_no_link 0 && model 0 link up 10000 && until_true has_link 0 || return
	in_ns 0 ethtool eth0 | grep -q 'Speed: 10000Mb/s' && model 0 link up 40000 && works 0 1
}

# recovers N: the queues run again, and so does the link.
recovers()
{
	until_true state "$1" 'rx 1 enabled .*' && until_true has_link "$1" && works "$1" $(($1 ^ 1))
}

reset_by_pf()
{
	mark
	model 0 reset && recovers 0 && says 'Reset indication received from the PF'
}

reset_unannounced()
{
	mark
	model 0 reset quiet && until_true says 'Hardware reset detected' && recovers 0
}

slow_reset()
{
	model 0 hold && model 0 reset && until_true state 0 'reset-state 0' && model 0 release && recovers 0
}

function_level_reset()
{
	echo 1 >"$pci/${FUNCTIONS[0]}/reset" && recovers 0
}

keeps_vlan_and_mac()
{
	until_true ip -n n0 link add link eth0 name vlan type vlan id 200 && ip -n n0 link set vlan up || return
	ip -n n0 maddress add 01:00:5e:0a:0b:0c dev eth0
	until_true state 0 'vlan 200' && until_true state 0 'mac 01:00:5e:0a:0b:0c' || return
	model 0 reset && recovers 0 && until_true state 0 'vlan 200' && until_true state 0 'mac 01:00:5e:0a:0b:0c' || return
	ip -n n0 link delete vlan
	ip -n n0 maddress del 01:00:5e:0a:0b:0c dev eth0
}

# The driver has been refused each of these, and has said so.
says_all()
{
	local message

	for message; do
		until_true says "$message" || return
	done
}

pf_error() { echo "PF returned error -5 \(IAVF_ERR_PARAM\) to our request $1\$"; }

# With none of it the function has no traffic; then all is as before.
queue_refusals()
{
	local op

	mark
	for op in CONFIG_VSI_QUEUES CONFIG_IRQ_MAP ENABLE_QUEUES CONFIG_RSS_KEY CONFIG_RSS_LUT GET_STATS DISABLE_QUEUES; do
		model 0 refuse $op || return
	done
	model 0 reset
	says_all "$(pf_error 6)" "$(pf_error 7)" "$(pf_error 8)" "$(pf_error 23)" "$(pf_error 24)" "$(pf_error 15)" || return
	! ping_once 0 "$(address 1)" || return
	ip -n n0 link set eth0 down
	says_all "$(pf_error 9)" || return
	model 0 accept && model 0 reset && bring_up 0 && recovers 0
}

filter_refusals()
{
	local op

	ip -n n0 maddress add 01:00:5e:01:01:02 dev eth0 && until_true ip -n n0 link add link eth0 name vlan type vlan id 300 || return
	until_true state 0 'mac 01:00:5e:01:01:02' && until_true state 0 'vlan 300' || return
	mark
	for op in ADD_ETH_ADDR DEL_ETH_ADDR ADD_VLAN DEL_VLAN CONFIG_PROMISCUOUS_MODE DISABLE_VLAN_STRIPPING; do
		model 0 refuse $op || return
	done
	ip -n n0 maddress add 01:00:5e:01:01:01 dev eth0
	ip -n n0 maddress del 01:00:5e:01:01:02 dev eth0
	ip -n n0 link delete vlan
	until_true ip -n n0 link add link eth0 name vlan type vlan id 301
	until_true ip -n n0 link set eth0 promisc on
	configure 0 ethtool -K eth0 rxvlan off
	says_all 'Failed to add MAC filter, error IAVF_ERR_PARAM' 'Failed to delete MAC filter, error IAVF_ERR_PARAM' \
		'Failed to add VLAN filter, error IAVF_ERR_PARAM' "$(pf_error 13)" "$(pf_error 14)" 'VLAN Stripping is not allowed' || return
	state 0 promiscuous && model 0 accept || return
	until_true ip -n n0 link set eth0 promisc off
	ip -n n0 link delete vlan
	ip -n n0 maddress del 01:00:5e:01:01:01 dev eth0
	configure 0 ethtool -K eth0 rxvlan on
	model 0 reset && recovers 0
}

# rebind N: as of a new driver
rebind()
{
	echo "${FUNCTIONS[$1]}" >"$pci/${FUNCTIONS[$1]}/driver/unbind"
	echo "${FUNCTIONS[$1]}" >/sys/bus/pci/drivers/iavf/bind
}

# refuse_probe N OPCODE: the driver tries again until it is heard, which
# takes it half a minute for some.
refuse_probe()
{
	local before

	before=$(counter "$1" refused)
	model "$1" refuse "$2" && rebind "$1" && until_true more_than "$1" refused "$before" && model "$1" accept
}

refuse_both_probes() { refuse_probe 2 VERSION && refuse_probe 3 GET_VF_RESOURCES; }
both_probed() { set_up 2 && set_up 3 && works 2 3; }

silent_pf()
{
	local before

	before=$(counter 0 'request GET_STATS')
	model 0 ignore GET_STATS && until_true more_than 0 'request GET_STATS' "$before" || return
	works 0 1 && model 0 accept && model 0 reset && recovers 0 || return
	model 0 adminq off && works 0 1 && model 0 adminq on && model 0 reset && recovers 0
}

slow_pf()
{
	model 0 delay 200 && bounce 0 && works 0 1 && model 0 delay 0
}

fewer_queues()
{
	mark
	model 0 queues 1 && rebind 0 && set_up 0 && works 0 1 && says "${FUNCTIONS[0]}: Multiqueue Disabled: Queue pair count = 1" ||
		return
	model 0 queues 4 && rebind 0 && set_up 0 && state 0 'rx 1 enabled .*'
}

reloads()
{
	local n

	modprobe -r iavf && modprobe iavf || return
	for n in 0 1 2 3; do
		set_up $n || return
	done
	works 0 1 && works 2 3
}

x722()
{
	in_ns 2 ethtool eth0 | grep -q 'Speed: 40000Mb/s' || return
	works 2 3 && transfers 2 3 && in_ns 2 ethtool -k eth0 | grep -q 'tx-udp_tnl-csum-segmentation: on'
}

# Of a ping, at least a descriptor of some receive ring
dirty_pages()
{
	local rings ring first length

	model 0 dirty clear >/dev/null
	works 0 1 || return
	rings=$(model 0 state | sed -n 's/^rx .* base \(0x[0-9a-f]*\) .*/\1/p')
	while read -r first length; do
		echo "$first $length"
		for ring in $rings; do
			((first + length <= ring || first >= ring + 512 * 32)) || return 0
		done
	done < <(model 0 dirty)
	echo "rings: $rings"
	return 1
}

nothing_wrong()
{
	local n name

	for n in 0 1 2 3; do
		for name in malicious dma-errors arq-overflows; do
			[ "$(counter $n $name)" = 0 ] || { model $n stats; return 1; }
		done
	done
}

no_checksum_errors()
{
	local n

	for n in 0 1 2 3; do
		! in_ns $n nstat -asz IpExtInCsumErrors TcpInCsumErrors UdpInCsumErrors 2>/dev/null |
			awk '$1 ~ /Csum/ && $2 > 0 { print; found = 1 } END { exit !found }' || return
	done
}

ktap_print_header
ktap_set_plan 43
need "iavf binds to functions of an XL710 and an X722" binds
check "link and speed are what the PF says" reports_link
need "ping, both ways" works 0 1
check "the lab host is on the wire" reaches_wire
check "TCP over IPv4 and IPv6, segmented by the device" offloads
check "TCP without offloads" works_without_offloads
check "jumbo frames" jumbo
check "TCP in tunnels, segmented by the device" tunnels
check "VLAN, tagged and filtered by the device" vlan
check "VLAN, tagged by the kernel" vlan_without_offloads
check "a VLAN filter goes" vlan_goes
check "statistics are those of the device" statistics_agree
check "rings of other sizes" rings
check "interrupt throttling" throttling
check "four queue pairs" four_queues
check "RSS spreads flows" rss_spreads
check "RSS follows the table" rss_table
check "multicast filters" multicast
check "promiscuous, and all multicast" promiscuous
check "who is not trusted is not promiscuous" untrusted
check "a MAC address of its own" own_address
check "another than the administrator's" administrators_address
check "version and resources refused" refuse_both_probes
check "a filter taken away, and given back by a reset" unfiltered
check "a foreign source address is not sent" spoofing
check "link down, up, and of another speed" link_changes
check "reset by the PF" reset_by_pf
check "reset without notice" reset_unannounced
check "reset that takes its time" slow_reset
check "function level reset" function_level_reset
check "filters are back after a reset" keeps_vlan_and_mac
check "queue requests refused" queue_refusals
check "filter requests refused" filter_refusals
check "a PF that does not answer" silent_pf
check "a PF that takes its time" slow_pf
check "fewer queues" fewer_queues
check "version and resources no longer refused" both_probed
check "X722" x722
check "the module reloads" reloads
check "the device remembers which pages it wrote" dirty_pages
check "the kernel found no wrong checksum" no_checksum_errors
check "nothing that the device would complain about" nothing_wrong
check "everything still works" transfers 0 1
ktap_finished
