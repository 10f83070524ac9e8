"""The referee: frozen embeddings of any framework on fixed label subsets and test folds, beside the floors.

An embedding is judged by the linear probe alone, so nothing but the embedding differs between two entries. The subsets
follow from the data's ids, its labels and this file; ``benchmark_ids`` lists them with a hash, which every entry
carries: entries with the same hash were measured on the same records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg import __version__
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split, without_validation
from ssrl_ecg.data.store import RecordStore
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import ProbeArm
from ssrl_ecg.evaluation.cells import group_folder
from ssrl_ecg.evaluation.groups import group_score, patient_groups
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, make_cells
from ssrl_ecg.evaluation.report_data import ReportData
from ssrl_ecg.evaluation.report_scores import GroupScore
from ssrl_ecg.evaluation.summary import BOOTSTRAP_SEED, ResultsFolder
from ssrl_ecg.metrics.comparison import check_replicates
from ssrl_ecg.metrics.resampling import EvaluatedRecords
from ssrl_ecg.training.probe import N_INNER_FOLDS

COUNTS = (0, 16, 32, 64, 128, 256, 512)
N_SUBSETS = 10
ENTRY_SCHEMA = "ssrl-ecg-benchmark/1"
IDS_SCHEMA = "ssrl-ecg-benchmark-ids/1"

_ENTRY_ROW_FIELDS = ("name", "family", "n_labels", "label_fraction", "n_subsets", "macro_auroc", "interval", "auprc",
                     "per_class", "per_fold")  # fmt: skip


def benchmark_design(n_labelled: int) -> LabelFractions:
    """Every count of labels below the number of labelled training records, ten subsets each, and all labels.

    Args:
        n_labelled: labelled training records.
    """
    counts = tuple(count for count in COUNTS if count < n_labelled)
    return LabelFractions(fractions=(1.0,), n_repeats=(1,), counts=counts, count_repeats=N_SUBSETS)


def benchmark_ids(store: RecordStore, labels: Labels, splits: Sequence[Split]) -> dict[str, Any]:
    """Record ids of the training part, of every test fold and of every label subset, with their hash.

    Args:
        store: the records.
        labels: targets of every row.
        splits: the protocol's splits; whether validation rows may choose makes no difference here.

    Returns:
        What ``ids.json`` holds: ``schema``, ``label_set``, ``training`` (ids), ``test`` (fold -> ids), ``subsets``
        (name -> ids) and ``sha256`` of the last three as JSON with sorted keys and no spaces.
    """
    split = without_validation(splits)
    training, tested = (rows[labels.known[rows]] for rows in (split.train, split.test))
    ids, folds = (store.records[column].to_numpy() for column in ("record_id", "fold"))
    cells = make_cells(benchmark_design(len(training)), labels, store.records["patient_id"].to_numpy(), training)
    lists = {
        "training": ids[training].tolist(),
        "test": {str(fold): ids[tested[folds[tested] == fold]].tolist() for fold in np.unique(folds[tested])},
        "subsets": {cell.name: ids[cell.rows].tolist() for cell in cells},
    }
    text = json.dumps(lists, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"schema": IDS_SCHEMA, "label_set": labels.name, **lists, "sha256": digest}


def needed_rows(labels: Labels, splits: Sequence[Split]) -> NDArray[np.int64]:
    """Rows whose features the benchmark reads: every labelled record of the training, validation and test parts."""
    rows = np.unique(np.concatenate([part for split in splits for part in split.parts().values()]))
    return np.asarray(rows[labels.known[rows]], dtype=np.int64)


def feature_plan(name: str, features: NDArray[np.float32], splits: Sequence[Split]) -> ArmPlan:
    """The linear probe of the embeddings.

    Args:
        name: the row's name.
        features: (record, feature) of every record of the store; NaN where a record is not needed.
        splits: the splits it will be run on; without validation rows the probe chooses within the labelled records.
    """
    digest = hashlib.sha256(features.tobytes()).hexdigest()
    has_validation = any(len(split.validation) for split in splits)
    settings = {"features": digest, "inner_folds": None if has_validation else N_INNER_FOLDS}
    return ArmPlan(name, "method", settings, lambda: ProbeArm(name, "method", lambda seed: features))


def check_plans(plans: Sequence[ArmPlan], n_amounts: int, n_replicates: int) -> None:
    """Refuse, before minutes of fitting, what would fail after them.

    Args:
        plans: the embeddings first, then the floors.
        n_amounts: amounts of labels above zero.
        n_replicates: bootstrap replicates of every interval.

    Raises:
        InputError: a name that is a floor's, or too few replicates for Holm's correction.
    """
    folders = [group_folder(Path(), plan.name).name for plan in plans]
    if not folders[0] or folders[0] in folders[1:]:
        raise InputError(
            "choose another name", field="name", expected="letters, and not a floor's", found=plans[0].name
        )
    check_replicates(sum(plan.compared for plan in plans[1:]) * n_amounts, n_replicates)


def patient_group_scores(folder: Path, name: str, store: RecordStore, *, n_replicates: int) -> list[GroupScore]:
    """The embeddings' row on parts of the test records by sex, age and device, at every amount of labels.

    Folds are pooled: without validation one model scores all of them. Where every split has a model of its own there
    are no such parts.

    Args:
        folder: results folder.
        name: the row.
        store: the records with the columns that make the parts.
        n_replicates: bootstrap replicates.
    """
    results = ResultsFolder(folder)
    if results.has_validation:
        return []
    records = results.records
    pooled = EvaluatedRecords(records.targets, records.patients, np.zeros(len(records.targets)), records.classes)
    table = store.records.set_index("record_id").loc[results.record_ids]
    return [
        group_score(
            pooled,
            results.model_scores(name, fraction),
            group,
            name=name,
            label_fraction=fraction,
            generator=np.random.default_rng(BOOTSTRAP_SEED),
            n_replicates=n_replicates,
        )
        for fraction in results.fractions(name)
        for group in patient_groups(table)
    ]


def leaderboard_entry(report: ReportData, name: str, dimension: int, ids_sha256: str, label_set: str) -> dict[str, Any]:
    """What a leaderboard keeps of a report; the schema is described in docs/benchmark.md and only ever grows.

    Args:
        report: the benchmark's report.
        name: the embeddings' row.
        dimension: features per record.
        ids_sha256: hash of the records everything was measured on.
        label_set: name of the label set.
    """
    plain = report.to_dict()
    return {
        "schema": ENTRY_SCHEMA,
        "name": name,
        "track": report.track,
        "data": {field: plain["data"][field] for field in ("name", "n_records", "n_patients", "split_sizes")},
        "label_set": label_set,
        "ids_sha256": ids_sha256,
        "dimension": dimension,
        "rows": [{field: row[field] for field in _ENTRY_ROW_FIELDS} for row in plain["rows"]],
        "comparisons": plain["comparisons"],
        "groups": plain["groups"],
        "intervals": report.interval_statement,
        "ssrl_ecg": __version__,
        "commit": report.run.commit,
    }
