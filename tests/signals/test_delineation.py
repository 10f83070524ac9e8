from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssrl_ecg.data.ludb import LUDB
from ssrl_ecg.data.simulator import simulate
from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.delineation import Detection, compare_times
from ssrl_ecg.signals.delineation import FIDUCIALS, Delineation, delineate
from ssrl_ecg.signals.leads import LEADS
from ssrl_ecg.signals.resample import resample

P, QRS, T = slice(0, 3), slice(3, 6), slice(6, 9)
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def ecg():
    return simulate(40, generator=np.random.default_rng(3), sampling_rate_hz=500, noise=0.3)


@pytest.fixture(scope="module")
def found(ecg):
    return [delineate(signal_mv, 500) for signal_mv in ecg.signal_mv]


def runs(mask: np.ndarray) -> Iterator[tuple[int, int]]:
    """First sample and one past the last of each run inside the record."""
    edges = np.flatnonzero(np.diff(mask.astype(int), prepend=0, append=0)).reshape(-1, 2)
    return ((first, last) for first, last in edges.tolist() if first > 0 and last < len(mask))


# Means may be off: where a Gaussian wave begins is a convention of the simulator's, not where its slope can be seen.
@pytest.mark.parametrize(
    ("wave", "name", "end", "mean_ms", "sd_ms"),
    [
        (1, "p_onset", 0, 10, 8),
        (1, "p_offset", 1, 12, 8),
        (2, "qrs_onset", 0, 8, 6.5),
        (2, "qrs_offset", 1, 8, 11.6),
        (3, "t_offset", 1, 10, 20),
    ],
)
def test_boundaries_lie_where_the_simulator_put_them(ecg, found, wave, name, end, mean_ms, sd_ms):
    pooled = Detection.pooled(
        compare_times([run[end] / 500 for run in runs(mask == wave)], each.overall_s[:, FIDUCIALS.index(name)], 0.1)
        for mask, each in zip(ecg.masks, found, strict=True)
    )
    assert pooled.n_found > 300
    assert pooled.sensitivity > 0.93
    assert abs(pooled.mean_error_ms) < mean_ms
    assert pooled.sd_error_ms < sd_ms


def test_no_p_waves_in_atrial_fibrillation_and_some_in_sinus_rhythm(ecg, found):
    rhythms = ecg.table["rhythm"]
    assert (rhythms == "AFIB").any()
    for rhythm, each in zip(rhythms, found, strict=True):
        if rhythm == "AFIB":
            assert np.isnan(each.leads_s[:, :, P]).all()
            assert any("no P waves" in problem for problem in each.problems)
        else:
            assert np.isfinite(each.overall_s[:, 1]).mean() > 0.6


def test_ventricular_ectopic_beats_are_marked_and_have_no_p_wave(ecg, found):
    n_pvc, n_pac = ecg.table["n_pvc"].to_numpy(), ecg.table["n_pac"].to_numpy()
    few = np.flatnonzero((n_pvc == 1) & (n_pac == 0))
    regular = np.flatnonzero((n_pvc + n_pac == 0) & (ecg.table["rhythm"] != "AFIB").to_numpy())
    assert len(few) > 0
    marked = [np.count_nonzero(found[k].ectopic) for k in few]
    assert np.mean(marked) > 0.6
    assert all(np.isnan(found[k].overall_s[found[k].ectopic, 1]).all() for k in few)
    assert sum(np.count_nonzero(found[k].ectopic) for k in regular) == 0


def test_a_recording_at_100_hz_gives_the_same_instants(ecg, found):
    differences = []
    for signal_mv, fine in zip(ecg.signal_mv[:10], found, strict=False):
        coarse = delineate(resample(signal_mv, 500, 100), 100)
        assert len(coarse.r_peaks_s) == len(fine.r_peaks_s)
        differences.append(np.abs(coarse.overall_s - fine.overall_s)[1:-1])
    assert np.nanmedian(np.concatenate(differences), axis=0).max() < 0.002


def test_polarity_and_scale_do_not_move_boundaries(ecg, found):
    boundaries = [0, 2, 3, 5, 6, 8]
    for factor in (-1.0, 0.5, 20.0):
        other = delineate(ecg.signal_mv[0] * factor, 500)
        np.testing.assert_allclose(other.leads_s[..., boundaries], found[0].leads_s[..., boundaries], atol=0.005)


def test_a_bad_lead_is_named_and_left_out(ecg, found):
    signal_mv = ecg.signal_mv[0].copy()
    signal_mv[8] = 0
    signal_mv[3] = np.nan
    each = delineate(signal_mv, 500)
    assert {"lead V3 is flat", "lead aVR is mostly missing"} <= set(each.problems)
    assert np.flatnonzero(~each.usable).tolist() == [3, 8]
    assert np.isnan(each.leads_s[[3, 8]]).all()
    np.testing.assert_allclose(each.r_peaks_s, found[0].r_peaks_s, atol=0.01)


