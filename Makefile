# make demo: the main job: two small training runs, one honest and one that is hacked, and their reports.
# make test: lint, types and tests.   make bench: heldout against named alternatives.
# All set up what is missing first (a virtual environment in .venv) and are quick the second time.

SHELL := bash
.SHELLFLAGS := -o pipefail -ec

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
RUNS := runs/honest runs/exit-hack

.PHONY: demo examples test bench clean

# both side by side, a core each
demo: $(STAMP)
	@$(MAKE) --no-print-directory -j 2 $(RUNS:%=%/policy)
	$(BIN)/heldout report $(RUNS) -o reports

# a run that was cut short goes on where it stopped
runs/%/policy: | $(STAMP)
	@if test -f runs/$*/run.json; then $(BIN)/heldout train --resume -o runs/$*; \
	else $(BIN)/heldout train --recipe $* --threads 1 -o runs/$*; fi 2>&1 | sed -u "s/^/$*: /"

examples: $(STAMP)
	$(BIN)/heldout report example:deepseek-r1 example:kimi-dev -o reports/published --formats svg,png,pdf

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2

bench: $(STAMP)
	$(PIP) -e ".[dev,train,bench]"
	$(BIN)/heldout bench read
	$(BIN)/heldout bench verdict
	$(BIN)/heldout bench judge
	$(BIN)/heldout bench log
	mkdir -p reports/benchmarks
	$(BIN)/heldout bench detect n200K20 n500K40 -o reports/benchmarks/detect.json --figures reports/benchmarks

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[dev,train]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) reports runs
