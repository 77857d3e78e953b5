#!/usr/bin/env bash
# usage: benches/linkage/run.sh BAOXUE    Prints the figures of docs/benchmarks.md about linking: the floor (reading the files and hashing one
# column), ours, the peer where Python has it, all on this machine in one go.
# N (1000000), SEED (1), OPTIONS ("--minority .5") choose the data, LINKAGE_BENCH the folder with gen.py and the peer,
# PYTHON a Python with numpy (and splink, duckdb, pypinyin for the peer), RUNS (3) how often, PEER=0 leaves the peer out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
baoxue=$(realpath "$1")
bench=${LINKAGE_BENCH:-$here/../../../shared/bench/linkage}
python=${PYTHON:-python3} n=${N:-1000000} seed=${SEED:-1} runs=${RUNS:-3} options=${OPTIONS:-}
data=${BENCH_DATA:-/tmp/baoxue-bench/d$n-$seed$(tr -d ' -' <<<"$options")}
[ -f "$bench/gen.py" ] || { echo "没有生成程序 $bench/gen.py:请用 LINKAGE_BENCH 指明它所在的文件夹" >&2; exit 1; }
# shellcheck disable=SC2086
[ -f "$data/truth.csv" ] || "$python" "$bench/gen.py" --n "$n" --seed "$seed" $options --out "$data"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
measure() { for _ in $(seq "$runs"); do /usr/bin/time -f '  %e s wall, %U s user, %S s system, %M KiB peak' "$@" >/dev/null; done; }

echo "== floor: two files parsed, one column hashed"
cargo build --release --locked -q -p baoxue-linkage --example read_floor
measure "$here/../../target/release/examples/read_floor" "$data/household.csv" "$data/student.csv"

echo "== household × student"
measure "$baoxue" link "$data/household.csv" "$data/student.csv" --settings "$here/gen.toml" --out "$work/two"
"$python" "$here/score.py" --data "$data" --run "$work/two"
"$baoxue" link "$data/household.csv" "$data/student.csv" --settings "$here/gen.toml" --truth person_id --absent-from "$data/student.csv" --out "$work/judged" | grep -e 候选召回率 -e 没有的 -e 不在
"$python" -c "import json; r = json.load(open('$work/two/run.json')); print('stages', {t['stage']: t['seconds'] for t in r['timings']}); print('expected of the unmatched', r['unmatched_precision'])"

echo "== household, student, births, poverty"
measure "$baoxue" link "$data"/{household,student,births,poverty}.csv --settings "$here/gen.toml" --out "$work/four"
"$python" "$here/score_four.py" --data "$data" --run "$work/four"
"$baoxue" link "$data"/{household,student,births,poverty}.csv --settings "$here/gen.toml" --truth person_id --absent-from "$data/student.csv" --out "$work/judged" | grep -e 候选召回率 -e 没有的 -e 不在

if [ "${PEER:-1}" = 1 ] && "$python" -c 'import splink, duckdb, pypinyin' 2>/dev/null; then
  echo "== the peer: Splink on DuckDB, household × student, tuned as in its README"
  /usr/bin/time -f '  %e s wall, %U s user, %S s system, %M KiB peak' "$python" "$bench/splink_baseline.py" --data "$data" --max-pairs 1e6 --out "$work/peer.json" >/dev/null
  "$python" "$bench/show.py" "$work/peer.json"
else
  echo "== the peer is left out: $python lacks splink, duckdb or pypinyin (or PEER=0)"
fi
