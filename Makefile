# `make app` and `make test` each set up all they need, in .venv, on a fresh machine.
#
# PyTorch is installed first and by its exact version: a machine may have a CPU build of just
# that version at hand, and later floors pull gigabytes of CUDA libraries.

PYTHON ?= python3
TORCH ?= torch==2.13.0
PORT ?= 8501
BIN := .venv/bin

.PHONY: app test check unit setup clean

app: .venv/app.stamp
	$(BIN)/litteragpt app --port $(PORT)

test: check unit

check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(ARGS)

setup: .venv/test.stamp

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache

.venv/base.stamp:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	touch $@

.venv/app.stamp: .venv/base.stamp pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[app,answers,entities]'
	touch $@

.venv/test.stamp: .venv/app.stamp
	$(BIN)/python -m pip install --quiet --group test --editable '.[app,answers,data,entities,export,hf,ray]'
	touch $@
