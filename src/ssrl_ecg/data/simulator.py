"""A 12-lead ECG simulator: hearts beat, their dipoles are seen by eight leads, noise is added, four leads are derived.

Every wave of a beat is a Gaussian in time after the R peak (McSharry et al. 2003, there in phase: time keeps PR, QRS
and QT what the parameters say at any rate) along a fixed dipole direction; Dower's matrix turns dipoles into leads.
Electrode gain errors and noise act on I, II and V1-V6, and the other limb leads are then derived as a recorder
derives them, so Einthoven's and Goldberger's laws hold exactly. P, QRS and T masks come from the parameters that
placed the waves. Everything is in s, Hz and mV: the same generator gives the same hearts and beats at any sampling
rate (noise has the same density per Hz, not the same samples).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data import morphology
from ssrl_ecg.data.acquisition import Recording, draw_noise, draw_recording, twelve_leads
from ssrl_ecg.data.morphology import DISEASES, FloatArray, Hearts, draw_hearts, draw_labels
from ssrl_ecg.data.ptbxl import DIAGNOSTIC_CLASSES
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

_VECTORS = tuple(f"{wave.lower().replace(' ', '_')}_{axis}_mv" for wave in morphology.WAVES for axis in "xyz")
PARAMETERS = ("heart_rate_bpm", "p_s", "pr_s", "qrs_s", "qt_s", "n_pvc", "n_pac", *_VECTORS)
"""Numbers known of every simulated record, in the order of ``SimulatedECG.table``."""
_BEATS, _RHYTHMS = ("PVC", "PAC"), ("AFIB", "SBRAD", "SR", "STACH")
STATEMENT_CODES = tuple(sorted((*(disease.code for disease in DISEASES), *_BEATS, *_RHYTHMS)))
"""Every statement that a simulated record can carry."""

_CHUNK_SAMPLES = 256_000
"""Samples per lead rendered at once: what the working arrays of one chunk take still fits a processor cache."""
_ONSET_MARGIN_S = 0.03
"""How long before its QRS onset a beat's ventricular waves are rendered from: they are a few microvolts there."""
_REST_S = 0.08
"""Least time from a T wave's end to the next QRS complex: by the hand-over the wave has faded to a few microvolts."""
_F_WAVE_DIPOLE_MV = np.array([0.010, 0.030, -0.045])

_PVC_CENTRE_S = np.array([0.025, 0.075, 0.290])
_PVC_SD_S = np.array([0.025, 0.027, 0.060])
_PVC_QRS_S = (-0.035, 0.135)
_PVC_T_S = (0.150, 0.420)
_PVC_MIN_RR_S = 0.48


@dataclass(frozen=True)
class SimulatedECG:
    """Simulated records and everything that is known about them.

    Attributes:
        signal_mv: (n, 12, time) float32 in mV, canonical leads, on a grid of whole microvolts.
        labels: (n, 5) uint8 zeros and ones in the order of ``DIAGNOSTIC_CLASSES``.
        masks: (n, time) uint8: 0 nothing, 1 P wave, 2 QRS complex, 3 T wave.
        r_peaks_s: (n, beat) time of each QRS complex (its R parameter) from the record's start; NaN where a record
            has fewer.
        table: one row per record: ``patient``, ``statements`` (tuple of SCP-ECG codes), ``rhythm`` (AFIB, SR, STACH
            above 100 and SBRAD below 50 beats/min), and ``PARAMETERS``: ``heart_rate_bpm`` (mean over the record's
            beats), ``p_s`` and ``pr_s`` (NaN in atrial fibrillation), ``qrs_s``, ``qt_s``, ``n_pvc``, ``n_pac``, and
            ``WAVE_x_mv``, ``_y_mv``, ``_z_mv``, the heart's vector at the peak of each wave (``morphology.WAVES``).
        sampling_rate_hz: samples per second.
    """

    signal_mv: NDArray[np.float32]
    labels: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    r_peaks_s: FloatArray
    table: pd.DataFrame
    sampling_rate_hz: float


@dataclass(frozen=True)
class _Beats:
    """When the hearts of n records beat, and which beats come early.

    Attributes:
        r_s: (n, beat) ascending times of the R peaks; the first is at or before 0, the last after the record's end.
        ventricular, atrial: (n, beat) premature beats of each kind.
        qt_s: (n,) QT interval of the normal beats.
    """

    r_s: FloatArray
    ventricular: NDArray[np.bool_]
    atrial: NDArray[np.bool_]
    qt_s: FloatArray


