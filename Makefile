# Every verb sets up .venv by itself; Python >= 3.11 and make are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := .venv-peers
PEERS_STAMP := $(PEERS)/.installed
PEERS_FILES := tests/benchmarks/peers

.PHONY: setup demo test check bench bench-peers openapi docs lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python >= 3.11 needed, found {sys.version.split()[0]}: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	$(BIN)/fairdeal demo $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/fairdeal openapi --check

bench: $(STAMP) $(PEERS_STAMP)
	$(BIN)/fairdeal bench all --json

# The libraries that the uplift benchmark compares with, in an environment of their own (0.9 GB).
bench-peers: $(PEERS_STAMP)

$(PEERS_STAMP): $(PEERS_FILES)/requirements.lock
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# The committed contract of the HTTP APIs; ARGS=--breaking when callers have to follow.
openapi: $(STAMP)
	$(BIN)/fairdeal openapi $(ARGS)

docs: openapi
	$(BIN)/fairdeal requirements

# Needs uv; versions and hashes only, never an index address.
lock:
	uv pip compile pyproject.toml --group dev --extra scale --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	uv pip compile $(PEERS_FILES)/requirements.in --override $(PEERS_FILES)/overrides.txt --no-emit-package xgboost \
	    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q \
	    -o $(PEERS_FILES)/requirements.lock

clean:
	rm -rf $(VENV) $(PEERS) .fairdeal .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
