# make demo: the main job, on the two published runs.   make test: lint, types and tests.
# make bench: reading and detecting against the alternatives, some ten minutes or more.
# All set up what is missing first (a virtual environment in .venv) and are quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test bench clean

demo: $(STAMP)
	$(BIN)/heldout report example:deepseek-r1 example:kimi-dev -o reports --formats svg,png,pdf

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2

bench: $(STAMP)
	mkdir -p reports/bench
	$(BIN)/heldout bench read -o reports/bench/read.md
	$(BIN)/heldout bench detect -o reports/bench/detect.md --figures reports/bench

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,bench]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) reports
