# Exalift: `make demo` shows it at work, `make test` checks it. Both set everything up on their own.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

export MPLBACKEND := Agg

.PHONY: demo test lint fuzz bench system clean distclean help

help:
	@echo "make demo    install, lift examples/*.c, compare with gcc, draw out/demo.png"
	@echo "make test    install what the tests need, lint, type-check and run them"
	@echo "make fuzz    thousands of random programs against gcc (long)"
	@echo "make bench   the whole suite in benchmarks/kernels (long)"
	@echo "make clean   remove what was built and drawn; distclean also the environment"

demo: $(VENV)/.installed
	@mkdir -p out
	@$(BIN)/exalift bench examples --devices xla,native --compilers gcc --chart out/demo.png

test: system lint
	@$(BIN)/python -m pytest

lint: $(VENV)/.installed-for-tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

fuzz: $(VENV)/.installed-for-tests
	@$(BIN)/python -m pytest -m slow -k fuzz

bench: $(VENV)/.installed system
	@mkdir -p out
	@$(BIN)/exalift bench benchmarks/kernels --compilers gcc,clang,polly --json out/bench.json --chart out/bench.png

# The environment. A stamp says what is in it, so that a second run has nothing to do.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; say which: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing exalift into $(VENV) (a few minutes the first time)"
	@$(PIP) install -c constraints.txt -e '.[all]'
	@touch $@

$(VENV)/.installed-for-tests: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing exalift and what its tests need into $(VENV)"
	@$(PIP) install -c constraints.txt -e '.[all,test]'
	@touch $@ $(VENV)/.installed

# What some tests compare with or run on. Without it those tests skip and say so.
SYSTEM_PACKAGES := clang-19 libpolly-19-dev pocl-opencl-icd mesa-vulkan-drivers qemu-user \
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross chromium-headless-shell

system:
	@command -v gcc >/dev/null || echo "gcc is needed (Debian: apt-get install gcc libc6-dev)" >&2
	@missing="$$(for one in $(SYSTEM_PACKAGES); do \
		dpkg -s $$one >/dev/null 2>&1 || printf '%s ' $$one; done)"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing $$missing"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
				apt-get install -y -qq --no-install-recommends $$missing >/dev/null \
				|| for one in $$missing; do DEBIAN_FRONTEND=noninteractive \
					apt-get install -y -qq --no-install-recommends $$one >/dev/null 2>&1 \
					|| echo "could not install $$one; what needs it is skipped" >&2; done; \
		else \
			echo "for every test, install them (Debian: apt-get install $$missing)" >&2; \
		fi; \
	fi

	@ls /usr/share/vulkan/icd.d/*.json >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing mesa-vulkan-drivers"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
				apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers >/dev/null \
				|| echo "could not install mesa-vulkan-drivers; what needs a Vulkan device is skipped" >&2; \
		else \
			echo "for every test, install a Vulkan driver (Debian: apt-get install mesa-vulkan-drivers)" >&2; \
		fi; }

clean:
	rm -rf out build dist .pytest_cache .hypothesis .ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) src/*.egg-info
