# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For tests that are shell scripts, beside the kernel's ktap_helpers.sh.

# shellcheck disable=SC2034 # the tests use it
pci=/sys/bus/pci/devices

# check NAME COMMAND...: one test; what the command said is shown if it fails, and
# what $check_failed says then. A function may set variables for the tests after it.
check_failed=:
check()
{
	local name=$1 output=/run/check.$$

	shift
	if "$@" >$output 2>&1; then
		ktap_test_pass "$name"
	else
		ktap_test_fail "$name"
		sed 's/^/# /' $output
		$check_failed
		false
	fi
}

# need NAME COMMAND...: the same, for what all later tests build on.
need() { check "$@" || ktap_finished; }

# until_true COMMAND...: wait for a condition, 60 s at most.
until_true()
{
	local deadline=$((SECONDS + 60))

	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "never true: $*"; return 1; }
		sleep 0.2
	done
}
