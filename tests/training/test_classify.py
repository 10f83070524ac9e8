from __future__ import annotations

import math
import signal

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ssrl_ecg.augmentations.recipes import Recipe, full, none
from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import CLASSIFICATION_LOSSES, bce
from ssrl_ecg.models import AttentionPoolHead, AttentionPoolHeadConfig, Classifier, MLPHead, MLPHeadConfig
from ssrl_ecg.signals.preprocessing import Preprocessing
from ssrl_ecg.training import classify
from ssrl_ecg.training.classify import ClassifyConfig, train_classifier
from ssrl_ecg.training.embed import module_hash, predict_logits
from ssrl_ecg.training.loop import Compute

TRAIN, VALIDATION, OTHER = np.arange(1, 40), np.arange(40, 60), np.arange(36, 50)


@pytest.fixture
def train(store, preprocessing, make_classifier):
    """(label_set="both", validations=..., **config) -> ClassifyResult."""

    def run(
        label_set="both",
        *,
        rows=TRAIN,
        validations=None,
        classifier=None,
        recipe=None,
        fed=None,
        compute=None,
        **config,
    ):
        labels = store.labels(label_set)
        defaults = {"steps": 12, "passes": 0, "evaluate_every": 4, "batch_size": 16, "learning_rate": 1e-2}
        return train_classifier(
            lambda: classifier or make_classifier(len(labels.classes)),
            store,
            rows,
            labels,
            preprocessing=fed or preprocessing,
            recipe=recipe or none(),
            config=ClassifyConfig(**defaults | config),
            validations={"fold": VALIDATION} if validations is None else validations,
            compute=compute or Compute(accelerator="cpu"),
            progress=False,
        )

    return run


@pytest.fixture
def rates():
    """Learning rates of all parameter groups at every optimiser step of the test."""
    seen = []
    handle = register_optimizer_step_pre_hook(
        lambda optimiser, *_: seen.append([g["lr"] for g in optimiser.param_groups])
    )
    yield seen
    handle.remove()


def script(monkeypatch, scores):
    """Let the looks at each validation set, known by its length, find these AUROCs; return the weights looked at."""
    looked_at = []
    left = {length: iter(values) for length, values in scores.items()}
    predict = classify.predict_logits

    def remember(classifier, *arguments, **options):
        looked_at.append(module_hash(classifier))
        return predict(classifier, *arguments, **options)

    monkeypatch.setattr(classify, "predict_logits", remember)
    monkeypatch.setattr(classify, "validation_auroc", lambda labels, rows, logits: next(left[len(rows)]))
    return looked_at


def state_hash(make_classifier, state):
    classifier = make_classifier(2)
    classifier.load_state_dict(state)
    return module_hash(classifier)


def test_the_best_weights_are_a_copy_even_where_best_is_not_last(train, make_classifier, monkeypatch):
    looked_at = script(monkeypatch, {20: [0.5, 0.9, 0.6, 0.9, 0.1]})
    result = train(steps=20)
    assert len(set(looked_at)) == 5
    assert result.best["fold"].step == 8
    assert result.best["fold"].auroc == 0.9
    assert state_hash(make_classifier, result.best["fold"].state) == looked_at[1]
    assert module_hash(result.classifier) == looked_at[1]
    assert not result.classifier.training


def test_each_validation_set_keeps_its_own_best(train, monkeypatch):
    looked_at = script(monkeypatch, {20: [0.5, 0.9, 0.6], 14: [0.1, 0.2, 0.3]})
    result = train(validations={"fold": VALIDATION, "other": OTHER})
    first, second, last = looked_at[::2]
    assert (result.best["fold"].step, result.best["other"].step) == (8, 12)
    assert module_hash(result.classifier_for("other")) == last
    assert module_hash(result.classifier_for("fold")) == second
    assert [row["auroc_other"] for row in result.history] == [0.1, 0.2, 0.3]
    assert len({first, second, last}) == 3


