from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.simulator import PARAMETERS, STATEMENT_CODES
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.floors.tables import measured
from ssrl_ecg.evaluation.record_facts import record_facts
from ssrl_ecg.methods.measurements import TARGETS
from ssrl_ecg.signals.criteria import SUPERCLASSES, superclass_scores

N = 24
TRAINING = np.arange(16)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    root = write_synthetic_ptbxl(folder / "synthetic", N, seed=1)
    return build_store(PTBXL(root), folder / "store").store


def zscores(values):
    mean, deviation = np.nanmean(values[TRAINING]), np.nanstd(values[TRAINING])
    return np.clip((values - mean) / deviation, -3, 3)


def test_nothing_is_found_that_nobody_needs(store):
    facts = record_facts(store, (), TRAINING)
    assert facts.targets is facts.masks is facts.rpeaks_s is None


def test_measurement_targets_are_standardised_on_training_records_in_the_order_of_their_names(store):
    targets = record_facts(store, {"measurements"}, TRAINING).targets
    assert targets.shape == (N, len(TARGETS))
    table = measured(store)
    rate = zscores(table["heart_rate_bpm"].to_numpy())
    np.testing.assert_allclose(targets[:, TARGETS.index("heart_rate_bpm")], rate, rtol=1e-5)
    score = zscores(superclass_scores(table)[:, SUPERCLASSES.index("HYP")])
    np.testing.assert_allclose(targets[:, TARGETS.index("HYP")], score, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(targets[:, : table.shape[1]]), table.isna())


def test_simulation_facts_are_what_was_put_in(store):
    facts = record_facts(store, {"simulation"}, TRAINING)
    parameters = pd.read_csv(store.path / "parameters.csv")
    for name in ("pr_s", "qt_s", "t_x_mv"):
        np.testing.assert_allclose(
            facts.targets[:, PARAMETERS.index(name)], zscores(parameters[name].to_numpy()), rtol=1e-4, atol=1e-6
        )
    diagnoses = facts.targets[:, len(PARAMETERS) :]
    fibrillates = (parameters["rhythm"] == "AFIB").to_numpy()
    np.testing.assert_array_equal(diagnoses[:, STATEMENT_CODES.index("AFIB")], fibrillates)
    np.testing.assert_array_equal(np.isnan(facts.targets[:, PARAMETERS.index("p_s")]), fibrillates)
    np.testing.assert_array_equal(diagnoses.sum(axis=1), store.labels("all").values.sum(axis=1))
    codes = np.load(store.path / "masks.npy")
    assert facts.masks.shape == (N, 3, codes.shape[1])
    np.testing.assert_array_equal(facts.masks.argmax(axis=1) + 1, np.where(codes == 0, 1, codes))
    np.testing.assert_array_equal(facts.masks.any(axis=1), codes > 0)


def test_a_simulation_by_another_version_is_refused(store):
    path = store.path / "parameters.csv"
    kept = path.read_text()
    pd.read_csv(path).drop(columns="t_x_mv").to_csv(path, index=False)
    try:
        with pytest.raises(InputError, match="t_x_mv"):
            record_facts(store, {"simulation"}, TRAINING)
    finally:
        path.write_text(kept)
