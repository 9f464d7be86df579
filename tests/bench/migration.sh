#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: migration.sh [KERNEL [MOVES]]
#
# What moving a guest costs, with a VF of an 82576 or of an XL710 as an mdev and
# with virtio-net, in one boot of the lab host; about 8 minutes with the lab set
# up. 6.12, 5 moves. NICS, in the environment: which of virtio, igb and i40e.

set -eu
cd "$(dirname "$0")/../.."
kernel=${1:-6.12}
lab=tests/lab/lab

$lab setup "$kernel"
$lab exec -- make -s -j"$(nproc)" modules EXTRA=1 KDIR="/kernels/$kernel" BUILD="build/$kernel"
$lab exec -- make -s -j"$(nproc)" tests BUILD="build/$kernel"
models=$PWD/build/models
$lab exec -- make -s -j"$(nproc)" -C tests/models BUILD="$models"
$lab run --kernel "$kernel" --devices igb --model "$models/i40e-vf --vfs 2 --trusted" --timeout 2700 -- \
	env NICS="${NICS:-virtio igb i40e}" tests/bench/migration-host "/src/build/$kernel" "${2:-5}"
