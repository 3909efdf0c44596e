# make run: the main job on the embedded digits. make test: everything this machine can test.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed

.PHONY: run test lint type bench figures clean

run: $(INSTALLED)
	$(BIN)/robustscope run --preset digits

test: $(INSTALLED)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --durations=8

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(INSTALLED)
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.costs
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.attacks
	$(BIN)/python -m benchmarks.corruptions
	$(BIN)/python -m benchmarks.system
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.store

figures: $(INSTALLED)
	$(BIN)/robustscope figures runs/digits/results.h5 --out runs/digits/paper

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt torchattacks imagecorruptions
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
