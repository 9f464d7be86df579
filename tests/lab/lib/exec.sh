# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run a command inside the build root. The mounts are made in a mount namespace
# of their own: they go away with the command, whatever becomes of it.
#
# shellcheck disable=SC2153 # CHECKOUT and CACHE are set by the caller's files

# in_build_root COMMAND...: becomes the command, so call it in a subshell, or
# last. The checkout and the cache are where they are outside. The kernels are
# at /kernels/NAME, their headers where Debian's makefiles look for them, and
# the kernel's own tools (checkpatch, ...) at /kernels/tools.
in_build_root()
{
	local root

	root=$(build_root)
	hold "$root"
	exec setpriv --pdeathsig TERM -- unshare --mount --propagation private -- \
		"$BASH" -euc "$(declare -f enter_root link_kernels link_headers); enter_root \"\$@\"" \
		lab "$root" "$CHECKOUT" "$CACHE" "$(pwd -P)" "$@"
}

enter_root()
{
	local root=$1 checkout=$2 cache=$3 cwd=$4 dir

	shift 4
	mount -t proc proc "$root/proc"
	for dir in /kernels /usr/src /usr/lib/modules; do
		mount -t tmpfs -o mode=755 lab "$root$dir"
	done
	for dir in /dev /sys /tmp "$checkout" "$cache"; do
		mkdir -p "$root$dir"
		mount --rbind "$dir" "$root$dir"
	done
	link_kernels "$root" "$cache"
	# What was compiled before, in any checkout, is taken from the cache.
	mkdir -p "$cache/ccache"
	export CCACHE_DIR=$cache/ccache CCACHE_BASEDIR=$checkout CCACHE_NOHASHDIR=y CCACHE_MAXSIZE=1G
	export PATH=/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
	[ -d "$root$cwd" ] || cwd=/
	# shellcheck disable=SC2016 # the inner shell's arguments
	exec chroot "$root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$cwd" "$@"
}

link_kernels()
{
	local root=$1 cache=$2 kernel name release tools

	# The one used last is linked last, and stays.
	find "$cache"/kernels/*-???????????? -maxdepth 0 -type d -printf '%T@ %p\n' 2>/dev/null | sort -n |
		while read -r _ kernel; do
		[ -e "$kernel/release" ] || continue
		name=$(basename "${kernel%-*}")
		release=$(cat "$kernel/release")
		ln -sfn "$kernel/build" "$root/kernels/$name"
		mkdir -p "$root/usr/lib/modules/$release"
		ln -sfn "$kernel/build" "$root/usr/lib/modules/$release/build"
		link_headers "$root" "$kernel"
	done
	tools=$(find "$cache"/kernel-tools-???????????? -maxdepth 0 -type d -printf '%T@ %p\n' 2>/dev/null |
		sort -n | tail -n 1)
	[ -z "$tools" ] || ln -s "${tools#* }" "$root/kernels/tools"
}

link_headers()
{
	local root=$1 kernel=$2 headers

	for headers in "$kernel"/headers/usr/src/*; do
		[ ! -d "$headers" ] || ln -sfn "$headers" "$root/usr/src/${headers##*/}"
	done
}
