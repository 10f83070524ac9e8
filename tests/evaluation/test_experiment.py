"""The whole main job on a tiny synthetic cohort, and every number of its tables by another route."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from ssrl_ecg.augmentations.recipes import RECIPES
from ssrl_ecg.data.description import DataDescription
from ssrl_ecg.data.splits import rotation_splits, without_validation
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Scores
from ssrl_ecg.evaluation.assemble import make_report
from ssrl_ecg.evaluation.cells import group_folder, write_cell
from ssrl_ecg.evaluation.experiment import prepare_experiment
from ssrl_ecg.evaluation.label_fractions import LabelFractions, load_scores, score_arrays
from ssrl_ecg.evaluation.plans import EncoderPlan, Experiment, MethodPlan, TrainingPlan
from ssrl_ecg.evaluation.report import read_results, write_report
from ssrl_ecg.evaluation.revisions import REVISIONS, code_version
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.evaluation.simulated_start import SimulatedStart
from ssrl_ecg.evaluation.summary import ResultsFolder, default_pairs, make_comparisons, make_row
from ssrl_ecg.files import write_json
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.metrics.thresholds import f1_thresholds
from ssrl_ecg.models import ECGEncoder1DCNN
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import load_encoder
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.embed import module_hash
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig, pretrain
from ssrl_ecg.training.provenance import refuse_seen
from ssrl_ecg.training.run import run_record

ABOUT = DataDescription("synthetic", "synthetic cohort", "Simulated.", "none")
QUIET = Execution(progress=False)
ARMS = (
    "SimCLR frozen probe",
    "SimCLR frozen probe, all layers",
    "SimCLR frozen probe, attention",
    "SimCLR fine-tuned",
    "supervised",
    "random encoder probe",
    "random encoder probe, all layers",
    "random encoder probe, attention",
    "MiniRocket + ridge",
)


def tiny_experiment() -> Experiment:
    recipe = RECIPES["crop-timeout"]()
    training = TrainingPlan(config=ClassifyConfig(steps=4, passes=0, evaluate_every=2, batch_size=16), recipe=recipe)
    method = MethodPlan(
        name="SimCLR", kind=SimCLR, config=SimCLRConfig(hidden_dim=16, projection_dim=8),
        pretrain=PretrainConfig(epochs=1, batch_size=32), recipe=recipe,
    )  # fmt: skip
    return Experiment(
        encoder=EncoderPlan(kind=ECGEncoder1DCNN, config=CNNConfig(width=4)),
        preprocessing=Preprocessing(window_s=2.5, highpass_hz=0.5),
        methods=[method],
        supervised={"supervised": training},
        finetune=training,
        design=LabelFractions(fractions=(0.2, 1.0), n_repeats=(2, 2)),
        n_pretrainings=2,
        floors=("minirocket",),
        attention_probe=True,
        compute=Compute(accelerator="cpu"),
    )


@pytest.fixture(scope="module")
def pretraining_rows():
    """Rows every pretraining of ``finished`` was given."""
    return []


@pytest.fixture(scope="module")
def finished(synthetic_store, tmp_path_factory, pretraining_rows):
    folder = tmp_path_factory.mktemp("experiment")
    labels, splits = synthetic_store.labels("super"), rotation_splits(synthetic_store.records)
    command, config = ["test", "--data", "/home/somebody/ecg"], {"out": folder / "x"}

    def watched(make_method, store, rows, **settings):
        pretraining_rows.append(rows)
        return pretrain(make_method, store, rows, **settings)

    with (
        pytest.MonkeyPatch.context() as patch,
        run_record(folder, command=command, config=config, seed=42, data={"name": "synthetic"}) as run,
    ):
        patch.setattr("ssrl_ecg.evaluation.pretrainings.pretrain", watched)
        run["started"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
        prepare_experiment(tiny_experiment(), synthetic_store, labels, splits, folder, execution=QUIET).run()
        report = make_report(
            folder, synthetic_store, labels, splits, title="Tiny", about=ABOUT, run=run, n_replicates=800,
        )  # fmt: skip
    return folder, labels, splits, report


def test_every_arm_has_every_cell_and_a_row(finished):
    folder, _, _, report = finished
    results = ResultsFolder(folder)
    assert tuple(results.arms) == ARMS
    assert all(results.fractions(arm) == [0.2, 1.0] for arm in ARMS)
    assert {(row.name, row.label_fraction) for row in report.rows} == {
        (arm, fraction) for arm in ARMS for fraction in (0.2, 1.0)
    }
    repeats = {row.name: (row.n_subsets, row.n_seeds) for row in report.rows if row.label_fraction == 1.0}
    assert repeats == dict.fromkeys(ARMS, (1, 2)) | {"MiniRocket + ridge": (1, 1)}
    assert {(row.n_subsets, row.n_seeds) for row in report.rows if row.label_fraction == 0.2} == {(2, 1)}


REFERENCE = Path(__file__).with_name("reference_cells.json")


def test_numbers_stay_those_of_their_revision(finished):
    """Whoever changes a computation raises its revision, so that old cells are not mixed with new ones."""
    folder = finished[0]
    found = {}
    for arm in ARMS:
        scores = load_scores(group_folder(folder, arm) / "20pct-00.npz")[0][0].test.astype(float)
        found[arm] = {"sd": scores.std(), "scores": scores[:3, :3].ravel().tolist()}
    found = {"revisions": dict(REVISIONS), "cells": found}
    if not REFERENCE.exists():
        write_json(REFERENCE, found)
        pytest.fail(f"{REFERENCE.name} was missing and is written now: look at it and commit it")
    reference = json.loads(REFERENCE.read_text())
    assert reference["revisions"] == found["revisions"], f"delete {REFERENCE.name} and run this test again"
    for arm, cell in reference["cells"].items():
        np.testing.assert_allclose(
            found["cells"][arm]["scores"], cell["scores"], atol=0.01 * cell["sd"], rtol=0.01,
            err_msg=f"{arm}: raise the revision of what changed in evaluation/revisions.py",
        )  # fmt: skip


def test_a_raised_revision_changes_identities_and_a_first_one_none(monkeypatch):
    assert code_version("probe", "features") == {}
    monkeypatch.setitem(REVISIONS, "probe", 2)
    assert code_version("probe", "features") == {"revisions": {"probe": 2}}
    assert code_version("training") == {}


def test_row_equals_a_slow_recomputation_from_the_files(finished, synthetic_store):
    """AUROC per test fold, F1 at thresholds from the validation records, Brier score: all with scikit-learn."""
    folder, labels, splits, report = finished
    row = next(row for row in report.rows if row.name == "supervised" and row.label_fraction == 0.2)
    aurocs, f1s, briers = [], [], []
    for number in range(2):
        scores, _ = load_scores(group_folder(folder, "supervised") / f"20pct-{number:02d}.npz")
        for split, one in zip(splits, scores, strict=True):
            targets = labels.values[split.test]
            probability, held_out = (
                1 / (1 + np.exp(-one.test.astype(float))),
                1 / (1 + np.exp(-one.validation.astype(float))),
            )
            for column in range(5):
                aurocs.append(roc_auc_score(targets[:, column], one.test[:, column]))
                cuts = np.unique(held_out[:, column])
                best = max(
                    cuts,
                    key=lambda cut: (
                        f1_score(labels.values[split.validation][:, column], held_out[:, column] >= cut),
                        cut,
                    ),
                )
                lower = held_out[:, column][held_out[:, column] < best]
                cut = (best + lower.max()) / 2 if len(lower) else best
                f1s.append(f1_score(targets[:, column], probability[:, column] >= cut))
                briers.append((brier_score_loss(targets[:, column], probability[:, column]), len(targets)))
    assert row.macro_auroc == pytest.approx(np.mean(aurocs), abs=1e-6)
    assert row.f1 == pytest.approx(np.mean(f1s), abs=1e-6)
    values, weights = zip(*briers, strict=True)
    assert row.brier == pytest.approx(np.average(values, weights=weights), abs=1e-6)


def test_risk_coverage_area_equals_a_slow_recomputation_from_the_first_cell(finished):
    """Wrong answers at each split's thresholds, surest first by the distance of their log-odds, all folds together."""
    folder, labels, splits, report = finished
    scores, _ = load_scores(group_folder(folder, "supervised") / "20pct-00.npz")
    answers = []
    for split, one in zip(splits, scores, strict=True):
        held_out = labels.values[split.validation][:, 0]
        cut = logit(f1_thresholds(held_out[:, None], expit(one.validation[:, :1].astype(float))))[0]
        for target, log_odds in zip(labels.values[split.test][:, 0], one.test[:, 0].astype(float), strict=True):
            answers.append((abs(log_odds - cut), (log_odds >= cut) != target))
    answers.sort(reverse=True)
    risks = [np.mean([wrong for _, wrong in answers[:kept]]) for kept in range(1, len(answers) + 1)]
    curves = next(one for one in report.curves if one.label_fraction == 0.2)
    assert curves.risk_area["supervised"]["NORM"] == pytest.approx(np.mean(risks), abs=1e-6)
    coverage, risk = curves.risk_coverage["supervised"]["NORM"]
    assert (coverage[-1], risk[-1]) == pytest.approx((1.0, risks[-1]), abs=6e-4)
    assert "MiniRocket + ridge" not in curves.risk_area  # it gives no probabilities


