"""A whole tiny run on synthetic records: the same samples for all, clean scores as the main job's, resumed."""

import shutil
from dataclasses import replace

import cloudpickle
import numpy as np
import pytest

from ssrl_ecg.augmentations.recipes import RECIPES, with_physiological_noises
from ssrl_ecg.data.source import SignalFile
from ssrl_ecg.data.splits import Split, rotation_splits, without_validation
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Task
from ssrl_ecg.evaluation.cells import cell_path, read_cell
from ssrl_ecg.evaluation.experiment import Runner, arm_plans
from ssrl_ecg.evaluation.label_fractions import LabelFractions
from ssrl_ecg.evaluation.plans import EncoderPlan, Experiment, MethodPlan, TrainingPlan
from ssrl_ecg.evaluation.robustness import models
from ssrl_ecg.evaluation.robustness.corrupted_records import TestRecords
from ssrl_ecg.evaluation.robustness.corruptions import Corruption, corruptions_of
from ssrl_ecg.evaluation.robustness.protocol import (
    Protocol,
    Robustness,
    noise_pairs_of,
    prepare_robustness,
    with_noise_arms,
)
from ssrl_ecg.evaluation.robustness.report import report_robustness
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.methods.simclr import SimCLR, SimCLRConfig
from ssrl_ecg.models import ECGEncoder1DCNN
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.classify import ClassifyConfig
from ssrl_ecg.training.loop import Compute
from ssrl_ecg.training.pretrain import PretrainConfig

QUIET = Execution(progress=False)
FAMILIES = ("masking", "silenced-leads")
ROWS = (
    "SimCLR frozen probe", "SimCLR fine-tuned", "SimCLR with noise frozen probe", "SimCLR with noise fine-tuned",
    "supervised", "measurements + forest", "criteria, no label",
)  # fmt: skip


def tiny() -> Robustness:
    recipe = RECIPES["crop-timeout"]()
    training = TrainingPlan(config=ClassifyConfig(steps=3, passes=0, evaluate_every=3, batch_size=16), recipe=recipe)
    method = MethodPlan(
        name="SimCLR", kind=SimCLR, config=SimCLRConfig(hidden_dim=16, projection_dim=8),
        pretrain=PretrainConfig(epochs=1, batch_size=32), recipe=recipe,
    )  # fmt: skip
    experiment = Experiment(
        encoder=EncoderPlan(kind=ECGEncoder1DCNN, config=CNNConfig(width=4)),
        preprocessing=Preprocessing(window_s=2.5, highpass_hz=0.5), methods=[method],
        supervised={"supervised": training}, finetune=training,
        design=LabelFractions(fractions=(1.0,), n_repeats=(1,)), n_pretrainings=1, floors=("criteria", "forest"),
        compute=Compute(accelerator="cpu"),
    )  # fmt: skip
    experiment = with_noise_arms(experiment, ["SimCLR"], with_physiological_noises)
    return Robustness(experiment=experiment, families=FAMILIES, noises={}, reference="supervised", n_seeds=2, seed=42)


