#!/usr/bin/env bash
# Links 1, 2 and 4 shares of data on a cluster of two executors on loopback, beside one process.
#   benches/cluster/run.sh PROGRAM SINGLE
#     PROGRAM  baoxue-cluster, SINGLE  baoxue
#   N=250000      children of one share      EXECUTORS=2  CORES=1 (each)
#   SOURCES="household student"    or "household student births poverty"
#   GENERATOR=…   gen.py of the linkage bench PYTHON=python3 (with numpy)
#   WORK=…        folder for data and results
set -euo pipefail
program=$(realpath "$1") single=$(realpath "$2")
SOURCES=${SOURCES:-household student} N=${N:-250000} EXECUTORS=${EXECUTORS:-2} CORES=${CORES:-1} PYTHON=${PYTHON:-python3}
WORK=${WORK:-/tmp/baoxue-bench} GENERATOR=${GENERATOR:-../shared/bench/linkage/gen.py}
SETTINGS=$(realpath "$(dirname "$0")/../linkage/gen.toml")
run=$(mktemp -d "$WORK/cluster.XXXXXX"); store=$run/store; mkdir -p "$store"
port=${PORT:-50350}
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$run"' EXIT

"$program" scheduler --listen 127.0.0.1:$port > "$run/scheduler.log" 2>&1 & pids+=($!)
for i in $(seq "$EXECUTORS"); do
    "$program" executor --scheduler 127.0.0.1:$port --listen 127.0.0.1:$((port + 10 * i)) --cores "$CORES" \
        --work "$run/work$i" > "$run/executor$i.log" 2>&1 & pids+=($!)
done
sleep 2

# CPU seconds of the executors so far, and the most memory that one held (MiB)
cpu() { for p in "${pids[@]:1}"; do awk -v t="$(getconf CLK_TCK)" '{print ($14 + $15) / t}' "/proc/$p/stat"; done | awk '{s += $1} END {print s}'; }
memory() { for p in "${pids[@]:1}"; do awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$p/status"; done | sort -n | tail -1; }

echo "| rows | one process s | cluster s | client CPU s | executors' CPU s | CPU µs a row | shuffle MB | bytes a row | client MiB | executor MiB | same lists |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
for shares in 1 2 4; do
    n=$((N * shares)); data=$WORK/d$n
    [ -f "$data/household.csv" ] || "$PYTHON" "$GENERATOR" --n "$n" --seed 1 --out "$data" > "$run/gen.log"
    files=(); for s in $SOURCES; do files+=("$data/$s.csv"); done
    rows=$(($(cat "${files[@]}" | wc -l) - ${#files[@]}))
    /usr/bin/time -f '%e %U %S %M' -o "$run/one.time" "$single" link "${files[@]}" --settings "$SETTINGS" --out "$run/one" > /dev/null
    before=$(cpu); rm -rf "$run"/work*/*
    /usr/bin/time -f '%e %U %S %M' -o "$run/many.time" "$program" link --scheduler 127.0.0.1:$port --storage "$store" \
        "${files[@]}" --settings "$SETTINGS" --out "$run/many" > "$run/link.log"
    after=$(cpu); shuffled=$(du -sb "$run"/work* | awk '{s += $1} END {print s}')
    same=yes
    for f in "$run"/one/*.csv; do cmp -s "$f" "$run/many/$(basename "$f")" || same=NO; done
    awk -v rows="$rows" -v one="$(cat "$run/one.time")" -v many="$(cat "$run/many.time")" -v used="$(echo "$after $before" | awk '{print $1 - $2}')" \
        -v shuffled="$shuffled" -v peak="$(memory)" -v same="$same" 'BEGIN {
        split(one, o, " "); split(many, m, " ");
        printf "| %d | %.1f | %.1f | %.1f | %.1f | %.2f | %.0f | %.0f | %d | %d | %s |\n",
            rows, o[1], m[1], m[2] + m[3], used, used / rows * 1e6, shuffled / 1e6, shuffled / rows, m[4] / 1024, peak, same }'
done
