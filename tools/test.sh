#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds Weft and runs its tests. Arguments go to ctest: tools/test.sh -R Relu
#   PRESET=asan    another preset of CMakePresets.json (release)
#   JOBS=4         compilers and tests at the same time (2)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${PRESET:-release}
jobs=${JOBS:-2}

./tools/install_deps.sh
cmake --preset "$preset"
cmake --build --preset "$preset" -j "$jobs"

log=build/$preset/ctest.log
status=0
ctest --preset "$preset" -j "$jobs" --output-log "$log" "$@" || status=$?

echo
echo "== $preset: $(grep -E '^[0-9]+% tests passed|^No tests' "$log" || echo 'ctest did not finish')"
grep -E '^Total Test time' "$log" || true
exit "$status"
