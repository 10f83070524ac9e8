"""What corruptions do, measured afterwards on the corrupted signals."""

from pathlib import Path

import numpy as np
import pytest

from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.evaluation.robustness.corruptions import CLEAN, CORRUPTIONS, Corruption, corruptions_of, record_seed
from ssrl_ecg.signals.leads import LEADS, einthoven_error_mv

RATE_HZ = 100.0
KEEPS_EINTHOVEN = ("baseline-wander", "powerline", "em-noise", "baseline-shift", "nstdb-bw", "nstdb-em", "nstdb-ma")


@pytest.fixture(scope="module")
def noise():
    generator = np.random.default_rng(5)
    return SignalFile(generator.normal(0, 0.2, (2, 360 * 40)).cumsum(axis=1).astype(np.float32) / 20, 360.0, ("a", "b"))


@pytest.fixture(scope="module")
def record():
    generator = np.random.default_rng(6)
    i, ii, *chest = generator.normal(0, 0.3, (8, 1000)).cumsum(axis=1) / 10
    return np.stack([i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2, *chest]).astype(np.float32)


def corrupted(name, severity, record, noise, seed=11):
    return CORRUPTIONS[name].transform(severity, noise)(record.copy(), RATE_HZ, seed)


EVERY = [(one.family, one.severity) for one in corruptions_of(tuple(CORRUPTIONS)) if one != CLEAN]


@pytest.mark.parametrize(("name", "severity"), EVERY, ids=lambda value: f"{value}")
def test_every_corruption_keeps_the_form_and_repeats_from_its_seed(name, severity, record, noise):
    first = corrupted(name, severity, record, noise)
    assert first.shape == record.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.tobytes() == corrupted(name, severity, record, noise).tobytes()
    assert first.tobytes() != record.tobytes()
    if name in KEEPS_EINTHOVEN or name == "lead-swap":
        assert einthoven_error_mv(first) < 1e-4


@pytest.mark.parametrize("name", ["nstdb-bw", "nstdb-em", "nstdb-ma"])
def test_recorded_noise_has_the_stated_ratio_of_powers(name, record, noise):
    for snr_db in CORRUPTIONS[name].severities:
        added = corrupted(name, snr_db, record, noise).astype(float) - record
        found = 10 * np.log10(record.var(axis=1).mean() / added.var(axis=1).mean())
        assert found == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize("name", KEEPS_EINTHOVEN)
def test_the_same_noise_at_every_severity_only_stronger(name, record, noise):
    severities = CORRUPTIONS[name].severities
    added = [corrupted(name, severity, record, noise).astype(float) - record for severity in severities]
    sizes = [np.sqrt((one**2).mean()) for one in added]
    assert sizes == sorted(sizes)
    for one, size in zip(added, sizes, strict=True):
        np.testing.assert_allclose(one / size, added[-1] / sizes[-1], atol=2e-3)
    assert (
        corrupted(name, severities[0], record, noise, seed=12).tobytes()
        != corrupted(name, severities[0], record, noise).tobytes()
    )


@pytest.mark.parametrize(
    ("name", "largest_mv"), [("baseline-wander", 0.3), ("powerline", 0.5), ("em-noise", 2.0), ("baseline-shift", 3.0)]
)
def test_amplitudes_of_level_six_are_drawn_up_to_the_published_one(name, largest_mv, record, noise):
    config = CORRUPTIONS[name].transform(6, None).args[0].config
    assert config.amplitude_mv == (0.0, largest_mv)
    assert config.probability == 1.0


def test_white_noise_has_its_sd_in_millivolt(record, noise):
    added = corrupted("white-noise", 0.1, record, noise) - record
    assert added.std() == pytest.approx(0.1, rel=0.03)
    assert np.abs(np.corrcoef(added) - np.eye(12)).max() < 0.15


def test_masking_silences_one_fifth_in_all_leads(record, noise):
    silent = (corrupted("masking", 0.2, record, noise) == 0).all(axis=0)
    assert silent.sum() == 200
    assert np.count_nonzero(np.diff(silent.astype(int))) <= 2


def test_silenced_leads_grow_and_missing_leads_are_the_named_ones(record, noise):
    silent = [
        {
            lead
            for lead, values in zip(LEADS, corrupted("silenced-leads", n, record, noise), strict=True)
            if not values.any()
        }
        for n in (1.0, 3.0, 6.0)
    ]
    assert [len(one) for one in silent] == [1, 3, 6]
    assert silent[0] < silent[1] < silent[2]
    for severity, left in {"limb-leads": 6, "I-and-II": 2, "I": 1}.items():
        output = corrupted("missing-leads", severity, record, noise)
        assert output[:left].tobytes() == record[:left].tobytes()
        assert not output[left:].any()


def test_a_lower_rate_removes_what_lies_above_half_of_it_and_a_higher_one_little(noise):
    time_s = np.arange(1000) / RATE_HZ
    slow, fast = np.sin(2 * np.pi * 5 * time_s), np.sin(2 * np.pi * 40 * time_s)
    both = np.tile(slow + fast, (12, 1)).astype(np.float32)
    inner = slice(100, -100)
    at_50 = corrupted("sampling-rate", 50.0, both, noise)[0, inner]
    np.testing.assert_allclose(at_50, slow[inner], atol=0.03)
    np.testing.assert_allclose(corrupted("sampling-rate", 250.0, both, noise)[0, inner], both[0, inner], atol=0.03)


@pytest.mark.parametrize(("ratio", "found_hz"), [(0.5, 2.0), (2.0, 8.0), (0.8, 3.2), (1.25, 5.0)])
def test_a_wrong_rate_moves_every_frequency_by_the_ratio(ratio, found_hz, noise):
    time_s = np.arange(1000) / RATE_HZ
    wave = np.tile(np.sin(2 * np.pi * 4 * time_s), (12, 1)).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(corrupted("declared-rate", ratio, wave, noise)[0]))
    assert np.argmax(spectrum) / 10 == pytest.approx(found_hz, abs=0.1)


def test_names_are_those_of_files_and_clean_comes_first():
    names = [one.name for one in corruptions_of(tuple(CORRUPTIONS))]
    assert names[0] == "clean"
    assert len({*names}) == len(names)
    assert {"nstdb-bw_-6", "lead-swap_LA-RA", "white-noise_0.1", "em-noise_3"} <= {*names}
    assert Corruption("masking", 0.2).name == "masking_0.2"


def test_seeds_tell_records_families_and_seeds_apart():
    seeds = {record_seed(*key) for key in [(1, "a", "7"), (2, "a", "7"), (1, "b", "7"), (1, "a", "8")]}
    assert len(seeds) == 4


def test_the_page_names_every_corruption():
    page = (Path(__file__).parents[3] / "docs" / "robustness.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in CORRUPTIONS)