def test_best_weights_give_the_auroc_they_were_kept_for(train, store, preprocessing):
    result = train(steps=40, learning_rate=0.05, schedule="plateau")
    logits = predict_logits(result.classifier, preprocessing, store, VALIDATION, overlap=0.0)
    found = classify.validation_auroc(store.labels("both"), VALIDATION, logits)
    assert found == result.best["fold"].auroc == max(row["auroc_fold"] for row in result.history)


def test_it_stops_when_no_set_has_become_better_for_so_long(train, monkeypatch):
    script(monkeypatch, {20: [0.5, 0.6, 0.6, 0.5, 0.9], 14: [0.7, 0.6, 0.6, 0.7, 0.9]})
    result = train(steps=20, patience=2, validations={"fold": VALIDATION, "other": OTHER})
    assert len(result.history) == 4


def test_a_gain_on_any_set_starts_patience_anew(train, monkeypatch):
    script(monkeypatch, {20: [0.5, 0.4, 0.4, 0.4, 0.4], 14: [0.1, 0.1, 0.2, 0.2, 0.3]})
    assert len(train(steps=20, patience=2, validations={"fold": VALIDATION, "other": OTHER}).history) == 5


def test_where_no_class_can_be_compared_the_last_weights_stay_and_that_is_said(train, monkeypatch):
    with pytest.warns(UserWarning, match="validation set fold: no class has positives and negatives"):
        result = train("nothing", steps=20, patience=1)
    assert len(result.history) == 5
    assert result.best["fold"].step == 20
    assert np.isnan(result.best["fold"].auroc)


def test_a_class_without_positives_does_not_spoil_the_choice(train):
    result = train("rare")
    assert not np.isnan([row["auroc_fold"] for row in result.history]).any()


def test_without_validation_the_last_weights_stay(train, monkeypatch):
    result = train(validations={})
    assert result.best == {}
    assert len(result.history) == 3
    assert "validation_loss" not in result.history[0]


@pytest.mark.parametrize(("steps", "looks"), [(10, [4, 8, 10]), (3, [3]), (8, [4, 8])])
def test_the_number_of_steps_is_kept_and_the_last_one_is_looked_at(steps, looks, train, rates, monkeypatch):
    script(monkeypatch, {20: iter(np.linspace(0.5, 1, 10))})
    result = train(steps=steps)
    assert len(rates) == steps
    assert result.best["fold"].step == looks[-1]
    assert len(result.history) == len(looks)


@pytest.mark.parametrize("head", ["linear", "mlp", "attention"])
def test_a_frozen_encoder_keeps_every_byte_and_stays_in_eval_mode(head, train, small_classifier):
    encoder = small_classifier.encoder
    heads = {
        "linear": small_classifier.head,
        "mlp": MLPHead(MLPHeadConfig(hidden=4), feature_dim=8, n_outputs=2),
        "attention": AttentionPoolHead(AttentionPoolHeadConfig(), feature_dim=8, n_outputs=2),
    }
    classifier = Classifier(encoder, heads[head])
    before, head_before = module_hash(encoder), module_hash(classifier.head)
    modes = []
    encoder.stages[0].register_forward_hook(lambda *_: modes.append({part.training for part in encoder.modules()}))
    result = train(classifier=classifier, trainable="head")
    assert modes.count({False}) == len(modes) >= 12
    assert module_hash(encoder) == before
    assert module_hash(result.classifier.encoder) == before
    assert module_hash(result.classifier.head) != head_before


def test_an_attention_probe_reads_a_trained_encoder(train):
    encoder = train(steps=60, evaluate_every=20, schedule="plateau").classifier.encoder
    head = AttentionPoolHead(AttentionPoolHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=2)
    result = train(classifier=Classifier(encoder, head), trainable="head", steps=40, learning_rate=0.1)
    assert result.classifier.head.query.abs().max() > 0.01
    assert result.best["fold"].auroc > 0.85


