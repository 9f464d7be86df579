#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: run.sh [PROGRAM [ARGUMENT...]]
#
# Run the selftests that were built into this script's directory, all or one,
# in the lab host. Each prints its KTAP. Exit status: how many of them failed.

cd "$(dirname "$0")" || exit 125
failed=()

modprobe -a mdev_pt vfio-pci || exit 125

run()
{
	local status

	echo "# $*"
	"./$1" "${@:2}"
	status=$?
	# 4: all of it was skipped
	[ $status -eq 0 ] || [ $status -eq 4 ] || failed+=("$1")
}

if [ $# -gt 0 ]; then
	run "$@"
else
	for program in *; do
		[[ ! -f $program || ! -x $program || $program == *.* ]] || run "$program"
	done
fi

echo "# programs that failed: ${failed[*]:-none}"
exit ${#failed[@]}
