"""Repeated random sub-sampling: what K splits say together.

Each split is an experiment of its own, with its own pretraining. The plain t-interval over splits is what papers print,
and too narrow, as splits share records; the corrected one (``metrics.student``) and the corrected resampled t-test are
what claims need. How much splits overlap is a matter of their parts, so the correction takes the whole training part
at every label fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Family
from ssrl_ecg.evaluation.cells import describe_failures
from ssrl_ecg.evaluation.summary import ResultsFolder, default_pairs, mean_estimate
from ssrl_ecg.metrics.comparison import Difference, holm_corrected
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.metrics.resampled_tests import corrected_t_test
from ssrl_ecg.metrics.student import TInterval, t_interval


@dataclass(frozen=True, kw_only=True)
class RepeatedRow:
    """A row's macro AUROC over the splits.

    Attributes:
        name: row name.
        family: method, supervised or floor.
        label_fraction: share of the training labels.
        values: macro AUROC of each split, mean over its label subsets.
        plain: mean and t-interval as if splits were independent.
        corrected: the same with the variance corrected for their overlap.
    """

    name: str
    family: Family
    label_fraction: float
    values: tuple[float, ...]
    plain: TInterval
    corrected: TInterval


@dataclass(frozen=True, kw_only=True)
class RepeatedComparison:
    """A method against a row without pretraining, over the splits, Holm-corrected with all others."""

    a: str
    b: str
    label_fraction: float
    difference: Difference[TInterval]


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """What K splits say.

    Attributes:
        n_splits: K.
        overlap: test over training records of a split, on average.
        rows: every row at every fraction.
        comparisons: compared methods against compared rows without pretraining.
        failed: sentences about cells without a result, split by split.
    """

    n_splits: int
    overlap: float
    rows: tuple[RepeatedRow, ...]
    comparisons: tuple[RepeatedComparison, ...]
    failed: tuple[str, ...]


def make_repeats(folders: Sequence[Path]) -> Repeats:
    """Compute everything from the finished results folders of the splits.

    Args:
        folders: one per split, of the same rows and label fractions.

    Raises:
        InputError: fewer than two splits, or folders of other rows or fractions.
    """
    if len(folders) < 2:
        raise InputError("an interval over splits needs splits", field="splits", expected=">= 2", found=len(folders))
    results = [ResultsFolder(folder) for folder in folders]
    for other in results[1:]:
        if other.pairs() != results[0].pairs():
            raise InputError("this split has other rows than the first", file=other.folder, field="arms.json")
    n_test = float(np.mean([len(one.records.targets) for one in results]))
    n_train = float(np.mean([_n_training(one) for one in results]))
    values = {pair: _values(results, *pair) for pair in results[0].pairs()}
    arms = results[0].arms
    rows = [
        RepeatedRow(
            name=arm, family=arms[arm].family, label_fraction=fraction, values=found,
            plain=t_interval(found), corrected=t_interval(found, overlap=n_test / n_train),
        )
        for (fraction, arm), found in values.items()
    ]  # fmt: skip
    differences = {
        (a, b, fraction): corrected_t_test(
            values[fraction, a], values[fraction if arms[b].needs_labels else 0.0, b], n_train=n_train, n_test=n_test
        )
        for a, b in default_pairs(arms.values())
        for fraction in results[0].shared_fractions(a, b)
    }
    corrected = holm_corrected({str(key): one for key, one in differences.items()})
    comparisons = [
        RepeatedComparison(a=a, b=b, label_fraction=fraction, difference=corrected[str((a, b, fraction))])
        for a, b, fraction in differences
    ]
    return Repeats(
        n_splits=len(folders), overlap=n_test / n_train, rows=tuple(rows), comparisons=tuple(comparisons),
        failed=tuple(f"{one.folder.name}, {text}" for one in results for text in describe_failures(one.failures)),
    )  # fmt: skip


def _n_training(results: ResultsFolder) -> float:
    """Labelled records of the training part, from a subset's size and share."""
    fraction = max(fraction for fraction, _ in results.pairs())
    return results.n_labels(fraction) / fraction


def _values(results: Sequence[ResultsFolder], fraction: float, arm: str) -> tuple[float, ...]:
    return tuple(
        mean_estimate(one.records, [cell.scores for cell in one.cells(arm, fraction)], auroc) for one in results
    )
