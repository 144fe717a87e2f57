"""The figure of the bulk shows what was measured."""

import numpy as np
import pytest

from nmcx import morphology, plot


def line_panel(figure):
    (found,) = (ax for ax in figure.axes if ax.get_xlabel().startswith("distance"))
    return found


@pytest.fixture(scope="module")
def particle():
    ball = np.linalg.norm(np.indices((41, 41, 41)) - 20.0, axis=0) < 18.0
    solid = ball.copy()
    solid[19:22, 25:, :] = False
    return morphology.Particle(solid, ball, 0.1)


@pytest.fixture(scope="module")
def energy(particle):
    noise = np.random.default_rng(1).normal(0.0, 0.05, particle.solid.shape)
    field = 8344.5 - 0.6 * morphology.depth(particle) + noise
    return np.where(particle.solid, field, np.nan)


def test_five_panels_show_particle_section_depth_and_lines(particle, energy, tmp_path):
    lines = morphology.line_profiles(energy, particle, [[0, 1, 0], [0, 0, 1], [0, -1, 0]])
    figure = plot.bulk_figure(energy, particle, lines=lines)
    figure.savefig(tmp_path / "bulk.png")
    letters = [
        text.get_text() for ax in figure.axes for text in ax.texts if text.get_text() in "abcde"
    ]
    assert sorted(letters) == list("abcde")
    cut, section = figure.axes[:2]
    # The pixels of the section are the values of the plane through the centre.
    shown = np.ma.filled(section.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown, energy[20])
    # The cut faces show the core, the rest the surface: low and high energies, both there.
    rgba = np.asarray(cut.images[0].get_array())
    covered = rgba[..., 3] > 0
    assert covered.mean() == pytest.approx(np.pi / 4 / 1.04**2, rel=0.03)
    colours = [line.get_color() for line in line_panel(figure).lines]
    assert len(set(colours)) == 3


@pytest.mark.parametrize("plane", ["z", "y", "x"])
def test_any_plane_and_voxels_of_any_shape(plane):
    z, y, x = np.indices((21, 31, 41)) - np.array([10, 15, 20])[:, None, None, None]
    solid = (z / 8.0) ** 2 + (y / 12.0) ** 2 + (x / 17.0) ** 2 < 1
    particle = morphology.Particle(solid, solid, (0.2, 0.15, 0.1))
    figure = plot.bulk_figure(8344.0 - morphology.depth(particle), particle, plane=plane)
    assert f"Section at {plane}" in figure.axes[1].get_title()
    directions = line_panel(figure).get_legend().get_texts()
    assert len(directions) == 5


def test_what_cannot_be_drawn_is_named(particle, energy):
    with pytest.raises(ValueError, match="plane must be"):
        plot.bulk_figure(energy, particle, plane="xy")
    with pytest.raises(ValueError, match="shape of the particle"):
        plot.bulk_figure(energy[1:], particle)
    with pytest.raises(ValueError, match="no finite value"):
        plot.bulk_figure(np.full(energy.shape, np.nan), particle)


def test_counts_hold_the_numbers_of_the_profile(particle, energy):
    profile = morphology.depth_profile(energy, particle)
    ax = plot.depth_counts(profile)
    np.testing.assert_array_equal(ax.patches[0].get_data().values, profile.count)
