"""A row on parts of the test records, such as one test fold or the women: its own AUROC with its own interval.

Nothing is claimed of a class with fewer than ``FEWEST`` positive or negative records in a part; its count is shown.
A part's mean is over the classes that are claimed, so parts with other classes are not comparable by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssrl_ecg.evaluation.report_scores import ClassScore, GroupScore
from ssrl_ecg.metrics.bootstrap import BootstrapResult, stratified_bootstrap
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores

FEWEST = 20
"""Positive, and negative, records of a class in a part from which on its AUROC is given."""

_AGE_LIMITS_YEARS = (0, 40, 60, 80, np.inf)
_AGE_BANDS = ("under 40", "40-59", "60-79", "80 and over")


class Group(NamedTuple):
    """A part of the test records.

    Attributes:
        characteristic: what parts the records, such as "sex".
        name: which part, such as "female".
        members: bool (record,).
    """

    characteristic: str
    name: str
    members: NDArray[np.bool_]


def fold_groups(folds: Iterable[int]) -> list[Group]:
    """The test folds one by one; none if there is one fold only, which is then all records.

    Args:
        folds: test fold of each record.
    """
    column = np.asarray(list(folds))
    numbers = np.unique(column)
    return [Group("fold", str(number), column == number) for number in numbers] if len(numbers) > 1 else []


def patient_groups(table: pd.DataFrame) -> list[Group]:
    """Parts of the records by sex, age band and device, as far as the table has the columns and the values.

    Args:
        table: one row per record. ``sex`` is 0 for men and 1 for women, ``age`` is in years and 300 for whoever is
            older than 89, as in PTB-XL (Wagner et al., Sci. Data 7, 2020); ``device`` is a name.
    """
    groups = []
    if "sex" in table:
        groups += [Group("sex", name, (table["sex"] == code).to_numpy()) for code, name in ((1, "female"), (0, "male"))]
    if "age" in table:
        bands = pd.cut(table["age"], _AGE_LIMITS_YEARS, right=False, labels=_AGE_BANDS)
        groups += [Group("age", band, (bands == band).to_numpy()) for band in _AGE_BANDS]
    if "device" in table:
        names = table["device"].astype("string").str.split().str.join(" ")
        groups += [
            Group("device", name, (names == name).fillna(value=False).to_numpy(bool))
            for name in names.dropna().unique()
        ]
    return [group for group in groups if group.members.any()]


def group_score(
    records: EvaluatedRecords,
    model: ModelScores,
    group: Group,
    *,
    name: str,
    label_fraction: float,
    generator: np.random.Generator,
    n_replicates: int,
) -> GroupScore:
    """Judge a row on a part of the records: macro and per-class AUROC with bootstrap intervals.

    Args:
        records: all test records.
        model: the row's scores of them.
        group: the part.
        name: the row's name.
        label_fraction: where it was trained.
        generator: the only source of randomness.
        n_replicates: bootstrap replicates.
    """
    targets = records.targets[group.members]
    positives = targets.sum(axis=0, dtype=np.int64)
    claimed = np.minimum(positives, len(targets) - positives) >= FEWEST
    found = None
    if claimed.any():
        part = EvaluatedRecords(
            targets[:, claimed],
            records.patients[group.members],
            records.folds[group.members],
            tuple(np.array(records.classes)[claimed].tolist()),
        )
        scores = ModelScores(model.scores[:, group.members][:, :, claimed], model.subsets)
        found = stratified_bootstrap(part, scores, generator=generator, n_replicates=n_replicates)
    per_class = {
        label: _class_score(found, label, int(n_positives))
        for label, n_positives in zip(records.classes, positives, strict=True)
    }
    return GroupScore(
        name=name,
        label_fraction=label_fraction,
        characteristic=group.characteristic,
        group=group.name,
        n_records=len(targets),
        macro_auroc=found.macro.estimate if found else math.nan,
        interval=(found.macro.low, found.macro.high) if found else (math.nan, math.nan),
        per_class=per_class,
    )


def _class_score(found: BootstrapResult | None, label: str, n_positives: int) -> ClassScore:
    if found is None or label not in found.per_class:
        return ClassScore(auroc=math.nan, lo=math.nan, hi=math.nan, n_positives=n_positives)
    one = found.per_class[label]
    return ClassScore(auroc=one.estimate, lo=one.low, hi=one.high, n_positives=n_positives)
