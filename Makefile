# Each target only wraps commands that can be typed.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= $(WEARECG_DATA)
# Tests that wait for real seconds with patience: many go beside each other. The others get a core each.
WAITING := tests/test_also.py tests/test_end_to_end.py tests/transports/test_ble.py tests/transports/test_auto.py \
	tests/cli/test_ppg.py tests/cli/test_bad_input.py tests/cli/test_service.py tests/devices/test_over_a_port.py \
	tests/firmware_bridge/test_sketch.py

.PHONY: demo test lint bench

.venv/ok: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

.venv/dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev,export,tflite]'
	touch .venv/ok $@

demo: .venv/ok
	$(BIN)/python -m wearecg.demo

test: .venv/dev
	tests/packages.sh
	WEARECG_DATA=$(DATA) $(BIN)/python -m pytest -n 8 --maxschedchunk 1 $(WAITING)
	WEARECG_DATA=$(DATA) $(BIN)/python -m pytest -n 2 --dist loadfile $(WAITING:%=--ignore=%)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev
	$(BIN)/pip install -q -c constraints.txt -e '.[peers]'
	$(BIN)/python -m benchmarks.frontend
	$(BIN)/python -m benchmarks.stream
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.beats $(DATA)
