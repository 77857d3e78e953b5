#!/usr/bin/env bash
# usage: benches/web/run.sh BAOXUE    Prints the web's figures of docs/benchmarks.md, for SQLite and PostgreSQL.
# CHILDREN (60000), RUNS (24) and SECONDS_EACH (8) make it larger or shorter;
# CASES=20000x100 makes so many cases with so many events each (with FINDINGS=1), and measures their pages;
# FINDINGS=1 makes nearly every child a finding;
# FOUR_ROSTERS=1 leaves out all but 户籍, 学籍, 在校实名, 卫健出生; DATABASES="postgres" measures only that one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
baoxue=$(realpath "$1")
[ -d "$here/node_modules" ] || (cd "$here" && npm ci --no-audit --no-fund --loglevel=error)
databases=${DATABASES:-sqlite postgres}
[[ $databases != *sqlite* ]] || node "$here/bench.mjs" "$baoxue" sqlite
[[ $databases != *postgres* ]] || BAOXUE_PG_FSYNC=on "$here/../../tests/with-postgres.sh" node "$here/bench.mjs" "$baoxue" postgres
