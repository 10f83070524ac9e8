"""From the cells of a label-scarcity run to its rows, comparisons and label equivalences; nothing is trained here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.assemble import make_curves
from ssrl_ecg.evaluation.cells import describe_failures
from ssrl_ecg.evaluation.label_fractions import cell_files
from ssrl_ecg.evaluation.report_data import Curves
from ssrl_ecg.evaluation.report_scores import Comparison, Row
from ssrl_ecg.evaluation.summary import (
    BOOTSTRAP_SEED,
    CellResult,
    ResultsFolder,
    default_pairs,
    make_comparisons,
    make_rows,
    mean_estimate,
)
from ssrl_ecg.metrics.bootstrap import replicate_values
from ssrl_ecg.metrics.inputs import FloatArray, defined_mean
from ssrl_ecg.metrics.label_equivalence import LabelEquivalence, label_equivalence
from ssrl_ecg.metrics.multilabel import auroc, threshold_statistic
from ssrl_ecg.metrics.resampling import Resamples, draw_resamples


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """What a row's labels are worth in labels of a row without pretraining.

    Attributes:
        name: the row with pretraining.
        reference: the row without.
        found: at one label fraction.
    """

    name: str
    reference: str
    found: LabelEquivalence


@dataclass(frozen=True, kw_only=True)
class LabelScarcity:
    """What the page of a label-scarcity run says.

    Attributes:
        rows: every row at every label fraction.
        comparisons: paired differences of methods from what is not pretrained, Holm-corrected together.
        equivalences: every compared method against every compared row without pretraining, at each fraction.
        test_positives: class -> positive test records.
        curves: reliability and risk against coverage of the compared rows, with the fewest and with the most labels.
        failed: sentences about cells without a result.
    """

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    equivalences: tuple[Equivalence, ...]
    test_positives: dict[str, int]
    curves: tuple[Curves, ...]
    failed: tuple[str, ...]

    @property
    def compared_rows(self) -> list[str]:
        """Names of the rows that stand in a comparison, each once."""
        return list(dict.fromkeys(row for pair in self.comparisons for row in (pair.a, pair.b)))


def make_label_scarcity(folder: Path, *, n_replicates: int = 2000) -> LabelScarcity:
    """Compute everything from a finished results folder.

    Args:
        folder: results folder of ``prepare_experiment``.
        n_replicates: bootstrap replicates of every interval.

    Raises:
        InputError: incomplete results, no cell that could be computed, or too few replicates for Holm's correction.
    """
    results = ResultsFolder(folder)
    if not results.pairs():
        raise InputError("no cell could be computed", file=folder, expected="at least one", found="failures alone")
    pairs = default_pairs(results.arms.values())
    positives = results.records.targets.sum(axis=0, dtype=np.int64).tolist()
    return LabelScarcity(
        rows=tuple(make_rows(results, n_replicates=n_replicates)),
        comparisons=tuple(make_comparisons(results, pairs, n_replicates=n_replicates)),
        equivalences=tuple(make_equivalences(results, pairs, n_replicates=n_replicates)),
        test_positives=dict(zip(results.classes, positives, strict=True)),
        curves=tuple(_curves(results, {row for pair in pairs for row in pair})),
        failed=tuple(describe_failures(results.failures)),
    )


def _curves(results: ResultsFolder, names: Collection[str]) -> Iterator[Curves]:
    fractions = sorted({fraction for fraction, _ in results.pairs() if fraction})
    for fraction in dict.fromkeys(fractions[:1] + fractions[-1:]):
        yield replace(make_curves(results, fraction, names or None), roc={}, pr={})


def make_equivalences(
    results: ResultsFolder, pairs: Sequence[tuple[str, str]], *, n_replicates: int = 2000, level: float = 0.95
) -> list[Equivalence]:
    """How many labels of the second row are worth a fraction of them to the first, for each fraction of the first.

    Patients are resampled alike for all rows and fractions, label subsets alike for all rows of a fraction. A reference
    without a curve, because it needs no label or has a single fraction, is left out.

    Args:
        results: the results folder.
        pairs: (row with pretraining, row without).
        n_replicates: bootstrap replicates.
        level: nominal coverage of the intervals.
    """

    @cache
    def scores(arm: str, fraction: float) -> tuple[float, FloatArray]:
        return macro_replicates(results, arm, fraction, n_replicates)

    found = []
    for name, reference in pairs:
        fractions = results.fractions(reference)
        if not results.arms[reference].needs_labels or len(fractions) < 2:
            continue
        curve = [scores(reference, fraction)[0] for fraction in fractions]
        replicates = np.stack([scores(reference, fraction)[1] for fraction in fractions], axis=1)
        for fraction in results.fractions(name):
            value = label_equivalence(
                fraction, *scores(name, fraction), fractions, curve, replicates, level=level
            )  # fmt: skip
            found.append(Equivalence(name=name, reference=reference, found=value))
    return found


def macro_replicates(results: ResultsFolder, arm: str, fraction: float, n_replicates: int) -> tuple[float, FloatArray]:
    """Macro AUROC of a row at a fraction, and in bootstrap replicates (replicate,).

    The draws of patients are the same for every row and fraction: they come first from one seed.
    """
    records, model = results.records, results.model_scores(arm, fraction)
    n_subsets = len(model.subset_ids())
    drawn = draw_resamples(records, n_subsets, n_replicates, np.random.default_rng(BOOTSTRAP_SEED))
    whole = Resamples.whole_sample(len(records.targets), n_subsets)
    estimate = defined_mean(replicate_values(records, model, auroc, whole)[0])
    return float(estimate), defined_mean(replicate_values(records, model, auroc, drawn), axis=1)


def published_shape(
    results: ResultsFolder, tracks: Mapping[str, str], seeds: Sequence[int], fractions: Sequence[float]
) -> dict[str, Any]:
    """The results as SSRL-ECG's ``label_scarcity_benchmark.json`` has them: lists over seeds, nothing else.

    Args:
        results: the results folder.
        tracks: published name of a track ("supervised", "ssl_finetuned", "ssl_frozen") -> row name; the lists of
            a track that was not run are empty.
        seeds: the seed of each repeat.
        fractions: label fractions, in the order in which they are to stand.

    Returns:
        ``label_scarcity`` (fraction as ``str(float)`` -> track -> {"auroc": [...], "f1": [...]}, macro means over the
        classes, one entry per seed, None where a cell failed), ``seeds`` and ``label_fractions``. F1 is taken at the
        thresholds that were best on validation records and is None without any.
    """
    return {
        "label_scarcity": {
            str(float(fraction)): {track: _lists(results, arm, fraction) for track, arm in tracks.items()}
            for fraction in fractions
        },
        "seeds": list(seeds),
        "label_fractions": list(fractions),
    }


def _lists(results: ResultsFolder, arm: str, fraction: float) -> dict[str, list[float | None]]:
    if arm not in results.arms:
        return {"auroc": [], "f1": []}
    numbers = [number for found, number, _ in cell_files(results.folder, arm) if found == fraction]
    cells = [next(iter(results.cells(arm, fraction, [number])), None) for number in numbers]
    return {
        "auroc": [None if cell is None else mean_estimate(results.records, [cell.scores], auroc) for cell in cells],
        "f1": [_macro_f1(results, cell) for cell in cells],
    }


def _macro_f1(results: ResultsFolder, cell: CellResult | None) -> float | None:
    if cell is None or cell.decisions is None:
        return None
    return mean_estimate(results.records, [cell.decisions.values], threshold_statistic("f1"))
