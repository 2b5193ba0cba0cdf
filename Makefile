# make demo: everything from nothing to a post-mortem. make test: tests, lint and types.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SPARK_VENV ?= .venv-spark
SPARK_BIN := $(SPARK_VENV)/bin
SPARK_STAMP := $(SPARK_VENV)/.installed
AUDIT_VENV ?= .venv-audit
AUDIT_BIN := $(AUDIT_VENV)/bin
AUDIT_STAMP := $(AUDIT_VENV)/.installed
AUDIT_OPTIONS ?=

.PHONY: help install demo test test-spark lint types bench bench-reliability reports screenshots docs docs-cli messages lock audit sbom clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

install: $(STAMP) ## virtual environment with dlqkit and its dependencies

demo: $(STAMP) ## the runbook on a simulated incident; prints where the report is
	$(BIN)/dlqkit demo

test: $(STAMP) lint types ## tests, lint and types
	$(BIN)/python -m pytest -m "not bench and not spark" -n 2 --dist worksteal

# PyPI has Spark as source alone, 456 MB of it, so it has an environment of its own; its build tool is pip's choice.
$(SPARK_STAMP): requirements.lock requirements-spark.lock pyproject.toml
	$(PYTHON) -m venv $(SPARK_VENV)
	$(SPARK_BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock -r requirements-spark.lock
	$(SPARK_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(SPARK_STAMP)

test-spark: $(SPARK_STAMP) ## tests on a Spark cluster of this machine, one master and two workers; needs Java 17
	$(SPARK_BIN)/python -m tests.engines.cluster $(SPARK_BIN)/python -m pytest -m spark -p no:xdist

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check dlqkit tests benchmarks website

types: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP) ## figures of the docs, and the long accuracy runs
	$(BIN)/python -m pytest -m bench -p no:xdist
	$(BIN)/python -m benchmarks

bench-reliability: $(STAMP) ## break sources, kill collects and republishes, tamper with folders, fuzz; look for what is lost, doubled, wrongly whole or not found
	$(BIN)/python -m benchmarks.reliability

reports: $(STAMP) ## the two reports of docs/reports, made anew
	$(BIN)/python -m benchmarks.reports

screenshots: $(STAMP) ## the pictures in docs/pictures, of a report and of JupyterLab, made anew
	$(BIN)/python -m benchmarks.screenshots

docs: $(STAMP) ## the documentation as a site, in build/site; a warning is an error
	$(BIN)/python -m website.build

docs-cli: $(STAMP) ## docs/cli.md and docs/settings.md, from the commands and settings themselves
	$(BIN)/python -m dlqkit.cli.manual docs/cli.md
	$(BIN)/python -m dlqkit.cli.settings_page docs/settings.md

messages: $(STAMP) ## put new sentences into the catalogs of every language, and take out those that are gone
	$(BIN)/pybabel -q extract -k say -k say_count:1,2 -k mark --add-location=file --no-wrap -o .messages.pot dlqkit
	$(BIN)/pybabel -q update -D dlqkit -d dlqkit/locale -i .messages.pot --no-fuzzy-matching --no-wrap --ignore-obsolete --ignore-pot-creation-date
	@rm -f .messages.pot

# With the oldest Python that is supported (PYTHON=…), or a pin may need a newer one.
lock: $(STAMP) ## pin every dependency anew, with hashes and without an index
	$(BIN)/python -m pip install --quiet pip-tools
	env -u PIP_FIND_LINKS -u PIP_INDEX_URL $(BIN)/pip-compile --quiet --generate-hashes --extra dev --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header --no-annotate \
	  --allow-unsafe --output-file requirements.lock pyproject.toml
	echo 'pyspark>=4.1' | env -u PIP_FIND_LINKS -u PIP_INDEX_URL $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header --no-annotate \
	  --constraint requirements.lock --output-file requirements-spark.lock -

# Tools of the release, no dependencies of ours: in an environment of their own.
$(AUDIT_STAMP): Makefile
	$(PYTHON) -m venv $(AUDIT_VENV)
	$(AUDIT_BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0
	@touch $(AUDIT_STAMP)

# Without --strict it ends well where it reached nobody, with every package "not found".
audit: $(AUDIT_STAMP) ## known weaknesses of the locked dependencies; asks a service on the internet
	@$(AUDIT_BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off $(AUDIT_OPTIONS) -r requirements.lock \
	  || { echo "Not clean, or not audited: if it says above that a package was not found or a service not reached, nothing was"; \
	       echo "looked at. Another service: make audit AUDIT_OPTIONS='-s osv --osv-url URL'. There is no list to ask offline."; exit 1; }

sbom: $(AUDIT_STAMP) ## build/sbom.json, the locked dependencies with their hashes, as CycloneDX; offline
	@mkdir -p build
	$(AUDIT_BIN)/cyclonedx-py requirements --output-reproducible --of JSON -o build/sbom.json requirements.lock
	@! grep -nE '"(file:|/)' build/sbom.json

clean:
	rm -rf $(VENV) $(SPARK_VENV) $(AUDIT_VENV) build dist .mypy_cache .pytest_cache .ruff_cache
