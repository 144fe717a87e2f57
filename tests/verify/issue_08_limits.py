"""Limits of the coupled model, with their reference numbers."""

from __future__ import annotations

import numpy as np
from check import Check, Row, apart, module_of, tests_pass

from nmcx import chemomechanics as cm
from nmcx import mesh

RADIUS = 5e-6
SIZES = (1.0e-6, 0.6e-6)


def spheres(reduced: bool) -> list[Row]:
    """The stress-coupled sphere beside nonlinear diffusion in one dimension."""
    return [
        row
        for volume_change in (0.051, 0.078)
        for size in (SIZES[:1] if reduced else SIZES)
        for row in apart(_sphere, volume_change, size)
    ]


def _sphere(volume_change: float, size: float) -> list[Row]:
    drive = module_of("tests/python", "test_stress_drive")
    reference = module_of("tests/python", "stress_coupled_sphere")
    material, swelling = drive.isotropic(volume_change)
    ball = mesh.ball(RADIUS, n_grains=1, size=size)
    found = cm.simulate(
        ball, material, protocol=cm.Charge(1.0, until=0.65), states=6, eigenstrain=swelling,
        coupling=cm.Coupling(stress_drive="dilute", cracks_resist=False, wetting=False),
        threads=1,
    )  # fmt: skip
    strength = 2 * volume_change**2 * drive.YOUNG / (9 * (1 - drive.POISSON))
    strength /= drive.GAS_CONSTANT * material.temperature * drive.FULL
    surface, centre = reference.contents_of_sphere(
        found.times, RADIUS, material.diffusivity_ab, strength, "dilute"
    )
    radius = np.linalg.norm(ball.points, axis=1)
    x = found.concentration / drive.FULL
    outer = x[1:, np.isclose(radius, RADIUS, rtol=1e-6)].mean(axis=1)
    worst = max(
        float(np.abs(outer / surface[1:] - 1).max()),
        float(np.abs(x[1:, radius.argmin()] / centre[1:] - 1).max()),
    )
    what = f"sphere, ΔV {100 * volume_change:.1f} %, {len(ball.cells):,} cells"
    return [
        Row(
            f"{what}: content at surface and centre, worst of 6 times",
            f"{100 * worst:.3f} %", "≤ 0.5 %", worst <= 5e-3,
        ),
        Row(
            f"{what}: lithium, largest imbalance of any step", f"{found.balance.max():.1e}",
            "≤ 1e-12", bool(found.balance.max() <= 1e-12),
        ),
    ]  # fmt: skip


def limits(_: bool) -> list[Row]:
    """No damage, no strain, the wetting switch, balances: tests that hold their numbers."""
    of = "tests/python/test_simulation.py"
    return [
        tests_pass(
            "no damage: lithium of `cycle`, bit for bit",
            f"{of}::test_without_damage_lithium_is_that_of_before_bit_for_bit",
            f"{of}::test_a_layer_that_does_not_grow_is_taken_as_given",
        ),
        tests_pass(
            "zero strain: no stress", f"{of}::test_without_strain_there_is_no_stress"
        ),
        tests_pass(
            "wetting switch, §3.1(g), within 0.1 %",
            f"{of}::test_a_face_that_becomes_wet_is_the_reference_switch",
        ),
        tests_pass(
            "lithium (1e-12) and energy (0.5 %) balance in every state, five couplings",
            f"{of}::test_lithium_and_energy_balance_in_every_state",
        ),
        tests_pass(
            "each coupling does what it should, and can be switched off", of,
            "tests/python/test_stress_drive.py",
        ),
    ]  # fmt: skip


CHECKS = [
    Check("stress-coupled sphere", spheres),
    Check("limits of the coupled model", limits, in_reduced=False),
]
