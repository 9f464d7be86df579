# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The two Debian 13 trees: the build root, where everything is compiled and
# where the lab host's QEMU comes from, and the lab host's disk image.

package_list()
{
	sed "/^#/d" "$LAB/packages/$1" | paste -sd, -
}

# make_root DIR PACKAGES PREFERENCES [MMDEBSTRAP-OPTION...]
make_root()
{
	local dir=$1 packages=$2 preferences=$3 work

	shift 3
	work=$(mktemp -d)
	apt_acquire_options >"$work/apt.conf"
	printf '%s\n' "$preferences" >"$work/preferences"
	apt_sources | mmdebstrap --mode=root --variant=apt --format=directory \
		--keyring=/usr/share/keyrings --include="$packages" \
		--aptopt="$work/apt.conf" \
		--dpkgopt='force-unsafe-io' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/i18n/*' \
		--setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\"" \
		--setup-hook="cp $work/preferences \"\$1/etc/apt/preferences.d/lab\"" \
		"$@" trixie "$dir" -
	rm -rf "$work"
}

# The code that makes a root is part of its recipe, an unrelated edit is not.
root_recipe()
{
	declare -f make_root apt_sources apt_preferences apt_preferences_new_qemu apt_acquire_options "$1"
}

build_build_root()
{
	make_root "$1" "$(package_list build-root)" "$(apt_preferences; apt_preferences_new_qemu)" &&
		mkdir -p "$1/kernels" "$1/usr/src" "$1/usr/lib/modules"
}

build_root()
{
	artefact build-root "$(recipe_key "$(root_recipe build_build_root)" "$LAB/packages/build-root")" \
		60 build_build_root
}

build_host_image()
{
	local dir=$1 size

	make_root "$dir/root" "$(package_list host-image)" "$(apt_preferences)" \
		--dpkgopt='path-exclude=/usr/share/qemu/edk2*' \
		--customize-hook="$LAB/host/customize \"\$1\"" || return
	rm -rf "$dir"/root/var/lib/apt/lists/* "$dir"/root/var/cache/apt/*
	size=$(du -sm "$dir/root" | cut -f1)
	mke2fs -q -t ext4 -O ^has_journal -L lab-host -d "$dir/root" \
		"$dir/root.img" "$((size * 5 / 4 + 1024))M" || return
	discard "$dir/root"
}

host_image()
{
	artefact host-image "$(recipe_key "$(root_recipe build_host_image)" "$LAB/packages/host-image" \
			       "$LAB/host/customize")" 60 build_host_image
}
