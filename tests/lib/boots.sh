# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For tests/check: what is run in the lab, a boot of the lab host for each. $models is
# where device models are built, $long whether all is run that is long.
#
# shellcheck disable=SC2034,SC2054,SC2154 # check has the rest; devices have commas

# The boots of a kernel, in the order in which they are best started: long ones first,
# so that none of them is the last one to end, and those that wait beside those that work.
BOOTS='stress migration dirty iavf life i40evf guest-i40e igd parity guest mdevctl no-iommu'
# make check-long
LONG_BOOTS='migrate-i40e migrate-igb'

# The selftests of a boot; life has those that no other has.
declare -A PROGRAMS=(
	[stress]=stress
	[parity]='parity errors'
	[migration]='migration migration_life stream needs igbvf igbvf_mailbox igbvf_hostile attached'
	[dirty]='doorbell dirty dirty_memory dirty_rings dirty_ways dirty_beside dirty_paused dirty_group dirty_together dirty_ioas'
	[igd]=igd
	[i40evf]='i40evf i40evf_dirty i40evf_grants i40evf_hostile'
)

# boot_of PROGRAM
boot_of()
{
	local boot

	for boot in "${!PROGRAMS[@]}"; do
		case " ${PROGRAMS[$boot]} " in *" $1 "*) echo "$boot"; return ;; esac
	done
	echo life
}

# boot_options BOOT: sets OPTIONS, the lab's, and SECONDS_MOST, how long it may take.
boot_options()
{
	local model="$models/i40e-vf --vfs 2 --trusted"

	SECONDS_MOST=900
	case $1 in
	life|stress|parity) OPTIONS=(--devices igb,virtio-net,nvme,edu,vga) ;;
	migration)	OPTIONS=(--devices igb,nvme,edu) ;;
	dirty)		OPTIONS=(--devices igb,nvme,edu-pair) ;;
	mdevctl)	OPTIONS=(--devices igb,virtio-net) ;;
	no-iommu)	OPTIONS=(--devices igb --append intel_iommu=off) ;;
	igd)		OPTIONS=(--devices edu --model "$models/igd" --model "$models/igd --no-opregion") ;;
	iavf)		OPTIONS=(--devices '' --model "$model --mac 52:54:00:0e:00:10"
				 --model "$models/i40e-vf --vfs 2 --device 0x37cd") ;;
	i40evf)		OPTIONS=(--devices '' --model "$model") ;;
	guest-i40e)	OPTIONS=(--devices '' --model "$models/i40e-vf --trusted") ;;
	migrate-i40e)	OPTIONS=(--devices '' --model "$model"); SECONDS_MOST=5400 ;;
	migrate-igb)	OPTIONS=(--devices igb); SECONDS_MOST=5400 ;;
	*)		OPTIONS=(--devices igb) ;;
	esac
	[ -z "$long" ] || SECONDS_MOST=$((SECONDS_MOST * 4))
}

# boot_command KERNEL BOOT: sets COMMAND.
boot_command()
{
	local run=build/$1/selftests/run.sh build=/src/build/$1 boot

	case $2 in
	life)
		COMMAND=(env WITHOUT="${PROGRAMS[*]}" "$run") ;;
	# A vendor without ops changes nothing. AER comes last: it orders two locks the
	# other way than vfio-pci-core, and lockdep stops at the first it finds.
	parity)
		COMMAND=(sh -c "$run parity; MDEV_PT_TYPE=pt-test-null $run parity -v igb_vf; $run errors") ;;
	guest)
		COMMAND=(tests/selftests/guest.sh "$build") ;;
	guest-i40e)
		COMMAND=(env NIC=i40e tests/selftests/guest.sh "$build") ;;
	migrate-*)
		COMMAND=(env NIC="${2#migrate-}" tests/selftests/migrate.sh "$build" 50) ;;
	mdevctl|no-iommu|iavf)
		COMMAND=("tests/selftests/$2.sh" "$build") ;;
	*)
		COMMAND=(env ONLY="${PROGRAMS[$2]}" "$run") ;;
	esac
	[ -z "$long" ] || COMMAND=(env MDEV_PT_LONG=y "${COMMAND[@]}")
}

# weight_of BOOT: halves of a core that it is busy on
weight_of() { case $1 in stress|iavf|guest*|migrate-*|mdevctl|no-iommu) echo 2 ;; *) echo 1 ;; esac; }

# needs_models BOOT
needs_models() { case $1 in igd|iavf|i40evf|guest-i40e|migrate-i40e) ;; *) false ;; esac; }
