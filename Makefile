# make run | test | test-all | test-browser | test-versions | lint | lab | publish, each alone on a fresh machine with Python 3.10 to 3.13

PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

# What is typed after `make run` as NAME=VALUE goes to the notebooks, but for what steers make itself: as it was
# typed, so make expands no $ in it, and quoted for the shell, in which '\'' is an apostrophe
TYPED = $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
SETTINGS = $(foreach name,$(filter-out PYTHON,$(TYPED)),'$(name)=$(subst ','\'',$(value $(name)))')
# nor may make expand it for the environment, where nobody asks for it
unexport $(TYPED)

# A setting without its = would be a target, which make misses only after the hours of `run`
TARGETS := run test test-all test-browser test-versions lint lab publish
ifneq ($(filter run,$(MAKECMDGOALS)),)
ifneq ($(filter-out $(TARGETS),$(MAKECMDGOALS)),)
$(error A setting must be given as NAME=VALUE, found '$(filter-out $(TARGETS),$(MAKECMDGOALS))'; write for example make run DATA=../city)
endif
endif

ifeq ($(MAKECMDGOALS),lab)
ifneq ($(strip $(SETTINGS)),)
$(error make lab takes no settings, found $(SETTINGS); set them in the second code cell of a notebook)
endif
endif

# JupyterLab asks root, as one is in a container, to say so
ROOT = $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root)

.PHONY: $(TARGETS)

run: .venv/installed
	@$(BIN)/python -m src run $(SETTINGS)

test: lint
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-all: lint
	@$(BIN)/python -m pytest -m "slow or not slow and not browser"

test-browser: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-browser.txt
	@$(BIN)/python -m pytest -m browser

lint: .venv/installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# all that the pages show, from the last run on the built-in world: make run, then make publish
publish: .venv/installed
	@$(BIN)/python -m src publish

lab: .venv/installed
	@$(BIN)/jupyter lab $(ROOT)

# the suite with the lowest and the highest versions that requirements.txt allows, which takes half an hour
test-versions:
	@$(PYTHON) tests/versions.py

.venv/installed: requirements.lock
	@$(PYTHON) -c "import sys; v = sys.version_info; (3, 10) <= v[:2] <= (3, 13) or sys.exit(f'Python 3.10 to 3.13 is needed, found {v[0]}.{v[1]}; name another, as PYTHON=python3.12')"
	@echo "Installing into .venv, which takes some minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -c "open('.venv/installed', 'w').close()"
