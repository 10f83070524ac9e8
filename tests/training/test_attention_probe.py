from __future__ import annotations

import numpy as np
import pytest
import torch

from ssrl_ecg.data.labels import Labels
from ssrl_ecg.errors import InputError
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.training.attention_probe import AttentionProbeConfig, fit_attention_probe, whole_record_maps

N_RECORDS, N_CHANNELS, N_MOMENTS = 120, 6, 16
TRAIN, HELD_OUT = np.arange(80), np.arange(80, 120)


@pytest.fixture
def rare_moments():
    """Class a is a deflection of channel 0 at one moment, marked by channel 1; channel 0 is loud noise elsewhere."""
    random = np.random.default_rng(3)
    maps = random.standard_normal((N_RECORDS, N_CHANNELS, N_MOMENTS))
    target, at = random.integers(0, 2, N_RECORDS), random.integers(0, N_MOMENTS, N_RECORDS)
    rows = np.arange(N_RECORDS)
    maps[:, 0] *= 3
    maps[rows, 1, at], maps[rows, 0, at] = 9.0, 8.0 * target - 4
    values = target[:, None].astype(np.uint8)
    return maps.astype(np.float16), Labels("a", ("a",), values, np.ones(N_RECORDS, bool), "binary")


def score(probe, maps, labels):
    return float(auroc(labels.values[HELD_OUT], probe.logits(maps[HELD_OUT]))[0])


def test_it_finds_the_moment_that_averaging_loses(rare_moments):
    maps, labels = rare_moments
    config = AttentionProbeConfig(steps=400, learning_rate=2e-2, weight_decay=0.0)
    probe, _ = fit_attention_probe(maps, labels, TRAIN, {}, config, seed=0)
    mean = maps.astype(float).mean(axis=2)
    weights = np.linalg.lstsq(mean[TRAIN], labels.values[TRAIN, 0] - 0.5, rcond=None)[0]
    averaged = float(auroc(labels.values[HELD_OUT], (mean[HELD_OUT] @ weights)[:, None])[0])
    assert score(probe, maps, labels) > 0.95 > 0.85 > averaged


def test_logits_are_those_of_attention_written_out(rare_moments):
    maps, labels = rare_moments
    probe, _ = fit_attention_probe(maps, labels, TRAIN, {}, AttentionProbeConfig(steps=30), seed=0)
    state = {name: value.double().numpy() for name, value in probe.state_dict().items()}
    for one, logit in zip(maps[HELD_OUT].astype(float), probe.logits(maps[HELD_OUT]), strict=True):
        features = (one - state["mean"][:, None]) / state["scale"][:, None]
        weight = np.exp(state["head.query"] @ features / np.sqrt(N_CHANNELS))
        pooled = features @ (weight / weight.sum())
        assert logit == pytest.approx(state["head.output.weight"] @ pooled + state["head.output.bias"], abs=1e-4)


def test_the_best_weights_of_a_validation_set_are_kept_and_not_the_last(rare_moments, monkeypatch):
    maps, labels = rare_moments
    falling = iter([0.6, 0.9, 0.7])
    monkeypatch.setattr("ssrl_ecg.training.attention_probe.validation_auroc", lambda *_: next(falling))
    config = AttentionProbeConfig(steps=15, passes=0, evaluate_every=5)
    last, best = fit_attention_probe(maps, labels, TRAIN, {"x": HELD_OUT}, config, seed=1)
    kept = best["x"].head.query.clone()
    monkeypatch.undo()
    looks = []
    monkeypatch.setattr(
        "ssrl_ecg.training.attention_probe.copy.deepcopy", lambda probe: looks.append(probe.head.query.clone()) or probe
    )
    rising = iter([0.1, 0.2, 0.3])
    monkeypatch.setattr("ssrl_ecg.training.attention_probe.validation_auroc", lambda *_: next(rising))
    fit_attention_probe(maps, labels, TRAIN, {"x": HELD_OUT}, config, seed=1)
    assert torch.equal(kept, looks[1])
    assert torch.equal(last.head.query, looks[2])
    assert not torch.equal(looks[1], looks[2])


def test_the_same_seed_fits_the_same_probe_and_another_order_another(rare_moments):
    maps, labels = rare_moments
    config = AttentionProbeConfig(steps=20, batch_size=16)
    first, again, other = (fit_attention_probe(maps, labels, TRAIN, {}, config, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first.head.query, again.head.query)
    assert not torch.equal(first.head.query, other.head.query)


def test_no_labels_are_refused(rare_moments):
    maps, labels = rare_moments
    with pytest.raises(InputError, match="no labelled records"):
        fit_attention_probe(maps, labels, TRAIN[:0], {}, AttentionProbeConfig(), seed=0)


def test_maps_of_a_record_are_those_of_its_windows_in_order(store, preprocessing, small_encoder):
    maps = whole_record_maps(small_encoder, preprocessing, store, batch_size=7)
    assert maps.dtype == np.float16
    signal = preprocessing.filter(torch.from_numpy(store.read_mv(np.array([11]))))
    small_encoder.eval()
    with torch.no_grad():
        starts = preprocessing.window_starts(signal.shape[-1], 0.0)
        parts = [small_encoder.feature_map(preprocessing.normalise(signal[..., k : k + 100])) for k in starts]
    assert np.allclose(maps[11], torch.cat(parts, dim=-1)[0].numpy(), atol=2e-3, rtol=2e-3)
