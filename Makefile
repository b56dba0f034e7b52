# Every target does its own set-up: nothing has to be installed by hand but make and Python 3.11 or newer.
# `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: messages help demo test check bench format lock venv venv-dev test-packages proxies clean

PY := .venv/bin/python
BIN := .venv/bin

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: venv ## start the gateway with a demo application and an administrator, on http://localhost:8080
	@exec $(BIN)/gateway demo $(ARGS)

test: venv-dev test-packages ## everything that must hold: format, lint, types, layers, all tests
	$(MAKE) --no-print-directory static
	$(BIN)/pytest $(ARGS)

proxies: venv-dev ## build Caddy, Traefik and Envoy for the tests, once, outside the checkout (minutes; without them their scenarios are skipped)
	@scripts/build-proxies

check: venv-dev ## the fast loop: format, lint, types, layers, unit tests
	$(MAKE) --no-print-directory static
	$(BIN)/pytest -q tests/unit tests/project $(ARGS)

.PHONY: static
static:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: venv-dev ## measure the gateway beside nginx, Go and oauth2-proxy, and write docs/performance.md (minutes, on a quiet machine)
	$(PY) -m bench $(ARGS)

format: venv-dev ## format the code and mend what the linter can mend by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

messages: venv-dev ## bring the catalogues of other languages up to date with what pages and letters say
	$(PY) -m tests.messages

COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--strip-extras --allow-unsafe

lock: venv-dev ## renew the locked requirements (ARGS=--upgrade takes the newest versions)
	$(COMPILE) $(ARGS) -o requirements-build.txt requirements-build.in
	$(COMPILE) $(ARGS) -o requirements.txt pyproject.toml
	$(COMPILE) $(ARGS) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml

venv:
	@scripts/make-venv run

venv-dev:
	@scripts/make-venv dev

test-packages:
	@scripts/install-test-packages >/dev/null

clean: ## remove what the targets made here, the demo's ./var aside
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
