# make verify: set up, then prove that the backends agree.  make test: set up, then run every test.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: verify test lint format docs site bench faults soundness zoo strangers matrix works port peer clean

verify: $(STAMP)
	$(BIN)/nlblocks verify

bench: $(STAMP)
	$(BIN)/nlblocks bench

faults: $(STAMP)
	$(BIN)/python -m benchmarks.faults

# About an hour on two cores.
soundness: $(STAMP)
	$(BIN)/python -m benchmarks.soundness --mutants 3300 --right 330 --processes 2

zoo: $(STAMP)
	$(BIN)/python -m benchmarks.zoo

# Fetches timm, PaddleClas and PaddleSeg to build/strangers, and compares pairs of their models: about an hour.
strangers: $(STAMP)
	$(BIN)/python -m benchmarks.strangers build/strangers --docs docs/strangers.md

# What passes on each claimed version, in environments that it makes in .matrix: minutes, and gigabytes.
matrix: $(STAMP)
	$(BIN)/python -m benchmarks.matrix

# Every way of using a block, tried on every block in both frameworks: half an hour, most of it torch's compiler.
works: $(STAMP)
	$(BIN)/python -m benchmarks.works --docs docs/works.md

# Fetches real Paddle packages to build/port, and ports the models in benchmarks/port/models.json.
port: $(STAMP)
	$(BIN)/python -m benchmarks.port build/port --processes 2

# The port's table judged by PaConvert's tests, in the folder TESTS; needs: pip install paconvert.
peer: $(STAMP)
	$(BIN)/python -m benchmarks.port.peer $(TESTS) --log build/port/peer.jsonl --docs docs/port_peer.md

# A process a core, at most four (each holds both frameworks); a process that is done takes tests from another.
test: $(STAMP)
	NLBLOCKS_REQUIRE_BACKENDS=torch,paddle $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)
	$(BIN)/python -m nlblocks.catalogue
	$(BIN)/python -m nlblocks.stubs
	$(BIN)/python -m docs.drawings
	$(BIN)/python -m docs.architecture
	$(BIN)/python -m docs.causes

# The pages as a site, to be opened at build/site/index.html; its search needs a server (python -m http.server -d build/site).
# A broken link, or a page that mkdocs.yml does not place, is an error.
site: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf .venv build dist

# One editable install with pinned versions; done again only when what it reads changes.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'nlblocks needs Python 3.11 or newer')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable ".[dev]"
	# paddle2onnx exports Paddle's models; it asks for an onnx of 2023, and works with the one that is installed.
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps paddle2onnx==2.1.0
	touch $(STAMP)
