# What to do with a checkout. `make` says it; every target sets up .venv first if it has to.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory --no-builtin-rules

BIN := .venv/bin
INSTALLED := .venv/.installed
PEERS := .venv-peers/.installed

# Checked, formatted and typed; those that are not there yet are left out.
FOLDERS := $(wildcard playhead shared producer coordinator workers recorder dashboard examples benchmarks tests)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: install
install: $(INSTALLED) ## Set up .venv with what requirements.lock names, and this checkout

.PHONY: demo
demo: $(INSTALLED) ## Replay a day and add a symbol in the middle of it
	@$(BIN)/python -m examples.demo

.PHONY: test
test: $(INSTALLED) ## Run the tests: unit, integration, properties, faults, browser
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# Each of these processes has a server and services of its own. Tests wait for processes more than they compute.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist worksteal

# INPUTS is how many, all kinds together.
.PHONY: fuzz
fuzz: INPUTS := 100000
fuzz: $(INSTALLED) ## Feed hostile input to everything that reads from Redis: INPUTS=100000
	@PLAYHEAD_FUZZ_INPUTS=$(INPUTS) $(BIN)/python -m pytest tests/faults/test_hostile_*.py --timeout 0 -q

.PHONY: mutants
mutants: $(INSTALLED) ## Make wrong versions of the program, and see that each is noticed
	@$(BIN)/python -m tests.faults.mutants

# SEED is a fresh one unless it is given; with SECONDS rounds begin for so long, however many they are.
.PHONY: chaos
chaos: $(INSTALLED) ## Kill and cut off running processes, and compare: ROUNDS=1000 or SECONDS=60, SEED=42
	@$(BIN)/python -m tests.faults.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(SEED),--seed $(SEED))

# The same seeds are the same runs. SEED plays one alone and shows what happened in it, step by step.
.PHONY: model
model: SEEDS := 10000
model: $(INSTALLED) ## Play seeded simulations of the whole system in memory: SEEDS=10000, or SEED=42
	@$(BIN)/python -m tests.faults.model $(if $(SEED),--seed $(SEED),--seeds 0..$(SEEDS))

.PHONY: e2e
e2e: $(INSTALLED) ## Run the tests that drive real containers; needs a Docker engine
	@docker info >/dev/null 2>&1 || { echo "$(NO_ENGINE)" >&2; exit 1; }
	@$(BIN)/python -m pytest tests/e2e --timeout 300

NO_ENGINE := no Docker engine answers; on Debian and Ubuntu as root: .ci/engine start (or apt-get install docker.io docker-compose debootstrap)

.PHONY: peers
peers: $(PEERS) ## Set up .venv-peers with the engines that the benchmarks compare with

# ONLY names measurements: `make bench ONLY="throughput delivery"`. The others keep the figures that were recorded last.
.PHONY: bench
bench: $(INSTALLED) $(PEERS) ## Measure, beside the floor of the design and other engines, and write docs/performance.md
	@$(BIN)/python -m benchmarks $(ONLY)

.PHONY: bench-compare
bench-compare: $(INSTALLED) $(PEERS) ## Measure again, and print what it is of what was recorded last
	@$(BIN)/python -m benchmarks --compare $(ONLY)

.PHONY: check
check: $(INSTALLED) ## Lint, format and types, changing nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: format
format: $(INSTALLED) ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

# Starts from the lock that is there, so that only what must change changes. LOCK_FLAGS=--upgrade moves all.
# Two more are parts of the first, for the image: what runs in it, and what builds it. The peers of the benchmarks have
# an environment of their own.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command 'make lock'

.PHONY: lock
lock: $(INSTALLED) ## Write requirements*.lock anew from pyproject.toml
	@$(COMPILE) --all-extras --group dev $(LOCK_FLAGS) pyproject.toml -o requirements.lock
	@$(COMPILE) --extra server --constraint requirements.lock pyproject.toml -o requirements-server.lock
	@$(COMPILE) --group build --constraint requirements.lock -o requirements-build.lock
	@$(COMPILE) --group peers -o requirements-peers.lock

.PHONY: wheel
wheel: $(INSTALLED) ## Build dist/playhead-*.whl, which holds playhead/ alone
	@rm -rf dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist .
	@ls dist/*.whl

.PHONY: clean
clean: ## Remove .venv and everything that was built
	@rm -rf .venv .venv-peers dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: a set-up that was broken off is gone on with. A .venv that works is kept, and one
# that does not (its Python has gone, its pip never came) is made anew. What builds the checkout (hatchling) is
# in the lock as well, so nothing comes in without a hash.
$(INSTALLED): requirements.lock pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(make_venv); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The engines that the benchmarks compare with.
$(PEERS): requirements-peers.lock $(INSTALLED)
	@$(BIN)/python -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-peers.lock
	@touch $@

IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

define make_venv
	python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
	  for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	    if $$name -c '$(IS_NEW_ENOUGH)' 2>/dev/null; then python=$$name; break; fi; \
	  done; \
	fi; \
	if [ -z "$$python" ]; then \
	  echo "Playhead needs Python 3.11 or later; this machine has: $$(python3 --version 2>&1 || true)" >&2; \
	  echo "Install one (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv)," \
	    "or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if ! $$python -c '$(IS_NEW_ENOUGH)'; then \
	  echo "$$python is not Python 3.11 or later; name another: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make a virtual environment: its modules venv and ensurepip are missing." >&2; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up .venv with $$($$python --version), once; it takes about a minute"; \
	$$python -m venv --clear .venv
endef
