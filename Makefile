# Commands for people. `make` alone lists them. Targets `build-*` are for `sam build` (build.mk).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# The Python that was named last, so that it has to be named once: make setup PYTHON=python3.12
PYTHON_NOTE := .tools/python
ifeq ($(origin PYTHON),undefined)
PYTHON := $(or $(shell cat $(PYTHON_NOTE) 2>/dev/null),python3)
endif
export SAM_CLI_TELEMETRY := 0
# Or each of the many processes here would compile all its modules anew. git ignores what is written.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv/bin
ENVIRONMENT = $(PYTHON) local/environments.py

-include build.mk
-include proof.mk

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: python
python:
	@command -v $(PYTHON) >/dev/null \
	  || { echo "there is no $(PYTHON): install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@mkdir -p $(dir $(PYTHON_NOTE)); $(PYTHON) -c 'import sys; print(sys._base_executable)' > $(PYTHON_NOTE)

.PHONY: uv product dev sam cloud checkov
uv: python
	@$(ENVIRONMENT) .tools/uv requirements/uv.txt
# A part of what `dev` installs: what is there already stays.
product: python
	@$(ENVIRONMENT) .venv requirements/run.txt --editable sdk --unless requirements/dev.txt
dev: python
	@$(ENVIRONMENT) .venv requirements/dev.txt --editable sdk
sam: python
	@$(ENVIRONMENT) .tools/sam requirements/sam.txt
cloud: python
	@$(ENVIRONMENT) .tools/cloud requirements/cloud.txt
checkov: python
	@$(ENVIRONMENT) .tools/checkov requirements/checkov.txt

# Each environment waits for a registry most of the time, hence at once; the first of them installs uv.
.PHONY: setup
setup: python ## Install the pinned tools into .venv and .tools (only what changed)
	@$(MAKE) -j dev sam cloud
	@echo "set up: .venv, .tools/sam, .tools/cloud"

# What the laptop cloud needs. The functions are built meanwhile: that needs nothing but Python and uv.
.PHONY: ready artefacts
ready: python
	@$(MAKE) -j product cloud artefacts
artefacts: python
	@$(PYTHON) -m local.build

PORTED = $(if $(PORT),--port "$(PORT)")

.PHONY: run
run: ready ## Run the whole product: a demo on the laptop cloud (USAGE=file MODEL=gpt-4o ACTORS=200 LIMIT=1000 CONCURRENCY=4 ONCE=1 PORT=)
	@exec $(VENV)/python -m local.run $(if $(USAGE),--usage "$(USAGE)") $(if $(LIMIT),--limit "$(LIMIT)") \
	  $(if $(MODEL),--model "$(MODEL)") $(if $(ACTORS),--actors "$(ACTORS)") \
	  $(if $(CONCURRENCY),--concurrency "$(CONCURRENCY)") $(if $(filter-out 0,$(ONCE)),--once) $(PORTED)

.PHONY: up
up: ready ## Start the laptop cloud in the background and deploy changes (PORT=)
	@exec $(VENV)/python -m local.cloud up $(PORTED)

.PHONY: down
down: ## Stop the laptop cloud; its state stays in .millicent
	@if [ -x $(VENV)/python ]; then exec $(VENV)/python -m local.cloud down; else echo "no laptop cloud was running"; fi

.PHONY: invoke
invoke: ready ## Run the samples of events/ by Lambda's runtime client, without a container (EVENT=events/cost.json FUNCTION=)
	@exec $(VENV)/python -m local.invoke $(if $(EVENT),--event "$(EVENT)") $(if $(FUNCTION),--function "$(FUNCTION)")

.PHONY: sam-local
sam-local: ready sam ## Write what sam local needs to run the functions in containers, and print its commands (HOST=)
	@exec $(VENV)/python -m local.sam_local $(if $(HOST),--host "$(HOST)")

LOCK = .tools/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
       --no-header --annotation-style line $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: uv ## Compile requirements/*.in into the hash-pinned locks (UPGRADE=1 moves the pins)
	$(LOCK) requirements/runtime.in -o requirements.txt
	$(LOCK) requirements/dev.in sdk/pyproject.toml -o requirements/dev.txt
	$(LOCK) requirements/run.in sdk/pyproject.toml -o requirements/run.txt
	$(LOCK) requirements/sam.in -o requirements/sam.txt
	$(LOCK) requirements/cloud.in -o requirements/cloud.txt
	$(LOCK) requirements/lambda.in -o requirements/lambda.txt
	$(LOCK) requirements/checkov.in -o requirements/checkov.txt
	$(LOCK) requirements/java.in -o requirements/java.txt
	$(LOCK) requirements/node.in -o requirements/node.txt
	$(LOCK) requirements/uv.in -o requirements/uv.txt

.PHONY: openapi
openapi: dev ## Regenerate the documents of the API and its events after a change of a call or an event
	$(VENV)/python -m openapi

.PHONY: bench
bench: dev ## What Millicent costs beside bare botocore and a naive twin, how it grows, what it takes (PARTS=a,c ROUNDS=7 ROWS=1000000)
	$(VENV)/python -m bench $(if $(PARTS),--parts "$(PARTS)") $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ROWS),--rows $(ROWS))

