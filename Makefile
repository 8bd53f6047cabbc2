# Two commands on a fresh machine with Python (3.11 or newer) and make: `make demo` and `make test`.
# Both install into .venv the first time, and work offline after that.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Half of the tests wait for processes and clocks: three workers keep two cores at work.
WORKERS = $(shell $(BIN)/python -c "import os; n = os.cpu_count() or 1; print(min(8, n + (n + 1) // 2))")

.DEFAULT_GOAL := help
.PHONY: help demo test coverage lint generate check-generated breaking bench interop catalogue-age conformance soak mutants clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

demo: $(VENV)/.demo  ## a tuning job from a YAML file to a tuned model, on this machine
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(VENV)/.test  ## all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

coverage: $(VENV)/.test  ## all tests, and which lines and branches of gemtune/ they run in their own process
	@$(MAKE) --no-print-directory test ARGS='--cov --cov-branch --cov-report=term:skip-covered $(ARGS)'

lint: $(VENV)/.lint  ## formatting, lint, types, the schema's style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python protos/generate.py --lint

generate: $(VENV)/.lint  ## write generated/ anew from protos/, and the blocking client from the asynchronous one
	$(BIN)/python protos/generate.py
	$(BIN)/python tools/unasync.py

check-generated: $(VENV)/.lint  ## fail when generated/ is not what protos/ say, or client.py not what aio.py says
	$(BIN)/python protos/generate.py --check
	$(BIN)/python tools/unasync.py --check

breaking: $(VENV)/.test  ## fail when the schema breaks what was released: bytes, JSON or names
	$(BIN)/python protos/breaking.py

interop: $(VENV)/.test  ## specs in TypeScript, Go, Java, C++ and Rust, as far as their compilers are here; ARGS="--require go"
	$(BIN)/python tests/interop/run.py $(ARGS)

bench: $(VENV)/.bench  ## what things cost, beside what others make of them: ratios
	@for bench in tests/bench/*.py; do echo "== $$bench"; $(BIN)/python "$$bench" || exit 1; done

catalogue-age: $(VENV)/.test  ## fail when nobody looked at the catalogue of base models for 90 days
	CATALOGUE_MUST_BE_NEW=1 $(BIN)/python -m pytest -q -n0 tests/specs/test_advice.py -k ninety_days

conformance: $(VENV)/.test  ## protobuf's own conformance suite, where a runner is or can be had (CONFORMANCE_RUNNER names one)
	$(BIN)/python tests/conformance/run.py

soak: $(VENV)/.test  ## the long proofs whole: creates through a breaking network, kills, mutated answers
	GEMTUNE_SOAK=1 $(BIN)/python -m pytest -s tests/chaos tests/simulation $(ARGS)

mutants: $(VENV)/.mutants  ## change the flows one line at a time, and list what no test of theirs sees
	$(BIN)/mutmut run --max-children 2 $(ARGS)
	@$(BIN)/mutmut results

# -- environments: a stamp for each, renewed when pyproject.toml changes -------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "$(PYTHON) is Python %d.%d; gemtune needs 3.11 or newer: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing (Debian: apt install python3-venv)"; exit 2; }
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "installing gemtune into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet -e '.[emulator]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "installing gemtune and what its tests need into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet -e '.[all]' --group gen --group test
	@touch $@ $(VENV)/.demo

$(VENV)/.lint: pyproject.toml $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --group lint
	@touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --group bench
	@touch $@

$(VENV)/.mutants: pyproject.toml $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --group mutants
	@touch $@

clean:  ## remove environments and caches
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache .coverage* build dist mutants
