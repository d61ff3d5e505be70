# make demo      the whole way once, from photographs to a rehearsed experiment; says where to look
# make demo-sound the same for sounds: recordings, metamers at stages of two models, a listening test
# make test      all tests but the minutes-long ones
# make test-slow the minutes-long ones
# make lint      ruff and mypy
# make bench     the benchmarks

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo demo-sound test test-slow lint bench system clean

demo: $(READY)
	@$(BIN)/synthstim demo image --out demo

demo-sound: $(READY) system
	@$(BIN)/synthstim demo sound --out demo-sound

test: $(READY) system
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile

test-slow: $(READY) system
	$(BIN)/python -m pytest -q -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/cochleagram.py

# Everything is installed anew only when the project's requirements change.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v < (3, 13) else f"Python {v[0]}.{v[1]} came, 3.10 to 3.12 is wanted: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing synthstim into .venv (some minutes and about 8 GB the first time; log in .venv/install.log)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]" > .venv/install.log 2>&1 || { tail -n 20 .venv/install.log; exit 1; }
	@touch $@

# What PsychoPy, the virtual screen and the browser tests need; only on Debian as root, else tests skip and say why.
system:
	@.ci/system-packages

clean:
	rm -rf .venv demo demo-sound build dist
