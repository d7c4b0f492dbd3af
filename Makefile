# Every target works alone on a fresh clone. `make` or `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PY := .venv/bin/python
READY := .venv/.ready
APPROVE ?=
LAB := integration or e2e
ROWS ?=
QUICK ?=

.DEFAULT_GOAL := help
.PHONY: python3-venv help setup demo test bench check fmt unit lab-up down clean lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Python environment from the lock, exact versions and hashes

$(READY): requirements.lock pyproject.toml
	@[ ! -d var/run ] || [ ! -f $(READY) ] || $(PY) -m lab down # its processes run from the old .venv
	@echo "setting up .venv from requirements.lock (about a minute)"
	@python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "python3 is not Python 3.11: install it, then rerun"; exit 1; }
	@python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory python3-venv
	@python3 -m venv --clear .venv
	@.venv/bin/pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@.venv/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

python3-venv:
	@[ "$$(id -u)" = 0 ] || { echo "python3-venv is missing and only root can install it: apt-get install python3-venv, then rerun"; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null

demo: $(READY) ## the whole story in the lab; leaves the lab and the Prefect UI running (APPROVE=me: you approve)
	@$(PY) -m lab.demo $(if $(APPROVE),--approve $(APPROVE))

test: $(READY) ## every test: unit, contract, integration, end to end (sets up two labs side by side)
	@mkdir -p var
	@$(PY) -m pytest -m "not ($(LAB))" >var/tests-without-lab.log 2>&1 & without=$$!; \
	  $(PY) -m lab up || exit 1; \
	  RUNBOOK_LAB=second $(PY) -m pytest -m "integration or own_cluster" >var/tests-in-second-lab.log 2>&1 & second=$$!; \
	  $(PY) -m pytest -m "e2e and not own_cluster" || failed=1; \
	  wait $$second || failed=1; cat var/tests-in-second-lab.log; \
	  RUNBOOK_LAB=second $(PY) -m lab down || failed=1; \
	  wait $$without || failed=1; cat var/tests-without-lab.log; \
	  exit $${failed:-0}

bench: $(READY) ## measured side by side with rclone, restic and the shell pipe; table and var/bench.json (ROWS=...: some rows)
	@QUICK="$(QUICK)" ROWS="$(ROWS)" $(PY) -m bench

check: $(READY) ## format, lint, types, layers, unit tests
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .
	@.venv/bin/codespell
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m pytest -q tests/unit tests/test_architecture.py

fmt: $(READY) ## format and fix what can be fixed
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

unit: $(READY) ## unit tests alone
	@$(PY) -m pytest -q tests/unit

lab-up: $(READY) ## the lab alone: cluster, load balancer, storage, Prefect
	@.venv/bin/runbook lab up

down: ## remove all that demo and test started, and nothing else
	@[ ! -d var ] || $(MAKE) --no-print-directory setup
	@[ ! -d var/second ] || RUNBOOK_LAB=second $(PY) -m lab down
	@[ ! -d var ] || $(PY) -m lab down

clean: down ## down, and remove .venv and var
	@rm -rf .venv var

lock: $(READY) ## renew requirements.lock from pyproject.toml
	@.venv/bin/pip install --quiet pip-tools
	@.venv/bin/pip-compile --quiet --generate-hashes --all-extras --allow-unsafe --strip-extras --no-header \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.lock pyproject.toml
