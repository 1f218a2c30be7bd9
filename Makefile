# Every target installs what it needs, into this folder only (make browser excepted).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SIMULATOR := $(VENV)/.simulator
TESTS := $(VENV)/.tests
READY := $(VENV)/.ready
KINESIS_LOCAL := tests/kinesis_local

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Installs the packages that the first file names, without those of the second. A file names all packages, so two pips
# can install them side by side. They compile no bytecode: that takes longer than the installation, and Python compiles
# what it imports anyway.
INSTALL = echo "installing $(1)"; grep --invert-match --line-regexp --fixed-strings --file $(or $(2),/dev/null) $(1) | grep == \
  | xargs -P 2 -n 8 $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed (PYTHON=$(PYTHON)). Get it from https://www.python.org/downloads/ or your"; \
	  echo "package manager, and name it: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Two processes compile what all processes of the tests import. Otherwise each of them would do it at first.
$(SIMULATOR): requirements.txt | $(BIN)/pip
	@$(call INSTALL,requirements.txt)
	@for module in simulator.local_aws simulator.reports.page simulator.commands.line; do echo $$module; done \
	  | PYTHONDONTWRITEBYTECODE= xargs -P 2 -I {} $(BIN)/python -c 'import {}' >/dev/null 2>&1 || true
	@touch $@

$(TESTS): requirements-test.txt $(SIMULATOR)
	@$(call INSTALL,requirements-test.txt,requirements.txt)
	@touch $@

$(READY): requirements-dev.txt $(TESTS)
	@$(call INSTALL,requirements-dev.txt,requirements-test.txt)
	@touch $@

.PHONY: setup
setup: $(READY) ## Create the virtual environment with the pinned packages

.PHONY: kinesis-local
kinesis-local: ## Install kinesis-local for its tests, which are skipped without Node.js
	@if { command -v node && command -v npm; } >/dev/null; then $(MAKE) --silent $(KINESIS_LOCAL)/node_modules/.ready; \
	else echo "Node.js is missing: the tests against kinesis-local are skipped."; fi

$(KINESIS_LOCAL)/node_modules/.ready: $(KINESIS_LOCAL)/package-lock.json
	npm ci --prefix $(KINESIS_LOCAL) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: browser
browser: ## Install Chromium for the tests of the HTML pages (Debian, as root); they are skipped without it
	@if command -v chromedriver >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	    chromium chromium-driver; } >/dev/null || echo "Chromium could not be installed: the tests of the HTML pages are skipped without it."; \
	else echo "Chromium and its driver are missing: the tests of the HTML pages are skipped."; fi

.PHONY: demo
demo: $(SIMULATOR) ## Apply the simple example to a local AWS and replay a day of traffic (TRACE=file.csv for your own)
	$(BIN)/python -m simulator demo $(if $(TRACE),--trace "$(TRACE)")

.PHONY: benchmark
benchmark: $(SIMULATOR) ## Update the figures of docs/benchmarks.md; a fleet takes up to 20 minutes (TRACES=folder with more CSV files)
	$(BIN)/python -m simulator benchmark $(if $(TRACES),--traces "$(TRACES)") $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)

# Tests start many processes, and each would compile what it imports.
test soak: export PYTHONDONTWRITEBYTECODE =

.PHONY: test
test: $(TESTS) kinesis-local browser ## Run every test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: soak
soak: $(TESTS) ## Search for faults with tens of thousands of examples, for hours
	FAULTS=soak $(BIN)/python -m pytest --numprocesses auto --dist loadfile \
	  $(or $(ARGS),$$(grep --recursive --files-with-matches --include='test_*.py' -e tests.faults.effort -e transports -e '@given' tests))

.PHONY: lint
lint: $(READY) ## Check style, types and Terraform
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.static.lint

.PHONY: format
format: $(READY) ## Format Python and Terraform files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	terraform fmt -recursive

.PHONY: pictures
pictures: $(TESTS) ## Draw the pictures of docs/images, except those of the benchmark (make benchmark)
	$(BIN)/python -m simulator demo --output build/pictures
	cp build/pictures/day.png docs/images/day.png
	$(BIN)/python -m simulator.reports.dashboard_pictures
	$(BIN)/python -m simulator.reports.foresight_picture

.PHONY: docs
docs: $(TESTS) ## Update the tables of inputs and outputs
	$(BIN)/python -m tests.static.tf_docs --write

.PHONY: load
load: $(SIMULATOR) ## Write to a real stream: STREAM=… RECORDS_PER_SECOND=… [RECORD_BYTES=1024] [MINUTES=10] [YES=1]
	@test -n "$(STREAM)" -a -n "$(RECORDS_PER_SECOND)" || { \
	  echo "Name the stream and the rate: make load STREAM=orders RECORDS_PER_SECOND=1000"; exit 2; }
	$(BIN)/python -m tools.load --stream "$(STREAM)" --records-per-second "$(RECORDS_PER_SECOND)" \
	  --record-bytes "$(or $(RECORD_BYTES),1024)" --minutes "$(or $(MINUTES),10)" $(if $(YES),--yes)

.PHONY: acceptance
acceptance: $(SIMULATOR) ## Test a deployment in your account, for under a dollar (ARGS=--local without an account)
	$(BIN)/python -m acceptance $(ARGS)

.PHONY: package
package: $(TESTS) ## Build lambda/package.zip from lambda/kinesis_autoscaler
	$(BIN)/python lambda/build.py

.PHONY: requirements
requirements: ## Pin the packages named in requirements.in, requirements-test.in and requirements-dev.in
	for each in requirements-dev requirements-test requirements; do \
	  rm -rf build/pin && $(PYTHON) -m venv build/pin && \
	  build/pin/bin/pip install --quiet --disable-pip-version-check --no-compile --requirement $$each.in \
	    $$(test $$each = requirements-dev || echo --constraint requirements-dev.txt) && \
	  { echo "# Pinned from $$each.in by make requirements."; build/pin/bin/pip freeze; } > $$each.txt || exit 1; done
	rm -rf build/pin
