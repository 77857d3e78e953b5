# Two commands do everything on a fresh machine: `make demo` and `make test`.
.PHONY: demo test lint fmt bench setup clean
SHELL := /bin/bash
BAOXUE := target/release/baoxue
DEMO := demo
PYTHON ?= python3

setup:
	@command -v cargo >/dev/null || { echo "需要 Rust(cargo)。请先安装 Rust 1.95 或更新版本"; exit 1; }
	@command -v cc >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev; }

## Builds, writes the demo county's rosters, compares them and says where the ledgers lie.
demo: setup
	cargo build --release --locked
	rm -rf $(DEMO)
	$(BAOXUE) demo-data --out $(DEMO)/名册
	$(BAOXUE) compare $(DEMO)/名册/*.xlsx $(DEMO)/名册/*.xls $(DEMO)/名册/*.csv \
	  --school-year 2023 --today 2023-10-08 --unit 青禾县 --out $(DEMO)/比对结果
	@echo; echo "台账:$(DEMO)/比对结果/适龄儿童台账.xlsx 等;各类名单在 $(DEMO)/比对结果/名单;名册在 $(DEMO)/名册"

## Runs linters and all tests.
test: setup lint
	cargo test --workspace --locked

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt:
	cargo fmt --all

## Measures. BENCH_DATA is the folder that shared/bench/linkage/gen.py wrote.
BENCH_DATA ?= /tmp/baoxue-bench/d1000000
bench: setup
	cargo build --release --locked
	benches/run.sh $(BAOXUE) $(BENCH_DATA)

clean:
	cargo clean
	rm -rf $(DEMO)
