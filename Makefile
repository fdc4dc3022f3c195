# Everything runs in .venv, which `make setup` makes once and again when the two files it comes from change.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.made
EXTRAS := online,offline,llm,report,ray,search,video,compat,docs,test

.DEFAULT_GOAL := help
.PHONY: help setup quickstart check format test docs compat bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything in it; does nothing when it is there

$(STAMP): pyproject.toml constraints.txt
	@echo "Setting up $(VENV), once; this takes a minute or two."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

quickstart: setup ## Run the whole method on the bundled data, on the CPU
	$(BIN)/ilrec quickstart

check: setup ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## Run the tests; TESTS="-k word" chooses among them
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses=4 $(TESTS)

docs: setup ## Build the site into docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

compat: ## Run the tests under the oldest and newest libraries; ROWS=--short for the oldest only
	$(PYTHON) tools/compat.py $(ROWS)

bench: setup ## Measure speed
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

clean: ## Remove caches and built pages; .venv and results stay
	rm -rf docs/_build build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find docs/api docs/environments -name '*.md' -not -name index.md -delete
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
