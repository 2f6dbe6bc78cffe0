#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the example that trains on MNIST and runs it. Arguments go to the program: tools/train_mnist.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/tools/install_deps.sh"
(
  cd "$root"
  cmake --preset release
  cmake --build --preset release -j "${JOBS:-2}" --target mnist
)
exec "$root/build/release/bin/mnist" "$@"
