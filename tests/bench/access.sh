#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: access.sh [KERNEL]
#
# What an access costs through vfio-pci and through pt, side by side in one boot
# of the lab host; about 3 minutes with the lab set up.

set -eu
cd "$(dirname "$0")/../.."
kernel=${1:-6.12}
lab=tests/lab/lab

$lab setup "$kernel"
$lab exec -- make -s -j"$(nproc)" modules EXTRA=1 KDIR="/kernels/$kernel" BUILD="build/$kernel"
$lab exec -- make -s -j"$(nproc)" tests BUILD="build/$kernel"
$lab run --kernel "$kernel" --devices edu -- "build/$kernel/selftests/bench/access"
