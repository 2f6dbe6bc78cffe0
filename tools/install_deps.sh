#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian 12 packages that Weft is built from. Says nothing when all are there.
#   tools/install_deps.sh          what the CPU build, its tests and its benchmarks need
#   tools/install_deps.sh --mpi    that and OpenMPI, for -DWEFT_MPI=ON
set -euo pipefail

packages=(
  # tools
  cmake g++ ninja-build ccache lld git pkg-config ca-certificates
  # wire formats, base library
  libprotobuf-dev protobuf-compiler libabsl-dev
  # kernels
  libeigen3-dev libdnnl-dev libopenblas-openmp-dev libhwy-dev
  # files: compression, tables, images, regular expressions, Unicode
  zlib1g-dev libsnappy-dev libleveldb-dev libre2-dev libicu-dev libzip-dev
  libjpeg62-turbo-dev libpng-dev libgif-dev libwebp-dev
  # tests, benchmarks, command line
  libgtest-dev libgmock-dev libbenchmark-dev libcli11-dev nlohmann-json3-dev
)

for argument in "$@"; do
  case "$argument" in
    --mpi) packages+=(libopenmpi-dev openmpi-bin) ;;
    *) echo "usage: $0 [--mpi]" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
(( ${#missing[@]} )) || exit 0

as_root=(env DEBIAN_FRONTEND=noninteractive)
if (( EUID != 0 )); then
  command -v sudo >/dev/null || {
    echo "$0: not root and no sudo; install these packages first: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo "${as_root[@]}")
fi

apt=("${as_root[@]}" apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

install_missing() {
  "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >"$log" 2>&1
}

echo "installing: ${missing[*]}"
# The package lists may be absent or old: refresh them only when the first try fails.
if ! install_missing; then
  "${apt[@]}" update
  install_missing || { cat "$log" >&2; exit 1; }
fi
