from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent
from ssrl_ecg.methods import BeatSSL, BeatSSLConfig, ViewBatch
from ssrl_ecg.methods.beat_pooling import pool_beats
from ssrl_ecg.methods.beat_ssl import RECORD_FEATURES
from ssrl_ecg.methods.measurements import TARGETS
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN

N, N_BEATS, DURATION_S, NAN = 5, 3, 1.6, float("nan")
SMALL = {"hidden_dim": 16, "projection_dim": 6, "temperature": 0.5}


def build(**settings):
    torch.manual_seed(0)
    method = BeatSSL(ECGEncoder1DCNN(CNNConfig(width=2)), BeatSSLConfig(**SMALL | settings)).eval()
    for name, parameter in method.named_parameters():
        if "projector" in name and "bias" in name:
            parameter.data.zero_()  # it would make all projections nearly equal
    return method


@pytest.fixture
def batch(generator):
    rpeaks_s = torch.tensor([0.2, 0.7, 1.3]) + 0.1 * torch.rand(N, N_BEATS, generator=generator)
    rpeaks_s[1, 2] = rpeaks_s[3] = NAN
    features = torch.randn(N, N_BEATS, 4, generator=generator)
    features[0, 0, 1] = NAN
    targets = torch.randn(N, len(TARGETS), generator=generator)
    targets[2, TARGETS.index("pr_ms")] = NAN
    return ViewBatch(
        views=tuple(3 * torch.randn(N, 12, 160, generator=generator).cumsum(dim=2) / 10 for _ in range(2)),
        rows=torch.tensor([3, 8, 1, 0, 5]),
        sampling_rate_hz=100.0,
        targets=targets,
        rpeaks_s=(rpeaks_s,),
        beat_classes=(torch.tensor([[0, 1, 2], [1, 1, -1], [2, 0, 0], [-1, -1, -1], [1, 2, 2]]),),
        beat_features=(features,),
    )


def value(method, batch):
    return method.loss(batch, torch.Generator().manual_seed(0)).value.item()


def similarity(a, b, exponent):
    known = [(x - y) ** 2 for x, y in zip(a, b, strict=True) if not math.isnan(x - y)]
    return math.exp(-exponent * sum(known) / len(known) / 100)


def slow_loss(things, target, exponent, tau):
    """Things are (vector, name, class, features), compared pair by pair."""
    rows, squares = [], []
    for i, (z, name, kind, features) in enumerate(things):
        others = [other for j, other in enumerate(things) if j != i]
        cosines = [torch.cosine_similarity(z, other[0], dim=0).item() for other in others]
        alike = [
            1.0 if other[1] == name else
            float(kind is not None and other[2] == kind) if target == "hard" else
            similarity(features, other[3], exponent)
            for other in others
        ]  # fmt: skip
        total = sum(math.exp(cosine / tau) for cosine in cosines)
        shares = zip(cosines, alike, strict=True)
        rows.append(-sum(t * math.log(math.exp(c / tau) / total) for c, t in shares) / sum(alike))
        squares += [((c - 2 * t + 1) / tau) ** 2 / 2 for c, t in zip(cosines, alike, strict=True)]
    chosen = squares if target == "soft_2" else rows
    return sum(chosen) / len(chosen)


@pytest.mark.parametrize("target", ["hard", "soft_1", "soft_2"])
def test_rhythm_loss_is_the_slow_one(batch, target):
    method = build(rhythm_target=target, exponent=30.0, beat_weight=0.0)
    columns = [TARGETS.index(name) for name in RECORD_FEATURES]
    things = []
    for view in batch.views:
        vectors = method.rhythm_projector(method.encoder(view)).detach()
        for row, record in enumerate(batch.rows.tolist()):
            things.append((vectors[row], record, None, batch.targets[row, columns].tolist()))
    assert value(method, batch) == pytest.approx(slow_loss(things, target, 30, 0.5), rel=1e-4)