def simulate(
    n: int,
    *,
    generator: np.random.Generator,
    sampling_rate_hz: float = 100.0,
    duration_s: float = 10.0,
    labels: NDArray[np.uint8] | None = None,
    patients: NDArray[np.int64] | None = None,
    severity: tuple[float, float] = (0.45, 1.0),
    noise: float = 1.0,
    mains_hz: float | None = None,
) -> SimulatedECG:
    """Simulate 12-lead ECGs.

    Args:
        n: number of records.
        generator: the source of all randomness.
        sampling_rate_hz: samples per second, at least 50.
        duration_s: length of each record, at least 5 s.
        labels: (n, 5) superclasses in the order of ``DIAGNOSTIC_CLASSES``; drawn at PTB-XL's prevalences when None.
            Records of one patient must agree.
        patients: (n,) whose record each one is, any integers; records of one patient share the heart (dipoles,
            intervals, diagnoses, rhythm) and differ in rate, beats, electrode positions and noise. Every record its
            own patient when None.
        severity: lowest and highest severity of a disease, in [0, 1].
        noise: factor on baseline wander, 1/f^a, muscle and mains noise; 0 gives clean signals.
        mains_hz: adds mains interference of this frequency; left out where it is at or above half the sampling rate.

    Returns:
        The records with labels, masks and parameters.

    Raises:
        InputError: an argument is out of range, or shapes do not fit.
    """
    _check_ranges(sampling_rate_hz, duration_s, severity, noise)
    owner = np.arange(n) if patients is None else np.asarray(patients)
    _, first, rows = np.unique(owner, return_index=True, return_inverse=True)
    patient_labels = draw_labels(len(first), generator) if labels is None else _per_patient(labels, first, rows)
    hearts = _rows(draw_hearts(patient_labels, generator, severity=severity), rows)
    recording = draw_recording(n, noise, generator)
    beats = _draw_beats(hearts, recording.breathing_hz, duration_s, generator)

    n_samples = round(duration_s * sampling_rate_hz)
    signal_mv = np.empty((n, len(LEADS), n_samples), dtype=np.float32)
    masks = np.empty((n, n_samples), dtype=np.uint8)
    n_per_chunk = max(1, _CHUNK_SAMPLES // n_samples)
    for start in range(0, n, n_per_chunk):
        chunk = slice(start, start + n_per_chunk)
        own = _rows(hearts, chunk), _rows(beats, chunk), _rows(recording, chunk)
        eight_mv, masks[chunk] = _heart_signal(*own, sampling_rate_hz, n_samples)
        eight_mv += draw_noise(own[2], sampling_rate_hz, n_samples, mains_hz, generator)
        signal_mv[chunk] = twelve_leads(eight_mv)
    inside = (beats.r_s >= 0) & (beats.r_s < duration_s)
    r_peaks_s, table = np.where(inside, beats.r_s, np.nan), _table(owner, hearts, beats, inside)
    return SimulatedECG(signal_mv, patient_labels[rows], masks, r_peaks_s, table, sampling_rate_hz)


def _check_ranges(sampling_rate_hz: float, duration_s: float, severity: tuple[float, float], noise: float) -> None:
    lowest, highest = severity
    ranges = (
        ("sampling_rate_hz", sampling_rate_hz, 50, 10_000),
        ("duration_s", duration_s, 5, 3_600),
        ("severity", lowest, 0, highest),
        ("severity", highest, lowest, 1),
        ("noise", noise, 0, 100),
    )
    for field, value, low, high in ranges:
        if not low <= value <= high:
            raise InputError("out of range", field=field, expected=f"{low} to {high}", found=value)


def _per_patient(labels: NDArray[np.uint8], first: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return (patient, 5) labels from (record, 5) ones, refusing records of one patient that disagree."""
    per_record = np.asarray(labels, dtype=np.uint8)
    expected = (len(rows), len(DIAGNOSTIC_CLASSES))
    if per_record.shape != expected:
        raise InputError("labels do not fit the records", field="labels", expected=expected, found=per_record.shape)
    per_patient = per_record[first]
    if not np.array_equal(per_patient[rows], per_record):
        raise InputError("records of one patient have different labels", field="labels")
    return per_patient


_Table = TypeVar("_Table", Hearts, _Beats, Recording)


def _rows(table: _Table, rows: NDArray[np.int64] | slice) -> _Table:
    """Return the given rows of every array in a dataclass of arrays."""
    return type(table)(**{field.name: getattr(table, field.name)[rows] for field in fields(table)})


def _draw_beats(hearts: Hearts, breathing_hz: FloatArray, duration_s: float, generator: np.random.Generator) -> _Beats:
    """Draw each record's heart rate and from it the times of its beats.

    A premature beat comes after 62-80 % of an interval; the pause after a ventricular one makes up for it. No beat
    comes before the T wave of the last one is over, so that a T wave never runs into a QRS complex.
    """
    n = len(hearts.rate_bpm)
    rate_bpm = np.clip(hearts.rate_bpm + generator.normal(0, 7, n) + 12 * hearts.fibrillates, 42, 135)
    qt_s = hearts.qtc_s * np.cbrt(60 / rate_bpm)
    rr_s = _draw_intervals(hearts, 60 / rate_bpm, breathing_hz, math.ceil((duration_s + 3) / 0.36), generator)

    ventricular, atrial = _draw_premature(hearts, rr_s.shape[1], generator)
    coupling = np.where(ventricular | atrial, generator.uniform(0.62, 0.80, rr_s.shape), 1.0)
    after_pvc = np.pad(ventricular[:, :-1], ((0, 0), (1, 0)))
    pause = np.where(after_pvc, 2 - np.roll(coupling, 1, axis=1), 1.0)
    shortest_s = np.maximum(qt_s[:, None] + _REST_S, np.where(after_pvc, _PVC_MIN_RR_S, 0))
    rr_s = np.maximum(rr_s * coupling * pause, shortest_s)
    before_start_s = generator.random((n, 1)) * rr_s[:, :1]
    return _Beats(np.cumsum(rr_s, axis=1) - rr_s[:, :1] - before_start_s, ventricular, atrial, qt_s)


def _draw_intervals(
    hearts: Hearts, mean_rr_s: FloatArray, breathing_hz: FloatArray, n_beats: int, generator: np.random.Generator
) -> FloatArray:
    """Return RR intervals (n, beat) before any premature beat: they follow the breath, or scatter in fibrillation."""
    n = len(mean_rr_s)
    phase = 2 * np.pi * (breathing_hz * mean_rr_s)[:, None] * np.arange(n_beats)
    breath = np.sin(phase + generator.uniform(0, 2 * np.pi, (n, 1)))
    sinus = np.abs(generator.normal(0, 0.03, (n, 1))) * breath + generator.normal(0, 0.01, (n, n_beats))
    fibrillation = generator.normal(0, 0.22, (n, n_beats))
    intervals_s: FloatArray = mean_rr_s[:, None] * (1 + np.where(hearts.fibrillates[:, None], fibrillation, sinus))
    return intervals_s


def _draw_premature(
    hearts: Hearts, n_beats: int, generator: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw which beats are premature, ventricular or atrial; never two in a row, none atrial in fibrillation."""
    chance = generator.random((len(hearts.rate_bpm), n_beats))
    limit_ventricular = hearts.pvc_share[:, None]
    limit_atrial = limit_ventricular + np.where(hearts.fibrillates, 0, hearts.pac_share)[:, None]
    premature = chance < limit_atrial
    premature[:, 0] = False
    premature[:, 1:] &= ~premature[:, :-1].copy()
    ventricular = premature & (chance < limit_ventricular)
    return ventricular, premature & ~ventricular


def _qrs_onset_s(hearts: Hearts) -> FloatArray:
    """Return how long before its R peak a normal beat's QRS complex begins."""
    return 0.45 * hearts.qrs_s + 2 * hearts.q_s


def _wave_times(hearts: Hearts, qt_s: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return centre and SD of each wave in s after R, (n, wave): 2.2 SD reach about to the ends of its interval."""
    qrs_s, onset_s, stretch = hearts.qrs_s, _qrs_onset_s(hearts), qt_s / 0.40
    end_s, p_s = qt_s - onset_s, hearts.p_s
    t_centre_s = end_s - 0.120 * stretch
    nothing = np.zeros_like(qrs_s)
    centre_s = [p_s / 2 - onset_s - hearts.pr_s, -0.22 * qrs_s - hearts.q_s, nothing, 0.25 * qrs_s, 0.36 * qrs_s]
    centre_s += [0.55 * (0.5 * qrs_s + t_centre_s), t_centre_s, end_s - 0.065 * stretch]
    sd_s = [p_s / 4.4, 0.085 * qrs_s + 0.5 * hearts.q_s, 0.11 * qrs_s, 0.10 * qrs_s, 0.09 * qrs_s]
    sd_s += [0.25 * t_centre_s, 0.052 * stretch, 0.029 * stretch]
    return np.stack(centre_s, axis=1).astype(np.float32), np.stack(sd_s, axis=1).astype(np.float32)


def _since_beat(
    beats: _Beats, lead_in_s: FloatArray, sampling_rate_hz: float, n_samples: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Assign each sample to the last beat that has begun, a beat beginning ``lead_in_s`` (n,) before its R peak.

    Returns:
        (n, time) seconds since that beat's R peak (negative before it), and whether the beat is ventricular.
    """
    n = len(lead_in_s)
    start = np.clip(np.ceil((beats.r_s - lead_in_s[:, None]) * sampling_rate_hz), 0, n_samples).astype(np.int64)
    flat = (start + np.arange(n)[:, None] * (n_samples + 1)).ravel()
    begun = np.bincount(flat, minlength=n * (n_samples + 1)).reshape(n, n_samples + 1)
    beat = begun[:, :n_samples].cumsum(axis=1) - 1
    since_s = np.arange(n_samples) / sampling_rate_hz - np.take_along_axis(beats.r_s, beat, axis=1)
    return since_s.astype(np.float32), np.take_along_axis(beats.ventricular, beat, axis=1)


def _gaussian(
    time_s: NDArray[np.float32], centre_s: NDArray[np.float32], sd_s: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return exp(-z^2 / 2), held at 4e-18 far out: subnormal numbers would slow everything after it."""
    z = (time_s - centre_s) / sd_s
    wave: NDArray[np.float32] = np.exp(-np.minimum(0.5 * z * z, np.float32(40)))
    return wave


def _heart_signal(
    hearts: Hearts, beats: _Beats, recording: Recording, sampling_rate_hz: float, n_samples: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Render the noiseless leads I, II, V1-V6 (n, 8, time) in mV and the wave masks (n, time)."""
    onset_s = _qrs_onset_s(hearts)
    since_s, ectopic = _since_beat(beats, onset_s + _ONSET_MARGIN_S, sampling_rate_hz, n_samples)
    p_lead_in_s = onset_s + hearts.pr_s + _ONSET_MARGIN_S
    since_p_s, no_p = _since_beat(beats, p_lead_in_s, sampling_rate_hz, n_samples)
    no_p |= hearts.fibrillates[:, None]

    centre_s, sd_s = _wave_times(hearts, beats.qt_s)
    activation = np.empty((len(onset_s), len(morphology.WAVES), n_samples), dtype=np.float32)
    for wave in range(len(morphology.WAVES)):
        clock_s = since_p_s if wave == morphology.P else since_s
        activation[:, wave] = _gaussian(clock_s, centre_s[:, wave, None], sd_s[:, wave, None])
    activation[:, morphology.P] *= ~no_p
    rows = np.flatnonzero(ectopic.any(axis=1))
    activation[rows, morphology.Q :] *= ~ectopic[rows, None]
    vcg_mv = hearts.dipole_mv.transpose(0, 2, 1).astype(np.float32) @ activation
    vcg_mv[rows] += _ectopic_vcg(since_s[rows], ectopic[rows], recording.pvc_dipole_mv[rows])

    time_s = np.arange(n_samples, dtype=np.float32) / np.float32(sampling_rate_hz)
    breath = recording.breathing_hz.astype(np.float32)[:, None] * time_s
    vcg_mv *= 1 + np.float32(0.04) * np.sin(np.float32(2 * np.pi) * breath)[:, None]
    rows = np.flatnonzero(hearts.fibrillates)
    vcg_mv[rows] += _f_waves(recording.f_wave_hz[rows], time_s)
    leads_mv = recording.lead_matrix.astype(np.float32) @ vcg_mv
    return leads_mv, _masks(hearts, beats.qt_s, since_s, since_p_s, ectopic, no_p)


def _ectopic_vcg(
    since_s: NDArray[np.float32], ectopic: NDArray[np.bool_], dipole_mv: FloatArray
) -> NDArray[np.float32]:
    """Return the dipole (n, 3, time) of ventricular premature beats: wide QRS, T wave against it."""
    centre_s, sd_s = _PVC_CENTRE_S.astype(np.float32)[:, None], _PVC_SD_S.astype(np.float32)[:, None]
    activation = _gaussian(since_s[:, None], centre_s, sd_s) * ectopic[:, None]
    return dipole_mv.transpose(0, 2, 1).astype(np.float32) @ activation


def _f_waves(f_wave_hz: FloatArray, time_s: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the dipole (n, 3, time) of fibrillation waves: a saw-like wave whose rate drifts slowly."""
    drift = 0.15 * np.sin(2 * np.pi * 0.25 * time_s)
    phase = 2 * np.pi * (f_wave_hz[:, None] * time_s + drift)
    wave = (np.sin(phase) + 0.4 * np.sin(2 * phase)).astype(np.float32)
    vcg_mv: NDArray[np.float32] = _F_WAVE_DIPOLE_MV.astype(np.float32)[:, None] * wave[:, None]
    return vcg_mv


def _masks(
    hearts: Hearts,
    qt_s: FloatArray,
    since_s: NDArray[np.float32],
    since_p_s: NDArray[np.float32],
    ectopic: NDArray[np.bool_],
    no_p: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Return 1 within P waves, 2 within QRS complexes, 3 within T waves, else 0; where they meet QRS, then P, wins."""
    onset_s = _qrs_onset_s(hearts)
    p_onset_s, t_end_s = -onset_s - hearts.pr_s, qt_s - onset_s
    t_onset_s = t_end_s - 0.235 * qt_s / 0.40

    def within(clock_s: NDArray[np.float32], low_s: FloatArray, high_s: FloatArray) -> NDArray[np.bool_]:
        return (clock_s >= low_s[:, None].astype(np.float32)) & (clock_s < high_s[:, None].astype(np.float32))

    masks = np.zeros(since_s.shape, dtype=np.uint8)
    masks[within(since_s, t_onset_s, t_end_s) & ~ectopic] = 3
    masks[ectopic & (since_s >= _PVC_T_S[0]) & (since_s < _PVC_T_S[1])] = 3
    masks[within(since_p_s, p_onset_s, p_onset_s + hearts.p_s) & ~no_p] = 1
    masks[within(since_s, -onset_s, 0.55 * hearts.qrs_s) & ~ectopic] = 2
    masks[ectopic & (since_s >= _PVC_QRS_S[0]) & (since_s < _PVC_QRS_S[1])] = 2
    return masks


def _table(owner: NDArray[np.int64], hearts: Hearts, beats: _Beats, inside: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the parameters and statements of each record, as ``SimulatedECG.table`` says."""
    r_s = np.where(inside, beats.r_s, np.nan)
    rate_bpm = 60 * (inside.sum(axis=1) - 1) / (np.nanmax(r_s, axis=1) - np.nanmin(r_s, axis=1))
    rhythm = np.select([hearts.fibrillates, rate_bpm > 100, rate_bpm < 50], ["AFIB", "STACH", "SBRAD"], "SR")
    table = pd.DataFrame(
        {
            "patient": owner,
            "rhythm": rhythm,
            "heart_rate_bpm": rate_bpm,
            "p_s": np.where(hearts.fibrillates, np.nan, hearts.p_s),
            "pr_s": np.where(hearts.fibrillates, np.nan, hearts.pr_s),
            "qrs_s": _qrs_onset_s(hearts) + 0.55 * hearts.qrs_s,
            "qt_s": beats.qt_s,
            "n_pvc": (beats.ventricular & inside).sum(axis=1),
            "n_pac": (beats.atrial & inside).sum(axis=1),
            **dict(zip(_VECTORS, hearts.dipole_mv.reshape(len(owner), -1).T, strict=True)),
        }
    )
    flags = np.column_stack([hearts.codes, table["n_pvc"] > 0, table["n_pac"] > 0])
    names = [*(disease.code for disease in DISEASES), *_BEATS]
    table["statements"] = [
        (*(name for name, flag in zip(names, row, strict=True) if flag), last)
        for row, last in zip(flags, rhythm.tolist(), strict=True)
    ]
    return table
