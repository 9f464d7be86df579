# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Functions of the i40e-vf model in this lab host, each with the stock iavf in a
# network namespace of its own: function N is "eth0" in "nN", with the addresses
# below.

# shellcheck source-path=SCRIPTDIR source=i40e.sh
. "$(dirname "${BASH_SOURCE[0]}")/i40e.sh"

address() { echo "192.0.2.$((10 + $1))"; }
address6() { echo "2001:db8::$((10 + $1))"; }
in_ns() { ip netns exec "n$1" "${@:2}"; }

has_netdev() { [ -n "$(ls "$pci/${FUNCTIONS[$1]}/net" 2>/dev/null)" ]; }

# set_up N: as it comes from the driver, in the root namespace
set_up()
{
	local name

	until_true has_netdev "$1" || return
	udevadm settle
	name=$(ls "$pci/${FUNCTIONS[$1]}/net")
	[ -e "/run/netns/n$1" ] || ip netns add "n$1"
	ip link set "$name" netns "n$1" name eth0
	bring_up "$1"
}

bring_up()
{
	in_ns "$1" sysctl -qw net.ipv6.conf.eth0.accept_dad=0 2>/dev/null
	ip -n "n$1" address replace "$(address "$1")/24" dev eth0
	until_true ip -n "n$1" link set eth0 up || return
	ip -n "n$1" address replace "$(address6 "$1")/64" dev eth0 nodad
	until_true has_link "$1"
}

has_link() { ip -n "n$1" -br link show eth0 | grep -q LOWER_UP; }
has_no_link() { ! has_link "$1"; }

# configure N COMMAND...: in its namespace; 6.1 refuses it while it resets.
configure() { until_true in_ns "$@"; }

# bounce N: down and up, which configures all anew
bounce() { ip -n "n$1" link set eth0 down && bring_up "$1"; }

# pings A B [PING-ARGUMENT...]
pings() { until_true ping_once "$1" "$(address "$2")" "${@:3}"; }
ping_once() { in_ns "$1" ping -q -c 1 -W 2 "${@:3}" "$2" >/dev/null; }

# works A B: both ways
works() { pings "$1" "$2" && pings "$2" "$1"; }

# transfers A B [ADDRESS]: 1 MiB over TCP, unharmed, as it was sent
transfers()
{
	local to=${3:-$(address "$2")} family=4 sent received

	case $to in *:*) family=6 to="[$to]" ;; esac
	[ -e /run/data ] || head -c 1048576 /dev/urandom >/run/data
	rm -f /run/received
	in_ns "$2" timeout 60 socat -u "TCP$family-LISTEN:5001,reuseaddr" "CREATE:/run/received" &
	until_true listens "$2" || return
	in_ns "$1" timeout 60 socat -u FILE:/run/data "TCP$family:$to:5001" || return
	wait $! || return
	sent=$(md5sum </run/data) received=$(md5sum </run/received)
	echo "$sent, $received"
	[ "$sent" = "$received" ]
}

listens() { in_ns "$1" ss -Hltn 'sport = 5001' | grep -q .; }

# mark; says PATTERN: the kernel has, since the mark. Its log is kept for the check
# that it is clean.
mark() { echo "iavf.sh: mark $((++MARK))" >/dev/kmsg; }
MARK=0
says() { grep -qE "$1" <<<"$(dmesg | sed "1,/iavf.sh: mark $MARK\$/d")"; }

# send_frame SENDER RECEIVER DESTINATION-MAC: a frame to that address, and one to
# all. Prints the addresses that the receiver gets, in one process: a second takes
# longer than all the rest.
send_frame()
{
	timeout 30 python3 - "$1" "$2" "$3" <<-'EOP'
		import os, socket, sys
		def in_ns(n, protocol):
		    os.setns(os.open(f"/run/netns/n{n}", os.O_RDONLY))
		    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
		    s.bind(("eth0", protocol))
		    return s
		sender, receiver = in_ns(sys.argv[1], 0), in_ns(sys.argv[2], 0x88b5)
		source = sender.getsockname()[4]
		everybody = b"\xff" * 6
		for to in bytes.fromhex(sys.argv[3].replace(":", "")), everybody:
		    sender.send(to + source + b"\x88\xb5" + b"x" * 46)
		to = b""
		while to != everybody:
		    frame = receiver.recv(2000)
		    if frame[6:12] == source:
		        to = frame[:6]
		        print(to.hex(":"))
	EOP
}

frame_seen() { grep "^$3\$" <<<"$(send_frame "$@")"; }

frame_unseen()
{
	local seen

	seen=$(send_frame "$@") && echo "$seen" && ! grep -q "^$3\$" <<<"$seen"
}
