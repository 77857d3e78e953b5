# Two commands do everything on a fresh machine: `make demo` and `make test`.
.PHONY: demo build web deny test test-cluster cluster lint fmt bench bench-linkage bench-cluster bench-web bench-cases bench-rollcall setup setup-test clean
SHELL := /bin/bash
BAOXUE := target/release/baoxue
DEMO := demo
PYTHON ?= python3
LISTEN ?= 127.0.0.1:8080
APT := DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

setup:
	@command -v cargo >/dev/null || { echo "需要 Rust(cargo)。请先安装 Rust 1.95 或更新版本"; exit 1; }
	@command -v npm >/dev/null || { echo "需要 Node.js(npm)18 或更新版本"; exit 1; }
	@command -v cc >/dev/null || { apt-get update -qq && $(APT) gcc libc6-dev; }

# Styles and scripts, which the program embeds.
web: web/dist/app.css
web/dist/app.css: $(wildcard web/src/*.* web/src/*/*) web/build.mjs web/package-lock.json | setup
	cd web && npm ci --no-audit --no-fund --loglevel=error && npm run -s build

build: setup web
	cargo build --release --locked

## Builds, makes the demo county, imports and compares it through the same code as a user would, and serves it with printed log-ins.
demo: build
	@[ -f $(DEMO)/名册/户籍.xlsx ] || $(BAOXUE) demo-data --out $(DEMO)/名册
	$(BAOXUE) serve --data $(DEMO)/data --demo $(DEMO)/名册 --demo-clock 2023-10-08T09:00 --listen $(LISTEN)

setup-test: setup
	@{ ls /usr/lib/postgresql/*/bin/initdb && command -v chromium && command -v sqlite3 && command -v openssl && fc-list :lang=zh | grep -q .; } >/dev/null 2>&1 \
	  || { apt-get update -qq && $(APT) postgresql chromium sqlite3 openssl fonts-noto-cjk fontconfig; }
	@[ -d e2e/node_modules ] || (cd e2e && npm ci --no-audit --no-fund --loglevel=error)

## Runs linters and all tests: Rust on SQLite and PostgreSQL, then journeys in a browser.
test: setup-test web lint deny
	tests/with-postgres.sh env BAOXUE_REQUIRE_POSTGRES=1 cargo test --locked
	cd e2e && ../tests/with-postgres.sh npm test --silent

## Licences, sources and duplicates of dependencies; with ADVISORY_DB=FOLDER (a checkout of RustSec's database) known weaknesses too.
deny: setup
	tests/deny.sh

## Lints and tests the cluster annex (DataFusion: some minutes to compile): a scheduler and executors as processes on loopback.
test-cluster: setup web
	cargo clippy -p baoxue-cluster --all-targets --locked -- -D warnings
	cargo test -p baoxue-cluster --locked

## Builds target/cluster/baoxue-cluster, optimised.
cluster: setup web
	cargo build --profile cluster -p baoxue-cluster --locked

lint: setup web
	cargo fmt --all --check
	cargo clippy --all-targets --locked -- -D warnings
	cd web && npx tsc --noEmit && npx tsc --noEmit -p tsconfig.worker.json
	node tests/templates.mjs

fmt:
	cargo fmt --all

## Measures reading and comparing rosters.
bench: build
	benches/run.sh $(BAOXUE)

## Measures linking beside the peer; N, SEED, OPTIONS, PYTHON and more: see the script.
bench-linkage: build
	PYTHON=$(PYTHON) benches/linkage/run.sh $(BAOXUE)

## Measures linking on a cluster of two executors here, beside one process.
bench-cluster: build cluster
	PYTHON=$(PYTHON) benches/cluster/run.sh target/cluster/baoxue-cluster $(BAOXUE)

## Measures the web: pages, search, import and run, on both databases.
bench-web: build setup-test
	benches/web/run.sh $(BAOXUE)

## Measures cases: 20,000 of them with 2,000,000 events, on both databases.
bench-cases: build setup-test
	FINDINGS=1 CHILDREN=45000 CASES=20000x100 benches/web/run.sh $(BAOXUE)

bench-rollcall: build setup-test
	benches/rollcall/run.sh $(BAOXUE)

clean:
	cargo clean
	rm -rf $(DEMO) web/dist/*.* web/node_modules e2e/node_modules
