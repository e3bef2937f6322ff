# make demo and make test are all a newcomer needs; both make their environment first.
PYTHON ?= python3
CHROMIUM ?= chromium
BIN := .venv/bin
# Without compiled files each of the processes that tests start would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-long test-spark check bench bench-rivals bench-load chaos fuzz format docs picture lock clean

help:
	@echo "make demo    record a simulated exchange for half a minute and see the first answers"
	@echo "make test    run the tests"
	@echo "make test-long  the longest tests, the notebooks, whole simulated days, half a minute of chaos"
	@echo "make test-spark  the views on Spark against DuckDB; needs Java 17"
	@echo "make check   lint and types"
	@echo "make bench   the benchmarks, as one table with their bars"
	@echo "make chaos   a quarter of an hour of kills and faults, then the lake against the exchange's own record"
	@echo "make picture  the README's picture of a report; needs Chromium"
	@echo "make fuzz    a million broken frames through journal and decoders"

demo: .venv/ready
	$(BIN)/recorder demo

test: .venv/ready-dev
	$(BIN)/python -m pytest

test-long: .venv/ready-dev
	$(BIN)/python -m pytest -m long

test-spark: .venv/ready-spark
	$(BIN)/python -m pytest tests/analytics/test_spark.py -m spark -n 0

check: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready-dev
	$(BIN)/python benchmarks/run.py

bench-rivals: .venv/ready-dev
	$(BIN)/python benchmarks/rivals.py --install build/rivals
	$(BIN)/python benchmarks/run.py --only rivals

bench-load: .venv/ready-dev
	$(BIN)/python benchmarks/load.py

chaos: .venv/ready-dev
	$(BIN)/python tests/chaos.py

fuzz: .venv/ready-dev
	$(BIN)/python benchmarks/fuzz.py

format: .venv/ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The data dictionary, from the code.
docs: .venv/ready-dev
	$(BIN)/python -m analytics.dictionary

# The README's picture: the report of the days that it makes; needs Chromium.
picture: .venv/ready
	rm -rf build/picture && mkdir -p build/picture
	cd build/picture && $(CURDIR)/$(BIN)/recorder demo --days 3 --until 2026-11-25
	cd build/picture && $(CURDIR)/$(BIN)/recorder report --data-dir data/demo-2026-11-25-3d-8m-s1 --out report.html
	$(CHROMIUM) --headless --no-sandbox --hide-scrollbars --virtual-time-budget=20000 --window-size=1280,3015 \
		--user-data-dir=build/picture/chromium --screenshot=docs/report.png file://$(CURDIR)/build/picture/report.html

# The exact versions and hashes that make installs; uv only writes these files.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra build pyproject.toml -o requirements/run.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra build --extra dev pyproject.toml -c requirements/run.lock -o requirements/dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -q --extra build --extra dev --extra spark pyproject.toml -c requirements/dev.lock -o requirements/spark.lock

.venv/ready: requirements/run.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/ready-dev: .venv/ready requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

.venv/ready-spark: .venv/ready-dev requirements/spark.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/spark.lock
	@touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
