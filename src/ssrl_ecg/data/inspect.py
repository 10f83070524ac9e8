"""What is in a store: patients, folds, classes, what was left out, which recordings look wrong."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import einthoven_error_mv

SATURATION_S = 0.05
"""How long without a break a saturated lead stays at its own largest or smallest value."""
SATURATION_MIN_MV = 1.0
"""How large that value must be: smoothing devices hold small crests as long."""
EINTHOVEN_TOLERANCE_MV = 0.02
"""Rounding to 1 uV breaks the limb leads' laws by 0.002 mV at most; ten times that is something else."""
AMPLITUDE_PERCENTILES = (1, 25, 50, 75, 99)
EXAMPLE_LEAD = "II"
PROBLEMS = {
    "flat": "with a flat lead",
    "saturated": "saturated",
    "clipped": "clipped",
    "einthoven": "limb leads contradict each other",
    "nan": "NaN or infinite (rejected)",
}
"""What the fields of `Quality` mean, for people."""

_BLOCK = 256
_N_EXAMPLES = 4
_SHOWN_IDS = 5
_SHOWN_CLASSES = 12


@dataclass(frozen=True)
class LabelSummary:
    """One label set in numbers.

    Attributes:
        task: ``multilabel``, ``binary`` or ``single``.
        n_known: records with a known label.
        counts: positives of every class, in class order.
        empty_classes: classes without any.
        imbalance_ratio: most over least frequent class, empty ones apart; positives and negatives for a binary task.
            None with fewer than two classes to compare.
    """

    task: str
    n_known: int
    counts: dict[str, int]
    empty_classes: tuple[str, ...]
    imbalance_ratio: float | None

    def most_frequent(self, n: int) -> dict[str, int]:
        """The ``n`` most frequent classes with their counts, most frequent first."""
        return dict(sorted(self.counts.items(), key=lambda item: -item[1])[:n])


@dataclass(frozen=True)
class Quality:
    """Ids of the records that look wrong. All but ``nan`` are in the store.

    Attributes:
        flat: a lead never changes.
        saturated: a lead stays for ``SATURATION_S`` at its extreme, and that is at least ``SATURATION_MIN_MV``.
        clipped: a value did not fit the store and was clipped.
        einthoven: the limb leads break their laws by more than ``EINTHOVEN_TOLERANCE_MV``.
        nan: rejected, because a sample is NaN or infinite.
    """

    flat: tuple[str, ...]
    saturated: tuple[str, ...]
    clipped: tuple[str, ...]
    einthoven: tuple[str, ...]
    nan: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Number of records by what is wrong with them."""
        return {name: len(ids) for name, ids in dataclasses.asdict(self).items()}


@dataclass(frozen=True)
class Example:
    """One lead of one record, for the picture."""

    record_id: str
    classes: tuple[str, ...]
    signal_mv: NDArray[np.float32]


@dataclass(frozen=True)
class Inspection:
    """What ``inspect_store`` found.

    Attributes:
        source: the dataset's name.
        sampling_rate_hz: of the stored records.
        duration_s: of the stored records.
        n_records: in the store.
        n_patients: in the store.
        records_per_patient: number of records -> number of patients who have as many.
        folds: fold -> its records; -1 is no fold.
        n_patients_across_folds: patients with records in more than one fold.
        label_sets: by name.
        rejected: (record_id, reason) of every record left out.
        quality: records that look wrong.
        peak_to_peak_mv: lead -> ``AMPLITUDE_PERCENTILES`` over the records of its largest minus its smallest value.
        main_label_set: the label set of the picture: most known labels, then fewest classes; None without labels.
        examples: of its most frequent classes, for the picture.
    """

    source: str
    sampling_rate_hz: float
    duration_s: float
    n_records: int
    n_patients: int
    records_per_patient: dict[int, int]
    folds: dict[int, int]
    n_patients_across_folds: int
    label_sets: dict[str, LabelSummary]
    rejected: tuple[tuple[str, str], ...]
    quality: Quality
    peak_to_peak_mv: dict[str, tuple[float, ...]]
    main_label_set: str | None
    examples: tuple[Example, ...]

    def rejection_reasons(self) -> dict[str, int]:
        """Number of records by reason of rejection, details apart, most frequent first."""
        return dict(Counter(reason.split(" (")[0] for _, reason in self.rejected).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Everything but the example signals, as JSON can hold it."""
        values = dataclasses.asdict(self)
        del values["examples"]
        return values

    def headline(self) -> str:
        """The dataset in one line."""
        what = f"{self.n_records} records of {self.n_patients} patients"
        return f"{self.source}: {what}, 12 leads, {self.duration_s:g} s at {self.sampling_rate_hz:g} Hz"

    def to_text(self) -> str:
        """A page of text for a terminal."""
        lines = [
            self.headline(),
            f"records per patient  {_pairs(self.records_per_patient)}",
            f"records per fold     {_pairs(self.folds)}",
        ]
        if self.n_patients_across_folds:
            lines.append(f"WARNING: {self.n_patients_across_folds} patients have records in several folds")
        for name, summary in sorted(self.label_sets.items(), key=lambda item: item[0] != self.main_label_set):
            lines += ["", *_label_lines(name, summary)]
        lines += ["", f"rejected records     {len(self.rejected)}"]
        lines += [f"  {count:6d}  {reason}" for reason, count in self.rejection_reasons().items()]
        lines += ["", "records that look wrong"]
        for name, ids in dataclasses.asdict(self.quality).items():
            shown = ", ".join(ids[:_SHOWN_IDS]) + (", ..." if len(ids) > _SHOWN_IDS else "")
            lines.append(f"  {len(ids):6d}  {PROBLEMS[name]}{': ' + shown if ids else ''}")
        lines += ["", "peak-to-peak in mV   " + "".join(f"{f'{one} %':>8}" for one in AMPLITUDE_PERCENTILES)]
        for lead, values in self.peak_to_peak_mv.items():
            lines.append(f"  {lead:<19}" + "".join(f"{value:8.2f}" for value in values))
        return "\n".join(lines) + "\n"


