# Gongyuan: `make help` lists what there is. Everything a fresh machine needs is installed by `setup`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup demo test test-long bench-seal bench-server lint types format docs lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## Install what is missing: system packages, virtual environment, locked dependencies
	@bash deploy/setup.sh "$(PYTHON)" "$(VENV)"

demo: setup ## Run a whole exam: bank, draw, sealing, room, kiosks, marking, results (DEMO_MINUTES=, KEEP=1, SEED=)
	@$(BIN)/python -m deploy.demo

test: ## Everything that CI runs: checks, tests, campaigns, with times and counts
	@bash deploy/timed_setup.sh "$(PYTHON)" "$(VENV)"
	@$(BIN)/python deploy/run_tests.py

test-long: setup ## The same campaigns ten times as long: hours, not minutes
	@$(BIN)/python deploy/run_tests.py --long

bench-seal: setup ## Measure sealing, verifying and importing against their limits, beside other programs
	@$(BIN)/python -m deploy.bench.seal

bench-server: setup ## Measure the room's server beside its limits and peers (ARGS="--only closed,log-in --quick")
	@$(BIN)/python -m deploy.bench.server.run $(ARGS)

lint: setup ## Format check, lint, import contracts
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/lint-imports --no-cache

types: setup ## mypy --strict over everything
	@$(BIN)/mypy

format: setup ## Format and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

docs: setup ## Rebuild the generated pages of docs/
	@$(BIN)/python -m deploy.tools.generate_docs

lock: ## Resolve the dependencies anew into requirements.lock (needs uv)
	@uv pip compile pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --universal -q -o requirements.lock

clean: ## Remove what can be made again
	@rm -rf $(VENV) demo-output build .mypy_cache .ruff_cache .pytest_cache .hypothesis