def test_calibration_slope_and_intercept_are_those_of_an_unpenalised_regression(finished):
    folder, _, _, report = finished
    results = ResultsFolder(folder)
    row = next(row for row in report.rows if row.name == "supervised" and row.label_fraction == 0.2)
    fits = []
    for cell in results.cells(row.name, 0.2):
        for target, log_odds in zip(results.records.targets.T, cell.scores.T.astype(float), strict=True):
            fit = LogisticRegression(C=1e10, tol=1e-10, max_iter=10_000).fit(log_odds[:, None], target)
            fits.append((fit.coef_[0, 0], fit.intercept_[0]))
    assert (row.calibration_slope, row.calibration_intercept) == pytest.approx(tuple(np.mean(fits, axis=0)), rel=1e-3)


def test_trainings_of_classifiers_leave_their_curves(finished):
    _, _, _, report = finished
    curves = {curve.name: curve for curve in report.training}
    for arm in ("supervised", "SimCLR fine-tuned"):
        for amount in ("20", "100"):
            series = curves[f"{arm} on {amount} % of the labels, first subset"].series
            splits = {f"validation AUROC/split {number}" for number in (1, 2, 3)}
            assert {"loss/training", "loss/validation"} | splits == {*series}
            assert len({len(values) for values in series.values()}) == 1
            assert np.isfinite(series["loss/training"]).all()
    assert not any("probe" in name or "MiniRocket" in name for name in curves)


