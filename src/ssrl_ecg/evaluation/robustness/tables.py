"""From cells to tables: AUROC under every corruption, what was lost, and who loses less; nothing is trained here.

Two measures of loss, both of the macro AUROC A:
    - drop: A_clean - A_corrupted;
    - relative drop: (A_clean - A_corrupted) / (A_clean - 1/2), the share of what the clean score has above chance that
      is gone; 0 nothing, 1 all; undefined where the clean score is at chance or below, be it in a single resample.
Of a family, both are averaged over its severities. Intervals and p resample patients within test folds, the same for
every model and corruption, with seeds averaged; Holm corrects the comparisons of one question within one family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import cell_path, failures_of, read_cell
from ssrl_ecg.evaluation.robustness.corruptions import CLEAN, CORRUPTIONS, Corruption
from ssrl_ecg.evaluation.robustness.protocol import Protocol
from ssrl_ecg.metrics.bootstrap import percentile_interval, replicate_values
from ssrl_ecg.metrics.comparison import Difference, bootstrap_p_value, check_replicates, holm_corrected
from ssrl_ecg.metrics.inputs import FloatArray, defined_mean
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores, Resamples, draw_resamples

LEVEL = 0.95


@dataclass(frozen=True)
class Sample:
    """AUROCs of one model under one corruption: on the test records (row 0), then in every bootstrap replicate.

    Attributes:
        per_class: (1 + replicate, class), NaN where undefined.
    """

    per_class: FloatArray

    @property
    def macro(self) -> FloatArray:
        """(1 + replicate,): mean over the classes that are defined."""
        return np.asarray(defined_mean(self.per_class, axis=1))


def drop(clean: FloatArray, corrupted: FloatArray) -> FloatArray:
    """A_clean - A_corrupted."""
    return clean - corrupted


def relative_drop(clean: FloatArray, corrupted: FloatArray) -> FloatArray:
    """(A_clean - A_corrupted) / (A_clean - 1/2); NaN where the clean AUROC is 1/2 or less."""
    above_chance = np.where(clean > 0.5, clean - 0.5, np.nan)
    return np.asarray((clean - corrupted) / above_chance)


Loss = Callable[[FloatArray, FloatArray], FloatArray]


class RobustnessResults:
    """A finished results folder.

    Args:
        folder: of ``prepare_robustness``.
        n_replicates: bootstrap replicates.
        seed: of the resamples.

    Attributes:
        protocol: what was asked.
        models: rows with all their cells.
        failed: row -> why it has none.

    Raises:
        InputError: incomplete results, damaged cells, or models that did not see the same samples.
    """

    def __init__(self, folder: Path, *, n_replicates: int = 2000, seed: int = 0) -> None:
        self.folder, self.protocol = folder, Protocol.read(folder)
        self.failed = {failure.group: failure.reason for failure in failures_of(folder)}
        self.models = [name for name in self.protocol.models if name not in self.failed]
        check_replicates(max(1, len(self.models)), n_replicates, LEVEL)
        self.records = self._read_records()
        drawn = draw_resamples(self.records, 1, n_replicates, np.random.default_rng(seed))
        self._resamples = [Resamples.whole_sample(len(self.records.targets), 1), drawn]
        self._hashes: dict[str, str] = {}
        self.samples = {
            (model, corruption.name): self._sample(model, corruption)
            for corruption in self.protocol.corruptions
            for model in self.models
        }

    def _read_records(self) -> EvaluatedRecords:
        path = self.folder / "records.csv"
        try:
            table = pd.read_csv(path, dtype={"record_id": str, "patient_id": str})
            classes = self.protocol.classes
            return EvaluatedRecords(table[list(classes)].to_numpy(), table["patient_id"], table["fold"], classes)
        except (OSError, KeyError, ValueError) as error:
            raise InputError("no table of the test records", file=path, found=error) from error

    def _sample(self, model: str, corruption: Corruption) -> Sample:
        path = cell_path(self.folder, model, corruption.name)
        if not path.is_file():
            raise InputError("results are not complete: run the command again", file=path, expected="a file of scores")
        arrays, _ = read_cell(path)
        seen = str(arrays["sha256"])
        if self._hashes.setdefault(corruption.name, seen) != seen:
            raise InputError("models were not given the same corrupted samples", file=path, field=corruption.name)
        scores = arrays["scores"]
        one_subset = ModelScores(scores, np.zeros(len(scores), dtype=int))
        values = [replicate_values(self.records, one_subset, auroc, drawn) for drawn in self._resamples]
        return Sample(np.concatenate(values))

    def loss(self, model: str, corruption: Corruption, measure: Loss) -> FloatArray:
        """(1 + replicate,): what a model loses; NaN throughout where a single value is undefined.

        Percentiles of the replicates that happen to be defined would be those of lucky resamples.
        """
        values = measure(self.samples[model, CLEAN.name].macro, self.samples[model, corruption.name].macro)
        return np.full_like(values, np.nan) if np.isnan(values).any() else values

    def family_loss(self, model: str, family: str, measure: Loss) -> FloatArray:
        """(1 + replicate,): the same averaged over the severities of a family."""
        parts = [Corruption(family, severity) for severity in CORRUPTIONS[family].severities]
        return np.asarray(np.mean([self.loss(model, part, measure) for part in parts], axis=0))

    def cell(self, model: str, corruption: Corruption) -> str:
        """Path of a cell's file within the folder."""
        return cell_path(self.folder, model, corruption.name).relative_to(self.folder).as_posix()


