#!/usr/bin/env bash
# usage: tests/deny.sh    Licences, sources and duplicates of all dependencies; known weaknesses where ADVISORY_DB is a checkout of RustSec's database.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-deny >/dev/null || cargo install cargo-deny --locked --quiet
# which crates stand twice, and why, is in crates/server/tests/house.rs
cargo deny check -A duplicate bans licenses sources
if [ -n "${ADVISORY_DB:-}" ]; then
  at=$(mktemp -d)
  trap 'rm -rf "$at"' EXIT
  # where cargo-deny looks for that database
  cp -r "$ADVISORY_DB" "$at/advisory-db-3157b0e258782691"
  touch "$at/advisory-db-3157b0e258782691/.git/FETCH_HEAD"
  sed "s|^version = 2|version = 2\ndb-path = \"$at\"|" deny.toml > "$at/deny.toml"
  cargo deny --offline --config "$at/deny.toml" check advisories
else
  echo "没有给 ADVISORY_DB(RustSec 漏洞库的检出):这次没有核对已公开的漏洞"
fi
