#!/usr/bin/env bash
# usage: tests/with-postgres.sh COMMAND…    Runs the command beside a throw-away PostgreSQL on a free port of the loopback.
# The server runs as a user who is not root, keeps its files in a temporary folder, and ends with the command.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || { echo "需要 PostgreSQL:apt-get install postgresql" >&2; exit 1; }
folder=$(mktemp -d /tmp/baoxue-pg.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])' 2>/dev/null \
  || node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
cd /
stop() {
  "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
"${as[@]}" "$bin/initdb" -D "$folder/data" -U baoxue -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c max_connections=200 -c fsync=${BAOXUE_PG_FSYNC:-off}" start >/dev/null
cd "$OLDPWD"
BAOXUE_TEST_POSTGRES="postgres://baoxue@127.0.0.1:$port" "$@"
