"""The protocol: every model scores the same corrupted test records, one file of scores per model and corruption.

Models are fitted to the clean training records, without any held-out record choosing anything, and score all test
records at once. An interrupted run goes on where it stopped; a model is fitted again only if a score of it is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssrl_ecg.augmentations.recipes import Recipe
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.data.splits import Split, assert_patients_disjoint, without_validation
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Family
from ssrl_ecg.evaluation.cell_jobs import CellJob, require_finite
from ssrl_ecg.evaluation.cells import identity_of
from ssrl_ecg.evaluation.experiment import Runner
from ssrl_ecg.evaluation.label_fractions import rankable_scores
from ssrl_ecg.evaluation.plans import Experiment
from ssrl_ecg.evaluation.robustness.corrupted_records import TestRecords
from ssrl_ecg.evaluation.robustness.corruptions import CORRUPTIONS, Corruption, corruptions_of
from ssrl_ecg.evaluation.robustness.models import FLOORS_SCORED, Model, ModelPlan, model_plans
from ssrl_ecg.evaluation.runner import CheckedCells, Execution
from ssrl_ecg.files import atomic_path, write_json
from ssrl_ecg.metrics.comparison import check_replicates

_LARGEST_SCORE = 6e4
"""Scores are kept as float16, whose largest number is 65,504."""


@dataclass(frozen=True)
class Protocol:
    """What a results folder says of itself, in ``robustness.json``.

    Attributes:
        models: row name -> its family.
        families: corruptions asked for, in the order of the tables.
        classes: columns of the scores.
        noise_pairs: (row, row) that differ in noise transforms alone: with them, without them.
        reference: row that all others are compared with.
    """

    models: dict[str, Family]
    families: tuple[str, ...]
    classes: tuple[str, ...]
    noise_pairs: tuple[tuple[str, str], ...]
    reference: str

    @property
    def corruptions(self) -> list[Corruption]:
        """No corruption, then every severity of every family."""
        return corruptions_of(self.families)

    @classmethod
    def read(cls, folder: Path) -> Protocol:
        """Read it.

        Raises:
            InputError: the folder holds no such results, or those of another version.
        """
        path = folder / "robustness.json"
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            pairs = tuple((first, second) for first, second in known.pop("noise_pairs"))
            families, classes = tuple(known.pop("families")), tuple(known.pop("classes"))
            found = cls(families=families, classes=classes, noise_pairs=pairs, **known)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            expected = "results of ssrl-ecg benchmark robustness"
            raise InputError("no results of this protocol", file=path, expected=expected, found=error) from error
        if unknown := set(found.families) - set(CORRUPTIONS):
            raise InputError("unknown corruption", file=path, field="families", found=", ".join(sorted(unknown)))
        return found


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """What is asked.

    Attributes:
        experiment: methods, supervised rows, fine-tuning and floors, as for the main job.
        families: names of ``CORRUPTIONS``.
        noises: recorded noise by name, its test part, for the families that need it.
        reference: see ``Protocol``.
        n_seeds: trainings per row.
        seed: first seed of trainings, and the seed of all corruptions.
    """

    experiment: Experiment
    families: tuple[str, ...]
    noises: Mapping[str, SignalFile]
    reference: str
    n_seeds: int = 3
    seed: int = 42

    def __post_init__(self) -> None:
        if self.n_seeds < 1:
            raise InputError("at least one training per row is needed", field="n_seeds", found=self.n_seeds)
        if not self.families or len({*self.families}) < len(self.families):
            raise InputError("corruptions are asked for once each", field="corruptions", found=self.families)
        for name in self.families:
            if name not in CORRUPTIONS:
                raise InputError("unknown corruption", field="corruptions", expected=", ".join(CORRUPTIONS), found=name)
            if (needed := CORRUPTIONS[name].noise) and needed not in self.noises:
                what = "this corruption needs the Noise Stress Test Database"
                raise InputError(what, field=name, expected=f"recording {needed} (--nstdb FOLDER)", found="none")

    def check(self, n_replicates: int) -> None:
        """Refuse, before hours of training, too few bootstrap replicates for Holm's correction over all rows.

        Raises:
            InputError: with the number that is enough.
        """
        n_rows = 2 * len(self.experiment.methods) + len(self.experiment.supervised) + len(FLOORS_SCORED)
        check_replicates(n_rows, n_replicates)


def prepare_robustness(
    asked: Robustness,
    store: RecordStore,
    labels: Labels,
    splits: Sequence[Split],
    folder: Path,
    *,
    encoders: Path | None = None,
    execution: Execution | None = None,
) -> CheckedCells:
    """List every cell; ``run`` then pretrains, fits and scores what is missing, for ``tables`` and ``report`` to read.

    Args:
        asked: models and corruptions.
        store: the clean records.
        labels: targets of every row.
        splits: splits that share their training rows; test rows are scored together, validation rows are not used.
        folder: results folder.
        encoders: folder of pretrained encoders; without it ``models`` in the results folder.
        execution: how cells are computed; without it one after the other.

    Raises:
        InputError: a patient on both sides, no labelled test record, or what ``check_cells`` refuses.
    """
    execution = execution or Execution()
    whole = without_validation(splits)
    assert_patients_disjoint(store.records, whole)
    split = Split(*(part[labels.known[part]] for part in whole.parts().values()))
    if not len(split.test):
        raise InputError("no labelled test record", field=labels.name, expected="one at least", found=0)
    runner = Runner(asked.experiment, store, labels, [whole], folder, encoders or folder / "models", execution.progress)
    test = TestRecords(store, split.test, asked.seed, asked.noises)
    plans = model_plans(runner, split, asked.n_seeds)
    jobs = [*runner.pretrainings.jobs(), *_jobs(asked, plans, test, labels, split)]

    def begin() -> None:
        runner.pretrainings.forget_lost(folder)
        _write_frame(asked, plans, store, labels, split, folder)

    return CheckedCells(jobs, folder, execution, begin)


def _jobs(
    asked: Robustness, plans: Sequence[ModelPlan], test: TestRecords, labels: Labels, split: Split
) -> list[CellJob]:
    corruptions = {corruption: test.settings(corruption) for corruption in corruptions_of(asked.families)}
    trained = test.store.records["record_id"].to_numpy()[split.train]
    return [
        CellJob(
            plan.arm.name,
            corruption.name,
            identity_of(plan.arm.settings, plan.n_seeds, asked.seed, trained, *settings),
            partial(of_model, corruption),
            plan.arm.pretrainings,
        )
        for plan in plans
        for of_model in [_ModelScores(plan, asked.seed, test, labels)]
        for corruption, settings in corruptions.items()
    ]


@dataclass
class _ModelScores:
    """Scores of one row; its models are fitted with its first cell, in whatever process that is computed."""

    plan: ModelPlan
    first_seed: int
    test: TestRecords
    labels: Labels

    @cached_property
    def _models(self) -> list[Model]:
        return [self.plan.fit(self.first_seed + number) for number in range(self.plan.n_seeds)]

    def __call__(self, corruption: Corruption) -> dict[str, Any]:
        raw = [model.scores(self.test, corruption) for model in self._models]
        require_finite({f"scores of seed {self.first_seed + number}": one for number, one in enumerate(raw)})
        logits = self.plan.arm.gives_logits
        scores = np.stack([rankable_scores(one, self.labels.task, gives_logits=logits) for one in raw])
        kept = scores.clip(-_LARGEST_SCORE, _LARGEST_SCORE).astype(np.float16)
        return {"scores": kept, "sha256": np.array(self.test.corrupted(corruption).sha256())}


def _write_frame(
    asked: Robustness, plans: Sequence[ModelPlan], store: RecordStore, labels: Labels, split: Split, folder: Path
) -> None:
    """Write what scores refer to: ``records.csv``, the test records with labels, and ``robustness.json``."""
    table = store.records.iloc[split.test][["record_id", "patient_id", "fold"]].reset_index(drop=True)
    values = pd.DataFrame(labels.values[split.test], columns=list(labels.classes))
    with atomic_path(folder / "records.csv") as temporary:
        pd.concat([table, values], axis=1).to_csv(temporary, index=False)
    models = {plan.arm.name: plan.arm.family for plan in plans}
    protocol = Protocol(models, asked.families, labels.classes, noise_pairs_of(models), asked.reference)
    write_json(folder / "robustness.json", asdict(protocol))


_NOISE = " with noise"


def with_noise_arms(experiment: Experiment, names: Sequence[str], add_noise: Callable[[Recipe], Recipe]) -> Experiment:
    """Add arms that are pretrained, or trained from scratch, with noise transforms and are otherwise the same.

    Args:
        experiment: with the methods and supervised rows.
        names: names, as in tables, of those that get a second arm.
        add_noise: recipe -> the recipe with noise transforms.
    """
    methods, supervised = list(experiment.methods), dict(experiment.supervised)
    methods += [
        replace(method, name=method.name + _NOISE, recipe=add_noise(method.recipe))
        for method in methods
        if method.name in names
    ]
    supervised |= {
        name + _NOISE: replace(plan, recipe=add_noise(plan.recipe))
        for name, plan in supervised.items()
        if name in names
    }
    return replace(experiment, methods=methods, supervised=supervised)


def noise_pairs_of(models: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Rows that differ in noise transforms alone, by what ``with_noise_arms`` called them."""
    names = list(models)
    return tuple((name, name.replace(_NOISE, "")) for name in names if name.replace(_NOISE, "") in {*names} - {name})
