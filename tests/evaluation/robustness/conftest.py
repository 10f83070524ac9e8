"""A results folder written by hand: three models whose scores get worse with severity, no training."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.evaluation.cells import cell_path, write_cell, write_identities
from ssrl_ecg.evaluation.robustness.corruptions import corruptions_of

CLASSES = ("A", "B", "C")
FAMILIES = ("masking", "silenced-leads", "lead-swap")
MODELS = {"SimCLR frozen probe": 0.25, "SimCLR with noise frozen probe": 0.1, "supervised": 0.3}
"""Row -> how much noise each further corruption puts into its scores."""


def write_results(folder, models=MODELS, targets=None, n_records=90):
    generator = np.random.default_rng(4)
    if targets is None:
        targets = generator.random((n_records, len(CLASSES))) < [0.5, 0.3, 0.2]
    records = pd.DataFrame({"record_id": np.arange(n_records), "patient_id": np.arange(n_records) // 2})
    records["fold"] = 1 + (records["patient_id"] % 3)
    records[list(CLASSES)] = targets.astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    records.to_csv(folder / "records.csv", index=False)
    protocol = {
        "models": dict.fromkeys(models, "method") | {"supervised": "supervised"}, "families": FAMILIES,
        "classes": CLASSES, "noise_pairs": [["SimCLR with noise frozen probe", "SimCLR frozen probe"]],
        "reference": "supervised",
    }  # fmt: skip
    (folder / "robustness.json").write_text(json.dumps(protocol), encoding="utf-8")
    write_identities(folder, {name: {one.name: "id" for one in corruptions_of(FAMILIES)} for name in models})
    noise = generator.normal(size=(2, n_records, len(CLASSES)))
    for name, growth in models.items():
        for place, corruption in enumerate(corruptions_of(FAMILIES)):
            scores = (targets + (0.5 + growth * place) * noise).astype(np.float16)
            arrays = {"scores": scores, "sha256": np.array(corruption.name)}
            write_cell(cell_path(folder, name, corruption.name), arrays, "id")
    return folder


@pytest.fixture
def results_folder(tmp_path):
    return write_results(tmp_path / "results")
