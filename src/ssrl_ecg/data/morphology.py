"""Whose hearts the synthetic cohort shows: diagnoses at PTB-XL's prevalences and what they do to an ECG's waves.

A heart is a set of dipoles. Each wave of the heart beat has one vector in the frame of Dower's leads (x to the left,
y to the feet, z to the back, in mV) and an interval it fills. A diagnosis changes vectors and intervals by a severity
between 0 and 1; normal hearts vary as well, so mild disease and normal variation overlap. Labels are never wrong: a
patient carries exactly the diagnoses whose changes were applied.

The sizes of waves and changes are textbook magnitudes chosen by the authors (Surawicz & Knilans, Chou's
Electrocardiography in Clinical Practice, 6th edition, for the criteria they imitate), not fitted to recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssrl_ecg.data.ptbxl import DIAGNOSTIC_CLASSES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

WAVES: tuple[str, ...] = ("P", "Q", "R", "S", "late QRS", "ST", "T", "end of T")
P, Q, R, S, LATE, ST, T, T_END = range(len(WAVES))
"""Positions of the waves in ``Hearts.dipole_mv``; ``T_END`` is the faster second limb of the asymmetric T wave."""

_NORMAL_DIPOLE_MV = np.array(
    [
        [0.07, 0.13, -0.02],
        [-0.16, -0.05, -0.22],
        [1.05, 0.60, 0.20],
        [-0.15, -0.15, 0.70],
        [0.0, 0.0, 0.0],
        [0.02, 0.02, -0.03],
        [0.24, 0.15, -0.20],
        [0.09, 0.05, -0.07],
    ]
)
_DIPOLE_SCATTER_MV = np.array([0.015, 0.06, 0.12, 0.12, 0.0, 0.03, 0.06, 0.02])
"""SD of each component of a wave's vector between normal hearts."""
_Y, _Z = 1, 2

_JOINT_SHARES: dict[tuple[str, ...], float] = {
    ("NORM",): 0.418,
    ("NORM", "CD"): 0.020,
    ("NORM", "STTC"): 0.002,
    ("MI",): 0.111,
    ("MI", "CD"): 0.058,
    ("MI", "STTC"): 0.028,
    ("MI", "HYP"): 0.007,
    ("MI", "STTC", "CD"): 0.016,
    ("MI", "STTC", "HYP"): 0.016,
    ("MI", "CD", "HYP"): 0.005,
    ("MI", "STTC", "CD", "HYP"): 0.009,
    ("STTC",): 0.100,
    ("STTC", "HYP"): 0.038,
    ("STTC", "CD"): 0.023,
    ("STTC", "CD", "HYP"): 0.008,
    ("CD",): 0.069,
    ("CD", "HYP"): 0.012,
    ("HYP",): 0.025,
    (): 0.035,
}
"""Share of patients per combination: margins of 44, 25, 24, 22 and 12 % as in PTB-XL (Wagner et al. 2020), the
co-occurrence pattern (MI with CD, HYP with STTC, NORM nearly alone) likewise; the last are patients with arrhythmia
only."""


@dataclass
class Hearts:
    """The hearts of n patients: what all records of a patient share.

    Attributes:
        dipole_mv: (n, wave, 3) peak vector of each wave, mV.
        p_s, pr_s, qrs_s: (n,) P duration, P onset to QRS onset, QRS duration, s.
        q_s: (n,) extra width of the Q wave, s.
        qtc_s: (n,) QT interval at 60 beats/min, s; at other rates it scales with the cube root of RR (Fridericia).
        rate_bpm: (n,) usual heart rate, beats/min.
        fibrillates: (n,) True for atrial fibrillation.
        pvc_share, pac_share: (n,) probability that a beat is a ventricular or atrial premature one.
        codes: (n, disease) True where the patient has ``DISEASES[column]``.
        acute: (n,) True where an infarction is fresh (ST elevation) rather than old.
    """

    dipole_mv: FloatArray
    p_s: FloatArray
    pr_s: FloatArray
    qrs_s: FloatArray
    q_s: FloatArray
    qtc_s: FloatArray
    rate_bpm: FloatArray
    fibrillates: NDArray[np.bool_]
    pvc_share: FloatArray
    pac_share: FloatArray
    codes: NDArray[np.bool_]
    acute: NDArray[np.bool_]


