#!/usr/bin/env bash
# usage: benches/rollcall/run.sh BAOXUE    Prints the roll call's figures of docs/benchmarks.md, for SQLite and PostgreSQL.
# PUPILS (60000), RATE (400 registers a second), SECONDS_LONG (30), PHONES (500) make it larger or shorter; DATABASES="postgres" measures only that one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
baoxue=$(realpath "$1")
databases=${DATABASES:-sqlite postgres}
[[ $databases != *sqlite* ]] || node "$here/bench.mjs" "$baoxue" sqlite
[[ $databases != *postgres* ]] || BAOXUE_PG_FSYNC=on "$here/../../tests/with-postgres.sh" node "$here/bench.mjs" "$baoxue" postgres
# one school day of a million pupils, from database to saved warnings, on both databases
BAOXUE_PG_FSYNC=on "$here/../../tests/with-postgres.sh" cargo test --release --locked -q -p baoxue --lib -- --ignored a_day_of_a_million --nocapture
# a year of a county: what its registers take
PUPILS=60000 DAYS=195 BAOXUE_PG_FSYNC=on "$here/../../tests/with-postgres.sh" cargo test --release --locked -q -p baoxue --lib -- --ignored a_day_of_a_million --nocapture
