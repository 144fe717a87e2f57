"""Spectra in text form: what is recognised, repaired and said, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nmcx
from nmcx.errors import InputError
from nmcx.io import read_spectrum
from nmcx.io.spectra import HC_EV_ANGSTROM


def read(folder: Path, text: str, **options: str) -> nmcx.results.Spectrum:
    file = folder / "sample.txt"
    file.write_text(text, encoding="utf-8")
    return read_spectrum(file, **options)


@pytest.mark.parametrize(
    "text",
    [
        "8330 0.1\n8340 0.5\n8350 1.2\n",
        "8330,0.1\n8340,0.5\n8350,1.2\n",
        "8330\t0.1\n8340\t0.5\n8350\t1.2\n",
        "# energy mu\n8330 0.1\n8340 0.5\n8350 1.2\n",
        "% note\n; another\n  8330 0.1 # inline\n\n8340 0.5\n8350 1.2\n",
        "Energy (eV),Absorption\n8330,0.1\n8340,0.5\n8350,1.2\n",
        "\ufeffenergy\tmu\r\n8330\t0.1\r\n8340\t0.5\r\n8350\t1.2\r\n",
        "# mu energy\n0.1 8330\n0.5 8340\n1.2 8350\n",
        "energy[keV] mu\n8.33 0.1\n8.34 0.5\n8.35 1.2\n",
        "8.33 0.1\n8.34 0.5\n8.35 1.2\n",
        "8350 1.2\n8340 0.5\n8330 0.1\n",
        "8330 0.0\n8330 0.2\n8340 0.5\n8350 1.2\n",
    ],
)
def test_one_spectrum_in_many_dialects(text: str, tmp_path: Path) -> None:
    spectrum = read(tmp_path, text)
    # keV to eV rounds in the last bits.
    np.testing.assert_allclose(spectrum.energy_ev, [8330, 8340, 8350], rtol=1e-12)
    np.testing.assert_allclose(spectrum.mu, [0.1, 0.5, 1.2], rtol=1e-12)
    assert spectrum.name == "sample"


def test_every_repair_is_said(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "8.35 1.2\n8.34 0.5\n8.34 0.7\n8.33 0.1\n")
    notes = "\n".join(spectrum.notes)
    assert "keV" in notes
    assert "sorted" in notes
    assert "1 energies occur more than once: rows averaged" in notes
    np.testing.assert_allclose(spectrum.mu, [0.1, 0.6, 1.2])


def test_soft_energies_with_a_unit_are_not_taken_for_kev(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "# XDI/1.0\n# Column.1: energy eV\n# Column.2: mu\n55 0.1\n60 0.2\n")
    assert spectrum.energy_ev.tolist() == [55.0, 60.0]


def test_transmission_becomes_minus_the_logarithm(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "# energy i0 itrans\n8330 100 50\n8340 200 50\n")
    np.testing.assert_allclose(spectrum.mu, np.log([2.0, 4.0]))
    assert "absorption is −ln(itrans/i0)" in spectrum.notes
    fluorescence = read(tmp_path, "# energy i0 ifluor\n8330 100 50\n8340 200 50\n")
    np.testing.assert_allclose(fluorescence.mu, [0.5, 0.25])


def test_bragg_angles_become_energies(tmp_path: Path) -> None:
    spacing = 3.13555
    energy = np.array([8330.0, 8340.0, 8350.0])
    angle = np.rad2deg(np.arcsin(HC_EV_ANGSTROM / (2 * spacing * energy)))
    header = "# XDI/1.0\n# Column.1: angle degrees\n# Column.2: mutrans\n"
    rows = "".join(f"{a:.12f} {m}\n" for a, m in zip(angle, (0.1, 0.2, 0.3), strict=True))
    with pytest.raises(InputError, match=r"Mono\.d_spacing"):
        read(tmp_path, header + rows)
    spectrum = read(tmp_path, header + f"# Mono.d_spacing: {spacing}\n" + rows)
    # Twelve digits of an angle of 13°: 1e-12 relative.
    np.testing.assert_allclose(spectrum.energy_ev, energy, rtol=1e-11)
    np.testing.assert_allclose(spectrum.mu, [0.1, 0.2, 0.3])


def test_a_column_can_be_chosen_by_name(tmp_path: Path) -> None:
    text = "# energy first second\n8330 1 2\n8340 3 4\n"
    assert read(tmp_path, text).mu.tolist() == [1.0, 3.0]
    assert any("column 2" in note for note in read(tmp_path, text).notes)
    assert read(tmp_path, text, column="second").mu.tolist() == [2.0, 4.0]
    with pytest.raises(InputError, match="no column 'third'"):
        read(tmp_path, text, column="third")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8330 0.1\n8340 nan\n8350 0.2\n", "line 2: absorption is not a finite number"),
        ("8330 0.1\nnan 0.1\n", "line 2: energy is not a finite"),
        ("8330 0.1\n8340 inf\n", "line 2"),
        ("# c\n8330 0.1\n8340\n", "line 3 has 1 value"),
        ("8330 0.1 1\n8340 0.2\n", "line 2 has 2 values, the lines before 3"),
        ("8330 0.1\n8340 x\n", "line 2 is not a row of numbers"),
        ("8330 0.1\n-8340 0.2\n", "line 2: the energy is not positive"),
        ("8330 0.1\n8330 0.2\n", "one energy only"),
        ("# only comments\n", "no row of numbers"),
        ("# energy i0 itrans\n8330 100 50\n8340 100 0\n", "line 3: intensities must be positive"),
        ("\0\0\0", "binary"),
        ("", "empty"),
        ("energy[nm] mu\n8.33 0.1\n8.34 0.5\n", "convert it to eV"),
    ],
)
def test_what_cannot_be_used_is_refused_naming_file_and_line(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"sample\.txt.*{message}"):
        read(tmp_path, text)


@given(st.text(alphabet="0123456789.eE+-nainf #%;,\t\n:energymu", max_size=120))
@settings(max_examples=400, deadline=None)
def test_R09_any_text_is_read_or_refused(tmp_path_factory, text: str) -> None:
    try:
        spectrum = read(tmp_path_factory.getbasetemp(), text)
    except (nmcx.errors.Error, ValueError):
        return
    assert np.all(np.diff(spectrum.energy_ev) > 0)
    assert np.isfinite(spectrum.mu).all()


@pytest.mark.real_data
def test_R09_mutated_xdi_raises_only_our_errors(real_data: Path, tmp_path: Path) -> None:
    content = (real_data / "spectra" / "ni_metal_rt.xdi").read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(200):
        damaged = bytearray(content[: rng.integers(1, len(content))])
        for at in rng.integers(0, len(damaged), 5):
            damaged[at] = rng.integers(0, 256)
        (tmp_path / "a.xdi").write_bytes(damaged)
        try:
            read_spectrum(tmp_path / "a.xdi")
        except (nmcx.errors.Error, ValueError):
            refused += 1
    assert refused > 20


@pytest.mark.real_data
def test_real_spectra_are_read_with_their_units(real_data: Path) -> None:
    nio = read_spectrum(real_data / "spectra" / "nio_fxi.txt")
    assert nio.energy_ev[0] == pytest.approx(8200.0)
    assert nio.energy_ev.size == 787
    assert any("keV" in note for note in nio.notes)
    nca = read_spectrum(real_data / "spectra" / "nca_pristine_6-2c.csv")
    assert (nca.energy_ev[0], nca.energy_ev[-1], nca.energy_ev.size) == (8250.0, 8640.0, 61)
    assert not nca.notes
    foil = read_spectrum(real_data / "spectra" / "ni_metal_rt.xdi")
    assert foil.name == "Ni metal foil"
    assert foil.metadata["Scan.edge_energy"] == "8333.0"
    assert foil.energy_ev.size == 418
    # mutrans, not the incident intensity beside it.
    assert np.abs(foil.mu).max() < 10
