#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# debug-kernel.sh NAME DIR: build the kernel debug-kernel/NAME.config from
# Debian's linux-source, and leave in DIR what lib/kernels.sh wants of a kernel:
# release, vmlinuz, modules/, build. The built kernel is an artefact of its own,
# so that a change to the rest of the lab doesn't compile it anew.

set -euo pipefail

LAB=$(dirname "$(readlink -f "$0")")
# shellcheck disable=SC2034 # lib/exec.sh mounts it
CHECKOUT=$(readlink -f "$LAB/../..")

for part in common apt roots tools exec; do
	# shellcheck source=/dev/null
	. "$LAB/lib/$part.sh"
done

# Which source tools.sh is to fetch
SOURCE=linux-source-6.12
readonly FRAGMENTS=$LAB/debug-kernel

# The names in the banner would be those of the machine that built it.
export KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab

# What no configuration here compiles, and Kconfig doesn't read, is a third of
# the tree.
unpack_source()
{
	local package=$1 tree=$2

	mkdir -p "$tree" &&
		dpkg-deb --fsys-tarfile "$package" | tar -xO "./usr/src/$SOURCE.tar.xz" |
		tar -xJ -C "$tree" --strip-components=1 \
			--exclude='*/Documentation/*/*' --exclude='*/tools/testing/*' \
			--exclude='*/drivers/gpu/drm/*.[ch]'
}

kernel_make()
{
	(in_build_root make -s -C "$1" -j"$(nproc)" "${@:2}")
}

# configure TREE NAME
configure()
{
	local tree=$1 fragments=("$FRAGMENTS/common.config" "$FRAGMENTS/$2.config")

	# shellcheck disable=SC2016 # the inner shell's arguments
	(in_build_root sh -euc 'cd "$1" && shift && scripts/kconfig/merge_config.sh -Q "$@" >.merge.log' \
		sh "$tree" kernel/configs/kvm_guest.config "${fragments[@]}") &&
		check_config "$tree/.config" "${fragments[@]}"
}

# Kconfig drops silently what it can't have: an option that was renamed, or has
# a new dependency. A checker that is not there finds nothing, so that is an error.
check_config()
{
	local config=$1

	shift
	awk -v config="$config" '
		function option(line) { sub(/^# /, "", line); sub(/[= ].*/, "", line); return line }
		BEGIN { while ((getline line < config) > 0)
				if (line ~ /^CONFIG_/) have[option(line)] = line }
		/^CONFIG_/ && have[option($0)] != $0 { print "not in the configuration: " $0; bad = 1 }
		/^# CONFIG_.* is not set$/ && option($0) in have { print "in the configuration: " have[option($0)]; bad = 1 }
		END { exit bad }' "$@"
}

# build_debug NEW-DIR NAME VERSION
build_debug()
{
	local dir=$1 name=$2 version=$3
	local package tree=$dir/work

	package=$(artefact "$SOURCE" "$(recipe_key "$version")" 10 download_source "$version") || return
	say "unpacking $SOURCE $version"
	unpack_source "$package/${SOURCE}"_*.deb "$tree" || return
	say "configuring"
	configure "$tree" "$name" || return
	say "compiling the kernel"
	kernel_make "$tree" bzImage || return
	say "compiling the modules"
	kernel_make "$tree" modules || return
	say "installing"
	cp "$tree/include/config/kernel.release" "$dir/release"
	cp "$tree/arch/x86/boot/bzImage" "$dir/vmlinuz"
	kernel_make "$tree" INSTALL_MOD_PATH="$dir/modules" modules_install || return
	rm -f "$dir"/modules/lib/modules/*/{build,source}
	kernel_make "$tree" run-command \
		KBUILD_RUN_COMMAND="scripts/package/install-extmod-build $dir/build" || return
	cp "$tree/.config" "$dir/build/"
	discard "$tree"
	say "done: $(cat "$dir/release"), $(du -sh "$dir" | cut -f1)"
}

main()
{
	local name=$1 dir=$2 version key built

	[ -f "$FRAGMENTS/$name.config" ] || die "no $FRAGMENTS/$name.config"
	need_root
	version=$(source_version)
	[ -n "$version" ] || die "the archive has no $SOURCE"
	key=$(recipe_key "$version" "$(declare -f unpack_source configure build_debug)" \
	      "$FRAGMENTS/common.config" "$FRAGMENTS/$name.config")
	built=$(artefact "debug-kernel/$name" "$key" 900 build_debug "$name" "$version")
	cp -al "$built/." "$dir/"
}

[ $# -eq 2 ] || die "usage: debug-kernel.sh NAME DIR"
main "$@"
