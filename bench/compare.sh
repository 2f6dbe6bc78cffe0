#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs Weft and its peers in turn and prints a table of ratios; --help says how.
#   PEERS=/some/dir KIT=../shared/bench bench/compare.sh resnet50_infer_b1 gemm
exec "${PYTHON:-python3}" "$(dirname "$0")/compare.py" "$@"
