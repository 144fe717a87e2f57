"""Chemical strain of a crystal by its three rules."""

from __future__ import annotations

import numpy as np
import pytest

from nmcx import materials

CONTENT = np.array([0.1, 0.22, 0.3, 0.45, 0.7, 0.95, 1.0])
TILTED = materials.bunge(0.3, 0.7, 1.1)


def test_the_table_is_that_of_the_lattice() -> None:
    for found, wanted in zip(
        materials.Swelling().strain(CONTENT), materials.lattice_strain(CONTENT), strict=True
    ):
        assert found == pytest.approx(wanted, abs=1e-15)


def test_the_isotropic_rule_keeps_the_volume_of_the_table() -> None:
    along_a, along_c = materials.lattice_strain(CONTENT)
    same, other = materials.Swelling("isotropic").strain(CONTENT)
    assert np.array_equal(same, other)
    assert (1 + same) ** 3 == pytest.approx((1 + along_a) ** 2 * (1 + along_c), rel=1e-14)


def test_the_line_meets_the_table_at_its_ends() -> None:
    rule = materials.Swelling("linear", stress_free=0.9, end=0.3)
    table = materials.Swelling("table", stress_free=0.9)
    for found, wanted in zip(rule.strain([0.9, 0.3]), table.strain([0.9, 0.3]), strict=True):
        assert found == pytest.approx(wanted, abs=1e-15)
    middle = rule.strain(0.6)
    assert middle[1] == pytest.approx(0.5 * table.strain(0.3)[1], abs=1e-15)


@pytest.mark.parametrize("kind", materials.SWELLING_KINDS)
@pytest.mark.parametrize("stress_free", [1.0, 0.8])
def test_slopes_are_those_of_the_strain(kind: str, stress_free: float) -> None:
    rule = materials.Swelling(kind, stress_free=stress_free)
    assert rule.strain(stress_free) == pytest.approx((0.0, 0.0), abs=1e-16)
    x = np.linspace(0.12, 0.98, 87)
    step = 1e-5
    for slope, high, low in zip(
        rule.slope(x), rule.strain(x + step), rule.strain(x - step), strict=True
    ):
        # Central differences of cubics whose curvature jumps at rows: error step × jump, 1e-5 × 10.
        assert slope == pytest.approx((high - low) / (2 * step), abs=2e-4)


def test_contents_may_name_their_crystal() -> None:
    rule = materials.Swelling()
    orientation, crystal = np.stack([np.eye(3), TILTED]), np.array([1, 0, 1])
    x = [0.3, 0.5, 0.9]
    own = rule.tensor(x, orientation[crystal])
    assert np.array_equal(rule.tensor(x, orientation, crystal=crystal), own)


def test_tensors_turn_with_the_crystal() -> None:
    rule = materials.Swelling()
    strain = rule.tensor(CONTENT, TILTED)
    along_a, along_c = rule.strain(CONTENT)
    for row, a, c in zip(strain, along_a, along_c, strict=True):
        full = TILTED @ np.diag([a, a, c]) @ TILTED.T
        wanted = [*np.diag(full), 2 * full[1, 2], 2 * full[0, 2], 2 * full[0, 1]]
        assert row == pytest.approx(wanted, abs=1e-16)
    slope = rule.tensor([0.4], TILTED, derivative=True)
    step = (rule.tensor([0.4 + 1e-6], TILTED) - rule.tensor([0.4 - 1e-6], TILTED)) / 2e-6
    assert slope == pytest.approx(step, abs=1e-4)


def test_the_misfit_between_grains_peaks_where_the_table_says() -> None:
    """3.6 % at x = 0.4 and hardly any at 4.3 V; the isotropic rule has none at all."""
    along_a, along_c = materials.Swelling().strain([0.4, 0.22])
    assert 100 * (along_c - along_a) == pytest.approx([3.59, 0.79], abs=0.005)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "cubic"}, "eigenstrain must be one of table, linear, isotropic"),
        ({"stress_free": 1.2}, "stress_free = 1.2 lies outside"),
        ({"kind": "linear", "end": 0.0}, "end = 0 lies outside"),
        ({"kind": "linear", "end": 1.0}, "end must differ"),
    ],
)
def test_impossible_rules_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        materials.Swelling(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", materials.SWELLING_KINDS)
def test_contents_outside_the_table_are_refused(kind: str) -> None:
    rule = materials.Swelling(kind)
    for call in (rule.strain, rule.slope):
        with pytest.raises(ValueError, match="within the lattice table"):
            call(0.05)
        with pytest.raises(ValueError, match="NaN"):
            call(np.nan)
