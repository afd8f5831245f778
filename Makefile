# The two commands: `make book` and `make test`. `make help` lists all.
PYTHON ?= python3
PROFILE ?= laptop
SEED ?= 0
DEVICE ?= cpu
FRESH ?=
BENCH ?=

VENV := .venv
RUN := $(VENV)/bin/python
ENVIRONMENT := $(VENV)/installed
BENCH_VENV := .venv-bench
BENCH_ENVIRONMENT := $(BENCH_VENV)/installed
PARAMETERS := -p profile=$(PROFILE) -p seed=$(SEED) -p device=$(DEVICE)

.DEFAULT_GOAL := help
.PHONY: help book test check screenshots notebooks bench lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

book: $(ENVIRONMENT) ## execute the chapters, export notebooks/, build the site (FRESH=1, PROFILE=, SEED=, DEVICE=)
	$(RUN) -m publishing build $(PARAMETERS) $(if $(filter-out 0,$(FRESH)),--fresh)

test: check ## all checks: style, types, tests, the book at the smoke profile, the pages in a browser
	@scripts/debian-package chromium "the browser checks are skipped without it" chromium || true
	$(RUN) -m pytest -m "" --numprocesses auto --dist worksteal

check: $(ENVIRONMENT) ## style and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

screenshots: $(ENVIRONMENT) ## pictures of every page of the built site, into _build/screenshots
	@scripts/debian-package chromium "it takes the pictures" chromium
	$(RUN) -m publishing screenshots

notebooks: $(ENVIRONMENT) ## export notebooks/ for Colab from book/
	$(RUN) -m publishing notebooks

bench: $(BENCH_ENVIRONMENT) ## speed beside four other libraries (BENCH=--quick: two minutes)
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH)

lock: ## renew requirements.lock and benchmarks/requirements.lock
	PYTHON=$(PYTHON) scripts/lock

clean: ## remove what was built; the environment stays
	rm -rf _build

$(ENVIRONMENT): pyproject.toml requirements.lock
	PYTHON=$(PYTHON) scripts/environment $(VENV) book,cluster,test requirements.lock

$(BENCH_ENVIRONMENT): pyproject.toml benchmarks/requirements.lock
	PYTHON=$(PYTHON) scripts/environment $(BENCH_VENV) bench benchmarks/requirements.lock