def test_each_record_is_tested_once_by_the_split_that_holds_it(finished):
    folder, _, splits, _ = finished
    results = ResultsFolder(folder)
    assert len(results.tested) == sum(len(split.test) for split in splits)
    assert len(set(results.record_ids)) == len(results.tested)


def test_intervals_are_the_same_when_recomputed(finished):
    folder, _, _, report = finished
    results = ResultsFolder(folder)
    again = make_row(results, "SimCLR fine-tuned", 0.2, n_replicates=800)
    assert again == next(row for row in report.rows if row.name == "SimCLR fine-tuned" and row.label_fraction == 0.2)
    pairs = default_pairs(results.arms.values())
    assert len(pairs) == 2 * 3
    assert tuple(make_comparisons(results, pairs, n_replicates=800)) == report.comparisons


def test_scores_without_probabilities_say_why_they_have_no_brier_score(finished):
    _, _, _, report = finished
    row = next(row for row in report.rows if row.name == "MiniRocket + ridge")
    assert np.isnan(row.brier)
    assert row.undefined["brier"] == "gives scores, not probabilities"


def test_the_report_says_how_long_the_run_took_and_nobodys_folders(finished):
    folder, _, _, report = finished
    assert 3600 <= report.run.wall_time_s < 2 * 3600
    assert report.run.command == "test --data ecg"
    assert report.run.config == {"out": "x"}
    assert str(folder) not in json.dumps(report.to_dict())