def test_nothing_is_placed_where_samples_are_missing(ecg):
    signal_mv = ecg.signal_mv[0].copy()
    signal_mv[:, 1500:2500] = np.nan
    each = delineate(signal_mv, 500)
    assert len(each.r_peaks_s) >= 4
    assert not ((each.leads_s > 3.01) & (each.leads_s < 4.99)).any()


def test_paced_beats_are_marked(ecg):
    signal_mv, r_s = ecg.signal_mv[0].copy(), ecg.r_peaks_s[0]
    for spike in np.rint(500 * (r_s[np.isfinite(r_s)] - 0.06)).astype(int):
        signal_mv[:, max(spike, 0) : spike + 2] += 1.0
    assert delineate(signal_mv, 500).paced[1:-1].all()
    assert not delineate(ecg.signal_mv[0], 500).paced.any()


@pytest.mark.parametrize("n_samples", [1, 2, 20, 100, 500, 1000])
def test_strips_too_short_say_what_is_missing(ecg, n_samples):
    each = delineate(ecg.signal_mv[0, :, :n_samples], 500)
    assert each.overall_s.shape == (len(each.r_peaks_s), 9)
    assert len(each.r_peaks_s) > 1 or each.problems


@pytest.mark.parametrize(
    "signal_mv",
    [
        np.zeros((12, 5000)),
        np.full((12, 5000), np.nan),
        np.linspace(0, 5, 5000)[None].repeat(12, 0),
        np.sign(np.sin(np.arange(5000) / 50))[None].repeat(12, 0),
        np.eye(12, 5000, k=2500),
    ],
    ids=["zeros", "nan", "ramp", "square", "impulse"],
)
def test_what_is_no_ecg_has_no_waves_and_a_reason(signal_mv):
    each = delineate(signal_mv, 500)
    assert each.leads_s.shape == (12, 0, 9)
    assert each.problems


def in_order(each: Delineation) -> bool:
    filled = np.where(np.isnan(each.leads_s), -np.inf, each.leads_s)
    return bool((np.maximum.accumulate(filled, axis=-1) <= np.where(np.isinf(filled), np.inf, filled) + 1e-9).all())


def test_marks_of_a_beat_are_in_order(found):
    assert all(in_order(each) for each in found)


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.just(12), st.integers(1, 600)), elements=st.floats(-5, 5, width=32)),
    st.sampled_from([50, 100, 250, 499.7]),
    st.integers(0, 2**32 - 1),
)
def test_any_numbers_give_marks_in_order_inside_the_recording(signal_mv, rate_hz, seed):
    signal_mv = signal_mv + np.random.default_rng(seed).normal(size=signal_mv.shape).astype(np.float32)
    each = delineate(signal_mv, rate_hz)
    known = each.leads_s[np.isfinite(each.leads_s)]
    assert ((known >= 0) & (known <= each.duration_s)).all()
    assert in_order(each)
    assert len(each.paced) == len(each.ectopic) == len(each.r_peaks_s)


@pytest.mark.parametrize(("shape", "rate_hz"), [((2, 5000), 500), ((12,), 500), ((12, 5000), 0), ((12, 0), 500)])
def test_what_is_no_twelve_lead_recording_is_refused(shape, rate_hz):
    with pytest.raises(InputError):
        delineate(np.zeros(shape), rate_hz)


@pytest.mark.real_data
def test_cardiologists_marks_on_even_records_of_ludb(data_root):
    """Records that no constant was chosen on; per lead and beat, within the F1 tolerances of 50, 40 and 100 ms."""
    source = LUDB(data_root / "ludb")
    pooled: dict[str, list[Detection]] = {name: [] for name in FIDUCIALS}
    for row in source.records().iloc[1:60:2].itertuples(index=False):
        file = source.read(row)
        each = delineate(file.signal_mv, file.sampling_rate_hz)
        for number, lead in enumerate(LEADS):
            marks = source.annotation(row, lead)
            for wave, columns, tolerance_s in (("p", P, 0.050), ("qrs", QRS, 0.040), ("t", T, 0.100)):
                for k, name in enumerate(FIDUCIALS[columns]):
                    times_s = each.leads_s[number, :, columns][:, k]
                    pooled[name].append(
                        compare_times(marks.waves_s[wave][:, k], times_s, tolerance_s, span_s=marks.span_s)
                    )
    scores = {name: Detection.pooled(each) for name, each in pooled.items()}
    for name, f1, sd_ms in (("p_onset", 0.93, 15), ("qrs_onset", 0.98, 12), ("qrs_offset", 0.97, 11.6)):
        assert scores[name].f1 > f1
        assert scores[name].sd_error_ms < sd_ms
    assert scores["t_offset"].f1 > 0.94
    assert scores["t_offset"].sd_error_ms < 30
    assert max(abs(scores[name].mean_error_ms) for name in ("p_onset", "p_offset", "qrs_onset", "qrs_offset")) < 5
