# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest: a distribution kernel and an initrd that holds busybox, drivers and
# QEMU's guest agent. In the lab host it is /lab/guest/{vmlinuz,initrd}.

# Old enough for every host, and what users of Debian 13 run.
readonly GUEST_KERNEL=6.12

guest()
{
	local kernel root

	kernel=$(kernel "$GUEST_KERNEL")
	root=$(build_root)
	artefact guest "$(recipe_key "$(declare -f build_guest copy_modules)" "$LAB"/guest/* \
			  "$LAB/packages/guest-modules" "$kernel" "$root")" 3 build_guest "$kernel" "$root"
}

build_guest()
{
	local dir=$1 kernel=$2 root=$3 tree=$1/tree release library

	release=$(cat "$kernel/release")
	mkdir -p "$tree"/{bin,sbin,usr/bin,usr/sbin,etc,dev,proc,sys,run,root,tmp}
	cp "$(busybox)" "$tree/bin/busybox" || return
	cp "$LAB"/guest/* "$tree/etc/"
	mv "$tree/etc/init" "$tree/init"
	cp "$root/usr/sbin/qemu-ga" "$tree/usr/sbin/"
	for library in $(chroot "$root" ldd /usr/sbin/qemu-ga | grep -o '/[^ ]*'); do
		mkdir -p "$tree${library%/*}"
		cp -L "$root$library" "$tree$library"
	done
	sed '/^#/d' "$LAB/packages/guest-modules" |
		copy_modules "$kernel/modules" "$release" "$tree" || return
	pack_initrd "$tree" "$dir/initrd" || return
	cp "$kernel/vmlinuz" "$dir/"
	discard "$tree"
}