def test_single_label_rows_are_ranked_by_log_probability(finished, tmp_path):
    """A constant added to all logits of a record changes nothing in a softmax, and so nothing in a row."""
    folder, _, _, _ = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    facts = json.loads((tmp_path / "arms.json").read_text())
    (tmp_path / "arms.json").write_text(json.dumps(facts | {"task": "single"}))
    before = make_row(ResultsFolder(tmp_path), "supervised", 0.2, n_replicates=800)
    generator = np.random.default_rng(7)
    for path in group_folder(tmp_path, "supervised").glob("20pct-*.npz"):
        scores, identity = load_scores(path)
        shifted = [
            Scores(*(part + generator.normal(0, 3, (len(part), 1)) for part in (one.validation, one.test)))
            for one in scores
        ]
        write_cell(path, score_arrays(shifted), identity)
    after = make_row(ResultsFolder(tmp_path), "supervised", 0.2, n_replicates=800)
    assert after.macro_auroc == pytest.approx(before.macro_auroc, abs=1e-3)
    assert (after.f1, after.sensitivity) == pytest.approx((before.f1, before.sensitivity), abs=1e-3)
    cells = ResultsFolder(tmp_path).cells("supervised", 0.2)
    assert all(np.exp(cell.scores).sum(axis=1) == pytest.approx(1) for cell in cells)
    assert all((cell.decisions.values.sum(axis=1) == 1).all() for cell in cells)


@pytest.fixture(scope="module")
def unvalidated(finished, synthetic_store, tmp_path_factory):
    """The same experiment without validation labels, at counts, with the encoders of ``finished``."""
    folder = tmp_path_factory.mktemp("unvalidated")
    labels, splits = synthetic_store.labels("super"), [without_validation(rotation_splits(synthetic_store.records))]
    design = LabelFractions(fractions=(1.0,), n_repeats=(2,), counts=(16,), count_repeats=3)
    experiment = replace(tiny_experiment(), design=design, floors=())
    with (
        pytest.MonkeyPatch.context() as patch,
        run_record(folder, command=["test"], config={}, seed=42, data={"name": "synthetic"}) as run,
    ):
        patch.setattr("ssrl_ecg.evaluation.pretrainings.pretrain", lambda *_, **__: pytest.fail("pretrained again"))
        encoders = finished[0] / "models"
        prepare_experiment(
            experiment, synthetic_store, labels, splits, folder, encoders=encoders, execution=QUIET
        ).run()
        report = make_report(
            folder, synthetic_store, labels, splits, title="Tiny", about=ABOUT, run=run, n_replicates=800,
        )  # fmt: skip
    return folder, labels, splits[0], report


def test_without_validation_every_test_fold_is_ranked_by_one_model(unvalidated):
    folder, labels, split, report = unvalidated
    assert report.track == "no validation"
    assert set(report.data.split_sizes) == {"training", "test"}
    row = next(row for row in report.rows if row.name == "SimCLR frozen probe" and row.n_labels == 16)
    folds = np.array(ResultsFolder(folder).records.folds)
    aurocs = []
    for number in range(3):
        (scores,), _ = load_scores(group_folder(folder, row.name) / f"16labels-{number:02d}.npz")
        for fold in (7, 8, 9):
            here = folds == fold
            targets = labels.values[split.test][here]
            aurocs += [[roc_auc_score(targets[:, column], scores.test[here, column]) for column in range(5)]]
    assert row.macro_auroc == pytest.approx(np.mean(aurocs), abs=1e-6)
    assert set(row.per_fold) == {7, 8, 9}
    assert {(one.n_subsets, one.n_seeds) for one in report.rows if one.n_labels == 16} == {(3, 1)}


