#!/usr/bin/env bash
# usage: benches/run.sh BAOXUE    Prints the figures of docs/benchmarks.md about comparing and reading rosters.
set -euo pipefail
baoxue=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
measure() { /usr/bin/time -f '  %e s wall, %U s user, %S s system, %M KiB peak' "$@"; }

echo "== compare: four rosters of a 60,000-child county"
"$baoxue" demo-data --pupils 60000 --out "$work/county" >/dev/null
for _ in 1 2 3; do
  measure "$baoxue" compare "$work"/county/{户籍,学籍,在校实名,卫健出生}.xlsx --school-year 2023 --today 2023-10-08 --out "$work/out" >/dev/null
done

echo "== check: 200,000 rows x 10 columns of .xlsx, and calamine alone on the same file"
cargo build --release --locked -q -p baoxue-documents --example bench_sheet
sheet=$here/../target/release/examples/bench_sheet
"$sheet" write "$work/学籍.xlsx"
for _ in 1 2 3; do
  measure "$baoxue" check "$work/学籍.xlsx" --today 2023-10-08 >/dev/null
  measure "$sheet" calamine "$work/学籍.xlsx" >/dev/null
done
