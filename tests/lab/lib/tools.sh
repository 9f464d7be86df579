# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What of the kernel's source no header package has: checkpatch, kernel-doc and
# the selftest harness (that of 6.12 hangs when a test fails). In the build root
# they are at /kernels/tools.

SOURCE=linux-source-7.3
readonly TOOLS='scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch
		scripts/kernel-doc tools/docs/kernel-doc tools/lib/python/kdoc
		tools/testing/selftests/kselftest.h
		tools/testing/selftests/kselftest_harness.h
		tools/testing/selftests/kselftest/ktap_helpers.sh'

kernel_tools()
{
	artefact kernel-tools "$(recipe_key "$SOURCE" "$TOOLS" "$(declare -f build_kernel_tools)")" \
		40 build_kernel_tools
}

build_kernel_tools()
{
	local dir=$1 version package file members=()

	version=$(source_version)
	[ -n "$version" ] || { echo "the archive has no $SOURCE"; return 1; }
	package=$(artefact "$SOURCE" "$(recipe_key "$version")" 10 download_source "$version") || return
	for file in $TOOLS; do
		members+=("$SOURCE/$file")
	done
	dpkg-deb --fsys-tarfile "$package/${SOURCE}"_*.deb | tar -xO "./usr/src/$SOURCE.tar.xz" |
		tar -xJ -C "$dir" --strip-components=1 --occurrence=1 "${members[@]}"
	for file in $TOOLS; do
		[ -e "$dir/$file" ] || { echo "$SOURCE has no $file"; return 1; }
	done
}

# The newest version of the package $SOURCE
source_version()
{
	private_apt apt-cache show --no-all-versions "$SOURCE" | sed -n 's/^Version: //p'
}

download_source()
{
	local dir=$1 version=$2

	(cd "$dir" && private_apt apt-get download "$SOURCE=$version")
}
