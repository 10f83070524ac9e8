import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ssrl_ecg.data.splits import recipe_split
from ssrl_ecg.evaluation.arms import ProbeArm
from ssrl_ecg.evaluation.label_fractions import ArmPlan, LabelFractions, make_cells
from ssrl_ecg.evaluation.trials import run_trials
from ssrl_ecg.training.probe import INVERSE_PENALTIES, fit_probe


@pytest.fixture
def bench(synthetic_store):
    labels, split = synthetic_store.labels("super"), recipe_split(synthetic_store.records)
    patients = synthetic_store.records["patient_id"].to_numpy()
    cells = make_cells(LabelFractions(fractions=(0.5, 1.0), n_repeats=(2, 1)), labels, patients, split.train)
    features = np.random.default_rng(0).normal(size=(len(synthetic_store), 4)) + labels.values[:, :4]
    return synthetic_store, labels, split, cells, features


def test_a_trial_is_judged_on_fold_6_logged_once_and_added_to(bench, tmp_path):
    store, labels, split, cells, features = bench
    built = []

    def plan(name):
        return ArmPlan(
            name, "method", {"name": name}, lambda: built.append(name) or ProbeArm(name, "method", lambda _: features)
        )

    path = tmp_path / "trials.json"
    run_trials(path, [plan("a")], store, labels, split, cells, progress=False)
    entries = run_trials(path, [plan("a"), plan("b")], store, labels, split, cells, progress=False)
    assert built == ["a", "b"]
    assert [entry["name"] for entry in json.loads(path.read_text())] == ["a", "b"]
    judged = split.validation
    assert set(store.records["fold"].to_numpy()[judged]) == {6}
    best = 0.0
    for penalty in INVERSE_PENALTIES:
        probe = fit_probe(features[cells[-1].rows], labels.values[cells[-1].rows], penalty)
        best = max(best, roc_auc_score(labels.values[judged], probe.logits(features[judged]), average="macro"))
    assert entries[0]["macro_auroc"]["1"] == pytest.approx(best, abs=1e-4)
    assert len(entries[0]["per_subset"]["0.5"]) == 2
