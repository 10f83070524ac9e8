from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ssrl_ecg.errors import InputError
from ssrl_ecg.training.loop import (
    BatchOrder,
    Compute,
    oversampling_weights,
    parameter_groups,
    step_generator,
    stream_seed,
    warmup_cosine,
)


def test_streams_and_counters_do_not_collide():
    seeds = [
        stream_seed(seed, stream, *counters)
        for seed in range(5)
        for stream in ("order", "step", "initialisation")
        for counters in [
            (),
            *((step,) for step in range(40)),
            *((step, rank) for step in range(40) for rank in range(3)),
        ]
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    bits = np.array([[seed >> bit & 1 for bit in range(63)] for seed in seeds])
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / math.sqrt(len(seeds))


def test_a_step_draws_the_same_whatever_was_drawn_before():
    first = torch.rand(3, generator=step_generator(7, 11))
    torch.rand(100)
    assert torch.equal(torch.rand(3, generator=step_generator(7, 11)), first)
    for other in (step_generator(8, 11), step_generator(7, 12), step_generator(7, 11, rank=1)):
        assert not torch.equal(torch.rand(3, generator=other), first)


@pytest.mark.parametrize(("n_records", "batch_size"), [(10, 3), (12, 4), (7, 7), (5, 100), (1, 1)])
def test_an_epoch_holds_every_record_at_most_once_and_leaves_less_than_a_batch(n_records, batch_size):
    order = BatchOrder(n_records, batch_size, seed=3)
    batches = list(order)
    seen = [position for batch in batches for position in batch]
    assert len(batches) == len(order)
    assert {len(batch) for batch in batches} == {min(batch_size, n_records)}
    assert len(set(seen)) == len(seen) > n_records - batch_size
    assert set(seen) <= set(range(n_records))


def test_the_order_is_a_function_of_seed_and_epoch():
    def batches(seed, epoch):
        order = BatchOrder(50, 5, seed)
        order.set_epoch(epoch)
        return list(order)

    assert batches(1, 4) == batches(1, 4)
    assert batches(1, 4) != batches(1, 5)
    assert batches(1, 4) != batches(2, 4)


@pytest.mark.parametrize("weights", [None, torch.rand(23)])
@pytest.mark.parametrize("n_batches", [None, 5])
def test_processes_share_out_the_batch_of_one_process(weights, n_batches):
    def batches(batch_size, **world):
        order = BatchOrder(23, batch_size, 9, weights=weights, n_batches=n_batches, **world)
        order.set_epoch(2)
        return np.array(list(order))

    one = batches(6)
    three = [batches(2, rank=rank, world_size=3) for rank in range(3)]
    np.testing.assert_array_equal(np.hstack(three), one)


def test_longer_than_one_pass_sees_every_record_equally_often_to_within_one():
    counts = Counter(position for batch in BatchOrder(10, 4, 0, n_batches=9) for position in batch)
    assert set(counts) == set(range(10))
    assert set(counts.values()) <= {3, 4}
    assert counts.total() == 36


def test_weights_are_drawn_in_proportion():
    weights = torch.tensor([1.0, 0.0, 3.0, 4.0])
    counts = Counter(position for batch in BatchOrder(4, 4, 0, n_batches=1000, weights=weights) for position in batch)
    assert counts[1] == 0
    assert chisquare([counts[0], counts[2], counts[3]], [500, 1500, 2000]).pvalue > 1e-3


def test_an_epoch_sees_records_as_often_as_they_are_to_pass():
    passes = torch.tensor([1.0] * 10 + [0.25] * 40 + [2.5] * 20, dtype=torch.float64)
    order = BatchOrder(70, 1, 3, passes=passes)
    assert len(order) == 70  # 10 + 10 + 50
    totals = np.zeros(70)
    for epoch in range(300):
        order.set_epoch(epoch)
        counts = np.bincount(np.concatenate(list(order)), minlength=70)
        assert (counts[:10] == 1).all()
        assert set(counts[10:50]) <= {0, 1}
        assert set(counts[50:]) <= {2, 3}
        totals += counts
    np.testing.assert_allclose(totals / 300, passes, atol=4.5 * 0.5 / 300**0.5)


def test_passes_of_one_are_an_epoch_of_all_and_processes_share_them_out():
    def batches(batch_size, **world):
        return np.array(list(BatchOrder(23, batch_size, 9, passes=torch.full((23,), 1.5), **world)))

    assert sorted(np.concatenate(list(BatchOrder(12, 4, 0, passes=torch.ones(12))))) == list(range(12))
    one = batches(6)
    np.testing.assert_array_equal(np.hstack([batches(2, rank=rank, world_size=3) for rank in range(3)]), one)
    assert one.shape == (34 // 6, 6)


def test_fewer_records_than_processes_are_refused():
    with pytest.raises(InputError, match="too few records"):
        BatchOrder(1, 4, 0, world_size=2)


@pytest.mark.parametrize(("n_steps", "warmup"), [(10, 3), (10, 0), (1, 0), (5, 5)])
def test_warmup_cosine_is_the_closed_form(n_steps, warmup):
    factor = warmup_cosine(n_steps, warmup)
    for step in range(n_steps):
        if step < warmup:
            assert factor(step) == (step + 1) / warmup
        else:
            expected = math.cos(math.pi / 2 * (step - warmup) / (n_steps - warmup)) ** 2
            assert factor(step) == pytest.approx(expected, abs=1e-15)
    assert factor(n_steps + 3) == pytest.approx(0, abs=1e-15)


def test_groups_hold_every_moving_parameter_once_and_decay_no_vector():
    encoder = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 5), torch.nn.BatchNorm1d(3))
    head = torch.nn.Linear(3, 1)
    head.bias.requires_grad_(False)
    groups = parameter_groups([(encoder, 0.1), (head, 1.0)], 2e-3, 0.5)
    found = {id(parameter): group for group in groups for parameter in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(found) == 5
    for module, rate in ((encoder, 2e-4), (head, 2e-3)):
        for parameter in module.parameters():
            if parameter is not head.bias:
                assert found[id(parameter)]["lr"] == pytest.approx(rate)
                assert found[id(parameter)]["weight_decay"] == (0.5 if parameter.ndim > 1 else 0.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("precision", "16"), ("accelerator", "abacus"), ("devices", 0), ("devices", "two")],
)
def test_compute_refuses_what_does_not_exist(field, value):
    with pytest.raises(InputError) as caught:
        Compute(**{field: value})
    assert "\n" not in str(caught.value)
    assert field in str(caught.value)