def test_a_frozen_encoder_that_moves_is_found_out(train, small_classifier):
    def move(encoder, *_):
        encoder.stages[0].weight.data.add_(1e-6)

    small_classifier.encoder.stages[0].register_forward_pre_hook(lambda *_: move(small_classifier.encoder))
    with pytest.raises(AssertionError, match="frozen encoder changed"):
        train(classifier=small_classifier, trainable="head")


def test_everything_moves_otherwise_running_statistics_too(train, small_classifier):
    before = {name: value.clone() for name, value in small_classifier.state_dict().items()}
    result = train(classifier=small_classifier)
    moved = [name for name, value in result.classifier.state_dict().items() if not torch.equal(value, before[name])]
    assert moved == list(before)


def test_discriminative_rates_reach_the_optimiser(train, rates):
    train(encoder_rate_factor=0.1, steps=8, warmup_fraction=0.5, learning_rate=0.02)
    assert rates[0] == pytest.approx([0.0005, 0.0005, 0.005, 0.005])
    assert rates[3] == rates[4] == pytest.approx([0.002, 0.002, 0.02, 0.02])
    assert rates[6][2] == pytest.approx(0.02 * np.cos(np.pi / 4) ** 2)


def test_the_plateau_schedule_halves_the_rate_after_its_patience(train, rates, monkeypatch):
    monkeypatch.setattr(classify, "predict_logits", lambda *_, **__: np.zeros((20, 2), np.float32))
    train(schedule="plateau", plateau_patience=2, steps=24, learning_rate=0.01, patience=100)
    # The first of six looks is the best so far; the second and third are not better, nor the fourth and fifth.
    assert [rate[0] for rate in rates[::4]] == pytest.approx([0.01, 0.01, 0.01, 0.005, 0.005, 0.0025])


def test_oversampling_shows_the_rare_class_more_often(store, preprocessing, make_classifier, monkeypatch):
    labels = store.labels("both")
    rare = np.flatnonzero(labels.values[:, 0] == 1)[1:3]
    rows = np.concatenate([rare, np.flatnonzero((labels.values == [0, 1]).all(axis=1))])
    seen = []
    monkeypatch.setitem(
        classify.CLASSIFICATION_LOSSES, "bce", lambda counts: lambda z, y: (seen.append(y), bce(z, y))[1]
    )
    for oversample in (False, True):
        seen.clear()
        train_classifier(
            lambda: make_classifier(2),
            store,
            rows,
            labels,
            preprocessing=preprocessing,
            recipe=none(),
            config=ClassifyConfig(steps=40, passes=0, batch_size=8, oversample=oversample),
            compute=Compute(accelerator="cpu"),
            progress=False,
        )
        share = torch.cat(seen)[:, 0].mean()
        assert (0.35 < share < 0.65) if oversample else share < 0.2


@pytest.mark.parametrize("label_set", ["both", "has_a", "which"])
def test_every_kind_of_task_is_learnt(label_set, train, store, preprocessing):
    result = train(label_set, steps=80, evaluate_every=20, schedule="plateau")
    assert result.best["fold"].auroc > 0.85
    if label_set == "which":
        logits = predict_logits(result.classifier, preprocessing, store, VALIDATION)
        truth = store.labels("which").values[VALIDATION]
        assert (logits.argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.5


@pytest.mark.parametrize("loss", [name for name in CLASSIFICATION_LOSSES if name != "clinical"])
def test_every_loss_trains(loss, train):
    history = train("rare", loss=loss, steps=40, evaluate_every=10).history
    assert history[-1]["loss"] < history[0]["loss"]


def test_a_loss_that_does_not_know_the_classes_is_refused(train):
    with pytest.raises(InputError, match="clinical importance"):
        train("rare", loss="clinical")


@pytest.mark.parametrize("window_s", [1.0, 2.5, 2.56])
def test_crops_and_whole_records_both_train(window_s, train, store):
    fed = Preprocessing(window_s=window_s).fitted([store.read_mv(TRAIN)])
    result = train(fed=fed, recipe=full())
    assert predict_logits(result.classifier, fed, store, VALIDATION).shape == (20, 2)


def test_half_precision_leaves_weights_in_single_precision(train):
    exact = train(steps=4, compute=Compute(accelerator="cpu"))
    result = train(steps=4, compute=Compute(accelerator="cpu", precision="bf16"))
    assert {value.dtype for value in result.classifier.parameters()} == {torch.float32}
    assert np.isfinite(result.history[0]["loss"])
    assert result.history[0]["loss"] != exact.history[0]["loss"]
    assert result.history[0]["loss"] == pytest.approx(exact.history[0]["loss"], rel=0.05)


def test_the_seed_decides_everything(train):
    def trained(seed):
        return module_hash(train(seed=seed, recipe=full(), steps=4).classifier)

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)


