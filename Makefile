# Machinami: `make demo` shows a living city, `make test` checks everything. Needs git, make and Python >= 3.11.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin

.PHONY: help setup setup-test demo test check bench prove clean

help:
	@echo "make demo    a living city in your browser (http://127.0.0.1:8080), Ctrl-C ends it; PORT=8081 takes another"
	@echo "make setup   only install: .venv with the machinami command"
	@echo "make test    all tests; as root or with sudo it also installs Chromium, fonts, Mosquitto and PostgreSQL for them"
	@echo "make check   style, types and import rules only"
	@echo "make bench   figures beside bare limits of this machine"
	@echo "make prove   the long proofs: kill -9, many rounds; generated requests against every operation of the API;"
	@echo "             SUMMARY=summary.json also holds a run of ETSI's suite against docs/conformance/baseline.json"

setup:
	@$(PYTHON) tools/setup_env.py --lock run

setup-test:
	@$(PYTHON) tools/setup_env.py --lock test

demo: setup
	@$(BIN)/machinami demo --port $(PORT)

check: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache | tail -4

test: setup-test
	@$(PYTHON) tools/system_packages.py
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest

bench: setup-test
	$(BIN)/python -m bench

prove: setup-test
	@$(PYTHON) tools/system_packages.py
	@$(PYTHON) tools/setup_env.py --lock fuzz
	MACHINAMI_PROVE=1 $(BIN)/pytest -s tests/crash tests/prove
	MACHINAMI_PROVE=1 $(BIN)/pytest tests/contract/test_contract_reference.py tests/contract/test_contract_merging.py \
	  tests/contract/test_contract_aggregation.py tests/contract/test_contract_sources.py \
	  tests/contract/test_contract_past_sources.py
	$(if $(SUMMARY),$(BIN)/python tools/conformance_page.py --gate $(SUMMARY))

clean:
	rm -rf .venv .venv-fuzz .pytest_cache .mypy_cache .ruff_cache
