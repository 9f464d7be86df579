#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: run.sh [PROGRAM [ARGUMENT...]]
#
# Run the selftests that were built into this script's directory, all or one,
# in the lab host. Each prints its KTAP. Exit status: how many of them failed.
# WITHOUT and ONLY, in the environment, name programs that "all" leaves out, or
# does not.

cd "$(dirname "$0")" || exit 125
failed=()

modprobe -a mdev_pt vfio-pci || exit 125

# Vendors that come by alias would be one more type, and one more user of the
# core, where a test counts on there being none.
vendors='pt_edu mdev_pt_igd mdev_pt_igb_vf mdev_pt_i40e_vf'
vendors_of()
{
	local config=/run/modprobe.d/mdev-pt-selftests.conf

	mkdir -p "${config%/*}"
	case $1 in
	sample|igd|igbvf*|i40evf*|dirty*|doorbell)
		rm -f "$config" ;;
	*)
		# shellcheck disable=SC2086 # a list
		printf 'blacklist %s\n' $vendors >"$config"
		for vendor in $vendors; do
			modprobe -qr "$vendor"
		done ;;
	esac
}

run()
{
	local status

	vendors_of "$1"
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
		[[ -f $program && -x $program && $program != *.* ]] || continue
		# Their devices are models that other tests don't need.
		[ "$program" != igd ] || [ -n "$(lspci -d 8086::0300)" ] || continue
		[[ $program != i40evf* ]] || [ -n "$(lspci -d 8086:154c)" ] || continue
		[[ " ${WITHOUT-} " != *" $program "* ]] || continue
		[[ -z ${ONLY-} || " $ONLY " == *" $program "* ]] || continue
		run "$program"
	done
fi

echo "# programs that failed: ${failed[*]:-none}"
exit ${#failed[@]}
