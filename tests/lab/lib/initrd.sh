# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab host's initrd: busybox and the few modules that reach the disks and
# the shares, made once a kernel, and what is in initrd/, added at each boot.

# What initrd/init loads.
readonly INITRD_MODULES='virtio_pci virtio_blk ext4 crc32c_generic crc32c-intel
			 crc32c-cryptoapi 9pnet_virtio 9p'

busybox()
{
	echo "$(artefact busybox "$(recipe_key "$(declare -f build_busybox)")" 2 build_busybox)/usr/bin/busybox"
}

build_busybox()
{
	(cd "$1" && private_apt apt-get download busybox-static) && dpkg-deb -x "$1"/*.deb "$1" && rm "$1"/*.deb
}

# modules_with_dependencies TREE RELEASE: from names on stdin to paths in TREE.
# A name that this kernel doesn't have, or has built in, is left out.
modules_with_dependencies()
{
	local module

	while read -r module; do
		modprobe -d "$1" -S "$2" --show-depends "$module" 2>/dev/null
	done | sed -n 's,^insmod .*/\(lib/modules/[^ ]*\).*,\1,p' | sort -u
}

# copy_modules TREE RELEASE TO: those on stdin, with depmod's files.
copy_modules()
{
	local tree=$1 release=$2 to=$3

	mkdir -p "$to/lib/modules/$release"
	modules_with_dependencies "$tree" "$release" | (cd "$tree" && cpio -pdm --quiet "$to") || return
	cp "$tree/lib/modules/$release"/modules.{order,builtin} "$to/lib/modules/$release/"
	depmod -b "$to" "$release"
}

# pack_initrd TREE FILE: not compressed, TCG is slow at decompressing.
pack_initrd()
{
	(cd "$1" && find . | cpio -o -H newc --quiet) >"$2"
}

# build_initrd DIR: the kernel's part, DIR/initrd.
build_initrd()
{
	local dir=$1 tree=$1/initrd.tree release

	release=$(cat "$dir/release")
	mkdir -p "$tree"/{bin,sbin,dev,proc,sys,root}
	cp "$(busybox)" "$tree/bin/busybox" || return
	ln -s ../bin/busybox "$tree/sbin/modprobe"
	# shellcheck disable=SC2086 # a list
	printf '%s\n' $INITRD_MODULES | copy_modules "$dir/modules" "$release" "$tree" || return
	pack_initrd "$tree" "$dir/initrd" || return
	discard "$tree"
}

# add_init INITRD FILE: the kernel unpacks one archive after the other.
add_init()
{
	cp "$1" "$2"
	(cd "$LAB/initrd" && printf '%s\n' init shares start | cpio -o -H newc --quiet) >>"$2"
}