def test_fewer_records_than_a_batch_train(train):
    assert len(train(rows=np.array([3]), batch_size=64).history) == 3


def test_logits_are_averaged_over_windows_in_the_order_asked(small_classifier, preprocessing, store):
    rows = np.array([9, 4, 9])
    found = predict_logits(small_classifier.train(), preprocessing, store, rows, batch_size=2)
    assert small_classifier.training
    small_classifier.eval()
    for row, logits in zip(rows, found, strict=True):
        windows = [store.read_mv([row])[..., start : start + 100] for start in (0, 50, 100, 150, 156)]
        with torch.no_grad():
            parts = [small_classifier(preprocessing.normalise(torch.from_numpy(window))) for window in windows]
        np.testing.assert_allclose(logits, torch.cat(parts).mean(dim=0).numpy(), atol=1e-6)
    assert predict_logits(small_classifier, preprocessing, store, rows[:0]).shape == (0, 2)


def test_what_cannot_be_trained_on_is_refused_in_one_line(train):
    with pytest.raises(InputError, match="no labelled records to train on"):
        train(rows=np.array([], dtype=int))
    with pytest.raises(InputError, match="without a label"):
        train(rows=np.arange(5))
    with pytest.raises(InputError, match="no records"):
        train(validations={"9": VALIDATION[:0]})
    with pytest.raises(InputError, match="plateau"):
        train(schedule="plateau", validations={})


def test_a_loss_that_is_not_finite_ends_training_in_one_line(train, monkeypatch):
    monkeypatch.setattr(Recipe, "__call__", lambda recipe, signal_mv, rate_hz, generator: signal_mv * float("nan"))
    with pytest.raises(InputError, match="the loss is nan in epoch 0") as caught:
        train()
    assert "\n" not in str(caught.value)


def test_ctrl_c_reaches_the_caller(train, ctrl_c_handler, monkeypatch):
    def interrupt(recipe, signal_mv, rate_hz, generator):
        signal.raise_signal(signal.SIGINT)
        return signal_mv

    monkeypatch.setattr(Recipe, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert signal.getsignal(signal.SIGINT) is ctrl_c_handler


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("evaluate_every", 0),
        ("patience", 0),
        ("batch_size", 1.5),
        ("plateau_patience", 0),
        ("learning_rate", -1e-3),
        ("learning_rate", float("nan")),
        ("encoder_rate_factor", -1),
        ("warmup_fraction", 1.1),
        ("passes", -1.0),
        ("loss", "hinge"),
        ("trainable", "tail"),
        ("schedule", "linear"),
    ],
)
def test_settings_out_of_range_are_named(field, value):
    with pytest.raises(InputError, match=field) as caught:
        ClassifyConfig(**{field: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n_records", "steps"), [(15, 200), (512, 200), (513, 201), (1488, 582)])
def test_many_records_get_their_passes(n_records, steps):
    assert ClassifyConfig(steps=200, passes=25, batch_size=64).total_steps(n_records) == steps


def test_passes_are_made(train):
    assert len(train(steps=4, passes=3.0, evaluate_every=1).history) == math.ceil(3 * len(TRAIN) / 16)
