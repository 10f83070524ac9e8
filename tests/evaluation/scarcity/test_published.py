"""``LabelScarcityBenchmark``: its published signature, and what it writes from a tiny cohort."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

from ssrl_ecg.data.ptbxl import PTBXL
from ssrl_ecg.data.store import build_store
from ssrl_ecg.data.synthetic import write_synthetic_ptbxl
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.arms import Scores
from ssrl_ecg.evaluation.runner import Execution
from ssrl_ecg.evaluation.scarcity import published
from ssrl_ecg.evaluation.scarcity.published import LabelScarcityBenchmark, PublishedArm
from ssrl_ecg.label_scarcity_benchmark import LabelScarcityBenchmark as AtTheDoor
from ssrl_ecg.label_scarcity_benchmark import main as door
from ssrl_ecg.models import ECGEncoder1DCNN, ImprovedECGEncoder
from ssrl_ecg.models.cnn import CNNConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training.checkpoint import EncoderCheckpoint, save_checkpoint
from ssrl_ecg.training.embed import module_hash, predict_logits
from ssrl_ecg.training.provenance import describe_weights

QUIET = Execution(progress=False)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    root = write_synthetic_ptbxl(tmp_path_factory.mktemp("published") / "synthetic", 80, seed=3)
    build_store(PTBXL(root), root.parent / "store")
    return root


@pytest.fixture
def benchmark(cohort, tmp_path):
    return LabelScarcityBenchmark(cohort, tmp_path / "checkpoints", tmp_path / "results", store=cohort.parent / "store")


def save_encoder(benchmark: LabelScarcityBenchmark, seen) -> ECGEncoder1DCNN:
    torch.manual_seed(0)
    encoder = ECGEncoder1DCNN(CNNConfig(width=4))
    plain = Preprocessing(window_s=2.5, normalisation="none")
    provenance = describe_weights(["test"], {}, benchmark.store, seen)
    path = benchmark.checkpoint_dir / "ssl_masked.safetensors"
    save_checkpoint(path, EncoderCheckpoint(encoder, plain, provenance))
    return encoder


def defaults(method) -> dict:
    parameters = inspect.signature(method).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def test_signature_is_the_published_one():
    kind = LabelScarcityBenchmark
    assert AtTheDoor is kind
    assert list(inspect.signature(kind).parameters)[:3] == ["data_root", "checkpoint_dir", "results_dir"]
    assert defaults(kind.train_supervised_baseline) == {"seed": 42, "epochs": 50, "batch_size": 32}
    assert defaults(kind.load_ssl_pretrained) == {"checkpoint_path": None}
    tuned = {"seed": 42, "epochs": 50, "batch_size": 32, "freeze_encoder": False}
    assert defaults(kind.finetune_ssl) == tuned
    run = defaults(kind.run_label_scarcity_benchmark)
    assert run["label_fractions"] == (0.01, 0.05, 0.1, 0.25, 1.0)
    assert (run["seeds"], run["epochs"]) == ((42, 52, 62), 40)


def test_without_an_encoder_the_published_network_is_trained_alone(benchmark):
    assert benchmark.load_ssl_pretrained() is None
    found = benchmark.run_label_scarcity_benchmark((1.0,), (42, 52), 1, execution=QUIET)
    assert json.loads((benchmark.results_dir / "label_scarcity_benchmark.json").read_text()) == found
    assert found["seeds"] == [42, 52]
    assert found["label_fractions"] == [1.0]
    assert list(found["label_scarcity"]) == ["1.0"]
    tracks = found["label_scarcity"]["1.0"]
    counts = {track: {name: len(values) for name, values in lists.items()} for track, lists in tracks.items()}
    none = {"auroc": 0, "f1": 0}
    assert counts == {"supervised": {"auroc": 2, "f1": 2}, "ssl_finetuned": none, "ssl_frozen": none}
    assert (benchmark.results_dir / "label_scarcity_comparison.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((benchmark.results_dir / "results.json").read_text())["tracks"]["fold"]["rows"]
    model = benchmark.train_supervised_baseline(0.5, epochs=1)
    assert isinstance(model.classifier.encoder, ImprovedECGEncoder)


def test_tracks_share_records_and_architecture_and_never_touch_the_encoder(benchmark):
    save_encoder(benchmark, benchmark.split.train)
    pretrained = benchmark.load_ssl_pretrained()
    before = module_hash(pretrained.encoder)
    found = benchmark.run_label_scarcity_benchmark((0.5, 1.0), (42, 52), 1, execution=QUIET)
    assert set(found["label_scarcity"]["0.5"]) == {"supervised", "ssl_finetuned", "ssl_frozen"}
    frozen = benchmark.finetune_ssl(pretrained, 0.5, epochs=1, freeze_encoder=True)
    tuned = benchmark.finetune_ssl(pretrained, 0.5, epochs=1)
    assert module_hash(pretrained.encoder) == before == module_hash(frozen.classifier.encoder)
    assert module_hash(tuned.classifier.encoder) != before
    baseline = benchmark.train_supervised_baseline(0.5, epochs=1)
    assert baseline.classifier.encoder.config == pretrained.encoder.config
    assert baseline.preprocessing == pretrained.preprocessing
    np.testing.assert_allclose(benchmark.evaluate_model(tuned)["auroc_macro"],
                               found["label_scarcity"]["0.5"]["ssl_finetuned"]["auroc"][0], atol=1e-3)  # fmt: skip


def test_failed_cells_leave_their_places_empty_and_are_told(benchmark, cohort, capsys, monkeypatch):
    save_encoder(benchmark, benchmark.split.train)
    run = PublishedArm.run

    def diverging(arm, task):
        fails = arm.name == "SSL frozen" and (task.seed == 42 or len(task.rows) == n_all)
        scores = run(arm, task)
        return [Scores(one.validation, np.full_like(one.test, np.nan)) for one in scores] if fails else scores

    n_all = int(benchmark.labels.known[benchmark.split.train].sum())
    monkeypatch.setattr(PublishedArm, "run", diverging)
    monkeypatch.setattr(published, "_N_REPLICATES", 400)
    words = ["--data-root", cohort, "--store", cohort.parent / "store", "--checkpoint-dir", benchmark.checkpoint_dir]
    words += ["--results-dir", benchmark.results_dir, "--epochs", 1, "--label-fractions", 1, 0.5, "--seeds", 42, 52]
    assert door(list(map(str, words))) == 3
    said = capsys.readouterr().out
    assert "failed: SSL frozen, 50pct-00: scores are not finite" in said
    assert "  100 % ssl_frozen     AUROC undefined" in said
    assert [failure.name for failure in benchmark.failures] == ["50pct-00", "100pct-00", "100pct-01"]
    found = json.loads((benchmark.results_dir / "label_scarcity_benchmark.json").read_text())
    assert (list(found["label_scarcity"]), found["label_fractions"]) == (["1.0", "0.5"], [1.0, 0.5])
    assert found["label_scarcity"]["1.0"]["ssl_frozen"] == {"auroc": [None, None], "f1": [None, None]}
    half = found["label_scarcity"]["0.5"]["ssl_frozen"]["auroc"]
    assert (half[0], half[1] is None) == (None, False)
    assert len(json.loads((benchmark.results_dir / "results.json").read_text())["failed"]) == 1
    assert "What failed" in (benchmark.results_dir / "report.html").read_text()


def test_a_run_without_any_result_is_refused_in_one_line(benchmark, monkeypatch):
    nothing = np.full((200, 5), np.nan)
    monkeypatch.setattr(PublishedArm, "run", lambda arm, task: [Scores(nothing, nothing)])
    with pytest.raises(InputError, match="no cell could be computed"):
        benchmark.run_label_scarcity_benchmark((1.0,), (42,), 1, execution=QUIET)


def test_evaluation_is_that_of_scikit_learn(benchmark):
    save_encoder(benchmark, benchmark.split.train)
    model = benchmark.train_supervised_baseline(1.0, epochs=1)
    rows = benchmark.split.test
    logits = predict_logits(model.classifier, model.preprocessing, benchmark.store, rows)
    targets, called = benchmark.labels.values[rows], 1 / (1 + np.exp(-logits)) >= np.array(model.thresholds)
    there = (targets.min(axis=0) == 0) & (targets.max(axis=0) == 1)
    found = benchmark.evaluate_model(model)
    assert set(found) == {"auroc_macro", "f1_macro"}
    assert found["auroc_macro"] == pytest.approx(roc_auc_score(targets[:, there], logits[:, there], average="macro"))
    to_find = targets.any(axis=0)
    expected = f1_score(targets[:, to_find], called[:, to_find], average="macro", zero_division=0)
    assert found["f1_macro"] == pytest.approx(expected)


def test_what_would_not_be_honest_is_refused(benchmark):
    save_encoder(benchmark, np.arange(len(benchmark.store)))
    with pytest.raises(InputError, match="trained on recordings that are to judge them"):
        benchmark.run_label_scarcity_benchmark((0.5,), (42,), 1, execution=QUIET)
    with pytest.raises(InputError, match="two seeds are equal"):
        benchmark.run_label_scarcity_benchmark((0.5,), (42, 42), 1)
