# The two commands of a newcomer are `make demo` and `make test`; each makes its own environment.
PYTHON ?= python3
VENV ?= .venv

FUZZ ?= 2000

.PHONY: demo test fuzz lint bench docs clean

demo: $(VENV)/installed
	$(VENV)/bin/ssrl-ecg demo --out runs/demo

test: $(VENV)/installed-dev lint
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile

# Damaged files of every format and requests to the service, FUZZ of each, other ones every time.
fuzz: $(VENV)/installed-dev
	SSRL_ECG_FUZZ=$(FUZZ) OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n auto --timeout 0 \
		tests/data/readers/test_readers.py tests/app/test_service.py -k "damaged or noise_after or description_promises"

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/run_all.py

docs: $(VENV)/installed-dev
	$(VENV)/bin/python docs/make_llms.py
	$(VENV)/bin/mkdocs build --strict

$(VENV)/installed: pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -e .
	touch $@

$(VENV)/installed-dev: pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -e '.[dev]'
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
