# make demo and make test work on a fresh machine with CPython >= 3.11, pip and a C compiler: both call setup first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
PEERS := .venv-peers
STAMP := $(VENV)/.installed

.PHONY: help setup demo test test-lowest check bench bench-shots studies planted mutants notebooks docs catalogue wheel clean

help:
	@echo "make demo    train tiny quantum and classical language-model heads on real text and write a report"
	@echo "make test    the whole test suite (under ten minutes on two cores)"
	@echo "make check   ruff, mypy, import-linter"
	@echo "make bench   the benchmarks, beside their opponents: benchmarks/README.md (installs the peers extra, and .venv-peers; 25 minutes at most on two quiet cores)"
	@echo "make bench-shots  error against shots and coverage of error bars of every estimator (benchmarks/estimators.md)"
	@echo "make studies every study with preset quick, after the planted checks of verdicts, long ones included (seven minutes on two cores)"
	@echo "make mutants 300 small faults planted in a copy, one at a time: which do the tests notice? (two hours; tests/MUTANTS.md)"
	@echo "make planted the runs that the planted checks of verdicts are drawn from, those that are not there (results/planted)"
	@echo "make catalogue  circuits/ again: texts, manifest and page (make test checks that they are what this makes)"
	@echo "make notebooks  every notebook of tutorials/ again from scratch, in place"
	@echo "make wheel   a wheel in dist/ with the compiled kernel inside"
	@echo "make test-lowest  the whole test suite with the lowest versions that pyproject.toml allows (.venv-lowest)"
	@echo "make docs    the site of all pages, references and tutorials: build/site/index.html (installs the docs extra)"
	@echo "make setup   create $(VENV) with the tested versions (the others call it)"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(wildcard qgeo/simulate/compiled/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: setup
	$(BIN)/qgeo compare --preset quick

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup $(PEERS)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,peers]'
	$(BIN)/python -m benchmarks

# Opponents that do not fit beside ours. Without them (no wheels for this Python or system) their columns say so.
$(PEERS)/.installed: benchmarks/opponents/requirements.txt
	-$(PYTHON) -m venv $(PEERS) && $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $< && touch $@

bench-shots: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.estimators

studies: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/external tests/planted -m "" -rP
	$(BIN)/qgeo study run all

mutants: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,mutants]'
	OMP_NUM_THREADS=1 PYTHONPATH=tests nice -n 5 $(BIN)/python -m mutants

notebooks: setup
	OMP_NUM_THREADS=1 $(BIN)/python tutorials/run.py

wheel: setup
	rm -rf build dist
	$(BIN)/python -m build --wheel
	@$(BIN)/python -m zipfile --list dist/*.whl | grep --quiet 'compiled/_kernel' || \
		{ echo "expected a wheel with the compiled kernel, got one without; install a C compiler" >&2; exit 1; }

test-lowest: $(LOWEST)/.installed
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n 2 --dist worksteal

# pip takes the newest versions; uv can be asked for the lowest.
$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[dev]'
	@touch $@

catalogue: setup
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python tests/circuit/make_catalogue.py

docs: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]'
	rm -rf build/site
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -E -W --keep-going -c docs -d build/doctrees . build/site
	$(BIN)/python -m docs.site_check build/site

planted: setup
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m planted

clean:
	rm -rf $(VENV) $(LOWEST) $(PEERS) build dist .pytest_cache .mypy_cache .ruff_cache
