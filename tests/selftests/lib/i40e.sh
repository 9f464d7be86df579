# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Functions of the i40e-vf models in this lab host, whoever drives them.
# FUNCTIONS[N] is where function N is; MODEL_OF[N] and INDEX_OF[N] are what
# lab-model calls it.

FUNCTIONS=() MODEL_OF=() INDEX_OF=()

model() { lab-model -m "${MODEL_OF[$1]}" "${INDEX_OF[$1]}" "${@:2}"; }

# find_functions ID MODEL: those with that PCI id are that model's.
find_functions()
{
	local bdf index=0

	while read -r bdf _; do
		MODEL_OF+=("$2") INDEX_OF+=($((index++))) FUNCTIONS+=("$bdf")
	done < <(lspci -Dnd "$1")
}

# The lab host's own NIC on the first model's wire
wire_nic() { basename "$(dirname "$(grep -l 52:54:00:03:00: /sys/class/net/*/address)")"; }

# state N PATTERN: a line of what the model says about the function
state() { grep -qE "^$2\$" <<<"$(model "$1" state)"; }
not_state() { ! state "$@"; }
# counter N NAME: of requests the model only shows those that came.
counter()
{
	local stats value

	stats=$(model "$1" stats) && value=$(sed -n "s/^$2 //p" <<<"$stats") || return
	case $2 in "request "*) value=${value:-0} ;; esac
	echo "$value"
}

more_than() { [ "$(counter "$1" "$2")" -gt "$3" ]; }
# received_by N QUEUE: packets
received_by() { model "$1" state | sed -n "s/^rx $2 .* packets \([0-9]*\) .*/\1/p"; }