def inspect_store(store: RecordStore, *, progress: bool = False) -> Inspection:
    """Count what a store holds and look through all its signals once.

    Args:
        store: the store.
        progress: whether to show a bar.
    """
    records, facts = store.records, store.facts
    labels = {name: store.labels(name) for name in store.label_set_names}
    main = min(labels, key=lambda name: (-labels[name].known.sum(), len(labels[name].classes)), default=None)
    peak_to_peak_mv, saturated, contradictory = _look_through(store, progress)
    rejected = _read_rejected(store.path / "rejected.csv")
    ids = records["record_id"].to_numpy()
    patients = records["patient_id"]
    percentiles = np.percentile(peak_to_peak_mv, AMPLITUDE_PERCENTILES, axis=0)
    return Inspection(
        source=facts.source,
        sampling_rate_hz=facts.sampling_rate_hz,
        duration_s=facts.n_samples / facts.sampling_rate_hz,
        n_records=len(store),
        n_patients=patients.nunique(),
        records_per_patient=dict(sorted(Counter(patients.value_counts().tolist()).items())),
        folds=dict(sorted(Counter(records["fold"].tolist()).items())),
        n_patients_across_folds=int((records.groupby("patient_id")["fold"].nunique() > 1).sum()),
        label_sets={name: _summarise(one) for name, one in labels.items()},
        rejected=rejected,
        quality=Quality(
            flat=tuple(ids[records["flat_leads"].to_numpy() > 0]),
            saturated=tuple(ids[saturated]),
            clipped=tuple(ids[records["clipped_samples"].to_numpy() > 0]),
            einthoven=tuple(ids[contradictory]),
            nan=tuple(record for record, reason in rejected if reason.startswith("NaN")),
        ),
        peak_to_peak_mv={lead: tuple(column.tolist()) for lead, column in zip(facts.leads, percentiles.T, strict=True)},
        main_label_set=main,
        examples=_examples(store, labels[main] if main else None),
    )


