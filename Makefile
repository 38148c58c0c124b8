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
# Of linear algebra one thread each: tests share the cores, and several threads would only wait for each other. There are
# more workers than cores, as many tests wait for processes of their own.
ALONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: demo examples test types types-of-tests cluster verl light docs mutate bench release clean

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
	@$(MAKE) --no-print-directory -j 2 types types-of-tests
	$(ALONE) $(BIN)/pytest -q -n $(or $(WORKERS),3) --dist worksteal

types: | $(STAMP)
	$(BIN)/mypy

types-of-tests: | $(STAMP)
	$(BIN)/mypy --config-file tests/mypy.ini --cache-dir .mypy_cache/tests tests

# judging on a cluster of Ray, which takes a minute to start and to end: not among the other tests
cluster: $(STAMP)
	$(PIP) -e ".[ray]"
	$(BIN)/pytest -q tests/engines/test_on_ray.py

# verl's real loop on a CPU, in an environment of its own: it contradicts the versions of the other tests
verl: .venv-verl/.installed
	.venv-verl/bin/python -m pytest -q -p no:asyncio --confcutdir=tests/callbacks tests/callbacks/test_verl.py
	.venv-verl/bin/python -m pytest -q -p no:asyncio --confcutdir=tests/verl_loop tests/verl_loop/test_real_loop.py

.venv-verl/.installed: pyproject.toml constraints-verl.txt
	test -x .venv-verl/bin/python || $(PYTHON) -m venv .venv-verl
	.venv-verl/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-verl.txt \
		-e . 'verl[verl-core]' pytest
	touch $@

# the install without extras reads, reports and draws
light: pyproject.toml constraints.txt
	rm -rf .venv-light && $(PYTHON) -m venv .venv-light
	.venv-light/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt .
	.venv-light/bin/heldout report example:deepseek-r1 example:kimi-dev -o reports/light
	.venv-light/bin/heldout chart example:kimi-dev --left length --right held_out -o reports/light/chart.pdf

# the pages in docs/ as a site; what does not lead anywhere is an error
docs: $(STAMP)
	$(PIP) -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo reports/site/index.html

# how many small mistakes in a room would its tests let through: make mutate ROOM=stats
mutate: $(STAMP)
	$(BIN)/python tools/mutate.py $(ROOM) --count $(or $(COUNT),200)

bench: $(STAMP)
	$(PIP) -e ".[dev,train,bench]"
	$(BIN)/heldout bench read
	$(BIN)/heldout bench verdict
	$(BIN)/heldout bench judge
	$(BIN)/heldout bench log
	mkdir -p reports/benchmarks
	$(BIN)/heldout bench detect n200K20 n500K40 -o reports/benchmarks/detect.json --figures reports/benchmarks

# builds and checks what would be published, and prints what the changelog says of it
release: $(STAMP)
	$(PIP) -e ".[release]"
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	@version=$$($(BIN)/python -c "import heldout; print(heldout.__version__)"); \
	awk -v v="$$version" '/^## /{on = $$2 == v} on' CHANGELOG.md > dist/changes.md; \
	test -s dist/changes.md || { echo "CHANGELOG.md has no section for $$version"; exit 1; }; cat dist/changes.md

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[dev,train]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) .venv-light .venv-verl dist reports runs
