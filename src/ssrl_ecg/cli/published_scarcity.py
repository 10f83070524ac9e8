"""``python -m ssrl_ecg.label_scarcity_benchmark``: the label-scarcity benchmark under its published defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ssrl_ecg.cli.cell_runs import say_failures
from ssrl_ecg.cli.fold_options import FoldOptions
from ssrl_ecg.cli.parsing import parse
from ssrl_ecg.cli.published_options import run_door
from ssrl_ecg.data.splits import parse_folds
from ssrl_ecg.evaluation.scarcity.published import LabelScarcityBenchmark


@dataclass(frozen=True, kw_only=True)
class LabelScarcityDoor:
    """Train PTB-XL classifiers from scratch and from the masked-reconstruction encoder at several label fractions."""

    data_root: Path = Path("data/PTB-XL")
    """Folder of PTB-XL."""
    checkpoint_dir: Path = Path("checkpoints")
    """Folder in which ssl_masked is looked for; without it only the supervised track runs."""
    results_dir: Path = Path("label_scarcity_results")
    """Folder of the results; if they are there in part, the run goes on."""
    label_fractions: tuple[float, ...] = (0.05, 0.1, 0.25, 1.0)
    """Shares of the training labels."""
    seeds: tuple[int, ...] = (42, 52, 62)
    """One repeat each."""
    epochs: int = 30
    """Passes over the labelled recordings at most; training stops after 10 without a better validation score."""
    store: Path | None = None
    """Folder of the store that the recordings are read into once; without it ./store/NAME-100hz."""
    folds: FoldOptions = field(default_factory=FoldOptions)


def main(argv: list[str] | None = None) -> int:
    """Run ``label_scarcity_benchmark``."""

    def command(words: list[str], usage: str) -> int:
        door = parse(LabelScarcityDoor, words, usage)
        folds = door.folds
        benchmark = LabelScarcityBenchmark(
            door.data_root, door.checkpoint_dir, door.results_dir, store=door.store,
            train_folds=parse_folds(folds.train_folds), val_folds=parse_folds(folds.val_folds),
            test_folds=parse_folds(folds.test_folds),
        )  # fmt: skip
        if benchmark.load_ssl_pretrained() is None:
            print(f"no ssl_masked in {door.checkpoint_dir}: the supervised track runs alone")
        found = benchmark.run_label_scarcity_benchmark(door.label_fractions, door.seeds, door.epochs)
        print(*_lines(found["label_scarcity"]), f"results: {door.results_dir}", sep="\n")
        return say_failures(benchmark.failures)

    return run_door("label_scarcity_benchmark", argv, command)


def _lines(found: dict[str, dict[str, dict[str, list[float | None]]]]) -> list[str]:
    """Mean AUROC of every track that was run, over the seeds whose cells are there."""
    return [
        f"{100 * float(fraction):5.3g} % {track:14} AUROC {_mean(scores['auroc'])}"
        for fraction, tracks in found.items()
        for track, scores in tracks.items()
        if scores["auroc"]
    ]


def _mean(values: list[float | None]) -> str:
    there = [value for value in values if value is not None]
    return f"{sum(there) / len(there):.3f}" if there else "undefined"
