"""Mutants of the kernels: each a wrong line of physics or numerics that a C++ test must notice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from check import ROOT, Check, Row, recorded

TREE = ROOT / "build" / "mutants"


class Mutant(NamedTuple):
    """A place in a kernel, and what is wrong there."""

    file: str  #: below src/cpp/nmcx
    right: str
    wrong: str
    suites: str  #: of ctest, as a pattern


MUTANTS = (
    Mutant("fem/butler_volmer.cpp", "exchange * (anodic.value - cathodic.value);",
           "exchange * (anodic.value + cathodic.value);", "butler_volmer"),
    Mutant("fem/butler_volmer.cpp", "- (result.per_potential * u.slope / full)",
           "+ (result.per_potential * u.slope / full)", "butler_volmer"),
    Mutant("fem/butler_volmer.cpp", "conductance / (conductance + s.per_concentration)",
           "conductance / (conductance - s.per_concentration)", "butler_volmer"),
    Mutant("fem/butler_volmer.cpp", "+ (free * bare.flux)", "+ bare.flux", "butler_volmer"),
    Mutant("fem/cohesive.cpp", "std::max(history.damage,\n", "std::max(0.0,\n", "cohesive"),
    Mutant("fem/cohesive.cpp", "e.share = square > 0 ? sliding / square : 0",
           "e.share = square > 0 ? sliding / (2 * square) : 0", "cohesive"),
    Mutant("fem/cohesive.cpp", "-(c.onset.slope + (progress * c.length.slope))",
           "-(c.onset.slope - (progress * c.length.slope))", "cohesive"),
    Mutant("fem/cohesive.cpp", "(1 - (s * s * s * (4 - (3 * s)))) / 6",
           "(1 - (s * s * s * (4 - (3 * s)))) / 3", "cohesive"),
    Mutant("fem/cohesive.cpp", "return tires * tires;", "return tires;", "cohesive_fatigue"),
    Mutant("fem/cohesive.cpp", "0.5 * std::abs(beyond(last.share)",
           "std::abs(beyond(last.share)", "cohesive_fatigue"),
    Mutant("fem/stress_drive.cpp", "((1 - t) * table[i]) + (t * table[i + 1])",
           "(t * table[i]) + ((1 - t) * table[i + 1])", "stress_drive"),
    Mutant("fem/stress_drive.cpp", "each *= 1 + (mobility * drive.relief[cell])",
           "each *= 1 - (mobility * drive.relief[cell])", "stress_drive"),
    Mutant("fem/transport.cpp", "conductance * area / static_cast<double>(d)",
           "conductance * area / static_cast<double>(d + 1)", "transport"),
    Mutant("fem/transport.cpp", "s.volume * pair * (i == j ? 2 : 1)",
           "s.volume * pair * (i == j ? 1 : 1)", "transport"),
    Mutant("fem/transport.cpp", "0.25 * along * area", "0.5 * along * area", "transport"),
    Mutant("fem/linear_solver.cpp", "beta = rz / before;", "beta = before / rz;",
           "transport|half_matrix"),
    Mutant("fem/half_matrix.cpp", "local_y[j] += value[i] * here;",
           "local_y[j] -= value[i] * here;", "half_matrix"),
    Mutant("fem/elasticity.cpp", "inside - (across * outside.inverse() * across.transpose())",
           "inside", "elasticity"),
    Mutant("fem/rigid_modes.cpp", "dimension + t) = -x(i, b);", "dimension + t) = x(i, b);",
           "elasticity|multigrid|direct|fracture"),
    Mutant("fem/interface_element.cpp", "4 * at[i] * at[(i + 1) % n_corner]",
           "2 * at[i] * at[(i + 1) % n_corner]", "interface_element"),
    Mutant("fem/interface_element.cpp", "point(5.0 / 18, 0.5 - x), point(5.0 / 18, 0.5 + x)",
           "point(5.0 / 18, 0.5 - x), point(5.0 / 18, 0.5 + 0.9 * x)", "interface_element"),
    Mutant("fem/fracture.cpp", "work = 0.5 * ((before.force[i] + after.force[i]) * moved",
           "work = ((before.force[i] + after.force[i]) * moved", "fracture"),
    Mutant("fem/cohesive_walls.cpp", "double weight = area * shape[i] * shape[j];",
           "double weight = area * shape[i] * shape[i];", "cohesive_walls|fracture"),
    Mutant("fem/multigrid.cpp", "block[7 * k] *= 1 + regularisation;",
           "block[7 * k] *= -1 - regularisation;", "multigrid"),
    Mutant("fem/chebyshev.cpp", "0.5 * largest_ * (1 + smallest_share)",
           "0.2 * largest_ * (1 + smallest_share)", "multigrid"),
    Mutant("geometry/distance_transform.cpp", "(0.5 * static_cast<double>(q + p))",
           "(0.5 * static_cast<double>(q - p))", "distance_transform"),
    Mutant("geometry/distance_transform.cpp", "h * std::min(squared[i], steps)",
           "h * std::max(squared[i], steps)", "distance_transform"),
    Mutant("geometry/ray_envelope.cpp", "dy > 0 ? ny - y : y + 1", "dy > 0 ? ny - y : y",
           "ray_envelope"),
    Mutant("geometry/rotation_null.cpp", "l[field][value] / l[field][field]",
           "l[field][value] / l[value][value]", "rotation_null"),
    Mutant("geometry/cone_porosity.cpp", "shells[(d * (n_angle + 1)) + k]",
           "shells[d * (n_angle + 1)]", "cone_porosity"),
    Mutant("image/resample.cpp", "pole * (at(i + 1, j) - (6.0 * at(i, j)))",
           "pole * (at(i + 1, j) + (6.0 * at(i, j)))", "resample|registration"),
    Mutant("image/resample.cpp", "(2.0 / 3.0) - (0.5 * u * u * (2.0 - u))",
           "(2.0 / 3.0) - (0.5 * u * u * (1.0 - u))", "resample|registration"),
    Mutant("image/registration_model.cpp", "(columns.slope[0] * v[0]) + (columns.slope[1] * v[1])",
           "(columns.slope[0] * v[0]) - (columns.slope[1] * v[1])", "registration"),
    Mutant("xanes/normalise.cpp", "= -out.post * vandermonde(", "= out.post * vandermonde(",
           "normalise|edge_fit"),
    Mutant("xanes/normalise.cpp", "model.pre_degree + model.post_degree + 2 : 2",
           "model.pre_degree + model.post_degree + 1 : 2", "normalise|edge_fit|edge_estimator"),
    Mutant("xanes/crossing.cpp", "w[1] *= u[0] * u[2] * u[3];", "w[1] *= u[0] * u[1] * u[3];",
           "edge_estimator|edge_fit"),
    Mutant("xanes/crossing.cpp", "f[k - 1] < 0.0 && f[k] >= 0.0", "f[k - 1] < 0.0 || f[k] >= 0.0",
           "edge_estimator|edge_fit"),
    Mutant("xanes/white_line_estimator.cpp", "-0.5 * c1 / c2", "-1.0 * c1 / c2",
           "edge_estimator"),
    Mutant("xanes/integral_estimator.cpp", "half * (1.0 + sign * gauss)",
           "half * (1.0 + 0.5 * sign * gauss)", "edge_estimator"),
    Mutant("xanes/nonnegative.cpp", "right - gram * x", "right + gram * x", "reference_fit"),
    Mutant("xanes/reference_fit.cpp", "rest.squaredNorm() / static_cast<double>(y.size() - n_par)",
           "rest.squaredNorm() / static_cast<double>(y.size() + n_par)", "reference_fit"),
    Mutant("xanes/template_estimator.cpp", "found.shift) + std::clamp(cells, -longest, longest)",
           "found.shift) - std::clamp(cells, -longest, longest)", "template_estimator"),
)  # fmt: skip


def mutants(reduced: bool) -> list[Row]:
    """Build each in a copy of the tree and run the suites of its file; reduced: every tenth."""
    chosen = MUTANTS[::10] if reduced else MUTANTS
    _prepare()
    alive = [each for each in chosen if not _is_killed(each)]
    killed = len(chosen) - len(alive)
    least = len(chosen) if reduced else max(30, len(chosen))
    rows = [Row("mutants of the kernels killed by C++ tests", f"{killed} of {len(chosen)}",
                f"all, {least} or more", not alive and killed >= least)]  # fmt: skip
    return rows + [recorded(f"alive: {each.file}", each.wrong) for each in alive]


def _prepare() -> None:
    """A copy of the tree, built once as it is; its tests must pass, or nothing is shown."""
    source = TREE / "source"
    for name in ("src", "tests/cpp"):
        shutil.rmtree(source / name, ignore_errors=True)
        shutil.copytree(ROOT / name, source / name)
    shutil.copy(ROOT / "CMakeLists.txt", source)
    for each in MUTANTS:
        text = _path(each).read_text()
        assert text.count(each.right) == 1, f"{each.file}: {each.right!r} is not there once"
    configure = ["cmake", "-G", "Ninja", "-S", source, "-B", TREE / "build"]
    # Quick to build; what an optimiser makes of it is not what is looked for.
    _run(*configure, "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1")
    _run("cmake", "--build", TREE / "build")
    _run("ctest", "--test-dir", TREE / "build", "--output-on-failure")


def _is_killed(mutant: Mutant) -> bool:
    path = _path(mutant)
    text = path.read_text()
    try:
        path.write_text(text.replace(mutant.right, mutant.wrong))
        _run("cmake", "--build", TREE / "build")
        tests = ["ctest", "--test-dir", TREE / "build", "-R", mutant.suites, "--stop-on-failure"]
        done = subprocess.run(tests, capture_output=True, text=True, check=False)
        assert "No tests were found" not in done.stdout + done.stderr, mutant.suites
        return done.returncode != 0
    finally:
        path.write_text(text)


def _path(mutant: Mutant) -> Path:
    return TREE / "source" / "src" / "cpp" / "nmcx" / mutant.file


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{done.stderr}\n{command[0]} failed")


CHECKS = [Check("mutants", mutants, in_reduced=False)]
