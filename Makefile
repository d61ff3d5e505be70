# make demo        the whole way once, from photographs to a rehearsed experiment; says where to look
# make demo-sound  the same for sounds: recordings, metamers at stages of two models, a listening test
# make demo-smell  the same for odours: recorded receptors, a trained network, an olfactometer that is simulated
# make demo-faces  heads that drive units by who they are, turned and lit anew; heads that are the same to a stage of a network
# make demo-experiment  an oddity task from metamers, 8 simulated participants, their answers analysed
# make test        all tests but the minutes-long ones
# make test-slow   the minutes-long ones
# make coverage    make test, and the lines that no test reaches
# make test-latest make test with the newest versions that pyproject.toml allows
# make test-oldest make test with the oldest ones
# make lock        write the newest versions into constraints/, which the others install from
# make docs        the site of the documentation, in build/docs
# make gallery     the pictures of the documentation, each by its recipe in docs/gallery (some minutes)
# make dist        the wheel and the source archive, looked at by twine and check-wheel-contents, in dist
# make lint        ruff and mypy
# make bench       the benchmarks

PYTHON ?= python3
# The lowest versions have wheels for this one.
OLD_PYTHON ?= python3.10
BIN := .venv/bin
READY := .venv/.ready
UV := .venv-uv/bin/uv

VERSION := $(shell $(or $(wildcard $(BIN)/python),$(PYTHON)) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
TESTED := constraints/python-$(VERSION).txt
# uv finds versions, pip installs them. Linux is where they are tested; elsewhere what does not apply is ignored.
RESOLVE := $(UV) pip compile --quiet --no-annotate --python-platform linux --extra test pyproject.toml
FAST := -m pytest -q -m "not slow" -n 2 --dist loadfile

.PHONY: demo demo-sound demo-smell demo-faces demo-experiment test test-slow coverage test-latest test-oldest lock docs gallery dist lint bench system clean

demo: $(READY) system
	@$(BIN)/synthstim demo image --out demo

demo-sound: $(READY) system
	@$(BIN)/synthstim demo sound --out demo-sound

demo-smell: $(READY) system
	@$(BIN)/synthstim demo odour --out demo-smell

demo-faces: $(READY) system
	@$(BIN)/synthstim demo faces --out demo-faces

demo-experiment: $(READY) system
	@$(BIN)/synthstim demo experiment --out demo-experiment

test: $(READY) system
	$(BIN)/python $(FAST)

test-slow: $(READY) system
	$(BIN)/python -m pytest -q -m slow

coverage: $(READY) system
	$(BIN)/python $(FAST) --cov --cov-report=term

test-latest: system
	@PYTHON=$(PYTHON) .ci/install .venv-latest --upgrade --upgrade-strategy eager
	.venv-latest/bin/python $(FAST)

test-oldest: $(UV) system
	@$(RESOLVE) --no-header --resolution lowest-direct --python-version 3.10 --output-file .venv-uv/oldest.txt
	@PYTHON=$(OLD_PYTHON) .ci/install .venv-oldest --constraint .venv-uv/oldest.txt
	.venv-oldest/bin/python $(FAST)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

gallery: $(READY)
	@$(BIN)/python docs/gallery/gallery.py --all

docs: $(READY)
	@$(BIN)/python -m sphinx -b html -W --keep-going -q docs build/docs
	@echo "open build/docs/index.html"

dist: $(READY)
	rm -rf dist
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check twine check-wheel-contents
	@$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@$(BIN)/twine check --strict dist/*
	@$(BIN)/check-wheel-contents dist/*.whl

bench: $(READY)
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/cochleagram.py

lock: $(UV)
	@for version in 3.10 3.11 3.12; do \
	  $(RESOLVE) --upgrade --python-version $$version --custom-compile-command "make lock" \
	    --output-file constraints/python-$$version.txt || exit 1; \
	done

# Everything is installed anew only when the project's requirements or the versions tested change.
$(READY): pyproject.toml $(wildcard $(TESTED))
	@PYTHON=$(PYTHON) .ci/install .venv --constraint $(TESTED)

$(UV):
	@$(PYTHON) -m venv .venv-uv
	@.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv

# What PsychoPy, the virtual screen and the browser tests need; only on Debian as root, else tests skip and say why.
system:
	@.ci/system-packages

clean:
	rm -rf .venv .venv-latest .venv-oldest .venv-uv demo demo-sound demo-smell demo-faces demo-experiment build dist
