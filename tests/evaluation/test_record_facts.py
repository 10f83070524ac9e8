from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.simulator import PARAMETERS, STATEMENT_CODES
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.beat_table import stored_beats
from ssrl_ecg.evaluation.floors.tables import measured
from ssrl_ecg.evaluation.record_facts import N_BEAT_CLASSES, beat_facts, record_facts
from ssrl_ecg.methods.measurements import TARGETS
from ssrl_ecg.signals.beat_features import BEAT_FEATURES, RHYTHM_FEATURES
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


def test_beats_are_standardised_and_grouped_by_the_training_records(store):
    facts, table = record_facts(store, {"beats", "rpeaks"}, TRAINING), stored_beats(store)
    assert [len(own) for own in facts.rpeaks_s] == np.diff(table.offsets).tolist()
    np.testing.assert_array_equal(facts.rpeaks_s[5], table.r_peaks_s[table.offsets[5] : table.offsets[6]])
    column = BEAT_FEATURES.index("t_y_mv")
    training = table.features[: table.offsets[TRAINING[-1] + 1], column].astype(float)
    last = table.features[table.offsets[-2] :, column]
    expected = np.clip((last - np.nanmean(training)) / np.nanstd(training), -3, 3)
    np.testing.assert_allclose(facts.beat_features[-1][:, column], expected, rtol=1e-4, atol=1e-5)
    classes = np.concatenate(facts.beat_classes)
    assert set(classes) == set(range(N_BEAT_CLASSES))
    shapes = np.nan_to_num(np.concatenate(facts.beat_features)[:, len(RHYTHM_FEATURES) :])
    own = classes[: len(training)]
    centres = np.stack([shapes[: len(training)][own == number].mean(axis=0) for number in range(N_BEAT_CLASSES)])
    nearest = np.linalg.norm(shapes[:, None] - centres, axis=2).argmin(axis=1)
    assert np.mean(nearest == classes) > 0.99


def test_other_records_change_no_class_and_no_scale(store, monkeypatch):
    table = stored_beats(store)
    changed = replace(table, features=table.features.copy())
    changed.features[table.offsets[len(TRAINING)] :] += 5
    first = beat_facts(store, TRAINING)
    monkeypatch.setattr("ssrl_ecg.evaluation.record_facts.stored_beats", lambda store: changed)
    again = beat_facts(store, TRAINING)
    for row in TRAINING:
        np.testing.assert_array_equal(first.beat_classes[row], again.beat_classes[row])
        np.testing.assert_array_equal(first.beat_features[row], again.beat_features[row])


def test_records_without_beats_are_refused(store, monkeypatch):
    table = stored_beats(store)
    empty = replace(table, r_peaks_s=table.r_peaks_s[:0], features=table.features[:0], offsets=0 * table.offsets)
    monkeypatch.setattr("ssrl_ecg.evaluation.record_facts.stored_beats", lambda store: empty)
    with pytest.raises(InputError, match="no beats"):
        beat_facts(store, TRAINING)


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
