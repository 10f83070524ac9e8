from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal as sig

from ssrl_ecg.data.duplicates import HIGH_HZ, LOW_HZ, SAME_FROM, describe, find_duplicates
from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.source import Layout, SignalFile
from ssrl_ecg.data.store import build_store
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS
from ssrl_ecg.signals.resample import resample


@pytest.fixture
def ecg_like_mv():
    """(40, 12, 1000) noise at 100 Hz whose power is below 12 Hz."""
    noise = np.random.default_rng(0).standard_normal((40, 12, 1000))
    return 3 * sig.sosfiltfilt(sig.butter(4, 12, fs=100, output="sos"), noise).astype(np.float32)


def _store(memory_source, tmp_path, signals_mv):
    source = memory_source
    source.recordings = [SignalFile(one.astype(np.float32), 100.0, LEADS) for one in signals_mv]
    source.expected = Layout(100.0, signals_mv.shape[-1])
    return build_store(source, tmp_path / "store").store


def test_inner_products_are_correlations_of_the_band(ecg_like_mv):
    first, second = ecg_like_mv[:2]
    mixed = 0.6 * first + 0.4 * second
    correlations = []
    for lead in INDEPENDENT_LEADS:
        spectra = [np.fft.fft(one[LEADS.index(lead)].astype(float)) for one in (first, mixed)]
        frequency_hz = np.abs(np.fft.fftfreq(1000, 0.01))
        outside = (frequency_hz < LOW_HZ - 1e-9) | (frequency_hz > HIGH_HZ + 1e-9)
        a, b = (np.fft.ifft(np.where(outside, 0, spectrum)).real for spectrum in spectra)
        correlations.append(np.corrcoef(a, b)[0, 1])
    one, other = describe(np.stack([first, mixed]), 100.0)
    assert one @ other == pytest.approx(np.mean(correlations), abs=1e-5)
    assert one @ one == pytest.approx(1, abs=1e-5)


def test_descriptions_are_alike_at_all_rates(ecg_like_mv):
    at_500 = resample(ecg_like_mv, 100, 500)
    products = np.einsum("ij,ij->i", describe(at_500, 500.0), describe(ecg_like_mv, 100.0))
    assert products.min() > 0.999


def test_copies_are_found_whatever_became_of_them_and_nothing_else(memory_source, tmp_path, ecg_like_mv):
    rng = np.random.default_rng(1)
    copies = ecg_like_mv[:5].copy()
    copies[0] *= 0.3
    copies[1] = np.round(copies[1], 1)
    copies[2] += 0.05 * rng.standard_normal(copies[2].shape)
    copies[3] *= np.linspace(0.5, 2, 12)[:, None]
    copies[4] = -copies[4]  # no copy
    flat = np.ones((2, 12, 1000))
    store = _store(memory_source, tmp_path, np.concatenate([ecg_like_mv, copies, flat]))
    found = find_duplicates(store)
    assert list(zip(found.first, found.second, strict=True)) == [(0, 40), (1, 41), (2, 42), (3, 43)]
    exact = describe(store.read_mv(found.first), 100.0), describe(store.read_mv(found.second), 100.0)
    np.testing.assert_allclose(found.correlation, np.einsum("ij,ij->i", *exact), atol=1e-6)


def test_blocks_do_not_matter(memory_source, tmp_path, ecg_like_mv, monkeypatch):
    store = _store(memory_source, tmp_path, np.concatenate([ecg_like_mv, ecg_like_mv[::-1]]))
    whole = find_duplicates(store)
    assert sorted(zip(whole.first.tolist(), whole.second.tolist(), strict=True)) == [(k, 79 - k) for k in range(40)]
    monkeypatch.setattr("ssrl_ecg.data.duplicates._BLOCK", 7)
    monkeypatch.setattr("ssrl_ecg.data.duplicates._CHUNK", 9)
    parts = find_duplicates(store)
    assert {*zip(parts.first, parts.second, strict=True)} == {*zip(whole.first, whole.second, strict=True)}


@pytest.mark.real_data
def test_real_recordings_are_found_at_another_rate_and_others_are_not(ptbxl_root: Path, tmp_path):
    low = build_store(PTBXL(ptbxl_root, 100), tmp_path / "low").store
    high = build_store(PTBXL(ptbxl_root, 500), tmp_path / "high").store
    rows = low.records.set_index("record_id").index.get_indexer(high.records["record_id"])
    every = describe(low.read_mv(np.arange(len(low))), 100.0)
    products = describe(high.read_mv(np.arange(len(high))), 500.0) @ every.T
    at_own = np.arange(len(high)), rows
    assert products[at_own].min() > 0.99
    products[at_own] = 0
    assert products.max() < SAME_FROM - 0.1
    assert len(find_duplicates(low).first) == 0
