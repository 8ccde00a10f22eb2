#!/usr/bin/env bash
# benches/open-sealed.sh [FILES]: time and memory to open sealed files, beside `age` and `sops`.
# Without the release build's link-time optimisation, so that it builds in minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo bench --bench open_sealed \
  --config profile.bench.lto=false --config profile.bench.codegen-units=16 -- "${1:-30000}"
