# Commands of the project; `make help` lists them. Written for GNU make 3.81 and newer.

ifneq ($(filter 3.1% 3.2% 3.3% 3.4% 3.5% 3.6% 3.7% 3.80,$(MAKE_VERSION)),)
$(error make $(MAKE_VERSION) is too old; install GNU make 3.81 or newer)
endif

# The first Python of the supported versions that really runs and can make a .venv; else one that can say what is wrong.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& echo $$p && exit; done; \
	for p in python3.13 python3.12 python3.11; do $$p -c '' >/dev/null 2>&1 && echo $$p && exit; done; echo python3)
BOOTSTRAP = p='$(PYTHON)'; command -v "$$p" >/dev/null || { echo "set-up: $$p was not found; install Python 3.11, 3.12 or \
	3.13, or name yours: make PYTHON=/path/to/python3.12 demo" >&2; exit 1; }; "$$p" orchestration/bootstrap.py
VENV_PYTHON = .venv/bin/python
RUN = $(VENV_PYTHON) -m orchestration

export DBT_SEND_ANONYMOUS_USAGE_STATS = false
export GX_ANALYTICS_ENABLED = false

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo run ui docs psql stop clean roles user audit quarantine replay sample generate test bench lint format lock

help: ## this list
	@echo 'A data warehouse for telecom operators. Commands:'
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "  %-18s %s\n", $$1, $$2}'
	@test ! -x $(VENV_PYTHON) || { echo 'Settings (environment):'; $(RUN) settings; }

setup:
	@$(BOOTSTRAP) runtime

setup-dev:
	@$(BOOTSTRAP) dev

demo: setup ## a sample operator, the whole pipeline, and what to look at next
	@$(RUN) demo

run: setup ## the pipeline over LANDING_DIR against WAREHOUSE_URL (CADENCE=daily, monthly or quarter_hourly)
	@$(RUN) run $(CADENCE)

ui: setup ## Dagster's pages on 127.0.0.1 (PORT=3000)
	@$(RUN) ui $(PORT)

docs: setup ## what every table and column means, as one page without network
	@$(RUN) docs

psql: setup ## a psql session on the warehouse (SQL='select 1' for one query)
	@$(RUN) psql $(if $(SQL),-c "$$SQL")

stop: setup ## shut the embedded server down
	@$(RUN) stop

clean: setup ## remove .warehouse (filings and audit rows only with FORCE=yes, after a dump)
	@$(RUN) clean

roles: setup ## who may see what, made so (CHECK=yes: only what differs; SQL=yes: what an administrator runs; MATRIX=page.md)
	@$(RUN) roles $(if $(CHECK),--check) $(if $(SQL),--sql) $(if $(MATRIX),--matrix $(MATRIX))

user: setup ## a person's login: NAME=… ROLE=… PROVIDERS=id,… or ZONES=id,… (DROP=yes takes it away)
	@$(RUN) user $(if $(PROVIDERS),--providers "$$PROVIDERS") $(if $(ZONES),--zones "$$ZONES") $(if $(DROP),--drop) \
		-- "$$NAME" $(if $(DROP),,"$$ROLE")

audit: setup ## seal the audit trail and say whether it is whole
	@$(RUN) audit

quarantine: setup ## quarantined rows as a CSV: FEED=usage_records OUT=fix.csv
	@$(RUN) quarantine $(FEED) $(OUT)

replay: setup ## load corrected rows (FEED=… FILE=…) or a refused file again (LOAD_ID=…)
	@$(RUN) replay $(if $(LOAD_ID),--load-id $(LOAD_ID),$(FEED) $(FILE))

sample: setup ## write a sample operator's files: FOLDER=… CUSTOMERS=2000 MONTHS=15 SEED=1
	@$(VENV_PYTHON) -m ingestion.sample --folder $(or $(FOLDER),.warehouse/sample) --customers $(or $(CUSTOMERS),2000) \
		--months $(or $(MONTHS),15) --seed $(or $(SEED),1)

generate: setup ## write dbt's sources and the feeds' pages from the contracts
	@$(VENV_PYTHON) -m ingestion.generate

test: setup-dev ## every test, on disposable PostgreSQL servers, two at a time (ARGS=…)
	@$(VENV_PYTHON) -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

bench: setup-dev ## speed and endurance, written to docs/benchmarks.md (PART=loader, kill, sample, replacing, daily, demo, roads or churn; demo measures row security too)
	@$(VENV_PYTHON) -m benchmarks $(PART)

lint: setup-dev ## ruff, mypy, sqlfluff, and generated files
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy
	@$(VENV_PYTHON) -m ingestion.generate --check
	@cd dbt_project && ../$(VENV_PYTHON) -m sqlfluff lint models --disable-progress-bar

format: setup-dev ## write the code in its one form
	@$(VENV_PYTHON) -m ruff check --fix .
	@$(VENV_PYTHON) -m ruff format .

lock: ## resolve the dependencies anew into the two locks
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	@.venv-lock/bin/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --quiet --upgrade -o requirements.lock
	@.venv-lock/bin/uv pip compile pyproject.toml --extra dev -c requirements.lock --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements-dev.lock
	@rm -rf .venv-lock
