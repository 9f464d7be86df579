#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU 7.2's intel-iommu (Debian 12). A guess that was wrong: its DMAR table has one
# remapping unit for "all PCI devices" (INCLUDE_PCI_ALL), as a desktop's has, so a
# function that comes to bus 0 later is behind it, too. Seen: the flag is not set; the
# unit names each function that was there when the machine started. One more function
# on the command line is one more name. A function that is found on bus 0 by a rescan
# (of a guest that began from a saved state, say) is named by nothing: Linux gives it
# no IOMMU group.
#
# Needs root's apt with Debian 12; nothing is installed outside a temporary folder.

set -euo pipefail
version=1:7.2+dfsg-7+deb12u18+b3
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf "$work"' EXIT

mkdir -p "$work/archives/partial" "$work/root"
apt-get install -qq -y --no-install-recommends --download-only --reinstall \
	-o Dir::Cache::archives="$work/archives" -o APT::Sandbox::User=root "qemu-system-x86=$version" >&2
for package in "$work"/archives/*.deb; do
	dpkg-deb -x "$package" "$work/root"
done
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu
share=$work/root/usr/share

# dmar DEVICE-ARGUMENT...: the flags of the first remapping unit, and how many
# functions it names. The firmware has copied the table to memory when it asks for a disk.
dmar()
{
	rm -f "$work"/monitor.{in,out} "$work"/{ram,log}
	mkfifo "$work/monitor.in" "$work/monitor.out"
	"$work/root/usr/bin/qemu-system-x86_64" -L "$share/qemu" -L "$share/seabios" -nodefaults -display none -m 64M \
		-M q35,kernel-irqchip=split -accel tcg -device intel-iommu,intremap=on "$@" \
		-chardev "file,id=log,path=$work/log" -device isa-debugcon,iobase=0x402,chardev=log \
		-chardev "pipe,id=m,path=$work/monitor" -mon chardev=m,mode=readline >"$work/qemu.log" 2>&1 &
	exec 3<>"$work/monitor.in" 4<>"$work/monitor.out"
	until grep -q 'No bootable device\|Booting from' "$work/log" 2>/dev/null; do
		kill -0 $! || { cat "$work/qemu.log" >&2; exit 1; }
		sleep 0.2
	done
	# Without the quotes it would divide.
	printf 'pmemsave 0 0x4000000 "%s/ram"\nquit\n' "$work" >&3
	wait $! || :
	exec 3>&- 4>&-
	python3 - "$work/ram" <<-'PYTHON'
		import struct, sys
		ram = open(sys.argv[1], 'rb').read()
		at = -1
		while (at := ram.find(b'DMAR', at + 1)) >= 0:
		    length = struct.unpack_from('<I', ram, at + 4)[0]
		    if 48 < length < 4096 and sum(ram[at:at + length]) & 0xff == 0:
		        break
		kind, size, flags = struct.unpack_from('<HHB', ram, at + 48)
		scope, named = at + 48 + 16, 0
		while scope < at + 48 + size:
		    named += ram[scope] in (1, 2)	# an endpoint, a bridge
		    scope += ram[scope + 1]
		print(flags & 1, named)
	PYTHON
}

read -r all before < <(dmar)
read -r all_more after < <(dmar -device edu)
echo "QEMU $version: INCLUDE_PCI_ALL $all, functions named: $before; with one more device: $all_more, $after"
[ "$all $all_more" = '0 0' ] && [ "$after" -eq $((before + 1)) ]
