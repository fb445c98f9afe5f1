# Two commands for a newcomer: `make run` and `make test`. Each installs what it needs, here, the first time.
#   PYTHON=python3.13   another interpreter for .venv        SPEED= START= SEED= PORT= ARM_PORT= ARM_TLS_PORT= AZURITE_PORT=   for `make run`

PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/sh

.PHONY: help run demo check lint test proof soak bench peers ready-to-run ready-to-test

help:
	@echo "make run     the sandbox: storage, an Azure simulator and the app, on this machine"
	@echo "make test    everything there is to check (format, lint, types, imports, tests, proofs, coverage)"
	@echo "make check   the quick part of it"
	@echo "make proof   the longest part of it, alone: drawn runs, single faults, planted bugs, processes killed"
	@echo "make demo    one working day of a small team, told in about a minute"
	@echo "make soak    SEEDS= drawn runs (1000) of the whole app with everything going wrong, from SEED_FROM= (1) on"
	@echo "make bench   figures: the bill over a year of stacks, the simulator with 10,000 of them"
	@echo "make peers   Azure CLI and Cloud Custodian against the simulator; installs 1.4 GB the first time"

# The sandbox takes the place of the shell, so that a signal reaches it and its exit code is the recipe's.
run:
	@$(MAKE) --no-print-directory -j2 ready-to-run && exec $(BIN)/python -m sandbox

demo:
	@$(MAKE) --no-print-directory -j2 ready-to-run && exec $(BIN)/python -m sandbox.demo

check: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not sandbox and not azurite and not browser" --ignore=tests/proof --ignore=tests/lifecycle

test:
	@$(MAKE) --no-print-directory -j2 ready-to-test
	@command -v chromium >/dev/null || echo "NO CHROMIUM ON THIS MACHINE: the browser tests will be skipped (Debian: apt-get install chromium)"
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term

proof:
	@$(MAKE) --no-print-directory -j2 ready-to-test
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/proof

SEEDS ?= 1000
SEED_FROM ?= 1

soak:
	@$(MAKE) --no-print-directory -j2 .venv/.dev-stamp node_modules/.stamp
	$(BIN)/python -m tests.proof.soak --seeds $(SEEDS) --seed-from $(SEED_FROM)

bench:
	@$(MAKE) --no-print-directory -j2 ready-to-run
	$(BIN)/python -m bench.simulator
	$(BIN)/python -m bench.ledger

peers: .venv/.run-stamp
	$(BIN)/python -m peers

lint: .venv/.dev-stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

ready-to-run: .venv/.run-stamp node_modules/.stamp
	@:

ready-to-test: .venv/.dev-stamp node_modules/.dev-stamp
	@:

# A stamp is as new as the installation: what a requirements file says now is what is installed.
.venv/.run-stamp: requirements.txt | .venv/bin/python
	@echo "installing what the app needs into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.dev-stamp: requirements-dev.txt requirements.txt | .venv/bin/python
	@echo "installing what the tests need into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch .venv/.run-stamp $@

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: Python 3.11 or newer is needed (PYTHON= names another one)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): Python 3.11 or newer is needed (PYTHON= names another one)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# What runs needs Azurite alone; the tests also need what checks the page (axe-core) and what its charts are made with.
node_modules/.stamp: package.json package-lock.json
	$(call npm,--omit=dev)
	@touch $@

node_modules/.dev-stamp: package.json package-lock.json
	$(call npm,)
	@touch node_modules/.stamp $@

define npm
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Node and npm are not installed: Node 20 or newer is needed for Azurite" >&2; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "Node is $$(node --version): Node 20 or newer is needed for Azurite" >&2; exit 1; }
	@echo "installing Azurite$(if $(1),, and what the tests need) into node_modules"
	@npm ci $(1) --no-audit --no-fund --loglevel=error
endef
