# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernels of the lab host. Whatever their origin they have one form, in
# $CACHE/kernels/NAME-KEY/:
#
#	release			what uname -r says
#	vmlinuz
#	modules/lib/modules/RELEASE	the modules, with depmod's files
#	modules.img		the same as an ext4 image, mounted on
#				/lib/modules/RELEASE in the lab host
#	initrd			see initrd.sh
#	build			what `make -C` wants for an external module
#	headers/		where it is Debian's: the trees behind `build`
#
# In the build root `build` is /kernels/NAME and /lib/modules/RELEASE/build.

readonly DISTRIBUTION_KERNELS='6.1 6.12 7.3'
readonly DEBUG_KERNELS='debug-lockdep debug-kasan'

# kernel NAME: the directory of that kernel, built when it isn't there.
kernel()
{
	local recipe=("$(declare -f finish_kernel build_initrd)" "$INITRD_MODULES")

	case " $DISTRIBUTION_KERNELS / $DEBUG_KERNELS " in
	*" $1 "*/*)
		recipe+=("$(declare -f build_distribution_kernel unpack_kernel select_modules)"
			 "$LAB/packages/kernel-modules")
		artefact "kernels/$1" "$(recipe_key "${recipe[@]}")" 20 build_distribution_kernel "$1" ;;
	*/*" $1 "*)
		recipe+=("$LAB/debug-kernel.sh" "$LAB"/debug-kernel/*)
		artefact "kernels/$1" "$(recipe_key "${recipe[@]}")" 900 build_debug_kernel "$1" ;;
	*)
		die "no kernel named $1: have $DISTRIBUTION_KERNELS $DEBUG_KERNELS" ;;
	esac
}

# A debug kernel's script leaves release, vmlinuz, modules/ and build.
build_debug_kernel()
{
	"$LAB/debug-kernel.sh" "$2" "$1" && finish_kernel "$1"
}

build_distribution_kernel()
{
	local dir=$1 name=$2 tree=$1/work/root version release

	version=$(private_apt apt-cache madison linux-image-amd64 |
		  awk -F' *[|] *' -v prefix="$name." 'index($2, prefix) == 1 { print $2; exit }')
	release=$(private_apt apt-cache show "linux-image-amd64=$version" |
		  sed -n 's/^Depends:.*\blinux-image-\([^ ]*\).*/\1/p')
	[ -n "$release" ] || { echo "the archive has no kernel $name"; return 1; }
	echo "$release" >"$dir/release"

	unpack_kernel "$dir/work" "$release" "$tree" || return
	mkdir -p "$dir/headers/usr/lib"
	mv "$tree/usr/src" "$dir/headers/usr/"
	mv "$tree"/usr/lib/linux-kbuild-* "$dir/headers/usr/lib/"
	ln -s "headers/usr/src/linux-headers-$release" "$dir/build"
	mv "$(find "$tree" -name 'vmlinuz*' -print -quit)" "$dir/vmlinuz"
	select_modules "$tree/usr/lib/modules/$release" "$dir/modules/lib/modules/$release" || return
	depmod -b "$dir/modules" "$release" || return
	discard "$dir/work"
	finish_kernel "$dir"
}

# unpack_kernel WORK RELEASE TREE: the kernel, its modules and its headers, from
# however many packages this version comes in.
unpack_kernel()
{
	local work=$1 release=$2 tree=$3 packages package checker

	packages=$(private_apt apt-cache depends "linux-image-$release" "linux-headers-$release" |
		   grep -oE "linux-(binary|modules|base|kbuild|headers)-[0-9][^ ]*" | sort -u)
	mkdir -p "$tree"
	# shellcheck disable=SC2086 # a list
	(cd "$work" && private_apt apt-get download "linux-image-$release" "linux-headers-$release" $packages) || return
	for package in "$work"/*.deb; do
		dpkg-deb -x "$package" "$tree" || return
	done
	# Until Debian 12 /lib and /usr/lib were different places in a package.
	[ ! -d "$tree/lib" ] || cp -al "$tree/lib/." "$tree/usr/lib/"
	# 7.3's package leaves out a script that kbuild wants for C=1.
	checker=$(echo "$tree"/usr/lib/linux-kbuild-*/scripts)/checker-valid.sh
	[ -e "$checker" ] || printf '#!/bin/sh\necho 1\n' >"$checker"
	chmod 755 "$checker"
}

# select_modules FROM TO: copy the modules that packages/kernel-modules names
# and the ones they need, uncompressed: TCG is slow at decompressing.
select_modules()
{
	local from=$1 to=$2 wanted more

	mkdir -p "$to"
	(cd "$from" && find kernel -name '*.ko*') | sort >"$to.all"
	wanted=$(sed '/^#/d; s,^,kernel/,' "$LAB/packages/kernel-modules" | grep -F -f - "$to.all")
	while :; do
		# shellcheck disable=SC2086 # a list
		more=$(cd "$from" && modinfo -F depends $wanted | tr ',_' '\n-' | sort -u | awk '
			NR == FNR { needed[$0]; next }
			{ name = $0; sub(".*/", "", name); sub("[.]ko.*", "", name); gsub("_", "-", name) }
			name in needed' - "$to.all" | sort -u - <(printf '%s\n' $wanted))
		[ "$more" != "$wanted" ] || break
		wanted=$more
	done
	(cd "$from" && { printf '%s\n' "$wanted"; find . -maxdepth 1 -name 'modules.*'; } | cpio -pdm --quiet "$to")
	find "$to" -name '*.ko.xz' -exec xz -d {} +
	rm "$to.all"
}

# finish_kernel DIR: what doesn't depend on where the kernel came from.
finish_kernel()
{
	local dir=$1 size

	build_initrd "$dir" || return
	size=$(du -sm "$dir/modules" | cut -f1)
	mke2fs -q -t ext4 -O ^has_journal -L lab-modules \
		-d "$dir/modules/lib/modules/$(cat "$dir/release")" "$dir/modules.img" "$((size * 5 / 4 + 64))M"
}
