# Every target works from a clean clone with Python 3.11 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help run live test test-services lint bench chaos audit lock clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/run.stamp  ## everything on this machine, against the sandbox (REPLAY=DIR REPLAY_AT=time: against recordings)
	@exec $(BIN)/python -m arbedge.run

live: .venv/run.stamp  ## the same against the real exchanges' public data
	@exec $(BIN)/python -m arbedge.run --live

test: .venv/dev.stamp  ## the whole suite on embedded parts
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

test-services: .venv/dev.stamp  ## what asks a store, on DATABASE_URL, REDIS_URL, CELERY_BROKER_URL (those stores are emptied)
	@test -n "$(DATABASE_URL)" -a -n "$(REDIS_URL)" -a -n "$(CELERY_BROKER_URL)" || \
		{ echo "Give DATABASE_URL, REDIS_URL and CELERY_BROKER_URL of stores that may be emptied."; exit 2; }
	ARBEDGE_TEST_SERVICES=1 $(BIN)/python -m pytest -m "not embedded" $(PYTEST_ARGS)

lint: .venv/dev.stamp  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: .venv/dev.stamp  ## known vulnerabilities of the locked dependencies
	$(BIN)/python -m tests.audit

bench: .venv/dev.stamp  ## benchmarks, one JSON line per figure (ONLY=name)
	@$(BIN)/python -m tests.bench $(ONLY)

chaos: .venv/dev.stamp  ## fault drills, one JSON line per drill (ONLY=name)
	@$(BIN)/python -m tests.chaos $(ONLY)

# uv resolves for every platform and for all of Python 3.11 (pip-compile only for the interpreter that runs it).
LOCK = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-config \
	--no-emit-index-url --no-emit-find-links

lock: .venv/dev.stamp  ## make the two locks anew from pyproject.toml
	$(BIN)/python -m pip install -q uv
	$(LOCK) -o requirements.txt pyproject.toml
	$(LOCK) --extra dev -c requirements.txt -o tests/requirements.txt pyproject.toml

clean:  ## remove run-time state and caches, not the virtual environment
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage* htmlcov

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed: install it, or say make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed, $(PYTHON) is another: say make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.txt | .venv/bin/python
	@echo "Installing …"
	@test -e .venv/dev.stamp || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements.txt tests/requirements.txt | .venv/bin/python
	@echo "Installing with the tools for tests …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r tests/requirements.txt
	@touch $@ .venv/run.stamp