@pytest.fixture(scope="module")
def finished(synthetic_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("robustness")
    labels, splits = synthetic_store.labels("super"), rotation_splits(synthetic_store.records)
    outcomes = prepare_robustness(tiny(), synthetic_store, labels, splits, folder, execution=QUIET).run()
    return folder, labels, splits, outcomes


def test_every_row_has_every_cell_of_the_same_samples(finished):
    folder, _, _, outcomes = finished
    protocol = Protocol.read(folder)
    assert tuple(protocol.models) == ROWS
    assert protocol.noise_pairs == (
        ("SimCLR with noise frozen probe", "SimCLR frozen probe"),
        ("SimCLR with noise fine-tuned", "SimCLR fine-tuned"),
    )
    assert not outcomes.failures
    for corruption in corruptions_of(FAMILIES):
        arrays = [read_cell(cell_path(folder, row, corruption.name))[0] for row in ROWS]
        assert len({str(one["sha256"]) for one in arrays}) == 1
        assert [len(one["scores"]) for one in arrays] == [1, 2, 1, 2, 2, 2, 1]  # one pretraining, one probe
        assert {one["scores"].dtype for one in arrays} == {np.dtype(np.float16)}


@pytest.mark.parametrize("row", ["supervised", "SimCLR fine-tuned", "SimCLR frozen probe", "measurements + forest"])
def test_clean_scores_are_those_of_the_main_job(finished, synthetic_store, tmp_path, row):
    folder, labels, splits, _ = finished
    whole = without_validation(splits)
    runner = Runner(tiny().experiment, synthetic_store, labels, [whole], tmp_path, folder / "models", False)
    (plan,) = [plan for plan in arm_plans(runner) if plan.name == row]
    rows = whole.train[labels.known[whole.train]]
    kept = read_cell(cell_path(folder, row, "clean"))[0]["scores"]
    for number in range(len(kept)):
        (scores,) = plan.build().run(Task(synthetic_store, labels, rows, [whole], 42 + number))
        expected = scores.test[labels.known[whole.test]]
        if row == "measurements + forest":  # the main job keeps it as logits
            expected = 1 / (1 + np.exp(-expected))
        np.testing.assert_allclose(kept[number], expected, atol=2e-3, rtol=1e-3)


def test_corruption_reaches_every_row(finished):
    folder = finished[0]
    for row in ROWS:
        clean, silenced = (
            read_cell(cell_path(folder, row, name))[0]["scores"] for name in ("clean", "silenced-leads_6")
        )
        assert not np.allclose(clean, silenced, atol=1e-3)


def test_a_run_goes_on_where_it_stopped_with_the_same_bits(finished, synthetic_store, tmp_path):
    folder, labels, splits, _ = finished
    copy = shutil.copytree(folder, tmp_path / "copy")
    lost = [cell_path(copy, "supervised", "masking_0.2"), cell_path(copy, "criteria, no label", "clean")]
    before = [read_cell(path)[0]["scores"].tobytes() for path in lost]
    lost[0].unlink()
    lost[1].write_bytes(lost[1].read_bytes()[:50])
    again = prepare_robustness(tiny(), synthetic_store, labels, splits, copy, execution=QUIET).run()
    assert again.n_computed == 2
    assert [read_cell(path)[0]["scores"].tobytes() for path in lost] == before
    assert prepare_robustness(tiny(), synthetic_store, labels, splits, copy, execution=QUIET).run().n_computed == 0
    with pytest.raises(InputError, match="other settings"):
        prepare_robustness(replace(tiny(), seed=43), synthetic_store, labels, splits, copy, execution=QUIET).run()


def test_a_row_scores_the_same_in_another_process(finished, synthetic_store, tmp_path):
    folder, labels, splits, _ = finished
    whole = without_validation(splits)
    split = Split(*(part[labels.known[part]] for part in whole.parts().values()))
    runner = Runner(tiny().experiment, synthetic_store, labels, [whole], tmp_path, folder / "models", False)
    plans = {plan.arm.name: plan for plan in models.model_plans(runner, split, 2)}
    test = TestRecords(synthetic_store, split.test, 42, {})
    for row, seed in (("SimCLR frozen probe", 42), ("measurements + forest", 43)):
        fit, sent = cloudpickle.loads(cloudpickle.dumps((plans[row].fit, test)))
        kept = read_cell(cell_path(folder, row, "masking_0.2"))[0]["scores"][seed - 42]
        assert np.array_equal(fit(seed).scores(sent, Corruption("masking", 0.2)).astype(np.float16), kept)


def test_a_model_that_diverges_is_reported_and_the_others_go_on(finished, synthetic_store, tmp_path, monkeypatch):
    folder, labels, splits, _ = finished
    copy = shutil.copytree(folder, tmp_path / "copy")
    cell_path(copy, "criteria, no label", "masking_0.2").unlink()
    cell_path(copy, "supervised", "masking_0.2").unlink()
    monkeypatch.setattr(models.Criteria, "scores", lambda self, test, _: np.full((len(test.rows), 5), np.nan))
    outcomes = prepare_robustness(tiny(), synthetic_store, labels, splits, copy, execution=QUIET).run()
    assert [failure.group for failure in outcomes.failures] == ["criteria, no label"]
    answers = report_robustness(copy, {}, n_replicates=240)
    assert not any("criteria" in answer for answer in answers)
    assert "Failed: criteria, no label" in (copy / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"families": ("nstdb-bw",)}, r"nstdb-bw.*--nstdb"),
        ({"families": ("gremlins",)}, "unknown corruption"),
        ({"families": ("masking", "masking")}, "once each"),
        ({"families": ()}, "once each"),
        ({"n_seeds": 0}, "n_seeds"),
    ],
)
def test_what_cannot_be_asked(changes, message):
    with pytest.raises(InputError, match=message):
        replace(tiny(), **changes)


def test_too_few_replicates_are_refused_before_the_work():
    tiny().check(320)
    with pytest.raises(InputError, match="319 or more"):
        tiny().check(318)


def test_noise_families_are_there_with_their_recording():
    noise = SignalFile(np.zeros((2, 10), np.float32), 360.0, ("a", "b"))
    assert replace(tiny(), families=("nstdb-bw",), noises={"bw": noise}).families == ("nstdb-bw",)


def test_pairs_differ_in_noise_alone():
    experiment = tiny().experiment
    plain, noisy = experiment.methods
    assert noisy.recipe.name == "crop-timeout-physio"
    assert replace(noisy, name=plain.name, recipe=plain.recipe) == plain
    supervised = with_noise_arms(experiment, ["supervised"], with_physiological_noises).supervised
    assert list(supervised) == ["supervised", "supervised with noise"]
    assert supervised["supervised with noise"].config == supervised["supervised"].config
    assert noise_pairs_of(["a with noise", "b", "b with noise"]) == (("b with noise", "b"),)
