# `make audit` and `make test` create .venv, install and run. EXTRAS=,cuda13 uses an NVIDIA GPU.
PYTHON ?= python3
EXTRAS ?=
BIN := .venv/bin

.PHONY: audit test lint picture

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test$(EXTRAS)]'
	touch $@

audit: .venv/ready
	$(BIN)/normproof audit; status=$$?; $(BIN)/normproof report; exit $$status

test: .venv/ready
	$(BIN)/python -m pytest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The picture in README.md, from the evidence in audit/.
picture: .venv/ready
	$(BIN)/python -m reports.picture audit reports/audit.svg
