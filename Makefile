# Commands of the template repository. The generated project has its own Makefile.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-slow test-all test-kind lint tidy bench lock clean

# Without compiled modules each process of a test would compile what it imports, which takes longer than the test.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= 3.13
RUN := .venv/bin/python
GENERATED := <<cookiecutter.project_slug>>

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Make .venv with what renders and tests the template
	@python3 "$(GENERATED)/scripts/setup_environment.py" --python "$(PYTHON)" --no-project \
	  --requirements requirements/test.txt --uv "$(GENERATED)/requirements/uv.txt"

demo: setup ## Generate a project into build/demo and run its whole pipeline
	@$(RUN) docs/demo.py

test: setup lint ## Test the template and, with it, a generated project
	$(RUN) -m pytest -n 2 --dist loadgroup --durations=10

test-slow: setup ## Install, check and run representative projects, and break each gate of the workflows once
	$(RUN) -m pytest -n 2 --dist loadgroup --durations=10 -m slow

test-all: setup lint ## Test the template and every representative generated project
	$(RUN) -m pytest -n 2 --dist loadgroup -m "not kind"

test-kind: setup ## Deploy, try canaries and roll back in a kind cluster (needs docker and kind)
	tests/kind/cluster.sh up
	TEMPLATE_KIND_CONTEXT=kind-template TEMPLATE_REGISTRY=localhost:5001 $(RUN) -m pytest -m kind tests/kind
	tests/kind/cluster.sh down

lint: setup ## Check format, lint and types of the template's own code
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/ruff check --quiet
	@.venv/bin/mypy --no-error-summary

tidy: setup ## Format the generated tree's Python where it lies, and list its files again
	@$(RUN) -m tests.tidy

bench: setup ## Measure generation, validation and the pipeline, each against its peers or a bare process
	$(RUN) benchmarks/generation.py
	$(RUN) benchmarks/pipeline.py
	$(RUN) benchmarks/validation.py
	$(RUN) -m benchmarks.serving

lock: setup ## Lock requirements/*.in again with hashes (UPGRADE=1 for newer versions)
	cd requirements && for set in test checkov schemathesis; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) $$set.in --output-file $$set.txt || exit; \
	done

clean: ## Remove what was generated, and caches; .venv stays
	rm -rf build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find hooks tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
