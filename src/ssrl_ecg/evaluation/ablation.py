"""What each augmentation of a recipe is worth: pretraining with the whole recipe, and with one left out in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.plans import MethodPlan
from ssrl_ecg.evaluation.report_scores import Comparison, Row
from ssrl_ecg.evaluation.report_tables import difference_text
from ssrl_ecg.evaluation.summary import ResultsFolder, compare, make_row
from ssrl_ecg.evaluation.tables import interval, number, p_value
from ssrl_ecg.files import write_json


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """Rows of frozen probes, and what leaving an augmentation out changes.

    Attributes:
        rows: the whole recipe first, then each that lacks one, at every amount of labels.
        differences: each row that lacks one minus the whole, paired on the same subsets and resamples; Holm's
            correction over all of them. Below 0, the augmentation helps.
    """

    rows: tuple[Row, ...]
    differences: tuple[Comparison, ...]


def leave_one_out(method: MethodPlan) -> list[MethodPlan]:
    """Return a method with its whole recipe, and with each augmentation of it left out; names say which.

    Raises:
        InputError: the recipe has not two augmentations at least.
    """
    steps = [augmentation.name for augmentation in method.recipe.augmentations]
    if len(steps) < 2:
        found = f"{len(steps)} in {method.recipe.name}"
        raise InputError("nothing to leave out", field="recipe", expected="two augmentations or more", found=found)
    recipes = [method.recipe, *(method.recipe.without(step) for step in steps)]
    return [replace(method, name=f"{method.name} {recipe.name}", recipe=recipe) for recipe in recipes]


def make_ablation(folder: Path, methods: Sequence[MethodPlan], *, n_replicates: int = 2000) -> Ablation:
    """Compute rows, intervals and differences from a finished results folder.

    Intervals resample patients and label subsets. Subsets take the pretrained encoders in turn, so that the chance of
    a pretraining is in them as far as several encoders were pretrained, and not at all with one.

    Args:
        folder: results folder of ``prepare_experiment``.
        methods: those of ``leave_one_out``, the whole recipe first.
        n_replicates: bootstrap replicates of every interval.

    Raises:
        InputError: incomplete results.
    """
    results = ResultsFolder(folder)
    whole, *others = (f"{method.name} frozen probe" for method in methods)
    fractions = results.fractions(whole)
    triples = [(other, whole, fraction) for fraction in fractions for other in others]
    return Ablation(
        rows=tuple(
            make_row(results, name, fraction, n_replicates=n_replicates)
            for fraction in fractions
            for name in (whole, *others)
            if fraction in results.fractions(name)
        ),
        differences=tuple(compare(results, triples, n_replicates=n_replicates)),
    )


def ablation_table(ablation: Ablation) -> list[str]:
    """Return the lines of a Markdown table: AUROC and, for what lacks an augmentation, the difference."""
    differences = {(one.a, one.label_fraction): one for one in ablation.differences}
    lines = ["| labels | row | macro AUROC [95 %] | minus the whole recipe [95 %] | p (Holm) |", "|---" * 5 + "|"]
    for row in ablation.rows:
        score = f"{number(row.macro_auroc)} {interval(*row.interval)}"
        one = differences.get((row.name, row.label_fraction))
        change = f"{difference_text(one)} | {p_value(one.p_holm)}" if one else "– | –"
        lines.append(f"| {row.n_labels} | {row.name} | {score} | {change} |")
    return lines


def write_ablation(ablation: Ablation, run: Mapping[str, Any], path: Path) -> None:
    """Write it as JSON, with the run record it came from."""
    write_json(path, {"run": dict(run), **asdict(ablation)})
