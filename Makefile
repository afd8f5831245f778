# The two commands: `make book` and `make test`. `make help` lists all.
PYTHON ?= python3
PROFILE ?= laptop
SEED ?= 0
DEVICE ?= cpu
FRESH ?=
BENCH ?=
CHAPTER ?=
COURSE ?=
EXPERIMENT ?=
HOURS ?=
TAG ?=
URL ?=
LOCK ?= requirements.lock

VENV := .venv
RUN := $(VENV)/bin/python
ENVIRONMENT := $(VENV)/installed
BENCH_VENV := .venv-bench
BENCH_ENVIRONMENT := $(BENCH_VENV)/installed
PARAMETERS := -p profile=$(PROFILE) -p seed=$(SEED) -p device=$(DEVICE)

# One test process a core. With more threads than cores each waits for others that cannot run, and
# on a busy machine single tests then take twenty times as long.
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

# The words in brackets of a command's line of help are all the variables that it reads. Another one, or
# one in lower case, would be ignored in silence.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
READ = $(shell sed -n 's/^$(1):.*\#\# .*(\(.*\))$$/\1/p' Makefile | grep -oE '[A-Z]+=' | tr -d =)
UNREAD = $(filter-out PYTHON LOCK $(call READ,$(1)),$(GIVEN))
$(foreach goal,$(MAKECMDGOALS),$(if $(call UNREAD,$(goal)),$(error make $(goal) does not read \
	$(call UNREAD,$(goal)); it reads $(or $(strip $(call READ,$(goal))),no variable but PYTHON and LOCK))))

.DEFAULT_GOAL := help
.PHONY: help book test check quick gpu execute times pdf links screenshots picture notebooks assignments slides colab \
	data records records-keep records-fetch records-take records-propose address links-report package bench lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 18

book: $(ENVIRONMENT) ## execute the chapters, export notebooks/, build the site (FRESH=1, PROFILE=, SEED=, DEVICE=)
	$(RUN) -m publishing build $(PARAMETERS) $(if $(filter-out 0,$(FRESH)),--fresh)

test: check ## all checks: style, types, tests, the book at the smoke profile, the pages in a browser
	@scripts/chromium "the browser checks are skipped without it" || true
	$(ONE_THREAD) $(RUN) -m pytest -m "" --numprocesses auto --dist worksteal

check: $(ENVIRONMENT) ## style and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

quick: $(ENVIRONMENT) ## the fast tests only (LOCK=tests/requirements-oldest.txt: the oldest versions)
	$(ONE_THREAD) $(RUN) -m pytest --numprocesses auto --dist worksteal tests/anode tests/publishing

gpu: $(ENVIRONMENT) ## this machine's GPU: that it is there, that torch sees it, and the tests that need one
	nvidia-smi
	$(RUN) -m anode_lab doctor --device cuda
	$(RUN) -m pytest -m gpu

execute: $(ENVIRONMENT) ## execute chapters without building the site (CHAPTER=, PROFILE=, SEED=, DEVICE=)
	$(RUN) -m publishing execute $(PARAMETERS) $(CHAPTER)

times: $(ENVIRONMENT) ## how long chapters take alone, for the notebooks' first lines (CHAPTER=, PROFILE=, SEED=, DEVICE=)
	$(RUN) -m publishing times $(PARAMETERS) $(CHAPTER)

pdf: $(ENVIRONMENT) ## a PDF of each page and of the book, into the site; needs executed chapters (PROFILE=, SEED=, DEVICE=)
	@scripts/chromium "it prints the pages"
	$(RUN) -m publishing pdf $(PARAMETERS)

links: $(ENVIRONMENT) ## follow every link of the book; needs executed chapters (PROFILE=, SEED=, DEVICE=)
	$(RUN) -m publishing links $(PARAMETERS)

screenshots: $(ENVIRONMENT) ## pictures of every page of the built site, into _build/screenshots
	@scripts/chromium "it takes the pictures"
	$(RUN) -m publishing screenshots

picture: $(ENVIRONMENT) ## the README's picture of two trained flows, and the playground's, in book/theme
	@scripts/chromium "it takes the playground's"
	$(RUN) -m publishing picture

notebooks: $(ENVIRONMENT) ## export notebooks/ for Colab from book/
	$(RUN) -m publishing notebooks

slides: $(ENVIRONMENT) ## the lectures as PDF, in _build/slides; needs executed chapters (PROFILE=, SEED=, DEVICE=)
	@scripts/chromium "it prints the slides"
	$(RUN) -m publishing slides $(PARAMETERS)

assignments: $(ENVIRONMENT) ## students' and graders' versions of the assignments, by otter-grader (CHAPTER=, COURSE=)
	$(RUN) -m publishing assignments $(CHAPTER) $(if $(COURSE),--course $(COURSE))

colab: ## execute the notebooks in Colab's own image, by docker (PROFILE=)
	scripts/colab $(PROFILE)

data: $(ENVIRONMENT) ## fetch the image data that a profile needs (PROFILE=)
	$(RUN) -m publishing data $(PARAMETERS)

records: $(ENVIRONMENT) ## record what is missing of the trainings on images (EXPERIMENT=, PROFILE=, DEVICE=, HOURS=)
	$(RUN) -m publishing record $(PARAMETERS) $(if $(HOURS),--hours $(HOURS)) $(EXPERIMENT)

records-keep: $(ENVIRONMENT) ## collect new records and checkpoints in _build/records
	$(RUN) -m publishing keep-records

records-fetch: ## bring _build/records of the newest run that left some, by gh
	scripts/fetch-records _build/records

records-take: $(ENVIRONMENT) ## put what is in _build/records into results/
	$(RUN) -m publishing take-records

records-propose: ## a branch and a pull request with what is new in results/, by gh
	scripts/propose-records

links-report: ## an issue with the broken links that `make links` found, by gh
	scripts/report-links _build/links.txt

package: ## the package's archive and wheel, in _build/package (TAG=: its version must be this)
	PYTHON=$(PYTHON) scripts/package $(TAG)

bench: $(BENCH_ENVIRONMENT) ## speed beside four other libraries (BENCH=--quick: two minutes)
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH)

lock: ## renew requirements.lock and benchmarks/requirements.lock
	PYTHON=$(PYTHON) scripts/lock

address: $(ENVIRONMENT) ## make URL the repository's address everywhere; without it, check the address (URL=)
	scripts/address $(URL)
	$(if $(URL),$(RUN) -m publishing notebooks)

clean: ## remove what was built; the environment stays
	rm -rf _build

$(ENVIRONMENT): pyproject.toml $(LOCK)
	PYTHON=$(PYTHON) scripts/environment $(VENV) book,cluster,test,teach $(LOCK)

$(BENCH_ENVIRONMENT): pyproject.toml benchmarks/requirements.lock
	PYTHON=$(PYTHON) scripts/environment $(BENCH_VENV) bench benchmarks/requirements.lock