@pytest.mark.parametrize("target", ["hard", "soft_1", "soft_2"])
def test_beat_loss_is_the_slow_one(batch, target):
    method = build(beat_target=target, exponent=30.0, rhythm_weight=0.0)
    things = []
    for view in batch.views:
        pooled = pool_beats(method.encoder.feature_map(view), batch.rpeaks_s[0], DURATION_S, (-0.25, 0.45))
        for row in range(N):
            for beat in range(N_BEATS):
                if not batch.rpeaks_s[0][row, beat].isnan():
                    z = method.beat_projector(pooled[row, beat]).detach()
                    kind = batch.beat_classes[0][row, beat].item()
                    things.append((z, (row, beat), kind, batch.beat_features[0][row, beat].tolist()))
    assert len(things) == 2 * 11
    assert value(method, batch) == pytest.approx(slow_loss(things, target, 30, 0.5), rel=1e-4)


def test_hard_rhythm_alone_is_simclr(batch):
    method = build(rhythm_target="hard", beat_weight=0.0)
    z_a, z_b = (method.rhythm_projector(method.encoder(view)) for view in batch.views)
    assert value(method, batch) == pytest.approx(nt_xent(z_a, z_b, 0.5).item(), rel=1e-5)
    assert method.beat_projector is None


def test_branches_add_up_with_their_weights(batch):
    loss = build(rhythm_weight=2.0, beat_weight=0.5).loss(batch, torch.Generator().manual_seed(0))
    assert loss.value.item() == pytest.approx(loss.logs["rhythm"].item() + loss.logs["beat"].item())
    again = build().loss(batch, torch.Generator().manual_seed(0))
    assert loss.logs["rhythm"].item() == pytest.approx(2 * again.logs["rhythm"].item())
    assert loss.logs["beat"].item() == pytest.approx(0.5 * again.logs["beat"].item())


def test_moving_one_r_peak_changes_only_that_beats_vector(batch):
    method = build()
    features = method.encoder.feature_map(batch.views[0])
    moved = batch.rpeaks_s[0].clone()
    moved[2, 1] += 0.04
    before, after = (method.beat_vectors(features, peaks, DURATION_S) for peaks in (batch.rpeaks_s[0], moved))
    changed = ~torch.isclose(before, after, rtol=0, atol=1e-7).all(dim=2)
    assert changed.nonzero().tolist() == [[2, 1]]


def test_of_many_beats_some_are_drawn_and_both_views_show_the_same(batch):
    method = build(beats_per_window=2, rhythm_weight=0.0)
    first, again, other = (method.loss(batch, torch.Generator().manual_seed(seed)).value.item() for seed in (1, 1, 2))
    assert first == again != other
    same = replace(batch, views=(batch.views[0], batch.views[0]))
    hard = method.loss(replace(same, beat_classes=(-torch.ones_like(batch.beat_classes[0]),)), torch.Generator())
    assert hard.value < method.loss(batch, torch.Generator()).value


def test_windows_without_a_beat_leave_the_rhythm(batch):
    empty = replace(
        batch,
        rpeaks_s=(torch.full((N, 1), NAN),),
        beat_classes=(torch.full((N, 1), -1),),
        beat_features=(torch.full((N, 1, 4), NAN),),
    )
    method = build()
    loss = method.loss(empty, torch.Generator())
    loss.value.backward()
    assert loss.logs["beat"].item() == 0
    assert loss.logs["rhythm"].item() > 0
    assert all(p.grad.isfinite().all() for p in method.encoder.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beat_target": "soft_3"}, "beat_target"),
        ({"rhythm_weight": 0.0, "beat_weight": 0.0}, "nothing to learn"),
        ({"exponent": 0.0}, "exponent"),
        ({"after_s": 0.0}, "after_s"),
        ({"beats_per_window": 0}, "beats_per_window"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        BeatSSLConfig(**settings)
