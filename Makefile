# Everything the project does, from a clean clone: `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED := $(CURDIR)/build/compiled
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Tests start hundreds of processes, each of which would compile the sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-full check-shared lint format typecheck generated docs fuzz mutants audit \
	sbom bench bench-quick lock clean system-packages compiler compiled
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --require-hashes -r requirements/runtime.txt
	$(PIP_INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	$(PIP_INSTALL) --no-deps --editable .
	@touch $(VENV)/.runtime $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	$(PIP_INSTALL) --require-hashes -r requirements/bench.txt
	@touch $@

$(VENV)/.mutation: requirements/mutation.txt $(VENV)/.dev
	$(PIP_INSTALL) --require-hashes -r requirements/mutation.txt
	@touch $@

$(VENV)/.docs: requirements/docs.txt $(VENV)/.dev
	$(PIP_INSTALL) --require-hashes -r requirements/docs.txt
	@touch $@

$(VENV)/.build: requirements/build.txt | $(BIN)/python
	$(PIP_INSTALL) --require-hashes -r requirements/build.txt
	@touch $@

# From the source distribution, as the build hook writes beside the sources that it compiles.
# build/compiled is the wheel unpacked: on PYTHONPATH it comes before the installed sources.
build/.compiled: $(shell find src/shadowserver_connector -type f -not -name '*.pyc') pyproject.toml \
		$(VENV)/.build | compiler
	rm -rf build/dist $(COMPILED)
	$(BIN)/python -m hatchling build -t sdist -d build/dist
	HATCH_BUILD_HOOK_ENABLE_MYPYC=true $(BIN)/python -m pip wheel --quiet --no-build-isolation \
		--no-deps --wheel-dir build/dist build/dist/*.tar.gz
	$(PIP_INSTALL) --no-deps --target $(COMPILED) build/dist/*.whl
	@touch $@

compiled: build/.compiled ## the package with its hot modules compiled, as a wheel in build/dist

lint: $(VENV)/.dev ## ruff, format check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(VENV)/.dev ## mypy --strict on the package, its benchmarks and scripts
	$(BIN)/mypy
	$(BIN)/mypy benchmarks scripts

demo: $(VENV)/.runtime ## the whole pipeline against a simulated Shadowserver, in one command
	$(BIN)/shadowserver-connector demo -o demo-output

# Of what starts processes, these on the compiled build; large reports take pure Python minutes, so
# their memory is measured there in `make test-full` only, which does everything on both.
COMPILED_PROCESSES := tests/pipeline/test_executors.py tests/pipeline/test_memory.py
COMPILED_ONLY := tests/pipeline/test_memory.py
# Builds the image twice, which takes minutes.
FULL_ONLY := tests/integration/test_deploy_image.py

# Integration tests wait most of the time: for time-outs, for pauses, for other processes.
WAITING = $(shell expr 2 '*' $$(nproc))

# What the compiled modules do is tested on both builds.
test: $(VENV)/.dev build/.compiled system-packages ## all tests that a fresh machine can run
	$(BIN)/pytest -q -n auto -m "not integration and not shared"
	PYTHONPATH=$(COMPILED) $(BIN)/pytest -q -n auto -m "not integration and not shared" \
		$(addprefix tests/,bundle golden history hostile mapping pipeline report stix)
	PYTHONPATH=$(COMPILED) $(BIN)/pytest -q -n auto --dist loadfile $(COMPILED_PROCESSES)
	$(BIN)/pytest -q -n $(WAITING) --dist loadfile --durations 20 -m "integration and not shared" \
		$(addprefix --ignore ,$(COMPILED_ONLY) $(FULL_ONLY))
	PYTHON=$(PYTHON) sh scripts/test-with-pycti6.sh

test-full: export TEST_FULL = 1
test-full: COMPILED_PROCESSES += tests/connector/test_ahead.py tests/integration/test_dask.py
test-full: COMPILED_ONLY :=
test-full: FULL_ONLY :=
test-full: test ## the same with the whole crash matrix and fault table; takes long

check-shared: $(VENV)/.dev ## compare with Shadowserver's schema and samples in ../shared
	$(BIN)/pytest -q -n auto -m shared

system-packages:
	PYTHON=$(PYTHON) sh scripts/install-system-packages.sh

compiler:
	PYTHON=$(PYTHON) sh scripts/install-system-packages.sh compiler

generated: $(VENV)/.dev ## fail if a generated file is stale
	$(BIN)/python scripts/generate_metadata.py --check
	$(BIN)/python scripts/generate_mapping_docs.py --check
	$(BIN)/python scripts/check_docs.py --check

docs: $(VENV)/.docs ## the documentation as a searchable site in build/site; fails at a link that leads nowhere
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

fuzz: $(VENV)/.dev ## look for input that breaks a reader; takes about 11 minutes on two cores
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -q -n auto --timeout=0 tests/fuzz

mutants: $(VENV)/.mutation ## change the code a little at a time: do the tests notice? takes long
	$(BIN)/python scripts/mutants.py

# 75 means that the service could not audit everything, and the output says so.
audit: $(VENV)/.dev ## licences and known vulnerabilities of the dependencies
	$(BIN)/python scripts/check_licences.py
	$(BIN)/python scripts/audit.py requirements/*.txt || [ $$? -eq 75 ]

sbom: $(VENV)/.dev ## dist/sbom.json: what the package depends on, in CycloneDX
	sh scripts/sbom.sh

bench: $(VENV)/.bench build/.compiled system-packages ## ratios against the usual way; 5 million rows take long
	PYTHONPATH=$(COMPILED) $(BIN)/python -m benchmarks --output docs/benchmark.json

bench-quick: $(VENV)/.bench build/.compiled system-packages ## the same, small and once: shows that all of it works
	PYTHONPATH=$(COMPILED) $(BIN)/python -m benchmarks --quick --output build/bench/benchmark.json

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url

lock: $(VENV)/.dev ## write requirements/*.txt anew from pyproject.toml
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra dask --group dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra dask --group dev --group bench \
		-o requirements/bench.txt
	$(COMPILE) pyproject.toml --extra dask --group dev --group mutation \
		-o requirements/mutation.txt
	$(COMPILE) pyproject.toml requirements/pycti6.in -o requirements/pycti6.txt
	$(COMPILE) --group build -c requirements/dev.txt -o requirements/build.txt
	$(COMPILE) --group docs -c requirements/dev.txt -o requirements/docs.txt

clean: ## remove what the commands above made
	rm -rf .venv .venv-pycti6 demo-output dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
