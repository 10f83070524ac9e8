"""The whole label-scarcity protocol on a tiny synthetic cohort, and its numbers by another route."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.labels import Labels
from ssrl_ecg.data.splits import Split, rotation_splits
from ssrl_ecg.data.subsampling import subsampling_split
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.cells import Failure, read_identities, write_failure
from ssrl_ecg.evaluation.floors.learners import Boosting, Forest
from ssrl_ecg.evaluation.label_fractions import LabelFractions, cell_files, load_scores
from ssrl_ecg.evaluation.plans import EncoderPlan, Experiment, MethodPlan, TrainingPlan
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.evaluation.scarcity.page import write_label_scarcity
from ssrl_ecg.evaluation.scarcity.protocol import Protocol, headlines, summarise
from ssrl_ecg.evaluation.scarcity.repeats import make_repeats
from ssrl_ecg.evaluation.scarcity.results import macro_replicates, published_shape
from ssrl_ecg.evaluation.scarcity.tracks import Tracks
from ssrl_ecg.evaluation.summary import BOOTSTRAP_SEED, ResultsFolder
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.metrics.label_equivalence import equivalent_fraction
from ssrl_ecg.metrics.resampling import draw_resamples
from ssrl_ecg.models import ECGEncoder1DCNN
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig

QUIET = Execution(progress=False)
ALL = Tracks(rate_factors=(0.5, 2.0), scarce_validation=True)


def tiny_experiment(**changes) -> Experiment:
    recipe = RECIPES["crop-timeout"]()
    training = TrainingPlan(config=ClassifyConfig(steps=4, passes=0, evaluate_every=2, batch_size=16), recipe=recipe)
    method = MethodPlan(
        name="SimCLR", kind=SimCLR, config=SimCLRConfig(hidden_dim=16, projection_dim=8),
        pretrain=PretrainConfig(epochs=1, batch_size=32), recipe=recipe,
    )  # fmt: skip
    experiment = Experiment(
        encoder=EncoderPlan(kind=ECGEncoder1DCNN, config=CNNConfig(width=4)),
        preprocessing=Preprocessing(window_s=2.5, highpass_hz=0.5),
        methods=[method],
        supervised={"supervised": training},
        finetune=training,
        design=LabelFractions(fractions=(0.5, 1.0), n_repeats=(2, 1)),
        n_pretrainings=1,
        floors=("minirocket",),
        compute=Compute(accelerator="cpu"),
    )
    return replace(experiment, **changes)


@pytest.fixture(scope="module")
def finished(synthetic_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scarcity")
    splits = [rotation_splits(synthetic_store.records)]
    protocol = Protocol(tiny_experiment(), ALL, synthetic_store, synthetic_store.labels("super"), splits)
    with pytest.MonkeyPatch.context() as patch:  # small trees: what the ensemble is worth is not the question here
        patch.setattr("ssrl_ecg.evaluation.floors.workshop._FOREST", Forest(n_trees=5))
        patch.setattr("ssrl_ecg.evaluation.floors.workshop._BOOSTING", Boosting(n_rounds=3))
        ((scarce,), failures) = protocol.run(folder / "scarce", folder / "models", QUIET)
    assert failures == []
    found = {"scarce": summarise([scarce], n_replicates=800)}
    write_label_scarcity(folder, found, {"command": ["test"], "seed": 42})
    return folder, protocol, found["scarce"]


def test_every_track_has_every_cell_and_the_page_its_files(finished):
    folder, _, track = finished
    rows = {row.name for row in track.rows}
    assert {"MiniRocket and SimCLR", "ensemble of floors and SimCLR", "SimCLR fine-tuned", "supervised"} <= rows
    assert {row.label_fraction for row in track.rows} == {0.5, 1.0}
    page = (folder / "report.html").read_text()
    assert "Validation as scarce as training" in page
    assert (folder / "figures" / "scarce-curve.png").stat().st_size > 1000
    drawn = {path.stem for path in (folder / "figures").glob("*.csv")}
    assert {"scarce-curve", "scarce-differences-simclr-frozen-probe"} <= drawn
    assert {f"scarce-{kind}-{amount}pct" for kind in ("reliability", "risk-coverage") for amount in (50, 100)} <= drawn
    assert "curves" not in json.loads((folder / "results.json").read_text())["tracks"]["scarce"]
    table = (folder / "tables" / "scarce-rows.csv").read_text()
    assert "scarce/cells/simclr-fine-tuned/50pct-00.npz;scarce/cells/simclr-fine-tuned/50pct-01.npz" in table
    results = json.loads((folder / "results.json").read_text())
    assert results["tracks"]["scarce"]["equivalences"][0]["sentence"].startswith("50 % with = ")


def test_a_cell_looks_at_its_share_of_validation_labels_and_stores_which(finished, synthetic_store):
    folder, protocol, _ = finished
    splits = protocol.repeats[0]
    for fraction, _, path in cell_files(folder / "scarce", "SimCLR frozen probe"):
        scores, _ = load_scores(path)
        for one, split in zip(scores, splits, strict=True):
            seen = ~np.isnan(one.validation).any(axis=1)
            patients = synthetic_store.records["patient_id"].to_numpy()[split.validation]
            assert seen.sum() == pytest.approx(fraction * len(split.validation), abs=1)
            assert not set(patients[seen]) & set(patients[~seen])
            assert np.isfinite(one.test).all()


def test_equivalence_is_the_curve_of_stored_scores_read_backwards(finished, synthetic_store):
    folder, protocol, track = finished
    labels, splits = protocol.labels, protocol.repeats[0]

    def curve(arm):
        by_fraction: dict[float, list[float]] = {}
        for fraction, _, path in cell_files(folder / "scarce", arm):
            for one, split in zip(load_scores(path)[0], splits, strict=True):
                targets = labels.values[split.test]
                values = [roc_auc_score(targets[:, column], one.test[:, column]) for column in range(5)]
                by_fraction.setdefault(fraction, []).append(float(np.mean(values)))
        return {fraction: float(np.mean(values)) for fraction, values in sorted(by_fraction.items())}

    tuned, supervised = curve("SimCLR fine-tuned"), curve("supervised")
    for one in track.equivalences:
        if (one.name, one.reference) == ("SimCLR fine-tuned", "supervised"):
            expected = equivalent_fraction(tuned[one.found.fraction], list(supervised), list(supervised.values()))
            assert one.found.equivalent == pytest.approx(expected, rel=1e-4)
    pairs = {(one.name, one.reference) for one in track.equivalences}
    assert ("SimCLR frozen probe", "random encoder probe") in pairs
    assert len(list(headlines({"scarce": track}))) == 4


def test_draws_of_patients_are_the_same_for_every_row_and_fraction(finished):
    """However many label subsets a fraction has: patients are drawn first."""
    results = ResultsFolder(finished[0] / "scarce")
    few, many = (draw_resamples(results.records, n, 50, np.random.default_rng(BOOTSTRAP_SEED)) for n in (2, 10))
    np.testing.assert_array_equal(few.record_counts, many.record_counts)
    estimate, replicates = macro_replicates(results, "supervised", 0.5, 300)
    row = next(row for row in finished[2].rows if (row.name, row.label_fraction) == ("supervised", 0.5))
    assert estimate == pytest.approx(row.macro_auroc)
    assert np.quantile(replicates, 0.5) == pytest.approx(row.macro_auroc, abs=0.05)


def test_a_finished_run_computes_nothing_and_shares_its_encoders(finished, monkeypatch):
    folder, protocol, _ = finished
    monkeypatch.setattr("ssrl_ecg.evaluation.pretrainings.pretrain", None)  # to call it would be an error
    before = {path: path.stat().st_mtime_ns for path in (folder / "scarce" / "cells").rglob("*.npz")}
    protocol.run(folder / "scarce", folder / "models", QUIET)
    assert before == {path: path.stat().st_mtime_ns for path in (folder / "scarce" / "cells").rglob("*.npz")}


def test_published_shape_is_lists_over_seeds(finished):
    results = ResultsFolder(finished[0] / "scarce")
    tracks = {"supervised": "supervised", "ssl_finetuned": "SimCLR fine-tuned", "ssl_frozen": "not run"}
    found = published_shape(results, tracks, (42, 43), (1.0, 0.5))
    assert list(found) == ["label_scarcity", "seeds", "label_fractions"]
    assert found["label_fractions"] == [1.0, 0.5]
    assert list(found["label_scarcity"]) == ["1.0", "0.5"]
    assert found["label_scarcity"]["0.5"]["ssl_frozen"] == {"auroc": [], "f1": []}
    lists = found["label_scarcity"]["0.5"]["supervised"]
    assert {name: len(values) for name, values in lists.items()} == {"auroc": 2, "f1": 2}
    assert all(0 <= value <= 1 for values in lists.values() for value in values)


def test_random_splits_give_students_intervals(synthetic_store, tmp_path):
    labels = synthetic_store.labels("super")
    patients = synthetic_store.records["patient_id"].to_numpy()
    repeats = [[subsampling_split(labels, patients, seed)] for seed in range(3)]
    design = LabelFractions(fractions=(0.5,), n_repeats=(2,))
    experiment = tiny_experiment(design=design, floors=(), finetune=None)
    protocol = Protocol(experiment, Tracks(combinations=False), synthetic_store, labels, repeats)
    folders, _ = protocol.run(tmp_path / "fold", tmp_path / "models", QUIET)
    assert [path.name for path in folders] == ["split-00", "split-01", "split-02"]
    found = summarise(folders, n_replicates=100)
    row = next(row for row in found.rows if row.name == "supervised")
    expected = []
    for (split,), folder in zip(repeats, folders, strict=True):
        values = [
            roc_auc_score(labels.values[split.test][:, column], load_scores(path)[0][0].test[:, column])
            for _, _, path in cell_files(folder, "supervised")
            for column in range(5)
            if 0 < labels.values[split.test][:, column].sum() < len(split.test)
        ]
        expected.append(np.mean(values))
    np.testing.assert_allclose(row.values, expected, rtol=1e-6)
    reach = 4.302653 * np.std(expected, ddof=1)  # Student's t, 2 degrees of freedom
    assert row.plain.high - row.plain.estimate == pytest.approx(reach * np.sqrt(1 / 3))
    assert row.corrected.high - row.corrected.estimate == pytest.approx(reach * np.sqrt(1 / 3 + found.overlap))
    assert found.overlap == pytest.approx(15 / 70, abs=0.05)  # slices of seven records
    assert {(one.a, one.b) for one in found.comparisons} == {
        ("SimCLR frozen probe", "supervised"), ("SimCLR frozen probe", "random encoder probe"),
    }  # fmt: skip
    write_label_scarcity(tmp_path, {"fold": found}, {"command": ["test"]})
    assert "3 random splits" in (tmp_path / "report.html").read_text()
    assert "What failed" not in (tmp_path / "report.html").read_text()
    identity = read_identities(folders[1])["supervised"]["50pct-01"]
    write_failure(folders[1], Failure("supervised", "50pct-01", identity, "it broke"))
    write_label_scarcity(tmp_path, {"fold": summarise(folders, n_replicates=100)}, {"command": ["test"]})
    assert json.loads((tmp_path / "results.json").read_text())["failed"] == [
        "fold, split-01, supervised: 1 failed and count in no row (50pct-01): it broke."
    ]
    assert "What failed" in (tmp_path / "report.html").read_text()
    with pytest.raises(InputError, match="needs splits"):
        make_repeats(folders[:1])


def labels_with(counts: dict[str, int], task="multilabel") -> Labels:
    values = np.stack([np.arange(100) < count for count in counts.values()], axis=1).astype(np.uint8)
    return Labels("made-up", tuple(counts), values, np.ones(100, bool), task)


def test_rare_classes_are_left_out_and_counted():
    rows = np.arange(100)
    splits = [[Split(rows[50:], rows[:0], rows[:50])], [Split(rows[60:], rows[:0], rows[5:60])]]
    labels = labels_with({"common": 40, "rare": 12, "absent": 0})
    protocol = Protocol(None, Tracks(), None, labels, splits, 10)
    assert protocol.labels.classes == ("common",)
    assert protocol.judged() == ("1 of 3 classes have 10 or more positive test records; left out: rare 7, absent 0")
    every = Protocol(None, Tracks(), None, labels_with({"common": 40}), splits, 10)
    assert every.judged() == "1 of 1 classes have 10 or more positive test records"
    with pytest.raises(InputError, match="too few positive test records"):
        Protocol(None, Tracks(), None, labels, splits, 41).judged()


def test_learning_rates_cannot_be_chosen_without_validation(synthetic_store, tmp_path):
    rows = np.arange(len(synthetic_store))
    splits = [[Split(rows[:100], rows[:0], rows[100:])]]
    experiment = tiny_experiment(methods=[], finetune=None, floors=())
    tracks = Tracks(combinations=False, rate_factors=(0.5, 1.0))
    with pytest.raises(InputError, match="learning rates are chosen on validation records"):
        Protocol(experiment, tracks, synthetic_store, synthetic_store.labels("super"), splits).run(
            tmp_path, tmp_path / "models", QUIET
        )
