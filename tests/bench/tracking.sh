#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: tracking.sh [KERNEL]
#
# What the tracking of dirty pages costs the lab host, three times; about 2 minutes
# with the lab set up. 6.12.

set -eu
cd "$(dirname "$0")/../.."
kernel=${1:-6.12}
lab=tests/lab/lab

$lab setup "$kernel"
$lab exec -- make -s -j"$(nproc)" modules EXTRA=1 KDIR="/kernels/$kernel" BUILD="build/$kernel"
$lab exec -- make -s -j"$(nproc)" tests BUILD="build/$kernel"
$lab run --kernel "$kernel" --devices igb --timeout 600 -- \
	tests/bench/tracking-host "/src/build/$kernel"
