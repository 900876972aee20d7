# make demo: a chat on a local model, scored, and a bake-off with a verdict.  make test: the test suite.  make perf: speed and
# memory against peers (on an otherwise idle machine).  Each does its own set-up.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c '' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready
# What fine-tuning takes, torch among it, is for its tests only: FINETUNE=no leaves it out, and they are skipped.
FINETUNE ?= $(shell $(PYTHON) -c 'import sys; print("yes" if sys.version_info[:2] == (3, 11) else "no")')
TUNING := .venv/finetune-$(FINETUNE)

.PHONY: demo test perf lint clean

demo: $(READY)
	$(BIN)/bakeoff models pull smollm2-135m-instruct
	$(BIN)/bakeoff run flows/chat
	$(BIN)/bakeoff run experiments/chat.yaml

# pytest-xdist 3.8 may wait for ever for the tests of a worker that crashed, so it ends there.
test: $(READY) $(TUNING)
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0

perf: $(READY)
	$(BIN)/python perf/model.py
	$(BIN)/python perf/serve.py
	$(BIN)/python perf/serve_batch.py
	$(BIN)/python perf/serve_soak.py
	$(BIN)/python perf/evaluators.py
	$(BIN)/python perf/report_generation.py
	$(BIN)/python perf/bakeoff_overhead.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bakeoff doctor

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable .[azure,dev]
	$(BIN)/python -m bakeoff.hosts.promptflow_settings
	touch $(READY)

.venv/finetune-yes: $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable .[finetune]
	touch $@

.venv/finetune-no: $(READY)
	touch $@

clean:
	rm -rf .venv
