"""What every self-supervised method in the table must do."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import ssrl_ecg.methods
from ssrl_ecg.methods import METHODS, Method, ViewBatch
from ssrl_ecg.models import (
    Classifier,
    CNNConfig,
    CPCEncoder,
    CPCEncoderConfig,
    ECGEncoder1DCNN,
    Encoder,
    LeadViT1D,
    LeadViTConfig,
    LinearHead,
    LinearHeadConfig,
    ViT1D,
    ViTConfig,
)

SMALL: dict[str, dict[str, Any]] = {
    "barlow-twins": {"hidden_dim": 16, "projection_dim": 8},
    "beat-ssl": {"hidden_dim": 16, "projection_dim": 8, "temperature": 0.5},
    "byol": {"hidden_dim": 16, "projection_dim": 8},
    "clocs": {"projection_dim": 8, "across": "cmsmlc"},
    "cpc": {"horizon_ms": 320.0, "n_negatives": 2},
    "halves": {"hidden_dim": 16, "projection_dim": 8, "aggregation": "attention"},
    "jepa": {},
    "mae": {"decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2},
    "masked": {"decoder_width": 4},
    "measurements": {"hidden_dim": 16, "projection_dim": 8, "temperature": 0.5},
    "moco": {"hidden_dim": 16, "projection_dim": 32, "queue_size": 32},
    "poly-window": {"hidden_dim": 16, "projection_dim": 8, "n_windows": 3},
    "simclr": {"hidden_dim": 16, "projection_dim": 8},
    "simulation": {"hidden_dim": 16, "projection_dim": 8, "temperature": 0.5, "simclr_weight": 0.2},
    "swav": {"hidden_dim": 16, "projection_dim": 8, "n_prototypes": 4, "queue_size": 12},
    "vicreg": {"hidden_dim": 16, "projection_dim": 8},
}
"""Settings that make a method small enough to test."""

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "cpc": lambda: CPCEncoder(CPCEncoderConfig(width=4)),
    "jepa": lambda: ViT1D(ViTConfig(width=8, depth=2, heads=2)),
    "mae": lambda: LeadViT1D(LeadViTConfig(width=8, depth=2, heads=2)),
}
"""What a method needs in place of the common small encoder."""

USES_PATIENTS_OR_ROWS: set[str] = {"clocs", "moco"}
"""Methods whose loss depends on who the records' patients are, or which records they are."""

N_SAMPLES, RATE_HZ = 64, 100.0


def small_encoder() -> Encoder:
    return ECGEncoder1DCNN(CNNConfig(width=2))


def build(name: str, seed: int = 0) -> Method:
    torch.manual_seed(seed)
    kind = METHODS[name]
    return kind(ENCODERS.get(name, small_encoder)(), kind.Config(**SMALL[name])).train()


def make_batch(method: Method, size: int) -> ViewBatch:
    """All that any method may be told; records 2k and 2k + 1 are one patient's."""
    generator = torch.Generator().manual_seed(1)
    plan = method.plan
    views = tuple(torch.randn(size, 12, N_SAMPLES, generator=generator) for _ in range(plan.n_views))
    rpeaks_s = torch.tensor([0.1, 0.3, 0.5]) + 0.05 * torch.rand(size, 3, generator=generator)
    rpeaks_s[0, 2] = float("nan")
    masks = torch.rand(size, 3, N_SAMPLES, generator=generator) < 0.3
    targets = torch.randn(size, getattr(method.config, "n_targets", 1), generator=generator)
    targets[0, 0] = float("nan")
    return ViewBatch(
        views=views,
        rows=torch.arange(size),
        sampling_rate_hz=RATE_HZ,
        patients=torch.arange(size) // 2,
        targets=targets,
        rpeaks_s=(rpeaks_s,) * plan.windows,
        beat_classes=(torch.randint(0, 3, rpeaks_s.shape, generator=generator),) * plan.windows,
        beat_features=(torch.randn(*rpeaks_s.shape, 5, generator=generator),) * plan.windows,
        masks=(masks,) * plan.windows,
    )


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


@pytest.fixture
def method(name):
    return build(name)


def trainable_parameters(method: Method) -> list[torch.nn.Parameter]:
    return [parameter for parameter in method.parameters() if parameter.requires_grad]


