# `make audit` and `make test` create .venv, install and run. EXTRAS=,cuda13 uses an NVIDIA GPU.
PYTHON ?= python3
EXTRAS ?=
BIN := .venv/bin
# Compiling is a third of an audit's work: what was compiled once is loaded the next time.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.venv/kernels
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0

.PHONY: audit test bench lint picture

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test$(EXTRAS)]'
	touch $@

audit: .venv/ready
	$(BIN)/normproof audit; status=$$?; $(BIN)/normproof report; exit $$status

test: .venv/ready
	$(BIN)/python -m pytest

# PyTorch is what the project is compared with, and nothing else needs it.
.venv/bench: .venv/ready
	$(BIN)/python -m pip install --quiet --editable '.[bench$(EXTRAS)]'
	touch $@

bench: .venv/bench
	$(BIN)/python -m tests.benchmarks

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The picture in README.md, from the evidence in audit/.
picture: .venv/ready
	$(BIN)/python -m reports.picture audit reports/audit.svg
