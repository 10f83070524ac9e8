"""Tables of the MIT-BIH transfer, computed from its cells alone: nothing is trained here.

A cell holds confusion counts of every test record. Counts are pooled over records, as the literature does, and averaged
over the cells of a row, which are its seeds. Intervals and comparisons resample records, all rows the same ones: beats
of one record are not independent. There are 22 of them, and a few carry most beats of a class, so intervals are wide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.data.mitbih import AAMI_CLASSES, SAME_PATIENT
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import cell_path, cell_state, read_cell, read_identities
from ssrl_ecg.evaluation.transfer.crossfit import TAUGHT_CLASSES
from ssrl_ecg.evaluation.transfer.jobs import FLOOR, TRACKS
from ssrl_ecg.metrics.bootstrap import Interval, percentile_interval
from ssrl_ecg.metrics.comparison import Difference, bootstrap_p_value, check_replicates, holm_corrected
from ssrl_ecg.metrics.inputs import FloatArray, defined_mean
from ssrl_ecg.metrics.multilabel import Confusion

LEVEL = 0.95
PUBLISHED, APART = "DS2", "DS2, no patient of DS1"
COMPARED_CLASSES = ("S", "V")
CARRIED = 20
"""A record with fewer beats of a class is not listed as one that carries it."""
_SEED = 0
_METRICS: Mapping[str, Callable[[Confusion], FloatArray]] = {
    "sensitivity": lambda counts: counts.sensitivity,
    "ppv": lambda counts: counts.ppv,
    "f1": lambda counts: counts.f1,
}


@dataclass(frozen=True, eq=False)
class Entry:
    """A row of the tables on one input.

    Attributes:
        row: its name.
        track: key of ``TRACKS``.
        test: int64 (seed, test record, class, called class).
        inner: the same of the training records, each called by trainings without its fold.
        test_records: their names.
        inner_records: names of the training records.
        settings: what cross-validation chose, by seed.
        cells: files of the cells, parted by ";".
    """

    row: str
    track: str
    test: NDArray[np.int64]
    inner: NDArray[np.int64]
    test_records: tuple[str, ...]
    inner_records: tuple[str, ...]
    settings: tuple[str, ...]
    cells: str


def read_entries(folder: Path) -> list[Entry]:
    """Read all cells that are there, in the order of the run; rows of which none is there are left out.

    Raises:
        InputError: no run in the folder, or no cell that could be computed.
    """
    entries = []
    for row, names in read_identities(folder).items():
        for track in TRACKS:
            own = [name for name, identity in names.items() if name.startswith(f"{track}-")
                   and cell_state(folder, row, name, identity) == "done"]  # fmt: skip
            if own:
                entries.append(_entry(folder, row, track, own))
    if not entries:
        raise InputError("no cell could be computed", file=folder, expected="at least one", found="failures alone")
    return entries


def _entry(folder: Path, row: str, track: str, names: Sequence[str]) -> Entry:
    paths = [cell_path(folder, row, name) for name in names]
    cells = [read_cell(path)[0] for path in paths]
    return Entry(
        row,
        track,
        np.stack([cell["test"] for cell in cells]).astype(np.int64),
        np.stack([cell["inner"] for cell in cells]).astype(np.int64),
        tuple(cells[0]["test_records"].tolist()),
        tuple(cells[0]["inner_records"].tolist()),
        tuple(str(cell["setting"]) for cell in cells),
        "; ".join(path.relative_to(folder).as_posix() for path in paths),
    )


def parts(entry: Entry) -> dict[str, NDArray[np.bool_]]:
    """Which test records (record,) belong to each part: all, and those of patients who are not in DS1 too."""
    known = {SAME_PATIENT.get(name, name) for name in entry.inner_records}
    is_apart = np.array([SAME_PATIENT.get(name, name) not in known for name in entry.test_records])
    return {PUBLISHED: np.ones(len(is_apart), bool), APART: is_apart}


def counted(confusions: NDArray[np.integer]) -> Confusion:
    """Decisions class by class of (..., class, called class) tables; each count is (..., class)."""
    table = np.asarray(confusions, dtype=np.float64)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    called, there, all_beats = table.sum(axis=-2), table.sum(axis=-1), table.sum(axis=(-2, -1))[..., None]
    return Confusion(hits, called - hits, all_beats - called - there + hits, there - hits)


def draw_records(n_records: int, n_replicates: int) -> NDArray[np.int64]:
    """How often each record is in each replicate, (replicate, record): records are drawn with replacement."""
    generator = np.random.default_rng(_SEED)
    return generator.multinomial(n_records, np.full(n_records, 1 / n_records), size=n_replicates)


def resampled(confusions: NDArray[np.integer], draws: NDArray[np.int64], metric: str) -> FloatArray:
    """A metric on drawn records, mean over seeds.

    Args:
        confusions: (seed, record, class, called class).
        draws: (replicate, record).
        metric: sensitivity, ppv or f1.

    Returns:
        (replicate, class + 1), NaN where undefined; the last column is the mean over the taught classes that occur.
    """
    pooled = np.einsum("br,srij->sbij", draws, confusions)
    per_class = _METRICS[metric](counted(pooled))
    macro = defined_mean(per_class[..., : len(TAUGHT_CLASSES)], axis=-1)
    return defined_mean(np.concatenate([per_class, macro[..., None]], axis=-1), axis=0)


def score_table(entries: Sequence[Entry], n_replicates: int) -> pd.DataFrame:
    """Sensitivity, PPV and F1 of every class and their macro mean, with intervals: a line per row, input and part."""
    lines = []
    for entry in entries:
        for part, chosen in parts(entry).items():
            draws = draw_records(int(chosen.sum()), n_replicates)
            whole = np.ones_like(draws[:1])
            line: dict[str, object] = {"row": entry.row, "input": TRACKS[entry.track], "part": part}
            for metric in _METRICS:
                estimates = resampled(entry.test[:, chosen], whole, metric)[0]
                replicates = resampled(entry.test[:, chosen], draws, metric)
                for column, name in enumerate((*AAMI_CLASSES, "macro")):
                    interval = percentile_interval(float(estimates[column]), replicates[:, column], LEVEL)
                    key = f"{name}_{metric}"
                    line |= {key: interval.estimate, f"{key}_low": interval.low, f"{key}_high": interval.high}
            lines.append(line | {"n_seeds": len(entry.test), "cell": entry.cells})
    return pd.DataFrame(lines)


def comparison_table(entries: Sequence[Entry], n_replicates: int) -> pd.DataFrame:
    """F1 of S and V of every row minus the random forest's on the same input and records, Holm over all of a part.

    Raises:
        InputError: too few replicates for so many comparisons.
    """
    floors = {entry.track: entry for entry in entries if entry.row == FLOOR}
    rivals = [entry for entry in entries if entry.row != FLOOR and entry.track in floors]
    lines = []
    for part in (PUBLISHED, APART):
        check_replicates(max(1, len(rivals) * len(COMPARED_CLASSES)), n_replicates, LEVEL)
        family: dict[str, Difference[Interval]] = {}
        about: dict[str, dict[str, str]] = {}
        for entry in rivals:
            floor = floors[entry.track]
            for name in COMPARED_CLASSES:
                key = f"{entry.row} {entry.track} {name}"
                family[key] = _difference(entry, floor, parts(entry)[part], AAMI_CLASSES.index(name), n_replicates)
                cells = f"{entry.cells}; {floor.cells}"
                about[key] = {
                    "row": entry.row,
                    "input": TRACKS[entry.track],
                    "part": part,
                    "class": name,
                    "cell": cells,
                }
        lines += [about[key] | _told(one) for key, one in holm_corrected(family).items()]
    return pd.DataFrame(lines)


def _difference(
    entry: Entry, floor: Entry, chosen: NDArray[np.bool_], column: int, n_replicates: int
) -> Difference[Interval]:
    draws = draw_records(int(chosen.sum()), n_replicates)
    estimate, replicates = (
        resampled(entry.test[:, chosen], drawn, "f1")[:, column]
        - resampled(floor.test[:, chosen], drawn, "f1")[:, column]
        for drawn in (np.ones_like(draws[:1]), draws)
    )
    interval = percentile_interval(float(estimate[0]), replicates, LEVEL)
    p_value = np.nan if np.isnan(estimate[0]) else bootstrap_p_value(replicates)
    return Difference(interval=interval, p_value=p_value)


def _told(one: Difference[Interval]) -> dict[str, object]:
    interval = one.interval
    return {
        "f1_difference": interval.estimate, "f1_difference_low": interval.low, "f1_difference_high": interval.high,
        "p": one.p_value, "p_holm": np.nan if one.p_holm is None else one.p_holm, "verdict": one.verdict,
    }  # fmt: skip


def carrier_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Test records that carry S, V or F, with their share of the class and what every row finds of them there.

    The F1 of the class without that record says how much of a row's score rests on it.
    """
    lines = []
    for entry in entries:
        beats = entry.test[0].sum(axis=-1)
        for column, name in enumerate(AAMI_CLASSES[1:4], start=1):
            for number in np.argsort(-beats[:, column], kind="stable"):
                if beats[number, column] < CARRIED:
                    break
                own = (np.arange(len(beats)) == number).astype(np.int64)[None]
                here = {metric: resampled(entry.test, own, metric)[0, column] for metric in _METRICS}
                lines.append({
                    "class": name, "record": entry.test_records[number], "row": entry.row,
                    "input": TRACKS[entry.track], "beats": int(beats[number, column]),
                    "share_fraction": beats[number, column] / beats[:, column].sum(), **here,
                    "f1_without_it": resampled(entry.test, 1 - own, "f1")[0, column], "cell": entry.cells,
                })  # fmt: skip
    return pd.DataFrame(lines)


