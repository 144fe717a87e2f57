"""Model beside experiment: the same statistic, exact p-values, a verdict in words."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import comparison, cones, correlation, io, materials, phantom, plot
from nmcx.comparison import ensemble
from nmcx.comparison.verdict import among, apart, in_words
from nmcx.errors import ConvergenceError
from nmcx.results import AngleScan, Comparison

PARTICLE, SEEN = phantom.surface_and_porosity(1, shape=(28, 28, 28), voxel_size_um=0.4)
ANGLES = np.deg2rad([20.0, 35.0])
MEASURED = cones.cone_porosity(PARTICLE, cones.fibonacci_directions(400), ANGLES)
OPTIONS: dict[str, Any] = {
    "protocol": cm.Charge(1.0, until=0.9),
    "n_grains": 6,
    "size": 2.2e-6,
    "largest_layer": 50e-9,
    "states": 1,
}


def sent(task: Any, jobs: Any) -> Any:
    """As another process would get them."""
    for job in jobs:
        yield pickle.loads(pickle.dumps(task))(pickle.loads(pickle.dumps(job)))


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparison.compare(
        PARTICLE, SEEN, MEASURED, materials.NMC811, n_member=3, n_turned=3, n_null=99, seed=5,
        mapper=sent, **OPTIONS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made() -> comparison.SimulatedParticle:
    return comparison.simulate_particle(
        PARTICLE, SEEN, materials.NMC811, seed=6, threads=1, **OPTIONS
    )


# --- members -----------------------------------------------------------------------------------


def test_a_simulated_particle_is_the_same_for_the_same_seed(
    made: comparison.SimulatedParticle,
) -> None:
    same, other = (
        comparison.simulate_particle(
            PARTICLE, SEEN, materials.NMC811, seed=seed, threads=2, **OPTIONS
        )
        for seed in (6, 7)
    )
    for name in ("opening", "damage", "concentration", "potential"):
        assert np.array_equal(getattr(made.history, name), getattr(same.history, name)), name
    assert np.array_equal(made.layer.draws, same.layer.draws)
    assert not np.array_equal(made.mesh.orientation, other.mesh.orientation)


def test_the_prediction_takes_apex_weights_and_gate_of_the_measurement(
    made: comparison.SimulatedParticle,
) -> None:
    apex = (5.0, 5.4, 5.2)
    gated = cones.cone_porosity(
        PARTICLE, MEASURED.directions, ANGLES, apex_um=apex, weight="solid_angle",
        radial_gate_um=(1.0, 4.0),
    )  # fmt: skip
    porosity = comparison.predicted_porosity(made.mesh, made.history, PARTICLE, gated)
    assert porosity.apex_um == apex
    assert np.array_equal(porosity.envelope_voxels, gated.envelope_voxels)
    assert {**porosity.settings, "soft": False} == gated.settings
    whole = comparison.predicted_porosity(made.mesh, made.history, PARTICLE, MEASURED)
    assert not np.array_equal(whole.porosity, porosity.porosity)


def test_imaged_pores_and_damage_are_counted_when_asked(
    made: comparison.SimulatedParticle,
) -> None:
    sphere = replace(MEASURED, half_angle=np.array([np.pi]))
    opened, with_pores, damage = (
        comparison.predicted_porosity(made.mesh, made.history, PARTICLE, sphere, **options)
        .porosity[0, 0]
        for options in ({}, {"imaged_pores": True}, {"indicator": "damage"})
    )  # fmt: skip
    body = PARTICLE.envelope.sum() * 0.4**3 * 1e-18
    area, last = made.mesh.interface_area, made.history
    # Fractions of voxels are held in single precision.
    assert opened == pytest.approx(
        (area * np.maximum(last.opening[-1], 0.0)).sum() / body, rel=1e-4
    )
    assert damage == pytest.approx((area * last.damage[-1]).sum() * 1e-9 / body, rel=1e-4)
    assert with_pores == pytest.approx(opened + PARTICLE.porosity, rel=1e-4)
    with pytest.raises(ValueError, match="indicator"):
        comparison.predicted_porosity(
            made.mesh, made.history, PARTICLE, MEASURED, indicator="stress"
        )


# --- the comparison ----------------------------------------------------------------------------


def test_members_are_those_that_are_simulated_alone(
    found: Comparison, made: comparison.SimulatedParticle
) -> None:
    porosity = comparison.predicted_porosity(made.mesh, made.history, PARTICLE, MEASURED)
    alone = correlation.observed_correlation(SEEN, porosity)
    np.testing.assert_allclose(found.predicted[1], alone, rtol=1e-12)
    assert found.predicted.shape == (3, 2) and found.turned.shape == (3, 2)
    scan = correlation.angle_scan(SEEN, MEASURED, n_null=99, seed=5)
    assert np.array_equal(found.measured.pearson, scan.pearson)
    assert found.measured.p_family == scan.p_family
    assert found.verdict.startswith("Measured: ") and found.notes == ()


def test_it_can_be_saved_and_drawn(found: Comparison, tmp_path: Path) -> None:
    found.save(tmp_path / "comparison.nxs")
    back = io.load(tmp_path / "comparison.nxs")["comparison"]
    assert isinstance(back, Comparison) and back.verdict == found.verdict
    assert np.array_equal(back.predicted, found.predicted)
    assert np.array_equal(back.measured.pearson, found.measured.pearson)
    ax = plot.comparison_figure(found)
    ax.figure.savefig(tmp_path / "comparison.png")
    # Each member, their mean, the measured curve, zero.
    assert len(ax.lines) == 3 + 1 + 1 + 1 + 2  # and two caps of the measured bars
    assert found.verdict.split()[0] in ax.texts[0].get_text()


def test_members_that_fail_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def run() -> Comparison:
        return comparison.compare(
            PARTICLE, SEEN, MEASURED, materials.NMC811, n_member=5, n_turned=5, n_null=99, **OPTIONS
        )

    monkeypatch.setattr(ensemble._Task, "__call__", answering(asked, {2, 9}))
    found = run()
    assert len(found.predicted) == 4 and len(found.turned) == 4
    assert found.notes == (
        "left out: the member of seed 2: no equilibrium",
        "left out: the member of seed 9: no equilibrium",
    )
    monkeypatch.setattr(ensemble._Task, "__call__", answering(asked, {1, 2, 3}))
    with pytest.raises(ConvergenceError, match=r"only 2 of 5 members.*seed 1"):
        run()


def answering(asked: list[int], failing: set[int] = frozenset()) -> Any:
    """Members whose porosity is drawn at random, by their seed: quick."""
    way = np.asarray(MEASURED.directions)

    def call(self: Any, job: Any) -> Any:
        asked.append(job.seed)
        if job.seed in failing:
            return f"the member of seed {job.seed}: no equilibrium"
        rng = np.random.default_rng(job.seed)
        return np.repeat(way @ rng.standard_normal((3, 1)), 2, axis=1) * 0.01 + 0.1

    return call


def compared(**more: Any) -> Comparison:
    options = {"n_member": 4, "n_turned": 3, "n_null": 99, **OPTIONS, **more}
    return comparison.compare(PARTICLE, SEEN, MEASURED, materials.NMC811, **options)


def test_what_was_found_before_a_stop_is_not_simulated_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(ensemble._Task, "__call__", answering(asked, {2}))
    whole = compared()

    def stop(done: float, total: float, label: str) -> None:
        if done == 5:
            raise KeyboardInterrupt

    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        compared(checkpoint=tmp_path / "members", progress=stop)
    resumed = compared(checkpoint=tmp_path / "members", threads=2)
    assert asked == [1, 2, 3, 4, 5, 6, 7]
    assert np.array_equal(resumed.predicted, whole.predicted)
    assert np.array_equal(resumed.turned, whole.turned)
    assert resumed.notes == whole.notes == ("left out: the member of seed 2: no equilibrium",)
    assert resumed.verdict == whole.verdict
    asked.clear()
    # More members: those that are there count, and turned ones have other seeds.
    compared(checkpoint=tmp_path / "members", n_member=5)
    assert asked == [5, 6, 7, 8]
    asked.clear()
    compared(checkpoint=tmp_path / "members", largest_layer=60e-9)
    assert asked == [1, 2, 3, 4, 5, 6, 7]


def test_the_statistic_is_that_of_the_measured_scan(
    made: comparison.SimulatedParticle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(ensemble._Task, "__call__", answering(asked))
    scan = correlation.angle_scan(SEEN, MEASURED, n_null=99, seed=2, matched=False)
    found = compared(measured=scan, first=made, seed=6)
    assert asked == [7, 8, 9, 10, 11, 12]  # the first is there already
    porosity = comparison.predicted_porosity(made.mesh, made.history, PARTICLE, MEASURED)
    alone = correlation.observed_correlation(SEEN, porosity, matched=False)
    np.testing.assert_allclose(found.predicted[0], alone, rtol=1e-12)
    assert found.measured is scan and found.mean_porosity.settings["seed"] == 2
    with pytest.raises(ValueError, match="first was made of another seed"):
        compared(first=made, seed=5)
    with pytest.raises(ValueError, match="first was made of another largest_layer"):
        compared(first=made, seed=6, largest_layer=60e-9)
    other = replace(MEASURED, half_angle=ANGLES + 0.1)
    with pytest.raises(ValueError, match="half-angles of cones"):
        compared(measured=correlation.angle_scan(SEEN, other, n_null=99))


def test_closed_pores_are_grains(made: comparison.SimulatedParticle) -> None:
    closed = comparison.simulate_particle(
        PARTICLE, SEEN, materials.NMC811, seed=6, threads=1, **{**OPTIONS, "pores": "closed"}
    )
    voxel = 0.4**3
    assert closed.mesh.settings["solid_um3"] == pytest.approx(PARTICLE.envelope.sum() * voxel)
    assert made.mesh.settings["solid_um3"] == pytest.approx(PARTICLE.solid.sum() * voxel)
    with pytest.raises(ValueError, match="pores must be one of open, closed"):
        comparison.simulate_particle(
            PARTICLE, SEEN, materials.NMC811, seed=6, **{**OPTIONS, "pores": "shut"}
        )


def test_few_members_are_refused() -> None:
    with pytest.raises(ValueError, match="3 or more"):
        comparison.compare(
            PARTICLE, SEEN, MEASURED, materials.NMC811, n_member=2, n_turned=3, **OPTIONS
        )


# --- p-values and words ------------------------------------------------------------------------


def test_a_curve_among_its_like_has_uniform_p() -> None:
    rng = np.random.default_rng(1)
    p = np.array([
        among(curves[0], curves[1:]) for curves in rng.standard_normal((2000, 10, 4)).cumsum(axis=2)
    ])  # fmt: skip
    # Ranks of ten are tenths, each as likely; 2000 draws know a tenth to 0.7 %.
    assert set(np.round(10 * p).astype(int)) == set(range(1, 11))
    for rank in range(1, 11):
        assert np.mean(p <= rank / 10 + 1e-9) == pytest.approx(rank / 10, abs=0.035)


def test_a_curve_apart_from_the_others_is_found() -> None:
    others = np.random.default_rng(1).standard_normal((19, 5)) * 0.1
    assert among(np.full(5, 1.0), others) == pytest.approx(1 / 20)
    assert among(others[0], np.vstack([others[1:], np.full(5, 1.0)])) > 0.05
    assert np.isnan(among(np.full(5, np.nan), others))


def test_sets_that_differ_by_chance_have_uniform_p_and_others_small_ones() -> None:
    rng = np.random.default_rng(1)
    p = []
    for _ in range(200):
        curves = rng.standard_normal((12, 3)).cumsum(axis=1)
        p.append(apart(curves[:6], curves[6:], 99, rng))
    # 200 draws know 0.1 and 0.5 to 0.02 and 0.035.
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.06)
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.11)
    assert apart(curves[:6] + 5.0, curves[6:], 999, rng) < 0.01


def scan(r: float, p: float) -> AngleScan:
    one = np.ones(2)
    band = np.array([[-0.3, 0.3]] * 2)
    return AngleScan(
        ANGLES, r * one, r * one, band, p * one, p, 30 * one, band, best_half_angle=ANGLES[1]
    )


@pytest.mark.parametrize(
    ("r", "p", "mean", "p_effect", "p_model", "p_turned", "words"),
    [
        (-0.5, 0.01, -0.4, 0.001, 0.4, 0.02, ["Measured: more void below degraded",
         "predicts more void", "one of the model's and not of chance"]),
        (0.5, 0.01, -0.4, 0.001, 0.02, 0.02, ["less void", "predicts more void",
         "neither the model nor", "its sign is the other one"]),
        (-0.1, 0.5, -0.1, 0.4, 0.5, 0.5, ["no correlation that chance would not give",
         "predicts no effect", "but turned maps as well"]),
        (-0.1, 0.5, -0.6, 0.001, 0.02, 0.5, ["no correlation", "predicts more void",
         "none of the model's, and fits turned maps"]),
    ],
)  # fmt: skip
def test_the_verdict_says_what_the_numbers_say(
    r: float, p: float, mean: float, p_effect: float, p_model: float, p_turned: float,
    words: list[str],
) -> None:  # fmt: skip
    said = in_words(
        scan(r, p), np.full((5, 2), mean), np.array([[mean - 0.2, mean + 0.2]] * 2),
        p_effect=p_effect, p_model=p_model, p_turned=p_turned,
    )  # fmt: skip
    for part in words:
        assert part in said, said
    assert "2α = 70°" in said and said.endswith(".")


def test_cones_of_the_prediction_end_where_those_of_the_measurement_do(
    made: comparison.SimulatedParticle,
) -> None:
    """To the voxel: the gate is told in full, not as it is printed."""
    gate = (1.2345678, 3.3333333)
    gated = cones.cone_porosity(PARTICLE, MEASURED.directions, ANGLES, radial_gate_um=gate)
    found = comparison.predicted_porosity(made.mesh, made.history, PARTICLE, gated)
    assert found.radial_gate_um == gate
    assert (found.envelope_voxels == gated.envelope_voxels).all()
    assert (gated.envelope_voxels < MEASURED.envelope_voxels).all()