def test_without_validation_there_are_no_decisions_and_no_calibration(unvalidated):
    _, _, _, report = unvalidated
    for row in report.rows:
        assert not np.isnan(row.auprc)
        for name in ("f1", "sensitivity", "specificity", "ppv", "npv", "brier", "ece", "calibration_slope"):
            assert np.isnan(getattr(row, name))
            assert row.undefined[name]
    assert report.examples == ()
    assert all(not curves.reliability for curves in report.curves)


def test_encoders_can_be_shared_and_their_history_is_noted_again(unvalidated, finished):
    names = sorted(path.name for path in (unvalidated[0] / "pretraining").glob("*.json"))
    assert names == sorted(path.name for path in (finished[0] / "pretraining").glob("*.json"))
    assert not (unvalidated[0] / "models").exists()
    curves = [
        [curve.name for curve in one[3].training if curve.name.startswith("pretraining")]
        for one in (unvalidated, finished)
    ]
    assert curves[0] == curves[1] != []


def test_the_page_of_the_track_without_validation_says_so(unvalidated, tmp_path):
    report = unvalidated[3]
    text = write_report(report, tmp_path).read_text(encoding="utf-8")
    assert "No validation labels" in text
    assert "at thresholds chosen on validation records" not in text
    again = read_results(tmp_path / "results.json")
    assert (again.track, again.rows) == (report.track, report.rows)
    assert {(one.characteristic, one.group) for one in again.groups} == {("fold", fold) for fold in "789"}


def test_pretraining_sees_training_folds_and_patients_only(finished, pretraining_rows, synthetic_store):
    _, _, splits, _ = finished
    folds, patients = (synthetic_store.records[column].to_numpy() for column in ("fold", "patient_id"))
    assert len(pretraining_rows) == tiny_experiment().n_pretrainings
    for rows in pretraining_rows:
        assert set(folds[rows]) == {1, 2, 3, 4, 5, 6}
        assert len(set(rows)) == len(rows) == np.isin(folds, range(1, 7)).sum()
        for split in splits:
            held_out = np.concatenate([split.validation, split.test])
            assert not set(patients[rows]) & set(patients[held_out])


def test_pretraining_is_not_repeated(finished, synthetic_store, monkeypatch):
    folder, labels, splits, _ = finished
    monkeypatch.setattr("ssrl_ecg.evaluation.pretrainings.pretrain", lambda *_, **__: pytest.fail("pretrained again"))
    for path in folder.glob("cells/simclr-frozen-probe/*.npz"):
        path.unlink()
    prepare_experiment(tiny_experiment(), synthetic_store, labels, splits, folder, execution=QUIET).run()
    assert len(list(folder.glob("cells/simclr-frozen-probe/*.npz"))) == 4


def test_report_is_written_and_read_back(finished, tmp_path):
    _, _, _, report = finished
    page = write_report(report, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert all(arm in text for arm in ARMS)
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert read_results(tmp_path / "results.json").rows == report.rows
    assert json.loads((tmp_path / "results.json").read_text())["kind"] == "synthetic"


def test_encoders_of_a_run_say_which_folds_they_have_seen(finished, synthetic_store):
    folder, _, splits, _ = finished
    for path in folder.glob("models/*/encoder.safetensors"):
        seen = load_encoder(path).provenance["seen"]
        assert seen[0]["folds"] == [1, 2, 3, 4, 5, 6]
        with pytest.raises(InputError, match="trained on"):
            refuse_seen(load_encoder(path).provenance, synthetic_store, test=splits[0].train[:5])


def test_what_would_fail_after_the_training_is_refused_before_it(monkeypatch):
    experiment = tiny_experiment()
    with pytest.raises(InputError, match="too few bootstrap replicates to correct 12 comparisons"):
        experiment.check(400)
    experiment.check(479)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match="floors"):
        experiment.check(479)