def beat_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """Beats of each class in every record, of training and test."""
    entry, lines = entries[0], []
    for part, names, confusions in (("DS1", entry.inner_records, entry.inner), ("DS2", entry.test_records, entry.test)):
        for name, beats in zip(names, confusions[0].sum(axis=-1), strict=True):
            lines.append({"record": name, "part": part, **dict(zip(AAMI_CLASSES, map(int, beats), strict=True))})
    return pd.DataFrame(lines)


def inner_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """F1 within DS1 by cross-validation, with offsets chosen on the same beats: what choices rest on, and no more."""
    lines = []
    for entry in entries:
        whole = np.ones((1, entry.inner.shape[1]), np.int64)
        scores = resampled(entry.inner, whole, "f1")[0]
        named = {f"{name}_f1": score for name, score in zip((*AAMI_CLASSES, "macro"), scores, strict=True)}
        chosen = ", ".join(dict.fromkeys(entry.settings))
        lines.append({"row": entry.row, "input": TRACKS[entry.track], **named, "chosen": chosen, "cell": entry.cells})
    return pd.DataFrame(lines)


def undefined_classes(entries: Sequence[Entry]) -> dict[str, tuple[str, ...]]:
    """Part -> classes without a test beat in it: they have no sensitivity and no F1, and no macro mean counts them."""
    entry, found = entries[0], {}
    for part, chosen in parts(entry).items():
        beats = entry.test[0, chosen].sum(axis=(0, 2))
        if names := tuple(name for name, count in zip(AAMI_CLASSES, beats, strict=True) if not count):
            found[part] = names
    return found
