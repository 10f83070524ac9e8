"""Tables against scikit-learn, losses against their definitions, and folders that cannot be trusted."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import Failure, cell_path, read_cell, write_cell, write_failure
from ssrl_ecg.evaluation.robustness.corruptions import CLEAN, Corruption
from ssrl_ecg.evaluation.robustness.tables import (
    RobustnessResults,
    differences_table,
    drop,
    families_table,
    noise_pairs,
    reference_pairs,
    relative_drop,
    scores_table,
)
from ssrl_ecg.metrics.resampling import draw_resamples

from .conftest import CLASSES, MODELS, write_results

SWAP = Corruption("lead-swap", "RA-LL")
PROBE, NOISY = "SimCLR frozen probe", "SimCLR with noise frozen probe"


def macro_by_hand(folder, model, corruption, repeats=None):
    """Mean over classes of the mean over seeds and folds, records repeated as drawn."""
    records = pd.read_csv(folder / "records.csv")
    scores = read_cell(cell_path(folder, model, corruption.name))[0]["scores"].astype(float)
    counts = np.ones(len(records), dtype=int) if repeats is None else repeats
    per_class = []
    for column, name in enumerate(CLASSES):
        found = []
        for seed in scores:
            for _, part in records.groupby("fold"):
                rows = np.repeat(part.index, counts[part.index])
                found.append(roc_auc_score(records[name].to_numpy()[rows], seed[rows, column]))
        per_class.append(np.mean(found))
    return float(np.mean(per_class)), per_class


def test_aurocs_losses_and_worst_class_are_those_of_scikit_learn(results_folder):
    results = RobustnessResults(results_folder, n_replicates=120)
    table = scores_table(results).set_index(["model", "corruption", "severity"])
    for model in MODELS:
        clean, _ = macro_by_hand(results_folder, model, CLEAN)
        value, per_class = macro_by_hand(results_folder, model, SWAP)
        row = table.loc[(model, "lead-swap", "RA-LL")]
        assert row["auroc"] == pytest.approx(value, abs=1e-9)
        assert row["drop"] == pytest.approx(clean - value, abs=1e-9)
        assert row["relative_drop"] == pytest.approx(1 - (value - 0.5) / (clean - 0.5), abs=1e-9)
        assert row["worst_class"] == CLASSES[int(np.argmin(per_class))]
        assert row["worst_class_auroc"] == pytest.approx(min(per_class), abs=1e-9)
        assert (results_folder / row["cell"]).is_file()
        assert table.loc[(model, "clean", ""), "drop"] == 0


def test_replicates_are_of_the_same_patients_in_every_cell(results_folder):
    """Some replicates from records that are really repeated."""
    results = RobustnessResults(results_folder, n_replicates=120, seed=3)
    counts = draw_resamples(results.records, 1, 120, np.random.default_rng(3)).record_counts
    masking = Corruption("masking", 0.2)
    for model, corruption in [(NOISY, CLEAN), (PROBE, masking)]:
        found = results.samples[model, corruption.name].macro[1:4]
        expected = [macro_by_hand(results_folder, model, corruption, repeats)[0] for repeats in counts[:3]]
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_differences_are_those_of_the_losses_replicate_by_replicate(results_folder):
    results = RobustnessResults(results_folder, n_replicates=120)
    row = differences_table(results, [(NOISY, PROBE)]).set_index("corruption").loc["masking"]
    macros = {
        (model, name): results.samples[model, name].macro
        for model in (NOISY, PROBE)
        for name in ("clean", "masking_0.2")
    }
    losses = [
        (macros[model, "clean"] - macros[model, "masking_0.2"]) / (macros[model, "clean"] - 0.5)
        for model in (NOISY, PROBE)
    ]
    estimate, *replicates = losses[0] - losses[1]
    assert row["relative_drop_difference"] == pytest.approx(estimate)
    bias = np.mean(replicates) - estimate
    moved = bias if abs(bias) > np.std(replicates, ddof=1) / 4 else 0.0
    low, high = np.quantile(replicates, (0.025, 0.975)) - moved
    assert row["relative_drop_difference_low"] == pytest.approx(low)
    assert row["relative_drop_difference_high"] == pytest.approx(high)
    thinner = min(np.sum(np.array(replicates) <= 0), np.sum(np.array(replicates) >= 0))
    assert row["p"] == pytest.approx(min(1, 2 * (thinner + 1) / 121))


def test_the_row_that_loses_less_is_said_to(results_folder):
    results = RobustnessResults(results_folder, n_replicates=400)
    assert noise_pairs(results) == [(NOISY, PROBE)]
    assert reference_pairs(results) == [(PROBE, "supervised"), (NOISY, "supervised")]
    table = differences_table(results, noise_pairs(results)).set_index("corruption")
    assert table.loc["lead-swap", "verdict"] == "loses less"
    assert table.loc["lead-swap", "relative_drop_difference"] < 0
    backwards = differences_table(results, [(PROBE, NOISY)]).set_index("corruption")
    assert backwards.loc["lead-swap", "verdict"] == "loses more"
    families = families_table(results).set_index(["model", "corruption"])
    scores = scores_table(results)
    for model in MODELS:
        own = scores[(scores["model"] == model) & (scores["corruption"] == "lead-swap")]
        assert families.loc[(model, "lead-swap"), "drop"] == pytest.approx(own["drop"].mean())


def test_a_relative_drop_from_chance_is_undefined():
    clean, corrupted = np.array([0.9, 0.5, 0.4]), np.array([0.7, 0.6, 0.4])
    np.testing.assert_allclose(relative_drop(clean, corrupted), [0.5, np.nan, np.nan])
    np.testing.assert_allclose(drop(clean, corrupted), [0.2, -0.1, 0.0])


def test_a_model_at_chance_has_drops_but_no_relative_ones_and_harms_no_other(tmp_path):
    folder = write_results(tmp_path / "r", models=MODELS | {"guessing": 0.3})
    for cell in (folder / "cells" / "guessing").glob("*.npz"):
        arrays, identity = read_cell(cell)
        guessed = np.random.default_rng(1).normal(size=arrays["scores"].shape)
        write_cell(cell, arrays | {"scores": guessed.astype(np.float16)}, identity)
    results = RobustnessResults(folder, n_replicates=200)
    rows = differences_table(results, reference_pairs(results)).set_index(["model", "corruption"])
    assert rows.loc[("guessing", "masking"), "verdict"] == "undefined"
    assert np.isnan(rows.loc[("guessing", "masking"), ["relative_drop_difference", "p"]].astype(float)).all()
    assert np.isfinite(rows.loc[("guessing", "masking"), "drop_difference"])
    assert rows.loc[(PROBE, "masking"), "verdict"] != "undefined"


def test_a_class_without_positives_is_in_no_macro(tmp_path):
    targets = np.random.default_rng(0).random((90, 3)) < [0.5, 0.3, 0.0]
    table = scores_table(RobustnessResults(write_results(tmp_path / "r", targets=targets), n_replicates=120))
    assert table["auroc"].notna().all()
    assert set(table["worst_class"]) <= {"A", "B"}


def test_a_model_that_failed_is_listed_and_left_out(results_folder):
    write_failure(results_folder, Failure("supervised", "clean", "id", "scores are not finite"))
    results = RobustnessResults(results_folder, n_replicates=120)
    assert results.failed == {"supervised": "scores are not finite"}
    assert results.models == [PROBE, NOISY]
    assert reference_pairs(results) == []


def test_models_that_saw_other_samples_are_refused(results_folder):
    path = cell_path(results_folder, "supervised", SWAP.name)
    arrays, identity = read_cell(path)
    write_cell(path, arrays | {"sha256": np.array("others")}, identity)
    with pytest.raises(InputError, match="same corrupted samples"):
        RobustnessResults(results_folder, n_replicates=120)


@pytest.mark.parametrize("what", ["missing", "short", "strangers", "unknown family", "no records"])
def test_incomplete_damaged_or_foreign_results_are_named(results_folder, what):
    cell = cell_path(results_folder, "supervised", SWAP.name)
    if what == "missing":
        cell.unlink()
        named = cell.name
    elif what == "short":
        cell.write_bytes(cell.read_bytes()[:100])
        named = cell.name
    elif what == "no records":
        (results_folder / "records.csv").unlink()
        named = "records.csv"
    else:
        path = results_folder / "robustness.json"
        known = json.loads(path.read_text())
        path.write_text("[]" if what == "strangers" else json.dumps(known | {"families": ["gremlins"]}))
        named = "robustness.json"
    with pytest.raises(InputError, match=named):
        RobustnessResults(results_folder, n_replicates=120)


def test_too_few_replicates_for_the_correction_are_refused(results_folder):
    with pytest.raises(InputError, match="too few bootstrap replicates"):
        RobustnessResults(results_folder, n_replicates=20)
