# Everything the README, CI and a developer call. Needs Python >= 3.11 and make; the
# cluster and database tests also need Go. Each target makes its own virtual environment on first use.

PYTHON ?= python3
MESSAGES ?= 200000
SEED ?= 1
SEEDS ?= 100
DAYS ?= 30
JOBS ?= 2
KILLS ?= 200
BENCH ?=
OUTAGE ?= 60
VENV ?= .venv
BIN := $(VENV)/bin
# Alone they reach every branch of the core; only they run under coverage, which is slow.
CORE_TESTS := tests/unit/core tests/properties
PYTEST := $(BIN)/python -m pytest
# The last line that the build prints is the folder of the control plane's programs.
WITH_BED := bed=$$(tests/cluster/testbed/build.sh | tail -n 1) && test -n "$$bed" && \
  HEADLESS_DISCOVERY_TESTBED_BIN="$$bed"

.PHONY: help demo test test-python test-cluster test-databases fuzz soak soak-cluster check
.PHONY: audit bench bench-cluster docs misbehaviour clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

demo: $(VENV)/demo  ## the main job, live, without a cluster
	@$(BIN)/headless-discovery demo

test: $(VENV)/test  ## all tests that need nothing but Python
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(CORE_TESTS)
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --include='headless_discovery/core/*' --fail-under=100
	$(PYTEST) tests $(addprefix --ignore=,$(CORE_TESTS) tests/cluster tests/contract tests/databases)

test-python: $(VENV)/test  ## the unit tests, for other Pythons: make test-python PYTHON=python3.13 VENV=.venv-3.13
	$(PYTEST) -n 2 tests/unit tests/scenarios tests/properties tests/fuzz tests/soak

test-cluster: $(VENV)/test  ## real CoreDNS under a real control plane; builds it once (Go, some 12 minutes)
	@$(WITH_BED) $(PYTEST) tests/cluster tests/contract

test-databases: $(VENV)/databases  ## real Redis, MariaDB, PostgreSQL, NATS; installs what lacks (root); OUTAGE=600 for longer
	@tests/databases/install.sh
	@$(WITH_BED) HEADLESS_DISCOVERY_OUTAGE=$(OUTAGE) $(PYTEST) tests/databases

fuzz: $(VENV)/test  ## fuzz the readers against dnspython: make fuzz MESSAGES=10000000 SEED=7
	$(BIN)/python -m tests.fuzz.fuzz --messages $(MESSAGES) --seed $(SEED)

soak: $(VENV)/test  ## 100 x 30 simulated days of following, a million lookups, 200 killed writers: an hour
	$(BIN)/python -m tests.soak.membership --seeds $(SEEDS) --days $(DAYS) --jobs $(JOBS)
	$(BIN)/python -m tests.soak.writing --kills $(KILLS) --seed $(SEED)
	$(BIN)/python -m tests.soak.soak --seed $(SEED)

soak-cluster: $(VENV)/test  ## an hour of changes and outages on the real control plane
	@$(WITH_BED) $(BIN)/python -m tests.cluster.long_run --seed $(SEED)

check: $(VENV)/check  ## ruff, mypy --strict, bandit, the architecture test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m bandit --quiet --recursive headless_discovery --configfile pyproject.toml
	$(PYTEST) -q tests/unit/test_architecture.py

audit: $(VENV)/check  ## known vulnerabilities of the dependencies; needs the advisories
	$(BIN)/python -m pip_audit --strict .

bench: $(VENV)/bench  ## ratios against what one would use instead, in one run
	$(BIN)/python benchmarks/run.py

bench-cluster: $(VENV)/bench $(VENV)/test  ## what following costs a real CoreDNS; BENCH=--quick for a smoke test
	@$(WITH_BED) $(BIN)/python benchmarks/cluster.py $(BENCH)

docs: $(VENV)/docs  ## build the documentation; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# Writes the page of misbehaving servers from a run; tests hold it against every other run.
misbehaviour: $(VENV)/test
	$(BIN)/python -m tests.scenarios.page

clean:  ## remove what was built here
	rm -rf .venv .venv-* build dist docs/_build .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "headless-discovery needs Python >= 3.11; call: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One stamp a purpose: it is made again when pyproject.toml changes.
$(VENV)/demo: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli]'
	@touch $@

$(VENV)/test: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,test]'
	@touch $@

$(VENV)/databases: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,databases]'
	@touch $@

$(VENV)/check: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,test,check]'
	@touch $@

$(VENV)/bench: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

$(VENV)/docs: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@
