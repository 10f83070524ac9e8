from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ssrl_ecg.errors import InputError
from ssrl_ecg.methods import CPC, CPCConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, CPCEncoder, CPCEncoderConfig, ECGEncoder1DCNN


def build(front_end: str = "strided", width: int = 4, **settings) -> CPC:
    torch.manual_seed(0)
    encoder = CPCEncoder(CPCEncoderConfig(width=width, front_end=front_end))
    return CPC(encoder, CPCConfig(**settings)).eval()


def make_batch(n_samples: int = 128, size: int = 3) -> ViewBatch:
    view = torch.randn(size, 12, n_samples, generator=torch.Generator().manual_seed(1))
    return ViewBatch(views=(view,), rows=torch.arange(size), sampling_rate_hz=100.0)


def test_loss_equals_a_slow_loop_over_every_step_ahead(generator):
    """Eight latents and enough negatives: every other step of the sequence is one."""
    method, batch = build(horizon_ms=480.0), make_batch()
    latents, contexts = (layer.detach().double() for layer in method.encoder.layer_maps(batch.views[0]))
    assert latents.shape == (3, 4, 8)
    assert method.n_ahead == 3
    of_steps = []
    for ahead, predictor in enumerate(method.predictors, start=1):
        terms = []
        for record in range(3):
            for step in range(8 - ahead):
                expects = predictor.weight.detach().double() @ contexts[record, :, step]
                scores = [math.exp(expects @ latents[record, :, other]) for other in range(8)]
                terms.append(-math.log(scores[step + ahead] / sum(scores)))
        of_steps.append(sum(terms) / len(terms))
    loss = method.loss(batch, generator)
    assert loss.value.item() == pytest.approx(sum(of_steps) / 3, rel=1e-4)
    assert loss.logs["next_loss"].item() == pytest.approx(of_steps[0], rel=1e-4)
    assert loss.logs["horizon_loss"].item() == pytest.approx(of_steps[2], rel=1e-4)


def test_every_step_ahead_has_a_gradient(generator):
    method = build(front_end="fc", horizon_ms=120.0)
    method.loss(make_batch(64), generator).value.backward()
    assert len(method.predictors) == 12
    assert all(predictor.weight.grad.abs().sum() > 0 for predictor in method.predictors)


@pytest.mark.parametrize(
    ("front_end", "horizon_ms", "rate_hz", "expected"),
    [
        ("fc", 120, 100, 12),
        ("fc", 120, 500, 60),
        ("strided", 480, 100, 3),
        ("strided", 480, 500, 15),
        ("strided", 120, 100, 1),
    ],
)
def test_horizon_is_a_time(front_end, horizon_ms, rate_hz, expected):
    method = build(front_end, width=1, horizon_ms=float(horizon_ms), signal_rate_hz=float(rate_hz))
    assert method.n_ahead == len(method.predictors) == expected


def test_few_negatives_make_it_easier_to_be_right(generator):
    batch = make_batch()
    few, all_others = (build(n_negatives=n).loss(batch, generator).value for n in (1, 128))
    assert few < all_others
    assert abs(few.item() - math.log(2)) < 0.2


def test_other_records_play_no_part(generator):
    method, batch = build(), make_batch(size=4)
    together = method.loss(batch, generator).value
    alone = [
        method.loss(replace(batch, views=(view[None],), rows=batch.rows[:1]), generator).value
        for view in batch.views[0]
    ]
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_what_does_not_fit_is_refused_in_one_line(generator):
    with pytest.raises(InputError, match=r"causal context.*cpc.*ECGEncoder1DCNN"):
        CPC(ECGEncoder1DCNN(CNNConfig(width=2)), CPCConfig())
    with pytest.raises(InputError, match=r"signal_rate_hz.*500 Hz.*100 Hz"):
        build().loss(replace(make_batch(), sampling_rate_hz=500.0), generator)
    with pytest.raises(InputError, match=r"horizon_ms.*at most 1120 ms.*1280 ms"):
        build(horizon_ms=1280.0).loss(make_batch(), generator)


@pytest.mark.parametrize("values", [{"horizon_ms": 0.0}, {"signal_rate_hz": 0.0}, {"n_negatives": 0}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        CPCConfig(**values)
