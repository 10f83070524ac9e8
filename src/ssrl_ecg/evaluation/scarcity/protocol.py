"""One label-scarcity run: the splits, or random splits in turn, each with all its tracks in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import Failure
from ssrl_ecg.evaluation.experiment import prepare_experiment
from ssrl_ecg.evaluation.label_fractions import cell_files
from ssrl_ecg.evaluation.plans import Experiment
from ssrl_ecg.evaluation.runner import CheckedCells, Execution
from ssrl_ecg.evaluation.scarcity.page import ValidationTrack
from ssrl_ecg.evaluation.scarcity.repeats import Repeats, make_repeats
from ssrl_ecg.evaluation.scarcity.results import LabelScarcity, make_label_scarcity, published_shape
from ssrl_ecg.evaluation.scarcity.tracks import Tracks
from ssrl_ecg.evaluation.summary import ResultsFolder


@dataclass(frozen=True)
class Protocol:
    """What is compared, on which records.

    Attributes:
        experiment: the rows of every comparison, and the label fractions.
        tracks: further rows, and who may choose.
        store: the records.
        all_labels: targets of every row, with all classes.
        repeats: splits of each repetition; splits of one share their training rows.
        min_test_positives: classes with fewer positive test records in a repetition, all its test parts together, are
            left out everywhere.

    Raises:
        InputError: when ``labels`` is asked for and no class is left, or a class of a single-label task would go.
    """

    experiment: Experiment
    tracks: Tracks
    store: RecordStore
    all_labels: Labels
    repeats: Sequence[Sequence[Split]]
    min_test_positives: int = 1

    @cached_property
    def test_positives(self) -> dict[str, int]:
        """Class -> positive test records, the fewest of all repetitions."""
        counts = [self.all_labels.take(_tested(splits)).counts() for splits in self.repeats]
        return {name: min(one[name] for one in counts) for name in self.all_labels.classes}

    @cached_property
    def labels(self) -> Labels:
        """Targets of every row in the classes that can be judged."""
        labels = self.all_labels
        kept = [count >= self.min_test_positives for count in self.test_positives.values()]
        if all(kept):
            return labels
        if labels.task == "single" or not any(kept):
            found = ", ".join(f"{name} {count}" for name, count in self.test_positives.items())[:200]
            expected = f"{self.min_test_positives} in {'every' if labels.task == 'single' else 'some'} class"
            raise InputError("too few positive test records", field=labels.name, expected=expected, found=found)
        classes = tuple(name for name, keep in zip(labels.classes, kept, strict=True) if keep)
        return replace(labels, classes=classes, values=np.ascontiguousarray(labels.values[:, kept]))

    def judged(self) -> str:
        """How many classes can be judged, and which cannot, in words."""
        gone = [f"{name} {self.test_positives[name]}" for name in self.all_labels.classes
                if name not in self.labels.classes]  # fmt: skip
        found = (
            f"{len(self.labels.classes)} of {len(self.all_labels.classes)} classes have {self.min_test_positives} or "
            "more positive test records"
        )
        return f"{found}; left out: {', '.join(gone)}" if gone else found

    def check(self, folder: Path, encoders: Path, execution: Execution | None = None) -> None:
        """Refuse, before anything is written, what ``run`` would refuse; arguments are the same.

        Raises:
            InputError: results folders that cannot take these cells.
        """
        for _ in self._checked(folder, encoders, execution):
            pass

    def run(self, folder: Path, encoders: Path, execution: Execution | None = None) -> tuple[list[Path], list[Failure]]:
        """Compute every missing cell.

        Args:
            folder: results folder; random splits have folders of their own in it.
            encoders: folder of the pretrained encoders; of random splits, one in it for each.
            execution: how cells are computed.

        Returns:
            The results folder of each repetition, and the cells without a result.
        """
        folders: list[Path] = []
        failures: list[Failure] = []
        for checked in self._checked(folder, encoders, execution):
            folders.append(checked.folder)
            failures += checked.run().failures
        return folders, failures

    def _checked(self, folder: Path, encoders: Path, execution: Execution | None) -> Iterator[CheckedCells]:
        """The cells of each repetition in turn: only one set of features is in memory at a time."""
        names = [""] if len(self.repeats) == 1 else [f"split-{number:02d}" for number in range(len(self.repeats))]
        for name, splits in zip(names, self.repeats, strict=True):
            yield prepare_experiment(
                self.experiment, self.store, self.labels, splits, folder / name, encoders=encoders / name,
                execution=execution, make_plans=self.tracks.plans,
            )  # fmt: skip


def _tested(splits: Sequence[Split]) -> np.ndarray:
    return np.unique(np.concatenate([split.test for split in splits]))


def published(folder: Path, experiment: Experiment) -> dict[str, Any]:
    """A finished run in the published shape: the supervised row, and the first method's, fine-tuned and frozen.

    Args:
        folder: results folder of the track with a validation fold.
        experiment: what was compared.
    """
    design, method = experiment.design, next((one.name for one in experiment.methods), "")
    supervised = next(iter(experiment.supervised), "")
    tracks = {"supervised": supervised, "ssl_finetuned": f"{method} fine-tuned", "ssl_frozen": f"{method} frozen probe"}
    seeds = [design.seed_of(repeat) for repeat in range(max(design.n_repeats))]
    counted = (fraction for fraction, _, _ in cell_files(folder, supervised))
    return published_shape(ResultsFolder(folder), tracks, seeds, list(dict.fromkeys((*design.fractions, *counted))))


def summarise(folders: Sequence[Path], *, n_replicates: int) -> LabelScarcity | Repeats:
    """Summarise one results folder by bootstrap over its patients, several by Student's t over their splits.

    Args:
        folders: results folders of a finished run.
        n_replicates: bootstrap replicates.
    """
    return make_label_scarcity(folders[0], n_replicates=n_replicates) if len(folders) == 1 else make_repeats(folders)


def headlines(
    tracks: Mapping[ValidationTrack, LabelScarcity | Repeats], reference: str = "supervised"
) -> Iterator[str]:
    """What labels are worth in labels without pretraining, in words; of random splits, every row's mean."""
    for name, track in tracks.items():
        if isinstance(track, LabelScarcity):
            found = [one for one in track.equivalences if one.reference == reference]
            yield from (f"{name}: {one.name} against {one.reference}: {one.found.sentence}" for one in found)
        else:
            yield from (
                f"{name}: {row.name} at {100 * row.label_fraction:.3g} %: {row.corrected.estimate:.3f} "
                f"[{row.corrected.low:.3f}, {row.corrected.high:.3f}] over {track.n_splits} splits"
                for row in track.rows
            )
