#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: run.sh [PROGRAM [--case CASE | ARGUMENT...]]
#
# Run the selftests that were built into this script's directory, all or one,
# in the lab host. Each prints its KTAP. Exit status: how many of them failed.
# CASE: [FIXTURE.[VARIANT.]]TEST or VARIANT.TEST, as KTAP has it. WITHOUT and ONLY, in
# the environment, name programs that "all" leaves out, or does not.

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

# udev wants to know all of each device that comes, and there are thousands: a third of
# the time. How it gets on with us is seen by stress and the scripts.
set_udev()
{
	case $1 in
	stress)	systemctl start systemd-udevd.service ;;
	*)	systemctl stop systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd.service ;;
	esac
}

# busy: hundredths of a second that all CPUs have worked
busy() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }

run()
{
	local status before start=$EPOCHREALTIME

	vendors_of "$1"
	set_udev "$1"
	before=$(busy)
	echo "# $*"
	"./$1" "${@:2}"
	status=$?
	awk -v name="$1" -v took="$start $EPOCHREALTIME $before $(busy)" 'BEGIN {
		split(took, t); printf "# %s took %.1f s, %.1f s of a CPU\n", name, t[2] - t[1], (t[4] - t[3]) / 100 }'
	# 4: all of it was skipped
	[ $status -eq 0 ] || [ $status -eq 4 ] || failed+=("$1")
}

# cases PROGRAM CASE: the full names of all that CASE means. The harness lists fixtures,
# their variants and their tests in three columns, each fixture behind a line.
cases()
{
	"./$1" -l 2>&1 | awk -v wanted="$2" '
		function column(at, len, text) { text = substr($0, at, len); gsub(/ /, "", text); return text }
		function full(v, t) { return fixture (v == "" ? "" : "." v) "." t }
		function means(name, t) { return name == wanted || fixture "." t == wanted ||
			substr(name, length(name) - length(wanted)) == "." wanted }
		function show(v, t) {
			if (!variants) variant[variants++] = ""
			for (v = 0; v < variants; v++)
				for (t = 0; t < tests; t++)
					if (means(full(variant[v], test[t]), test[t]))
						print full(variant[v], test[t])
			variants = tests = 0
		}
		/^# FIXTURE/ { next }
		/^----/ { show(); next }
		column(1, 20) != "" { fixture = column(1, 20) }
		column(22, 25) != "" { variant[variants++] = column(22, 25) }
		column(48, 80) != "" { test[tests++] = column(48, 80) }
		END { show() }'
}

# run_case PROGRAM CASE
run_case()
{
	local names arguments=() name

	names=$(cases "$1" "$2")
	[ -n "$names" ] || { echo "# $1 has no case $2: $1 -l lists them"; exit 2; }
	for name in $names; do
		arguments+=(-r "$name")
	done
	run "$1" "${arguments[@]}"
}

if [ "${2-}" = --case ]; then
	run_case "$1" "$3"
elif [ $# -gt 0 ]; then
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
