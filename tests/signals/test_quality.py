"""Each fault is named, with its leads, on a simulated recording; sound ones raise nothing."""

from __future__ import annotations

import numpy as np
import pytest

from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.lead_swaps import swap_leads
from ssrl_ecg.signals.leads import limb_leads_from_i_ii
from ssrl_ecg.signals.quality import bridged, quality_warnings

RATE_HZ = 250.0


def waves(at_s, width_s, phase_s):
    return np.exp(-(((phase_s - at_s) / width_s) ** 2))


@pytest.fixture
def sound():
    """Beats whose chest leads turn over, a step of 35 degrees each, as the heart's field does around the chest."""
    phase_s = np.arange(round(10 * RATE_HZ)) / RATE_HZ % 0.8
    first, second, t = waves(0.30, 0.02, phase_s), waves(0.36, 0.02, phase_s), waves(0.55, 0.05, phase_s)
    i, ii = 0.7 * first + 0.1 * t, 1.0 * first + 0.15 * t
    angles = np.radians(np.arange(-140, 40, 35))
    chest = 1.2 * (np.outer(np.cos(angles), first) + np.outer(np.sin(angles), second)) + 0.1 * t
    noise = np.random.default_rng(0).normal(0, 0.01, (8, len(phase_s)))
    return np.concatenate([limb_leads_from_i_ii(i + noise[0], ii + noise[1]), chest + noise[2:]]).astype(np.float32)


def test_a_sound_recording_raises_nothing(sound):
    assert quality_warnings(sound, RATE_HZ) == ()


def test_missing_flat_and_saturated_leads_are_named(sound):
    sound[1, 100:120] = np.nan
    sound[7, 500:800] = sound[7, 500]
    sound[9] = sound[9].clip(None, 0.3)
    missing, flat, saturated, *rest = quality_warnings(sound, RATE_HZ)
    assert missing == "missing samples in II"
    assert flat == "flat for 1 s or more: V2"
    assert saturated == "saturated: V4"
    assert not rest


def test_a_flat_stretch_shorter_than_a_second_is_no_fault_nor_are_many_that_only_add_up(sound):
    for start in range(0, 2400, 300):
        sound[7, start : start + 240] = sound[7, start]
    assert not any("flat" in warning for warning in quality_warnings(sound, RATE_HZ))


@pytest.mark.parametrize("factor", [1000, 0.001])
def test_implausible_amplitudes_ask_for_the_unit(sound, factor):
    assert any("unit" in warning for warning in quality_warnings(factor * sound, RATE_HZ))


def test_swapped_columns_break_the_law_and_swapped_electrodes_do_not(sound):
    columns = sound[[2, 1, 0, *range(3, 12)]]
    assert any("Einthoven" in warning for warning in quality_warnings(columns, RATE_HZ))
    arms = quality_warnings(swap_leads(sound, "right arm and left arm"), RATE_HZ)
    assert arms == ("lead I is upside down and aVR upright: are the arm electrodes swapped?",)


@pytest.mark.parametrize("swap", ["V2 and V3", "V3 and V4"])
def test_chest_leads_out_of_order_are_named(sound, swap):
    assert quality_warnings(swap_leads(sound, swap), RATE_HZ) == (f"chest leads are out of order: {swap} look swapped",)


def test_short_gaps_are_bridged_by_lines_and_long_ones_refused(sound):
    whole = sound.copy()
    sound[3, 100:104] = np.nan
    filled = bridged(sound)
    np.testing.assert_allclose(np.diff(filled[3, 99:105], n=2), 0, atol=1e-6)
    np.testing.assert_array_equal(np.delete(filled, 3, axis=0), np.delete(whole, 3, axis=0))
    assert np.isnan(sound[3, 100])
    sound[3, :600] = np.nan
    with pytest.raises(InputError, match=r"missing in lead aVR.*at most 10%.*found 24%"):
        bridged(sound)


@pytest.mark.real_data
def test_real_recordings_are_seldom_warned_of_and_swaps_are_found(ptbxl_root, tmp_path):
    from ssrl_ecg.data.recording import FileReader

    paths = sorted((ptbxl_root / "records100" / "00000").glob("*.hea"))[:60]
    signals_mv = [FileReader().read(path).signal_mv for path in paths]
    sound = [quality_warnings(signal_mv, 100.0) for signal_mv in signals_mv]
    assert sum(bool(warnings) for warnings in sound) <= 3
    for swap, word, share in [("right arm and left arm", "arm", 0.2), ("V2 and V3", "order", 0.4)]:
        found = [quality_warnings(swap_leads(signal_mv, swap), 100.0) for signal_mv in signals_mv]
        assert np.mean([any(word in one for one in warnings) for warnings in found]) > share
