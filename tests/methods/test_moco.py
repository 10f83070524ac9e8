from __future__ import annotations

import pytest
import torch
from torch import nn

from ssrl_ecg.errors import InputError
from ssrl_ecg.losses import queue_contrast
from ssrl_ecg.methods import MoCo, MoCoConfig, ViewBatch
from ssrl_ecg.models import CNNConfig, ECGEncoder1DCNN


def build(**settings) -> MoCo:
    torch.manual_seed(0)
    config = MoCoConfig(**({"hidden_dim": 16, "projection_dim": 8, "queue_size": 10} | settings))
    return MoCo(ECGEncoder1DCNN(CNNConfig(width=2)), config).train()


def make_batch(rows: list[int], seed: int = 1) -> ViewBatch:
    generator = torch.Generator().manual_seed(seed)
    views = tuple(torch.randn(len(rows), 12, 64, generator=generator) for _ in range(2))
    return ViewBatch(views=views, rows=torch.tensor(rows), sampling_rate_hz=100.0)


def key_state(method: MoCo) -> list[torch.Tensor]:
    return [p.clone() for p in method.key_network.parameters()]


def test_loss_by_hand_symmetric_in_the_views(generator):
    method, batch = build(), make_batch([3, 4, 5])
    method.queue.push(torch.randn(4, 8), torch.tensor([4, 9, 3, 3]))
    loss = method.loss(batch, generator)
    views = torch.cat(batch.views)
    q, k = method.projector(method.encoder(views)), method.key_network(views)
    own = torch.tensor([[row == entry for entry in (3, 4, 5, 3, 4, 5, *method.queue.rows)] for row in batch.rows])
    negatives = torch.cat([k, method.queue.keys])
    one_way = queue_contrast(q[:3], k[3:], negatives, own, 0.2)
    other_way = queue_contrast(q[3:], k[:3], negatives, own, 0.2)
    torch.testing.assert_close(loss.value, (one_way + other_way) / 2, rtol=1e-4, atol=1e-4)


def test_own_records_in_the_queue_are_no_negatives(generator):
    method, batch = build(), make_batch([3, 4, 5])
    values = []
    for rows in ([7, 8, 9, 3, 4], [7, 8, 9, 10, 11]):
        method.queue.rows.copy_(torch.tensor([-1] * 5 + rows))
        values.append(method.loss(batch, torch.Generator().manual_seed(0)).value.item())
    assert values[0] < values[1]


def test_the_queue_moves_after_the_step_and_takes_both_views():
    method, batch = build(), make_batch([3, 4, 5])
    before = method.queue.keys.clone()
    method.loss(batch, torch.Generator().manual_seed(0))
    assert torch.equal(method.queue.keys, before)
    keys = nn.functional.normalize(method.key_network(torch.cat(batch.views)), dim=1)
    method.after_step(0.5)
    assert method.queue.rows.tolist() == [3, 4, 5, 3, 4, 5, -1, -1, -1, -1]
    torch.testing.assert_close(method.queue.keys[:6], keys, rtol=1e-4, atol=1e-5)
    assert torch.equal(method.queue.keys[6:], before[:4])


def test_key_network_is_the_exponential_average():
    method = build(momentum_tau=0.9, scale_half_life=False)
    expected = [value.double() for value in key_state(method)]
    for step in range(1, 4):
        with torch.no_grad():
            for p in (*method.encoder.parameters(), *method.projector.parameters()):
                p.add_(torch.randn_like(p))
        method.after_step(step / 4)
        tau = method.tau(step / 4)
        online = [*method.encoder.parameters(), *method.projector.parameters()]
        expected = [tau * k + (1 - tau) * o.detach().double() for k, o in zip(expected, online, strict=True)]
    for key, value in zip(key_state(method), expected, strict=True):
        torch.testing.assert_close(key, value.float(), atol=1e-5, rtol=1e-5)


def test_state_holds_keys_rows_and_key_network():
    method, copy = build(), build()
    method.loss(make_batch([3, 4, 5]), torch.Generator().manual_seed(0))
    with torch.no_grad():
        next(method.encoder.parameters()).add_(1)
    method.after_step(0.1)
    copy.load_state_dict(method.state_dict())
    assert torch.equal(copy.queue.rows, method.queue.rows)
    assert torch.equal(copy.queue.keys, method.queue.keys)
    assert all(torch.equal(a, b) for a, b in zip(key_state(method), key_state(copy), strict=True))


@pytest.mark.parametrize("values", [{"temperature": 0.0}, {"queue_size": 0}, {"momentum_tau": 1.1}])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        MoCoConfig(**values)
