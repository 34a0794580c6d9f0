#!/bin/sh
# Measures the full-size networks on one GPU: benchmarks/gpu.sh --help
set -eu
cd "$(dirname "$0")/.."
exec "${PYTHON:-python}" -m benchmarks.gpu "$@"
