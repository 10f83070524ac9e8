"""What the tests of this room share: one small report with made-up numbers, and one small synthetic store."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.evaluation.report import (
    ClassScore,
    Comparison,
    Curves,
    DataFacts,
    Example,
    ReportData,
    Row,
    RunFacts,
    TrainingCurve,
)

CLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
POSITIVES = (367, 184, 191, 170, 8)
N_LABELS = {0.01: 15, 0.1: 149, 1.0: 1488}
REPEATS = {0.01: (10, 1), 0.1: (5, 1), 1.0: (1, 3)}
ROWS = (
    ("SimCLR, frozen probe", "method", (0.768, 0.863, 0.892)),
    ("SimCLR, fine-tuned", "method", (0.769, 0.857, 0.910)),
    ("Supervised, augmented", "supervised", (0.728, 0.846, 0.913)),
    ("MiniRocket + ridge", "floor", (0.718, 0.849, 0.900)),
    ("Random encoder, probe", "floor", (0.638, 0.744, 0.806)),
)


def make_row(name, family, fraction, auroc):
    shifts = (0.05, 0.0, 0.02, -0.01, -0.06)
    half = 0.02
    per_class = {
        label: ClassScore(
            auroc=auroc + shift, lo=auroc + shift - half, hi=min(auroc + shift + half, 1.0), n_positives=count
        )
        for label, shift, count in zip(CLASSES, shifts, POSITIVES, strict=True)
    }
    per_class["RARE"] = ClassScore(auroc=math.nan, lo=math.nan, hi=math.nan, n_positives=0)
    is_ridge = "ridge" in name
    return Row(
        name=name,
        family=family,
        label_fraction=fraction,
        n_labels=N_LABELS[fraction],
        macro_auroc=auroc,
        interval=(auroc - half, auroc + half),
        per_class=per_class,
        auprc=auroc - 0.15,
        f1=auroc - 0.2,
        sensitivity=auroc - 0.1,
        specificity=auroc - 0.05,
        ppv=auroc - 0.25,
        npv=auroc,
        brier=math.nan if is_ridge else 0.11,
        ece=math.nan if is_ridge else 0.04,
        n_subsets=REPEATS[fraction][0],
        n_seeds=REPEATS[fraction][1],
        per_fold={7: auroc + 0.01, 8: auroc, 9: auroc - 0.01},
        undefined=dict.fromkeys(("brier", "ece"), "ridge gives scores, not probabilities") if is_ridge else {},
    )


def _comparisons():
    table = (
        ("SimCLR, fine-tuned", 0.01, 0.041, 0.029, 0.053, 0.0005, "better"),
        ("SimCLR, fine-tuned", 0.1, 0.011, -0.002, 0.023, 0.21, "no difference"),
        ("SimCLR, fine-tuned", 1.0, -0.003, -0.009, 0.002, 0.4, "no difference"),
        ("SimCLR, frozen probe", 0.01, 0.040, 0.026, 0.054, 0.0005, "better"),
        ("SimCLR, frozen probe", 0.1, 0.017, 0.004, 0.030, 0.03, "no difference"),
        ("SimCLR, frozen probe", 1.0, -0.021, -0.030, -0.012, 0.0005, "worse"),
        ("MiniRocket + ridge", 0.1, 0.003, -0.009, 0.012, 0.6, "no difference"),
    )
    return tuple(
        Comparison(
            a=a,
            b="Supervised, augmented",
            label_fraction=f,
            difference=d,
            lo=lo,
            hi=hi,
            p=p,
            p_holm=min(1, p * 7),
            verdict=v,
        )
        for a, f, d, lo, hi, p, v in table
    )


def _curves():
    x = np.linspace(0, 1, 60)
    strengths = dict(zip((name for name, _, _ in ROWS), (0.2, 0.22, 0.25, 0.28, 0.5), strict=True))
    bins = np.linspace(0.05, 0.95, 10)

    def both(first, second):
        return (tuple(first.round(4).tolist()), tuple(second.round(4).tolist()))

    named = list(strengths.items())
    return Curves(
        label_fraction=0.1,
        roc={n: {c: both(x, x ** (s + 0.03 * i)) for i, c in enumerate(CLASSES)} for n, s in named},
        pr={n: {c: both(x, 1 - (0.75 + s / 3) * x ** (2 - s)) for c in CLASSES} for n, s in named},
        reliability={n: {c: both(bins, bins ** (1 + s)) for c in CLASSES} for n, s in named if "ridge" not in n},
    )


def _training():
    epochs = np.arange(1, 41)
    series = {
        "loss/train": 4.2 * np.exp(-epochs / 15) + 1,
        "loss/validation": np.where(epochs % 5 == 0, 4.2 * np.exp(-epochs / 15) + 1.3, np.nan),
        "embedding SD": 0.06 * (1 - np.exp(-epochs / 4)),
        "effective rank": 40 * (1 - np.exp(-epochs / 10)) + 3,
        "kNN probe AUROC": 0.62 + 0.2 * (1 - np.exp(-epochs / 8)),
    }
    return (TrainingCurve(name="SimCLR pretraining", series={name: tuple(v.tolist()) for name, v in series.items()}),)


def fake_ecg_mv(sampling_rate_hz=100.0, duration_s=10.0):
    """Spikes and slow waves of plausible size; nothing medical."""
    t = np.arange(round(sampling_rate_hz * duration_s)) / sampling_rate_hz
    beat = (t % 0.8) - 0.3
    wave = (
        np.exp(-((beat / 0.012) ** 2))
        + 0.25 * np.exp(-(((beat - 0.25) / 0.05) ** 2))
        + 0.1 * np.exp(-(((beat + 0.16) / 0.03) ** 2))
    )
    return (np.linspace(-0.6, 1.4, 12)[:, None] * wave).astype(np.float32)


def _examples():
    probabilities = {"NORM": 0.08, "MI": 0.81, "STTC": 0.33, "CD": 0.52, "HYP": 0.05}
    return (
        Example(
            record_id="00123",
            predicted_by="SimCLR, fine-tuned, 10 % of the labels",
            sampling_rate_hz=100.0,
            true_labels=("MI", "STTC"),
            probabilities=probabilities,
            thresholds=dict.fromkeys(probabilities, 0.4),
            note="Drawn at random among records with an infarction.",
            signal_mv=fake_ecg_mv(),
        ),
    )


@pytest.fixture(scope="session")
def report_data() -> ReportData:
    return ReportData(
        title="What do unlabelled ECGs buy when labels are scarce?",
        kind="sample",
        data_statement="Measured on a sample of 2,277 records of PTB-XL, not on the whole database.",
        interval_statement="95 % intervals: percentile bootstrap, 1,000 resamples of patients and subsets.",
        run=RunFacts(
            command="ssrl-ecg run --data data/ptbxl-sample --protocol rotation --method simclr --seed 1",
            config={"method": {"name": "simclr", "temperature": 0.1}, "epochs": 40, "limit": math.nan},
            seed=1,
            commit="adaeea8ae7a01a6ec5d4b3f5f374371a5936eb10",
            versions={"python": "3.11.9", "torch": "2.13.0", "ssrl-ecg": "0.1.0"},
            machine={"processor": "x86_64", "cores": 2, "system": "Linux"},
            wall_time_s=2480.4,
            started="2026-11-21T10:41:43+00:00",
        ),
        data=DataFacts(
            name="the PTB-XL sample",
            n_records=2277,
            n_patients=2226,
            n_rejected=3,
            split_sizes={"train": 1488, "test": 789},
            class_counts={
                "train": dict(zip((*CLASSES, "RARE"), (690, 350, 355, 320, 170, 4), strict=True)),
                "test": dict(zip((*CLASSES, "RARE"), (*POSITIVES, 0), strict=True)),
            },
            classes_without_positives={"test": ("RARE",)},
            fingerprint="sha256:4f1c9a",
            attribution="PTB-XL 1.0.3, Wagner et al., PhysioNet 2022, CC BY 4.0",
        ),
        rows=tuple(
            make_row(name, family, fraction, auroc)
            for name, family, aurocs in ROWS
            for fraction, auroc in zip(N_LABELS, aurocs, strict=True)
        ),
        comparisons=_comparisons(),
        curves=(_curves(),),
        training=_training(),
        examples=_examples(),
        notes=("Fold 9 is not like 7 and 8: all its labels were validated by a human.", "<b>Not</b> a medical device."),
    )


@pytest.fixture(scope="session")
def synthetic_store(tmp_path_factory):
    """150 synthetic records in ten folds."""
    folder = tmp_path_factory.mktemp("synthetic")
    return build_store(PTBXL(write_synthetic_ptbxl(folder / "ptbxl", n_records=150, seed=1)), folder / "store").store