Change = Callable[[Hearts, IntArray, FloatArray], None]
"""A disease at work: (hearts, rows that have it, severity (rows,)) -> the hearts changed in place."""


@dataclass(frozen=True)
class Disease:
    """One diagnostic statement of PTB-XL that the simulator knows.

    Attributes:
        code: SCP-ECG statement code as in PTB-XL's ``scp_codes``.
        description: the statement in words.
        superclass, subclass: where PTB-XL's hierarchy puts the code.
        share: its share among the patients of its superclass.
        change: what it does to the heart; normal hearts stay as they are.
        benign: may stand beside NORM.
        is_form: PTB-XL counts it among the form statements too.
    """

    code: str
    description: str
    superclass: str
    subclass: str
    share: float
    change: Change
    benign: bool = False
    is_form: bool = False


def _unchanged(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    """Leave normal hearts as they are."""


def _infarction(x: float, y: float, z: float) -> Change:
    """Return the loss of the wall that (x, y, z) points at: Q and T away from it, or, when fresh, ST towards it."""
    wall = np.array([x, y, z]) / np.linalg.norm([x, y, z])

    def change(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
        towards = severity[:, None] * wall
        acute = hearts.acute[rows, None]
        hearts.dipole_mv[rows, Q] -= 0.36 * towards
        hearts.dipole_mv[rows, R] -= 0.24 * towards
        hearts.dipole_mv[rows, ST] += np.where(acute, 0.20, 0.02) * towards
        hearts.dipole_mv[rows, T] += np.where(acute, 0.12, -0.26) * towards
        hearts.q_s[rows] += 0.012 * severity

    return change


def _flat_t(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, T:] *= 1 - 1.1 * severity[:, None, None]


def _st_depression(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, ST] -= severity[:, None] * [0.18, 0.11, -0.05]


def _ischaemia(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, T:] *= 1 - 1.8 * severity[:, None, None]
    hearts.dipole_mv[rows, ST] -= severity[:, None] * [0.09, 0.06, 0.0]


def _anterolateral_ischaemia(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, T] -= severity[:, None] * [0.45, 0.0, -0.35]
    hearts.dipole_mv[rows, ST] -= severity[:, None] * [0.08, 0.0, -0.06]


def _long_qt(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.qtc_s[rows] *= 1 + 0.22 * severity


def _incomplete_right_block(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, S, _Z] *= 1 - 0.4 * severity
    hearts.dipole_mv[rows, LATE] = (0.3 + 0.7 * severity[:, None]) * [-0.40, -0.04, -0.55]
    hearts.qrs_s[rows] += 0.012 * severity


def _complete_right_block(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, S, _Z] *= 0.7 - 0.4 * severity
    hearts.dipole_mv[rows, LATE] = (0.4 + 0.6 * severity[:, None]) * [-0.70, -0.05, -0.85]
    hearts.dipole_mv[rows, T] += severity[:, None] * [0.08, 0.0, 0.18]
    hearts.qrs_s[rows] += 0.025 + 0.030 * severity


def _complete_left_block(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    strength = 0.4 + 0.6 * severity[:, None]
    hearts.dipole_mv[rows, Q] *= 1 - strength
    hearts.dipole_mv[rows, R] *= 1 - 0.4 * strength
    hearts.dipole_mv[rows, LATE] = strength * [0.90, 0.15, 0.75]
    hearts.dipole_mv[rows, T] -= strength * [0.55, 0.25, 0.45]
    hearts.dipole_mv[rows, ST] -= strength * [0.08, 0.02, 0.10]
    hearts.qrs_s[rows] += 0.030 + 0.035 * severity


def _left_anterior_block(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, R, _Y] *= 1 - 1.5 * severity
    hearts.dipole_mv[rows, S, _Y] -= 0.40 * severity
    hearts.dipole_mv[rows, Q, _Y] += 0.12 * severity


def _first_degree_av_block(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.pr_s[rows] += 0.04 + 0.10 * severity


def _slow_conduction(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, LATE] = (0.3 + 0.7 * severity[:, None]) * [0.40, 0.35, 0.25]
    hearts.qrs_s[rows] += 0.020 + 0.030 * severity


def _left_ventricular_hypertrophy(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    """Raise the voltage to the left and back; strain (T, ST away from the lateral wall) sets in at severity 0.5."""
    strain = np.clip(2 * severity - 1, 0, 1)[:, None]
    hearts.dipole_mv[rows, R] *= 1 + severity[:, None] * [1.0, 0.4, 1.5]
    hearts.dipole_mv[rows, S, _Z] += 0.70 * severity
    hearts.dipole_mv[rows, T] -= strain * [0.45, 0.15, -0.10]
    hearts.dipole_mv[rows, ST] -= strain * [0.10, 0.03, 0.03]


def _right_ventricular_hypertrophy(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, S] += severity[:, None] * [-0.9, 0.1, -0.8]
    hearts.dipole_mv[rows, R] += severity[:, None] * [-0.7, 0.1, -0.3]
    hearts.dipole_mv[rows, P] *= 1 + 0.6 * severity[:, None]


def _left_atrial_enlargement(hearts: Hearts, rows: IntArray, severity: FloatArray) -> None:
    hearts.dipole_mv[rows, P] += severity[:, None] * [0.08, 0.02, 0.10]
    hearts.p_s[rows] += 0.010 + 0.030 * severity
    hearts.pr_s[rows] += 0.010 + 0.020 * severity


DISEASES: tuple[Disease, ...] = (
    Disease("NORM", "normal ECG", "NORM", "NORM", 1.0, _unchanged, benign=True),
    Disease("LVH", "left ventricular hypertrophy", "HYP", "LVH", 0.76, _left_ventricular_hypertrophy),
    Disease("LAO/LAE", "left atrial enlargement", "HYP", "LAO/LAE", 0.16, _left_atrial_enlargement),
    Disease("RVH", "right ventricular hypertrophy", "HYP", "RVH", 0.08, _right_ventricular_hypertrophy),
    Disease("LAFB", "left anterior fascicular block", "CD", "LAFB/LPFB", 0.28, _left_anterior_block),
    Disease("IRBBB", "incomplete right bundle branch block", "CD", "IRBBB", 0.24, _incomplete_right_block, benign=True),
    Disease("1AVB", "first degree AV block", "CD", "_AVB", 0.16, _first_degree_av_block, benign=True),
    Disease("IVCD", "non-specific intraventricular conduction disturbance", "CD", "IVCD", 0.12, _slow_conduction),
    Disease("CLBBB", "complete left bundle branch block", "CD", "CLBBB", 0.10, _complete_left_block),
    Disease("CRBBB", "complete right bundle branch block", "CD", "CRBBB", 0.10, _complete_right_block),
    Disease("IMI", "inferior myocardial infarction", "MI", "IMI", 0.45, _infarction(0.1, 1.0, 0.2)),
    Disease("ASMI", "anteroseptal myocardial infarction", "MI", "AMI", 0.35, _infarction(0.2, -0.1, -1.0)),
    Disease("ALMI", "anterolateral myocardial infarction", "MI", "AMI", 0.10, _infarction(0.7, -0.1, -0.7)),
    Disease("LMI", "lateral myocardial infarction", "MI", "LMI", 0.10, _infarction(1.0, -0.2, 0.1)),
    Disease("NDT", "non-diagnostic T abnormalities", "STTC", "STTC", 0.36, _flat_t, benign=True, is_form=True),
    Disease("ISC_", "non-specific ischaemic ST-T changes", "STTC", "ISC_", 0.26, _ischaemia),
    Disease("NST_", "non-specific ST changes", "STTC", "NST_", 0.18, _st_depression, is_form=True),
    Disease("ISCAL", "ischaemic ST-T changes in anterolateral leads", "STTC", "ISCA", 0.14, _anterolateral_ischaemia),
    Disease("LNGQT", "long QT interval", "STTC", "STTC", 0.06, _long_qt, is_form=True),
)
"""What the simulator can show, in the order of application: voltage, conduction, infarction, repolarisation."""


def draw_labels(n_patients: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Draw the diagnostic superclasses of patients with PTB-XL's prevalences and co-occurrences.

    Args:
        n_patients: how many patients.
        generator: the source of all randomness.

    Returns:
        (n_patients, 5) zeros and ones in the order of ``DIAGNOSTIC_CLASSES``; 3.5 % of the rows are all zero.
    """
    groups = np.array([[name in group for name in DIAGNOSTIC_CLASSES] for group in _JOINT_SHARES], dtype=np.uint8)
    return groups[generator.choice(len(groups), size=n_patients, p=list(_JOINT_SHARES.values()))]


def draw_hearts(
    labels: NDArray[np.uint8], generator: np.random.Generator, *, severity: tuple[float, float] = (0.45, 1.0)
) -> Hearts:
    """Draw one heart per patient that has the diagnoses its labels name.

    Each positive superclass becomes one of its diseases; beside NORM only benign ones, at half the severity. Hearts
    without any superclass fibrillate: like PTB-XL's records without one, they carry a rhythm statement instead.

    Args:
        labels: (n, 5) superclasses in the order of ``DIAGNOSTIC_CLASSES``.
        generator: the source of all randomness.
        severity: lowest and highest severity of a disease, in [0, 1]; uniform between the two.

    Returns:
        The hearts, in the order of the labels.
    """
    hearts = _normal_hearts(len(labels), generator)
    hearts.codes[:] = _draw_codes(labels, generator)
    hearts.acute[:] = generator.random(len(labels)) < 0.35
    is_normal = labels[:, DIAGNOSTIC_CLASSES.index("NORM")] == 1
    fibrillating_share = np.select([is_normal, labels.any(axis=1)], [0.01, 0.07], 1.0)
    hearts.fibrillates[:] = generator.random(len(labels)) < fibrillating_share
    strength = generator.uniform(*severity, hearts.codes.shape)
    strength[is_normal] *= 0.5
    for column, disease in enumerate(DISEASES):
        rows = np.flatnonzero(hearts.codes[:, column])
        disease.change(hearts, rows, strength[rows, column])
    return hearts


def _draw_codes(labels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return (n, disease) booleans: one disease for each positive superclass."""
    codes = np.zeros((len(labels), len(DISEASES)), dtype=bool)
    is_normal = labels[:, DIAGNOSTIC_CLASSES.index("NORM")] == 1
    for index, superclass in enumerate(DIAGNOSTIC_CLASSES):
        columns = np.flatnonzero([disease.superclass == superclass for disease in DISEASES])
        share = np.array([DISEASES[column].share for column in columns])
        benign = np.array([DISEASES[column].benign for column in columns])
        allowed = np.where(is_normal[:, None] & benign.any(), share * benign, share).cumsum(axis=1)
        chosen = columns[(generator.random((len(labels), 1)) * allowed[:, -1:] >= allowed).sum(axis=1)]
        rows = np.flatnonzero(labels[:, index])
        codes[rows, chosen[rows]] = True
    return codes


def _normal_hearts(n: int, generator: np.random.Generator) -> Hearts:
    """Draw hearts without disease: size, axis, wave sizes, intervals and rhythm vary as between healthy people."""
    scatter = np.exp(generator.normal(0, 0.18, (n, len(WAVES), 1)))
    dipole_mv = _NORMAL_DIPOLE_MV * scatter + _DIPOLE_SCATTER_MV[:, None] * generator.normal(0, 1, (n, len(WAVES), 3))
    size = np.exp(generator.normal(0, 0.22, (n, 1, 1)))
    axes = Rotation.from_euler("xyz", generator.normal(0, [0.12, 0.20, 0.30], (n, 3))).as_matrix()
    rate = generator.random((2, n))
    return Hearts(
        dipole_mv=np.einsum("nij,nwj->nwi", axes, dipole_mv * size),
        p_s=generator.uniform(0.080, 0.110, n),
        pr_s=generator.uniform(0.125, 0.195, n),
        qrs_s=generator.uniform(0.076, 0.104, n),
        q_s=np.zeros(n),
        qtc_s=np.clip(generator.normal(0.41, 0.018, n), 0.36, 0.46),
        rate_bpm=np.clip(generator.normal(70, 12, n), 45, 115),
        fibrillates=np.zeros(n, dtype=bool),
        pvc_share=np.where(rate[0] < 0.06, generator.uniform(0.05, 0.25, n), 0),
        pac_share=np.where(rate[1] < 0.04, generator.uniform(0.05, 0.20, n), 0),
        codes=np.zeros((n, len(DISEASES)), dtype=bool),
        acute=np.zeros(n, dtype=bool),
    )
