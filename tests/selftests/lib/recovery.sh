# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# NIC=i40e: what a move is to the guest's driver, as the model and the lab host's
# kernel see it. The driver has to set an XL710's VF up anew where it arrives,
# once, and tells it all that it had told the other. For other NICs there is
# nothing to see. A part of migration.sh.

tracing=/sys/kernel/tracing
declare -A SETUPS=()	# by slot: how often a driver had set up the function
RECOVERIES=0		# that were seen in all

# What the driver reads of a function that was reset, and what goes through the
# hypervisor: VFINT_ICR01 (0x4800), in the handler of the interrupt that tells it, and
# VF_ARQLEN1 (0x8000), when its task for resets begins, or in the middle of another.
# VFGEN_RSTAT, which it also reads at other times, tells it nothing when the reset is
# over.
trace_recoveries()
{
	mountpoint -q $tracing || mount -t tracefs tracing $tracing || return
	echo mono >$tracing/trace_clock
	echo 'pos == 0x4800 || pos == 0x8000' >$tracing/events/syscalls/sys_enter_pread64/filter
	echo 1 >$tracing/events/syscalls/sys_enter_pread64/enable
	echo 1 >$tracing/events/mdev_pt/mdev_pt_state/enable
}

setups() { counter "${1#slot}" 'request GET_VF_RESOURCES'; }

# configuration SLOT: what the guest has told the function, and what it was granted
configuration() { model "${1#slot}" state | configured_part; }

# Of the function's state
configured_part()
{
	grep -vE '^(reset-state|vsi|atq|arq|default-mac|vector) ' |
		sed -E 's/ (base|head|tail|packets) [0-9a-fx]+//g' | sort
}

before_move()
{
	[ "$NIC" = i40e ] || return 0
	SETUPS=([slot0]=$(setups slot0) [slot1]=$(setups slot1))
	CONFIGURATION=$(configuration $here)
	echo >$tracing/trace
}

# Filters come back one by one, after the traffic.
nothing_is_missing()
{
	[ "$NIC" = i40e ] || return 0
	until_true same_configuration && return
	diff <(echo "$CONFIGURATION") <(configuration $here)
}

same_configuration() { [ "$(configuration $here)" = "$CONFIGURATION" ]; }

# recovered MIN MAX: as often as that since the move began, here or there
recovered()
{
	local times

	[ "$NIC" = i40e ] || return 0
	times=$(($(setups slot0) - SETUPS[slot0] + $(setups slot1) - SETUPS[slot1]))
	RECOVERIES=$((RECOVERIES + times))
	echo "the driver has set its device up $times times"
	[ $times -ge "$1" ] && [ $times -le "$2" ]
}

# not_touched SLOT: no driver was there since the move began.
not_touched() { [ "$NIC" != i40e ] || [ "$(setups "$1")" = "${SETUPS[$1]}" ]; }

# detection: microseconds from when the function ran until the driver took a first
# look, and until it had been interrupted and began to reset the function; zeroes for
# a NIC whose driver has nothing to look for. Since 7.3 the trace's numbers have 0x.
detection()
{
	[ "$NIC" = i40e ] || { echo 0 0; return; }
	awk -v bdf="${VF[$here]}" '
		{ for (i = 1; i < NF && $i !~ /^[0-9]+\.[0-9]+:$/; i++); time = $i * 1e6 }
		/mdev_pt_state: / && index($0, bdf) && / -> 2 ret=0/ { running = time; seen = told = begun = 0 }
		/sys_pread64/ && running && !seen { seen = time }
		/sys_pread64/ && running && /pos: (0x)?4800/ { told = 1 }
		/sys_pread64/ && told && !begun && /pos: (0x)?8000/ { begun = time }
		END { if (!begun) exit 1; printf "%d %d\n", seen - running, begun - running }' \
		<(grep -v '^#' $tracing/trace)
}

# has_stopped SLOT: the function there was stopped since the move began.
has_stopped() { grep -qE "mdev_pt_state: ${VF[$1]} .* -> [135] ret=0" $tracing/trace; }