def with_interval(name: str, values: FloatArray) -> dict[str, Any]:
    """Columns NAME, NAME_low, NAME_high of a value and its replicates."""
    found = percentile_interval(float(values[0]), values[1:], LEVEL)
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}


def scores_table(results: RobustnessResults) -> pd.DataFrame:
    """One row per model and corruption: AUROC, losses, and the class with the lowest AUROC."""
    rows: list[dict[str, Any]] = []
    for corruption in results.protocol.corruptions:
        for model in results.models:
            sample = results.samples[model, corruption.name]
            first = sample.per_class[0]
            worst = None if np.isnan(first).all() else int(np.nanargmin(first))
            rows.append(
                {"model": model, "corruption": corruption.family, "severity": corruption.severity}
                | with_interval("auroc", sample.macro)
                | with_interval("drop", results.loss(model, corruption, drop))
                | with_interval("relative_drop", results.loss(model, corruption, relative_drop))
                | {"worst_class": "" if worst is None else results.protocol.classes[worst]}
                | with_interval("worst_class_auroc", sample.per_class[:, 0 if worst is None else worst])
                | {"cell": results.cell(model, corruption)}
            )
    return pd.DataFrame(rows)


def families_table(results: RobustnessResults) -> pd.DataFrame:
    """One row per model and family: losses averaged over the severities."""
    return pd.DataFrame(
        [
            {"model": model, "corruption": family}
            | with_interval("drop", results.family_loss(model, family, drop))
            | with_interval("relative_drop", results.family_loss(model, family, relative_drop))
            for family in results.protocol.families
            for model in results.models
        ]
    )


def noise_pairs(results: RobustnessResults) -> list[tuple[str, str]]:
    """Rows that differ in noise transforms alone, both without failure: with them, without them."""
    return [pair for pair in results.protocol.noise_pairs if {*pair} <= {*results.models}]


def reference_pairs(results: RobustnessResults) -> list[tuple[str, str]]:
    """Every other row and the reference; none where the reference failed or there is none."""
    reference = results.protocol.reference
    return [(model, reference) for model in results.models if model != reference and reference in results.models]


def differences_table(results: RobustnessResults, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Loss of the first row minus that of the second, per family; below 0 the first loses less.

    p and verdict are of the relative drop; Holm's correction is over the pairs, within a family.
    """
    rows: list[dict[str, Any]] = []
    for family in results.protocol.families:
        found = {pair: _difference(results, pair, family, relative_drop) for pair in pairs}
        corrected = holm_corrected({" | ".join(pair): difference for pair, (_, difference) in found.items()})
        for pair, (values, _) in found.items():
            difference = corrected[" | ".join(pair)]
            rows.append(
                {"model": pair[0], "compared_with": pair[1], "corruption": family}
                | with_interval("relative_drop_difference", values)
                | with_interval("drop_difference", _difference(results, pair, family, drop)[0])
                | {"p": difference.p_value, "p_holm": difference.p_holm, "verdict": VERDICTS[difference.verdict]}
            )
    return pd.DataFrame(rows)


VERDICTS: Mapping[str, str] = {
    "better": "loses more", "worse": "loses less", "no difference": "no difference", "undefined": "undefined",
}  # fmt: skip
"""Verdict on a difference of losses -> in words; more loss is not better."""


def _difference(
    results: RobustnessResults, pair: tuple[str, str], family: str, measure: Loss
) -> tuple[FloatArray, Difference[Any]]:
    first, second = (results.family_loss(model, family, measure) for model in pair)
    values = first - second
    interval = percentile_interval(float(values[0]), values[1:], LEVEL)
    return values, Difference(interval=interval, p_value=bootstrap_p_value(values[1:]))
