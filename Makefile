# `make run` starts the demo, `make test` checks everything; both set up what they need. See README.md.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
NODE_BIN := .node/node_modules/.bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-test run serve test lint types imports unit cluster campaign bench acceptance scoreboard screenshots leave-one-out lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.run ## install what running needs into .venv
setup-test: $(VENV)/.test ## install what the tests need too

$(VENV)/.run: locks/run.txt pyproject.toml
	locks/install.sh $(VENV) run
$(VENV)/.test: locks/test.txt locks/system.sh locks/npm/package-lock.json pyproject.toml tests/real/install_elasticsearch.sh
	locks/system.sh redis-server=redis-server rsyslogd=rsyslog chromium=chromium '/usr/lib/*/rsyslog/omelasticsearch.so=rsyslog-elasticsearch'
	locks/npm/install.sh .node
	locks/install.sh $(VENV) test
	tests/real/install_elasticsearch.sh .servers

run: setup ## the demo: a simulated shop on http://127.0.0.1:8900
	$(BIN)/dejalog demo

serve: setup ## an empty server on http://127.0.0.1:8900
	$(BIN)/dejalog serve

test: setup-test lint types imports unit ## lint, types, import direction, tests

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd api/page && ../../$(NODE_BIN)/biome ci --colors=off static/js

types: setup-test
	$(BIN)/mypy
	$(NODE_BIN)/tsc --project api/page/jsconfig.json

imports: setup-test
	$(BIN)/lint-imports

unit: setup-test
	$(BIN)/python -m pytest -m "not campaign"

campaign: setup-test ## the long fault tests (an hour or two); results go to docs/reliability.md
	$(BIN)/python -m pytest -m campaign --timeout 3600 -s

cluster: setup-test ## the distributed mode as processes of this machine answers the demo's questions: make cluster LINES=200000
	$(BIN)/python -m tests.real.cluster $(LINES)

bench: setup-test ## speed, beside its peers where they are installed
	$(BIN)/python -m bench.ingest
	$(BIN)/python -m bench.store
	$(BIN)/python -m bench.embed
	$(BIN)/python -m bench.mining 4000
	$(BIN)/python -m bench.stream

acceptance: setup-test ## labelled real logs through the real server: make acceptance DATA=folder
	$(BIN)/python -m bench.train_ticket $(DATA)
	$(BIN)/python -m bench.load $(DATA)

scoreboard: setup-test ## every evaluation, and docs/scoreboard.md: make scoreboard LOGHUB=folder TRAIN_TICKET=folder
	$(BIN)/python -m bench.scoreboard $(LOGHUB) $(TRAIN_TICKET)

screenshots: setup-test ## every screen of the web page again, into docs/screenshots
	$(BIN)/python -m bench.screenshots docs/screenshots

leave-one-out: setup-test ## mining set without one system in turn, a quarter of an hour: make leave-one-out LOGHUB=folder
	$(BIN)/python -m bench.mining_leave_one_out $(LOGHUB) docs/results/mining_leave_one_out.json
	$(BIN)/python -m bench.scoreboard

lock: setup-test ## bring the locked dependencies in line with pyproject.toml
	$(BIN)/pip install -q uv && locks/lock.sh $(VENV)

clean: ## remove the environment and caches
	rm -rf $(VENV) .node .servers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
