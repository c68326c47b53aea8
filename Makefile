# Two commands on a fresh machine: `make demo` and `make test`. Each makes .venv, installs
# from pyproject.toml and reuses it. VENV= and PYTHON= choose another place or interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FLOOR ?= .venv-floor
PEERS ?= .venv-peers
PHOTO_PACKAGES ?= photo-packages
# Tests run side by side, each on one thread: several threads a test would only wait for
# each other. WORKERS=0 runs them one after the other.
WORKERS ?= 2
PYTEST := -m pytest -n $(WORKERS) --dist worksteal
DOCS ?= .venv-docs

.PHONY: demo test fuzz lint format test-floor train-clipart build-photo rebuild-clipart
.PHONY: rebuild-photos node bench bench-embedding bench-engines bench-export bench-ray
.PHONY: gpu-wheels
.PHONY: docs rooms wheel zoo

demo: $(INSTALLED)
	$(BIN)/python examples/quickstart.py
	$(BIN)/python examples/photographs.py

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST)

# Ten thousand mutated picture files and two thousand senseless rows.
fuzz: $(INSTALLED)
	SKLEARN_CLIP_FUZZ=10000 $(BIN)/python -m pytest tests/embedding/test_fuzz.py

# What the tests in Node and the page in examples/browser need, where npm is there.
NPM := npm install --ignore-scripts --no-audit --no-fund --no-package-lock --silent
node:
	cd tests/export/node && $(NPM)
	cd examples/browser && $(NPM)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The oldest of every package that is supported: the floors of pyproject.toml.
test-floor: $(FLOOR)/.installed
	OMP_NUM_THREADS=1 $(FLOOR)/bin/python $(PYTEST)

# Corpus, training, export and the figures of the model card: two hours on two cores. It
# needs npm, and Debian's openclipart-png and openclipart-svg.
train-clipart: $(INSTALLED)
	$(BIN)/pip install --quiet "resvg-py>=0.2"
	$(BIN)/python tools/clipart_corpus.py
	$(BIN)/python tools/train_clipart.py --out sklearn_clip/models/clipart-tiny
	$(BIN)/python tools/evaluate_clipart.py

# photo-tiny from the same corpus: minutes, most of them for features of the drawings.
build-photo: $(INSTALLED)
	$(BIN)/pip install --quiet "resvg-py>=0.2"
	test -f corpus/pictures.npy || $(BIN)/python tools/clipart_corpus.py
	$(BIN)/python tools/build_photo.py --out sklearn_clip/models/photo-tiny
	$(BIN)/python tools/evaluate_photo.py

# The shipped archive, byte for byte, from Debian's openclipart-png and openclipart-svg.
rebuild-clipart: $(INSTALLED)
	$(BIN)/python -m sklearn_clip.datasets.build_clipart

# The shipped photographs, byte for byte, from the downloaded packages in PHOTO_PACKAGES.
# `python -m sklearn_clip.datasets.build_photos --list` says how to download them.
rebuild-photos: $(INSTALLED)
	$(BIN)/python -m sklearn_clip.datasets.build_photos $(PHOTO_PACKAGES)

# All benchmarks in some 15 minutes, beside sentence-transformers and embetter, which get an
# environment of their own. Writes benchmarks/RESULTS.md.
bench: $(PEERS)/.installed
	$(PEERS)/bin/python benchmarks/run_all.py

bench-embedding: $(PEERS)/.installed
	$(PEERS)/bin/python benchmarks/bench_embedding.py

# Every engine and precision on the CPU, beside the build before there were engines: an
# hour on two cores. ENGINES="--without-bf16" or "--models" for the other tables.
ENGINES ?=
bench-engines: $(PEERS)/.installed
	$(PEERS)/bin/pip install --quiet onnxruntime onnx onnxscript openvino nncf
	$(PEERS)/bin/python benchmarks/bench_engines.py $(ENGINES)

# docs/_build/html/index.html; a warning is an error. The code of a page runs where it or the
# package has changed, all of them in some minutes, that of an example where it has changed.
# SPHINX="-D nb_execution_mode=off -D plot_gallery=0" runs nothing.
SPHINX ?=
docs: $(DOCS)/.installed
	$(DOCS)/bin/python -m sphinx -W --keep-going $(SPHINX) docs docs/_build/html

# docs/images/rooms.svg: the rooms of the package, from their imports of today.
rooms: $(INSTALLED)
	$(BIN)/python tools/draw_rooms.py

# Every architecture of open_clip with random weights, beside plain open_clip; hours on
# two cores, and it goes on where it was. Writes benchmarks/zoo.json and
# docs/model_table.md.
zoo: $(INSTALLED)
	$(BIN)/pip install --quiet -e ".[hf]"
	OMP_NUM_THREADS=$(WORKERS) $(BIN)/python tools/zoo.py --measure

# A tagger in one file beside its Pipeline: start, memory, rows per second; minutes.
bench-export: $(INSTALLED)
	$(BIN)/python benchmarks/bench_export.py

# What a bare machine with a GPU lacks (it has torch, torchvision, timm, scikit-learn): to be
# carried there with this folder, for `python benchmarks/gpu.py`.
GPU_PYTHON ?= 3.12
gpu-wheels: $(INSTALLED)
	$(BIN)/pip download --quiet --no-deps --only-binary=:all: --implementation cp \
	  --python-version $(GPU_PYTHON) --platform manylinux2014_x86_64 \
	  --dest gpu-wheels open_clip_torch ftfy regex wcwidth skorch tabulate

bench-ray: $(INSTALLED)
	$(BIN)/python benchmarks/bench_ray.py

wheel: $(INSTALLED)
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python tools/repack_wheel.py dist/*.whl
	ls -l dist/*.whl

# Modules are compiled as they are imported: of torch and its like that is a small part, and
# half of the time of an installation. Where Python is told to keep nothing of that, all are
# compiled here, or each of the hundreds of processes of the tests would do it for itself.
PIP_INSTALL := pip install --quiet $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP_INSTALL) --upgrade pip
	$(BIN)/$(PIP_INSTALL) -e ".[test]"
	touch $@

$(FLOOR)/.installed: pyproject.toml
	$(PYTHON) -m venv $(FLOOR)
	$(FLOOR)/bin/$(PIP_INSTALL) --upgrade pip
	$(FLOOR)/bin/python tools/floor.py > $(FLOOR)/oldest.txt
	$(FLOOR)/bin/$(PIP_INSTALL) -e . -r $(FLOOR)/oldest.txt
	touch $@

$(PEERS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --upgrade pip
	$(PEERS)/bin/pip install --quiet -e ".[ray]" sentence-transformers embetter
	touch $@

$(DOCS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/$(PIP_INSTALL) --upgrade pip
	$(DOCS)/bin/$(PIP_INSTALL) -e ".[docs]"
	touch $@
