# What people and CI do with Wherefrom. `make` alone lists it.
#
# Everything lands in .venv, at the versions and hashes of requirements.lock (to run) or requirements-dev.lock (to run,
# test and build). A second `make run` installs nothing: the files .venv/.ready-* say what is there already.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input
# Which Python the environment is made with; PYTHON3=/path/to/python chooses another.
PYTHON3 ?= python3 python3.13 python3.12 python3.11 python
# The same bytes wherever the locks are made: no index of the machine, no header with its command line.
PIP_COMPILE := $(PYTHON) -m piptools compile --quiet --generate-hashes --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options $(if $(UPGRADE),--upgrade)

.PHONY: help run test check bench fuzz lock js js-check servers clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: export MAY_INSTALL := yes
run: $(VENV)/.ready-run ## Start the demo: service, shop, mailbox and CRM on this machine
	@exec $(VENV)/bin/wherefrom demo

test: export MAY_INSTALL := yes
test: $(VENV)/.ready-dev servers js-check check ## Check everything: style, types, layers, and the whole test suite
	@$(PYTHON) -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check: $(VENV)/.ready-dev ## Check style, types and layers, without running a test
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(PYTHON) -m mypy tests/support tests/conftest.py
	@$(VENV)/bin/lint-imports

bench: $(VENV)/.ready-dev servers ## Measure everything in a quarter of an hour: one table, and bench.json
	@$(PYTHON) -m tests.bench

fuzz: $(VENV)/.ready-dev ## Throw a million odd inputs at everything that reads what strangers write
	@$(PYTHON) -m tests.fuzz --inputs 1000000 --jobs 2

servers: $(VENV)/.ready-dev ## Look for the servers the tests need; as root on Debian, install them
	@$(PYTHON) -m tests.support.install

js: ## Build js/dist/wf.js (needs Node.js)
	@cd js && npm ci --silent --no-audit --no-fund && npm run --silent build

js-check: ## Hold js/dist/wf.js against its source, where Node.js is at hand
	@if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; then \
		cd js; \
		test node_modules/.package-lock.json -nt package-lock.json || npm ci --silent --no-audit --no-fund; \
		npm run --silent check; \
	else \
		echo "Node.js 18 or newer is not here: js/dist/wf.js is taken as it is, not held against js/src"; \
	fi

lock: $(VENV)/.ready-dev ## Write both requirements locks anew from pyproject.toml (UPGRADE=1: newest versions)
	@$(PIP_COMPILE) --extra build --output-file requirements.lock pyproject.toml
	@$(PIP_COMPILE) --extra build --extra dev --allow-unsafe --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml

clean: ## Remove what was installed, built and cached; data/ stays
	rm -rf $(VENV) dist js/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find server tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.ready-run: requirements.lock pyproject.toml | $(PYTHON)
	@echo "installing what the service needs into $(VENV) (once; a minute or two)"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The development lock holds the other one's packages at the same versions, so that either order of installing is good.
$(VENV)/.ready-dev: requirements-dev.lock requirements.lock pyproject.toml | $(PYTHON)
	@echo "installing what the tests need into $(VENV) (once; a minute or two)"
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.ready-run

# Debian's Python comes without venv: root gets it installed, everybody else is told what to do.
$(PYTHON):
	@rm -rf $(VENV); found=; \
	try() { \
		for python in $(PYTHON3); do \
			"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
			found=$$python; \
			if "$$python" -m venv $(VENV) >/dev/null 2>&1 || "$$python" -m virtualenv -q $(VENV) >/dev/null 2>&1; \
			then return 0; fi; \
			rm -rf $(VENV); \
		done; \
		return 1; \
	}; \
	try && exit 0; \
	if [ "$${MAY_INSTALL:-}" = yes ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing python3-venv"; \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-venv; } \
			</dev/null >/dev/null || true; \
		try && exit 0; \
	fi; \
	if [ -n "$$found" ]; then \
		echo "$$found can make no virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	else \
		echo "Wherefrom needs Python 3.11 or newer; none of these is: $(PYTHON3)." >&2; \
		echo "Install one (on Debian 12 and later: apt-get install python3-venv), or name it: make PYTHON3=/path/to/python" >&2; \
	fi; \
	exit 1
