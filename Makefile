# Everything runs in .venv, made from the pins in requirements.lock. On Debian: python3 (3.11+), python3-venv, make.

PYTHON ?= python3
BIN := .venv/bin
LOCK := requirements.lock
WORKERS := -n 2 --dist loadgroup

.PHONY: demo test docs laws hostile words bench lock notebooks lint clean environment

environment: .venv/installed

.venv/installed: $(LOCK) pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Environment, demo data, pull, the three questions on the terminal, the notebooks as pages.
demo: environment
	rm -rf data/log
	$(BIN)/eventsource pull data/raw/customers.jsonl.gz --allow-rejected
	@echo
	@echo "Did customer-42 have a premium plan on 1 March 2024, and which event made it so?"
	$(BIN)/eventsource explain customer-42 2024-03-01 --format table
	@echo
	@echo "When was it cancelled, and by which event?"
	$(BIN)/eventsource changes premium --entity customer-42 --format table
	@echo
	@echo "Where did the customer live on 30 June 2024, and where three months before?"
	$(BIN)/eventsource as-of 2024-03-30 2024-06-30 --entity customer-42 --format table
	@echo
	@(ls reports/*.toml | xargs -n 1 basename -s .toml; ls notebooks/0[136]*.ipynb) | xargs -P 2 -n 1 $(BIN)/eventsource report run
	@echo
	@echo "All pages: reports/out/index.html. The board: reports/out/board/latest.html"

# Lint, types, format, all tests, the notebooks; tests run in two processes. Coverage is measured over the quick tests:
# measuring slows down. Their frames are small: threads of Polars in two processes would only wait for each other.
test: environment lint
	mkdir -p build
	$(BIN)/python -m coverage erase
	POLARS_MAX_THREADS=1 $(BIN)/python -m coverage run -m pytest tests $(WORKERS) -m "not slow"
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report
	$(BIN)/python -m pytest tests $(WORKERS) -m slow
	$(BIN)/eventsource pull --allow-rejected
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env -p no:randomly -W ignore -n 2 --dist loadfile notebooks

# The generated parts of the pages, then the pages, into build/docs/index.html; a warning is an error.
docs: environment
	$(BIN)/python -m docs._generate
	$(BIN)/python -m sphinx -q -E -W --keep-going -b html docs build/docs

# The laws with 2,000 examples each instead of 30: an hour or two, so not part of `make test`.
laws: environment
	POLARS_MAX_THREADS=1 $(BIN)/python -m pytest tests $(WORKERS) -m hypothesis --hypothesis-profile=deep --durations=20

# What tries to break something (concurrency, bit rot, full disks, hostile input), at full size: an hour, so not part
# of `make test`, which tries a little of each.
hostile: environment
	EVENTSOURCE_HOSTILE=full $(BIN)/python -m pytest tests -m hostile

# Words and phrases that the prose of this project avoids, with their places.
words: environment
	$(BIN)/python -m tests.docs.words

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Speed and memory beside DuckDB, Polars, pandas, plain Python and the eventsourcing library; one run, answers
# compared first. Other inputs: .venv/bin/python -m tests.benchmarks --events 1e6 --shape tiny (see --help).
# Then from raw files to the first answer, on a realistic log; smaller: -m tests.benchmarks.raw --events 5e5.
bench: environment
	$(BIN)/python -m tests.benchmarks --out tests/benchmarks
	$(BIN)/python -m tests.benchmarks.raw --out tests/benchmarks

# Run the notebooks again and keep what the tests compare.
notebooks: environment
	$(BIN)/python tests/notebooks/refresh.py

# Resolve the dependencies again. No index address gets into the lock.
lock: environment
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --all-build-deps --all-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate \
	  --output-file $(LOCK) pyproject.toml

clean:
	rm -rf .venv build data/log data/flights reports/out
