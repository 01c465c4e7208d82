# make demo   set up and predict the emotion in the example recordings, beside what was meant
# make train  set up what training and the recipes need, PyTorch included
# make test   set up and run every check: format, lint, types, tests; ten minutes on two cores
# make fuzz   real files changed at random, by every way into the toolkit, for FUZZ seconds
# make test-fast   only the tests that are not marked as slow: a minute and a half on two cores

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# The version that the tests are run with, as the CPU build where pip is offered one (see README.md).
TORCH ?= torch==2.13.0

# How many processes share the tests. Each runs whole files, whose fixtures are then made once; the
# longest come first.
JOBS ?= 2
# Tests start hundreds of processes: what is compiled is kept, even where the environment says not to.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

FUZZ ?= 60

.PHONY: demo train test test-fast fuzz check format clean

demo: $(VENV)/.installed
	$(BIN)/ser-predict examples --format csv | $(BIN)/python examples/compare.py

train: $(VENV)/.installed-train

test: $(VENV)/.installed-dev check
	$(PYTEST)

fuzz: $(VENV)/.installed-dev
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python tests/audio/fuzz_ways.py --seconds $(FUZZ)

test-fast: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow"

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[media]"
	touch $@

# torch goes first: any later requirement is then met by this build.
$(VENV)/.installed-train: $(VENV)/.installed
	@echo "installing torch and what else is needed, 1 to 2 GB: a few minutes" >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[train,download]"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-train
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
