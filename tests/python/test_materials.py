"""Table 1, the crystal's tensors and the lattice strain, against numbers worked out elsewhere.

The reference numbers are printed with 4 to 9 significant digits; the tolerances are half a unit of
their last digit.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcx import materials
from nmcx.materials import NMC811, NMC811_BRITTLE, Parameters

TURNED = materials.bunge(0.3, 0.7, 1.1)
SMALL_ANGLES = st.floats(-7, 7)


def test_table_1_has_the_values_of_the_paper_in_si_units() -> None:
    table = {
        "radius": (5e-6, "m"),
        "c11": (259e9, "Pa"),
        "c12": (107e9, "Pa"),
        "c13": (75e9, "Pa"),
        "c33": (194e9, "Pa"),
        "c44": (59e9, "Pa"),
        "diffusivity_ab": (7e-15, "m^2/s"),
        "diffusivity_c": (7e-16, "m^2/s"),
        "diffusivity_layer": (7e-17, "m^2/s"),
        "max_concentration": (63887.0, "mol/m^3"),
        "strength": (200e6, "Pa"),
        "fracture_energy": (1.0, "J/m^2"),
        "layer_modulus": (190e9, "Pa"),
        "layer_poisson": (0.35, "1"),
    }
    fields = {item.name: item for item in dataclasses.fields(Parameters)}
    for name, (value, unit) in table.items():
        assert getattr(NMC811, name) == value
        assert fields[name].metadata["unit"] == unit
        # A row of the table is never filled in by us.
        assert fields[name].default is dataclasses.MISSING
    ours = set(fields) - set(table)
    assert ours == {
        *("c14", "cohesive_stiffness", "open_circuit_potential", "exchange_current_prefactor"),
        *("electrolyte_concentration", "temperature"),
    }


def test_the_brittle_set_differs_in_its_fracture_energy_only() -> None:
    assert NMC811_BRITTLE.fracture_energy == 0.1
    assert NMC811_BRITTLE.replace(fracture_energy=1.0) == NMC811


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, value) for name in ("radius", "c44", "temperature") for value in (0.0, -1.0)),
        *((name, 0.0) for name in ("diffusivity_ab", "diffusivity_c", "diffusivity_layer")),
        *((name, 0.0) for name in ("max_concentration", "strength", "fracture_energy")),
        *((name, 0.0) for name in ("layer_modulus", "cohesive_stiffness")),
        *((name, 0.0) for name in ("exchange_current_prefactor", "electrolyte_concentration")),
        *(("layer_poisson", value) for value in (-1.0, 0.5, 0.7)),
        *((name, math.nan) for name in ("c12", "c14", "strength", "layer_poisson")),
        *((name, "7e-15") for name in ("diffusivity_ab", "radius")),
        ("c12", 259e9),
        ("c12", -260e9),
        ("c13", 190e9),
        ("c14", 67e9),
        ("open_circuit_potential", 3.7),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_the_name_of_its_field(
    field: str, value: object
) -> None:
    with pytest.raises(ValueError, match=f"^{field} must"):
        NMC811.replace(**{field: value})


def test_a_boundary_that_would_break_before_its_strength_is_refused() -> None:
    least = NMC811.strength**2 / (2 * NMC811.fracture_energy)
    with pytest.raises(ValueError, match="cohesive_stiffness must exceed"):
        NMC811.replace(cohesive_stiffness=least)
    assert NMC811.replace(cohesive_stiffness=1.001 * least).cohesive_stiffness == 1.001 * least


@given(
    c12=st.floats(-1.2, 1.2), c13=st.floats(-1.5, 1.5), c33=st.floats(0.1, 2), c14=st.floats(-1, 1)
)
def test_exactly_the_elasticities_whose_kelvin_moduli_are_positive_are_taken(
    c12: float, c13: float, c33: float, c14: float
) -> None:
    stiff = materials.elasticity.trigonal_elasticity(1.0, c12, c13, c33, 0.5, c14)
    lowest = materials.kelvin_moduli(stiff)[0]
    if abs(lowest) < 1e-9:  # on the border rounding decides
        return
    changes = {"c11": 1e11, "c12": c12 * 1e11, "c13": c13 * 1e11, "c33": c33 * 1e11}
    changes |= {"c44": 0.5e11, "c14": c14 * 1e11}
    if lowest > 0:
        NMC811.replace(**changes)
    else:
        with pytest.raises(ValueError, match=r"^c1[234] must"):
            NMC811.replace(**changes)


# Elasticity ---------------------------------------------------------------------------------------


def test_kelvin_moduli_of_table_1() -> None:
    found = materials.kelvin_moduli(NMC811.elasticity()) / 1e9
    np.testing.assert_allclose(found, [118, 118, 143.4496, 152, 152, 416.5504], atol=5e-5)


def test_the_turned_elasticity_has_the_reference_numbers() -> None:
    turned = NMC811.elasticity(TURNED) / 1e9
    expected = [
        [254.303768, 94.639272, 88.541264, 13.919901, -9.256675, 7.448558],
        [94.639272, 218.614456, 91.005374, 19.121634, -0.964269, 4.759628],
        [88.541264, 91.005374, 204.709956, 12.618115, -3.90324, -0.842894],
        [13.919901, 19.121634, 12.618115, 74.46171, -2.600414, 1.219883],
        [-9.256675, -0.964269, -3.90324, -2.600414, 66.859682, 6.85913],
        [7.448558, 4.759628, -0.842894, 1.219883, 6.85913, 69.864519],
    ]
    np.testing.assert_allclose(turned, expected, rtol=0, atol=5e-7)


def fourth_order(voigt: np.ndarray) -> np.ndarray:
    place = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    return voigt[place[:, :, None, None], place]


@given(SMALL_ANGLES, SMALL_ANGLES, SMALL_ANGLES, st.floats(-50e9, 50e9))
def test_the_bond_matrix_turns_as_the_fourth_order_tensor_does(
    phi1: float, tilt: float, phi2: float, c14: float
) -> None:
    trigonal = NMC811.replace(c14=c14)
    turn = materials.bunge(phi1, tilt, phi2)
    tensor = fourth_order(trigonal.elasticity())
    by_tensor = np.einsum("im,jn,kp,lq,mnpq->ijkl", turn, turn, turn, turn, tensor)
    # 81 products of 16 factors each: a few hundred roundings of 2.6e11 Pa.
    np.testing.assert_allclose(
        fourth_order(trigonal.elasticity(turn)), by_tensor, rtol=0, atol=1e-13 * 259e9 * 81
    )
    np.testing.assert_allclose(
        materials.kelvin_moduli(trigonal.elasticity(turn)),
        materials.kelvin_moduli(trigonal.elasticity()),
        rtol=1e-12,
    )


def test_a_trigonal_crystal_has_its_threefold_axis_and_no_sixfold_one() -> None:
    trigonal = NMC811.replace(c14=20e9)
    third, sixth = (materials.bunge(angle, 0, 0) for angle in (2 * np.pi / 3, np.pi / 3))
    two_fold = np.diag([1.0, -1.0, -1.0])  # about the a axis
    for turn in (third, two_fold):
        # 1e-4 Pa: round-off of 2.6e11 Pa.
        np.testing.assert_allclose(
            trigonal.elasticity(turn), trigonal.elasticity(), rtol=0, atol=1e-3
        )
    assert np.abs(trigonal.elasticity(sixth) - trigonal.elasticity()).max() > 30e9
    np.testing.assert_allclose(NMC811.elasticity(sixth), NMC811.elasticity(), rtol=0, atol=1e-3)


def test_averages_over_all_orientations_have_the_reference_numbers() -> None:
    moduli = materials.polycrystal_moduli(NMC811.elasticity())
    for found, bulk, shear, young, poisson in (
        (moduli.voigt, 136.2222, 69.1333, 177.3911, 0.28296),
        (moduli.reuss, 131.6167, 67.6660, 173.2994, 0.28055),
        (moduli.hill, 133.9195, 68.3996, 175.3461, 0.28178),
    ):
        gigapascals = np.array([found.bulk, found.shear, found.young]) / 1e9
        np.testing.assert_allclose(gigapascals, [bulk, shear, young], atol=5.1e-5)
        assert found.poisson == pytest.approx(poisson, abs=5e-6)
    assert moduli.anisotropy == pytest.approx(0.1434, abs=5e-5)


def test_averages_do_not_depend_on_how_the_crystal_lies_and_bound_random_grains() -> None:
    moduli = materials.polycrystal_moduli(NMC811.elasticity())
    turned = materials.polycrystal_moduli(NMC811.elasticity(TURNED))
    assert turned.reuss.shear == pytest.approx(moduli.reuss.shear, rel=1e-12)
    angles = np.random.default_rng(1).random((3, 20000))
    many = materials.bunge(
        2 * np.pi * angles[0], np.arccos(2 * angles[1] - 1), 2 * np.pi * angles[2]
    )
    mean = NMC811.elasticity(many).mean(axis=0)
    # The mean of the turned crystals is Voigt's solid; 20000 draws of 10 % scatter leave 0.1 %.
    assert mean[0, 1] == pytest.approx(moduli.voigt.bulk - 2 / 3 * moduli.voigt.shear, rel=5e-3)
    assert mean[3, 3] == pytest.approx(moduli.voigt.shear, rel=5e-3)


def test_the_modulus_along_a_direction_has_the_reference_numbers() -> None:
    angles = np.deg2rad([0, 15, 30, 45, 60, 90])
    directions = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], axis=1)
    found = materials.directional_modulus(NMC811.elasticity(), directions) / 1e9
    expected = [163.262295, 159.834729, 154.805661, 157.005779, 170.836396, 203.550077]
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-7)
    # Pulling the turned crystal along the turned direction is the same experiment.
    again = materials.directional_modulus(NMC811.elasticity(TURNED), directions @ TURNED.T) / 1e9
    np.testing.assert_allclose(again, expected, rtol=0, atol=5e-7)


def test_the_layer_is_isotropic_with_the_reference_numbers() -> None:
    layer = NMC811.layer_elasticity()
    found = np.array([layer[0, 0], layer[0, 1], layer[3, 3]]) / 1e9
    np.testing.assert_allclose(found, [304.94, 164.20, 70.37], atol=5e-3)
    turn = materials.bond_matrix(TURNED)
    np.testing.assert_allclose(turn @ layer @ turn.T, layer, rtol=0, atol=1e-3)
    moduli = materials.polycrystal_moduli(layer)
    assert moduli.anisotropy == pytest.approx(0, abs=1e-12)
    assert moduli.hill.young == pytest.approx(NMC811.layer_modulus, rel=1e-12)


@pytest.mark.parametrize(
    "x, in_plane, along_c", [(0.45, 4706.780, -1140.783), (0.22, 8161.815, 5299.555)]
)
def test_a_clamped_crystal_has_the_reference_stress(
    x: float, in_plane: float, along_c: float
) -> None:
    along_a, strain_c = materials.lattice_strain(x)
    stress = -NMC811.elasticity() @ [along_a, along_a, strain_c, 0, 0, 0] / 1e6
    np.testing.assert_allclose(stress, [in_plane, in_plane, along_c, 0, 0, 0], atol=5e-4)


# Orientation and diffusivity ----------------------------------------------------------------------


def test_the_turned_diffusivity_has_the_reference_numbers() -> None:
    expected = [
        [6.77166094, 0.73815809, -0.91734397],
        [0.73815809, 4.61373556, 2.96552367],
        [-0.91734397, 2.96552367, 3.3146035],
    ]
    found = NMC811.diffusivity_tensor(TURNED) / 1e-15
    assert found.shape == (1, 3, 3)
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=5e-9)


@given(SMALL_ANGLES, SMALL_ANGLES, SMALL_ANGLES)
def test_the_diffusivity_is_the_crystals_own_turned_into_the_sample(
    phi1: float, tilt: float, phi2: float
) -> None:
    turn = materials.bunge(phi1, tilt, phi2)
    own = np.diag([NMC811.diffusivity_ab, NMC811.diffusivity_ab, NMC811.diffusivity_c])
    found = NMC811.diffusivity_tensor([turn, turn])
    np.testing.assert_allclose(found, [turn @ own @ turn.T] * 2, rtol=0, atol=1e-14 * 7e-15)


@given(SMALL_ANGLES, SMALL_ANGLES, SMALL_ANGLES)
def test_bunges_angles_turn_the_sample_onto_the_crystal(
    phi1: float, tilt: float, phi2: float
) -> None:
    # Written out element by element as textbooks do (sample to crystal).
    c1, s1, c, s, c2, s2 = (f(angle) for angle in (phi1, tilt, phi2) for f in (math.cos, math.sin))
    to_crystal = [
        [c1 * c2 - s1 * s2 * c, s1 * c2 + c1 * s2 * c, s2 * s],
        [-c1 * s2 - s1 * c2 * c, -s1 * s2 + c1 * c2 * c, c2 * s],
        [s1 * s, -c1 * s, c],
    ]
    found = materials.bunge(phi1, tilt, phi2)
    np.testing.assert_allclose(found, np.transpose(to_crystal), atol=1e-15)
    materials.as_rotations(found)


def test_bunges_angles_broadcast() -> None:
    assert materials.bunge(np.zeros((4, 1)), 0.3, np.zeros(5)).shape == (4, 5, 3, 3)
    with pytest.raises(ValueError, match="Phi must be finite"):
        materials.bunge(0.0, math.inf, 0.0)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.eye(2), "shape"),
        (np.zeros((2, 3)), "shape"),
        (np.full((1, 3, 3), np.nan), "NaN"),
        (1.01 * np.eye(3), "orthonormal"),
        (np.diag([1.0, 1.0, -1.0]), "mirror"),
    ],
)
def test_what_is_no_rotation_is_refused(matrix: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^orientation.*{said}"):
        NMC811.diffusivity_tensor(matrix)
    with pytest.raises(ValueError, match=rf"^orientation.*{said}"):
        NMC811.elasticity(matrix)


# Lattice strain -----------------------------------------------------------------------------------

STRAINS = [  # x, strain along a and c [%], change of volume [%]
    (1.0, 0, 0, 0),
    (0.8, -0.56, 0.60, -0.52),
    (0.6, -1.22, 1.48, -0.98),
    (0.5, -1.53, 1.83, -1.27),
    (0.45, -1.67, 1.88, -1.50),
    (0.40, -1.79, 1.80, -1.82),
    (0.30, -1.93, 0.92, -2.95),
    (0.25, -1.97, -0.28, -4.17),
    (0.22, -1.98, -1.20, -5.08),
    (0.10, -1.93, -3.17, -6.88),
]


@pytest.mark.parametrize(("x", "percent_a", "percent_c", "volume"), STRAINS)
def test_the_strain_has_the_reference_numbers(
    x: float, percent_a: float, percent_c: float, volume: float
) -> None:
    along_a, along_c = materials.lattice_strain(x)
    assert 100 * along_a == pytest.approx(percent_a, abs=6e-3)
    assert 100 * along_c == pytest.approx(percent_c, abs=6e-3)
    assert 100 * ((1 + along_a) ** 2 * (1 + along_c) - 1) == pytest.approx(volume, abs=6e-3)


def test_the_misfit_of_grains_is_largest_near_x_04_and_the_volume_shrinks_throughout() -> None:
    x = np.linspace(0.1, 1.0, 901)
    along_a, along_c = materials.lattice_strain(x)
    misfit = along_c - along_a
    assert x[misfit.argmax()] == pytest.approx(0.42, abs=0.03)
    assert misfit.max() == pytest.approx(0.0359, abs=2e-4)
    assert np.all(np.diff((1 + along_a) ** 2 * (1 + along_c)) > 0)
    # Between rows the strain rises and falls only as the table does: one extremum each.
    assert np.count_nonzero(np.diff(np.sign(np.diff(along_a)))) == 1
    assert np.count_nonzero(np.diff(np.sign(np.diff(along_c)))) == 1


@given(st.floats(0.1001, 0.9999))
def test_the_slope_is_the_derivative_of_the_strain(x: float) -> None:
    step = 1e-7
    slopes = materials.lattice_strain(x, derivative=True)
    above, below = materials.lattice_strain(x + step), materials.lattice_strain(x - step)
    for slope, high, low in zip(slopes, above, below, strict=True):
        # Central differences: the kink of the slope at a row costs step times the curvature (< 40).
        assert (high - low) / (2 * step) == pytest.approx(slope, abs=1e-5)


def test_the_slope_does_not_jump_at_a_row() -> None:
    rows = np.array(materials.NMC811_LATTICE.lithium[1:-1])
    for above, below in zip(
        materials.lattice_strain(rows + 1e-9, derivative=True),
        materials.lattice_strain(rows - 1e-9, derivative=True),
        strict=True,
    ):
        np.testing.assert_allclose(above, below, atol=1e-6)


@pytest.mark.parametrize("x", [1.001, 0.0, [0.5, 1.2], math.nan])
def test_a_content_outside_the_table_is_refused_with_a_remedy(x: float) -> None:
    with pytest.raises(ValueError, match=r"^x .*(LatticeTable|wanted)"):
        materials.lattice_strain(x)


def test_round_off_at_the_end_of_the_table_passes() -> None:
    for strain in materials.lattice_strain(1.0 + 1e-15):
        assert strain == pytest.approx(0.0, abs=1e-15)


def test_a_table_of_ones_own_in_any_order_and_with_its_own_reference() -> None:
    table = materials.LatticeTable([0.9, 0.1, 0.5], a=[3, 2, 2.5], c=[10, 10, 12], reference=0.5)
    assert table.lithium == (0.1, 0.5, 0.9)
    along_a, along_c = materials.lattice_strain([0.1, 0.5, 0.9], table=table)
    np.testing.assert_allclose(along_a, [-0.2, 0.0, 0.2], atol=1e-15)
    np.testing.assert_allclose(along_c, [-1 / 6, 0.0, -1 / 6], atol=1e-15)
    # An isotropic, linear swelling is a table of two rows.
    linear = materials.LatticeTable([0, 1], a=[0.98, 1], c=[0.98, 1])
    for strain in materials.lattice_strain(0.25, table=linear):
        assert strain == pytest.approx(-0.015)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"lithium": [0.0, 0.5, 1.0]}, "as many rows"),
        ({"lithium": [1.0, 1.0]}, "repeat"),
        ({"a": [0.0, 1.0]}, "^a must be positive"),
        ({"c": [math.nan, 1.0]}, "^c must be"),
        ({"reference": 1.5}, "^reference"),
    ],
)
def test_a_table_that_cannot_be_is_refused(columns: dict[str, object], said: str) -> None:
    whole: dict[str, object] = {"lithium": [0.0, 1.0], "a": [2.8, 2.9], "c": [14.0, 14.2]}
    with pytest.raises(ValueError, match=said):
        materials.LatticeTable(**(whole | columns))  # type: ignore[arg-type]


# Electrochemistry and notes -----------------------------------------------------------------------


def test_the_default_potential_is_the_published_formula_and_falls_as_lithium_enters() -> None:
    x = np.linspace(*materials.POTENTIAL_RANGE, 200)
    potential = materials.open_circuit_potential(x)
    assert np.all(np.diff(potential) < 0)
    # The formula with every number written again, at one content.
    at = 0.4
    by_hand = -0.8090 * at + 4.4875 - 0.0428 * math.tanh(18.5138 * (at - 0.5542))
    by_hand += -17.7326 * math.tanh(15.7890 * (at - 0.3117))
    by_hand += 17.5842 * math.tanh(15.9308 * (at - 0.3120))
    assert materials.open_circuit_potential(at) == pytest.approx(by_hand, rel=1e-14)
    # 4.2 V is the cell's upper limit on its graphite side near 0.1 V: the electrode is above it.
    assert 4.15 < float(potential[0]) < 4.35
    assert 3.4 < float(potential[-1]) < 3.65


def test_a_measured_potential_takes_the_place_of_the_default() -> None:
    measured = materials.PotentialTable([1.0, 0.2, 0.6], [3.5, 4.3, 3.8])
    parameters = NMC811.replace(open_circuit_potential=measured)
    x = np.array([0.2, 0.6, 1.0])
    np.testing.assert_array_equal(parameters.open_circuit_potential(x), [4.3, 3.8, 3.5])
    assert np.all(np.diff(measured(np.linspace(0.2, 1, 50))) < 0)
    with pytest.raises(ValueError, match="within the table"):
        measured(0.1)
    with pytest.raises(ValueError, match="must fall"):
        materials.PotentialTable([0.2, 1.0], [3.5, 4.3])
    with pytest.raises(ValueError, match="repeat"):
        materials.PotentialTable([0.2, 0.2], [4.3, 3.5])


def test_the_exchange_current_vanishes_at_both_ends_and_is_symmetric() -> None:
    full = NMC811.max_concentration
    current = NMC811.exchange_current(np.array([0, 0.2, 0.5, 0.8, 1]) * full)
    assert current[0] == current[4] == 0.0
    assert current[1] == pytest.approx(current[3])
    # At half filling √c √(C_max − c) = C_max / 2.
    assert current[2] == pytest.approx(3.42e-6 * math.sqrt(1000) * full / 2)
    with pytest.raises(ValueError, match="concentration must lie"):
        NMC811.exchange_current(1.01 * full)


def test_the_warnings_name_the_traps_with_their_numbers() -> None:
    sites, volumes, symmetry, zone = NMC811.warnings()
    assert "63887" in sites and "49111" in sites
    assert "7.95e-07" in volumes and "80 %" in volumes
    assert "hexagonal" in symmetry
    assert "0.93 to 3.9 µm" in zone and "radius of 5 µm" in zone


def test_a_warning_goes_when_its_cause_does() -> None:
    sound = NMC811.replace(max_concentration=49000.0, c14=10e9, fracture_energy=0.1)
    volumes, zone = sound.warnings()
    assert "partial molar" in volumes
    assert "0.0" in zone and "edges of the mesh" in zone
