from __future__ import annotations

from collections import deque

import torch

from ssrl_ecg.methods.queue import KeyQueue


def test_keeps_the_latest_as_a_deque_does(generator):
    torch.manual_seed(0)
    queue, expected = KeyQueue(5, 3), deque(maxlen=5)
    assert not queue.full
    for step in range(4):
        keys, rows = torch.randn(2, 3, generator=generator), torch.tensor([step, 10 + step])
        queue.push(keys, rows)
        for key, row in zip(keys.flip(0), rows.flip(0), strict=True):  # the first of a push ends in front
            expected.appendleft((key / key.norm(), int(row)))
        assert queue.full == (step >= 2)
    torch.testing.assert_close(queue.keys, torch.stack([key for key, _ in expected]))
    assert queue.rows.tolist() == [row for _, row in expected]


def test_a_push_longer_than_the_queue_fills_it():
    queue = KeyQueue(2, 3)
    queue.push(torch.eye(3), torch.arange(3))
    assert queue.rows.tolist() == [0, 1]


def test_begins_with_unit_vectors_of_no_record_and_travels_whole():
    queue, copy = KeyQueue(6, 4), KeyQueue(6, 4)
    torch.testing.assert_close(queue.keys.norm(dim=1), torch.ones(6))
    assert (queue.rows == -1).all()
    queue.push(torch.randn(3, 4), torch.arange(3))
    copy.load_state_dict(queue.state_dict())
    assert torch.equal(copy.keys, queue.keys)
    assert torch.equal(copy.rows, queue.rows)
