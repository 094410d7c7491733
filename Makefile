# kvmctl: `make demo` and `make test` need only a Debian 12 with root and its package registries.
# Every target can be repeated; what is there already is not fetched or built again.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help deps deps-test deps-bench bench deps-linux venv guest demo demo-linux test check-fast fuzz fuzz-ring faults lint \
        man-lint audit lock clean

# Debian packages. libvirt-python is built from source against libvirt-dev; gcc also builds the demo guest.
APT_BUILD := gcc libc6-dev pkg-config libvirt-dev python3 python3-dev python3-venv
# The clients that the tests drive, with libvirt's schemas, what checks manual pages and ACPI tables, and what
# networks are made with.
APT_TEST  := libvirt-clients virtinst mandoc acpica-tools iproute2 nftables dnsmasq-base passt \
             qemu-system-common qemu-utils \
             seabios grub-pc-bin grub-common memtest86+ ipxe-qemu
# The peers that the benchmarks measure.
APT_BENCH := qemu-system-x86 qemu-utils libvirt-daemon-system
# The Linux test guest.
APT_LINUX := linux-source-6.12 make flex bison bc xz-utils lz4 zstd bzip2 cpio kmod libelf-dev libssl-dev

VENV   := .venv
BIN    := $(VENV)/bin
PYTEST ?= $(BIN)/pytest
ARGS   ?=

help: ## Show this list
	@echo "kvmctl: virtual machines on /dev/kvm, described by libvirt's domain XML"
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS="|" read -r target text; do printf "%-18s %s\n" "$$target" "$$text"; done

# $(call install,PACKAGES): installs what is missing, and touches apt only then.
define install
	@if ! command -v dpkg-query >/dev/null; then \
	    echo "This is no Debian: please see that you have what these packages hold: $(1)"; exit 0; fi; \
	missing=(); \
	for package in $(1); do \
	    [ "$$(dpkg-query -W -f '$${db:Status-Status}' "$$package" 2>/dev/null)" = installed ] || missing+=("$$package"); \
	done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	    echo "Installing Debian packages: $${missing[*]}"; \
	    if [ "$$(id -u)" != 0 ]; then \
	        echo "That needs root: sudo apt-get install $${missing[*]}" >&2; exit 1; fi; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq; \
	    apt-get install -y -qq --no-install-recommends "$${missing[@]}" </dev/null; \
	fi
endef

deps: ## Install the Debian packages that the build needs
	$(call install,$(APT_BUILD))

deps-linux: deps
	$(call install,$(APT_LINUX))

deps-bench: deps-test
	$(call install,$(APT_BENCH))

deps-test: deps-linux
	$(call install,$(APT_TEST))

# The first Python that is new enough and can make a virtual environment.
$(BIN)/python:
	@for python in python3 /usr/bin/python3 python3.11 python3.12 python3.13; do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Making $(VENV) with $$("$$python" --version)"; \
	        exec "$$python" -m venv $(VENV); \
	    fi; \
	done; \
	echo "No Python 3.11 or newer with venv was found." >&2; exit 1

ENGINE := $(wildcard kvmctl/vmm/engine/*.pyx kvmctl/vmm/engine/*.pxd)

PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check
# Every package by version and hash; what builds them is there before, so that nothing else is fetched.
LOCKS  := requirements/build.txt requirements/ci.txt

$(VENV)/.installed: pyproject.toml setup.py $(LOCKS) $(ENGINE) | $(BIN)/python
	@echo "Installing kvmctl and its Python packages into $(VENV) (takes up to a minute)"
	@$(PIP) --require-hashes -r requirements/build.txt
	@$(PIP) --require-hashes --no-build-isolation -r requirements/ci.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

venv: deps $(VENV)/.installed guest ## Install kvmctl into .venv, from this directory

guest: $(VENV)/.installed
	@$(BIN)/python kvmctl/demo/build.py >/dev/null

demo: venv ## Install, then show a small guest's console (Ctrl-] leaves)
	@exec $(BIN)/kvmctl demo

demo-linux: deps-linux venv ## The same with Linux, built first (some minutes, once)
	@paths="$$($(BIN)/python tests/guests/linux/build.py)"; \
	mapfile -t file <<<"$$paths"; \
	exec $(BIN)/kvmctl demo --name demo-linux --kernel "$${file[0]}" --initrd "$${file[1]}" \
	    --append 'console=ttyS0 earlyprintk=ttyS0 panic=-1 reboot=k' --until 'kvmctl: init reached'

# Guests that boot Linux keep one processor busy each, and share nothing: two at a time. 5 is "no tests", of ARGS.
test: deps-test venv lint ## Install, then run every check and test
	@$(PYTEST) -m 'not slow' $(ARGS) || [ $$? = 5 ]
	@$(PYTEST) -m slow --numprocesses=2 $(ARGS) || [ $$? = 5 ]

bench: deps-bench venv ## Measure kvmctl beside QEMU, libvirtd and kvmtool: one table
	@$(BIN)/python -m tests.bench $(ARGS)

check-fast: venv lint ## The checks and tests that start no guest
	@exec $(PYTEST) -m 'not kvm and not slow' $(ARGS)

faults: deps-test venv ## Break everything around guests for real, for long; writes docs/faults.md
	@KVMCTL_FAULTS=long KVMCTL_FAULTS_TABLE=docs/faults.md nice -n 10 $(PYTEST) tests/faults $(ARGS)

fuzz: venv ## Fuzz: ARGS="--seconds 600 rpc queues"; without, every target for a minute
	@$(PIP) --require-hashes -r requirements/fuzz.txt || echo "Without atheris no coverage guides the inputs." >&2
	@exec nice -n 10 $(BIN)/python -m tests.fuzz $(ARGS)

fuzz-ring: venv ## The compiled queues under AddressSanitizer, for ten minutes
	@exec nice -n 10 $(BIN)/python -m tests.fuzz.ring $(ARGS)

lint: $(VENV)/.installed man-lint audit ## ruff, mypy, mandoc and pip-audit
	@$(BIN)/ruff check .
	@$(BIN)/mypy

man-lint:
	@if command -v mandoc >/dev/null; then mandoc -Tlint -Wwarning man/*.[158]; fi

audit: $(VENV)/.installed
	@$(BIN)/python requirements/audit.py

UV_LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
           --custom-compile-command 'make lock'

lock: $(BIN)/python ## Pin the Python packages again, after a change of pyproject.toml
	@$(PIP) uv
	@$(UV_LOCK) requirements/build.in -o requirements/build.txt
	@$(UV_LOCK) pyproject.toml --extra test --extra lint -o requirements/ci.txt
	@$(UV_LOCK) requirements/fuzz.in -o requirements/fuzz.txt

clean: ## Remove what was built here (.venv too)
	@rm -rf $(VENV) build kvmctl.egg-info kvmctl/demo/*.elf
