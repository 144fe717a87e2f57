"""Soft X-ray spectra: yields over I0, their counting variance, and several scans in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nmcx
from nmcx import io
from nmcx.errors import InputError
from nmcx.io import read_spectrum


def read(folder: Path, text: str, **options: str) -> nmcx.results.Spectrum:
    file = folder / "sample.txt"
    file.write_text(text, encoding="utf-8")
    return read_spectrum(file, **options)


ROWS = "850 1000 200 30\n854 1100 400 60\n856 900 450 90\n"


@pytest.mark.parametrize(
    "head",
    [
        "# energy i0 tey tfy\n",
        "# XDI/1.0\n# Column.1: energy eV\n# Column.2: i0 counts\n# Column.3: TEY counts\n"
        "# Column.4: fy counts\n",
        "#S 1 scan\n#L Energy  I0  TEY  PFY\n",
        "#S 1 scan\n#L Energy  I0  Sample Current  PFY\n",
        "Energy (eV),I0_mesh,Sample Current (A),APD\n",
        "% Energy[eV]\tmonitor\tdrain\tpfy\n",
    ],
)
def test_electron_yield_is_taken_and_divided_by_i0(head: str, tmp_path: Path) -> None:
    separator = "," if "," in head else "\t" if "\t" in head else " "
    spectrum = read(tmp_path, head + ROWS.replace(" ", separator))
    np.testing.assert_allclose(spectrum.mu, [200 / 1000, 400 / 1100, 450 / 900], rtol=1e-14)
    np.testing.assert_array_equal(spectrum.i0, [1000, 1100, 900])
    assert spectrum.mode == "tey"
    assert any("also there" in note for note in spectrum.notes)
    assert any("absorption is" in note for note in spectrum.notes)


def test_fluorescence_yield_is_chosen_by_its_column(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "# energy i0 tey pfy\n" + ROWS, column="PFY")
    np.testing.assert_allclose(spectrum.mu, [30 / 1000, 60 / 1100, 90 / 900], rtol=1e-14)
    assert spectrum.mode == "fy"


def test_variance_is_that_of_counting_both(tmp_path: Path) -> None:
    # Oracle: spread of the ratio of two Poisson numbers, to first order.
    rng = np.random.default_rng(1)
    spectrum = read(tmp_path, "# energy i0 tey\n850 10000 400\n851 10000 900\n")
    for value, n in zip(spectrum.variance, (400, 900), strict=True):
        ratio = rng.poisson(n, 200_000) / rng.poisson(10000, 200_000)
        # 200,000 draws: the variance to 0.3 %, the second order of the ratio below 0.1 %.
        assert value == pytest.approx(ratio.var(), rel=0.015)


def test_variance_of_a_logarithm_and_of_averaged_rows(tmp_path: Path) -> None:
    once = read(tmp_path, "# energy i0 itrans\n850 10000 400\n851 10000 900\n")
    np.testing.assert_allclose(once.variance, [1 / 400 + 1e-4, 1 / 900 + 1e-4], rtol=1e-14)
    assert once.mode == "transmission"
    twice = read(tmp_path, "# energy i0 itrans\n850 10000 400\n850 10000 400\n851 10000 900\n")
    np.testing.assert_allclose(twice.variance, [once.variance[0] / 2, once.variance[1]])


def test_currents_have_no_counting_variance(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "# energy i0 tey\n850 1.5e-9 2e-11\n851 1.5e-9 3e-11\n")
    assert spectrum.variance is None
    np.testing.assert_allclose(spectrum.mu, [2e-11 / 1.5e-9, 3e-11 / 1.5e-9])
    text = "# Column.1: energy eV\n# Column.2: i0 A\n# Column.3: tey A\n850 20 10\n851 9 8\n"
    assert read(tmp_path, text).variance is None


def test_negative_drain_currents_are_turned_and_said(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "# energy i0 drain\n850 -1.5e-9 -2e-11\n851 -1.5e-9 -3e-11\n")
    assert (spectrum.mu > 0).all()
    assert sum("sign is turned" in note for note in spectrum.notes) == 2


def test_yields_without_i0_stay_as_stored_and_it_is_said(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "# energy tey\n850 1.0\n851 2.0\n")
    assert spectrum.mu.tolist() == [1.0, 2.0]
    assert spectrum.i0 is None
    assert "no I0: tey as stored" in spectrum.notes
    done = read(tmp_path, "# energy i0 tey/i0\n850 9 0.1\n851 8 0.2\n")
    assert done.mu.tolist() == [0.1, 0.2]
    assert any("divided already" in note for note in done.notes)


def test_i0_can_be_named_and_keeps_ready_absorption_apart(tmp_path: Path) -> None:
    text = "# energy gas tey mu\n850 10 2 7\n851 20 2 7\n"
    assert read(tmp_path, text).mu.tolist() == [7, 7]
    spectrum = read(tmp_path, text, i0="gas")
    assert spectrum.mu.tolist() == [0.2, 0.1]
    assert read(tmp_path, text, column="mu", i0="gas").mu.tolist() == [0.7, 0.35]
    with pytest.raises(InputError, match="no column 'argon'"):
        read(tmp_path, text, i0="argon")
    with pytest.raises(InputError, match="pass column"):
        read(tmp_path, "# energy gas first\n850 10 2\n851 20 2\n", i0="gas")


def test_a_row_without_beam_is_refused_naming_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 3: intensities must be positive"):
        read(tmp_path, "# energy i0 tey\n850 10 2\n851 0 2\n")
    # A yield of nothing is a measurement.
    none = read(tmp_path, "# energy i0 fy\n850 100 0\n851 100 20\n")
    assert none.mu[0] == 0
    # As of one count over 100, with the noise of I0.
    assert none.variance[0] == pytest.approx((1 + 1 / 100) / 100**2)


def test_several_scans_in_one_file_are_said(tmp_path: Path) -> None:
    one = "850 10 2\n851 10 3\n852 10 4\n"
    two = "850 10 4\n851 10 5\n852 10 6\n"
    spectrum = read(tmp_path, "# energy i0 tey\n" + one + two)
    np.testing.assert_allclose(spectrum.mu, [0.3, 0.4, 0.5])
    assert any("2 scans in one file" in note for note in spectrum.notes)
    falling = read(tmp_path, "852 4\n851 3\n850 2\n")
    assert not any("scans in one file" in note for note in falling.notes)


def test_soft_energies_in_kev_are_converted(tmp_path: Path) -> None:
    spectrum = read(tmp_path, "# energy i0 tey\n0.528 10 2\n0.5303 10 3\n")
    np.testing.assert_allclose(spectrum.energy_ev, [528.0, 530.3], rtol=1e-12)


def test_new_fields_come_back_from_a_result_file(tmp_path: Path) -> None:
    written = read(tmp_path, "# energy i0 tey\n850 1000 200\n851 1000 300\n")
    io.save(tmp_path / "a.nxs", written)
    back = io.load(tmp_path / "a.nxs")["spectrum"]
    for name in ("mu", "i0", "variance"):
        np.testing.assert_array_equal(getattr(back, name), getattr(written, name))
    assert back.mode == "tey"


def test_R09_mutated_tables_raise_only_our_errors(tmp_path: Path) -> None:
    content = ("#S 1\n#L Energy  I0  TEY  PFY\n" + ROWS * 3).encode()
    rng = np.random.default_rng(1)
    refused = 0
    for i in range(400):
        damaged = bytearray(content[: rng.integers(1, len(content))] if i % 4 == 0 else content)
        for at in rng.integers(0, len(damaged), 3):
            damaged[at] = rng.integers(0, 256)
        (tmp_path / "a.txt").write_bytes(damaged)
        try:
            spectrum = read_spectrum(tmp_path / "a.txt")
        except nmcx.errors.Error:
            refused += 1
            continue
        assert np.isfinite(spectrum.mu).all()
        assert spectrum.variance is None or (spectrum.variance >= 0).all()
    assert 100 < refused < 400
