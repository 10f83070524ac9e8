from __future__ import annotations

import threading
import time
from concurrent.futures import wait

import pytest

from ssrl_ecg.app.batching import Batcher


class Recorder:
    """Doubles numbers, and remembers what it was asked together; the first call waits until it may go on."""

    def __init__(self):
        self.batches, self.go, self.called = [], threading.Event(), threading.Event()

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        self.called.set()
        assert self.go.wait(10)
        if 13 in numbers:
            raise ValueError("unlucky")
        return [2 * number for number in numbers]


@pytest.fixture
def recorder():
    return Recorder()


def test_what_is_asked_while_the_network_is_busy_shares_the_next_batches(recorder):
    batcher = Batcher(recorder, largest=4, wait_s=0.0)
    answers = [batcher.ask(0)]
    assert recorder.called.wait(10)
    answers += [batcher.ask(number) for number in range(1, 8)]
    recorder.go.set()
    assert [answer.result(10) for answer in answers] == [2 * number for number in range(8)]
    assert recorder.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]
    batcher.close()


def test_a_single_request_waits_for_others_no_longer_than_it_should(recorder):
    recorder.go.set()
    batcher = Batcher(recorder, largest=100, wait_s=0.05)
    began = time.monotonic()
    assert batcher.ask(1).result(10) == 2
    assert time.monotonic() - began < 5
    assert [answer.result(10) for answer in [batcher.ask(2), batcher.ask(3)]] == [4, 6]
    assert recorder.batches[1:] == [[2, 3]]
    batcher.close()


def test_an_error_reaches_all_of_its_batch_and_no_one_else(recorder):
    batcher = Batcher(recorder, largest=2, wait_s=0.0)
    first = batcher.ask(0)
    assert recorder.called.wait(10)
    unlucky, beside, later = batcher.ask(13), batcher.ask(1), batcher.ask(2)
    recorder.go.set()
    wait([first, unlucky, beside, later], 10)
    assert (first.result(), later.result()) == (0, 4)
    for answer in (unlucky, beside):
        with pytest.raises(ValueError, match="unlucky"):
            answer.result()
    batcher.close()


def test_who_gave_up_is_not_computed_for(recorder):
    batcher = Batcher(recorder, largest=8, wait_s=0.0)
    batcher.ask(0)
    assert recorder.called.wait(10)
    gone, there = batcher.ask(1), batcher.ask(2)
    assert gone.cancel()
    recorder.go.set()
    assert there.result(10) == 4
    assert recorder.batches == [[0], [2]]
    batcher.close()


def test_closing_answers_what_was_asked_before(recorder):
    recorder.go.set()
    batcher = Batcher(recorder, largest=8, wait_s=0.2)
    answers = [batcher.ask(number) for number in range(5)]
    batcher.close()
    assert [answer.result(0) for answer in answers] == [0, 2, 4, 6, 8]
