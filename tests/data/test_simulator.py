from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from ssrl_ecg.data.morphology import DISEASES
from ssrl_ecg.data.simulator import SimulatedECG, simulate
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS, einthoven_error_mv

NORMAL = np.array([1, 0, 0, 0, 0], dtype=np.uint8)
INDEPENDENT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]


@pytest.fixture(scope="module")
def cohort() -> SimulatedECG:
    return simulate(600, generator=np.random.default_rng(0))


@pytest.fixture(scope="module")
def clean() -> SimulatedECG:
    """Noiseless at 500 Hz, where intervals can be read to 2 ms."""
    return simulate(150, generator=np.random.default_rng(1), sampling_rate_hz=500, noise=0)


def detected_r_peaks(signal_mv: np.ndarray, sampling_rate_hz: float) -> np.ndarray:
    """Samples where the slope energy of all leads, smoothed over 60 ms, stands out: knows nothing of the simulator."""
    slope = np.gradient(signal_mv, 1 / sampling_rate_hz, axis=-1)[INDEPENDENT]
    energy = uniform_filter1d((slope**2).sum(axis=0), round(0.06 * sampling_rate_hz))
    return find_peaks(energy, height=0.25 * np.percentile(energy, 99), distance=round(0.3 * sampling_rate_hz))[0]


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of each run of True that touches neither end."""
    edges = np.flatnonzero(np.diff(mask.astype(int)))
    edges = edges[int(mask[0]) :]
    return [(start + 1, stop + 1) for start, stop in zip(edges[::2], edges[1::2], strict=False)]


def test_shapes_types_and_ranges(cohort: SimulatedECG):
    assert cohort.signal_mv.shape == (600, 12, 1000)
    assert cohort.signal_mv.dtype == np.float32
    assert cohort.masks.dtype == cohort.labels.dtype == np.uint8
    assert set(np.unique(cohort.masks)) == {0, 1, 2, 3}
    assert np.isfinite(cohort.signal_mv).all()
    assert 1 < abs(cohort.signal_mv).max() < 10
    assert len(cohort.table) == 600


def test_limb_leads_obey_their_laws(cohort: SimulatedECG, clean: SimulatedECG):
    assert einthoven_error_mv(cohort.signal_mv).max() < 2e-6
    assert einthoven_error_mv(clean.signal_mv).max() < 2e-6
    uv = np.rint(1000 * cohort.signal_mv).astype(np.int16)
    np.testing.assert_array_equal(uv[:, 2], uv[:, 1] - uv[:, 0])


def test_same_generator_same_output():
    first, again, other = (simulate(5, generator=np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.signal_mv, again.signal_mv)
    assert first.table.equals(again.table)
    assert not np.array_equal(first.signal_mv, other.signal_mv)


@pytest.mark.parametrize("duration_s", [5.0, 10.0, 30.0])
def test_sampling_rate_changes_nothing_but_the_sampling(duration_s: float):
    slow, fast = (
        simulate(40, generator=np.random.default_rng(5), sampling_rate_hz=rate_hz, duration_s=duration_s, noise=0)
        for rate_hz in (100, 500)
    )
    np.testing.assert_allclose(slow.signal_mv, fast.signal_mv[..., ::5], atol=2.1e-3)
    assert (slow.masks == fast.masks[:, ::5]).mean() > 0.9999
    np.testing.assert_array_equal(slow.r_peaks_s, fast.r_peaks_s)
    assert slow.table.equals(fast.table)


def test_waves_are_continuous_where_one_beat_hands_over_to_the_next(clean: SimulatedECG):
    """A jump would show as two steeply different steps; away from QRS complexes they differ by less than 15 uV."""
    bend_mv = abs(np.diff(clean.signal_mv, n=2, axis=2)).max(axis=1)
    near_qrs = uniform_filter1d((clean.masks == 2).astype(float), 21, axis=1)[:, 1:-1] > 1e-9
    assert bend_mv[~near_qrs].max() < 0.015


def test_a_detector_finds_its_peaks_inside_the_qrs_masks(clean: SimulatedECG):
    for signal_mv, mask in zip(clean.signal_mv, clean.masks, strict=True):
        peaks = detected_r_peaks(signal_mv, 500)
        assert len(peaks) > 3
        assert (mask[peaks] == 2).all()


def test_every_r_parameter_lies_in_a_qrs_mask_and_every_complex_holds_one(clean: SimulatedECG):
    for r_s, mask in zip(clean.r_peaks_s, clean.masks, strict=True):
        samples = np.floor(r_s[~np.isnan(r_s)] * 500).astype(int)
        assert (mask[samples] == 2).all()
        assert all(((samples >= start) & (samples < stop)).sum() == 1 for start, stop in runs(mask == 2))


def test_heart_rate_is_that_of_the_detected_beats(clean: SimulatedECG):
    regular = (clean.table["n_pvc"] == 0) & (clean.table["rhythm"] != "AFIB")
    assert regular.sum() > 100
    for row in np.flatnonzero(regular):
        peaks = detected_r_peaks(clean.signal_mv[row], 500)
        detected_bpm = 60 * 500 / np.diff(peaks).mean()
        assert detected_bpm == pytest.approx(clean.table["heart_rate_bpm"][row], rel=0.02)


def test_mask_intervals_are_the_parameters(clean: SimulatedECG):
    """P, PR, QRS and QT read off the masks, to two samples, in every record of regular beats."""
    table = clean.table
    regular = (table["n_pvc"] + table["n_pac"] == 0) & (table["rhythm"] == "SR")
    for row in np.flatnonzero(regular):
        p, qrs, t = (runs(clean.masks[row] == value) for value in (1, 2, 3))
        for start, stop in qrs[1:-1]:
            p_start, p_stop = max(run for run in p if run[0] < start)
            t_stop = min(run[1] for run in t if run[0] >= stop)
            found_s = np.array([p_stop - p_start, start - p_start, stop - start, t_stop - start]) / 500
            expected_s = table.loc[row, ["p_s", "pr_s", "qrs_s", "qt_s"]].to_numpy(float)
            np.testing.assert_allclose(found_s, expected_s, atol=0.0041)


def test_between_beats_there_is_nothing():
    """With no noise the stretch between T and P of a slow heart is flat, and P and T are found inside their masks."""
    ecg = simulate(60, generator=np.random.default_rng(8), labels=np.tile(NORMAL, (60, 1)), noise=0)
    for row in np.flatnonzero((ecg.table["rhythm"] == "SBRAD") | (ecg.table["heart_rate_bpm"] < 65)):
        signal_mv, mask = ecg.signal_mv[row], ecg.masks[row]
        if ecg.table["rhythm"][row] == "AFIB":
            continue
        middle = [
            round((t_stop + p_start) / 2)
            for _, t_stop in runs(mask == 3)
            for p_start, _ in runs(mask == 1)
            if 0 < p_start - t_stop < 100 and not mask[t_stop:p_start].any()
        ]
        assert len(middle) > 1
        assert abs(signal_mv[:, middle]).max() < 0.03
        lead_ii = abs(signal_mv[1])
        assert lead_ii[mask == 3].max() > 3 * lead_ii[middle].max()


def test_atrial_fibrillation_has_no_p_wave_and_irregular_beats(cohort: SimulatedECG):
    fibrillates = (cohort.table["rhythm"] == "AFIB").to_numpy()
    regular = ~fibrillates & (cohort.table["n_pvc"] + cohort.table["n_pac"] == 0).to_numpy()
    assert 0.03 < fibrillates.mean() < 0.15
    assert not (cohort.masks[fibrillates] == 1).any()
    assert (cohort.masks[regular] == 1).any(axis=1).all()
    rr_s = np.diff(cohort.r_peaks_s, axis=1)
    irregularity = np.nanstd(rr_s, axis=1) / np.nanmean(rr_s, axis=1)
    assert np.median(irregularity[fibrillates]) > 3 * np.median(irregularity[regular])
    assert cohort.table["pr_s"].isna().to_numpy()[fibrillates].all()


def test_ventricular_premature_beats_come_early_wide_and_without_p(clean: SimulatedECG):
    rows = np.flatnonzero((clean.table["n_pvc"] == 1) & (clean.table["rhythm"] != "AFIB"))
    n_seen = 0
    for row in rows:
        complexes = runs(clean.masks[row] == 2)
        usual_s = clean.table["qrs_s"][row]
        wide = [index for index, (start, stop) in enumerate(complexes) if (stop - start) / 500 > 0.165]
        if usual_s < 0.16 and wide and 0 < wide[0] < len(complexes) - 1:
            start, stop = complexes[wide[0]]
            before_s, after_s = (np.diff([c[0] for c in complexes])[[wide[0] - 1, wide[0]]]) / 500
            n_seen += 1
            assert before_s < after_s
            assert (stop - start) / 500 == pytest.approx(0.17, abs=0.0041)
            assert not (clean.masks[row][complexes[wide[0] - 1][1] : start] == 1).any()
    assert n_seen > 1


def test_statements_follow_labels_rhythm_and_beats(cohort: SimulatedECG):
    superclass = {disease.code: disease.superclass for disease in DISEASES}
    classes = ("NORM", "MI", "STTC", "CD", "HYP")
    for row, statements in enumerate(cohort.table["statements"]):
        named = {superclass[code] for code in statements if code in superclass}
        assert named == {name for name, value in zip(classes, cohort.labels[row], strict=True) if value}
        assert statements[-1] == cohort.table["rhythm"][row]
        assert ("PVC" in statements) == (cohort.table["n_pvc"][row] > 0)
        assert ("PAC" in statements) == (cohort.table["n_pac"][row] > 0)


def test_records_of_a_patient_share_the_heart_but_not_the_recording():
    patients = np.repeat(np.arange(40), 2)
    ecg = simulate(80, generator=np.random.default_rng(9), patients=patients, noise=0)
    first, second = ecg.table[::2].reset_index(drop=True), ecg.table[1::2].reset_index(drop=True)
    np.testing.assert_array_equal(ecg.labels[::2], ecg.labels[1::2])
    assert first[["p_s", "pr_s", "qrs_s"]].equals(second[["p_s", "pr_s", "qrs_s"]])
    assert (first["heart_rate_bpm"] != second["heart_rate_bpm"]).all()
    beats = mean_beats(ecg)
    beats -= beats.mean(axis=0)
    similarity = np.corrcoef(beats)[::2, 1::2]
    assert (similarity.argmax(axis=1) == np.arange(40)).mean() > 0.85
    assert similarity.diagonal().max() < 1


def test_patient_numbers_need_no_order():
    patients = np.array([7, -1, 7, 3, -1, 7])
    ecg = simulate(6, generator=np.random.default_rng(10), patients=patients)
    assert ecg.table.groupby("patient")["qrs_s"].nunique().eq(1).all()
    np.testing.assert_array_equal(ecg.table["patient"], patients)


def test_given_labels_are_used():
    labels = np.eye(5, dtype=np.uint8)[[4, 0, 2, 1, 3]]
    np.testing.assert_array_equal(simulate(5, generator=np.random.default_rng(0), labels=labels).labels, labels)


def test_voltage_and_r_progression_are_plausible():
    """Normal hearts: rS in V1, R growing towards V4 and the transition in between, all of 0.3-3 mV."""
    ecg = simulate(100, generator=np.random.default_rng(11), labels=np.tile(NORMAL, (100, 1)), noise=0)
    highest = np.median(ecg.signal_mv.max(axis=2), axis=0)[6:]
    lowest = np.median(ecg.signal_mv.min(axis=2), axis=0)[6:]
    assert highest[0] < highest[1] < highest[2] < highest[3]
    assert highest[0] < -lowest[0]
    assert highest[5] > -2 * lowest[5]
    assert 0.8 < highest[3] < 3
    assert 0.3 < -lowest[0] < 1.5


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"sampling_rate_hz": 10}, "sampling_rate_hz"),
        ({"duration_s": 1}, "duration_s"),
        ({"noise": -1}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"severity": (0.5, 0.2)}, "severity"),
        ({"severity": (0.5, 1.2)}, "severity"),
        ({"labels": np.zeros((3, 5), dtype=np.uint8)}, "labels"),
        ({"labels": np.eye(5, dtype=np.uint8)[:4], "patients": np.array([0, 0, 1, 2])}, "labels"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments: dict[str, object], field: str):
    with pytest.raises(InputError, match=field):
        simulate(4, generator=np.random.default_rng(0), **arguments)


def mean_beats(ecg: SimulatedECG) -> np.ndarray:
    """(record, feature): each lead's median beat, from 0.3 s before R to 0.5 s after."""
    beats = []
    for signal_mv, r_s in zip(ecg.signal_mv[:, INDEPENDENT], ecg.r_peaks_s, strict=True):
        centres = np.rint(r_s[~np.isnan(r_s)] * ecg.sampling_rate_hz).astype(int)
        inside = centres[(centres >= 30) & (centres < signal_mv.shape[1] - 50)]
        beats.append(np.median([signal_mv[:, centre - 30 : centre + 50] for centre in inside], axis=0).ravel())
    return np.array(beats)


def test_diagnoses_are_neither_trivial_nor_hopeless_and_labels_help():
    """A ridge on median beats at 10 % (160) and all (1,600) training labels."""
    ecg = simulate(2200, generator=np.random.default_rng(12))
    features, auroc = mean_beats(ecg), {}
    for n_labels in (160, 1600):
        scaler = StandardScaler().fit(features[:n_labels])
        ridge = RidgeCV(np.logspace(1, 5, 5)).fit(scaler.transform(features[:n_labels]), ecg.labels[:n_labels])
        auroc[n_labels] = roc_auc_score(ecg.labels[1600:], ridge.predict(scaler.transform(features[1600:])))
    assert 0.70 < auroc[160] < 0.90
    assert auroc[160] + 0.03 < auroc[1600] < 0.97
