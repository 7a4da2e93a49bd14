# Everything a person or a machine needs to type. `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
UV_VERSION := 0.13.8
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
UV := .tools/$(SCRIPTS)/uv
BIN := .venv/$(SCRIPTS)
EXTRAS := --extra lab --extra queue --extra postgres --extra dask
PYTEST := $(BIN)/pytest
# The whole suite runs in two processes, a file in one of them.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder

# Byte code is compiled once, at installation: without it every import takes three times as long.
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV

.PHONY: help demo test test-fast test-portable test-all test-qlib test-packaging check format bench profile docs screenshots dist clean lock

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# -- set-up: what a target needs is installed once, from the lock file --------------------------------

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not ((3, 11) <= v < (3, 14)) and f"Python 3.11, 3.12 or 3.13 is needed, {v.major}.{v.minor} found; say make PYTHON=python3.12 ...")'
	@echo "Installing uv $(UV_VERSION) into .tools"
	@$(PYTHON) -m venv .tools
	@.tools/$(SCRIPTS)/pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

build/.setup-run: uv.lock pyproject.toml | $(UV)
	@echo "Installing outsample and what it needs into .venv"
	@$(UV) sync --frozen --quiet --inexact --no-default-groups --python $(PYTHON)
	@mkdir -p build && touch $@

build/.setup-dev: uv.lock pyproject.toml | $(UV)
	@echo "Installing the tools and libraries of the tests into .venv"
	@$(UV) sync --frozen --quiet --inexact --python $(PYTHON) $(EXTRAS) --group dev
	@mkdir -p build && touch $@ build/.setup-run

build/.setup-docs: build/.setup-dev
	@$(UV) sync --frozen --quiet --inexact --python $(PYTHON) $(EXTRAS) --group dev --group docs
	@touch $@

build/.setup-system: tests/setup_system.sh
	@bash tests/setup_system.sh
	@mkdir -p build && touch $@

# -- what people type ---------------------------------------------------------------------------------

demo: build/.setup-run  ## a real strategy, from a notebook cell to a report in build/demo
	@$(BIN)/outsample warm
	@rm -f build/demo/store.db*
	@OUTSAMPLE_STORE=$(CURDIR)/build/demo/store.db $(BIN)/outsample report notebooks/quickstart.ipynb -o build/demo/quickstart.ipynb
	@echo
	@echo "Executed notebook:  build/demo/quickstart.ipynb"
	@echo "Report (open it):   build/demo/quickstart.html"

test: build/.setup-dev build/.setup-system  ## all tests (about 25 minutes)
	$(PYTEST) $(SIDE_BY_SIDE)

test-fast: build/.setup-dev  ## the quick part of the tests (under 3 minutes)
	$(PYTEST) $(SIDE_BY_SIDE) -m "not slow and not notebook and not browser and not server"

test-portable: build/.setup-dev  ## what needs no confinement by the kernel, for systems other than Linux
	$(PYTEST) -m "not slow and not server" tests/engine tests/metrics tests/stats tests/strategy tests/validation \
		tests/reference tests/report tests/sandbox/test_portable.py tests/sandbox/test_wire.py

test-all: build/.setup-dev build/.setup-system test-qlib test-packaging  ## ten times the random tests, Qlib, packaging
	OUTSAMPLE_TEST_SCALE=10 $(PYTEST) $(SIDE_BY_SIDE) --timeout 3600

test-packaging: build/.setup-dev  ## wheel and sdist in empty environments, on every Python and extra
	$(BIN)/python tests/packaging/matrix.py

build/qlib/bin/python: uv.lock pyproject.toml | $(UV)
	@echo "Installing Qlib into an environment of its own"
	@UV_PROJECT_ENVIRONMENT=build/qlib $(UV) sync --frozen --quiet --no-default-groups --python $(PYTHON) --extra qlib
	@touch $@

test-qlib: build/.setup-dev build/qlib/bin/python  ## Qlib's numbers and charts, in an environment of its own
	OUTSAMPLE_QLIB_PYTHON=$(CURDIR)/build/qlib/bin/python $(PYTEST) tests/interop

check: build/.setup-dev  ## format, lint, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -q tests/test_architecture.py

format: build/.setup-dev  ## put everything into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: build/.setup-dev  ## workloads against peers, into docs/benchmarks.md
	$(BIN)/python tests/benchmarks/run.py

profile: build/.setup-dev  ## the ten hottest functions of each workload
	$(BIN)/python tests/benchmarks/hottest.py

docs: build/.setup-docs  ## the documentation, into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

screenshots: build/.setup-dev build/.setup-system  ## the pictures of README and documentation
	OUTSAMPLE_SCREENSHOTS=build/screenshots $(PYTEST) tests/browser
	cp build/screenshots/cell-light.png docs/images/quickstart.png
	cp build/screenshots/cell-dark.png docs/images/quickstart-dark.png
	$(BIN)/python docs/scripts/screenshots.py

dist: | $(UV)  ## wheel and sdist, into dist
	rm -rf dist
	$(UV) build --quiet --out-dir dist

lock: | $(UV)  ## renew uv.lock from pyproject.toml
	$(UV) lock --python $(PYTHON)

clean:  ## remove what was built; the environment stays
	rm -rf build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.tools/*' -exec rm -rf {} +
