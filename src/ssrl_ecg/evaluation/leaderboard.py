"""From the cells of many methods to a leaderboard: every row, and each method against the best of what is not it.

Two questions, each asked of its own rows. Of pretraining that saw signals alone: is it better than the best row without
clinical knowledge? Of pretraining or systems that know measurements, criteria or a simulator: are they better than the
best row of all that is not pretrained? "Best" is the highest AUROC on the very test records, which is kind to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.assemble import make_curves
from ssrl_ecg.evaluation.cells import describe_failures
from ssrl_ecg.evaluation.report_data import Curves
from ssrl_ecg.evaluation.report_scores import Comparison, Family, Row
from ssrl_ecg.evaluation.summary import ResultsFolder, compare, make_rows
from ssrl_ecg.evaluation.typed_json import decode_file, read_tree
from ssrl_ecg.files import write_json

Question = Literal["signals alone", "with knowledge"]

RANDOM = "random encoder probe"


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """What the leaderboard page says.

    Attributes:
        rows: every row at every amount of labels.
        knowledge: row name -> whether clinical knowledge takes part.
        references: question -> label fraction (as text) -> the best row that is not pretrained.
        comparisons: question -> paired differences from that row; Holm's correction within a question and fraction.
        processor_s: pretrained encoder -> seconds of processor time of its pretraining.
        failures: sentences about cells without a result.
        curves: reliability and risk-coverage curves of the best row of each family at each amount of labels.
    """

    rows: tuple[Row, ...]
    knowledge: dict[str, bool]
    references: dict[Question, dict[str, str]]
    comparisons: dict[Question, tuple[Comparison, ...]]
    processor_s: dict[str, float]
    curves: tuple[Curves, ...] = ()
    failures: tuple[str, ...] = ()


def make_leaderboard(folder: Path, *, n_replicates: int = 2000) -> Leaderboard:
    """Compute every row, interval and comparison from a finished results folder.

    Args:
        folder: results folder of ``prepare_experiment``.
        n_replicates: bootstrap replicates of every interval.

    Raises:
        InputError: incomplete results, or results without a row that is not pretrained.
    """
    results = ResultsFolder(folder)
    rows = make_rows(results, n_replicates=n_replicates)
    knowledge = {name: arm.knowledge for name, arm in results.arms.items()}
    references: dict[Question, dict[str, str]] = {"signals alone": {}, "with knowledge": {}}
    comparisons: dict[Question, tuple[Comparison, ...]] = {}
    for question, best in references.items():
        knows = question == "with knowledge"
        found: list[Comparison] = []
        for fraction in sorted({row.label_fraction for row in rows if row.label_fraction}):
            here = [row for row in rows if row.label_fraction == fraction]
            best[f"{fraction:g}"] = _best_rival(here, knowledge, knows=knows)
            asked = [row.name for row in here if row.family == "method" and knowledge[row.name] == knows]
            pairs = [(name, best[f"{fraction:g}"], fraction) for name in asked]
            found += compare(results, pairs, n_replicates=n_replicates)
        comparisons[question] = tuple(found)
    return Leaderboard(
        rows=tuple(rows), knowledge=knowledge, references=references, comparisons=comparisons,
        processor_s=_processor_s(folder), curves=tuple(_best_curves(results, rows)),
        failures=tuple(describe_failures(results.failures)),
    )  # fmt: skip


def _best_rival(rows: Sequence[Row], knowledge: Mapping[str, bool], *, knows: bool) -> str:
    """Name the best row that is not pretrained; without ``knows``, of those without clinical knowledge."""
    rivals = [row for row in rows if row.family != "method" and (knows or not knowledge[row.name])]
    if not rivals:
        raise InputError("a leaderboard needs rows that are not pretrained", expected="supervised rows or floors")
    return max(rivals, key=lambda row: row.macro_auroc).name


def _best_curves(results: ResultsFolder, rows: Sequence[Row]) -> Iterator[Curves]:
    best = best_rows(rows)
    for fraction in sorted({row.label_fraction for row in best if row.label_fraction}):
        names = [row.name for row in best if row.label_fraction == fraction]
        yield replace(make_curves(results, fraction, names), roc={}, pr={})


def _processor_s(folder: Path) -> dict[str, float]:
    noted = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (folder / "pretraining").glob("*.json")
    }
    return {name: float(one["processor_s"]) for name, one in sorted(noted.items()) if "processor_s" in one}


def write_leaderboard(leaderboard: Leaderboard, run: Mapping[str, Any], path: Path) -> None:
    """Write it as JSON, with the run record it came from."""
    write_json(path, {"run": dict(run), **asdict(leaderboard)})


def read_leaderboard(path: Path) -> tuple[Leaderboard, dict[str, Any]]:
    """Read back what ``write_leaderboard`` wrote: the leaderboard and its run record.

    Raises:
        InputError: if the file is missing, is not JSON, or does not hold a leaderboard.
    """
    tree = read_tree(path)
    if not isinstance(tree, dict) or "run" not in tree:
        raise InputError("is no leaderboard", file=path, expected="a run record and rows")
    rows = {name: value for name, value in tree.items() if name != "run"}
    return decode_file(Leaderboard, rows, "leaderboard", path), tree["run"]


def best_rows(rows: Sequence[Row]) -> list[Row]:
    """Pick the best row of each family at each amount of labels, fewest labels first."""
    best: dict[tuple[float, str], Row] = {}
    for row in sorted(rows, key=lambda row: row.macro_auroc):
        best[row.label_fraction, row.family] = row
    families = get_args(Family)
    return [best[key] for key in sorted(best, key=lambda key: (key[0], families.index(key[1])))]


def standings(leaderboard: Leaderboard) -> list[str]:
    """Name the best row of each family at each amount of labels."""
    return [
        f"{row.n_labels} labels, best {row.family}: {row.name} {row.macro_auroc:.3f}"
        for row in best_rows(leaderboard.rows)
    ]