def train(method: Method, steps: int, batch: ViewBatch) -> list[float]:
    optimiser = torch.optim.SGD(trainable_parameters(method), lr=0.05)
    method.begin(10)
    losses = []
    for step in range(steps):
        loss = method.loss(batch, torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.value.backward()
        optimiser.step()
        method.after_step((step + 1) / 10)
        losses.append(loss.value.item())
    return losses


def test_table_is_complete_and_sorted():
    found = set()
    for module in pkgutil.iter_modules(ssrl_ecg.methods.__path__, "ssrl_ecg.methods."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Method) and not inspect.isabstract(kind):
                found.add(kind)
    assert set(METHODS.values()) == found
    assert list(METHODS) == sorted(METHODS)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_finite_scalar_loss_and_detached_logs_at_a_batch_of_two_and_an_odd_one(method, size, generator):
    loss = method.loss(make_batch(method, size), generator)
    assert loss.value.shape == ()
    assert torch.isfinite(loss.value)
    assert all(value.shape == () and not value.requires_grad and torch.isfinite(value) for value in loss.logs.values())


def test_a_gradient_reaches_every_trainable_parameter(method, generator):
    method.loss(make_batch(method, 8), generator).value.backward()
    trainable = {id(p) for p in trainable_parameters(method)}
    assert {id(p) for p in method.encoder.parameters()} <= trainable
    for parameter_name, parameter in method.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.isfinite().all())
        assert reached == (id(parameter) in trainable), parameter_name
    assert all(p.grad.abs().sum() > 0 for p in method.encoder.parameters())


def test_input_is_untouched(method, generator):
    batch = make_batch(method, 4)
    before = [view.clone() for view in batch.views]
    method.loss(batch, generator).value.backward()
    assert all(torch.equal(view, old) for view, old in zip(batch.views, before, strict=True))


def test_same_seed_replays(name):
    first, second = build(name), build(name)
    assert train(first, 3, make_batch(first, 6)) == train(second, 3, make_batch(second, 6))
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_no_draw_from_the_global_generator(method, generator):
    before = torch.get_rng_state()
    method.loss(make_batch(method, 4), generator)
    method.after_step(0.5)
    assert torch.equal(torch.get_rng_state(), before)


def test_state_round_trip_continues_exactly(name):
    method, copy = build(name), build(name, seed=1)
    train(method, 2, make_batch(method, 6))
    copy.load_state_dict(method.state_dict())
    assert train(copy, 2, make_batch(method, 6)) == train(method, 2, make_batch(method, 6))


def test_training_lowers_the_loss(method):
    losses = train(method, 10, make_batch(method, 8))
    assert losses[-1] < losses[0]


def test_what_no_gradient_moves_moves_only_after_the_step(method, generator):
    fixed = {key: p.clone() for key, p in method.named_parameters() if not p.requires_grad}
    method.loss(make_batch(method, 8), generator).value.backward()
    with torch.no_grad():
        for parameter in trainable_parameters(method):
            parameter.add_(1)  # a step that moves everything, also where the gradient happens to vanish
    parameters = dict(method.named_parameters())
    assert all(torch.equal(parameters[key], value) for key, value in fixed.items())
    method.after_step(0.1)
    assert all(not torch.equal(parameters[key], value) for key, value in fixed.items())


def test_runs_under_bfloat16_autocast(method, generator):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method.loss(make_batch(method, 4), generator)
    loss.value.backward()
    assert loss.value.dtype == torch.float32
    assert torch.isfinite(loss.value)


def test_patients_and_rows_change_the_loss_only_where_a_method_says_so(name):
    if name in USES_PATIENTS_OR_ROWS:
        pytest.skip("its own tests say what patients and rows change")
    method, again = build(name), build(name)
    batch = make_batch(method, 6)
    anonymous = replace(batch, patients=None, rows=batch.rows.flip(0))
    first = method.loss(batch, torch.Generator().manual_seed(0))
    assert torch.equal(first.value, again.loss(anonymous, torch.Generator().manual_seed(0)).value)


def test_config_round_trip(method):
    assert type(method).Config.from_dict(json.loads(json.dumps(method.config.to_dict()))) == method.config


def test_its_encoder_loads_into_a_classifier(method):
    kind = type(method.encoder)
    encoder = kind(kind.Config.from_dict(method.encoder.config.to_dict()))
    encoder.load_state_dict(method.encoder.state_dict())
    head = LinearHead(LinearHeadConfig(), feature_dim=encoder.feature_dim, n_outputs=5)
    assert Classifier(encoder, head)(torch.randn(3, 12, N_SAMPLES)).shape == (3, 5)


def test_impossible_progress_is_refused(method):
    with pytest.raises(ValueError, match="at least one step"):
        method.begin(0)
    with pytest.raises(ValueError, match="progress"):
        method.after_step(1.5)
