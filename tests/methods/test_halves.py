from __future__ import annotations

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import nt_xent
from ssrl_ecg.methods import Halves, HalvesConfig, ViewBatch
from ssrl_ecg.methods.halves import Aggregate
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN

KINDS = ("concat", "sum", "mean", "attention")


def build(**settings) -> Halves:
    torch.manual_seed(0)
    return Halves(ECGEncoder1DCNN(CNNConfig(width=2)), HalvesConfig(hidden_dim=6, projection_dim=4, **settings)).eval()


def make_batch() -> ViewBatch:
    generator = torch.Generator().manual_seed(1)
    views = tuple(torch.randn(5, 12, 64, generator=generator) for _ in range(4))
    return ViewBatch(views=views, rows=torch.arange(5), sampling_rate_hz=100.0)


def aggregated(kind: str, one: torch.Tensor, other: torch.Tensor, query: torch.Tensor | None) -> torch.Tensor:
    if kind == "concat":
        return torch.tensor([*one, *other])
    if kind == "attention":
        weights = torch.stack([torch.exp(query @ half / len(half) ** 0.5) for half in (one, other)])
        return (weights[0] * one + weights[1] * other) / weights.sum()
    return (one + other) / (1 if kind == "sum" else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_aggregation_record_by_record(kind, generator):
    first, second = torch.randn(2, 5, 8, generator=generator)
    aggregate = Aggregate(kind, 8)
    if aggregate.query is not None:
        torch.testing.assert_close(aggregate(first, second), (first + second) / 2)  # where it starts
        torch.nn.init.normal_(aggregate.query)
    found = aggregate(first, second)
    assert found.shape == (5, aggregate.n_outputs)
    for row, one, other in zip(found, first, second, strict=True):
        torch.testing.assert_close(row, aggregated(kind, one, other, aggregate.query))


@pytest.mark.parametrize("kind", KINDS)
def test_loss_by_hand(kind, generator):
    method, batch = build(aggregation=kind, temperature=0.3), make_batch()
    h_1a, h_1b, h_2a, h_2b = (method.encoder(view) for view in batch.views)
    pairs = ((h_1a, h_1b), (h_2a, h_2b), (h_1a, h_2b), (h_2a, h_1b))
    halves = [nt_xent(method.half_projector(one), method.half_projector(other), 0.3) for one, other in pairs]
    record_a, record_b = (method.record_projector(method.aggregate(*h)) for h in ((h_1a, h_2a), (h_1b, h_2b)))
    loss = method.loss(batch, generator)
    torch.testing.assert_close(loss.value, sum(halves) / 4 + nt_xent(record_a, record_b, 0.3))
    torch.testing.assert_close(loss.logs["halves_loss"], (sum(halves) / 4).detach())


def test_the_views_are_two_neighbouring_halves_twice():
    plan = Halves.plan
    assert (plan.windows, plan.views_per_window, plan.adjacent) == (2, 2, True)


@pytest.mark.parametrize(
    "values", [{"aggregation": "max"}, {"temperature": 0.0}, {"hidden_dim": 0}, {"projection_dim": 0}]
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        HalvesConfig(**values)