def _look_through(
    store: RecordStore, progress: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Peak-to-peak in mV (record, lead), and which records are saturated and break the limb leads' laws (record,)."""
    n_run = max(2, round(SATURATION_S * store.facts.sampling_rate_hz))
    ranges, saturated, contradictory = [], [], []
    for start in tqdm(range(0, len(store), _BLOCK), desc="inspecting records", disable=not progress):
        signal_mv = store.read_mv(np.arange(start, min(start + _BLOCK, len(store))))
        ranges.append(np.ptp(signal_mv, axis=-1).astype(np.float64))
        saturated.append(is_saturated(signal_mv, n_run))
        contradictory.append(einthoven_error_mv(signal_mv) > EINTHOVEN_TOLERANCE_MV)
    return np.concatenate(ranges), np.concatenate(saturated), np.concatenate(contradictory)


def is_saturated(signal_mv: NDArray[np.float32], n_run: int) -> NDArray[np.bool_]:
    """Tell which records have a lead that stays at its largest or smallest value, beyond ``SATURATION_MIN_MV``.

    Args:
        signal_mv: (record, lead, time) in mV.
        n_run: samples in a row at that value.

    Returns:
        (record,) bool. A lead that never changes is flat, not saturated.
    """
    low, high = signal_mv.min(axis=-1, keepdims=True), signal_mv.max(axis=-1, keepdims=True)
    stays = np.zeros(signal_mv.shape[:2], dtype=np.bool_)
    for extreme in (low, high):
        at_extreme = np.pad(signal_mv == extreme, ((0, 0), (0, 0), (1, 0)))
        n_so_far = at_extreme.cumsum(axis=-1, dtype=np.int32)
        in_a_row = (n_so_far[..., n_run:] - n_so_far[..., :-n_run] == n_run).any(axis=-1)
        stays |= in_a_row & (np.abs(extreme[..., 0]) >= SATURATION_MIN_MV)
    found: NDArray[np.bool_] = (stays & (low != high)[..., 0]).any(axis=1)
    return found


def _summarise(labels: Labels) -> LabelSummary:
    counts = labels.counts()
    n_known = int(labels.known.sum())
    compared = [*counts.values(), n_known - sum(counts.values())] if labels.task == "binary" else list(counts.values())
    positive = [count for count in compared if count]
    ratio = max(positive) / min(positive) if len(positive) > 1 else None
    return LabelSummary(labels.task, n_known, counts, labels.empty_classes, ratio)


def _read_rejected(path: Path) -> tuple[tuple[str, str], ...]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return tuple(zip(table["record_id"], table["reason"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise InputError("store is damaged; build it again", file=path) from error


def _examples(store: RecordStore, labels: Labels | None) -> tuple[Example, ...]:
    """The first record of each of the most frequent classes, every record once; without labels the first records."""
    if labels is None:
        rows = list(range(min(_N_EXAMPLES, len(store))))
    else:
        values = labels.values * labels.known[:, None]
        frequent = np.argsort(-values.sum(axis=0, dtype=np.int64), kind="stable")[:_N_EXAMPLES]
        rows = list(dict.fromkeys(int(values[:, column].argmax()) for column in frequent if values[:, column].any()))
    lead = store.facts.leads.index(EXAMPLE_LEAD)
    examples = []
    for row in rows:
        found = [] if labels is None else np.flatnonzero(labels.values[row]).tolist()
        names = tuple(labels.classes[column] for column in found) if labels else ()
        examples.append(Example(store.records["record_id"].iloc[row], names, store.read_mv([row])[0, lead]))
    return tuple(examples)


def _pairs(counts: dict[int, int]) -> str:
    return "  ".join(f"{key}: {count}" for key, count in counts.items())


def _label_lines(name: str, summary: LabelSummary) -> list[str]:
    ratio = "" if summary.imbalance_ratio is None else f", imbalance {summary.imbalance_ratio:.1f} to 1"
    shown = {label: count for label, count in summary.most_frequent(_SHOWN_CLASSES).items() if count}
    lines = [
        f"label set {name}: {summary.task}, {summary.n_known} records known, {len(summary.counts)} classes{ratio}",
        *(f"  {count:6d}  {count / summary.n_known:6.1%}  {label}" for label, count in shown.items()),
    ]
    n_more = len(summary.counts) - len(summary.empty_classes) - len(shown)
    lines += [f"          and {n_more} rarer classes"] if n_more else []
    lines += [f"  without a record: {', '.join(summary.empty_classes)}"] if summary.empty_classes else []
    return lines
