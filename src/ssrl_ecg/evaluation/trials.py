"""Choosing recipes without touching test folds: every trial is trained on folds 1-5, judged on fold 6, and logged."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.evaluation.arms import Task
from ssrl_ecg.evaluation.cells import identity_of
from ssrl_ecg.evaluation.label_fractions import ArmPlan, Cell, rankable_scores
from ssrl_ecg.files import write_json
from ssrl_ecg.metrics.inputs import macro
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.training.run import as_config, git_commit


def run_trials(
    path: Path,
    plans: Sequence[ArmPlan],
    store: RecordStore,
    labels: Labels,
    split: Split,
    cells: Sequence[Cell],
    *,
    progress: bool = True,
) -> list[dict[str, object]]:
    """Score every plan on the judging fold; keep one entry per plan in a JSON file and never repeat one.

    The judging fold serves for early stopping, penalties and the verdict at once: scores are optimistic by the same
    rules for every plan, and are good for choosing between plans, nothing else.

    Args:
        path: JSON list of trials, added to after each one.
        plans: what to try; a plan's name and settings are logged.
        store: the records.
        labels: targets of every row.
        split: training rows and, as validation part, the judging fold.
        cells: label subsets of the training rows.
        progress: show a progress bar.

    Returns:
        All entries of the file.
    """
    entries: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    judged = Split(split.train, split.validation, split.validation)
    for plan in tqdm(plans, desc="trials", disable=not progress):
        identity = identity_of(
            plan.name, as_config(plan.settings), [cell.name for cell in cells], store.facts.fingerprint
        )
        if any(entry["identity"] == identity for entry in entries):
            continue
        began = time.monotonic()
        arm = plan.build()
        scores: dict[str, list[float]] = {}
        for cell in cells:
            result = arm.run(Task(store, labels, cell.rows, [judged], cell.seed))[0]
            ranked = rankable_scores(result.test, labels.task, gives_logits=plan.gives_logits)
            scores.setdefault(f"{cell.fraction:g}", []).append(
                round(macro(auroc(labels.values[judged.test], ranked)), 4)
            )
        entries.append(
            {
                "identity": identity,
                "name": plan.name,
                "settings": as_config(plan.settings),
                "macro_auroc": {fraction: round(float(np.mean(values)), 4) for fraction, values in scores.items()},
                "per_subset": scores,
                "wall_time_s": round(time.monotonic() - began, 1),
                "commit": git_commit(),
            }
        )
        write_json(path, entries)
    return entries
