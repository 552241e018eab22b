# Everything a fresh machine needs is Python >= 3.11, git and make. Each target sets up what it needs, once.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.8
# A folder of wheels to look into first (PyTorch's small CPU build, say).
FIND_LINKS := $(if $(PIP_FIND_LINKS),--find-links "$(PIP_FIND_LINKS)")
LOCK := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
  --no-emit-find-links --no-emit-index-url --no-annotate --no-header
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt $(FIND_LINKS)

# Where it is set, every process would compile every module that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test unit e2e lint docs schemas constraints clean

help: ## Show this list.
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: .venv/demo ## The main job on real input: pull requests and drift, locally.
	@$(BIN)/python examples/demo.py

test: lint unit e2e ## Everything.

unit: .venv/dev ## The tests that take seconds.
	$(BIN)/python -m pytest -q -m "not e2e" -n auto

e2e: .venv/dev tests/e2e/node/node_modules/.done ## The tests that drive the real things: git, act, emulate, DVC, zizmor, the demo.
	$(BIN)/python -m pytest -q -m e2e -n 4 --dist loadfile

lint: .venv/dev ## Style, types and layers.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/docs ## Build the documentation site into build/site; it loads nothing from elsewhere.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "build/site/index.html"

schemas: .venv/dev ## Write the published JSON Schemas, and the configuration reference, from the types.
	$(BIN)/python -m ci_kit.schemas

constraints: .venv/uv ## Resolve constraints.txt and the locked packages of the actions and of bentos anew.
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  $(FIND_LINKS) --no-emit-find-links --no-emit-index-url --no-annotate --no-header --output-file constraints.txt
	@# torch pins its own CUDA packages; the local "+cpu" build must satisfy the same line as the registry's.
	@sed -i.old -E -e '/^(nvidia-(c|n[cv])|triton|cuda-)/d' -e '/^torch==.*\+cpu/d' -e 's/^(torch==[0-9.]+).*/\1/' constraints.txt
	@rm constraints.txt.old
	@# What stands beside the token, by its hashes: the core's packages and what builds the kit, and uv, which installs them.
	sed -n 's/^requires = \["\(.*\)"\]$$/\1/p' pyproject.toml | $(LOCK) --constraints constraints.txt \
	  --output-file actions/kit.txt pyproject.toml -
	echo 'uv==$(UV_VERSION)' | $(LOCK) --output-file actions/uv.txt -
	@# What serves a model, and deploys it beside credentials; and what a GPU needs instead of onnxruntime.
	sed -n 's/^requires = \["\(.*\)"\]$$/\1/p' pyproject.toml | $(LOCK) --constraints constraints.txt --extra deploy \
	  --output-file ci_kit/bento/locked.txt pyproject.toml -
	sed -n 's/^onnxruntime==\(.*\)/onnxruntime-gpu[cuda,cudnn]<=\1/p' constraints.txt | $(LOCK) --constraints constraints.txt \
	  --output-file ci_kit/bento/cuda.txt -

clean: ## Remove what the other targets made.
	rm -rf .venv tests/e2e/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than 3.11. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "make: setting up .venv (once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/demo: .venv/uv pyproject.toml constraints.txt examples/digits/requirements.txt
	@$(INSTALL) --editable '.[all]' --requirement examples/digits/requirements.txt
	@touch $@

.venv/docs: .venv/uv pyproject.toml constraints.txt
	@$(INSTALL) --editable . --group docs
	@touch $@

.venv/dev: .venv/uv .venv/demo pyproject.toml constraints.txt
	@$(INSTALL) --editable '.[all]' --group dev
	@touch $@

tests/e2e/node/node_modules/.done: .venv/dev tests/e2e/node/package-lock.json
	@cd tests/e2e/node && ../../../$(BIN)/npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@
