#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: migration.sh [KERNEL [MOVES]]
#
# What moving a guest costs, with an 82576 VF as an mdev and with virtio-net, in
# one boot of the lab host; about 5 minutes with the lab set up. 6.12, 5 moves.

set -eu
cd "$(dirname "$0")/../.."
kernel=${1:-6.12}
lab=tests/lab/lab

$lab setup "$kernel"
$lab exec -- make -s modules KDIR="/kernels/$kernel" BUILD="build/$kernel"
$lab exec -- make -s tests BUILD="build/$kernel"
$lab run --kernel "$kernel" --devices igb --timeout 1800 -- \
	tests/bench/migration-host "/src/build/$kernel" "${2:-5}"
