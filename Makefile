# Everything runs in .venv, made from the pins in requirements.lock. On Debian: python3 (3.11+), python3-venv, make.

PYTHON ?= python3
BIN := .venv/bin
LOCK := requirements.lock

.PHONY: demo test bench lock notebooks lint clean environment

environment: .venv/installed

.venv/installed: $(LOCK) pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Environment, demo data, pull, the three questions, the notebooks as pages.
demo: environment
	$(BIN)/python -m eventsource.demo.tour

# Lint, types, format, all tests, the notebooks.
test: environment lint
	$(BIN)/python -m pytest tests
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env -p no:randomly -W ignore notebooks

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Speed and memory beside DuckDB, pandas and plain Python; one run, answers compared first.
bench: environment
	$(BIN)/python -m tests.benchmarks

# Run the notebooks again and keep what the tests compare.
notebooks: environment
	$(BIN)/python tests/notebooks/refresh.py

# Resolve the dependencies anew. No index address gets into the lock.
lock: environment
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --all-build-deps --all-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate \
	  --output-file $(LOCK) pyproject.toml

clean:
	rm -rf .venv build data/log data/flights reports/out
