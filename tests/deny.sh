#!/usr/bin/env bash
# usage: tests/deny.sh    Licences, sources and duplicates of all dependencies; known weaknesses where ADVISORY_DB is a checkout of RustSec's database.
set -euo pipefail
cd "$(dirname "$0")/.."
# deny.toml is written for this version; an older one on the machine does not understand it
version=0.20.2
deny=cargo-deny
if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
  deny="$PWD/target/tools/bin/cargo-deny"
  [ "$("$deny" --version 2>/dev/null)" = "cargo-deny $version" ] ||
    cargo install cargo-deny --version "$version" --locked --quiet --root target/tools --target-dir target/tools/build
  rm -rf target/tools/build
fi
# which crates stand twice, and why, is in crates/server/tests/house.rs
"$deny" check -A duplicate bans licenses sources
if [ -n "${ADVISORY_DB:-}" ]; then
  at=$(mktemp -d)
  trap 'rm -rf "$at"' EXIT
  # where cargo-deny looks for that database
  cp -r "$ADVISORY_DB" "$at/advisory-db-3157b0e258782691"
  touch "$at/advisory-db-3157b0e258782691/.git/FETCH_HEAD"
  sed "s|^version = 2|version = 2\ndb-path = \"$at\"|" deny.toml > "$at/deny.toml"
  "$deny" --offline --config "$at/deny.toml" check advisories
else
  echo "没有给 ADVISORY_DB(RustSec 漏洞库的检出):这次没有核对已公开的漏洞"
fi