.PHONY: scale
scale: dev ## Simulate what one account, many accounts and a team carry (docs/scale.md)
	$(VENV)/python -m bench.scale

.PHONY: diagrams
diagrams: dev ## Regenerate docs/protocol.md after a change of the protocol
	$(VENV)/python -m local.protocol_diagram > docs/protocol.md

.PHONY: pictures
pictures: ready dev ## Photograph the pages of the console into docs/images after a change of one (STATE=.millicent: as it is there)
	$(VENV)/python -m tests.browser.pictures $(if $(STATE),--state "$(STATE)")

.PHONY: fmt
fmt: dev ## Format, and fix what ruff can fix
	$(VENV)/ruff check --fix --quiet || true
	$(VENV)/ruff format

.PHONY: check
check: dev sam checkov ## Check format, lint, layers, types, the console and the template
	$(VENV)/ruff format --check
	$(VENV)/ruff check
	$(VENV)/lint-imports
	$(VENV)/mypy
	$(VENV)/python -m local.console_checks
	$(VENV)/cfn-lint template.yaml
	$(VENV)/python -m local.template_findings
	PATH="$(CURDIR)/$(VENV):$$PATH" .tools/sam/bin/sam validate
	PATH="$(CURDIR)/$(VENV):$$PATH" .tools/sam/bin/sam validate --lint

.PHONY: prices
prices: dev ## Price 38,000 random usages of all models by our arithmetic and by the price library's (USAGES=38000)
	$(VENV)/python -m tests.differential.prices --usages $(or $(USAGES),38000)

.PHONY: contract
contract: dev ## Generated requests to every operation, each answer compared with the OpenAPI document (100 an operation)
	$(VENV)/pytest -n auto --maxprocesses 4 -m long tests/integration/test_described.py $(ARGS)

.PHONY: unit
unit: dev ## Run quick tests: tests/unit and tests/template without the hypothesis tests; starts no service
	$(VENV)/pytest -n auto --maxprocesses 4 -m "not hypothesis" tests/unit tests/template $(ARGS)

.PHONY: unit-on
unit-on: python ## tests/unit on another Python, which gets an environment of its own (ON=python3.13)
	@[ -n "$(ON)" ] || { echo "name the Python: make unit-on ON=python3.13" >&2; exit 1; }
	@$(ON) local/environments.py .tools/on-$(notdir $(ON)) requirements/dev.txt --editable sdk
	.tools/on-$(notdir $(ON))/bin/pytest -n auto --maxprocesses 4 -m "not hypothesis" tests/unit $(ARGS)

# Four processes even where there are fewer processors: many of these tests wait, for emulators and processes.
.PHONY: test
test: setup ## Run all tests except the long ones, including the laptop cloud
	$(VENV)/pytest -n 4 -m "not long" $(ARGS)
