from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from ssrl_ecg import RecordStore, load_classifier, load_encoder
from ssrl_ecg.data.duplicates import Duplicates
from ssrl_ecg.methods.simclr import SimCLR
from ssrl_ecg.models import Classifier
from ssrl_ecg.training.embed import predict_logits

SMALL = ("--encoder", "cnn", "--encoder-width", 4)
SHORT = ("--steps", 4, "--evaluate-every", 2, "--batch-size", 32)


def _record(out: Path) -> dict:
    return json.loads((out.parent / f"{out.name}.run" / "run.json").read_text())


def _history(out: Path) -> list[dict[str, str]]:
    with (out.parent / f"{out.name}.run" / "history.csv").open() as file:
        return list(csv.DictReader(file))


def _fold(store, *folds):
    return np.flatnonzero(np.isin(store.records["fold"], folds))


def test_pretraining_leaves_encoder_record_and_history(encoder_path, cohort, store_path):
    checkpoint = load_encoder(encoder_path, expected_encoder="cnn")
    assert checkpoint.encoder.config.width == 4
    store = RecordStore.open(store_path)
    signal_mv = torch.from_numpy(store.read_mv(_fold(store, *range(1, 9))))
    filtered = checkpoint.preprocessing.filter(signal_mv).double()
    assert checkpoint.preprocessing.mean_mv == pytest.approx(filtered.mean(dim=(0, 2)).tolist(), abs=1e-6)
    assert checkpoint.preprocessing.sd_mv == pytest.approx(filtered.std(dim=(0, 2)).tolist(), rel=1e-4)
    assert checkpoint.provenance["seen"][0]["folds"] == list(range(1, 9))
    record = _record(encoder_path)
    assert record["status"] == "finished"
    assert record["data"]["root_name"] == "synthetic"
    assert str(cohort.parent) not in json.dumps(record) + json.dumps(checkpoint.provenance)
    rows = _history(encoder_path)
    assert len(rows) == 2
    assert {"loss", "embedding_sd", "effective_rank"} <= {*rows[0]}
    assert not list(encoder_path.parent.glob("*.run/*.ckpt"))


def test_pretraining_reads_no_held_out_recording(monkeypatch, ssrl_ecg, data_flags, store_path, tmp_path):
    read: set[int] = set()
    original = RecordStore.read_mv

    def watched(self, rows):
        read.update(np.atleast_1d(np.asarray(rows)).tolist())
        return original(self, rows)

    monkeypatch.setattr(RecordStore, "read_mv", watched)
    nothing = Duplicates(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    monkeypatch.setattr("ssrl_ecg.data.leakage.find_duplicates", lambda _: nothing)  # compares, and so reads, all
    words = ("pretrain", "byol", *data_flags, *SMALL, "--hidden-dim", 32, "--epochs", 1)
    outcome = ssrl_ecg(*words, "--out", tmp_path / "byol.safetensors")
    assert outcome.code == 0
    store = RecordStore.open(store_path)
    assert read == set(_fold(store, *range(1, 9)).tolist())
    held_out = set(store.records["patient_id"].iloc[_fold(store, 9, 10)])
    assert held_out.isdisjoint(store.records["patient_id"].iloc[sorted(read)])


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(monkeypatch, ssrl_ecg, data_flags, encoder_path, tmp_path):
    out = tmp_path / "again.safetensors"
    words = ("pretrain", "simclr", *data_flags, *SMALL, "--epochs", 2, "--batch-size", 32, "--out", out)
    n_losses = 0
    original = SimCLR.loss

    def interrupted_in_the_second_epoch(self, batch, generator):
        nonlocal n_losses
        n_losses += 1
        if n_losses == 4:
            raise KeyboardInterrupt
        return original(self, batch, generator)

    with monkeypatch.context() as patch:
        patch.setattr(SimCLR, "loss", interrupted_in_the_second_epoch)
        outcome = ssrl_ecg(*words)
    assert outcome.code == 130
    assert (
        outcome.error
        == f"ssrl-ecg: interrupted; {out} was not written; the same command goes on after the last whole epoch"
    )
    assert not out.exists()
    assert _record(out)["status"] == "interrupted"
    assert ssrl_ecg(*words).code == 0
    whole, resumed = (load_encoder(path).encoder.state_dict() for path in (encoder_path, out))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert [row["loss"] for row in _history(out)] == [row["loss"] for row in _history(encoder_path)]


def test_an_interrupted_classifier_goes_on_to_the_same_bits(monkeypatch, ssrl_ecg, data_flags, encoder_path, tmp_path):
    words = ("finetune", *data_flags, "--steps", 6, "--evaluate-every", 2, "--checkpoint", encoder_path)
    whole, out = tmp_path / "whole.safetensors", tmp_path / "resumed.safetensors"
    assert ssrl_ecg(*words, "--out", whole).code == 0
    n_forwards = 0
    original = Classifier.forward

    def interrupted_in_the_third_epoch(self, signal):
        nonlocal n_forwards
        n_forwards += self.training
        if n_forwards == 6:
            raise KeyboardInterrupt
        return original(self, signal)

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "forward", interrupted_in_the_third_epoch)
        outcome = ssrl_ecg(*words, "--out", out)
    assert outcome.code == 130
    assert outcome.error.endswith(
        "resumed.safetensors was not written; the same command goes on after the last whole epoch"
    )
    assert not out.exists()
    n_forwards = -1000
    assert ssrl_ecg(*words, "--out", out).code == 0
    one, other = (load_classifier(path).classifier.state_dict() for path in (whole, out))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert _history(out) == _history(whole)
    assert not list(tmp_path.glob("*.run/*.ckpt"))