def test_oversampling_weights_are_those_of_a_slow_loop():
    values = np.random.default_rng(0).integers(0, 2, (30, 4)).astype(np.uint8)
    values[:5] = 0
    values[:, 3] = 0
    found = oversampling_weights(values)
    n_without = sum(1 for row in values if not any(row))
    for row, weight in zip(values, found, strict=True):
        counts = [int(values[:, column].sum()) for column in range(4) if row[column]]
        rarest = min(int(values[:, column].sum()) for column in range(3))
        assert weight == pytest.approx(1 / min(counts) if counts else 1 / max(n_without, rarest))


def drawn_shares(values: np.ndarray) -> np.ndarray:
    weights = oversampling_weights(values).numpy()
    return weights @ values / weights.sum()


def test_oversampling_draws_classes_that_never_meet_equally_often():
    values = np.repeat(np.eye(3, dtype=np.uint8), [2, 50, 300], axis=0)
    np.testing.assert_allclose(drawn_shares(values), 1 / 3)


def test_oversampling_balances_a_binary_task():
    np.testing.assert_allclose(drawn_shares(np.repeat(np.uint8([[1], [0]]), [3, 40], axis=0)), 0.5)


def test_oversampling_does_not_repeat_a_lonely_record_without_a_class():
    values = np.repeat(np.uint8([[1, 0], [0, 1], [0, 0]]), [20, 100, 1], axis=0)
    weights = oversampling_weights(values)
    assert weights[-1] == weights[0]
    assert (oversampling_weights(np.zeros((4, 2), dtype=np.uint8)) == 0.25).all()