def test_a_plan_that_starts_on_simulated_records_goes_on_from_their_encoder(synthetic_store, tmp_path, monkeypatch):
    usual = tiny_experiment()
    start = SimulatedStart(n_records=20, pretrain=PretrainConfig(epochs=1, batch_size=8))
    made = []

    def simulated(start, make_encoder, *_, **__):
        made.append((start, make_encoder().eval()))
        return made[-1][1]

    def untrained(make_method, *_, **__):
        return SimpleNamespace(encoder=make_method().encoder, history=[])

    monkeypatch.setattr("ssrl_ecg.evaluation.pretrainings.simulated_encoder", simulated)
    monkeypatch.setattr("ssrl_ecg.evaluation.pretrainings.pretrain", untrained)
    plan = replace(usual.methods[0], start=start, n_pretrainings=1)
    experiment = replace(usual, methods=[plan], supervised={}, finetune=None, floors=(), n_pretrainings=1)
    labels, splits = synthetic_store.labels("super"), rotation_splits(synthetic_store.records)
    prepare_experiment(experiment, synthetic_store, labels, splits, tmp_path, execution=QUIET).run()
    ((asked, encoder),) = made
    assert asked == replace(start, pretrain=replace(start.pretrain, seed=plan.pretrain.seed))
    kept = load_encoder(next((tmp_path / "models").glob("*/encoder.safetensors")))
    assert module_hash(kept.encoder) == module_hash(encoder)
    assert kept.provenance["settings"]["start"]["simulated_records"] == 20
    arms = json.loads((tmp_path / "arms.json").read_text(encoding="utf-8"))["arms"]
    assert {arm["name"]: arm["knowledge"] for arm in arms}["SimCLR frozen probe"] is True


def test_whole_systems_join_each_methods_encoder_and_have_a_control(synthetic_store, tmp_path, monkeypatch):
    def untrained(make_method, *_, **__):
        return SimpleNamespace(encoder=make_method().encoder.eval(), history=[])

    monkeypatch.setattr("ssrl_ecg.evaluation.pretrainings.pretrain", untrained)
    usual = tiny_experiment()
    design = LabelFractions(fractions=(0.3,), n_repeats=(1,))
    methods = [replace(usual.methods[0], finetuned=False)]
    experiment = replace(
        usual, methods=methods, supervised={}, floors=("ensemble",), whole_systems=True, n_pretrainings=1, design=design
    )
    labels, splits = synthetic_store.labels("super"), rotation_splits(synthetic_store.records)
    prepare_experiment(experiment, synthetic_store, labels, splits, tmp_path, execution=QUIET).run()
    arms = {arm.name: arm for arm in ResultsFolder(tmp_path).arms.values()}
    assert "SimCLR fine-tuned" not in arms
    control, system = arms["self-training of the ensemble"], arms["SimCLR in the whole system"]
    assert (control.family, system.family) == ("floor", "method")
    assert control.knowledge
    assert system.knowledge
    cells = [load_scores(group_folder(tmp_path, name) / "30pct-00.npz")[0][0].test for name in
             ("ensemble of floors", control.name, system.name)]  # fmt: skip
    assert all(np.isfinite(one).all() for one in cells)
    assert not np.array_equal(cells[0], cells[1])
    assert not np.array_equal(cells[1], cells[2])


@pytest.mark.slow
def test_two_processes_make_the_cells_that_one_makes(finished, synthetic_store, tmp_path):
    """Every kind of arm travels to another process; encoders are those of ``finished``."""
    folder, labels, splits, _ = finished
    how = Execution(workers=2, progress=False)
    encoders = folder / "models"
    outcomes = prepare_experiment(
        tiny_experiment(), synthetic_store, labels, splits, tmp_path, encoders=encoders, execution=how
    ).run()
    assert outcomes.failures == ()
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("cells/**/*.npz")}
    assert made == {path.relative_to(folder): path.read_bytes() for path in folder.rglob("cells/**/*.npz")}
    assert len(made) == len(ARMS) * 4 + 2