def test_ctrl_c_in_a_classifier_leaves_nothing(monkeypatch, ssrl_ecg, data_flags, encoder_path, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ssrl_ecg.cli.classifier_training.train_classifier", interrupt)
    out = tmp_path / "c.safetensors"
    outcome = ssrl_ecg("finetune", *data_flags, "--checkpoint", encoder_path, "--out", out)
    assert outcome.code == 130
    assert outcome.error.endswith("c.safetensors was not written; the same command starts again")
    assert not out.exists()


def test_finetuning_moves_the_encoder_unless_told_not_to(ssrl_ecg, data_flags, encoder_path, classifier_path, tmp_path):
    before = load_encoder(encoder_path).encoder.state_dict()
    moved = load_classifier(classifier_path).classifier.encoder.state_dict()
    assert any(not torch.equal(before[name], moved[name]) for name in before)
    out = tmp_path / "frozen.safetensors"
    words = ("finetune", *data_flags, *SHORT, "--checkpoint", encoder_path, "--freeze-encoder", "--head", "mlp")
    assert ssrl_ecg(*words, "--out", out).code == 0
    frozen = load_classifier(out).classifier.encoder.state_dict()
    assert all(torch.equal(before[name], frozen[name]) for name in before)
    assert load_classifier(out).provenance["settings"]["training"]["trainable"] == "head"


def test_thresholds_in_the_checkpoint_have_the_best_f1_on_the_validation_fold(classifier_path, store_path):
    checkpoint, store = load_classifier(classifier_path), RecordStore.open(store_path)
    rows = _fold(store, 9)
    logits = predict_logits(checkpoint.classifier, checkpoint.preprocessing, store, rows).astype(np.float64)
    probabilities, targets = 1 / (1 + np.exp(-logits)), store.labels("super").values[rows]
    for column, threshold in enumerate(checkpoint.thresholds):
        scores, truth = probabilities[:, column], targets[:, column]
        if 0 < truth.sum() < len(truth):
            best = max(f1_score(truth, scores >= cut) for cut in scores)
            assert f1_score(truth, scores >= threshold) == pytest.approx(best)


@pytest.mark.parametrize("command", ["probe", "finetune"])
def test_thresholds_have_the_best_youden_index_where_that_is_asked_for(
    ssrl_ecg, data_flags, encoder_path, store_path, tmp_path, command
):
    out = tmp_path / "youden.safetensors"
    words = (command, *data_flags, *SHORT, "--checkpoint", encoder_path, "--thresholds", "youden", "--out", out)
    assert ssrl_ecg(*words).code == 0
    checkpoint, store = load_classifier(out), RecordStore.open(store_path)
    rows = _fold(store, 9)
    logits = predict_logits(checkpoint.classifier, checkpoint.preprocessing, store, rows).astype(np.float64)
    probabilities, targets = 1 / (1 + np.exp(-logits)), store.labels("super").values[rows]
    for truth, scores, threshold in zip(targets.T, probabilities.T, checkpoint.thresholds, strict=True):
        if 0 < truth.sum() < len(truth):
            best = max(balanced_accuracy_score(truth, scores >= cut) for cut in scores)
            assert balanced_accuracy_score(truth, scores >= threshold) == pytest.approx(best)
    assert checkpoint.provenance["settings"]["thresholds"] == "youden"


@pytest.mark.parametrize("head", ["linear", "attention"])
def test_probes_leave_the_encoder_as_it_was(ssrl_ecg, data_flags, encoder_path, tmp_path, head):
    out = tmp_path / "probe.safetensors"
    words = ("probe", *data_flags, *SHORT, "--checkpoint", encoder_path, "--label-fraction", 0.5, "--head", head)
    outcome = ssrl_ecg(*words, "--out", out)
    assert outcome.code == 0
    before = load_encoder(encoder_path).encoder.state_dict()
    probe = load_classifier(out)
    assert all(torch.equal(before[name], value) for name, value in probe.classifier.encoder.state_dict().items())
    assert type(probe.classifier.head).__name__ == {"linear": "LinearHead", "attention": "AttentionPoolHead"}[head]
    assert _record(out)["status"] == "finished"
    assert [(one["folds"], one["chosen_on"]) for one in probe.provenance["seen"]] == [
        ([*range(1, 9)], []),
        ([*range(1, 9)], [9]),
    ]


@pytest.mark.parametrize(("label_set", "n_classes"), [("norm", 1), ("super-single", 5)])
def test_supervised_on_binary_and_single_label_tasks(ssrl_ecg, data_flags, tmp_path, label_set, n_classes):
    out = tmp_path / "supervised.safetensors"
    words = ("supervised", *data_flags, *SMALL, *SHORT, "--label-set", label_set, "--window-s", 10, "--out", out)
    outcome = ssrl_ecg(*words)
    assert outcome.code == 0
    checkpoint = load_classifier(out)
    assert (len(checkpoint.classes), checkpoint.label_set) == (n_classes, label_set)
    assert (checkpoint.thresholds is None) == (label_set == "super-single")
    judged = ssrl_ecg("evaluate", *data_flags, "--checkpoint", out, "--n-replicates", 20)
    assert judged.code == 0
    assert f"label set {label_set}, fold 10: " in judged.out
    assert "AUROC" in judged.out


def test_evaluation_prints_what_scikit_learn_finds(ssrl_ecg, data_flags, classifier_path, store_path):
    words = ("evaluate", *data_flags, "--checkpoint", classifier_path, "--n-replicates", 50)
    found = json.loads(ssrl_ecg(*words, "--json").out)
    checkpoint, store = load_classifier(classifier_path), RecordStore.open(store_path)
    rows = _fold(store, 10)
    logits = predict_logits(checkpoint.classifier, checkpoint.preprocessing, store, rows)
    targets = store.labels("super").values[rows]
    expected = {
        name: roc_auc_score(targets[:, column], logits[:, column])
        for column, name in enumerate(checkpoint.classes)
        if 0 < targets[:, column].sum() < len(rows)
    }
    assert {k: v for k, v in found["report"]["per_class"]["auroc"].items() if v is not None} == pytest.approx(expected)
    assert found["intervals"]["auroc"]["macro"]["estimate"] == pytest.approx(np.mean([*expected.values()]))
    table = ssrl_ecg(*words).out
    assert f"{np.mean([*expected.values()]):.3f}" in table
    assert all(name in table for name in checkpoint.classes)


def test_evaluation_over_several_folds_gives_their_mean(ssrl_ecg, data_flags, tmp_path):
    out = tmp_path / "supervised.safetensors"
    words = ("supervised", *data_flags, *SMALL, *SHORT, "--train-folds", "1-6", "--val-folds", "7", "--out", out)
    assert ssrl_ecg(*words).code == 0
    both = ssrl_ecg("evaluate", *data_flags, "--checkpoint", out, "--n-replicates", 20, "--test-folds", "9,10").out
    assert both.startswith("label set super, folds 9, 10: ")
    assert "mean over folds" in both


def test_corruption_flags_change_the_scores_the_same_way_every_time(ssrl_ecg, data_flags, classifier_path):
    words = ("evaluate", *data_flags, "--checkpoint", classifier_path, "--n-replicates", 20)
    clean = ssrl_ecg(*words).out
    noisy = ssrl_ecg(*words, "--noise-std", 0.5, "--mask-ratio", 0.2).out
    assert noisy != clean
    assert noisy == ssrl_ecg(*words, "--noise-std", 0.5, "--mask-ratio", 0.2).out
    assert clean == ssrl_ecg(*words).out


def test_classes_without_positives_are_reported_and_no_error(ssrl_ecg, data_flags, encoder_path, tmp_path):
    out = tmp_path / "few.safetensors"
    words = ("finetune", *data_flags, *SHORT, "--label-set", "all", "--label-fraction", 0.05)
    outcome = ssrl_ecg(*words, "--checkpoint", encoder_path, "--out", out)
    assert outcome.code == 0
    assert "note: no training recording is positive for" in outcome.out
    judged = ssrl_ecg("evaluate", *data_flags, "--checkpoint", out, "--n-replicates", 20)
    assert judged.code == 0
    assert "note: AUROC is undefined for" in judged.out
    assert not math.isnan(
        json.loads(ssrl_ecg("evaluate", *data_flags, "--checkpoint", out, "--n-replicates", 20, "--json").out)[
            "report"
        ]["macro"]["auroc"]
    )


def test_pretraining_goes_on_from_simulated_records_on_others(ssrl_ecg, refused, data_flags, tmp_path):
    """Two commands: the simulator's truth first, then any method; the checkpoint tells of both."""
    short = (*data_flags, *SMALL, "--epochs", 1, "--batch-size", 32)
    first, second = tmp_path / "simulation.safetensors", tmp_path / "simclr.safetensors"
    assert ssrl_ecg("pretrain", "simulation", *short, "--recipe", "none", "--out", first).code == 0
    assert ssrl_ecg("pretrain", "simclr", *short, "--init", first, "--hidden-dim", 32, "--out", second).code == 0
    earlier = load_encoder(second).provenance["started_from"]
    assert earlier["settings"]["method"] == "Simulation"
    assert len(load_encoder(second).provenance["seen"]) == 2
    reason = refused(
        "pretrain", "simclr", *short, "--init", first, "--window-s", 5, "--out", tmp_path / "x.safetensors"
    )
    assert "window_s" in reason
    assert "simulation.safetensors" in reason


def test_a_method_that_needs_a_simulation_refuses_records_that_are_none(refused, cohort, tmp_path):
    recordings = tmp_path / "recordings"
    shutil.copytree(cohort, recordings)
    (recordings / "parameters.csv").unlink()
    words = ("--data", recordings, "--store", tmp_path / "store", *SMALL, "--recipe", "none")
    reason = refused("pretrain", "simulation", *words, "--out", tmp_path / "x.safetensors")
    assert "ssrl-ecg data synthetic" in reason
