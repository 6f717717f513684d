# Each target sets up what it needs in .venv; only Python 3.11 or newer has to be there.
#   make test ARGS="-k server"   passes ARGS to pytest
#   make demo PYTHON=python3.12  makes .venv with that Python

PYTHON ?= python3
ARGS ?=

VENV := .venv
WORKERS := $(shell expr $$(nproc) + 1)
BIN := $(VENV)/bin
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test long oldest audit tools check lint format protos runners bench faults clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(RUN)  ## load the bundled demo server for half a minute, and see the summary
	@$(BIN)/python -m loadgrpc.examples $(ARGS)

# Tests wait for processes and timers: there is one more worker than there are cores. Tests of
# what processes cost run one after another, with nothing beside them.
# Pytest exits with 5 when ARGS selects nothing.
test: $(DEV) lint  ## everything that must hold: lint, types, and tests
	$(BIN)/python -m pytest -n $(WORKERS) -m "not system and not long" $(ARGS) || [ $$? = 5 ]
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
		-m "system and not alone and not long" $(ARGS) || [ $$? = 5 ]
	$(BIN)/python -m pytest -m "system and alone" $(ARGS) || [ $$? = 5 ]

long: $(DEV)  ## what takes long and repeats in breadth what `test` holds: some ten minutes more
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m long $(ARGS) || [ $$? = 5 ]

oldest:  ## tests of runner, protocol and store, with the oldest libraries that may be installed
	PYTHON=$(PYTHON) .ci/oldest $(ARGS)

audit: $(DEV)  ## look up known vulnerabilities of the libraries that are installed: asks PyPI
	PYTHON=$(PYTHON) .ci/audit $(ARGS)

tools:  ## install the other programs that tests can use (grpcurl, nginx, …) outside of this folder
	$(PYTHON) tools/toolbox.py

check: $(DEV) lint  ## the quick part: lint, types, and the tests of the house itself
	$(BIN)/python -m pytest tests/house -m "not system" $(ARGS)

lint: $(DEV)  ## format, lint and types only, without changing anything
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(DEV)  ## format the code, and mend what the linter can mend
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

protos: $(DEV)  ## generate loadgrpc/v1/, pages in docs/ and, with go, code of the Go runner
	$(BIN)/python tools/protos.py
	$(BIN)/python tools/cli_page.py
	$(BIN)/python tools/limits_page.py
	@! command -v go >/dev/null || $(BIN)/python tools/runners/go/go_protos.py

runners: $(RUN)  ## build the reference runners of tools/runners: needs go, npm and mvn
	tools/runners/go/build.sh
	cd tools/runners/node && npm ci --no-audit --no-fund
	cd tools/runners/java && mvn -q package

bench: $(DEV)  ## measure loadgrpc and its peers, and write docs/benchmarks.md: an hour
	PYTHONPATH=tools $(BIN)/python -m bench $(ARGS)

faults: $(DEV)  ## kill, stop, cut off and fill up clusters, and see that hits are accounted for
	PYTHONPATH=tools $(BIN)/python -m faults $(ARGS)

clean:  ## remove all that make has made here, .venv too
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find loadgrpc tests tools -name __pycache__ -prune -exec rm -rf {} +

# Pip compiles what it installs; our own code is installed as a link, so we compile it here.
# What `demo` needs is part of what the tests need: $(DEV) stands for both.
$(RUN): pyproject.toml | $(BIN)/python
	@if [ -e $(DEV) ] && [ $(DEV) -nt pyproject.toml ]; then exit 0; fi; \
	set -x; $(BIN)/python -m pip install --quiet --editable .
	@$(BIN)/python -m compileall -q loadgrpc
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@$(BIN)/python -m compileall -q loadgrpc
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "loadgrpc needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "on Debian, install python3-venv first"; exit 1; }
